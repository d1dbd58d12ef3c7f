"""Which of several runs are left, when, and what the last of them has."""

from dataclasses import dataclass

import numpy as np
import pytest

from mixtura.learn.em import Fit, Iteration, Outcome
from mixtura.learn.halving import FIRST, Run, halving, rows_to_compare
from mixtura.model.mixture import Mixture

START = Mixture.of([1.0], [[0.0]], [[[1.0]]])


@dataclass
class Curve:
    """Stands in for EM: the objective after each pass is a function of how many there were."""

    objective: object
    converges: int = 10**9
    passes: int = 0
    finishing: int = 0

    def go(self, mixture, passes, objective, last):
        assert mixture is START
        assert objective == (self.objective(self.passes) if self.passes else -np.inf)
        records = []
        outcome = Outcome.max_iter
        for _ in range(passes):
            self.passes += 1
            self.finishing += last
            value = self.objective(self.passes)
            records.append(Iteration(value, 0.0, 0.0, 1.0, 1.0, np.inf, "em"))
            if self.passes == self.converges:
                outcome = Outcome.converged
                break
        return Fit(START, outcome, tuple(records))

    def run(self, max_iter=1000):
        return Run(START, self.go, max_iter)


def rising(to, rate=1.0):
    return lambda t: to - 1.0 / (rate * t)


def test_the_better_half_has_as_many_passes_again():
    curves = [Curve(rising(i)) for i in range(10)]
    told = []
    runs = [curve.run() for curve in curves]
    best = halving(runs, told.append)
    assert best is runs[9]
    assert [curve.passes for curve in curves] == [5] * 5 + [10] * 3 + [20] * 2
    assert told == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    best.finish()
    assert curves[9].passes == len(best.fit.history) == 1000
    assert curves[9].finishing == 980
    assert [record.objective for record in best.fit.history] == [
        rising(9)(t) for t in range(1, 1001)
    ]


def test_one_run_has_the_first_passes_and_is_left():
    curve = Curve(rising(1))
    assert halving([curve.run()]).fit.objective == rising(1)(FIRST)
    assert curve.passes == FIRST


@pytest.mark.parametrize("n", [2, 3, 4, 7, 16])
def test_of_equal_runs_the_first_is_left(n):
    runs = [Curve(rising(1)).run() for _ in range(n)]
    assert halving(runs) is runs[0]


def test_no_run_is_above_the_one_that_is_left():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = rng.integers(1, 20)
        runs = [
            Curve(rising(rng.normal(), rng.exponential()), int(rng.integers(5, 30))).run(25)
            for _ in range(n)
        ]
        best = halving(runs)
        assert best.fit.objective == max(run.fit.objective for run in runs)


def test_a_run_that_is_over_stays_as_it_is():
    done = Curve(rising(5), converges=4)
    slow = [Curve(rising(i)) for i in range(3)]
    runs = [done.run(), *(curve.run() for curve in slow)]
    best = halving(runs)
    assert best is runs[0]
    assert best.over
    best.finish()
    assert done.passes == 4
    assert [curve.passes for curve in slow] == [5, 5, 10]


def test_a_run_that_stopped_is_over():
    run = Run(START, lambda *_: Fit(START, Outcome.stopped, (None,)), 100)
    run.advance(5)
    assert run.over


@pytest.mark.parametrize("max_iter", [0, 1, 5, 6, 13])
def test_no_run_has_more_passes_than_it_may(max_iter):
    curves = [Curve(rising(i)) for i in range(8)]
    best = halving([curve.run(max_iter) for curve in curves])
    best.finish()
    assert best.over
    assert max(curve.passes for curve in curves) == max_iter == len(best.fit.history)
    if max_iter == 0:
        assert best.fit.outcome is Outcome.not_started


def test_rows_to_compare_make_a_gap_of_the_tolerance():
    """The gap of p / 2m, by fits to samples of a Gaussian: here in one dimension, p is two."""
    tol = 0.01
    m = rows_to_compare(START, tol)
    assert m == 100
    assert rows_to_compare(START, 0.0) == np.inf
    x = np.random.default_rng(0).normal(size=(4000, int(m)))
    mean, variance = x.mean(axis=1), x.var(axis=1)
    loss = 0.5 * (np.log(variance) + (1 + mean**2) / variance - 1)
    assert abs(loss.mean() - tol) < 4 * loss.std() / np.sqrt(len(x)) + 0.05 * tol
