"""`StudentMixture`: against SciPy's optimiser and simulation, and under scikit-learn's checks."""

import pickle

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import digamma, gammaln
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixture, HeavyMixture, StudentMixture
from mixtura.engines.memory import Memory
from mixtura.learn import tails
from mixtura.model.covariance import FAMILIES, factor_family
from tests.laws.drawn import mixture

every_family = pytest.mark.parametrize("family", FAMILIES)
every_kind = pytest.mark.parametrize("degrees", ["own", "common", 3.0])


def heavy(seed=0, n=400, degrees=(3.0, 8.0)):
    """Rows of two t distributions in two columns."""
    truth = HeavyMixture.of(
        [0.5, 0.5], [[0.0, 0.0], [7.0, 3.0]],
        [[[1.0, 0.4], [0.4, 0.7]], [[0.6, -0.2], [-0.2, 1.0]]], degrees,
    )  # fmt: skip
    return (*truth.sample(n, seed), truth)


@every_family
@every_kind
def test_the_objective_never_falls(family, degrees):
    x, each, _ = heavy(1, 150)
    labels = np.random.default_rng(0).integers(0, 3, len(x))
    for k, start, options in [(3, labels, {}), (2, each, {"reg_covar": 0.0})]:
        model = StudentMixture(
            k, covariance_type=family, degrees_of_freedom=degrees, init_params=start, tol=0.0,
            max_iter=60, **options,
        )  # fmt: skip
        with pytest.warns(ConvergenceWarning):
            model.fit(x)
        assert np.diff(model.lower_bounds_).min() > -1e-12


@every_family
@every_kind
def test_where_it_ends_no_parameter_can_be_bettered(family, degrees):
    """The slope of the log-likelihood is zero, in the degrees of freedom, too."""
    x, _, _ = heavy(2)
    model = StudentMixture(
        2, covariance_type=family, degrees_of_freedom=degrees, reg_covar=0.0, tol=1e-13,
        max_iter=5000, random_state=0,
    ).fit(x)  # fmt: skip
    gaussian, found = model.mixture_.gaussian, model.degrees_of_freedom_

    def likelihood(vector, logs):
        return HeavyMixture(gaussian.from_vector(vector), np.exp(logs)).log_density(x).mean()

    vector, logs, step = gaussian.to_vector(), np.log(found), 1e-5
    slopes = [
        likelihood(vector + way, logs) - likelihood(vector - way, logs)
        for way in step * np.eye(len(vector))
    ]
    ways = {"own": np.eye(2), "common": np.ones((1, 2))}.get(degrees, np.zeros((0, 2)))
    slopes += [
        likelihood(vector, logs + way) - likelihood(vector, logs - way) for way in step * ways
    ]
    assert np.abs(slopes).max() / (2 * step) < 2e-6
    assert model.lower_bound_ == pytest.approx(likelihood(vector, logs), abs=1e-10)
    if degrees == "common":
        assert found[0] == found[1]
    if degrees == 3.0:
        np.testing.assert_array_equal(found, 3.0)
    count = {"own": 2, "common": 1}.get(degrees, 0)
    assert model.n_parameters_ == gaussian.n_parameters + count


def test_one_component_is_what_scipy_finds():
    """Location, scale and degrees of a t on a line, by SciPy's own maximum likelihood."""
    x = stats.t(df=3.0, loc=2.0, scale=1.5).rvs(500, random_state=3)
    df, loc, scale = stats.t.fit(x)
    model = StudentMixture(reg_covar=0.0, tol=1e-13, max_iter=5000).fit(x[:, None])
    expected = stats.t(df, loc, scale).logpdf(x).mean()
    assert model.score(x[:, None]) >= expected - 1e-9
    assert model.means_[0, 0] == pytest.approx(loc, abs=2e-3)
    assert model.degrees_of_freedom_[0] == pytest.approx(df, rel=5e-3)
    assert model.scales_[0, 0, 0] == pytest.approx(scale**2, rel=5e-3)


def test_parameters_are_found_again():
    """Five standard errors, as the curvature of the likelihood has them at the truth."""
    x, _, truth = heavy(4, 20_000)
    model = StudentMixture(2, random_state=0).fit(x)
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(model.weights_[order], truth.weights, atol=5 * 0.5 / 20_000**0.5)
    np.testing.assert_allclose(model.means_[order], truth.locations, atol=5 * 1.5 / 10_000**0.5)

    def loss(logs):
        return -HeavyMixture(truth.gaussian, np.exp(logs)).log_density(x).sum()

    start = np.log(truth.degrees)
    end = optimize.minimize(loss, start, method="BFGS")
    errors = np.sqrt(np.diagonal(end.hess_inv))
    found = np.log(model.degrees_of_freedom_[order])
    assert (np.abs(found - start) < 6 * errors + 0.02).all()


def test_outliers_hardly_move_it():
    rng = np.random.default_rng(5)
    x = np.vstack([rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 8.0])
    far = np.vstack([x, rng.uniform(-300, 300, size=(12, 2))])
    model = StudentMixture(2, random_state=0).fit(far)
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(model.means_[order], [[0, 0], [8, 8]], atol=0.4)
    weights = model.robustness_weights(far)
    assert weights.shape == (412,)
    assert weights[400:].max() < 0.05
    assert np.median(weights[:400]) > 0.8
    # A Gaussian mixture gives up a component to them.
    gaussian = GaussianMixture(2, random_state=0).fit(far)
    assert np.abs(np.sort(gaussian.means_[:, 0]) - [0, 8]).max() > 1.0


@every_family
def test_row_weights_are_repeated_rows(family):
    x, labels, _ = heavy(6, 120)
    w = np.random.default_rng(0).integers(0, 3, len(x))
    options = {
        "covariance_type": family, "reg_covar": 0.0, "tol": 1e-11, "max_iter": 3000,
        "degrees_of_freedom": "common",
    }  # fmt: skip
    one = StudentMixture(2, init_params=labels, **options).fit(x, sample_weight=w)
    two = StudentMixture(2, init_params=np.repeat(labels, w), **options)
    two.fit(np.repeat(x, w, axis=0))
    np.testing.assert_allclose(one.means_, two.means_, atol=1e-5)
    np.testing.assert_allclose(one.degrees_of_freedom_, two.degrees_of_freedom_, rtol=1e-3)
    assert one.bic(x, w) == pytest.approx(two.bic(np.repeat(x, w, axis=0)))


def test_what_is_said_of_rows():
    x, _, _ = heavy(7)
    model = StudentMixture(2, random_state=0).fit(x)
    value = model.mixture_
    np.testing.assert_allclose(model.score_samples(x), value.log_density(x), rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(x), value.responsibilities(x), atol=1e-12)
    np.testing.assert_array_equal(model.predict(x), value.log_joint(x).argmax(axis=1))
    total = value.log_density(x).sum()
    assert model.score(x) == pytest.approx(total / len(x))
    assert model.aic(x) == pytest.approx(-2 * total + 2 * model.n_parameters_)
    assert model.bic(x) == pytest.approx(-2 * total + model.n_parameters_ * np.log(len(x)))
    peak = np.log(model.predict_proba(x).max(axis=1)).sum()
    assert model.icl(x) == pytest.approx(model.bic(x) - 2 * peak)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict_proba(x), model.predict_proba(x)
    )
    rows, labels = model.sample(300, 1)
    assert rows.shape == (300, 2)
    assert set(labels) == {0, 1}
    np.testing.assert_array_equal(model.sample(5)[0].shape, (5, 2))
    with pytest.raises(ValueError, match="n_samples must be at least 1, and is 0"):
        model.sample(0)
    again = StudentMixture(2, random_state=0)
    np.testing.assert_array_equal(again.fit_predict(x), model.predict(x))


@every_family
def test_statistics_do_not_depend_on_blocks(family):
    x, _, _ = heavy(8)
    rng = np.random.default_rng(0)
    model = HeavyMixture(mixture(FAMILIES[family], 3, 2, rng), np.array([1.0, 4.0, 30.0]))
    w = rng.uniform(0.1, 2.0, len(x))
    one = Memory(x, w).fold(tails.e_step, model)
    some = Memory(x, w, block_rows=37).fold(tails.e_step, model)
    np.testing.assert_allclose(some.logs, one.logs, rtol=1e-11)
    a, b = some.statistics, one.statistics
    np.testing.assert_allclose(a.n_means, b.n_means, rtol=1e-11)
    np.testing.assert_allclose(a.products, b.products, rtol=1e-9, atol=1e-9)
    # By hand.
    distances, r = model.distances(x), model.responsibilities(x) * w[:, None]
    pull = (model.degrees + 2) / (model.degrees + distances)
    np.testing.assert_allclose(b.n_weights, r.sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(b.n_means, (r * pull).sum(axis=0), rtol=1e-10)
    expected = (r * pull).T @ x / (r * pull).sum(axis=0)[:, None]
    np.testing.assert_allclose(b.means, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("logs", [-1.001, -1.1, -1.5, -4.0])
def test_degrees_of_freedom_solve_their_equation(logs):
    """The likeliest ones, by SciPy: a gamma variable of mean one, with mean logarithm and mean."""
    last = np.array([5.0])

    def loss(log_degrees):
        v, half = np.exp(log_degrees), 0.5 * (last[0] + 3)
        mean = logs + digamma(half) - np.log(half)  # of log w − w
        return -(0.5 * v * (np.log(0.5 * v) + mean) - gammaln(0.5 * v))

    low, high = np.log(tails.RANGE)
    best = optimize.minimize_scalar(
        loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9}
    )
    half = 0.5 * (last + 3)
    found = tails.likeliest(logs + digamma(half) - np.log(half))
    assert loss(np.log(found[0])) <= best.fun + 1e-9


def test_factor_analysers_of_t_distributions():
    rng = np.random.default_rng(9)
    gaussian = mixture(factor_family("UUU", 1), 2, 5, rng, separation=6.0)
    x, each = HeavyMixture(gaussian, np.array([4.0, 4.0])).sample(600, 10)
    model = StudentMixture(2, covariance_type="UUU", n_factors=1, random_state=0).fit(x)
    found = model.predict(x)
    assert max((found == each).mean(), (found != each).mean()) > 0.97
    assert model.scales_.shape == (2, 5, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degrees_of_freedom": 0.0}, "'degrees_of_freedom' parameter of StudentMixture must be"),
        ({"degrees_of_freedom": "some"}, "'degrees_of_freedom' parameter of StudentMixture"),
        ({"n_components": 500}, "Expected n_samples >= n_components"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    x, _, _ = heavy()
    with pytest.raises(ValueError, match=message):
        StudentMixture(**options).fit(x)


CHECKS = [
    pytest.param(check, id=getattr(check, "func", check).__name__)
    for _, check in estimator_checks_generator(StudentMixture())
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("check", CHECKS)
def test_scikit_learns_checks(check):
    check(StudentMixture())
