"""Components merged, split, taken out: fewer of them, and what is done where one holds no rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import Full, Tied
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

Policy = Callable[[Mixture, Array], Mixture]
"""The mixture after an M-step, and the rows of each component before it, to the mixture to go on
with."""


def dead(counts: Array, n_features: int) -> NDArray[np.bool_]:
    """Components, (K,), with fewer than D + 1 rows to them or a thousandth of a row's weight."""
    return (counts < n_features + 1) | (counts < 1e-3)


def split(mixture: Mixture, k: int, into: int) -> Mixture:
    """Component k halved along its longest axis; the second half takes the place of another.

    Weight, mean and (full, tied by their common matrix) covariance of the pair are those of k:
    each half moves by one half of the standard deviation along the axis.
    """
    weights, means = mixture.weights.copy(), mixture.means.copy()
    matrix = mixture.covariances[k]
    values, vectors = np.linalg.eigh(matrix)
    step = 0.5 * np.sqrt(max(values[-1], 0.0)) * vectors[:, -1]
    weights[[k, into]] = 0.5 * weights[k]
    weights /= weights.sum()
    means[into] = means[k] - step
    means[k] = means[k] + step
    covariance = mixture.covariance
    if isinstance(covariance, Full):
        halves = covariance.values.copy()
        halves[[k, into]] = matrix - np.outer(step, step)
        covariance = Full(halves)
    elif not isinstance(covariance, Tied):
        index = np.arange(mixture.n_components)
        index[into] = k
        covariance = covariance.rearranged(index)
    return Mixture(weights, means, covariance)


def merged(mixture: Mixture, i: int, j: int) -> Mixture:
    """Components i and j as one, in the place of i: it has their weight, mean and covariance.

    So the mean and the covariance of the whole mixture stay. A diagonal or spherical covariance
    keeps of the pair's what its form can hold, and a tied one takes up what lay between the two.
    """
    covariance, d = mixture.covariance, mixture.n_features
    weight, part, step, spread = _pairs(mixture, i, np.array([j]))
    weights, means = mixture.weights.copy(), mixture.means.copy()
    weights[i] = weight[0]
    means[i] += part[0] * step[0]
    if isinstance(covariance, Tied):
        values = covariance.values + spread
    else:
        one = type(covariance).estimate(np.ones(1), spread, d)
        values = covariance.values.copy()
        values[i] = one.values[0]
        values = np.delete(values, j, axis=0)
    return Mixture(
        np.delete(weights, j), np.delete(means, j, axis=0), type(covariance).from_values(values, d)
    )


def merging_costs(mixture: Mixture, exponent: float = 0.0) -> Array:
    """What merging any two components may cost, in nats per row, (K, K); infinite for k with k.

    This is Runnalls' bound [@Runnalls2007]: the Kullback-Leibler divergence of the mixture after
    from the mixture before is at most this. It holds in every family, each with its own form. With
    an exponent it is divided by this power of the pair's weight.
    """
    k = mixture.n_components
    costs = np.full((k, k), np.inf)
    for i in range(k - 1):
        costs[i, i + 1 :] = _costs(mixture, i, np.arange(i + 1, k), exponent)
        costs[i + 1 :, i] = costs[i, i + 1 :]
    return costs


def reduce(mixture: Mixture, n_components: int, exponent: float = 0.0) -> Mixture:
    """A mixture of fewer components: the cheapest pair is merged until so many are left.

    Parameters
    ----------
    mixture : Mixture
    n_components : int
        At least one. A mixture that has no more comes back as it is.
    exponent : float, default 0
        Costs are divided by this power of the pair's weight: 0 minds all rows alike, and the nearer
        to 1 the dearer are small components to it.

    Returns
    -------
    Mixture
        Of the same family.
    """
    if mixture.n_components <= n_components:
        return mixture
    costs = merging_costs(mixture, exponent)
    while True:
        i, j = divmod(int(costs.argmin()), len(costs))
        mixture = merged(mixture, i, j)
        if mixture.n_components <= n_components:
            return mixture
        if isinstance(mixture.covariance, Tied):  # the common matrix has changed for every pair
            costs = merging_costs(mixture, exponent)
            continue
        costs = np.delete(np.delete(costs, j, axis=0), j, axis=1)
        others = np.delete(np.arange(mixture.n_components), i)
        costs[i, others] = costs[others, i] = _costs(mixture, i, others, exponent)


def _pairs(mixture: Mixture, i: int, others: NDArray[np.intp]) -> tuple[Array, Array, Array, Array]:
    """Component i with each of the others: weight, the other's part of it, step, second moments.

    The moments are those of one row of the pair about its mean; for tied covariances, what lies
    between the two, which is all that is new.
    """
    weights, means = mixture.weights, mixture.means
    moment = mixture.covariance.moment
    weight = weights[i] + weights[others]
    part = np.divide(weights[others], weight, out=np.full(len(others), 0.5), where=weight > 0)
    step = means[others] - means[i]
    if isinstance(mixture.covariance, Tied):
        return weight, part, step, moment.cross((weight * part * (1 - part))[:, None] * step, step)
    own = mixture.covariance.products(np.ones(len(weights)))
    shares = part.reshape(-1, *[1] * (own.ndim - 1))
    spread = (1 - shares) * own[i] + shares * own[others]
    return weight, part, step, spread + moment.cross((part * (1 - part))[:, None] * step, step)


def _costs(mixture: Mixture, i: int, others: NDArray[np.intp], exponent: float) -> Array:
    """Runnalls' bound for component i with each of the others, over a power of their weight."""
    bounds = _bounds(mixture, i, others)
    if exponent == 0.0:
        return bounds
    weight = mixture.weights[i] + mixture.weights[others]
    return np.divide(bounds, weight**exponent, out=bounds, where=weight > 0)


def _bounds(mixture: Mixture, i: int, others: NDArray[np.intp]) -> Array:
    """Runnalls' bound for component i with each of the others."""
    covariance = mixture.covariance
    weight, part, step, spread = _pairs(mixture, i, others)
    if isinstance(covariance, Tied):
        distance = (covariance.whiten(step, 0) ** 2).sum(axis=1)
        return 0.5 * np.log1p(weight * part * (1 - part) * distance)
    n = len(others)
    together = type(covariance).estimate(np.ones(n), spread, mixture.n_features).log_det(n)
    before = covariance.log_det(mixture.n_components)
    grown = (1 - part) * (together - before[i]) + part * (together - before[others])
    return 0.5 * weight * np.maximum(grown, 0.0)


@dataclass(frozen=True)
class Keep:
    """Leave dead components to the prior: they keep their place and weigh next to nothing."""

    def __call__(self, mixture: Mixture, counts: Array) -> Mixture:
        """The mixture, as it is."""
        return mixture


@dataclass(frozen=True)
class Drop:
    """Take dead components out, down to one."""

    def __call__(self, mixture: Mixture, counts: Array) -> Mixture:
        """The mixture without them."""
        gone = dead(counts, mixture.n_features)
        gone[np.argmax(counts)] = False
        return mixture.rearranged(np.flatnonzero(~gone)) if gone.any() else mixture


class Reseed:
    """Give a dead component half of the heaviest one, a limited number of times in a fit."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def __call__(self, mixture: Mixture, counts: Array) -> Mixture:
        """The mixture with the pair in place of the dead component and the heaviest."""
        for k in np.flatnonzero(dead(counts, mixture.n_features)):
            heaviest = int(np.argmax(mixture.weights))
            if not self.left or heaviest == k:
                break
            self.left -= 1
            mixture = split(mixture, heaviest, int(k))
        return mixture
