"""A fit made again from where it ended, with other row weights or other rows."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.learn.brief import FAR, brief, is_brief, several
from mixtura.learn.em import Fit, little_to_gain
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

PASSES = 300
"""Passes of a refit, at the most: it begins near its end."""

NEAR = 0.01
"""How near a refit comes to its end, as a part of how far refits differ."""

TOGETHER = 64
"""Refits in one compiled call."""


class Refits:
    """The fits of one model to rows like those that it was fitted to.

    Parameters
    ----------
    model : GaussianMixture
        Fitted; its options hold for the refits, but for those of the start.
    mixture : Mixture
        Where they begin.
    rows : array, shape (n, D)
    weights : array, shape (n,)
        Positive.
    incomplete : bool
    """

    def __init__(
        self, model: Any, mixture: Mixture, rows: NDArray[Any], weights: Array, incomplete: bool
    ) -> None:
        self.begin = mixture
        self.plan = wiring.plan(
            rows,
            weights,
            incomplete=incomplete,
            n_components=mixture.n_components,
            covariance_type=mixture.covariance.name,
            reg_covar=model.reg_covar,
            variance_floor=model.variance_floor,
            prior=model.prior,
            dead_components="keep",
            accelerate="auto",
        )
        self.tol = NEAR * mixture.n_parameters / (2.0 * float(weights.sum()))

    def settled(self) -> None:
        """Begin where the fit to the rows themselves comes to its end."""
        self.begin = self._run(self.plan).mixture

    def weighted(self, each: Iterator[Array]) -> Iterator[Mixture]:
        """The mixtures under other row weights, (n,) for each of them."""
        plan = self.plan
        together = not plan.incomplete and self._brief(plan)
        while together and (some := [*islice(each, TOGETHER)]):
            begins = [self.begin] * len(some)

            def go_on(number: int, mixture: Mixture, left: int, objective: float) -> Fit:
                return self._loop(self._with(some[number]), mixture, left, objective)  # noqa: B023

            fits = several(plan.compact, begins, weights=some, go_on=go_on, **self._rule(plan))
            yield from (fit.mixture for fit in fits)
        for weights in each:
            yield self._run(self._with(weights)).mixture

    def other(self, rows: NDArray[Any]) -> Mixture:
        """The mixture of other rows, which all count once."""
        incomplete = self.plan.incomplete
        data = Memory(rows, incomplete=incomplete)
        return self._run(replace(self.plan, rows=rows, weights=None, data=data)).mixture

    def _with(self, weights: Array) -> wiring.Plan:
        data = Memory(self.plan.rows, weights, incomplete=self.plan.incomplete)
        return replace(self.plan, weights=weights, data=data)

    def _brief(self, plan: wiring.Plan) -> bool:
        return is_brief(len(plan.rows), plan.model, plan.maximize, PASSES)

    def _rule(self, plan: wiring.Plan) -> dict[str, Any]:
        ahead = plan.rest is little_to_gain
        return {"tol": self.tol, "max_iter": PASSES, "ahead": ahead, "far": FAR}

    def _run(self, plan: wiring.Plan) -> Fit:
        if plan.incomplete or not self._brief(plan):
            return self._loop(plan, self.begin, PASSES, -np.inf)
        go_on = partial(self._loop, plan)
        return brief(plan.compact, self.begin, objective=-np.inf, go_on=go_on, **self._rule(plan))

    def _loop(self, plan: wiring.Plan, begin: Mixture, passes: int, objective: float) -> Fit:
        return wiring.course(plan, self.tol)(begin, passes, objective, True)
