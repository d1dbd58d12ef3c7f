"""How much log-likelihood a parameter of a large model gains: the penalty that data tell of.

Of models that are larger than need be, each more parameter gains about the same, κ. A penalty of
2κ for each is then right [@BirgeMassart2007], whatever the rows are like [@Baudry2012].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST = 8
"""Sizes of models from which on a line through the largest of them says something."""

FEWEST = 4
"""Models that a line goes through, at the least."""

PLATEAU = 0.15
"""The part of all lines that must agree, one after the other, on the model."""


@dataclass(frozen=True)
class Slope:
    """The penalty of a parameter, by two ways to read it off."""

    slope: float
    """κ, nats a parameter, by the line through the largest models."""
    n_models: int
    """How many models that line goes through."""
    jump: float
    """κ at which, with κ for a penalty, the size of the model that is chosen falls most."""

    def penalised(self, log_likelihood: Array, n_parameters: Array) -> Array:
        """−2 log-likelihood + 4κ for each parameter: smaller is better."""
        return -2.0 * log_likelihood + 4.0 * self.slope * n_parameters


def heuristic(n_parameters: Array, log_likelihood: Array) -> Slope | None:
    """κ from the sizes of models and their log-likelihoods; None where the largest gain nothing.

    Lines go through ever fewer of the largest models, and the first long run of lines that agree
    on the model tells κ. There must be `LEAST` sizes or more.
    """
    p, gained = envelope(n_parameters, log_likelihood)
    lines: list[tuple[int, float]] = []
    chosen: list[int] = []
    for m in range(len(p), FEWEST - 1, -1):
        slope = robust_slope(p[-m:], gained[-m:])
        if slope > 0:
            lines.append((m, slope))
            chosen.append(int(np.argmin(-gained + 2.0 * slope * p)))
    if not lines:
        return None
    ends = np.flatnonzero(np.diff(chosen, append=-1)) + 1
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    long = np.flatnonzero(lengths >= max(2.0, PLATEAU * len(lines)))
    run = int(long[0]) if len(long) else int(lengths.argmax())
    m, slope = lines[int(starts[run])]
    return Slope(slope, m, _jump(p, gained))


def envelope(n_parameters: Array, log_likelihood: Array) -> tuple[Array, Array]:
    """Sizes in rising order, each with the best log-likelihood of that size."""
    sizes, index = np.unique(n_parameters, return_inverse=True)
    best = np.full(len(sizes), -np.inf)
    np.maximum.at(best, index.ravel(), log_likelihood)
    return sizes.astype(np.float64), best


def robust_slope(x: Array, y: Array) -> float:
    """The slope of the line that most of the points are near, by Tukey's biweight."""
    w = np.ones(len(x))
    slope = 0.0
    for _ in range(50):
        middle = w @ x / w.sum()
        before, slope = slope, float(w @ ((x - middle) * y) / (w @ (x - middle) ** 2))
        left = y - slope * x
        left -= np.median(left)
        scale = np.median(np.abs(left)) / 0.6745
        if scale <= 1e-12 * np.abs(y).max() or abs(slope - before) <= 1e-10 * abs(slope):
            break
        w = np.clip(1.0 - (left / (4.685 * scale)) ** 2, 0.0, None) ** 2
        if np.count_nonzero(w) < 2:
            break
    return slope


def _jump(p: Array, gained: Array) -> float:
    """The κ at which the size chosen by −log-likelihood + κ p falls most."""
    at, here = 0.0, int(np.argmax(gained))
    kappa, largest = 0.0, 0.0
    while here > 0:
        slopes = (gained[here] - gained[:here]) / (p[here] - p[:here])
        there = int(np.argmin(slopes))
        at = float(slopes[there])
        if p[here] - p[there] > largest:
            kappa, largest = at, float(p[here] - p[there])
        here = there
    return kappa
