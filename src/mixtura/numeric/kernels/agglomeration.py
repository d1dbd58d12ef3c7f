"""Groups of rows joined, the pair first that costs the Gaussian likelihood least.

Rows come as groups of equal ones: weights w (G,) and centres times the root of the weight, y
(G, D), by which the scatter of a pair about its own centre is that of the two and one product of a
vector with itself. Groups have places; of a pair the second's place goes to the last group. Where
several pairs cost the same, the last in order of places is taken.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import INNER, compiled
from mixtura.numeric.kernels.whole_run import EXACT

Array = NDArray[np.float64]
Index = NDArray[np.int64]

OWN, SPHERES, SPHERE = 0, 1, 2
"""The matrices of groups: one of its own for each; a multiple of one; the same multiple for all."""

TINY = 1.1102230246251565e-16
"""A trace that is no more than rounding."""


@compiled(**EXACT, **INNER)
def _log_det(matrix: Array, factor: Array) -> float:
    """The log determinant of a scatter matrix; minus infinity where it has none."""
    d = len(matrix)
    found, product = 0.0, 1.0
    for i in range(d):
        for j in range(i + 1):
            s = matrix[i, j]
            for m in range(j):
                s -= factor[i, m] * factor[j, m]
            if i == j:
                if not s > 0.0:
                    return -np.inf
                factor[i, i] = np.sqrt(s)
                product *= s
                if not 1e-100 < product < 1e100:
                    found += np.log(product)
                    product = 1.0
            else:
                factor[i, j] = s / factor[j, j]
    return found + np.log(product)


@compiled(**EXACT, **INNER)
def _term(n: float, trace: float, alpha: float, matrix: Array, factor: Array, kind: int) -> float:
    """What a group of n rows adds to twice the negative log-likelihood, up to a constant.

    n log|W/n|, and within the logarithm (tr W + α) / n, which keeps groups that lie in a plane or
    in a point apart from one another.
    """
    if kind == SPHERE:
        return trace
    d = len(matrix)
    rest = (trace + alpha) / n
    if kind == SPHERES or n <= d or trace == 0.0:
        return n * np.log(rest)
    volume = _log_det(matrix, factor) - d * np.log(n)
    if volume <= 0.0:
        return n * np.log(np.exp(volume) + rest)
    return n * (np.log1p(np.exp(-volume) * rest) + volume)


@compiled(**EXACT, **INNER)
def _together(
    i: int,
    j: int,
    w: Array,
    y: Array,
    traces: Array,
    scatters: Array,
    alpha: float,
    kind: int,
    step: Array,
    matrix: Array,
    factor: Array,
) -> tuple[float, float]:
    """The trace and the term of a pair; its scatter into matrix if groups have their own."""
    d, n = y.shape[1], w[i] + w[j]
    a, b = np.sqrt(w[i] / n), np.sqrt(w[j] / n)
    length = 0.0
    for m in range(d):
        step[m] = b * y[i, m] - a * y[j, m]
        length += step[m] * step[m]
    trace = (traces[i] + traces[j]) + length
    if kind == OWN:
        for m in range(d):
            for q in range(m + 1):
                s = scatters[i, m, q] + scatters[j, m, q] + step[m] * step[q]
                matrix[m, q] = s
                matrix[q, m] = s
    return trace, _term(n, trace, alpha, matrix, factor, kind)


@compiled(**EXACT, **INNER)
def _nearest(j: int, costs: Array, best: Array, partner: Index) -> None:
    """The cheapest partner of place j among the places before it."""
    at, least, found = j * (j - 1) // 2, np.inf, 0
    for i in range(j):
        if costs[at + i] <= least:
            least, found = costs[at + i], i
    best[j], partner[j] = least, found


@compiled(**EXACT)
def agglomerate(y: Array, w: Array, alpha: float, kind: int, merges: Index) -> None:
    """Join groups until one is left; which pairs, by the least number in each, into merges.

    merges is (G − 1, 2); y and w are overwritten.
    """
    g_all, d = y.shape
    size = g_all if kind == OWN else 1
    scatters = np.zeros((size, d, d))
    traces, terms, names = np.zeros(g_all), np.zeros(g_all), np.arange(g_all)
    step, matrix, factor = np.zeros(d), np.zeros((d, d)), np.zeros((d, d))
    costs = np.empty(g_all * (g_all - 1) // 2)
    best, partner = np.full(g_all, np.inf), np.zeros(g_all, dtype=np.int64)
    for j in range(g_all):
        terms[j] = _term(w[j], 0.0, alpha, matrix, factor, kind)
    at = 0
    for j in range(1, g_all):
        for i in range(j):
            _, term = _together(i, j, w, y, traces, scatters, alpha, kind, step, matrix, factor)
            costs[at] = term - (terms[i] + terms[j])
            at += 1
        _nearest(j, costs, best, partner)
    for done in range(g_all - 1):
        last = g_all - 1 - done
        least, one, two = np.inf, 0, 1
        for j in range(1, last + 1):
            if best[j] <= least:
                least, one, two = best[j], partner[j], j
        trace, term = _together(one, two, w, y, traces, scatters, alpha, kind, step, matrix, factor)
        n = w[one] + w[two]
        a, b = np.sqrt(w[one] / n), np.sqrt(w[two] / n)
        for m in range(d):
            y[one, m] = a * y[one, m] + b * y[two, m]
            if kind == OWN:
                for q in range(d):
                    scatters[one, m, q] = matrix[m, q]
        if kind == SPHERE:  # what a pair costs is what lies between the two
            trace, term = 0.0, 0.0
        w[one], traces[one], terms[one] = n, trace, term
        first, second = names[one], names[two]
        merges[done, 0], merges[done, 1] = min(first, second), max(first, second)
        names[one] = min(first, second)
        if two != last:  # the last group takes the place
            w[two], traces[two], terms[two] = w[last], traces[last], terms[last]
            names[two] = names[last]
            for m in range(d):
                y[two, m] = y[last, m]
                if kind == OWN:
                    for q in range(d):
                        scatters[two, m, q] = scatters[last, m, q]
            for k in range(last):
                if k != two:
                    high, low = max(k, two), min(k, two)
                    costs[high * (high - 1) // 2 + low] = costs[last * (last - 1) // 2 + k]
        for k in range(last):
            if k != one:
                high, low = max(k, one), min(k, one)
                _, term = _together(
                    low, high, w, y, traces, scatters, alpha, kind, step, matrix, factor
                )
                costs[high * (high - 1) // 2 + low] = term - (terms[low] + terms[high])
        # Pairs with either place are new, and others are as they were.
        for j in range(1, last):
            if j in (one, two) or partner[j] in (one, two):
                _nearest(j, costs, best, partner)
                continue
            for i in (one, two):
                if i < j:
                    cost = costs[j * (j - 1) // 2 + i]
                    if cost < best[j] or (cost == best[j] and i > partner[j]):
                        best[j], partner[j] = cost, i


@compiled(**EXACT, **INNER)
def _common_det(within: Array, step: Array, matrix: Array, factor: Array) -> float:
    """The log determinant of the common scatter and one step more."""
    d = len(step)
    for m in range(d):
        for q in range(d):
            matrix[m, q] = within[m, q] + step[m] * step[q]
    return _log_det(matrix, factor)


@compiled(**EXACT, **INNER)
def _common_pair(
    y: Array,
    w: Array,
    size: int,
    within: Array,
    trace: float,
    enough: float,
    ready: bool,
    step: Array,
    matrix: Array,
    factor: Array,
    white: Array,
) -> tuple[int, int]:
    """The pair of the first groups that is joined next, where all share one matrix."""
    d = y.shape[1]
    volume, largest, sure = _log_det(within, factor) if ready else -np.inf, 0.0, ready
    for m in range(d):
        largest = max(largest, within[m, m])
    for m in range(d):
        sure = sure and volume > -np.inf and factor[m, m] ** 2 > 1e-12 * largest
    if sure:  # distances in coordinates in which W is one say how it grows
        for k in range(size):
            for m in range(d):
                s = y[k, m]
                for q in range(m):
                    s -= factor[m, q] * white[k, q]
                white[k, m] = s / factor[m, m]
    both, one, two, least, first, second = np.inf, 0, 1, np.inf, 0, 1
    for j in range(1, size):
        for i in range(j):
            n = w[i] + w[j]
            a, b = np.sqrt(w[i] / n), np.sqrt(w[j] / n)
            length, distance = 0.0, 0.0
            for m in range(d):
                step[m] = b * y[i, m] - a * y[j, m]
                length += step[m] * step[m]
                distance += (b * white[i, m] - a * white[j, m]) ** 2
            worth = max(trace + length, TINY)
            if ready:
                if sure:
                    after = volume + np.log1p(distance)
                else:
                    after = _common_det(within, step, matrix, factor)
                if after <= least:
                    least, first, second = after, i, j
                if after <= 0.0:
                    worth = np.log(np.exp(after) + worth)
                else:
                    worth = np.log1p(worth * np.exp(-after)) + after
            if worth <= both:
                both, one, two = worth, i, j
    if least >= enough and ready:
        return first, second
    return one, two


@compiled(**EXACT)
def agglomerate_common(y: Array, w: Array, mean_variance: float, merges: Index) -> None:
    """The same where all groups share one matrix W: the pair that leaves the least |W|.

    y is divided by the root of the number of rows, and the mean variance of the columns is of such
    rows, too. While W has no volume the pair that leaves the least trace is taken; while its volume
    is below that variance, the pair that leaves the least sum of both.
    """
    g_all, d = y.shape
    names = np.arange(g_all)
    within, trace = np.zeros((d, d)), 0.0
    step, matrix, factor = np.zeros(d), np.zeros((d, d)), np.zeros((d, d))
    white = np.zeros((g_all, d))
    enough = np.log(mean_variance + TINY)
    for done in range(g_all - 1):
        last = g_all - 1 - done
        ready = done + 1 >= d
        one, two = _common_pair(
            y, w, last + 1, within, trace, enough, ready, step, matrix, factor, white
        )
        n = w[one] + w[two]
        a, b = np.sqrt(w[one] / n), np.sqrt(w[two] / n)
        for m in range(d):
            step[m] = b * y[one, m] - a * y[two, m]
            trace += step[m] * step[m]
        for m in range(d):
            y[one, m] = a * y[one, m] + b * y[two, m]
            for q in range(d):
                within[m, q] += step[m] * step[q]
        w[one] = n
        low, high = min(names[one], names[two]), max(names[one], names[two])
        merges[done, 0], merges[done, 1] = low, high
        names[one] = low
        if two != last:
            w[two], names[two] = w[last], names[last]
            for m in range(d):
                y[two, m] = y[last, m]
