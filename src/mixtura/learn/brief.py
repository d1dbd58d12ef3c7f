"""Runs of EM on few rows, in compiled code from the first iteration to the last."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.acceleration import Aitken
from mixtura.learn.compact import Compact, State, is_compact, whole_run
from mixtura.learn.course import Course
from mixtura.learn.em import Fit, Iteration, Outcome
from mixtura.learn.maximization import Maximization
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

TRAIL = 1 << 22
"""Numbers in the covariances of all iterations together."""

FAR = 300.0
"""Iterations that take as long here as a few dozen passes of the loop in Python."""

GoOn = Callable[[Mixture, int, float], Fit]
"""Runs the rest, from a mixture, with so many iterations left, after an objective."""


def is_brief(n_rows: int, model: Mixture, maximize: Maximization, max_iter: int) -> bool:
    """Whether a run can be had in one call."""
    k, d = model.means.shape
    return is_compact(n_rows, maximize) and k * d * d * max_iter <= TRAIL and max_iter > 0


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
