"""Several runs of EM of which only the best is brought to its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mixtura.learn.em import Fit, Outcome
from mixtura.model.mixture import Mixture

FIRST = 5
"""Passes over the data that every run is given."""

Go = Callable[[Mixture, int, float, bool], Fit]
"""From a mixture so many passes on, after an objective; whether it is to the end."""


@dataclass
class Run:
    """A run of EM that is left after some passes, and taken up again or set aside.

    Parameters
    ----------
    start : Mixture
    go : callable
        Goes on from a mixture, by so many passes, after an objective. The last argument says
        whether the run is to come to its end: the steps before that are EM's own.
    max_iter : int
        Passes in all, at the most.
    """

    start: Mixture
    go: Go
    max_iter: int
    fit: Fit = field(init=False)

    def __post_init__(self) -> None:
        self.fit = Fit(self.start, Outcome.not_started, ())

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it."""
        ended = self.fit.outcome in (Outcome.converged, Outcome.stopped)
        return ended or len(self.fit.history) >= self.max_iter

    @property
    def prospect(self) -> float:
        """The objective that it will come to, as far as its gains tell."""
        left = self.fit.history[-1].remaining if self.fit.history and not self.over else 0.0
        return self.fit.objective + (left if np.isfinite(left) else 0.0)

    def advance(self, passes: int) -> None:
        """Some passes more, if it is not over."""
        self._on(passes, last=False)

    def finish(self) -> None:
        """All passes that are left, if it is not over."""
        self._on(self.max_iter, last=True)

    def _on(self, passes: int, last: bool) -> None:
        if self.over:
            return
        done = self.fit.history
        passes = min(passes, self.max_iter - len(done))
        more = self.go(self.fit.mixture, passes, self.fit.objective, last)
        self.fit = Fit(more.mixture, more.outcome, done + more.history)


def halving(
    runs: Sequence[Run], aside: Callable[[Run], None] = lambda run: None, first: int = FIRST
) -> Run:
    """The best of several runs, of which the worse half is set aside again and again.

    Every run is given a few passes. The half with the better prospects has as many again, so that
    a run that stays has had twice as many as before, until one is left, which is brought to its
    end. Should one that was set aside have had a higher objective by then, it is brought to its end
    as well. So the result is no lower than any run was when it was left.

    Parameters
    ----------
    runs : sequence of Run
        At least one. Where two are alike, the earlier stays.
    aside : callable, optional
        Called with each run that is set aside.
    first : int, optional
        Passes in the first round.

    Returns
    -------
    Run
    """
    for run in runs:
        run.advance(first)
    ahead, passes = list(runs), first
    while len(ahead) > 1:
        ranked = sorted(ahead, key=lambda run: -run.prospect)
        for run in ranked[len(ahead) // 2 :]:
            aside(run)
        ahead = ranked[: len(ahead) // 2]
        if len(ahead) > 1:
            for run in ahead:
                run.advance(passes)
            passes *= 2
    ahead[0].finish()
    while not (best := max(runs, key=lambda run: run.fit.objective)).over:
        best.finish()
    return best
