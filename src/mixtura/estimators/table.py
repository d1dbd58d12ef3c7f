"""A table given back as it came, with numbers where they were missing."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def completed(x: Any, rows: NDArray[Any], filled: Array) -> Any:
    """A copy of the user's table or array, with numbers put in where they were missing.

    What was there stays as it was, bit for bit. A column keeps its type if that can hold the
    numbers, and becomes float64 otherwise.

    Parameters
    ----------
    x : array-like or table, shape (n, D)
        As the user gave it.
    rows : array, shape (n, D)
        As it was read.
    filled : array, shape (n, D)
    """
    frame = nw.from_native(x, eager_only=True, pass_through=True)
    hollow = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, dtype=np.bool_)
    if not isinstance(frame, nw.DataFrame):
        dtype = rows.dtype if rows.dtype.kind in "fiu" else np.dtype(np.float64)
        found = np.array(rows, dtype=dtype)
        found[hollow] = filled[hollow]
        return found
    columns: list[nw.Series[Any]] = []
    for j in np.flatnonzero(hollow.any(axis=0)):
        index = np.flatnonzero(hollow[:, j])
        column, values = frame[:, int(j)], filled[index, j]
        dtype = column.dtype
        if dtype == nw.Float32:
            columns.append(_put(column, index, values.astype(np.float32)))
            continue
        if dtype.is_integer() and bool((values == np.round(values)).all()):
            whole = np.array(column.fill_null(0).to_numpy(), dtype=np.int64)
            whole[index] = values.astype(np.int64)
            columns.append(_put(column, np.arange(len(whole)), whole))
            continue
        column = column if dtype == nw.Float64 else column.cast(nw.Float64)
        columns.append(_put(column, index, values))
    return frame.with_columns(*columns).to_native()


def _put(column: nw.Series[Any], index: NDArray[Any], values: NDArray[Any]) -> nw.Series[Any]:
    """A column with values at some rows."""
    if not column.implementation.is_pyarrow():
        return column.scatter(index, values)
    # Older versions of Narwhals cannot put single values into a column of Arrow.
    whole = values
    if len(values) < len(column):
        whole = np.array(column.to_numpy(), dtype=values.dtype)
        whole[index] = values
    namespace = nw.get_native_namespace(column)
    return nw.new_series(column.name, whole, column.dtype, native_namespace=namespace)


def numbers_of(keys: Sequence[Any], names: Sequence[str] | None, n: int, what: str) -> list[int]:
    """Columns by name or number as numbers.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    found: list[int] = []
    known = {} if names is None else {str(name): j for j, name in enumerate(names)}
    for key in keys:
        if isinstance(key, str) and key in known:
            found.append(known[key])
        elif not isinstance(key, str | bool) and np.ndim(key) == 0 and key in range(-n, n):
            found.append(int(key) % n)
        else:
            there = [*known] if known else f"0 to {n - 1}"
            raise ValueError(f"{what} names column {key!r}, which X does not have: it has {there}")
    return found


def by_column(
    given: Mapping[Any, Any], names: Sequence[str] | None, n: int, what: str
) -> dict[int, Any]:
    """What is given for some columns, by their numbers."""
    return dict(zip(numbers_of([*given], names, n, what), given.values(), strict=True))
