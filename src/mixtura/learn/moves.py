"""Ways out of a poor optimum of the bound: components merged, split, and taken out.

A move is judged by the bound, which has no part left out: it is kept where the passes that follow
it lead above where the run stood. What to try first is told on a sample of the rows, where what a
move changes at once can be computed; if the sample is all rows, exactly. After
[@HughesSudderth2013], who do so with memoised batches.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.acceleration import Plain
from mixtura.learn.ascent import Ascent, Watch, ascend
from mixtura.learn.concentration import Dirichlet
from mixtura.learn.data import Block
from mixtura.learn.em import Iteration, Outcome
from mixtura.learn.expectation import assigned, e_step, responsibilities
from mixtura.learn.statistics import Statistics
from mixtura.learn.variational import Beliefs, Expect, Pass, Posterior, examine
from mixtura.model.mixture import Mixture
from mixtura.model.reduction import merging_costs
from mixtura.numeric.moments import POOLED

Array = NDArray[np.float64]
Index = NDArray[np.intp]

SAMPLE = 20_000
"""Rows on which moves are thought out, where there are more."""

TRIALS = 4
"""Moves that are tried before a run is left where it is."""

PASSES = 12
"""Passes over the data that a move is given, at the most."""

LOCAL = 3
"""Passes over the rows of a component that is split, from each of two ways to split it; as many
more from the better one."""

SPLITS = 16
"""Components whose split is thought out, where there are more: those least like a Gaussian."""

PAIRS = 12
"""Pairs of components whose merger is thought out."""

EMPTY = 0.5
"""Rows of a component below which its place is free."""

Go = Callable[[Posterior, int, float], Ascent]
"""On to the end, from a posterior, by so many passes at the most, after a bound."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Where a move leads, and by how much it raises the bound at once, as far as a sample tells."""

    statistics: Statistics
    entropy: float
    """By how much that of the memberships rises."""
    promise: float


def improved(
    ascent: Ascent,
    expect: Expect,
    block: Block,
    go: Go,
    *,
    tol: float,
    max_iter: int,
    watch: Watch | None = None,
) -> Ascent:
    """The end of a run, after moves that raise the bound.

    Parameters
    ----------
    ascent : Ascent
        As far as the run has come.
    expect : callable
        Mixture to statistics of the data.
    block : Block
        A sample of the rows, without gaps.
    go : callable
        How a run goes on after a move.
    tol : float
        By how much a move must raise the bound, in nats.
    max_iter : int
        Passes of the whole run, at the most.
    watch : callable, optional
        Told of each pass.

    Returns
    -------
    Ascent
        No lower than the run.
    """
    while ascent.last is not None and ascent.outcome is Outcome.converged:
        for proposal in proposals(ascent, block):
            left = max_iter - len(ascent.history)
            if left < 1:
                return ascent
            beginning = ascent.posterior.beliefs.posterior(proposal.statistics).sorted()
            goal = ascent.bound + tol
            trial = ascend(
                beginning,
                expect,
                accelerate=Plain(),
                rest=_settled(goal),
                max_iter=min(PASSES, left),
                objective=ascent.bound,
                sort=True,
            )
            good = trial.bound > goal
            records = _as_told(trial.history, ascent, good)
            if watch is not None:
                for i, record in enumerate(records, 1):
                    watch(len(ascent.history) + i, record)
            history = (*ascent.history, *records)
            if not good:
                ascent = replace(ascent, history=history)
                continue
            after = go(trial.posterior, max_iter - len(history), trial.bound)
            outcome = after.outcome
            if outcome is Outcome.not_started:
                after, outcome = replace(trial, history=()), Outcome.max_iter
            ascent = replace(after, outcome=outcome, history=(*history, *after.history))
            break
        else:
            return ascent
    return ascent


def _settled(goal: float) -> Callable[[Sequence[Iteration], float], bool]:
    """Whether it is plain that a trial comes to its goal, or that it does not."""

    def settled(records: Sequence[Iteration], _: float) -> bool:
        short = goal - records[-1].objective
        return short < 0 or records[-1].remaining < short

    return settled


def _as_told(records: Sequence[Iteration], ascent: Ascent, good: bool) -> list[Iteration]:
    """The records of a trial; as long as it is below where the run stands, it counts as that."""
    found: list[Iteration] = []
    for record in records:
        before = found[-1].objective if found else ascent.bound
        if good and record.objective > ascent.bound:
            found.append(replace(record, change=record.objective - before))
        else:
            bound, left = ascent.bound, ascent.remaining
            found.append(
                replace(record, objective=bound, change=0.0, remaining=left, step="rejected")
            )
    return found


def proposals(ascent: Ascent, block: Block) -> list[Proposal]:
    """The most promising moves, the best first."""
    assert ascent.last is not None
    state = _State.of(ascent, block)
    merges = [state.merge(i, j) for i, j in state.alike()]
    merges.sort(key=lambda found: found.proposal.promise, reverse=True)
    good = [merge for merge in merges if merge.proposal.promise > 0]
    found = [merge.proposal for merge in good[:2]]
    if len(good) > 1:
        found.append(state.together(good))
    found += [state.without(k) for k in state.smallest()]
    splits = sorted(state.splits(), key=lambda split: split.gain, reverse=True)[:TRIALS]
    free = np.flatnonzero(state.counts < EMPTY)
    if len(free):
        nothing = Proposal(state.statistics, 0.0, 0.0)
        found += [state.placed(nothing, split, int(free[0])) for split in splits]
        several = nothing
        for split, place in zip((s for s in splits if s.gain > 0), free, strict=False):
            several = state.placed(several, split, int(place))
        found.append(several)
    else:
        for merge in merges[:TRIALS]:
            for split in splits:
                if split.component not in (merge.into, merge.freed):
                    found.append(state.placed(merge.proposal, split, merge.freed))
    found = [proposal for proposal in found if proposal.statistics is not state.statistics]
    found.sort(key=lambda proposal: proposal.promise, reverse=True)
    return found[:TRIALS]


@dataclass(frozen=True, eq=False)
class _Merge:
    proposal: Proposal
    into: int
    freed: int


@dataclass(frozen=True, eq=False)
class _Split:
    """One component as two, by its own rows."""

    component: int
    statistics: Statistics
    entropy: float
    gain: float


@dataclass(frozen=True, eq=False)
class _State:
    """Where a run stands, and what a sample of the rows says of it."""

    surrogate: Mixture
    """That divided the rows."""
    posterior: Posterior
    """What follows from that."""
    statistics: Statistics
    entropy: float
    block: Block
    r: Array  # (B, K)
    share: float
    """How many rows each row of the sample stands for."""

    @classmethod
    def of(cls, ascent: Ascent, block: Block) -> "_State":
        last, posterior = ascent.last, ascent.posterior
        assert last is not None
        surrogate = posterior.surrogate
        share = float(last.statistics.n_rows / block.weights.sum())
        # Memberships, statistics and what follows from them, all of the last posterior.
        s = share * e_step(block, surrogate)
        entropy = s.log_likelihood - s.complete_log_likelihood(surrogate)
        r = responsibilities(block, surrogate)
        return cls(surrogate, posterior.beliefs.posterior(s), s, entropy, block, r, share)

    @property
    def beliefs(self) -> Beliefs:
        return self.posterior.beliefs

    @property
    def counts(self) -> Array:
        return self.statistics.n_weights

    def proposal(self, statistics: Statistics, entropy: float) -> Proposal:
        """A move to these statistics, the entropy of the memberships rising by so much."""
        there = self.beliefs.posterior(statistics).sorted()
        here = self.posterior.sorted()
        return Proposal(statistics, entropy, there.log_partition - here.log_partition + entropy)

    def alike(self) -> Iterator[tuple[int, int]]:
        """Pairs of components that have rows and may be one, the likeliest first."""
        present = np.flatnonzero(self.counts >= EMPTY)
        if len(present) < 2:
            return
        weights = self.counts[present] / self.counts[present].sum()
        covariance = self.posterior.covariance.rearranged(present)
        costs = merging_costs(Mixture(weights, self.posterior.means[present], covariance))
        first, second = np.triu_indices(len(present), 1)
        order = np.argsort(costs[first, second], kind="stable")[:PAIRS]
        for at in order:
            i, j = int(present[first[at]]), int(present[second[at]])
            yield (i, j) if self.counts[i] >= self.counts[j] else (j, i)

    def merge(self, i: int, j: int) -> _Merge:
        """Components i and j as one, in the place of i."""
        pair = self.r[:, i] + self.r[:, j]
        part = np.divide(self.r[:, i], pair, out=np.ones_like(pair), where=pair > 0)
        lost = self.share * float(self.block.weights @ (pair * _entropy(part)))
        return _Merge(self.proposal(_together(self.statistics, i, j), -lost), i, j)

    def together(self, merges: Sequence[_Merge]) -> Proposal:
        """Several mergers at once, of pairs that have no component in common; the first ones go
        before.
        """
        taken, s, entropy = set[int](), self.statistics, 0.0
        for merge in merges:
            pair = {merge.into, merge.freed}
            if not taken & pair:
                taken |= pair
                s = _together(s, merge.into, merge.freed)
                entropy += merge.proposal.entropy
        return self.proposal(s, entropy)

    def smallest(self) -> Index:
        """Components that hardly anything would be lost with, perhaps."""
        order = np.argsort(self.counts, kind="stable")
        some = self.counts[order] >= EMPTY
        return order[some][: min(2, max(int(some.sum()) - 1, 0))]

    def without(self, k: int) -> Proposal:
        """Component k left empty, its rows divided among the others."""
        weights = self.surrogate.weights.copy()
        weights[k] = 0.0
        others = replace(self.surrogate, weights=weights / weights.sum())
        s = self.share * e_step(self.block, others)
        entropy = s.log_likelihood - s.complete_log_likelihood(others)
        return self.proposal(s, entropy - self.entropy)

    def splits(self) -> Iterator[_Split]:
        """Each component that has enough rows, as two."""
        d = self.posterior.means.shape[1]
        enough = np.flatnonzero(self.counts >= max(4.0, d + 1.0))
        if len(enough) > SPLITS:
            odd = np.array([self._oddness(int(k)) for k in enough])
            enough = enough[np.argsort(-odd, kind="stable")[:SPLITS]]
        for k in enough:
            found = self._split(int(k))
            if found is not None:
                yield found

    def _oddness(self, k: int) -> float:
        """How far the kurtosis of a component's rows is from a Gaussian's, in standard errors."""
        d, w = self.posterior.means.shape[1], self.block.weights * self.r[:, k]
        y = self.posterior.covariance.whiten(self.block.rows - self.posterior.means[k], k)
        fourth = float(w @ np.einsum("nd,nd->n", y, y) ** 2 / w.sum())
        normal = d * (d + 2.0)
        return abs(fourth - normal) * float(self.counts[k] / (8.0 * normal)) ** 0.5

    def _split(self, k: int) -> _Split | None:
        weights = self.block.weights * self.r[:, k]
        own = np.flatnonzero(weights > 1e-3 * self.block.weights)
        if len(own) < 4:
            return None
        rows = Block(np.asarray(self.block.rows[own], dtype=np.float64), weights[own])
        covariance = self.posterior.covariance
        residual = rows.rows - self.posterior.means[k]
        y = covariance.whiten(residual, k)
        _, vectors = np.linalg.eigh((y.T * rows.weights) @ y)
        along = y @ vectors[:, -1]
        out = np.einsum("nd,nd->n", y, y)
        two = replace(self.beliefs, n_components=2, weights=Dirichlet(1.0))
        around = Mixture(
            np.full(2, 0.5),
            np.repeat(self.posterior.means[[k]], 2, axis=0),
            covariance.rearranged(np.array([k, k])),
        )
        far = np.average(out, weights=rows.weights)
        ways: list[Pass] = []
        for labels in (along > 0, out > far):
            found = assigned(rows._replace(memberships=labels.astype(np.int64)), around)
            ways.append(_passes(two.posterior(found), rows))
        best = _passes(max(ways, key=lambda way: way.bound).posterior, rows)
        whole = two.posterior(_together(best.statistics, 0, 1))
        alone = whole.bound(0.0, best.statistics.n_rows)
        scale = float(self.counts[k] / best.statistics.n_rows)
        gain = scale * (best.bound - alone)
        return _Split(k, scale * best.statistics, scale * best.entropy, gain)

    def placed(self, before: Proposal, split: _Split, free: int) -> Proposal:
        """A split component in its own place and in one that is free, after another move."""
        k = split.component
        s = _together(before.statistics, k, free)
        index = np.array([k, free])
        two = split.statistics.shifted(s.about[index])
        counts, sums, products = s.n_weights.copy(), s.sums.copy(), s.products
        counts[index], sums[index] = two.n_weights, two.sums
        if s.moment is not POOLED:  # what all rows have about the same points stays
            products = products.copy()
            products[index] = two.products
        found = replace(
            s, n_weights=counts, n_means=counts, n_scatter=counts, sums=sums, products=products
        )
        return self.proposal(found, before.entropy + split.entropy)


def _passes(posterior: Posterior, rows: Block) -> Pass:
    """A few passes over some rows."""
    found = examine(posterior, lambda mixture: e_step(rows, mixture))
    for _ in range(LOCAL - 1):
        found = examine(found.posterior, lambda mixture: e_step(rows, mixture))
    return found


def _entropy(p: Array) -> Array:
    """Of two that are p and 1 − p, in nats."""
    p = np.clip(p, 1e-300, 1.0)
    q = np.maximum(1.0 - p, 1e-300)
    return -(p * np.log(p) + (1.0 - p) * np.log(q))


def _together(s: Statistics, i: int, j: int) -> Statistics:
    """The rows of component j given to component i; j has none."""
    about = s.about.copy()
    about[j] = about[i]
    s = s.shifted(about)
    counts, sums = s.n_weights.copy(), s.sums.copy()
    counts[i], counts[j] = counts[i] + counts[j], 0.0
    sums[i], sums[j] = sums[i] + sums[j], 0.0
    products = s.products
    if s.moment is not POOLED:
        products = products.copy()
        products[i] = products[i] + products[j]
        products[j] = 0.0
    return replace(
        s, n_weights=counts, n_means=counts, n_scatter=counts, sums=sums, products=products
    )
