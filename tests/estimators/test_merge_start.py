"""The start that merges too many components, as the estimator uses it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from tests.laws.registries import MOMENTS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

every_family = pytest.mark.parametrize("family", MOMENTS)


def fit(x, k, family="full", weights=None, **options):
    options = {"init_params": "merge", "random_state": 0, **options}
    return GaussianMixture(k, covariance_type=family, **options).fit(x, sample_weight=weights)


def groups(n=300, seed=0):
    """Five round groups on a ring, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 5
    angle = 2 * np.pi * labels / 5
    x = 10.0 * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(size=(n, 2))
    return x, labels


@every_family
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_groups_are_found_in_every_family(family, dtype):
    x, labels = groups()
    model = fit(x.astype(dtype), 5, family)
    assert adjusted_rand_score(labels, model.predict(x.astype(dtype))) == 1.0
    assert model.means_.dtype == dtype
    assert isinstance(model.mixture_.covariance, MOMENTS[family])


@every_family
def test_the_same_number_is_the_same_fit(family):
    x, _ = groups()
    one, two = fit(x, 4, family), fit(x, 4, family)
    assert_array_equal(one.mixture_.to_vector(), two.mixture_.to_vector())


@every_family
@pytest.mark.parametrize("reg_covar", [None, 0.0])
def test_units_of_columns_change_nothing(family, reg_covar):
    x, _ = groups()
    unit = np.full(2, 1e4) if family == "spherical" else np.array([1e-5, 1e4])
    here, there = (fit(rows, 4, family, reg_covar=reg_covar) for rows in (x, x * unit + 7.0))
    assert_array_equal(here.predict(x), there.predict(x * unit + 7.0))
    assert_allclose(there.means_, here.means_ * unit + 7.0, rtol=1e-6)
    assert_allclose(there.weights_, here.weights_, rtol=1e-6)


@every_family
def test_one_component_is_all_rows(family):
    x, _ = groups()
    model = fit(x, 1, family, reg_covar=0.0)
    assert_allclose(model.means_, x.mean(axis=0)[None], atol=1e-12)


@every_family
def test_more_components_than_distinct_rows(family):
    x = np.repeat([[0.0, 0.0], [1.0, 5.0]], 4, axis=0)
    model = fit(x, 3, family)
    assert np.isfinite(model.score(x))


@every_family
def test_as_many_components_as_rows(family):
    x, _ = groups(n=6)
    assert np.isfinite(fit(x, 6, family).score(x))


@every_family
@pytest.mark.parametrize(
    "options",
    [
        {"variance_floor": 4.0},
        {"prior": NormalInverseWishart.default(np.zeros(2), 50.0 * np.eye(2), 5)},
        {"reg_covar": 1e-6},
        {"dead_components": "drop"},
        {"weights_init": np.full(5, 0.2)},
        {"n_init": 2},
    ],
    ids=lambda options: next(iter(options)),
)
def test_it_goes_with_every_other_option(family, options):
    x, _ = groups()
    model = fit(x, 5, family, **options)
    assert np.isfinite(model.score(x))
    if "variance_floor" in options:
        assert np.linalg.eigvalsh(model.mixture_.covariances).min() > 4.0 - 1e-9


def test_weights_say_how_often_a_row_counts():
    x, labels = groups()
    far = np.vstack([x, [[1e4, 1e4]] * 3])
    weights = np.concatenate([1.0 + labels, np.zeros(3)])
    model = fit(far, 5, weights=weights)
    assert adjusted_rand_score(labels, model.predict(x)) == 1.0
    assert_allclose(np.sort(model.weights_), np.arange(1, 6) / 15, atol=1e-6)


def test_rows_of_huge_size_and_offset():
    x, labels = groups()
    for rows in (1e145 * x, 1e-120 * x, x + 1e9):
        assert adjusted_rand_score(labels, fit(rows, 5).predict(rows)) == 1.0


def strips(seed, n=600):
    """Three long strips side by side, a hundred times as long as they are wide, and askew."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = rng.normal(size=(n, 2)) * [0.1, 20.0] + np.column_stack([labels, np.zeros(n)])
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    return x @ turn, labels


def test_strips_that_kmeans_cuts_across():
    found = {"merge": [], "kmeans": []}
    for seed in range(8):
        x, labels = strips(seed)
        for how, scores in found.items():
            model = fit(x, 3, init_params=how, random_state=seed)
            scores.append(adjusted_rand_score(labels, model.predict(x)))
    assert np.min(found["merge"]) > 0.95
    assert np.mean(found["kmeans"]) < 0.5


def stretched(seed, n=1_500):
    """Rows of 15 stretched components in a plane, and the mixture they come from."""
    rng = np.random.default_rng(seed)
    turns = np.linalg.qr(rng.normal(size=(15, 2, 2)))[0]
    lengths = np.array([0.02, 1.0]) * rng.uniform(0.5, 1.5, size=(15, 2))
    covariances = (turns * lengths[:, None]) @ np.swapaxes(turns, 1, 2)
    truth = Mixture.of(np.full(15, 1 / 15), rng.uniform(0, 10, size=(15, 2)), covariances)
    return truth.sample(n, seed)[0], truth


def test_it_is_nearer_to_the_truth_than_kmeans():
    """By paired differences: the mean gain is more than three of its standard errors.

    And the fit is, on average, hardly below one that begins at the truth.
    """
    gains, gaps = [], []
    for seed in range(12):
        x, truth = stretched(seed)
        options = {"max_iter": 200, "tol": 1e-6}
        merged, kmeans = (
            fit(x, 15, init_params=how, random_state=seed, **options).lower_bound_
            for how in ("merge", "kmeans")
        )
        known = {
            "weights_init": truth.weights,
            "means_init": truth.means,
            "precisions_init": truth.covariance.precisions(),
        }
        gains.append(merged - kmeans)
        gaps.append(fit(x, 15, **known, **options).lower_bound_ - merged)
    assert np.mean(gains) > 3 * np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert np.mean(gaps) < 0.02


@every_family
def test_it_is_no_worse_than_kmeans_in_any_family(family):
    """On rows that come from the family: within two standard errors of the mean difference."""
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        one = MOMENTS[family].estimate(
            np.ones(12), MOMENTS[family].moment.copies(np.diag([1.0, 9.0, 0.2]), 12), 3
        )
        truth = Mixture(np.full(12, 1 / 12), rng.normal(size=(12, 3)) * [6.0, 12.0, 3.0], one)
        x = truth.sample(800, seed)[0]
        merged, kmeans = (
            fit(x, 12, family, init_params=how, random_state=seed, tol=1e-5).lower_bound_
            for how in ("merge", "kmeans")
        )
        gains.append(merged - kmeans)
    assert np.mean(gains) > -2 * np.std(gains, ddof=1) / np.sqrt(len(gains)) - 1e-6
