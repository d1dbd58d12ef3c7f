"""Curvature and scores of t distributions are those of finite differences, for every family."""

import numpy as np
import pytest

from mixtura import HeavyMixture, StudentMixture
from mixtura.engines.memory import Memory
from mixtura.estimators.intervals import OF_TAILS, Task
from mixtura.learn import tails
from mixtura.learn.chart import chart
from mixtura.learn.information import Information
from mixtura.learn.information_tails import curve_of
from mixtura.learn.uncertainty import uncertainty
from mixtura.model.covariance import named
from tests.laws.drawn import mixture
from tests.learn.test_information import assert_covariances_close, first, gappy, second

N = 250


class Problem:
    """A fit at its end, and the objective that it maximises as a function of free coordinates."""

    def __init__(self, name, degrees, *, gaps=False, weighted=False, d=2, **options):
        rng = np.random.default_rng(3)
        truth = HeavyMixture(mixture(named(name), 2, d, rng, separation=4.0), np.array([3.0, 5.0]))
        x = truth.sample(N, rng)[0]
        self.x = gappy(x, rng) if gaps else x
        self.w = rng.uniform(0.3, 2.5, N) if weighted else np.ones(N)
        options = {"reg_covar": 0.0, "tol": 1e-14, "max_iter": 20_000, **options}

        def begin(*_):
            return truth.gaussian

        self.model = StudentMixture(
            2, covariance_type=name, degrees_of_freedom=degrees, init_params=begin, **options
        ).fit(self.x, sample_weight=self.w)
        self.value, self.degrees = self.model.mixture_, degrees
        self.task = Task(self.model, self.x, self.w, OF_TAILS)
        self.data = Memory(self.x, self.w, incomplete=gaps, threads=1)

    def there(self, vector):
        gaussian = self.value.gaussian
        p = len(gaussian.to_vector())
        logs = vector[p:]
        degrees = np.exp(np.broadcast_to(logs, 2)) if len(logs) else self.value.degrees
        return HeavyMixture(gaussian.from_vector(vector[:p]), degrees)

    def each(self, vector):
        return self.data.map(tails.log_density, self.there(vector))

    def objective(self, vector):
        prior = self.task.refits.plan.maximize.log_prior(self.there(vector).gaussian)
        return float(self.w @ self.each(vector)) + prior

    def values(self, vector):
        return self.task.parameters.values(self.there(vector))

    def by_differences(self):
        logs = {"own": np.log(self.value.degrees), "common": np.log(self.value.degrees[:1])}
        vector = np.append(self.value.gaussian.to_vector(), logs.get(self.degrees, []))
        bend, slopes = second(self.objective, vector), first(self.values, vector)
        inverse = np.linalg.pinv(-bend, rcond=1e-7, hermitian=True)
        scores = first(self.each, vector)
        sandwich = inverse @ (scores.T * self.w) @ scores @ inverse
        return slopes @ inverse @ slopes.T, slopes @ sandwich @ slopes.T


@pytest.mark.parametrize(
    ("name", "degrees", "options"),
    [
        ("full", "own", {"weighted": True}),
        ("full", "own", {"gaps": True, "weighted": True}),
        ("tied", "common", {"reg_covar": None}),
        ("diag", 4.0, {"gaps": True}),
        ("VEI", "common", {}),
        ("UUC:1", "own", {"d": 3}),
    ],
)
def test_the_covariance_is_that_of_finite_differences(name, degrees, options):
    problem = Problem(name, degrees, **options)
    task = problem.task
    curve = problem.data.fold(curve_of, problem.value, task.chart)
    prior = task.refits.plan.maximize.prior
    family = type(problem.value.gaussian.covariance)
    pseudo = None if prior is None else prior.pseudo_data(2, family)
    information = Information.of(curve, problem.value.gaussian, task.chart, pseudo)
    slopes = task.parameters.slopes(problem.value, task.chart)
    for robust, expected in zip((False, True), problem.by_differences(), strict=True):
        found = uncertainty(information, slopes, robust)
        assert found.determined.all()
        assert_covariances_close(found.covariance, expected, 3e-3)


def test_many_degrees_are_a_gaussian():
    """The curvature goes over into that of Gaussians, where tails do."""
    from mixtura.learn.information import curve_of as of_gaussians

    rng = np.random.default_rng(4)
    gaussian = mixture(named("full"), 2, 3, rng)
    x = gappy(gaussian.sample(200, rng)[0], rng)
    data, coordinates = Memory(x, incomplete=True), chart(gaussian)
    expected = data.fold(of_gaussians, gaussian, coordinates)
    found = data.fold(curve_of, HeavyMixture(gaussian, np.full(2, 1e9)), coordinates)
    size = np.abs(expected.bend).max()
    np.testing.assert_allclose(found.bend, expected.bend, rtol=0, atol=1e-6 * size)
    np.testing.assert_allclose(found.outer, expected.outer, rtol=0, atol=1e-6 * size)
