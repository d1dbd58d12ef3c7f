"""Ellipsoids with the same axes (mclust: EVE, VVE)."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import orientation, spectrum
from mixtura.model.covariance.ellipsoids import Ellipsoids
from mixtura.model.covariance.family import Covariance
from mixtura.numeric import linalg

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Aligned(Ellipsoids):
    """Σ_k = λ_k Q A_k Qᵀ: what a component has along common axes, they being the most likely."""

    @classmethod
    @abstractmethod
    def objective(cls, counts: Array) -> orientation.Objective:
        """Minus twice the log likelihood of axes, by what lies along them, and its slopes."""

    @cached_property
    def _axes(self) -> Array:
        inverse_sizes = 1.0 / np.maximum(np.trace(self.values, axis1=1, axis2=2), 1e-300)
        sized = self.values * inverse_sizes[:, None, None]
        return _ordered(self._common(np.ones(len(sized)), sized), sized)

    @property
    def axes(self) -> Array:
        return self._axes

    @classmethod
    def of(cls, axes: Array, lengths: Array) -> Self:
        found = cls(spectrum.matrices(axes, lengths))
        object.__setattr__(found, "_axes", axes)  # they are known, and need not be sought
        return found

    def scaled(self, factors: Array) -> Self | None:
        found = super().scaled(factors)
        if found is not None and "_axes" in self.__dict__ and (factors == factors[0]).all():
            object.__setattr__(found, "_axes", self._axes)
        return found

    @classmethod
    def along(cls, axes: Array, values: Array) -> Self:
        """Matrices (K, D, D) that are diagonal along axes (D, D)."""
        found = cls(values)
        object.__setattr__(found, "_axes", _ordered(axes, values))
        return found

    @classmethod
    def _common(cls, counts: Array, scatter: Array, near: Array | None = None) -> Array:
        """Common axes, (D, D)."""
        some = (np.trace(scatter, axis1=1, axis2=2) > 0) & (counts > 0)
        if not some.any():
            return np.eye(scatter.shape[-1])
        return orientation.common(
            orientation.definite(scatter[some]), cls.objective(counts[some]), near
        )

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """Axes by turns that always descend [@BrowneMcNicholas2014], and what lies along them."""
        return cls._along(counts, scatter, None)

    @classmethod
    def estimate_near(
        cls, counts: Array, scatter: Array, n_features: int, near: Covariance
    ) -> Self:
        """The same, no less likely than any member with the axes of another."""
        return cls._along(counts, scatter, near.axes[0] if isinstance(near, Aligned) else None)

    @classmethod
    def _along(cls, counts: Array, scatter: Array, near: Array | None) -> Self:
        scatter = linalg.symmetrise(scatter)
        axes = cls._common(counts, scatter, near)[None]
        w = np.maximum(spectrum.along(axes, scatter), 0.0)
        return cls.of(axes, spectrum.FORMS[cls.form()](counts, w))


def _ordered(axes: Array, values: Array) -> Array:
    """Axes (1, D, D), those first along which matrices are longest together."""
    order = np.argsort(-spectrum.along(axes[None], values).sum(axis=0), kind="stable")
    return axes[None, :, order]


@dataclass(frozen=True, eq=False)
class EVE(Aligned):
    """Σ_k = λ Q A_k Qᵀ: shapes of their own, one volume, the same axes."""

    name = letters = "EVE"
    words = "equal volume and orientation"

    @classmethod
    def objective(cls, counts: Array) -> orientation.Objective:
        n = counts.sum()

        def value(q: Array) -> tuple[float, Array]:
            logs = np.log(np.maximum(q, 1e-300))
            means = logs.mean(axis=1)
            top = means.max()
            parts = np.exp(means - top)
            whole = parts.sum()
            slopes = (n * parts / whole)[:, None] / np.maximum(q, 1e-300)
            return float(n * q.shape[1] * (top + np.log(whole))), slopes

        return value


@dataclass(frozen=True, eq=False)
class VVE(Aligned):
    """Σ_k = Q diag(e_k) Qᵀ: the same axes, all else their own; common principal components."""

    name = letters = "VVE"
    words = "equal orientation"

    @classmethod
    def objective(cls, counts: Array) -> orientation.Objective:
        def value(q: Array) -> tuple[float, Array]:
            held = np.maximum(q, 1e-300)
            return float(counts @ np.log(held).sum(axis=1)), counts[:, None] / held

        return value
