"""Rows with gaps in NumPy, pattern by pattern: the specification of `with_gaps`.

What a row observes has the marginal density of those columns. Given them and a component, what it
misses is normal; its mean and its covariance are what the statistics count in its place
[@GhahramaniJordan1994].
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric import linalg
from mixtura.numeric.gaps import Layout, layout
from mixtura.numeric.kernels import reference
from mixtura.numeric.kernels.operands import Matrices, Operands
from mixtura.numeric.moments import DIAGONAL, FULL, POOLED

Array = NDArray[np.float64]
Rows = NDArray[np.generic]

LOG_2PI = float(np.log(2.0 * np.pi))


class _Pattern(NamedTuple):
    """Rows that miss the same columns, and the components as far as these rows see them."""

    rows: NDArray[np.intp]  # (B,)
    seen: NDArray[np.intp]  # (O,)
    unseen: NDArray[np.intp]
    operands: Operands  # of the columns seen


def _patterns(x: Rows, model: Matrices, rows: NDArray[np.integer]) -> Iterator[_Pattern]:
    """The rows in question, those with the same gaps together."""
    hollow = np.isnan(x[rows])
    for pattern in np.unique(hollow, axis=0):
        index = rows[(hollow == pattern).all(axis=1)].astype(np.intp)
        seen, unseen = np.flatnonzero(~pattern), np.flatnonzero(pattern)
        yield _Pattern(index, seen, unseen, _marginal(model, seen))


def _factors(model: Matrices, columns: NDArray[np.intp]) -> Array:
    """Cholesky factors of the components' correlations in some columns, (K, O, O)."""
    k = len(model.means)
    each = [model.covariance(i)[np.ix_(columns, columns)] for i in range(k)]
    return linalg.cholesky(np.array(each))[0]


def _marginal(model: Matrices, seen: NDArray[np.intp]) -> Operands:
    """The mixture of some columns, each component computed about its own mean."""
    k, o = len(model.means), len(seen)
    means, scales = model.means[:, seen], model.scales[:, seen]
    factors = _factors(model, seen)

    whiteners = linalg.invert_lower(factors)

    def whiten(residual: Array, component: int) -> Array:
        return (residual / scales[component]) @ whiteners[component].T

    volumes = linalg.log_det_from_cholesky(factors) + 2.0 * np.log(scales).sum(axis=1)
    with np.errstate(divide="ignore"):
        constants = np.log(model.weights) - 0.5 * (o * LOG_2PI + volumes)
    every, none = np.arange(k), np.arange(0)
    middle = model.weights @ means
    return Operands(
        moment=FULL,
        origin=middle,
        transform=None,
        inverse=None,
        theta=np.empty((0, 0)),
        near=none,
        far=every,
        means=means,
        constants=constants,
        whiten=whiten,
        about=means,
        kappa=np.full(k, np.inf),
    )


def _completed(x: Array, model: Matrices, some: _Pattern, k: int) -> tuple[Array, Array]:
    """Rows less the mean of component k, what is missing being expected, (B, D), and (D, D): how
    what is missing varies about that.
    """
    seen, unseen, correlations = some.seen, some.unseen, model.covariance(k)
    d, scale = x.shape[1], model.scales[k]
    residual = np.zeros((len(some.rows), d))
    residual[:, seen] = (x[np.ix_(some.rows, seen)] - model.means[k, seen]) / scale[seen]
    between, inner = correlations[np.ix_(unseen, seen)], correlations[np.ix_(seen, seen)]
    whitener = linalg.invert_lower(linalg.cholesky(inner[None])[0])[0]
    half = between @ whitener.T  # (M, O)
    residual[:, unseen] = residual[:, seen] @ whitener.T @ half.T
    left = np.zeros((d, d))
    left[np.ix_(unseen, unseen)] = correlations[np.ix_(unseen, unseen)] - half @ half.T
    return residual * scale, left * (scale[:, None] * scale)


def expectation(
    x: Rows, w: Array, gaps: Layout, model: Matrices
) -> tuple[Array, Array, Array, float]:
    """The E-step of rows with some gaps: counts, sums, products about the means, log-likelihood."""
    return sums_of(x, w, gaps.with_gaps, model)


def accumulation(x: Rows, r: Array, gaps: Layout, model: Matrices) -> tuple[Array, Array, Array]:
    """The same sums under given responsibilities, (B, K)."""
    return sums_of(x, r, gaps.with_gaps, model)[:3]


def sums_of(
    x: Rows, given: Array, rows: NDArray[np.integer], model: Matrices
) -> tuple[Array, Array, Array, float]:
    """Sums over some rows, of which row weights (B,) or responsibilities (B, K) are given."""
    k, d = model.means.shape
    counts, sums, products = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    total, wide = 0.0, np.asarray(x, dtype=np.float64)
    for some in _patterns(x, model, rows):
        mine = given[some.rows]
        if mine.ndim == 1:
            density, r = _of(wide, some)
            r, present = r * mine, mine > 0
            total += float(mine[present] @ density[present])
        else:
            r = mine.T
        for i in range(k):
            residual, left = _completed(wide, model, some, i)
            residual[r[i] == 0] = 0.0  # where a row is infinitely far away it is of no account
            counts[i] += r[i].sum()
            sums[i] += r[i] @ residual
            products[i] += (residual * r[i][:, None]).T @ residual + r[i].sum() * left
    return counts, sums, in_moment(products, model), total


def in_moment(products: Array, model: Matrices) -> Array:
    """Matrices of products (K, D, D) as the moment keeps them."""
    if model.moment is FULL:
        return products
    if model.moment is POOLED:
        return products.sum(axis=0)
    squares = np.diagonal(products, axis1=1, axis2=2)
    return squares.copy() if model.moment is DIAGONAL else squares.sum(axis=1)


def _of(x: Array, some: _Pattern) -> tuple[Array, Array]:
    """Log density (B,) and responsibilities (K, B) of rows that miss the same columns."""
    density, r = reference.inference(x[np.ix_(some.rows, some.seen)], some.operands)
    return density, r.T


def posterior(x: Rows, gaps: Layout, model: Matrices) -> tuple[Array, Array]:
    """Log density (B,) and responsibilities (B, K) of rows with some gaps; zeros for others."""
    return posterior_of(x, gaps.with_gaps, model)


def posterior_of(x: Rows, rows: NDArray[np.integer], model: Matrices) -> tuple[Array, Array]:
    """The same for some rows."""
    density, r = np.zeros(len(x)), np.zeros((len(x), len(model.means)))
    wide = np.asarray(x, dtype=np.float64)
    for some in _patterns(x, model, rows):
        density[some.rows], mine = _of(wide, some)
        r[some.rows] = mine.T
    return density, r


def log_density(x: Rows, gaps: Layout, model: Matrices) -> Array:
    """Log density of rows with some gaps, (B,); zeros for others."""
    return posterior(x, gaps, model)[0]


def labels(x: Rows, gaps: Layout, model: Matrices) -> NDArray[np.int64]:
    """The likeliest component of rows with some gaps, (B,); zeros for others."""
    return posterior(x, gaps, model)[1].argmax(axis=1)


def completed(x: Rows, model: Matrices) -> Array:
    """Rows (B, D) with what is missing as the first component expects it."""
    wide = np.array(x, dtype=np.float64)
    gaps = layout(x)
    for some in _patterns(x, model, gaps.with_gaps):
        filled = model.means[0] + _completed(wide, model, some, 0)[0]
        wide[np.ix_(some.rows, some.unseen)] = filled[:, some.unseen]
    wide[gaps.empty] = model.means[0]
    return wide
