"""Rows with gaps: their part of the E-step, exact where numbers are missing at random.

The likelihood is that of what was observed. In the statistics stands what is expected of the rest,
given the row and the component, and how it varies about that [@GhahramaniJordan1994]. A row of
which nothing was observed adds what a row of the mixture yields on average, and nothing to the
likelihood.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.numeric.gaps import Layout
from mixtura.numeric.kernels import incomplete

Array = NDArray[np.float64]


def _layout(block: Block) -> Layout:
    assert block.gaps is not None
    return block.gaps.of(block.rows)


def _complete(block: Block, gaps: Layout) -> Block:
    """The rows without gaps; the block itself where there are no others."""
    if gaps.complete == len(block.rows):
        return block._replace(gaps=None)
    return block.of(gaps.order[: gaps.complete])


def e_step(
    block: Block,
    mixture: Mixture,
    kernel: str,
    complete: Callable[[Block, Mixture], Statistics],
) -> Statistics:
    """The statistics of all rows, of which ``complete`` gives those of rows without gaps."""
    gaps = _layout(block)
    found: list[Statistics] = []
    if gaps.complete:
        found.append(complete(_complete(block, gaps), mixture))
    if gaps.partly:
        sums = incomplete(kernel).expectation(block.rows, block.weights, gaps, mixture.matrices)
        found.append(_statistics(mixture, sums[:3], sums[3], block.weights[gaps.with_gaps]))
    if len(gaps.empty):
        n = float(block.weights[gaps.empty].sum())
        found.append(Statistics.expected(mixture, n))
    return _sum(found, mixture)


def assigned(
    block: Block, mixture: Mixture, complete: Callable[[Block, Mixture], Statistics]
) -> Statistics:
    """The same under memberships given with the rows."""
    gaps = _layout(block)
    assert block.memberships is not None
    found: list[Statistics] = []
    if gaps.complete:
        found.append(complete(_complete(block, gaps), mixture))
    r = block.memberships
    if r.ndim == 1:
        r = r[:, None] == np.arange(mixture.n_components)
    r = r * block.weights[:, None]
    if gaps.partly:
        sums = incomplete().accumulation(block.rows, r, gaps, mixture.matrices)
        found.append(_statistics(mixture, sums, 0.0, block.weights[gaps.with_gaps]))
    if len(gaps.empty):
        counts, n = r[gaps.empty].sum(axis=0), float(block.weights[gaps.empty].sum())
        expected = Statistics.expected(replace(mixture, weights=counts), 1.0)
        found.append(replace(expected, n_rows=n))
    return _sum(found, mixture)


def _statistics(
    mixture: Mixture, sums: tuple[Array, Array, Array], log_likelihood: float, weights: Array
) -> Statistics:
    counts, offsets, products = sums
    moment, about, n = mixture.covariance.moment, mixture.means, float(weights.sum())
    return Statistics(moment, about, counts, counts, counts, offsets, products, log_likelihood, n)


def _sum(found: list[Statistics], mixture: Mixture) -> Statistics:
    """The sum of at most three; nothing of no rows."""
    if not found:
        return Statistics.expected(mixture, 0.0)
    total = found[0]
    for more in found[1:]:
        total = total + more
    return total


def log_density(
    block: Block, mixture: Mixture, complete: Callable[[Block, Mixture], Array]
) -> Array:
    """Log density of what was observed of each row, (B,); 0 where nothing was."""
    gaps, density = _layout(block), np.zeros(len(block.rows))
    if gaps.partly:
        density = incomplete().log_density(block.rows, gaps, mixture.matrices)
    return _with_complete(density, block, gaps, mixture, complete)


def responsibilities(
    block: Block, mixture: Mixture, complete: Callable[[Block, Mixture], Array]
) -> Array:
    """The probability of each component for each row, (B, K); its weight where nothing is known."""
    gaps, r = _layout(block), np.zeros((len(block.rows), mixture.n_components))
    if gaps.partly:
        r = incomplete().posterior(block.rows, gaps, mixture.matrices)[1]
    r[gaps.empty] = mixture.weights
    return _with_complete(r, block, gaps, mixture, complete)


def labels(
    block: Block, mixture: Mixture, complete: Callable[[Block, Mixture], NDArray[np.int64]]
) -> NDArray[np.int64]:
    """The likeliest component of each row, (B,); the heaviest one where nothing is known."""
    gaps, found = _layout(block), np.zeros(len(block.rows), dtype=np.int64)
    if gaps.partly:
        found = incomplete().labels(block.rows, gaps, mixture.matrices)
    found[gaps.empty] = mixture.weights.argmax()
    return _with_complete(found, block, gaps, mixture, complete)


def _with_complete(
    found: NDArray[Any],
    block: Block,
    gaps: Layout,
    mixture: Mixture,
    complete: Callable[[Block, Mixture], NDArray[Any]],
) -> NDArray[Any]:
    """What was found of rows, with what is to be had of those without gaps."""
    if gaps.complete:
        found[gaps.order[: gaps.complete]] = complete(_complete(block, gaps), mixture)
    return found


def certainty_of(
    block: Block, mixture: Mixture, complete: Callable[[Block, Mixture], Array]
) -> Array:
    """Three sums over rows, (3,): w log p(x), w log of the largest posterior, and w."""
    gaps, w = _layout(block), block.weights
    total = np.array([0.0, 0.0, w[gaps.order[gaps.complete :]].sum()])
    if gaps.complete:
        total += complete(_complete(block, gaps), mixture)
    if gaps.partly:
        some = gaps.with_gaps[w[gaps.with_gaps] > 0]
        density, r = incomplete().posterior(block.rows, gaps, mixture.matrices)
        total[0] += w[some] @ density[some]
        total[1] += w[some] @ np.log(r[some].max(axis=1))
    total[1] += w[gaps.empty].sum() * np.log(mixture.weights.max())
    return total
