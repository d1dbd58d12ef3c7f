"""Components merged: fewer of them for nearly the same density."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.model.components import Components, M
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied
from mixtura.numeric import linalg
from mixtura.numeric.moments import DIAGONAL, TRACE

Array = NDArray[np.float64]


def merged(mixture: M, i: int, j: int) -> M:
    """Components i and j as one, in the place of i: it has their weight, mean and covariance.

    So the mean and the covariance of the whole mixture stay. A diagonal or spherical covariance
    keeps of the pair's what its form can hold, and a tied one takes up what lay between the two.
    Where components have other things in common, these are found anew.
    """
    if _shares(mixture):
        return _tightened(merged(_loosened(mixture), i, j), type(mixture.covariance))
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
    return type(mixture)(
        np.delete(weights, j), np.delete(means, j, axis=0), type(covariance).from_values(values, d)
    )


def merging_costs(mixture: Components, exponent: float = 0.0) -> Array:
    """What merging any two components may cost, in nats per row, (K, K); infinite for k with k.

    This is Runnalls' bound [@Runnalls2007]: the Kullback-Leibler divergence of the mixture after
    from the mixture before is at most this. It holds in every family, each with its own form. With
    an exponent it is divided by this power of the pair's weight. Where components have volume,
    shape or orientation in common it is that of the pair by itself.
    """
    return _table(_loosened(mixture), partial(_costs, exponent=exponent))


def merge(mixture: M, *components: int) -> M:
    """Some components as one: it has their weight, mean and covariance.

    So the mean and the covariance of the whole mixture stay. A diagonal or spherical covariance
    keeps of the components' what its form can hold, and a tied one takes up what lay between them.

    Parameters
    ----------
    *components : int
        Two or more; negative numbers count from the last. The one is in the place of the first.

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If there are fewer than two, or one does not exist or comes twice.
    """
    k = mixture.n_components
    chosen = [c + k if c < 0 else c for c in components]
    missing = [c for c, j in zip(components, chosen, strict=True) if not 0 <= j < k]
    if missing:
        raise ValueError(f"there is no component {missing[0]}: the mixture has {k}, 0 to {k - 1}")
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ValueError(f"merging takes two components or more, each once, not {components}")
    into = chosen[0]
    for j in sorted(chosen[1:], reverse=True):
        mixture = merged(mixture, into, j)
        into -= j < into
    return mixture


def reduce(mixture: M, n_components: int, exponent: float = 0.0, *, method: str = "runnalls") -> M:
    """An approximation by fewer components: pairs are merged until so many are left.

    Every merge keeps the mean and the covariance of the whole. Where components have volume, shape
    or orientation in common, they are merged as if they had not, and these are found in the end.

    Parameters
    ----------
    n_components : int
        At least one. A mixture that has no more comes back as it is.
    exponent : float, default 0
        Runnalls' costs are divided by this power of the pair's weight: 0 minds all rows alike, and
        the nearer to 1 the dearer are small components to it.
    method : {"runnalls", "west", "salmond"}, default "runnalls"
        Which pair is merged next: the one with the least bound on the divergence that it costs
        [@Runnalls2007]; the lightest component with the nearest one, in the lightest's own spread
        [@West1993]; or the pair that takes the least of the covariance of the whole between
        components into the components [@Salmond1990].

    Returns
    -------
    Mixture
        Of the same family.

    Raises
    ------
    ValueError
        If fewer than one are asked for, the method is none of these, or an exponent is given to
        another than Runnalls'.
    """
    if n_components < 1:
        raise ValueError(f"at least one component is left, not {n_components}")
    if method not in METHODS:
        raise ValueError(f"no way to reduce {method!r}: choose one of {[*METHODS]}")
    if exponent and method != "runnalls":
        raise ValueError(f"an exponent goes with the costs of 'runnalls', not with {method!r}")
    if n_components >= mixture.n_components:
        return mixture
    if _shares(mixture):
        fewer = METHODS[method](_loosened(mixture), n_components, exponent)
        return _tightened(fewer, type(mixture.covariance))
    return METHODS[method](mixture, n_components, exponent)


def _shares(mixture: Components) -> bool:
    """Whether a merger of two changes the covariances of others, but by the weights alone."""
    return not (mixture.covariance.separate or isinstance(mixture.covariance, Tied))


def _loosened(mixture: M) -> M:
    """The same mixture with nothing in common to its components, where that is kept."""
    if not _shares(mixture):
        return mixture
    covariance, (k, d) = mixture.covariance, mixture.means.shape
    loose: type[Covariance] = Full
    if covariance.moment is DIAGONAL:
        loose = Diagonal
    elif covariance.moment is TRACE:
        loose = Spherical
    ones = np.ones(k)
    found = loose.estimate(ones, covariance.products(ones), d)
    return type(mixture)(mixture.weights, mixture.means, found)


def _tightened(mixture: M, family: type[Covariance]) -> M:
    """The most likely mixture of a family for rows of this one, with its weights and means."""
    weights = mixture.weights
    found = family.estimate(weights, mixture.covariance.products(weights), mixture.n_features)
    return type(mixture)(weights, mixture.means, found)


def _by_divergence(mixture: M, n_components: int, exponent: float) -> M:
    """Runnalls' order."""
    return _greedily(mixture, n_components, partial(_costs, exponent=exponent))


def _by_share(mixture: M, n_components: int, _: float) -> M:
    """Salmond's order: the covariance of the whole, which stays, measures all steps."""
    whitener = linalg.invert_lower(linalg.cholesky(mixture.total_covariance()[None])[0])[0]

    def costs(mixture: Components, i: int, others: NDArray[np.intp]) -> Array:
        own, theirs = mixture.weights[i], mixture.weights[others]
        step = (mixture.means[others] - mixture.means[i]) @ whitener.T
        whole = np.maximum(own + theirs, np.finfo(np.float64).tiny)
        return own * theirs / whole * (step**2).sum(axis=1)

    return _greedily(mixture, n_components, costs)


def _by_weight(mixture: M, n_components: int, _: float) -> M:
    """West's order: the lightest goes to its nearest."""
    while mixture.n_components > n_components:
        i = int(mixture.weights.argmin())
        length = (mixture.covariance.whiten(mixture.means - mixture.means[i], i) ** 2).sum(axis=1)
        length[i] = np.inf
        mixture = merged(mixture, int(length.argmin()), i)
    return mixture


METHODS: dict[str, Callable[..., Any]] = {
    "runnalls": _by_divergence,
    "west": _by_weight,
    "salmond": _by_share,
}
"""In which order pairs are merged."""

Costs = Callable[[Components, int, NDArray[np.intp]], Array]
"""What merging one component with each of some others costs."""


def _greedily(mixture: M, n_components: int, bounds: Costs) -> M:
    """The cheapest pair merged, again and again."""
    for step in merging_steps(mixture, bounds):
        mixture = step.mixture
        if mixture.n_components <= n_components:
            break
    return mixture


class Step(NamedTuple, Generic[M]):
    """One merge: which two components of the mixture before, what it costs, and what it gives."""

    i: int
    j: int
    """The larger; later components move up by one."""
    cost: float
    mixture: M


def merging_steps(mixture: M, bounds: Costs | None = None) -> Iterator[Step[M]]:
    """The cheapest pair merged, again and again, down to one component; by Runnalls' bound.

    Components that have volume, shape or orientation in common are merged as if they had not.
    """
    mixture = _loosened(mixture)
    costs_of = _costs if bounds is None else bounds
    costs = _table(mixture, costs_of)
    while mixture.n_components > 1:
        i, j = divmod(int(costs.argmin()), len(costs))
        cost = float(costs[i, j])
        mixture = merged(mixture, i, j)
        yield Step(i, j, cost, mixture)
        if isinstance(mixture.covariance, Tied):  # the common matrix has changed for every pair
            costs = _table(mixture, costs_of)
            continue
        costs = np.delete(np.delete(costs, j, axis=0), j, axis=1)
        others = np.delete(np.arange(mixture.n_components), i)
        costs[i, others] = costs[others, i] = costs_of(mixture, i, others)


def _table(mixture: Components, bounds: Costs) -> Array:
    """The costs of all pairs, (K, K)."""
    k = mixture.n_components
    costs = np.full((k, k), np.inf)
    for i in range(k - 1):
        costs[i, i + 1 :] = costs[i + 1 :, i] = bounds(mixture, i, np.arange(i + 1, k))
    return costs


def _pairs(
    mixture: Components, i: int, others: NDArray[np.intp]
) -> tuple[Array, Array, Array, Array]:
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


def _costs(mixture: Components, i: int, others: NDArray[np.intp], exponent: float = 0.0) -> Array:
    """Runnalls' bound for component i with each of the others, over a power of their weight."""
    bounds = _bounds(mixture, i, others)
    if exponent == 0.0:
        return bounds
    weight = mixture.weights[i] + mixture.weights[others]
    return np.divide(bounds, weight**exponent, out=bounds, where=weight > 0)


def _bounds(mixture: Components, i: int, others: NDArray[np.intp]) -> Array:
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
