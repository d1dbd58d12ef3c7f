"""A survey is what NumPy says of all rows, in whatever parts it is made."""

import numpy as np
import pytest

from mixtura.learn.data import Block
from mixtura.learn.survey import survey


def surveyed(x, w, sizes, largest=1e150):
    ends = np.cumsum(sizes)
    parts = [
        survey(Block(x[a:b], w[a:b], first=int(a)), 3, 20, 1.0, largest)
        for a, b in zip([0, *ends], [*ends, len(x)], strict=False)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@pytest.mark.parametrize("sizes", [[], [1], [3, 100, 2], [0, 250]])
def test_moments_are_those_of_all_rows(sizes):
    rng = np.random.default_rng(0)
    x = rng.normal(1e6, [1.0, 1e-3, 10.0], (400, 3))  # far from the origin: nothing may cancel
    w = rng.uniform(0.0, 2.0, 400)
    found = surveyed(x, w, sizes)
    assert found.n_rows == 400
    np.testing.assert_allclose(found.weight, w.sum(), rtol=1e-13)
    np.testing.assert_allclose(found.mean, np.average(x, axis=0, weights=w), rtol=1e-14)
    expected = np.cov(x.T, aweights=w, ddof=0)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert (np.abs(found.gaussian().covariance.values[0] - expected) <= 1e-6 * scale).all()
    np.testing.assert_array_equal(found.low, x.min(axis=0))
    np.testing.assert_array_equal(found.high, x.max(axis=0))


def test_gaps_are_counted_and_left_out():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 2))
    x[rng.uniform(size=x.shape) < 0.3] = np.nan
    found = surveyed(x, np.ones(200), [90])
    whole = ~np.isnan(x).any(axis=1)
    assert found.holes == np.isnan(x).sum()
    assert found.n_saying == (~np.isnan(x).all(axis=1)).sum()
    assert found.complete == whole.sum()
    np.testing.assert_allclose(found.mean, x[whole].mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
def test_the_first_number_of_no_use_is_named(value):
    x = np.zeros((300, 2))
    x[[170, 40, 250], [1, 0, 0]] = value
    found = surveyed(x, np.ones(300), [100, 100])
    assert (found.wrong.row, found.wrong.column, found.wrong.value) == (40, 0, value)
    assert found.n_wrong == 3


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_the_first_weight_of_no_use_is_named(value):
    w = np.ones(300)
    w[[20, 280]] = value
    found = surveyed(np.zeros((300, 1)), w, [100, 100])
    assert found.negative.row == 20
    np.testing.assert_equal(found.negative.value, value)


def test_rows_of_no_weight_are_not_drawn_and_not_measured():
    x = np.arange(100.0)[:, None]
    w = (x[:, 0] < 10).astype(float)
    found = surveyed(x, w, [30])
    assert sorted(found.picked.numbers) == [*range(10)]
    assert found.high == 9.0
    assert found.mean == 4.5
