"""E-steps over rows sorted by their likeliest component, where there are many components.

A tile of neighbouring rows then has to do with few components, and the sparse dialect leaves out
the others. What that saves depends on how far components are from one another; so it is measured.
"""

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.expectation import e_step, labels, responsibilities
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture

MANY = 32
"""Components from which on it is tried."""

WORTH, WORTH_SINGLE = 0.35, 0.15
"""The part of components that tiles may have to do with, at the most: beyond it nothing is won. In
float32 the dense dialect is quicker still."""

FIRST, AGAIN = 4, 3
"""The pass before which rows are sorted first; each later time after so many times the passes."""

SAMPLE, TILES, TILE = 65_536, 32, 256
"""It is measured on so many tiles of so many rows, from a sample of so many that is sorted."""

GLANCE = 1024
"""Rows that are looked at first, each by itself."""


class Sorting:
    """Mixture to statistics, as `em` asks: rows are sorted now and then, if that is worth it."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.now = data
        self.sparse = False
        self.passes = 0
        self.next = FIRST

    def __call__(self, mixture: Mixture) -> Statistics:
        """The statistics of all rows under the posterior of a mixture."""
        self.passes += 1
        if mixture.n_components >= MANY and self.passes == self.next:
            self.next *= AGAIN
            self._sort(mixture)
        return self.now.fold(e_step, mixture, "sparse" if self.sparse else "compiled")

    def _sort(self, mixture: Mixture) -> None:
        """Sort the rows, and see whether tiles of them have to do with few components."""
        self.now, self.sparse = self.data, False
        few = _complete(self.data.sample(GLANCE, np.random.RandomState(0)))
        worth = WORTH_SINGLE if few.rows.dtype == np.float32 else WORTH
        if len(few.rows) and _least(few, mixture) >= worth:
            return
        some = self.data.sample(SAMPLE, np.random.RandomState(0))
        if some.gaps is not None:
            some = _complete(some)
            if len(some.rows) < TILE:
                return
        rank = _rank(mixture)
        order = np.argsort(_place(some, mixture, rank), kind="stable")
        tiles = order[: max(len(order) // TILE, 1) * TILE].reshape(-1, min(len(order), TILE))
        tiles = tiles[:: max(len(tiles) // TILES, 1)]
        if _sparse().density_of(some.rows[tiles.ravel()], mixture.operands) < worth:
            self.now = self.data.sorted_by(_place, mixture, rank)
            self.sparse = self.now is not self.data  # some data cannot be sorted


def _complete(block: Block) -> Block:
    """The rows without gaps: others are computed in another way, sorted or not."""
    if block.gaps is None:
        return block
    gaps = block.gaps.of(block.rows)
    return block.of(gaps.order[: gaps.complete])


def _least(block: Block, mixture: Mixture) -> float:
    """The part of components that single rows have to do with; tiles have to do with no fewer."""
    eps = np.finfo(np.float32 if block.rows.dtype == np.float32 else np.float64).eps
    limit = np.exp(np.log(eps) - np.log(mixture.n_components) - 3.0)  # as in the sparse dialect
    return float((responsibilities(block, mixture) > limit).mean())


def _place(block: Block, mixture: Mixture, rank: NDArray[np.int32]) -> NDArray[np.int32]:
    """Where rows are to go: the rank of their likeliest component, (B,)."""
    return rank[labels(block, mixture)]


def _rank(mixture: Mixture) -> NDArray[np.int32]:
    """Ranks of components, (K,), by which those near one another are neighbours."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    unit = np.sqrt(np.diagonal(mixture.total_covariance()))
    rank = np.empty(mixture.n_components, dtype=np.int32)
    rank[leaves_list(linkage(mixture.means / unit, "average"))] = np.arange(len(rank))
    return rank


@cache
def _sparse() -> Any:
    return import_module("mixtura.numeric.kernels.sparse")
