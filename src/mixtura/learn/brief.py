"""Runs of EM on few rows, in compiled code from the first iteration to the last."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.acceleration import Aitken
from mixtura.learn.compact import Compact, State, is_compact, n_numbers, whole_run
from mixtura.learn.course import Course
from mixtura.learn.em import Fit, Iteration, Outcome
from mixtura.learn.maximization import Maximization
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

TRAIL = 1 << 22
"""Numbers in the covariances of all iterations together."""

WORK = 1 << 24
"""Features of all rows, once for each component: with more, a pass on all threads takes less time
than one here, though Python is around it."""

FAR = 300.0
"""Iterations that take as long here as a few dozen passes of the loop in Python."""

Part = TypeVar("Part")
Made = TypeVar("Made")

GoOn = Callable[[Mixture, int, float], Fit]
"""Runs the rest, from a mixture, with so many iterations left, after an objective."""


def is_brief(n_rows: int, model: Mixture, maximize: Maximization, max_iter: int) -> bool:
    """Whether a run can be had in one call."""
    k, d = model.means.shape
    small = is_compact(n_rows, maximize) and k * n_numbers(n_rows, d) <= WORK
    return small and k * d * d * max_iter <= TRAIL and max_iter > 0


def brief(
    rows: Compact,
    start: Mixture,
    *,
    tol: float,
    max_iter: int,
    objective: float,
    go_on: GoOn,
    ahead: bool = False,
    far: float = np.inf,
) -> Fit:
    """Run EM from a start, as `em` does, for a run that `is_brief`.

    Parameters
    ----------
    rows : Compact
        All rows, and the M-step.
    start : Mixture
    tol, max_iter, objective
        As in `em`.
    go_on : callable
        Runs the rest where compiled code does not see to it.
    ahead : bool
        Whether the run rests by what is left to gain, not by the last change.
    far : float
        Steps of EM ahead beyond which the rest is left to ``go_on``, for it to make fewer.

    Returns
    -------
    Fit
    """
    began = perf_counter()
    state = rows.state(start)
    k, d = state.means.shape
    course, trail = np.empty((3, max_iter)), np.empty((max_iter, k, d, d))
    end, count = rows.run(state, course, trail, tol=tol, objective=objective, ahead=ahead, far=far)
    seconds = (perf_counter() - began) / max(count, 1)
    past = Course(course[:, :count].copy(), trail[:count] * rows.unit, objective, seconds)
    return _fit(rows, state, end, past, max_iter, objective, go_on, ahead)


def several(
    rows: Compact,
    starts: Sequence[Mixture],
    *,
    weights: Sequence[Array] | None = None,
    tol: float,
    max_iter: int,
    go_on: Callable[[int, Mixture, int, float], Fit],
    ahead: bool = False,
    far: float = np.inf,
    threads: int = 1,
) -> list[Fit]:
    """Run EM from several starts, as `brief` does from each, by several threads.

    Parameters
    ----------
    rows : Compact
    starts : sequence of Mixture
    weights : sequence of arrays of shape (N,), optional
        Row weights of each run in place of the rows' own, as for a bootstrap.
    tol, max_iter, ahead, far
        As in `brief`.
    go_on : callable
        As in `brief`, with the number of the run before the rest.
    threads : int
        Among which the runs are shared; what they come to does not depend on it.

    Returns
    -------
    list of Fit
    """

    def fit(number: int) -> Fit:
        return brief(
            rows if weights is None else rows.weighted(weights[number]),
            starts[number],
            tol=tol,
            max_iter=max_iter,
            objective=-np.inf,
            go_on=partial(go_on, number),
            ahead=ahead,
            far=far,
        )

    return shared(fit, range(len(starts)), threads)


def shared(work: Callable[[Part], Made], parts: Sequence[Part], threads: int) -> list[Made]:
    """The work on each of some parts, in their order, by so many threads or by this one."""
    if threads == 1 or len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


def _fit(
    rows: Compact,
    state: State,
    end: int,
    past: Course,
    max_iter: int,
    objective: float,
    go_on: GoOn,
    ahead: bool,
) -> Fit:
    """What a run came to, and the rest of it where there is any."""
    last, kernel = rows.mixture(state), whole_run()
    if end == kernel.CONVERGED:
        return Fit(last, Outcome.converged, past)
    if end == kernel.EXHAUSTED:
        return Fit(last, Outcome.max_iter, past)
    if end == kernel.CARE:
        bad = last.covariance.degenerate(len(state.weights))
        if bad.any():
            mended = last.covariance.floored(rows.maximize.floor)
            mended = last.covariance.replaced(bad, mended)
            last = Mixture(last.weights, last.means, mended)
    count = len(past)
    rest = go_on(last, max_iter - count, past.objective if count else objective)
    history = (*past, *rest.history)
    return Fit(rest.mixture, rest.outcome, history if ahead else _foretold(history))


def _foretold(history: Sequence[Iteration]) -> tuple[Iteration, ...]:
    """The records of plain steps with what was still to be gained at each of them."""
    left = Aitken()
    return tuple(replace(record, remaining=left.add(record.objective)) for record in history)
