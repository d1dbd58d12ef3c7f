import re

import numpy as np
import pytest
from scipy import integrate, stats

from mixtura import Full, Mixture
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def drawn(family, seed=0, k=3, d=3):
    return mixture(family, k, d, np.random.default_rng(seed))


@EVERY
def test_on_a_line_it_is_the_integral_of_the_density(family):
    model = drawn(family, d=1)
    for x in (-3.0, 0.0, 2.0):
        mass, _ = integrate.quad(
            lambda t: np.exp(model.log_density([[t]])[0]),
            -60,
            x,
            points=[m for m in model.means[:, 0] if m < x],
            limit=200,
        )
        np.testing.assert_allclose(model.cdf(x), mass, rtol=1e-8, atol=1e-10)
    assert model.cdf(np.zeros((2, 3))).shape == (2, 3)


@EVERY
def test_directions_and_dimensions(family):
    """Against the empirical distribution of projected draws."""
    model, a = drawn(family), np.array([1.0, -2.0, 0.5])
    x = model.sample(20_000, 1)[0]
    assert stats.kstest(x @ a, lambda t: model.cdf(t, a)).pvalue > 1e-6
    assert stats.kstest(x[:, 2], lambda t: model.cdf(t, -1)).pvalue > 1e-6
    np.testing.assert_allclose(model.cdf(0.3, 1), model.cdf(0.3, [0.0, 1.0, 0.0]), rtol=1e-13)
    np.testing.assert_allclose(model.cdf(0.3, 1), model.marginal(1).cdf(0.3), rtol=1e-13)


@EVERY
def test_quantiles_undo_it(family):
    model, a = drawn(family), np.array([1.0, -2.0, 0.5])
    q = np.array([1e-9, 0.01, 0.3, 0.5, 0.99])
    np.testing.assert_allclose(model.cdf(model.quantile(q, a), a), q, rtol=1e-9)
    np.testing.assert_allclose(model.cdf(model.quantile(0.2, 2), 2), 0.2, rtol=1e-12)
    line = model.marginal(0)
    np.testing.assert_array_equal(line.quantile(q), model.quantile(q, 0))


@EVERY
def test_boxes_hold_what_an_integral_says(family):
    model = drawn(family, 2, d=2)
    low, high = np.array([-1.0, -2.0]), np.array([1.5, 0.5])
    expected, _ = integrate.dblquad(
        lambda y, x: np.exp(model.log_density([[x, y]])[0]),
        low[0],
        high[0],
        low[1],
        high[1],
        epsabs=1e-7,
    )
    np.testing.assert_allclose(model.probability(low, high), expected, atol=5e-5)
    both = model.probability([low, low - 1], [high, low])
    assert both.shape == (2,)
    np.testing.assert_allclose(both[0], expected, atol=5e-5)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.5])
def test_quadrants_by_the_arcsine_law(rho):
    model = Mixture.of(
        [0.4, 0.6], np.zeros((2, 2)), [[[1, rho], [rho, 1]], [[4, 2 * rho], [2 * rho, 1]]]
    )
    expected = 0.25 + np.arcsin(rho) / (2 * np.pi)
    np.testing.assert_allclose(model.probability(0.0, np.inf), expected, atol=1e-5)
    np.testing.assert_allclose(model.cdf([0.0, 0.0]), expected, atol=1e-5)
    np.testing.assert_array_equal(model.cdf([[0.0, 0.0]] * 2), [model.cdf([0.0, 0.0])] * 2)


def test_orthants_in_five_dimensions():
    """Equal correlations of one half: 1/(D + 1) by symmetry of exchangeable ranks."""
    model = Mixture.of([1.0], np.zeros((1, 5)), [0.5 * np.eye(5) + 0.5])
    np.testing.assert_allclose(model.probability(0.0, np.inf), 1 / 6, atol=1e-4)


@pytest.mark.parametrize("family", ["diag", "spherical"])
def test_independent_features_are_exact_in_the_tails(family):
    model = drawn(FAMILIES[family], 3)
    low = model.means.max(axis=0) + 8.0
    widths = np.sqrt(np.diagonal(model.covariances, axis1=1, axis2=2))
    expected = model.weights @ stats.norm.sf((low - model.means) / widths).prod(axis=1)
    np.testing.assert_allclose(model.probability(low, np.inf), expected, rtol=1e-10)


@EVERY
def test_the_whole_space_has_all_and_a_flat_box_nothing(family):
    model = drawn(family)
    np.testing.assert_allclose(model.probability(-np.inf, np.inf), 1.0, rtol=1e-12)
    assert model.probability([0.0, -1.0, -1.0], [0.0, 1.0, 1.0]) == 0
    assert model.probability(np.empty((0, 3)), 1.0).shape == (0,)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.cdf(np.nan, 0), "x holds NaN"),
        (lambda m: m.cdf(0.0, 3), "there is no dimension 3: the mixture has 3"),
        (
            lambda m: m.cdf(0.0, [1.0, 2.0]),
            "a direction must be finite, of shape (3,) and not zero",
        ),
        (
            lambda m: m.cdf(0.0, np.zeros(3)),
            "a direction must be finite, of shape (3,) and not zero",
        ),
        (
            lambda m: m.cdf([0.0, 1.0]),
            "high must be a number or have shape (3,) or (n, 3), not (2,)",
        ),
        (lambda m: m.quantile(0.5), "a mixture in 3 dimensions has quantiles along one of them"),
        (lambda m: m.quantile(1.1, 0), "levels must be between 0 and 1, a number or (Q,), not 1.1"),
        (lambda m: m.quantile([[0.5]], 0), "levels must be between 0 and 1, a number or (Q,)"),
        (lambda m: m.quantile(np.nan, 0), "levels must be between 0 and 1"),
        (lambda m: m.probability([np.nan, 0, 0], 1.0), "low holds NaN: an open end is -inf or inf"),
        (
            lambda m: m.probability(0.0, [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]]),
            "box 1 ends before it begins in dimension 1: low is 0.0, high is -1.0",
        ),
    ],
)
def test_questions_without_an_answer(ask, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ask(drawn(Full))
