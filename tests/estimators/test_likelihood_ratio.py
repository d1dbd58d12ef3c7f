"""`likelihood_ratio_test`: statistics of mclust's vignette, p-values, and how it ends."""

import numpy as np
import pytest

from mixtura import GaussianMixture, likelihood_ratio_test
from mixtura.estimators.likelihood_ratio import LikelihoodRatioTest, Step
from tests.oracles.tables import table


def two(seed, n=60):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 6.0])


def test_two_groups_are_found_step_by_step():
    test = likelihood_ratio_test(two(0), n_boot=59, random_state=0)
    assert [step.n_components for step in test] == [1, 2]
    assert test[0].p_value == pytest.approx(1 / 60)
    assert test[0].n_boot == 59
    assert test[1].p_value > 0.05
    assert test.n_components == 2


def test_the_statistic_is_twice_the_gain_of_the_log_likelihood():
    x = two(1)
    step = likelihood_ratio_test(x, 1, n_boot=1, random_state=0)[0]
    gained = [
        len(x)
        * GaussianMixture(k, tol=1e-5, max_iter=1000, n_init=5, random_state=0).fit(x).score(x)
        for k in (1, 2)
    ]
    np.testing.assert_allclose(step.statistic, 2 * (gained[1] - gained[0]), rtol=1e-5)


def test_the_statistic_of_mclusts_vignette_is_reached():
    """mclustBootstrapLRT(diabetes, modelName = "VVV"): one against two is 361.167.

    Two components can be likelier than mclust finds them from its start; one cannot.
    """
    step = likelihood_ratio_test(table("diabetes"), 1, reg_covar=0.0, n_boot=1, random_state=0)[0]
    assert step.statistic >= 361.167 - 0.01


def test_it_stops_once_enough_samples_gained_as_much():
    x = np.random.default_rng(2).normal(size=(50, 1))
    step = likelihood_ratio_test(
        x, 1, covariance_type="tied", n_boot=500, stop_after=5, random_state=0
    )[0]
    assert 5 <= step.n_boot < 500
    assert step.p_value == 5 / step.n_boot
    every = likelihood_ratio_test(
        x, 1, covariance_type="tied", n_boot=19, stop_after=None, random_state=0
    )[0]
    assert every.n_boot == 19
    np.testing.assert_allclose(20 * every.p_value, round(20 * every.p_value), atol=1e-9)


def test_p_values_of_one_gaussian_are_uniform():
    """Of 40 samples no more are below 0.2 than 99.9 % of binomial counts are."""
    rng = np.random.default_rng(3)
    small = 0
    for seed in range(40):
        test = likelihood_ratio_test(
            rng.normal(size=(40, 1)),
            1,
            covariance_type="tied",
            n_boot=19,
            stop_after=8,
            n_init=1,
            random_state=seed,
        )
        small += test[0].p_value <= 0.2
    assert small <= 16  # scipy.stats.binom.ppf(0.999, 40, 0.2)


def test_missing_numbers_stay_missing_in_the_samples():
    x = two(4)
    x[np.random.default_rng(5).uniform(size=x.shape) < 0.15] = np.nan
    test = likelihood_ratio_test(x, 1, n_boot=9, random_state=0)
    assert test[0].p_value == pytest.approx(0.1)


def test_it_prints_as_a_table():
    test = LikelihoodRatioTest([Step(1, 361.1668, 0.001, 999), Step(2, 1.5, 0.25, 80)], 0.05)
    assert repr(test) == (
        "components   statistic   p-value   samples\n"
        "    1 vs 2     361.167    0.0010       999\n"
        "    2 vs 3       1.500    0.2500        80"
    )
    assert "<td>1 vs 2</td>" in test._repr_html_()
    assert test.n_components == 2
    assert LikelihoodRatioTest(test[:1], 0.05).n_components == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components must be at least 1, not 0"),
        ({"covariance_type": "round"}, "no covariance type 'round': choose one of"),
        ({"n_boot": 0}, "n_boot must be at least 1"),
        ({"stop_after": 0}, "stop_after must be at least 1, or None"),
        ({"level": 1.0}, "level must be between 0 and 1"),
        ({"max_components": 0}, "max_components must be at least 1"),
        ({"n_components": 120}, "121 components cannot be fitted to 120 rows"),
    ],
)
def test_messages(options, message):
    with pytest.raises(ValueError, match=message):
        likelihood_ratio_test(two(6), **options)
