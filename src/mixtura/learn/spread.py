"""The spread of all rows, made positive where they do not vary."""

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import Full

Array = NDArray[np.float64]

ROUNDING = 1e-10
"""The part of a total variance that is no more than rounding."""

LEAST = 1e-306
"""A variance below this has an inverse that overflows."""


def floors(values: Array, least: Array | float = LEAST) -> Array:
    """Variances (D,) below which no component falls, of those of all rows.

    None falls below the least, which columns have one each of where their units are not their own.
    """
    return np.maximum(ROUNDING * values, least)


def variances(mean: Array, values: Array) -> Array:
    """The diagonal of a covariance matrix, made positive.

    Columns that are constant get a variance of a millionth of their size, squared.
    """
    found = np.maximum(np.diagonal(values), 0.0)
    size = np.maximum(np.abs(mean), np.sqrt(found))
    flat = found <= (4 * np.finfo(np.float64).eps * size) ** 2
    if not flat.any():
        return found
    return np.where(flat, np.maximum((1e-6 * np.where(size > 0, size, 1.0)) ** 2, LEAST), found)


def definite(mean: Array, values: Array) -> Array:
    """A covariance matrix made positive definite, column by column and then by direction."""
    diagonal = variances(mean, values)
    values = values.copy()
    np.fill_diagonal(values, diagonal)
    root = np.sqrt(diagonal)
    low = floors(diagonal)
    if np.linalg.eigvalsh(values / (root[:, None] * root))[0] < (low / diagonal).max():
        values = Full(values[None]).floored(low).values[0]
    return values
