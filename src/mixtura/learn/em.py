"""The loop: expectation, maximisation, until the objective stands still."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

import numpy as np

from mixtura.learn.maximization import Maximization
from mixtura.learn.reduction import Keep, Policy
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture


class Outcome(Enum):
    """How a fit ended; the value is what a person reads."""

    converged = "the objective stood still"
    max_iter = "the iterations ran out before the objective stood still"
    stopped = "a callback asked for the end"
    not_started = "no iteration was asked for: this is the start"


@dataclass(frozen=True)
class Iteration:
    """What one iteration did."""

    objective: float
    """Nats per row, of the mixture that the iteration began with: log-likelihood plus log prior."""
    change: float
    """Against the iteration before; infinite in the first."""
    seconds: float
    smallest_weight: float
    worst_condition: float
    """The largest ratio of eigenvalues among the covariances."""


@dataclass(frozen=True)
class Fit:
    """The end of one run of EM."""

    mixture: Mixture
    outcome: Outcome
    history: tuple[Iteration, ...]

    @property
    def objective(self) -> float:
        """Of the last iteration; minus infinity where there was none."""
        return self.history[-1].objective if self.history else -np.inf


Expect = Callable[[Mixture], Statistics]
Watch = Callable[[int, Iteration, Mixture], bool]


def em(
    start: Mixture,
    expect: Expect,
    maximize: Maximization,
    *,
    dead: Policy = Keep(),  # noqa: B008  a value
    tol: float = 1e-3,
    max_iter: int = 100,
    objective: float = -np.inf,
    watch: Watch | None = None,
) -> Fit:
    """Run EM from a start [@Dempster1977].

    Parameters
    ----------
    start : Mixture
    expect : callable
        Mixture to statistics of the data.
    maximize : Maximization
        Statistics of the data to the next mixture.
    dead : Policy, optional
        What is done about components that hold no rows.
    tol : float
        The run ends once the objective changes by less, in nats per row.
    max_iter : int
    objective : float
        That of the mixture before the start, where the run continues another.
    watch : callable, optional
        Called after each iteration with its number, its record and the mixture; the run ends where
        it returns True.

    Returns
    -------
    Fit
    """
    mixture, history = start, list[Iteration]()
    for number in range(1, max_iter + 1):
        began = perf_counter()
        statistics = expect(mixture)
        before, objective = objective, statistics.log_likelihood + maximize.log_prior(mixture)
        objective /= statistics.n_rows
        mixture = dead(maximize(statistics, mixture), statistics.n_weights)
        record = Iteration(
            objective=objective,
            change=objective - before,
            seconds=perf_counter() - began,
            smallest_weight=float(mixture.weights.min()),
            worst_condition=mixture.covariance.worst_condition(mixture.n_components),
        )
        history.append(record)
        stop = watch is not None and watch(number, record, mixture)
        if abs(record.change) < tol:
            return Fit(mixture, Outcome.converged, tuple(history))
        if stop:
            return Fit(mixture, Outcome.stopped, tuple(history))
    outcome = Outcome.max_iter if history else Outcome.not_started
    return Fit(mixture, outcome, tuple(history))
