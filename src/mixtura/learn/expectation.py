"""The E-step: from a block of rows and a mixture to statistics. Kernels for `fold` and `map`.

Rows with gaps are a matter for `learn/missing.py`; those without, in the same block, are not.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import missing
from mixtura.learn.data import Block
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.numeric.kernels import dialect

Array = NDArray[np.float64]


def e_step(block: Block, mixture: Mixture, kernel: str = "compiled") -> Statistics:
    """The statistics of a block under the posterior of a mixture, and its log-likelihood."""
    if block.gaps is not None:
        return missing.e_step(block, mixture, kernel, partial(e_step, kernel=kernel))
    operands = mixture.operands
    counts, sums, products, log_likelihood = dialect(kernel).expectation(
        block.rows, block.weights, operands
    )
    return Statistics(
        moment=operands.moment,
        about=operands.about,
        n_weights=counts,
        n_means=counts,
        n_scatter=counts,
        sums=sums,
        products=products,
        log_likelihood=log_likelihood,
        n_rows=float(block.weights.sum()),
    )


def assigned(block: Block, mixture: Mixture) -> Statistics:
    """The statistics of a block under memberships given with it: labels or responsibilities.

    The mixture lends its family, its size and its origin; its posterior is not asked.
    """
    if block.gaps is not None:
        return missing.assigned(block, mixture, assigned)
    operands = mixture.operands
    assert block.memberships is not None
    r = block.memberships
    if r.ndim == 1:
        r = r[:, None] == np.arange(mixture.n_components)
    counts, sums, products = dialect().accumulation(
        block.rows, r * block.weights[:, None], operands
    )
    n_rows = float(block.weights.sum())
    return Statistics(
        operands.moment, operands.about, counts, counts, counts, sums, products, 0.0, n_rows
    )


def log_density(block: Block, mixture: Mixture) -> Array:
    """Log p(x) of each row, (B,)."""
    if block.gaps is not None:
        return missing.log_density(block, mixture, log_density)
    return dialect().log_density(block.rows, mixture.operands)


def responsibilities(block: Block, mixture: Mixture) -> Array:
    """The probability of each component for each row, (B, K)."""
    if block.gaps is not None:
        return missing.responsibilities(block, mixture, responsibilities)
    return dialect().posterior(block.rows, mixture.operands)


def labels(block: Block, mixture: Mixture) -> NDArray[np.int64]:
    """The likeliest component of each row, (B,)."""
    if block.gaps is not None:
        return missing.labels(block, mixture, labels)
    return dialect().labels(block.rows, mixture.operands)


def likelihood_of(block: Block, mixture: Mixture) -> Array:
    """Two sums over rows, (2,): w log p(x), and w."""
    density, w = log_density(block, mixture), block.weights
    present = w > 0
    return np.array([w[present] @ density[present], w.sum()])


def certainty_of(block: Block, mixture: Mixture) -> Array:
    """Three sums over rows, (3,): w log p(x), w log of the largest posterior, and w."""
    if block.gaps is not None:
        return missing.certainty_of(block, mixture, certainty_of)
    density, peak = dialect().certainty(block.rows, mixture.operands)
    w, present = block.weights, block.weights > 0
    return np.array([w[present] @ density[present], w[present] @ peak[present], w.sum()])
