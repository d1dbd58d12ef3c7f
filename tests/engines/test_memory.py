import os
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mixtura.engines import memory
from mixtura.engines.memory import Memory, tree_sum


class Sum(str):
    """A sum that remembers how it was made."""

    def __add__(self, other):
        return Sum(f"({self}{other})")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ("a", "a"),
        ("ab", "(ab)"),
        ("abc", "((ab)c)"),
        ("abcd", "((ab)(cd))"),
        ("abcde", "(((ab)(cd))e)"),
        ("abcdefg", "(((ab)(cd))((ef)g))"),
        ("abcdefgh", "(((ab)(cd))((ef)(gh)))"),
    ],
)
def test_the_tree_depends_on_the_number_of_parts_alone(parts, expected):
    assert tree_sum(Sum(part) for part in parts) == expected


def test_the_tree_holds_few_partial_sums():
    alive, most = 0, 0

    class Counted:
        def __init__(self):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self):
            nonlocal alive
            alive -= 1

        def __add__(self, other):
            return Counted()

    tree_sum(Counted() for _ in range(1024))
    assert most <= 14


def test_a_tree_of_numbers_is_their_sum():
    numbers = np.random.default_rng(0).normal(size=1001)
    np.testing.assert_allclose(tree_sum(numbers), numbers.sum(), rtol=1e-12)


ROWS = np.arange(40.0).reshape(20, 2)


def identity(block, *args):
    return np.array(block.rows)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("block_rows", [1, 3, 20, 100])
def test_map_keeps_the_order_of_rows(threads, block_rows):
    data = Memory(ROWS, threads=threads, block_rows=block_rows)
    np.testing.assert_array_equal(data.map(identity), ROWS)
    first = data.map(lambda block, column: block.rows[:, column], 1)
    np.testing.assert_array_equal(first, ROWS[:, 1])


def test_map_keeps_the_type_of_the_result():
    labels = Memory(ROWS).map(lambda block: block.rows[:, 0].astype(np.int64))
    assert labels.dtype == np.int64


def test_blocks_carry_weights_and_memberships_of_their_rows():
    weights, members = np.arange(20.0), np.arange(20)
    seen = []
    data = Memory(ROWS, weights, members, block_rows=6, threads=1)
    assert data.n_features == 2
    total = data.fold(lambda block: seen.append(block) or float(block.weights.sum()))
    assert total == weights.sum()
    assert [len(block.rows) for block in seen] == [6, 6, 6, 2]
    for block in seen:
        np.testing.assert_array_equal(block.rows[:, 0] / 2, block.weights)
        np.testing.assert_array_equal(block.memberships, block.weights)


def test_rows_weigh_one_where_nothing_is_said():
    assert Memory(ROWS, block_rows=7).fold(lambda block: block.weights.sum()) == 20
    assert Memory(ROWS).fold(lambda block: block.memberships is None)


def test_rows_are_not_copied():
    data = Memory(ROWS, block_rows=5, threads=1)
    assert data.fold(lambda block: int(np.shares_memory(block.rows, ROWS))) == 4


def test_threads_work_side_by_side():
    names = set()
    barrier = threading.Barrier(2, timeout=30)

    def kernel(block):
        barrier.wait()
        names.add(threading.current_thread().name)
        return 1

    assert Memory(ROWS, block_rows=10, threads=2).fold(kernel) == 2
    assert len(names) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_each_thread_has_one_blas_thread(threads):
    """Matrix products split among threads would add in another order, and crowd the others out."""

    def most(block):
        found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        return int(max(found) == 1)

    with threadpool_limits(limits=2, user_api="blas"):
        assert Memory(ROWS, block_rows=5, threads=threads).fold(most) == 4


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_a_kernel_comes_out(threads):
    def kernel(block):
        if block.rows[0, 0] > 20:
            raise RuntimeError("row 10 is bad")
        return 1

    with pytest.raises(RuntimeError, match="row 10 is bad"):
        Memory(ROWS, block_rows=2, threads=threads).fold(kernel)


# Samples


def test_a_sample_is_all_rows_where_there_are_few():
    block = Memory(ROWS).sample(20, np.random.RandomState(0))
    np.testing.assert_array_equal(block.rows, ROWS)
    np.testing.assert_array_equal(block.weights, 1.0)


def test_a_sample_has_different_rows_in_their_order():
    block = Memory(ROWS, np.arange(1.0, 21.0)).sample(7, np.random.RandomState(0))
    index = block.rows[:, 0] / 2
    assert len(index) == 7
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(block.weights, index + 1)


def test_a_sample_has_no_absent_rows():
    weights = np.where(np.arange(20) % 3 == 0, 2.0, 0.0)
    members = np.arange(20)
    for n in (3, 100):
        block = Memory(ROWS, weights, members).sample(n, np.random.RandomState(1))
        assert len(block.rows) == min(n, 7)
        np.testing.assert_array_equal(block.weights, 2.0)
        np.testing.assert_array_equal(block.memberships % 3, 0)
        np.testing.assert_array_equal(block.rows[:, 0] / 2, block.memberships)


def test_every_row_can_be_in_a_sample():
    rng = np.random.RandomState(2)
    data = Memory(ROWS)
    seen = np.concatenate([data.sample(5, rng).rows[:, 0] for _ in range(200)])
    counts = np.bincount((seen / 2).astype(int), minlength=20)
    # 200 draws of 5 in 20: 50 times each, within six standard deviations.
    assert np.abs(counts - 50).max() < 6 * np.sqrt(200 * 0.25 * 0.75)


# Threads


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert memory.available_threads() == 3
    assert Memory(ROWS).threads == 3
    for ignored in ("", "0", "many", "-2"):
        monkeypatch.setenv("OMP_NUM_THREADS", ignored)
        assert 1 <= memory.available_threads() <= (os.cpu_count() or 1)


def last_digit(block):
    return block.rows[:, 0].astype(np.int64) % 7


def test_sorted_rows_come_in_the_order_of_their_keys_and_go_back_to_their_places():
    n = 2 * memory.WINDOW + 1000
    rows, weights = np.arange(n)[:, None], np.arange(n) + 0.5
    data = Memory(rows, weights, block_rows=10_000).sorted_by(last_digit)
    blocks = []

    def seen(block):
        blocks.append(block)
        return block.rows[:, 0] * 2

    data.threads = 1
    np.testing.assert_array_equal(data.map(seen), 2 * np.arange(n))
    order = np.concatenate([block.rows[:, 0] for block in blocks])
    np.testing.assert_array_equal(np.concatenate([block.weights for block in blocks]), order + 0.5)
    for start in range(0, n, memory.WINDOW):
        window = order[start : start + memory.WINDOW]
        assert (np.diff(window % 7) >= 0).all()
        np.testing.assert_array_equal(np.sort(window), np.arange(start, start + len(window)))


def test_a_sample_of_sorted_rows_keeps_rows_and_weights_together():
    rows, weights = np.arange(50)[:, None], np.arange(50) + 0.5
    data = Memory(rows, weights).sorted_by(last_digit)
    for size in (20, 50, 80):
        block = data.sample(size, np.random.RandomState(0))
        np.testing.assert_array_equal(block.rows[:, 0] + 0.5, block.weights)


def test_a_number_is_the_seed_of_a_sample():
    data = Memory(np.arange(40.0).reshape(20, 2))
    found, expected = data.sample(7, 3), data.sample(7, np.random.RandomState(3))
    np.testing.assert_array_equal(found.rows, expected.rows)
