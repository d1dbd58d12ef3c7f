"""The log-likelihood of few rows in one call of compiled code."""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import TILE, _softmax, compiled
from mixtura.numeric.kernels.whole_run import _factor, _invert

Array = NDArray[np.float64]


@compiled()
def likelihood(
    x: Array, w: Array, weights: Array, means: Array, covariances: Array
) -> tuple[float, float]:
    """Σ w log p(x) over columns of x (D, N), and the same of their largest posteriors.

    The first is not a number, or infinite, where that needs care.

    Covariances are (K, D, D). Rows are whitened by each component, so nothing cancels.
    """
    k_all, d = means.shape
    n_rows = len(w)
    inverses, constants = np.zeros((k_all, d, d)), np.empty(k_all)
    factor, none = np.empty((d, d)), np.zeros(d)
    for k in range(k_all):
        if not _factor(covariances[k], none, factor):
            return np.nan, np.nan
        volume = d * 1.8378770664093453 + _invert(factor, inverses[k])
        constants[k] = np.log(weights[k]) - 0.5 * volume
    joint, buffers = np.empty((k_all, TILE)), np.empty((4, TILE))
    top, total, density, part = buffers[0], buffers[1], buffers[2], buffers[3]
    power = np.empty(TILE, np.int64)
    scale = power.view(np.float64)
    found = certain = 0.0
    for at in range(0, n_rows, TILE):
        n = min(TILE, n_rows - at)
        for k in range(k_all):
            row = joint[k]
            for t in range(n):
                row[t] = constants[k]
            for i in range(d):
                for t in range(n):
                    part[t] = 0.0
                for j in range(i + 1):
                    column, g, m = x[j], inverses[k, i, j], means[k, j]
                    for t in range(n):
                        part[t] += g * (column[at + t] - m)
                for t in range(n):
                    row[t] -= 0.5 * part[t] * part[t]
        _softmax(joint, k_all, n, top, total, density, power, scale)
        for t in range(n):
            found += w[at + t] * density[t]
            certain += w[at + t] * np.log(total[t])  # the largest: its exponential is one
    return found, certain
