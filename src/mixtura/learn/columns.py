"""Starts from one column: groups that lie side by side along it, whatever the others say.

k-means and k-means++ weigh all columns alike, in units of each; groups that only one of them tells
apart are lost among the rest. Along a single column k-means has no such trouble, whatever its unit.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.compact import Compact, State, whole_start

Array = NDArray[np.float64]
Index = NDArray[np.int64]

ROUNDS = 20
"""Rounds of k-means along a column, at the most."""

ROWS = 10_000
"""Rows by which columns are compared, where there are more."""


def clearest_few(rows: Compact, n_components: int) -> int:
    """The column whose groups by k-means, from quantiles, hold the least of its variance."""
    k, (d, n_rows) = n_components, rows.z.shape
    at = ((np.arange(k) + 0.5) * (n_rows / k)).astype(np.intp)
    seeds = np.argsort(rows.z, axis=1)[:, at]
    counts, products, found = np.empty((3, k)), np.zeros((k, 1, 1)), np.zeros((d, k, 3))
    for column in range(d):
        own = rows.phi[:, [0, 1 + column, _square(rows, column)], :]
        z = rows.z[column : column + 1]
        whole_start().grouped(
            z, seeds[column], own, rows.w, True, ROUNDS, 0.0, counts, products, found[column]
        )
    return int(_within(found).argmin())


def clearest_many(z: Array, w: Array, n_components: int) -> int:
    """The same of rows in coordinates z (n, D)."""
    step = max(1, len(z) // ROWS)
    z, w = z[::step], w[::step]
    at = ((np.arange(n_components) + 0.5) * (len(z) / n_components)).astype(np.intp)
    shares = [_along(x, w, np.sort(x)[at])[1] for x in z.T]
    return int(np.argmin(shares))


def are_apart(share: float, n_components: int) -> bool:
    """Whether groups are apart, of whose variance such a share is within them: as much is where
    rows are evenly spread.
    """
    return share < 1.0 / n_components**2


def grouped_few(rows: Compact, column: int, seeds: Index, part: float) -> State | None:
    """Components of the groups of k-means along a column, from seeds (K,); none if there are none.

    They share such a part of all rows.
    """
    k, d = len(seeds), len(rows.z)
    counts, sums, products = rows.prior(k)
    counts, products, found = counts.copy(), products.copy(), np.empty((k, rows.phi.shape[1]))
    z, start = rows.z[column : column + 1], State.empty(k, d)
    made = (
        whole_start().grouped(
            z, seeds, rows.phi, rows.w, rows.quadratic, ROUNDS, part, counts, products, found
        )
        and are_apart(float(_within(found[:, [0, 1 + column, _square(rows, column)]])), k)
        and rows.estimated(found, (counts, sums, products), start)
    )
    return start if made else None


def _square(rows: Compact, column: int) -> int:
    """Which feature the square of a column is."""
    d = len(rows.z)
    return 1 + d + (column * d - column * (column - 1) // 2 if rows.quadratic else column)


def _within(sums: Array) -> Array:
    """The part of a variance that is within groups, from counts, sums and sums of squares, over
    (…, K, 3); infinite if a group is empty.
    """
    n, first, second = np.moveaxis(sums, -1, 0)
    centre = first.sum(axis=-1) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        centre /= n.sum(axis=-1)
        within = (second - first**2 / n).sum(axis=-1) / (second.sum(axis=-1) - centre)
    return np.where(np.isfinite(within), within, np.inf)


def grouped_many(x: Array, w: Array, centres: Array) -> Index | None:
    """The groups of k-means of values (n,) from centres (K,), by row; none if there are none."""
    bounds, share = _along(x, w, centres)
    return np.searchsorted(bounds, x, side="left") if are_apart(share, len(centres)) else None


def _along(x: Array, w: Array, centres: Array) -> tuple[Array, float]:
    """Bounds of groups by k-means of values (n,), (K − 1,), and what part of the variance is within
    them; infinite if one is empty.
    """
    order = np.argsort(x, kind="stable")
    values, each = x[order], w[order]
    sums = [np.append(0.0, np.cumsum(part)) for part in (each, each * values, each * values**2)]
    centres = np.sort(centres)
    bounds, found = centres[:0], np.empty((len(centres), 3))
    for _ in range(ROUNDS):
        bounds = 0.5 * (centres[1:] + centres[:-1])
        ends = np.concatenate([[0], np.searchsorted(values, bounds, side="right"), [len(x)]])
        found = np.column_stack([np.diff(each[ends]) for each in sums])
        if not (found[:, 0] > 0.0).all():
            return bounds, np.inf
        moved = found[:, 1] / found[:, 0]
        if np.array_equal(moved, centres):
            break
        centres = moved
    return bounds, float(_within(found))
