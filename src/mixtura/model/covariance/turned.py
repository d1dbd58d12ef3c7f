"""Ellipsoids with axes of their own, and one volume or shape (mclust: EEV, VEV, EVV)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import orientation, spectrum, triangles
from mixtura.model.covariance.ellipsoids import Ellipsoids
from mixtura.numeric import linalg

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Turned(Ellipsoids):
    """Σ_k = λ_k Q_k A_k Q_kᵀ: the axes of W_k, from the longest on, are the most likely Q_k."""

    @cached_property
    def _decomposed(self) -> tuple[Array, Array]:
        return orientation.descending(self.values)

    @property
    def axes(self) -> Array:
        return self._decomposed[1]

    @cached_property
    def lengths(self) -> Array:
        return self._decomposed[0]

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """Eigenvalues of W_k, shared as the form has it [@CeleuxGovaert1995]."""
        w, axes = orientation.settled(linalg.symmetrise(scatter))
        return cls.of(axes, spectrum.FORMS[cls.form()](counts, w))


@dataclass(frozen=True, eq=False)
class EEV(Turned):
    """Σ_k = λ Q_k A Q_kᵀ: the same ellipsoid, turned."""

    name = letters = "EEV"
    words = "equal volume and shape"


@dataclass(frozen=True, eq=False)
class VEV(Turned):
    """Σ_k = λ_k Q_k A Q_kᵀ: one shape, in sizes and orientations of their own."""

    name = letters = "VEV"
    words = "equal shape"


@dataclass(frozen=True, eq=False)
class EVV(Turned):
    """Σ_k = λ C_k with |C_k| = 1: matrices of their own, but of one volume."""

    name = letters = "EVV"
    words = "equal volume"
    follows_units = True

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """C_k = W_k / |W_k|^(1/D) and λ = Σ_k |W_k|^(1/D) / N; by axes where a W_k is flat.

        Determinants are those of triangles, which keep their digits whatever the units of columns.
        """
        scatter = linalg.symmetrise(scatter)
        factors, failed = linalg.cholesky(scatter)
        if failed.any():
            return super().estimate(counts, scatter, n_features)
        sizes = np.exp(linalg.log_det_from_cholesky(factors) / n_features)
        volume = sizes.sum() / counts.sum()
        return cls(scatter * (volume / sizes)[:, None, None])

    def to_vector(self) -> Array:
        """Half the logarithm of the volume, then triangles of determinant one."""
        volumes, rest = triangles.to_rows(self.factors)
        return np.concatenate([volumes[:1], rest.ravel()])

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        rows = vector[1:].reshape(n_components, -1)
        factors = triangles.from_rows(np.repeat(vector[:1], n_components), rows, n_features)
        return cls(factors @ np.swapaxes(factors, 1, 2))
