"""A covariance matrix of its own for each component (mclust: VVV)."""

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
from mixtura.numeric.moments import FULL

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Full(Covariance):
    """Σ_k free for each component."""

    values: Array  # (K, D, D)

    name = "full"
    moment = FULL

    @cached_property
    def _cholesky(self) -> tuple[Array, NDArray[np.bool_]]:
        return linalg.cholesky(self.values)

    @property
    def factors(self) -> Array:
        """Lower Cholesky factors L_k, (K, D, D)."""
        return self._cholesky[0]

    @cached_property
    def whiteners(self) -> Array:
        """L_k⁻¹, (K, D, D)."""
        return linalg.invert_lower(self.factors)

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """Σ_k = W_k / n_k; zero for a component of no rows."""
        return cls(linalg.symmetrise(scatter / np.where(counts > 0, counts, 1.0)[:, None, None]))

    def floored(self, floor: Array) -> Self:
        raised = linalg.raise_to_floor(self.values, floor)
        return self if raised is self.values else type(self)(raised)

    def ridged(self, amount: float) -> Self:
        return type(self)(self.values + amount * np.eye(self.values.shape[-1]))

    def products(self, counts: Array) -> Array:
        return self.values * counts[:, None, None]

    def trace_with(self, products: Array) -> float:
        return float(np.einsum("kij,kij->", self.precisions(), products))

    def log_det(self, n_components: int) -> Array:
        return linalg.log_det_from_cholesky(self.factors)

    def whiten(self, residual: Array, k: int) -> Array:
        return residual @ self.whiteners[k].T

    def unwhiten(self, z: Array, k: int) -> Array:
        return z @ self.factors[k].T

    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        """The Cholesky factor of the mixture's own covariance."""
        centred = means - weights @ means
        total = np.einsum("k,kij->ij", weights, self.values) + (weights * centred.T) @ centred
        return linalg.cholesky(total[None])[0][0]

    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        assert transform is not None
        whitened = self.whiteners @ transform
        return np.swapaxes(whitened, 1, 2) @ whitened

    def dense(self, n_components: int) -> Array:
        return self.values

    def n_free(self, n_components: int) -> int:
        d = self.values.shape[-1]
        return n_components * d * (d + 1) // 2

    def precisions(self) -> Array:
        return np.swapaxes(self.whiteners, 1, 2) @ self.whiteners

    def precisions_cholesky(self) -> Array:
        return np.ascontiguousarray(np.swapaxes(self.whiteners, 1, 2))

    @classmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        return cls(values)

    @classmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        inverse = linalg.invert_lower(linalg.cholesky(precisions)[0])
        return cls(np.swapaxes(inverse, 1, 2) @ inverse)

    def to_vector(self) -> Array:
        return triangle_to_vector(self.factors)

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        factors = triangle_from_vector(vector, n_components, n_features)
        return cls(factors @ np.swapaxes(factors, 1, 2))

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return self._cholesky[1]

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index])

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[:, index[:, None], index])

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(np.where(where[:, None, None], other.values, self.values))
