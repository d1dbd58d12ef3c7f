"""Weighted Gaussians as a value: what a mixture says of rows. Its algebra stands in other rooms."""

from abc import ABC
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.covariance import Covariance
from mixtura.numeric.kernels import CENTRED_LIMIT, Matrices, Operands, dialect
from mixtura.numeric.linalg import invert_lower
from mixtura.numeric.moments import FULL, POOLED

Array = NDArray[np.float64]

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class Components(ABC):
    """Weights, means and a covariance, and their density; `Mixture` adds the algebra.

    The rooms of the algebra take and return these, and `Mixture` names what they offer as its
    methods: so neither has to know the other.
    """

    weights: Array  # (K,)
    means: Array  # (K, D)
    covariance: Covariance

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """D."""
        return self.means.shape[1]

    @property
    def covariances(self) -> Array:
        """The covariance matrices, shape (K, D, D)."""
        return self.covariance.dense(self.n_components)

    @property
    def mean(self) -> Array:
        """The mean of the whole mixture, shape (D,)."""
        return self.weights @ self.means

    def total_covariance(self) -> Array:
        """The covariance of the whole mixture, shape (D, D)."""
        centred = self.means - self.mean
        within = np.einsum("k,kij->ij", self.weights, self.covariances)
        return within + (self.weights * centred.T) @ centred

    @cached_property
    def operands(self) -> Operands:
        """The mixture as the arrays that kernels read."""
        weights, means, covariance = self.weights, self.means, self.covariance
        k, d = means.shape
        with np.errstate(divide="ignore"):
            constants = np.log(weights) - 0.5 * (d * LOG_2PI + covariance.log_det(k))
        moment, origin = covariance.moment, self.mean
        transform = covariance.preconditioner(weights, means)
        inverse = None if transform is None else invert_lower(transform[None])[0]
        m = means - origin
        if inverse is not None:
            m = m @ inverse.T
        precisions = covariance.precisions_in(transform, k)
        linear = moment.apply(precisions, m)  # P m
        quadratic = np.einsum("kd,kd->k", m, linear)  # mᵀ P m
        products = moment.coefficients(precisions)
        # Beside the distance from the origin, the spread of a component's own precision matrix
        # decides how far its terms cancel: a needle across the others is as bad as one far away.
        kappa = quadratic + np.abs(products).max(axis=1)
        far = np.logical_not(kappa < CENTRED_LIMIT) | (not moment.shares(d))
        theta = np.concatenate([(constants - 0.5 * quadratic)[:, None], linear, products], axis=1)
        return Operands(
            moment=moment,
            origin=origin,
            transform=transform,
            inverse=inverse,
            theta=np.ascontiguousarray(theta[~far]),
            near=np.flatnonzero(~far),
            far=np.flatnonzero(far),
            means=means,
            constants=constants,
            whiten=covariance.whiten,
            about=means if transform is not None else np.where(far[:, None], means, origin),
            kappa=kappa,
        )

    @cached_property
    def matrices(self) -> Matrices:
        """The mixture as kernels for rows with gaps read it."""
        covariance, (k, d) = self.covariance, self.means.shape
        if covariance.moment is FULL:
            values = covariance.dense(k)
        elif covariance.moment is POOLED:
            values = covariance.dense(1)
        else:
            values = np.broadcast_to(1.0 / covariance.precisions_in(None, k).reshape(k, -1), (k, d))
        return Matrices.of(covariance.moment, self.weights, self.means, values)

    def log_joint(self, x: ArrayLike) -> Array:
        """Log π_k N(x | μ_k, Σ_k) for rows x (n, D), shape (n, K), in nats."""
        return dialect().log_joint(self._rows(x), self.operands)

    def log_density(self, x: ArrayLike) -> Array:
        """Log p(x) for rows x (n, D), shape (n,), in nats."""
        return dialect().log_density(self._rows(x), self.operands)

    def responsibilities(self, x: ArrayLike) -> Array:
        """The probability of each component for rows x (n, D), shape (n, K)."""
        return dialect().posterior(self._rows(x), self.operands)

    def _rows(self, x: ArrayLike) -> NDArray[Any]:
        rows = np.asarray(x)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"rows must have shape (n, {self.n_features}), not {rows.shape}")
        return rows

    def rearranged(self, index: ArrayLike) -> Self:
        """The components with these indices, in this order, weights adding to one again."""
        order = np.asarray(index, dtype=np.intp)
        weights = self.weights[order]
        return type(self)(
            weights / weights.sum(), self.means[order], self.covariance.rearranged(order)
        )


M = TypeVar("M", bound=Components)
"""A mixture in, a mixture of the same class out."""
