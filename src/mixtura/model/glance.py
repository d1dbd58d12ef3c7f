"""Rows with gaps as one component sees them: how far off they are, and what else they tell.

Every pattern of gaps has a matrix of its own, and all patterns are computed together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric import linalg
from mixtura.numeric.blocks import spans
from mixtura.numeric.kernels import Matrices

Array = NDArray[np.float64]


class Patterns(NamedTuple):
    """What rows have, each pattern once."""

    seen: NDArray[np.bool_]  # (U, D)
    which: NDArray[np.intp]  # (B,): the pattern of each row

    @classmethod
    def of(cls, x: Array) -> "Patterns":
        """The patterns of rows (B, D), a missing number being NaN."""
        seen, which = np.unique(~np.isnan(x), axis=0, return_inverse=True)
        return cls(seen, which.reshape(-1).astype(np.intp))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many numbers each row has, (B,)."""
        return self.seen.sum(axis=1)[self.which]


class Glance(NamedTuple):
    """Rows under one component, in units of their own columns."""

    distances: Array  # (B,): squared, of what they have, in units of its spread
    log_dets: Array  # (B,): of the part of the matrix for that
    weighed: Array  # (B, D): the inverse of that part times the residual; 0 for what is missing
    residual: Array  # (B, D): less the mean, what is missing being expected
    left: Array  # (U, D, D): how what is missing varies about that, for each pattern
    inverse: Array  # (U, D, D): the inverse of that part, for each pattern; 0 for what is missing

    @classmethod
    def of(cls, x: Array, patterns: Patterns, model: Matrices, k: int) -> "Glance":
        """Of rows (B, D), as component k sees them."""
        scale, correlations = model.scales[k], model.covariance(k)
        seen, which = patterns
        z = np.where(seen[which], (x - model.means[k]) / scale, 0.0)
        both = seen[:, :, None] & seen[:, None, :]
        hollow = np.eye(x.shape[1]) * ~seen[:, None, :]  # ones for what is missing
        factors = linalg.cholesky(np.where(both, correlations, 0.0) + hollow)[0]
        whiteners = np.linalg.inv(factors)
        inverse = np.swapaxes(whiteners, 1, 2) @ whiteners - hollow
        white, weighed = np.empty_like(z), np.empty_like(z)
        for part in spans(len(z), x.shape[1] ** 2):
            own = whiteners[which[part]]
            white[part] = np.einsum("bij,bj->bi", own, z[part])
            weighed[part] = np.einsum("bji,bj->bi", own, white[part])
        half = whiteners @ np.where(seen[:, :, None], correlations, 0.0)
        away = ~seen[:, :, None] & ~seen[:, None, :]
        left = np.where(away, correlations - np.swapaxes(half, 1, 2) @ half, 0.0)
        residual = np.where(seen[which], z, weighed @ correlations)
        logs = 2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        logs = logs + 2.0 * seen @ np.log(scale)
        unit = scale[:, None] * scale
        with np.errstate(over="ignore"):
            distances = np.einsum("bi,bi->b", white, white)
        return cls(
            distances,
            logs[which],
            weighed / scale,
            residual * scale,
            left * unit,
            inverse / unit,
        )
