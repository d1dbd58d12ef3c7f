"""The smallest regions that hold a given share of a mixture [@Hyndman1996]."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import line
from mixtura.model.components import Components
from mixtura.model.derivative import score
from mixtura.model.sampling import sample

Array = NDArray[np.float64]

REACH = 9.0
"""Standard deviations from the nearest mean beyond which nothing is looked for."""


class Dense(Protocol):
    """What has a density."""

    def log_density(self, x: ArrayLike) -> Array:
        """Log p(x) for rows x (n, D), shape (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class Region:
    """Where the density is at least a threshold.

    Attributes
    ----------
    level : float
        The share of the mixture that it holds.
    log_threshold : float
        The least log density inside, in nats.
    standard_error : float
        Of the share; zero where the threshold is exact.
    intervals : array, shape (I, 2), or None
        In one dimension the intervals that the region is made of, in order.
    """

    mixture: Dense
    level: float
    log_threshold: float
    standard_error: float
    intervals: Array | None = None

    def contains(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Which rows x, (n, D), are inside, shape (n,)."""
        return self.mixture.log_density(x) >= self.log_threshold


def highest_density_region(
    mixture: Components,
    level: float = 0.95,
    *,
    n: int = 100_000,
    random_state: np.random.Generator | int | None = None,
) -> Region:
    """The smallest region that holds a share of the mixture.

    In one dimension and for a single component it is exact. Otherwise the threshold is an
    approximation, a quantile of the log density of n draws; the share of the region is then off by
    the standard error that it names, whatever the mixture.

    Parameters
    ----------
    level : float, default 0.95
        Between 0 and 1.
    n : int, default 100,000
        Draws.
    random_state : Generator, int or None

    Returns
    -------
    Region

    Raises
    ------
    ValueError
        If the level is not between 0 and 1, or n draws do not tell it from them.
    """
    check_level(level)
    if mixture.n_features == 1:
        return on_a_line(mixture, level, _stationary(mixture), lambda ends: _mass(mixture, ends))
    if mixture.n_components == 1:
        return Region(mixture, level, _elliptical(mixture, level), 0.0)
    return by_draws(mixture, level, n, lambda: sample(mixture, n, random_state)[0])


def check_level(level: float) -> None:
    """A share lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, but is {level}")


def by_draws(mixture: Dense, level: float, n: int, draw: Callable[[], Array]) -> Region:
    """The threshold as a quantile of the log density of n draws."""
    # The share above the m-th largest of n draws has the beta distribution of m and n + 1 − m.
    m = round(level * (n + 1))
    if not 1 <= m <= n:
        raise ValueError(f"{n} draws do not tell a level of {level} from 0 or 1: take more")
    threshold = float(np.partition(mixture.log_density(draw()), n - m)[n - m])
    error = np.sqrt(level * (1 - level) / (n + 2))
    return Region(mixture, level, threshold, float(error))


def _elliptical(mixture: Components, level: float) -> float:
    """The log density of one Gaussian at the distance that holds the level."""
    from scipy.special import chdtri

    top = mixture.log_density(mixture.means)[0]
    return float(top - 0.5 * chdtri(mixture.n_features, 1.0 - level))


def on_a_line(mixture: Dense, level: float, ends: Array, mass: Callable[[Array], float]) -> Region:
    """On a line: the threshold by bisection on the mass of the intervals above it.

    Between two of the ends the density rises or falls; the first and the last are far out.
    """
    from scipy.optimize import brentq

    root: Any = brentq
    heights = _height(mixture, ends)
    low, high = float(heights.min()), float(heights.max())

    def excess(threshold: float) -> float:
        return mass(_above(mixture, ends, heights, threshold)) - level

    threshold = low if excess(low) <= 0 else float(root(excess, low, high, xtol=1e-13, rtol=1e-14))
    return Region(mixture, level, threshold, 0.0, _above(mixture, ends, heights, threshold))


def _height(mixture: Dense, points: Array) -> Array:
    return mixture.log_density(points[:, None])


def _stationary(mixture: Components) -> Array:
    """Where the density is level, with a point far out on either side; in order."""
    means = mixture.means[:, 0]
    widths = np.sqrt(mixture.covariance.variances(len(means))[:, 0])
    held = mixture.weights > 0
    steps = np.linspace(-REACH, REACH, 361)
    grid = np.unique(means[held, None] + widths[held, None] * steps)
    rising = score(mixture, grid[:, None])[:, 0] > 0
    turns = np.flatnonzero(rising[1:] != rising[:-1])
    low, high, up = grid[turns], grid[turns + 1], rising[turns]
    for _ in range(100):
        middle = 0.5 * (low + high)
        same = (score(mixture, middle[:, None])[:, 0] > 0) == up
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.concatenate([grid[:1], 0.5 * (low + high), grid[-1:]])


def _above(mixture: Dense, ends: Array, heights: Array, threshold: float) -> Array:
    """The intervals where the log density is at least a threshold, (I, 2)."""
    over = heights >= threshold
    crossed = np.flatnonzero(over[1:] != over[:-1])
    low, high, start = ends[crossed], ends[crossed + 1], over[crossed]
    for _ in range(80):
        middle = 0.5 * (low + high)
        same = (_height(mixture, middle) >= threshold) == start
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    borders = 0.5 * (low + high)
    if over[0]:
        borders = np.concatenate([ends[:1], borders])
    if over[-1]:
        borders = np.concatenate([borders, ends[-1:]])
    return borders.reshape(-1, 2)


def _mass(mixture: Components, intervals: Array) -> float:
    means = mixture.means[:, 0]
    widths = np.sqrt(mixture.covariance.variances(len(means))[:, 0])
    upto = line.cdf(intervals.ravel(), mixture.weights, means, widths).reshape(-1, 2)
    return float((upto[:, 1] - upto[:, 0]).sum())
