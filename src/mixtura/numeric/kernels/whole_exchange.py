"""Rows that change places between components, in compiled code, for few rows of many columns.

Where a component holds hardly more rows than it has columns, every row of it pulls its matrix
towards itself, and EM leaves it where it is. Here a row is first taken out of its component, and
then put where the likelihood of rows and places together is highest, one row after the other.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import INNER, TILE, compiled
from mixtura.numeric.kernels.whole_run import _factor, _invert

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SWEEPS = 10
"""Times that every row is looked at, at the most; five are usual."""

GAIN = 1e-9
"""Nats by which a row must gain."""

SOUND = 1e-9
"""Of a determinant, the part that a row may leave."""


@compiled(**INNER)
def _inverted(matrix: Array, work: Array, precision: Array) -> float:
    """The log determinant, and the inverse into precision; not a number if there is none."""
    d = len(matrix)
    factor, inverse, none = work[0], work[1], work[2, 0]
    for i in range(d):
        none[i] = 0.0
    if not _factor(matrix, none, factor):
        return np.nan
    volume = _invert(factor, inverse)
    for i in range(d):
        for j in range(d):
            s = 0.0
            for m in range(max(i, j), d):
                s += inverse[m, i] * inverse[m, j]
            precision[i, j] = s
    return volume


@compiled(**INNER)
def _length(x: Array, precision: Array, image: Array) -> float:
    """The square xᵀ P x, and P x into image."""
    total = 0.0
    for i in range(len(x)):
        s = 0.0
        for j in range(len(x)):
            s += precision[i, j] * x[j]
        image[i] = s
        total += s * x[i]
    return total


@compiled(**INNER)
def _cost(n: float, volume: float, d: int, alpha: float, nu: float) -> float:
    """What a component takes from the likelihood: its rows, pseudo-rows, and the log determinant of
    the scatter of both.
    """
    rows = n + nu
    return 0.5 * rows * (volume - d * np.log(rows)) - (n + alpha) * np.log(n + alpha)


@compiled(**INNER)
def _placed(
    z: Array,
    weights: Array,
    means: Array,
    covariances: Array,
    work: Array,
    volume: Array,
    precision: Array,
    labels: Index,
) -> bool:
    """The likeliest component of each row, into labels; False where one has no matrix."""
    d, n_rows = z.shape
    k_all = len(weights)
    x, image = np.empty((1, d))[0], np.empty((1, d))[0]
    for k in range(k_all):
        volume[k] = _inverted(covariances[k], work, precision[k])
        if not (abs(volume[k]) < np.inf and weights[k] > 0.0):
            return False
    for t in range(n_rows):
        labels[t], best = 0, -np.inf
        for k in range(k_all):
            for i in range(d):
                x[i] = z[i, t] - means[k, i]
            s = np.log(weights[k]) - 0.5 * (volume[k] + _length(x, precision[k], image))
            if s > best:
                labels[t], best = k, s
    return True


@compiled(**INNER)
def _held(
    z: Array,
    w: Array,
    labels: Index,
    products: Array,
    ridge: Array,
    work: Array,
    n: Array,
    centre: Array,
    volume: Array,
    precision: Array,
) -> bool:
    """What components hold: how many rows, their means, and the log determinants and inverses of
    their scatter. False where a component holds none, or its scatter has no inverse.
    """
    d, n_rows = z.shape
    scatter, x = work[3], work[2, 0]
    for k in range(len(n)):
        n[k] = 0.0
        for i in range(d):
            centre[k, i] = 0.0
    for t in range(n_rows):
        n[labels[t]] += w[t]
        for i in range(d):
            centre[labels[t], i] += w[t] * z[i, t]
    for k in range(len(n)):
        if not n[k] > 0.0:
            return False
        for i in range(d):
            centre[k, i] /= n[k]
            for j in range(d):
                scatter[i, j] = products[k, i, j]
            scatter[i, i] += n[k] * ridge[i]
        for t in range(n_rows):
            if labels[t] == k:
                for i in range(d):
                    x[i] = z[i, t] - centre[k, i]
                for i in range(d):
                    for j in range(d):
                        scatter[i, j] += w[t] * x[i] * x[j]
        volume[k] = _inverted(scatter, work, precision[k])
        if not abs(volume[k]) < np.inf:
            return False
    return True


@compiled(**INNER)
def _sweep(
    z: Array,
    w: Array,
    counts: Array,
    labels: Index,
    n: Array,
    centre: Array,
    volume: Array,
    precision: Array,
) -> int:
    """Each row once to where it is likeliest, and what components hold with it; how many moved."""
    d, n_rows = z.shape
    k_all = len(n)
    apart, image, lengths = np.empty((k_all, d)), np.empty((k_all, d)), np.empty((1, k_all))[0]
    moved = 0
    for t in range(n_rows):
        a, least, b = labels[t], -GAIN, -1
        if not w[t] > 0.0 or n[a] - w[t] < d + 1.0:
            continue
        for k in range(k_all):
            for i in range(d):
                apart[k, i] = z[i, t] - centre[k, i]
            lengths[k] = _length(apart[k], precision[k], image[k])
        out = w[t] * n[a] / (n[a] - w[t])
        left = 1.0 - out * lengths[a]
        if not left > SOUND:
            continue
        less = volume[a] + np.log(left)
        change = _cost(n[a] - w[t], less, d, counts[0, a], counts[2, a])
        change -= _cost(float(n[a]), float(volume[a]), d, counts[0, a], counts[2, a])
        for k in range(k_all):
            if k != a:
                more = volume[k] + np.log(1.0 + w[t] * n[k] / (n[k] + w[t]) * lengths[k])
                s = change + _cost(n[k] + w[t], more, d, counts[0, k], counts[2, k])
                s -= _cost(float(n[k]), float(volume[k]), d, counts[0, k], counts[2, k])
                if s < least:
                    least, b = s, k
        if b < 0:
            continue
        into = w[t] * n[b] / (n[b] + w[t])
        right = 1.0 + into * lengths[b]
        n[a] -= w[t]
        n[b] += w[t]
        for i in range(d):
            for j in range(d):
                precision[a, i, j] += out / left * image[a, i] * image[a, j]
                precision[b, i, j] -= into / right * image[b, i] * image[b, j]
            centre[a, i] -= w[t] / n[a] * apart[a, i]
            centre[b, i] += w[t] / n[b] * apart[b, i]
        volume[a] = less
        volume[b] += np.log(right)
        labels[t] = b
        moved += 1
    return moved


@compiled()
def exchange(
    z: Array,
    phi: Array,
    w: Array,
    weights: Array,
    means: Array,
    covariances: Array,
    counts: Array,
    products: Array,
    ridge: Array,
    sums: Array,
) -> int:
    """How often rows z (D, N) changed places, from their likeliest components on; −1 where a
    component has no matrix. Sums of features of what components then hold, into sums (K, M).

    None is left with fewer than D + 1 rows by it. ``counts`` (3, K) and ``products`` are
    pseudo-rows, of which there are none behind means.
    """
    d, n_rows = z.shape
    k_all, m_all = sums.shape
    labels = np.empty((1, n_rows), dtype=np.int64)[0]
    n, volume, centre = np.empty((1, k_all))[0], np.empty((1, k_all))[0], np.empty((k_all, d))
    work, precision = np.empty((4, d, d)), np.empty((k_all, d, d))
    if not _placed(z, weights, means, covariances, work, volume, precision, labels):
        return -1
    moves = 0
    for _ in range(SWEEPS):
        if not _held(z, w, labels, products, ridge, work, n, centre, volume, precision):
            return -1
        moved = _sweep(z, w, counts, labels, n, centre, volume, precision)
        moves += moved
        if moved == 0:
            break
    for k in range(k_all):
        for m in range(m_all):
            sums[k, m] = 0.0
    for t in range(n_rows):
        for m in range(m_all):
            sums[labels[t], m] += w[t] * phi[t // TILE, m, t % TILE]
    return moves
