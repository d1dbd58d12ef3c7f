"""Fits of many sizes and families to the same rows, each with what it is worth."""

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.estimators import descent, neighbours
from mixtura.estimators.cell import COLLAPSED, Cell, End, Rows, narrowest, weigh, whitening
from mixtura.estimators.descent import PATH, PATH_ROWS
from mixtura.estimators.runs import Apart, Options, Runs, Task, Together, take
from mixtura.learn import initial
from mixtura.model.covariance import FAMILIES, named

Array = NDArray[np.float64]

ROUGH = 1e-4
"""Nats per row that fits may have left to gain while starts and neighbours are compared."""

HELD = 0.25
"""The part of a component's variance, in any direction, that is left at the least where the penalty
is taken away from a fit; where less is left, the component was held up by it."""


def swept(
    rows: Rows,
    ks: Sequence[int],
    families: Sequence[str],
    *,
    start: Any = PATH,
    n_init: int = 1,
    options: Options,
    rng: np.random.RandomState,
    n_jobs: int | None = None,
    bare: bool = False,
    allowed: Container[tuple[int, str]] | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> list[Cell]:
    """A cell for each family and size, family by family.

    Parameters
    ----------
    rows : Rows
    ks : sequence of int
        In rising order.
    families : sequence of str
    start : "path", or as ``init_params`` of `GaussianMixture`
    n_init : int
        Starts of a cell; with "path" those beside the one from the way down.
    options : dict
        Of `GaussianMixture`.
    rng : RandomState
    n_jobs : int or None
        Processes.
    bare : bool
        Whether fits come to their ends without the penalty, where they can stand without it.
    allowed : container of (int, str), optional
        Sizes and families that are fitted; all, if not given.
    tell : callable
        Hears what is done next.

    Returns
    -------
    list of Cell
    """
    cells = [
        Cell(k, family)
        for family in families
        for k in ks
        if allowed is None or (k, family) in allowed
    ]
    for cell in cells:
        if cell.n_components > rows.count:
            cell.notes.append(f"{cell.n_components} components for {rows.count} rows")
    wanted = [cell for cell in cells if not cell.notes]
    on_the_way = isinstance(start, str) and start == PATH
    rough = options | {"tol": max(ROUGH, options["tol"])} if on_the_way or bare else options
    runs: Runs = Apart(rows, n_jobs, tell)
    if on_the_way and Together.sees_to(rows, options):
        numbered = [cell for cell in wanted if cell.covariance_type not in FAMILIES]
        _apart(numbered, rows, runs, n_init, rough, options, bare, rng)
        every, wanted = wanted, [cell for cell in wanted if cell.covariance_type in FAMILIES]
        runs = Together(rows)
        _together(wanted, runs, n_init, rough, rng, tell)
    else:
        every = wanted
        ways = descent.starts(rows, ks, families, start, n_init, rough, rng, tell)
        for cell in wanted:
            cell.seed = int(rng.randint(2**31))
        tasks = [
            Task(cell, (*ways[cell.covariance_type, cell.n_components],), cell.seed)
            for cell in wanted
        ]
        take(tasks, runs(tasks, rough))
    if on_the_way:
        few = rows.count <= PATH_ROWS
        neighbours.tried(wanted, runs, rough, all_of_them=few, tell=tell)
    _end([cell for cell in wanted if cell.end is not None], rows, runs, rough, options, bare)
    weigh(every, rows)
    return cells


def _apart(
    cells: Sequence[Cell],
    rows: Rows,
    runs: Runs,
    n_init: int,
    rough: Options,
    options: Options,
    bare: bool,
    rng: np.random.RandomState,
) -> None:
    """Fits of families with a number, which share nothing with others."""
    for cell in cells:
        cell.seed = int(rng.randint(2**31))
    tasks = [Task(cell, ("merge",) * max(n_init, 1), cell.seed) for cell in cells]
    take(tasks, runs(tasks, rough))
    _end([cell for cell in cells if cell.end is not None], rows, runs, rough, options, bare)


def _together(
    cells: Sequence[Cell],
    runs: Runs,
    n_init: int,
    options: Options,
    rng: np.random.RandomState,
    tell: Callable[[str], object],
) -> None:
    """All fits to few rows: each family on one way down, and from starts of their own."""
    tell(f"fitting {len(cells)} mixtures together")
    seed = int(rng.randint(2**31))
    for cell in cells:
        cell.seed = seed
    tasks = [Task(cell, ("merge",), seed) for cell in cells]
    take(tasks, runs(tasks, options))
    alone = [
        cell
        for cell in cells
        if cell.n_components > 1 and named(cell.covariance_type) in neighbours.MERGED
    ]
    for turn in range(n_init):
        again = cells if turn else alone  # the first is on the way down where that is costly
        tell(f"fitting {len(again)} mixtures with starts of their own, {turn + 1} of {n_init}")
        tasks = [Task(cell, ("merge",), int(rng.randint(2**31))) for cell in again]
        take(tasks, runs(tasks, options))


def _end(
    cells: Sequence[Cell],
    rows: Rows,
    runs: Runs,
    rough: Options,
    options: Options,
    bare: bool,
) -> None:
    """Bring fits to their ends, without the penalty where they stand without it."""
    tasks = [Task(cell, (cell.mixture,), cell.seed) for cell in cells]
    if bare and options.get("reg_covar") is None and options.get("prior") is None:
        unit = whitening(initial.total(rows.data()).covariances[0])
        held: list[Task] = []
        for task, end in zip(tasks, runs.bare(tasks, options), strict=True):
            if isinstance(end, End) and _stands(task.cell, end, unit):
                task.cell.end = end
            else:
                held.append(task)
        tasks = held
    if rough["tol"] > options["tol"]:
        for task, end in zip(tasks, runs(tasks, options), strict=True):
            if isinstance(end, End):
                task.cell.end = end


def _stands(cell: Cell, end: End, unit: Array) -> bool:
    """Whether components stand without the penalty: none is much narrower in any direction."""
    if not end.converged or (narrowest(end.mixture, unit) < COLLAPSED).any():
        return False
    own = whitening(cell.mixture.covariances)
    return bool((narrowest(end.mixture, own) >= HELD).all())


__all__ = ["PATH", "Cell", "Rows", "swept"]
