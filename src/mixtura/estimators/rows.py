"""The edge where a user's rows come in: any table or array, checked once, named in every error."""

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

LARGEST = 1e150
"""Beyond this the square of a number overflows float64."""


def read_rows(estimator: Any, x: Any, *, reset: bool, min_rows: int = 1) -> NDArray[Any]:
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

    Returns
    -------
    array, shape (n, D)

    Raises
    ------
    ValueError
        If the input has no rows, is not two-dimensional, is ragged, has a column that is not
        numeric, holds NaN or infinity, or has other columns than the fit. The message names the
        column and the row.
    """
    frame = nw.from_native(x, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        names = [str(name) for name in frame.columns]
        array = _from_frame(frame)
    else:
        names = None
        array = _from_array(x, estimator)
    array = check_array(
        array,
        dtype="numeric",
        ensure_all_finite=False,
        ensure_min_samples=min_rows,
        estimator=estimator,
        input_name="X",
    )
    validate_data(estimator, x if names is not None else array, reset=reset, skip_check_array=True)
    check_finite(array, names, LARGEST if reset else np.inf)
    return array


def _from_frame(frame: nw.DataFrame[Any]) -> NDArray[Any]:
    """The columns of a table, side by side; missing values become NaN."""
    for position, (name, dtype) in enumerate(frame.schema.items()):
        if not (dtype.is_numeric() or dtype == nw.Boolean):
            raise _not_numeric(str(name), _first_value(frame, position))
    dtypes = set(frame.schema.values())
    array = frame.to_numpy()
    if dtypes == {nw.Float32}:
        return np.asarray(array, dtype=np.float32)
    # Extension types, decimals and columns with missing values may come as objects.
    return np.asarray(array, dtype=np.float64) if array.dtype.kind not in "fiub" else array


def _first_value(frame: nw.DataFrame[Any], position: int) -> tuple[int, Any]:
    """Row and value of the first entry of a column that is not missing."""
    column = frame[:, position]
    for row, value in enumerate(column.to_list()):
        if value is not None:
            return row, value
    return 0, None


def _from_array(x: Any, estimator: Any) -> Any:
    """An array-like as an array, with ragged rows and text found and named."""
    if hasattr(x, "toarray") or hasattr(x, "__array_namespace__") or hasattr(x, "__array__"):
        array = x if not isinstance(x, np.matrix) else np.asarray(x)
    else:
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise _ragged(x, error) from error
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if kind in "OUS" and kind and getattr(array, "ndim", 0) == 2:
        return _numbers(np.asarray(array))
    return array


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Objects or text as float64; the first that is not a number is named."""
    try:
        return array.astype(np.float64)
    except ValueError:
        for column in range(array.shape[1]):
            for row in range(array.shape[0]):
                try:
                    float(array[row, column])
                except ValueError:
                    name = f"{column}"
                    raise _not_numeric(name, (row, array[row, column])) from None
        raise


def _not_numeric(name: str, where: tuple[int, Any]) -> ValueError:
    row, value = where
    return ValueError(
        f"Column {name!r} is not numeric: row {row} holds {value!r}. "
        "Leave the column out, or turn it into numbers first."
    )


def _ragged(x: Any, error: ValueError) -> ValueError:
    """Which row of nested lists is not as long as the first."""
    try:
        lengths = [len(row) for row in x]
    except TypeError:
        return error
    odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is None:
        return error
    return ValueError(
        f"Row {odd} holds {lengths[odd]} numbers where row 0 holds {lengths[0]}: "
        "every row must have one number for each column."
    )


def check_finite(array: NDArray[Any], names: list[str] | None, largest: float) -> None:
    """Raise for NaN, infinity and numbers whose squares overflow, naming column, count and row."""
    if array.dtype.kind != "f" or not array.size:
        return
    bound = max(float(array.max()), -float(array.min()))  # NaN if any number is
    if bound <= largest and np.isfinite(bound):
        return
    found: list[str] = []
    missing = infinite = False
    for j in range(array.shape[1]):
        column = array[:, j]
        name = repr(names[j]) if names else str(j)
        nan, inf = np.isnan(column), np.isinf(column)
        for what, where in (("NaN", nan), ("infinity", inf)):
            if where.any():
                n = int(where.sum())
                times = "once" if n == 1 else f"{n} times"
                found.append(f"column {name} holds {what} {times}, first in row {where.argmax()}")
        missing, infinite = missing or bool(nan.any()), infinite or bool(inf.any())
        huge = ~(nan | inf) & (np.abs(column) > largest)
        if huge.any():
            row = int(huge.argmax())
            found.append(f"column {name} holds {column[row]:.3g} in row {row}")
    shown = "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    if missing:
        raise ValueError(
            f"Input X contains NaN: {shown}. Drop these rows, or fill them in first "
            "(for example with sklearn.impute)."
        )
    if infinite:
        raise ValueError(f"Input X contains infinity: {shown}. Drop or replace these rows.")
    raise ValueError(
        f"Input X contains numbers whose squares overflow: {shown}. Divide the column by a power "
        "of ten first."
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
    weights = np.asarray(sample_weight, dtype=np.float64)
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
