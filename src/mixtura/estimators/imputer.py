"""`GaussianMixtureImputer`: missing numbers filled in from a mixture, with how sure that is."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators import holdout
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.estimators.table import by_column, completed, numbers_of
from mixtura.learn import expectation, imputation
from mixtura.learn.imputation import Cells
from mixtura.learn.margin import Empirical, Margin, Ranks, Straight, YeoJohnson
from mixtura.model.covariance import SPELLINGS
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

MARGINS: dict[str, Callable[[Array, Array], Margin]] = {
    "none": Straight.of,
    "yeo-johnson": YeoJohnson.of,
    "rank": Ranks.of,
    "empirical": Empirical.of,
}

STRATEGIES = ("mean", "draw", "median", "mode")

REFIT_PASSES = 50
"""Passes, at the most, of a fit for one of several imputations: it begins at the main one."""

NEAR = 0.01
"""How near such a fit comes to its end, as a part of how far fits differ: they have to differ as
much as the mixture is unknown."""

NO_WEIGHT = 1e-12
"""A row weight of a Bayesian bootstrap that is smaller counts as zero."""


class Span(NamedTuple):
    """Two tables: the lower and the upper end for each number."""

    low: Any
    high: Any


class GaussianMixtureImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fills in missing numbers from a Gaussian mixture of the table [@GhahramaniJordan1994].

    The mixture is fitted by maximum likelihood to what was observed; nothing is filled in for the
    fit. Each missing number then has a distribution given the rest of its row, a mixture on a line,
    of which there is the mean, the median, a draw or an interval. Numbers are taken to be missing
    at random: whether they are may depend on what was observed, but not on what was not.

    Means are the best guess of single numbers. Draws are the best guess of a table: variances,
    correlations and extremes are as they were, which means make too small. What is estimated from
    one filled table takes no account of what is not known; for that draw several tables with
    `impute`, analyse each, and pool the results with `mixtura.rubin` [@Rubin1987].

    Parameters
    ----------
    n_components : int or "auto", default "auto"
        K. "auto": the number that best foretells numbers held out, by the squared error of their
        means with ``strategy="mean"``, by that of their distributions otherwise
        [@GneitingRaftery2007]; of fewer than 100 rows, by BIC.
    covariance_type : str, default "auto"
        As in `GaussianMixture`. "auto": as above, of "full", "tied" and "diag".
    strategy : {"mean", "draw", "median", "mode"}, default "mean"
        What `transform` puts in. The mode is that of all that a row misses together, on the scale
        on which the mixture is; the others are in the columns' own units.
    n_imputations : int, default 1
        How many tables `impute` draws. From 2 on each is from a mixture of its own, refitted
        with random row weights (the Bayesian bootstrap [@Rubin1981]): so they differ by what is
        not known of the mixture, too.
    marginal : {"none", "yeo-johnson", "rank", "empirical"} or dict, default "none"
        A rising map of each column, after which the mixture is fitted, for columns that are skewed:
        a power [@YeoJohnson2000], or from ranks to normal quantiles. Beyond the numbers observed
        both go on as straight lines. "empirical" maps ranks, too, and leads back to numbers that
        were observed alone: for columns of few different numbers. A dict has columns, by name or
        number, and leaves the others.
    bounds : pair or dict, optional
        Least and greatest number, each one or one for each column; or a dict of columns and pairs.
        None and infinity are no bound. Distributions are cut off there.
    integer : "auto", list or None, default None
        Columns, by name or number, in which whole numbers are put in; "auto": those in which
        nothing else was observed.
    max_components : int, default 32
        The greatest K that "auto" tries.
    tol : float, default 1e-3
    max_iter : int, default 200
        As in `GaussianMixture`.
    reg_covar : float or None, default None
        As in `GaussianMixture`.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    mixture_ : Mixture
        On the scale of ``marginal``.
    mixtures_ : list of Mixture
        The refitted ones, ``n_imputations`` of them, or none where that is 1.
    n_components_ : int
    covariance_type_ : str
    candidates_ : list of Candidate
        What "auto" compared by numbers held out: ``n_components``, ``covariance_type``, ``loss``
        and ``mixture`` of each.
    margins_ : list
        The map of each column.
    n_iter_ : int
        Passes over the data of the last fit.
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixtureImputer
    >>> X = np.array([[1.0, 2], [2, 4.1], [3, 5.9], [4, 8], [5, np.nan]])
    >>> imputer = GaussianMixtureImputer(n_components=1).fit(X)
    >>> imputer.transform(X)[4].round(1)
    array([5. , 9.9])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "covariance_type": [StrOptions({"auto", *SPELLINGS})],
        "strategy": [StrOptions({*STRATEGIES})],
        "n_imputations": [Interval(Integral, 1, None, closed="left")],
        "marginal": [StrOptions({*MARGINS}), dict],
        "bounds": [dict, tuple, list, None],
        "integer": [StrOptions({"auto"}), "array-like", None],
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str = "auto",
        strategy: str = "mean",
        n_imputations: int = 1,
        marginal: str | Mapping[Any, str] = "none",
        bounds: Any = None,
        integer: Any = None,
        max_components: int = 32,
        tol: float = 1e-3,
        max_iter: int = 200,
        reg_covar: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.strategy = strategy
        self.n_imputations = n_imputations
        self.marginal = marginal
        self.bounds = bounds
        self.integer = integer
        self.max_components = max_components
        self.tol = tol
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.random_state = random_state

    # Fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to what was observed.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            NumPy, pandas, polars or pyarrow. NaN and null are missing numbers.
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used; the message names column and row. A column in which nothing
            was observed, and a number outside of ``bounds``, are such input.
        """
        rows, _ = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        names = self._names
        check_observed(rows, names, weights)
        self._low, self._high = self._read_bounds(rows)
        self._whole = self._read_integer(rows)
        self.margins_ = self._read_margins(rows, weights)
        rng = check_random_state(self.random_state)
        z = self._forward(rows)
        table = holdout.Table.of(z, weights, rng, **self._options)
        begin = self._chosen(table, rng)
        self.mixture_, self.n_iter_ = begin.mixture, max(begin.n_iter, 1)
        self.n_components_ = self.mixture_.n_components
        self.covariance_type_ = self.mixture_.covariance.name
        self.mixtures_: list[Mixture] = []
        if self.n_imputations > 1:
            own = np.random.default_rng(rng.randint(2**31, size=4))
            self.mixtures_ = [self._refitted(table, own) for _ in range(self.n_imputations)]
        self._draws = np.random.default_rng(rng.randint(2**31, size=4))
        return self

    @property
    def _names(self) -> Any:
        return getattr(self, "feature_names_in_", None)

    @property
    def _options(self) -> dict[str, Any]:
        return {"tol": self.tol, "max_iter": self.max_iter, "reg_covar": self.reg_covar}

    def _chosen(self, table: holdout.Table, rng: np.random.RandomState) -> holdout.Fitted:
        """The fit of the size and the family asked for, or of those that do best."""
        families = [*holdout.FAMILIES] if self.covariance_type == "auto" else [self.covariance_type]
        if self.n_components == "auto":
            ks = [*holdout.sizes(self.max_components)]
        else:
            ks = [int(self.n_components)]
        self.candidates_: list[holdout.Candidate] = []
        z, weights, options = table.rows, table.weights, self._options
        if len(ks) * len(families) == 1:
            model = holdout.fitted(z, weights, ks[0], families[0], rng, **options)
            return holdout.Fitted(model.mixture_, model.n_iter_)
        rows, own = holdout.telling(z, weights, rng)
        if len(rows) < holdout.ENOUGH:
            model = holdout.by_bic(rows, own, ks, families, rng, **options)
            return holdout.Fitted(model.mixture_, model.n_iter_)
        squares = self.strategy == "mean"
        self.candidates_ = holdout.candidates(
            rows, own, ks, families, rng, squares=squares, **options
        )
        return table.end(min(self.candidates_, key=lambda each: each.loss).mixture)

    def _refitted(self, table: holdout.Table, own: np.random.Generator) -> Mixture:
        """The mixture under random row weights, begun at the one that was fitted."""
        z, weights = table.rows, table.weights
        each = own.standard_gamma(np.ones(len(z)) if weights is None else weights)
        each *= (len(z) if weights is None else weights.sum()) / each.sum()
        each[each < NO_WEIGHT] = 0.0
        # A column of which all that was observed is in rows without weight would have no spread.
        seen = ~np.isnan(z)
        if (each @ seen <= 0).any():
            return self.mixture_
        start = self.mixture_
        tol = min(self.tol, NEAR * start.n_parameters / (2.0 * each.sum()))
        return table.end(start, each, max_iter=REFIT_PASSES, tol=tol).mixture

    def _read_margins(self, rows: NDArray[Any], weights: Array | None) -> list[Margin]:
        d = rows.shape[1]
        if isinstance(self.marginal, str):
            kinds = dict.fromkeys(range(d), self.marginal)
        else:
            kinds = by_column(self.marginal, self._names, d, "marginal")
        found: list[Margin] = []
        for j in range(d):
            kind = kinds.get(j, "none")
            if kind not in MARGINS:
                raise ValueError(
                    f"marginal must be one of {[*MARGINS]} for each column, not {kind!r}"
                )
            column = rows[:, j].astype(np.float64)
            some = ~np.isnan(column) if weights is None else ~np.isnan(column) & (weights > 0)
            mine = np.ones(len(rows)) if weights is None else weights
            found.append(MARGINS[kind](column[some], mine[some]))
        return found

    def _read_bounds(self, rows: NDArray[Any]) -> tuple[Array, Array]:
        """Bounds (D,), checked against what was observed."""
        d = rows.shape[1]
        low, high = np.full(d, -np.inf), np.full(d, np.inf)
        if isinstance(self.bounds, dict):
            for j, pair in by_column(self.bounds, self._names, d, "bounds").items():
                (low[j],), (high[j],) = _pair(pair, 1)
        elif self.bounds is not None:
            low[:], high[:] = _pair(self.bounds, d)
        for j in range(d):
            name = repr(str(self._names[j])) if self._names is not None else str(j)
            if not low[j] < high[j]:
                raise ValueError(
                    f"bounds of column {name} are {low[j]:g} and {high[j]:g}: the first must be "
                    "less"
                )
            outside = (rows[:, j] < low[j]) | (rows[:, j] > high[j])
            if outside.any():
                row = int(outside.argmax())
                raise ValueError(
                    f"column {name} holds {rows[row, j]:g} in row {row}, outside of its bounds, "
                    f"{low[j]:g} to {high[j]:g}: widen them, or make the number missing"
                )
        return low, high

    def _read_integer(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        """In which columns whole numbers are put in, (D,)."""
        d = rows.shape[1]
        found = np.zeros(d, dtype=np.bool_)
        if isinstance(self.integer, str):
            found[:] = ((np.round(rows) == rows) | np.isnan(rows)).all(axis=0)
        elif self.integer is not None:
            found[numbers_of([*self.integer], self._names, d, "integer")] = True
        return found

    # Filling in

    def transform(self, X: Any) -> Any:
        """Rows with missing numbers filled in, by ``strategy``.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            The rows of the fit, or others.

        Returns
        -------
        table or array, shape (n, D)
            Of the same type, with the same names and index. What was observed is as it was.
        """
        rows, hollow = self._rows(X)
        if not hollow.any():
            return completed(X, rows, rows)
        return completed(X, rows, self._filled(rows, hollow, self.strategy, self.mixture_))

    def impute(self, X: Any) -> list[Any]:
        """Several tables, each with its own draws of what is missing: multiple imputation.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        list of tables or arrays
            ``n_imputations`` of them, each as `transform` returns one.

        Raises
        ------
        ValueError
            If ``n_imputations`` was 1 at the fit.
        """
        rows, hollow = self._rows(X)
        if not self.mixtures_:
            raise ValueError(
                "n_imputations is 1: set it to 5 or 20, say, before the fit, which refits the "
                "mixture for each table; for a single draw set strategy='draw' and use transform"
            )
        return [
            completed(X, rows, self._filled(rows, hollow, "draw", mixture))
            for mixture in self.mixtures_
        ]

    def interval(self, X: Any, level: float = 0.9) -> Span:
        """Where each missing number lies with some probability, given the rest of its row.

        Ends are quantiles, with as much beyond one as beyond the other. With several imputations
        they are those of the mean of their distributions, so that something of what is not known of
        the mixture is in them; otherwise the mixture is taken as known. With few rows, of which
        most numbers are missing, intervals are too short either way.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        level : float, default 0.9

        Returns
        -------
        low, high : tables or arrays, shape (n, D)
            Of the type of X. Both hold what was observed where it was.
        """
        if not (isinstance(level, Real) and 0 < level < 1):
            raise ValueError(f"level must be between 0 and 1, but is {level!r}")
        rows, hollow = self._rows(X)
        each = (0.5 - 0.5 * level, 0.5 + 0.5 * level)
        mixtures = self.mixtures_ or [self.mixture_]
        filled = [self._by_cell(rows, hollow, mixtures, at) for at in each]
        return Span(*(completed(X, rows, table) for table in filled))

    def log_density_of(self, X: Any, X_complete: Any) -> Array:
        """How likely numbers are that were held out, given the rest of their rows.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            Rows in which numbers are missing.
        X_complete : array-like or table, shape (n, D)
            The same rows with some or all of these numbers.

        Returns
        -------
        array, shape (n,)
            Log densities, in nats, of what is missing in X and there in ``X_complete``, all of a
            row together; 0 where there is nothing of the kind.

        Raises
        ------
        ValueError
            If shapes disagree, or a number that both have is not the same.
        """
        rows, hollow = self._rows(X)
        whole, _ = read_rows(self, X_complete, reset=False)
        if whole.shape != rows.shape:
            raise ValueError(f"X has shape {rows.shape}, but X_complete has {whole.shape}")
        other = ~hollow & ~np.isnan(whole) & (whole != rows)
        if other.any():
            row, j = (int(i) for i in np.argwhere(other)[0])
            raise ValueError(
                f"X holds {rows[row, j]:g} in row {row}, column {j}, but X_complete holds "
                f"{whole[row, j]:g}: they must have the same rows in the same order"
            )
        joined = np.where(hollow, whole, rows)
        found = self._log_density(joined) - self._log_density(rows)
        found[~(hollow & ~np.isnan(whole)).any(axis=1)] = 0.0  # and no rounding
        for j in range(rows.shape[1]):
            held = hollow[:, j] & ~np.isnan(whole[:, j])
            found[held] += self.margins_[j].log_slope(joined[held, j].astype(np.float64))
        return found

    def _log_density(self, rows: NDArray[Any]) -> Array:
        """On the mixture's scale, of what was observed, (n,)."""
        data = Memory(self._forward(rows), incomplete=True)
        return data.map(expectation.log_density, self.mixture_)

    def _rows(self, X: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        check_is_fitted(self)
        rows, incomplete = read_rows(self, X, reset=False)
        hollow = np.isnan(rows) if incomplete else np.zeros(rows.shape, dtype=np.bool_)
        return rows, hollow

    def _straight(self) -> bool:
        return all(isinstance(margin, Straight) for margin in self.margins_)

    def _forward(self, rows: NDArray[Any]) -> Array:
        """Rows on the scale of the mixture."""
        if self._straight():
            return rows.astype(np.float64, copy=False)
        columns = [
            margin.forward(rows[:, j].astype(np.float64)) for j, margin in enumerate(self.margins_)
        ]
        return np.stack(columns, axis=1)

    def _inside(self) -> tuple[Array, Array]:
        """Bounds on the scale of the mixture, (D,)."""
        found: list[Array] = []
        for bound in (self._low, self._high):
            moved = bound.copy()
            for j in np.flatnonzero(np.isfinite(bound)):
                moved[j] = self.margins_[j].forward(bound[j : j + 1])[0]
            found.append(moved)
        return found[0], found[1]

    def _filled(
        self, rows: NDArray[Any], hollow: NDArray[np.bool_], strategy: str, mixture: Mixture
    ) -> Array:
        """Rows with missing numbers filled in."""
        if strategy == "mean":
            return self._by_cell(rows, hollow, [mixture], None)
        if strategy == "median":
            return self._by_cell(rows, hollow, [mixture], 0.5)
        z = self._forward(rows)
        if strategy == "draw":
            filled = imputation.drawn(z, mixture, self._draws, *self._inside())
        else:
            filled = imputation.peaks(z, mixture)
        return self._returned(rows, hollow, self._back(filled, hollow))

    def _by_cell(
        self,
        rows: NDArray[Any],
        hollow: NDArray[np.bool_],
        mixtures: Sequence[Mixture],
        level: float | None,
    ) -> Array:
        """Rows with the mean or a quantile of each missing number."""
        filled = np.array(rows, dtype=np.float64)
        low, high = self._inside()
        for cells in imputation.pooled(self._forward(rows), mixtures):
            within = low[cells.columns], high[cells.columns]
            if level is not None:
                found = cells.quantile(np.full(len(cells.rows), level), *within)
            elif self._straight():
                found = cells.mean(*within)
            else:
                found = self._means(cells, *within)
            filled[cells.rows, cells.columns] = found
        if level is not None:
            filled = self._back(filled, hollow)
        return self._returned(rows, hollow, filled)

    def _means(self, cells: Cells, low: Array, high: Array) -> Array:
        """Means in the columns' own units."""
        found = np.empty(len(cells.rows))
        for j in np.unique(cells.columns):
            mine = np.flatnonzero(cells.columns == j)
            some, margin = cells.some(mine), self.margins_[j]
            within = low[mine], high[mine]
            if isinstance(margin, Straight):
                found[mine] = some.mean(*within)
            else:
                found[mine] = some.mean_of(margin.inverse, *within)
        return found

    def _back(self, filled: Array, hollow: NDArray[np.bool_]) -> Array:
        """What was filled in, in the columns' own units."""
        for j, margin in enumerate(self.margins_):
            mine = hollow[:, j]
            if not isinstance(margin, Straight) and mine.any():
                filled[mine, j] = margin.inverse(filled[mine, j])
        return filled

    def _returned(self, rows: NDArray[Any], hollow: NDArray[np.bool_], filled: Array) -> Array:
        """Whole numbers where they are asked for, and all within bounds."""
        low = np.where(self._whole, np.ceil(self._low), self._low)
        high = np.where(self._whole, np.floor(self._high), self._high)
        filled = np.where(hollow & self._whole, np.round(filled), filled)
        return np.where(hollow, np.clip(filled, low, high), rows)

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing: that is what this is for."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _pair(given: Any, n: int) -> tuple[Array, Array]:
    """Two bounds, each a number, None, or one for each of n columns."""
    try:
        low, high = given
        ends: list[Array] = []
        for end, none in ((low, -np.inf), (high, np.inf)):
            values = np.array(none if end is None else end, dtype=np.float64)
            ends.append(np.broadcast_to(np.where(np.isnan(values), none, values), (n,)))
    except (TypeError, ValueError):
        raise ValueError(
            "bounds must be a pair (least, greatest), each a number, None, or one for each column, "
            f"or a dict of columns and pairs, not {given!r}"
        ) from None
    return ends[0], ends[1]
