"""Estimates from several completed tables, made one [@Rubin1987]."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Pooled(NamedTuple):
    """An estimate from several tables, with what is known of its error."""

    estimate: Array | float
    variance: Array | float
    """Of the estimate: within the tables and between them."""
    degrees_of_freedom: Array | float
    low: Array | float
    high: Array | float
    missing_information: Array | float
    """The part of the variance that is there because numbers are missing, about."""


def rubin(
    estimates: ArrayLike,
    variances: ArrayLike,
    *,
    level: float = 0.95,
    complete_degrees_of_freedom: float = np.inf,
) -> Pooled:
    """Pool an estimate that was made from each of several completed tables, by Rubin's rules.

    The degrees of freedom are those of Barnard and Rubin [@BarnardRubin1999], which suit small
    tables too if those of the analysis of a complete table are given.

    Parameters
    ----------
    estimates : array-like, shape (m,) or (m, P)
        One for each table, in its own units.
    variances : array-like, of the same shape
        The squared standard error of each, as if its table had been observed.
    level : float, default 0.95
        How often intervals are to hold the truth.
    complete_degrees_of_freedom : float, default infinite
        Those that the analysis would have of a complete table: n - 1 for a mean.

    Returns
    -------
    Pooled
        Estimate, variance, degrees of freedom, ends of the interval, and the part of the variance
        that is due to what is missing; numbers, or arrays of shape (P,).

    Raises
    ------
    ValueError
        If shapes disagree, there are fewer than two tables, a variance is negative, a number is
        not finite, or ``level`` is not between 0 and 1.

    Examples
    --------
    >>> from mixtura import rubin
    >>> pooled = rubin([9.0, 10.0, 11.0], [1.0, 1.0, 1.0])
    >>> pooled.estimate, round(pooled.variance, 3), round(pooled.degrees_of_freedom, 3)
    (10.0, 2.333, 6.125)
    """
    from scipy.special import stdtrit

    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if q.shape != u.shape or q.ndim not in (1, 2):
        raise ValueError(
            "estimates and variances must have one shape, (m,) or (m, P), but have "
            f"{q.shape} and {u.shape}"
        )
    if len(q) < 2:
        raise ValueError(f"Rubin's rules need two tables at the least, but there is {len(q)}")
    if not (np.isfinite(q).all() and np.isfinite(u).all()):
        raise ValueError("estimates or variances hold NaN or infinity")
    if (u < 0).any():
        raise ValueError("variances must not be negative")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, but is {level!r}")
    if not complete_degrees_of_freedom > 0:
        raise ValueError(
            f"complete_degrees_of_freedom must be positive, not {complete_degrees_of_freedom!r}"
        )
    m = len(q)
    mean, within = q.mean(axis=0), u.mean(axis=0)
    between = (1.0 + 1.0 / m) * q.var(axis=0, ddof=1)
    total = within + between
    part = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    nu = complete_degrees_of_freedom
    # One over each of two numbers that make up the degrees of freedom: neither need be finite.
    observed = 0.0 if np.isinf(nu) else (nu + 3.0) / ((nu + 1.0) * nu)
    with np.errstate(divide="ignore"):
        rest = np.divide(observed, 1.0 - part) if observed else 0.0
        freedom = 1.0 / (part**2 / (m - 1) + rest)
    half = stdtrit(freedom, 0.5 + 0.5 * level) * np.sqrt(total)
    found = (mean, total, freedom, mean - half, mean + half, part)
    if q.ndim == 1:
        return Pooled(*(float(value) for value in found))
    return Pooled(*found)
