"""How many components, and of which family, where nobody says: by numbers held out."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.estimators import choosing, wiring
from mixtura.estimators.mixture import GaussianMixture
from mixtura.learn import imputation
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

PASSES = 15
"""Passes over the data for a candidate, at the most."""


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
    shown = _hidden(rows, rng)
    whole: Mixture | None = None
    found: list[Candidate] = []
    for family in families:
        own: list[float] = []
        for k in ks:
            if k == 1 and family == "tied" and found:  # as "full"
                own.append(found[0].loss)
                continue
            mixture, whole = _rough(shown, weights, k, family, rng, whole, **options)
            own.append(_loss(rows, shown, weights, mixture, squares))
            found.append(Candidate(k, family, own[-1], mixture))
            if len(own) > 2 and min(own[-2:]) >= min(own[:-2]):
                break
    return found


def _hidden(rows: Array, rng: np.random.RandomState) -> Array:
    """Rows with some of their numbers held out; the first of each column stays."""
    out = rng.uniform(size=rows.shape) < HELD_OUT
    seen = ~np.isnan(rows)
    out[seen.argmax(axis=0), np.arange(rows.shape[1])] = False
    # No row is left with nothing: it would tell nothing of the others.
    out &= (seen & ~out).any(axis=1, keepdims=True)
    return np.where(out, np.nan, rows)


def _rough(
    rows: Array,
    weights: Array | None,
    k: int,
    family: str,
    rng: np.random.RandomState,
    whole: Mixture | None,
    *,
    tol: float,
    max_iter: int,
    reg_covar: float | None,
) -> tuple[Mixture, Mixture]:
    """A fit that is near its end, and all rows as one Gaussian, for the next one."""
    setup = wiring.plan(
        rows,
        weights,
        incomplete=True,
        n_components=k,
        covariance_type=family,
        reg_covar=reg_covar,
        variance_floor=None,
        prior=None,
        dead_components="keep",
        accelerate="auto",
        whole=whole,
    )
    begin = wiring.start(setup, "merge", wiring.Given(None, None, None), rng)
    go = wiring.course(setup, max(tol, ROUGH))
    return go(begin, min(max_iter, PASSES), -np.inf, True).mixture, setup.whole


def _loss(
    rows: Array, shown: Array, weights: Array | None, mixture: Mixture, squares: bool
) -> float:
    """The mean score of numbers held out, in standard deviations of their columns."""
    unit = np.nanstd(rows, axis=0)
    unit[unit == 0] = 1.0
    total = count = 0.0
    held = np.flatnonzero((np.isnan(shown) & ~np.isnan(rows)).any(axis=1))
    step = max(1, int(np.isnan(shown[held]).sum() - np.isnan(rows[held]).sum()) // ASKED)
    rows, shown = rows[held[::step]], shown[held[::step]]
    weights = None if weights is None else weights[held[::step]]
    for cells in imputation.cells(shown, mixture):
        truth = rows[cells.rows, cells.columns]
        known = ~np.isnan(truth)
        some = cells.some(known)
        w = np.ones(len(some.rows)) if weights is None else weights[some.rows]
        if squares:
            free = np.full(len(w), np.inf)
            each = ((some.mean(-free, free) - truth[known]) / unit[some.columns]) ** 2
        else:
            each = some.scores(truth[known]) / unit[some.columns]
        total += float(w @ each)
        count += float(w.sum())
    return total / count


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
