"""One covariance matrix that all components share (mclust: EEE)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import (
    Covariance,
    triangle_from_vector,
    triangle_to_vector,
)
from mixtura.numeric import linalg
from mixtura.numeric.moments import POOLED

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tied(Covariance):
    """Σ_k = Σ for every component."""

    values: Array  # (D, D)

    name = "tied"
    letters = "EEE"
    moment = POOLED
    common = True
    separate = False

    @cached_property
    def _cholesky(self) -> tuple[Array, NDArray[np.bool_]]:
        return linalg.cholesky(self.values[None])

    @property
    def factor(self) -> Array:
        """Lower Cholesky factor L, (D, D)."""
        return self._cholesky[0][0]

    @cached_property
    def whitener(self) -> Array:
        """L⁻¹, (D, D)."""
        return linalg.invert_lower(self.factor[None])[0]

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """Σ = Σ_k W_k / Σ_k n_k."""
        return cls(linalg.symmetrise(scatter / counts.sum()))

    def floored(self, floor: Array) -> Self:
        raised = linalg.raise_to_floor(self.values[None], floor)[0]
        return self if np.array_equal(raised, self.values) else type(self)(raised)

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount * np.eye(len(self.values)))

    def products(self, counts: Array) -> Array:
        return self.values * counts.sum()

    def trace_with(self, products: Array) -> float:
        return float(np.einsum("ij,ij->", self.precisions(), products))

    def log_det(self, n_components: int) -> Array:
        return np.repeat(linalg.log_det_from_cholesky(self.factor[None]), n_components)

    def whiten(self, residual: Array, k: int) -> Array:
        return residual @ self.whitener.T

    def unwhiten(self, z: Array, k: int) -> Array:
        return z @ self.factor.T

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        """The shared factor itself: in those coordinates every component is spherical."""
        return self.factor

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        return np.ones(n_components)

    def dense(self, n_components: int) -> Array:
        return np.broadcast_to(self.values, (n_components, *self.values.shape))

    def n_free(self, n_components: int) -> int:
        d = len(self.values)
        return d * (d + 1) // 2

    def precisions(self) -> Array:
        return self.whitener.T @ self.whitener

    def precisions_cholesky(self) -> Array:
        return np.ascontiguousarray(self.whitener.T)

    @classmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        return cls(values)

    @classmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        inverse = linalg.invert_lower(linalg.cholesky(precisions[None])[0])[0]
        return cls(inverse.T @ inverse)

    def to_vector(self) -> Array:
        return triangle_to_vector(self.factor[None])

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        factor = triangle_from_vector(vector, 1, n_features)[0]
        return cls(factor @ factor.T)

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features, n_features)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return np.repeat(self._cholesky[1], n_components)

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return self

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index[:, None], index])

    def scaled(self, factors: Array) -> Self:
        return type(self)(self.values * (factors[:, None] * factors))

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(other.values) if where.all() else self
