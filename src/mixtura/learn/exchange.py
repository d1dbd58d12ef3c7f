"""Rows that change places one by one, where a component holds hardly more than it has columns."""

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from mixtura.learn.compact import Compact, State
from mixtura.model.covariance import Full


def is_worth_while(rows: Compact, n_components: int) -> bool:
    """Whether rows hold their components where they are: there are fewer rows than parameters."""
    d, n_rows = rows.z.shape
    return rows.maximize.family is Full and n_rows < n_components * (d + 1) * (d + 2) // 2


def exchanged(rows: Compact, state: State) -> State | None:
    """The components of the places that rows change to; none if all stay, or one needs care."""
    k, d = state.means.shape
    counts, sums, products = rows.prior(k)
    if np.count_nonzero(counts[1]) or np.count_nonzero(sums):
        return None
    found, new = np.empty((k, rows.phi.shape[1])), State.empty(k, d)
    moves = _kernel().exchange(
        rows.z, rows.phi, rows.w, *state.arrays, counts, products, rows.ridge, found
    )
    made = moves > 0 and rows.estimated(found, (counts, sums, products), new)
    return new if made else None


@cache
def _kernel() -> Any:
    """The compiled exchange, imported at its first use."""
    return import_module("mixtura.numeric.kernels.whole_exchange")
