"""The edge where targets come in: numbers, or classes, some of which are unknown."""

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

Array = NDArray[np.float64]

LARGEST = 1e150
"""Beyond this the square of a number overflows float64."""


def read_numbers(estimator: Any, y: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Targets as numbers, shape (n,) or (n, m); what is missing is NaN.

    Raises
    ------
    ValueError
        If there are none, not as many as rows, some are text, infinite or too large, or a column
        holds nothing but NaN.
    """
    array = _plain(estimator, y)
    if array.dtype.kind not in "fiub":
        try:
            array = np.where(unknown(array), np.nan, array).astype(np.float64)
        except (ValueError, TypeError) as error:
            raise ValueError(f"y must be numbers: {error}. Turn it into numbers first.") from error
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    if array.ndim not in (1, 2) or (array.ndim == 2 and not array.shape[1]):
        raise ValueError(f"y must have shape (n,) or (n, m), not {array.shape}")
    check_consistent_length(rows, array)
    bad = np.argwhere(np.isinf(array) | (np.abs(array) > LARGEST))
    if len(bad):
        raise ValueError(
            "Input y contains infinity or a value too large for dtype('float64'). "
            f"The first is {array[tuple(bad[0])]:g} in row {bad[0][0]}: drop or replace it."
        )
    nothing = np.isnan(array).all(axis=0)
    if nothing.any():
        which = f"column {int(np.argmax(nothing))} of y" if array.ndim == 2 else "y"
        raise ValueError(f"Input y contains NaN in every row of {which}: nothing can be learnt.")
    return array


def read_classes(
    estimator: Any, y: Any, rows: NDArray[Any], unlabelled: Any
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The classes, and the number of the class of each row, -1 where it has none.

    A row has none where the target is None or NaN, or where it is ``unlabelled``, unless there is
    but one class besides.

    Raises
    ------
    ValueError
        If there are no targets, not as many as rows, or they are no classes.
    """
    array = column_or_1d(_plain(estimator, y), warn=True)
    check_consistent_length(rows, array)
    none = unknown(array)
    if none.all():
        raise ValueError("Input y contains NaN in every row: some rows must have a class.")
    named = array[~none]
    if array.dtype.kind == "O":  # numbers and text beside missing values
        named = np.array(named.tolist())
    if named.dtype.kind == "f" and np.isinf(named).any():
        raise ValueError("Input y contains infinity, which is no class: drop these rows.")
    check_classification_targets(named)
    classes = np.unique(named)
    if unlabelled is not None:
        others = classes[classes != unlabelled]
        if 2 <= len(others) < len(classes):
            none[~none] = named == unlabelled
            classes, named = others, named[named != unlabelled]
    if array.dtype.kind == "f" and none.any() and (classes == np.round(classes)).all():
        classes = classes.astype(np.int64)  # they are floats for the sake of NaN alone
        named = named.astype(np.int64)
    codes = np.full(len(array), -1)
    codes[~none] = np.searchsorted(classes, named)
    if array.dtype.kind == "O" and classes.dtype.kind in "US":
        classes = classes.astype(object)
    return classes, codes


def _plain(estimator: Any, y: Any) -> NDArray[Any]:
    """Targets as an array, from whatever table or list they stand in."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )
    native = nw.from_native(y, pass_through=True, allow_series=True)
    if isinstance(native, nw.Series | nw.DataFrame):
        native = native.to_numpy()
    array = np.asarray(native)
    if array.dtype.kind == "c":
        raise ValueError("Complex data not supported: y holds complex numbers")
    return array


def unknown(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of some objects are None, NaN or another missing value."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=np.bool_)
    # NaN differs from itself; pandas' NA is neither equal nor different.
    flat = [v is None or _differs_from_itself(v) for v in values.ravel().tolist()]
    return np.array(flat, dtype=np.bool_).reshape(values.shape)


def _differs_from_itself(value: Any) -> bool:
    try:
        return bool(value != value)
    except TypeError:
        return True
