"""Starts of the cells of a sweep: one way down for all sizes, one tree, or each its own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.estimators import wiring
from mixtura.estimators.cell import Rows
from mixtura.estimators.hierarchical import HierarchicalStart
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.neighbours import MERGED
from mixtura.estimators.runs import Options, fit_quietly
from mixtura.learn import completion, expectation, initial
from mixtura.learn.data import Block
from mixtura.learn.hierarchy import Hierarchy
from mixtura.model.covariance import named
from mixtura.model.mixture import Mixture
from mixtura.model.reduction import reduce

Array = NDArray[np.float64]

PATH = "path"
"""The way to start that is one for all sizes."""

ON_THE_WAY = 12
"""Steps of EM after each merger on the way down from the largest mixture."""

PATH_ROWS = 20_000
"""Rows on which the way down is made where there are more."""


def starts(
    rows: Rows,
    ks: Sequence[int],
    families: Sequence[str],
    how: Any,
    n_init: int,
    options: Options,
    rng: np.random.RandomState,
    tell: Callable[[str], object],
) -> dict[tuple[str, int], list[Any]]:
    """The starts of each cell, by family and size."""
    pairs = [(family, k) for family in families for k in ks]
    if isinstance(how, str) and how == "hierarchical":
        how = HierarchicalStart()
    if isinstance(how, HierarchicalStart):
        tell("joining rows")
        tree = how.hierarchy(_block(rows, how.rows, rng))
        return {pair: [tree, *["merge"] * (n_init - 1)] for pair in pairs}
    if not (isinstance(how, str) and how == PATH):
        return {pair: [how] * n_init for pair in pairs}
    fresh: list[Any] = ["merge"] * n_init
    found = {pair: [*fresh] for pair in pairs}
    size = min(max(ks), rows.count)
    if size > 1 and len(ks) > 1:
        block = _block(rows, PATH_ROWS, rng)
        shared: Hierarchy | None = None
        for family in families:
            tell(f"merging {size} components step by step, {family}")
            if named(family) in MERGED:
                way = path(block, family, size, min(ks), options, rng)
                begins: dict[int, Any] = {**way}
            else:
                if shared is None:
                    shared = _partitions(path(block, "full", size, min(ks), options, rng), block)
                begins = dict.fromkeys(range(1, size + 1), shared)
            for k in ks:
                if k in begins:
                    found[family, k].insert(0, begins[k])
    return found


def _block(rows: Rows, n: int, rng: np.random.RandomState) -> Block:
    """At most n rows to start from; what they miss is drawn."""
    data = rows.data()
    block = data.sample(n, rng)
    return completion.filled(block, initial.total(data), rng) if rows.incomplete else block


def _partitions(way: dict[int, Mixture], block: Block) -> Hierarchy:
    """Shares of rows in the components of mixtures of all sizes, for families of other forms."""

    def cut(k: int) -> Array:
        return expectation.responsibilities(block, way[k])

    return Hierarchy(block, cut)


def path(
    block: Block,
    family: str,
    size: int,
    least: int,
    options: Options,
    rng: np.random.RandomState,
) -> dict[int, Mixture]:
    """Mixtures of every size from the largest down, rough ones [@Runnalls2007].

    Of each, the pair of components is merged that costs least, and a few steps of EM follow.
    """
    rows = Rows(block.rows, block.weights, False)
    rough: Options = options | {"tol": max(1e-3, options["tol"]), "max_iter": 100}
    few: Options = rough | {"accelerate": "none", "max_iter": ON_THE_WAY}
    model = GaussianMixture(
        size, covariance_type=family, random_state=int(rng.randint(2**31)), **rough
    )
    fit_quietly(model, rows)
    found = {size: model.mixture_}
    for k in range(size - 1, least - 1, -1):
        model = GaussianMixture(
            k,
            covariance_type=family,
            init_params=wiring.beginning_at(reduce(found[k + 1], k)),
            **few,
        )
        fit_quietly(model, rows)
        found[k] = model.mixture_
    return found
