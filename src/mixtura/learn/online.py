"""Stepwise EM: what rows said so far is kept as statistics, and each batch moves them a little.

Rows are seen once and let go. Where they change with time, those of long ago are forgotten.
"""

from dataclasses import dataclass, replace

import numpy as np

from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.statistics import Statistics

EXPONENT = 0.6
"""Of the part that a batch has of all rows so far: the weight of what it says [@CappeMoulines2009].
Less than one, because the first rows were read by a worse mixture than the last."""


@dataclass(frozen=True, eq=False)
class Online:
    """What was learned of a stream of rows so far.

    Parameters
    ----------
    statistics : Statistics
        As if one row had been seen: an average.
    n_rows : float
        Rows seen, each counted by its weight.
    half_life : float, optional
        Rows after which what was learned counts for half; without, nothing is forgotten.
    """

    statistics: Statistics
    n_rows: float
    half_life: float | None = None
    least: float = 0.0
    """Rows that are remembered at the least, however few come at once: from fewer there is no
    telling what components are like."""

    def step(self, batch: Statistics) -> "Online":
        """The same after one more batch, whose statistics are those under the last mixture."""
        m = batch.n_rows
        if m <= 0:
            return self
        part = m / (self.n_rows + m)
        share = max(part, min(part**EXPONENT, m / (m + self.least)))
        if self.half_life is not None:
            share = max(share, 1.0 - 0.5 ** (m / self.half_life))
        return replace(
            self,
            statistics=(share / m) * batch + (1.0 - share) * self.statistics,
            n_rows=self.n_rows + m,
        )

    @property
    def effective(self) -> float:
        """Rows that are remembered, as far as a prior is to be weighed against them."""
        if self.half_life is None:
            return self.n_rows
        return min(self.n_rows, self.half_life / np.log(2.0))

    def total(self) -> Statistics:
        """The statistics of as many rows as are remembered."""
        return self.effective * self.statistics

    def maximization(self, maximize: Maximization) -> Maximization:
        """The M-step for as many rows: the default penalty weighs the less, the more there are."""
        if not isinstance(maximize.prior, Penalty):
            return maximize
        return replace(maximize, prior=replace(maximize.prior, strength=self.effective**-0.5))
