"""What is believed of weights and of precisions, against SciPy's distributions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from mixtura.learn.concentration import Dirichlet, Sticks
from mixtura.learn.precision import Gamma, Gammas, SharedWishart, Wishart

COUNTS = np.array([7.5, 0.0, 2.0, 30.0])


def test_a_dirichlet_posterior_has_the_moments_of_its_marginals():
    prior = Dirichlet(0.3)
    a = prior.parameters(COUNTS)
    assert_allclose(a, 0.3 + COUNTS)
    for k, mean in enumerate(prior.mean(COUNTS)):
        own = stats.beta(a[k], a.sum() - a[k])
        assert_allclose(mean, own.mean())
        # of log v, by quadrature in log v
        found = integrate.quad(lambda u, own=own: u * own.pdf(np.exp(u)) * np.exp(u), -60, 0)[0]
        assert_allclose(prior.expected_log(COUNTS)[k], found, rtol=1e-6)


def test_a_dirichlet_is_divided_by_its_integral():
    prior, counts = Dirichlet(1.5), np.array([2.0, 4.0])
    found = integrate.quad(lambda v: v**2.5 * (1 - v) ** 4.5, 0, 1)[0]
    assert_allclose(np.exp(prior.log_partition(counts)), found, rtol=1e-8)


@pytest.mark.parametrize("discount", [0.0, 0.4])
def test_sticks_are_independent_betas(discount):
    prior, k = Sticks(0.7, discount), np.arange(1, 5)
    a, b = prior.parameters(COUNTS)
    after = [COUNTS[j + 1 :].sum() for j in range(4)]
    assert_allclose(a, 1 - discount + COUNTS)
    assert_allclose(b, 0.7 + k * discount + after)
    sticks = [stats.beta(*pair) for pair in zip(a, b, strict=True)]
    left = np.cumprod([1.0, *(1 - stick.mean() for stick in sticks[:-1])])
    weights = left * [stick.mean() for stick in sticks]
    assert_allclose(prior.mean(COUNTS), weights / weights.sum())
    volumes = [
        integrate.quad(lambda v, p=p, q=q: v ** (p - 1) * (1 - v) ** (q - 1), 0, 1)[0]
        for p, q in zip(a, b, strict=True)
    ]
    assert_allclose(prior.log_partition(COUNTS), np.log(volumes).sum(), rtol=1e-6)


def test_expected_logs_of_sticks_agree_with_draws():
    prior = Sticks(0.7, 0.2)
    rng = np.random.default_rng(0)
    counts = COUNTS + 3.0
    v = rng.beta(*prior.parameters(counts), size=(200_000, 4))
    left = np.concatenate([np.ones((len(v), 1)), np.cumprod(1 - v, axis=1)[:, :-1]], axis=1)
    logs = np.log(v * left)
    error = logs.std(axis=0) / np.sqrt(len(v))
    assert (np.abs(prior.expected_log(counts) - logs.mean(axis=0)) < 5 * error).all()


def test_a_process_without_discount_is_that_of_dirichlet():
    assert_allclose(Sticks(2.0).expected_log(COUNTS), Sticks(2.0, 0.0).expected_log(COUNTS))
    # One component takes all rows: the evidence is that of one stick.
    one = np.array([5.0])
    alone = Sticks(2.0).log_partition(one) - Sticks(2.0).log_partition(0 * one)
    assert_allclose(np.exp(alone), stats.beta(1, 2.0).moment(5))


# Precisions: A(ν, C) = −ν/2 log|C| + ν D/2 log 2 + G(ν) is what the density is divided by.

D, K = 3, 4
NU = np.array([4.5, 9.0, 20.0, 3.3])


def matrices(rng, n):
    a = rng.normal(size=(n, D, 2 * D))
    return a @ np.swapaxes(a, 1, 2) / D


def partition(form, nu, c, d=D):
    nus = np.full(K, nu)
    log_det = np.linalg.slogdet(c)[1]
    return -0.5 * nu * log_det + 0.5 * nu * d * np.log(2) + form.log_gamma(nus, d)[0]


@pytest.mark.parametrize("nu", NU)
def test_a_wishart_is_divided_as_scipy_has_it(nu):
    rng = np.random.default_rng(1)
    c, x = matrices(rng, 2)
    free = 0.5 * (nu - D - 1) * np.linalg.slogdet(x)[1] - 0.5 * np.trace(c @ x)
    theirs = stats.wishart(nu, np.linalg.inv(c)).logpdf(x)
    assert_allclose(free - partition(Wishart(), nu, c), theirs, rtol=1e-10)


@pytest.mark.parametrize("nu", NU)
def test_a_shared_wishart_has_the_rows_of_all_components(nu):
    rng = np.random.default_rng(2)
    c, x = matrices(rng, 2)
    free = 0.5 * (K * nu - D - 1) * np.linalg.slogdet(x)[1] - 0.5 * K * np.trace(c @ x)
    theirs = stats.wishart(K * nu, np.linalg.inv(K * c)).logpdf(x)
    assert_allclose(free - K * partition(SharedWishart(), nu, c), theirs, rtol=1e-10)


@pytest.mark.parametrize("nu", NU)
def test_variances_have_gamma_distributions(nu):
    rng = np.random.default_rng(3)
    c, x = rng.uniform(0.5, 3, size=(2, D))
    free = ((0.5 * nu - 1) * np.log(x) - 0.5 * c * x).sum()
    theirs = stats.gamma(0.5 * nu, scale=2 / c).logpdf(x).sum()
    assert_allclose(free - partition(Gammas(), nu, np.diag(c)), theirs, rtol=1e-10)


@pytest.mark.parametrize("nu", NU)
def test_one_variance_has_a_gamma_distribution(nu):
    c, x = 1.7, 0.6
    free = (0.5 * D * nu - 1) * np.log(x) - 0.5 * D * c * x
    theirs = stats.gamma(0.5 * D * nu, scale=2 / (D * c)).logpdf(x)
    assert_allclose(free - partition(Gamma(), nu, c * np.eye(D)), theirs, rtol=1e-10)


@pytest.mark.parametrize("form", [Wishart(), SharedWishart(), Gammas(), Gamma()], ids=repr)
def test_expected_log_determinants_are_derivatives(form):
    step = 1e-5
    nu = np.full(K, 6.3)
    slope = (form.log_gamma(nu + step, D) - form.log_gamma(nu - step, D)) / (2 * step)
    assert_allclose(form.digamma(nu, D), 2 * slope, rtol=1e-7)
