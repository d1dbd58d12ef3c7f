"""Stepwise EM: averages of what batches say, with weights that follow from their sizes."""

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.learn.data import Block
from mixtura.learn.expectation import e_step
from mixtura.learn.online import EXPONENT, Online
from mixtura.model.covariance import Full


def one(x):
    """Statistics of rows of one component, in which nothing is hidden."""
    return e_step(
        Block(x, np.ones(len(x))), Mixture(np.ones(1), np.zeros((1, 2)), Full(np.eye(2)[None]))
    )


def test_a_step_is_a_weighted_mean():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(100, 2)), rng.normal(5.0, 1.0, (300, 2))
    online = Online((1 / 100) * one(first), 100.0).step(one(second))
    share = (300 / 400) ** EXPONENT
    expected = (1 - share) * first.mean(axis=0) + share * second.mean(axis=0)
    np.testing.assert_allclose(online.statistics.means[0], expected, rtol=1e-12)
    assert online.n_rows == 400
    np.testing.assert_allclose(online.statistics.n_rows, 1.0)
    np.testing.assert_allclose(online.total().n_rows, 400.0)


@pytest.mark.parametrize("size", [1, 10, 50])
def test_rows_of_long_ago_count_for_half_after_each_half_life(size):
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=(5_000, 2)), rng.normal(8.0, 1.0, (1_000, 2))
    online = Online((1 / 5_000) * one(before), 1e12, half_life=500.0)  # steps by age alone
    for start in range(0, 1_000, size):
        online = online.step(one(after[start : start + size]))
    share = float(online.statistics.means[0, 0] - before[:, 0].mean()) / float(
        8.0 - before[:, 0].mean()
    )
    # Two half-lives: a quarter is left. The mean of the new rows is known to 1/sqrt of some 500.
    assert abs(share - 0.75) < 5.0 / np.sqrt(500.0) / 8.0


def test_no_rows_change_nothing():
    online = Online((1 / 3) * one(np.ones((3, 2))), 3.0)
    assert online.step(one(np.zeros((0, 2)))) is online


def test_what_is_remembered_is_bounded_where_rows_are_forgotten():
    online = Online((1 / 3) * one(np.ones((3, 2))), 3.0, half_life=100.0)
    assert online.effective == 3.0
    for _ in range(50):
        online = online.step(one(np.ones((20, 2))))
    np.testing.assert_allclose(
        online.effective, 100.0 / np.log(2.0)
    )  # the sum of a half-life's ages


def test_single_rows_weigh_no_more_than_is_to_be_remembered():
    x = np.random.default_rng(2).normal(size=(1_000, 2))
    online = Online((1 / 100) * one(x[:100]), 100.0, least=1e9)
    for row in x[100:]:
        online = online.step(one(row[None]))
    np.testing.assert_allclose(online.statistics.means[0], x.mean(axis=0), atol=1e-12)
