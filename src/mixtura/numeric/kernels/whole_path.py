"""The start by merging for many numbers of components, in one call of compiled code.

Components are seeded, fitted roughly and merged, two by two, down to the least number that is asked
for; what is passed on the way is kept. The parts are those of `whole_start` and `whole_run`. What
needs care ends an order of merging with a word, and the same in Python takes its place.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import INNER, compiled
from mixtura.numeric.kernels.whole_run import EXACT, TIED, maximize, run
from mixtura.numeric.kernels.whole_start import _merge_own, _merge_tied, grouped, seeds

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@compiled(**EXACT, **INNER)
def _distinct(z: Array, chosen: Index) -> bool:
    """Whether the rows chosen from z (D, N) differ from one another."""
    for k in range(len(chosen)):
        for other in range(k):
            apart = False
            for i in range(len(z)):
                apart = apart or z[i, chosen[k]] != z[i, chosen[other]]
            if not apart:
                return False
    return True


@compiled(**EXACT, **INNER)
def _copy(
    k_all: int,
    weights: Array,
    means: Array,
    covariances: Array,
    to_weights: Array,
    to_means: Array,
    to_covariances: Array,
) -> None:
    """The first components of a mixture into another."""
    d = means.shape[1]
    for k in range(k_all):
        to_weights[k] = weights[k]
        for i in range(d):
            to_means[k, i] = means[k, i]
            for j in range(d):
                to_covariances[k, i, j] = covariances[k, i, j]


@compiled(**EXACT, **INNER)
def _alike(weights: Array, means: Array, other_weights: Array, other_means: Array) -> bool:
    """Whether two mixtures are the same bit for bit."""
    alike = True
    for k in range(len(weights)):
        alike = alike and weights[k] == other_weights[k]
        for i in range(means.shape[1]):
            alike = alike and means[k, i] == other_means[k, i]
    return alike


@compiled(**EXACT)
def descend(
    z: Array,
    draws: Array,
    trials: int,
    phi: Array,
    w: Array,
    family: int,
    part: float,
    sizes: Index,
    steps: Index,
    exponents: Array,
    counts: Array,
    prior_sums: Array,
    prior_products: Array,
    ridge: Array,
    floor: Array,
    units: float,
    work: Array,
    power: Index,
    scale: Array,
    chosen: Index,
    weights: Array,
    means: Array,
    covariances: Array,
    worth: Array,
) -> bool:
    """Mixtures of so many components as there are sizes, falling, for each order of merging.

    Rows z (D, N) are those among which seeds are ``chosen``, as in `seeds`; phi, w, family and what
    is behind them are as in `run`, the priors with a first axis for the sizes, of length one where
    they are the same. All of sizes[0] begin as groups about seeds, with a ``part`` of common
    scatter, and have steps[0] steps of EM; then the cheapest pairs are merged, by each of the
    ``exponents``, down to the next size, for steps[1] steps more, and so on. The last four are
    written to: weights (E, S, K), means, covariances, and the objective (E, S) of the last step,
    not a number where there is nothing. False where even the seeds need care.
    """
    n_orders, n_sizes, k_all, d = means.shape
    many, most = sizes[0], max(steps[0], steps[1])
    never = most < 0  # not a constant, for which `run` would be compiled once more
    for order in range(n_orders):
        for at in range(n_sizes):
            worth[order, at] = np.nan
    seeds(z, w, draws, trials, chosen)
    own_counts, own_products = counts[0].copy(), prior_products[0].copy()
    sums = np.empty((many, phi.shape[1]))
    if not (
        _distinct(z, chosen)  # rows that are alike leave fewer than are wanted
        and grouped(z, chosen, phi, w, family <= TIED, 0, part, own_counts, own_products, sums)
    ):
        return False
    course, trail = np.empty((3, most)), np.empty((most, k_all, d, d))
    # What each order was merged to, before the steps of EM: where two are equal, they go on as one.
    merged_weights, merged_means = np.empty(weights.shape), np.empty(means.shape)
    for order in range(n_orders):
        for at in range(n_sizes):
            size = sizes[at]
            pi, mu = weights[order, at, :size], means[order, at, :size]
            sigma = covariances[order, at, :size]
            p, same = at if len(counts) > 1 else 0, -1
            if at > 0:
                before = sizes[at - 1]
                pi, mu = weights[order, at, :before], means[order, at, :before]
                sigma = covariances[order, at, :before]
                _copy(
                    before,
                    weights[order, at - 1],
                    means[order, at - 1],
                    covariances[order, at - 1],
                    pi,
                    mu,
                    sigma,
                )
                if family == TIED:
                    done = _merge_tied(pi, mu, sigma, size, exponents[order])
                else:
                    done = _merge_own(pi, mu, sigma, family, size, exponents[order])
                if not done:
                    break
                pi, mu, sigma = pi[:size], mu[:size], sigma[:size]
                for k in range(size):
                    merged_weights[order, at, k] = pi[k]
                    for i in range(d):
                        merged_means[order, at, k, i] = mu[k, i]
                for other in range(order - 1, -1, -1):
                    there, them = merged_weights[other, at], merged_means[other, at]
                    if worth[other, at] == worth[other, at] and _alike(pi, mu, there, them):
                        same = other
            elif order > 0:
                same = 0
            elif not maximize(
                sums,
                family,
                own_counts,
                prior_sums[0],
                own_products,
                ridge,
                floor,
                work,
                pi,
                mu,
                sigma,
            ):
                return False
            if same >= 0:
                _copy(
                    size, weights[same, at], means[same, at], covariances[same, at], pi, mu, sigma
                )
                worth[order, at] = worth[same, at]
            else:
                number = steps[min(at, 1)]
                _, count = run(
                    phi,
                    w,
                    family,
                    pi,
                    mu,
                    sigma,
                    counts[p],
                    prior_sums[p],
                    prior_products[p],
                    ridge,
                    floor,
                    -1.0,
                    number,
                    -np.inf,
                    units,
                    never,
                    np.inf,
                    course,
                    trail,
                    work,
                    power,
                    scale,
                )
                if count == number:
                    worth[order, at] = course[0, number - 1]
            if not abs(worth[order, at]) < np.inf:
                break
    return True
