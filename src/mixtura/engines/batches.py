"""Rows that come in batches, again and again: never more than a few blocks of them in memory.

A thread reads ahead while kernels work on what was read.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import added_rows, available_threads, tree_sum
from mixtura.engines.source import Source
from mixtura.learn.data import Block
from mixtura.learn.survey import Picked, survey
from mixtura.numeric.gaps import Gaps
from mixtura.numeric.threads import one_blas_thread

Result = TypeVar("Result")
Sum = TypeVar("Sum")

UNKNOWN = 1 << 26
"""Rows that a source is taken to have where it does not say: for the size of blocks alone."""


class Batches:
    """Rows of a source, as blocks of a fixed number of rows.

    Where batches end plays no part: blocks are cut from all rows in their order. So sums are the
    same, bit for bit, however rows are divided into batches and files, and whatever the number of
    threads; and the same as those of an array of the same rows.

    Parameters
    ----------
    source : Source
    weight : bool, default False
        Whether the last column of the source is row weights.
    incomplete : bool, default False
        Whether numbers may be missing, being NaN.
    picked : Picked, optional
        Rows drawn before, from which samples are taken. Without them each sample is a pass.
    block_rows : int, optional
        Chosen by the size of the source, if not given.
    threads : int, optional
        As many as the process may use, if not given.
    """

    def __init__(
        self,
        source: Source,
        *,
        weight: bool = False,
        incomplete: bool = False,
        picked: Picked | None = None,
        block_rows: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.source, self.weight = source, weight
        self.incomplete, self.picked = incomplete, picked
        self.threads = threads or available_threads()
        types = source.types[: self.n_features]
        single = bool(types) and all(kind == np.float32 for kind in types)
        self.dtype = np.dtype(np.float32 if single else np.float64)
        n_rows = UNKNOWN if source.n_rows is None else source.n_rows
        self.block_rows = block_rows or added_rows(n_rows, self.n_features)

    @property
    def n_features(self) -> int:
        """D."""
        return len(self.source.types) - self.weight

    def fold(self, kernel: Callable[..., Sum], *args: Any) -> Sum:
        """The sum over blocks of kernel(block, *args)."""
        return tree_sum(self.each(kernel, *args))

    def map(self, kernel: Callable[..., NDArray[Any]], *args: Any) -> NDArray[Any]:
        """The rows of kernel(block, *args), stacked."""
        return np.concatenate([*self.each(kernel, *args)])

    def sample(self, n: int, rng: np.random.RandomState | int) -> Block:
        """At most n rows of positive weight, without replacement, in their order.

        A number in place of a generator is the seed of one. Of rows that were drawn before, the
        first are given where they are enough: they are the same whatever the generator.
        """
        picked = self.picked
        if picked is None:
            seed = rng if isinstance(rng, int) else int(rng.randint(2**31))
            picked = self.fold(survey, seed, n, 1.0, np.inf).picked
        some = picked.least(n).ordered()
        return Block(some.rows, some.weights, None, Gaps() if self.incomplete else None)

    def sorted_by(self, kernel: Callable[..., NDArray[np.integer]], *args: Any) -> Self:
        """The same rows, as they are: they are read in one order only."""
        return self

    def each(self, kernel: Callable[..., Result], *args: Any) -> Iterator[Result]:
        """kernel(block, *args) for each block, in order, a few blocks ahead of the reader."""
        with one_blas_thread():
            blocks = _Ahead(self._blocks(), self.threads + 1)
            try:
                if self.threads == 1:
                    for block in blocks:
                        yield kernel(block, *args)
                    return
                with ThreadPoolExecutor(self.threads) as pool:
                    waiting: deque[Future[Result]] = deque()
                    for block in blocks:
                        waiting.append(pool.submit(kernel, block, *args))
                        del block  # it is large, and another one is made before the name is bound
                        if len(waiting) > self.threads:
                            yield waiting.popleft().result()
                    while waiting:
                        yield waiting.popleft().result()
            finally:
                blocks.close()

    def _blocks(self) -> Generator[Block, None, None]:
        """All rows in blocks of equal size but the last; one without rows where there are none."""
        size, width = self.block_rows, self.n_features
        first = filled = 0
        rows, weights = self._room()
        for columns in self.source.batches():
            n, taken = len(columns[0]), 0
            while taken < n:
                step = min(size - filled, n - taken)
                to, of = slice(filled, filled + step), slice(taken, taken + step)
                for j in range(width):
                    rows[to, j] = columns[j][of]
                weights[to] = columns[width][of] if self.weight else 1.0
                filled, taken = filled + step, taken + step
                if filled == size:
                    yield self._block(rows, weights, first)
                    first, filled = first + size, 0
                    rows, weights = self._room()
        if filled or not first:
            yield self._block(rows[:filled], weights[:filled], first)

    def _room(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Room for one block, column after column, as batches have them."""
        rows = np.empty((self.block_rows, self.n_features), dtype=self.dtype, order="F")
        return rows, np.empty(self.block_rows)

    def _block(self, rows: NDArray[Any], weights: NDArray[np.float64], first: int) -> Block:
        return Block(rows, weights, None, Gaps() if self.incomplete else None, first)


class _Ahead(Iterator[Result]):
    """What another iterator gives, fetched by a thread, so many items ahead."""

    def __init__(self, items: Generator[Result, None, None], depth: int) -> None:
        self._items, self._end = items, Event()
        self._queue: Queue[tuple[bool, Any]] = Queue(depth)
        self._thread = Thread(target=self._fetch, daemon=True, name="mixtura reads ahead")
        self._thread.start()

    def _fetch(self) -> None:
        try:
            for item in self._items:
                if not self._put((True, item)):
                    return
                del item
            self._put((False, None))
        except BaseException as error:  # noqa: BLE001  it is raised where the items are awaited
            self._put((False, error))
        finally:
            self._items.close()

    def _put(self, item: tuple[bool, Any]) -> bool:
        """Whether there is still somebody to take it."""
        while not self._end.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except Full:
                continue
        return False

    def __next__(self) -> Result:
        going, item = self._queue.get()
        if going:
            return item
        self._queue.put((False, None))
        if item is not None:
            raise item
        raise StopIteration

    def close(self) -> None:
        """Read no further, and wait until the reader has put its file down."""
        self._end.set()
        self._thread.join()
