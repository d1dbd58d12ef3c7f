"""A mixture and noise, fitted together: rows count for the mixture by as much as they are of it.

Given that a row is not noise, its posterior is that of the mixture alone. So the E-step is that of
the mixture, with the weight of each row times the probability that it is not noise; no kernel has
to know of noise, and what holds for row weights holds here: families, gaps, engines.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import expectation
from mixtura.learn.data import Block, Data
from mixtura.learn.em import Fit
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.model.noise import Box, Noise, NoisyMixture

Array = NDArray[np.float64]

NEIGHBOURS = 10
"""The neighbour by whose distance rows are told to be isolated."""

STEPS = 100
"""Steps of EM for two densities of those distances."""

SHARES = 0.01, 0.5
"""The share of noise at the start, at the least and at the most."""


# The box that rows fill.


@dataclass(frozen=True)
class Extent:
    """From where to where rows reach; the sum of two is that of all their rows."""

    low: Array  # (D,), infinite of no rows
    high: Array  # (D,)

    def __add__(self, other: "Extent") -> "Extent":
        """The extent of both."""
        return Extent(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


def _extent(block: Block, axes: Array | None) -> Extent:
    rows = block.rows[block.weights > 0].astype(np.float64)
    if axes is not None:
        rows = rows @ axes
    low = np.fmin.reduce(rows, axis=0, initial=np.inf)
    return Extent(low, np.fmax.reduce(rows, axis=0, initial=-np.inf))


def hull(data: Data, whole: Mixture, share: float, *, incomplete: bool = False) -> Noise:
    """Noise in the smaller of two boxes around all rows: of the columns, of principal components.

    As mclust's `hypvol`. Principal components want whole rows: where numbers are missing, the box
    is that of the columns. ``whole`` is all rows as one Gaussian; a side along which rows do not
    vary has its standard deviation.
    """
    covariance = whole.covariances[0]
    box = _box(data, None, np.diagonal(covariance))
    if incomplete:
        return Noise(share, box)
    variances, axes = np.linalg.eigh(covariance)
    tilted = _box(data, axes, variances)
    return Noise(share, box, tilted if tilted.log_volume < box.log_volume else None)


def _box(data: Data, axes: Array | None, variances: Array) -> Box:
    """The box of all rows; no side is shorter than twice the deviation, were that not rounding."""
    found = data.fold(_extent, axes)
    least = np.sqrt(np.maximum(variances, 0.0))
    short = np.maximum(2.0 * least - (found.high - found.low), 0.0)
    return Box(found.low - 0.5 * short, found.high + 0.5 * short, axes)


# The E-step, and what is said of rows: kernels for `fold` and `map`.


def _shares(block: Block, model: NoisyMixture) -> tuple[Array, Array, Array]:
    """Log density, and probabilities of the mixture and of the noise, (B,) each."""
    noise = model.noise
    of_noise = -noise.log_volume if block.gaps is None else noise.log_density(block.rows)
    return model.shares(expectation.log_density(block, model.mixture), of_noise)


def e_step(block: Block, model: NoisyMixture) -> Statistics:
    """The statistics of the rows of the mixture, and the log-likelihood of all rows."""
    w = block.weights
    density, mine, _ = _shares(block, model)
    s = expectation.e_step(block._replace(weights=w * mine), model.mixture)
    present = w > 0
    total = float(w[present] @ density[present])
    return replace(s, log_likelihood=total, n_rows=float(w.sum()))


def log_density(block: Block, model: NoisyMixture) -> Array:
    """Log p(x) of each row, (B,)."""
    return _shares(block, model)[0]


def responsibilities(block: Block, model: NoisyMixture) -> Array:
    """The probability of each component and, last, of noise, (B, K + 1)."""
    _, mine, noise = _shares(block, model)
    r = expectation.responsibilities(block, model.mixture)
    return np.column_stack([r * mine[:, None], noise])


def labels(block: Block, model: NoisyMixture) -> NDArray[np.int64]:
    """The likeliest component of each row, (B,); -1 where noise is likelier than any."""
    found = responsibilities(block, model).argmax(axis=1).astype(np.int64)
    return np.where(found == model.mixture.n_components, -1, found)


def likelihood_of(block: Block, model: NoisyMixture) -> Array:
    """Two sums over rows, (2,): w log p(x), and w."""
    density, w = log_density(block, model), block.weights
    present = w > 0
    return np.array([w[present] @ density[present], w.sum()])


def certainty_of(block: Block, model: NoisyMixture) -> Array:
    """Three sums over rows, (3,): w log p(x), w log of the largest posterior, and w."""
    w, present = block.weights, block.weights > 0
    density = log_density(block, model)
    peak = np.log(responsibilities(block, model).max(axis=1))
    return np.array([w[present] @ density[present], w[present] @ peak[present], w.sum()])


@dataclass(frozen=True)
class NoisyFit(Fit):
    """The end of a run with noise."""

    noise: Noise


class Sifting:
    """The E-step of one run: what is noise is sifted out, and how much it was is remembered.

    Its share in the next pass is what it was of the rows in this one: that is the M-step of it. So
    EM is exact, and the objective never falls, as long as each step is EM's own.

    Parameters
    ----------
    data : Data
    noise : Noise
        As the run begins.
    """

    def __init__(self, data: Data, noise: Noise) -> None:
        self.data = data
        self.noise = noise

    def __call__(self, mixture: Mixture) -> Statistics:
        """The statistics of the rows of the mixture."""
        s = self.data.fold(e_step, NoisyMixture(mixture, self.noise))
        share = 1.0 - float(s.n_weights.sum()) / s.n_rows
        self.noise = replace(self.noise, share=min(max(share, 0.0), 1.0))
        return s


# The start: which rows look like noise.


def isolated(z: Array, weights: Array, share: float | None = None) -> NDArray[np.bool_]:
    """Which rows are far from their neighbours, in coordinates z (n, D) of one unit.

    Where rows lie evenly, the D-th power of the distance to the m-th neighbour has a gamma
    distribution. Rows are told apart by a mixture of two of them, as densities of rows, of which
    the thinner is noise [@ByersRaftery1998]; or, with a share, the most distant ones are taken.
    """
    from scipy.spatial import KDTree

    n, d = z.shape
    m = min(NEIGHBOURS, n - 1)
    if m < 1:
        return np.zeros(n, dtype=np.bool_)
    tree: Any = KDTree(z)
    distance = np.asarray(tree.query(z, k=[m + 1])[0], dtype=np.float64)[:, 0]
    if share is not None:
        order = np.argsort(-distance, kind="stable")
        beyond = np.cumsum(weights[order]) <= share * weights.sum()
        found = np.zeros(n, dtype=np.bool_)
        found[order[beyond]] = True
        return found
    logs = d * np.log(np.maximum(distance, np.finfo(np.float64).tiny))
    return _thinner(np.exp(np.clip(logs - np.median(logs), -300.0, 300.0)), weights, m)


def _thinner(volumes: Array, weights: Array, m: int) -> NDArray[np.bool_]:
    """Which of the volumes that m neighbours fill are of the thinner of two densities."""
    noise = np.where(volumes > np.quantile(volumes, 0.9), 1.0, 0.0)
    for _ in range(STEPS):
        parts = np.array([weights @ (1.0 - noise), weights @ noise])
        filled = np.array([weights @ ((1.0 - noise) * volumes), weights @ (noise * volumes)])
        if not (parts > 0).all() or not (filled > 0).all():
            break
        rates = m * parts / filled
        joint = np.log(parts) + m * np.log(rates) - volumes[:, None] * rates
        noise = 1.0 / (1.0 + np.exp(np.clip(joint[:, 0] - joint[:, 1], -700.0, 700.0)))
    return noise > 0.5


def first_share(flagged: NDArray[np.bool_], weights: Array) -> float:
    """The share of noise to begin with, where some rows look like it."""
    return float(np.clip(weights[flagged].sum() / weights.sum(), *SHARES))
