"""Rows in other units, from another origin, turned or in another order give the same fit there."""

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture
from mixtura.learn.gradient import covers
from tests.laws.drawn import assert_mixtures_close
from tests.laws.registries import NUMBERED, numbered

K, D, N = 3, 3, 120

# A new family says here what it follows besides shifts and one factor for all columns.
FOLLOWS_COLUMN_UNITS = {"full", "tied", "diag", "EEI", "VEI", "EVI", "VEE", "EVV"}
FOLLOWS_ROTATION = {"full", "tied", "spherical", "EII", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"}
# Factor analysers: noise of one variance for all columns follows rotations, any other their units.
FOLLOWS_COLUMN_UNITS |= {"CCU:1", "CUU:1", "UUU:2"}
FOLLOWS_ROTATION |= {"UUC:1"}

# Their M-step is a search, whose way and last digits are not the same in other units.
SEARCHED = {"CCU:1", "CUU:1", "UUU:2"}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(N) % K
    x = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + 2.5 * labels[:, None] * [1, -1, 0.5]
    # Some labels are wrong, so that there is a way to go.
    return x, np.where(rng.uniform(size=N) < 0.2, rng.integers(0, K, N), labels)


def fit(x, labels, family, **options):
    options = {"tol": 0.0, "max_iter": 20, **options}
    return GaussianMixture(K, covariance_type=family.name, init_params=labels, **options).fit(x)


def moved(model, matrix, shift):
    """The mixture of rows x Aᵀ + b, as the full family, whatever the form."""
    covariances = matrix @ model.covariances @ matrix.T
    means = model.means @ matrix.T + shift
    return Mixture.of(model.weights, means, covariances, family="full")


def assert_follows(x, labels, family, matrix, shift, rtol=1e-8):
    if family.name in SEARCHED:
        rtol = 1e-4
    for accelerate in ("none",) if family in NUMBERED.values() else ("none", "auto"):
        # SQUAREM's way depends on coordinates, and where it ends does not.
        options = {} if accelerate == "none" or covers(family) else {"max_iter": 600}
        there = fit(x @ matrix.T + shift, labels, family, accelerate=accelerate, **options)
        here = fit(x, labels, family, accelerate=accelerate, **options)
        assert_mixtures_close(there.mixture_, moved(here.mixture_, matrix, shift), rtol)
        # The density is that of the rows in their new units.
        volume = np.linalg.slogdet(matrix)[1]
        atol = 1e-3 if family.name in SEARCHED else 1e-7
        np.testing.assert_allclose(
            there.score_samples(x @ matrix.T + shift), here.score_samples(x) - volume, atol=atol
        )


@pytest.mark.parametrize("shift", [-30.0, 1e4])
def test_shift(family, shift):
    assert_follows(*table(), family, np.eye(D), np.array([1.0, -0.5, 2.0]) * shift)


@pytest.mark.parametrize("factor", [1e-8, 7.0, 1e40])
def test_one_factor(family, factor):
    assert_follows(*table(), family, factor * np.eye(D), np.zeros(D))


@numbered
def test_units_of_columns(family):
    if family.name not in FOLLOWS_COLUMN_UNITS:
        pytest.skip("one variance for all columns depends on their units")
    assert_follows(*table(), family, np.diag([1e-6, 3.0, 1e5]), np.array([1e-4, -7.0, 1e6]))


def in_both_units(x, factors, **options):
    """A fit, and one of the same table in other units."""
    options = {"random_state": 0, **options}
    return [GaussianMixture(K, **options).fit(rows) for rows in (x, x * factors)]


def assert_scaled_exactly(here, there, factors):
    expected = here.mixture_.scale(factors)
    np.testing.assert_array_equal(there.mixture_.weights, expected.weights)
    np.testing.assert_array_equal(there.mixture_.means, expected.means)
    np.testing.assert_array_equal(there.mixture_.covariance.values, expected.covariance.values)
    assert there.n_iter_ == here.n_iter_


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_powers_of_two_lose_nothing(family, gaps):
    """Even where columns are collinear, so that rounding would be seen."""
    x = table()[0]
    x = np.column_stack([x, x @ [1.0, -2.0, 0.5]])
    if gaps:
        x[np.random.default_rng(7).uniform(size=x.shape) < 0.1] = np.nan
    follows = family.name in FOLLOWS_COLUMN_UNITS
    factors = 2.0 ** np.array([30, -17, 3, 90]) if follows else np.full(4, 2.0**-41)
    here, there = in_both_units(x, factors, covariance_type=family.name)
    assert_scaled_exactly(here, there, factors)
    lower = ~np.isnan(x) @ np.log(factors)
    np.testing.assert_allclose(
        there.score_samples(x * factors), here.score_samples(x) - lower, rtol=1e-12, atol=1e-9
    )


@pytest.mark.parametrize(
    "options",
    [
        {"covariance_type": "UUU", "n_factors": 1, "max_iter": 20},
        {"covariance_type": "UUC", "n_factors": 1},
        {"init_params": "kmeans", "accelerate": "squarem"},
        {"init_params": "random", "n_init": 3},
        {"init_params": "hierarchical", "max_iter": 7},
        {"init_params": np.arange(N) % K, "accelerate": "none"},
    ],
    ids=["UUU", "UUC", "kmeans", "random", "hierarchical", "labels"],
)
def test_powers_of_two_lose_nothing_whatever_the_options(options):
    x = table()[0]
    x[:, 2] = x[:, 0] - x[:, 1]
    starts = ("kmeans", "hierarchical")  # which themselves depend on the units of columns
    one = options.get("covariance_type") == "UUC" or str(options.get("init_params")) in starts
    factors = 2.0 ** np.array([55, 55, 55] if one else [-9, 40, 1])
    assert_scaled_exactly(*in_both_units(x, factors, **options), factors)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_powers_of_two_lose_nothing_whatever_the_numbers(dtype):
    x = np.round(8.0 * table()[0]).astype(dtype)
    factors = np.array([4, 64, 1], dtype=dtype)
    assert_scaled_exactly(*in_both_units(x, factors), factors.astype(np.float64))


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_whole_numbers_tie_alike_in_every_unit(name):
    """Seeds, groups about them and mergers tie; which way must not hang on rounding."""
    factors = np.full(2, 3.7) if name == "spherical" else np.array([3.7, 0.3])
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = np.round(rng.normal(scale=2.5, size=(150, 2)) + 4.0 * rng.integers(0, 3, (150, 1)))
        options = {"covariance_type": name, "random_state": seed}
        here, there = (GaussianMixture(5, **options).fit(rows) for rows in (x, x * factors))
        expected = here.score_samples(x) - np.log(factors).sum()
        np.testing.assert_allclose(there.score_samples(x * factors), expected, rtol=0, atol=1e-9)


@numbered
def test_rotation(family):
    if family.name not in FOLLOWS_ROTATION:
        pytest.skip("variances along the axes depend on the axes")
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(D, D)))[0]
    assert_follows(*table(), family, turn, np.zeros(D))
    if family.name in FOLLOWS_COLUMN_UNITS:
        # Columns of such units are all but collinear once they are turned.
        rtol = 1e-8 if covers(family) else 1e-6
        assert_follows(*table(), family, turn @ np.diag([0.01, 1.0, 100.0]), np.zeros(D), rtol)


def test_the_order_of_rows(family):
    x, labels = table()
    order = np.random.default_rng(6).permutation(N)
    found, expected = fit(x[order], labels[order], family), fit(x, labels, family)
    assert_mixtures_close(found.mixture_, expected.mixture_, 1e-10)
    # Coordinates of SQUAREM are drawn from rounding where axes are.
    np.testing.assert_allclose(
        found.lower_bounds_, expected.lower_bounds_, rtol=1e-12 if covers(family) else 1e-7
    )


@numbered
def test_the_order_of_components(family):
    x, labels = table()
    names = np.array([2, 0, 1])
    expected = fit(x, labels, family)
    found = fit(x, names[labels], family)
    searched = family.name in SEARCHED
    rounding = 1e-4 if searched else 1e-10
    assert_mixtures_close(found.mixture_.rearranged(names), expected.mixture_, rounding)
    # Coordinates of SQUAREM are drawn from rounding where axes are.
    rtol = 1e-12 if covers(family) else 1e-4 if searched else 1e-7
    np.testing.assert_allclose(found.lower_bounds_, expected.lower_bounds_, rtol=rtol)
    np.testing.assert_array_equal(found.predict(x), names[expected.predict(x)])


@numbered
def test_rearranged_components_are_the_same_mixture(family):
    model = fit(*table(), family).mixture_
    order = [1, 2, 0]
    x = table()[0]
    turned = model.rearranged(order)
    np.testing.assert_allclose(turned.log_density(x), model.log_density(x), rtol=1e-12)
    np.testing.assert_array_equal(turned.covariances, model.covariances[order])
    np.testing.assert_allclose(
        turned.responsibilities(x), model.responsibilities(x)[:, order], atol=1e-13
    )


def test_a_distant_origin_costs_its_digits_and_no_more(family):
    """Rows keep 1e-16 of the shift, and the fit keeps about as much."""
    x, labels = table()
    # Whole numbers of 2⁻²⁰, so that the shifted rows are the same rows exactly.
    x = np.round(x * 2**20) / 2**20
    assert_follows(x, labels, family, np.eye(D), np.full(D, 1e8), rtol=4e-7)
