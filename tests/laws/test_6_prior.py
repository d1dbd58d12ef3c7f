"""A prior is statistics: their M-step is its mode, their log-likelihood its density."""

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from mixtura.learn.maximization import m_step
from mixtura.learn.prior import Penalty
from mixtura.model.covariance import (
    EEI,
    EEV,
    EII,
    EVE,
    EVI,
    EVV,
    VEE,
    VEI,
    VEV,
    VVE,
    Diagonal,
    Factor,
    Full,
    Spherical,
    Tied,
)
from tests.laws.drawn import COMPONENTS, FEATURES, SEEDS, covariance, mixture, quickly
from tests.laws.registries import numbered
from tests.laws.test_5_fixed_point import gradient


def matrices(c, k, d, df, scale):
    """Each is inverse Wishart; where they share something, given that they do, up to a constant."""
    return sum(stats.invwishart.logpdf(c.dense(k)[j], df, scale) for j in range(k))


def one_matrix(c, k, d, df, scale):
    """One matrix of all components is inverse Wishart."""
    return stats.invwishart.logpdf(c.dense(k)[0], df, scale)


def variances(c, k, d, df, scale):
    """Each is inverse gamma, likewise."""
    return stats.invgamma.logpdf(c.values, df / 2, scale=np.diagonal(scale) / 2).sum()


# The log density of the covariances under the prior, by SciPy: a new family needs a line here.
COVARIANCES = {
    **dict.fromkeys((VEE, EVE, VVE, EEV, VEV, EVV), matrices),
    **dict.fromkeys((EEI, VEI, EVI), variances),
    EII: lambda c, k, d, df, scale: stats.invgamma.logpdf(
        c.values, df / 2, scale=np.trace(scale) / d / 2
    ).sum(),
    Full: matrices,
    Tied: one_matrix,
    Diagonal: variances,
    Spherical: lambda c, k, d, df, scale: stats.invgamma.logpdf(
        c.values, df / 2, scale=np.trace(scale) / d / 2
    ).sum(),
}


def log_density(prior, model):
    """The log density of a normal-inverse-Wishart prior at a mixture, by SciPy."""
    k, d = model.means.shape
    total = stats.dirichlet.logpdf(model.weights, np.full(k, prior.concentration)) if k > 1 else 0.0
    for mean, matrix in zip(model.means, model.covariances, strict=True):
        total += stats.multivariate_normal.logpdf(mean, prior.mean, matrix / prior.shrinkage)
    own = type(model.covariance)
    of_factors = one_matrix if own.common else matrices
    of_family = of_factors if issubclass(own, Factor) else COVARIANCES[own]
    return total + of_family(model.covariance, k, d, prior.degrees_of_freedom, prior.scale)


def drawn(d, rng):
    root = rng.normal(size=(d, d))
    return NormalInverseWishart(
        mean=rng.normal(size=d),
        shrinkage=rng.uniform(0.01, 3.0),
        degrees_of_freedom=d - 1 + rng.uniform(0.5, 5.0),
        scale=root @ root.T + np.eye(d),
        concentration=rng.uniform(1.1, 4.0),
    )


@numbered
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_the_likelihood_of_pseudo_rows_is_the_density_of_the_prior(family, k, d, seed):
    rng = np.random.default_rng(seed)
    prior = drawn(d, rng)
    pseudo = prior.pseudo_data(k, family)
    a, b = mixture(family, k, d, rng), mixture(family, k, d, rng)
    found = pseudo.complete_log_likelihood(a) - pseudo.complete_log_likelihood(b)
    expected = log_density(prior, a) - log_density(prior, b)
    size = abs(log_density(prior, a)) + abs(log_density(prior, b)) + 1.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * size)


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_the_m_step_of_pseudo_rows_is_the_mode_of_the_prior(family, k, d, seed):
    rng = np.random.default_rng(seed)
    prior = drawn(d, rng)
    mode = m_step(prior.pseudo_data(k, family), family)
    top, vector = log_density(prior, mode), mode.to_vector()

    def density(v):
        return log_density(prior, mode.from_vector(v))

    assert np.abs(gradient(density, vector)).max() < 1e-6 * max(1.0, abs(top))
    for step in (1e-3, 0.1, 1.0):
        # Weights have one coordinate too many, and K = 1 has none to speak of.
        beside = (
            vector
            + step
            * np.r_[np.zeros(k) if k == 1 else rng.normal(size=k), rng.normal(size=len(vector) - k)]
        )
        assert density(beside) < top


@pytest.mark.parametrize("name", ["full", "tied"])
@given(d=FEATURES, seed=SEEDS)
@quickly(15)
def test_the_posterior_mode_of_one_component_has_its_closed_form(name, d, seed):
    rng = np.random.default_rng(seed)
    prior, n = drawn(d, rng), 12
    x = rng.normal(size=(n, d)) * 2.0 + 1.0
    model = GaussianMixture(
        1, covariance_type=name, prior=prior, init_params=np.zeros(n, dtype=int)
    ).fit(x)
    mean = x.mean(axis=0)
    kappa = prior.shrinkage + n
    centre = (prior.shrinkage * prior.mean + n * mean) / kappa
    apart = mean - prior.mean
    scale = prior.scale + (x - mean).T @ (x - mean)
    scale += prior.shrinkage * n / kappa * np.outer(apart, apart)
    np.testing.assert_allclose(model.means_[0], centre, rtol=1e-12, atol=1e-13)
    expected = scale / (prior.degrees_of_freedom + n + d + 2)
    found = model.covariances_.reshape(d, d)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * expected.max())


def penalty(strength, matrix, model):
    """−a Σ_k [tr(S Σ_k⁻¹) + log|Σ_k|], term by term."""
    return -strength * sum(
        np.trace(np.linalg.solve(c, matrix)) + np.linalg.slogdet(c)[1] for c in model.covariances
    )


@numbered
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_the_likelihood_of_the_penalty_is_its_formula(family, k, d, seed):
    rng = np.random.default_rng(seed)
    matrix = covariance(Full, 1, d, rng).values[0]
    strength = rng.uniform(0.01, 2.0)
    pseudo = Penalty(matrix, strength).pseudo_data(k, family)
    a, b = mixture(family, k, d, rng), mixture(family, k, d, rng)
    found = pseudo.complete_log_likelihood(a) - pseudo.complete_log_likelihood(b)
    expected = penalty(strength, matrix, a) - penalty(strength, matrix, b)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_penalised_covariances_have_their_closed_form():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3))
    total = np.cov(x.T, bias=True)
    labels = np.r_[np.zeros(20, dtype=int), np.ones(30, dtype=int)]
    model = GaussianMixture(2, init_params=labels, max_iter=0).fit(x)
    a = 50**-0.5
    for k, count in enumerate((20, 30)):
        mine = x[labels == k] - x[labels == k].mean(axis=0)
        expected = (mine.T @ mine + 2 * a * total) / (count + 2 * a)
        np.testing.assert_allclose(model.covariances_[k], expected, rtol=1e-11)


def test_the_mode_is_found_by_more_than_its_own_word():
    """The density of this page tells another mode from the right one."""
    prior = drawn(2, np.random.default_rng(1))
    mode = m_step(prior.pseudo_data(2, Full), Full)
    wrong = Mixture(mode.weights, mode.means, Full(1.05 * mode.covariance.values))
    assert log_density(prior, wrong) < log_density(prior, mode) - 1e-3
