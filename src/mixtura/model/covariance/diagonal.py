"""A variance for each feature of each component (mclust: VVI)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.model.covariance.variances import Variances

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Diagonal(Variances):
    """Σ_k = diag(σ²_k1 … σ²_kD)."""

    name = "diag"
    letters = "VVI"

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """σ²_kj = W_kj / n_k; zero for a component of no rows."""
        return cls(scatter / np.where(counts > 0, counts, 1.0)[:, None])

    def floored(self, floor: Array) -> Self:
        return type(self)(np.maximum(self.values, floor))

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount)

    def n_free(self, n_components: int) -> int:
        return self.values.size

    def to_vector(self) -> Array:
        return 0.5 * np.log(self.values).ravel()

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        return cls(np.exp(2.0 * vector.reshape(n_components, n_features)))

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[:, index])

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(np.where(where[:, None], other.values, self.values))
