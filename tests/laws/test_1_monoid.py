"""Statistics form a vector space: rows can be added in any order, put aside, and taken away."""

import numpy as np
from hypothesis import given

from mixtura.learn.statistics import Statistics
from tests.laws.drawn import COMPONENTS, FEATURES, SEEDS, assert_close, mixture, quickly, statistics
from tests.laws.registries import numbered

ROUNDING = 1e-13


def three(family, k, d, seed, moved):
    """Statistics of one mixture; with `moved`, each about an origin of its own."""
    rng = np.random.default_rng(seed)
    model = mixture(family, k, d, rng)
    found = [statistics(model, n, rng) for n in (1, 17, 40)]
    if moved:
        found = [s.shifted(rng.normal(size=(k, d))) for s in found]
    return found


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_addition_is_associative(family, k, d, seed):
    a, b, c = three(family, k, d, seed, moved=False)
    assert_close((a + b) + c, a + (b + c), ROUNDING)


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_addition_is_associative_and_commutative_whatever_the_origins(family, k, d, seed):
    a, b, c = three(family, k, d, seed, moved=True)
    assert_close((a + b) + c, a + (b + c), 10 * ROUNDING, [a, b, c])
    assert_close(a + b, b + a, 10 * ROUNDING, [a, b])


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_addition_is_commutative(family, k, d, seed):
    a, b, _ = three(family, k, d, seed, moved=False)
    assert_close(a + b, b + a, 0.0)


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_zero_adds_nothing(family, k, d, seed):
    for moved in (False, True):
        a = three(family, k, d, seed, moved)[2]
        zero = Statistics.zero(a.moment, k, d)
        assert_close(a + zero, a, 0.0)
        assert_close(zero + a, a, 10 * ROUNDING, [a, a.shifted(zero.about)])


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_twice_is_the_sum_with_itself(family, k, d, seed):
    a, b, _ = three(family, k, d, seed, moved=False)
    assert_close(2.0 * a, a + a, 0.0)
    assert_close(2.0 * (a + b), 2.0 * a + 2.0 * b, ROUNDING)
    assert_close(a * 0.5 + a * 0.5, a, ROUNDING)


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_what_was_added_can_be_taken_away(family, k, d, seed):
    a, b, _ = three(family, k, d, seed, moved=False)
    assert_close(a - a, Statistics.zero(a.moment, k, d).shifted(a.about), 0.0)
    assert_close((a + b) - b, a, 10 * ROUNDING, [b])
    moved = a.shifted(a.about + 1.5)
    assert_close(a - moved, 0.0 * a, 10 * ROUNDING, [a, moved])


@numbered
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_the_origin_does_not_matter(family, k, d, seed):
    rng = np.random.default_rng(seed)
    a = three(family, k, d, seed, moved=False)[2]
    there = a.shifted(rng.normal(size=(k, d)))
    np.testing.assert_allclose(there.means, a.means, atol=1e-11)
    np.testing.assert_allclose(there.scatter, a.scatter, atol=1e-11 * np.abs(there.products).max())
    assert_close(there.shifted(a.about), a, 10 * ROUNDING, [there])
