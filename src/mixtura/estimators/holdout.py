"""How many components, and of which family, where nobody says: by numbers held out."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.engines.memory import Memory
from mixtura.estimators import choosing, wiring
from mixtura.estimators.mixture import GaussianMixture
from mixtura.learn import completion, initial, path
from mixtura.learn.compact import Compact, is_compact
from mixtura.learn.data import Block
from mixtura.learn.hollow import End, Hollow, is_hollow
from mixtura.learn.imputation import Held
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

ROWS = 5_000
"""Rows on which candidates are compared where there are more."""

ENOUGH = 100
"""Rows from which on it can be told so; of fewer, BIC tells."""

HELD_OUT = 0.15
"""The part of the numbers that is held out."""

ASKED = 3_000
"""Numbers held out that are asked for, about, where there are more."""

FAMILIES = ("full", "tied", "diag")
"""Those that are compared: what a spherical one says depends on the units of columns."""

ROUGH = 1e-2
"""Nats a row: candidates are brought no nearer to their end than this."""

PASSES = 8
"""Passes over the data for a candidate, at the most."""

WAY = 8
"""Components up to which candidates take their starts from one way of merging; beyond it, from
another."""

ORDER = initial.EXPONENTS[:1]
"""The order of merging on it: one is enough, for what is nearest the data is found out later."""


@dataclass(frozen=True)
class Candidate:
    """A fit, and how well it does; less is better."""

    n_components: int
    covariance_type: str
    loss: float
    """The mean score of the numbers held out, in standard deviations of their columns, or that of
    squares."""
    mixture: Mixture


def sizes(most: int) -> Iterator[int]:
    """Numbers of components to try: each one up to four, then by steps of a third or a half."""
    step, k = 1, 1
    while k <= most:
        yield k
        if k >= 4 * step:
            step *= 2
        k += step


def telling(
    rows: Array, weights: Array | None, rng: np.random.RandomState
) -> tuple[Array, Array | None]:
    """Rows that have weight and numbers; some of them, where they are many."""
    some = ~np.isnan(rows).all(axis=1)
    if weights is not None:
        some &= weights > 0
    index = np.flatnonzero(some)
    if len(index) > ROWS:
        index = np.sort(rng.choice(index, ROWS, replace=False))
    return rows[index], None if weights is None else weights[index]


def by_bic(
    rows: Array,
    weights: Array | None,
    ks: Sequence[int],
    families: Sequence[str],
    rng: np.random.RandomState,
    **options: Any,
) -> GaussianMixture:
    """The fit that BIC likes best."""
    options = options | {"random_state": int(rng.randint(2**31))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return choosing.chosen(rows, weights, numbers=ks, families=families, options=options)


def candidates(
    rows: Array,
    weights: Array | None,
    ks: Sequence[int],
    families: Sequence[str],
    rng: np.random.RandomState,
    *,
    squares: bool = False,
    **options: Any,
) -> list[Candidate]:
    """Fits of more and more components for each family, until two in turn are no better.

    Rows may have gaps. Some of their numbers are held out, and what counts is how well a fit to the
    others foretells them, by a proper score [@GneitingRaftery2007]: as distributions, or as means
    with ``squares``.
    """
    ks = [k for k in ks if k <= len(rows)]
    shown = _hidden(rows, rng)
    asked = held(rows, shown, weights)
    table = Table.of(shown, weights, rng, **options)
    found: list[Candidate] = []
    for family in families:
        own: list[float] = []
        starts: dict[int, Mixture] = {}
        for number, k in enumerate(ks):
            if k == 1 and family == "tied" and found:  # as "full"
                own.append(found[0].loss)
                continue
            if k not in starts:
                starts = table.starts(family, _together(ks[number:]), rng)
            mixture = table.near(starts[k])
            own.append(asked.loss(mixture, squares))
            found.append(Candidate(k, family, own[-1], mixture))
            if len(own) > 2 and min(own[-2:]) >= min(own[:-2]):
                break
    _settle(found, table, asked, squares)
    return found


def _settle(found: list[Candidate], table: "Table", asked: Held, squares: bool) -> None:
    """Bring the best candidate to its end, until the best is one that is there: on the way to its
    end a fit that is too large does better than at it.
    """
    at_end = set[int]()
    while (best := min(range(len(found)), key=lambda i: found[i].loss)) not in at_end:
        mixture = table.end(found[best].mixture).mixture
        loss = asked.loss(mixture, squares)
        found[best] = replace(found[best], loss=loss, mixture=mixture)
        at_end.add(best)


def _together(ks: Sequence[int]) -> list[int]:
    """The first of some rising numbers of components: those that are reached on one way down."""
    return [k for k in ks if k <= WAY] or [*ks]


def _hidden(rows: Array, rng: np.random.RandomState) -> Array:
    """Rows with some of their numbers held out; the first of each column stays."""
    out = rng.uniform(size=rows.shape) < HELD_OUT
    seen = ~np.isnan(rows)
    out[seen.argmax(axis=0), np.arange(rows.shape[1])] = False
    # No row is left with nothing: it would tell nothing of the others.
    out &= (seen & ~out).any(axis=1, keepdims=True)
    return np.where(out, np.nan, rows)


def held(rows: Array, shown: Array, weights: Array | None) -> Held:
    """The numbers held out, or some of them where they are many."""
    unit = np.nanstd(rows, axis=0)
    unit[unit == 0] = 1.0
    with_some = np.flatnonzero((np.isnan(shown) & ~np.isnan(rows)).any(axis=1))
    count = int(np.isnan(shown[with_some]).sum() - np.isnan(rows[with_some]).sum())
    index = with_some[:: max(1, count // ASKED)]
    w = np.ones(len(index)) if weights is None else weights[index]
    return Held.of(shown[index], rows[index], w, unit)


@dataclass(frozen=True, eq=False)
class Table:
    """A table to which many mixtures are fitted, of several families and sizes."""

    rows: Array
    weights: Array | None
    options: dict[str, Any]
    whole: Mixture
    """All rows as one Gaussian."""
    seed: int
    setups: dict[str, wiring.Plan] = field(default_factory=dict[str, wiring.Plan])

    @classmethod
    def of(
        cls,
        rows: Array,
        weights: Array | None,
        rng: np.random.RandomState,
        *,
        tol: float,
        max_iter: int,
        reg_covar: float | None,
    ) -> "Table":
        """Rows that may have gaps."""
        data = Memory(rows, weights, incomplete=True)
        whole = initial.total(data)
        options = {"tol": tol, "max_iter": max_iter, "reg_covar": reg_covar}
        return cls(rows, weights, options, whole, int(rng.randint(2**31)))

    @cached_property
    def filled(self) -> Block:
        """Rows to start from, gaps filled by draws."""
        rng = np.random.RandomState(self.seed)
        sample = Memory(self.rows, self.weights, incomplete=True).sample(len(self.rows), rng)
        return completion.filled(sample, self.whole, rng)

    @cached_property
    def hollow(self) -> Hollow:
        """The rows as compiled code reads them, where they are few."""
        return Hollow.of(self.rows, self.weights)

    def setup(self, family: str, k: int = 1) -> wiring.Plan:
        """What a fit of a family needs; of any number of components, where compiled code fits."""
        key = f"{family} {k}"
        if key not in self.setups:
            self.setups[key] = wiring.plan(
                self.rows,
                self.weights,
                incomplete=True,
                n_components=k,
                covariance_type=family,
                reg_covar=self.options["reg_covar"],
                variance_floor=None,
                prior=None,
                dead_components="keep",
                accelerate="auto",
                whole=self.whole,
            )
        return self.setups[key]

    def starts(
        self, family: str, ks: Sequence[int], rng: np.random.RandomState
    ) -> dict[int, Mixture]:
        """Mixtures to begin with, of so many components: all of them on one way down, where
        compiled code merges them.
        """
        one = self.setup(family)
        model, maximize = one.model, one.maximize
        found = {1: model}
        several = [k for k in ks if 1 < k <= len(self.filled.rows)]
        if several and is_compact(len(self.filled.rows), maximize):
            compact = Compact.of(self.filled, model, maximize)
            way = replace(path.ways(compact, model, several, rng)[0], exponents=ORDER)
            found |= path.starts(compact, [way.ends()])
        for k in ks:
            if k not in found:
                setup = self.setup(family, k)
                found[k] = initial.from_merging(self.filled, setup.model, maximize, rng)
        return found

    def near(self, start: Mixture) -> Mixture:
        """A fit that is near its end."""
        setup = self.setup(start.covariance.name)
        tol, passes = max(self.options["tol"], ROUGH), min(self.options["max_iter"], PASSES)
        if is_hollow(len(self.rows), setup.maximize):
            run = self.hollow.run(start, setup.maximize, tol=tol, max_iter=passes)
            if run.end is not End.care:
                return run.mixture
            start, passes = run.mixture, passes - run.n_iter
        go = wiring.course(self.setup(start.covariance.name, start.n_components), tol)
        return go(start, passes, -np.inf, True).mixture

    def end(self, start: Mixture, weights: Array | None = None, **options: Any) -> "Fitted":
        """A fit, from a start to its end; with other weights, and other options, if there are."""
        options = self.options | options
        family, n_iter = start.covariance.name, 0
        setup = self.setup(family)
        if is_hollow(len(self.rows), setup.maximize) and np.isnan(self.rows).any():
            hollow = self.hollow if weights is None else self.hollow.weighted(weights)
            tol, max_iter = options["tol"], options["max_iter"]
            run = hollow.run(start, setup.maximize, tol=tol, max_iter=max_iter)
            if run.end is not End.care:
                return Fitted(run.mixture, run.n_iter)
            start, n_iter = run.mixture, run.n_iter
            options["max_iter"] = max(1, max_iter - n_iter)
        weights = self.weights if weights is None else weights
        rng = np.random.RandomState(self.seed)
        found = fitted(self.rows, weights, start.n_components, family, rng, start, **options)
        return Fitted(found.mixture_, n_iter + found.n_iter_)


@dataclass(frozen=True)
class Fitted:
    """A fit, and how many passes over the data it took."""

    mixture: Mixture
    n_iter: int


def fitted(
    rows: Array,
    weights: Array | None,
    k: int,
    family: str,
    rng: np.random.RandomState,
    start: Mixture | None = None,
    **options: Any,
) -> GaussianMixture:
    """A fit, from a mixture if there is one."""
    model = GaussianMixture(
        k,
        covariance_type=family,
        init_params="merge" if start is None else wiring.beginning_at(start),
        random_state=int(rng.randint(2**31)),
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows, sample_weight=weights)
