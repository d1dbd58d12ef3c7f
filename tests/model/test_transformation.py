import re
from dataclasses import dataclass

import numpy as np
import pytest

from mixtura import Diagonal, Full, Mixture, Spherical, Tied
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture
from tests.laws.registries import PAIRS
from tests.laws.test_10_equivariance import FOLLOWS_COLUMN_UNITS

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def drawn(family, seed, k=3, d=3):
    return mixture(family, k, d, np.random.default_rng(seed))


def characteristic(model, t):
    """E exp(i tᵀx), which says all about a distribution: shape (n,) for t of shape (n, D)."""
    square = np.einsum("ni,kij,nj->nk", t, model.covariances, t)
    return np.exp(1j * t @ model.means.T - 0.5 * square) @ model.weights


# Affine maps


@EVERY
def test_densities_change_by_the_determinant(family):
    model, rng = drawn(family, 0), np.random.default_rng(1)
    a, b = rng.normal(size=(3, 3)) + 2 * np.eye(3), rng.normal(size=3)
    x = model.sample(100, 2)[0]
    moved = model.affine(a, b)
    expected = model.log_density(x) - np.linalg.slogdet(a)[1]
    np.testing.assert_allclose(moved.log_density(x @ a.T + b), expected, rtol=1e-10, atol=1e-10)
    assert type(moved.covariance) is (Tied if family.common else Full)


@EVERY
@pytest.mark.parametrize("noise", [0.3, [0.2, 0.0], [[0.5, 0.4], [0.4, 0.6]]])
def test_fewer_numbers_with_noise(family, noise):
    model, rng = drawn(family, 3), np.random.default_rng(4)
    a, b, t = rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(scale=0.7, size=(50, 2))
    added = noise if np.ndim(noise) == 2 else np.eye(2) * noise
    expected = characteristic(model, t @ a) * np.exp(1j * t @ b)
    expected = expected * np.exp(-0.5 * np.einsum("ni,ij,nj->n", t, added, t))
    found = model.affine(a, b, noise)
    np.testing.assert_allclose(characteristic(found, t), expected, rtol=1e-10, atol=1e-14)


@EVERY
def test_a_direction_is_a_row(family):
    model = drawn(family, 5)
    one = model.affine([0.0, 1.0, 0.0], 2.0)
    alone = model.marginal([1])
    np.testing.assert_allclose(one.means, alone.means + 2.0)
    np.testing.assert_allclose(one.covariances, alone.covariances)


def test_more_numbers_than_columns_need_noise():
    model = drawn(Full, 6, d=2)
    a = np.random.default_rng(7).normal(size=(4, 2))
    message = "the result has no density: 4 numbers are made of 2 independent ones; take out rows"
    with pytest.raises(ValueError, match=message):
        model.affine(a)
    assert model.affine(a, noise=0.1).n_features == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(2),), "the matrix must have shape (m, 3), not (2, 2)"),
        ((np.empty((0, 3)),), "the matrix must have shape (m, 3), not (0, 3)"),
        ((np.full((1, 3), np.nan),), "the matrix must hold finite numbers, but there is NaN"),
        ((np.eye(3), [1.0, 2.0]), "the shift must be a number or have shape (3,), not (2,)"),
        ((np.eye(3), np.inf), "the shift must hold finite numbers"),
        ((np.eye(3), None, np.eye(2)), "noise must be a number or have shape (3,) or (3, 3), not"),
        ((np.eye(3), None, -0.1), "the variance of the noise must not be negative"),
        ((np.eye(3), None, np.nan), "the noise must hold finite numbers"),
        ((np.eye(3), None, np.triu(np.ones((3, 3)))), "covariance of the noise is not symmetric"),
        (
            (np.eye(3), None, np.ones((3, 3)) - 0.5 * np.eye(3)),
            "the covariance of the noise has a negative eigenvalue",
        ),
        (([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]],), "2 numbers are made of 1 independent ones"),
        (
            ([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]], None, [0.0, 0.0]),
            "the result has no density: 2 numbers are made of 1 independent ones",
        ),
    ],
)
def test_maps_that_are_refused(arguments, message):
    model = Mixture.of([1.0], [[0.0, 0.0, 0.0]], [np.eye(3)])
    with pytest.raises(ValueError, match=re.escape(message)):
        model.affine(*arguments)


# Other units


@EVERY
def test_other_units_keep_the_family(family):
    model, rng = drawn(family, 8), np.random.default_rng(9)
    x = model.sample(100, 10)[0]
    equal = np.array([-2.0, 2.0, 2.0])
    for f in (equal, rng.normal(size=3), 5.0):
        found = model.scale(f, [1.0, 2.0, 3.0])
        expected = model.log_density(x) - np.log(np.abs(np.broadcast_to(f, 3))).sum()
        np.testing.assert_allclose(
            found.log_density(x * f + [1.0, 2.0, 3.0]), expected, rtol=1e-10, atol=1e-10
        )
        stays = family.name in FOLLOWS_COLUMN_UNITS or not np.ptp(np.abs(f))
        other = Diagonal if family.independent else Full
        assert type(found.covariance) is (family if stays else other)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([1.0, 2.0], "the factors must be a number or have shape (3,), not (2,)"),
        ([1.0, 0.0, 1.0], "the factor of dimension 1 is zero: leave the dimension out"),
        (np.nan, "the factors must hold finite numbers"),
    ],
)
def test_units_that_are_none(factors, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        drawn(Full, 0).scale(factors)


# Sums


def together(family, other):
    """The form of what two make: the same for two of a kind, and else what holds both."""
    if family is other and family in (Tied, Spherical):
        return family
    return Diagonal if family.independent and other.independent else Full


@pytest.mark.parametrize(("family", "other"), PAIRS)
def test_sums_of_independent_rows(family, other):
    one, two = drawn(family, 11, k=2), drawn(other, 12)
    found = one.convolve(two)
    t = np.random.default_rng(13).normal(scale=0.5, size=(50, 3))
    expected = characteristic(one, t) * characteristic(two, t)
    np.testing.assert_allclose(characteristic(found, t), expected, rtol=1e-10, atol=1e-14)
    assert found.n_components == 6
    assert type(found.covariance) is together(family, other)


@EVERY
@pytest.mark.parametrize("noise", [0.3, [0.2, 0.0, 1.0], np.eye(3) + 0.5])
def test_noise_widens_every_component(family, noise):
    model = drawn(family, 14)
    found = model.convolve(noise)
    added = noise if np.ndim(noise) == 2 else np.eye(3) * noise
    np.testing.assert_allclose(found.covariances, model.covariances + added)
    np.testing.assert_array_equal(found.means, model.means)
    apart = family.independent and np.ndim(noise) < 2
    stays = family is Tied or (family is Spherical and np.ndim(noise) == 0)
    expected = family if stays else Diagonal if apart else Full
    assert type(found.covariance) is expected


# Products


@pytest.mark.parametrize(("family", "other"), PAIRS)
def test_the_product_is_the_product_of_densities(family, other):
    one, two = drawn(family, 15, k=2), drawn(other, 16)
    found = one.product(two)
    x = np.random.default_rng(17).normal(scale=2.0, size=(60, 3))
    expected = one.log_density(x) + two.log_density(x) - one.log_inner_product(two)
    np.testing.assert_allclose(found.log_density(x), expected, rtol=1e-9, atol=1e-9)
    assert found.n_components == 6
    assert type(found.covariance) is together(family, other)


def test_a_needle_times_a_ball_stays_positive_definite():
    """The sum of precisions has a condition of 1e16: subtraction would leave nothing of it."""
    a = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    needle = Mixture.of([1.0], [[0.0, 0.0]], [a @ np.diag([1e8, 1e-4]) @ a.T])
    found = needle.product(Mixture.of([1.0], [[1.0, 0.0]], [1e4 * np.eye(2)]))
    assert not found.covariance.degenerate(1).any()
    expected = np.sort(1 / (1 / np.array([1e8, 1e-4]) + 1e-4))
    np.testing.assert_allclose(np.linalg.eigvalsh(found.covariances[0]), expected, rtol=1e-3)


def test_products_far_apart_are_told_in_logarithms():
    one = Mixture.of([0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]])
    two = Mixture.of([1.0], [[1000.0]], [[[1.0]]])
    found = one.product(two)
    np.testing.assert_allclose(found.weights, [0.0, 1.0])
    np.testing.assert_allclose(found.means[1], [505.0])


@pytest.mark.parametrize("how", ["product", "convolve"])
def test_mixtures_over_other_dimensions_are_refused(how):
    message = "the mixtures have 3 and 2 dimensions: both must be over the same ones"
    with pytest.raises(ValueError, match=message):
        getattr(drawn(Full, 0), how)(drawn(Full, 0, d=2))


def test_a_component_that_collapsed_is_named():
    covariance = Full(np.array([np.eye(2), [[1.0, 1.0], [1.0, 1.0]]]))
    model = Mixture(np.array([0.5, 0.5]), np.zeros((2, 2)), covariance)
    message = "the covariance of component 1 is not positive definite; take out rows of the matrix"
    with pytest.raises(ValueError, match=message):
        model.affine(np.eye(2))
    assert not model.affine(np.eye(2), noise=1e-3).covariance.degenerate(2).any()


@dataclass(frozen=True, eq=False)
class Banded:
    """A family that no operation knows by name: all it has is its matrices."""

    values: np.ndarray  # (K, D, D)

    common = independent = False

    def dense(self, n_components):
        return self.values

    def scaled(self, factors):
        return None


def test_a_family_that_is_not_known_is_taken_by_its_matrices():
    full = drawn(Full, 18)
    other = Mixture(full.weights, full.means, Banded(full.covariance.values))
    a, plain = np.eye(3)[:2], drawn(Tied, 19)
    for found, expected in (
        (other.affine(a), full.affine(a)),
        (other.scale([1.0, 2.0, 3.0]), full.scale([1.0, 2.0, 3.0])),
        (other.convolve(0.5), full.convolve(0.5)),
        (plain.convolve(other), plain.convolve(full)),
        (plain.product(full), full.product(plain).rearranged([0, 3, 6, 1, 4, 7, 2, 5, 8])),
    ):
        assert type(found.covariance) is Full
        np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-10)
        np.testing.assert_allclose(found.means, expected.means, rtol=1e-10, atol=1e-12)
