"""`GaussianMixture.intervals`: what it gives, how often it holds the truth, and what it says."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mixtura import GaussianMixture, Mixture
from mixtura.estimators.refits import Refits
from mixtura.model.covariance import FAMILIES, factor_family

METHODS = ["sandwich", "information", "bootstrap", "weighted", "parametric"]


def two_groups(rng, n=150, d=2):
    x = rng.normal(size=(n, d))
    x[: n // 3] += 7.0
    return x


def fitted(x, k=2, **options):
    options = {"tol": 1e-7, "max_iter": 2000, "random_state": 0, **options}
    return GaussianMixture(k, **options).fit(x)


@pytest.fixture(scope="module")
def rows():
    return two_groups(np.random.default_rng(0))


@pytest.fixture(scope="module")
def model(rows):
    return fitted(rows)


@pytest.mark.parametrize("method", METHODS)
def test_the_table_has_a_row_for_each_parameter(model, rows, method):
    table = model.intervals(rows, method=method, n_boot=30, random_state=1)
    assert len(table) == 2 + 4 + 6
    assert [*table.to_dict()] == [
        "parameter", "component", "estimate", "standard_error", "lower", "upper",
    ]  # fmt: skip
    weights = table.of(parameter="weight")
    np.testing.assert_array_equal(weights.estimate, model.weights_)
    np.testing.assert_array_equal(weights.component, [0, 1])
    np.testing.assert_array_equal(table.of(parameter="mean[1]").estimate, model.means_[:, 1])
    second = table.of(parameter="covariance", component=1)
    np.testing.assert_array_equal(second.estimate, model.covariances_[1, 0, 1])
    assert (table.lower < table.upper).all()
    assert (table.standard_error > 0).all()
    np.testing.assert_allclose(np.sqrt(np.diagonal(table.covariance)), table.standard_error)
    assert table.method == method
    assert table.n_boot == (0 if method in METHODS[:2] else 30)
    assert table.n_rows == 150
    assert not table.notes
    variances = table.of(parameter="variance")
    assert (variances.lower > 0).all()
    assert (weights.lower > 0).all()
    assert (weights.upper < 1).all()


def test_all_families_and_one_component(rows):
    for family in FAMILIES:
        table = fitted(rows, covariance_type=family).intervals(rows)
        assert np.isfinite(table.standard_error).all(), family
    assert "weight" not in fitted(rows, k=1).intervals(rows).parameter


def test_what_components_share_stands_once(rows):
    table = fitted(rows, covariance_type="tied").intervals(rows)
    shared = table.of(component=-1)
    assert shared.parameter == ("variance[0]", "variance[1]", "covariance[0, 1]")
    assert "all" in repr(shared)


def test_normal_intervals_are_the_transformed_ones(model, rows):
    table = model.intervals(rows, level=0.9)
    z = 1.6448536269514722  # R: qnorm(0.95)
    means = table.of(parameter="mean")
    np.testing.assert_allclose(means.upper - means.estimate, z * means.standard_error)
    np.testing.assert_allclose(means.estimate - means.lower, z * means.standard_error)
    variances = table.of(parameter="variance")
    half = z * variances.standard_error / variances.estimate
    np.testing.assert_allclose(np.log(variances.upper / variances.estimate), half)
    np.testing.assert_allclose(np.log(variances.estimate / variances.lower), half)
    weights = table.of(parameter="weight")
    p = weights.estimate
    half = z * weights.standard_error / (p * (1 - p))
    odds = np.log(weights.upper / (1 - weights.upper)) - np.log(p / (1 - p))
    np.testing.assert_allclose(odds, half)


def test_names_of_columns_and_the_ways_to_print():
    rng = np.random.default_rng(2)
    x = pd.DataFrame(two_groups(rng), columns=["age", "<b>pay</b>"])
    table = fitted(x).intervals(x)
    assert table.parameter[2:4] == ("mean[age]", "mean[<b>pay</b>]")
    text = repr(table)
    assert text.splitlines()[0] == "95 % intervals of 12 parameters, 150 rows (sandwich)"
    assert "mean[age]" in text
    page = table._repr_html_()
    assert "<b>pay" not in page
    assert "&lt;b&gt;pay" in page
    frame = table.to_pandas()
    assert [*frame] == [*table.to_dict()]
    assert len(frame) == 12
    np.testing.assert_array_equal(frame.estimate, table.estimate)


def test_a_long_table_is_cut_when_printed():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 11))
    table = fitted(x, k=1).intervals(x)
    assert len(table) == 77
    assert "... and 17 more rows; to_dict() and to_pandas() have all" in repr(table)


def test_of_says_what_there_is(model, rows):
    with pytest.raises(ValueError, match=r"no parameter 'slope' of component None.*weight, mean"):
        model.intervals(rows).of(parameter="slope")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 1.0}, "level must be between 0 and 1, but is 1.0"),
        ({"method": "jackknife"}, "method must be one of .*'sandwich'.*not 'jackknife'"),
        ({"kind": "bca"}, "kind must be one of .*'percentile'.*not 'bca'"),
        ({"n_boot": 1}, "n_boot must be 2 at the least, but is 1"),
    ],
)
def test_options_that_are_none(model, rows, options, message):
    with pytest.raises(ValueError, match=message):
        model.intervals(rows, **options)


def test_too_many_parameters_for_a_matrix(rows, monkeypatch):
    monkeypatch.setattr("mixtura.estimators.intervals.MOST", 5)
    with pytest.raises(ValueError, match="12 coordinates, too many .* use method='weighted'"):
        fitted(rows).intervals(rows)


def test_weights_that_add_up_to_nothing_much(model, rows):
    with pytest.raises(ValueError, match=r"adds up to 1, and a weight counts equal rows"):
        model.intervals(rows, np.full(150, 1 / 150), method="bootstrap")


# What is warned of


def test_a_fit_that_stopped_early_is_told(model, rows):
    end = model.mixture_
    away = Mixture.of(end.weights, end.means + 0.3, end.covariances)
    early = GaussianMixture.from_mixture(away)
    for method in ("sandwich", "bootstrap"):
        with pytest.warns(UserWarning, match="standard errors from the maximum.*smaller tol"):
            table = early.intervals(rows, method=method, n_boot=60, random_state=0)
        assert "smaller tol" in table.notes[0]
        assert "! an estimate" in repr(table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = GaussianMixture(2, max_iter=1, init_params="random", random_state=0).fit(rows)
    with pytest.warns(UserWarning, match="at no maximum of the objective.*larger max_iter"):
        start.intervals(rows)


def test_a_component_of_few_rows_is_told():
    x = two_groups(np.random.default_rng(4), n=12)
    with pytest.warns(UserWarning, match="component . rests on 4 rows and has 6 parameters of"):
        fitted(x).intervals(x)


def test_a_singular_matrix_is_told():
    x = np.random.default_rng(5).normal(size=(100, 1))
    one = Mixture.of([0.5, 0.5], np.full((2, 1), x.mean()), np.full((2, 1, 1), x.var()))
    twins = GaussianMixture.from_mixture(one, reg_covar=0.0)
    with pytest.warns(UserWarning, match="at no maximum|information matrix is singular"):
        table = twins.intervals(x)
    assert np.isnan(table.of(parameter="weight").standard_error).all()


def test_a_component_that_no_row_says_anything_of_is_told(model, rows):
    end = model.mixture_
    lost = Mixture.of(
        [*(0.99 * end.weights), 0.01],
        np.concatenate([end.means, [[1e3, 1e3]]]),
        np.concatenate([end.covariances, np.eye(2)[None]]),
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = GaussianMixture.from_mixture(lost, reg_covar=0.0).intervals(rows)
    assert [str(each.message) for each in caught] == [*table.notes]
    assert {each.filename for each in caught} == {__file__}
    assert "component 2 rests on 1.5 rows and has 6 parameters of its own" in table.notes[0]
    assert "the information matrix is singular: 5 of 18 parameters" in table.notes[1]
    assert np.isnan(table.of(component=2).standard_error).sum() == 5
    assert np.isfinite(table.of(component=0).standard_error).all()


def test_a_component_without_weight_is_told(rows):
    model = fitted(rows)
    means = np.concatenate([model.means_, [[90.0, 90.0]]])
    covariances = np.concatenate([model.covariances_, np.eye(2)[None]])
    more = Mixture.of([*model.weights_, 0.0], means, covariances)
    with pytest.warns(UserWarning, match="component 2 has no weight"):
        table = GaussianMixture.from_mixture(more).intervals(rows)
    np.testing.assert_array_equal(np.unique(table.component), [0, 1])


def test_components_that_vanish_are_told():
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.normal(size=(80, 1)), [[30.0], [30.5]]])
    model = fitted(x)
    with pytest.warns(UserWarning, match=r"component \d vanished in \d+ of 150 replicates"):
        table = model.intervals(x, method="bootstrap", n_boot=150, random_state=0)
    assert np.isfinite(table.standard_error).all()


def test_replicates_that_cannot_be_fitted_are_told():
    x = two_groups(np.random.default_rng(7), n=40)
    x[3:, 1] = np.nan  # three numbers: none of them is drawn in a twentieth of the replicates
    model = fitted(x, k=1, covariance_type="diag")
    with pytest.warns(UserWarning, match=r"\d+ of 80 replicates could not be fitted"):
        table = model.intervals(x, method="bootstrap", n_boot=80, random_state=0)
    assert table.n_boot < 80
    x[1:, 1] = np.nan
    x[:1] = [1.0, 2.0]
    w = np.r_[1e-9, np.ones(39)]
    lone = fitted(x, k=1, covariance_type="diag")
    with pytest.raises(ValueError, match="of 5 replicates 0 could be fitted.*method='weighted'"):
        lone.intervals(x, w, method="bootstrap", n_boot=5, random_state=0)


# The bootstrap


@pytest.mark.parametrize("method", ["bootstrap", "weighted", "parametric"])
def test_of_one_gaussian_the_mean_has_the_error_of_the_textbook(method):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(200, 1))
    n_boot = 800
    table = fitted(x, k=1, reg_covar=0.0).intervals(x, method=method, n_boot=n_boot, random_state=1)
    mean = table.of(parameter="mean")
    # The Dirichlet's error is smaller by (n / (n + 1))^½.
    expected = x.std() / np.sqrt(200)
    np.testing.assert_allclose(mean.standard_error, expected, rtol=4.5 / np.sqrt(2 * n_boot))
    normal = fitted(x, k=1, reg_covar=0.0).intervals(
        x, method=method, n_boot=n_boot, random_state=1, kind="normal"
    )
    np.testing.assert_array_equal(normal.standard_error, table.standard_error)
    # A percentile of n_boot draws has an error of about 2.7 standard errors over root n_boot.
    tolerance = 4.5 * 2.7 / np.sqrt(n_boot) * expected
    np.testing.assert_allclose(
        normal.of(parameter="mean").lower, mean.lower, rtol=0, atol=tolerance
    )


def test_the_same_seed_gives_the_same_table(model, rows):
    for method in ("bootstrap", "weighted", "parametric"):
        one, two = (
            model.intervals(rows, method=method, n_boot=20, random_state=3) for _ in range(2)
        )
        np.testing.assert_array_equal(one.lower, two.lower)


@pytest.mark.parametrize("family", FAMILIES)
def test_compiled_refits_come_to_the_end_of_the_loop(family, monkeypatch):
    rng = np.random.default_rng(9)
    x = two_groups(rng)
    model = fitted(x, covariance_type=family)
    weights = [rng.multinomial(150, np.full(150, 1 / 150)).astype(float) for _ in range(3)]

    def refits():
        made = Refits(model, model.mixture_, x, np.ones(150), False)
        made.tol = 1e-10
        return [*made.weighted(iter(weights))]

    brief = refits()
    monkeypatch.setattr(Refits, "_brief", lambda self, plan: False)
    for one, other in zip(brief, refits(), strict=True):
        np.testing.assert_allclose(one.means, other.means, atol=1e-3)
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-3)


def test_gaps_and_weights_go_into_every_method():
    rng = np.random.default_rng(10)
    x = two_groups(rng, n=240)
    x[rng.random(x.shape) < 0.15] = np.nan
    w = rng.integers(0, 3, 240)
    model = GaussianMixture(2, tol=1e-8, max_iter=2000, random_state=0)
    model.fit(x, sample_weight=w)
    repeated = np.repeat(x, w, axis=0)
    one, two = model.intervals(x, w), model.intervals(repeated)
    np.testing.assert_allclose(one.standard_error, two.standard_error, rtol=1e-6)
    sandwich = one.of(parameter="mean").standard_error
    for method in ("bootstrap", "weighted", "parametric"):
        table = model.intervals(x, w, method=method, n_boot=60, random_state=0)
        ratio = table.of(parameter="mean").standard_error / sandwich
        assert (np.abs(np.log(ratio)) < 0.5).all(), method


# How often they hold the truth


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, level, n_tables = np.random.default_rng(11), 0.9, 200
    truth = Mixture.of([0.4, 0.6], [[0.0], [6.0]], [[[1.0]], [[2.0]]])
    expected = np.array([0.4, 0.6, 0.0, 6.0, 1.0, 2.0])

    def begin(*_):
        return truth

    held = np.zeros((2, 6))
    for _ in range(n_tables):
        x = truth.sample(300, rng)[0]
        model = GaussianMixture(2, init_params=begin, tol=1e-7, max_iter=500).fit(x)
        for row, method in enumerate(("sandwich", "information")):
            table = model.intervals(x, method=method, level=level)
            held[row] += (table.lower <= expected) & (expected <= table.upper)
    # Four binomial standard errors, and a twentieth for there being 300 rows only.
    tolerance = 4 * np.sqrt(level * (1 - level) / n_tables) + 0.02
    assert (np.abs(held / n_tables - level) < tolerance).all()


def test_for_rows_of_the_model_both_ways_agree_and_for_others_the_sandwich_holds():
    rng = np.random.default_rng(12)
    truth = Mixture.of([0.4, 0.6], [[0.0], [8.0]], [[[1.0]], [[2.0]]])
    x = truth.sample(40_000, rng)[0]
    model = fitted(x)
    one, two = (model.intervals(x, method=m) for m in ("sandwich", "information"))
    # The error of a fourth moment of n normal numbers is (96 / n)^½ of 3.
    np.testing.assert_allclose(one.standard_error, two.standard_error, rtol=0.06)
    # Laplace: the fourth moment is 6 σ⁴, so the variance of the variance is 5 σ⁴ / n, not 2.
    heavy = rng.laplace(size=(20_000, 1))
    table = fitted(heavy, k=1).intervals(heavy).of(parameter="variance")
    np.testing.assert_allclose(
        table.standard_error, np.sqrt(5 / 20_000) * table.estimate, rtol=0.15
    )


def test_intervals_of_factor_analysers_hold_the_truth_as_often_as_they_say():
    """80 % intervals of matrices and noise in repeated samples, with a binomial tolerance."""
    rng = np.random.default_rng(11)
    family = factor_family("UUC", 1)
    values = np.concatenate([rng.normal(size=(2, 4, 1)), [[[0.5]] * 4, [[0.8]] * 4]], axis=2)
    truth = Mixture.of([0.5, 0.5], [[0.0] * 4, [9.0] * 4], values, family=family)
    row, column = np.triu_indices(4, 1)
    held = []
    for seed in range(25):
        x = truth.sample(400, seed)[0]
        model = fitted(x, covariance_type="UUC:1", init_params=lambda *_: truth, reg_covar=0.0)
        table = model.intervals(x, level=0.8)
        for k, matrix in enumerate(truth.covariances):
            own = table.of(component=k)
            assert own.parameter[-1] == "noise_variance"
            expected = [truth.weights[k], *truth.means[k], *np.diagonal(matrix)]
            expected += [*matrix[row, column], truth.covariance.noise_variances[k, 0]]
            held.append((own.lower <= expected) & (expected <= own.upper))
    held = np.array(held)
    n = held.size / 4  # entries of a matrix of one factor go together
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], int(n), 0.8) / n
    assert low < held.mean() < high


def test_bootstraps_of_factor_analysers_agree_with_the_curvature():
    truth = Mixture.of([1.0], [[0.0] * 4], [[[1.5, 0.5], [1.0, 0.6], [0.8, 0.7], [1.2, 0.8]]],
                       family="CCU:1")  # fmt: skip
    x = truth.sample(500, 2)[0]
    model = fitted(x, k=1, covariance_type="CCU:1")
    by_curve = model.intervals(x)
    by_rows = model.intervals(x, method="bootstrap", n_boot=100, random_state=0)
    assert by_curve.parameter == by_rows.parameter
    assert by_curve.parameter[-4:] == tuple(f"noise_variance[{j}]" for j in range(4))
    np.testing.assert_allclose(by_rows.standard_error, by_curve.standard_error, rtol=0.4)
