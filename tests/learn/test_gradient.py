"""The gradient is that of the objective, and the metric that of the complete data."""

from dataclasses import replace

import numpy as np
import pytest

from mixtura.engines.memory import Memory
from mixtura.learn import initial
from mixtura.learn.expectation import e_step
from mixtura.learn.gradient import MixtureSlope, covers
from mixtura.learn.maximization import Maximization
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from tests.laws.drawn import mixture, rows
from tests.laws.registries import MOMENTS, PRIORS

K, D = 3, 3


def differences(function, vector, step=1e-5):
    slopes = []
    for j in range(len(vector)):
        there, back = vector.copy(), vector.copy()
        there[j] += step
        back[j] -= step
        slopes.append((function(there) - function(back)) / (2 * step))
    return np.array(slopes)


class Problem:
    def __init__(self, family, prior, seed=0, weighted=False, d=D):
        rng = np.random.default_rng(seed)
        self.truth = mixture(family, K, d, rng)
        x = rows(self.truth, 80, rng)
        weights = rng.uniform(0.2, 3.0, len(x)) if weighted else None
        self.data = Memory(x, weights, threads=1)
        whole = initial.total(self.data)
        believed = None if prior is None else prior(whole.mean, whole.covariances[0], K)
        self.maximize = Maximization(family, believed, np.full(d, 1e-12))
        self.place = mixture(family, K, d, rng)

    def expect(self, model):
        return self.data.fold(e_step, model)

    def objective(self, vector):
        model = self.place.from_vector(vector)
        s = self.expect(model)
        return (s.log_likelihood + self.maximize.log_prior(model)) / s.n_rows

    def slope(self, model=None):
        model = model or self.place
        s = self.expect(model)
        return MixtureSlope(self.maximize.total(s), model, s.n_rows)


@pytest.fixture(params=[*MOMENTS.values()], ids=[*MOMENTS])
def family(request):
    return request.param


@pytest.fixture(params=["none", *PRIORS])
def prior(request):
    return PRIORS.get(request.param)


def test_every_family_is_covered(family):
    assert covers(family)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [1, D])
def test_the_gradient_is_that_of_finite_differences(family, prior, weighted, d):
    problem = Problem(family, prior, weighted=weighted, d=d)
    vector = problem.place.to_vector()
    expected = differences(problem.objective, vector)
    found = problem.slope().gradient
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


def test_the_metric_is_the_curvature_of_the_complete_data(family):
    """Of rows whose components are known: minus the second derivative of Q at its own maximum."""
    model = mixture(family, K, D, np.random.default_rng(3))
    expected = Statistics.expected(model, 1.0)
    slope = MixtureSlope(expected, model, 1.0)
    vector = model.to_vector()

    def fall(direction):
        step = 1e-4
        there, back = (
            expected.complete_log_likelihood(model.from_vector(vector + sign * step * direction))
            for sign in (1, -1)
        )
        return (2 * expected.complete_log_likelihood(model) - there - back) / step**2

    rng = np.random.default_rng(4)
    for _ in range(5):
        direction = rng.normal(size=len(vector))
        np.testing.assert_allclose(slope.norm(direction) ** 2, fall(direction), rtol=1e-5)


def test_the_preconditioner_undoes_the_metric(family, prior):
    """The norm of M⁻¹q, squared, is q · M⁻¹q."""
    slope = Problem(family, prior).slope()
    rng = np.random.default_rng(5)
    for _ in range(5):
        q = rng.normal(size=len(slope.gradient))
        q[:K] -= q[:K].mean()  # of a gradient: log weights may all rise by as much
        step = slope.precondition(q)
        np.testing.assert_allclose(slope.norm(step) ** 2, q @ step, rtol=1e-10)


def test_to_first_order_the_preconditioned_gradient_is_ems_step(family, prior):
    problem = Problem(family, prior)
    model = problem.truth
    for _ in range(400):
        before, model = model, problem.maximize(problem.expect(model), model)
    model = before
    offset = 1e-5 * np.random.default_rng(6).normal(size=len(model.to_vector()))
    near = model.from_vector(model.to_vector() + offset)
    plain = problem.maximize(problem.expect(near), near).to_vector() - near.to_vector()
    slope = problem.slope(near)
    step = slope.precondition(slope.gradient)
    step[:K] -= near.weights @ step[:K]
    plain[:K] -= near.weights @ plain[:K]
    assert slope.norm(step - plain) < 1e-3 * slope.norm(plain)


def test_lengths_do_not_depend_on_units(family):
    problem = Problem(family, None)
    x = problem.data.rows
    units = np.array([1e-3, 1.0, 1e4])
    if family.name == "spherical":
        units = np.full(D, 1e4)  # the family keeps its form only where all units change alike

    def step(scale):
        model = problem.place
        factor = {"diag": scale**2, "spherical": scale[0] ** 2}
        values = model.covariance.values * factor.get(family.name, np.outer(scale, scale))
        there = Mixture(model.weights, model.means * scale, family.from_values(values, D))
        maximize = Maximization(family, None, np.full(D, 1e-30))
        s = Memory(x * scale, threads=1).fold(e_step, there)
        slope = MixtureSlope(s, there, s.n_rows)
        return slope.norm(maximize(s, there).to_vector() - there.to_vector())

    np.testing.assert_allclose(step(units), step(np.ones(D)), rtol=1e-9)


def test_of_a_family_without_a_gradient_lengths_are_known():
    class Stranger:
        def whiten(self, residual, k):
            return residual

        def to_vector(self):
            return np.zeros(2)

    model = Mixture(np.array([0.4, 0.6]), np.zeros((2, 1)), Stranger())
    known = Statistics.zero(MOMENTS["diag"].moment, 2, 1)
    slope = MixtureSlope(replace(known, n_weights=model.weights, n_means=model.weights), model, 1.0)
    assert not covers(Stranger)
    assert np.isnan(slope.gradient).all()
    assert len(slope.gradient) == len(slope.precondition(slope.gradient)) == 6
    assert slope.norm(np.array([0.0, 0.0, 0.0, 0.0, 3.0, 4.0])) == 5.0
