from functools import partial

import numpy as np
import pytest

from mixtura import Mixture, Tied
from mixtura.engines.memory import Memory
from mixtura.learn.em import em
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.reduction import Drop, Keep, Reseed, dead, split
from mixtura.model.covariance import FAMILIES

FORMS = {
    name: family
    for name, family in FAMILIES.items()
    if name in ("full", "tied", "diag", "spherical", "VEV", "EVV")
}

VALUES = {
    "full": [[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, -0.3], [-0.3, 4.0]]],
    "tied": [[2.0, 0.5], [0.5, 1.0]],
    "diag": [[2.0, 1.0], [1.0, 1.0], [1.0, 4.0]],
    "spherical": [2.0, 1.0, 0.5],
    # One shape, and one determinant.
    "VEV": [[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]], [[2.0, 0.0], [0.0, 4.0]]],
    "EVV": [[[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]], [[3.0, 1.0], [1.0, 1.0]]],
}


def three(family):
    weights, means = [0.5, 0.1, 0.4], [[0, 1], [10, 10], [-4, 2]]
    return Mixture.of(weights, means, VALUES[family], family=family)


def test_the_pair_has_the_moments_of_the_one():
    before = three("full")
    after = split(before, 2, 1)
    pair = after.rearranged([1, 2])
    np.testing.assert_allclose(pair.mean, before.means[2], atol=1e-14)
    np.testing.assert_allclose(pair.total_covariance(), before.covariances[2], atol=1e-14)
    # What the component that made room weighed is shared by all.
    np.testing.assert_allclose(after.weights, np.array([0.5, 0.2, 0.2]) / 0.9)
    np.testing.assert_array_equal(after.means[0], before.means[0])
    np.testing.assert_array_equal(after.covariances[0], before.covariances[0])
    assert np.linalg.eigvalsh(after.covariances).min() > 0


@pytest.mark.parametrize("family", FORMS)
def test_halves_lie_along_the_longest_axis(family):
    before = three(family)
    after = split(before, 0, 1)
    values, vectors = np.linalg.eigh(before.covariances[0])
    step = after.means[0] - before.means[0]
    np.testing.assert_allclose(after.means[1] - before.means[0], -step)
    np.testing.assert_allclose(step @ step, values[-1] / 4)
    np.testing.assert_allclose(abs(step @ vectors[:, -1]), np.sqrt(values[-1]) / 2)
    np.testing.assert_allclose(after.weights.sum(), 1.0)
    np.testing.assert_allclose(after.weights[0], after.weights[1])
    assert type(after.covariance) is type(before.covariance)


@pytest.mark.parametrize("family", ["diag", "spherical"])
def test_halves_keep_variances_that_have_no_axis_of_their_own(family):
    after = split(three(family), 2, 1)
    np.testing.assert_array_equal(after.covariances[1], after.covariances[2])


def test_the_mixture_that_is_split_is_left_alone():
    before = three("full")
    weights, means, values = (
        array.copy() for array in (before.weights, before.means, before.covariances)
    )
    split(before, 0, 1)
    np.testing.assert_array_equal(before.weights, weights)
    np.testing.assert_array_equal(before.means, means)
    np.testing.assert_array_equal(before.covariances, values)


def test_components_with_fewer_rows_than_a_covariance_needs_are_dead():
    np.testing.assert_array_equal(
        dead(np.array([0.0, 2.9, 3.0, 50.0]), 2), [True, True, False, False]
    )


COUNTS = np.array([50.0, 1.0, 40.0])


@pytest.mark.parametrize("family", FORMS)
def test_keep_keeps(family):
    mixture = three(family)
    assert Keep()(mixture, COUNTS) is mixture


@pytest.mark.parametrize("family", FORMS)
def test_drop_takes_dead_components_out(family):
    mixture = three(family)
    found = Drop()(mixture, COUNTS)
    np.testing.assert_array_equal(found.means, mixture.means[[0, 2]])
    np.testing.assert_allclose(found.weights, np.array([0.5, 0.4]) / 0.9)
    np.testing.assert_array_equal(found.covariances, mixture.covariances[[0, 2]])
    assert Drop()(mixture, np.full(3, 30.0)) is mixture


def test_drop_leaves_one():
    found = Drop()(three("full"), np.array([1.0, 0.0, 2.0]))
    np.testing.assert_array_equal(found.means, [[-4.0, 2.0]])
    np.testing.assert_array_equal(found.weights, [1.0])


@pytest.mark.parametrize("family", FORMS)
def test_reseed_puts_half_of_the_heaviest_in_the_place_of_the_dead(family):
    mixture = three(family)
    found = Reseed(1)(mixture, COUNTS)
    expected = split(mixture, 0, 1)
    np.testing.assert_array_equal(found.means, expected.means)
    np.testing.assert_array_equal(found.weights, expected.weights)
    np.testing.assert_array_equal(found.covariances, expected.covariances)


def test_reseed_stops_at_its_limit():
    mixture = three("full")
    mixture = Mixture(np.array([0.9, 0.05, 0.05]), mixture.means, mixture.covariance)
    policy = Reseed(2)
    assert policy(mixture, np.array([50.0, 0.0, 0.0])) is not mixture
    assert policy.left == 0
    assert policy(mixture, COUNTS) is mixture


def test_reseed_leaves_the_living_alone():
    mixture = three("full")
    assert Reseed(9)(mixture, np.full(3, 30.0)) is mixture


def test_the_heaviest_is_not_split_into_its_own_place():
    mixture = Mixture.of([1.0], [[0.0]], [1.0], family="spherical")
    assert Reseed(9)(mixture, np.array([1.0])) is mixture


@pytest.mark.parametrize("family", FORMS)
def test_em_goes_on_with_fewer_components(family):
    x = np.random.default_rng(0).normal(size=(50, 2))
    start = three(family)
    form = FORMS[family]
    fit = em(
        Mixture(start.weights, np.array([[0.0, 1.0], [80.0, 80.0], [1.0, 0.0]]), start.covariance),
        lambda mixture: Memory(x, threads=1).fold(e_step, mixture),
        Maximization(form, None, np.full(2, 1e-9)),
        dead=Drop(),
        max_iter=20,
    )
    assert fit.mixture.n_components == 2
    np.testing.assert_allclose(fit.mixture.weights.sum(), 1.0)


@pytest.mark.parametrize("family", FORMS.values(), ids=[*FORMS])
def test_em_goes_on_with_fewer_components_under_a_prior(family):
    """A prior of as many components as are left: the fit is that of one from the beginning."""
    x = np.random.default_rng(0).normal(size=(50, 2))
    maximize = Maximization(family, Penalty(np.eye(2), 0.1), np.full(2, 1e-9))

    def run(weights, means):
        values = VALUES[family.name] if family is Tied else VALUES[family.name][: len(weights)]
        start = Mixture.of(weights, means, values, family=family)
        expect = partial(Memory(x, threads=1).fold, e_step)
        return em(start, expect, maximize, dead=Drop(), tol=0.0, max_iter=5).mixture

    found = run([0.5, 0.5], [[0, 1], [80, 80]])
    expected = run([1.0], [[0, 1]])
    assert found.n_components == 1
    np.testing.assert_allclose(found.means, expected.means, atol=1e-12)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-12)
