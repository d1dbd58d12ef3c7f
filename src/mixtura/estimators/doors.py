"""What rows may come as beside arrays and tables: files, queries, and whatever is read in batches.

A package is imported only when something of its own has arrived.
"""

import re
import sys
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.files import Files
from mixtura.engines.source import Source

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12} | {
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
"""Bytes of each unit."""

QUERY = re.compile(r"\s*(select|from|with)\s", re.IGNORECASE)

PART = 0.15
"""Rows that take less than this part of the memory are read into it, and are an array from then."""

LEAST = 3e8
"""Bytes that a fit takes at the least, with the interpreter and its libraries."""


def source_of(x: Any, weight: Any = None, columns: Sequence[str] | None = None) -> Source | None:
    """The source that something is; None where it is an array, a table, or nothing that is known.

    Parameters
    ----------
    x : object
    weight : str, optional
        The name of a column of row weights.
    columns : sequence of str, optional
        The columns to read, where they have names, in what order; all, if not given.

    Raises
    ------
    SourceError
        If it is one, and cannot be read.
    """
    if isinstance(x, np.ndarray):
        return None
    way = _way(x)
    if way is None:
        return None
    weight = weight if isinstance(weight, str) else None
    if columns is None and weight is not None:
        columns = [name for name in way(x, None).names or () if name != weight]
    wanted = None if columns is None else [*columns]
    return way(x, wanted if wanted is None or weight is None else [*wanted, weight])


def _way(x: Any) -> Callable[[Any, Sequence[str] | None], Source] | None:
    """What makes a source of something."""
    if isinstance(x, Files):
        return lambda x, columns: x if columns is None else x.of(columns)
    if isinstance(x, str) and QUERY.match(x) or _is_of(x, "duckdb", "DuckDBPyRelation"):
        from mixtura.engines.query import Query

        return Query
    if isinstance(x, str | PathLike) or _are_paths(x):
        return Files
    if _is_of(x, "pyarrow.dataset", "Dataset"):
        from mixtura.engines.dataset import ArrowDataset

        return ArrowDataset
    if _is_of(x, "pyarrow", "RecordBatchReader"):
        from mixtura.engines.dataset import Spooled

        return Spooled
    return None


def _are_paths(x: Any) -> bool:
    """Whether it is a list of paths; a list of numbers is looked at once."""
    return (
        isinstance(x, Sequence)
        and len(x) > 0
        and isinstance(x[0], str | PathLike)
        and all(isinstance(each, str | PathLike) for each in x)
    )


def _is_of(x: Any, module: str, name: str) -> bool:
    """Whether it is of a class of a package, which is then there already."""
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and isinstance(x, found)


def bytes_of(memory: Any) -> float:
    """A size in bytes, from a number or from words such as "1GB" and "512 MiB".

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(memory, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([a-zA-Z]*)\s*", memory)
        unit = UNITS.get(match[2].lower()) if match else None
        if match is None or unit is None or match[1].count(".") > 1 or match[1] == ".":
            raise ValueError(
                f"memory={memory!r} is no size: write a number of bytes, or such as '1GB', "
                "'512MB', '2GiB'"
            )
        memory = float(match[1]) * unit
    if memory < LEAST:
        raise ValueError(
            f"memory={memory:.0f} bytes is less than {LEAST / 1e6:.0f} MB: the interpreter and its "
            "libraries take about 250 MB"
        )
    return float(memory)


def fits(source: Source, memory: float) -> bool:
    """Whether its rows may all be read into memory; not if nothing is known of their number."""
    most = source.n_rows
    if most is None and isinstance(source, Files):
        most = source.most()
    width = sum(kind.itemsize for kind in source.types)
    return most is not None and most * width <= PART * memory


def collected(source: Source, weight: bool) -> tuple[Any, NDArray[np.float64] | None]:
    """All rows of a source in memory, as a table where columns have names, and their weights."""
    n_rows = source.n_rows
    if n_rows is None:
        n_rows = sum(len(columns[0]) for columns in source.batches())
    whole = [np.empty(n_rows, dtype=kind) for kind in source.types]
    start = 0
    for columns in source.batches():
        stop = start + len(columns[0])
        for room, column in zip(whole, columns, strict=True):
            room[start:stop] = column
        start = stop
    weights = whole.pop().astype(np.float64, copy=False) if weight else None
    if source.names is None:
        return np.stack(whole, axis=1), weights
    import pyarrow

    return pyarrow.table(dict(zip(source.names, whole, strict=False))), weights
