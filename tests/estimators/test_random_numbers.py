"""Generators that are seeded again draw what new ones draw."""

import numpy as np
import pytest

from mixtura import GaussianMixture
from mixtura.estimators import random_numbers


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_generator_in_use_before_is_as_good_as_new(seed):
    used = random_numbers.from_seed(5)
    used.normal(size=3)  # an odd number: one more is kept for later
    random_numbers.put_by(used)
    again = random_numbers.from_seed(seed)
    assert again is used
    new = np.random.RandomState(seed)
    np.testing.assert_array_equal(again.normal(size=7), new.normal(size=7))
    np.testing.assert_array_equal(again.randint(2**31, size=9), new.randint(2**31, size=9))


def test_two_at_a_time_are_two():
    assert random_numbers.from_seed(0) is not random_numbers.from_seed(0)


def test_a_function_may_keep_the_generator_it_was_given():
    rows, kept = np.random.default_rng(0).normal(size=(60, 2)), []

    def start(x, k, rng):
        kept.append(rng)
        return np.arange(len(x)) % k

    GaussianMixture(2, init_params=start, random_state=3).fit(rows)
    GaussianMixture(2, random_state=4).fit(rows)
    GaussianMixture(2, random_state=4).fit(rows)
    expected = np.random.RandomState(3)
    expected.randint(2**31, size=4)  # for `sample`
    assert kept[0].random_sample() == expected.random_sample()
