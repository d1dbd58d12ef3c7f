"""Ellipsoids that differ in size alone (mclust: VEE)."""

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
class VEE(Ellipsoids):
    """Σ_k = λ_k C with |C| = 1."""

    name = letters = "VEE"
    words = "equal shape and orientation"
    follows_units = True

    @cached_property
    def _axes(self) -> Array:
        sizes = np.trace(self.values, axis1=1, axis2=2)
        return orientation.descending(self.values[[int(sizes.argmax())]])[1]

    @property
    def axes(self) -> Array:
        return self._axes

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """The volumes by Newton's method, then C ∝ Σ_k W_k / λ_k; zero where nothing is.

        Where the rows of all components together are collinear, one C for equal volumes.
        """
        found = np.zeros(scatter.shape)
        some = (np.trace(scatter, axis1=1, axis2=2) > 0) & (counts > 0)
        if not some.any():
            return cls(found)
        n, mine = counts[some], linalg.symmetrise(scatter[some])
        whole = mine.sum(axis=0)
        factor, failed = linalg.cholesky(whole[None])
        if failed.any():
            return cls(np.repeat((whole / n.sum())[None], len(counts), axis=0))
        inverse = linalg.invert_lower(factor)[0]
        white = linalg.symmetrise(inverse @ mine @ inverse.T)
        d = n_features

        def share(x: Array) -> tuple[float, Array, Array]:
            parts = white * np.exp(-x)[:, None, None]
            inner = linalg.cholesky(parts.sum(axis=0)[None])[0]
            across = linalg.invert_lower(inner)[0]
            parts = (across @ parts @ across.T).reshape(len(x), d * d)
            traces = parts[:, :: d + 1].sum(axis=1)
            return float(linalg.log_det_from_cholesky(inner)[0]), traces, parts @ parts.T

        volumes = np.exp(spectrum.log_volumes(n, d, share))
        matrix = (mine / volumes[:, None, None]).sum(axis=0) / n.sum()
        found[some] = volumes[:, None, None] * matrix
        return cls(found)

    def to_vector(self) -> Array:
        """Half the logarithms of the volumes, then a triangle of determinant one."""
        volumes, rest = triangles.to_rows(self.factors)
        return np.concatenate([volumes, rest[0]])

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        volumes, rest = vector[:n_components], vector[n_components:]
        rows = np.repeat(rest[None], n_components, axis=0)
        factors = triangles.from_rows(volumes, rows, n_features)
        return cls(factors @ np.swapaxes(factors, 1, 2))

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[:, index[:, None], index])
