"""Fitting t distributions: rows far from a component's centre count for less.

Given a row and its component, the Gaussian's precision was (ν + D) / (ν + δ) on average. So
statistics are those of a Gaussian with rows weighted by it: counts behind the weights and the
scatter are of rows, those behind the means of weighted rows [@PeelMcLachlan2000]. All families and
priors stay as they are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.em import Fit
from mixtura.learn.statistics import Statistics
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture
from mixtura.numeric.kernels import dialect
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]

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
    logs: Array  # (K,): Σ w r (log u − u)

    def __add__(self, other: "Tally") -> "Tally":
        """Those of both."""
        return Tally(self.statistics + other.statistics, self.logs + other.logs)


def e_step(block: Block, model: HeavyMixture) -> Tally:
    """The statistics of a block under the posterior of t distributions, and its log-likelihood."""
    parts = [
        _tile(block.rows[at : at + TILE], block.weights[at : at + TILE], model)
        for at in range(0, max(len(block.rows), 1), TILE)
    ]
    total = parts[0]
    for more in parts[1:]:
        total = total + more
    return total


def _tile(rows: NDArray[Any], w: Array, model: HeavyMixture) -> Tally:
    distances = model.distances(rows)
    density, r = normalise(np.ascontiguousarray(model.joint_at(distances).T))
    r = r.T * w[:, None]
    pulls = model.pulls(distances)
    operands = model.even.operands
    pulled, sums, products = dialect().accumulation(rows, r * pulls, operands)
    counts, present = r.sum(axis=0), w > 0
    statistics = Statistics(
        moment=operands.moment,
        about=operands.about,
        n_weights=counts,
        n_means=pulled,
        n_scatter=counts,
        sums=sums,
        products=products,
        log_likelihood=float(w[present] @ density[present]),
        n_rows=float(w.sum()),
    )
    return Tally(statistics, np.einsum("nk,nk->k", r, np.log(pulls) - pulls))


def worth(block: Block, model: HeavyMixture, degrees: Array) -> Array:
    """Σ w r log t of each component with each of some degrees (C, K), shape (C, K)."""
    found = np.zeros(degrees.shape)
    trials = [HeavyMixture(model.gaussian, each) for each in degrees]
    for at in range(0, len(block.rows), TILE):
        distances = model.distances(block.rows[at : at + TILE])
        _, r = normalise(np.ascontiguousarray(model.joint_at(distances).T))
        r *= block.weights[at : at + TILE]
        for one, trial in zip(found, trials, strict=True):
            one += np.einsum("kn,nk->k", r, trial.log_t(distances))
    return found


def log_density(block: Block, model: HeavyMixture) -> Array:
    """Log p(x) of each row, (B,)."""
    return model.log_density(block.rows)


def responsibilities(block: Block, model: HeavyMixture) -> Array:
    """The probability of each component for each row, (B, K)."""
    return model.responsibilities(block.rows)


def labels(block: Block, model: HeavyMixture) -> NDArray[np.int64]:
    """The likeliest component of each row, (B,)."""
    return model.log_joint(block.rows).argmax(axis=1).astype(np.int64)


def pulls(block: Block, model: HeavyMixture) -> Array:
    """How much each row counts for centres and scales, (B,): its mean over the components."""
    distances = model.distances(block.rows)
    _, r = normalise(np.ascontiguousarray(model.joint_at(distances).T))
    return np.einsum("kn,nk->n", r, model.pulls(distances))


def certainty_of(block: Block, model: HeavyMixture) -> Array:
    """Three sums over rows, (3,): w log p(x), w log of the largest posterior, and w."""
    density, r = normalise(np.ascontiguousarray(model.log_joint(block.rows).T))
    w, present, peak = block.weights, block.weights > 0, np.log(r.max(axis=0))
    return np.array([w[present] @ density[present], w[present] @ peak[present], w.sum()])


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
            found = likeliest(self.degrees, mixture.n_features, logs / np.maximum(counts, 1e-300))
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


def likeliest(degrees: Array, n_features: int, logs: Array) -> Array:
    """The degrees of the largest expected likelihood, given what rows say under the last ones.

    They solve log(ν/2) − ψ(ν/2) + 1 + ⟨log u − u⟩ + ψ((ν' + D)/2) − log((ν' + D)/2) = 0, where ν'
    are the last ones and the left side falls with ν; or they are at an end of `RANGE`.
    """
    from scipy.special import digamma

    half = 0.5 * (degrees + n_features)
    given = 1.0 + logs + digamma(half) - np.log(half)
    low, high = (np.full_like(degrees, np.log(end)) for end in RANGE)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        x = 0.5 * np.exp(middle)
        above = np.log(x) - digamma(x) + given > 0  # the likelihood still rises there
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.exp(0.5 * (low + high))
