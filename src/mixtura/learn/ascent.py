"""The loop of the bound: divide the rows, conclude, until nothing is left to be gained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from mixtura.learn.acceleration import Accelerator, Plain, Point, walk
from mixtura.learn.em import Iteration, Outcome, Rest, stands_still
from mixtura.learn.variational import Expect, Pass, Posterior, examine


@dataclass(frozen=True, eq=False)
class Ascent:
    """The end of one run: the last posterior, and the pass that it follows from."""

    posterior: Posterior
    outcome: Outcome
    history: Sequence[Iteration]
    last: Pass | None
    """The last pass that was kept; None where there was none."""

    @property
    def bound(self) -> float:
        """In nats; minus infinity where no pass was made."""
        return self.history[-1].objective if self.history else -np.inf

    @property
    def remaining(self) -> float:
        """What was left to gain at the last iteration, in nats; infinite where there was none."""
        return self.history[-1].remaining if self.history else np.inf


Watch = Callable[[int, Iteration], None]


def ascend(
    start: Posterior,
    expect: Expect,
    *,
    accelerate: Accelerator = Plain(),  # noqa: B008  a value
    rest: Rest = stands_still,
    tol: float = 1e-3,
    max_iter: int = 100,
    objective: float = -np.inf,
    sort: bool = False,
    watch: Watch | None = None,
) -> Ascent:
    """Raise the bound from a start, by variational Bayes [@Bishop2006].

    The objective of an iteration is the bound after it: that of the memberships under the posterior
    that it began with, and of the posterior that follows from them.

    Parameters
    ----------
    start : Posterior
    expect : callable
        Mixture to statistics of the data.
    accelerate : Accelerator, optional
        Where each pass goes, given those before it.
    rest : callable, optional
        Whether a run is at its end, from its records and the tolerance.
    tol : float
        In nats.
    max_iter : int
        Passes over the data, at the most.
    objective : float
        The bound before the start, where the run continues another.
    sort : bool
        Whether components are put in the order that their prior prefers.
    watch : callable, optional
        Told the number of each iteration and its record.

    Returns
    -------
    Ascent
    """
    posterior, end, last = start, start, None
    history, step_after = list[Iteration](), walk(accelerate)
    for number in range(1, max_iter + 1):
        began = perf_counter()
        found = examine(posterior, expect, sort=sort)
        point = Point(
            place=posterior,
            objective=found.bound,
            plain=found.posterior,
            at=posterior.from_vector,
            slope=posterior.slope,
            promise=lambda: 0.0,
        )
        step = step_after(point)
        if step.how != "rejected":
            last = found
        before, objective = objective, step.objective
        posterior, end = step.place, step.safe
        record = Iteration(
            objective=objective,
            change=objective - before,
            seconds=perf_counter() - began,
            smallest_weight=float(end.counts.min() / max(end.counts.sum(), 1e-300)),
            worst_condition=end.covariance.worst_condition(len(end.counts)),
            remaining=step.remaining,
            step=step.how,
        )
        history.append(record)
        if watch is not None:
            watch(number, record)
        if rest(history, tol):
            return Ascent(end, Outcome.converged, tuple(history), last)
    outcome = Outcome.max_iter if history else Outcome.not_started
    return Ascent(end, outcome, tuple(history), last)
