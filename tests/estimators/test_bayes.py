"""`BayesianGaussianMixture`: against scikit-learn's from the same start, and what is added."""

import pickle
import re

import numpy as np
import pytest
import sklearn.mixture
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate
from scipy.special import betaln, gammaln
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score

from mixtura import BayesianGaussianMixture
from tests.estimators.test_contract import by_sign, checks, described

FORMS = ["full", "tied", "diag", "spherical"]
KINDS = ["dirichlet_process", "dirichlet_distribution"]
QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PLAIN = {"accelerate": "none", "moves": False, "init_params": "kmeans"}


def groups(seed=0, d=2, n=80, k=3, apart=6.0):
    rng = np.random.default_rng(seed)
    centres = apart * rng.normal(size=(k, d))
    return np.concatenate([c + rng.normal(size=(n, d)) for c in centres])


def given(x, family):
    """Priors that are nowhere a default of either."""
    d = x.shape[1]
    spread = 0.3 * np.cov(x.T).reshape(d, d) + np.eye(d)
    return {
        "weight_concentration_prior": 0.7,
        "mean_precision_prior": 0.4,
        "mean_prior": x.mean(axis=0) + 0.5,
        "degrees_of_freedom_prior": d + 1.3,
        "covariance_prior": {
            "full": spread,
            "tied": spread,
            "diag": np.diagonal(spread).copy(),
            "spherical": float(spread[0, 0]),
        }[family],
    }


def left_out(model, x, kind):
    """What scikit-learn leaves out of its bound: it does not depend on the fit."""
    n, d = x.shape
    k, c = model.n_components, model.covariance_prior_
    nu, b, a = (
        model.degrees_of_freedom_prior_,
        model.mean_precision_prior_,
        model.weight_concentration_prior_,
    )
    log_det = {
        "full": lambda: np.linalg.slogdet(c)[1],
        "tied": lambda: np.linalg.slogdet(c)[1],
        "diag": lambda: np.log(c).sum(),
        "spherical": lambda: d * np.log(c),
    }[model.covariance_type]()
    wishart = -0.5 * nu * log_det + 0.5 * nu * d * np.log(2)
    wishart += gammaln(0.5 * (nu - np.arange(d))).sum()
    weights = k * betaln(1, a)
    if kind == "dirichlet_distribution":
        weights = k * gammaln(a) - gammaln(k * a)
    prior = weights + k * (wishart - 0.5 * d * np.log(b))
    return -prior - 0.5 * n * d * np.log(2 * np.pi)


@QUIET
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FORMS)
def test_steps_and_bounds_are_scikit_learns(family, kind):
    x = groups(d=3, apart=1.5)
    options = {
        "n_components": 5,
        "covariance_type": family,
        "weight_concentration_prior_type": kind,
        "reg_covar": 1e-6,
        "max_iter": 12,
        "tol": 0.0,
        "random_state": 3,
        **given(x, family),
    }
    theirs = sklearn.mixture.BayesianGaussianMixture(init_params="kmeans", **options).fit(x)
    ours = BayesianGaussianMixture(precision_prior_type="wishart", **PLAIN, **options).fit(x)
    for name in (
        "weights_",
        "means_",
        "covariances_",
        "precisions_",
        "precisions_cholesky_",
        "mean_precision_",
        "degrees_of_freedom_",
        "weight_concentration_prior_",
        "mean_precision_prior_",
        "mean_prior_",
        "degrees_of_freedom_prior_",
        "covariance_prior_",
    ):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert np.shape(mine) == np.shape(other), name
        assert_allclose(mine, other, rtol=1e-8, atol=1e-10, err_msg=name)
    assert_allclose(
        np.array(ours.weight_concentration_), np.array(theirs.weight_concentration_), rtol=1e-8
    )
    constant = left_out(ours, x, kind)
    assert_allclose(ours.lower_bound_, theirs.lower_bound_ + constant, rtol=1e-10)
    if hasattr(theirs, "lower_bounds_"):
        assert_allclose(ours.lower_bounds_, np.ravel(theirs.lower_bounds_) + constant, rtol=1e-10)
    # The memberships of the fit are those that scikit-learn predicts.
    assert_allclose(
        ours.posterior_.surrogate.responsibilities(x), theirs.predict_proba(x), atol=1e-8
    )


@QUIET
def test_the_conjugate_prior_of_full_matrices_is_scikit_learns():
    x = groups(d=2, apart=1.5)
    options = {"n_components": 4, "random_state": 0, "max_iter": 7, **given(x, "full")}
    one, other = (
        BayesianGaussianMixture(precision_prior_type=kind, **options).fit(x)
        for kind in ("conjugate", "wishart")
    )
    assert_array_equal(one.means_, other.means_)
    assert one.lower_bound_ == other.lower_bound_


@pytest.mark.parametrize("family", FORMS)
def test_scikit_learns_priors_can_be_had_by_name(family):
    x = groups(d=2)
    n, d = x.shape
    spread = np.cov(x.T)
    priors = {
        "weight_concentration_prior": 1 / 4,
        "mean_precision_prior": 1.0,
        "mean_prior": x.mean(axis=0),
        "degrees_of_freedom_prior": d,
        "covariance_prior": {
            "full": spread,
            "tied": spread,
            "diag": np.diagonal(spread).copy(),
            "spherical": float(np.diagonal(spread).mean()),
        }[family],
    }
    theirs = sklearn.mixture.BayesianGaussianMixture(
        n_components=4, covariance_type=family, random_state=0, max_iter=1000
    ).fit(x)
    ours = BayesianGaussianMixture(
        n_components=4,
        covariance_type=family,
        random_state=0,
        reg_covar=1e-6,
        precision_prior_type="wishart",
        **PLAIN,
        **priors,
    ).fit(x)
    assert ours.converged_
    assert abs(ours.n_iter_ - theirs.n_iter_) <= 1
    assert_allclose(ours.means_, theirs.means_, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, "pitman_yor"])
@pytest.mark.parametrize("family", FORMS)
def test_superfluous_components_are_left_empty(family, kind):
    x = groups(apart=8.0, seed=3)
    model = BayesianGaussianMixture(
        n_components=10,
        covariance_type=family,
        weight_concentration_prior_type=kind,
        random_state=0,
    ).fit(x)
    assert model.n_components_ == 3
    assert np.count_nonzero(model.counts_ > 1) == 3
    assert_allclose(model.counts_.sum(), len(x))
    truth = np.repeat(range(3), 80)
    assert adjusted_rand_score(truth, model.predict(x)) > 0.98
    if kind != "dirichlet_distribution":
        assert (np.diff(model.counts_) <= 1e-9).all()


@pytest.mark.parametrize("family", FORMS)
def test_the_density_of_rows_integrates_to_one(family):
    x = groups(d=1, apart=3.0)
    model = BayesianGaussianMixture(n_components=3, covariance_type=family, random_state=0).fit(x)
    found = integrate.quad(
        lambda v: float(np.exp(model.score_samples([[v]])[0])),
        -np.inf,
        np.inf,
        limit=300,
        points=None,
    )[0]
    assert_allclose(found, 1.0, atol=1e-6)


def test_the_density_in_two_columns_integrates_to_one():
    x = groups(d=2, apart=2.0)
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(x)
    # x = sinh-like coordinates reach far out, where t distributions still have mass
    t = np.linspace(-9, 9, 601)
    v, step = np.sinh(t), np.cosh(t) * (t[1] - t[0])
    grid = np.stack(np.meshgrid(v, v, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(model.score_samples(grid)).reshape(len(v), len(v))
    assert_allclose(step @ density @ step, 1.0, atol=2e-3)


def test_probabilities_are_parts_of_the_density():
    x = groups()
    model = BayesianGaussianMixture(n_components=4, random_state=0).fit(x)
    joint = model.predictive_.log_joint(x)
    assert_allclose(np.exp(joint).sum(axis=1), np.exp(model.score_samples(x)), rtol=1e-10)
    expected = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    assert_allclose(model.predict_proba(x), expected, rtol=1e-9)
    assert_array_equal(model.predict(x), model.predict_proba(x).argmax(axis=1))
    assert_allclose(model.score(x), model.score_samples(x).mean(), rtol=1e-12)


def test_the_density_is_the_average_over_the_posterior():
    """Of one component: means and precisions drawn, normal densities averaged."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 2))
    model = BayesianGaussianMixture(n_components=1, random_state=0).fit(x)
    from scipy import stats

    nu, b = model.degrees_of_freedom_[0], model.mean_precision_[0]
    lam = stats.wishart(nu, model.precisions_[0] / nu).rvs(20_000, random_state=rng)
    factor = np.linalg.cholesky(np.linalg.inv(b * lam))
    mu = model.means_[0] + np.einsum("nij,nj->ni", factor, rng.normal(size=(len(lam), 2)))
    row = np.array([1.5, -2.0])
    r = row - mu
    density = np.sqrt(np.linalg.det(lam)) / (2 * np.pi)
    density *= np.exp(-0.5 * np.einsum("ni,nij,nj->n", r, lam, r))
    found = np.exp(model.score_samples(row[None])[0])
    assert abs(found - density.mean()) < 5 * density.std() / np.sqrt(len(lam))


# Units


@pytest.mark.parametrize("family", ["full", "tied"])
def test_units_and_directions_of_columns_do_not_matter(family):
    x = groups(d=2, apart=4.0)
    turn = np.array([[2000.0, 300.0], [-0.001, 0.004]])
    y = x @ turn.T + [5e4, -3.0]
    options = {"n_components": 6, "covariance_type": family, "random_state": 0}
    one, other = (BayesianGaussianMixture(**options).fit(rows) for rows in (x, y))
    assert_allclose(other.counts_, one.counts_, rtol=1e-3, atol=1e-2)
    jacobian = len(x) * np.linalg.slogdet(turn)[1]
    assert_allclose(other.lower_bound_, one.lower_bound_ - jacobian, rtol=1e-6)


@QUIET
def test_units_of_columns_do_not_matter_to_variances():
    x = groups(d=2, apart=4.0)
    options = {"n_components": 6, "covariance_type": "diag", "random_state": 0}
    one, other = (BayesianGaussianMixture(**options).fit(rows) for rows in (x, x * [1e5, 1e-4]))
    assert_allclose(other.lower_bound_, one.lower_bound_ - len(x) * np.log(10.0), rtol=1e-6)


# Rows


@pytest.mark.parametrize("family", FORMS)
def test_a_weight_of_two_is_a_row_twice(family):
    x = groups(n=15)
    w = np.random.default_rng(0).integers(0, 4, len(x))
    options = {
        "n_components": 2,
        "covariance_type": family,
        "init_params": by_sign,
        "moves": False,
        **given(x, family),
    }
    one = BayesianGaussianMixture(**options).fit(x, sample_weight=w)
    other = BayesianGaussianMixture(**options).fit(np.repeat(x, w, axis=0))
    assert_allclose(one.means_, other.means_, rtol=1e-6)
    assert_allclose(one.lower_bound_, other.lower_bound_, rtol=1e-8)
    assert_allclose(one.score(x, sample_weight=w), other.score(np.repeat(x, w, axis=0)))


@pytest.mark.parametrize("family", FORMS)
def test_rows_with_gaps_raise_the_bound_all_the_same(family):
    rng = np.random.default_rng(1)
    x = groups(d=3, apart=15.0)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[7] = np.nan
    model = BayesianGaussianMixture(n_components=5, covariance_type=family, random_state=0).fit(x)
    rises = np.diff(model.lower_bounds_)
    assert rises.min() > -1e-8 * abs(model.lower_bound_)
    some = ~np.isnan(x).all(axis=1)  # a row of nothing teaches nothing
    assert_allclose(model.counts_.sum(), some.sum())
    assert model.n_components_ == 3
    assert np.isfinite(model.score_samples(x)).all()
    assert_allclose(model.predict_proba(x[7:8])[0], model.weights_, rtol=1e-9)
    labels = model.predict(x)
    seen = ~np.isnan(x).all(axis=1)
    assert adjusted_rand_score(np.repeat(range(3), 80)[seen], labels[seen]) > 0.9


def test_what_is_missing_is_believed_as_the_formula_has_it():
    """One component, one gap: the fixed point of two updates, computed here."""
    rng = np.random.default_rng(2)
    x = rng.multivariate_normal([1, -1], [[2, 1.2], [1.2, 1]], size=25)
    x[4, 1] = np.nan
    priors = given(np.nan_to_num(x), "full")
    model = BayesianGaussianMixture(n_components=1, tol=0.0, max_iter=200, **priors)
    with pytest.warns(ConvergenceWarning):
        model.fit(x)
    b0, nu0 = priors["mean_precision_prior"], priors["degrees_of_freedom_prior"]
    m0, c0 = priors["mean_prior"], priors["covariance_prior"]
    m, sigma = np.zeros(2), np.eye(2)
    for _ in range(300):
        slope = sigma[1, 0] / sigma[0, 0]
        filled = x.copy()
        filled[4, 1] = m[1] + slope * (x[4, 0] - m[0])
        extra = np.zeros((2, 2))
        extra[1, 1] = sigma[1, 1] - slope * sigma[0, 1]
        mean = filled.mean(axis=0)
        r, n = filled - mean, len(x)
        m = (b0 * m0 + n * mean) / (b0 + n)
        c = c0 + r.T @ r + extra + b0 * n / (b0 + n) * np.outer(mean - m0, mean - m0)
        sigma = c / (nu0 + n)
    assert_allclose(model.means_[0], m, rtol=1e-8)
    assert_allclose(model.covariances_[0], sigma, rtol=1e-8)


def test_float32_rows_give_float32_parameters():
    x = groups().astype(np.float32)
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(x)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert getattr(model, name).dtype == np.float32
    assert model.score_samples(x).dtype == np.float32
    double = BayesianGaussianMixture(n_components=3, random_state=0).fit(x.astype(float))
    assert_allclose(np.sort(model.means_, 0), np.sort(double.means_, 0), rtol=1e-2, atol=1e-2)


# Moves


def test_moves_lead_out_of_a_start_that_is_poor():
    """One component for two groups and two for a third: no plain step mends that."""
    x = groups(seed=5, k=4, apart=10.0)
    truth = np.repeat(range(4), 80)
    poor = np.where(truth == 1, 0, truth)
    poor[truth == 3] = np.where(x[truth == 3][:, 0] > np.median(x[truth == 3][:, 0]), 3, 1)
    options = {"n_components": 4, "random_state": 0}
    left = BayesianGaussianMixture(init_params=poor, moves=False, **options).fit(x)
    moved = BayesianGaussianMixture(init_params=poor, **options).fit(x)
    best = BayesianGaussianMixture(init_params=truth, moves=False, **options).fit(x)
    assert left.lower_bound_ < best.lower_bound_ - 10
    assert moved.lower_bound_ >= best.lower_bound_ - 0.1
    assert adjusted_rand_score(truth, moved.predict(x)) > 0.98
    assert np.diff(moved.lower_bounds_).min() >= -1e-8 * abs(moved.lower_bound_)
    assert moved.n_iter_ == len(moved.history_) <= moved.max_iter


@pytest.mark.parametrize("family", FORMS)
@pytest.mark.parametrize("seed", range(3))
def test_moves_never_lower_the_bound(family, seed):
    x = groups(seed=seed, k=4, apart=2.5, d=3, n=40)
    options = {
        "n_components": 6,
        "covariance_type": family,
        "init_params": "random_from_data",
        "random_state": seed,
        "max_iter": 2000,
        "weight_concentration_prior_type": "dirichlet_distribution",
    }
    left, moved = (
        BayesianGaussianMixture(moves=moves, **options).fit(x) for moves in (False, True)
    )
    assert moved.lower_bound_ >= left.lower_bound_ - 1e-6
    assert np.diff(moved.lower_bounds_).min() >= -1e-8 * abs(moved.lower_bound_)


def test_a_component_in_two_halves_is_merged():
    x = groups(seed=1, k=2, apart=10.0)
    halves = np.arange(len(x)) % 2 + 2 * (np.arange(len(x)) >= 80)
    options = {"n_components": 4, "weight_concentration_prior": 1.0, "random_state": 0}
    options["weight_concentration_prior_type"] = "dirichlet_distribution"
    model = BayesianGaussianMixture(init_params=halves, **options).fit(x)
    left = BayesianGaussianMixture(init_params=halves, moves=False, **options).fit(x)
    assert model.lower_bound_ > left.lower_bound_


# The estimator


def test_a_fit_is_reproducible_and_survives_a_pickle():
    x = groups()
    model = BayesianGaussianMixture(n_components=4, random_state=0).fit(x)
    again = clone(model).fit(x)
    assert_array_equal(model.means_, again.means_)
    assert_array_equal(model.sample(5)[0], again.sample(5)[0])
    assert not np.array_equal(model.sample(5)[0], model.sample(5)[0])
    assert_array_equal(model.sample(5, random_state=1)[0], model.sample(5, random_state=1)[0])
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(x), model.predict_proba(x))
    assert copy.lower_bound_ == model.lower_bound_


def test_draws_are_of_the_predictive_density():
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(groups(d=1))
    rows, labels = model.sample(20_000)
    assert (np.diff(labels) >= 0).all()
    edges = np.quantile(rows, [0.1, 0.5, 0.9])
    for edge in edges:
        below = integrate.quad(
            lambda v: float(np.exp(model.score_samples([[v]])[0])), -np.inf, edge, limit=300
        )[0]
        p = (rows < edge).mean()
        assert abs(p - below) < 5 * np.sqrt(p * (1 - p) / len(rows)) + 1e-6


def test_a_warm_start_goes_on_where_the_last_fit_ended():
    x = groups(apart=1.0)
    options = {"n_components": 4, "random_state": 0, "moves": False, "accelerate": "none"}
    model = BayesianGaussianMixture(warm_start=True, max_iter=3, tol=1e-9, **options)
    bounds = []
    for _ in range(4):
        with pytest.warns(ConvergenceWarning):
            bounds += model.fit(x).lower_bounds_
    with pytest.warns(ConvergenceWarning):
        whole = BayesianGaussianMixture(max_iter=12, tol=1e-9, **options).fit(x)
    assert_allclose(bounds, whole.lower_bounds_, rtol=1e-12)


def test_a_warm_start_of_another_size_is_refused():
    x = groups()
    model = BayesianGaussianMixture(n_components=3, warm_start=True, random_state=0).fit(x)
    with pytest.raises(ValueError, match="continues a fit with 3 components and 2 features, but 4"):
        model.set_params(n_components=4).fit(x)
    with pytest.raises(ValueError, match="a fit with full covariances, but diag are asked for"):
        model.set_params(n_components=3, covariance_type="diag").fit(x)


def test_without_an_iteration_the_start_is_given_back():
    x = groups()
    model = BayesianGaussianMixture(n_components=3, max_iter=0, random_state=0).fit(x)
    assert model.n_iter_ == 0
    assert not model.converged_
    assert model.lower_bound_ == -np.inf
    assert model.predict(x).shape == (len(x),)


def test_the_best_of_several_starts_is_kept():
    x = groups(k=5, apart=3.0, seed=2)
    options = {"n_components": 5, "init_params": "random_from_data", "moves": False}
    one = BayesianGaussianMixture(random_state=1, max_iter=2000, **options).fit(x)
    more = BayesianGaussianMixture(random_state=1, n_init=5, max_iter=2000, **options).fit(x)
    assert more.lower_bound_ >= one.lower_bound_


def test_tables_are_read_by_name():
    pandas = pytest.importorskip("pandas")
    x = pandas.DataFrame(groups(), columns=["a", "b"])
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(x)
    assert list(model.feature_names_in_) == ["a", "b"]
    assert model.predict(x).shape == (len(x),)


def test_verbose_says_how_it_goes(capsys):
    x = groups()
    options = {"n_components": 3, "random_state": 0, "verbose_interval": 1}
    BayesianGaussianMixture(verbose=2, **options).fit(x)
    told = capsys.readouterr().out
    assert re.search(r"Initialization 0\n  Iteration 1\t time lapse .* ll change", told)
    assert "Initialization converged. time lapse" in told
    assert "Moves" in told
    BayesianGaussianMixture(verbose=1, **options).fit(x)
    assert "  Iteration 1\n" in capsys.readouterr().out


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean_prior": [1.0]}, r"'mean_prior' should have the shape of \(2,\), but got \(1,\)"),
        ({"mean_prior": [1.0, np.nan]}, "'mean_prior' holds NaN or infinity"),
        ({"mean_prior": ["a", "b"]}, r"'mean_prior' should be numbers in the shape of \(2,\)"),
        ({"covariance_prior": np.eye(3)}, r"'covariance_prior' should have the shape of \(2, 2\)"),
        ({"covariance_prior": -np.eye(2)}, "'covariance_prior' should be symmetric, positive-def"),
        ({"covariance_prior": [[1, 0.5], [0, 1]]}, "'covariance_prior' should be symmetric"),
        (
            {"covariance_prior": [1.0, -1.0], "covariance_type": "diag"},
            "'covariance_prior' should be positive",
        ),
        ({"degrees_of_freedom_prior": 1.0}, "should be greater than 1, but got 1.000"),
        ({"discount": 1.0}, "The 'discount' parameter"),
        ({"weight_concentration_prior": 0.0}, "The 'weight_concentration_prior' parameter"),
        ({"covariance_type": "EVE"}, "The 'covariance_type' parameter"),
        ({"precision_prior_type": "other"}, "The 'precision_prior_type' parameter"),
        ({"n_components": 500}, "ask for fewer components"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(**{"n_components": 2, **options}).fit(groups())


def test_bad_rows_are_named():
    x = groups()
    x[3, 1] = np.inf
    with pytest.raises(ValueError, match="column 1 holds infinity once, first in row 3"):
        BayesianGaussianMixture(n_components=2).fit(x)
    x[:, 1] = np.nan
    with pytest.raises(ValueError, match="Input X has nothing in column 1"):
        BayesianGaussianMixture(n_components=2).fit(x)


def test_what_needs_a_fit_says_so():
    model = BayesianGaussianMixture()
    for method in ("predict", "predict_proba", "score_samples", "score"):
        with pytest.raises(NotFittedError, match="This BayesianGaussianMixture instance is not"):
            getattr(model, method)(groups())
    with pytest.raises(NotFittedError):
        model.sample()
    with pytest.raises(NotFittedError):
        _ = model.mixture_
    with pytest.raises(NotFittedError):
        _ = model.history_
    with pytest.raises(ValueError, match="Invalid value for 'n_samples': 0"):
        model.set_params(n_components=2).fit(groups()).sample(0)


EVERY_CHECK = [
    {},
    *({"covariance_type": name} for name in FORMS),
    {"n_components": 2, "init_params": by_sign, "weight_concentration_prior_type": "pitman_yor"},
]


def every_check():
    for options in EVERY_CHECK:
        for name, check in checks(BayesianGaussianMixture, options):
            yield pytest.param(options, check, id=f"{described(options)}-{name}")


@QUIET
@pytest.mark.parametrize(("options", "check"), [*every_check()])
def test_every_check(options, check):
    check(BayesianGaussianMixture(**options))


@pytest.mark.parametrize("family", FORMS)
def test_the_default_priors_are_those_of_the_page(family):
    x = groups(d=3)
    spread = np.cov(x.T, ddof=0) / 4 ** (2 / 3)
    expected = {
        "full": spread,
        "tied": spread / 4,
        "diag": np.diagonal(spread),
        "spherical": np.diagonal(spread).mean(),
    }[family]
    options = {"n_components": 4, "covariance_type": family, "random_state": 0}
    model = BayesianGaussianMixture(**options).fit(x)
    assert_allclose(model.covariance_prior_, expected, rtol=1e-8)
    assert_allclose(model.mean_prior_, x.mean(axis=0), rtol=1e-10)
    assert model.mean_precision_prior_ == 0.01
    assert model.weight_concentration_prior_ == 0.25
    assert model.degrees_of_freedom_prior_ == (5 / 4 if family == "tied" else 5)


@pytest.mark.parametrize("family", FORMS)
def test_with_wishart_posteriors_the_density_integrates_to_one(family):
    x = groups(d=2, n=5, k=2, apart=1.0)
    model = BayesianGaussianMixture(
        n_components=2, covariance_type=family, precision_prior_type="wishart", random_state=0
    ).fit(x)
    t = np.linspace(-14, 14, 801)
    v, step = np.sinh(t), np.cosh(t) * (t[1] - t[0])
    grid = np.stack(np.meshgrid(v, v, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(model.score_samples(grid)).reshape(len(v), len(v))
    assert_allclose(step @ density @ step, 1.0, atol=2e-3)


def test_the_unit_of_row_weights_does_not_decide_what_is_empty():
    x = groups(apart=8.0, seed=3)
    weights = np.full(len(x), 0.01)
    model = BayesianGaussianMixture(n_components=6, random_state=0).fit(x, sample_weight=weights)
    assert_allclose(model.counts_.sum(), 2.4)
    assert 1 <= model.n_components_ <= 3
    assert model.n_components_ == np.count_nonzero(model.counts_ >= 0.01)
