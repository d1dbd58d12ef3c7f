"""A mixture that learns from batches of rows, each of which is seen once."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import Memory
from mixtura.learn.em import Fit, Iteration, Outcome
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.online import Online
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture

ENOUGH = 20
"""Rows for each component and direction, until which rows are kept and fitted together: from fewer
there is no telling where components are."""

Batch = tuple[NDArray[Any], NDArray[np.float64] | None, bool]
"""A batch: rows, their weights, and whether numbers are missing."""


@dataclass
class Stream:
    """What is kept between batches."""

    online: Online | None = None
    maximize: Maximization | None = None
    kept: list[Batch] = field(default_factory=list[Batch])
    """The first rows, while they are few."""
    n_batches: int = 0

    def joined(self, batch: Batch) -> Batch:
        """The rows that are kept, and those of one more batch, as one."""
        parts = [*self.kept, batch]
        rows = np.concatenate([part[0] for part in parts])
        weights = [np.ones(len(part[0])) if part[1] is None else part[1] for part in parts]
        plain = all(part[1] is None for part in parts)
        return rows, None if plain else np.concatenate(weights), any(part[2] for part in parts)

    def begin(
        self, mixture: Mixture, maximize: Maximization, batch: Batch, half_life: float | None
    ) -> None:
        """Rows have been fitted: from now on it goes by steps."""
        rows, weights, incomplete = batch
        found = Memory(rows, weights, incomplete=incomplete).fold(e_step, mixture)
        self.online = Online(
            (1.0 / found.n_rows) * found, found.n_rows, half_life, _enough(mixture)
        )
        self.maximize, self.kept = maximize, []

    def resume(
        self, mixture: Mixture, maximize: Maximization, n_rows: float, half_life: float | None
    ) -> None:
        """A mixture that so many rows were fitted by: from now on it goes by steps."""
        self.online = Online(Statistics.expected(mixture, 1.0), n_rows, half_life, _enough(mixture))
        self.maximize = maximize

    def step(self, mixture: Mixture, batch: Batch) -> Fit:
        """One batch more."""
        assert self.online is not None
        assert self.maximize is not None
        rows, weights, incomplete = batch
        found = Memory(rows, weights, incomplete=incomplete).fold(e_step, mixture)
        self.online = self.online.step(found)
        self.n_batches += 1
        maximize, n = self.online.maximization(self.maximize), self.online.effective
        after = maximize(self.online.total(), mixture)
        objective = self.online.statistics.log_likelihood + maximize.log_prior(mixture) / n
        record = Iteration(
            objective=objective,
            change=np.inf,
            seconds=0.0,
            smallest_weight=float(after.weights.min()),
            worst_condition=after.covariance.worst_condition(after.n_components),
            remaining=np.inf,
            step="online",
        )
        return Fit(after, Outcome.streamed, (record,))


def _enough(mixture: Mixture) -> float:
    return float(ENOUGH * mixture.n_components * (mixture.n_features + 1))


def is_enough(rows: NDArray[Any], n_components: int) -> bool:
    """Whether there are rows from which components can be told."""
    return len(rows) >= ENOUGH * n_components * (rows.shape[1] + 1)
