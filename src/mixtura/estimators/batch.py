"""Many estimators fitted to the same few rows in one go: their options as jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from mixtura.engines.memory import Memory, available_threads
from mixtura.estimators import wiring
from mixtura.learn import batch as learn
from mixtura.learn import initial
from mixtura.learn.batch import Job
from mixtura.learn.compact import are_few
from mixtura.learn.em import Fit
from mixtura.learn.maximization import Maximization
from mixtura.model.covariance import SPELLINGS
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

SHARED = ("covariance_type", "reg_covar", "variance_floor", "prior", "accelerate")
"""Options that are the same where an M-step is."""


def is_job(model: Any) -> bool:
    """Whether the options of an estimator are those of a fit that can be one of many."""
    fixed = (model.weights_init, model.means_init, model.precisions_init)
    return (
        isinstance(model.init_params, str)
        and model.init_params == "merge"
        and (model.n_init == 1 or model.n_components == 1)
        and all(value is None for value in fixed)
        and not (model.warm_start or model.verbose)
        and model.dead_components == "keep"
        and model.accelerate in ("auto", "none")
        and model.truncation is None
        and model.noise is False
        and model.n_factors is None
        and model.covariance_type in SPELLINGS
        and (model.random_state is None or type(model.random_state) is int)
    )


def are_jobs(rows: NDArray[Any], incomplete: bool) -> bool:
    """Whether rows are such that many fits to them go together."""
    return not incomplete and are_few(*rows.shape)


class Bench:
    """Rows for which `are_jobs` holds, and options of estimators made into jobs for them."""

    def __init__(self, rows: NDArray[Any], weights: Array | None) -> None:
        data = Memory(rows, weights)
        self.rows, self.weights, self.whole = rows, weights, initial.total(data)
        self.bench = learn.Bench(data.sample(len(rows), 0), self.whole, available_threads())
        self._plans: dict[tuple[Any, ...], wiring.Plan] = {}

    def plan(self, n_components: int, shared: Mapping[str, Any]) -> wiring.Plan:
        """Options that fits share as objects; they are those of the first fit that has them.

        Its number of components is checked against the rows, so the largest comes first.
        """
        key = tuple(_identity(shared[name]) for name in SHARED)
        if key not in self._plans:
            self._plans[key] = wiring.plan(
                self.rows,
                self.weights,
                n_components=n_components,
                whole=self.whole,
                dead_components="keep",
                **{name: shared[name] for name in SHARED},
            )
        return self._plans[key]

    def job(
        self,
        n_components: int,
        shared: Mapping[str, Any],
        *,
        seed: int,
        tol: float,
        max_iter: int,
        start: Mixture | None = None,
    ) -> Job:
        """One fit; what it shares with others are the options in `SHARED`."""
        setup = self.plan(n_components, shared)
        return Job(
            setup.maximize,
            n_components,
            start=start,
            seed=seed,
            tol=tol,
            max_iter=max_iter,
            rest=wiring.resting(shared["accelerate"], n_components),
            accelerate=setup.accelerate,
        )

    def fit(self, jobs: Sequence[Job]) -> list[Fit]:
        """The fits of some jobs, in their order."""
        return self.bench.fit(jobs)


def fits(
    models: Sequence[Any],
    rows: NDArray[Any],
    weights: Array | None,
    starts: Sequence[Mixture] | None = None,
) -> list[tuple[Fit, Maximization]]:
    """What estimators come to whose options `is_job` accepts, and their M-steps."""
    bench = Bench(rows, weights)
    chance = int(check_random_state(None).randint(2**31))
    shared = [{name: getattr(model, name) for name in SHARED} for model in models]
    for model, own in sorted(
        zip(models, shared, strict=True), key=lambda each: -each[0].n_components
    ):
        bench.plan(model.n_components, own)
    jobs = [
        bench.job(
            int(model.n_components),
            own,
            seed=chance if model.random_state is None else model.random_state,
            tol=model.tol,
            max_iter=model.max_iter,
            start=None if starts is None else starts[number],
        )
        for number, (model, own) in enumerate(zip(models, shared, strict=True))
    ]
    return [(fit, job.maximize) for fit, job in zip(bench.fit(jobs), jobs, strict=True)]


def _identity(value: Any) -> Any:
    """What tells one value of an option from another; arrays and priors are themselves."""
    return value if isinstance(value, str | int | float) else id(value)
