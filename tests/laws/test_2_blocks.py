"""The sum over blocks depends neither on their size nor on threads nor on how rows are stored."""

import numpy as np
import pytest

from mixtura.learn.expectation import assigned, e_step
from tests.laws.drawn import assert_close, assert_identical, mixture, rows, with_needle
from tests.laws.registries import numbered

N, K, D = 2_100, 3, 4


@pytest.fixture(params=[mixture, with_needle], ids=["near", "far"])
def model(request, family):
    return request.param(family, K, D, np.random.default_rng(2))


@pytest.fixture
def table(model):
    # Whole numbers of 1/64: each way to store them can then change nothing but the storage.
    rng = np.random.default_rng(3)
    x = np.round(64.0 * rows(model, N, rng)) / 64.0
    return x.astype(np.float32).astype(np.float64), rng.uniform(0.0, 2.0, N)


@pytest.mark.parametrize("sizes", [[1], [7, 64, 1000, 2099, 2100, 10**6]], ids=["one", "more"])
def test_the_size_of_blocks_does_not_matter(engine, model, table, sizes):
    x, w = table
    if sizes == [1]:
        x, w = x[:300], w[:300]
    whole = engine(x, w, threads=1, block_rows=len(x)).fold(e_step, model)
    for block_rows in sizes:
        blocks = engine(x, w, threads=1, block_rows=block_rows).fold(e_step, model)
        assert_close(blocks, whole, 1e-11)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_number_of_threads_does_not_change_a_bit(engine, model, table, dtype, weighted):
    x, w = table[0].astype(dtype), table[1] if weighted else None
    one = engine(x, w, threads=1, block_rows=50).fold(e_step, model)
    for threads in (2, 3, 5):
        many = engine(x, w, threads=threads, block_rows=50).fold(e_step, model)
        assert_identical(many, one)


def mapped(x, folder):
    np.save(folder / "rows.npy", x)
    return np.load(folder / "rows.npy", mmap_mode="r")


def read_only(x, folder):
    x = x.copy()
    x.setflags(write=False)
    return x


STORED = {
    "Fortran order": lambda x, folder: np.asfortranarray(x),
    "strided": lambda x, folder: np.repeat(np.repeat(x, 3, axis=1), 2, axis=0)[::2, ::3],
    "backwards": lambda x, folder: x[::-1].copy()[::-1],
    "read-only": read_only,
    "big-endian": lambda x, folder: x.astype(">f8"),
    "memory-mapped": mapped,
    "extended precision": lambda x, folder: x.astype(np.longdouble),
}


def test_the_storage_of_rows_does_not_change_a_bit(engine, model, table, tmp_path):
    x, w = table
    expected = engine(x, w, block_rows=500).fold(e_step, model)
    for stored in STORED.values():
        found = engine(stored(x, tmp_path), w, block_rows=500).fold(e_step, model)
        assert_identical(found, expected)


@pytest.mark.parametrize("dtypes", [[np.int8, np.int16, np.uint16, np.int64, ">i4"], [bool]])
def test_whole_numbers_are_rows_like_others(engine, model, dtypes):
    x = np.random.default_rng(4).integers(0, 2 if dtypes == [bool] else 100, (N, D))
    expected = engine(x.astype(np.float64)).fold(e_step, model)
    for dtype in dtypes:
        assert_identical(engine(x.astype(dtype)).fold(e_step, model), expected)


@numbered
def test_memberships_go_with_their_rows(engine, model, table):
    x, w = table
    r = np.random.default_rng(5).dirichlet(np.ones(K), N)
    whole = engine(x, w, r, threads=1, block_rows=N).fold(assigned, model)
    blocks = engine(x, w, r, threads=3, block_rows=101).fold(assigned, model)
    assert_close(blocks, whole, 1e-11)
    np.testing.assert_allclose(whole.n_weights, w @ r, rtol=1e-12)
    labels = r.argmax(axis=1)
    hard = engine(x, w, labels, block_rows=101).fold(assigned, model)
    assert_identical(hard, engine(x, w, np.eye(K)[labels], block_rows=101).fold(assigned, model))
