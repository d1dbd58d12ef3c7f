"""What components have in common in a mixture of factor analysers: the twelve parsimonious forms.

Σ_k = Λ_k Λ_kᵀ + ω_k Δ_k, with D × H loadings Λ and a diagonal Δ of determinant one
[@McNicholasMurphy2008] [@McNicholasMurphy2010]. Letters say of loadings, Δ, ω and of whether Δ is
the identity: C that it is common to all components (or the identity), U that it is not. Where three
letters tell a form, they are for loadings, Ψ = ωΔ, and whether Ψ is a multiple of the identity.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDS = 1_000
"""Rounds for shape and volume where one is common and the other is not, at the most."""


@dataclass(frozen=True)
class Form:
    """Which parts of the covariances components have in common."""

    name: str
    loadings: bool
    """Λ is common."""
    shape: bool
    """Δ is common."""
    volume: bool
    """ω is common."""
    isotropic: bool
    """Δ is the identity."""

    @classmethod
    def of(cls, name: str) -> "Form":
        """From three or four letters."""
        letters = name if len(name) == 4 else name[0] + 2 * name[1] + name[2]
        return cls(name, *(letter == "C" for letter in letters))

    @property
    def own(self) -> bool:
        """Nothing is common but the form."""
        return not (self.loadings or self.volume or (self.shape and not self.isotropic))

    def n_free(self, n_components: int, n_features: int, n_factors: int) -> int:
        """Free parameters: loadings less what a rotation of the factors takes, and variances."""
        k, d, h = n_components, n_features, n_factors
        loadings = (d * h - h * (h - 1) // 2) * (1 if self.loadings else k)
        volumes = 1 if self.volume else k
        if self.isotropic:
            return loadings + volumes
        return loadings + volumes + (d - 1) * (1 if self.shape else k)

    def variances(self, counts: Array, squares: Array) -> Array:
        """The likeliest variances ψ (K, D) for mean squares (K, D) of counts (K,) rows each."""
        k, d = squares.shape
        share = counts / counts.sum() if counts.sum() > 0 else np.full(k, 1.0 / k)
        if self.isotropic:
            volumes = squares.mean(axis=1)
            if self.volume:
                volumes = np.full(k, share @ volumes)
            return np.repeat(volumes[:, None], d, axis=1)
        if self.shape and self.volume:
            return np.repeat((share @ squares)[None], k, axis=0)
        if self.volume:  # the volumes are those of each shape
            volumes = _volume(squares)
            return squares / volumes * (share @ volumes)
        return _one_shape(share, squares) if self.shape else squares

    def floored(self, variances: Array, floor: Array) -> Array:
        """Variances of this form that are no less than a floor, (D,) or (K, D)."""
        least = np.broadcast_to(floor, variances.shape)
        if self.isotropic:
            least = np.broadcast_to(least.max(axis=1, keepdims=True), variances.shape)
            return np.maximum(variances, least.max() if self.volume else least)
        if self.shape == self.volume:
            return np.maximum(variances, least.max(axis=0) if self.shape else least)
        ratio = np.maximum(least / variances, 1.0)  # one shape is raised, or one volume
        return variances * (ratio.max(axis=0) if self.shape else ratio.max())

    def ridged(self, variances: Array, amount: float) -> Array:
        """Variances plus an amount; the nearest of this form, where that is not of it."""
        raised = variances + amount
        if self.isotropic or self.shape == self.volume:
            return raised
        return self.variances(np.ones(len(raised)), raised)

    def to_vector(self, variances: Array) -> Array:
        """Free coordinates of variances (K, D) of this form: any numbers are some."""
        logs = np.log(variances)
        volumes = logs.mean(axis=1)
        shapes = (logs - volumes[:, None])[:, 1:]
        parts = [volumes[:1] if self.volume else volumes]
        if not self.isotropic:
            parts.append((shapes[:1] if self.shape else shapes).ravel())
        return np.concatenate(parts)

    def from_vector(self, vector: Array, n_components: int, n_features: int) -> Array:
        """The variances with these coordinates, (K, D)."""
        k, d = n_components, n_features
        n = 1 if self.volume else k
        logs = np.zeros((k, d))
        if not self.isotropic:
            rest = vector[n:].reshape(1 if self.shape else k, d - 1)
            logs[:, 1:] = rest
            logs[:, 0] = -rest.sum(axis=1)
        return np.exp(logs + vector[:n, None])

    def slopes(self, logs: Array) -> Array:
        """Slopes along those coordinates, from slopes along logarithms of variances, (K, D)."""
        volumes, shapes = logs.sum(axis=1), logs[:, 1:] - logs[:, :1]
        parts = [volumes.sum(keepdims=True) if self.volume else volumes]
        if not self.isotropic:
            parts.append(shapes.sum(axis=0) if self.shape else shapes.ravel())
        return np.concatenate(parts)


def _volume(squares: Array) -> Array:
    """The geometric mean of each row, (K, 1)."""
    return np.exp(np.log(squares).mean(axis=1, keepdims=True))


def _one_shape(share: Array, squares: Array) -> Array:
    """Variances of one shape and K volumes: each in turn, given the other, until they stand."""
    present = share > 0
    volumes = squares.mean(axis=1, keepdims=True)
    shape = np.ones_like(squares[:1])
    for _ in range(ROUNDS):
        shape = (share[present, None] * (squares / volumes)[present]).sum(axis=0, keepdims=True)
        shape /= _volume(shape)
        last, volumes = volumes, (squares / shape).mean(axis=1, keepdims=True)
        if np.abs(volumes - last).max() <= 1e-14 * volumes.max():
            break
    return shape * volumes


FORMS: dict[str, Form] = {
    name: Form.of(name)
    for name in (
        *("CCC", "CCU", "CUC", "CUU", "UCC", "UCU", "UUC", "UUU"),
        *("CCUU", "CUCU", "UCUU", "UUCU"),
    )
}
"""By name. UUU is the mixture of factor analysers, UUC that of principal components."""
