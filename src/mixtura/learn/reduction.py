"""What is done with components that hold no rows: they are kept, taken out, or given others."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import Full, Tied
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

Policy = Callable[[Mixture, Array], Mixture]
"""The mixture after an M-step, and the rows of each component before it, to the mixture to go on
with."""


def dead(counts: Array, n_features: int) -> NDArray[np.bool_]:
    """Components, (K,), with fewer than D + 1 rows to them or a thousandth of a row's weight."""
    return (counts < n_features + 1) | (counts < 1e-3)


def split(mixture: Mixture, k: int, into: int) -> Mixture:
    """Component k halved along its longest axis; the second half takes the place of another.

    Weight, mean and (full, tied by their common matrix) covariance of the pair are those of k:
    each half moves by one half of the standard deviation along the axis.
    """
    weights, means = mixture.weights.copy(), mixture.means.copy()
    matrix = mixture.covariances[k]
    values, vectors = np.linalg.eigh(matrix)
    step = 0.5 * np.sqrt(max(values[-1], 0.0)) * vectors[:, -1]
    weights[[k, into]] = 0.5 * weights[k]
    weights /= weights.sum()
    means[into] = means[k] - step
    means[k] = means[k] + step
    covariance = mixture.covariance
    if isinstance(covariance, Full):
        halves = covariance.values.copy()
        halves[[k, into]] = matrix - np.outer(step, step)
        covariance = Full(halves)
    elif not isinstance(covariance, Tied):
        index = np.arange(mixture.n_components)
        index[into] = k
        covariance = covariance.rearranged(index)
    return Mixture(weights, means, covariance)


@dataclass(frozen=True)
class Keep:
    """Leave dead components to the prior: they keep their place and weigh next to nothing."""

    def __call__(self, mixture: Mixture, counts: Array) -> Mixture:
        """The mixture, as it is."""
        return mixture


@dataclass(frozen=True)
class Drop:
    """Take dead components out, down to one."""

    def __call__(self, mixture: Mixture, counts: Array) -> Mixture:
        """The mixture without them."""
        gone = dead(counts, mixture.n_features)
        gone[np.argmax(counts)] = False
        return mixture.rearranged(np.flatnonzero(~gone)) if gone.any() else mixture


class Reseed:
    """Give a dead component half of the heaviest one, a limited number of times in a fit."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def __call__(self, mixture: Mixture, counts: Array) -> Mixture:
        """The mixture with the pair in place of the dead component and the heaviest."""
        for k in np.flatnonzero(dead(counts, mixture.n_features)):
            heaviest = int(np.argmax(mixture.weights))
            if not self.left or heaviest == k:
                break
            self.left -= 1
            mixture = split(mixture, heaviest, int(k))
        return mixture
