"""EM for classes that are mixtures, each of its own size and family, where some rows have no class.

A row with a class counts for the mixture of it. A row without counts for all of them, each with the
probability that the row is of that class: the likelihood is that of rows and of what classes are
known. What is held for a row has one number for each class, and that block by block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import expectation
from mixtura.learn.acceleration import Aitken
from mixtura.learn.data import Block, Data
from mixtura.learn.maximization import Maximization
from mixtura.learn.restriction import some
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClassStatistics:
    """What rows said of each class, and the log-likelihood of rows and classes."""

    parts: tuple[Statistics, ...]
    log_likelihood: float

    def __add__(self, other: "ClassStatistics") -> "ClassStatistics":
        """The statistics of both."""
        parts = tuple(a + b for a, b in zip(self.parts, other.parts, strict=True))
        return ClassStatistics(parts, self.log_likelihood + other.log_likelihood)

    @property
    def counts(self) -> Array:
        """The rows of each class, (C,)."""
        return np.array([part.n_rows for part in self.parts])


def class_step(block: Block, mixtures: Sequence[Mixture], log_prior: Array) -> ClassStatistics:
    """The statistics of a block whose memberships are classes, (B,): -1 where there is none."""
    assert block.memberships is not None
    free = np.flatnonzero(block.memberships < 0)
    rows, w = some(block, free), block.weights[free]
    density = np.empty((len(mixtures), len(free)))
    for c, mixture in enumerate(mixtures):
        density[c] = expectation.log_density(rows, mixture) if len(free) else 0.0
    whole, shares = normalise(density + log_prior[:, None])
    total = float(w[w > 0] @ whole[w > 0])
    found: list[Statistics] = []
    for c, mixture in enumerate(mixtures):
        own = np.flatnonzero(block.memberships == c)
        weights = np.concatenate([block.weights[own], w * shares[c]])
        part = some(block, np.concatenate([own, free]))._replace(weights=weights)
        s = expectation.e_step(part, mixture)
        found.append(s)
        counted = w * shares[c] > 0
        total += s.log_likelihood - float((w * shares[c])[counted] @ density[c, counted])
        if len(own):
            total += float(block.weights[own].sum()) * float(log_prior[c])
    return ClassStatistics(tuple(found), total)


@dataclass(frozen=True)
class ClassFit:
    """The end of a run: a mixture and a share for each class."""

    mixtures: tuple[Mixture, ...]
    prior: Array  # (C,)
    converged: bool
    objectives: tuple[float, ...]
    """Log-likelihood plus log prior, in nats per row, at the beginning of each iteration."""


def em_classes(
    data: Data,
    start: Sequence[Mixture],
    prior: Array,
    maximize: Sequence[Maximization],
    *,
    fixed: bool,
    tol: float,
    max_iter: int,
) -> ClassFit:
    """Run EM from a mixture and a share for each class [@Dempster1977].

    Parameters
    ----------
    data : Data
        Rows; their memberships are classes, -1 where there is none.
    start : sequence of Mixture
    prior : array, shape (C,)
        Shares of the classes.
    maximize : sequence of Maximization
        The M-step of each class.
    fixed : bool
        Whether the shares stay what they are.
    tol : float
        The run ends once less than this is left to gain, as far as the last gains tell, twice.
    max_iter : int

    Returns
    -------
    ClassFit
    """
    mixtures, left, objectives, near = tuple(start), Aitken(), list[float](), 0
    for _ in range(max_iter):
        with np.errstate(divide="ignore"):
            found = data.fold(class_step, mixtures, np.log(prior))
        counts = found.counts
        penalty = sum(m.log_prior(x) for m, x in zip(maximize, mixtures, strict=True))
        objectives.append((found.log_likelihood + penalty) / counts.sum())
        mixtures = tuple(m(s, x) for m, s, x in zip(maximize, found.parts, mixtures, strict=True))
        prior = prior if fixed else counts / counts.sum()
        near = near + 1 if left.add(objectives[-1]) < tol else 0
        if near >= 2 and len(objectives) >= 5:
            return ClassFit(mixtures, prior, True, tuple(objectives))
    return ClassFit(mixtures, prior, False, tuple(objectives))
