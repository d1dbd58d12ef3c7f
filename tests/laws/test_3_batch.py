"""Fits in one batch are the fits one by one, whatever else is there, on however many threads."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from mixtura.learn import compact, initial, path
from mixtura.learn.batch import Job, fit_all
from mixtura.learn.brief import brief
from mixtura.learn.compact import Compact
from mixtura.learn.data import Block
from mixtura.learn.em import Outcome, em, little_to_gain, stands_still
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.spread import floors
from mixtura.model.covariance import FAMILIES
from tests.laws.registries import PRIORS

SEED = 4


def groups(n=180, d=3):
    """Rows in five groups of different spread, in columns of different units."""
    rng = np.random.default_rng(6)
    centres = 4.0 * rng.normal(size=(5, d))
    x = centres[np.arange(n) % 5] + rng.normal(size=(n, d)) * (0.3 + np.arange(n)[:, None] % 5 / 4)
    return x * 10.0 ** np.arange(-1, d - 1) + 20.0


class Table:
    """Rows, as one Gaussian too, and what an M-step of a family needs."""

    def __init__(self, x, weights=None):
        self.block = Block(x, np.ones(len(x)) if weights is None else weights)
        w = self.block.weights
        mean = w @ x / w.sum()
        values = (x - mean).T @ ((x - mean) * w[:, None]) / w.sum()
        self.whole = initial.alike(_one(mean, values), FAMILIES["full"], 1)

    def maximize(self, family, prior="penalty", constrain=None, k=3):
        covariance = self.whole.covariances[0]
        prior = PRIORS[prior](self.whole.mean, covariance, k) if prior else None
        floor = floors(np.diagonal(covariance))
        return Maximization(family, prior, floor, constrain)

    def model(self, maximize, k):
        return initial.alike(self.whole, maximize.family, k)

    def compact(self, maximize):
        return Compact.of(self.block, self.model(maximize, 1), maximize)

    def fit_all(self, jobs, **options):
        return fit_all(self.block, jobs, whole=self.whole, **options)


def _one(mean, values):
    from mixtura import Mixture

    return Mixture.of([1.0], mean[None], values[None])


def never(*args):
    raise AssertionError("nothing here needs care")


def same(one, two):
    """Whether two fits are the same bit for bit."""
    assert one.outcome is two.outcome
    assert len(one.history) == len(two.history)
    assert [r.objective for r in one.history] == [r.objective for r in two.history]
    assert one.remaining == two.remaining
    np.testing.assert_array_equal(one.mixture.to_vector(), two.mixture.to_vector())


def jobs_of(table, families, sizes, **options):
    each = {family: table.maximize(FAMILIES[family]) for family in families}
    return [Job(each[f], k, seed=SEED, **options) for f in families for k in sizes]


COMPILED = ["full", "tied", "diag", "spherical"]
EVERY = [*FAMILIES]


@pytest.mark.parametrize("with_prior", [None, *PRIORS])
@pytest.mark.parametrize("name", COMPILED)
def test_the_way_down_to_one_size_is_the_start_of_a_single_fit(name, with_prior):
    table = Table(groups())
    maximize = table.maximize(FAMILIES[name], with_prior)
    rows, model = table.compact(maximize), table.model(maximize, 4)
    rng = np.random.RandomState(SEED)
    expected = initial.from_merging_few(rows, table.block, model, rng)
    ways = path.ways(rows, model, [4], np.random.RandomState(SEED))
    ends = [way.ends() for way in ways]
    if not any(ends):  # a component collapses on every way: Python makes the start
        assert with_prior is None
        return
    found = path.starts(rows, ends)[4]
    np.testing.assert_allclose(found.to_vector(), expected.to_vector(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", COMPILED)
def test_each_stop_is_merged_from_the_one_before_and_then_fitted(name):
    """The way in Python, step by step: the same seeds, the same mergers, the same steps of EM."""
    table = Table(groups())
    maximize = table.maximize(FAMILIES[name])
    rows, model = table.compact(maximize), table.model(maximize, 1)
    [way, *_] = path.ways(rows, model, [2, 3, 4, 6], np.random.RandomState(SEED))
    assert {2, 3, 4, 6} < {*way.sizes}
    assert [*way.sizes] == sorted(way.sizes, reverse=True)
    ends = way.ends()
    for before, size in zip(way.sizes, way.sizes[1:], strict=False):
        for (start, _), (found, worth), exponent in zip(
            ends[before], ends[size], initial.EXPONENTS, strict=True
        ):
            state = start.first(before).copy()
            done = compact.whole_start().merge(*state.arrays, rows.family, size, exponent)
            assert done
            state = state.first(size)
            expected = rows.steps(state, initial.FEWER_STEPS)
            np.testing.assert_allclose(worth, expected, rtol=1e-10)
            np.testing.assert_allclose(found.means, state.means, atol=1e-8)
            np.testing.assert_allclose(found.covariances, state.covariances, atol=1e-8)


@pytest.mark.parametrize("name", EVERY)
def test_a_run_is_that_of_a_single_fit(name):
    table = Table(groups())
    maximize = table.maximize(FAMILIES[name])
    rows = table.compact(maximize)
    sizes = [1, 2, 3, 5]
    found = table.fit_all([Job(maximize, k, seed=SEED) for k in sizes])
    ways = path.ways(rows, table.model(maximize, 1), [2, 3, 5], np.random.RandomState(SEED))
    starts = path.starts(rows, [way.ends() for way in ways])
    for k, fit in zip(sizes[1:], found[1:], strict=True):
        rule = {"tol": 1e-3, "max_iter": 100, "ahead": True}
        expected = brief(rows, starts[k], objective=-np.inf, go_on=never, **rule)
        same(fit, expected)
    rng = np.random.default_rng(0)
    probes = table.block.rows[rng.integers(0, 180, 20)]
    one = table.model(maximize, 1)
    np.testing.assert_allclose(found[0].mixture.log_density(probes), one.log_density(probes))


def test_neither_threads_nor_other_families_count():
    table = Table(groups())
    jobs = jobs_of(table, [*COMPILED, "EEI", "EVV", "VVE"], [1, 2, 3, 6])
    alone = table.fit_all(jobs)
    for threads in (2, 3):
        for one, two in zip(table.fit_all(jobs, threads=threads), alone, strict=True):
            same(one, two)
    for one, two in zip(table.fit_all(jobs[4:8][::-1]), alone[4:8][::-1], strict=True):
        same(one, two)


@pytest.mark.parametrize("name", EVERY)
def test_starts_can_be_given(name):
    table = Table(groups())
    maximize = table.maximize(FAMILIES[name])
    rng = np.random.default_rng(1)
    labels = np.arange(180) % 5
    soft = rng.dirichlet(np.ones(4), 180)
    mixture = table.fit_all([Job(maximize, 3)])[0].mixture
    options = {"tol": 1e-5, "max_iter": 200}
    given = {5: labels, 4: soft, 3: mixture}
    found = table.fit_all([Job(maximize, k, start, **options) for k, start in given.items()])
    for (k, start), fit in zip(given.items(), found, strict=True):
        begin = start
        if start is not mixture:
            r = start if start.ndim == 2 else np.eye(k)[start]
            counts = r.sum(axis=0)
            means = r.T @ table.block.rows / counts[:, None]
            begin = initial.from_sample(table.block, start, table.model(maximize, k), maximize)
            np.testing.assert_allclose(begin.weights, counts / 180)
            np.testing.assert_allclose(begin.means, means)
        expected = em(
            begin,
            lambda m: e_step(table.block, m),
            maximize,
            rest=little_to_gain,
            **options,
        )
        assert fit.outcome is expected.outcome is Outcome.converged
        assert len(fit.history) == len(expected.history)
        np.testing.assert_allclose(fit.objective, expected.objective, rtol=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_weights_of_a_job_count_as_rows(name):
    """Integer weights are repeated rows; a row of weight zero is none."""
    table, rng = Table(groups()), np.random.default_rng(2)
    maximize = table.maximize(FAMILIES[name])
    labels = np.arange(180) % 4
    weights = rng.integers(0, 4, 180)
    [found] = table.fit_all([Job(maximize, 4, labels, weights.astype(float), tol=1e-6)])
    repeated = Table(np.repeat(table.block.rows, weights, axis=0))
    options = {"rest": little_to_gain, "tol": 1e-6}
    model = initial.alike(table.whole, FAMILIES[name], 4)
    begin = initial.from_sample(repeated.block, np.repeat(labels, weights), model, maximize)
    expected = em(begin, lambda m: e_step(repeated.block, m), maximize, **options)
    assert len(found.history) == len(expected.history)
    np.testing.assert_allclose(found.objective, expected.objective, rtol=1e-9)
    np.testing.assert_allclose(found.mixture.means, expected.mixture.means, rtol=1e-6)


def test_what_compiled_code_does_not_see_to_is_done_in_python(monkeypatch):
    """Rows that are not few, and a constraint that only Python knows."""
    table = Table(groups())
    maximize = table.maximize(FAMILIES["full"])
    variances = np.diagonal(table.whole.covariances[0])
    bounds = Bounds(floor=0.01 * variances)
    foreign = table.maximize(FAMILIES["full"], None, lambda covariance: bounds(covariance))
    labels = np.arange(180) % 4
    few = table.fit_all([Job(maximize, 4, labels)])[0]
    known = table.fit_all([Job(table.maximize(FAMILIES["full"], None, bounds), 4, labels)])[0]
    python = table.fit_all([Job(foreign, 4, labels)])[0]
    np.testing.assert_allclose(python.objective, known.objective, rtol=1e-9)
    monkeypatch.setattr(compact, "NUMBERS", 10)
    monkeypatch.setattr("mixtura.learn.batch.PART", 50)
    many, merged = table.fit_all([Job(maximize, 4, labels), Job(maximize, 4)], threads=2)
    assert len(many.history) == len(few.history)
    np.testing.assert_allclose(many.objective, few.objective, rtol=1e-9)
    assert merged.objective >= many.objective - 1e-3


@pytest.mark.parametrize("name", EVERY)
def test_few_distinct_rows_are_left_to_the_start_of_a_single_fit(name):
    """There are fewer of them than seeds are wanted, so no way down can begin in compiled code."""
    x = np.repeat(groups(5), 8, axis=0)
    table = Table(x)
    maximize = table.maximize(FAMILIES[name])
    jobs = [Job(maximize, k, seed=SEED) for k in (2, 3, 4)]
    for job, fit in zip(jobs, table.fit_all(jobs), strict=True):
        [alone] = table.fit_all([job])
        assert np.isfinite(fit.objective)
        if name in COMPILED:
            np.testing.assert_allclose(fit.objective, alone.objective, rtol=1e-9)


def test_rules_are_those_of_each_job():
    table = Table(groups())
    maximize = table.maximize(FAMILIES["full"])
    short = Job(maximize, 9, seed=SEED, max_iter=2, tol=0.0)
    still = Job(maximize, 9, seed=SEED, rest=stands_still, tol=1e-9, max_iter=1000)
    loose, end = table.fit_all([short, still])
    assert loose.outcome is Outcome.max_iter
    assert len(loose.history) == 2
    assert end.outcome is Outcome.converged
    assert abs(end.history[-1].change) < 1e-9
    assert end.objective > loose.objective


def test_a_job_of_no_iterations_is_its_start():
    table = Table(groups())
    maximize = Maximization(
        FAMILIES["diag"], Penalty(table.whole.covariances[0], 0.1), np.full(3, 1e-12)
    )
    [start] = table.fit_all([Job(maximize, 3, seed=SEED, max_iter=0)])
    assert start.outcome is Outcome.not_started
    statistics = reduce(add, [e_step(table.block, start.mixture)])
    assert np.isfinite(statistics.log_likelihood)
