"""The same of t distributions: scores of rows, and the curvature of their log-likelihood.

The complete row is the component and what was observed: how much a row counts is not filled in.
With δ the squared distance and d the numbers of a row, log t falls by (ν + d) / 2 · log(1 + δ / ν).
Along centres and scales this is a Gaussian's with rows weighted by u = (ν + d) / (ν + δ), and a
term of how u changes, u / (2 (ν + δ)) times the slopes of δ squared.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from mixtura.learn.chart import Chart
from mixtura.learn.data import Block
from mixtura.learn.information import (
    Curve,
    Forms,
    add_curvature,
    add_scores,
    add_with_gaps,
    width,
)
from mixtura.model.heavy import HeavyMixture, Places
from mixtura.numeric.blocks import spans
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]

trigamma = partial(polygamma, 1)


def curve_of(block: Block, model: HeavyMixture, chart: Chart) -> Curve:
    """The sums of a block; coordinates of degrees of freedom are their logarithms."""
    found, k = Curve.zero(chart), model.n_components
    forms = [Forms(tangent.changes) for tangent in chart.tangents]
    for x, w, complete in _parts(block, chart):
        places = model.places(x) if complete else model.places_with_gaps(x)
        r = normalise(np.ascontiguousarray(model.joint_at(places).T))[1].T
        scores = np.zeros((len(x), chart.size))
        scores[:, :k] = r
        for j in range(k):
            wr, index = w * r[:, j], chart.own(j)
            own = _component(found, chart, model, places, forms[j], x, wr, j)
            found.bend[np.ix_(index, index)] += (own * wr[:, None]).T @ own
            scores[:, index[1:]] += r[:, j, None] * own[:, 1:]
        add_scores(found, scores, w)
    return replace(found, n_rows=float(block.weights.sum()))


def _parts(block: Block, chart: Chart) -> Iterator[tuple[Array, Array, bool]]:
    """Some rows at a time, their weights, and whether all of them are complete."""
    order, complete = np.arange(len(block.rows)), len(block.rows)
    if block.gaps is not None:
        gaps = block.gaps.of(block.rows)
        order, complete = gaps.order, gaps.complete
    d = chart.n_features
    for some, whole in ((order[:complete], True), (order[complete:], False)):
        for part in spans(len(some), width(chart, 4 * d * d)):
            index = some[part]
            x = np.asarray(block.rows[index], dtype=np.float64)
            yield x, block.weights[index], whole


def _component(
    found: Curve,
    chart: Chart,
    model: HeavyMixture,
    places: Places,
    forms: Forms,
    x: Array,
    wr: Array,
    k: int,
) -> Array:
    """Add the second derivatives of a component's log density; the first ones, (B, own)."""
    v, distances = float(model.degrees[k]), places.distances[:, k]
    n_seen = np.broadcast_to(places.n_seen, (len(x), 1))[:, 0].astype(np.float64)
    u = (v + n_seen) / (v + distances)
    if places.glances:
        glance = places.glances[k]
        assert places.patterns is not None
        y, flat = glance.weighed, glance.inverse[places.patterns.which].reshape(len(x), -1)
        level = flat @ forms.changes.reshape(len(forms.changes), -1).T
        add_with_gaps(found, chart, k, flat, y, (wr * u, wr))
    else:
        covariance = model.gaussian.covariance
        y = covariance.solve(x - model.locations[k], k)
        precision = covariance.solve(np.eye(model.n_features), k)
        level = np.einsum("mij,ij->m", forms.changes, precision)
        pulled = y * (wr * u)[:, None]
        counts = float(wr @ u), float(wr.sum())
        add_curvature(found, chart, k, precision, counts, pulled.sum(axis=0), pulled.T @ y)
    q = forms.of(y)
    along = np.concatenate([2.0 * y, q], axis=1)  # minus the slopes of the squared distance
    index = chart.own(k)[1 : 1 + along.shape[1]]
    changing = wr * u / (2.0 * (v + distances))
    found.bend[np.ix_(index, index)] += (along * changing[:, None]).T @ along
    own = [np.ones((len(x), 1)), u[:, None] * y, 0.5 * (u[:, None] * q - level)]
    for tail in chart.tails(k).tolist():
        first, second = _of_degrees(v, distances, n_seen)
        cross = (0.5 * wr * v * (distances - n_seen) / (v + distances) ** 2) @ along
        found.bend[tail, index] += cross
        found.bend[index, tail] += cross
        found.bend[tail, tail] += float(wr @ second)
        own.append(first[:, None])
    return np.concatenate(own, axis=1)


def _of_degrees(v: float, distances: Array, n_seen: Array) -> tuple[Array, Array]:
    """First and second derivatives of log t along the logarithm of the degrees, (B,)."""
    half, share = 0.5 * (v + n_seen), distances / (v * (v + distances))
    first = digamma(half) - digamma(0.5 * v) - n_seen / v
    first = 0.5 * (first - np.log1p(distances / v) + (v + n_seen) * share)
    second = 0.25 * (trigamma(half) - trigamma(0.5 * v)) + 0.5 * n_seen / v**2 + share
    second = second - half * share * (2.0 * v + distances) / (v * (v + distances))
    return v * first, v * v * second + v * first
