"""Rows in memory, folded block by block over threads. The reference engine."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.random import sample_without_replacement

from mixtura.learn.data import Block
from mixtura.numeric.gaps import Gaps
from mixtura.numeric.threads import one_blas_thread

Sum = TypeVar("Sum")

BLOCK_ROWS = 16_384
"""Rows in a block, where it gives rows back: they wait until those before them are through."""

BLOCK_NUMBERS = 1 << 19
"""Numbers in a block that is added up, about: 4 MiB, of 16,384 to 65,536 rows."""

WINDOW = 65_536
"""Rows that are sorted together: two bytes say where each went, and none goes far."""


class Memory:
    """Rows of an array, as blocks of a fixed number of rows.

    Blocks are computed by threads, each with one BLAS thread, and their results are added in a
    fixed tree. So the sum is the same, bit for bit, whatever the number of threads.

    Parameters
    ----------
    rows : array, shape (n, D)
        Of any numeric type and memory order; never copied as a whole.
    weights : array, shape (n,), optional
        Row weights; ones if not given.
    memberships : array, shape (n,) or (n, K), optional
        Labels or responsibilities for `assigned`.
    incomplete : bool, default False
        Whether numbers may be missing, being NaN. Where in a block they are is found once.
    block_rows : int, optional
        Chosen by the size of the table, if not given.
    threads : int, optional
        As many as the process may use, if not given.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        weights: NDArray[np.float64] | None = None,
        memberships: NDArray[Any] | None = None,
        *,
        incomplete: bool = False,
        block_rows: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.rows = rows
        self.weights = weights
        self.memberships = memberships
        self.block_rows = block_rows
        self.threads = threads or available_threads()
        self.incomplete = incomplete
        self._order: NDArray[np.uint16] | None = None
        self._gaps: dict[tuple[int, int], Gaps] = {}

    @property
    def n_features(self) -> int:
        """D."""
        return self.rows.shape[1]

    def _sizes(self) -> tuple[int, int]:
        """Rows in a block that is added up, and in one that gives rows back."""
        if self.block_rows:
            return self.block_rows, self.block_rows
        return added_rows(*self.rows.shape), BLOCK_ROWS

    def fold(self, kernel: Callable[..., Sum], *args: Any) -> Sum:
        """The sum over blocks of kernel(block, *args)."""
        return tree_sum(self._each(kernel, args, self._sizes()[0]))

    def map(self, kernel: Callable[..., NDArray[Any]], *args: Any) -> NDArray[Any]:
        """The rows of kernel(block, *args), stacked."""
        out: NDArray[Any] | None = None
        start = 0
        for part in self._each(kernel, args, self._sizes()[1]):
            if out is None:
                out = np.empty((len(self.rows), *part.shape[1:]), dtype=part.dtype)
            out[self._where(start, start + len(part))] = part
            start += len(part)
        assert out is not None
        return out

    def sorted_by(self, kernel: Callable[..., NDArray[np.integer]], *args: Any) -> Self:
        """The same rows, in windows each of which is sorted by kernel(block, *args).

        No row is moved or copied: blocks are gathered as they are read.
        """
        keys = self.map(kernel, *args)
        order = np.empty(len(keys), dtype=np.uint16)
        for start in range(0, len(keys), WINDOW):
            window = slice(start, start + WINDOW)
            order[window] = np.argsort(keys[window], kind="stable")
        data = type(self)(
            self.rows,
            self.weights,
            self.memberships,
            incomplete=self.incomplete,
            block_rows=self.block_rows,
            threads=self.threads,
        )
        data._order = order
        return data

    def _where(self, start: int, stop: int) -> slice | NDArray[np.intp]:
        """Which rows are the ones from start to stop, as they are sorted."""
        if self._order is None:
            return slice(start, stop)
        windows = np.arange(start, stop) // WINDOW * WINDOW
        return windows + self._order[start:stop]

    def sample(self, n: int, rng: np.random.RandomState | int) -> Block:
        """At most n rows of positive weight, without replacement, in their order.

        A number in place of a generator is the seed of one, made where anything is drawn.
        """
        n_rows = len(self.rows)
        if self.weights is not None and not (self.weights > 0).all():
            present = np.flatnonzero(self.weights > 0)
            if len(present) > n:
                present = present[_some(len(present), n, rng)]
            return self._take(present)
        if n_rows > n:
            return self._take(_some(n_rows, n, rng))
        return self._take(np.arange(n_rows)) if self._order is not None else self._block(0, n_rows)

    def _take(self, index: NDArray[np.intp]) -> Block:
        weights = np.ones(len(index)) if self.weights is None else self.weights[index]
        members = None if self.memberships is None else self.memberships[index]
        return Block(self.rows[index], weights, members, Gaps() if self.incomplete else None)

    def _block(self, start: int, stop: int) -> Block:
        where = self._where(start, stop)
        weights = np.ones(stop - start) if self.weights is None else self.weights[where]
        members = None if self.memberships is None else self.memberships[where]
        gaps = self._gaps.setdefault((start, stop), Gaps()) if self.incomplete else None
        return Block(self.rows[where], weights, members, gaps, start)

    def _each(self, kernel: Callable[..., Sum], args: tuple[Any, ...], size: int) -> Iterator[Sum]:
        """kernel(block, *args) for each block, in order, a few blocks ahead of the reader."""
        n_rows = len(self.rows)
        ranges = [(i, min(i + size, n_rows)) for i in range(0, max(n_rows, 1), size)]

        def one(start: int, stop: int) -> Sum:
            return kernel(self._block(start, stop), *args)

        with one_blas_thread():
            if self.threads == 1 or len(ranges) == 1:
                for start, stop in ranges:
                    yield one(start, stop)
                return
            with ThreadPoolExecutor(self.threads) as pool:
                waiting: deque[Future[Sum]] = deque()
                for start, stop in ranges:
                    waiting.append(pool.submit(one, start, stop))
                    if len(waiting) > 2 * self.threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()


def added_rows(n_rows: int, n_features: int) -> int:
    """Rows in a block: so many that a thread is not kept waiting for the next, in blocks of which
    there are a multiple of four, so that threads end together. The number of threads plays no part.
    """
    most = min(max(BLOCK_NUMBERS // max(n_features, 1), BLOCK_ROWS), 4 * BLOCK_ROWS)
    if n_rows < BLOCK_ROWS:
        return BLOCK_ROWS
    blocks = -(-n_rows // (4 * most)) * 4
    return -(-n_rows // blocks)


def _some(population: int, n: int, rng: np.random.RandomState | int) -> NDArray[np.intp]:
    """Numbers below a population, all different and in order, without an array of all of them."""
    chosen = sample_without_replacement(population, n, random_state=rng)
    return np.sort(chosen).astype(np.intp)


def tree_sum(parts: Iterable[Sum]) -> Sum:
    """The sum of parts in a binary tree that depends on their number alone.

    At most one partial sum a level is held: for m parts, log2 m of them.
    """
    levels: list[tuple[int, Any]] = []
    for part in parts:
        level, value = 0, part
        while levels and levels[-1][0] == level:
            value = levels.pop()[1] + value
            level += 1
        levels.append((level, value))
    total = levels.pop()[1]
    while levels:
        total = levels.pop()[1] + total
    return total


def available_threads() -> int:
    """Threads that this process may use: OMP_NUM_THREADS, or the processors given to it."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
