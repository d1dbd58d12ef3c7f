"""The search with a memory: a bound that never falls, whatever the blocks and the threads."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from mixtura.engines.memory import Memory
from mixtura.learn import initial, truncation
from mixtura.learn.em import em
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.spread import floors
from mixtura.learn.truncation import Search, Truncation, unseen
from mixtura.model.mixture import Mixture
from tests.laws.drawn import EPS, assert_close, assert_identical, mixture, rows
from tests.laws.registries import MOMENTS, PRIORS

every_family = pytest.mark.parametrize("family", MOMENTS.values(), ids=MOMENTS)


def data(x, kept, weights=None, **options):
    return Memory(x, weights, unseen(len(x), kept), **options)


def problem(family, k=30, d=3, n=1_500, seed=0):
    """Rows of a mixture, and another one to begin with."""
    rng = np.random.default_rng(seed)
    x = rows(mixture(family, k, d, rng, separation=4.0), n, rng)
    around = family.estimate(np.ones(k), family.moment.copies(np.eye(d), k), d)
    centres = x[rng.choice(n, k, replace=False)]
    return x, Mixture(np.full(k, 1 / k), centres, around)


def maximize(x, family, prior, k):
    whole = initial.total(Memory(x, threads=1))
    covariance = whole.covariances[0]
    pseudo = None if prior is None else PRIORS[prior](whole.mean, covariance, k)
    return Maximization(family, pseudo, floors(np.diagonal(covariance)))


@every_family
@pytest.mark.parametrize("prior", [None, *PRIORS])
@pytest.mark.parametrize("kept", [Truncation(1, 2), Truncation(3, 4), Truncation(6, 1)], ids=str)
def test_the_bound_never_falls(family, prior, kept):
    for seed in range(2):
        x, start = problem(family, seed=seed)
        k, d = start.means.shape
        step = maximize(x, family, prior, k)
        seen = []
        fit = em(
            start,
            Search(data(x, kept, threads=1), kept, start),
            step,
            tol=0.0,
            max_iter=40,
            watch=lambda i, record, there, seen=seen: seen.append(there),
        )
        objectives = np.array([record.objective for record in fit.history])
        root = np.sqrt(np.diagonal(np.cov(x.T)))
        narrow = [np.linalg.eigvalsh(m.covariances / root / root[:, None]).min() for m in seen]
        rounding = EPS * (64 * np.abs(objectives).max() + 16 * d / min(narrow))
        assert np.isfinite(objectives).all()
        assert np.diff(objectives).min() >= -rounding
        assert objectives[-1] > objectives[0]


@every_family
def test_the_bound_is_below_the_likelihood_by_the_gap(family):
    x, start = problem(family)
    kept = Truncation(3, 5)
    rows_, step = data(x, kept, threads=1), maximize(x, family, "penalty", 30)
    search = Search(rows_, kept, start)
    end = em(start, search, step, tol=0.0, max_iter=10).mixture
    gap = search.gap(rows_, end)
    values = end.log_joint(x)
    by_kept = np.take_along_axis(values, rows_.memberships[:, 1:], axis=1)
    missed = logsumexp(values, axis=1) - logsumexp(by_kept, axis=1)
    assert (missed >= -1e-11).all()
    assert gap > 0
    assert_allclose(gap, missed.mean(), atol=1e-12)


@every_family
def test_all_components_make_the_exact_run(family):
    x, start = problem(family, k=8, n=500)
    w = np.random.default_rng(1).uniform(0, 2, len(x))
    kept, step, plain = Truncation(8, 3), maximize(x, family, "penalty", 8), Memory(x, w)
    rows_ = data(x, kept, w)
    search = Search(rows_, kept, start)
    mine = em(start, search, step, tol=0.0, max_iter=25)
    exact = em(start, lambda m: plain.fold(e_step, m), step, tol=0.0, max_iter=25)
    for a, b in zip(mine.history, exact.history, strict=True):
        assert_allclose(a.objective, b.objective, rtol=0, atol=1e-9)
    assert_allclose(mine.mixture.means, exact.mixture.means, rtol=0, atol=1e-9)
    assert_allclose(mine.mixture.covariances, exact.mixture.covariances, rtol=0, atol=1e-9)
    assert abs(search.gap(rows_, mine.mixture)) < 1e-11


def passes(x, start, kept, n=3, **options):
    """The statistics of the last of a few passes over a mixture that stays the same."""
    search = Search(data(x, kept, **options), kept, start)
    for _ in range(n - 1):
        search(start)
    return search(start)


@every_family
def test_threads_change_no_bit_and_blocks_only_the_last_digits(family):
    x, start = problem(family)
    kept = Truncation(3, 4)
    one = passes(x, start, kept, threads=1, block_rows=200)
    assert_identical(one, passes(x, start, kept, threads=3, block_rows=200))
    assert_close(passes(x, start, kept, threads=1, block_rows=97), one, 1e-11)


@every_family
def test_integer_weights_are_repeated_rows(family):
    x, start = problem(family, n=400)
    w = np.random.default_rng(2).integers(0, 4, len(x))
    kept = Truncation(3, 30)  # all components are neighbours: no lot decides anything
    weighted = passes(x, start, kept, weights=w.astype(float))
    repeated = passes(np.repeat(x, w, axis=0), start, kept)
    assert_close(weighted, repeated, 1e-11)


def on_a_line(k):
    """Components that are one apart, in an order that says nothing."""
    place = np.random.default_rng(0).permutation(k)
    covariance = MOMENTS["diag"].from_values(np.full((k, 2), 0.1), 2)
    return Mixture(np.full(k, 1 / k), np.column_stack([place, np.zeros(k)]), covariance), place


def test_neighbours_are_near_and_a_component_is_its_own_first():
    model, place = on_a_line(50)
    search = Search(data(model.means, Truncation(1, 3)), Truncation(1, 3), model)
    graph = search._neighbours()
    assert_array_equal(graph[:, 0], np.arange(50))
    inside = (place > 0) & (place < 49)
    assert_array_equal(np.abs(place[graph[inside]] - place[inside, None]).max(axis=1), 1)


def test_neighbours_follow_components_that_move():
    model, place = on_a_line(60)
    search = Search(data(model.means, Truncation(1, 5)), Truncation(1, 5), model)
    bent = place.astype(float)
    for step in range(1, 31):  # the line is folded in the middle, little by little
        bent = place - 2.0 * np.maximum(place - 29.6, 0.0) * step / 30
        moved = Mixture(model.weights, np.column_stack([bent, np.zeros(60)]), model.covariance)
        search(moved)
    for _ in range(60):
        search(moved)
    distance = np.abs(bent[:, None] - bent)
    nearest = np.sort(distance, axis=1)[:, :5]
    found = np.take_along_axis(distance, search._neighbours(), axis=1)
    assert_allclose(np.sort(found, axis=1), nearest, atol=1e-9)


def test_a_wide_component_under_narrow_ones_is_still_its_own_neighbour():
    """At its own mean others are likelier: it stays the first of its neighbours all the same."""
    means = np.array([[0.0, 0.0], [0.01, 0.0], [-0.01, 0.0], [0.0, 0.01]])
    covariance = MOMENTS["diag"].from_values(np.array([[100.0] * 2, *[[0.01] * 2] * 3]), 2)
    model = Mixture(np.full(4, 0.25), means, covariance)
    search = Search(data(means, Truncation(1, 2)), Truncation(1, 2), model)
    for _ in range(3):
        search(model)
        graph = search._neighbours()
        assert_array_equal(graph[:, 0], np.arange(4))
        assert (graph[:, 1] != graph[:, 0]).all()


def test_from_few_leaders_a_search_comes_nearer_to_the_likeliest(monkeypatch):
    """Alike in shape and evenly spread, each component leads to the next: all are found."""
    monkeypatch.setattr(truncation, "AMONG", 20)
    place = np.stack(np.meshgrid(np.arange(18.0), np.arange(18.0)), axis=-1).reshape(-1, 2)
    covariance = MOMENTS["diag"].from_values(np.full((324, 2), 0.2), 2)
    model = Mixture(np.full(324, 1 / 324), place, covariance)
    x, kept = model.sample(2_000, 0)[0], Truncation(4, 10)
    best = model.log_joint(x).argmax(axis=1)
    leaders = np.arange(0, 324, 17, dtype=np.int32)
    assert np.isin(best, leaders).mean() < 0.1
    rows_ = data(x, kept)
    search = Search(rows_, kept, model)
    for _ in range(6):
        search(model)
    assert_array_equal(rows_.memberships[:, 1], best)


def test_more_are_kept_than_there_are_leaders(monkeypatch):
    monkeypatch.setattr(truncation, "AMONG", 2)
    x, start = problem(MOMENTS["diag"])
    kept = Truncation(17, 4)
    rows_ = data(x, kept)
    Search(rows_, kept, start)
    assert all(len(set(line)) == 17 for line in rows_.memberships[:, 1:])
    assert rows_.memberships.min() >= 0
