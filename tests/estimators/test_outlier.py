"""Outliers: what a threshold promises, by closed forms and by simulation."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixtureOutlierDetector
from mixtura.learn.calibration import Reference

FEW_HELD_OUT = "ignore:.* rows are held out, too few for any row:UserWarning"
CHECKED = [
    {},
    {"method": "model"},
    {"contamination": 0.1},
    {"method": "model", "contamination": 0.1},
    {"method": "model", "covariance_type": "tied"},
    {"covariance_type": "diag", "n_components": 2},
    {"covariance_type": "spherical", "contamination": 0.2},
]
# No start that draws rows, and no choice of rows to hold out, can meet the check of row weights.
DRAWS_ROWS = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}


def described(options):
    return ",".join(f"{key}={value}" for key, value in options.items()) or "defaults"


def every_check():
    for options in CHECKED:
        draws = "n_components" in options or "method" not in options
        for _, check in estimator_checks_generator(GaussianMixtureOutlierDetector(**options)):
            name = getattr(check, "func", check).__name__
            if not (draws and name in DRAWS_ROWS):
                yield pytest.param(options, check, id=f"{described(options)}-{name}")


@pytest.mark.filterwarnings(FEW_HELD_OUT, "ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("options", "check"), [*every_check()])
def test_every_check_of_scikit_learn(options, check):
    check(GaussianMixtureOutlierDetector(**options))


def blobs(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(size=(n, 3)), rng.normal(8.0, 0.5, size=(n, 3))])


def squared_distances(model, rows):
    (mean,), (matrix,) = model.mixture_.means, model.mixture_.covariances
    y = rows - mean
    return np.einsum("nd,nd->n", y, np.linalg.solve(matrix, y.T).T)


class TestCalibrationByTheModel:
    """Of one Gaussian, squared distances are χ² distributed."""

    @pytest.fixture
    def model(self):
        x = np.random.default_rng(0).normal(size=(500, 4))
        return GaussianMixtureOutlierDetector(1, method="model", random_state=0).fit(x)

    def test_the_threshold(self, model):
        spread = np.linalg.slogdet(2 * np.pi * model.mixture_.covariances[0])[1]
        below = chi2.sf(-2 * model.offset_ - spread, 4)
        assert abs(below - 0.05) < 4.5 * np.sqrt(0.05 * 0.95 / 100_000)

    def test_p_values(self, model):
        rows = np.random.default_rng(1).normal(size=(50, 4)) * 1.3
        exact = chi2.sf(squared_distances(model, rows), 4)
        off = np.abs(model.p_values(rows) - exact)
        assert (off < 4.5 * np.sqrt(exact * (1 - exact) / 100_000) + 1e-5).all()

    def test_p_values_of_rows_with_gaps(self, model):
        """As many degrees of freedom as there are numbers; ranks are among 4,096 draws."""
        rows = np.random.default_rng(1).normal(size=(60, 4)) * 1.3
        rows[:20, 0] = rows[20:40, 1:3] = rows[40:, :3] = np.nan
        found = model.p_values(rows)
        for i, row in enumerate(rows):
            seen = np.flatnonzero(~np.isnan(row))
            y = row[seen] - model.mixture_.means[0][seen]
            inner = model.mixture_.covariances[0][np.ix_(seen, seen)]
            exact = chi2.sf(y @ np.linalg.solve(inner, y), len(seen))
            # Draws of the pattern and of whole rows are both rank by chance.
            assert abs(found[i] - exact) < 4.5 * np.sqrt(2 * exact * (1 - exact) / 4096) + 2e-3

    def test_far_out_rows_with_gaps_keep_their_order(self, model):
        rows = np.full((4, 4), np.nan)
        rows[:, 1] = [10.0, 20.0, 30.0, 40.0]
        scores = model.score_samples(rows)
        assert (np.diff(scores) < -100).all()
        assert (model.predict(rows) == -1).all()

    def test_a_row_of_nothing_is_no_outlier(self, model):
        nothing = np.full((1, 4), np.nan)
        assert model.predict(nothing) == [1]
        assert 0.4 < model.p_values(nothing)[0] < 0.6


def test_conformal_false_alarms_come_at_the_rate_promised_whatever_the_distribution():
    """Of m rows held out, a new one is below the threshold with probability ⌊α (m + 1)⌋ / (m + 1).

    On average over tables; within 4.5 standard errors of that mean, for rows of heavy tails.
    """
    level, rates = 0.1, []
    rng = np.random.default_rng(0)
    options = {"method": "conformal", "level": level, "calibration_share": 0.5}
    for seed in range(250):
        x = rng.standard_t(2.0, size=(60 + 200, 2)) * [1.0, 50.0]
        model = GaussianMixtureOutlierDetector(1, random_state=seed, **options).fit(x[:60])
        assert len(model.calibration_scores_) == 30
        rates.append((model.predict(x[60:]) < 0).mean())
    promised = np.floor(level * 31) / 31
    error = np.std(rates) / np.sqrt(len(rates))
    assert abs(np.mean(rates) - promised) < 4.5 * error
    assert error < 0.005


def test_with_gaps_the_promise_holds_too():
    level, rates = 0.1, []
    rng = np.random.default_rng(0)
    options = {"method": "conformal", "level": level, "calibration_share": 0.5}
    for seed in range(60):
        x = rng.standard_t(3.0, size=(60 + 100, 2))
        x[rng.random(x.shape) < 0.2] = np.nan
        model = GaussianMixtureOutlierDetector(1, random_state=seed, **options).fit(x[:60])
        rates.append((model.predict(x[60:]) < 0).mean())
    error = np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) < np.floor(level * 31) / 31 + 4.5 * error
    assert error < 0.012


@pytest.mark.parametrize("method", ["model", "conformal"])
@pytest.mark.parametrize("level", [0.02, 0.1, 0.5])
def test_outliers_are_the_rows_whose_p_value_is_at_most_the_level(method, level):
    x = blobs()
    weights = np.random.default_rng(2).integers(0, 3, size=len(x))
    model = GaussianMixtureOutlierDetector(2, method=method, level=level, random_state=0)
    for w in (None, weights):
        model.fit(x, sample_weight=w)
        rows = np.concatenate([x, blobs(seed=5) + 1.0])
        found = model.predict(rows)
        assert_array_equal(found == -1, model.p_values(rows) <= level)
        assert_array_equal(found == -1, model.decision_function(rows) < 0)
        assert_allclose(model.decision_function(rows), model.score_samples(rows) - model.offset_)


class TestContamination:
    @pytest.mark.parametrize("method", ["model", "conformal"])
    def test_that_share_of_the_training_rows_are_outliers(self, method):
        x = blobs()
        model = GaussianMixtureOutlierDetector(contamination=0.07, method=method, random_state=0)
        assert (model.fit_predict(x) == -1).sum() == 42

    def test_planted_outliers_are_found(self):
        rng = np.random.default_rng(1)
        x = np.concatenate([blobs(), rng.uniform(-20, 28, size=(30, 3))])
        model = GaussianMixtureOutlierDetector(2, contamination=30 / 630, random_state=0)
        found = model.fit_predict(x)
        assert (found[-30:] == -1).mean() > 0.9


class TestReference:
    def test_weights_are_rows_several_times(self):
        rng = np.random.default_rng(0)
        scores, w = rng.normal(size=50), rng.integers(0, 4, size=50)
        one, other = Reference.of(scores, w.astype(float)), Reference.of(np.repeat(scores, w))
        at = np.concatenate([scores, rng.normal(size=20)])
        assert_array_equal(one.p_values(at), other.p_values(at))
        for level in np.linspace(0.001, 0.5, 61):
            assert one.threshold(level) == other.threshold(level)
            expected = np.percentile(np.repeat(scores, w), 100 * level)
            assert_allclose(one.percentile(level), expected, rtol=1e-12)

    def test_p_values_by_counting(self):
        scores = np.array([3.0, 1.0, 2.0, 2.0])
        found = Reference.of(scores).p_values(np.array([0.5, 1.0, 2.0, 2.5, 9.0]))
        assert_allclose(found, np.array([1, 2, 4, 4, 5]) / 5)

    @pytest.mark.parametrize("m", [9, 19, 20, 99, 999])
    @pytest.mark.parametrize("level", [0.01, 0.05, 0.1, 0.3, 0.5])
    def test_the_threshold_is_that_of_p_values(self, m, level):
        scores = np.random.default_rng(m).permutation(m).astype(float)
        found = Reference.of(scores)
        rows = np.arange(-1.0, m + 1) + 0.5
        low = found.p_values(rows) <= level + 1e-12
        assert_array_equal(rows < found.threshold(level), low)


def by_sign(X, n_components, random_state):
    return (X[:, 0] > 4).astype(int)


def test_a_weight_of_two_is_a_row_twice():
    x = blobs()
    w = np.random.default_rng(1).integers(0, 3, size=len(x))
    options = {"method": "model", "init_params": by_sign, "random_state": 0}
    weighted = GaussianMixtureOutlierDetector(2, **options).fit(x, sample_weight=w)
    repeated = GaussianMixtureOutlierDetector(2, **options).fit(np.repeat(x, w, 0))
    assert_allclose(weighted.decision_function(x), repeated.decision_function(x), rtol=1e-6)


def test_units_move_scores_and_no_verdict():
    x, scale = blobs(), np.array([1e-3, 1.0, 1e4])
    one = GaussianMixtureOutlierDetector(random_state=0).fit(x)
    other = GaussianMixtureOutlierDetector(random_state=0).fit(x * scale)
    rows = blobs(seed=4) * 1.2
    assert_allclose(
        one.score_samples(rows), other.score_samples(rows * scale) + np.log(scale).sum(), rtol=1e-6
    )
    assert_array_equal(one.predict(rows), other.predict(rows * scale))


def test_collinear_columns_do_not_hide_who_leaves_the_line():
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    x = np.stack([a, 2 * a, 3 - a], axis=1)
    model = GaussianMixtureOutlierDetector(random_state=0).fit(x)
    assert_array_equal(model.predict([[0.5, 1.0, 2.5], [0.5, 1.1, 2.5]]), [1, -1])


@pytest.mark.parametrize("library", [pd, pl])
def test_tables_with_gaps(library):
    x = blobs()
    x[::7, 1] = np.nan
    columns = {name: [None if v != v else v for v in x[:, j]] for j, name in enumerate("abc")}
    table = library.DataFrame(columns)
    model = GaussianMixtureOutlierDetector(2, random_state=0).fit(table)
    plain = GaussianMixtureOutlierDetector(2, random_state=0).fit(x)
    assert_array_equal(model.predict(table), plain.predict(x))
    assert_array_equal(model.feature_names_in_, ["a", "b", "c"])


class TestBadInput:
    def test_too_few_rows_to_hold_some_out(self):
        with pytest.raises(ValueError, match="n_samples = 2: bring at least 3, or use method='mod"):
            GaussianMixtureOutlierDetector(method="conformal").fit(np.eye(2))

    def test_too_few_rows_held_out(self):
        model = GaussianMixtureOutlierDetector(method="conformal", random_state=0)
        with pytest.warns(UserWarning, match="18 rows are held out, too few .* level of 0.05: br"):
            model.fit(blobs(30))
        assert model.offset_ == -np.inf
        assert (model.predict(np.full((1, 3), 1e3)) == 1).all()

    def test_columns_of_nothing_and_no_fit(self):
        x = blobs(20)
        x[:, 1] = np.nan
        with pytest.raises(ValueError, match="Input X has nothing in column 1"):
            GaussianMixtureOutlierDetector().fit(x)
        with pytest.raises(NotFittedError):
            GaussianMixtureOutlierDetector().predict(x)

    def test_a_fit_that_has_not_come_to_its_end_says_so(self):
        with pytest.warns(ConvergenceWarning, match="did not converge"):
            GaussianMixtureOutlierDetector(3, max_iter=1, random_state=0).fit(blobs())
