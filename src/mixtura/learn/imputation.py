"""What rows miss, given what was observed of them: its distribution, draws of it, and its mode.

Given the rest of its row, a missing number is distributed as a mixture on a line, and all that a
row misses as a mixture of as many dimensions [@GhahramaniJordan1994]. Rows are taken some at a
time, those that miss the same together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mixtura.learn.data import Block
from mixtura.learn.expectation import responsibilities
from mixtura.model import line
from mixtura.model.mixture import Mixture
from mixtura.numeric.blocks import spans
from mixtura.numeric.gaps import Gaps, layout
from mixtura.numeric.kernels import of_cells

Array = NDArray[np.float64]
Index = NDArray[np.intp]

TOGETHER = 1 << 20
"""Numbers of all components that are held for the rows that are taken at a time."""

LEAST = 1e-20
"""A smaller share of a component in a row counts for nothing."""

TRIES = 100
"""Draws of a row, at the most, until one is within bounds."""

DEVIATIONS = 8.5
"""Standard deviations from its mean up to which a component is averaged over."""

NODES = 48
"""Points of a component at which what is averaged is computed."""

PAIRS = 1 << 14
"""Missing numbers and components that are averaged over at a time."""

SLIGHT = 1e-12
"""Of less of a mixture than this between bounds no average is taken."""

COUNTS = 1e-10
"""A component with a smaller share is left out of an average."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Missing numbers of a table, each as a mixture on a line."""

    rows: Index  # (C,): where in the table each is
    columns: Index  # (C,)
    weights: Array  # (C, K)
    means: Array  # (C, K)
    widths: Array  # (C, K): standard deviations

    @property
    def mixtures(self) -> tuple[Array, Array, Array]:
        """Weights, means and standard deviations."""
        return self.weights, self.means, self.widths

    def some(self, index: Index | NDArray[np.bool_]) -> "Cells":
        """Some of them."""
        return Cells(self.rows[index], self.columns[index], *(a[index] for a in self.mixtures))

    def mean(self, low: Array, high: Array) -> Array:
        """Their means between bounds (C,), which may be infinite."""
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            return np.einsum("ck,ck->c", self.weights, self.means)
        a = (low[:, None] - self.means) / self.widths
        b = (high[:, None] - self.means) / self.widths
        mass = _between(a, b)
        steps = _heights(a) - _heights(b)
        total = np.einsum("ck,ck->c", self.weights, mass)
        sums = np.einsum("ck,ck->c", self.weights, mass * self.means + self.widths * steps)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = sums / total
        # Where bounds hold next to nothing of the mixture, the nearer of them is all there is.
        middle = np.einsum("ck,ck->c", self.weights, self.means)
        return np.clip(np.where(total > SLIGHT, found, middle), low, high)

    def mean_of(self, back: Callable[[Array], Array], low: Array, high: Array) -> Array:
        """The means of a rising function of them between bounds (C,), which may be infinite.

        By Gauss and Legendre's rule over each component that counts.
        """
        nodes, rule = np.polynomial.legendre.leggauss(NODES)
        at, k = np.nonzero(self.weights > COUNTS)
        total, sums = np.zeros(len(self.rows)), np.zeros(len(self.rows))
        for start in range(0, len(at), PAIRS):
            c, j = at[start : start + PAIRS], k[start : start + PAIRS]
            mean, width = self.means[c, j], self.widths[c, j]
            a = np.clip((low[c] - mean) / width, -DEVIATIONS, DEVIATIONS)
            b = np.clip((high[c] - mean) / width, -DEVIATIONS, DEVIATIONS)
            half = 0.5 * (b - a)
            t = 0.5 * (a + b)[:, None] + half[:, None] * nodes
            f = _heights(t) * rule * (half * self.weights[c, j])[:, None]
            values = back((mean[:, None] + width[:, None] * t).ravel()).reshape(t.shape)
            np.add.at(total, c, f.sum(axis=1))
            np.add.at(sums, c, (f * values).sum(axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = sums / total
        middle = back(np.clip(np.einsum("ck,ck->c", self.weights, self.means), low, high))
        return np.where(total > SLIGHT, found, middle)

    def quantile(self, level: Array, low: Array, high: Array) -> Array:
        """Their quantiles at levels (C,) between bounds (C,), which may be infinite."""
        below, above = np.zeros(len(low)), np.ones(len(high))
        if np.isfinite(low).any():
            below = line.cdf(low, *self.mixtures)
        if np.isfinite(high).any():
            above = line.cdf(high, *self.mixtures)
        found = line.quantile(below + level * (above - below), *self.mixtures)
        return np.clip(found, low, high)

    def scores(self, truth: Array) -> Array:
        """How far each distribution is from what was true, (C,), in the columns' units.

        The continuous ranked probability score, in closed form for mixtures [@Grimit2006].
        """
        found = np.empty(len(truth))
        k = self.weights.shape[1]
        for part in spans(len(truth), k * k):
            w, mean, width = (array[part] for array in self.mixtures)
            near = _distance(truth[part, None] - mean, width)
            apart = _distance(
                mean[:, :, None] - mean[:, None, :], np.hypot(width[:, :, None], width[:, None, :])
            )
            found[part] = np.einsum("ck,ck->c", w, near)
            found[part] -= 0.5 * np.einsum("ci,cij,cj->c", w, apart, w)
        return found


def _distance(mean: Array, width: Array) -> Array:
    """The mean absolute value of a normal number."""
    z = mean / width
    return 2.0 * width * _heights(z) + mean * (2.0 * ndtr(z) - 1.0)


def _between(a: Array, b: Array) -> Array:
    """The mass of a standard normal between a and b, from the tail that is the smaller."""
    turned = a > 0
    return ndtr(np.where(turned, -a, b)) - ndtr(np.where(turned, -b, a))


def _heights(a: Array) -> Array:
    """The density of a standard normal; zero at infinity."""
    with np.errstate(over="ignore"):
        return np.exp(-0.5 * a * a) / np.sqrt(2.0 * np.pi)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows with gaps, and how much of each belongs to each component."""

    index: Index  # (B,): which rows of the table
    rows: Array  # (B, D)
    shares: Array  # (B, K)


def parts(rows: NDArray[np.generic], mixture: Mixture, beside: int = 1) -> Iterator[Part]:
    """The rows of a table that have gaps, some at a time, those that miss the same together.

    They are fewer at a time where there are as many mixtures ``beside`` one another.
    """
    with_gaps = np.flatnonzero(np.isnan(rows).any(axis=1))
    if not len(with_gaps):
        return
    order = with_gaps[layout(rows[with_gaps]).order]
    k, d = mixture.means.shape
    size = max(256, TOGETHER // (k * d * beside))
    for start in range(0, len(order), size):
        index = order[start : start + size]
        some = np.ascontiguousarray(rows[index], dtype=np.float64)
        shares = responsibilities(Block(some, np.ones(len(some)), None, Gaps()), mixture)
        shares[shares < LEAST] = 0.0
        yield Part(index, some, shares)


@dataclass(frozen=True, eq=False)
class Held:
    """Numbers of a table that were held out, to be foretold from the others of their rows."""

    rows: Array  # (B, D), those that miss the same one after another
    truth: Array  # (B, D): what was held out; NaN elsewhere
    weights: Array  # (B,)
    unit: Array  # (D,)
    gaps: Gaps

    @classmethod
    def of(cls, shown: Array, truth: Array, weights: Array, unit: Array) -> "Held":
        """From rows with gaps, and the same rows with what was held out, or more."""
        order = layout(shown).order
        shown, truth = shown[order], truth[order]
        truth = np.where(np.isnan(shown), truth, np.nan)
        return cls(np.ascontiguousarray(shown), truth, weights[order], unit, Gaps())

    def loss(self, mixture: Mixture, squares: bool) -> float:
        """The mean score of the distributions that a mixture gives them, or the mean squared error
        of their means, in units of the columns.
        """
        block = Block(self.rows, np.ones(len(self.rows)), None, self.gaps)
        shares = responsibilities(block, mixture)
        total, count = of_cells().foretold(
            self.rows, self.truth, self.weights, shares, self.unit, squares, mixture.matrices
        )
        return total / count


def pooled(rows: NDArray[np.generic], mixtures: Sequence[Mixture]) -> Iterator[Cells]:
    """The same under several mixtures of one size: the mean of the distributions."""
    m = len(mixtures)
    for some in zip(*(cells(rows, mixture, m) for mixture in mixtures), strict=True):
        weights, means, widths = (
            np.concatenate(arrays, axis=1)
            for arrays in zip(*(each.mixtures for each in some), strict=True)
        )
        yield Cells(some[0].rows, some[0].columns, weights / m, means, widths)


def cells(rows: NDArray[np.generic], mixture: Mixture, beside: int = 1) -> Iterator[Cells]:
    """The missing numbers of a table, some at a time."""
    for part in parts(rows, mixture, beside):
        at, columns, means, widths = of_cells().conditionals(
            part.rows, part.shares, mixture.matrices
        )
        yield Cells(part.index[at], columns, part.shares[at], means, widths)


def drawn(
    rows: Array, mixture: Mixture, rng: np.random.Generator, low: Array, high: Array
) -> Array:
    """A table with what is missing drawn given the rest of each row, within bounds (D,).

    What a row misses is drawn together, and again until all of it is within bounds: so it has the
    distribution of the row cut off there. After many tries in vain each number is drawn from its
    own distribution, cut off, without regard to the others.
    """
    filled = np.array(rows, dtype=np.float64)
    for part in parts(rows, mixture):
        found, hollow = part.rows, np.isnan(part.rows)
        upto, left = np.cumsum(part.shares, axis=1), np.arange(len(part.rows))
        for _ in range(TRIES):
            uniform = rng.random(len(left)) * upto[left, -1]
            # No draw is of a component without a share, whatever rounding makes of the sum.
            components = (uniform[:, None] >= upto[left]).sum(axis=1)
            some, z = part.rows[left], rng.standard_normal((len(left), rows.shape[1]))
            made = of_cells().drawn(some, components, z, mixture.matrices)
            if found is part.rows:
                found = made
            else:
                found[left] = made
            outside = hollow[left] & ((made < low) | (made > high))
            left = left[outside.any(axis=1)]
            if not len(left):
                break
        if len(left):
            found[left] = _one_by_one(part.rows[left], part.shares[left], mixture, rng, low, high)
        filled[part.index] = found
    return filled


def _one_by_one(
    rows: Array, shares: Array, mixture: Mixture, rng: np.random.Generator, low: Array, high: Array
) -> Array:
    """Rows with each missing number drawn by itself, within bounds."""
    at, columns, means, widths = of_cells().conditionals(rows, shares, mixture.matrices)
    each, filled = Cells(at, columns, shares[at], means, widths), rows.copy()
    filled[at, columns] = each.quantile(rng.random(len(at)), low[columns], high[columns])
    return filled


def peaks(rows: Array, mixture: Mixture) -> Array:
    """A table with what is missing at a mode of its density, given the rest of each row.

    The way up begins at the mean of that component where the density is highest
    [@CarreiraPerpinan2000].
    """
    filled = np.array(rows, dtype=np.float64)
    for part in parts(rows, mixture):
        filled[part.index] = of_cells().peaks(part.rows, part.shares, mixture.matrices)
    return filled
