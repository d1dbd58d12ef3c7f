"""How many segments, and of which form: a sweep, BIC, and what makes a choice trustworthy."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from mixtura.estimators.cell import Cell, Rows
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.sweep import swept
from mixtura.learn import selection
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Tell = Callable[[str], object]

ROWS = 50_000
"""Rows on which candidates are compared where there are more."""
SAMPLE = 3_000
"""Rows on which starts are tried and stability is measured."""
STARTS = 2
"""Starts of each fit of its own, beside the one from the way down."""
KEPT = 4
"""Families that go on from a subsample to all rows, for each number of segments."""
SMALLEST = 0.03
"""A segment with a smaller share of the rows is not one that can be worked with."""
STABLE = 0.75
"""The mean adjusted Rand index of bootstrap refits from which segments count as stable."""
REFITS = 20
GAIN = 0.85
"""The part of the improvement of BIC, from one segment to the best number, that is enough."""


@dataclass
class Candidate:
    """One fit of the sweep."""

    k: int
    family: str
    mixture: Mixture
    bic: float
    icl: float
    smallest: float
    """The smallest share of rows of a segment."""
    converged: bool
    stability: float | None = None
    """The mean adjusted Rand index of bootstrap refits; None where it was not needed."""

    def to_json(self) -> dict[str, Any]:
        """The numbers, for a record."""
        return {
            "k": self.k,
            "family": self.family,
            "bic": self.bic,
            "icl": self.icl,
            "smallest_share": self.smallest,
            "converged": self.converged,
            "stability": self.stability,
        }


@dataclass(frozen=True)
class Choice:
    """The candidate taken, the others, and why in words."""

    taken: Candidate
    candidates: tuple[Candidate, ...]
    reason: str
    sound: bool
    """Whether the candidate taken met every condition, and did not have to be taken for want of
    a better one."""


def sweep(
    z: Array,
    floors: Array | None,
    ks: Sequence[int],
    families: Sequence[str],
    rng: np.random.RandomState,
    tell: Tell = lambda text: None,
) -> list[Candidate]:
    """Fit every number of components with every family.

    All are fitted to a subsample, in the sweep of `GaussianMixtureIC`; where there are more rows,
    those of each number that promise most by BIC go on to all of them.
    """
    few = some(z, SAMPLE, rng)
    rows = Rows(few, None, bool(np.isnan(few).any()))
    several = f"{ks[0]} to {ks[-1]} segments" if len(ks) > 1 else _segments(ks[0])
    tell(f"fitting {several}, {', '.join(families)} covariance")
    options: dict[str, Any] = {"variance_floor": floors, "tol": 1e-5, "max_iter": 200}
    cells = swept(
        rows,
        ks,
        families,
        n_init=STARTS,
        options=options,
        rng=rng,
        allowed=[(k, f) for k in ks for f in (families if k > 1 else _single(families))],
        tell=tell if rows.incomplete else lambda text: None,
    )
    fitted = [cell for cell in cells if cell.end is not None]
    if len(few) == len(z):
        return [
            candidate
            for k in ks
            for candidate in (_candidate(c.fitted, z) for c in fitted if c.n_components == k)
        ]
    candidates: list[Candidate] = []
    for k in ks:
        here = [cell for cell in fitted if cell.n_components == k]
        for cell in sorted(here, key=lambda c: _foretold(c, len(z)))[:KEPT]:
            tell(f"fitting {_segments(k)} to all rows, {cell.covariance_type} covariance")
            candidates.append(finish(z, floors, cell.mixture, rng))
    return candidates


def _segments(k: int) -> str:
    return f"{k} segment{'s' * (k > 1)}"


def _single(families: Sequence[str]) -> Sequence[str]:
    """Families that differ where there is one component only."""
    return [f for f in families if f in ("full", "diag", "spherical")] or families[:1]


def _foretold(cell: Cell, n_rows: int) -> float:
    """The BIC of a fit to a part of the rows, as it is to be expected on all of them.

    A fit of p parameters is p / 2 nats likelier on its own rows than on as many others.
    """
    half = 0.5 * cell.n_parameters
    log_likelihood = n_rows / cell.n_rows * (cell.log_likelihood - half) + half
    return selection.bic(log_likelihood, cell.n_parameters, n_rows)


def some(z: Array, n: int, rng: np.random.RandomState) -> Array:
    """At most n of the rows, in their order."""
    return z if len(z) <= n else z[np.sort(rng.choice(len(z), n, replace=False))]


def finish(z: Array, floors: Array | None, begin: Mixture, rng: np.random.RandomState) -> Candidate:
    """The fit that a mixture leads to on rows."""
    k, family = begin.n_components, begin.covariance.name
    model = GaussianMixture(
        k,
        covariance_type=family,
        variance_floor=floors,
        init_params=lambda x, n, r: begin,
        accelerate="none",
        tol=1e-5,
        max_iter=200,
        random_state=rng,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(z)
    return _candidate(model, z)


def _candidate(model: GaussianMixture, z: Array) -> Candidate:
    """A fit to rows, and what it is worth."""
    k, labels = model.mixture_.n_components, model.predict(z)
    return Candidate(
        k=k,
        family=model.mixture_.covariance.name,
        mixture=model.mixture_,
        bic=model.bic(z),
        icl=model.icl(z),
        smallest=float(np.bincount(labels, minlength=k).min() / len(z)),
        converged=bool(model.converged_),
    )


def _fitted(
    rows: Array,
    floors: Array | None,
    k: int,
    family: str,
    rng: np.random.RandomState,
    starts: int,
) -> GaussianMixture:
    """The best of several short runs."""
    model = GaussianMixture(
        k,
        covariance_type=family,
        variance_floor=floors,
        n_init=starts if k > 1 else 1,
        init_params="merge",
        accelerate="none",
        tol=1e-4,
        max_iter=30,
        random_state=rng,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows)


def stability(
    z: Array, floors: Array | None, candidate: Candidate, rng: np.random.RandomState
) -> float:
    """How alike the labels are when the fit is repeated, from fresh starts, on bootstrap samples.

    The mean adjusted Rand index between the candidate's labels and those of the refits.
    """
    if candidate.k == 1:
        return 1.0
    shown = z if len(z) <= SAMPLE else z[rng.choice(len(z), SAMPLE, replace=False)]
    labels = GaussianMixture.from_mixture(candidate.mixture).predict(shown)
    agreements: list[float] = []
    for _ in range(REFITS):
        drawn = z[rng.randint(len(z), size=min(len(z), SAMPLE))]
        if np.isnan(drawn).all(axis=0).any():  # of a column that few rows have none was drawn
            agreements.append(0.0)
            continue
        refit = _fitted(drawn, floors, candidate.k, candidate.family, rng, starts=1)
        agreements.append(adjusted_rand_score(labels, refit.predict(shown)))
    return float(np.mean(agreements))


def choose(
    z: Array,
    floors: Array | None,
    candidates: Sequence[Candidate],
    rng: np.random.RandomState,
    tell: Tell = lambda text: None,
) -> Choice:
    """The fewest stable segments that have nearly all of the improvement of BIC.

    For each number of segments the family with the lowest BIC is taken, among fits in which every
    segment has a share of at least 3 %. The best number is the stable one with the lowest BIC; the
    number taken is the smallest stable one with 85 % of the best one's improvement over a single
    segment. BIC alone goes on adding segments to describe the shape of a distribution: with
    thousands of rows it nearly always can.
    """
    numbers = sorted({c.k for c in candidates})
    if len(numbers) == 1:
        taken = min(candidates, key=lambda c: c.bic)
        return Choice(taken, tuple(candidates), "it is the only number asked for", True)
    per_number = [
        min(fit, key=lambda c: c.bic)
        for k in numbers
        if (fit := [c for c in candidates if c.k == k and c.smallest >= SMALLEST])
    ]

    def stable(candidate: Candidate) -> bool:
        if candidate.stability is None:
            tell(f"refitting {candidate.k} segments on bootstrap samples")
            candidate.stability = stability(z, floors, candidate, rng)
        return candidate.stability >= STABLE

    by_bic = sorted((c for c in per_number if c.k > 1), key=lambda c: c.bic)
    best = next((c for c in by_bic if stable(c)), None)
    single = min((c for c in candidates if c.k == numbers[0]), key=lambda c: c.bic)
    if best is None or best.bic >= single.bic:
        return Choice(
            single,
            tuple(candidates),
            "no larger number of segments is better by BIC, stable, and without segments "
            f"smaller than {SMALLEST:.0%}",
            False,
        )
    enough = single.bic - GAIN * (single.bic - best.bic)
    taken = next(c for c in per_number if c.bic <= enough and c.k > 1 and stable(c))
    part = (single.bic - taken.bic) / (single.bic - best.bic)
    reason = (
        f"{taken.k} segments: "
        + (
            "the lowest BIC"
            if taken is best
            else f"{part:.0%} of the improvement of BIC that {best.k} segments reach"
        )
        + f"; the smallest holds {taken.smallest:.0%} of the rows; "
        f"bootstrap refits agree with an index of {taken.stability:.2f}"
    )
    return Choice(taken, tuple(candidates), reason, True)
