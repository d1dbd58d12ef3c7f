"""Rows far beyond every component: posteriors stay probabilities, and the right ones."""

import mpmath
import numpy as np
import pytest

from mixtura import Mixture
from mixtura.learn.data import Block
from mixtura.learn.expectation import certainty_of, e_step, likelihood_of
from tests.laws.registries import MOMENTS
from tests.oracles.exact import Exact

DISTANCES = [1e6, 1e10, 1e20, 1e77, 1e150, 1e155, 1e200, 1e300]
LARGEST = np.finfo(np.float64).max


def model_of(name):
    values = {
        "full": [[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.2], [-0.2, 0.5]], [[2.0, 0.5], [0.5, 1.0]]],
        "tied": [[2.0, 0.5], [0.5, 1.0]],
        "diag": [[2.0, 1.0], [1.0, 0.5], [2.0, 1.0]],
        "spherical": [2.0, 1.0, 2.0],
    }[name]
    return Mixture.of([0.2, 0.5, 0.3], [[1, 2], [-3, 0.5], [4, -1.0]], values, family=name)


def directions():
    angles = np.linspace(0.1, 2 * np.pi, 9)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def assert_exact(model, x, atol=1e-6):
    exact = Exact(model)
    density, posterior = model.log_density(x), model.responsibilities(x)
    assert np.isfinite(posterior).all()
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, atol=1e-12)
    for i, row in enumerate(x):
        expected = exact.density(row)
        if expected < -mpmath.mpf(float(LARGEST)):
            assert density[i] == -np.inf
        else:
            assert abs(mpmath.mpf(float(density[i])) / expected - 1) < 1e-12
        np.testing.assert_allclose(posterior[i], exact.posterior(row), atol=atol)


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_in_every_direction(name, distance):
    assert_exact(model_of(name), distance * directions())


@pytest.mark.parametrize("name", MOMENTS)
def test_float32(name):
    x = (1e30 * directions()).astype(np.float32)
    model = model_of(name)
    assert_exact(model, x)
    np.testing.assert_array_equal(
        model.responsibilities(x), model.responsibilities(x.astype(np.float64))
    )


@pytest.mark.parametrize("name", MOMENTS)
def test_a_row_at_zero_far_from_every_component(name):
    model = model_of(name)
    there = Mixture(model.weights, model.means + 1e7, model.covariance)
    assert_exact(there, np.array([[0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))


def test_a_row_in_the_middle_of_components_far_apart():
    model = Mixture.of([0.5, 0.5], [[1e6], [-1e6]], [[1.0]], family="tied")
    x = np.array([[0.0], [1e-6], [-5e-7], [1.0]])
    assert_exact(model, x)
    np.testing.assert_allclose(model.responsibilities(x)[0], 0.5)


def test_an_offset_does_not_drown_what_tells_components_apart():
    """A million deviations away, from means that are a hundred million deviations from zero."""
    model = Mixture.of([0.5, 0.5], [[1e8], [1e8 + 2**-10]], [[1e-6]], family="tied")
    assert_exact(model, np.array([[1e8 + 1024.0], [1e8 - 1024.0]]))


@pytest.mark.parametrize("name", MOMENTS)
def test_a_component_of_no_weight_has_no_share(name):
    full = model_of(name)
    model = Mixture(np.array([0.0, 0.4, 0.6]), full.means, full.covariance)
    for distance in (1.0, *DISTANCES):
        posterior = model.responsibilities(distance * directions())
        np.testing.assert_array_equal(posterior[:, 0], 0.0)
    assert_exact(model, 1e12 * directions())


@pytest.mark.parametrize("name", MOMENTS)
def test_log_joint_is_minus_infinity_only_where_it_must_be(name):
    model, exact = model_of(name), Exact(model_of(name))
    for distance in DISTANCES:
        x = distance * directions()
        for row, found in zip(x, model.log_joint(x), strict=True):
            for value, expected in zip(found, exact.joint(row), strict=True):
                if expected < -mpmath.mpf(float(LARGEST)):
                    assert value == -np.inf
                else:
                    assert abs(mpmath.mpf(float(value)) / expected - 1) < 1e-9


@pytest.mark.parametrize("name", MOMENTS)
def test_statistics_with_distant_rows_are_finite(name):
    model = model_of(name)
    x = np.vstack([directions(), 1e140 * directions()])
    s = e_step(Block(x, np.ones(len(x))), model)
    np.testing.assert_allclose(s.n_weights.sum(), len(x))
    for value in (s.sums, s.products, s.log_likelihood):
        assert np.isfinite(value).all()
    block = Block(x, np.ones(len(x)))
    assert np.isfinite(likelihood_of(block, model)).all()
    assert np.isfinite(certainty_of(block, model)).all()
