"""`StudentMixture.intervals`: what it gives, how often it holds the truth, and what it says."""

import warnings

import numpy as np
import pytest
from scipy import stats

from mixtura import HeavyMixture, StudentMixture

TRUTH = HeavyMixture.of([0.4, 0.6], [[0.0], [12.0]], [[[1.0]], [[4.0]]], [3.0, 5.0])


def fitted(x, **options):
    options = {"tol": 1e-7, "reg_covar": 0.0, "max_iter": 3000, "random_state": 0, **options}
    return StudentMixture(2, **options).fit(x)


@pytest.fixture(scope="module")
def rows():
    return TRUTH.sample(600, 0)[0]


@pytest.mark.parametrize(
    "method", ["sandwich", "information", "bootstrap", "weighted", "parametric"]
)
def test_the_table_has_a_row_for_each_parameter(rows, method):
    model = fitted(rows)
    table = model.intervals(rows, method=method, n_boot=25, random_state=1)
    assert table.parameter == (
        *("weight", "weight", "mean[0]", "mean[0]", "scale[0]", "scale[0]"),
        *("degrees_of_freedom", "degrees_of_freedom"),
    )
    np.testing.assert_array_equal(
        table.of(parameter="degrees_of_freedom").estimate, model.degrees_of_freedom_
    )
    np.testing.assert_array_equal(table.of(parameter="scale").estimate, model.scales_.ravel())
    assert (table.lower < table.upper).all()
    assert (table.lower[4:] > 0).all()
    assert not table.notes
    assert table.n_boot == (0 if method in ("sandwich", "information") else 25)


def test_what_is_common_stands_once_and_what_is_given_not_at_all(rows):
    common = fitted(rows, degrees_of_freedom="common", covariance_type="tied").intervals(rows)
    assert common.of(parameter="degrees_of_freedom").component.tolist() == [-1]
    assert common.of(parameter="scale").component.tolist() == [-1]
    given = fitted(rows, degrees_of_freedom=4.0).intervals(rows)
    assert "degrees_of_freedom" not in given.parameter


def test_errors_are_those_of_the_fishers_information_of_one_t():
    """Of Lange, Little and Taylor: for one t on a line they are in closed form."""
    v, n, truth = 4.0, 40_000, HeavyMixture.of([1.0], [[0.0]], [[[2.0]]], 4.0)
    x = truth.sample(n, 3)[0]
    model = StudentMixture(degrees_of_freedom=v, reg_covar=0.0, tol=1e-10).fit(x)
    table = model.intervals(x, method="information")
    of_mean = np.sqrt(2.0 * (v + 3) / (v + 1) / n)
    of_scale = 2.0 * np.sqrt(2.0 * (v + 3) / v / n)
    assert table.of(parameter="mean").standard_error[0] == pytest.approx(of_mean, rel=0.04)
    assert table.of(parameter="scale").standard_error[0] == pytest.approx(of_scale, rel=0.04)


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_intervals_hold_the_truth_as_often_as_they_say(gaps):
    """80 % intervals of all parameters together in repeated samples, with a binomial tolerance."""
    truth = HeavyMixture.of(
        [0.5, 0.5], [[0.0, 0.0], [15.0, 5.0]], [np.eye(2), [[2.0, 0.6], [0.6, 1.0]]], [3.0, 4.0]
    )
    upper = np.triu_indices(2)
    held, samples = [], 30
    for seed in range(samples):
        rng = np.random.default_rng(seed)
        x = truth.sample(500, rng)[0]
        if gaps:
            x[rng.random(x.shape) < 0.15] = np.nan

        def begin(*_):
            return truth.gaussian

        model = fitted(x, init_params=begin, tol=1e-6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = model.intervals(x, level=0.8)
        for k in range(2):
            own = table.of(component=k)
            expected = np.concatenate(
                [
                    truth.weights[k : k + 1],
                    truth.locations[k],
                    np.diagonal(truth.gaussian.covariances[k]),
                    truth.gaussian.covariances[k][0, 1:],
                    truth.degrees[k : k + 1],
                ]
            )
            held.append((own.lower <= expected) & (expected <= own.upper))
    held = np.array(held)
    assert len(upper[0]) == 3
    # Parameters of one sample go together a little: as if there were one in three.
    n = held.size / 3
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], int(n), 0.8) / n
    assert low < held.mean() < high


def test_degrees_at_the_end_of_their_range_are_told():
    x = np.random.default_rng(5).uniform(-1, 1, size=(300, 1))  # tails lighter than any t's
    model = StudentMixture().fit(x)
    assert model.degrees_of_freedom_[0] == pytest.approx(1000.0)
    with pytest.warns(UserWarning, match="component 0 has degrees of freedom at an end of what"):
        table = model.intervals(x)
    assert "degrees_of_freedom" not in table.parameter
    assert np.isfinite(table.standard_error).all()


def test_bootstraps_take_gaps():
    rng = np.random.default_rng(6)
    x = TRUTH.sample(200, rng)[0]
    x = np.column_stack([x, rng.normal(size=200)])
    x[rng.random(x.shape) < 0.2] = np.nan
    model = fitted(x, degrees_of_freedom="common", covariance_type="diag")
    by_rows = model.intervals(x, method="bootstrap", n_boot=40, random_state=0)
    by_curve = model.intervals(x)
    means = by_curve.of(parameter="mean").standard_error
    np.testing.assert_allclose(by_rows.of(parameter="mean").standard_error, means, rtol=0.6)
    drawn = model.intervals(x, method="parametric", n_boot=5, random_state=0)
    assert (drawn.lower < drawn.upper).all()


def test_options_that_are_none(rows):
    with pytest.raises(ValueError, match="method must be one of .*'sandwich'.*not 'jackknife'"):
        fitted(rows).intervals(rows, method="jackknife")
