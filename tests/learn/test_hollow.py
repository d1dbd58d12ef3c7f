"""Compiled runs on few rows with gaps: the loop in Python with the reference kernel, and laws."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.learn.em import em
from mixtura.learn.expectation import e_step
from mixtura.learn.hollow import FAMILIES, End, Hollow, is_hollow
from mixtura.learn.prior import Penalty
from mixtura.model.mixture import Mixture

NAMES = [family.name for family in FAMILIES]


def table(n=150, d=5, seed=0):
    """Rows of two groups: whole ones, many that miss the same, many that do not, and one empty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3.0 * rng.integers(0, 2, (n, 1))
    gaps = rng.random(x.shape) < rng.choice([0.0, 0.3, 0.7], size=(n, 1))
    gaps[: n // 2] = np.arange(d) < 2
    x[gaps] = np.nan
    x[-1] = np.nan
    return 1e3 + x * np.logspace(-2, 3, d), rng.gamma(2.0, size=n)


def planned(x, w, family, k):
    options = {"reg_covar": None, "variance_floor": None, "prior": None}
    plan = wiring.plan(
        x,
        w,
        incomplete=True,
        n_components=k,
        covariance_type=family,
        dead_components="keep",
        accelerate="none",
        **options,
    )
    start = wiring.start(plan, "merge", wiring.Given(None, None, None), np.random.RandomState(0))
    return plan, start


def same(one, other, rtol):
    unit = np.sqrt(np.diagonal(one.total_covariance()))
    assert_allclose(one.weights, other.weights, rtol=rtol)
    assert_allclose(one.means / unit, other.means / unit, rtol=rtol)
    scale = unit[:, None] * unit
    assert_allclose(one.covariances / scale, other.covariances / scale, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("k", [1, 3])
def test_it_goes_where_the_loop_goes(family, k):
    x, w = table()
    plan, start = planned(x, w, family, k)
    some = ~np.isnan(x).all(axis=1)
    data = Memory(x[some], w[some], incomplete=True)
    run = Hollow.of(x, w).run(start, plan.maximize, tol=0.0, max_iter=4)
    loop = em(start, lambda m: data.fold(e_step, m, "reference"), plan.maximize, max_iter=4, tol=0)
    assert (run.end, run.n_iter) == (End.exhausted, 4)
    same(run.mixture, loop.mixture, 1e-9)


@pytest.mark.parametrize("family", NAMES)
def test_its_end_is_a_fixed_point_and_stays_one(family):
    x, w = table()
    plan, start = planned(x, w, family, 2)
    hollow = Hollow.of(x, w)
    run = hollow.run(start, plan.maximize, tol=1e-12, max_iter=2000)
    assert run.end is End.converged
    again = hollow.run(run.mixture, plan.maximize, tol=0.0, max_iter=1)
    same(run.mixture, again.mixture, 1e-4)
    data = Memory(x, w, incomplete=True)
    before, after = (data.fold(e_step, m).log_likelihood for m in (start, run.mixture))
    assert after > before


def test_a_weight_of_two_is_a_row_twice_and_none_is_none():
    x, _ = table()
    w = np.random.default_rng(1).integers(0, 3, len(x)).astype(float)
    plan, start = planned(x, w, "full", 2)
    rule = {"tol": 0.0, "max_iter": 5}
    weighted = Hollow.of(x, None).weighted(w).run(start, plan.maximize, **rule)
    repeated = Hollow.of(x.repeat(w.astype(int), axis=0), None)
    same(weighted.mixture, repeated.run(start, plan.maximize, **rule).mixture, 1e-9)


def test_what_needs_care_is_left_as_it_was():
    x, w = table()
    plan, start = planned(x, w, "full", 2)
    hollow, rule = Hollow.of(x, w), {"tol": 0.0, "max_iter": 5}
    values = start.covariances.copy()
    values[0] = 0.0
    flat = replace(start, covariance=type(start.covariance)(values))
    empty = replace(start, weights=np.array([1.0, 0.0]))
    distant = replace(start, means=start.means + 1e9)
    for begin in (flat, empty, distant):
        run = hollow.run(begin, plan.maximize, **rule)
        assert (run.end, run.n_iter) == (End.care, 0)
        assert_array_equal(run.mixture.means, begin.means)
        assert_array_equal(run.mixture.covariances, begin.covariances)
    high = replace(plan.maximize, floor=1e6 * plan.maximize.floor / 1e-10)
    assert hollow.run(start, high, **rule).end is End.care


def test_some_fits_are_not_for_it():
    x, w = table()
    maximize = planned(x, w, "full", 2)[0].maximize
    assert is_hollow(len(x), maximize)
    assert not is_hollow(10**6, maximize)
    assert not is_hollow(len(x), replace(maximize, prior=None))
    assert not is_hollow(len(x), planned(x, w, "VEV", 2)[0].maximize)
    assert not is_hollow(len(x), replace(maximize, constrain=lambda c: c))
    assert isinstance(maximize.prior, Penalty)
    assert isinstance(planned(x, w, "diag", 2)[1], Mixture)
