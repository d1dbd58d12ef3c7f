"""Where rows come from, batch by batch, as often as asked: files, tables, queries."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Columns = Sequence[NDArray[Any]]
"""One batch: for each column as many numbers; NaN is a missing one."""


class Source(Protocol):
    """Columns of numbers, read from the first row to the last again and again."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """What columns are called, if they are called anything."""
        ...

    @property
    def types(self) -> tuple[np.dtype[Any], ...]:
        """Of each column, as it is read."""
        ...

    @property
    def n_rows(self) -> int | None:
        """How many there are, where this is known without reading them."""
        ...

    def batches(self) -> Iterator[Columns]:
        """All rows, in batches of no particular size, always in the same order.

        Raises
        ------
        SourceError
            If they cannot be read, or are not what they were at first.
        """
        ...

    def where(self, row: int) -> str:
        """In words where a row stands: in what file, and which of its rows it is."""
        ...


class SourceError(ValueError):
    """Rows that cannot be read; the message says which, why, and what to do."""
