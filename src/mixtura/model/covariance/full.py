"""A covariance matrix of its own for each component (mclust: VVV)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.dense import Dense
from mixtura.model.covariance.family import (
    Covariance,
    triangle_from_vector,
    triangle_to_vector,
)
from mixtura.numeric import linalg

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Full(Dense):
    """Σ_k free for each component."""

    name = "full"
    letters = "VVV"

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """Σ_k = W_k / n_k; zero for a component of no rows."""
        return cls(linalg.symmetrise(scatter / np.where(counts > 0, counts, 1.0)[:, None, None]))

    def floored(self, floor: Array) -> Self:
        raised = linalg.raise_to_floor(self.values, floor)
        return self if raised is self.values else type(self)(raised)

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount * np.eye(self.values.shape[-1]))

    def n_free(self, n_components: int) -> int:
        d = self.values.shape[-1]
        return n_components * d * (d + 1) // 2

    def to_vector(self) -> Array:
        return triangle_to_vector(self.factors)

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        factors = triangle_from_vector(vector, n_components, n_features)
        return cls(factors @ np.swapaxes(factors, 1, 2))

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[:, index[:, None], index])

    def scaled(self, factors: Array) -> Self:
        return type(self)(self.values * (factors[:, None] * factors))

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(np.where(where[:, None, None], other.values, self.values))
