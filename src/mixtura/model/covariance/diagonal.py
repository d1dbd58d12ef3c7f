"""A variance for each feature of each component (mclust: VVI)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.numeric.moments import DIAGONAL

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Diagonal(Covariance):
    """Σ_k = diag(σ²_k1 … σ²_kD)."""

    values: Array  # (K, D)

    name = "diag"
    moment = DIAGONAL

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """σ²_kj = W_kj / n_k; zero for a component of no rows."""
        return cls(scatter / np.where(counts > 0, counts, 1.0)[:, None])

    def floored(self, floor: Array) -> Self:
        return type(self)(np.maximum(self.values, floor))

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount)

    def products(self, counts: Array) -> Array:
        return self.values * counts[:, None]

    def trace_with(self, products: Array) -> float:
        return float((products / self.values).sum())

    def log_det(self, n_components: int) -> Array:
        return np.log(self.values).sum(axis=1)

    def whiten(self, residual: Array, k: int) -> Array:
        return residual / np.sqrt(self.values[k])

    def unwhiten(self, z: Array, k: int) -> Array:
        return z * np.sqrt(self.values[k])

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        return None

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        return 1.0 / self.values

    def dense(self, n_components: int) -> Array:
        return self.values[:, :, None] * np.eye(self.values.shape[1])

    def n_free(self, n_components: int) -> int:
        return self.values.size

    def precisions(self) -> Array:
        return 1.0 / self.values

    def precisions_cholesky(self) -> Array:
        return 1.0 / np.sqrt(self.values)

    @classmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        return cls(values)

    @classmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        return cls(1.0 / precisions)

    def to_vector(self) -> Array:
        return 0.5 * np.log(self.values).ravel()

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        return cls(np.exp(2.0 * vector.reshape(n_components, n_features)))

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return np.logical_not((np.isfinite(self.values) & (self.values > 0)).all(axis=1))

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index])

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[:, index])

    def variances(self, n_components: int) -> Array:
        return self.values

    def solve(self, residual: Array, k: int) -> Array:
        return residual / self.values[k]

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(np.where(where[:, None], other.values, self.values))

    def worst_condition(self, n_components: int) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((self.values.max(axis=1) / self.values.min(axis=1)).max())
