"""A variance for each feature, the same in all components (mclust: EEI)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.numeric.moments import DIAGONAL

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EEI(Covariance):
    """Σ_k = diag(σ²_1 … σ²_D)."""

    values: Array  # (D,)

    name = letters = "EEI"
    words = "tied diag"
    moment = DIAGONAL
    independent = common = True
    separate = False

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """σ²_j = Σ_k W_kj / N."""
        total = counts.sum()
        return cls(scatter.sum(axis=0) / (total if total > 0 else 1.0))

    def floored(self, floor: Array) -> Self:
        """Exact: each variance is at least its floor."""
        return type(self)(np.maximum(self.values, floor))

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount)

    def products(self, counts: Array) -> Array:
        return counts[:, None] * self.values

    def trace_with(self, products: Array) -> float:
        return float((products / self.values).sum())

    def log_det(self, n_components: int) -> Array:
        return np.repeat(np.log(self.values).sum(), n_components)

    def whiten(self, residual: Array, k: int) -> Array:
        return residual / np.sqrt(self.values)

    def unwhiten(self, z: Array, k: int) -> Array:
        return z * np.sqrt(self.values)

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        return None

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        return np.repeat(1.0 / self.values[None], n_components, axis=0)

    def dense(self, n_components: int) -> Array:
        matrix = np.diag(self.values)
        return np.broadcast_to(matrix, (n_components, *matrix.shape))

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
        return 0.5 * np.log(self.values)

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        return cls(np.exp(2.0 * vector))

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_features,)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        sound = bool((np.isfinite(self.values) & (self.values > 0)).all())
        return np.full(n_components, not sound)

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return self

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index])

    def variances(self, n_components: int) -> Array:
        return np.broadcast_to(self.values, (n_components, len(self.values)))

    def scaled(self, factors: Array) -> Self:
        return type(self)(self.values * factors**2)

    def solve(self, residual: Array, k: int) -> Array:
        return residual / self.values

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(other.values) if where.all() else self

    def worst_condition(self, n_components: int) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(self.values.max() / self.values.min())
