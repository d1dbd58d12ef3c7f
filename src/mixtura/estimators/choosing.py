"""Which number of components and which family: the fit that BIC likes best."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.estimators.mixture import GaussianMixture
from mixtura.model.covariance import named
from mixtura.model.covariance.letters import n_of_a_column

Array = NDArray[np.float64]

MOST = 10
"""Components, at the most, where their number is chosen and nothing else is said."""

FOUR = "full", "tied", "diag", "spherical"
"""The families that are tried where none is named."""

PATIENCE = 2
"""Numbers of components in a row that may be worse than the best before no more are tried."""


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

    Of candidates for which rows are too few the one that needs the fewest alone is fitted, and that
    only where there is no other: BIC means nothing there. A family is left once two numbers of
    components in a row, one after the other, are worse than its best.

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
    candidates = [
        (k, family)
        for family in families
        for k in numbers
        # A single component that is tied is a full one.
        if (k, family) != (1, "tied") or "full" not in families
    ]
    if len(candidates) == 1:
        k, family = candidates[0]
        return GaussianMixture(k, covariance_type=family, **options).fit(
            rows, sample_weight=weights
        )
    total = float(len(rows)) if weights is None else float(weights.sum())
    allowed = affordable(candidates, rows.shape[1], total)
    found: tuple[float, GaussianMixture, str] | None = None
    for family in families:
        best, worse = np.inf, 0
        for k in sorted(k for k, of in allowed if of == family):
            model, said = _fitted(rows, weights, k, family, options)
            bic = model.bic(rows, weights) if criterion is None else criterion(model)
            if found is None or bic < found[0]:
                found = bic, model, said
            best, worse = (bic, 0) if bic < best else (best, worse + 1)
            if worse == PATIENCE:
                break
    assert found is not None
    if found[2]:
        warnings.warn(found[2], ConvergenceWarning, stacklevel=4)
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


def _fitted(
    rows: NDArray[Any], weights: Array | None, k: int, family: str, options: dict[str, Any]
) -> tuple[GaussianMixture, str]:
    """A fit, and what it warned of."""
    model = GaussianMixture(k, covariance_type=family, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(rows, sample_weight=weights)
    said = ""
    for warning in caught:
        if issubclass(warning.category, ConvergenceWarning):
            said = str(warning.message)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return model, said
