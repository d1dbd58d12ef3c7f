"""One variance for each component (mclust: VII)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.numeric.moments import TRACE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spherical(Covariance):
    """Σ_k = σ²_k I."""

    values: Array  # (K,)
    n_features: int

    name = "spherical"
    letters = "VII"
    moment = TRACE
    independent = True

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """σ²_k = tr W_k / (n_k D); zero for a component of no rows."""
        return cls(scatter / (np.where(counts > 0, counts, 1.0) * n_features), n_features)

    def floored(self, floor: Array) -> Self:
        return type(self)(np.maximum(self.values, floor.max()), self.n_features)

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount, self.n_features)

    def products(self, counts: Array) -> Array:
        return self.values * counts * self.n_features

    def trace_with(self, products: Array) -> float:
        return float((products / self.values).sum())

    def log_det(self, n_components: int) -> Array:
        return self.n_features * np.log(self.values)

    def whiten(self, residual: Array, k: int) -> Array:
        return residual / np.sqrt(self.values[k])

    def unwhiten(self, z: Array, k: int) -> Array:
        return z * np.sqrt(self.values[k])

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        return None

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        return 1.0 / self.values

    def dense(self, n_components: int) -> Array:
        return self.values[:, None, None] * np.eye(self.n_features)

    def n_free(self, n_components: int) -> int:
        return n_components

    def precisions(self) -> Array:
        return 1.0 / self.values

    def precisions_cholesky(self) -> Array:
        return 1.0 / np.sqrt(self.values)

    @classmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        return cls(values, n_features)

    @classmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        return cls(1.0 / precisions, n_features)

    def to_vector(self) -> Array:
        return 0.5 * np.log(self.values)

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        return cls(np.exp(2.0 * vector), n_features)

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components,)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return ~(np.isfinite(self.values) & (self.values > 0))

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index], self.n_features)

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values, len(index))

    def variances(self, n_components: int) -> Array:
        return np.repeat(self.values[:, None], self.n_features, axis=1)

    def solve(self, residual: Array, k: int) -> Array:
        return residual / self.values[k]

    def scaled(self, factors: Array) -> Self | None:
        if (np.abs(factors) != np.abs(factors[0])).any():
            return None
        return type(self)(self.values * factors[0] ** 2, self.n_features)

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(np.where(where, other.values, self.values), self.n_features)

    def worst_condition(self, n_components: int) -> float:
        return 1.0
