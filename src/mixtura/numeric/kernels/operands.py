"""A mixture as the arrays that a kernel reads, prepared once for each pass over the rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric import linalg
from mixtura.numeric.moments import Moment

Array = NDArray[np.float64]

CENTRED_LIMIT = 1e9
"""κ beyond which a component leaves the shared origin.

The error of the one-product route is about 5·eps·κ in the log density and, relative, in the
covariance, where it depends on the order of summation: at 1e9 in float64 that is 1e-6.
"""


@dataclass(frozen=True, eq=False)
class Operands:
    """What `log_joint`, `posterior` and `expectation` read.

    Components are *near* when their κ is within the limit: all of them share one origin and one
    matrix product. The others are *far*: each is computed about its own mean. So are all of them
    where a product each costs less.
    """

    moment: Moment
    origin: Array  # (D,)
    transform: Array | None  # (D, D): z = G⁻¹(x − origin); None where z = x − origin
    inverse: Array | None  # (D, D): G⁻¹
    theta: Array  # (K_near, M): coefficients of φ(z)
    near: NDArray[np.intp]  # (K_near,)
    far: NDArray[np.intp]  # (K_far,)
    means: Array  # (K, D)
    constants: Array  # (K,): log π_k − ½ log|2πΣ_k|
    whiten: Callable[[Array, int], Array]  # residual rows (B, D) of component k to unit scale
    about: Array  # (K, D): the origin of each component's statistics
    kappa: Array  # (K,): the predictor

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.means)

    @property
    def n_features(self) -> int:
        """D."""
        return self.means.shape[1]


PRECISE = 1e8
"""Variance inflation up to which precisions tell a component's covariance: the error of a log
determinant taken from them is about eps times as much."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """What the kernels for rows with gaps read: each component in units of its own.

    Of moments that keep whole matrices: standard deviations and correlations, M of each, one for
    each component or one for all. Of those that keep squares: standard deviations, and no more.
    """

    moment: Moment
    weights: Array  # (K,)
    means: Array  # (K, D)
    scales: Array  # (K, D): standard deviations
    correlations: Array  # (M, D, D); M = 0 where columns are independent
    whiteners: Array  # (M, D, D): lower triangular
    precisions: Array  # (M, D, D): of the correlations
    volumes: Array  # (M,): log determinants of the correlations

    @classmethod
    def of(cls, moment: Moment, weights: Array, means: Array, covariances: Array) -> "Matrices":
        """From matrices (M, D, D), or from variances (K, D) where columns are independent."""
        k, d = means.shape
        if covariances.ndim == 2:
            none, scales = np.empty((0, d, d)), np.sqrt(covariances)
            return cls(moment, weights, means, scales, none, none, none, np.empty(0))
        scales = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        correlations = covariances / (scales[:, :, None] * scales[:, None, :])
        factors = linalg.cholesky(correlations)[0]
        whiteners = linalg.invert_lower(factors)
        precisions = np.swapaxes(whiteners, 1, 2) @ whiteners
        volumes = linalg.log_det_from_cholesky(factors)
        scales = np.broadcast_to(scales, (k, d))
        return cls(moment, weights, means, scales, correlations, whiteners, precisions, volumes)

    @property
    def precise(self) -> NDArray[np.bool_]:
        """Which precisions, (M,), can be relied on."""
        inflation = np.diagonal(self.precisions, axis1=1, axis2=2)
        return inflation.max(axis=1, initial=1.0) < PRECISE

    def covariance(self, k: int) -> Array:
        """Correlations of component k, (D, D)."""
        if not len(self.correlations):
            return np.eye(self.means.shape[1])
        return self.correlations[min(k, len(self.correlations) - 1)]
