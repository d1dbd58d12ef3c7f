"""`GaussianMixtureIC`: the number of components and the family, by a criterion."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.estimators import cell, choosing, folds, sweep, wiring
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.ranking import Ranking
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.learn import slope
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

CRITERIA = ("bic", "aic", "aicc", "icl", "cv", "slope")


class GaussianMixtureIC(DensityMixin, BaseEstimator):
    """A Gaussian mixture whose number of components and covariance family are chosen.

    Every family is fitted with every number of components, and the fit with the smallest criterion
    is kept. Fits of all sizes come from one way down: the largest is fitted, and of each the pair
    of components is merged that costs least [@Runnalls2007]; where a fresh start leads to a
    likelier fit, that one is taken, and sizes are tried again from their neighbours' ends.

    Fits are found with the penalty of `GaussianMixture`, which keeps them from collapsing. Then it
    is taken away, and the fit goes on to the maximum of the likelihood near by, of which criteria
    are defined. Where a component would become much narrower without the penalty, which had held
    it up, the fit stays as it is, and its criteria are of the log-likelihood alone. Smaller is
    better for every criterion, as in scikit-learn; BIC and ICL of mclust are the same numbers with
    the other sign [@Scrucca2016].

    Parameters
    ----------
    criterion : {"bic", "icl", "aic", "aicc", "cv", "slope"}, default "bic"
        "bic" describes the density with few parameters [@Schwarz1978]; "icl" adds a price for
        components that overlap, so it counts clusters [@Biernacki2000]; "aic" and, for few rows,
        "aicc" aim at predicting new rows and take more components [@Akaike1974]
        [@HurvichTsai1989]. "cv" holds rows out: minus their mean log density in nats per row
        [@Smyth2000]. "slope" reads the penalty off the largest fits [@BirgeMassart2007]; it needs
        fits of eight sizes or more, best of one family.
    n_components : int or iterable of int, default 9
        A number: all from one to it. Others: those to try.
    covariance_types : str or sequence of str, default ("full", "tied", "diag", "spherical")
        Families as in `GaussianMixture`, by any of their names, also those with a number such as
        "UUU:2" or "AkjBkQkD:3"; "all" is mclust's fourteen.
    n_init : int, default 1
        Fresh starts of each fit, beside the one from the way down.
    init_params : "path", or as in `GaussianMixture`, default "path"
        "hierarchical" starts every fit from one tree, as mclust does.
    n_folds : int, default 5
        Into how many parts rows fall with ``criterion="cv"``.
    one_standard_error : bool, default True
        With "cv": take the fit with the fewest parameters among those within one standard error of
        the best [@Breiman1984].
    tol : float, default 1e-5
    max_iter : int, default 1000
    reg_covar : float or None, default None
        A number as in `GaussianMixture`, throughout. 0 is the maximum of the likelihood from the
        beginning, which can be infinite: fits whose components collapse are marked, and never
        chosen.
    accelerate : {"auto", "none", "squarem", "lbfgs"}, default "auto"
        As in `GaussianMixture`.
    n_jobs : int or None, default None
        Processes that share the fits; what is found does not depend on it.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    best_estimator_ : GaussianMixture
    best_params_ : dict
        Its ``n_components`` and ``covariance_type``.
    best_score_ : float
        Its criterion.
    n_components_ : int
    covariance_type_ : str
    results_ : dict of arrays
        A row for each fit that was tried: covariance_type, n_components, n_parameters,
        log_likelihood, bic, aic, aicc, icl, cv, cv_se, slope, converged, usable, note. NaN where
        there is nothing; cv and slope are filled in by their criteria alone. What is not usable
        (collapsed, as many parameters as rows, not fitted at all) is not chosen, and the note
        says why. Where all fits have as many parameters as rows, the one with the fewest is taken.
    ranking_ : Ranking
        The same, best first; it prints as a table.
    slope_ : Slope
        With "slope": the penalty that was read off, and that of the largest jump beside it.
    labels_ : array of int, shape (n,)
        The component of each row.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixtureIC
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (100, 2)), rng.normal(6, [1, 3], (100, 2))])
    >>> chosen = GaussianMixtureIC(n_components=4, random_state=0).fit(X)
    >>> chosen.best_params_
    {'n_components': 2, 'covariance_type': 'diag'}
    >>> chosen.ranking_[0].rank, chosen.ranking_[0].n_parameters
    (1, 9)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "criterion": [StrOptions({*CRITERIA})],
        "n_components": [Interval(Integral, 1, None, closed="left"), HasMethods("__iter__")],
        "covariance_types": [str, HasMethods("__iter__")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({sweep.PATH, *wiring.STARTS}), callable],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "one_standard_error": ["boolean"],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "accelerate": [StrOptions({*wiring.ACCELERATORS})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        criterion: str = "bic",
        *,
        n_components: int | Sequence[int] = 9,
        covariance_types: str | Sequence[str] = choosing.FOUR,
        n_init: int = 1,
        init_params: Any = sweep.PATH,
        n_folds: int = 5,
        one_standard_error: bool = True,
        tol: float = 1e-5,
        max_iter: int = 1000,
        reg_covar: float | None = None,
        accelerate: str = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.criterion = criterion
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.n_init = n_init
        self.init_params = init_params
        self.n_folds = n_folds
        self.one_standard_error = one_standard_error
        self.tol = tol
        self.max_iter = max_iter
        self.reg_covar = reg_covar
        self.accelerate = accelerate
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit all candidates to rows and keep the best.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            As in `GaussianMixture`; NaN is a missing value.
        y : ignored
        sample_weight : array-like, shape (n,), optional
            Row weights: an integer weight is the same as that many equal rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used, no candidate can be fitted, or candidates are too few for
            the slope; the message says what to do.
        """
        return self.fit_telling(X, sample_weight, lambda text: None)

    def fit_telling(self, X: Any, sample_weight: Any, tell: Callable[[str], object]) -> Self:
        """`fit`, saying what is done as it is begun.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), or None
        tell : callable
            Hears a few words before each fit.

        Returns
        -------
        self
        """
        ks = self._sizes()
        families = choosing.read_families(self.covariance_types, "covariance_types")
        x, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(x))
        if incomplete:
            check_observed(x, getattr(self, "feature_names_in_", None), weights)
        rng = check_random_state(self.random_state)
        rows = cell.Rows(x, weights, incomplete)
        options: dict[str, Any] = {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "reg_covar": self.reg_covar,
            "accelerate": self.accelerate,
        }
        cells = sweep.swept(
            rows,
            ks,
            families,
            start=self.init_params,
            n_init=self.n_init,
            options=options,
            rng=rng,
            n_jobs=self.n_jobs,
            bare=True,
            tell=tell,
        )
        if self.criterion == "cv":
            folds.hold_out(cells, rows, self.n_folds, options, rng, self.n_jobs, tell)
        self.results_ = cell.table(cells)
        self.results_["slope"] = np.full(len(cells), np.nan)
        if self.criterion == "slope":
            self._read_slope()
        best = cells[self._best(cells)]
        self.best_estimator_ = best.fitted
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            self.best_estimator_.feature_names_in_ = names
        self.n_components_, self.covariance_type_ = best.n_components, best.covariance_type
        self.best_params_ = {
            "n_components": best.n_components,
            "covariance_type": best.covariance_type,
        }
        self.ranking_ = Ranking(self.results_, self.criterion)
        self.n_iter_ = max(1, self.best_estimator_.n_iter_)
        self.labels_ = self.best_estimator_.predict(X)
        return self

    def _sizes(self) -> list[int]:
        """Numbers of components, in rising order."""
        given = self.n_components
        if isinstance(given, int | np.integer):
            return [*range(1, int(given) + 1)]
        sizes: list[Any] = [*given]
        wrong = [k for k in sizes if not isinstance(k, Integral) or k < 1]
        if wrong or not sizes:
            raise ValueError(
                "n_components must be a number of components, or some numbers from 1, but "
                + (f"{wrong[0]!r} is among them" if wrong else "there is none")
            )
        return sorted({int(k) for k in sizes})

    def _read_slope(self) -> None:
        """The penalty, from the fits that can be used."""
        usable = self.results_["usable"]
        p = self.results_["n_parameters"][usable].astype(np.float64)
        gained = self.results_["log_likelihood"][usable]
        if len(np.unique(p)) < slope.LEAST:
            raise ValueError(
                "criterion='slope' reads a line off the largest fits and needs fits of "
                f"{slope.LEAST} sizes or more, but there are {len(np.unique(p))}: raise "
                "n_components, or use another criterion"
            )
        found = slope.heuristic(p, gained)
        if found is None:
            raise ValueError(
                "criterion='slope' found none: the largest fits are no likelier than smaller ones. "
                "Raise n_components or n_init, or use another criterion"
            )
        self.slope_ = found
        self.results_["slope"][usable] = found.penalised(gained, p)

    def _best(self, cells: Sequence[cell.Cell]) -> int:
        """Which candidate is kept."""
        values = self.results_[self.criterion]
        best = cell.chosen(cells, values)
        if self.criterion == "cv" and self.one_standard_error and cells[best].usable:
            good = self.results_["usable"] & np.isfinite(values)
            near = good & (values <= values[best] + self.results_["cv_se"][best])
            size = np.where(near, self.results_["n_parameters"], np.iinfo(np.int64).max)
            best = int(np.lexsort([values, size])[0])
        self.best_score_ = float(values[best])
        return best

    @property
    def mixture_(self) -> Mixture:
        """The best mixture as a value."""
        return self._fitted().mixture_

    @property
    def weights_(self) -> NDArray[Any]:
        """Of the best fit, (K,)."""
        return self._fitted().weights_

    @property
    def means_(self) -> NDArray[Any]:
        """Of the best fit, (K, D)."""
        return self._fitted().means_

    @property
    def covariances_(self) -> NDArray[Any]:
        """Of the best fit, in the shape of its family."""
        return self._fitted().covariances_

    @property
    def converged_(self) -> bool:
        """Whether the best fit did."""
        return self._fitted().converged_

    def _fitted(self) -> GaussianMixture:
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` has been called."""
        return hasattr(self, "best_estimator_")

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit, and the component of each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        array of int, shape (n,)
        """
        return self.fit(X, y, sample_weight=sample_weight).labels_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The likeliest component of each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array of int, shape (n,)
        """
        return self._fitted().predict(X)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each component for each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, K)
        """
        return self._fitted().predict_proba(X)

    def score_samples(self, X: Any) -> NDArray[Any]:
        """The log density of each row, in nats.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
        """
        return self._fitted().score_samples(X)

    def score(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """The mean log density of rows, in nats per row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        return self._fitted().score(X, y, sample_weight=sample_weight)

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw new rows from the best fit.

        Parameters
        ----------
        n_samples : int, default 1
        random_state : int, Generator, RandomState or None, default None

        Returns
        -------
        X : array, shape (n_samples, D)
        y : array of int, shape (n_samples,)
            The component of each row.
        """
        return self._fitted().sample(n_samples, random_state)

    def bic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """BIC of the best fit on rows; smaller is better.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        return self._fitted().bic(X, sample_weight)

    def aic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """AIC of the best fit on rows; smaller is better.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        return self._fitted().aic(X, sample_weight)

    def icl(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """ICL of the best fit on rows; smaller is better.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        return self._fitted().icl(X, sample_weight)
