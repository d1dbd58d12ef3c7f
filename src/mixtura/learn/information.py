"""What rows say of each parameter: scores of rows, and the curvature of their log-likelihood.

By Louis' identity the second derivative of the log-likelihood of a row is what is expected, given
the row, of that of the complete one, plus the covariance of its score [@Louis1982]. Both need only
responsibilities and residuals, so they are added up block by block. Of a row with gaps the complete
one is the component and what was observed: nothing is filled in.

Coordinates are those of a `Chart`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert

from mixtura.learn.chart import Chart
from mixtura.learn.data import Block
from mixtura.learn.expectation import responsibilities
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.numeric.blocks import spans
from mixtura.numeric.gaps import Gaps
from mixtura.numeric.moments import DIAGONAL, POOLED

Array = NDArray[np.float64]

FLAT = 1e-9
"""A direction in which the curvature is less than this part of the largest one is flat."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Sums over rows. Weights are not yet made to add to one: that is done once, at the end."""

    slope: Array  # (P,): Σ w s, the scores
    outer: Array  # (P, P): Σ w s sᵀ
    bend: Array  # (P, P): Σ w E[h + c cᵀ] for h, c of the complete row
    pulls: Array  # (K, D, D): the derivative along each covariance matrix
    n_rows: float

    def __add__(self, other: "Curve") -> "Curve":
        return Curve(
            self.slope + other.slope,
            self.outer + other.outer,
            self.bend + other.bend,
            self.pulls + other.pulls,
            self.n_rows + other.n_rows,
        )

    @classmethod
    def zero(cls, chart: Chart) -> "Curve":
        """Of no rows; to be written into."""
        p, k, d = chart.size, chart.n_components, chart.n_features
        return cls(np.zeros(p), np.zeros((p, p)), np.zeros((p, p)), np.zeros((k, d, d)), 0.0)


def curve_of(block: Block, mixture: Mixture, chart: Chart) -> Curve:
    """The sums of a block."""
    found = Curve.zero(chart)
    if block.gaps is None:
        _complete(found, block, mixture, chart)
    else:
        gaps = block.gaps.of(block.rows)
        if gaps.complete:
            _complete(found, block.of(gaps.order[: gaps.complete]), mixture, chart)
        rest = gaps.order[gaps.complete :]
        if len(rest):
            _incomplete(found, block.of(rest), mixture, chart)
    return Curve(found.slope, found.outer, found.bend, found.pulls, float(block.weights.sum()))


class Forms:
    """The changes of a component's matrix as what multiplies products of a row."""

    def __init__(self, changes: Array) -> None:
        d = changes.shape[1]
        rows, columns = np.triu_indices(d)
        twice = np.where(rows == columns, 1.0, 2.0)
        flat = changes[:, rows, columns] * twice
        used = (flat != 0).any(axis=0)
        self.rows, self.columns = rows[used], columns[used]
        self.flat = flat[:, used].T  # (pairs, M)
        self.changes = changes

    def of(self, y: Array) -> Array:
        """yᵀ E_a y for each row and change, (B, M)."""
        return (y[:, self.rows] * y[:, self.columns]) @ self.flat


def width(chart: Chart, n_products: int) -> int:
    """Numbers that are held for a row."""
    m = max((len(tangent.index) for tangent in chart.tangents), default=0)
    d = chart.n_features
    return chart.size + 2 * m + 4 * d + n_products


def _complete(found: Curve, block: Block, mixture: Mixture, chart: Chart) -> None:
    """Add rows without gaps."""
    k, d = mixture.means.shape
    forms = [Forms(tangent.changes) for tangent in chart.tangents]
    precisions = [mixture.covariance.solve(np.eye(d), j) for j in range(k)]
    counts, sums, products = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    for part in spans(len(block.rows), width(chart, d * (d + 1) // 2)):
        x, w = np.asarray(block.rows[part], dtype=np.float64), block.weights[part]
        r = responsibilities(Block(x, w), mixture)
        scores = np.zeros((len(x), chart.size))
        scores[:, :k] = r
        for j in range(k):
            y = mixture.covariance.solve(x - mixture.means[j], j)
            level = np.einsum("mij,ij->m", forms[j].changes, precisions[j])
            own = np.concatenate([np.ones((len(x), 1)), y, 0.5 * (forms[j].of(y) - level)], axis=1)
            wr = w * r[:, j]
            index = chart.own(j)
            weighted = own * wr[:, None]
            found.bend[np.ix_(index, index)] += weighted.T @ own
            scores[:, index[1:]] += r[:, j, None] * own[:, 1:]
            counts[j] += wr.sum()
            sums[j] += wr @ y
            products[j] += (y * wr[:, None]).T @ y
        add_scores(found, scores, w)
    for j in range(k):
        add_curvature(found, chart, j, precisions[j], (counts[j], counts[j]), sums[j], products[j])


def add_scores(found: Curve, scores: Array, weights: Array) -> None:
    """Add the scores of rows."""
    found.slope[:] += weights @ scores
    found.outer[:] += (scores * weights[:, None]).T @ scores


def add_curvature(
    found: Curve,
    chart: Chart,
    k: int,
    precision: Array,
    counts: tuple[float, float],
    sums: Array,
    products: Array,
) -> None:
    """Add the second derivatives of a component's log density, summed over rows.

    ``sums`` and ``products`` are of y = P(x − μ); ``counts`` those of rows behind the mean and
    behind the matrix.
    """
    n_mean, n_matrix = counts
    means, widths, changes = chart.means(k), chart.widths(k), chart.tangents[k].changes
    m, d = len(changes), chart.n_features
    right = changes @ precision  # E_a P
    first = right.reshape(m, d * d)
    second = np.swapaxes(right, 1, 2).reshape(m, d * d)
    third = np.swapaxes(changes @ products, 1, 2).reshape(m, d * d)
    found.bend[np.ix_(means, means)] -= n_mean * precision
    cross = -(changes @ sums) @ precision  # (M, D): −P E_a Σ y
    found.bend[np.ix_(widths, means)] += cross
    found.bend[np.ix_(means, widths)] += cross.T
    found.bend[np.ix_(widths, widths)] += 0.5 * n_matrix * (first @ second.T) - first @ third.T
    found.pulls[k] += 0.5 * (products - n_matrix * precision)


def _incomplete(found: Curve, block: Block, mixture: Mixture, chart: Chart) -> None:
    """Add rows with gaps: each has a precision matrix of its own, that of what was observed."""
    k, d = mixture.means.shape
    forms = [Forms(tangent.changes) for tangent in chart.tangents]
    dense = mixture.covariances
    for part in spans(len(block.rows), width(chart, 4 * d * d)):
        x, w = np.asarray(block.rows[part], dtype=np.float64), block.weights[part]
        seen = ~np.isnan(x)
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        which = which.reshape(-1)
        r = responsibilities(Block(x, w, None, Gaps()), mixture)
        scores = np.zeros((len(x), chart.size))
        scores[:, :k] = r
        for j in range(k):
            inverse = _observed(dense[j], patterns)[which]  # (B, D, D)
            residual = np.where(seen, x - mixture.means[j], 0.0)
            y = np.einsum("bij,bj->bi", inverse, residual)
            flat = inverse.reshape(len(x), d * d)
            changes = forms[j].changes
            level = flat @ changes.reshape(-1, d * d).T
            own = np.concatenate([np.ones((len(x), 1)), y, 0.5 * (forms[j].of(y) - level)], axis=1)
            wr = w * r[:, j]
            index = chart.own(j)
            found.bend[np.ix_(index, index)] += (own * wr[:, None]).T @ own
            scores[:, index[1:]] += r[:, j, None] * own[:, 1:]
            add_with_gaps(found, chart, j, flat, y, (wr, wr))
        add_scores(found, scores, w)


def _observed(matrix: Array, patterns: NDArray[np.bool_]) -> Array:
    """The inverse of what was observed of a matrix, zero elsewhere, for each pattern (U, D)."""
    both = patterns[:, :, None] & patterns[:, None, :]
    hollow = np.eye(len(matrix)) * ~patterns[:, None, :]
    return np.linalg.inv(np.where(both, matrix, 0.0) + hollow) - hollow


def add_with_gaps(
    found: Curve, chart: Chart, k: int, flat: Array, y: Array, weights: tuple[Array, Array]
) -> None:
    """As `add_curvature`, for rows with precision matrices (B, D²) of their own.

    ``weights`` are those behind the mean and behind the matrix.
    """
    d, changes = chart.n_features, chart.tangents[k].changes
    means, widths = chart.means(k), chart.widths(k)
    for_mean, for_matrix = weights[0][:, None], weights[1][:, None]
    weighted = flat * for_mean
    pairs = (y[:, :, None] * y[:, None, :]).reshape(len(y), d * d)
    # Σ P_ij P_kl, Σ y_i y_l P_jk and Σ P_ij y_k.
    squares = ((flat * for_matrix).T @ flat).reshape(d, d, d, d)
    mixed = (pairs.T @ weighted).reshape(d, d, d, d)
    crossed = (weighted.T @ y).reshape(d, d, d)
    traces = np.tensordot(changes, squares, axes=((1, 2), (1, 2)))  # (M, i, l)
    turned = np.tensordot(changes, mixed, axes=((1, 2), (0, 2)))  # (M, l, k)
    bend = 0.5 * np.einsum("ail,bli->ab", traces, changes)
    bend -= np.einsum("alk,bkl->ab", turned, changes)
    cross = -np.einsum("ijk,ajk->ai", crossed, changes)
    found.bend[np.ix_(means, means)] -= weighted.sum(axis=0).reshape(d, d)
    found.bend[np.ix_(widths, means)] += cross
    found.bend[np.ix_(means, widths)] += cross.T
    found.bend[np.ix_(widths, widths)] += bend
    level = (flat * for_matrix).sum(axis=0).reshape(d, d)
    found.pulls[k] += 0.5 * ((y * for_mean).T @ y - level)


@dataclass(frozen=True, eq=False)
class Information:
    """Curvature and scores at a mixture, in coordinates in which the weights add to one."""

    curvature: Array  # (Q, Q): minus the second derivative of the objective
    scores: Array  # (Q, Q): Σ w s sᵀ over rows
    slope: Array  # (Q,): of the objective
    frame: Array  # (P, Q): from these coordinates to those of the chart

    @classmethod
    def of(
        cls, curve: Curve, mixture: Mixture, chart: Chart, prior: Statistics | None = None
    ) -> "Information":
        """From the sums over all rows, and a prior's pseudo-rows."""
        k, weights = mixture.n_components, mixture.weights
        outer, slope = curve.outer.copy(), curve.slope.copy()
        share = np.zeros(chart.size)
        share[:k] = weights
        outer -= np.outer(share, slope) + np.outer(slope, share)
        outer += curve.n_rows * np.outer(share, share)
        n_weights = np.full(k, 0.0) if prior is None else prior.n_weights
        total = curve if prior is None else curve + _of_prior(prior, mixture, chart)
        n = curve.n_rows + float(n_weights.sum())
        slope = total.slope.copy()
        slope[:k] += n_weights - n * weights
        second = total.bend - total.outer
        second[:k, :k] -= n * (np.diag(weights) - np.outer(weights, weights))
        widths = slice(chart.n_first, chart.n_last)
        second[widths, widths] += chart.bends(total.pulls)
        frame = np.zeros((chart.size, chart.size - 1))
        frame[:k, : k - 1] = helmert(k).T
        frame[k:, k - 1 :] = np.eye(chart.size - k)
        bend = -frame.T @ second @ frame
        return cls(0.5 * (bend + bend.T), frame.T @ outer @ frame, frame.T @ slope, frame)

    def inverse(self) -> tuple[Array, Array, bool]:
        """The inverse of the curvature, directions in which it is flat, and whether it falls.

        Flat directions, (Q, F), are left out of the inverse. If the curvature falls away from no
        maximum in some direction, the last is False, and that direction counts as flat.
        """
        diagonal = np.diagonal(self.curvature)
        unit = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        values, vectors = np.linalg.eigh(self.curvature * unit * unit[:, None])
        least = FLAT * max(float(values.max(initial=0.0)), np.finfo(np.float64).tiny)
        good = values > least
        some = vectors[:, good] * unit[:, None]
        return (
            (some / values[good]) @ some.T,
            vectors[:, ~good] * unit[:, None],
            bool((values > -least).all()),
        )


def _of_prior(prior: Statistics, mixture: Mixture, chart: Chart) -> Curve:
    """The pseudo-rows of a prior, whose components are known."""
    found, own = Curve.zero(chart), prior.shifted(mixture.means)
    k, d = mixture.means.shape
    dense = dense_products(own)
    for j in range(k):
        precision = mixture.covariance.solve(np.eye(d), j)
        sums, products = precision @ own.sums[j], precision @ dense[j] @ precision
        counts = (float(own.n_means[j]), float(own.n_scatter[j]))
        add_curvature(found, chart, j, precision, counts, sums, products)
        found.slope[chart.means(j)] += sums
        pull = 0.5 * (products - counts[1] * precision)
        found.slope[chart.widths(j)] += np.einsum("mij,ij->m", chart.tangents[j].changes, pull)
    return found


def dense_products(statistics: Statistics) -> Array:
    """Products in full, (K, D, D); what all components share is divided among them."""
    products, moment = statistics.products, statistics.moment
    k, d = statistics.sums.shape
    if moment is POOLED:
        return np.repeat(products[None] / k, k, axis=0)
    if moment is DIAGONAL:
        return products[:, :, None] * np.eye(d)
    if products.ndim == 1:
        return (products / d)[:, None, None] * np.eye(d)
    return products
