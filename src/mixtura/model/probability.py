"""How much of a mixture lies below a point or inside a box, and where a share of it ends."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import box as boxes
from mixtura.model import line
from mixtura.model.components import Components
from mixtura.model.conditioning import checked_levels
from mixtura.model.dimensions import resolved
from mixtura.numeric.blocks import spans

Array = NDArray[np.float64]


def cdf(mixture: Components, x: ArrayLike, along: int | ArrayLike | None = None) -> Array:
    """The probability of at most x.

    Parameters
    ----------
    x : array-like
        In one dimension, or with `along`, numbers of any shape. Otherwise a point (D,) or points
        (n, D): all columns are to be at most theirs.
    along : int or array-like of shape (D,), optional
        One dimension by its number, or a direction a: the distribution is that of aᵀx.

    Returns
    -------
    array
        Of the shape of the numbers, () or (n,). Exact in one dimension and along a direction, and
        for diagonal and spherical mixtures; otherwise as `probability` has it.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is NaN.
    """
    points = np.asarray(x, dtype=np.float64)
    if np.isnan(points).any():
        raise ValueError("x holds NaN")
    if along is None and mixture.n_features > 1:
        return probability(mixture, -np.inf, points)
    means, widths = projected(mixture, 0 if along is None else along)
    found = np.empty(points.size)
    flat = points.ravel()
    for part in spans(len(flat), 2 * len(means)):
        found[part] = line.cdf(flat[part], mixture.weights, means, widths)
    return found.reshape(points.shape)


def quantile(mixture: Components, q: ArrayLike, along: int | ArrayLike | None = None) -> Array:
    """The number that a share q of the mixture does not exceed; exact to rounding.

    Parameters
    ----------
    q : number or array-like, shape (Q,)
        From 0 to 1.
    along : int or array-like of shape (D,), optional
        One dimension by its number, or a direction a for quantiles of aᵀx. It may be left out in
        one dimension.

    Returns
    -------
    array, shape () or (Q,)

    Raises
    ------
    ValueError
        If a level is not between 0 and 1, or it is not clear along what.
    """
    levels = checked_levels(q)
    if along is None and mixture.n_features > 1:
        raise ValueError(
            f"a mixture in {mixture.n_features} dimensions has quantiles along one of them, or "
            "along a direction: say which by `along`"
        )
    means, widths = projected(mixture, 0 if along is None else along)
    found = np.empty(levels.size)
    flat = levels.ravel()
    for part in spans(len(flat), 8 * len(means)):
        found[part] = line.quantile(flat[part], mixture.weights, means, widths)
    return found.reshape(levels.shape)


def probability(
    mixture: Components,
    low: ArrayLike,
    high: ArrayLike,
    *,
    tolerance: float = 1e-5,
    random_state: np.random.Generator | int | None = 0,
) -> Array:
    """The probability of a box, low to high.

    Parameters
    ----------
    low, high : number, or array-like of shape (D,) or (n, D)
        The ends of a box or of n boxes; they may be infinite.
    tolerance : float, default 1e-5
        The error aimed at for each component, as a probability.
    random_state : Generator, int or None, default 0
        Of the numbers in SciPy's quadrature; versions before 1.16 have their own.

    Returns
    -------
    array, shape () or (n,)
        Exact for diagonal and spherical mixtures and in one dimension. Otherwise an approximation:
        the sum of SciPy's multivariate normal probabilities, by randomised quadrature.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is NaN, or a box ends before it begins.
    """
    ends = [np.asarray(end, dtype=np.float64) for end in (low, high)]
    d = mixture.n_features
    for name, end in zip(("low", "high"), ends, strict=True):
        if end.ndim > 2 or (end.ndim and end.shape[-1] != d):
            raise ValueError(
                f"{name} must be a number or have shape ({d},) or (n, {d}), not {end.shape}"
            )
        if np.isnan(end).any():
            raise ValueError(f"{name} holds NaN: an open end is -inf or inf")
    shape = np.broadcast_shapes(ends[0].shape, ends[1].shape, (d,))
    lower, upper = (np.broadcast_to(end, shape).reshape(-1, d) for end in ends)
    if (lower > upper).any():
        row, column = np.argwhere(lower > upper)[0]
        raise ValueError(
            f"box {row} ends before it begins in dimension {column}: low is {lower[row, column]}, "
            f"high is {upper[row, column]}"
        )
    if d == 1 or mixture.covariance.independent:
        return _apart(mixture, lower, upper).reshape(shape[:-1])
    return _together(mixture, lower, upper, tolerance, random_state).reshape(shape[:-1])


def _apart(mixture: Components, low: Array, high: Array) -> Array:
    """Boxes of components whose features are independent: products along them."""
    widths = np.sqrt(mixture.covariance.variances(mixture.n_components))
    found = np.zeros(len(low))
    empty = (low == high).any(axis=1)
    for weight, mean, width in zip(mixture.weights, mixture.means, widths, strict=True):
        sides = boxes.log_mass((low - mean) / width, (high - mean) / width)
        found += weight * np.exp(sides.sum(axis=1))
    return np.where(empty, 0.0, found)


def _together(
    mixture: Components,
    low: Array,
    high: Array,
    tolerance: float,
    random_state: np.random.Generator | int | None,
) -> Array:
    """Boxes of components whose features depend on each other, by SciPy."""
    from scipy.stats import multivariate_normal

    found = np.zeros(len(low))
    normal: Any = multivariate_normal
    rng = np.random.default_rng(random_state)
    for weight, mean, matrix in zip(
        mixture.weights, mixture.means, mixture.covariances, strict=True
    ):
        if weight > 0 and len(low):
            mass = {"mean": mean, "cov": matrix, "lower_limit": low, "abseps": tolerance}
            mass |= {"releps": tolerance, "maxpts": 100_000 * len(mean)}
            try:
                found += weight * normal.cdf(high, **mass, rng=rng)
            except TypeError:  # older versions take no generator
                found += weight * normal.cdf(high, **mass)
    return np.clip(found, 0.0, 1.0)


def projected(mixture: Components, along: int | ArrayLike) -> tuple[Array, Array]:
    """Means and standard deviations, (K,), of the components along a dimension or a direction."""
    value = np.asarray(along)
    k, d = mixture.means.shape
    if not value.ndim:
        j = resolved([along], d)[0]
        return mixture.means[:, j], np.sqrt(mixture.covariance.variances(k)[:, j])
    if value.shape != (d,) or not np.isfinite(value).all() or not value.any():
        raise ValueError(
            f"a direction must be finite, of shape ({d},) and not zero, and is not {along!r}"
        )
    if mixture.covariance.independent:
        variances = mixture.covariance.variances(k) @ value.astype(np.float64) ** 2
    else:
        variances = np.einsum("i,kij,j->k", value, mixture.covariances, value)
    return mixture.means @ value, np.sqrt(variances)
