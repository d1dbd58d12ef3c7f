import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import SEEDS, mixture, quickly, rows

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def differences(function, x, h):
    """Central differences along each column, the last axis of the result."""
    steps = h * np.eye(x.shape[1])
    return np.stack([(function(x + s) - function(x - s)) / (2 * h) for s in steps], axis=-1)


@EVERY
@given(seed=SEEDS, k=st.integers(1, 4), d=st.integers(1, 4))
@quickly(15)
def test_the_score_is_the_gradient_of_the_log_density(family, seed, k, d):
    rng = np.random.default_rng(seed)
    model = mixture(family, k, d, rng)
    x = rows(model, 30, rng)
    expected = differences(model.log_density, x, 1e-5)
    size = 1 + np.abs(expected).max()
    np.testing.assert_allclose(model.score(x), expected, rtol=0, atol=1e-7 * size**2)


@EVERY
@given(seed=SEEDS, k=st.integers(1, 4), d=st.integers(1, 4))
@quickly(15)
def test_the_hessian_is_the_gradient_of_the_score(family, seed, k, d):
    rng = np.random.default_rng(seed)
    model = mixture(family, k, d, rng)
    x = rows(model, 30, rng)
    expected = differences(model.score, x, 1e-5)
    size = 1 + np.abs(expected).max()
    found = model.hessian(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * size**2)
    np.testing.assert_allclose(found, np.swapaxes(found, 1, 2), rtol=0, atol=1e-12 * size)


@EVERY
def test_far_out_the_nearest_component_pulls_alone(family):
    model = mixture(family, 3, 2, np.random.default_rng(0))
    x = np.array([[1e9, -1e9]])
    r = model.responsibilities(x)[0]
    k = int(r.argmax())
    expected = np.linalg.solve(model.covariances[k], model.means[k] - x[0])
    np.testing.assert_allclose(model.score(x)[0], expected, rtol=1e-9)
    expected = -np.linalg.inv(model.covariances[k])
    np.testing.assert_allclose(model.hessian(x)[0], expected, rtol=1e-9, atol=1e-12)


@EVERY
@pytest.mark.parametrize("noise", [1e-6, 0.5, 1e6])
def test_denoising_on_a_line_is_an_integral(family, noise):
    model = mixture(family, 3, 1, np.random.default_rng(1))
    for y in (-2.0, 0.1, 3.0):
        wide = 12 * np.sqrt(noise)

        def posterior(x, power, y=y):
            return x**power * np.exp(model.log_density([[x]])[0] - 0.5 * (y - x) ** 2 / noise)

        low, high = max(-40.0, y - wide), min(40.0, y + wide)
        first, mass = (
            integrate.quad(posterior, low, high, args=(p,), limit=300, epsabs=0, epsrel=1e-11)[0]
            for p in (1, 0)
        )
        np.testing.assert_allclose(model.denoise([[y]], noise), [[first / mass]], rtol=1e-7)


@EVERY
@pytest.mark.parametrize("noise", [0.5, [0.5, 0.0, 2.0], np.eye(3) + 0.4])
def test_denoising_is_a_step_along_the_score_of_the_noisy_density(family, noise):
    model = mixture(family, 3, 3, np.random.default_rng(2))
    y = model.sample(50, 3)[0]
    matrix = noise if np.ndim(noise) == 2 else np.eye(3) * noise
    expected = y + model.convolve(noise).score(y) @ matrix
    np.testing.assert_allclose(model.denoise(y, noise), expected, rtol=1e-9, atol=1e-9)


def test_denoising_has_the_least_squared_error():
    """On rows with known truth it beats any multiple of itself, and the noisy rows."""
    rng = np.random.default_rng(4)
    model = mixture(FAMILIES["full"], 3, 2, rng)
    x = model.sample(50_000, rng)[0]
    y = x + rng.normal(scale=0.8, size=x.shape)
    guess = model.denoise(y, 0.64)
    error = ((guess - x) ** 2).sum(axis=1)
    assert error.mean() < ((y - x) ** 2).sum(axis=1).mean()
    # The error of a posterior mean is orthogonal to every function of y.
    for other in (y, np.sin(y), guess):
        products = ((guess - x) * other).sum(axis=1)
        assert abs(products.mean()) < 5 * products.std() / np.sqrt(len(x))


@pytest.mark.parametrize("method", ["score", "hessian"])
def test_bad_rows_are_refused(method):
    model = mixture(FAMILIES["full"], 2, 2, np.random.default_rng(5))
    with pytest.raises(ValueError, match=re.escape("rows must have shape (n, 2), not (2,)")):
        getattr(model, method)([0.0, 1.0])
    with pytest.raises(ValueError, match="row 1 holds nan in column 0"):
        getattr(model, method)([[0.0, 1.0], [np.nan, 0.0]])
    assert getattr(model, method)(np.empty((0, 2))).shape[0] == 0


def test_bad_noise_is_refused():
    model = mixture(FAMILIES["full"], 2, 2, np.random.default_rng(5))
    with pytest.raises(ValueError, match="the variance of the noise must not be negative"):
        model.denoise([[0.0, 0.0]], -1.0)
