"""Starts for many numbers of components on one way down: too many are fitted, and merged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import initial
from mixtura.learn.compact import Compact, State
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

Ends = dict[int, list[tuple[State, float]]]
"""For each number of components what the orders of merging came to, and the objectives."""


@dataclass(frozen=True, eq=False)
class Way:
    """A way down from seeds that are drawn in some coordinates."""

    rows: Compact
    z: Array  # (D, N)
    draws: Array
    """Uniform random numbers for the seeds."""
    sizes: tuple[int, ...]
    """Numbers of components, falling: that of the seeds, and where merging stops."""
    wanted: tuple[int, ...]
    """Those of them that are asked for."""
    exponents: tuple[float, ...] = initial.EXPONENTS
    """The orders of merging."""

    def ends(self) -> Ends:
        """What there is at each stop; nothing where that needs care."""
        if self.rows.form is not None:
            chosen = initial.drawn_seeds(self.z, self.rows.w, self.sizes[0], self.draws)
            return initial.merged_few(self.rows, self.z, chosen, self.wanted)
        weights, means, covariances, worth = self.rows.descend(
            self.z,
            self.draws,
            initial.trials(self.sizes[0]),
            initial.SHRINKAGE,
            self.sizes,
            (initial.STEPS, initial.FEWER_STEPS),
            self.exponents,
        )
        found: Ends = {}
        for order, row in enumerate(worth.tolist()):
            for at, (size, value) in enumerate(zip(self.sizes, row, strict=True)):
                if not np.isnan(value):
                    here = (order, at, slice(size))
                    none = np.eye(len(self.z))[None]
                    state = State(weights[here], means[here], covariances[here], none)
                    found.setdefault(size, []).append((state, value))
        return found


def ways(
    rows: Compact, model: Mixture, wanted: Sequence[int], rng: np.random.RandomState
) -> list[Way]:
    """The ways down to so many components each, all more than one; a model lends the family."""
    falling = sorted(wanted, reverse=True)
    most = initial.wanted(model, len(rows.w), falling[0])
    sizes = (most, *initial.stops(most, falling))
    n = initial.n_draws(most)
    coordinates = initial.whitened(rows, model)
    return [Way(rows, z, rng.random_sample(n), sizes, (*falling,)) for z in coordinates]


def starts(rows: Compact, ends: Sequence[Ends]) -> dict[int, Mixture]:
    """For each number of components the likeliest of the ends of all ways, where there are any."""
    every: Ends = {}
    for way in ends:
        for size, each in way.items():
            every.setdefault(size, []).extend(each)
    return {size: rows.mixture(initial.likeliest(each)) for size, each in every.items()}
