"""Lower triangles as a volume and the rest: coordinates in which the determinant is one number."""

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.spectrum import contrasts

Array = NDArray[np.float64]


def to_rows(factors: Array) -> tuple[Array, Array]:
    """Of triangles (K, D, D) the mean logarithms of their pivots, (K,), and all else, (K, β − 1).

    The rest are contrasts of the pivots' logarithms, then what is below each pivot in its units.
    """
    d = factors.shape[-1]
    pivots = np.diagonal(factors, axis1=1, axis2=2)
    logs = np.log(pivots)
    lower = np.tril_indices(d, -1)
    below = (factors / pivots[:, None, :])[:, lower[0], lower[1]]
    return logs.mean(axis=1), np.concatenate([logs @ contrasts(d), below], axis=1)


def from_rows(volumes: Array, rows: Array, n_features: int) -> Array:
    """`to_rows` undone, (K, D, D)."""
    k, d = len(volumes), n_features
    rows = rows.reshape(k, -1)
    logs = volumes[:, None] + rows[:, : d - 1] @ contrasts(d).T
    lower = np.tril_indices(d, -1)
    factors = np.zeros((k, d, d))
    factors[:, lower[0], lower[1]] = rows[:, d - 1 :]
    factors += np.eye(d)
    return factors * np.exp(logs)[:, None, :]
