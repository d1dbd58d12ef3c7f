"""The posterior over mixtures, as nearly as one of independent parts can have it [@Bishop2006].

Rows belong to components, components have parameters, and the posterior of both is approximated by
one in which they are independent. The part of the parameters is then conjugate: prior plus
statistics. What it says of rows is linear in their features, as what a mixture says is; so the
E-step is that of a mixture, `Posterior.surrogate`, and its statistics are the same.

The *bound* is a lower bound of the log evidence, in nats: the probability of the rows with weights,
means, covariances and memberships integrated out. Nothing is left out of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.concentration import Concentration
from mixtura.learn.gradient import MixtureSlope
from mixtura.learn.precision import Precision
from mixtura.learn.statistics import Statistics
from mixtura.model.components import LOG_2PI
from mixtura.model.covariance import Covariance, Full, Tied
from mixtura.model.mixture import Mixture
from mixtura.model.predictive import Predictive
from mixtura.numeric.moments import POOLED

Array = NDArray[np.float64]

LOG_2 = float(np.log(2.0))

LEAST = 1e-300
"""The share of rows that a component has at the least, where its logarithm is taken."""


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is believed of a mixture before any row: the same of every component.

    Parameters
    ----------
    family : type of Covariance
        Full, tied, diagonal or spherical.
    n_components : int
    weights : Concentration
    precision : Precision
    mean : array, shape (D,)
        The mean of means.
    mean_precision : float
        How many rows that is worth.
    degrees_of_freedom : float
        ν, in rows of one component.
    scale : array, shape (D, D)
        C; of it, what the family can hold.
    noise : float
        A variance that is added to that of the rows of a component.
    """

    family: type[Covariance]
    n_components: int
    weights: Concentration
    precision: Precision
    mean: Array
    mean_precision: float
    degrees_of_freedom: float
    scale: Array
    noise: float = 0.0

    @cached_property
    def pseudo_data(self) -> Statistics:
        """The prior of means and precisions, as statistics."""
        k, d = self.n_components, len(self.mean)
        moment = self.family.moment
        return Statistics(
            moment,
            np.repeat(self.mean[None], k, axis=0),
            np.zeros(k),
            np.full(k, self.mean_precision),
            np.full(k, self.degrees_of_freedom),
            np.zeros((k, d)),
            moment.copies(self.scale, k),
            0.0,
            0.0,
        )

    @cached_property
    def _noise(self) -> Covariance:
        k, d = self.n_components, len(self.mean)
        matrices = self.family.moment.copies(self.noise * np.eye(d), k)
        return self.family.estimate(np.ones(k), matrices, d)

    def posterior(self, statistics: Statistics) -> "Posterior":
        """What is believed after rows; components of an ordered prior are put in its order."""
        total = statistics + self.pseudo_data
        if self.noise:
            products = total.products + self._noise.products(statistics.n_scatter)
            total = replace(total, products=products)
        covariance = self.family.estimate(total.n_scatter, total.scatter, len(self.mean))
        return Posterior(self, statistics.n_weights, total.means, covariance)

    def after(self, mixture: Mixture, n: float) -> "Posterior":
        """What is believed after n rows that are as a mixture has them."""
        return self.posterior(Statistics.expected(mixture, n))

    @cached_property
    def prior(self) -> "Posterior":
        """What is believed after no row."""
        none = Statistics.zero(self.family.moment, self.n_components, len(self.mean))
        return self.posterior(none)


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is believed of a mixture; that of its components is independent.

    Given its precision matrix Λ_k, the mean of component k is normal about m_k with precision
    β_k Λ_k; E[Λ_k] is the inverse of Σ_k. β, the degrees of freedom and what is believed of the
    weights follow from the counts.

    Parameters
    ----------
    beliefs : Beliefs
        Those before any row.
    counts : array, shape (K,)
        How many rows each component has.
    means : array, shape (K, D)
        m.
    covariance : Covariance
        Σ.
    """

    beliefs: Beliefs
    counts: Array
    means: Array
    covariance: Covariance

    @cached_property
    def mean_precision(self) -> Array:
        """β, (K,)."""
        return self.beliefs.mean_precision + self.counts

    @cached_property
    def degrees_of_freedom(self) -> Array:
        """ν, (K,): where a matrix is shared, the same for all."""
        counts = self.counts
        if self.beliefs.family.moment is POOLED:
            counts = np.full_like(counts, counts.mean())
        return self.beliefs.degrees_of_freedom + counts

    @cached_property
    def _surrogate(self) -> tuple[Mixture, float]:
        nu, d = self.degrees_of_freedom, self.means.shape[1]
        log_weights = (
            self.beliefs.weights.expected_log(self.counts)
            + 0.5 * (self.beliefs.precision.digamma(nu, d) + d * (LOG_2 - np.log(nu)))
            - 0.5 * d / self.mean_precision
        )
        top = log_weights.max()
        weights = np.exp(log_weights - top)
        whole = weights.sum()
        return Mixture(weights / whole, self.means, self.covariance), float(top + np.log(whole))

    @property
    def surrogate(self) -> Mixture:
        """The mixture that divides rows among components as the posterior does."""
        return self._surrogate[0]

    @property
    def log_mass(self) -> float:
        """By how much its log density is below what the posterior expects of the log joint."""
        return self._surrogate[1]

    @property
    def mixture(self) -> Mixture:
        """The mixture of posterior means: of weights, of means, and of precisions inverted."""
        return Mixture(self.beliefs.weights.mean(self.counts), self.means, self.covariance)

    @cached_property
    def log_partition(self) -> float:
        """The logarithm of what the posterior is divided by, less powers of 2π."""
        nu, (k, d) = self.degrees_of_freedom, self.means.shape
        log_det = d * np.log(nu) + self.covariance.log_det(k)
        each = 0.5 * nu * (d * LOG_2 - log_det) + self.beliefs.precision.log_gamma(nu, d)
        each -= 0.5 * d * np.log(self.mean_precision)
        return self.beliefs.weights.log_partition(self.counts) + float(each.sum())

    def bound(self, entropy: float, n_rows: float) -> float:
        """The bound, where this is what follows from memberships of that entropy."""
        constant = 0.5 * n_rows * self.means.shape[1] * LOG_2PI
        return entropy + self.log_partition - self.beliefs.prior.log_partition - constant

    def predictive(self) -> Predictive:
        """The density of a row to come, all parameters integrated out."""
        nu, d = self.degrees_of_freedom, self.means.shape[1]
        tails = self.beliefs.precision.tails(nu, d)
        return Predictive(
            self.beliefs.weights.mean(self.counts),
            self.means,
            self.covariance,
            (1.0 + 1.0 / self.mean_precision) * tails.scale,
            tails.degrees_of_freedom,
            tails.independent,
        )

    def rearranged(self, index: NDArray[np.intp]) -> Self:
        """The same components in another order."""
        covariance = self.covariance.rearranged(index)
        return replace(
            self, counts=self.counts[index], means=self.means[index], covariance=covariance
        )

    def sorted(self) -> Self:
        """Where order matters, the components from large to small, if that raises the bound."""
        weights, order = self.beliefs.weights, np.argsort(-self.counts, kind="stable")
        if not weights.ordered or (np.diff(order) > 0).all():
            return self
        if weights.log_partition(self.counts[order]) < weights.log_partition(self.counts):
            return self
        return self.rearranged(order)

    # As a place that accelerators know.

    @property
    def _shares(self) -> Mixture:
        shares = np.maximum(self.counts / self.counts.sum(), LEAST)
        return Mixture(shares, self.means, self.covariance)

    def to_vector(self) -> Array:
        """Free coordinates, all rows being shared among the components."""
        return self._shares.to_vector()

    def from_vector(self, vector: Array) -> Self | None:
        """The posterior with these coordinates and as many rows; None where there is none."""
        if not np.isfinite(vector).all():
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            there = self._shares.from_vector(vector)
        good = np.isfinite(there.means).all() and np.isfinite(there.covariance.values).all()
        if not good or there.covariance.degenerate(there.n_components).any():
            return None
        counts = there.weights * self.counts.sum()
        return replace(self, counts=counts, means=there.means, covariance=there.covariance)

    def slope(self) -> MixtureSlope:
        """What is a long way from here; nothing is said of gradients."""
        shares = self._shares
        return MixtureSlope(Statistics.expected(shares, 1.0), shares, 1.0)


Expect = Callable[[Mixture], Statistics]


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass over the rows found."""

    statistics: Statistics
    entropy: float
    """Of the memberships, in nats; with missing numbers, of these as well."""
    posterior: Posterior
    """What follows from the memberships."""
    bound: float
    """That of the memberships and of what follows from them."""


def examine(posterior: Posterior, expect: Expect, *, sort: bool = False) -> Pass:
    """Divide the rows among the components, and see what follows from it."""
    surrogate = posterior.surrogate
    statistics = expect(surrogate)
    entropy = statistics.log_likelihood - statistics.complete_log_likelihood(surrogate)
    after = posterior.beliefs.posterior(statistics)
    after = after.sorted() if sort else after
    return Pass(statistics, entropy, after, after.bound(entropy, statistics.n_rows))


def scale_of(values: Any, family: type[Covariance], n_features: int) -> Array:
    """A scale in the family's own shape, of one component, as a matrix (D, D)."""
    array = np.asarray(values, dtype=np.float64)
    if issubclass(family, Full | Tied):
        return array
    return np.diag(np.broadcast_to(array, (n_features,)))
