"""Few rows with gaps as compiled code reads them, and runs of EM on them in one call."""

from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.model.covariance import Covariance, Diagonal, Full, Tied
from mixtura.model.mixture import Mixture
from mixtura.numeric.gaps import layout
from mixtura.numeric.kernels import reference

Array = NDArray[np.float64]

FEW = 16_384
"""Rows up to which they are few: more would be shared among threads, pass by pass."""

FAMILIES: dict[type[Covariance], int] = {Full: 0, Tied: 1, Diagonal: 2}
"""Numbers of families in compiled code."""


class End(Enum):
    """How a run ended."""

    converged = 0
    exhausted = 1
    care = 2
    """The rest needs care."""
    slow = 3
    """It has a long way to go."""


@dataclass(frozen=True)
class Run:
    """The end of one run."""

    mixture: Mixture
    end: End
    n_iter: int


def is_hollow(n_rows: int, maximize: Maximization) -> bool:
    """Whether compiled code sees to so many rows with gaps and such an M-step."""
    free = maximize.constrain is None and isinstance(maximize.prior, Penalty)
    return free and maximize.family in FAMILIES and n_rows <= FEW


@dataclass(frozen=True, eq=False)
class Hollow:
    """Rows in an order in which those that miss the same meet; those of nothing are left out.

    They say nothing of a mixture, and EM would only come to its end more slowly.
    """

    x: Array  # (B, D)
    w: Array  # (B,)
    order: NDArray[np.int32]  # (B,): which rows of the table they are
    bounds: NDArray[np.int64]  # (R + 1,): where runs begin of rows that are computed together
    alike: NDArray[np.bool_]  # (R,)

    @classmethod
    def of(cls, rows: NDArray[Any], weights: Array | None) -> Self:
        """The rows of a table."""
        gaps = layout(rows)
        order, bounds, alike = gaps.order[: gaps.complete + gaps.partly], gaps.bounds, gaps.alike
        if gaps.complete:
            bounds = np.concatenate([[0], gaps.complete + bounds])
            alike = np.concatenate([[True], alike])
        x = np.array(rows[order], dtype=np.float64, order="C")
        found = cls(x, np.empty(0), order, bounds.astype(np.int64), alike.astype(np.bool_))
        return found.weighted(np.ones(len(rows)) if weights is None else weights)

    def weighted(self, weights: Array) -> Self:
        """The same rows with other weights, those of all rows of the table."""
        return replace(self, w=np.ascontiguousarray(weights[self.order], dtype=np.float64))

    def run(
        self,
        start: Mixture,
        maximize: Maximization,
        *,
        tol: float,
        max_iter: int,
        far: float = np.inf,
    ) -> Run:
        """EM from a start, until less than a tolerance is left to gain, in nats per row.

        Where more than ``far`` iterations are still to come, it is left to the caller.
        """
        k, d = start.means.shape
        penalty, family = maximize.prior, start.covariance
        assert isinstance(penalty, Penalty)
        weights, means = start.weights.copy(), np.array(start.means, order="C")
        matrices = np.array(family.dense(1 if family.common else k), order="C")
        end, count = _whole_gaps().run(
            self.x,
            self.w,
            self.bounds,
            self.alike,
            FAMILIES[maximize.family],
            _tile(k, len(matrices), d),
            reference.DISTANT,
            weights,
            means,
            matrices,
            2.0 * penalty.strength,
            np.ascontiguousarray(penalty.covariance),
            maximize.floor,
            tol,
            max_iter,
            -np.inf,
            far,
            np.empty((3, max_iter)),
        )
        values = matrices[0] if family.common else matrices
        if family.independent:
            values = np.diagonal(matrices, axis1=1, axis2=2).copy()
        covariance = type(family).from_values(values, d)
        return Run(Mixture(weights, means, covariance), End(end), count)


def _tile(k: int, n_matrices: int, d: int) -> int:
    """Rows that are computed together, so that what is held of all components fits a cache."""
    kernel, q = _with_gaps(), d // 4
    return kernel.tile_rows(kernel.NUMBERS // (k * (1 + d) + n_matrices * q * (q + 1) // 2))


@cache
def _whole_gaps() -> Any:
    """The compiled runs, imported at their first use."""
    return import_module("mixtura.numeric.kernels.whole_gaps")


@cache
def _with_gaps() -> Any:
    return import_module("mixtura.numeric.kernels.with_gaps")
