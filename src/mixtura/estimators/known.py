"""The edge where known memberships come in: labels of some rows, and groups that stay together."""

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from mixtura.estimators.targets import unknown

Labels = NDArray[np.int64]


def read_labels(labels: Any, n_rows: int, n_components: int) -> Labels | None:
    """The component of each row, (n,), -1 where it is not known; None where none is.

    Raises
    ------
    ValueError
        If there are not as many as rows, or one is no number of a component.
    """
    found = _numbers(labels, n_rows, "labels")
    if found is None:
        return None
    if found.max(initial=-1) >= n_components:
        row = int(found.argmax())
        raise ValueError(
            f"labels must be numbers of components, from 0 to {n_components - 1}, or -1 where "
            f"nothing is known, but row {row} has {found[row]}"
        )
    return found


def read_groups(groups: Any, n_rows: int, labels: Labels | None) -> tuple[Labels, Labels] | None:
    """The group of each row, (n,), numbered from 0, -1 for none; and the label of each group.

    Raises
    ------
    ValueError
        If there are not as many as rows, one is no whole number, or labels in a group differ.
    """
    given = _numbers(groups, n_rows, "groups")
    if given is None:
        return None
    inside = given >= 0
    names, number = np.unique(given[inside], return_inverse=True)
    found = np.full(n_rows, -1)
    found[inside] = number.reshape(-1)
    known = np.full(len(names), -1)
    if labels is not None:
        rows = np.flatnonzero(inside & (labels >= 0))
        known[found[rows]] = labels[rows]
        odd = rows[known[found[rows]] != labels[rows]]
        if len(odd):
            row = int(odd[0])
            raise ValueError(
                f"rows of one group belong to one component, but in group {given[row]} row {row} "
                f"has label {labels[row]} and another has {known[found[row]]}"
            )
    return found, known


def _numbers(values: Any, n_rows: int, name: str) -> Labels | None:
    """Whole numbers, one for each row, -1 for what is missing; None where all of it is."""
    if values is None:
        return None
    native = nw.from_native(values, pass_through=True, allow_series=True)
    array = np.asarray(native.to_numpy() if isinstance(native, nw.Series) else native)
    if array.shape != (n_rows,):
        raise ValueError(
            f"{name} must have shape ({n_rows},), one for each row, but have shape {array.shape}"
        )
    if array.dtype.kind not in "fiub":
        array = array.astype(object)
    none = unknown(array)
    try:
        numbers = np.where(none, -1, array).astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be whole numbers: {error}") from error
    bad = (numbers < -1) | (numbers != np.floor(numbers)) | np.isinf(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"{name} must be whole numbers from 0 on, or -1 where there is none, but row {row} has "
            f"{numbers[row]:g}"
        )
    found = numbers.astype(np.int64)
    return None if (found < 0).all() else found
