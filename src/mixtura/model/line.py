"""Mixtures on a line: distribution function and quantiles, exact to rounding.

Everything broadcasts: each point may have weights, means and standard deviations of its own, and
the last axis is the component.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cdf(points: Array, weights: Array, means: Array, widths: Array) -> Array:
    """The mass up to each point, shape (n,)."""
    from scipy.special import ndtr

    return np.einsum("...k,...k->...", weights, ndtr((points[..., None] - means) / widths))


def quantile(levels: Array, weights: Array, means: Array, widths: Array) -> Array:
    """The point up to which the mass is each level, shape (n,).

    Newton's method on the logarithm of the smaller tail, kept inside a bracket: the quantile of a
    mixture lies between the least and the greatest of its components' quantiles.
    """
    from scipy.special import ndtri

    n, k = len(levels), means.shape[-1]
    weights, means, widths = (np.broadcast_to(a, (n, k)) for a in (weights, means, widths))
    each = means + widths * ndtri(levels)[:, None]
    low = np.where(weights > 0, each, np.inf).min(axis=1)
    high = np.where(weights > 0, each, -np.inf).max(axis=1)
    found = 0.5 * (low + high)
    found[levels <= 0], found[levels >= 1] = -np.inf, np.inf
    left = np.flatnonzero((levels > 0) & (levels < 1) & (low < high))
    found[left] = _bracketed(
        levels[left], low[left], high[left], weights[left], means[left], widths[left]
    )
    return found


def _bracketed(
    levels: Array, low: Array, high: Array, weights: Array, means: Array, widths: Array
) -> Array:
    """The roots inside their brackets."""
    below = np.where(levels > 0.5, -1.0, 1.0)  # which tail is the smaller one, as a sign
    target = np.where(levels > 0.5, np.log1p(-levels), np.log(levels))
    found = 0.5 * (low + high)
    left = np.arange(len(levels))
    for turn in range(200):
        t = found[left]
        mass, slope = _tail(t, below[left], weights[left], means[left], widths[left])
        gap = below[left] * (mass - target[left])  # rises with t
        low[left] = np.where(gap <= 0, t, low[left])
        high[left] = np.where(gap >= 0, t, high[left])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = t - gap / slope
        inside = (step > low[left]) & (step < high[left])
        # Every third time the bracket is halved whatever Newton says.
        middle = low[left] + 0.5 * (high[left] - low[left])
        step = np.where(inside & (turn % 3 != 2), step, middle)
        tight = np.spacing(np.maximum(np.abs(low[left]), np.abs(high[left])))
        moved = np.abs(step - t) > tight
        found[left] = step
        left = left[moved & (high[left] - low[left] > 2 * tight)]
        if not len(left):
            break
    return found


def _tail(t: Array, below: Array, weights: Array, means: Array, widths: Array) -> tuple[Array, ...]:
    """The logarithm of the tail's mass, and how steep it is."""
    from scipy.special import log_ndtr

    y = below[:, None] * (t[:, None] - means) / widths
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    parts = log_weights + log_ndtr(y)
    top = parts.max(axis=1)
    mass = top + np.log(np.exp(parts - top[:, None]).sum(axis=1))
    densities = log_weights - 0.5 * y**2 - np.log(widths) - 0.5 * np.log(2 * np.pi)
    return mass, np.exp(densities - mass[:, None]).sum(axis=1)
