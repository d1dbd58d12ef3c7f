"""Many estimators fitted to the same few rows in one go: their options as jobs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from mixtura.engines.memory import Memory, available_threads
from mixtura.estimators import wiring
from mixtura.learn import initial
from mixtura.learn.batch import Job, fit_all
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


def fits(
    models: Sequence[Any],
    rows: NDArray[Any],
    weights: Array | None,
    starts: Sequence[Mixture] | None = None,
) -> list[tuple[Fit, Maximization]]:
    """What estimators come to whose options `is_job` accepts, and their M-steps."""
    data = Memory(rows, weights)
    whole = initial.total(data)
    chance = int(check_random_state(None).randint(2**31))
    keys = [tuple(_identity(getattr(model, name)) for name in SHARED) for model in models]
    most: dict[tuple[Any, ...], int] = {}
    for key, model in zip(keys, models, strict=True):
        most[key] = max(most.get(key, 0), int(model.n_components))
    setups: dict[tuple[Any, ...], wiring.Plan] = {}
    jobs: list[Job] = []
    for number, (key, model) in enumerate(zip(keys, models, strict=True)):
        if key not in setups:
            options = {name: getattr(model, name) for name in (*SHARED, "dead_components")}
            setups[key] = wiring.plan(rows, weights, n_components=most[key], whole=whole, **options)
        jobs.append(
            Job(
                setups[key].maximize,
                int(model.n_components),
                start=None if starts is None else starts[number],
                seed=chance if model.random_state is None else model.random_state,
                tol=model.tol,
                max_iter=model.max_iter,
                rest=wiring.resting(model.accelerate, model.n_components),
                accelerate=setups[key].accelerate,
            )
        )
    block = data.sample(len(rows), 0)
    done = fit_all(block, jobs, whole=whole, threads=available_threads())
    return [(fit, job.maximize) for fit, job in zip(done, jobs, strict=True)]


def _identity(value: Any) -> Any:
    """What tells one value of an option from another; arrays and priors are themselves."""
    return value if isinstance(value, str | int | float) else id(value)
