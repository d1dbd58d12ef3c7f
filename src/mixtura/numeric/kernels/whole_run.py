"""A whole run of EM in compiled code, for rows whose features fit in a cache.

With a few thousand rows an iteration takes microseconds, and Python around it would take ten times
as long. So the loop itself is compiled: E-step, M-step with pseudo-rows, ridge and floor, objective
and rule for stopping, in coordinates in which the columns are centred and scaled. It covers the
ordinary course of a run. Whatever needs care, such as a component without rows or a distant one,
ends it with a word, and the loop in Python goes on from there.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import (
    BLOCK,
    TILE,
    Index,
    _add,
    _extended,
    _features,
    _products,
    _softmax,
    compiled,
)

Array = NDArray[np.float64]

CONVERGED, EXHAUSTED, CARE = 0, 1, 2
"""How a run ends: the objective stood still; the iterations ran out; the rest needs care."""

FULL, TIED, DIAGONAL, SPHERICAL = 0, 1, 2, 3

STEADY = 1e5
"""κ up to which the shared origin is taken without a second thought."""


@compiled()
def _factor(matrix: Array, factor: Array, inverse: Array) -> bool:
    """Lower Cholesky factor and its inverse; False where there is none."""
    d = len(matrix)
    for i in range(d):
        for j in range(i + 1):
            s = matrix[i, j]
            for m in range(j):
                s -= factor[i, m] * factor[j, m]
            if i == j:
                if not s > 0.0:
                    return False
                factor[i, i] = np.sqrt(s)
            else:
                factor[i, j] = s / factor[j, j]
    for j in range(d):
        inverse[j, j] = 1.0 / factor[j, j]
        for i in range(j + 1, d):
            s = 0.0
            for m in range(j, i):
                s -= factor[i, m] * inverse[m, j]
            inverse[i, j] = s / factor[i, i]
    return True


@compiled()
def _raise(matrix: Array, floor: Array, factor: Array, inverse: Array) -> None:
    """The likeliest matrix that is at least diag(floor), in place."""
    d = len(matrix)
    for i in range(d):
        matrix[i, i] -= floor[i]
    above = _factor(matrix, factor, inverse)
    for i in range(d):
        matrix[i, i] += floor[i]
    if above:
        return
    root = np.sqrt(floor)
    for i in range(d):
        for j in range(d):
            matrix[i, j] /= root[i] * root[j]
    values, vectors = np.linalg.eigh(matrix)
    for i in range(d):
        for j in range(i + 1):
            s = 0.0
            for m in range(d):
                s += vectors[i, m] * max(values[m], 1.0) * vectors[j, m]
            s *= root[i] * root[j]
            matrix[i, j] = s
            matrix[j, i] = s


@compiled()
def run(  # noqa: PLR0915  one loop: its parts would hand twenty arrays to one another
    x: Array,
    w: Array,
    left: Index,
    right: Index,
    family: int,
    weights: Array,
    means: Array,
    covariances: Array,
    prior_weights: Array,
    prior_means: Array,
    prior_scatter: Array,
    prior_sums: Array,
    prior_products: Array,
    ridge: Array,
    floor: Array,
    tol: float,
    max_iter: int,
    objective: float,
    units: float,
    objectives: Array,
    smallest: Array,
    trail: Array,
) -> tuple[int, int]:
    """Run EM; weights, means and covariances are those of the end. Returns the end and the count.

    Rows x are (D, N) with weights w (N,); left and right are the factors of features; covariances
    (K, D, D), diagonal ones in full; the prior's products (K, D, D), the tied one's divided among
    the components; ridge and floor (D,), a floor of zero for none; `units` is added to each row's
    log density. The last three are filled with the objective, the smallest weight and the
    covariances of each iteration.
    """
    d, n_rows = x.shape
    k_all = len(weights)
    quadratic = family <= TIED
    m_all = len(left)
    n_tiles = (n_rows + TILE - 1) // TILE
    phi = np.empty((n_tiles, m_all, TILE))
    none, origin, z = np.empty((0, 0)), np.zeros(d), np.empty((1 + d, TILE))
    for tile in range(n_tiles):
        n = min(TILE, n_rows - tile * TILE)
        _extended(x, tile * TILE, n, origin, none, none, z)
        _features(z, left, right, 0, m_all, n, phi[tile])
    total_rows = w.sum()
    padded = (k_all + BLOCK - 1) // BLOCK * BLOCK
    theta, sums = np.zeros((padded, m_all)), np.empty((padded, m_all))
    joint = np.zeros((padded, TILE))
    top, total, density = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    power = np.empty(TILE, np.int64)
    scale = power.view(np.float64)
    factor, inverse, precision = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, d))
    products, pooled, linear = np.empty((d, d)), np.empty((d, d)), np.empty(d)
    new_means, new_covariances = np.empty_like(means), np.empty_like(covariances)
    new_weights = np.empty_like(weights)
    floored = floor[0] > 0.0

    for number in range(max_iter):
        # Coefficients of the features, and the log prior.
        log_prior = 0.0
        for k in range(k_all):
            if not weights[k] > 0.0 or not _factor(covariances[k], factor, inverse):
                return CARE, number
            log_det = 0.0
            largest = 0.0
            for i in range(d):
                log_det += 2.0 * np.log(factor[i, i])
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
            if not kappa + largest < STEADY:
                return CARE, number
            volume = d * 1.8378770664093453 + log_det
            theta[k, 0] = np.log(weights[k]) - 0.5 * (volume + kappa)
            at = 1 + d
            for i in range(d):
                theta[k, 1 + i] = linear[i]
                for j in range(i, d if quadratic else i + 1):
                    theta[k, at] = -precision[i, j] if j > i else -0.5 * precision[i, i]
                    at += 1
            trace = 0.0
            for i in range(d):
                for j in range(d):
                    c = prior_products[k, i, j] - prior_sums[k, i] * means[k, j]
                    c += (prior_means[k] * means[k, j] - prior_sums[k, j]) * means[k, i]
                    trace += precision[i, j] * c
            log_prior += prior_weights[k] * np.log(weights[k])
            log_prior -= 0.5 * (prior_scatter[k] * (volume - 2.0 * units) + trace)

        # The E-step.
        sums[:] = 0.0
        log_likelihood = 0.0
        for tile in range(n_tiles):
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
        before = objective
        objective = (log_likelihood + log_prior) / total_rows + units
        if not abs(objective) < np.inf:
            return CARE, number

        # The M-step, into new arrays: what needs care leaves the old ones as they were.
        all_weights, all_scatter = 0.0, 0.0
        pooled[:] = 0.0
        for k in range(k_all):
            new_weights[k] = sums[k, 0] + prior_weights[k]
            all_weights += new_weights[k]
            n_means, n_scatter = sums[k, 0] + prior_means[k], sums[k, 0] + prior_scatter[k]
            if not (sums[k, 0] > 1e-3 and new_weights[k] > 0.0):
                return CARE, number
            all_scatter += n_scatter
            for i in range(d):
                new_means[k, i] = (sums[k, 1 + i] + prior_sums[k, i]) / n_means
            at = 1 + d
            products[:] = 0.0
            for i in range(d):
                for j in range(i, d if quadratic else i + 1):
                    s = sums[k, at] + prior_products[k, i, j]
                    s -= n_means * new_means[k, i] * new_means[k, j]
                    products[i, j] = s
                    products[j, i] = s
                    at += 1
            if family == TIED:
                pooled += products
            elif family == SPHERICAL:
                s = 0.0
                for i in range(d):
                    s += products[i, i]
                for i in range(d):
                    for j in range(d):
                        new_covariances[k, i, j] = s / (n_scatter * d) if i == j else 0.0
            else:
                for i in range(d):
                    for j in range(d):
                        new_covariances[k, i, j] = products[i, j] / n_scatter
        if family == TIED:
            for i in range(d):
                for j in range(d):
                    new_covariances[0, i, j] = pooled[i, j] / all_scatter
        for k in range(1 if family == TIED else k_all):
            if floored and quadratic:
                _raise(new_covariances[k], floor, factor, inverse)
            for i in range(d):
                if floored and not quadratic:
                    new_covariances[k, i, i] = max(new_covariances[k, i, i], floor[i])
                new_covariances[k, i, i] += ridge[i]
        if family == TIED:
            for k in range(1, k_all):
                new_covariances[k] = new_covariances[0]
        for k in range(k_all):
            weights[k] = new_weights[k] / all_weights
        means[:] = new_means
        covariances[:] = new_covariances

        objectives[number] = objective
        smallest[number] = weights.min()
        trail[number] = covariances
        if abs(objective - before) < tol:
            return CONVERGED, number + 1
    return EXHAUSTED, max_iter
