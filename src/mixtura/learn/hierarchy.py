"""Groups of rows joined step by step, as the Gaussian likelihood has it: one tree, every K."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block
from mixtura.learn.initial import from_sample
from mixtura.learn.maximization import Maximization
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Index = NDArray[np.int64]

View = Callable[[Array, Array], Array]
"""Rows (G, D) and their weights to the coordinates in which they are joined."""

Join = Callable[[Array, Array], Index]
"""Rows (G, D) and their weights to the pairs that are joined, (G − 1, 2)."""

Cut = Callable[[int], NDArray[Any]]
"""A number of groups to the group of each row, or its share of each."""


# Views of the rows.


def as_they_are(x: Array, w: Array) -> Array:
    """The columns in their own units."""
    return x


def standardised(x: Array, w: Array) -> Array:
    """Columns of mean 0 and standard deviation 1, without those that are constant."""
    n = w.sum()
    centred = x - w @ x / n
    centred -= w @ centred / n  # what rounding left of the mean
    largest = np.abs(centred).max(axis=0)
    varies = largest > 4 * np.finfo(np.float64).eps * np.abs(x).max(axis=0)
    centred = centred[:, varies] / largest[varies]
    return centred / np.sqrt(w @ centred**2 / (n - 1.0 if n > 1.0 else n))


def halfway_to_spherical(x: Array, w: Array) -> Array:
    """Principal components of the standardised columns, over the roots of their deviations.

    So directions in which rows hardly vary count for more than they do, and for less than if all
    were brought to one size: singular values become their square roots [@ScruccaRaftery2015].
    """
    z = standardised(x, w)
    if not z.shape[1]:
        return z
    _, size, axes = np.linalg.svd(np.sqrt(w)[:, None] * z, full_matrices=False)
    kept = size > 10 * max(z.shape) * np.finfo(np.float64).eps * size[0]
    return z @ axes[kept].T / np.sqrt(size[kept])


# What is least where a pair is joined.


def own_matrices(x: Array, w: Array) -> Index:
    """Σ n log|W/n| of groups with matrices of their own [@Fraley1998]."""
    return _joined(x, w, _kernels().OWN)


def own_variances(x: Array, w: Array) -> Index:
    """Σ n log(tr W / n) of groups that are spheres of their own size [@Fraley1998]."""
    return _joined(x, w, _kernels().SPHERES)


def one_variance(x: Array, w: Array) -> Index:
    """The sum of squares within groups, tr W, as Ward has it [@Ward1963]."""
    return _joined(x, w, _kernels().SPHERE)


def one_matrix(x: Array, w: Array) -> Index:
    """The determinant |W| of what is within all groups together [@Fraley1998]."""
    merges, n = np.empty((len(x) - 1, 2), dtype=np.int64), w.sum()
    y = _centred(x, w) * np.sqrt(w / n)[:, None]
    _kernels().agglomerate_common(y, w.copy(), float((y**2).sum()) / y.shape[1], merges)
    return merges


def _joined(x: Array, w: Array, kind: int) -> Index:
    merges = np.empty((len(x) - 1, 2), dtype=np.int64)
    y = _centred(x, w) * np.sqrt(w)[:, None]
    size = float((y**2).sum()) / (w.sum() * y.shape[1])
    alpha = max(size, float(np.finfo(np.float64).eps))
    _kernels().agglomerate(y, w.copy(), alpha, kind, merges)
    return merges


def _centred(x: Array, w: Array) -> Array:
    return x - w @ x / w.sum()


@dataclass(frozen=True)
class Tree:
    """Which groups were joined, in order."""

    group: Index  # (n,): the group of equal rows that each row belongs to
    merges: Index  # (G − 1, 2): groups, called by the least number in them, the smaller first

    def __call__(self, n_groups: int) -> Index:
        """The group of each row, (n,), where so many are left; all of them where there are fewer.

        They are numbered in the order of their first rows.
        """
        parent = np.arange(len(self.merges) + 1)
        for low, high in self.merges[: max(0, len(parent) - n_groups)]:
            parent[high] = low
        for g, above in enumerate(parent):
            parent[g] = parent[above]
        return np.unique(parent, return_inverse=True)[1].ravel()[self.group]


def grown(block: Block, join: Join, view: View, together: bool = True) -> Tree:
    """The tree of some rows; equal ones are together from the start, or on their own."""
    rows = np.asarray(block.rows, dtype=np.float64)
    if together:
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    else:
        first = group = np.arange(len(rows))
    order = np.argsort(first)  # groups by their first rows
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    group = rank[group.ravel()]
    w = np.asarray(np.bincount(group, weights=block.weights), dtype=np.float64)
    x = view(rows[first[order]], w)
    if len(x) == 1 or not x.shape[1]:
        return Tree(group, np.empty((0, 2), dtype=np.int64))
    return Tree(group, join(x, w))


@dataclass(frozen=True)
class Quantiles:
    """Rows of one column, cut where their quantiles are."""

    values: Array  # (n,)
    weights: Array  # (n,)

    def __call__(self, n_groups: int) -> Index:
        """The group of each row, (n,): as even as ties allow, in the order of the values."""
        places, many = np.empty(0), n_groups
        distinct = len(np.unique(self.values))
        if distinct <= n_groups:
            return np.unique(self.values, return_inverse=True)[1].ravel()
        while len(places) < n_groups + 1 and many <= 4 * len(self.values) + n_groups:
            places = np.unique(self._quantiles(np.linspace(0.0, 1.0, many + 1)))
            many += 1
        surplus = len(places) - n_groups - 1
        if surplus > 0:  # the narrowest are joined to those before them
            places = np.delete(places, np.argsort(np.diff(places), kind="stable")[:surplus])
        return np.searchsorted(places[1:-1], self.values, side="right")

    def _quantiles(self, parts: Array) -> Array:
        """Between the rows on both sides of a part, each row as often as it weighs."""
        order = np.argsort(self.values, kind="stable")
        values, ends = self.values[order], np.cumsum(self.weights[order])
        at = parts * (ends[-1] - 1.0) if ends[-1] > 1.0 else parts * ends[-1]
        below = np.floor(at * (1.0 + 4e-16))
        part = np.maximum(at - below, 0.0)

        def nth(index: Array) -> Array:
            found = np.searchsorted(ends, index * (1.0 + 1e-12), side="right")
            return values[np.minimum(found, len(values) - 1)]

        low, high = nth(below), nth(below + 1.0)
        return low + part * (high - low)


@dataclass(frozen=True)
class Hierarchy:
    """Some rows, and how they fall into any number of groups."""

    block: Block
    cut: Cut

    def start(self, model: Mixture, maximize: Maximization) -> Mixture:
        """The M-step of as many groups as the model has components."""
        return from_sample(self.block, self.cut(model.n_components), model, maximize)


@cache
def _kernels() -> Any:
    """The compiled trees, imported at their first use."""
    return import_module("mixtura.numeric.kernels.agglomeration")
