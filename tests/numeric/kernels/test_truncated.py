"""Truncated posteriors against SciPy's densities, and against the exact E-step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mixtura.numeric.kernels import reference, truncated
from tests.laws.drawn import EPS, mixture, rows
from tests.laws.registries import MOMENTS

every_family = pytest.mark.parametrize("family", MOMENTS.values(), ids=MOMENTS)


def prepared(model):
    return truncated.centred(model.operands, model.covariance.precisions_cholesky())


def joint(model, x):
    """Log joint densities (n, K), by SciPy."""
    parts = zip(model.weights, model.means, model.covariances, strict=True)
    return np.column_stack([np.log(p) + multivariate_normal(m, c).logpdf(x) for p, m, c in parts])


def state(n, n_kept, k, rng):
    """Rows that keep some components each, drawn at random."""
    kept = np.array([rng.choice(k, n_kept, replace=False) for _ in range(n)])
    return np.column_stack([np.arange(n), kept]).astype(np.int32)


def graph(k, width, rng):
    """Random neighbours, each component the first of its own."""
    others = [rng.permutation(np.delete(np.arange(k), c))[: width - 1] for c in range(k)]
    return np.column_stack([np.arange(k), others]).astype(np.int32)


def bound(values, kept):
    """The density by what is kept, (n,)."""
    return logsumexp(np.take_along_axis(values, kept[:, 1:], axis=1), axis=1)


@every_family
@pytest.mark.parametrize("d", [1, 3, 4, 7, 8, 9, 13, 20])
def test_all_components_are_the_density(family, d):
    rng = np.random.default_rng(d)
    model = mixture(family, 6, d, rng)
    x, kept = rows(model, 300, rng).reshape(300, d), state(300, 6, 6, rng)
    density = truncated.search(x, kept, graph(6, 2, rng), 1, prepared(model))
    expected = logsumexp(joint(model, x), axis=1)
    rounding = 4 * d * EPS * np.linalg.cond(model.covariances).max()
    assert_allclose(density, expected, rtol=rounding, atol=rounding)


@every_family
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_all_components_give_the_statistics_of_the_reference(family, dtype):
    rng = np.random.default_rng(1)
    model = mixture(family, 5, 3, rng)
    x, w = (10 * rows(model, 700, rng)).astype(dtype), rng.uniform(0, 2, 700)
    kept = state(700, 5, 5, rng)
    found = truncated.expectation(x, w, kept, graph(5, 2, rng), 1, prepared(model))
    exact = reference.expectation(x, w, model.operands)
    moved = model.operands.about - model.means
    counts, sums, products = exact[:3]
    cross = model.operands.moment.cross
    products = products + cross(sums, moved) + cross(moved, sums)
    products = products + cross(counts[:, None] * moved, moved)
    sums = sums + counts[:, None] * moved
    for mine, other in zip(found, (counts, sums, products, exact[3]), strict=True):
        assert_allclose(mine, other, rtol=0, atol=1e-11 * max(np.abs(other).max(), 700 * 100))


@every_family
def test_statistics_are_those_of_the_posterior_over_what_is_kept(family):
    rng = np.random.default_rng(2)
    k, d, n = 20, 3, 400
    model = mixture(family, k, d, rng)
    x, w, kept = rows(model, n, rng), rng.uniform(0, 2, n), state(n, 4, k, rng)
    found = truncated.expectation(x, w, kept, graph(k, 3, rng), 7, prepared(model))
    values = joint(model, x)
    only = np.full_like(values, -np.inf)
    np.put_along_axis(only, kept[:, 1:], np.take_along_axis(values, kept[:, 1:], axis=1), axis=1)
    density = logsumexp(only, axis=1)
    r = w[:, None] * np.exp(only - density[:, None])
    residual = x[:, None] - model.means
    dense = np.einsum("nk,nki,nkj->kij", r, residual, residual)
    diagonal = np.einsum("kii->ki", dense)
    products = {
        "full": dense,
        "tied": dense.sum(axis=0),
        "diag": diagonal,
        "spherical": diagonal.sum(axis=1),
    }[family.name]
    assert_allclose(found[0], r.sum(axis=0), atol=1e-10)
    assert_allclose(found[1], np.einsum("nk,nki->ki", r, residual), atol=1e-9)
    assert_allclose(found[2], products, atol=1e-8)
    assert_allclose(found[3], w @ density, rtol=1e-12)


@every_family
@pytest.mark.parametrize("n_kept", [1, 3, 8])
def test_the_best_of_the_candidates_are_kept(family, n_kept):
    rng = np.random.default_rng(n_kept)
    k, n = 40, 600
    model = mixture(family, k, 4, rng)
    x, kept, near = rows(model, n, rng), state(n, n_kept, k, rng), graph(k, 4, rng)
    values, before = joint(model, x), kept.copy()
    for turn in range(5):
        density = truncated.search(x, kept, near, turn, prepared(model))
        mine = np.take_along_axis(values, kept[:, 1:], axis=1)
        assert_allclose(density, bound(values, kept), rtol=1e-12, atol=1e-11)
        assert (np.diff(mine, axis=1) <= 1e-11).all()
        assert_array_equal(kept[:, 0], np.arange(n))
        for i in range(n):
            assert len(set(kept[i, 1:])) == n_kept
            around = near[near[before[i, 1], :n_kept]].ravel()
            candidates = np.union1d(before[i, 1:], around)
            best = np.sort(values[i, candidates])[::-1][:n_kept]
            # Two components drawn by lot are candidates too: never less, and sometimes more.
            assert (mine[i] >= best - 1e-11).all()
            assert np.isin(kept[i, 1:], candidates, invert=True).sum() <= 2
        before = kept.copy()


def test_lots_lead_to_the_best_component_without_any_neighbours():
    rng = np.random.default_rng(3)
    k, n = 12, 200
    model = mixture(MOMENTS["full"], k, 2, rng)
    x, kept = rows(model, n, rng), state(n, 1, k, rng)
    alone = np.arange(k, dtype=np.int32)[:, None]
    for turn in range(400):  # (11/12)^400 is 1e-15 for each row
        truncated.search(x, kept, alone, turn, prepared(model))
    assert_array_equal(kept[:, 1], joint(model, x).argmax(axis=1))


def test_lots_depend_on_the_row_and_on_the_pass():
    draws = np.array([[truncated._drawn(i, turn, 50) for i in range(2000)] for turn in range(4)])
    counts = np.bincount(draws.ravel(), minlength=50)
    # A count has a standard deviation of 12.5 about 160: six of them, over 50 counts.
    assert np.abs(counts - 160).max() < 75
    for a in range(4):
        for b in range(a):
            assert (draws[a] == draws[b]).mean() < 0.05


@every_family
def test_the_first_ones_are_the_best_among_those_asked_for(family):
    rng = np.random.default_rng(4)
    model = mixture(family, 30, 3, rng)
    x, kept = rows(model, 500, rng), state(500, 4, 30, rng)
    among = np.arange(0, 30, 3, dtype=np.int32)
    truncated.first(x, kept, among, prepared(model))
    values = joint(model, x)
    best = np.sort(values[:, among], axis=1)[:, ::-1][:, :4]
    assert_allclose(np.take_along_axis(values, kept[:, 1:], axis=1), best, rtol=1e-12, atol=1e-11)
    assert np.isin(kept[:, 1:], among).all()


def test_far_from_the_origin_components_lose_nothing():
    """About its own mean a component does not cancel: 1e9 away, with a deviation of one."""
    rng = np.random.default_rng(5)
    model = mixture(MOMENTS["full"], 4, 3, rng)
    shift = 2.0**30
    x = np.round(rows(model, 300, rng) * 1024) / 1024
    near = type(model)(model.weights, np.round(model.means * 1024) / 1024, model.covariance)
    away = type(model)(near.weights, near.means + shift, near.covariance)
    found = [
        truncated.search(rows_, state(300, 4, 4, rng), graph(4, 2, rng), 1, prepared(which))
        for rows_, which in ((x, near), (x + shift, away))
    ]
    assert_allclose(found[1], found[0], rtol=1e-13)


def test_absent_rows_add_nothing_wherever_they_are():
    rng = np.random.default_rng(6)
    model = mixture(MOMENTS["diag"], 3, 2, rng)
    x, w = rows(model, 50, rng), np.ones(50)
    x[7], w[7] = 1e160, 0.0
    kept, near = state(50, 3, 3, rng), graph(3, 2, rng)
    found = truncated.expectation(x, w, kept, near, 1, prepared(model))
    there = w > 0
    expected = truncated.expectation(x[there], w[there], kept[there], near, 1, prepared(model))
    for mine, other in zip(found, expected, strict=True):
        assert_allclose(mine, other, rtol=1e-12, atol=1e-12)


def test_components_without_weight_hide_no_others():
    """A row that keeps nothing but components of no weight finds one that has some."""
    rng = np.random.default_rng(7)
    model = mixture(MOMENTS["spherical"], 6, 2, rng)
    weights = np.array([0.0, 0.0, 0.0, 0.5, 0.25, 0.25])
    model = type(model)(weights, model.means, model.covariance)
    x, kept = rows(model, 40, rng), np.tile(np.arange(3), (40, 1))
    kept = np.column_stack([np.arange(40), kept]).astype(np.int32)
    with np.errstate(divide="ignore"):
        here = prepared(model)
    around = np.array([np.roll(np.arange(6), -k) for k in range(6)], dtype=np.int32)
    density = truncated.search(x, kept, around, 1, here)
    assert_allclose(density, model.log_density(x), rtol=1e-12, atol=1e-12)
