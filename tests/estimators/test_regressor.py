"""Regression by conditioning: linear regression, textbook conditionals, coverage by simulation."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import kstest, multivariate_normal, norm
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixtureRegressor

SPHERICAL = {"covariance_type": "spherical"}


def by_sign(X, n_components, random_state):
    """A start that asks each row alone: so a weight of two is a row twice from the beginning."""
    return (X[:, 0] > 0.5).astype(int) % n_components


CHECKED = [
    {},
    {"covariance_type": "tied"},
    {"covariance_type": "diag"},
    SPHERICAL,
    {"n_components": 2, "init_params": by_sign, "covariance_type": "diag"},
]

DENSE = [{}, {"covariance_type": "tied"}]
"""Those in which outputs follow inputs along lines."""


def described(options):
    return ",".join(str(getattr(v, "__name__", v)) for v in options.values()) or "defaults"


def every_check():
    for options in CHECKED:
        for _, check in estimator_checks_generator(GaussianMixtureRegressor(**options)):
            name = getattr(check, "func", check).__name__
            yield pytest.param(options, check, id=f"{described(options)}-{name}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("options", "check"), [*every_check()])
def test_every_check_of_scikit_learn(options, check):
    weights = check.func.__name__ == "check_sample_weight_equivalence_on_dense_data"
    if weights and options in DENSE:
        pytest.skip("of 30 columns 9 rows tell little: see the next test")
    check(GaussianMixtureRegressor(**options))


@pytest.mark.parametrize("options", DENSE)
def test_scikit_learns_check_of_row_weights_where_rows_tell(options):
    """Its table: 15 rows in 30 columns, 6 of them without weight.

    Lines through the other 9 are all there is to go by. Where rows without weight lie off these,
    the prediction is that of a ridge too small to be seen: of the order of the rows, that is of
    rounding, a part comes through that is as large as the condition of the covariance makes it.
    """
    rng = np.random.RandomState(42)
    x, y, w = rng.rand(15, 30), rng.randint(0, 3, size=15), rng.randint(0, 5, size=15)
    repeated = GaussianMixtureRegressor(**options).fit(x.repeat(w, axis=0), y.repeat(w))
    order = rng.permutation(15)
    weighted = GaussianMixtureRegressor(**options).fit(x[order], y[order], sample_weight=w[order])
    one, other = repeated.predict(x), weighted.predict(x)
    assert_allclose(one[w > 0], other[w > 0], rtol=1e-9, atol=1e-9)
    condition = np.linalg.cond(repeated.mixture_.covariances[0])
    assert_allclose(one, other, rtol=0, atol=condition * np.finfo(float).eps)


def bent(n=400, seed=0):
    """Two inputs and two outputs that follow them along a curve."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(n, 2))
    y = np.stack([np.abs(x[:, 0]) + x[:, 1], x[:, 0] * x[:, 1]], axis=1)
    return x, y + 0.1 * rng.normal(size=y.shape)


class TestOneComponent:
    def test_it_is_linear_regression(self):
        x, y = bent()
        theirs = LinearRegression().fit(x, y)
        for options in ({}, {"reg_covar": 0.0}, {"covariance_type": "tied"}):
            ours = GaussianMixtureRegressor(1, **options).fit(x, y)
            assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-9, atol=1e-9)

    def test_with_row_weights_too(self):
        x, y = bent()
        w = np.random.default_rng(1).uniform(0, 3, size=len(x))
        theirs = LinearRegression().fit(x, y[:, 0], w)
        ours = GaussianMixtureRegressor(1).fit(x, y[:, 0], w)
        assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-9, atol=1e-9)

    def test_the_spread_is_that_of_the_residuals(self):
        x, y = bent()
        residuals = y - LinearRegression().fit(x, y).predict(x)
        ours = GaussianMixtureRegressor(1, reg_covar=0.0).fit(x, y)
        std = ours.predict(x, return_std=True)[1]
        assert_allclose(std, np.broadcast_to(residuals.std(axis=0), std.shape), rtol=1e-9)
        covariance = ours.predict_distribution(x).total_covariance()
        assert_allclose(covariance[5], residuals.T @ residuals / len(x), rtol=1e-9)

    def test_rows_without_an_output_tell_of_the_inputs_alone(self):
        """With outputs missing, the likelihood falls apart into that of inputs and a regression."""
        x, y = bent()
        y = y[:, 0].copy()
        y[x[:, 0] > 0.5] = np.nan
        known = ~np.isnan(y)
        theirs = LinearRegression().fit(x[known], y[known])
        ours = GaussianMixtureRegressor(1, reg_covar=0.0, tol=1e-13, max_iter=3000).fit(x, y)
        assert_allclose(ours.mixture_.means[0, :2], x.mean(axis=0), atol=1e-6)
        assert_allclose(ours.predict(x), theirs.predict(x), atol=1e-5)


def test_it_is_the_conditional_of_the_joint_density_by_quadrature():
    x, y = bent()
    model = GaussianMixtureRegressor(3, random_state=0).fit(x, y[:, 0])
    m, at = model.mixture_, np.array([0.3, -0.7])
    gaussians = [multivariate_normal(a, s) for a, s in zip(m.means, m.covariances, strict=True)]

    def joint(v, power=0):
        each = [g.pdf([*at, v]) for g in gaussians]
        return v**power * (m.weights @ each)

    mass, first, second = (
        quad(joint, -20, 20, args=(p,), points=[-2, 0, 2], epsabs=1e-12, limit=400)[0]
        for p in range(3)
    )
    mean, std = model.predict([at], return_std=True)
    assert_allclose(mean[0], first / mass, rtol=1e-8)
    assert_allclose(std[0], np.sqrt(second / mass - (first / mass) ** 2), rtol=1e-7)
    assert_array_equal(model.predict([at]), mean)
    middle = model.predict_quantile([at], 0.3)[0]
    below = quad(joint, -20, middle, points=[-2, 0], epsabs=1e-12, limit=400)[0]
    assert_allclose(below / mass, 0.3, atol=1e-8)
    density = model.predict_distribution([at]).log_density([[0.4]])[0]
    assert_allclose(density, np.log(joint(0.4) / mass), rtol=1e-8)


class TestMissingInputs:
    def test_the_mean_by_two_ways_and_by_the_textbook(self):
        """Compiled code completes rows; conditionals go pattern by pattern."""
        x, y = bent()
        model = GaussianMixtureRegressor(3, random_state=0).fit(x, y)
        rows = x[:20].copy()
        rows[::2, 0] = rows[::3, 1] = np.nan
        m = model.mixture_
        mean, std = model.predict(rows, return_std=True)
        assert_allclose(model.predict(rows), mean, rtol=1e-9, atol=1e-9)
        for i, row in enumerate(rows):
            seen = np.flatnonzero(~np.isnan(row))
            joint, means, squares = [], [], []
            for weight, a, s in zip(m.weights, m.means, m.covariances, strict=True):
                inner = s[np.ix_(seen, seen)]
                gain = s[2:, seen] @ np.linalg.inv(inner)
                density = multivariate_normal(a[seen], inner).pdf(row[seen]) if len(seen) else 1.0
                joint.append(weight * density)
                means.append(a[2:] + gain @ (row[seen] - a[seen]))
                squares.append(np.diagonal(s[2:, 2:] - gain @ s[seen, 2:]) + means[-1] ** 2)
            r = np.array(joint) / np.sum(joint)
            assert_allclose(mean[i], r @ means, rtol=1e-8, atol=1e-9)
            assert_allclose(std[i] ** 2, r @ squares - (r @ means) ** 2, rtol=1e-7)

    def test_fits_with_gaps_come_near_those_without(self):
        x, y = bent(2000)
        gaps = x.copy()
        gaps[np.random.default_rng(3).random(x.shape) < 0.2] = np.nan
        whole = GaussianMixtureRegressor(4, random_state=0).fit(x, y)
        some = GaussianMixtureRegressor(4, random_state=0).fit(gaps, y)
        test_x, test_y = bent(1000, seed=9)
        assert some.score(test_x, test_y) > whole.score(test_x, test_y) - 0.05


def test_intervals_hold_what_they_say_where_the_spread_changes():
    """A share of 0.9 of new rows, everywhere; 4.5 standard errors, and a little for the fit."""
    rng = np.random.default_rng(0)

    def drawn(n):
        x = rng.uniform(-3, 3, size=(n, 1))
        return x, np.sin(x[:, 0]) + (0.1 + 0.15 * np.abs(x[:, 0])) * rng.normal(size=n)

    model = GaussianMixtureRegressor(random_state=0).fit(*drawn(6000))
    x, y = drawn(6000)
    low, high = model.predict_quantile(x, [0.05, 0.95]).T
    inside = (low <= y) & (y <= high)
    for part in (slice(None), np.abs(x[:, 0]) < 1, np.abs(x[:, 0]) > 2):
        n = inside[part].size
        assert abs(inside[part].mean() - 0.9) < 4.5 * np.sqrt(0.09 / n) + 0.02
    std = model.predict(x, return_std=True)[1]
    assert_allclose(std, 0.1 + 0.15 * np.abs(x[:, 0]), atol=0.12)


def test_units_do_not_matter():
    x, y = bent()
    scale, factor = np.array([1e-3, 1e4]), np.array([1e5, 1e-2])
    one = GaussianMixtureRegressor(random_state=0).fit(x, y)
    other = GaussianMixtureRegressor(random_state=0).fit(x * scale, y * factor)
    assert one.n_components_ == other.n_components_
    assert_allclose(other.predict(x * scale) / factor, one.predict(x), rtol=1e-6, atol=1e-6)


def test_a_weight_of_two_is_a_row_twice():
    x, y = bent()
    w = np.random.default_rng(1).integers(0, 3, size=len(x))
    options = {"n_components": 2, "init_params": by_sign}
    weighted = GaussianMixtureRegressor(**options).fit(x, y, w)
    repeated = GaussianMixtureRegressor(**options).fit(np.repeat(x, w, 0), np.repeat(y, w, 0))
    assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-8, atol=1e-8)


class TestTheNumberOfComponents:
    def test_a_line_is_one_component_and_an_angle_two(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(500, 1))
        line = 2 * x[:, 0] + rng.normal(size=500)
        assert GaussianMixtureRegressor(random_state=0).fit(x, line).n_components_ == 1
        side = np.where(x[:, 0] > 0, 4.0, -4.0)
        angle = np.abs(x[:, 0] + side) + 0.1 * rng.normal(size=500)
        found = GaussianMixtureRegressor(random_state=0).fit(x + side[:, None], angle)
        assert found.n_components_ == 2

    def test_it_has_the_smallest_bic_up_to_the_largest_number(self):
        x, y = bent()
        each = [GaussianMixtureRegressor(k, random_state=0).fit(x, y).bic_ for k in (1, 2, 3)]
        auto = GaussianMixtureRegressor(max_components=3, random_state=0).fit(x, y)
        assert auto.bic_ <= min(each) + 1e-6  # one that has tried its neighbours
        assert auto.n_components_ == 1 + int(np.argmin(each))

    @pytest.mark.parametrize("gaps", [False, True])
    def test_of_one_component_it_is_that_of_a_line(self, gaps):
        x, y = bent()
        y = y[:, 0].copy()
        y[::4] = np.nan if gaps else y[::4]
        known = ~np.isnan(y)
        mean, std = (model := GaussianMixtureRegressor(1).fit(x, y)).predict(x, return_std=True)
        found = norm.logpdf(y[known], mean[known], std[known]).sum()
        assert_allclose(model.bic_, -2 * found + 4 * np.log(known.sum()), rtol=1e-9)

    def test_by_hand_with_two_outputs_and_three_components(self):
        x, y = bent()
        model = GaussianMixtureRegressor(3, random_state=0).fit(x, y)
        found = model.predict_distribution(x).log_density(y).sum()
        size = 3 * (2 * 3 + 3) + 2 * 3  # lines and spreads, and where each takes over
        assert_allclose(model.bic_, -2 * found + size * np.log(len(x)), rtol=1e-9)

    def test_what_inputs_are_like_is_no_reason_for_more(self):
        rng = np.random.default_rng(0)
        x = np.concatenate([rng.normal(-9, 1, size=(200, 2)), rng.normal(9, 2, size=(200, 2))])
        y = x[:, 0] - x[:, 1] + rng.normal(size=400)
        assert GaussianMixtureRegressor(random_state=0).fit(x, y).n_components_ == 1

    def test_with_more_parameters_than_rows_there_is_one(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(12, 30))
        assert GaussianMixtureRegressor().fit(x, x[:, 0]).n_components_ == 1


class TestShapes:
    def test_one_output_and_a_column_and_two(self):
        x, y = bent()
        for target, shape in ((y[:, 0], ()), (y[:, :1], (1,)), (y, (2,))):
            model = GaussianMixtureRegressor(2, random_state=0).fit(x, target)
            rows = x[:7]
            mean, std = model.predict(rows, return_std=True)
            assert mean.shape == std.shape == (7, *shape)
            assert model.predict_quantile(rows, 0.5).shape == (7, *shape)
            assert model.predict_quantile(rows, [0.1, 0.5, 0.9]).shape == (7, *shape, 3)
            assert model.sample_y(rows, 4).shape == (7, *shape, 4)
            given = model.predict_distribution(rows)
            assert given.dims == tuple(range(2, 2 + model.n_outputs_))
            assert given.mean.shape == (7, model.n_outputs_)

    def test_draws_have_the_mean_and_the_spread(self):
        x, y = bent()
        model = GaussianMixtureRegressor(3, random_state=0).fit(x, y)
        n = 4000
        drawn = model.sample_y(x[:3], n, random_state=1)
        mean, std = model.predict(x[:3], return_std=True)
        assert (np.abs(drawn.mean(axis=2) - mean) < 4.5 * std / np.sqrt(n)).all()
        given = model.predict_distribution(x[:3])
        for row in range(3):
            for dim in (2, 3):
                ends = given.row(row).marginal(dim - 2)
                assert kstest(drawn[row, dim - 2], lambda v, m=ends: m.cdf(v)).pvalue > 1e-4
        assert_array_equal(drawn, model.sample_y(x[:3], n, random_state=1))
        state = np.random.RandomState(0)
        assert model.sample_y(x[:3], 1, state).shape == (3, 2, 1)
        with pytest.raises(ValueError, match="n_samples must be at least 1, but is 0"):
            model.sample_y(x, 0)


class TestTables:
    @pytest.mark.parametrize("library", [pd, pl])
    def test_tables_and_series(self, library):
        x, y = bent()
        table = library.DataFrame({"a": x[:, 0], "b": x[:, 1]})
        target = library.Series(y[:, 0].tolist())
        model = GaussianMixtureRegressor(2, random_state=0).fit(table, target)
        plain = GaussianMixtureRegressor(2, random_state=0).fit(x, y[:, 0])
        assert_array_equal(model.feature_names_in_, ["a", "b"])
        assert_allclose(model.predict(table), plain.predict(x), rtol=1e-12)
        both = library.DataFrame({"u": y[:, 0], "v": y[:, 1]})
        assert GaussianMixtureRegressor(1).fit(table, both).predict(table).shape == y.shape

    def test_missing_values_of_tables(self):
        x, y = bent()
        known = np.arange(len(x)) % 5 > 0
        target = pl.Series([v if k else None for v, k in zip(y[:, 0], known, strict=True)])
        nullable = pd.Series(target.to_list(), dtype="Float64")
        holes = np.where(known, y[:, 0], np.nan)
        expected = GaussianMixtureRegressor(1, random_state=0).fit(x, holes).predict(x)
        for given in (target, nullable, [*target.to_list()]):
            found = GaussianMixtureRegressor(1, random_state=0).fit(x, given).predict(x)
            assert_allclose(found, expected, rtol=1e-12)

    def test_it_lives_among_scikit_learns_tools(self):
        x, y = bent()
        pipeline = make_pipeline(StandardScaler(), GaussianMixtureRegressor(random_state=0))
        assert cross_val_score(pipeline, x, y[:, 0], cv=3).mean() > 0.9
        model = GaussianMixtureRegressor(2, random_state=0).fit(x, y)
        assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))


class TestBadInput:
    def refused(self, y, message, x=None):
        x = np.random.default_rng(0).normal(size=(6, 2)) if x is None else x
        with pytest.raises(ValueError, match=message):
            GaussianMixtureRegressor(1).fit(x, y)

    def test_targets(self):
        y = np.arange(6.0)
        self.refused(None, "requires y to be passed, but the target y is None")
        self.refused(np.where(y == 2, np.inf, y), r"infinity .* The first is inf in row 2: drop")
        self.refused(np.where(y == 3, 1e200, y), r"too large .* The first is 1e\+200 in row 3")
        self.refused(np.full(6, np.nan), "Input y contains NaN in every row of y: nothing can")
        self.refused(
            np.stack([y, np.full(6, np.nan)], axis=1), "contains NaN in every row of column 1 of y"
        )
        self.refused([*"abcdef"], "y must be numbers: .* Turn it into numbers first")
        self.refused(np.ones((6, 2, 2)), r"y must have shape \(n,\) or \(n, m\), not \(6, 2, 2\)")
        self.refused(y[:5], "inconsistent numbers of samples")
        self.refused(y * 1j, "Complex data not supported: y holds complex numbers")

    def test_inputs(self):
        x = np.random.default_rng(0).normal(size=(6, 2))
        x[:, 1] = np.nan
        self.refused(np.arange(6.0), "Input X has nothing in column 1", x)
        with pytest.raises(NotFittedError):
            GaussianMixtureRegressor().predict(x)

    def test_levels(self):
        x, y = bent(50)
        model = GaussianMixtureRegressor(1).fit(x, y)
        with pytest.raises(ValueError, match="levels must be between 0 and 1"):
            model.predict_quantile(x, 1.5)


@pytest.mark.parametrize("k", [3, "auto"])
def test_a_fit_that_has_not_come_to_its_end_says_so(k):
    x, y = bent()
    model = GaussianMixtureRegressor(k, max_iter=1, max_components=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        model.fit(x, y)
    assert not model.converged_


def test_the_density_of_a_line_is_the_normal_density():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 1))
    y = 2 * x[:, 0] + 0.5 * rng.normal(size=300)
    model = GaussianMixtureRegressor(1).fit(x, y)
    mean, std = model.predict(x, return_std=True)
    density = model.predict_distribution(x).log_density(y[:, None])
    assert_allclose(density, norm.logpdf(y, mean, std), rtol=1e-9)
