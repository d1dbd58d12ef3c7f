"""A whole run of EM in compiled code, for rows whose features fit in a cache.

With a few thousand rows an iteration takes microseconds, and Python around it would take ten times
as long. So the loop itself is compiled: E-step, M-step with pseudo-rows, ridge and floor, objective
and rules for stopping, in coordinates in which the columns are centred and scaled. It covers the
ordinary course of a run. Whatever needs care, such as a component without rows or a distant one,
ends it with a word, and the loop in Python goes on from there.

Elements are assigned one by one: what Numba makes of a slice takes longer to compile than the rest.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import (
    BLOCK,
    INNER,
    TILE,
    _add,
    _products,
    _softmax,
    compiled,
)

Array = NDArray[np.float64]

CONVERGED, EXHAUSTED, CARE, SLOW, GOES_ON = 0, 1, 2, 3, 4
"""How a run ends: at rest; iterations ran out; the rest needs care; it has a long way to go. The
last is for a run that does not end."""

FULL, TIED, DIAGONAL, SPHERICAL = 0, 1, 2, 3

STEADY = 1e7
"""κ up to which the shared origin is taken without a second thought."""

TINY = float(np.finfo(np.float64).tiny)
SLOWEST = 0.999
"""The largest ratio of successive gains that is believed."""

PATIENCE = 50
"""Iterations before a run may be called slow: at first gains often fall slowly, or grow."""

EXACT = {"fastmath": False}
"""For loops over few numbers, which gain nothing from vectors and take longer to compile."""


@compiled(**EXACT, **INNER)
def _factor(matrix: Array, less: Array, factor: Array) -> bool:
    """The lower Cholesky factor of matrix − diag(less); False where there is none."""
    d = len(matrix)
    for i in range(d):
        for j in range(i + 1):
            s = matrix[i, j]
            if i == j:
                s -= less[i]
            for m in range(j):
                s -= factor[i, m] * factor[j, m]
            if i == j:
                if not s > 0.0:
                    return False
                factor[i, i] = np.sqrt(s)
            else:
                factor[i, j] = s / factor[j, j]
    return True


@compiled(**EXACT, **INNER)
def _invert(factor: Array, inverse: Array) -> float:
    """The inverse of a lower triangle, and the logarithm of its determinant, squared."""
    d = len(factor)
    volume, product = 0.0, 1.0
    for j in range(d):
        product *= factor[j, j]
        if not 1e-100 < product < 1e100:
            volume += 2.0 * np.log(product)
            product = 1.0
        inverse[j, j] = 1.0 / factor[j, j]
        for i in range(j + 1, d):
            s = 0.0
            for m in range(j, i):
                s -= factor[i, m] * inverse[m, j]
            inverse[i, j] = s / factor[i, i]
    return volume + 2.0 * np.log(product)


@compiled(inline="always")
def coefficients(
    weights: Array,
    means: Array,
    covariances: Array,
    family: int,
    counts: Array,
    prior_sums: Array,
    prior_products: Array,
    units: float,
    work: Array,
    theta: Array,
) -> float:
    """What multiplies the features in each log joint density, into theta, and the log prior.

    Not a number where a covariance has no factor or lies too far from the others. ``work`` is room
    for numbers, (5, D, D); the rest is as in `run`.
    """
    k_all, d = means.shape
    factor, inverse, precision = work[0], work[1], work[2]
    linear, none = work[3, 0], work[4, 0]
    for i in range(d):
        none[i] = 0.0
    log_prior, log_det, largest = 0.0, 0.0, 0.0
    for k in range(k_all):
        if k == 0 or family != TIED:
            if not _factor(covariances[k], none, factor):
                return np.nan
            log_det, largest = _invert(factor, inverse), 0.0
            for i in range(d):
                for j in range(i + 1):
                    s = 0.0
                    for m in range(i, d):
                        s += inverse[m, i] * inverse[m, j]
                    precision[i, j] = s
                    precision[j, i] = s
                    largest = max(largest, abs(s))
        kappa = 0.0
        for i in range(d):
            s = 0.0
            for j in range(d):
                s += precision[i, j] * means[k, j]
            linear[i] = s
            kappa += s * means[k, i]
        if not (weights[k] > 0.0 and kappa + largest < STEADY):
            return np.nan
        log_weight = np.log(weights[k])
        volume = d * 1.8378770664093453 + log_det
        theta[k, 0] = log_weight - 0.5 * (volume + kappa)
        at = 1 + d
        for i in range(d):
            theta[k, 1 + i] = linear[i]
            for j in range(i, d if family <= TIED else i + 1):
                theta[k, at] = -precision[i, j] if j > i else -0.5 * precision[i, i]
                at += 1
        trace = 0.0
        for i in range(d):
            for j in range(d):
                c = prior_products[k, i, j] - prior_sums[k, i] * means[k, j]
                c += (counts[1, k] * means[k, j] - prior_sums[k, j]) * means[k, i]
                trace += precision[i, j] * c
        log_prior += counts[0, k] * log_weight
        log_prior -= 0.5 * (counts[2, k] * (volume - 2.0 * units) + trace)
    return log_prior


@compiled(**EXACT)
def maximize(
    sums: Array,
    family: int,
    counts: Array,
    prior_sums: Array,
    prior_products: Array,
    ridge: Array,
    floor: Array,
    work: Array,
    weights: Array,
    means: Array,
    covariances: Array,
) -> bool:
    """The M-step of sums of features, into the last three; False where it needs care."""
    k_all, d = means.shape
    factor, pooled = work[0], work[1]
    quadratic, floored = family <= TIED, floor[0] > 0.0
    n_weights, n_scatter = 0.0, 0.0
    for k in range(k_all):
        n_weights += sums[k, 0] + counts[0, k]
        n_scatter += sums[k, 0] + counts[2, k]
    for i in range(d):
        for j in range(d):
            pooled[i, j] = 0.0
    for k in range(k_all):
        own = sums[k, 0] + counts[0, k]
        if not (sums[k, 0] > 1e-100 and own > 0.0):
            return False
        weights[k] = own / n_weights
        n_means = sums[k, 0] + counts[1, k]
        rows = n_scatter if family == TIED else sums[k, 0] + counts[2, k]
        for i in range(d):
            means[k, i] = (sums[k, 1 + i] + prior_sums[k, i]) / n_means
        trace, at = 0.0, 1 + d
        for i in range(d):
            if not quadratic:
                for j in range(d):
                    covariances[k, i, j] = 0.0
            for j in range(i, d if quadratic else i + 1):
                s = sums[k, at] + prior_products[k, i, j] - n_means * means[k, i] * means[k, j]
                at += 1
                covariances[k, i, j] = s / rows
                covariances[k, j, i] = s / rows
                pooled[i, j] += s / rows
                if i == j:
                    trace += s / rows
        if family == SPHERICAL:
            for i in range(d):
                covariances[k, i, i] = trace / d
    for k in range(k_all):
        if family == TIED:
            for i in range(d):
                for j in range(i, d):
                    covariances[k, i, j] = pooled[i, j]
                    covariances[k, j, i] = pooled[i, j]
        new = k == 0 or family != TIED
        if quadratic and floored and new and not _factor(covariances[k], floor, factor):
            return False
        for i in range(d):
            if not quadratic:
                covariances[k, i, i] = max(covariances[k, i, i], floor[i])
            covariances[k, i, i] += ridge[i]
    return True


@compiled(inline="always")
def expectation(
    phi: Array,
    w: Array,
    theta: Array,
    k_all: int,
    joint: Array,
    buffers: Array,
    power: NDArray[np.int64],
    scale: Array,
    sums: Array,
) -> float:
    """The log-likelihood of all rows, and sums of features under the posterior, (K, M), into sums.

    ``joint``, (K, TILE), and ``buffers``, (3, TILE), are room for numbers; the rest is as in `run`.
    """
    n_rows, m_all = len(w), phi.shape[1]
    top, total, density = buffers[0], buffers[1], buffers[2]
    log_likelihood = 0.0
    for k in range(len(sums)):
        for m in range(m_all):
            sums[k, m] = 0.0
    for tile in range(len(phi)):
        at = tile * TILE
        n = min(TILE, n_rows - at)
        _products(theta, 0, m_all, phi[tile], n, joint)
        _softmax(joint, k_all, n, top, total, density, power, scale)
        part = 0.0
        for t in range(n):
            part += w[at + t] * density[t]
        for t in range(n):
            total[t] *= w[at + t]
        log_likelihood += part
        for k in range(k_all):
            row = joint[k]
            for t in range(n):
                row[t] *= total[t]
        _add(joint, 0, m_all, phi[tile], n, sums)
    return log_likelihood


@compiled(inline="always")
def verdict(
    number: int,
    max_iter: int,
    found: float,
    smallest: float,
    tol: float,
    ahead: bool,
    far: float,
    gauge: Array,
    course: Array,
) -> int:
    """How a run ends with this iteration and its objective, or GOES_ON, by the rules of `run`.

    ``gauge``, (5,), is the last objective, its gain, the ratios of the last two gains, and what was
    left to gain, as `Aitken` has it.
    """
    change, last, left_before = abs(found - gauge[0]), gauge[2], gauge[4]
    gain = change if number else np.inf
    ratio = gain / max(gauge[1], TINY) if gauge[1] < np.inf else 0.0
    believed = min(max(ratio, max(last, gauge[3])), SLOWEST)
    left = gain * believed / (1.0 - believed) if number > 1 else np.inf
    gauge[0], gauge[1], gauge[2], gauge[3], gauge[4] = found, gain, ratio, last, left
    course[0, number], course[1, number], course[2, number] = found, left, smallest
    if ahead:
        if number >= 4 and left < tol and left_before < tol:
            return CONVERGED
    elif change < tol:
        return CONVERGED
    # A long way, even by the fastest of the last gains, once there are enough to go by.
    spare = max_iter - number - 1
    believed = min(min(ratio, last), SLOWEST)
    settled = (number >= PATIENCE or number >= spare) and spare >= 10
    if settled and far < np.inf:
        wanted = np.log(tol / left) / np.log(believed)
        if wanted > far or wanted > spare:
            return SLOW
    return GOES_ON


@compiled()
def run(
    phi: Array,
    w: Array,
    family: int,
    weights: Array,
    means: Array,
    covariances: Array,
    counts: Array,
    prior_sums: Array,
    prior_products: Array,
    ridge: Array,
    floor: Array,
    tol: float,
    max_iter: int,
    objective: float,
    units: float,
    ahead: bool,
    far: float,
    course: Array,
    trail: Array,
    work: Array,
    power: NDArray[np.int64],
    scale: Array,
) -> tuple[int, int]:
    """Run EM; weights, means and covariances are those of the end. Returns the end and the count.

    Features phi are (tiles, M, TILE), of rows with weights w (N,); covariances (K, D, D), diagonal
    ones in full; the prior's counts (3, K) behind weights, means and scatter, its products
    (K, D, D), the tied one's divided among the components; ridge and floor (D,), a floor of zero
    for none; `units` is added to each row's log density. The run rests once the objective changes
    by less than `tol` or, looking `ahead`, once less than that is twice predicted to be left. Where
    more than `far` iterations are predicted it is slow. ``course``, (3, max_iter), is filled with
    the objective of each iteration, what was left to gain and the smallest weight, and ``trail``
    with the covariances. ``work``, (5, D, D), is room for numbers, and so are ``power`` and
    ``scale``, (TILE,), two views of one buffer.
    """
    k_all, d = means.shape
    m_all = phi.shape[1]
    padded = (k_all + BLOCK - 1) // BLOCK * BLOCK
    # All room is of one shape: there is a function to compile for each way to make some.
    theta, sums = np.empty((padded, m_all)), np.empty((padded, m_all))
    joint, buffers = np.empty((padded, TILE)), np.empty((3, TILE))
    new_weights, new_means = np.empty((1, k_all))[0], np.empty((k_all, d))
    gauge = np.empty((1, 5))[0]
    gauge[0], gauge[1], gauge[2], gauge[3], gauge[4] = objective, np.inf, 0.0, 0.0, np.inf
    for k in range(padded):
        for m in range(m_all):
            theta[k, m] = 0.0
    n_all = 0.0
    for t in range(len(w)):
        n_all += w[t]

    for number in range(max_iter):
        log_prior = coefficients(
            weights,
            means,
            covariances,
            family,
            counts,
            prior_sums,
            prior_products,
            units,
            work,
            theta,
        )
        log_likelihood = expectation(phi, w, theta, k_all, joint, buffers, power, scale, sums)
        found = (log_likelihood + log_prior) / n_all + units
        if not abs(found) < np.inf:
            return CARE, number
        # Into new arrays: what needs care leaves the old ones as they were.
        if not maximize(
            sums,
            family,
            counts,
            prior_sums,
            prior_products,
            ridge,
            floor,
            work,
            new_weights,
            new_means,
            trail[number],
        ):
            return CARE, number
        smallest = np.inf
        for k in range(k_all):
            weights[k] = new_weights[k]
            smallest = min(smallest, weights[k])
            for i in range(d):
                means[k, i] = new_means[k, i]
                for j in range(d):
                    covariances[k, i, j] = trail[number, k, i, j]
        end = verdict(number, max_iter, found, smallest, tol, ahead, far, gauge, course)
        if end != GOES_ON:
            return end, number + 1
    return EXHAUSTED, max_iter
