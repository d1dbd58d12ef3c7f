"""What is drawn has the moments and the distribution that the density gives.

Every tolerance follows from the number of rows: sums of squares are compared with their standard
error, projections with their distribution, at one false alarm in a million tests.
"""

import numpy as np
import pytest
from scipy import stats

from mixtura import GaussianMixture, Mixture
from tests.laws.drawn import covariance, mixture
from tests.laws.registries import numbered

FALSE_ALARM = 1e-6
N, K, D = 20_000, 3, 3


@pytest.fixture
def drawn(family):
    model = mixture(family, K, D, np.random.default_rng(20))
    return model, *model.sample(N, np.random.default_rng(21))


def assert_standard(z):
    """Numbers that should be standard normal are not too large, as many as they are."""
    z = np.ravel(z)
    assert np.abs(z).max() < stats.norm.isf(FALSE_ALARM / 2 / len(z))


def assert_distributed(values, cdf, tests=1):
    assert stats.kstest(values, cdf).pvalue > FALSE_ALARM / tests


def test_components_come_as_often_as_they_weigh(drawn):
    model, _, components = drawn
    counts = np.bincount(components, minlength=K)
    pi = model.weights
    assert_standard((counts - N * pi) / np.sqrt(N * pi * (1 - pi)))


@numbered
def test_moments_of_each_component(drawn):
    model, x, components = drawn
    means, squares = [], []
    for k in range(K):
        residual, matrix = x[components == k] - model.means[k], model.covariances[k]
        n, variances = len(residual), np.diagonal(matrix)
        means.append(residual.mean(axis=0) / np.sqrt(variances / n))
        error = np.sqrt((np.outer(variances, variances) + matrix**2) / n)
        upper = np.triu_indices(D)
        squares.append(((residual.T @ residual / n - matrix) / error)[upper])
    assert_standard(means)
    assert_standard(squares)


def test_moments_of_the_whole(drawn):
    model, x, _ = drawn
    total = model.total_covariance()
    assert_standard((x.mean(axis=0) - model.mean) / np.sqrt(np.diagonal(total) / N))
    residual = x - model.mean
    squares = residual[:, :, None] * residual[:, None, :]
    assert_standard((squares.mean(axis=0) - total) / (squares.std(axis=0) / np.sqrt(N)))


def test_projections_have_the_distribution_of_the_mixture(drawn):
    model, x, _ = drawn
    directions = np.vstack([np.eye(D), np.random.default_rng(22).normal(size=(6, D))])
    for a in directions:
        centres = model.means @ a
        widths = np.sqrt(np.einsum("i,kij,j->k", a, model.covariances, a))

        def cdf(t, centres=centres, widths=widths):
            return stats.norm.cdf((t[:, None] - centres) / widths) @ model.weights

        assert_distributed(x @ a, cdf, len(directions))


@numbered
def test_distances_from_the_mean_are_chi_squared(drawn):
    model, x, components = drawn
    distances = model.covariance.mahalanobis(x, model.means)
    for k in range(K):
        assert_distributed(distances[components == k, k], stats.chi2(D).cdf, K)


@numbered
def test_the_density_accumulates_to_a_uniform_transform(family):
    """In one dimension the integral of the density up to a drawn row is uniform."""
    model = Mixture(
        np.array([0.5, 0.3, 0.2]),
        np.array([[-2.0], [1.0], [6.0]]),
        covariance(family, 3, 1, np.random.default_rng(23)),
    )
    x = model.sample(N, 24)[0][:, 0]
    grid = np.linspace(x.min() - 30.0, x.max() + 30.0, 200_001)
    density = np.exp(model.log_density(grid[:, None]))
    below = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(grid) * (density[1:] + density[:-1]))])
    np.testing.assert_allclose(below[-1], 1.0, atol=1e-6)
    assert_distributed(np.interp(x, grid, below), stats.uniform.cdf)


def test_rows_come_in_random_order(drawn):
    _, _, components = drawn
    # As many neighbours alike as chance gives.
    alike = (components[1:] == components[:-1]).mean()
    chance = (np.bincount(components) / N) ** 2
    assert_standard((alike - chance.sum()) / np.sqrt(0.25 / N))


def test_the_same_seed_draws_the_same_rows(family):
    model = mixture(family, K, D, np.random.default_rng(25))
    first, second, other = model.sample(50, 1), model.sample(50, 1), model.sample(50, 2)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert (first[0] != other[0]).all()


def test_a_component_of_no_weight_is_never_drawn(family):
    values = covariance(family, 2, 2, np.random.default_rng(26)).values
    model = Mixture.of([0.0, 1.0], np.zeros((2, 2)), values, family=family)
    assert (model.sample(1000, 0)[1] == 1).all()


def test_the_estimator_draws_from_its_mixture(family):
    model = mixture(family, K, D, np.random.default_rng(27))
    x, components = GaussianMixture.from_mixture(model).sample(N, random_state=28)
    distances = model.covariance.mahalanobis(x, model.means)
    for k in range(K):
        assert_distributed(distances[components == k, k], stats.chi2(D).cdf, K)
