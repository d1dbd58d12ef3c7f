"""Accelerators on objectives that are no mixtures, and what is said of them in a run of EM."""

from dataclasses import dataclass

import numpy as np
import pytest

from mixtura import Full, Mixture
from mixtura.engines.memory import Memory
from mixtura.learn.acceleration import Aitken, Lbfgs, Plain, Point, Squarem, remaining, walk
from mixtura.learn.em import Outcome, em, little_to_gain
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization

ACCELERATORS = {"squarem": Squarem(), "lbfgs": Lbfgs()}


@pytest.fixture(params=[*ACCELERATORS.values()], ids=[*ACCELERATORS])
def accelerator(request):
    return request.param


@dataclass(frozen=True)
class Spot:
    x: np.ndarray

    def to_vector(self):
        return self.x


class Bowl:
    """-½ x·Hx, and a plain step x − Hx: slow where H, all of it below 1, is small."""

    def __init__(self, h, limit=np.inf):
        self.h, self.limit = np.asarray(h), limit
        self.tried = []

    def objective(self, x):
        return float(-0.5 * x @ (self.h * x))

    def at(self, x):
        return Spot(x) if np.isfinite(x).all() and np.abs(x).max() <= self.limit else None

    def point(self, place):
        x = place.x
        self.tried.append(self.objective(x))
        slope = BowlSlope(-self.h * x)
        plain = Spot(x - self.h * x)
        promise = 0.5 * float(slope.gradient @ slope.gradient)
        return Point(place, self.objective(x), plain, self.at, lambda: slope, lambda: promise)

    def run(self, accelerator, x, passes):
        answer, steps, place = walk(accelerator), [], Spot(np.asarray(x, dtype=float))
        for _ in range(passes):
            steps.append(answer(self.point(place)))
            place = steps[-1].place
        return steps


@dataclass(frozen=True)
class BowlSlope:
    gradient: np.ndarray

    def precondition(self, gradient):
        return gradient

    def norm(self, direction):
        return float(np.linalg.norm(direction))


SLOW = [0.02, 0.05, 0.3, 0.9]
START = [1.0, -2.0, 3.0, 1.0]


def test_plain_steps_are_the_plain_steps():
    bowl = Bowl(SLOW)
    steps = bowl.run(Plain(), START, 6)
    for n, step in enumerate(steps, start=1):
        np.testing.assert_allclose(step.place.x, (1 - bowl.h) ** n * START)
        assert step.safe is step.place
    assert {step.how for step in steps} == {"em"}
    assert [step.objective for step in steps] == bowl.tried


def test_a_run_comes_to_the_top_in_fewer_passes(accelerator):
    fast, slow = Bowl(SLOW), Bowl(SLOW)
    assert fast.run(accelerator, START, 40)[-1].objective > -1e-6
    assert slow.run(Plain(), START, 40)[-1].objective < -1e-3


def test_what_is_kept_never_falls_and_the_end_is_no_lower(accelerator):
    rng = np.random.default_rng(0)
    for _ in range(20):
        bowl = Bowl(rng.uniform(0.001, 1.0, 5))
        steps = bowl.run(accelerator, rng.normal(size=5) * 10, 60)
        kept = np.array([step.objective for step in steps])
        assert (np.diff(kept) >= 0).all()
        for step in steps:
            assert bowl.objective(step.safe.x) >= step.objective
        for step, tried in zip(steps, bowl.tried, strict=True):
            assert step.how == "rejected" or tried == step.objective


def test_the_first_steps_are_plain(accelerator):
    fast, slow = Bowl(SLOW), Bowl(SLOW)
    n = accelerator.patience
    few = fast.run(accelerator, START, n + 1)
    for step, plain in zip(few, slow.run(Plain(), START, n + 1), strict=True):
        assert step.how == "em"
        assert step.objective == plain.objective
    assert "em" not in {
        step.how for step in Bowl(SLOW).run(accelerator, START, 30)[n + 2 :: 2]
    } or (isinstance(accelerator, Squarem))


def test_where_there_is_no_such_place_the_step_is_plain(accelerator):
    """Every place but those of plain steps is refused: so nothing is tried in vain."""

    class Refusing(Bowl):
        def at(self, x):
            return None

    refused, plain = Refusing(SLOW), Bowl(SLOW)
    steps = refused.run(accelerator, START, 30)
    assert {step.how for step in steps} == {"em"}
    plain.run(Plain(), START, 30)
    assert refused.tried == plain.tried


def test_a_place_that_is_worse_is_given_up_for_the_plain_step(accelerator):
    """Outside of what plain steps reach the objective is far below what the gradient says."""

    class Treacherous(Bowl):
        honest = frozenset()

        def at(self, x):
            return Spot(x + 1e3)

    bowl = Treacherous(SLOW)
    steps = bowl.run(accelerator, START, 40)
    rejected = [n for n, step in enumerate(steps) if step.how == "rejected"]
    assert rejected
    for n in rejected:
        assert bowl.tried[n] < steps[n].objective == steps[n - 1].objective
        assert steps[n].place is steps[n].safe is steps[n - 1].safe
    assert steps[-1].objective > steps[0].objective


def test_coordinates_at_infinity_leave_the_step_plain(accelerator):
    """As those of a component of no weight are."""

    class Endless(Bowl):
        def point(self, place):
            point = super().point(place)
            x = np.append(place.x, -np.inf)
            slope = BowlSlope(np.append(-self.h * place.x, np.nan))
            plain = Stretched(np.append(point.plain.x, -np.inf))
            return Point(
                Stretched(x), point.objective, plain, self.at, lambda: slope, point.promise
            )

        def at(self, x):
            return None if not np.isfinite(x).all() else Spot(x)

    @dataclass(frozen=True)
    class Stretched:
        whole: np.ndarray

        @property
        def x(self):
            return self.whole[:-1]

        def to_vector(self):
            return self.whole

    steps = Endless(SLOW).run(accelerator, START, 30)
    assert {step.how for step in steps} == {"em"}


def test_the_rest_of_a_geometric_series_is_known():
    gauge = Aitken()
    left = [gauge.add(-(0.5**n)) for n in range(6)]
    assert left[:2] == [np.inf, np.inf]
    np.testing.assert_allclose(left[2:], [0.5**n for n in range(2, 6)])
    assert remaining(1e-3, 1.7) == pytest.approx(0.999)
    assert remaining(1e-3, -1.0) == 0.0


@pytest.mark.parametrize("way", [Plain(), *ACCELERATORS.values()])
def test_what_is_said_to_remain_is_about_right(way):
    """Where the curvature is the same everywhere; and in the end nothing is left."""
    steps = Bowl(SLOW).run(way, START, 25)
    for step in steps[14:]:
        if step.objective < -1e-12:
            assert -0.02 * step.objective < step.remaining < -500 * step.objective


def overlapping(n=400):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 2)) + 2.2 * (np.arange(n) % 2)[:, None]
    return lambda mixture: Memory(x, threads=1).fold(e_step, mixture)


FIRST = Mixture.of([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [np.eye(2)] * 2)
MAXIMIZE = Maximization(Full, None, np.full(2, 1e-8))


def test_a_fit_ends_at_the_same_place_in_fewer_passes(accelerator):
    expect = overlapping()
    plain = em(FIRST, expect, MAXIMIZE, rest=little_to_gain, tol=1e-8, max_iter=3000)
    fast = em(
        FIRST, expect, MAXIMIZE, accelerate=accelerator, rest=little_to_gain, tol=1e-8, max_iter=999
    )
    assert fast.outcome is plain.outcome is Outcome.converged
    assert abs(fast.objective - plain.objective) < 1e-7
    assert 2 * len(fast.history) < len(plain.history)
    assert {record.step for record in fast.history} > {"em"}


def test_two_runs_with_one_accelerator_are_the_same(accelerator):
    first, second = (
        em(FIRST, overlapping(), MAXIMIZE, accelerate=accelerator, tol=0.0, max_iter=40)
        for _ in range(2)
    )
    found = [[r.objective for r in fit.history[:30]] for fit in (first, second)]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_each_iteration_is_a_pass(accelerator):
    expect, passes = overlapping(), []

    def counted(mixture):
        passes.append(mixture)
        return expect(mixture)

    fit = em(FIRST, counted, MAXIMIZE, accelerate=accelerator, tol=0.0, max_iter=33)
    assert len(passes) == len(fit.history) == 33


def test_rest_asks_five_iterations_and_two_in_a_row():
    expect = overlapping()
    fit = em(FIRST, expect, MAXIMIZE, rest=little_to_gain, tol=1e9, max_iter=50)
    assert len(fit.history) == 5
    fit = em(FIRST, expect, MAXIMIZE, rest=little_to_gain, tol=1e-5, max_iter=500)
    low = [record.remaining < 1e-5 for record in fit.history]
    assert low[-2:] == [True, True]
    assert not any(a and b for a, b in zip(low[3:-2], low[4:-1], strict=True))


def test_without_a_tolerance_all_passes_are_used(accelerator):
    fit = em(
        FIRST,
        overlapping(60),
        MAXIMIZE,
        accelerate=accelerator,
        rest=little_to_gain,
        tol=0.0,
        max_iter=200,
    )
    assert fit.outcome is Outcome.max_iter
    assert len(fit.history) == 200
