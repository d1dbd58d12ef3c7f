"""Sizes of one family tried again from where the fits of their neighbours came to."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from mixtura.estimators.cell import Cell
from mixtura.estimators.runs import Options, Runs, Task, take
from mixtura.learn.reduction import split
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied, named
from mixtura.model.mixture import Mixture
from mixtura.model.reduction import reduce

HALVED = 3
"""Components, the heaviest, in halves of which one component more begins."""

MERGED: tuple[type[Covariance], ...] = (Full, Tied, Diagonal, Spherical)
"""Families whose components merge to components of the family."""


def tried(
    cells: Sequence[Cell],
    runs: Runs,
    options: Options,
    *,
    all_of_them: bool,
    tell: Callable[[str], object] = lambda text: None,
) -> None:
    """Begin each size with the larger one's end, a pair merged, then with the smaller one's.

    Of that one of the three heaviest components is in halves. Where not all are to be tried, as
    passes are dear, it is only those that are less likely than with one component less.
    """
    fitted = [c for c in cells if c.end is not None and named(c.covariance_type) in MERGED]
    pairs = [
        (a, b)
        for a, b in pairwise(sorted(fitted, key=lambda c: (c.covariance_type, c.n_components)))
        if a.covariance_type == b.covariance_type and b.n_components == a.n_components + 1
    ]
    tell("trying neighbours of each size")
    sizes = sorted({a.n_components for a, _ in pairs})
    for k in reversed(sizes if all_of_them else []):
        here = [(a, b) for a, b in pairs if a.n_components == k]
        _again([Task(a, (reduce(b.mixture, k),), a.seed) for a, b in here], runs, options)
    for k in sizes:
        here = [(a, b) for a, b in pairs if a.n_components == k and (all_of_them or _below(b, a))]
        _again([Task(b, (*halves(a.mixture),), b.seed) for a, b in here], runs, options)


def _again(tasks: Sequence[Task], runs: Runs, options: Options) -> None:
    """Begin cells anew; where a few passes promise more than there is, go on to the end."""
    more: list[Task] = []
    for task, end in zip(tasks, runs.brief(tasks, options), strict=True):
        there = task.cell.end
        if isinstance(end, str) or there is None:
            continue
        if end.promise > there.promise + options["tol"]:
            if end.converged:
                take([task], [end])
            else:
                more.append(Task(task.cell, (end.mixture,), task.seed))
    take(more, runs(more, options))


def _below(one: Cell, other: Cell) -> bool:
    """Whether a cell is less likely than another."""
    assert one.end is not None
    assert other.end is not None
    return one.end.worth < other.end.worth


def halves(mixture: Mixture) -> list[Mixture]:
    """Starts with one component more: one of the heaviest in halves."""
    k = mixture.n_components
    found: list[Mixture] = []
    for j in np.argsort(-mixture.weights, kind="stable")[:HALVED]:
        wider = mixture.rearranged(np.append(np.arange(k), j))
        weights = np.append(mixture.weights, 0.0)
        found.append(split(Mixture(weights, wider.means, wider.covariance), int(j), k))
    return found
