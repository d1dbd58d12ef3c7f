"""A fit of t distributions made again from where it ended, as `Refits` does it of Gaussians."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.estimators.refits import NEAR, PASSES
from mixtura.learn.em import em, little_to_gain
from mixtura.learn.tails import Tails
from mixtura.model.heavy import HeavyMixture

Array = NDArray[np.float64]


class HeavyRefits:
    """The fits of one model to rows like those that it was fitted to.

    Parameters
    ----------
    model : StudentMixture
        Fitted; its options hold for the refits, but for those of the start.
    mixture : HeavyMixture
        Where they begin.
    rows : array, shape (n, D)
    weights : array, shape (n,)
        Positive.
    incomplete : bool
    """

    def __init__(
        self,
        model: Any,
        mixture: HeavyMixture,
        rows: NDArray[Any],
        weights: Array,
        incomplete: bool,
    ) -> None:
        self.begin = mixture
        self.free = isinstance(model.degrees_of_freedom, str)
        self.common = model.degrees_of_freedom == "common"
        gaussian = mixture.gaussian
        self.plan = wiring.plan(
            rows,
            weights,
            incomplete=incomplete,
            n_components=gaussian.n_components,
            covariance_type=gaussian.covariance.name,
            reg_covar=model.reg_covar,
            variance_floor=None,
            prior=model.prior,
            dead_components="keep",
            accelerate="none",
        )
        self.tol = NEAR * gaussian.n_parameters / (2.0 * float(weights.sum()))

    def settled(self) -> None:
        """Begin where the fit to the rows themselves comes to its end."""
        self.begin = self._run(self.plan)

    def weighted(self, each: Iterator[Array]) -> Iterator[HeavyMixture]:
        """The mixtures under other row weights, (n,) for each of them."""
        for weights in each:
            data = Memory(self.plan.rows, weights, incomplete=self.plan.incomplete)
            yield self._run(replace(self.plan, weights=weights, data=data))

    def other(self, rows: NDArray[Any]) -> HeavyMixture:
        """The mixture of other rows, which all count once."""
        data = Memory(rows, incomplete=self.plan.incomplete)
        return self._run(replace(self.plan, rows=rows, weights=None, data=data))

    def _run(self, plan: wiring.Plan) -> HeavyMixture:
        expect = Tails(plan.data, self.begin.degrees, free=self.free, common=self.common)
        fit = em(
            self.begin.gaussian,
            expect,
            plan.maximize,
            rest=little_to_gain,
            tol=self.tol,
            max_iter=PASSES,
        )
        return HeavyMixture(fit.mixture, expect.degrees)
