"""What is believed of precision matrices Λ, by the form that covariances have.

Everything is told by degrees of freedom ν and a scale C, of the form of the family, with
E[Λ] = ν C⁻¹. The density is proportional to exp(ν/2 log|Λ| − ½ tr(C Λ)) over a measure that forms
differ by; so they differ by a function G(ν) in the logarithm of what it is divided by,

    A = −ν/2 log|C| + ν D/2 log 2 + G(ν),    E log|Λ| = −log|C| + D log 2 + 2 G′(ν).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

Array = NDArray[np.float64]


class Tails(NamedTuple):
    """A component's density with its precision integrated out: a t distribution."""

    degrees_of_freedom: Array  # (K,)
    scale: Array  # (K,): its matrix is this times C / ν
    independent: bool
    """Whether each column has a t distribution of its own."""


class Precision(ABC):
    """A form of the prior of precision matrices; immutable, those below are final."""

    @abstractmethod
    def log_gamma(self, nu: Array, d: int) -> Array:
        """G(ν), (K,)."""

    @abstractmethod
    def digamma(self, nu: Array, d: int) -> Array:
        """2 G′(ν), (K,)."""

    @abstractmethod
    def tails(self, nu: Array, d: int) -> Tails:
        """The t distribution of a row about a mean that is known."""


def _log_gamma(nu: Array, d: int) -> Array:
    """The logarithm of the multivariate gamma function of ν/2."""
    halves = 0.5 * (nu[:, None] - np.arange(d))
    return gammaln(halves).sum(axis=1) + 0.25 * d * (d - 1) * np.log(np.pi)


def _digamma(nu: Array, d: int) -> Array:
    """Twice its derivative in ν."""
    return digamma(0.5 * (nu[:, None] - np.arange(d))).sum(axis=1)


@dataclass(frozen=True)
class Wishart(Precision):
    """A Wishart distribution of each component's matrix, whatever the form of its scale.

    For scales that are diagonal, spherical or the same for all components this is the posterior
    that is nearest to the exact one, of full matrices, among those of that form.
    """

    def log_gamma(self, nu: Array, d: int) -> Array:
        """G(ν), (K,)."""
        return _log_gamma(nu, d)

    def digamma(self, nu: Array, d: int) -> Array:
        """2 G′(ν), (K,)."""
        return _digamma(nu, d)

    def tails(self, nu: Array, d: int) -> Tails:
        """The t distribution of a row about a known mean."""
        own = nu - d + 1.0
        return Tails(own, nu / own, independent=False)


@dataclass(frozen=True)
class SharedWishart(Precision):
    """One Wishart distribution, of the matrix that all components share.

    It has K ν degrees of freedom and the scale K C: ν counts rows of one component.
    """

    def log_gamma(self, nu: Array, d: int) -> Array:
        """G(ν), (K,)."""
        k = len(nu)
        return _log_gamma(k * nu, d) / k - 0.5 * nu * d * np.log(k)

    def digamma(self, nu: Array, d: int) -> Array:
        """2 G′(ν), (K,)."""
        k = len(nu)
        return _digamma(k * nu, d) - d * np.log(k)

    def tails(self, nu: Array, d: int) -> Tails:
        """The t distribution of a row about a known mean."""
        whole = len(nu) * nu
        own = whole - d + 1.0
        return Tails(own, whole / own, independent=False)


@dataclass(frozen=True)
class Gammas(Precision):
    """A gamma distribution for each column of each component: shape ν/2, rate C_j/2."""

    def log_gamma(self, nu: Array, d: int) -> Array:
        """G(ν), (K,)."""
        return d * gammaln(0.5 * nu)

    def digamma(self, nu: Array, d: int) -> Array:
        """2 G′(ν), (K,)."""
        return d * digamma(0.5 * nu)

    def tails(self, nu: Array, d: int) -> Tails:
        """The t distribution of a row about a known mean."""
        return Tails(nu, np.ones_like(nu), independent=True)


@dataclass(frozen=True)
class Gamma(Precision):
    """A gamma distribution for each component: shape Dν/2, rate DC/2."""

    def log_gamma(self, nu: Array, d: int) -> Array:
        """G(ν), (K,)."""
        return gammaln(0.5 * d * nu) - 0.5 * d * nu * np.log(d)

    def digamma(self, nu: Array, d: int) -> Array:
        """2 G′(ν), (K,)."""
        return d * (digamma(0.5 * d * nu) - np.log(d))

    def tails(self, nu: Array, d: int) -> Tails:
        """The t distribution of a row about a known mean."""
        return Tails(d * nu, np.ones_like(nu), independent=False)
