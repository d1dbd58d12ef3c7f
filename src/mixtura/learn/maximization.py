"""The M-step: from statistics to the mixture that makes them likeliest."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.prior import Prior
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

Constraint = Callable[[Covariance], Covariance]

STILL = 1e-9
"""How far a constraint may move a covariance that was within it, in parts of its variances."""


@dataclass(frozen=True)
class Bounds:
    """A floor that no covariance falls below, and a ridge that is added to all of them after it."""

    floor: Array | None = None  # (D,), variances
    ridge: float = 0.0

    def __call__(self, covariance: Covariance) -> Covariance:
        """The covariance within the bounds."""
        if self.floor is not None:
            covariance = covariance.floored(self.floor)
        return covariance.ridged(self.ridge) if self.ridge else covariance


def m_step(
    statistics: Statistics,
    family: type[Covariance],
    *,
    constrain: Constraint | None = None,
    floor: Array | None = None,
    previous: Mixture | None = None,
) -> Mixture:
    """The mixture of a family that maximises the complete log-likelihood of statistics.

    Parameters
    ----------
    statistics : Statistics
        Of data, of a prior, or of both.
    family : type of Covariance
    constrain : callable, optional
        What is done to the covariance next: a floor or a ridge.
    floor : array, shape (D,), optional
        Variances below which no covariance falls; where there is a constraint, those that
        components are raised to whose covariance is not positive definite.
    previous : Mixture, optional
        Where components without any rows keep their mean and covariance from.

    Returns
    -------
    Mixture
    """
    s = statistics
    n_components, n_features = s.sums.shape
    total = s.n_weights.sum()
    weights = s.n_weights / total if total > 0 else np.full(n_components, 1.0 / n_components)
    means = s.means
    empty = s.n_scatter <= 0
    near = None if previous is None else previous.covariance
    if isinstance(near, family) and previous is not None and previous.n_components == n_components:
        covariance = family.estimate_near(s.n_scatter, s.scatter, n_features, near)
    else:
        covariance = family.estimate(s.n_scatter, s.scatter, n_features)
    if previous is not None and empty.any() and not family.separate:
        # Before any constraint: what it keeps may not go with what the others now have.
        covariance = covariance.replaced(empty, previous.covariance)
    if constrain is not None:
        covariance = constrain(covariance)
    elif floor is not None:
        covariance = covariance.floored(floor)
    if previous is not None:
        means = np.where((s.n_means > 0)[:, None], means, previous.means)
        if empty.any() and family.separate:
            covariance = covariance.replaced(empty, previous.covariance)
    if floor is not None:
        bad = covariance.degenerate(n_components)
        if bad.any():
            raised = covariance.floored(floor)
            covariance = covariance.replaced(bad, raised) if family.separate else raised
    found = Mixture(weights, means, covariance)
    if previous is None or family.separate or family.common:
        return found
    return _likelier(s, found, previous, constrain)


def _likelier(
    statistics: Statistics, found: Mixture, previous: Mixture, constrain: Constraint | None
) -> Mixture:
    """What was found, or the same with the previous covariance where that is likelier.

    Where components have volume, shape or orientation in common, what is raised to a floor is near
    the likeliest that is above it, and need not be it. So EM does not fall there either.
    """
    covariance = previous.covariance
    if (
        type(covariance) is not type(found.covariance)
        or previous.n_components != found.n_components
    ):
        return found
    kept = Mixture(found.weights, found.means, covariance)
    if not statistics.complete_log_likelihood(kept) > statistics.complete_log_likelihood(found):
        return found
    if covariance.degenerate(previous.n_components).any():
        return found
    return kept if constrain is None or _within(covariance, constrain, len(kept.weights)) else found


def _within(covariance: Covariance, constrain: Constraint, n_components: int) -> bool:
    """Whether a constraint leaves a covariance as it is, but for rounding; no ridge does."""
    before, after = (c.dense(n_components) for c in (covariance, constrain(covariance)))
    root = np.sqrt(np.diagonal(before, axis1=1, axis2=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(after - before) / (root[:, :, None] * root[:, None, :])
    return bool((moved <= STILL).all())


@dataclass(frozen=True)
class Maximization:
    """The M-step of one fit, with everything about it that stays the same.

    Parameters
    ----------
    family : type of Covariance
    prior : Prior or None
    floor : array, shape (D,)
        As in `m_step`.
    constrain : callable or None
        As in `m_step`.
    """

    family: type[Covariance]
    prior: Prior | None
    floor: Array
    constrain: Constraint | None = None

    def __call__(self, statistics: Statistics, previous: Mixture | None) -> Mixture:
        """The next mixture, from statistics of the data alone."""
        return m_step(
            self.total(statistics),
            self.family,
            constrain=self.constrain,
            floor=self.floor,
            previous=previous,
        )

    def total(self, statistics: Statistics) -> Statistics:
        """Those of the data and those of the prior."""
        pseudo = self._pseudo_data(len(statistics.n_weights))
        return statistics if pseudo is None else statistics + pseudo

    def admits(self, mixture: Mixture) -> bool:
        """Whether this could have been made here: finite, positive definite, above the floor.

        A ridge is a floor, too.
        """
        covariance, values = mixture.covariance, mixture.covariance.values
        if not (np.isfinite(mixture.means).all() and np.isfinite(values).all()):
            return False
        if not (mixture.weights > 0).all() or covariance.degenerate(mixture.n_components).any():
            return False
        ridge = self.constrain.ridge if isinstance(self.constrain, Bounds) else 0.0
        return np.array_equal(covariance.floored(np.maximum(self.floor, ridge)).values, values)

    def log_prior(self, mixture: Mixture) -> float:
        """The log density of the prior, up to a constant; 0 without one."""
        pseudo = self._pseudo_data(mixture.n_components)
        return 0.0 if pseudo is None else pseudo.complete_log_likelihood(mixture)

    def _pseudo_data(self, n_components: int) -> Statistics | None:
        return None if self.prior is None else self.prior.pseudo_data(n_components, self.family)
