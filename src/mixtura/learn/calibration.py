"""How odd a row is, by its density: on one scale for all rows, and against ordinary ones.

The log density of a row with gaps is that of fewer numbers, and cannot be compared with others. It
is brought to their scale by rank: of what rows of the mixture score where they have the same gaps,
and where they have none.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Data
from mixtura.learn.expectation import log_density
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

DRAWS = 4096
"""Rows drawn for ranks; beyond the outermost of them differences of log density count as they are.
"""

PART = 16_384
"""Rows that are drawn at a time."""


@dataclass(frozen=True)
class Scale:
    """Log densities under a mixture, of rows with and without gaps, on the scale of the latter."""

    mixture: Mixture
    seed: int

    @cached_property
    def _drawn(self) -> tuple[Array, Array]:
        """Rows of the mixture, and their log densities in rising order."""
        rows = self.mixture.sample(DRAWS, np.random.default_rng(self.seed))[0]
        return rows, np.sort(self.mixture.log_density(rows))

    def scores(self, data: Data, rows: NDArray[Any], incomplete: bool) -> Array:
        """The score of each row, (n,), in nats; that of an ordinary row where nothing is known."""
        found = np.asarray(data.map(log_density, self.mixture), dtype=np.float64)
        if not incomplete:
            return found
        seen = ~np.isnan(rows)
        packed, which = np.unique(np.packbits(seen, axis=1), axis=0, return_inverse=True)
        order = np.argsort(which.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(which.reshape(-1), minlength=len(packed)))
        for mine in np.split(order, ends[:-1]):
            pattern = seen[mine[0]]
            if not pattern.all():
                found[mine] = self._ranked(found[mine], np.flatnonzero(pattern))
        return found

    def _ranked(self, densities: Array, index: NDArray[np.intp]) -> Array:
        """Log densities of some dimensions as those of all of them that are as rare."""
        rows, whole = self._drawn
        if not len(index):
            return np.full(len(densities), whole[len(whole) // 2])
        part = Mixture(
            self.mixture.weights,
            self.mixture.means[:, index],
            self.mixture.covariance.marginal(index),
        )
        alike = np.sort(part.log_density(rows[:, index]))
        beyond = np.minimum(densities - alike[0], 0.0) + np.maximum(densities - alike[-1], 0.0)
        return np.interp(densities, alike, whole) + beyond


def drawn_scores(mixture: Mixture, n: int, rng: np.random.Generator) -> Array:
    """Log densities of n rows of a mixture."""
    parts = [min(PART, n - start) for start in range(0, n, PART)]
    return np.concatenate([mixture.log_density(mixture.sample(m, rng)[0]) for m in parts])


@dataclass(frozen=True)
class Reference:
    """Scores of ordinary rows, against which others are held [@Vovk2005].

    Where these rows and a new one are exchangeable, its p-value is at most α with a probability of
    at most α.
    """

    scores: Array  # (m,), rising
    upto: Array  # (m,): the weight of those up to each

    @classmethod
    def of(cls, scores: Array, weights: Array | None = None) -> "Reference":
        """Scores in any order; a weight of two is a row twice."""
        order = np.argsort(scores, kind="stable")
        w = np.ones(len(scores)) if weights is None else weights
        return cls(scores[order], np.cumsum(w[order]))

    def p_values(self, scores: Array) -> Array:
        """The share of ordinary rows, the row itself among them, that score no higher."""
        below = np.concatenate([[0.0], self.upto])
        count = below[np.searchsorted(self.scores, scores, side="right")]
        return (1.0 + count) / (1.0 + self.upto[-1])

    def threshold(self, level: float) -> float:
        """The score below which p-values are at most a level; minus infinity where none can be."""
        allowed = level * (self.upto[-1] + 1.0) - 1.0
        if allowed < -1e-9:
            return -np.inf
        at = int(np.searchsorted(self.upto, allowed * (1 + 1e-12) + 1e-9, side="right"))
        return float(self.scores[min(at, len(self.scores) - 1)])

    def percentile(self, share: float) -> float:
        """As `numpy.percentile` has it of the rows, each as often as it weighs."""
        place = share * (self.upto[-1] - 1.0)
        low = np.floor(max(place, 0.0))
        at = np.searchsorted(self.upto, [low, low + 1.0], side="right")
        a, b = self.scores[np.minimum(at, len(self.scores) - 1)]
        return float(a + (max(place, 0.0) - low) * (b - a))
