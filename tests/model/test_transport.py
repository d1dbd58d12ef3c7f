import itertools

import numpy as np
import pytest
from scipy import stats

from mixtura import Full, Mixture
from mixtura.model.covariance import FAMILIES
from mixtura.model.pair import squared_bures
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def drawn(family, seed=0, k=4, d=3):
    return mixture(family, k, d, np.random.default_rng(seed))


@EVERY
def test_a_shift_costs_its_length(family):
    """It cannot cost less, as the means are that far apart, nor more, as this plan is there."""
    model = drawn(family)
    b = np.array([3.0, -4.0, 12.0])
    found = model.mw2(model.affine(np.eye(3), b))
    np.testing.assert_allclose(found.distance, 13.0, rtol=1e-9)
    np.testing.assert_allclose(found.plan, np.diag(model.weights), atol=1e-9)


@EVERY
def test_the_plan_moves_one_mixture_onto_the_other(family):
    one, two = drawn(family, 1), drawn(family, 2, k=3)
    found = one.mw2(two)
    assert found.plan.shape == (4, 3)
    np.testing.assert_allclose(found.plan.sum(axis=1), one.weights, atol=1e-9)
    np.testing.assert_allclose(found.plan.sum(axis=0), two.weights, atol=1e-9)
    np.testing.assert_allclose(found.distances**2, squared_bures(one, two), rtol=1e-12)
    np.testing.assert_allclose(found.distance**2, (found.plan * found.distances**2).sum())
    np.testing.assert_allclose(found.distance, two.mw2(one).distance, rtol=1e-8)
    # No mixing of it with another plan is cheaper: any other has at least this cost.
    other = np.outer(one.weights, two.weights)
    assert found.distance**2 <= (other * found.distances**2).sum()


@EVERY
def test_equal_weights_make_it_the_best_permutation(family):
    one, two = (
        Mixture(np.full(4, 0.25), m.means, m.covariance)
        for m in (drawn(family, 3), drawn(family, 4))
    )
    costs = squared_bures(one, two)
    best = min(itertools.permutations(range(4)), key=lambda order: costs[np.arange(4), order].sum())
    total = costs[np.arange(4), best].sum()
    np.testing.assert_allclose(one.mw2(two).distance, np.sqrt(total / 4), rtol=1e-9)
    for weighted in (False, True):
        found = one.match(two, weighted=weighted)
        np.testing.assert_array_equal(found.own, range(4))
        np.testing.assert_array_equal(found.others, best)
        np.testing.assert_allclose(found.distances**2, costs[np.arange(4), best])


def test_on_a_line_it_bounds_the_distance_of_the_densities():
    """There the 2-Wasserstein distance is an integral over quantiles, here as ∫ … φ(z) dz."""
    z = np.linspace(-8, 8, 2001)

    def distance(one, two):
        square = (one.quantile(stats.norm.cdf(z)) - two.quantile(stats.norm.cdf(z))) ** 2
        return np.sqrt((square * stats.norm.pdf(z)).sum() * (z[1] - z[0]))

    one, two = drawn(Full, 5, d=1), drawn(Full, 6, k=2, d=1)
    assert one.mw2(two).distance >= distance(one, two)
    single, other = drawn(Full, 7, k=1, d=1), drawn(Full, 8, k=1, d=1)
    np.testing.assert_allclose(single.mw2(other).distance, distance(single, other), rtol=1e-6)


@EVERY
def test_components_in_another_order_are_found_again(family):
    model = drawn(family, 9)
    order = [2, 0, 3, 1]
    found = model.rearranged(order).match(model)
    np.testing.assert_array_equal(found.others, order)
    np.testing.assert_allclose(found.distances, 0.0, atol=1e-7)
    np.testing.assert_allclose(model.rearranged(order).mw2(model).distance, 0.0, atol=1e-6)


def test_of_more_components_some_go_without():
    model = drawn(Full, 10)
    fewer = model.rearranged([3, 1])
    found = model.match(fewer)
    np.testing.assert_array_equal(found.own, [1, 3])
    np.testing.assert_array_equal(found.others, [1, 0])
    every = model.match(fewer, weighted=True)
    np.testing.assert_array_equal(every.own, range(4))
    assert every.others[1] == 1


def test_weight_decides_where_most_of_it_goes():
    """The heavy one is split: its larger part goes far, as the near one is small."""
    one = Mixture.of([1.0], [[0.0]], [1.0], family="spherical")
    two = Mixture.of([0.2, 0.8], [[0.5], [9.0]], [1.0, 1.0], family="spherical")
    np.testing.assert_array_equal(one.match(two).others, [0])
    np.testing.assert_array_equal(one.match(two, weighted=True).others, [1])
    np.testing.assert_allclose(one.mw2(two).distance, np.sqrt(0.2 * 0.25 + 0.8 * 81))


@pytest.mark.parametrize("how", ["mw2", "match"])
def test_mixtures_over_other_dimensions_are_refused(how):
    with pytest.raises(ValueError, match="the mixtures have 3 and 2 dimensions"):
        getattr(drawn(Full), how)(drawn(Full, d=2))
