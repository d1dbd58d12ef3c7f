"""The edge where a user's rows come in: any table or array, checked once, named in every error."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

LARGEST = 1e150
"""Beyond this the square of a number overflows float64."""

SMALLEST = 1e-150
"""Where a whole column is below this, the squares of its spread vanish."""

NO_ROWS: tuple[type[Any], ...] = (str, bytes, PathLike, dict, set)
"""What NumPy would make an array of that has no rows and columns."""


def read_rows(
    estimator: Any, x: Any, *, reset: bool, min_rows: int = 1, complete_for: str = ""
) -> tuple[NDArray[Any], bool]:
    """A numeric array (n, D) from a NumPy, pandas, polars or pyarrow table, or nested lists.

    The array is the user's own where it is numeric already. Feature names and their number are
    taken (`reset`) or compared with those of the fit.

    Parameters
    ----------
    estimator : BaseEstimator
    x : array-like or table, shape (n, D)
    reset : bool
        True in fit, False after.
    min_rows : int
    complete_for : str
        The option with which no number may be missing, if there is one.

    Returns
    -------
    rows : array, shape (n, D)
    incomplete : bool
        Whether numbers are missing, being NaN.

    Raises
    ------
    ValueError
        If the input has no rows, is not two-dimensional, is ragged, has a column that is not
        numeric, holds infinity or, with some option, NaN, or has other columns than the
        fit. The message names the column and the row.
    """
    if _plain(x, min_rows):
        named = hasattr(estimator, "feature_names_in_")
        if reset and not named:
            estimator.n_features_in_ = x.shape[1]
        elif named or x.shape[1] != estimator.n_features_in_:
            validate_data(estimator, x, reset=reset, skip_check_array=True)
        incomplete = check_finite(x, None, LARGEST if reset else np.inf, complete_for=complete_for)
        if reset:
            check_size(x, None)
        return x, incomplete
    frame = _frame(x)
    if frame is not None:
        names = [str(name) for name in frame.columns]
        array = _from_frame(frame)
    else:
        names = None
        array = _from_array(x)
    array = check_array(
        array,
        dtype="numeric",
        ensure_all_finite=False,
        ensure_min_samples=min_rows,
        estimator=estimator,
        input_name="X",
    )
    validate_data(estimator, x if names is not None else array, reset=reset, skip_check_array=True)
    incomplete = check_finite(array, names, LARGEST if reset else np.inf, complete_for=complete_for)
    if reset:
        check_size(array, names)
    return array, incomplete


def _plain(x: Any, min_rows: int) -> bool:
    """Whether the input is an array of numbers in rows and columns, with nothing to convert."""
    return (
        type(x) is np.ndarray
        and x.dtype.kind in "fiu"
        and x.ndim == 2
        and x.shape[0] >= min_rows
        and x.shape[1] > 0
    )


def _frame(x: Any) -> nw.DataFrame[Any] | None:
    """A table as Narwhals sees it; None for everything else."""
    try:
        frame = nw.from_native(x, pass_through=True)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"X cannot be read: {reason}. Rename columns of the same name.") from None
    if isinstance(frame, nw.LazyFrame):
        raise TypeError("X is a lazy table: collect it first, for example with X.collect()")
    return frame if isinstance(frame, nw.DataFrame) else None


def _from_frame(frame: nw.DataFrame[Any]) -> NDArray[Any]:
    """The columns of a table, side by side; missing values become NaN."""
    columns: dict[str, NDArray[np.float64]] = {}
    if not frame.columns:
        return np.empty((len(frame), 0))
    for name, dtype in frame.schema.items():
        if dtype.is_numeric() or dtype == nw.Boolean:
            continue
        row, value = _first_value(frame[name])
        if value is None:
            columns[name] = np.full(len(frame), np.nan)
        elif dtype == nw.Object:
            values = np.array([*frame[name].to_list(), None], dtype=object)[:-1]
            columns[name] = _column(values, repr(str(name)))
        else:
            raise _not_numeric(repr(str(name)), row, value)
    if not columns:
        array = frame.to_numpy()
        if array.dtype.kind in "fiub":
            return array
    # Decimals, and truth values some of which are missing, come as objects.
    for name in frame.columns:
        if name not in columns:
            columns[name] = np.asarray(frame[name].cast(nw.Float64).to_numpy(), dtype=np.float64)
    return np.stack([columns[name] for name in frame.columns], axis=1)


def _first_value(column: nw.Series[Any]) -> tuple[int, Any]:
    """Row and value of the first entry of a column that is not missing."""
    for row, value in enumerate(column.to_list()):
        if value is not None and value == value:  # not NaN
            return row, value
    return 0, None


def _from_array(x: Any) -> Any:
    """An array-like as an array, with ragged rows and text found and named."""
    sparse = hasattr(x, "toarray")  # scikit-learn says what to do; some of them are dicts
    if x is None or (isinstance(x, NO_ROWS) and not sparse):
        raise TypeError(
            "X must be a table, an array or nested lists of numbers, "
            f"not {x if x is None else type(x).__name__}"
        )
    if isinstance(x, np.ma.MaskedArray):
        array = np.ma.filled(x.astype(np.float64), np.nan) if np.ma.is_masked(x) else x.data
    elif sparse or hasattr(x, "__array_namespace__") or hasattr(x, "__array__"):
        array = x if not isinstance(x, np.matrix) else np.asarray(x)
    else:
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise _ragged(x, error) from error
    kind = getattr(getattr(array, "dtype", None), "kind", "f")
    if kind in "OUS" and getattr(array, "ndim", 0) == 2:
        array = np.asarray(array)
        columns = [_column(array[:, j], str(j)) for j in range(array.shape[1])]
        return np.stack(columns, axis=1) if columns else array.astype(np.float64)
    if kind in "mM":
        raise ValueError(f"X holds {array.dtype}, not numbers: turn it into numbers first")
    return array


def _column(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Objects or text as float64; the first that is not a number is named."""
    try:
        return values.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        for row, value in enumerate(values):
            try:
                values[row : row + 1].astype(np.float64)
            except (ValueError, TypeError, OverflowError) as error:
                raise _not_numeric(name, row, value, error) from None
        raise


def _not_numeric(name: str, row: int, value: Any, error: Exception | None = None) -> Exception:
    """The error for a column of something else; what is no value at all is a TypeError."""
    held = repr(value.item() if isinstance(value, np.generic) else value)
    held = held if len(held) <= 60 else held[:60] + "..."
    text = (
        f"Column {name} is not numeric: row {row} holds {held}. "
        "Leave the column out, or turn it into numbers first."
    )
    return TypeError(f"{text} ({error})") if isinstance(error, TypeError) else ValueError(text)


def _ragged(x: Any, error: ValueError) -> ValueError:
    """Which row of nested lists is not as long as the first."""
    lengths = [len(row) if hasattr(row, "__len__") else None for row in x]
    odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is None:
        return error
    what = [f"holds {n} numbers" if n is not None else "is a single number" for n in lengths]
    return ValueError(
        f"Row {odd} {what[odd]} where row 0 {what[0]}: "
        "every row must have one number for each column."
    )


def check_finite(
    array: NDArray[Any], names: list[str] | None, largest: float, *, complete_for: str = ""
) -> bool:
    """Raise for infinity, numbers whose squares overflow and, with some option, NaN.

    Column, count and row are named. Whether there is NaN.
    """
    if array.dtype.kind != "f" or not array.size:
        return False
    bound = max(float(array.max()), -float(array.min()))  # NaN if any number is
    incomplete = bool(np.isnan(bound))
    if incomplete and not complete_for:
        bound = max(
            float(np.fmax.reduce(array, axis=None)), -float(np.fmin.reduce(array, axis=None))
        )
        if np.isnan(bound):  # nothing else
            return True
    if bound <= largest and np.isfinite(bound):
        return incomplete
    found: list[str] = []
    missing = infinite = False
    for j in range(array.shape[1]):
        column = array[:, j]
        name = repr(names[j]) if names else str(j)
        nan, inf = np.isnan(column), np.isinf(column)
        for what, where in (("NaN", nan), ("infinity", inf)):
            if where.any() and (complete_for or what != "NaN"):
                n = int(where.sum())
                times = "once" if n == 1 else f"{n} times"
                found.append(f"column {name} holds {what} {times}, first in row {where.argmax()}")
        missing, infinite = (
            missing or (bool(nan.any()) and complete_for != ""),
            infinite or bool(inf.any()),
        )
        huge = ~(nan | inf) & (np.abs(column) > np.float64(largest))  # float32 would overflow
        if huge.any():
            row = int(huge.argmax())
            found.append(f"column {name} holds {column[row]:.3g} in row {row}")
    shown = "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    if missing:
        raise ValueError(
            f"Input X contains NaN: {shown}. With {complete_for} rows must be complete: drop these "
            f"rows, fill them in first (for example with sklearn.impute), or leave {complete_for} "
            "out."
        )
    if infinite:
        raise ValueError(f"Input X contains infinity: {shown}. Drop or replace these rows.")
    raise ValueError(
        f"Input X contains numbers whose squares overflow: {shown}. Divide the column by a power "
        "of ten first."
    )


def check_size(array: NDArray[Any], names: list[str] | None) -> None:
    """Raise for a column that is not zero and whose squares vanish."""
    if array.dtype.kind != "f" or (np.abs(array[0]) >= np.float64(SMALLEST)).all():
        return
    size = np.maximum(np.fmax.reduce(array, axis=0), -np.fmin.reduce(array, axis=0))
    tiny = (size > 0) & (size < np.float64(SMALLEST))
    if tiny.any():
        j = int(tiny.argmax())
        name = repr(names[j]) if names else str(j)
        raise ValueError(
            f"Input X contains numbers whose squares vanish: column {name} is nowhere larger than "
            f"{size[j]:.3g}. Multiply the column by a power of ten first."
        )


def check_observed(
    array: NDArray[Any], names: Sequence[str] | None, weights: NDArray[np.float64] | None
) -> None:
    """Raise for columns in which every number is missing, or those of all rows that have weight."""
    every = weights is None or bool((weights > 0).all())
    if weights is None or every:
        largest = np.fmax.reduce(array, axis=0)
    else:
        largest = np.fmax.reduce(array, axis=0, where=(weights > 0)[:, None], initial=np.nan)
    nothing = np.flatnonzero(np.isnan(largest))
    if not len(nothing):
        return
    each = [repr(str(names[j])) if names is not None else str(j) for j in nothing.tolist()]
    shown = ", ".join(each[:5]) + (f" and {len(each) - 5} more" if len(each) > 5 else "")
    which, them = ("column", "it") if len(each) == 1 else ("columns", "them")
    of = "row" if every else "row of positive weight"
    raise ValueError(
        f"Input X has nothing in {which} {shown}: every {of} holds NaN there. Leave {them} out."
    )


def read_weights(sample_weight: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Row weights, checked: None where they are all one.

    Raises
    ------
    ValueError
        If they have another length than the rows, are negative, NaN or infinite, or all zero.
    """
    if sample_weight is None:
        return None
    if np.isscalar(sample_weight):
        sample_weight = np.full(n_rows, sample_weight)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"sample_weight must be numbers, one for each of {n_rows} rows: {error}"
        ) from error
    if weights.ndim != 1 or len(weights) != n_rows:
        raise ValueError(
            f"sample_weight must have shape ({n_rows},), one weight for each row, "
            f"but has shape {weights.shape}"
        )
    for bad, what in (
        (np.isnan(weights), "NaN"),
        (np.isinf(weights), "infinity"),
        (weights < 0, "a negative number"),
    ):
        if bad.any():
            row = int(bad.argmax())
            raise ValueError(
                f"sample_weight holds {what} ({weights[row]:g}) in row {row}; "
                "weights must be finite and not negative"
            )
    if not weights.any():
        raise ValueError("sample_weight is zero for every row: give some row a positive weight")
    return weights
