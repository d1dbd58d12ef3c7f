"""One variance for all features of all components (mclust: EII)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.numeric.moments import TRACE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EII(Covariance):
    """Σ_k = σ² I: balls of one size. What k-means has in mind."""

    values: Array  # (1,)
    n_features: int

    name = letters = "EII"
    words = "tied spherical"
    moment = TRACE
    independent = common = True
    separate = False

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """σ² = Σ_k tr W_k / (N D)."""
        total = counts.sum()
        return cls(
            scatter.sum(keepdims=True) / ((total if total > 0 else 1.0) * n_features), n_features
        )

    def floored(self, floor: Array) -> Self:
        """Exact: the one variance is at least the largest floor."""
        return type(self)(np.maximum(self.values, floor.max()), self.n_features)

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount, self.n_features)

    def products(self, counts: Array) -> Array:
        return self.values * counts * self.n_features

    def trace_with(self, products: Array) -> float:
        return float(products.sum() / self.values[0])

    def log_det(self, n_components: int) -> Array:
        return np.repeat(self.n_features * np.log(self.values), n_components)

    def whiten(self, residual: Array, k: int) -> Array:
        return residual / np.sqrt(self.values)

    def unwhiten(self, z: Array, k: int) -> Array:
        return z * np.sqrt(self.values)

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        return None

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        return np.repeat(1.0 / self.values, n_components)

    def dense(self, n_components: int) -> Array:
        matrix = self.values * np.eye(self.n_features)
        return np.broadcast_to(matrix, (n_components, *matrix.shape))

    def n_free(self, n_components: int) -> int:
        return 1

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
        return (1,)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return np.repeat(~(np.isfinite(self.values) & (self.values > 0)), n_components)

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return self

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values, len(index))

    def variances(self, n_components: int) -> Array:
        return np.broadcast_to(self.values, (n_components, self.n_features))

    def scaled(self, factors: Array) -> Self | None:
        if (np.abs(factors) != np.abs(factors[0])).any():
            return None
        return type(self)(self.values * factors[0] ** 2, self.n_features)

    def solve(self, residual: Array, k: int) -> Array:
        return residual / self.values

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(other.values, self.n_features) if where.all() else self

    def worst_condition(self, n_components: int) -> float:
        return 1.0
