"""`StudentMixture` with missing numbers: what it maximises is the likelihood of what was observed.

The oracle is SciPy's multivariate t: what a row has, under the part of the centre and of the scale
matrix for that.
"""

import numpy as np
import pytest
from scipy import optimize, stats

from mixtura import HeavyMixture, StudentMixture
from mixtura.engines.memory import Memory
from mixtura.learn import tails
from mixtura.model.covariance import named
from tests.laws.drawn import mixture

FAMILIES = ["full", "tied", "diag", "spherical", "VEI", "UUU:1"]


def table(seed=0, n=120, d=3, part=0.3):
    """Rows of two t distributions with gaps, one of them with nothing, and their components."""
    rng = np.random.default_rng(seed)
    truth = HeavyMixture.of(
        [0.4, 0.6], [np.zeros(d), np.full(d, 6.0)], [np.eye(d), 0.3 * np.eye(d) + 0.5], [3.0, 8.0]
    )
    x, each = truth.sample(n, rng)
    x[rng.random(x.shape) < part] = np.nan
    x[5] = np.nan
    return x, each


def by_scipy(x, model):
    """Log joint density of what rows have, row by row."""
    joint = np.zeros((len(x), model.n_components))
    for i, row in enumerate(x):
        o = ~np.isnan(row)
        for k in range(model.n_components):
            if o.any():
                matrix = model.gaussian.covariances[k][np.ix_(o, o)]
                part = stats.multivariate_t(model.locations[k][o], matrix, df=model.degrees[k])
                joint[i, k] = part.logpdf(row[o])
    return joint + np.log(model.weights)


@pytest.mark.parametrize("family", FAMILIES)
def test_densities_are_those_of_scipy(family):
    rng = np.random.default_rng(1)
    gaussian = mixture(named(family), 3, 4, rng)
    model = HeavyMixture(gaussian, np.array([0.8, 4.0, 30.0]))
    x = model.sample(60, rng)[0] * [1e-3, 1.0, 1.0, 1.0]
    x[rng.random(x.shape) < 0.4] = np.nan
    x[3], x[4] = np.nan, 1.0
    joint = by_scipy(x, model)
    total = np.logaddexp.reduce(joint, axis=1)
    posterior = np.exp(joint - total[:, None])
    data = Memory(x, incomplete=True, block_rows=23)
    np.testing.assert_allclose(data.map(tails.log_density, model), total, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(data.map(tails.responsibilities, model), posterior, atol=1e-10)
    np.testing.assert_array_equal(data.map(tails.labels, model), joint.argmax(axis=1))
    assert data.map(tails.log_density, model)[3] == pytest.approx(0.0, abs=1e-14)
    sums = data.fold(tails.certainty_of, model)
    expected = [total.sum(), np.log(posterior.max(axis=1)).sum(), len(x)]
    np.testing.assert_allclose(sums, expected, rtol=1e-9)
    found = data.fold(tails.e_step, model).statistics
    assert found.log_likelihood == pytest.approx(total.sum())
    np.testing.assert_allclose(found.n_weights, posterior.sum(axis=0), rtol=1e-9)


def test_statistics_are_what_draws_of_the_rest_have_on_average():
    """Of one row with gaps: precision and missing numbers drawn from their conditional."""
    model = HeavyMixture.of(
        [1.0], [[0.0, 1.0, -1.0]], [[[2.0, 0.8, 0.3], [0.8, 1.0, -0.2], [0.3, -0.2, 1.5]]], 4.0
    )
    row, n = np.array([[3.0, np.nan, np.nan]]), 400_000
    rng = np.random.default_rng(2)
    matrix, mean, v = model.gaussian.covariances[0], model.locations[0], 4.0
    distance = (row[0, 0] - mean[0]) ** 2 / matrix[0, 0]
    u = rng.gamma(0.5 * (v + 1), 2.0 / (v + distance), size=n)
    slope = matrix[1:, 0] / matrix[0, 0]
    left = matrix[1:, 1:] - np.outer(slope, matrix[0, 1:])
    noise = rng.multivariate_normal(np.zeros(2), left, size=n) / np.sqrt(u)[:, None]
    away = np.column_stack([np.full(n, 3.0), slope * 3.0 + noise])  # from the centre
    found = Memory(row, incomplete=True).fold(tails.e_step, model)
    s = found.statistics.shifted(model.locations)

    def near(value, draws):
        error = draws.std(axis=0) / np.sqrt(n)
        assert (np.abs(value - draws.mean(axis=0)) <= 6 * error + 1e-12).all()

    near(s.n_means[0], u)
    near(s.sums[0], u[:, None] * away)
    near(s.products[0], u[:, None, None] * away[:, :, None] * away[:, None, :])
    near(found.logs[0], np.log(u) - u)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_gaps_it_is_the_complete_case(family):
    rng = np.random.default_rng(3)
    model = HeavyMixture(mixture(named(family), 2, 4, rng), np.array([2.0, 9.0]))
    x = model.sample(50, rng)[0]
    # A row that has all its numbers, taken by the route for those that do not.
    found, expected = model.places_with_gaps(x), model.places(x)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.log_t(found), model.log_t(expected), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(model.pulls(found), model.pulls(expected), rtol=1e-9)
    one = Memory(x, incomplete=True).fold(tails.e_step, model)
    two = Memory(x).fold(tails.e_step, model)
    np.testing.assert_array_equal(one.statistics.products, two.statistics.products)
    np.testing.assert_array_equal(one.logs, two.logs)


@pytest.mark.parametrize(
    ("family", "degrees"), [("full", "own"), ("tied", "common"), ("UUC:1", 4.0)]
)
def test_no_pass_lowers_it_and_where_it_ends_it_is_flat(family, degrees):
    x, each = table(4)
    model = StudentMixture(
        2, covariance_type=family, degrees_of_freedom=degrees, reg_covar=0.0, tol=1e-12,
        max_iter=5000, init_params=each,
    ).fit(x)  # fmt: skip
    assert np.diff(model.lower_bounds_).min() > -1e-11
    gaussian, logs, step = model.mixture_.gaussian, np.log(model.degrees_of_freedom_), 1e-5

    def likelihood(vector, logs):
        there = HeavyMixture(gaussian.from_vector(vector), np.exp(logs))
        return np.logaddexp.reduce(by_scipy(x, there), axis=1).mean()

    vector = gaussian.to_vector()
    assert model.lower_bound_ == pytest.approx(likelihood(vector, logs), abs=1e-10)
    assert model.score(x) == pytest.approx(likelihood(vector, logs), abs=1e-10)
    ways = {"own": np.eye(2), "common": np.ones((1, 2))}.get(degrees, np.zeros((0, 2)))
    rng = np.random.default_rng(0)
    for way in [*rng.normal(size=(6, len(vector)))]:
        slope = likelihood(vector + step * way, logs) - likelihood(vector - step * way, logs)
        assert abs(slope) / (2 * step) < 1e-4
    for way in ways:
        slope = likelihood(vector, logs + step * way) - likelihood(vector, logs - step * way)
        assert abs(slope) / (2 * step) < 1e-4


def test_it_is_what_scipys_optimiser_finds():
    """One component of two columns, from elsewhere, over all its parameters."""
    x, each = table(5, 80, 2)
    x = x[each == 1]
    model = StudentMixture(reg_covar=0.0, tol=1e-12, max_iter=5000).fit(x)

    def unpacked(vector):
        root = np.array([[np.exp(vector[2]), 0.0], [vector[3], np.exp(vector[4])]])
        return HeavyMixture.of([1.0], [vector[:2]], [root @ root.T], np.exp(vector[5]))

    end = optimize.minimize(
        lambda v: -by_scipy(x, unpacked(v)).mean(), [4.0, 4.0, 0.0, 0.0, 0.0, 1.0], method="BFGS"
    )
    found = unpacked(end.x)
    assert model.score(x) >= -end.fun - 1e-8
    np.testing.assert_allclose(model.means_, found.locations, atol=2e-3)
    np.testing.assert_allclose(model.scales_, found.gaussian.covariances, rtol=5e-3, atol=5e-3)
    np.testing.assert_allclose(model.degrees_of_freedom_, found.degrees, rtol=2e-2)


def test_a_fit_with_gaps_finds_the_groups():
    x, each = table(6, 400)
    model = StudentMixture(2, random_state=0).fit(x)
    known = np.isfinite(x).any(axis=1)
    right = (model.predict(x) == each)[known].mean()
    assert max(right, 1 - right) > 0.97
    shares = model.predict_proba(x)
    np.testing.assert_allclose(shares[5], model.weights_, rtol=1e-12)
    assert model.predict(x)[5] == model.weights_.argmax()
    weights = model.robustness_weights(x)
    assert weights[5] == pytest.approx(1.0)
    doubled = StudentMixture(2, init_params=each, tol=1e-10, max_iter=3000)
    w = np.random.default_rng(0).integers(0, 3, len(x))
    one = doubled.fit(x, sample_weight=w).means_
    again = StudentMixture(2, init_params=np.repeat(each, w), tol=1e-10, max_iter=3000)
    np.testing.assert_allclose(one, again.fit(np.repeat(x, w, axis=0)).means_, atol=1e-4)


def test_a_column_of_nothing_is_refused():
    x, _ = table()
    x[:, 1] = np.nan
    with pytest.raises(ValueError, match="Input X has nothing in column 1: every row holds NaN"):
        StudentMixture(2).fit(x)
