"""Several runs of EM of which only the best is brought to its end [@JamiesonTalwalkar2016]."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
        whether the run is to come to its end; until then, runs are compared.
    max_iter : int
        Passes in all, at the most.
    """

    start: Mixture
    go: Go
    max_iter: int
    fit: Fit = field(init=False)
    """As far as the run has come."""

    def __post_init__(self) -> None:
        self.fit = Fit(self.start, Outcome.not_started, ())

    @property
    def over(self) -> bool:
        """Whether nothing more is to come of it."""
        ended = self.fit.outcome in (Outcome.converged, Outcome.stopped)
        return ended or len(self.fit.history) >= self.max_iter

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
        self.fit = Fit(more.mixture, more.outcome, (*done, *more.history))


def halving(runs: Sequence[Run], aside: Callable[[int], None] = lambda number: None) -> Run:
    """The most promising of several runs, the worse half being set aside again and again.

    Every run is given a few passes. Those with the higher objectives are given as many again, and
    so on: a run that stays has had twice as many as before. A run that is over stays as it is.

    Parameters
    ----------
    runs : sequence of Run
        At least one. Of two that are equal the earlier stays.
    aside : callable, optional
        Told the number of each run that is set aside.

    Returns
    -------
    Run
        The one that is left. Where each has only risen, no run is above it.
    """

    def height(number: int) -> float:
        return runs[number].fit.objective

    ahead, passes = list(range(len(runs))), FIRST
    for run in runs:
        run.advance(passes)
    while len(ahead) > 1:
        ranked = sorted(ahead, key=height, reverse=True)  # stable: equals stay in their order
        half = len(ahead) // 2
        ahead = sorted(ranked[:half])
        for number in sorted(ranked[half:]):
            aside(number)
        if half > 1:
            for number in ahead:
                runs[number].advance(passes)
            passes *= 2
    return runs[ahead[0]]


def rows_to_compare(model: Mixture, tol: float) -> float:
    """So many rows tell runs apart that differ by a tolerance, in nats per row.

    A mixture of p parameters that is fitted to m rows is p / 2m below the best one, on average.
    """
    return model.n_parameters / (2.0 * tol) if tol > 0 else float("inf")
