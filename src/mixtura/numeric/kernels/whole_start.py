"""The start by merging in compiled code, for rows whose features fit in a cache.

Its parts: seeds by k-means++, sums of features over the groups about them, and components merged
to fewer. The M-step and the steps of EM between them are those of `whole_run`. What needs care
ends a part with a word, and the same in Python takes its place.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import INNER, TILE, compiled
from mixtura.numeric.kernels.whole_run import EXACT, FULL, SPHERICAL, TIED, _factor, _invert

Array = NDArray[np.float64]
Index = NDArray[np.int64]

CLEARLY, ROUNDING = 1.0 - 1e-9, 1e-13
"""Of two numbers that differ by no more, the first counts as the smaller: whole numbers and rows
that are repeated tie, and which way rounding breaks a tie depends on the units of the columns."""
STILL = 1e-3
"""Standard deviations of a column by which centres may move that stand still."""


@compiled(**EXACT)
def seeds(z: Array, w: Array, draws: Array, trials: int, chosen: Index) -> None:
    """Rows far from one another by k-means++, of z (D, N), into chosen, (K,).

    As in scikit-learn: of a few candidates the one that leaves the least is taken. ``draws`` are
    uniform numbers, one for the first seed and ``trials`` for each of the others.
    """
    d, n_rows = z.shape
    distances = np.empty((3, n_rows))
    nearest, tried, best = distances[0], distances[1], distances[2]
    whole = 0.0
    for t in range(n_rows):
        nearest[t] = 1.0
        whole += w[t]
    for c in range(len(chosen)):
        least, found = np.inf, 0
        for trial in range(trials if c else 1):
            # The row at which the running sum reaches the number drawn.
            wanted = draws[1 + (c - 1) * trials + trial if c else 0] * whole
            row, below = 0, 0.0
            while row < n_rows - 1:
                below += w[row] * nearest[row]
                if below > wanted or (c and below == wanted):
                    break
                row += 1
            for t in range(n_rows):
                tried[t] = 0.0
            for i in range(d):
                for t in range(n_rows):
                    tried[t] += (z[i, t] - z[i, row]) ** 2
            left = 0.0
            for t in range(n_rows):
                if c:
                    tried[t] = min(tried[t], nearest[t])
                left += w[t] * tried[t]
            if left < least * CLEARLY:
                least, found = left, row
                for t in range(n_rows):
                    best[t] = tried[t]
        chosen[c] = found
        whole = least
        for t in range(n_rows):
            nearest[t] = best[t]


@compiled(**EXACT)
def grouped(
    z: Array,
    chosen: Index,
    phi: Array,
    w: Array,
    quadratic: bool,
    rounds: int,
    part: float,
    counts: Array,
    prior_products: Array,
    sums: Array,
) -> bool:
    """Sums of features over the groups about seeds, into sums (K, M); False where one is empty.

    Rows z (D, N) go to the nearest, and seeds to the means of their groups, in so many rounds of
    k-means, or until they stand still; then rows go to the nearest again. All groups share, beside
    their own, a ``part`` of all rows with the scatter that the groups have in common: these are
    added to the prior.
    """
    d, n_rows = z.shape
    k_all, m_all = sums.shape
    centres, total = np.empty((k_all, d)), np.empty((k_all, 1 + d))
    for k in range(k_all):
        for i in range(d):
            centres[k, i] = z[i, chosen[k]]
    n_all, still = 0.0, False
    for number in range(rounds + 1):
        last = still or number == rounds
        for k in range(k_all):
            for i in range(1 + d):
                total[k, i] = 0.0
            for m in range(m_all if last else 0):
                sums[k, m] = 0.0
        for t in range(n_rows):
            nearest, least = 0, np.inf
            for k in range(k_all):
                s = 0.0
                for i in range(d):
                    s += (z[i, t] - centres[k, i]) ** 2
                if s < least * CLEARLY:
                    nearest, least = k, s
            if last:
                n_all += w[t]
                for m in range(m_all):
                    sums[nearest, m] += w[t] * phi[t // TILE, m, t % TILE]
            else:
                total[nearest, 0] += w[t]
                for i in range(d):
                    total[nearest, 1 + i] += w[t] * z[i, t]
        if last:
            break
        still = True
        for k in range(k_all):
            if total[k, 0] > 0.0:
                for i in range(d):
                    mean = total[k, 1 + i] / total[k, 0]
                    still = still and abs(mean - centres[k, i]) < STILL
                    centres[k, i] = mean
    for k in range(k_all):
        counts[2, k] += part * n_all / k_all
        if not sums[k, 0] > 0.0:
            return False
    d = prior_products.shape[1]
    at = 1 + d
    for i in range(d):
        for j in range(i, d if quadratic else i + 1):
            s = 0.0
            for k in range(k_all):
                s += sums[k, at] - sums[k, 1 + i] * sums[k, 1 + j] / sums[k, 0]
            at += 1
            s *= part / k_all
            for k in range(k_all):
                prior_products[k, i, j] += s
                if i != j:
                    prior_products[k, j, i] += s
    return True


@compiled(**EXACT, **INNER)
def _pair(
    i: int,
    j: int,
    family: int,
    weights: Array,
    means: Array,
    covariances: Array,
    spread: Array,
) -> float:
    """The covariance of a pair of components, as its family has it; the second's part of it."""
    d = means.shape[1]
    part = weights[j] / (weights[i] + weights[j])
    between = part * (1.0 - part)
    trace = 0.0
    for a in range(d):
        for b in range(d):
            s = (1.0 - part) * covariances[i, a, b] + part * covariances[j, a, b]
            s += between * (means[j, a] - means[i, a]) * (means[j, b] - means[i, b])
            spread[a, b] = s if family == FULL or a == b else 0.0
        trace += spread[a, a]
    if family == SPHERICAL:
        for a in range(d):
            spread[a, a] = trace / d
    return part


@compiled(**EXACT, **INNER)
def _volume(family: int, matrix: Array, none: Array, factor: Array) -> float:
    """The log determinant; not a number where there is none. ``none`` are zeros, (D,)."""
    if family == FULL and not _factor(matrix, none, factor):
        return np.nan
    volume, product = 0.0, 1.0
    for a in range(len(matrix)):
        product *= factor[a, a] ** 2 if family == FULL else matrix[a, a]
        if not 1e-100 < product < 1e100:
            volume += np.log(product)
            product = 1.0
    return volume + np.log(product)


@compiled(**EXACT, **INNER)
def _packed(weights: Array, means: Array, covariances: Array) -> bool:
    """Components that weigh something are moved to the first places."""
    at, d = 0, means.shape[1]
    for k in range(len(weights)):
        if weights[k] > 0.0:
            weights[at] = weights[k]
            for i in range(d):
                means[at, i] = means[k, i]
                for j in range(d):
                    covariances[at, i, j] = covariances[k, i, j]
            at += 1
    return True


@compiled(**EXACT)
def _merge_own(
    weights: Array, means: Array, covariances: Array, family: int, wanted: int, exponent: float
) -> bool:
    """`merge` where each component has a covariance of its own."""
    k_all, d = means.shape
    none, factor, spread = np.empty((1, d))[0], np.empty((d, d)), np.empty((d, d))
    for a in range(d):
        none[a] = 0.0
    # Above the diagonal what a merger costs, on it the volumes, below it those of the pairs.
    table = np.empty((k_all, k_all))
    for k in range(k_all):
        table[k, k] = _volume(family, covariances[k], none, factor)
        if not abs(table[k, k]) < np.inf:
            return False
    changed = -1  # the component whose pairs are new; −1: every one
    for _ in range(wanted, k_all):
        least, i, j = np.inf, k_all, k_all
        for a in range(k_all):
            for b in range(a + 1, k_all):
                if weights[a] == 0.0 or weights[b] == 0.0:  # merged into another
                    continue
                if changed < 0 or a == changed or b == changed:
                    part = _pair(a, b, family, weights, means, covariances, spread)
                    volume = _volume(family, spread, none, factor)
                    if not abs(volume) < np.inf:
                        return False
                    grown = (1.0 - part) * (volume - table[a, a]) + part * (volume - table[b, b])
                    weight = weights[a] + weights[b]
                    table[a, b] = 0.5 * weight ** (1.0 - exponent) * max(grown, 0.0)
                    table[b, a] = volume
                if not table[a, b] >= 0.0:
                    return False
                if table[a, b] < least * CLEARLY - ROUNDING:
                    least, i, j = table[a, b], a, b
        if not least < np.inf:
            return False
        part = _pair(i, j, family, weights, means, covariances, spread)
        weights[i], weights[j] = weights[i] + weights[j], 0.0
        table[i, i], changed = table[j, i], i
        for a in range(d):
            means[i, a] += part * (means[j, a] - means[i, a])
            for b in range(d):
                covariances[i, a, b] = spread[a, b]
    return _packed(weights, means, covariances)


@compiled(**EXACT)
def _merge_tied(
    weights: Array, means: Array, covariances: Array, wanted: int, exponent: float
) -> bool:
    """`merge` where all have the same: what lies between a pair is added to it."""
    k_all, d = means.shape
    factor, inverse, whitened = np.empty((d, d)), np.empty((d, d)), np.empty((k_all, d))
    none = np.empty((1, d))[0]
    for a in range(d):
        none[a] = 0.0
    for left in range(k_all, wanted - 1, -1):
        if not _factor(covariances[0], none, factor):
            return False
        if left == wanted:
            break
        _invert(factor, inverse)
        for k in range(k_all):
            for a in range(d):
                s = 0.0
                for b in range(a + 1):
                    s += inverse[a, b] * means[k, b]
                whitened[k, a] = s
        least, i, j = np.inf, k_all, k_all
        for a in range(k_all):
            for b in range(a + 1, k_all):
                if weights[a] == 0.0 or weights[b] == 0.0:  # merged into another
                    continue
                distance, weight = 0.0, weights[a] + weights[b]
                for m in range(d):
                    distance += (whitened[b, m] - whitened[a, m]) ** 2
                distance *= weights[a] * weights[b] / weight
                cost = 0.5 * np.log1p(distance) / weight**exponent
                if not cost >= 0.0:
                    return False
                if cost < least * CLEARLY - ROUNDING:
                    least, i, j = cost, a, b
        if not least < np.inf:
            return False
        weight = weights[i] + weights[j]
        part = weights[j] / weight
        between = part * (1.0 - part) * weight
        for a in range(d):
            for b in range(d):
                s = between * (means[j, a] - means[i, a]) * (means[j, b] - means[i, b])
                for k in range(k_all):
                    covariances[k, a, b] += s
        for a in range(d):
            means[i, a] += part * (means[j, a] - means[i, a])
        weights[i], weights[j] = weight, 0.0
    return _packed(weights, means, covariances)


def merge(
    weights: Array, means: Array, covariances: Array, family: int, wanted: int, exponent: float
) -> bool:
    """Components merged, the cheapest pair first, until so many are left, in the first places.

    What a merger costs is Runnalls' bound, over this power of the pair's weight. False where a
    covariance has no factor.
    """
    if family == TIED:
        return _merge_tied(weights, means, covariances, wanted, exponent)
    return _merge_own(weights, means, covariances, family, wanted, exponent)
