"""The questions that every covariance family answers."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.moments import Moment

Array = NDArray[np.float64]

STRAY = 1e-6
"""How far matrices may be from a form, in parts of their largest number, to be called of it."""


class Covariance(ABC):
    """K covariance matrices of one form. Immutable; families below are final."""

    name: ClassVar[str]
    letters: ClassVar[str] = ""
    """What mclust calls the form, if it has it; see `letters`."""
    words: ClassVar[str] = ""
    """The form in words, where that is another name for it."""
    moment: ClassVar[Moment]
    """The second moments that the M-step of the family needs."""
    independent: ClassVar[bool] = False
    """Whether the features of a component are independent of each other."""
    common: ClassVar[bool] = False
    """Whether all components have the same matrix."""
    separate: ClassVar[bool] = True
    """Whether a matrix depends on its own component alone."""

    values: Array
    """The free numbers, in the shape of scikit-learn's ``covariances_``."""

    # What the fit asks.

    @classmethod
    @abstractmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """The M-step: the most likely matrices given counts (K,) and scatter about the means."""

    @classmethod
    def estimate_near(
        cls, counts: Array, scatter: Array, n_features: int, near: "Covariance"
    ) -> Self:
        """The same, for a family that is sought step by step: beginning with another member."""
        return cls.estimate(counts, scatter, n_features)

    @abstractmethod
    def floored(self, floor: Array) -> Self:
        """The most likely matrices that are at least diag(floor), floor of shape (D,)."""

    @abstractmethod
    def ridged(self, amount: float) -> Self:
        """These matrices plus amount times the identity."""

    @abstractmethod
    def products(self, counts: Array) -> Array:
        """The second moments, about the means, of counts (K,) rows from each component."""

    @abstractmethod
    def trace_with(self, products: Array) -> float:
        """Σ_k tr(Σ_k⁻¹ C_k) for second moments C."""

    # What the density asks.

    @abstractmethod
    def log_det(self, n_components: int) -> Array:
        """log|Σ_k|, shape (K,)."""

    @abstractmethod
    def whiten(self, residual: Array, k: int) -> Array:
        """Rows (n, D), less their mean, in coordinates where component k has unit covariance."""

    @abstractmethod
    def unwhiten(self, z: Array, k: int) -> Array:
        """Standard normal rows (n, D) as residuals of component k."""

    @abstractmethod
    def preconditioner(self, weights: Array, means: Array) -> Array | None:
        """G, (D, D): coordinates z = G⁻¹x in which the rows are of unit size; None for x itself."""

    @abstractmethod
    def precisions_in(self, transform: Array | None, n_components: int) -> Array:
        """Σ_k⁻¹ in those coordinates, as the moment's coefficients want them."""

    # What the outside asks.

    @abstractmethod
    def dense(self, n_components: int) -> Array:
        """The matrices themselves, shape (K, D, D)."""

    @abstractmethod
    def n_free(self, n_components: int) -> int:
        """Free parameters of the covariances alone."""

    @abstractmethod
    def precisions(self) -> Array:
        """Inverse covariances, in the shape of the values."""

    @abstractmethod
    def precisions_cholesky(self) -> Array:
        """Upper factors U with Σ⁻¹ = U Uᵀ, in the shape of the values."""

    @classmethod
    @abstractmethod
    def from_values(cls, values: Array, n_features: int) -> Self:
        """The member with these free numbers."""

    @classmethod
    @abstractmethod
    def from_precisions(cls, precisions: Array, n_features: int) -> Self:
        """The member with these inverses."""

    @abstractmethod
    def to_vector(self) -> Array:
        """Free coordinates: every vector is a member of the family."""

    @classmethod
    @abstractmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        """The member with these coordinates; `to_vector` undone."""

    @classmethod
    @abstractmethod
    def shape(cls, n_components: int, n_features: int) -> tuple[int, ...]:
        """The shape of the values."""

    @abstractmethod
    def degenerate(self, n_components: int) -> NDArray[np.bool_]:
        """Which components, (K,), have a matrix that is not numerically positive definite."""

    @abstractmethod
    def rearranged(self, index: NDArray[np.intp]) -> Self:
        """The matrices of these components, in this order."""

    @abstractmethod
    def replaced(self, where: NDArray[np.bool_], other: "Covariance") -> Self:
        """These matrices, with those of the other where the mask (K,) says so."""

    @abstractmethod
    def marginal(self, index: NDArray[np.intp]) -> "Covariance":
        """The matrices of these features alone, of this family or, where it is not closed, full."""

    def scaled(self, factors: Array) -> "Covariance | None":
        """The matrices of columns times factors (D,), or None where they are not of this family."""
        return None

    def strays(self, n_components: int) -> NDArray[np.bool_]:
        """Which components, (K,), do not have in common what this family says they have."""
        if self.separate or self.common:
            return np.zeros(n_components, dtype=np.bool_)
        dense, ones = self.dense(n_components), np.ones(n_components)
        held = self.estimate(ones, self.products(ones), dense.shape[-1]).dense(n_components)
        apart = np.abs(held - dense).max(axis=(1, 2))
        # What needles have in common is told with fewer digits.
        part = STRAY + 1e-15 * self.worst_condition(n_components)
        return np.logical_not(apart <= part * np.abs(dense).max(axis=(1, 2)))

    def variances(self, n_components: int) -> Array:
        """The variance of each feature of each component, shape (K, D)."""
        return np.diagonal(self.dense(n_components), axis1=1, axis2=2)

    def solve(self, residual: Array, k: int) -> Array:
        """Rows (n, D), less their mean, times the precision matrix of component k."""
        return self.whiten(residual, k) @ self.whiten(np.eye(residual.shape[1]), k).T

    def worst_condition(self, n_components: int) -> float:
        """The largest ratio of eigenvalues among the components' matrices."""
        values = np.linalg.eigvalsh(self.dense(n_components))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = values[:, -1] / values[:, 0]
        return float(np.where(values[:, 0] > 0, ratio, np.inf).max())

    def mahalanobis(self, x: Array, means: Array) -> Array:
        """Squared distances of rows x (n, D) from each mean, shape (n, K)."""
        distances = np.empty((len(x), len(means)))
        for k, mean in enumerate(means):
            y = self.whiten(x - mean, k)
            distances[:, k] = np.einsum("nd,nd->n", y, y)
        return distances


def triangle_to_vector(factors: Array) -> Array:
    """Lower triangles (K, D, D) as free numbers: the logarithm of the diagonal, then the rest."""
    d = factors.shape[-1]
    lower = np.tril_indices(d, -1)
    diagonal = np.log(np.diagonal(factors, axis1=1, axis2=2))
    return np.concatenate([diagonal, factors[:, lower[0], lower[1]]], axis=1).ravel()


def triangle_from_vector(vector: Array, n_matrices: int, n_features: int) -> Array:
    """`triangle_to_vector` undone, shape (n_matrices, D, D)."""
    rows = vector.reshape(n_matrices, -1)
    factors = np.zeros((n_matrices, n_features, n_features))
    lower = np.tril_indices(n_features, -1)
    factors[:, lower[0], lower[1]] = rows[:, n_features:]
    diagonal = np.arange(n_features)
    factors[:, diagonal, diagonal] = np.exp(rows[:, :n_features])
    return factors
