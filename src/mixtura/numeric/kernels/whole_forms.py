"""Whole runs of EM for the forms in which components share volume, shape or axes.

`whole_run` with one step more in each iteration: the covariances that the M-step leaves, each of a
component by itself, are given what the form says that they share. This is compiled at its first
use, and a mixture of another form does not wait for it.

The matrices are λ_k Q_k A_k Q_kᵀ with |A_k| = 1 [@CeleuxGovaert1995]. What a form asks of the
scatter W_k, but for axes that all share, are its eigenvalues along Q_k; how volumes and shapes
follow from these is the same for axes of the columns.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import BLOCK, INNER, TILE, compiled
from mixtura.numeric.kernels.whole_run import (
    CARE,
    EXACT,
    EXHAUSTED,
    GOES_ON,
    _factor,
    _invert,
    coefficients,
    expectation,
    maximize,
    verdict,
)

Array = NDArray[np.float64]

EII, EEI, VEI, EVI, VEE, EEV, VEV, EVV, EVE, VVE = range(10)
"""The forms, by mclust's letters for volume, shape and orientation."""

SWEEPS = 60
"""Times that each pair of axes is turned, at the most, until all is diagonal; six are usual."""

STEPS = 200
"""Steps of Newton's, at the most, to the volumes of one shape; ten are usual."""

TURNS = 2_000
"""Times that all pairs of common axes are turned, at the most."""

NOTHING = 1e-13
"""Of what all components have along an axis, the part below which a form is left to Python."""


@compiled(**EXACT, **INNER)
def _spectrum(matrix: Array, values: Array, axes: Array) -> bool:
    """Eigenvalues of a matrix from the largest on, (D,), and axes (D, D), in columns, by Jacobi's
    rotations; the matrix is used up. False where it does not become diagonal.
    """
    d = len(matrix)
    size = 0.0
    for i in range(d):
        for j in range(d):
            axes[i, j] = 1.0 if i == j else 0.0
        size = max(size, abs(matrix[i, i]))
    rest = np.inf
    for _ in range(SWEEPS):
        rest = 0.0
        for p in range(d):
            for q in range(p + 1, d):
                rest = max(rest, abs(matrix[p, q]))
        if rest <= 1e-17 * size:
            break
        for p in range(d):
            for q in range(p + 1, d):
                if matrix[p, q] == 0.0:
                    continue
                theta = 0.5 * (matrix[q, q] - matrix[p, p]) / matrix[p, q]
                t = 1.0 / (abs(theta) + np.sqrt(1.0 + theta * theta))
                t = -t if theta < 0.0 else t
                c = 1.0 / np.sqrt(1.0 + t * t)
                s = t * c
                for m in range(d):
                    a, b = matrix[m, p], matrix[m, q]
                    matrix[m, p], matrix[m, q] = c * a - s * b, s * a + c * b
                for m in range(d):
                    a, b = matrix[p, m], matrix[q, m]
                    matrix[p, m], matrix[q, m] = c * a - s * b, s * a + c * b
                    a, b = axes[m, p], axes[m, q]
                    axes[m, p], axes[m, q] = c * a - s * b, s * a + c * b
                matrix[p, q] = matrix[q, p] = 0.0
    if not rest <= 1e-14 * size:
        return False
    for j in range(d):
        values[j] = matrix[j, j]
    for j in range(d):  # in falling order
        most = j
        for m in range(j + 1, d):
            if values[m] > values[most]:
                most = m
        values[j], values[most] = values[most], values[j]
        for m in range(d):
            a = axes[m, j]
            axes[m, j], axes[m, most] = axes[m, most], a
    return True


@compiled(**EXACT, **INNER)
def _newton(n: Array, d: int, x: Array, traces: Array, products: Array, step: Array) -> float:
    """A step of Newton's to log volumes of one shape, into step; how far the traces are apart.

    ``traces`` are those of P_k = C⁻¹ W_k exp(−x_k), ``products`` those of the products of any two;
    the latter are used up. Not a number where there is no step.
    """
    k_all = len(n)
    total, apart = 0.0, 0.0
    for k in range(k_all):
        total += n[k]
    for k in range(k_all):
        apart = max(apart, abs(total * traces[k] / (d * n[k]) - 1.0))
        step[k] = -(d * n[k] - total * traces[k])
        for other in range(k_all):
            products[k, other] = total * (1.0 / k_all - products[k, other])
        products[k, k] += total * traces[k]
    # By the Cholesky factor, in place.
    for i in range(k_all):
        for j in range(i + 1):
            s = products[i, j]
            for m in range(j):
                s -= products[i, m] * products[j, m]
            if i == j:
                if not s > 0.0:
                    return np.nan
                products[i, i] = np.sqrt(s)
            else:
                products[i, j] = s / products[j, j]
    for i in range(k_all):
        s = step[i]
        for m in range(i):
            s -= products[i, m] * step[m]
        step[i] = s / products[i, i]
    for i in range(k_all - 1, -1, -1):
        s = step[i]
        for m in range(i + 1, k_all):
            s -= products[m, i] * step[m]
        step[i] = s / products[i, i]
    for k in range(k_all):
        if abs(step[k]) > 1.0:  # far away the two that alternate, volumes and then shape, are safe
            for other in range(k_all):
                step[other] = np.log(max(total * traces[other] / (d * n[other]), 1e-300))
            break
    return apart


@compiled(**EXACT, **INNER)
def _one_shape(n: Array, w: Array, e: Array) -> bool:
    """e_kj = λ_k a_j for what lies along axes, w (K, D), into e; False where there is none."""
    k_all, d = w.shape
    total, last, apart = 0.0, np.inf, np.inf
    step, sums = np.empty((1, k_all))[0], np.empty((1, d))[0]
    x, traces, products = np.empty((1, k_all))[0], np.empty((1, k_all))[0], np.empty((k_all, k_all))
    for k in range(k_all):
        x[k] = 0.0
        total += n[k]
    for _ in range(STEPS):
        for j in range(d):
            sums[j] = 0.0
            for k in range(k_all):
                e[k, j] = w[k, j] * np.exp(-x[k])
                sums[j] += e[k, j]
        for k in range(k_all):
            traces[k] = 0.0
            for j in range(d):
                e[k, j] /= sums[j]
                traces[k] += e[k, j]
        for k in range(k_all):
            for other in range(k_all):
                s = 0.0
                for j in range(d):
                    s += e[k, j] * e[other, j]
                products[k, other] = s
        apart = _newton(n, d, x, traces, products, step)
        if not apart < np.inf:
            return False
        if apart < 1e-15 * d or (apart < 1e-11 and apart >= 0.5 * last):
            break
        last = apart
        for k in range(k_all):
            x[k] += step[k]
    if not apart < 1e-8:
        return False
    for j in range(d):
        sums[j] = 0.0
        for k in range(k_all):
            sums[j] += w[k, j] * np.exp(-x[k])
    for k in range(k_all):
        for j in range(d):
            e[k, j] = np.exp(x[k]) * sums[j] / total
    return True


@compiled(**EXACT, **INNER)
def _one_volume(n: Array, w: Array, e: Array) -> None:
    """e_kj = λ w_kj / g_k with g the geometric means of w and λ = Σ g / N, into e."""
    k_all, d = w.shape
    total, volume = 0.0, 0.0
    for k in range(k_all):
        s = 0.0
        for j in range(d):
            s += np.log(w[k, j])
        e[k, 0] = np.exp(s / d)
        volume += e[k, 0]
        total += n[k]
    for k in range(k_all):
        own = volume / (total * e[k, 0])
        for j in range(d):
            e[k, j] = own * w[k, j]


@compiled(**EXACT, **INNER)
def _matrices(axes: Array, e: Array, covariances: Array) -> None:
    """Σ_k = Q_k diag(e_k) Q_kᵀ, for axes (K, D, D) or, the same for all, (1, D, D)."""
    k_all, d = e.shape
    for k in range(k_all):
        q = axes[k if len(axes) > 1 else 0]
        for i in range(d):
            for j in range(i + 1):
                s = 0.0
                for m in range(d):
                    s += q[i, m] * e[k, m] * q[j, m]
                covariances[k, i, j] = s
                covariances[k, j, i] = s


@compiled(**EXACT, **INNER)
def _one_form(n: Array, covariances: Array, work: Array) -> bool:
    """VEE: Σ_k = λ_k C, into covariances, which hold W_k / n_k; False where there is none."""
    k_all, d, _ = covariances.shape
    total, last, apart = 0.0, np.inf, np.inf
    c, factor, inverse, half = work[0], work[1], work[2], work[3]
    x, traces, step = np.empty((1, k_all))[0], np.empty((1, k_all))[0], np.empty((1, k_all))[0]
    products, whitened = np.empty((k_all, k_all)), np.empty((k_all, d * d))
    for k in range(k_all):
        x[k] = 0.0
        total += n[k]
    for _ in range(STEPS):
        for i in range(d):
            work[4, 0, i] = 0.0
            for j in range(d):
                c[i, j] = 0.0
                for k in range(k_all):
                    c[i, j] += n[k] * np.exp(-x[k]) * covariances[k, i, j]
                inverse[i, j] = 0.0
        if not _factor(c, work[4, 0], factor):
            return False
        _invert(factor, inverse)
        for k in range(k_all):
            scale = n[k] * np.exp(-x[k])
            for i in range(d):
                for j in range(d):
                    s = 0.0
                    for m in range(i + 1):
                        s += inverse[i, m] * covariances[k, m, j]
                    half[i, j] = s
            traces[k] = 0.0
            for i in range(d):
                for j in range(d):
                    s = 0.0
                    for m in range(j + 1):
                        s += half[i, m] * inverse[j, m]
                    whitened[k, i * d + j] = scale * s
                traces[k] += whitened[k, i * d + i]
        for k in range(k_all):
            for other in range(k_all):
                s = 0.0
                for m in range(d * d):
                    s += whitened[k, m] * whitened[other, m]
                products[k, other] = s
        apart = _newton(n, d, x, traces, products, step)
        if not apart < np.inf:
            return False
        if apart < 1e-15 * d or (apart < 1e-11 and apart >= 0.5 * last):
            break
        last = apart
        for k in range(k_all):
            x[k] += step[k]
    if not apart < 1e-8:
        return False
    for k in range(k_all):
        for i in range(d):
            for j in range(d):
                covariances[k, i, j] = np.exp(x[k]) * c[i, j] / total
    return True


@compiled(**EXACT, **INNER)
def _inner(axes: Array, n: Array, covariances: Array, inner: Array) -> None:
    """Qᵀ W_k Q into inner (K, D, D), where covariances hold W_k / n_k; exactly symmetric."""
    k_all, d, _ = covariances.shape
    half = np.empty((d, d))
    for k in range(k_all):
        for i in range(d):
            for j in range(d):
                s = 0.0
                for m in range(d):
                    s += covariances[k, i, m] * axes[m, j]
                half[i, j] = s
        for i in range(d):
            for j in range(i + 1):
                s = 0.0
                for m in range(d):
                    s += axes[m, i] * half[m, j]
                inner[k, i, j] = n[k] * s
                inner[k, j, i] = n[k] * s


@compiled(**EXACT, **INNER)
def _height(form: int, n: Array, inner: Array) -> float:
    """What common axes are to make small, by the diagonals of Qᵀ W_k Q."""
    k_all, d, _ = inner.shape
    height = 0.0
    for k in range(k_all):
        s = 0.0
        for j in range(d):
            s += np.log(inner[k, j, j])
        height += np.exp(s / d) if form == EVE else n[k] * s
    return height


@compiled(**EXACT, **INNER)
def _turn(form: int, p: int, q: int, n: Array, inner: Array, g: Array) -> float:
    """The angle of a turn of two axes by which what they are to make small falls: a step of
    Newton's, shorter where it would not descend. ``g`` are the geometric means of the diagonals.
    """
    k_all, d, _ = inner.shape
    slope, curvature, size = 0.0, 0.0, 0.0
    for k in range(k_all):
        a, b, m = inner[k, p, p], inner[k, q, q], inner[k, p, q]
        h = a * b
        u = -2.0 * (a - b) * m / h
        v = (2.0 * (a - b) * (a - b) - 8.0 * m * m) / h - u * u
        if form == EVE:
            slope += g[k] * u / d
            curvature += g[k] * (u * u / d + v) / d
            size += g[k] * (abs(v) + u * u) / d
        else:
            slope += n[k] * u
            curvature += n[k] * v
            size += n[k] * (abs(v) + u * u)
    if slope == 0.0 and not curvature < -1e-9 * size:
        return 0.0
    angle = -slope / curvature if curvature > 1e-3 * size else -slope / (0.5 * size)
    if slope == 0.0:
        angle = 0.1
    angle = min(max(angle, -0.7), 0.7)
    if abs(angle) < 1e-7:  # rounding would hide the descent
        return angle
    for _ in range(30):
        c, s = np.cos(angle), np.sin(angle)
        change = 0.0
        for k in range(k_all):
            a, b, m = inner[k, p, p], inner[k, q, q], inner[k, p, q]
            new = c * c * a + 2.0 * c * s * m + s * s * b
            ratio = new * (a + b - new) / (a * b)
            if form == EVE:
                change += g[k] * (ratio ** (1.0 / d) - 1.0)
            else:
                change += n[k] * np.log(ratio)
        if change < 0.0:
            return angle
        angle *= 0.25
    return 0.0


@compiled(**EXACT, **INNER)
def _common_axes(
    form: int, n: Array, covariances: Array, axes: Array, inner: Array, work: Array
) -> bool:
    """The axes along which scatter is likeliest to lie, into axes (D, D), which hold those to
    begin with, and Qᵀ W_k Q into inner. Pairs are turned until they stand still
    [@FluryGautschi1986].
    """
    k_all, d, _ = covariances.shape
    whole, other, lengths = work[0], work[1], work[2, 0]
    for i in range(d):
        for j in range(d):
            whole[i, j] = 0.0
            for k in range(k_all):
                whole[i, j] += n[k] * covariances[k, i, j]
    if not _spectrum(whole, lengths, other):
        return False
    _inner(other, n, covariances, inner)
    there = _height(form, n, inner)
    _inner(axes, n, covariances, inner)
    if there < _height(form, n, inner):
        for i in range(d):
            for j in range(d):
                axes[i, j] = other[i, j]
        _inner(axes, n, covariances, inner)
    g, last, most = np.empty((1, k_all))[0], np.inf, np.inf
    for _ in range(TURNS):
        most = 0.0
        for p in range(d):
            for q in range(p + 1, d):
                for k in range(k_all):
                    s = 0.0
                    for j in range(d):
                        if not inner[k, j, j] > 0.0:
                            return False
                        s += np.log(inner[k, j, j])
                    g[k] = np.exp(s / d)
                angle = _turn(form, p, q, n, inner, g)
                most = max(most, abs(angle))
                c, s = np.cos(angle), np.sin(angle)
                for m in range(d):
                    a, b = axes[m, p], axes[m, q]
                    axes[m, p], axes[m, q] = c * a + s * b, c * b - s * a
                for k in range(k_all):
                    for m in range(d):
                        a, b = inner[k, m, p], inner[k, m, q]
                        inner[k, m, p], inner[k, m, q] = c * a + s * b, c * b - s * a
                    for m in range(d):
                        a, b = inner[k, p, m], inner[k, q, m]
                        inner[k, p, m], inner[k, q, m] = c * a + s * b, c * b - s * a
        if most < 1e-14 or (most < 1e-11 and most >= 0.5 * last):
            break
        last = most
    if not most < 1e-9:
        return False
    # What rounding took of right angles in so many turns.
    for i in range(d):
        for j in range(d):
            s = 0.0
            for m in range(d):
                s += axes[m, i] * axes[m, j]
            whole[i, j] = (1.5 if i == j else 0.0) - 0.5 * s
    for i in range(d):
        for j in range(d):
            s = 0.0
            for m in range(d):
                s += axes[i, m] * whole[m, j]
            other[i, j] = s
    for i in range(d):
        for j in range(d):
            axes[i, j] = other[i, j]
    _inner(axes, n, covariances, inner)
    return True


@compiled(**EXACT, **INNER)
def shared(
    form: int,
    n: Array,
    covariances: Array,
    floor: Array,
    axes: Array,
    turned: Array,
    lengths: Array,
    along: Array,
    work: Array,
) -> bool:
    """Covariances W_k / n_k of each by itself, (K, D, D), given what a form has in common.

    ``axes``, (1, D, D), are the common ones of the iteration before, where a form has some. False
    where that needs care: a component has nothing along an axis, or a floor is not reached.
    """
    k_all, d, _ = covariances.shape
    total = 0.0
    for k in range(k_all):
        if not n[k] > 0.0:
            return False
        total += n[k]
    if form == VEE:
        if not _one_form(n, covariances, work):
            return False
    elif form in (EVE, VVE):
        if not _common_axes(form, n, covariances, axes[0], turned, work):
            return False
        for k in range(k_all):
            for j in range(d):
                along[k, j] = turned[k, j, j]
                lengths[k, j] = along[k, j] / n[k]
    elif form in (EEV, VEV, EVV):
        for k in range(k_all):
            for i in range(d):
                for j in range(d):
                    work[0, i, j] = n[k] * covariances[k, i, j]
            if not _spectrum(work[0], along[k], turned[k]):
                return False
    else:
        for k in range(k_all):
            for j in range(d):
                along[k, j] = n[k] * covariances[k, j, j]
    if form != VEE:
        for j in range(d):
            s = 0.0
            for k in range(k_all):
                s += along[k, j]
            for k in range(k_all):
                if not along[k, j] > NOTHING * s:
                    return False
        if form in (EVI, EVV, EVE):
            _one_volume(n, along, lengths)
        elif form in (VEI, VEV):
            if not _one_shape(n, along, lengths):
                return False
        elif form in (EII, EEI, EEV):
            ball = 0.0
            for j in range(d):
                s = 0.0
                for k in range(k_all):
                    s += along[k, j]
                ball += s / d
                for k in range(k_all):
                    lengths[k, j] = s / total
            if form == EII:
                for k in range(k_all):
                    for j in range(d):
                        lengths[k, j] = ball / total
            if form != EEV:  # the likeliest above a floor is the larger of both
                for k in range(k_all):
                    for j in range(d):
                        lengths[k, j] = max(lengths[k, j], floor[j])
        if form in (EVE, VVE):
            _matrices(axes, lengths, covariances)
        elif form in (EEV, VEV, EVV):
            _matrices(turned, lengths, covariances)
        else:
            for k in range(k_all):
                for j in range(d):
                    covariances[k, j, j] = lengths[k, j]
    if floor[0] > 0.0 and form not in (EII, EEI):
        for k in range(k_all):
            if not _factor(covariances[k], floor, work[0]):
                return False
    return True


@compiled()
def run(
    phi: Array,
    w: Array,
    family: int,
    form: int,
    axes: Array,
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
    """`whole_run.run` for a form, with the features of a family, full or diagonal.

    ``axes``, (1, D, D), are those to begin with where components have them in common. There is no
    ridge.
    """
    k_all, d = means.shape
    m_all = phi.shape[1]
    padded = (k_all + BLOCK - 1) // BLOCK * BLOCK
    theta, sums = np.empty((padded, m_all)), np.empty((padded, m_all))
    joint, buffers = np.empty((padded, TILE)), np.empty((3, TILE))
    new_weights, new_means = np.empty((1, k_all))[0], np.empty((k_all, d))
    n, none = np.empty((1, k_all))[0], np.empty((1, d))[0]
    turned, lengths, along = np.empty((k_all, d, d)), np.empty((k_all, d)), np.empty((k_all, d))
    gauge = np.empty((1, 5))[0]
    gauge[0], gauge[1], gauge[2], gauge[3], gauge[4] = objective, np.inf, 0.0, 0.0, np.inf
    for k in range(padded):
        for m in range(m_all):
            theta[k, m] = 0.0
    for i in range(d):
        none[i] = 0.0
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
        if not maximize(
            sums,
            family,
            counts,
            prior_sums,
            prior_products,
            ridge,
            none,
            work,
            new_weights,
            new_means,
            trail[number],
        ):
            return CARE, number
        for k in range(k_all):
            n[k] = sums[k, 0] + counts[2, k]
        if not shared(form, n, trail[number], floor, axes, turned, lengths, along, work):
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
