"""Priors as pseudo-data: what is believed before any row, in the same space as what rows say.

A prior gives `Statistics`. The M-step of data plus prior is the MAP estimate, and the log density
of the prior at θ is, up to a constant, the complete log-likelihood of its pseudo-rows at θ.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance
from mixtura.numeric.moments import DIAGONAL, TRACE

Array = NDArray[np.float64]


class Prior(Protocol):
    """One question: the pseudo-rows, for K components of a family."""

    def pseudo_data(self, n_components: int, family: type[Covariance]) -> Statistics:
        """The prior as statistics."""
        ...


@dataclass(frozen=True)
class Penalty:
    """The affine-equivariant penalty −a Σ_k [tr(S Σ_k⁻¹) + log|Σ_k|], [@ChenTan2009].

    It keeps the likelihood bounded, so that no component can collapse, and changes with the data
    when they are scaled, shifted or rotated. With a = n^-½ the estimate stays consistent.

    Parameters
    ----------
    covariance : array, shape (D, D)
        S, the covariance of all rows.
    strength : float
        a.
    """

    covariance: Array
    strength: float

    def pseudo_data(self, n_components: int, family: type[Covariance]) -> Statistics:
        """2a rows of scatter S behind each covariance, none behind means and weights."""
        d = len(self.covariance)
        none = np.zeros(n_components)
        rows = np.full(n_components, 2.0 * self.strength)
        products = family.moment.copies(2.0 * self.strength * self.covariance, n_components)
        origin = np.zeros((n_components, d))
        return Statistics(family.moment, origin, none, none, rows, origin, products, 0.0, 0.0)


@dataclass(frozen=True)
class NormalInverseWishart:
    """Conjugate prior of means and covariances, the same for every component [@FraleyRaftery2007].

    Σ_k is inverse Wishart (full, tied), or its variances are inverse gamma (diag, spherical), and
    μ_k given Σ_k is normal with covariance Σ_k / κ. The MAP estimate is the joint mode.
    Where components have volume, shape or orientation in common, the prior is that of `full` or
    `diag`, given that they have; where they have all in common there is one covariance, and one
    prior of it.

    Parameters
    ----------
    mean : array, shape (D,)
    shrinkage : float
        κ, in rows.
    degrees_of_freedom : float
        ν, larger than D − 1.
    scale : array, shape (D, D)
        Λ.
    concentration : float, default 1
        α of the symmetric Dirichlet prior of the weights; 1 is flat.
    """

    mean: Array
    shrinkage: float
    degrees_of_freedom: float
    scale: Array
    concentration: float = 1.0

    @classmethod
    def default(
        cls, mean: Array, covariance: Array, n_components: int, shrinkage: float = 0.01
    ) -> "NormalInverseWishart":
        """The defaults of Fraley and Raftery, from the mean and covariance of all rows.

        For diagonal covariances each column keeps a scale of its own, so that units do not matter;
        mclust takes the mean over the columns.
        """
        d = len(mean)
        return cls(mean, shrinkage, d + 2.0, covariance / n_components ** (2.0 / d))

    def pseudo_data(self, n_components: int, family: type[Covariance]) -> Statistics:
        """κ rows behind each mean, ν + D + 2 behind each covariance, α − 1 behind each weight."""
        d = len(self.mean)
        k = n_components
        about = np.repeat(np.asarray(self.mean, dtype=np.float64)[None], k, axis=0)
        # The exponent of |Σ| in the joint density, for a matrix, D variances or one variance; where
        # all components have the same, there is one prior of it and K of the means.
        each, unit = self.degrees_of_freedom + d + 1.0, 1.0
        if family.moment is DIAGONAL:
            each = self.degrees_of_freedom + 2.0
        elif family.moment is TRACE:
            # One inverse gamma variance, whose scale is the mean of the diagonal of Λ.
            each, unit = (self.degrees_of_freedom + 2.0) / d, float(d)
        matrices = float(k) if family.common else 1.0
        rows = each / matrices + 1.0
        return Statistics(
            family.moment,
            about,
            np.full(k, self.concentration - 1.0),
            np.full(k, float(self.shrinkage)),
            np.full(k, rows),
            np.zeros((k, d)),
            family.moment.copies(np.asarray(self.scale, dtype=np.float64) / (unit * matrices), k),
            0.0,
            0.0,
        )
