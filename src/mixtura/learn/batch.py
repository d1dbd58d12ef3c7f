"""Many fits to the same few rows: what they share is made once, and threads share the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import initial, path
from mixtura.learn.acceleration import Accelerator, Plain
from mixtura.learn.brief import FAR, brief, is_brief, shared
from mixtura.learn.compact import Compact, is_compact, n_numbers
from mixtura.learn.data import Block
from mixtura.learn.em import Fit, Rest, em, little_to_gain
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
    tables: dict[tuple[int, int], _Table] = {}
    each: list[_Table] = []
    for job in jobs:
        key = id(job.maximize), id(job.weights)
        if key not in tables:
            tables[key] = _Table.of(block, job.maximize, job.weights, whole)
        each.append(tables[key])
    merged = _merged(jobs, each, threads)

    def fit(number: int) -> Fit:
        job, own, start = jobs[number], each[number], merged.get(number)
        return own.run(job, own.start(job) if start is None else start)

    # The longest first, so that threads end together.
    order = sorted(range(len(jobs)), key=lambda number: -jobs[number].n_components)
    with one_blas_thread():
        fits = dict(zip(order, shared(fit, order, threads), strict=True))
    return [fits[number] for number in range(len(jobs))]


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows with the weights of a job, and as compiled code reads them where they are few."""

    block: Block
    model: Mixture  # one component, like all rows
    rows: Compact | None

    @classmethod
    def of(
        cls, block: Block, maximize: Maximization, weights: Array | None, whole: Mixture
    ) -> "_Table":
        """Those of a job with this M-step and these weights."""
        block = block if weights is None else block._replace(weights=weights)
        model = initial.alike(whole, maximize.family, 1)
        if isinstance(maximize.constrain, Bounds):
            model = replace(model, covariance=maximize.constrain(model.covariance))
        few = is_compact(len(block.rows), maximize)
        return cls(block, model, Compact.of(block, model, maximize) if few else None)

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
            go_on=loop,
            ahead=job.rest is little_to_gain,
            far=far,
        )

    def _expect(self, mixture: Mixture) -> Statistics:
        """The E-step, part by part."""
        rows, weights, _, _ = self.block
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
