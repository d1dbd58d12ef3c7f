"""How uncertain a mixture is, and how far two of them are apart."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.model import pair
from mixtura.model.components import LOG_2PI, Components
from mixtura.model.sampling import sample
from mixtura.numeric.blocks import spans

Array = NDArray[np.float64]
Seed = np.random.Generator | int | None


class Estimate(NamedTuple):
    """A number by simulation, and how far off it may be."""

    value: float
    standard_error: float


class Entropy(NamedTuple):
    """An entropy by simulation, in nats, between bounds that hold for certain."""

    value: float
    standard_error: float
    lower: float
    upper: float


def entropy(mixture: Components, n: int = 100_000, random_state: Seed = None) -> Entropy:
    """The differential entropy −E log p, in nats: an estimate, with rigorous bounds.

    The entropy of a mixture has no closed form. What is simulated is only how uncertain the
    component of a row is; the rest is exact. So the error is zero for one component and small
    where components are apart.

    Parameters
    ----------
    n : int, default 100,000
        Draws.
    random_state : Generator, int or None

    Returns
    -------
    Entropy
        The estimate with its standard error, and lower and upper bounds [@KolchinskyTracey2017],
        or those of the components alone and of one Gaussian where they are tighter.

    Raises
    ------
    ValueError
        If n is less than two.
    """
    rows = _drawn(mixture, n, random_state)
    held = mixture.weights[mixture.weights > 0]
    own = _own_entropies(mixture)
    unsure = np.empty(n)
    for part in spans(n, 2 * mixture.n_components):
        r = mixture.responsibilities(rows[part])
        unsure[part] = -(r * np.log(np.where(r > 0, r, 1.0))).sum(axis=1)
    known = float(mixture.weights @ own - held @ np.log(held))
    lower, upper = _bounds(mixture, own)
    return Entropy(known - float(unsure.mean()), _error(unsure), lower, upper)


def _own_entropies(mixture: Components) -> Array:
    """The entropy of each component, (K,)."""
    log_det = mixture.covariance.log_det(mixture.n_components)
    return 0.5 * (mixture.n_features * (LOG_2PI + 1.0) + log_det)


def _bounds(mixture: Components, own: Array) -> tuple[float, float]:
    """Bounds on the entropy from distances between components."""
    pi = mixture.weights
    within = float(pi @ own)
    lower = within - float(pi @ _log_mixed(pi, -pair.bhattacharyya(mixture, mixture)))
    upper = within - float(pi @ _log_mixed(pi, -pair.divergences(mixture, mixture)))
    d = mixture.n_features
    gaussian = 0.5 * (d * (LOG_2PI + 1.0) + np.linalg.slogdet(mixture.total_covariance())[1])
    return max(lower, within), min(upper, float(gaussian))


def _log_mixed(weights: Array, logs: Array) -> Array:
    """The logarithm of Σ_l w_l exp(logs_kl) for each k."""
    with np.errstate(divide="ignore"):
        return np.logaddexp.reduce(np.log(weights) + logs, axis=1)


def kl(
    mixture: Components, other: Components, n: int = 100_000, random_state: Seed = None
) -> Estimate:
    """The Kullback-Leibler divergence E log p/q from this mixture p to another q: an estimate.

    It has no closed form; this is the mean over n draws, with its standard error, in nats.
    `kl_variational` and `kl_matched` are approximations without draws.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.
    n : int, default 100,000
    random_state : Generator, int or None

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If the dimensions differ or n is less than two.
    """
    pair.refuse_other_width(mixture, other)
    rows = _drawn(mixture, n, random_state)
    ratio = mixture.log_density(rows) - other.log_density(rows)
    return Estimate(float(ratio.mean()), _error(ratio))


def kl_variational(mixture: Components, other: Components) -> float:
    """The variational approximation to the Kullback-Leibler divergence [@HersheyOlsen2007].

    It is neither an upper nor a lower bound; it is zero for a mixture from itself, and exact for
    single components.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    pair.refuse_other_width(mixture, other)
    own = _log_mixed(mixture.weights, -pair.divergences(mixture, mixture))
    theirs = _log_mixed(other.weights, -pair.divergences(mixture, other))
    return float(mixture.weights @ (own - theirs))


def kl_matched(mixture: Components, other: Components) -> float:
    """The approximation to the Kullback-Leibler divergence by matched components [@Goldberger2003].

    Each component is compared with the one of the other mixture that is nearest to it, and that
    alone. Good where components hardly overlap.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    pair.refuse_other_width(mixture, other)
    with np.errstate(divide="ignore"):
        nearest = (pair.divergences(mixture, other) - np.log(other.weights)).min(axis=1)
    held = mixture.weights > 0
    pi = mixture.weights[held]
    return float(pi @ (nearest[held] + np.log(pi)))


def log_inner_product(mixture: Components, other: Components) -> float:
    """The logarithm of ∫ p q, exactly.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    pair.refuse_other_width(mixture, other)
    inner = _log_mixed(other.weights, pair.log_overlaps(mixture, other))
    with np.errstate(divide="ignore"):
        return float(np.logaddexp.reduce(np.log(mixture.weights) + inner))


def l2_distance(mixture: Components, other: Components) -> float:
    """The distance (∫ (p − q)²)^½ of the two densities, exactly.

    For mixtures that differ by less than about 1e-8 of their size it is rounding.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.

    Returns
    -------
    float
        In the unit of the density's square root: it depends on the units of the columns.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    cross = log_inner_product(mixture, other)
    own, theirs = log_inner_product(mixture, mixture), log_inner_product(other, other)
    top = max(own, theirs)
    square = np.exp(own - top) + np.exp(theirs - top) - 2.0 * np.exp(cross - top)
    return float(np.exp(0.5 * top) * np.sqrt(max(square, 0.0)))


def cauchy_schwarz(mixture: Components, other: Components) -> float:
    """The Cauchy-Schwarz divergence −log ∫pq / (∫p² ∫q²)^½, exactly [@Jenssen2006].

    It is symmetric, zero where the densities are equal, and does not depend on units.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    cross = log_inner_product(mixture, other)
    own, theirs = log_inner_product(mixture, mixture), log_inner_product(other, other)
    return max(0.5 * (own + theirs) - cross, 0.0)


def _drawn(mixture: Components, n: int, random_state: Seed) -> Array:
    if n < 2:
        raise ValueError(f"at least two draws are needed, not {n}")
    return sample(mixture, n, random_state)[0]


def _error(values: Array) -> float:
    """The standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))
