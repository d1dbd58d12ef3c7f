"""Matrices that have their volume, shape or orientation in common: what these forms have alike."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import orientation, spectrum
from mixtura.model.covariance.dense import Dense
from mixtura.model.covariance.family import Covariance
from mixtura.model.covariance.full import Full
from mixtura.model.covariance.letters import n_free
from mixtura.numeric import linalg

Array = NDArray[np.float64]

ROUNDING = 1e-9
"""The part of a floor that a matrix may be below it."""


@dataclass(frozen=True, eq=False)
class Ellipsoids(Dense):
    """Σ_k = λ_k Q_k A_k Q_kᵀ with |A_k| = 1, and λ, A or Q the same for all components."""

    separate = False
    follows_units: ClassVar[bool] = False
    """Whether columns in other units keep the form."""

    @classmethod
    def form(cls) -> str:
        """The letters of volume and shape."""
        return cls.letters[:2]

    @property
    @abstractmethod
    def axes(self) -> Array:
        """Q_k, (K, D, D), or (1, D, D) where they are the same."""

    @cached_property
    def lengths(self) -> Array:
        """Eigenvalues along the axes, (K, D)."""
        return np.maximum(spectrum.along(self.axes, self.values), 0.0)

    @classmethod
    def of(cls, axes: Array, lengths: Array) -> Self:
        """The member with these axes, (K, D, D) or (1, D, D), and eigenvalues, (K, D)."""
        return cls(spectrum.matrices(axes, lengths))

    def floored(self, floor: Array) -> Self:
        """A member that is at least diag(floor), near this one, with its axes.

        How eigenvalues are raised says `spectrum.raised`. Where the form follows the units of
        columns, they are those in units of the floor, and what they need is exact. Otherwise
        `spectrum.needed` says what is sure to do: exact for equal floors.
        """
        # A member that stands on the floor is not raised again by what rounding took of it.
        low = linalg.cholesky(self.values - (1.0 - ROUNDING) * np.diag(floor))[1]
        if not low.any():
            return self
        if self.follows_units:
            unit = np.sqrt(floor)
            scale = unit[:, None] * unit
            there = type(self)(linalg.symmetrise(self.values / scale))
            least = np.ones(there.lengths.shape)
            raised = spectrum.raised(self.form(), there.lengths, least)
            return type(self)(spectrum.matrices(there.axes, raised) * scale)
        least = np.broadcast_to(spectrum.needed(self.axes, floor), self.lengths.shape)
        return self.of(self.axes, spectrum.raised(self.form(), self.lengths, least))

    def ridged(self, amount: float) -> Self:
        """Exact with one volume and shape, or none; else the likeliest member, above the amount."""
        if self.form() in ("EE", "VV"):
            return type(self)(self.values + amount * np.eye(self.values.shape[-1]))
        wider = self.lengths + amount
        found = spectrum.FORMS[self.form()](np.ones(len(wider)), wider)
        least = np.full(found.shape, amount)
        return self.of(self.axes, spectrum.raised(self.form(), found, least))

    def n_free(self, n_components: int) -> int:
        return n_free(self.letters, n_components, self.values.shape[-1])

    def to_vector(self) -> Array:
        """Of volumes and shapes, then the numbers of Cayley's transform for each set of axes."""
        turns = orientation.angles(self.axes)
        return np.concatenate([spectrum.to_vector(self.form(), self.lengths), turns.ravel()])

    @classmethod
    def from_vector(cls, vector: Array, n_components: int, n_features: int) -> Self:
        k, d = n_components, n_features
        size = spectrum.n_coordinates(cls.form(), k, d)
        lengths = spectrum.from_vector(cls.form(), vector[:size], k, d)
        turns = vector[size:].reshape(k if cls.letters[2] == "V" else 1, d * (d - 1) // 2)
        return cls.of(orientation.rotation(turns, d), lengths)

    def scaled(self, factors: Array) -> Self | None:
        if not self.follows_units and (np.abs(factors) != np.abs(factors[0])).any():
            return None
        return type(self)(self.values * (factors[:, None] * factors))

    def marginal(self, index: NDArray[np.intp]) -> Covariance:
        """Full: what components have in common is not seen in fewer dimensions."""
        return Full(self.values[:, index[:, None], index])

    def replaced(self, where: NDArray[np.bool_], other: Covariance) -> Self:
        """What is a component's own comes from the other; what all share stays, unless all go."""
        if where.all():
            return type(self)(other.values)
        if not where.any() or not isinstance(other, Ellipsoids):
            return self
        axes, theirs = self.axes, other.axes
        if self.letters[2] == "V":
            axes = np.where(where[:, None, None], theirs, axes)
        lengths = spectrum.replaced(self.form(), where, self.lengths, other.lengths)
        changed = self.of(axes, lengths).values
        # Others keep every bit.
        return type(self)(np.where(where[:, None, None], changed, self.values))
