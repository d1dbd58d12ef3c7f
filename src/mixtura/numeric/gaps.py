"""Which numbers of some rows are missing, and an order of rows in which like patterns meet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALIKE = 48
"""Rows from which on a pattern of missing numbers is computed by itself."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows without gaps, those with some, and those of nothing but gaps: an order and its parts.

    Rows with some gaps stand in runs: all rows of a run miss equally many numbers, and in a run
    that is alike they miss the same ones.
    """

    order: NDArray[np.int32]  # (B,)
    complete: int
    """Rows without gaps: the first ones."""
    partly: int
    """Rows with some gaps and some numbers: the next ones."""
    bounds: NDArray[np.int64]  # (R + 1,): where runs begin, from the first row that has gaps
    alike: NDArray[np.bool_]  # (R,)

    @property
    def with_gaps(self) -> NDArray[np.int32]:
        """Which rows have some gaps and some numbers."""
        return self.order[self.complete : self.complete + self.partly]

    @property
    def empty(self) -> NDArray[np.int32]:
        """Which rows have nothing."""
        return self.order[self.complete + self.partly :]


class Gaps:
    """The gaps of some rows, found when they are first asked for, on whatever thread asks."""

    def __init__(self) -> None:
        self._layout: Layout | None = None

    def of(self, rows: NDArray[np.generic]) -> Layout:
        """The layout of the rows: the same ones each time."""
        if self._layout is None:
            self._layout = layout(rows)
        return self._layout


def layout(rows: NDArray[np.generic], alike: int = ALIKE) -> Layout:
    """The layout of rows (B, D), a missing number being NaN.

    Parameters
    ----------
    rows : array, shape (B, D)
    alike : int
        Rows from which on a pattern has a run of its own.
    """
    hollow = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, dtype=np.bool_)
    missing = hollow.sum(axis=1, dtype=np.int32)
    complete = np.flatnonzero(missing == 0)
    empty = np.flatnonzero((missing == rows.shape[1]) & (missing > 0))
    some = np.flatnonzero((missing > 0) & (missing < rows.shape[1]))
    keys = _keys(hollow[some])
    index = np.lexsort((*keys.T, missing[some]))
    some, keys = some[index], keys[index]
    new = np.ones(len(some), dtype=np.bool_)
    new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    sizes = np.diff(np.append(np.flatnonzero(new), len(some)))
    frequent = np.repeat(sizes >= alike, sizes)
    # Of those that miss equally many, frequent patterns first, then the others together.
    index = np.lexsort((~frequent, missing[some]))
    some, frequent, new = some[index], frequent[index], new[index]
    count = missing[some]
    begins = (new & frequent) | (np.diff(count, prepend=-1) != 0)
    begins[1:] |= frequent[1:] != frequent[:-1]
    bounds = np.append(np.flatnonzero(begins), len(some)).astype(np.int64)
    order = np.concatenate([complete, some, empty]).astype(np.int32)
    return Layout(order, len(complete), len(some), bounds, frequent[bounds[:-1]])


def _keys(hollow: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Patterns as numbers, 64 columns in each: (B, D / 64)."""
    packed = np.packbits(hollow, axis=1)
    words = -(-packed.shape[1] // 8)
    wide = np.zeros((len(hollow), 8 * words), dtype=np.uint8)
    wide[:, : packed.shape[1]] = packed
    return wide.view(np.uint64)
