"""EM for very many components: each row is a matter of a few of them, found by their neighbours.

The posterior of a row is kept for C of K components and is zero for the others, and so the
objective is a lower bound of the log-likelihood: the variational free energy of such posteriors
[@ForsterLuecke2018]. A row's last components are among the next candidates. So no E-step lowers the
bound, nor does any M-step. A pass costs a row about C·G components, however many there are
[@Hirschberger2022].

The neighbours of a component are found in the same way: its mean is a row that keeps G of them.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.em import Fit
from mixtura.learn.expectation import log_density
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Integers = NDArray[np.int32]

AMONG = 4_000
"""Components among which each row's first ones are sought: all, or so many of them."""

STEPS = 4
"""Searches, from those first ones on, before the first pass, where they were not all."""

MEASURED = 100_000
"""Rows on which the gap is measured, where there are more."""


@dataclass(frozen=True)
class Truncation:
    """How posteriors are truncated: what `GaussianMixture` takes beside a number.

    Candidates for a row are the neighbours of the first C neighbours of its likeliest component,
    the row's own C, one of all components drawn by lot, and one neighbour of its own drawn by lot.

    Parameters
    ----------
    n_kept : int, default 5
        C, the components that each row keeps.
    n_neighbours : int, default 25
        G, the neighbours of a component among which is sought, itself included. More of them find
        better components, at a cost in proportion.
    """

    n_kept: int = 5
    n_neighbours: int = 25


@dataclass(frozen=True)
class BoundedFit(Fit):
    """The end of a run whose objective is a bound of the log-likelihood."""

    gap: float = 0.0
    """Log-likelihood of the mixture at the end less its bound, in nats per row."""


def unseen(n_rows: int, truncation: Truncation) -> Integers:
    """The state of rows before the start, (n, 1 + C): their numbers, and no components yet."""
    state = np.empty((n_rows, 1 + truncation.n_kept), dtype=np.int32)
    state[:, 0] = np.arange(n_rows)
    return state


class Search:
    """The E-step with a memory: which components each row keeps, and which are neighbours.

    Parameters
    ----------
    data : Data
        Its blocks have the state of their rows, of `unseen`, as memberships; it changes in place.
    truncation : Truncation
    start : Mixture
    """

    def __init__(self, data: Data, truncation: Truncation, start: Mixture) -> None:
        self.data = data
        self._turn = 0
        k = start.n_components
        model, own = _model(start), Truncation(min(truncation.n_neighbours, k))
        self._graph = unseen(k, own)
        everything = np.arange(k, dtype=np.int32)
        _kernels().first(start.means, self._graph, everything, model)
        _own_first(self._graph)
        some = max(AMONG, truncation.n_kept)
        among = everything if k <= some else everything[:: -(-k // some)]
        if len(among) < truncation.n_kept:
            among = everything
        data.fold(_first_of, among, model)
        if len(among) < k:
            for _ in range(STEPS):
                self._turn += 1
                data.fold(_search, self._neighbours(), self._turn, model)

    def _neighbours(self) -> Integers:
        return np.ascontiguousarray(self._graph[:, 1:])

    def __call__(self, mixture: Mixture) -> Statistics:
        """The statistics of all rows under the truncated posterior, and the bound."""
        model = _model(mixture)
        self._turn += 1
        _kernels().search(mixture.means, self._graph, self._neighbours(), self._turn, model)
        _own_first(self._graph)
        return self.data.fold(e_step, mixture, self._neighbours(), self._turn, model)

    def gap(self, rows: Data, mixture: Mixture) -> float:
        """Log-likelihood of rows, which carry their state, less its bound; nats per row."""
        difference, n_rows = rows.fold(
            _difference, mixture, self._neighbours(), self._turn + 1, _model(mixture)
        )
        return float(difference / n_rows)


def e_step(
    block: Block, mixture: Mixture, neighbours: Integers, turn: int, model: Any
) -> Statistics:
    """The statistics of a block under truncated posteriors; the state of its rows moves on."""
    counts, sums, products, bound = _kernels().expectation(
        block.rows, block.weights, block.memberships, neighbours, turn, model
    )
    n_rows = float(block.weights.sum())
    moment = mixture.covariance.moment
    return Statistics(moment, mixture.means, counts, counts, counts, sums, products, bound, n_rows)


def _first_of(block: Block, among: Integers, model: Any) -> int:
    _kernels().first(block.rows, block.memberships, among, model)
    return 0


def _search(block: Block, neighbours: Integers, turn: int, model: Any) -> int:
    _kernels().search(block.rows, block.memberships, neighbours, turn, model)
    return 0


def _difference(
    block: Block, mixture: Mixture, neighbours: Integers, turn: int, model: Any
) -> Array:
    """Two sums over rows: w times how far the bound is below log p(x), and w."""
    bound = _kernels().search(block.rows, block.memberships, neighbours, turn, model)
    exact, present = log_density(block, mixture), block.weights > 0
    w = block.weights
    return np.array([w[present] @ (exact - bound)[present], w.sum()])


def _own_first(graph: Integers) -> None:
    """Each component is the first of its neighbours, in place of the last where it was none."""
    numbers, neighbours = graph[:, :1], graph[:, 1:]
    own = neighbours == numbers
    own[:, -1] |= ~own.any(axis=1)
    others = neighbours[~own].reshape(len(graph), -1)
    neighbours[:, 1:] = others
    neighbours[:, :1] = numbers


def _model(mixture: Mixture) -> Any:
    return _kernels().centred(mixture.operands, mixture.covariance.precisions_cholesky())


@cache
def _kernels() -> Any:
    return import_module("mixtura.numeric.kernels.truncated")
