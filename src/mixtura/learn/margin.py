"""How one column is laid out: a rising map to a scale on which a mixture of few components fits,
and the way back.

Between the least and the greatest number observed a map is what its name says; beyond them it goes
on as a straight line. So it is one to one from all numbers onto all numbers, its inverse is exact
to rounding, and a draw far out does not explode on the way back: not even where a power has brought
the largest numbers together, because its lines are as steep as the one between both ends.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEEPEST = 5.0
"""The power of Yeo and Johnson lies between less this and plus this."""

TAIL = 0.05
"""The part of the rows whose spread says how the map of ranks goes on at each end."""


class Margin(Protocol):
    """A rising map of one column."""

    def forward(self, x: Array) -> Array:
        """From the column's own units."""
        ...

    def inverse(self, z: Array) -> Array:
        """Back to them."""
        ...

    def log_slope(self, x: Array) -> Array:
        """The logarithm of the derivative of `forward`."""
        ...


@dataclass(frozen=True)
class Straight:
    """The column as it is."""

    @classmethod
    def of(cls, _column: Array, _weights: Array) -> Self:
        """Whatever the column."""
        return cls()

    def forward(self, x: Array) -> Array:
        """The same numbers."""
        return x

    def inverse(self, z: Array) -> Array:
        """The same numbers."""
        return z

    def log_slope(self, x: Array) -> Array:
        """Zero."""
        return np.zeros(len(x))


@dataclass(frozen=True)
class YeoJohnson:
    """The power transform that makes a column most like a Gaussian [@YeoJohnson2000].

    It is of the column less its mean, in units of its standard deviation, so that it does not
    depend on the column's units.
    """

    power: float
    centre: float
    unit: float
    low: float
    """The least and the greatest number observed, less the centre, in units."""
    high: float

    @classmethod
    def of(cls, column: Array, weights: Array) -> "YeoJohnson | Straight":
        """With the power of the greatest likelihood; a column that never varies stays as it is."""
        from scipy.optimize import minimize_scalar

        share = weights / weights.sum()
        centre = float(share @ column)
        unit = float(np.sqrt(share @ (column - centre) ** 2))
        if not unit > 1e-12 * max(abs(centre), np.finfo(np.float64).tiny):
            return Straight()
        u = (column - centre) / unit
        logs = float(share @ (np.sign(u) * np.log1p(np.abs(u))))

        def loss(power: float) -> float:
            z = _power(u, power)
            variance = float(share @ (z - share @ z) ** 2)
            return 0.5 * np.log(variance) - (power - 1.0) * logs

        found: Any = minimize_scalar(loss, bounds=(-STEEPEST, STEEPEST), method="bounded")
        return cls(float(found.x), centre, unit, float(u.min()), float(u.max()))

    @property
    def _tops(self) -> tuple[Array, float]:
        """What the ends lead to, (2,), and the slope of the line between them."""
        tops = _power(np.array([self.low, self.high]), self.power)
        return tops, float(tops[1] - tops[0]) / (self.high - self.low)

    def forward(self, x: Array) -> Array:
        """From the column's own units."""
        u = (x - self.centre) / self.unit
        inside = np.clip(u, self.low, self.high)
        return _power(inside, self.power) + (u - inside) * self._tops[1]

    def inverse(self, z: Array) -> Array:
        """Back to them."""
        tops, slope = self._tops
        inside = np.clip(z, tops[0], tops[1])
        u = _root(inside, self.power) + (z - inside) / slope
        return self.centre + self.unit * u

    def log_slope(self, x: Array) -> Array:
        """The logarithm of the derivative of `forward`."""
        u = (x - self.centre) / self.unit
        inside = (self.low <= u) & (u <= self.high)
        slopes = _log_slope(np.clip(u, self.low, self.high), self.power)
        return np.where(inside, slopes, np.log(self._tops[1])) - np.log(self.unit)


def _power(u: Array, power: float) -> Array:
    """The transform; near its two special powers without loss of digits."""
    logs = np.log1p(np.abs(u))
    return np.where(u >= 0, _raised(logs, power), -_raised(logs, 2.0 - power))


def _raised(logs: Array, power: float) -> Array:
    """((1 + |u|)^power − 1) / power, from log(1 + |u|)."""
    return logs if abs(power) < 1e-12 else np.expm1(power * logs) / power


def _root(z: Array, power: float) -> Array:
    """The transform undone, of numbers that it can have led to."""
    above, below = _lowered(np.maximum(z, 0.0), power), _lowered(np.maximum(-z, 0.0), 2.0 - power)
    return np.where(z >= 0, above, -below)


def _lowered(z: Array, power: float) -> Array:
    """The u ≥ 0 of which z is `_raised`."""
    return np.expm1(z if abs(power) < 1e-12 else np.log1p(power * z) / power)


def _log_slope(u: Array, power: float) -> Array:
    """The logarithm of the derivative of the transform."""
    return np.sign(u) * (power - 1.0) * np.log1p(np.abs(u))


@dataclass(frozen=True, eq=False)
class Ranks:
    """From the ranks of the numbers observed to those of a standard normal.

    The different numbers, each with the normal quantile of the middle of its ranks, are joined by
    straight lines. Equal numbers share one: a number between two neighbours leads in between.
    """

    numbers: Array  # (M,): those observed, all different, rising
    quantiles: Array  # (M,): of a standard normal
    slopes: tuple[float, float]
    """At both ends: that of the line to where the outer twentieth of the rows begins."""

    @classmethod
    def of(cls, column: Array, weights: Array) -> "Ranks | Straight":
        """From the ranks of a column; one that never varies stays as it is."""
        from scipy.special import ndtri

        numbers, which = np.unique(column, return_inverse=True)
        if len(numbers) < 2:
            return Straight()
        counts = np.bincount(which.ravel(), weights=weights)
        numbers, counts = numbers[counts > 0], counts[counts > 0]
        upto = np.cumsum(counts)
        middle = (upto - 0.5 * counts) / upto[-1]
        quantiles = ndtri(middle)
        last = len(numbers) - 1
        inner = np.searchsorted(middle, [TAIL, 1.0 - TAIL])
        left, right = max(int(inner[0]), 1), min(int(inner[1]), last - 1)
        slopes = (
            float((quantiles[left] - quantiles[0]) / (numbers[left] - numbers[0])),
            float((quantiles[last] - quantiles[right]) / (numbers[last] - numbers[right])),
        )
        return cls(numbers, quantiles, slopes)

    def forward(self, x: Array) -> Array:
        """From the column's own units."""
        return _joined(x, self.numbers, self.quantiles, *self.slopes)

    def inverse(self, z: Array) -> Array:
        """Back to them."""
        left, right = self.slopes
        return _joined(z, self.quantiles, self.numbers, 1.0 / left, 1.0 / right)

    def log_slope(self, x: Array) -> Array:
        """The logarithm of the derivative of `forward`; at a corner, of the line to the right."""
        steps = np.diff(self.quantiles) / np.diff(self.numbers)
        each = np.log(np.concatenate([[self.slopes[0]], steps, [self.slopes[1]]]))
        return each[np.searchsorted(self.numbers, x, side="right")]


@dataclass(frozen=True, eq=False)
class Empirical:
    """From ranks to a normal, as `Ranks`; and back to the numbers that were observed alone.

    The way back is the column's own quantile function: a number that many rows have comes back as
    often, and none comes back that no row has.
    """

    ranks: Ranks
    edges: Array  # (M − 1,): between the ranks of one number and those of the next, as quantiles

    @classmethod
    def of(cls, column: Array, weights: Array) -> "Empirical | Straight":
        """From the ranks of a column; one that never varies stays as it is."""
        from scipy.special import ndtri

        ranks = Ranks.of(column, weights)
        if isinstance(ranks, Straight):
            return ranks
        which = np.searchsorted(ranks.numbers, column[weights > 0])
        upto = np.cumsum(np.bincount(which, weights=weights[weights > 0]))
        return cls(ranks, ndtri(upto[:-1] / upto[-1]))

    def forward(self, x: Array) -> Array:
        """From the column's own units."""
        return self.ranks.forward(x)

    def inverse(self, z: Array) -> Array:
        """Back to numbers observed."""
        return self.ranks.numbers[np.searchsorted(self.edges, z)]

    def log_slope(self, x: Array) -> Array:
        """The logarithm of the derivative of `forward`."""
        return self.ranks.log_slope(x)


def _joined(x: Array, knots: Array, values: Array, left: float, right: float) -> Array:
    """The line through knots, going on with some slope at both ends."""
    found = np.interp(x, knots, values)
    found = np.where(x < knots[0], values[0] + left * (x - knots[0]), found)
    return np.where(x > knots[-1], values[-1] + right * (x - knots[-1]), found)
