"""What a posterior says of rows to come, block by block: kernels for `map` and `fold`."""

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block
from mixtura.model.components import LOG_2PI
from mixtura.model.mixture import Mixture
from mixtura.model.predictive import Predictive
from mixtura.numeric.kernels import incomplete
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]


def log_joint(block: Block, predictive: Predictive) -> Array:
    """Log density of each row with each component, times its weight, (B, K)."""
    if block.gaps is None or predictive.independent:
        return predictive.log_joint(block.rows)
    gaps = block.gaps.of(block.rows)
    with np.errstate(divide="ignore"):
        joint = np.tile(np.log(predictive.weights), (len(block.rows), 1))
    complete = gaps.order[: gaps.complete]
    if gaps.complete:
        joint[complete] = predictive.log_joint(block.rows[complete])
    if gaps.partly:
        some = gaps.with_gaps
        seen = (~np.isnan(block.rows[some])).sum(axis=1).astype(np.float64)
        squares, volumes = np.empty((2, len(some), predictive.n_components))
        for k in range(predictive.n_components):
            squares[:, k], volumes[:, k] = _distances(block, predictive, k, seen)
        joint[some] = predictive.with_gaps(squares, volumes, seen)
    return joint


def _distances(block: Block, predictive: Predictive, k: int, seen: Array) -> tuple[Array, Array]:
    """Squared distances of rows with gaps from one mean, and log determinants, of what they have.

    Both follow from the normal density and that of a matrix four times as large.
    """
    assert block.gaps is not None
    gaps, index = block.gaps.of(block.rows), np.array([k])
    covariance, mean = predictive.covariance.rearranged(index), predictive.means[index]
    wide = type(covariance).from_values(4.0 * covariance.values, predictive.n_features)
    near, far = (
        incomplete().log_density(block.rows, gaps, Mixture(np.ones(1), mean, form).matrices)[
            gaps.with_gaps
        ]
        for form in (covariance, wide)
    )
    squares = np.maximum(8.0 / 3.0 * (far - near + seen * np.log(2.0)), 0.0)
    return squares, -2.0 * near - seen * LOG_2PI - squares


def log_density(block: Block, predictive: Predictive) -> Array:
    """Log p(x) of each row, (B,); 0 where nothing is known of it."""
    return normalise(log_joint(block, predictive).T.copy())[0]


def responsibilities(block: Block, predictive: Predictive) -> Array:
    """The probability of each component for each row, (B, K)."""
    return np.ascontiguousarray(normalise(log_joint(block, predictive).T.copy())[1].T)


def labels(block: Block, predictive: Predictive) -> NDArray[np.int64]:
    """The likeliest component of each row, (B,)."""
    return log_joint(block, predictive).argmax(axis=1)


def likelihood_of(block: Block, predictive: Predictive) -> Array:
    """Two sums over rows, (2,): w log p(x), and w."""
    density, w = log_density(block, predictive), block.weights
    present = w > 0
    return np.array([w[present] @ density[present], w.sum()])
