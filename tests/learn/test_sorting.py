import numpy as np
import pytest

from mixtura import Mixture
from mixtura.engines.memory import Memory
from mixtura.learn.expectation import e_step
from mixtura.learn.sorting import AGAIN, FIRST, MANY, Sorting
from tests.laws.drawn import assert_close


def model_of(k, distance):
    rng = np.random.default_rng(0)
    means = distance * np.array(np.meshgrid(*[range(4)] * 3)).reshape(3, -1).T[:k]
    covariances = np.array([np.diag(rng.uniform(0.5, 1.5, 3)) for _ in range(k)])
    return Mixture.of(rng.dirichlet(np.full(k, 9.0)), means, covariances)


def table(model, n=70_000):
    rng = np.random.default_rng(1)
    return model.sample(n, rng)[0], rng.uniform(0.5, 2.0, n)


def test_statistics_are_those_of_the_rows_as_they_lie():
    model = model_of(MANY, 15.0)
    data = Memory(*table(model))
    expected, expect = data.fold(e_step, model), Sorting(data)
    for number in range(1, FIRST + 2):
        assert_close(expect(model), expected, 1e-11)
        assert expect.sparse == (number >= FIRST)
    assert expect.next == FIRST * AGAIN


@pytest.mark.parametrize(("k", "distance"), [(MANY, 1.0), (MANY - 1, 15.0)])
def test_rows_stay_as_they_lie_where_nothing_is_won(k, distance):
    model = model_of(k, distance)
    data = Memory(*table(model))
    expect = Sorting(data)
    for _ in range(FIRST):
        expect(model)
    assert not expect.sparse
    assert expect.now is data


def test_few_rows_can_be_sorted_too():
    model = model_of(MANY, 15.0)
    data = Memory(*table(model, 100))
    expect = Sorting(data)
    for _ in range(FIRST):
        found = expect(model)
    assert_close(found, data.fold(e_step, model), 1e-11)
