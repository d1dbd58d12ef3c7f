"""Many fits to the same few rows: what they share is made once, and threads share the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import initial, path
from mixtura.learn.acceleration import Accelerator, Plain
from mixtura.learn.brief import FAR, brief, is_brief, shared
from mixtura.learn.compact import Compact, is_compact, n_numbers
from mixtura.learn.data import Block
from mixtura.learn.em import Fit, Outcome, Rest, em, little_to_gain
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.statistics import Statistics
from mixtura.model.mixture import Mixture
from mixtura.numeric.threads import one_blas_thread

Array = NDArray[np.float64]

CHEAP = 1 << 16
"""Features of all rows, once for each component, up to which a step takes less than what Python
takes around one."""

PATIENT = 1000
"""Steps that a run must be allowed, at the least, to stay where they are cheap however far it is
from its end; with fewer, it would often use them all up."""

START = 5_000
"""Rows that a start is merged from, where they are enough for its parameters and there are more."""

PART = 16_384
"""Rows of which statistics are made at a time, where they are not few."""


@dataclass(frozen=True, eq=False)
class Job:
    """One of many fits.

    Parameters
    ----------
    maximize : Maximization
        The M-step, and with it the family. Jobs that hold the same share what can be shared.
    n_components : int
    start : Mixture, array of shape (n,) or (n, K), optional
        A mixture, labels or responsibilities; where it is missing, components are merged.
    weights : array, shape (n,), optional
        Row weights in place of those that come with the rows, as for a bootstrap.
    seed : int
        Of the random numbers that merging begins with.
    tol, max_iter, rest, accelerate
        As in `em`.
    to_the_end : bool
        Whether what compiled code does not see to goes on in Python; else it is stopped there.
    """

    maximize: Maximization
    n_components: int
    start: Mixture | NDArray[Any] | None = None
    weights: Array | None = None
    seed: int = 0
    tol: float = 1e-3
    max_iter: int = 100
    rest: Rest = little_to_gain
    accelerate: Accelerator = Plain()
    to_the_end: bool = True


class Bench:
    """Few rows to which many mixtures are fitted, in one lot or in several.

    What rows are to an M-step is made once, and serves all lots.

    Parameters
    ----------
    block : Block
        All rows, without gaps, and their weights, which are positive.
    whole : Mixture
        All rows as one Gaussian.
    threads : int
        Among which ways and runs are shared.
    """

    def __init__(self, block: Block, whole: Mixture, threads: int = 1) -> None:
        self.block, self.whole, self.threads = block, whole, threads
        # M-steps and weights are told apart by what they are, so they are kept with their tables.
        self._tables: dict[tuple[int, int, bool], tuple[_Table, Job]] = {}

    def fit(self, jobs: Sequence[Job]) -> list[Fit]:
        """The fits of some jobs, in their order."""
        each, some = [self._table(job) for job in jobs], self._some(jobs)
        merged = _merged(jobs, some, self.threads)

        def fit(number: int) -> Fit:
            job, own, start = jobs[number], each[number], merged.get(number)
            return own.run(job, some[number].start(job) if start is None else start)

        # The longest first, so that threads end together.
        order = sorted(range(len(jobs)), key=lambda number: -jobs[number].n_components)
        with one_blas_thread():
            fits = dict(zip(order, shared(fit, order, self.threads), strict=True))
        return [fits[number] for number in range(len(jobs))]

    def _table(self, job: Job, part: bool = False) -> "_Table":
        """All rows, or a part of them, for a job."""
        key = id(job.maximize), id(job.weights), part
        if key not in self._tables:
            others = [table for table, _ in self._tables.values()]
            block = self._part if part else self.block
            made = _Table.of(block, job.maximize, job.weights, self.whole, others)
            self._tables[key] = made, job
        return self._tables[key][0]

    def _some(self, jobs: Sequence[Job]) -> "list[_Table]":
        """For each job the rows that its start is merged from: a part where that is enough."""
        most: dict[tuple[int, int], int] = {}
        for job in jobs:
            key = id(job.maximize), job.seed
            most[key] = max(most.get(key, 0), job.n_components)
        found: list[_Table] = []
        for job in jobs:
            own = job.start is None and job.weights is None and len(self.block.rows) > START
            if own:
                largest = self._table(job).sized(most[id(job.maximize), job.seed])
                own = initial.rows_to_merge(largest) <= START
            found.append(self._table(job, own))
        return found

    @cached_property
    def _part(self) -> Block:
        """The rows that starts are merged from, where they are not all."""
        rows, weights = self.block.rows, self.block.weights
        index = np.sort(np.random.RandomState(0).choice(len(rows), START, replace=False))
        return Block(rows[index], weights[index])


def fit_all(block: Block, jobs: Sequence[Job], *, whole: Mixture, threads: int = 1) -> list[Fit]:
    """Fit mixtures to rows, as many as there are jobs.

    Jobs without a start that share M-step, seed and weights take their starts from one way of
    merging, from too many components for the largest of them down to the smallest. What a job comes
    to depends on these, but neither on other jobs nor on the number of threads. Where rows are few,
    all is compiled; what compiled code does not see to, the loop in Python does.

    Parameters
    ----------
    block : Block
        All rows, without gaps, and their weights, which are positive.
    jobs : sequence of Job
    whole : Mixture
        All rows as one Gaussian.
    threads : int
        Among which ways and runs are shared.

    Returns
    -------
    list of Fit
        In the order of the jobs.
    """
    return Bench(block, whole, threads).fit(jobs)


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows with the weights of a job, and as compiled code reads them where they are few."""

    block: Block
    model: Mixture  # one component, like all rows
    rows: Compact | None

    @classmethod
    def of(
        cls,
        block: Block,
        maximize: Maximization,
        weights: Array | None,
        whole: Mixture,
        others: Sequence["_Table"] = (),
    ) -> "_Table":
        """Those of a job with this M-step and these weights; others may have features for them."""
        block = block if weights is None else block._replace(weights=weights)
        model = initial.alike(whole, maximize.family, 1)
        if isinstance(maximize.constrain, Bounds):
            model = replace(model, covariance=maximize.constrain(model.covariance))
        if not is_compact(len(block.rows), maximize):
            return cls(block, model, None)
        same = [o.rows for o in others if o.rows is not None and o.block.rows is block.rows]
        return cls(block, model, Compact.of(block, model, maximize, same))

    def sized(self, k: int) -> Mixture:
        """K components, each like all rows."""
        like = self.model.rearranged(np.zeros(k, dtype=np.intp))
        return replace(like, weights=np.full(k, 1.0 / k))

    def start(self, job: Job) -> Mixture:
        """A mixture to begin with, where it was not merged together with others."""
        if isinstance(job.start, Mixture):
            return job.start
        model = self.sized(job.n_components)
        if job.start is not None:
            return initial.from_sample(self.block, job.start, model, job.maximize)
        rng = np.random.RandomState(job.seed)
        return initial.from_merging(self.block, model, job.maximize, rng, self.rows)

    def run(self, job: Job, start: Mixture) -> Fit:
        """EM from a start."""

        def loop(mixture: Mixture, max_iter: int, objective: float) -> Fit:
            return em(
                mixture,
                self._expect,
                job.maximize,
                accelerate=job.accelerate,
                rest=job.rest,
                tol=job.tol,
                max_iter=max_iter,
                objective=objective,
            )

        def stop(mixture: Mixture, max_iter: int, objective: float) -> Fit:
            return Fit(mixture, Outcome.stopped, ())

        n_rows = len(self.block.rows)
        if self.rows is None or not is_brief(n_rows, start, job.maximize, job.max_iter):
            return loop(start, job.max_iter, -np.inf)
        far = np.inf if isinstance(job.accelerate, Plain) else FAR
        cheap = start.n_components * n_numbers(n_rows, start.n_features) <= CHEAP
        if cheap and job.max_iter >= PATIENT:
            far = np.inf
        return brief(
            self.rows,
            start,
            tol=job.tol,
            max_iter=job.max_iter,
            objective=-np.inf,
            go_on=loop if job.to_the_end else stop,
            ahead=job.rest is little_to_gain,
            far=far,
        )

    def _expect(self, mixture: Mixture) -> Statistics:
        """The E-step, part by part."""
        rows, weights = self.block.rows, self.block.weights
        parts = [slice(i, i + PART) for i in range(0, len(rows), PART)]
        return reduce(add, (e_step(Block(rows[p], weights[p]), mixture) for p in parts))


def _merged(jobs: Sequence[Job], tables: Sequence[_Table], threads: int) -> dict[int, Mixture]:
    """The starts of those jobs that compiled code merges together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, (job, table) in enumerate(zip(jobs, tables, strict=True)):
        if job.start is None and job.n_components > 1 and table.rows is not None:
            groups.setdefault((id(table), job.seed), []).append(number)
    together: list[tuple[list[int], list[path.Way]]] = []
    for numbers in groups.values():
        sizes = {jobs[number].n_components for number in numbers}
        table = tables[numbers[0]]
        if len(sizes) > 1 and table.rows is not None:
            rng = np.random.RandomState(jobs[numbers[0]].seed)
            together.append((numbers, path.ways(table.rows, table.model, [*sizes], rng)))
    ways = [way for _, each in together for way in each]
    ends = iter(shared(path.Way.ends, ways, threads))
    found: dict[int, Mixture] = {}
    for numbers, each in together:
        starts = path.starts(each[0].rows, [next(ends) for _ in each])
        found |= {n: starts[k] for n in numbers if (k := jobs[n].n_components) in starts}
    return found
