"""Runs of EM, with every mixture on the way, for any family, prior and constraint."""

import numpy as np

from mixtura.engines.memory import Memory
from mixtura.learn import initial
from mixtura.learn.acceleration import Plain
from mixtura.learn.em import em
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.spread import floors


class Run:
    """EM from labels: its objective at each mixture, and the mixtures."""

    def __init__(
        self,
        x,
        labels,
        family,
        k,
        *,
        prior=None,
        floor=None,
        accelerate=Plain(),  # noqa: B008  a value
        max_iter=100,
        tol=0.0,
    ):
        gaps = bool(np.isnan(x).any())
        self.data = Memory(x, memberships=labels, incomplete=gaps, threads=1)
        whole = initial.total(self.data)
        self.covariance = whole.covariances[0]
        pseudo = None
        if prior is not None:
            pseudo = prior(whole.mean, self.covariance, k)
        self.maximize = Maximization(
            family=family,
            prior=pseudo,
            floor=floors(np.diagonal(self.covariance)),
            constrain=None if floor is None else lambda covariance: covariance.floored(floor),
        )
        alike = initial.alike(whole, family, k)
        start = initial.from_memberships(self.data, alike, self.maximize)
        self.mixtures, self.visited = [start], []
        self.fit = em(
            start,
            self.visit,
            self.maximize,
            accelerate=accelerate,
            tol=tol,
            max_iter=max_iter,
            watch=self.see,
        )
        self.objectives = np.array([record.objective for record in self.fit.history])

    def expect(self, mixture):
        return self.data.fold(e_step, mixture)

    def visit(self, mixture):
        """An E-step of the run itself: where, and what it found."""
        statistics = self.expect(mixture)
        self.visited.append((mixture, statistics))
        return statistics

    def see(self, number, record, mixture):
        self.mixtures.append(mixture)
        return False

    def objective(self, mixture):
        statistics = self.expect(mixture)
        total = statistics.log_likelihood + self.maximize.log_prior(mixture)
        return total / statistics.n_rows

    def stretch(self, mixture):
        """Variance of all rows over that of a component, in the direction where it is largest.

        What is left of a component's variance after rounding is in proportion to it.
        """
        root = np.sqrt(np.diagonal(self.covariance))
        smallest = np.linalg.eigvalsh(mixture.covariances / root / root[:, None])[:, 0]
        return 1.0 / max(smallest.min(), np.finfo(np.float64).eps)  # below it, it is rounding
