"""Maps of one column: rising, exactly undone, and with the slope that they say."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, rankdata
from sklearn.preprocessing import PowerTransformer

from mixtura.learn.margin import Empirical, Ranks, Straight, YeoJohnson

KINDS = [Straight, YeoJohnson, Ranks]


def column(n=300, seed=0):
    return 3.0 + np.random.default_rng(seed).lognormal(size=n)


def around(x):
    """Points among those observed and far beyond them."""
    return np.concatenate([x, np.linspace(x.min() - 50.0, x.max() + 50.0, 201)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_way_back_is_exact(kind, sign):
    x = sign * column()
    margin = kind.of(x, np.ones(len(x)))
    points = np.sort(around(x))
    z = margin.forward(points)
    assert (np.diff(z) >= 0).all()
    assert_allclose(margin.inverse(z), points, rtol=1e-11, atol=1e-11)
    z = np.linspace(-9.0, 9.0, 101)
    assert_allclose(margin.forward(margin.inverse(z)), z, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_is_that_of_differences(kind):
    x = column()
    margin = kind.of(x, np.ones(len(x)))
    points = np.linspace(x.min() - 2.0, x.max() + 2.0, 97)
    h = 1e-7
    found = np.exp(margin.log_slope(points))
    # Between two corners of the ranks a small step stays on one line, up to a few unlucky points.
    expected = (margin.forward(points + h) - margin.forward(points - h)) / (2 * h)
    assert np.isclose(found, expected, rtol=1e-5).mean() > 0.97


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e5])
def test_the_power_is_that_of_scikit_learn(unit):
    x = column()
    share = (x - x.mean()) / x.std()
    theirs = PowerTransformer(standardize=False).fit(share[:, None])
    mine = YeoJohnson.of(unit * x, np.ones(len(x)))
    assert isinstance(mine, YeoJohnson)
    assert_allclose(mine.power, theirs.lambdas_[0], atol=2e-3)
    z = mine.forward(unit * x)
    assert_allclose(z, theirs.transform(share[:, None])[:, 0], rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("power", [0.0, 1e-13, 1e-6, 2.0, 2.0 - 1e-6, 1.0, -1.5, 3.5])
def test_powers_near_the_special_ones_lose_nothing(power):
    margin = YeoJohnson(power, 0.0, 1.0, -3.0, 3.0)
    x = np.linspace(-3.0, 3.0, 61)
    assert_allclose(margin.inverse(margin.forward(x)), x, rtol=1e-9, atol=1e-12)
    near = YeoJohnson(power + 1e-9, 0.0, 1.0, -3.0, 3.0)
    assert_allclose(margin.forward(x), near.forward(x), rtol=1e-7, atol=1e-7)


def test_ranks_become_normal_quantiles():
    x = np.random.default_rng(1).integers(0, 9, 200).astype(float)
    margin = Ranks.of(x, np.ones(len(x)))
    assert_allclose(margin.forward(x), norm.ppf((rankdata(x) - 0.5) / len(x)), rtol=1e-12)


@pytest.mark.parametrize("kind", [Ranks, Empirical, YeoJohnson])
def test_a_weight_of_two_is_a_row_twice(kind):
    x = np.random.default_rng(1).integers(0, 9, 60).astype(float)
    w = np.random.default_rng(2).integers(0, 3, 60).astype(float)
    once, twice = (
        kind.of(x[w > 0], w[w > 0]),
        kind.of(np.repeat(x, w.astype(int)), np.ones(int(w.sum()))),
    )
    z = np.linspace(-3.0, 3.0, 50)
    assert_allclose(once.inverse(z), twice.inverse(z), rtol=1e-9)


def test_only_numbers_observed_come_back_and_as_often():
    x = np.random.default_rng(1).integers(0, 5, 400).astype(float)
    margin = Empirical.of(x, np.ones(len(x)))
    assert isinstance(margin, Empirical)
    assert_array_equal(margin.inverse(margin.forward(x)), x)
    found = margin.inverse(norm.ppf((np.arange(400) + 0.5) / 400))
    assert_array_equal(found, np.sort(x))


@pytest.mark.parametrize("kind", [YeoJohnson, Ranks, Empirical])
def test_a_column_that_never_varies_stays_as_it_is(kind):
    assert isinstance(kind.of(np.full(9, 4.0), np.ones(9)), Straight)


def test_two_numbers_are_enough_for_ranks():
    margin = Ranks.of(np.array([1.0, 1.0, 5.0]), np.ones(3))
    points = np.array([-10.0, 1.0, 2.0, 5.0, 50.0])
    assert_allclose(margin.inverse(margin.forward(points)), points)


def test_a_power_does_not_explode_beyond_what_was_observed():
    """Where it has brought the largest numbers together, the way back is no steeper than between
    both ends."""
    x = np.concatenate([np.zeros(300), 1.0 + np.random.default_rng(0).lognormal(size=100)])
    margin = YeoJohnson.of(x, np.ones(len(x)))
    assert isinstance(margin, YeoJohnson)
    assert margin.power < -2
    z = margin.forward(np.array([x.min(), x.max()]))
    far = np.array([z[0] - 1.0, z[1] + 1.0])
    expected = x.min() + (far - z[0]) / (z[1] - z[0]) * (x.max() - x.min())
    assert_allclose(margin.inverse(far), expected, rtol=1e-9)
