"""Statistics: what the data said. A vector space of moments, the keystone of the house."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixtura.model.components import LOG_2PI
from mixtura.model.mixture import Mixture
from mixtura.numeric.moments import Moment

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sums over rows, closed under addition and under multiplication with a number.

    With data the three counts are equal. A conjugate prior has a different weight behind the
    mixture weights, the means and the scatter; kept apart, a prior is a member of the same space.
    """

    moment: Moment
    about: Array  # (K, D): the origin of each component's moments
    n_weights: Array  # (K,)
    n_means: Array  # (K,)
    n_scatter: Array  # (K,)
    sums: Array  # (K, D): Σ w r (x − about)
    products: Array  # Σ w r of the products of x − about, in the moment's shape
    log_likelihood: float  # nats
    n_rows: float  # Σ w

    def __add__(self, other: "Statistics") -> "Statistics":
        """The statistics of both; the left one's origin is kept."""
        if other.about is not self.about and not np.array_equal(other.about, self.about):
            other = other.shifted(self.about)
        return Statistics(
            self.moment,
            self.about,
            self.n_weights + other.n_weights,
            self.n_means + other.n_means,
            self.n_scatter + other.n_scatter,
            self.sums + other.sums,
            self.products + other.products,
            self.log_likelihood + other.log_likelihood,
            self.n_rows + other.n_rows,
        )

    def __mul__(self, factor: float) -> Self:
        """Every sum times a number; a negative one takes rows away."""
        return replace(
            self,
            n_weights=self.n_weights * factor,
            n_means=self.n_means * factor,
            n_scatter=self.n_scatter * factor,
            sums=self.sums * factor,
            products=self.products * factor,
            log_likelihood=self.log_likelihood * factor,
            n_rows=self.n_rows * factor,
        )

    __rmul__ = __mul__

    def __sub__(self, other: "Statistics") -> "Statistics":
        """The statistics without those rows."""
        return self + (-1.0) * other

    def shifted(self, about: Array) -> Self:
        """The same statistics about another origin, shape (K, D)."""
        delta = self.about - about
        cross = self.moment.cross
        weighted = self.n_means[:, None] * delta
        products = self.products + cross(self.sums, delta) + cross(delta, self.sums)
        return replace(
            self,
            about=about,
            sums=self.sums + weighted,
            products=products + cross(weighted, delta),
        )

    @property
    def means(self) -> Array:
        """The mean of each component's rows, (K, D); its origin where it has none."""
        return self.about + self._offsets

    @property
    def scatter(self) -> Array:
        """The second moments about those means, in the moment's shape."""
        return self.products - self.moment.cross(self._offsets, self.sums)

    @property
    def _offsets(self) -> Array:
        present = self.n_means[:, None] != 0
        return np.divide(
            self.sums, self.n_means[:, None], out=np.zeros_like(self.sums), where=present
        )

    @classmethod
    def expected(cls, mixture: Mixture, n: float) -> Self:
        """What n rows from a mixture yield on average; the M-step undone.

        The log-likelihood of rows that were never seen is taken to be 0.
        """
        counts = n * mixture.weights
        products = mixture.covariance.products(counts)
        sums = np.zeros_like(mixture.means)
        moment = mixture.covariance.moment
        return cls(moment, mixture.means, counts, counts, counts, sums, products, 0.0, n)

    @classmethod
    def zero(cls, moment: Moment, n_components: int, n_features: int) -> Self:
        """The statistics of no rows, about the origin of the coordinates."""
        none = np.zeros(n_components)
        sums = np.zeros((n_components, n_features))
        products = moment.zeros(n_components, n_features)
        return cls(moment, sums, none, none, none, sums, products, 0.0, 0.0)

    def complete_log_likelihood(self, mixture: Mixture) -> float:
        """Expected log-likelihood of rows and memberships, Q(θ) of EM, in nats [@Dempster1977].

        Of a prior's pseudo-rows it is the log density of the prior, up to a constant.
        """
        k, d = mixture.means.shape
        own = self.shifted(mixture.means)
        present = self.n_weights != 0
        with np.errstate(divide="ignore"):
            weights = float(self.n_weights[present] @ np.log(mixture.weights[present]))
        volume = float(self.n_scatter @ (d * LOG_2PI + mixture.covariance.log_det(k)))
        return weights - 0.5 * (volume + mixture.covariance.trace_with(own.products))
