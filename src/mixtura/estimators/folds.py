"""Rows held out of the fits of a sweep, fold by fold."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.estimators.cell import Cell, Rows
from mixtura.estimators.runs import Apart, Options, Task, described, each
from mixtura.learn import expectation

Array = NDArray[np.float64]


def hold_out(
    cells: Sequence[Cell],
    rows: Rows,
    n_folds: int,
    options: Options,
    rng: np.random.RandomState,
    n_jobs: int | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> None:
    """Fold by fold, refit what can be used to the other rows, from its fit to all of them."""
    present = np.arange(len(rows.x)) if rows.weights is None else np.flatnonzero(rows.weights > 0)
    order = rng.permutation(present)
    folds = [np.sort(part) for part in np.array_split(order, min(n_folds, len(order)))]
    used = [cell for cell in cells if cell.usable]
    tasks = [(rows, cell, folds, options, int(rng.randint(2**31))) for cell in used]
    found = each(
        tasks, _scored, n_jobs, lambda task: tell(f"holding rows out: {described(task[1])}")
    )
    for cell, scores in zip(used, found, strict=True):
        if scores is None:
            cell.notes.append("rows held out could not be scored: too few are left")
        else:
            cell.folds = scores


def _scored(
    rows: Rows, cell: Cell, folds: Sequence[NDArray[Any]], options: Options, seed: int
) -> Array | None:
    """Minus the log density and the weight of each fold, (F, 2)."""
    found = np.empty((len(folds), 2))
    for f, out in enumerate(folds):
        rest = rows.of(np.sort(np.concatenate([*folds[:f], *folds[f + 1 :]])))
        [end] = Apart(rest)([Task(cell, (cell.mixture,), seed)], options)
        if isinstance(end, str):
            return None
        log_likelihood, n = rows.of(out).data().fold(expectation.likelihood_of, end.mixture)
        found[f] = -log_likelihood, n
    return found
