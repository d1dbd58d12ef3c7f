"""A matrix for each component: what all forms of them have alike."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.family import Covariance
from mixtura.numeric import linalg
from mixtura.numeric.moments import FULL

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dense(Covariance):
    """Σ_k as matrices, whatever they have in common."""

    values: Array  # (K, D, D)

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

    @classmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        return (n_components, n_features, n_features)

    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        return self._cholesky[1]

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[index])
