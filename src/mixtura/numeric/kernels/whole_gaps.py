"""A whole run of EM on few rows with gaps, in compiled code.

With a few thousand rows a pass takes less than what Python takes around it, and the choice of a
size and a family makes hundreds of passes. So the loop is compiled, as in `whole_run`: the E-step
is that of `with_gaps`, the M-step has the pseudo-rows of a penalty, and rules for stopping are the
same. Whatever needs care ends the run with a word, and the loop in Python goes on from there.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import BLOCK, INNER, compiled
from mixtura.numeric.kernels.operands import PRECISE
from mixtura.numeric.kernels.whole_run import (
    CARE,
    DIAGONAL,
    EXACT,
    EXHAUSTED,
    GOES_ON,
    TIED,
    _factor,
    _invert,
    verdict,
)
from mixtura.numeric.kernels.with_gaps import LOG_2PI, _dense, _independent

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@compiled(**EXACT, **INNER)
def _scaled(
    covariance: Array,
    behind: Array,
    work: Array,
    scales: Array,
    correlations: Array,
    precisions: Array,
    whiteners: Array,
    found: Array,
) -> bool:
    """A matrix as standard deviations and correlations, with their inverses, each with a column of
    zeros before it; False where it has no factor.

    Into ``found`` go the log determinant of the correlations, the largest diagonal number of their
    inverse, and the trace of the matrix's inverse times another, ``behind``.
    """
    d = len(covariance)
    factor, inverse, matrix, none = work[0], work[1], work[2], work[3, 0]
    for i in range(d):
        none[i] = 0.0
        if not covariance[i, i] > 0.0:
            return False
        scales[i] = np.sqrt(covariance[i, i])
    for i in range(d):
        for j in range(d):
            matrix[i, j] = covariance[i, j] / (scales[i] * scales[j])
            correlations[i, 1 + j] = matrix[i, j]
            inverse[i, j] = 0.0
    if not _factor(matrix, none, factor):
        return False
    found[0], found[1], found[2] = _invert(factor, inverse), 1.0, 0.0
    for i in range(d):
        for j in range(i + 1):
            s = 0.0
            for m in range(i, d):
                s += inverse[m, i] * inverse[m, j]
            precisions[i, 1 + j] = s
            precisions[j, 1 + i] = s
            whiteners[i, 1 + j] = inverse[i, j]
            found[2] += (1.0 if i == j else 2.0) * s * behind[i, j] / (scales[i] * scales[j])
        found[1] = max(found[1], precisions[i, 1 + i])
    return True


@compiled(**EXACT, **INNER)
def _left(
    spread: Array, padded: Array, count: float, correlations: Array, work: Array, found: Array
) -> None:
    """How missing numbers vary, added up over rows: the lower triangle of (D, D)."""
    d = len(found)
    if count == 0.0:
        for i in range(d):
            for j in range(i + 1):
                found[i, j] = spread[i, j]
        return
    for i in range(d):
        for j in range(d):
            s = 0.0
            for m in range(d):
                high, low = max(m, j), min(m, j)
                s += correlations[i, 1 + m] * padded[high, low]
            work[i, j] = s
    for i in range(d):
        for j in range(i + 1):
            s = spread[i, j] + count * correlations[i, 1 + j]
            for m in range(d):
                s -= work[i, m] * correlations[m, 1 + j]
            found[i, j] = s


@compiled()
def run(  # noqa: PLR0915
    x: Array,
    w: Array,
    bounds: Index,
    alike: NDArray[np.bool_],
    family: int,
    tile: int,
    distant: float,
    weights: Array,
    means: Array,
    covariances: Array,
    pseudo: float,
    behind: Array,
    floor: Array,
    tol: float,
    max_iter: int,
    objective: float,
    far: float,
    course: Array,
) -> tuple[int, int]:
    """Run EM; weights, means and covariances are those of the end. Returns the end and the count.

    Rows x (B, D) with weights w (B,) stand in the order of a `Layout`, of which bounds and alike
    are; rows without gaps are a run of their own, and none is empty. Covariances are (K, D, D), of
    a tied family (1, D, D). Behind each of the K matrices are as many pseudo-rows as ``pseudo``
    says, of scatter ``behind``, and no variance falls below the floor, (D,). ``course``,
    (3, max_iter), is filled as in `whole_run`; what is left to gain is looked at.
    """
    k_all, d = means.shape
    m_all, tall = len(covariances), (d + BLOCK - 1) // BLOCK * BLOCK
    padded_k = (k_all + BLOCK - 1) // BLOCK * BLOCK
    dense = family != DIAGONAL
    scales, inverse = np.empty((k_all, d)), np.empty((k_all, d))
    base = np.zeros((padded_k, 1 + d))
    size = m_all if dense else 0
    correlations = np.zeros((size, tall, 1 + d))
    precisions, whiteners = np.zeros((size, tall, 1 + d)), np.zeros((size, tall, 1 + d))
    volumes, found = np.empty(m_all), np.empty(3)
    precise = np.empty(m_all, np.bool_)
    work = np.empty((5, d, d))
    none, labels, density = np.empty((0, 0)), np.empty(0, np.int64), np.empty(len(x))
    sums = np.empty((k_all if dense else 0, tall + BLOCK, 1 + d))
    spread, padded, counts = np.empty((size, d, d)), np.empty((size, d, d)), np.empty(m_all)
    first, squares = np.empty((k_all, d)), np.empty((k_all, d))
    seen_by = np.empty((padded_k, 1 + d))
    new_weights, new_means = np.empty(k_all), np.empty((k_all, d))
    new = np.empty((m_all, d, d))
    gauge = np.empty(5)
    gauge[0], gauge[1], gauge[2], gauge[3], gauge[4] = objective, np.inf, 0.0, 0.0, np.inf
    n_all = 0.0
    for t in range(len(w)):
        n_all += w[t]

    for number in range(max_iter):
        log_prior = 0.0
        for k in range(k_all):
            km = k if m_all > 1 else 0
            if dense and k == km:
                if not _scaled(
                    covariances[k],
                    behind,
                    work,
                    scales[k],
                    correlations[k],
                    precisions[k],
                    whiteners[k],
                    found,
                ):
                    return CARE, number
                volumes[k], precise[k] = found[0], found[1] < PRECISE
            elif dense:
                for i in range(d):
                    scales[k, i] = scales[0, i]
            else:
                found[0], found[2] = 0.0, 0.0
                for i in range(d):
                    if not covariances[k, i, i] > 0.0:
                        return CARE, number
                    scales[k, i] = np.sqrt(covariances[k, i, i])
                    found[2] += behind[i, i] / covariances[k, i, i]
            if not weights[k] > 0.0:
                return CARE, number
            base[k, 0] = np.log(weights[k])
            volume = found[0] + d * LOG_2PI
            for i in range(d):
                inverse[k, i] = 1.0 / scales[k, i]
                base[k, 1 + i] = -np.log(scales[k, i]) - 0.5 * LOG_2PI
                volume += 2.0 * np.log(scales[k, i])
            log_prior -= 0.5 * pseudo * (volume + found[2])
        sums[:] = 0.0
        spread[:] = 0.0
        padded[:] = 0.0
        counts[:] = 0.0
        first[:] = 0.0
        squares[:] = 0.0
        seen_by[:] = 0.0
        if dense:
            log_likelihood = _dense(
                x,
                w,
                bounds,
                alike,
                none,
                base,
                means,
                inverse,
                correlations,
                precisions,
                whiteners,
                volumes,
                precise,
                m_all > 1,
                tile,
                distant,
                density,
                none,
                labels,
                none,
                sums,
                spread,
                padded,
                counts,
            )
        else:
            log_likelihood = _independent(
                x,
                w,
                none,
                base,
                means,
                inverse,
                tile,
                distant,
                density,
                none,
                labels,
                seen_by,
                first,
                squares,
            )
        objective = (log_likelihood + log_prior) / n_all
        if not abs(objective) < np.inf:
            return CARE, number
        for t in range(len(x)):
            if not abs(density[t]) < distant:
                return CARE, number
        # Into new arrays: what needs care leaves the old ones as they were.
        for km in range(m_all):
            for i in range(d):
                for j in range(d):
                    new[km, i, j] = 0.0
        total, smallest = 0.0, np.inf
        for k in range(k_all):
            km = k if m_all > 1 else 0
            n = sums[k, 0, 0] if dense else seen_by[k, 0]
            if not n > 1e-100:
                return CARE, number
            new_weights[k] = n
            total += n
            if dense and k == km:
                _left(spread[k], padded[k], counts[k], correlations[k], work[0], work[1])
            for i in range(d):
                a = (sums[k, 1 + i, 0] if dense else first[k, i]) / n
                new_means[k, i] = means[k, i] + a * scales[k, i]
                for j in range(i + 1 if dense else 0):
                    b = sums[k, 1 + j, 0]
                    s = sums[k, 1 + i, 1 + j] - a * b
                    s += work[1, i, j] if k == km else 0.0
                    new[km, i, j] += s * scales[k, i] * scales[k, j] + pseudo * behind[i, j]
                if not dense:
                    s = squares[k, i] + (n - seen_by[k, 1 + i]) - a * first[k, i]
                    new[k, i, i] = s * scales[k, i] * scales[k, i] + pseudo * behind[i, i]
        for km in range(m_all):
            rows = new_weights[km] + pseudo
            if family == TIED:
                rows = total + k_all * pseudo
            for i in range(d):
                for j in range(i + 1):
                    new[km, i, j] /= rows
                    new[km, j, i] = new[km, i, j]
                if not dense:
                    new[km, i, i] = max(new[km, i, i], floor[i])
            if dense and not _factor(new[km], floor, work[0]):
                return CARE, number
        for k in range(k_all):
            weights[k] = new_weights[k] / total
            smallest = min(smallest, weights[k])
            for i in range(d):
                means[k, i] = new_means[k, i]
        for km in range(m_all):
            for i in range(d):
                for j in range(d):
                    covariances[km, i, j] = new[km, i, j]
        end = verdict(number, max_iter, objective, smallest, tol, True, far, gauge, course)
        if end != GOES_ON:
            return end, number + 1
    return EXHAUSTED, max_iter
