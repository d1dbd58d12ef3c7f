import numpy as np
import pytest
from scipy import integrate, stats

from mixtura import Full, Mixture
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])
LEVELS = pytest.mark.parametrize("level", [0.05, 0.5, 0.95, 0.999])


@EVERY
@LEVELS
def test_the_region_covers_what_it_says(family, level):
    """Fresh rows fall inside as often as the level and its standard error say."""
    model = mixture(family, 3, 3, np.random.default_rng(0))
    found = model.highest_density_region(level, n=20_000, random_state=1)
    n = 50_000
    covered = found.contains(model.sample(n, 2)[0]).mean()
    error = np.hypot(found.standard_error, np.sqrt(level * (1 - level) / n))
    assert abs(covered - level) < 5 * error


def test_the_standard_error_is_that_of_the_share():
    """The shares of many regions, each from few draws, spread as they say."""
    model = mixture(FAMILIES["spherical"], 2, 2, np.random.default_rng(3))
    heights = np.sort(model.log_density(model.sample(200_000, 4)[0]))
    level, shares = 0.8, []
    for seed in range(200):
        found = model.highest_density_region(level, n=100, random_state=seed)
        shares.append(1 - np.searchsorted(heights, found.log_threshold) / len(heights))
    np.testing.assert_allclose(np.std(shares), found.standard_error, rtol=0.25)
    assert abs(np.mean(shares) - level) < 5 * found.standard_error / np.sqrt(200) + 2e-3


@EVERY
@LEVELS
def test_on_a_line_it_is_exact(family, level):
    model = mixture(family, 4, 1, np.random.default_rng(5), separation=4.0)
    found = model.highest_density_region(level)
    assert found.standard_error == 0
    mass = 0.0
    for low, high in found.intervals:
        mass += integrate.quad(
            lambda t: np.exp(model.log_density([[t]])[0]), low, high, epsabs=1e-12, limit=200
        )[0]
    np.testing.assert_allclose(mass, level, rtol=1e-7)
    ends = found.intervals.ravel()
    assert (np.diff(ends) > 0).all()
    np.testing.assert_allclose(model.log_density(ends[:, None]), found.log_threshold, atol=1e-9)
    # A fine grid sees the same intervals: no piece is missed.
    grid = np.linspace(ends[0] - 5, ends[-1] + 5, 20_001)
    inside = (
        (grid[:, None] >= found.intervals[:, 0]) & (grid[:, None] <= found.intervals[:, 1])
    ).any(1)
    high = model.log_density(grid[:, None]) >= found.log_threshold
    np.testing.assert_array_equal(inside, high)
    np.testing.assert_array_equal(found.contains(grid[:, None]), high)


def test_one_gaussian_has_the_interval_of_the_textbook():
    model = Mixture.of([1.0], [[3.0]], [4.0], family="spherical")
    found = model.highest_density_region(0.95)
    np.testing.assert_allclose(
        found.intervals, [[3 - 2 * 1.959963985, 3 + 2 * 1.959963985]], rtol=1e-8
    )


def test_two_hills_have_two_intervals_and_they_are_shorter_than_one():
    model = Mixture.of([0.5, 0.5], [[0.0], [20.0]], [1.0, 1.0], family="spherical")
    found = model.highest_density_region(0.9)
    assert found.intervals.shape == (2, 2)
    np.testing.assert_allclose(np.diff(found.intervals).sum(), 4 * stats.norm.ppf(0.95), rtol=1e-9)


@pytest.mark.parametrize("d", [2, 5])
def test_one_gaussian_in_more_dimensions_is_exact(d):
    model = mixture(Full, 1, d, np.random.default_rng(6))
    found = model.highest_density_region(0.7)
    assert found.standard_error == 0
    x = model.sample(1000, 7)[0]
    inside = model.covariance.mahalanobis(x, model.means)[:, 0] <= stats.chi2(d).ppf(0.7)
    np.testing.assert_array_equal(found.contains(x), inside)


def test_components_of_no_weight_and_extreme_widths():
    model = Mixture.of(
        [0.0, 0.5, 0.5], [[500.0], [0.0], [1.0]], [1.0, 1e-12, 1e6], family="spherical"
    )
    found = model.highest_density_region(0.6)
    mass = sum(model.cdf(high) - model.cdf(low) for low, high in found.intervals)
    np.testing.assert_allclose(mass, 0.6, rtol=1e-9)
    np.testing.assert_allclose(model.highest_density_region(1 - 1e-12).log_threshold, -40, atol=20)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, np.nan])
def test_levels_that_are_none(level):
    model = mixture(Full, 2, 2, np.random.default_rng(8))
    with pytest.raises(ValueError, match=f"level must be between 0 and 1, but is {level}"):
        model.highest_density_region(level)


def test_too_few_draws_are_refused():
    model = mixture(Full, 2, 2, np.random.default_rng(8))
    with pytest.raises(ValueError, match=r"10 draws do not tell a level of 0\.999 from 0 or 1"):
        model.highest_density_region(0.999, n=10)
