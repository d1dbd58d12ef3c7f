"""E-steps with memberships that are known: of rows with labels, and of rows that stay together.

A row with a label may belong to some components only: its posterior is that of the mixture of
those. Rows of one group have a component in common, whichever it is: the group has one posterior,
in which a component's weight counts once and the density of each row [@Shental2004].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import expectation
from mixtura.learn.data import Block, Data
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.numeric.gaps import Gaps
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """Some components of a mixture, as a mixture of their own."""

    index: NDArray[np.intp]  # (K',)
    mixture: Mixture
    log_share: float
    """The logarithm of what they weigh together in the whole."""

    @classmethod
    def of(cls, whole: Mixture, allowed: Mask) -> "Part":
        """The components of a mask, (K,)."""
        index = np.flatnonzero(allowed)
        weights = whole.weights[index]
        share = float(weights.sum())
        weights = weights / share if share > 0 else np.full(len(index), 1.0 / len(index))
        part = Mixture(weights, whole.means[index], whole.covariance.rearranged(index))
        return cls(index, part, float(np.log(share)) if share > 0 else 0.0)

    def placed(self, s: Statistics, n_components: int) -> Statistics:
        """Statistics of the part as some of the whole."""
        index, (_, d) = self.index, s.sums.shape
        rest = np.setdiff1d(np.arange(n_components), index)
        counts, sums, about = np.zeros((3, n_components)), np.zeros((n_components, d)), s.about[:1]
        counts[:, index] = s.n_weights, s.n_means, s.n_scatter
        sums[index] = s.sums
        about = np.repeat(about, n_components, axis=0)
        about[index] = s.about
        none = s.moment.zeros(len(rest), d)
        like = s.moment.zeros(n_components, d)
        return replace(
            s,
            about=about,
            n_weights=counts[0],
            n_means=counts[1],
            n_scatter=counts[2],
            sums=sums,
            products=s.moment.stack([s.products, none], [index, rest], like),
            log_likelihood=s.log_likelihood + self.log_share * s.n_rows,
        )


def some(block: Block, index: NDArray[np.integer]) -> Block:
    """Some rows of a block, gaps and all; memberships are left behind."""
    gaps = None if block.gaps is None else Gaps()
    return Block(block.rows[index], block.weights[index], None, gaps)


def e_step(block: Block, mixture: Mixture, parts: dict[int, Part]) -> Statistics:
    """The statistics of a block whose memberships are labels, (B,): -1 where there is none.

    The log-likelihood is that of rows and labels.
    """
    assert block.memberships is not None
    found = Statistics.zero(mixture.covariance.moment, *mixture.means.shape).shifted(mixture.means)
    order = np.argsort(block.memberships, kind="stable")
    labels = block.memberships[order]
    begins = np.flatnonzero(np.diff(labels, prepend=-2))
    for begin, end in zip(begins, np.append(begins[1:], len(labels)), strict=True):
        rows = some(block, order[begin:end])
        part = parts.get(int(labels[begin]))
        if part is None:
            found = found + expectation.e_step(rows, mixture)
        else:
            s = expectation.e_step(rows, part.mixture)
            found = found + part.placed(s, mixture.n_components)
    return found


@dataclass(frozen=True)
class Groups:
    """Rows that stand group by group."""

    block: Block
    begins: NDArray[np.intp]  # (G,): where each group begins
    labels: NDArray[np.int64]  # (G,): -1 where a group has none

    def e_step(self, mixture: Mixture, allowed: Mask) -> Statistics:
        """Their statistics; a group counts once for the weights, and its rows for the rest."""
        rows, w = self.block.rows, self.block.weights
        k = mixture.n_components
        density = np.empty((k, len(rows)))
        for j in range(k):
            one = Part.of(mixture, np.arange(k) == j).mixture
            density[j] = np.where(w > 0, w * expectation.log_density(self.block, one), 0.0)
        with np.errstate(divide="ignore"):
            joint = np.log(mixture.weights)[:, None] + np.add.reduceat(density, self.begins, axis=1)
        known = self.labels >= 0
        joint[:, known] = np.where(allowed[self.labels[known]].T, joint[:, known], -np.inf)
        log_likelihood, r = normalise(joint)
        present = np.add.reduceat(w, self.begins) > 0
        each = np.diff(np.append(self.begins, len(rows)))
        members = np.repeat(np.where(present, r, 0.0), each, axis=1).T
        s = expectation.assigned(self.block._replace(memberships=members), mixture)
        return replace(
            s,
            n_weights=r[:, present].sum(axis=1),
            log_likelihood=float(log_likelihood[present].sum()),
        )


@dataclass(frozen=True)
class Held:
    """Mixture to statistics, as `em` asks, of rows some of which are held to components.

    Parameters
    ----------
    data : Data or None
        Rows that are in no group; their memberships are labels, -1 where there is none.
    groups : sequence of Groups
    allowed : array of bool, shape (C, K)
        The components that rows of each label may belong to.
    """

    data: Data | None
    groups: Sequence[Groups]
    allowed: Mask

    def __call__(self, mixture: Mixture) -> Statistics:
        """The statistics of all rows under the posterior of a mixture and what is known."""
        parts = {c: Part.of(mixture, mask) for c, mask in enumerate(self.allowed)}
        found = [each.e_step(mixture, self.allowed) for each in self.groups]
        if self.data is not None:
            found.insert(0, self.data.fold(e_step, mixture, parts))
        total = found[0]
        for more in found[1:]:
            total = total + more
        return total


def grouped(
    rows: NDArray[np.generic],
    weights: Array,
    groups: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    incomplete: bool,
    at_once: int,
) -> list[Groups]:
    """Rows that are in groups, whole groups of about so many rows together.

    ``groups`` are numbers from 0 on, and ``labels`` one for each of them.
    """
    order = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[order], np.arange(len(labels)))
    ends = np.append(begins[1:], len(order))
    found: list[Groups] = []
    first = 0
    while first < len(labels):
        last = int(np.searchsorted(ends, begins[first] + at_once, side="right"))
        last = max(last, first + 1)
        index = order[begins[first] : ends[last - 1]]
        block = Block(rows[index], weights[index], None, Gaps() if incomplete else None)
        found.append(Groups(block, begins[first:last] - begins[first], labels[first:last]))
        first = last
    return found
