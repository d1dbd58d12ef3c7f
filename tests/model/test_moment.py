import itertools
import re

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def by_quadrature(model, powers, about):
    """Gauss-Hermite with eight nodes is exact for polynomials up to degree fifteen."""
    nodes, masses = hermegauss(8)
    d = model.n_features
    z = np.array([*itertools.product(nodes, repeat=d)])
    w = np.prod([*itertools.product(masses, repeat=d)], axis=1) / (2 * np.pi) ** (d / 2)
    total = 0.0
    for weight, mean, matrix in zip(model.weights, model.means, model.covariances, strict=True):
        x = mean + z @ np.linalg.cholesky(matrix).T - about
        total += weight * (w @ np.prod(x ** np.array(powers), axis=1))
    return total


@EVERY
@pytest.mark.parametrize(
    "powers", [(0, 0, 0), (1, 0, 0), (0, 2, 0), (1, 1, 0), (2, 1, 3), (0, 0, 7), (2, 2, 2)]
)
def test_moments_are_integrals(family, powers):
    model = mixture(family, 3, 3, np.random.default_rng(0))
    for about in (np.zeros(3), np.array([0.5, -1.0, 2.0]), model.mean):
        expected = by_quadrature(model, powers, about)
        np.testing.assert_allclose(model.moment(powers, about), expected, rtol=1e-9, atol=1e-10)


def test_the_first_two_are_the_mean_and_the_covariance():
    model = mixture(FAMILIES["full"], 3, 2, np.random.default_rng(1))
    np.testing.assert_allclose([model.moment([1, 0]), model.moment([0, 1])], model.mean)
    np.testing.assert_allclose(model.moment([1, 1], model.mean), model.total_covariance()[0, 1])


def test_one_dimension_takes_a_number():
    model = mixture(FAMILIES["full"], 3, 1, np.random.default_rng(2))
    np.testing.assert_allclose(model.moment(4, 0.5), by_quadrature(model, (4,), 0.5))


@pytest.mark.parametrize("powers", [(1,), (1, 0, 0), (-1, 0), (0.5, 1), 2])
def test_powers_that_are_none(powers):
    model = mixture(FAMILIES["full"], 3, 2, np.random.default_rng(3))
    message = f"powers must be 2 whole numbers from zero on, not {powers!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.moment(powers)


@pytest.mark.parametrize("about", [[1.0, 2.0, 3.0], np.nan])
def test_points_that_moments_are_not_about(about):
    model = mixture(FAMILIES["full"], 3, 2, np.random.default_rng(3))
    with pytest.raises(
        ValueError, match=re.escape("about must be finite, a number or of shape (2,)")
    ):
        model.moment([1, 1], about)
