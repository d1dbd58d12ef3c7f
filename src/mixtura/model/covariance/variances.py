"""Variances along the columns, for each component: what all forms of them have alike."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.numeric.moments import DIAGONAL

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Variances(Covariance):
    """Σ_k = diag(σ²_k1 … σ²_kD), whatever the components have in common."""

    values: Array  # (K, D)

    moment = DIAGONAL
    independent = True

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

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return np.logical_not((np.isfinite(self.values) & (self.values > 0)).all(axis=1))

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index])

    def variances(self, n_components: int) -> Array:
        return self.values

    def scaled(self, factors: Array) -> Self:
        return type(self)(self.values * factors**2)

    def solve(self, residual: Array, k: int) -> Array:
        return residual / self.values[k]

    def worst_condition(self, n_components: int) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            return float((self.values.max(axis=1) / self.values.min(axis=1)).max())
