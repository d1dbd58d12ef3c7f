"""The smallest regions that hold a given share of a mixture of t distributions."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.mixture import Mixture
from mixtura.model.region import Region, by_draws, check_level, on_a_line

Array = NDArray[np.float64]


class Heavy(Protocol):
    """What is asked of such a mixture."""

    @property
    def gaussian(self) -> Mixture:
        """Weights, centres and scales."""
        ...

    @property
    def degrees(self) -> Array:
        """Degrees of freedom, (K,)."""
        ...

    def log_density(self, x: ArrayLike) -> Array:
        """Log p(x), (n,)."""
        ...

    def sample(
        self, n: int, random_state: np.random.Generator | int | None = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Rows and their components."""
        ...


def highest_density_region(
    mixture: Heavy,
    level: float = 0.95,
    *,
    n: int = 100_000,
    random_state: np.random.Generator | int | None = None,
) -> Region:
    """The smallest region that holds a share of the mixture, as of a `Mixture` [@Hyndman1996].

    In one dimension and for a single component it is exact; otherwise the threshold is a quantile
    of the log density of n draws.

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
    gaussian = mixture.gaussian
    if gaussian.n_features == 1:
        return on_a_line(mixture, level, _ends(mixture, level), lambda ends: _mass(mixture, ends))
    if gaussian.n_components == 1:
        v, d = float(mixture.degrees[0]), gaussian.n_features
        top = float(mixture.log_density(gaussian.means)[0])
        fall = 0.5 * (v + d) * np.log1p(squared_radius(level, v, d) / v)
        return Region(mixture, level, float(top - fall), 0.0)
    return by_draws(mixture, level, n, lambda: mixture.sample(n, random_state)[0])


def squared_radius(level: float, degrees: float, n_features: int) -> float:
    """The squared distance within which a part of one t distribution lies, in its units."""
    from scipy.special import fdtri

    return float(n_features * fdtri(n_features, degrees, level))


def _on_the_line(mixture: Heavy) -> tuple[Array, Array]:
    """Centres and widths of the components that have weight, (K,)."""
    gaussian = mixture.gaussian
    widths = np.sqrt(gaussian.covariance.variances(gaussian.n_components)[:, 0])
    return gaussian.means[:, 0], widths


def _ends(mixture: Heavy, level: float) -> Array:
    """Where the density is level, with a point far out on either side; in order.

    Beyond the outermost centres it falls.
    """
    from scipy.special import stdtrit

    held = mixture.gaussian.weights > 0
    centres, widths = (each[held] for each in _on_the_line(mixture))
    grid = (centres[:, None] + widths[:, None] * np.linspace(-9.0, 9.0, 361)).ravel()
    low, high = centres.min(), centres.max()
    grid = np.unique(np.append(grid[(grid > low) & (grid < high)], [low, high]))
    rising = _rises(mixture, grid)
    turns = np.flatnonzero(rising[1:] != rising[:-1])
    left, right, up = grid[turns], grid[turns + 1], rising[turns]
    for _ in range(100):
        middle = 0.5 * (left + right)
        same = _rises(mixture, middle) == up
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    reach = widths * stdtrit(mixture.degrees[held], 1.0 - 0.125 * (1.0 - level))
    far = [(centres - reach).min(), (centres + reach).max()]
    # A density that only rises or falls between the outermost centres has its top at one of them.
    return np.unique(np.concatenate([[far[0], low, high, far[1]], 0.5 * (left + right)]))


def _rises(mixture: Heavy, points: Array) -> NDArray[np.bool_]:
    """Whether the density rises to the right."""
    from scipy.special import gammaln

    centres, widths = _on_the_line(mixture)
    v, z = mixture.degrees, (points[:, None] - centres) / widths
    with np.errstate(divide="ignore"):
        logs = np.log(mixture.gaussian.weights / widths / np.sqrt(v))
    logs = logs + gammaln(0.5 * (v + 1)) - gammaln(0.5 * v)
    logs = logs - 0.5 * (v + 1) * np.log1p(z * z / v)
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    slopes = shares * (v + 1) / (v + z * z) * z / widths
    return slopes.sum(axis=1) < 0


def _mass(mixture: Heavy, intervals: Array) -> float:
    """The share of the mixture in intervals (I, 2)."""
    from scipy.special import stdtr

    centres, widths = _on_the_line(mixture)
    upto = stdtr(mixture.degrees, (intervals[:, :, None] - centres) / widths)
    return float(((upto[:, 1] - upto[:, 0]) @ mixture.gaussian.weights).sum())
