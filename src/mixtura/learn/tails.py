"""Fitting t distributions: rows far from a component's centre count for less.

Given a row and its component, the Gaussian's precision was (ν + D) / (ν + δ) on average. So
statistics are those of a Gaussian with rows weighted by it: counts behind the weights and the
scatter are of rows, those behind the means of weighted rows [@PeelMcLachlan2000]. All families and
priors stay as they are.

Of a row with gaps d of the D numbers are there, δ is the distance of those, and the precision was
(ν + d) / (ν + δ) on average. In the statistics stands what is expected of the rest, given the row
and the component, and how it varies about that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.em import Fit
from mixtura.learn.statistics import Statistics
from mixtura.model.heavy import HeavyMixture, Places
from mixtura.model.mixture import Mixture
from mixtura.numeric.blocks import spans
from mixtura.numeric.kernels import dialect
from mixtura.numeric.kernels.with_gaps_reference import in_moment
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]
Index = NDArray[np.intp]

TILE = 4_096
"""Rows whose distances to all components are held at a time."""

FIRST = 10.0
"""Degrees of freedom to begin with, where they are to be found."""

RANGE = 0.5, 1_000.0
"""Degrees of freedom that are found, at the least and at the most: there a t is a Gaussian."""

STRIDES = 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0
"""How far degrees of freedom may go, as multiples of EM's own step in their logarithms."""

STILL = 1e-7
"""EM's own steps in the logarithms that are too small for longer ones to be tried."""

HALVINGS = 60
"""Of that range, by which they are found to the last digits."""


@dataclass(frozen=True)
class Tally:
    """Statistics, and what rows say of tails."""

    statistics: Statistics
    logs: Array  # (K,): Σ w r times what is expected of log u − u, where u is the precision

    def __add__(self, other: "Tally") -> "Tally":
        """Those of both."""
        return Tally(self.statistics + other.statistics, self.logs + other.logs)


class Tile(NamedTuple):
    """Some rows of a block, all of them complete or none."""

    rows: Index | slice
    complete: bool

    def places(self, block: Block, model: HeavyMixture) -> Places:
        """Where they lie."""
        rows = block.rows[self.rows]
        return model.places(rows) if self.complete else model.places_with_gaps(rows)


def tiles(block: Block, model: HeavyMixture) -> Iterator[Tile]:
    """The rows of a block, some at a time."""
    n = len(block.rows)
    if block.gaps is None:
        for at in range(0, max(n, 1), TILE):
            yield Tile(slice(at, min(at + TILE, n)), True)
        return
    gaps = block.gaps.of(block.rows)
    order = gaps.order.astype(np.intp)
    complete, rest = order[: gaps.complete], order[gaps.complete :]
    for at in range(0, len(complete) if len(rest) else max(n, 1), TILE):
        yield Tile(complete[at : at + TILE], True)
    d = model.n_features
    for part in spans(len(rest), model.n_components * d * (d + 2)):
        yield Tile(rest[part], False)


def e_step(block: Block, model: HeavyMixture) -> Tally:
    """The statistics of a block under the posterior of t distributions, and its log-likelihood."""
    first, *more = tiles(block, model)
    total = _tally(block, model, first)
    for tile in more:
        total = total + _tally(block, model, tile)
    return total


def _tally(block: Block, model: HeavyMixture, tile: Tile) -> Tally:
    from scipy.special import digamma

    rows, w, places = block.rows[tile.rows], block.weights[tile.rows], tile.places(block, model)
    density, r = normalise(np.ascontiguousarray(model.joint_at(places).T))
    r = r.T * w[:, None]
    pulls = model.pulls(places)
    operands = model.even.operands
    about, counts, present = operands.about, r.sum(axis=0), w > 0
    if places.glances:
        about = model.locations
        pulled, sums, products = _with_gaps(model, places, r, r * pulls)
    else:
        pulled, sums, products = dialect().accumulation(rows, r * pulls, operands)
    statistics = Statistics(
        moment=operands.moment,
        about=about,
        n_weights=counts,
        n_means=pulled,
        n_scatter=counts,
        sums=sums,
        products=products,
        log_likelihood=float(w[present] @ density[present]),
        n_rows=float(w.sum()),
    )
    half = 0.5 * (model.degrees + places.n_seen)
    logs = np.einsum("nk,nk->k", r, np.log(pulls) - pulls)
    mean = digamma(half) - np.log(half)
    logs = logs + (np.einsum("nk,nk->k", r, mean) if places.glances else counts * mean)
    return Tally(statistics, logs)


def _with_gaps(
    model: HeavyMixture, places: Places, r: Array, pulled: Array
) -> tuple[Array, Array, Array]:
    """Counts, sums and products about the centres, of rows with gaps.

    How what is missing varies does not depend on how far the row is: it counts once.
    """
    assert places.patterns is not None
    k, d = model.locations.shape
    sums, products, n = np.empty((k, d)), np.empty((k, d, d)), len(places.patterns.seen)
    for j, glance in enumerate(places.glances):
        sums[j] = pulled[:, j] @ glance.residual
        each = np.bincount(places.patterns.which, weights=r[:, j], minlength=n)
        products[j] = (glance.residual * pulled[:, j, None]).T @ glance.residual
        products[j] += np.tensordot(each, glance.left, axes=1)
    return pulled.sum(axis=0), sums, in_moment(products, model.gaussian.matrices)


def worth(block: Block, model: HeavyMixture, degrees: Array) -> Array:
    """Σ w r log t of each component with each of some degrees (C, K), shape (C, K)."""
    found = np.zeros(degrees.shape)
    trials = [HeavyMixture(model.gaussian, each) for each in degrees]
    for tile in tiles(block, model):
        some, places = tile.rows, tile.places(block, model)
        _, r = normalise(np.ascontiguousarray(model.joint_at(places).T))
        r *= block.weights[some]
        for one, trial in zip(found, trials, strict=True):
            one += np.einsum("kn,nk->k", r, trial.log_t(places))
    return found


def log_density(block: Block, model: HeavyMixture) -> Array:
    """Log p(x) of what each row has, (B,)."""
    found = np.empty(len(block.rows))
    for tile in tiles(block, model):
        some, places = tile.rows, tile.places(block, model)
        found[some] = normalise(np.ascontiguousarray(model.joint_at(places).T))[0]
    return found


def responsibilities(block: Block, model: HeavyMixture) -> Array:
    """The probability of each component for each row, (B, K)."""
    found = np.empty((len(block.rows), model.n_components))
    for tile in tiles(block, model):
        some, places = tile.rows, tile.places(block, model)
        found[some] = normalise(np.ascontiguousarray(model.joint_at(places).T))[1].T
    return found


def labels(block: Block, model: HeavyMixture) -> NDArray[np.int64]:
    """The likeliest component of each row, (B,)."""
    found = np.empty(len(block.rows), dtype=np.int64)
    for tile in tiles(block, model):
        some, places = tile.rows, tile.places(block, model)
        found[some] = model.joint_at(places).argmax(axis=1)
    return found


def pulls(block: Block, model: HeavyMixture) -> Array:
    """How much each row counts for centres and scales, (B,): its mean over the components."""
    found = np.empty(len(block.rows))
    for tile in tiles(block, model):
        some, places = tile.rows, tile.places(block, model)
        _, r = normalise(np.ascontiguousarray(model.joint_at(places).T))
        found[some] = np.einsum("kn,nk->n", r, model.pulls(places))
    return found


def certainty_of(block: Block, model: HeavyMixture) -> Array:
    """Three sums over rows, (3,): w log p(x), w log of the largest posterior, and w."""
    total = np.zeros(3)
    for tile in tiles(block, model):
        some, places = tile.rows, tile.places(block, model)
        density, r = normalise(np.ascontiguousarray(model.joint_at(places).T))
        w, peak = block.weights[some], np.log(r.max(axis=0))
        present = w > 0
        total += [w[present] @ density[present], w[present] @ peak[present], w.sum()]
    return total


@dataclass(frozen=True)
class HeavyFit(Fit):
    """The end of a run of t distributions."""

    degrees: Array  # (K,)

    @property
    def model(self) -> HeavyMixture:
        """The mixture of t distributions."""
        return HeavyMixture(self.mixture, self.degrees)


class Tails:
    """The E-step of one run, and the M-step of its degrees of freedom, which it remembers.

    Given an E-step, the likeliest degrees do not depend on centres and scales. EM's steps towards
    them are short where tails are nearly a Gaussian's. So they are directions: given centres,
    scales and memberships, the best of some steps along them is taken, and the E-step follows.
    That is an alternating EM [@MengVanDyk1997]: the objective never falls.

    Parameters
    ----------
    data : Data
    degrees : array, shape (K,)
        As the run begins.
    free : bool
        They are to be found.
    common : bool
        They are the same for all components.
    """

    def __init__(self, data: Data, degrees: Array, *, free: bool, common: bool) -> None:
        self.data = data
        self.degrees = degrees
        self.free = free
        self.common = common
        self._step = np.zeros_like(degrees)  # of EM, in logarithms

    def __call__(self, mixture: Mixture) -> Statistics:
        """The statistics of all rows under the posterior of the Gaussians with these degrees."""
        if np.abs(self._step).max() > STILL:
            self.degrees = self._along(mixture)
        tally: Tally = self.data.fold(e_step, HeavyMixture(mixture, self.degrees))
        if self.free:
            counts, logs = tally.statistics.n_weights, tally.logs
            if self.common:
                counts, logs = np.full_like(counts, counts.sum()), np.full_like(logs, logs.sum())
            found = likeliest(logs / np.maximum(counts, 1e-300))
            self._step = np.where(counts > 0, np.log(found / self.degrees), 0.0)
        return tally.statistics

    def _along(self, mixture: Mixture) -> Array:
        """The best degrees along the last step of EM, (K,)."""
        trials = np.exp(np.log(self.degrees) + np.outer(STRIDES, self._step))
        trials = np.clip(trials, np.minimum(RANGE[0], self.degrees), RANGE[1])
        found: Array = self.data.fold(worth, HeavyMixture(mixture, self.degrees), trials)
        if self.common:
            found = np.repeat(found.sum(axis=1, keepdims=True), found.shape[1], axis=1)
        return np.take_along_axis(trials, found.argmax(axis=0)[None], axis=0)[0]


def likeliest(logs: Array) -> Array:
    """The degrees of the largest expected likelihood, given what rows say under the last ones.

    They solve log(ν/2) − ψ(ν/2) + 1 + ⟨log u − u⟩ = 0, whose left side falls with ν; or they are at
    an end of `RANGE`.
    """
    from scipy.special import digamma

    given = 1.0 + logs
    low, high = (np.full_like(logs, np.log(end)) for end in RANGE)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        x = 0.5 * np.exp(middle)
        above = np.log(x) - digamma(x) + given > 0  # the likelihood still rises there
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.exp(0.5 * (low + high))
