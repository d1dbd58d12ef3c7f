"""What is believed of mixture weights: a Dirichlet distribution, or sticks broken one by one.

Each is conjugate: after rows, of which each component has a count, it is of the same form.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln

Array = NDArray[np.float64]


class Concentration(ABC):
    """A prior of the weights of K components; immutable, families below are final."""

    alpha: float
    ordered: ClassVar[bool]
    """Whether it matters which component comes first."""

    @abstractmethod
    def parameters(self, counts: Array) -> Array | tuple[Array, Array]:
        """Those of the posterior after counts (K,) of rows."""

    @abstractmethod
    def log_partition(self, counts: Array) -> float:
        """The logarithm of what the posterior is divided by."""

    @abstractmethod
    def expected_log(self, counts: Array) -> Array:
        """The posterior mean of the logarithm of each weight, (K,)."""

    @abstractmethod
    def mean(self, counts: Array) -> Array:
        """The posterior mean of each weight, (K,), adding to one."""


@dataclass(frozen=True)
class Dirichlet(Concentration):
    """The symmetric Dirichlet distribution; a small α leaves superfluous components empty.

    Parameters
    ----------
    alpha : float
        α, of each component.
    """

    alpha: float
    ordered = False

    def parameters(self, counts: Array) -> Array:
        """Those of the posterior."""
        return self.alpha + counts

    def log_partition(self, counts: Array) -> float:
        """The logarithm of what the posterior is divided by."""
        a = self.alpha + counts
        return float(gammaln(a).sum() - gammaln(a.sum()))

    def expected_log(self, counts: Array) -> Array:
        """The posterior mean of each logarithm, (K,)."""
        a = self.alpha + counts
        return digamma(a) - digamma(a.sum())

    def mean(self, counts: Array) -> Array:
        """The posterior mean of each weight, (K,)."""
        a = self.alpha + counts
        return a / a.sum()


@dataclass(frozen=True)
class Sticks(Concentration):
    """The process of Pitman and Yor [@PitmanYor1997]; without a discount, that of Dirichlet.

    Of what is left of a stick of length one, component k takes a part v_k ~ Beta(1 − d, α + k d).
    The posterior takes no component beyond the K first [@BleiJordan2006].

    Parameters
    ----------
    alpha : float
        α, larger than 0.
    discount : float
        d, from 0 to less than 1: the larger, the longer is the tail of small components.
    """

    alpha: float
    discount: float = 0.0
    ordered = True

    def parameters(self, counts: Array) -> tuple[Array, Array]:
        """Those of the posterior."""
        after = np.zeros_like(counts)
        after[:-1] = counts[:0:-1].cumsum()[::-1]
        taken = self.discount * np.arange(1, len(counts) + 1)
        return 1.0 - self.discount + counts, self.alpha + taken + after

    def log_partition(self, counts: Array) -> float:
        """The logarithm of what the posterior is divided by."""
        return float(betaln(*self.parameters(counts)).sum())

    def expected_log(self, counts: Array) -> Array:
        """The posterior mean of each logarithm, (K,)."""
        a, b = self.parameters(counts)
        whole = digamma(a + b)
        rest = digamma(b) - whole
        return digamma(a) - whole + np.concatenate([[0.0], rest[:-1].cumsum()])

    def mean(self, counts: Array) -> Array:
        """The posterior mean of each weight, (K,)."""
        a, b = self.parameters(counts)
        left = np.concatenate([[1.0], (b / (a + b))[:-1].cumprod()])
        weights = a / (a + b) * left
        return weights / weights.sum()
