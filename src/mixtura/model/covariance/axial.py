"""Variances along the columns with one shape, or one volume, for all (mclust: VEI, EVI)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import spectrum
from mixtura.model.covariance.diagonal import Diagonal
from mixtura.model.covariance.family import Covariance
from mixtura.model.covariance.letters import n_free
from mixtura.model.covariance.variances import Variances

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Axial(Variances):
    """Σ_k = λ_k A_k with diagonal A_k, |A_k| = 1, and one λ or one A for all components."""

    separate = False

    @classmethod
    def form(cls) -> str:
        """The letters of volume and shape."""
        return cls.letters[:2]

    @classmethod
    def estimate(cls, counts: Array, scatter: Array, n_features: int) -> Self:
        """The most likely variances; see `spectrum` for each form."""
        return cls(spectrum.FORMS[cls.form()](counts, np.maximum(scatter, 0.0)))

    def floored(self, floor: Array) -> Self:
        """A member that is at least diag(floor), near this one: `spectrum.raised` says which."""
        if (self.values >= floor).all():
            return self
        least = np.broadcast_to(floor, self.values.shape)
        return type(self)(spectrum.raised(self.form(), self.values, least))

    def ridged(self, amount: float) -> Self:
        """The member likeliest to have made rows of these variances plus the amount, above it."""
        wider = self.values + amount
        found = spectrum.FORMS[self.form()](np.ones(len(wider)), wider)
        return type(self)(spectrum.raised(self.form(), found, np.full(found.shape, amount)))

    def n_free(self, n_components: int) -> int:
        return n_free(self.letters, n_components, self.values.shape[1])

    def to_vector(self) -> Array:
        return spectrum.to_vector(self.form(), self.values)

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        return cls(spectrum.from_vector(cls.form(), vector, n_components, n_features))

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        return type(self)(spectrum.replaced(self.form(), where, self.values, other.values))


@dataclass(frozen=True, eq=False)
class VEI(Axial):
    """Σ_k = λ_k A: sizes of their own, one shape."""

    name = letters = "VEI"
    words = "diag, equal shape"

    def marginal(self, index: NDArray[np.intp]) -> Self:
        return type(self)(self.values[:, index])


@dataclass(frozen=True, eq=False)
class EVI(Axial):
    """Σ_k = λ A_k: shapes of their own, one volume."""

    name = letters = "EVI"
    words = "diag, equal volume"

    def marginal(self, index: NDArray[np.intp]) -> Diagonal:
        """Diagonal: in fewer dimensions volumes differ."""
        return Diagonal(self.values[:, index])
