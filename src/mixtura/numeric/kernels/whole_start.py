"""The start by merging in compiled code, for rows whose features fit in a cache.

Its parts: seeds by k-means++, sums of features over the groups about them, and components merged
to fewer. The M-step and the steps of EM between them are those of `whole_run`. What needs care
ends a part with a word, and the same in Python takes its place.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import INNER, TILE, compiled
from mixtura.numeric.kernels.whole_run import EXACT, SPHERICAL, TIED, _factor, _invert

Array = NDArray[np.float64]
Index = NDArray[np.int64]


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
            if left < least:
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
    part: float,
    counts: Array,
    prior_products: Array,
    sums: Array,
) -> bool:
    """Sums of features over the groups about seeds, into sums (K, M); False where one is empty.

    Rows z (D, N) go to the nearest. All groups share, beside their own, a ``part`` of all rows with
    the scatter that the groups have in common: these are added to the prior.
    """
    d, n_rows = z.shape
    k_all, m_all = sums.shape
    for k in range(k_all):
        for m in range(m_all):
            sums[k, m] = 0.0
    n_all = 0.0
    for t in range(n_rows):
        nearest, least = 0, np.inf
        for k in range(k_all):
            s = 0.0
            for i in range(d):
                s += (z[i, t] - z[i, chosen[k]]) ** 2
            if s < least:
                nearest, least = k, s
        n_all += w[t]
        for m in range(m_all):
            sums[nearest, m] += w[t] * phi[t // TILE, m, t % TILE]
    for k in range(k_all):
        counts[2, k] += part * n_all / k_all
        if not sums[k, 0] > 0.0:
            return False
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
    """The covariance of a pair of components, as its family has it; the second's part of it.

    With tied covariances, what lies between the two, in nobody's form.
    """
    d = means.shape[1]
    weight = weights[i] + weights[j]
    part = weights[j] / weight
    between = part * (1.0 - part) * (weight if family == TIED else 1.0)
    own = 0.0 if family == TIED else 1.0
    trace = 0.0
    for a in range(d):
        for b in range(d):
            s = (1.0 - part) * covariances[i, a, b] + part * covariances[j, a, b]
            s = own * s + between * (means[j, a] - means[i, a]) * (means[j, b] - means[i, b])
            spread[a, b] = s if family <= TIED or a == b else 0.0
        trace += spread[a, a]
    if family == SPHERICAL:
        for a in range(d):
            spread[a, a] = trace / d
    return part


@compiled(**EXACT, **INNER)
def _volume(family: int, matrix: Array, work: Array) -> float:
    """The log determinant; not a number where there is none. ``work`` gets the factor."""
    d = len(matrix)
    for a in range(d):
        work[2, 0, a] = 0.0
    if family <= TIED and not _factor(matrix, work[2, 0], work[0]):
        return np.nan
    volume, product = 0.0, 1.0
    for a in range(d):
        product *= work[0, a, a] ** 2 if family <= TIED else matrix[a, a]
        if not 1e-100 < product < 1e100:
            volume += np.log(product)
            product = 1.0
    return volume + np.log(product)


@compiled(**EXACT, **INNER)
def _whitened(inverse: Array, means: Array, left: int, whitened: Array) -> None:
    """Means times the inverse of the factor of their common covariance."""
    for k in range(left):
        for i in range(len(inverse)):
            s = 0.0
            for j in range(i + 1):
                s += inverse[i, j] * means[k, j]
            whitened[k, i] = s


@compiled(**EXACT)
def merge(  # noqa: PLR0915  one loop over what is left of the components
    weights: Array, means: Array, covariances: Array, family: int, wanted: int, exponent: float
) -> bool:
    """Components merged, the cheapest pair first, until so many are left, in the first places.

    What a merger costs is Runnalls' bound, over this power of the pair's weight. False where a
    covariance has no factor.
    """
    k_all, d = means.shape
    work, spread = np.empty((3, d, d)), np.empty((d, d))
    # Above the diagonal what a merger costs, below it the volume of the pair.
    costs, volumes = np.empty((k_all, k_all)), np.empty(k_all)
    whitened = np.empty((k_all, d))
    for k in range(k_all):
        volumes[k] = _volume(family, covariances[k], work)
        if not abs(volumes[k]) < np.inf:
            return False
    changed, left = -1, k_all  # the component whose pairs are new; −1: every one
    while left > wanted:
        if family == TIED:
            _invert(work[0], work[1])
            _whitened(work[1], means, left, whitened)
        least, i, j = np.inf, left, left
        for a in range(left):
            for b in range(a + 1, left):
                if changed < 0 or a == changed or b == changed:
                    weight = weights[a] + weights[b]
                    if family == TIED:
                        distance = 0.0
                        for m in range(d):
                            distance += (whitened[b, m] - whitened[a, m]) ** 2
                        distance *= weights[a] * weights[b] / weight
                        costs[a, b] = 0.5 * np.log1p(distance) / weight**exponent
                        costs[b, a] = 0.0
                    else:
                        part = _pair(a, b, family, weights, means, covariances, spread)
                        volume = _volume(family, spread, work)
                        if not abs(volume) < np.inf:
                            return False
                        grown = (1.0 - part) * (volume - volumes[a])
                        grown += part * (volume - volumes[b])
                        costs[a, b] = 0.5 * weight ** (1.0 - exponent) * max(grown, 0.0)
                        costs[b, a] = volume
                if not costs[a, b] >= 0.0:
                    return False
                if costs[a, b] < least:
                    least, i, j = costs[a, b], a, b
        if not least < np.inf:
            return False
        part = _pair(i, j, family, weights, means, covariances, spread)
        weights[i] += weights[j]
        volumes[i] = costs[j, i]
        for a in range(d):
            means[i, a] += part * (means[j, a] - means[i, a])
        left -= 1
        for k in range(j, left):
            weights[k], volumes[k] = weights[k + 1], volumes[k + 1]
            for a in range(d):
                means[k, a] = means[k + 1, a]
                for b in range(d):
                    covariances[k, a, b] = covariances[k + 1, a, b]
        for a in range(d):
            for b in range(d):
                if family == TIED:
                    for k in range(left):
                        covariances[k, a, b] += spread[a, b]
                else:
                    covariances[i, a, b] = spread[a, b]
        for a in range(left):
            for b in range(left):
                if a != b:
                    costs[a, b] = costs[a + (a >= j), b + (b >= j)]
        changed = i
        if family == TIED:  # the common matrix has changed for every pair
            changed = -1
            if not abs(_volume(family, covariances[0], work)) < np.inf:
                return False
    return True
