"""How many axes a component has: where its eigenvalues stop falling, or by BIC."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NOTHING = 1e-8
"""Of the largest eigenvalue, the part that is rounding."""

AT_ONCE = 3.0
"""Rows from which on their number says how many eigenvalues there can be."""


class Rule(Protocol):
    """One question."""

    def __call__(self, values: Array, rows: float) -> int:
        """The number of axes, from falling eigenvalues (D,) and the number of rows behind them."""
        ...


@dataclass(frozen=True)
class Scree:
    """Cattell's test: the last axis behind which the eigenvalues fall by much [@Cattell1966].

    Parameters
    ----------
    threshold : float
        What is much, as a part of the largest fall.
    """

    threshold: float = 0.2

    def __call__(self, values: Array, rows: float) -> int:
        """The last number of axes behind which the fall is large."""
        falls = -np.diff(values)[: most(values, rows)]
        if not falls.size:
            return 0
        large = np.flatnonzero(falls >= self.threshold * falls.max())
        return int(large[-1]) + 1


@dataclass(frozen=True)
class ByBic:
    """The number of smallest BIC, each component being taken by itself [@Schwarz1978].

    Parameters
    ----------
    one : bool
        There is one variance for all axes.
    """

    one: bool = False

    def __call__(self, values: Array, rows: float) -> int:
        """The number whose parameters pay best."""
        number = most(values, rows)
        if not number:
            return 0
        size = len(values)
        d = np.arange(1, number + 1)
        least = max(NOTHING * values[0], 1e-300)
        tops = np.maximum(values[:number], least)
        sums = np.cumsum(tops)
        rest = np.maximum((values.sum() - sums) / (size - d), least)
        along = d * np.log(sums / d) if self.one else np.cumsum(np.log(tops))
        parameters = d * (2 * size - d - 1) / 2 + (1 if self.one else d)
        cost = rows * (along + (size - d) * np.log(rest)) + parameters * np.log(max(rows, 2.0))
        return int(np.argmin(cost)) + 1


def most(values: Array, rows: float) -> int:
    """As many axes as there can be: one eigenvalue is left, which is none by rounding alone.

    Of n rows there are n − 1 eigenvalues, and the fall behind the last of them says nothing.
    """
    size = len(values)
    present = int(np.count_nonzero(values > NOTHING * max(values[0], 0.0)))
    number = min(size - 1, max(present - 1, 1))
    if rows >= AT_ONCE:
        number = min(number, max(int(np.floor(rows)) - 2, 1))
    return number
