"""The loop: expectation, maximisation, until the objective stands still."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.acceleration import Accelerator, Plain, Point, walk
from mixtura.learn.gradient import MixtureSlope
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
    streamed = "rows came in batches, each of which was seen once"


@dataclass(frozen=True)
class Iteration:
    """What one iteration did: one pass over the data."""

    objective: float
    """Nats per row, of the mixture that the iteration began with: log-likelihood plus log prior.
    Where that mixture was tried and not kept, of the last one that was."""
    change: float
    """Against the iteration before; infinite in the first."""
    seconds: float
    smallest_weight: float
    worst_condition: float
    """The largest ratio of eigenvalues among the covariances."""
    remaining: float
    """What is still to be gained, in nats per row, as far as the gains so far tell: a guess;
    infinite while they do not."""
    step: str
    """How the run came to the mixture that the iteration began with: em, squarem, lbfgs, online
    where it follows from batches, or rejected where it was tried and not kept."""


class Records(Sequence[Iteration]):
    """The records of a run that are made when they are asked for, and what is asked for always."""

    @property
    @abstractmethod
    def objective(self) -> float:
        """Of the last iteration."""

    @property
    @abstractmethod
    def remaining(self) -> float:
        """What was left to gain at the last iteration."""


@dataclass(frozen=True)
class Fit:
    """The end of one run of EM."""

    mixture: Mixture
    outcome: Outcome
    history: Sequence[Iteration]

    @property
    def objective(self) -> float:
        """Of the last iteration; minus infinity where there was none."""
        return self._last.objective if self.history else -np.inf

    @property
    def remaining(self) -> float:
        """What was left to gain at the last iteration; infinite where there was none."""
        return self._last.remaining if self.history else np.inf

    @property
    def _last(self) -> Iteration | Records:
        history = self.history
        return history if isinstance(history, Records) else history[-1]


Expect = Callable[[Mixture], Statistics]
Watch = Callable[[int, Iteration, Mixture], bool]
Rest = Callable[[Sequence[Iteration], float], bool]


def stands_still(history: Sequence[Iteration], tol: float) -> bool:
    """Whether the objective changed by less than a tolerance in the last iteration."""
    return abs(history[-1].change) < tol


def little_to_gain(history: Sequence[Iteration], tol: float) -> bool:
    """Whether less than a tolerance is left to be gained, by the last two of five iterations."""
    return len(history) >= 5 and all(record.remaining < tol for record in history[-2:])


def em(
    start: Mixture,
    expect: Expect,
    maximize: Maximization,
    *,
    dead: Policy = Keep(),  # noqa: B008  a value
    accelerate: Accelerator = Plain(),  # noqa: B008  a value
    rest: Rest = stands_still,
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
    accelerate : Accelerator, optional
        Where each pass goes, given those before it.
    rest : callable, optional
        Whether a run is at its end, from its records and the tolerance.
    tol : float
        The tolerance, in nats per row.
    max_iter : int
        Passes over the data, at the most.
    objective : float
        That of the mixture before the start, where the run continues another.
    watch : callable, optional
        Called after each iteration with its number, its record and the mixture; the run ends where
        it returns True.

    Returns
    -------
    Fit
    """
    mixture, end, history, step_after = start, start, list[Iteration](), walk(accelerate)
    for number in range(1, max_iter + 1):
        began = perf_counter()
        statistics = expect(mixture)
        found = statistics.log_likelihood + maximize.log_prior(mixture)
        plain = dead(maximize(statistics, mixture), statistics.n_weights)
        point = _point(mixture, found / statistics.n_rows, plain, statistics, maximize)
        step = step_after(point)
        before, objective = objective, step.objective
        mixture, end = step.place, step.safe
        record = Iteration(
            objective=objective,
            change=objective - before,
            seconds=perf_counter() - began,
            smallest_weight=float(end.weights.min()),
            worst_condition=end.covariance.worst_condition(end.n_components),
            remaining=step.remaining,
            step=step.how,
        )
        history.append(record)
        stop = watch is not None and watch(number, record, end)
        if rest(history, tol):
            return Fit(end, Outcome.converged, tuple(history))
        if stop:
            return Fit(end, Outcome.stopped, tuple(history))
    outcome = Outcome.max_iter if history else Outcome.not_started
    return Fit(end, outcome, tuple(history))


def _point(
    mixture: Mixture,
    objective: float,
    plain: Mixture,
    statistics: Statistics,
    maximize: Maximization,
) -> Point[Mixture]:
    """What a pass found, for an accelerator; what it may not ask for is not computed."""

    def at(vector: NDArray[np.float64]) -> Mixture | None:
        with np.errstate(over="ignore", invalid="ignore"):
            there = mixture.from_vector(vector) if np.isfinite(vector).all() else None
        return there if there is not None and maximize.admits(there) else None

    def promise() -> float:
        total = maximize.total(statistics)
        gain = total.complete_log_likelihood(plain) - total.complete_log_likelihood(mixture)
        return gain / statistics.n_rows

    return Point(
        place=mixture,
        objective=objective,
        plain=plain,
        at=at,
        slope=lambda: MixtureSlope(maximize.total(statistics), mixture, statistics.n_rows),
        promise=promise,
    )
