"""Rows with gaps as one Gaussian, and completed by draws from it: what a start is made of."""

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.expectation import e_step
from mixtura.learn.hollow import FEW, End, Hollow
from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.spread import definite, variances
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Full
from mixtura.model.mixture import Mixture
from mixtura.numeric.kernels import incomplete

Array = NDArray[np.float64]

SAMPLE = 100_000
"""Rows to which the Gaussian is fitted when there are more; one step with all of them follows."""

STEPS = 20
"""Steps of EM, at the most."""

STILL = 1e-3
"""Nats a row: a step that gains less is the last."""


def total(data: Data) -> Mixture:
    """All rows as one Gaussian, as `initial.total` has it of rows without gaps.

    The estimate is that of EM, near its end. Where two columns are never observed together, nothing
    is known of their correlation beyond what other columns tell; EM leaves it where it began, at 0.
    """
    sample = data.sample(SAMPLE, 0)
    rows = np.ascontiguousarray(sample.rows, dtype=np.float64)
    here = np.isfinite(rows)
    empty = ~here.any(axis=0)
    low = np.where(empty, 0.0, np.where(here, rows, np.inf).min(axis=0))
    high = np.where(empty, 0.0, np.where(here, rows, -np.inf).max(axis=0))
    width = np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
    origin, squares = 0.5 * low + 0.5 * high, np.zeros(len(low))
    for _ in range(2):
        counts, sums, squares = data.fold(_columns, origin, width)
        counts = np.where(counts > 0, counts, 1.0)
        offset = sums / counts
        squares = (squares / counts - offset**2) * width**2
        origin = origin + width * offset
        width = np.sqrt(variances(origin, np.diag(squares)))
    mixture, last = Mixture(np.ones(1), origin[None], Full(np.diag(width**2)[None])), -np.inf
    few = len(rows) < SAMPLE
    if len(rows) <= FEW and not empty.any():
        free = Maximization(
            Full, Penalty(np.zeros((len(width), len(width))), 0.0), 1e-10 * width**2
        )
        hollow = Hollow.of(rows, sample.weights)
        run = hollow.run(mixture, free, tol=STILL, max_iter=STEPS)
        mixture = run.mixture
        if run.end is not End.care:
            return _from(data.fold(e_step, mixture), width)
    for _ in range(STEPS):
        found = data.fold(e_step, mixture) if few else e_step(sample, mixture)
        mixture = _from(found, width)
        if found.log_likelihood - last < STILL * found.n_rows:
            break
        last = found.log_likelihood
    return _from(data.fold(e_step, mixture), width)


def _columns(block: Block, origin: Array, width: Array) -> Array:
    """Counts, sums and squares of what was observed, less an origin and in units, (3, D)."""
    # C order whatever that of the rows, so that the bits of the result are the same.
    z = (np.ascontiguousarray(block.rows, dtype=np.float64) - origin) / width
    seen = ~np.isnan(z)
    z[~seen] = 0.0
    w = block.weights
    return np.array([w @ seen, w @ z, w @ (z * z)])


def _from(found: Statistics, width: Array) -> Mixture:
    """The Gaussian of some statistics; columns that never vary keep their width."""
    mean = found.means[0]
    values = found.scatter[0] / found.n_scatter[0]
    flat = np.diagonal(values) <= 0
    if flat.any():
        values = values + np.diag(np.where(flat, width**2, 0.0))
    return Mixture(np.ones(1), mean[None], Full(definite(mean, values)[None]))


def filled(block: Block, whole: Mixture, rng: np.random.RandomState) -> Block:
    """The rows of a block, gaps filled by draws given what was observed, as one Gaussian has it.

    Means in place of draws would pull rows together. A draw s of all columns does for a draw of
    the missing ones: what is expected of x − s, plus s.
    """
    if block.gaps is None:
        return block
    gaps = block.gaps.of(block.rows)
    rows, index = np.array(block.rows, dtype=np.float64, order="C"), gaps.order[gaps.complete :]
    with_gaps = rows[index]
    s = whole.covariance.unwhiten(rng.standard_normal(with_gaps.shape), 0)
    drawn = incomplete().completed(with_gaps - s, whole.matrices) + s
    rows[index] = np.where(np.isnan(with_gaps), drawn, with_gaps)
    return Block(rows, block.weights, block.memberships)
