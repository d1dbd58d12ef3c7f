"""Which number of components and which family, where an estimator needs one of them fitted."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from mixtura.estimators import batch, cell
from mixtura.estimators.descent import PATH
from mixtura.estimators.mixture import NOT_CONVERGED, GaussianMixture
from mixtura.estimators.runs import Together, fit_quietly
from mixtura.estimators.sweep import swept
from mixtura.model.covariance import FAMILIES, is_named, named
from mixtura.model.covariance.letters import n_of_a_column

Array = NDArray[np.float64]

MOST = 10
"""Components, at the most, where their number is chosen and nothing else is said."""

FOUR = "full", "tied", "diag", "spherical"
"""The families that are tried where all of them would take long."""


PATIENCE = 2
"""Numbers of components in a row that may be worse than the best before no more are tried."""

OF_STARTS = "n_init", "init_params", "random_state"
"""Options that a sweep has of its own."""


def usual(rows: NDArray[Any]) -> Sequence[str]:
    """The families that are tried where none is named: all, or four.

    It is four where numbers are missing, or rows too many for their fits to be made together.
    """
    return [*FAMILIES] if batch.are_jobs(rows, bool(np.isnan(rows).any())) else FOUR


def read_families(given: str | Iterable[str], option: str) -> list[str]:
    """Names of families, each once, as an option has them: "all", one, or several."""
    if isinstance(given, str):
        given = [*FAMILIES] if given == "all" else [given]
    names = [*given]
    unknown = [name for name in names if not is_named(name)]
    if unknown or not names:
        raise ValueError(
            f"{option} must be some of "
            + ", ".join(FAMILIES)
            + ", 'subspace', forms with their number such as 'UUU:2' or 'AkjBkQkD:3', "
            "mclust's letters, or 'all', but "
            + (f"{unknown[0]!r} is not one of them" if unknown else "there is none")
        )
    return [*dict.fromkeys(named(name).name for name in names)]


def numbers(n_components: int | str, most: int) -> range:
    """The numbers of components to try."""
    if isinstance(n_components, str):  # "auto"
        return range(1, most + 1)
    return range(int(n_components), int(n_components) + 1)


def chosen(
    rows: NDArray[Any],
    weights: Array | None,
    *,
    numbers: Iterable[int],
    families: Sequence[str],
    options: dict[str, Any],
    criterion: Callable[[GaussianMixture], float] | None = None,
) -> GaussianMixture:
    """The fit of smallest BIC [@Schwarz1978], among numbers of components and families.

    Several families are compared in one sweep, as in `GaussianMixtureIC`, where fits to the rows go
    together. One family, and fits each of which takes long, are gone through size by size, until
    two in a row are worse than the best. Of candidates for which rows are too few the one that
    needs the fewest alone is fitted, and that only where there is no other: BIC means nothing
    there.

    Parameters
    ----------
    rows : array, shape (n, D)
    weights : array, shape (n,), or None
    numbers : iterable of int
        In rising order.
    families : sequence of str
    options : dict
        Of `GaussianMixture`.
    criterion : callable, optional
        What is to be smallest, if it is not the BIC of all columns.

    Returns
    -------
    GaussianMixture
        Fitted. Where it used all its iterations, a ConvergenceWarning has been given.
    """
    sizes = [*numbers]
    candidates = [(k, family) for family in families for k in sizes]
    given = cell.Rows(rows, weights, bool(np.isnan(rows).any()))
    if len(candidates) > 1:
        allowed = affordable(candidates, rows.shape[1], given.total)
        candidates = [each for each in candidates if each in allowed]
    if len(candidates) == 1:
        k, family = candidates[0]
        model = GaussianMixture(k, covariance_type=family, **options)
        return model.fit(rows, sample_weight=weights)
    if len(families) > 1 and criterion is None and Together.sees_to(given, options):
        best = _swept(given, candidates, options)
    else:
        best = _by_steps(given, candidates, options, criterion)
    if not best.converged_:
        warnings.warn(NOT_CONVERGED, ConvergenceWarning, stacklevel=4)
    return best


def _swept(
    rows: cell.Rows, candidates: Sequence[tuple[int, str]], options: dict[str, Any]
) -> GaussianMixture:
    """The best of one sweep."""
    start = options.get("init_params", "merge")
    cells = swept(
        rows,
        sorted({k for k, _ in candidates}),
        [*dict.fromkeys(family for _, family in candidates)],
        start=PATH if isinstance(start, str) and start == "merge" else start,
        n_init=options.get("n_init", 1),
        options={name: value for name, value in options.items() if name not in OF_STARTS},
        rng=check_random_state(options.get("random_state")),
        allowed=candidates,
    )
    return cells[cell.chosen(cells, np.array([each.bic for each in cells]))].fitted


def _by_steps(
    rows: cell.Rows,
    candidates: Sequence[tuple[int, str]],
    options: dict[str, Any],
    criterion: Callable[[GaussianMixture], float] | None,
) -> GaussianMixture:
    """The best of fits one by one, each family until two sizes in a row are worse than its best."""
    found: tuple[float, GaussianMixture] | None = None
    full = any(family == "full" for _, family in candidates)
    for name in dict.fromkeys(family for _, family in candidates):
        best, worse = np.inf, 0
        for k, family in candidates:
            # A single component that is tied is a full one.
            if family != name or (full and (k, family) == (1, "tied")):
                continue
            model = GaussianMixture(k, covariance_type=family, **options)
            fit_quietly(model, rows)
            bic = model.bic(rows.x, rows.weights) if criterion is None else criterion(model)
            if found is None or bic < found[0]:
                found = bic, model
            best, worse = (bic, 0) if bic < best else (best, worse + 1)
            if worse == PATIENCE:
                break
    assert found is not None
    return found[1]


def affordable(
    candidates: Sequence[tuple[int, str]], n_features: int, n_rows: float
) -> set[tuple[int, str]]:
    """Those for which there are rows enough; the one that needs the fewest where there is none.

    Of those that need equally many one whose fit does not depend on the units of columns comes
    first.
    """
    needed = {each: rows_needed(*each, n_features) for each in candidates}
    found = {each for each in candidates if needed[each] <= n_rows}
    return found or {min(candidates, key=lambda each: (needed[each], each[1] == "spherical"))}


def rows_needed(k: int, family: str, d: int) -> int:
    """Five rows for each parameter that one column has, given the other columns.

    These are a mean for each component, and what each covariance matrix holds of the column: with
    fewer rows matrices are close to singular, which looks like a large likelihood. For several
    components there is a row for each parameter, too: else the start says more than the rows do.
    """
    kind = named(family)
    of_a_column = k + n_of_a_column(kind.letters, k, d)
    free = kind.from_values(np.zeros(kind.shape(k, d)), d).n_free(k) + k * d + k - 1
    return max(5 * of_a_column, free if k > 1 else 0)
