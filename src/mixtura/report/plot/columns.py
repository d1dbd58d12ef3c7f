"""Tables of results as columns: mappings, data frames, and objects that have one."""

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np


def columns_of(table: Any, needed: tuple[str, ...], what: str) -> dict[str, list[Any]]:
    """The columns of a table of results, as lists of the same length.

    Parameters
    ----------
    table : mapping of columns, data frame, or object with ``to_dict``
    needed : tuple of str
        Columns without which nothing can be drawn.
    what : str
        What the table is of, for messages.

    Raises
    ------
    TypeError
        If it is no table.
    ValueError
        If a column that is needed is not there, columns have different lengths, or there are no
        rows.
    """
    found = _read(table)
    if found is None:
        raise TypeError(
            f"{what} come as a mapping of columns or a data frame, not {type(table).__name__}"
        )
    missing = [name for name in needed if name not in found]
    if missing:
        raise ValueError(
            f"{what} have no column {', '.join(map(repr, missing))}; they have: "
            f"{', '.join(map(repr, found))}"
        )
    lengths = {name: len(column) for name, column in found.items()}
    if len({*lengths.values()}) > 1:
        raise ValueError(f"the columns of {what} have different lengths: {lengths}")
    if not lengths or not next(iter(lengths.values())):
        raise ValueError(f"{what} have no rows: there is nothing to draw")
    return found


def numbers(values: list[Any]) -> Any:
    """A column of numbers as float64, what is missing as NaN."""
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _read(table: Any) -> dict[str, list[Any]] | None:
    """Lists by name; None of what is no table."""
    frame = nw.from_native(table, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return {str(name): frame[name].to_list() for name in frame.columns}
    if not isinstance(table, Mapping) and hasattr(table, "to_dict"):
        table = table.to_dict()
    if isinstance(table, Mapping):
        return {str(name): [*column] for name, column in table.items()}
    return None
