"""Rows that come in batches: the same sums as those of an array, to the bit."""

import numpy as np
import pytest

import mixtura
from mixtura.engines.batches import Batches
from mixtura.engines.memory import Memory
from mixtura.estimators.doors import source_of
from mixtura.estimators.passes import Rows
from mixtura.learn.expectation import e_step, log_density
from mixtura.learn.survey import survey
from tests.engines.sources import WAYS, N, rows
from tests.laws.drawn import assert_identical


@pytest.fixture(scope="module")
def model():
    x = rows(200)
    return mixtura.GaussianMixture(3, random_state=0, tol=0.1).fit(x).mixture_


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
def test_every_source_folds_to_the_sums_of_an_array(way, model, tmp_path):
    x = rows()
    data = Batches(source_of(way(x, tmp_path)), block_rows=100)
    expected = Memory(x, block_rows=100).fold(e_step, model)
    for _ in range(2):  # and again
        assert_identical(data.fold(e_step, model), expected)
    np.testing.assert_array_equal(data.map(log_density, model), Memory(x).map(log_density, model))


@pytest.mark.parametrize("block_rows", [1, 99, N - 1, N, 10_000])
def test_blocks_are_cut_anywhere(model, block_rows):
    x = rows()
    data = Batches(Rows(x), block_rows=block_rows, threads=3)
    assert_identical(data.fold(e_step, model), Memory(x, block_rows=block_rows).fold(e_step, model))


def test_the_number_of_threads_does_not_change_a_bit(model):
    x = rows()
    one = Batches(Rows(x), block_rows=50, threads=1).fold(e_step, model)
    for threads in (2, 5):
        assert_identical(Batches(Rows(x), block_rows=50, threads=threads).fold(e_step, model), one)


def test_weights_are_the_last_column(model):
    x = rows()
    w = np.random.default_rng(1).uniform(0.0, 2.0, N)
    found = Batches(Rows(x, w), weight=True, block_rows=100).fold(e_step, model)
    assert_identical(found, Memory(x, w, block_rows=100).fold(e_step, model))


def test_missing_numbers_stay_missing(model, tmp_path):
    x = rows()
    x[np.random.default_rng(2).uniform(size=x.shape) < 0.2] = np.nan
    expected = Memory(x, incomplete=True, block_rows=100).fold(e_step, model)
    for name in ("parquet", "csv", "npy"):
        folder = tmp_path / name
        folder.mkdir()
        data = Batches(source_of(WAYS[name](x, folder)), incomplete=True, block_rows=100)
        assert_identical(data.fold(e_step, model), expected)


def test_float32_stays_float32(model, tmp_path):
    x = rows().astype(np.float32)
    data = Batches(source_of(WAYS["parquet"](x, tmp_path)), block_rows=100)
    assert data.dtype == np.float32
    assert_identical(data.fold(e_step, model), Memory(x, block_rows=100).fold(e_step, model))


def test_a_kernel_that_fails_ends_the_pass(model):
    def fails(block):
        raise RuntimeError("no")

    data = Batches(Rows(rows()), block_rows=10)
    with pytest.raises(RuntimeError, match="no"):
        data.fold(fails)
    assert np.isfinite(data.fold(e_step, model).log_likelihood)


def test_the_same_rows_are_drawn_however_they_are_divided():
    x = rows()
    w = np.where(np.arange(N) % 3 == 0, 0.0, 1.5)
    drawn = []
    for block_rows in (7, 100, 5_000):
        data = Batches(Rows(x, w), weight=True, block_rows=block_rows)
        drawn.append(data.fold(survey, 5, 50, 1.0, np.inf).picked.ordered())
    for each in drawn:
        np.testing.assert_array_equal(each.numbers, drawn[0].numbers)
        np.testing.assert_array_equal(each.rows, x[each.numbers])
    assert len(drawn[0].numbers) == 50
    assert (drawn[0].numbers % 3 != 0).all()
    assert (np.diff(drawn[0].numbers) > 0).all()


def test_each_row_is_drawn_as_often_as_any_other():
    x = np.arange(40.0)[:, None]
    counts = np.zeros(40)
    for seed in range(2_000):
        counts[
            Batches(Rows(x), block_rows=9, threads=1).sample(10, seed).rows[:, 0].astype(int)
        ] += 1
    # Hypergeometric inclusion: 500 of 2,000 on average, variance 375, and a little covariance.
    chi = float(((counts - 500.0) ** 2 / 375.0).sum())
    assert chi < 39 + 5 * np.sqrt(2 * 39)
