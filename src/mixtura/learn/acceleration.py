"""Ways to fewer passes: where the next pass over the data goes, given those before it.

An accelerator knows vectors and objectives, and no Gaussian. It is told what a pass found and
answers with the place of the next. It may try any place, and keeps what it tried only where the
objective is good enough there; so the objectives of the places that are kept never fall.
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Place(Protocol):
    """What is fitted, as far as an accelerator sees it: a mixture, or anything else."""

    def to_vector(self) -> Array:
        """Free coordinates."""
        ...


class Slope(Protocol):
    """How the objective leans at a place, and what is a long way there."""

    @property
    def gradient(self) -> Array:
        """Of the objective, in free coordinates."""
        ...

    def precondition(self, gradient: Array) -> Array:
        """A gradient as a direction: to first order, EM's own step."""
        ...

    def norm(self, direction: Array) -> float:
        """The length of a direction, whatever the units of the data."""
        ...


P = TypeVar("P", bound=Place)


@dataclass(frozen=True)
class Point(Generic[P]):
    """What one pass over the data found."""

    place: P
    objective: float
    plain: P
    """Where EM's own step leads from here."""
    at: Callable[[Array], P | None]
    """The place with these coordinates; None where floating point has no such place."""
    slope: Callable[[], Slope]
    promise: Callable[[], float]
    """What EM's own step gains at the least."""

    @cached_property
    def vector(self) -> Array:
        """The coordinates of the place."""
        return self.place.to_vector()


@dataclass(frozen=True)
class Step(Generic[P]):
    """What an accelerator makes of a point."""

    place: P
    """Where the next pass goes."""
    safe: P
    """The end, should there be no other pass: no lower than any place that was kept."""
    objective: float
    """Of the last place that was kept."""
    remaining: float
    """What is still to be gained, as far as the steps so far tell; infinite while they do not."""
    how: str
    """How the point was come by: em, squarem, lbfgs, or rejected where it was not kept."""


Steps = Generator[Step[P], Point[P], Any]


class Accelerator(Protocol):
    """One question: the steps of a run, one for each pass."""

    def steps(self, here: Point[P]) -> Steps[P]:
        """Answer the first point, and each that is sent after it."""
        ...


def walk(accelerator: Accelerator) -> Callable[[Point[P]], Step[P]]:
    """The steps of one run, as a function from the point of each pass to what follows from it."""
    steps: Steps[P] | None = None

    def answer(point: Point[P]) -> Step[P]:
        nonlocal steps
        if steps is None:
            steps = accelerator.steps(point)
            return next(steps)
        return steps.send(point)

    return answer


TINY = float(np.finfo(np.float64).tiny)
SLOWEST = 0.999
"""The largest ratio of successive gains that is believed."""


@dataclass
class Aitken:
    """The gain that is left in a sequence of plain steps, by the ratio of their last gains.

    Were each gain ρ times the one before, Δρ / (1 − ρ) would be left after a gain of Δ. Of the last
    three ratios the largest is taken.
    """

    gains: list[float] = field(default_factory=list[float])
    last: float = -np.inf

    def add(self, objective: float) -> float:
        """Take note of the objective of one more step, and say how much is left."""
        gain, self.last = abs(objective - self.last), objective
        self.gains = [*self.gains[-3:], gain]
        return remaining(gain, max(self.ratios)) if self.ratios else np.inf

    @property
    def ratios(self) -> list[float]:
        """The last ratios of gains, three at the most."""
        return [
            gain / max(before, TINY)
            for before, gain in pairwise(self.gains)
            if before < np.inf  # the first is measured from nowhere
        ]


def remaining(gain: float, ratio: float) -> float:
    """What is left after a gain, if each later one is ``ratio`` times the one before."""
    ratio = min(max(ratio, 0.0), SLOWEST)
    return gain * ratio / (1.0 - ratio)


def _plainly(here: Point[P], left: float, how: str = "em") -> Step[P]:
    """Keep the point, and take EM's own step."""
    return Step(here.plain, here.plain, here.objective, left, how)


def _way(here: Array, there: Array) -> Array:
    """From one to the other; not a number where both are infinite."""
    with np.errstate(invalid="ignore"):
        return there - here


@dataclass(frozen=True)
class Plain:
    """No acceleration: each step is EM's own."""

    def steps(self, here: Point[P]) -> Steps[P]:
        """EM's steps."""
        gauge = Aitken()
        while True:
            here = yield _plainly(here, gauge.add(here.objective))


@dataclass(frozen=True)
class Squarem:
    """Two of EM's steps, then a long one along the parabola through them [@VaradhanRoland2008].

    From θ₀, θ₁ and θ₂ it goes to θ₀ + 2αr + α²v, with r = θ₁ − θ₀, v = θ₂ − θ₁ − r and
    α = ‖r‖ / ‖v‖, their scheme S3. α is bounded: the bound grows fourfold where a step that met it
    was kept, and shrinks fourfold where one was not. A step is kept if its objective is not below
    that of θ₁; otherwise θ₂ is next.

    Parameters
    ----------
    patience : int, default 5
        Plain steps before the first long one.
    bound : float, default 4
        The first bound of α.
    """

    patience: int = 5
    bound: float = 4.0

    def steps(self, here: Point[P]) -> Steps[P]:
        """EM's steps with long ones among them."""
        gauge, how = Aitken(), "em"
        left = gauge.add(here.objective)
        for _ in range(self.patience):
            here = yield _plainly(here, left)
            left = gauge.add(here.objective)
        bound, rates = self.bound, deque[float](maxlen=3)
        while True:
            origin, here = here, (yield _plainly(here, left, how))
            how = "em"
            r = _way(origin.vector, here.vector)
            v = _way(r, _way(here.vector, here.plain.to_vector()))
            slope = here.slope()
            ratio = slope.norm(r) / max(slope.norm(v), TINY)
            alpha = min(max(ratio, 1.0), bound)
            if not np.isfinite(ratio):
                here = yield _plainly(here, left)
                continue
            # EM's error shrinks by 1 − 1/α in a step; what is left to gain, by the square of it.
            rates.append((1.0 - 1.0 / max(ratio, 1.0)) ** 2)
            left = remaining(abs(here.objective - origin.objective), max(rates))
            place = here.at(origin.vector + 2.0 * alpha * r + alpha**2 * v) if alpha > 1 else None
            if alpha == bound:
                bound *= 4.0
            if place is None:
                here = yield _plainly(here, left)
                continue
            trial = yield Step(place, here.plain, here.objective, left, how)
            if trial.objective >= here.objective:
                here, how = trial, "squarem"
            else:
                bound = max(alpha / 4.0, 1.0)
                here = yield Step(here.plain, here.plain, here.objective, left, "rejected")


ENOUGH = 3
"""Steps that must be remembered for the curvature to be believed."""


@dataclass(frozen=True)
class Lbfgs:
    """EM's steps corrected by how the gradient changed along the last ones.

    A quasi-Newton method in limited memory whose first guess of the curvature is that of the
    complete data, so that its first step is EM's, to first order; after [@JamshidianJennrich1993],
    who did so with conjugate gradients. A step is kept if it gains no less than EM's own is sure
    to gain; otherwise EM's own is next, and what was remembered is forgotten.

    Parameters
    ----------
    patience : int, default 5
        Plain steps before the first other one, at the least; no fewer than three.
    slow : float, default 0.5
        Steps are plain as long as their gains fall faster: one of the last three was less than this
        times the one before. EM is then soon at its end by itself.
    memory : int, default 10
        How many steps are remembered.
    known : Curvature, optional
        What was remembered of a like objective, that of a part of the rows: with it the steps are
        not plain at first.
    """

    patience: int = 5
    slow: float = 0.5
    memory: int = 10
    known: "Curvature | None" = None

    def steps(self, here: Point[P]) -> Steps[P]:
        """EM's steps, then those of the quasi-Newton method."""
        gauge, how, number = Aitken(), "em", 0
        left = gauge.add(here.objective)
        known = Curvature(self.memory) if self.known is None else self.known
        while len(known.pairs) < ENOUGH and (
            number < max(self.patience, 3) or min(gauge.ratios) < self.slow
        ):
            here = yield _plainly(here, left)
            left = gauge.add(here.objective)
            number += 1
        # Of EM's error in the slowest direction a step leaves the root of the ratio of its gains.
        shortfall = 1.0 / (1.0 - min(max(gauge.ratios, default=1.0), SLOWEST) ** 0.5)
        while True:
            slope = here.slope()
            direction = known.direction(slope)
            gain = float(slope.gradient @ direction)
            place = None
            if np.isfinite(gain) and gain > 0:
                place = here.at(here.vector + direction)
            there = None
            if place is not None:
                left = 0.5 * gain * (1.0 if len(known.pairs) >= ENOUGH else shortfall)
                there = yield Step(place, here.plain, here.objective, left, how)
                how = "lbfgs"
                if not there.objective >= here.objective + here.promise():
                    there, how = None, "rejected"
            else:  # the gradient may lean on a bound: what EM's own steps gain tells the rest
                left = gauge.add(here.objective)
            if there is None:
                known.clear()
                there, how = (yield _plainly(here, left, how)), "em"
            after = there.slope()
            known.add(_way(here.vector, there.vector), _way(after.gradient, slope.gradient), after)
            here = there


class Curvature:
    """The last steps and the changes of the gradient along them: Newton's direction from these."""

    def __init__(self, memory: int = 10) -> None:
        self.pairs = deque[tuple[Array, Array]](maxlen=memory)

    def add(self, s: Array, y: Array, slope: Slope) -> None:
        """A step and by how much the gradient fell; left out where the objective is not hollow.

        Lengths are the slope's own, so that units do not decide.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            length = slope.norm(s) * max(float(y @ slope.precondition(y)), 0.0) ** 0.5
            if float(s @ y) > 1e-10 * length:
                self.pairs.append((s, y))

    def clear(self) -> None:
        """Forget."""
        self.pairs.clear()

    def direction(self, slope: Slope) -> Array:
        """The inverse curvature times the gradient, by the two loops of the method."""
        q = slope.gradient.copy()
        parts: list[float] = []
        for s, y in reversed(self.pairs):
            parts.append(float(s @ q) / float(s @ y))
            q -= parts[-1] * y
        d = slope.precondition(q)
        if self.pairs:
            s, y = self.pairs[-1]
            d *= min(max(float(s @ y) / float(y @ slope.precondition(y)), 1.0), 3.0)
        for s, y in self.pairs:
            d += (parts.pop() - float(y @ d) / float(s @ y)) * s
        return d
