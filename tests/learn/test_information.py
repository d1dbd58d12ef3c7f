"""Curvature and scores are those of finite differences, for every family, and of closed forms."""

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from mixtura.engines.memory import Memory
from mixtura.learn.chart import chart, measured
from mixtura.learn.expectation import log_density
from mixtura.learn.information import Information, curve_of
from mixtura.learn.parameters import ALL, Parameters
from mixtura.learn.uncertainty import uncertainty
from mixtura.model.covariance import FAMILIES, factor_family
from tests.laws.drawn import mixture

K, D, N = 2, 2, 160


def gappy(x, rng, part=0.25):
    """Rows with gaps, one of them with nothing at all."""
    hollow = rng.random(x.shape) < part
    hollow[0] = True
    hollow[1] = False
    return np.where(hollow, np.nan, x)


class Problem:
    """A fit at its end, and the objective that it maximises as a function of free coordinates."""

    def __init__(self, family, *, gaps=False, weighted=False, k=K, d=D, seed=0, **options):
        rng = np.random.default_rng(seed)
        truth = mixture(family, k, d, rng, separation=3.0)
        x = truth.sample(N, rng)[0]
        self.x = gappy(x, rng) if gaps else x
        self.w = rng.uniform(0.3, 2.5, N) if weighted else np.ones(N)

        def begin(*_):
            return truth

        options = {"reg_covar": 0.0, "tol": 1e-14, "max_iter": 1000, **options}
        options |= {"init_params": begin, "accelerate": "none", "covariance_type": family.name}
        self.model = GaussianMixture(k, **options).fit(self.x, sample_weight=self.w)
        assert self.model.converged_
        self.mixture = self.model.mixture_
        self.maximize = self.model._account.maximize
        self.data = Memory(self.x, self.w, incomplete=gaps, threads=1)
        self.chart = chart(self.mixture)
        self.parameters = Parameters.of(self.mixture, self.chart)

    def uncertainty(self, robust, coordinates=None):
        coordinates = coordinates or self.chart
        prior, model = self.maximize.prior, self.mixture
        pseudo = None
        if prior is not None:
            pseudo = prior.pseudo_data(model.n_components, type(model.covariance))
        curve = self.data.fold(curve_of, model, coordinates)
        information = Information.of(curve, model, coordinates, pseudo)
        return uncertainty(information, self.parameters.slopes(model, coordinates), robust)

    # By finite differences of the log density of rows, in the coordinates of `Mixture.to_vector`.

    def each(self, vector):
        return self.data.map(log_density, self.mixture.from_vector(vector))

    def objective(self, vector):
        there = self.mixture.from_vector(vector)
        return float(self.w @ self.each(vector)) + self.maximize.log_prior(there)

    def values(self, vector):
        return self.parameters.values(self.mixture.from_vector(vector))

    def by_differences(self):
        """By the information, and by the sandwich."""
        vector = self.mixture.to_vector()
        bend, slopes = second(self.objective, vector), first(self.values, vector)
        inverse = np.linalg.pinv(-bend, rcond=1e-7, hermitian=True)
        scores = first(self.each, vector)
        sandwich = inverse @ (scores.T * self.w) @ scores @ inverse
        return slopes @ inverse @ slopes.T, slopes @ sandwich @ slopes.T


def first(function, vector, step=1e-5):
    columns = []
    for j in range(len(vector)):
        there, back = vector.copy(), vector.copy()
        there[j] += step
        back[j] -= step
        columns.append((function(there) - function(back)) / (2 * step))
    return np.stack(columns, axis=-1)


def second(function, vector, step=1e-3):
    """Richardson's extrapolation of central differences: the error is of the fourth order."""

    def once(h):
        e = h * np.eye(len(vector))
        found = np.empty((len(vector), len(vector)))
        for i in range(len(vector)):
            for j in range(i + 1):
                ends = [function(vector + a * e[i] + b * e[j]) for a in (1, -1) for b in (1, -1)]
                found[i, j] = found[j, i] = (ends[0] - ends[1] - ends[2] + ends[3]) / (4 * h**2)
        return found

    return (4.0 * once(step) - once(2 * step)) / 3.0


@pytest.fixture(params=[*FAMILIES.values()], ids=[*FAMILIES])
def family(request):
    return request.param


@pytest.fixture(params=["full", "tied", "diag", "spherical"])
def linear(request):
    """A family whose matrices are linear in its numbers."""
    return FAMILIES[request.param]


def assert_covariances_close(found, expected, atol):
    error = np.sqrt(np.diagonal(expected))
    unit = error * error[:, None]
    np.testing.assert_allclose(found / unit, expected / unit, rtol=0, atol=atol)


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_the_covariance_is_that_of_finite_differences(family, gaps):
    problem = Problem(family, gaps=gaps, weighted=True)
    for robust, expected in zip((False, True), problem.by_differences(), strict=True):
        assert_covariances_close(problem.uncertainty(robust).covariance, expected, 2e-3)


def test_a_prior_is_part_of_the_curvature(family):
    scale = np.array([[2.0, 0.3], [0.3, 1.0]])
    prior = NormalInverseWishart(np.ones(2), 4.0, 9.0, 5.0 * scale, 3.0)
    problem = Problem(family, reg_covar=None, prior=prior)
    for robust, expected in zip((False, True), problem.by_differences(), strict=True):
        assert_covariances_close(problem.uncertainty(robust).covariance, expected, 2e-3)


def test_the_penalty_is_part_of_the_curvature():
    problem = Problem(FAMILIES["full"], reg_covar=None)
    for robust, expected in zip((False, True), problem.by_differences(), strict=True):
        assert_covariances_close(problem.uncertainty(robust).covariance, expected, 2e-3)


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_measured_coordinates_give_what_exact_ones_give(linear, gaps):
    """At a maximum the covariance of parameters does not depend on coordinates."""
    problem = Problem(linear, gaps=gaps)
    by_differences = measured(problem.mixture.covariance, K, D)
    for robust in (False, True):
        exact = problem.uncertainty(robust).covariance
        found = problem.uncertainty(robust, by_differences).covariance
        assert_covariances_close(found, exact, 1e-4)


def test_parameters_are_the_same_by_measured_coordinates(linear):
    problem = Problem(linear)
    coordinates = measured(problem.mixture.covariance, K, D)
    found = Parameters.of(problem.mixture, coordinates)
    assert found.kinds == problem.parameters.kinds
    np.testing.assert_array_equal(found.components, problem.parameters.components)
    np.testing.assert_array_equal(found.columns, problem.parameters.columns)


def test_coordinates_that_change_nothing_are_left_out():
    class Redundant(FAMILIES["diag"]):
        """A family with one free number too many: two of them count only as their sum."""

        def to_vector(self):
            return np.append(super().to_vector(), 0.0)

        @classmethod
        def from_vector(cls, vector, n_components, n_features):
            own = vector[:-1].copy()
            own[0] += vector[-1]
            return super().from_vector(own, n_components, n_features)

    diagonal = mixture(FAMILIES["diag"], K, D, np.random.default_rng(3)).covariance
    found = measured(Redundant(diagonal.values), K, D)
    assert found.n_widths == K * D


# Closed forms: one component.


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(4)
    return rng.standard_t(6, size=(400, 2)) @ np.array([[2.0, 1.0], [0.0, 0.5]]) + 3.0


@pytest.mark.parametrize("robust", [False, True], ids=["information", "sandwich"])
def test_one_gaussian_has_the_errors_of_the_textbook(rows, robust):
    n, centred = len(rows), rows - rows.mean(axis=0)
    s = centred.T @ centred / n
    model = Mixture.of([1.0], [rows.mean(axis=0)], [s])
    coordinates = chart(model)
    parameters = Parameters.of(model, coordinates)
    assert parameters.kinds == ("mean", "mean", "variance", "variance", "covariance")
    curve = Memory(rows).fold(curve_of, model, coordinates)
    found = uncertainty(
        Information.of(curve, model, coordinates), parameters.slopes(model, coordinates), robust
    )
    means = np.sqrt(np.diagonal(s) / n)
    pairs = [(0, 0), (1, 1), (0, 1)]
    if robust:  # of what is the mean of products, without regard to where rows come from
        products = [centred[:, i] * centred[:, j] for i, j in pairs]
        widths = [np.std(product) / np.sqrt(n) for product in products]
    else:
        widths = [np.sqrt((s[i, i] * s[j, j] + s[i, j] ** 2) / n) for i, j in pairs]
    np.testing.assert_allclose(found.standard_errors, [*means, *widths], rtol=1e-9)
    np.testing.assert_allclose(found.step, 0.0, atol=1e-10)
    assert found.peaked
    assert found.determined.all()


def test_weights_have_the_errors_of_counts_where_components_are_far_apart():
    x = np.concatenate([np.linspace(-1, 1, 30), 1000 + np.linspace(-1, 1, 70)])[:, None]
    model = GaussianMixture(2, reg_covar=0.0, tol=1e-9, random_state=0).fit(x)
    table = model.intervals(x)
    expected = np.sqrt(0.3 * 0.7 / 100)
    np.testing.assert_allclose(table.of(parameter="weight").standard_error, expected, rtol=1e-6)


def test_a_gap_in_one_column_leaves_that_column_the_rows_it_has():
    """Of independent columns the mean of each has the error of its own rows."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(300, 2)) * [1.0, 4.0]
    x[:100, 1] = np.nan
    model = GaussianMixture(1, covariance_type="diag", reg_covar=0.0, tol=1e-10).fit(x)
    found = model.intervals(x, method="information").of(parameter="mean").standard_error
    expected = np.nanstd(x, axis=0) / np.sqrt([300, 200])
    # A third of the variance's information is missing: from 1e-10 nats a row it is 1e-5 to the end.
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# Sums


def test_sums_do_not_depend_on_blocks_and_whole_weights_are_repeated_rows(family):
    rng = np.random.default_rng(6)
    model = mixture(family, 3, 3, rng)
    x = gappy(model.sample(200, rng)[0], rng)
    w = rng.integers(0, 4, 200)
    coordinates = chart(model)

    def curve(rows, weights, block_rows):
        data = Memory(rows, weights, incomplete=True, block_rows=block_rows, threads=1)
        return data.fold(curve_of, model, coordinates)

    weighted = curve(x, w.astype(float), 37)
    repeated = curve(np.repeat(x, w, axis=0), None, 1000)
    for name in ("slope", "outer", "bend", "pulls", "n_rows"):
        one, other = getattr(weighted, name), getattr(repeated, name)
        np.testing.assert_allclose(one, other, atol=1e-9 * np.abs(other).max(), err_msg=name)


def test_a_row_of_nothing_says_nothing():
    rng = np.random.default_rng(7)
    model = mixture(FAMILIES["full"], 2, 2, rng)
    x = model.sample(50, rng)[0]
    more = np.concatenate([x, np.full((9, 2), np.nan)])
    coordinates = chart(model)
    found = [
        Information.of(
            Memory(rows, incomplete=True).fold(curve_of, model, coordinates), model, coordinates
        )
        for rows in (x, more)
    ]
    np.testing.assert_allclose(found[0].curvature, found[1].curvature, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found[0].scores, found[1].scores, rtol=1e-9, atol=1e-9)


# What cannot be had


def test_two_equal_components_are_not_determined():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(200, 1))
    one = np.repeat(x.mean(axis=0)[None], 2, axis=0)
    model = Mixture.of([0.5, 0.5], one, np.repeat(np.var(x), 2).reshape(2, 1, 1))
    coordinates = chart(model)
    parameters = Parameters.of(model, coordinates)
    curve = Memory(x).fold(curve_of, model, coordinates)
    found = uncertainty(
        Information.of(curve, model, coordinates), parameters.slopes(model, coordinates), True
    )
    assert not found.determined[np.array(parameters.kinds) == "weight"].any()
    assert np.isnan(found.standard_errors[~found.determined]).all()


def test_the_step_leads_to_the_maximum():
    """Of one Gaussian with known variance, a parabola: to the mean of the rows."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=(100, 1))
    model = Mixture.of([1.0], x.mean(axis=0)[None] + 1e-4, x.var().reshape(1, 1, 1))
    coordinates = chart(model)
    parameters = Parameters.of(model, coordinates)
    curve = Memory(x).fold(curve_of, model, coordinates)
    found = uncertainty(
        Information.of(curve, model, coordinates), parameters.slopes(model, coordinates), False
    )
    np.testing.assert_allclose(found.step[0], -1e-4, rtol=1e-4)
    np.testing.assert_allclose(found.short, 1e-4 / (x.std() / 10), rtol=1e-3)


# Names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "full",
            ["weight", "weight", "mean[a]", "mean[b]", "mean[a]", "mean[b]"]
            + 2 * ["variance[a]", "variance[b]", "covariance[a, b]"],
        ),
        (
            "tied",
            ["weight", "weight", "mean[a]", "mean[b]", "mean[a]", "mean[b]"]
            + ["variance[a]", "variance[b]", "covariance[a, b]"],
        ),
        (
            "diag",
            ["weight", "weight", "mean[a]", "mean[b]", "mean[a]", "mean[b]"]
            + 2 * ["variance[a]", "variance[b]"],
        ),
        (
            "spherical",
            ["weight", "weight", "mean[a]", "mean[b]", "mean[a]", "mean[b]"] + 2 * ["variance"],
        ),
    ],
)
def test_names(name, expected):
    model = mixture(FAMILIES[name], 2, 2, np.random.default_rng(10))
    parameters = Parameters.of(model, chart(model))
    assert parameters.names(["a", "b"]) == expected
    last = parameters.components[np.array(parameters.kinds) == "variance"]
    assert set(last.tolist()) == ({ALL} if name == "tied" else {0, 1})


@pytest.mark.parametrize(
    ("form", "gaps", "noise"),
    [("CCU", True, 3), ("UUC", False, 2), ("CUCU", False, 8)],  # one is at its end, 0
)
def test_factor_analysers_have_intervals_of_what_matrices_tell(form, gaps, noise):
    """Entries of matrices, and variances of the noise that have not vanished."""
    problem = Problem(factor_family(form, 1), gaps=gaps, d=4, seed=1)
    kinds = problem.parameters.kinds
    assert kinds.count("noise_variance") == noise
    for robust, expected in zip((False, True), problem.by_differences(), strict=True):
        found = problem.uncertainty(robust)
        assert found.determined.all()
        assert_covariances_close(found.covariance, expected, 2e-3)


def test_noise_that_matrices_do_not_tell_is_left_out():
    """Two columns and one factor: three entries, and four numbers that make them."""
    problem = Problem(factor_family("UUU", 1), d=2)
    assert "noise_variance" not in problem.parameters.kinds
    assert problem.uncertainty(True).determined.all()
