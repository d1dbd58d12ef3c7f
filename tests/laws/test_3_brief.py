"""A run in compiled code is the run of the loop: the same objectives, the same mixture."""

import numpy as np
import pytest

from mixtura.engines.memory import Memory
from mixtura.learn import initial
from mixtura.learn.brief import brief, is_brief
from mixtura.learn.compact import Compact
from mixtura.learn.data import Block
from mixtura.learn.em import Outcome, em
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Bounds, Maximization
from tests.laws.registries import PRIORS

K = 4
BOUNDS = {
    "free": lambda variances: None,
    "ridge": lambda variances: Bounds(ridge=1e-3),
    "floor": lambda variances: Bounds(floor=0.3 * variances),
    "both": lambda variances: Bounds(floor=0.2 * variances, ridge=1e-4),
}


class Setting:
    """Rows, a start and an M-step, and the run from there either way."""

    def __init__(self, x, family, *, prior=None, bounds="free", weights=None, labels=None, k=K):
        rng = np.random.default_rng(5)
        labels = rng.integers(0, k, len(x)) if labels is None else labels
        self.x, self.weights = x, np.ones(len(x)) if weights is None else weights
        self.data = Memory(x, self.weights, labels, threads=1)
        whole = initial.total(self.data)
        covariance = whole.covariances[0]
        variances = np.diagonal(covariance)
        self.maximize = Maximization(
            family,
            None if prior is None else PRIORS[prior](whole.mean, covariance, k),
            initial.ROUNDING * variances,
            BOUNDS[bounds](variances),
        )
        self.model = initial.alike(whole, family, k)
        self.start = initial.from_memberships(self.data, self.model, self.maximize)
        self.left = []

    def expect(self, mixture):
        return self.data.fold(e_step, mixture)

    def loop(self, tol, max_iter, start=None, objective=-np.inf):
        begin = self.start if start is None else start
        return em(
            begin, self.expect, self.maximize, tol=tol, max_iter=max_iter, objective=objective
        )

    def compiled(self, tol, max_iter):
        def go_on(mixture, left, objective):
            self.left.append(left)
            return self.loop(tol, left, mixture, objective)

        assert is_brief(len(self.x), self.model, self.maximize, max_iter)
        return brief(
            Compact.of(Block(self.x, self.weights), self.model, self.maximize),
            self.start,
            tol=tol,
            max_iter=max_iter,
            objective=-np.inf,
            go_on=go_on,
        )


def overlapping(n=300, d=3):
    """Rows in columns of very different units, far from zero."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    x[: n // 3] += 3.0
    return x * 10.0 ** np.arange(-2, d - 2) + 50.0


def assert_same(found, expected, atol=1e-9):
    assert found.outcome is expected.outcome
    assert len(found.history) == len(expected.history)
    for field in ("objective", "change", "smallest_weight"):
        a = [getattr(record, field) for record in found.history]
        b = [getattr(record, field) for record in expected.history]
        np.testing.assert_allclose(a, b, atol=atol)
    # A ratio of differences: rounding of the objectives counts many times over.
    a, b = ([record.remaining for record in fit.history] for fit in (found, expected))
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)
    a = [record.worst_condition for record in found.history]
    b = [record.worst_condition for record in expected.history]
    np.testing.assert_allclose(a, b, rtol=1e-6)
    one, two = found.mixture, expected.mixture
    np.testing.assert_allclose(one.weights, two.weights, atol=atol)
    np.testing.assert_allclose(one.means, two.means, rtol=1e-8)
    scale = np.sqrt(np.einsum("kii->ki", two.covariances))
    difference = (one.covariances - two.covariances) / scale[:, :, None] / scale[:, None, :]
    np.testing.assert_allclose(difference, 0.0, atol=1e-8)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("with_prior", [None, *PRIORS])
def test_every_iteration_is_that_of_the_loop(family, with_prior, bounds):
    weights = np.random.default_rng(1).integers(1, 4, 300).astype(float)
    setting = Setting(overlapping(), family, prior=with_prior, bounds=bounds, weights=weights)
    assert_same(setting.compiled(0.0, 25), setting.loop(0.0, 25))


@pytest.mark.parametrize("d", [1, 2, 5, 6])
@pytest.mark.parametrize("n", [40, 256, 257, 700])
def test_every_size(family, d, n):
    setting = Setting(overlapping(n, d), family, prior="penalty", k=2)
    assert_same(setting.compiled(0.0, 10), setting.loop(0.0, 10))


def test_it_stops_where_the_loop_stops(family):
    setting = Setting(overlapping(), family, prior="penalty")
    expected = setting.loop(1e-4, 500)
    assert expected.outcome is Outcome.converged
    assert_same(setting.compiled(1e-4, 500), expected)
    assert setting.left == []


def test_what_needs_care_goes_on_in_the_loop(family):
    """Two groups a million standard deviations apart: κ is beyond what is taken lightly."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    x[:100] += 1e6
    labels = np.repeat([0, 1], 100)
    setting = Setting(x, family, prior="penalty", labels=labels, k=2)
    setting.maximize = Maximization(family, None, setting.maximize.floor)
    setting.start = initial.from_memberships(setting.data, setting.model, setting.maximize)
    found = setting.compiled(0.0, 8)
    assert setting.left
    assert_same(found, setting.loop(0.0, 8))


def test_components_that_collapse_are_held_by_the_floor(family):
    """Few distinct rows: without a prior, covariances go down to the size of rounding."""
    x = np.repeat(np.random.default_rng(2).normal(size=(5, 2)), 8, axis=0)
    setting = Setting(x, family, labels=np.arange(40) % K)
    found, expected = setting.compiled(0.0, 60), setting.loop(0.0, 60)
    assert len(found.history) == len(expected.history)
    assert np.isfinite([record.objective for record in found.history]).all()
    assert not found.mixture.covariance.degenerate(K).any()
    changes = np.array([record.change for record in found.history[1:]])
    assert changes.min() > -1e-6 * max(1.0, abs(found.objective))


def test_a_component_without_rows_is_left_to_the_loop(family):
    setting = Setting(overlapping(), family, prior="penalty", labels=np.arange(300) % (K - 1))
    found = setting.compiled(0.0, 5)
    assert setting.left == [5]
    assert_same(found, setting.loop(0.0, 5))


def test_many_rows_and_foreign_constraints_are_not_brief(family):
    setting = Setting(overlapping(), family)
    assert not is_brief(10**6, setting.model, setting.maximize, 100)
    foreign = Maximization(family, None, setting.maximize.floor, lambda covariance: covariance)
    assert not is_brief(300, setting.model, foreign, 100)


def test_bits_do_not_depend_on_where_arrays_lie(family):
    rng, setting = np.random.default_rng(0), Setting(overlapping(), family, prior="penalty")
    found, clutter = set(), []
    for _ in range(60):
        clutter = [*clutter[-20:], np.empty(rng.integers(1, 5000))]
        fit = setting.compiled(0.0, 5)
        found.add((fit.objective, fit.mixture.means.tobytes(), fit.mixture.weights.tobytes()))
    assert len(found) == 1
