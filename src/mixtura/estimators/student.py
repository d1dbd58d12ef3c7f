"""`StudentMixture`: clusters with heavy tails, which rows far out hardly move."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators import random_numbers, wiring
from mixtura.estimators.factors import FamilyName, check_factors, family_name
from mixtura.estimators.intervals import Intervals, intervals
from mixtura.estimators.mixture import NOT_CONVERGED
from mixtura.estimators.noise import begun_without_isolated
from mixtura.estimators.record import Account
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.estimators.summary import Summary, summary
from mixtura.learn import selection, tails
from mixtura.learn.em import Outcome, em, little_to_gain
from mixtura.learn.prior import Prior
from mixtura.learn.tails import HeavyFit, Tails
from mixtura.model.heavy import HeavyMixture

Array = NDArray[np.float64]


class StudentMixture(DensityMixin, BaseEstimator):
    """A mixture of multivariate t distributions fitted by EM [@PeelMcLachlan2000].

    As `GaussianMixture`, with tails as heavy as the rows have them: a row far from a component
    counts for little in its centre and scale, so that outliers do not drag clusters about. Every
    covariance family and the penalty of `GaussianMixture` are the same here, for scale matrices.

    Parameters
    ----------
    n_components : int, default 1
    covariance_type : {"full", "tied", "diag", "spherical"} or a form, default "full"
        The form of the scale matrices, as in `GaussianMixture`.
    degrees_of_freedom : {"own", "common"} or float, default "own"
        Found for each component, or one for all; or a number that stays: 1 is the Cauchy
        distribution, 4 is often taken where outliers are all that is wrong. Those that are found
        lie between 0.5 and 1000, where tails are a Gaussian's.
    n_factors : int, optional
        Of a form of factor analysers, as in `GaussianMixture`.
    tol : float, default 1e-5
        A run ends once less than this is predicted to be left to gain, in nats per row, twice
        running; never before the fifth pass. 0 uses all of ``max_iter``.
    reg_covar : float or None, default None
        As in `GaussianMixture`.
    max_iter : int, default 500
        Passes over the data, at the most.
    n_init : int, default 1
        Different starts; the best objective is kept.
    init_params : str, array or callable, default "merge"
        As in `GaussianMixture`. A start by name is made twice: from all rows, and from those that
        are near their neighbours [@ByersRaftery1998].
    prior : Prior, optional
        Of locations and scale matrices, in place of the penalty.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    weights_ : array, shape (K,)
    means_ : array, shape (K, D)
        Centres; the means of components with more than one degree of freedom.
    scales_ : array
        Scale matrices, in the shape of ``covariances_`` of `GaussianMixture`. Covariances are
        ``mixture_.covariances``.
    degrees_of_freedom_ : array, shape (K,)
    mixture_ : HeavyMixture
        The same as a value.
    converged_ : bool
    n_iter_ : int
    lower_bound_ : float
        The objective in the last iteration: mean log-likelihood plus the penalty, per row.
    lower_bounds_ : list of float
    remaining_gain_ : float
        What more iterations would gain, in nats per row, as far as the last ones tell.
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import StudentMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, 200), rng.normal(10, 1, 200), [200.0]])[:, None]
    >>> model = StudentMixture(2, random_state=0).fit(X)
    >>> np.sort(model.means_[:, 0]).round(0)
    array([-0., 10.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [FamilyName()],
        "degrees_of_freedom": [
            StrOptions({"own", "common"}),
            Interval(Real, 0.0, None, closed="neither"),
        ],
        "n_factors": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*wiring.STARTS}), "array-like", callable],
        "prior": "no_validation",
        "random_state": ["random_state"],
    }

    mixture_: HeavyMixture
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        degrees_of_freedom: str | float = "own",
        n_factors: int | None = None,
        tol: float = 1e-5,
        reg_covar: float | None = None,
        max_iter: int = 500,
        n_init: int = 1,
        init_params: Any = "merge",
        prior: Prior | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.degrees_of_freedom = degrees_of_freedom
        self.n_factors = n_factors
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.prior = prior
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to rows.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            NaN is a missing value: it is taken to be missing at random.
        y : ignored
        sample_weight : array-like, shape (n,), optional
            Row weights: an integer weight is the same as that many equal rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used; the message names column and row.

        Warns
        -----
        ConvergenceWarning
            If the best run used all of ``max_iter``.
        """
        rows, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        if incomplete:
            check_observed(rows, getattr(self, "feature_names_in_", None), weights)
        rng = check_random_state(self.random_state)
        family = family_name(self.covariance_type, self.n_factors)
        check_factors(family, rows.shape[1])
        setup = wiring.plan(
            rows,
            weights,
            incomplete=incomplete,
            n_components=self.n_components,
            covariance_type=family,
            reg_covar=self.reg_covar,
            variance_floor=None,
            prior=self.prior,
            dead_components="keep",
            accelerate="none",
        )
        free = wiring.Given(None, None, None)
        starts = wiring.starts(setup, self.init_params, free, self.n_init, rng)
        if isinstance(self.init_params, str) and self.n_components > 1:
            # Rows far out are groups of their own to a start of Gaussians.
            near = begun_without_isolated(setup, rng)
            if near is not None:
                starts += wiring.starts(near, self.init_params, free, self.n_init, rng)
        fits = [self._run(setup, begin) for begin in starts]
        best = max(fits, key=lambda fit: fit.objective)
        self._take(best)
        self._account = Account(
            setup.maximize,
            len(rows),
            float(len(rows)) if weights is None else float(weights.sum()),
            self.tol,
            len(fits),
            tuple(fit.objective for fit in fits),
            best.outcome,
        )
        if best.outcome is Outcome.max_iter:
            warnings.warn(NOT_CONVERGED, ConvergenceWarning, stacklevel=2)
        return self

    def _take(self, fit: HeavyFit) -> None:
        """Set the fitted attributes."""
        self.mixture_ = fit.model
        self.weights_ = fit.mixture.weights
        self.means_ = fit.mixture.means
        self.scales_ = fit.mixture.covariance.values
        self.degrees_of_freedom_ = fit.degrees
        self.converged_ = fit.outcome is Outcome.converged
        self.n_iter_ = len(fit.history)
        self.lower_bound_ = fit.objective
        self.lower_bounds_ = [record.objective for record in fit.history]
        self.remaining_gain_ = fit.remaining

    @classmethod
    def from_mixture(cls, mixture: HeavyMixture, **options: Any) -> Self:
        """An estimator with known parameters, as if it had been fitted.

        Parameters
        ----------
        mixture : HeavyMixture
        **options
            Other parameters of the class.

        Returns
        -------
        StudentMixture
        """
        gaussian = mixture.gaussian
        model = cls(gaussian.n_components, covariance_type=gaussian.covariance.name, **options)
        model.n_features_in_ = gaussian.n_features
        model._take(HeavyFit(gaussian, Outcome.not_started, (), mixture.degrees))
        return model

    def _run(self, setup: wiring.Plan, begin: Any) -> HeavyFit:
        """One run of EM from a Gaussian mixture."""
        given, k = self.degrees_of_freedom, begin.n_components
        found = isinstance(given, str)
        first = tails.FIRST if found else float(given)
        expect = Tails(setup.data, np.full(k, first), free=found, common=given == "common")
        fit = em(
            begin,
            expect,
            setup.maximize,
            rest=little_to_gain,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        return HeavyFit(fit.mixture, fit.outcome, fit.history, expect.degrees)

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit, then label the same rows.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        array of int, shape (n,)
        """
        return self.fit(X, y, sample_weight=sample_weight).predict(X)

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, X: Any) -> tuple[NDArray[Any], bool]:
        check_is_fitted(self)
        return read_rows(self, X, reset=False)

    def _weighted(self, X: Any, sample_weight: ArrayLike | None = None) -> Memory:
        rows, incomplete = self._rows(X)
        return Memory(rows, read_weights(sample_weight, len(rows)), incomplete=incomplete)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The likeliest component of each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array of int, shape (n,)
        """
        return self._weighted(X).map(tails.labels, self.mixture_)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each component for each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, K)
        """
        return self._weighted(X).map(tails.responsibilities, self.mixture_)

    def score_samples(self, X: Any) -> Array:
        """The log density of what each row has, in nats.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            NaN is a missing value.

        Returns
        -------
        array, shape (n,)
        """
        return self._weighted(X).map(tails.log_density, self.mixture_)

    def robustness_weights(self, X: Any) -> Array:
        """How much each row counts for the centre and scale of its component.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
            (ν + d) / (ν + δ), where d is how many numbers the row has, and δ their squared distance
            from the centre in units of the scale: about 1 for ordinary rows and near 0 for
            outliers; its mean over the components that the row may be of.
        """
        return self._weighted(X).map(tails.pulls, self.mixture_)

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
        total, _, n_rows = self._sums(X, sample_weight)
        return total / n_rows

    def _sums(self, X: Any, sample_weight: ArrayLike | None) -> tuple[float, float, float]:
        sums: Array = self._weighted(X, sample_weight).fold(tails.certainty_of, self.mixture_)
        total, certainty, n_rows = sums.tolist()
        return total, certainty, n_rows

    def aic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """Akaike's criterion on rows; smaller is better [@Akaike1974].

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        return selection.aic(self._sums(X, sample_weight)[0], self.n_parameters_)

    def bic(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The Bayesian information criterion on rows; smaller is better [@Schwarz1978].

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        total, _, n_rows = self._sums(X, sample_weight)
        return selection.bic(total, self.n_parameters_, n_rows)

    def icl(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The integrated completed likelihood on rows; smaller is better [@Biernacki2000].

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        total, certainty, n_rows = self._sums(X, sample_weight)
        return selection.icl(total, certainty, self.n_parameters_, n_rows)

    def intervals(
        self,
        X: Any,
        sample_weight: ArrayLike | None = None,
        *,
        level: float = 0.95,
        method: str = "sandwich",
        kind: str = "percentile",
        n_boot: int = 199,
        random_state: Any = None,
    ) -> Intervals:
        """Standard errors and intervals of weights, centres, scale matrices and degrees of freedom.

        As `GaussianMixture.intervals`; those of degrees of freedom that were found are on the scale
        of logarithms. Nearly Gaussian tails are told by many rows only: intervals there are wide.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            The rows that the mixture was fitted to. NaN is a missing value.
        sample_weight : array-like, shape (n,), optional
            As in the fit: a weight counts equal rows.
        level : float, default 0.95
        method : {"sandwich", "information", "bootstrap", "weighted", "parametric"}
            As in `GaussianMixture.intervals`; default "sandwich".
        kind : {"percentile", "normal"}, default "percentile"
            How a bootstrap gives intervals.
        n_boot : int, default 199
            Refits; they begin at the fit, and components are put in its order.
        random_state : int, Generator, RandomState or None, default None

        Returns
        -------
        Intervals

        Raises
        ------
        ValueError
            If an option is none of those above, or a mixture has too many parameters for a matrix
            of all pairs of them.

        Warns
        -----
        UserWarning
            As in `GaussianMixture.intervals`, and if degrees of freedom are at an end of what is
            looked for.
        """
        check_is_fitted(self)
        return intervals(
            self,
            X,
            sample_weight,
            level=level,
            method=method,
            kind=kind,
            n_boot=n_boot,
            random_state=random_state,
        )

    def summary(self, X: Any = None, sample_weight: ArrayLike | None = None) -> Summary:
        """What the fit came to, and what to beware of: one page.

        As `GaussianMixture.summary`, with the degrees of freedom of each component. How much
        components overlap is not computed of t distributions.

        Parameters
        ----------
        X : array-like or table, shape (n, D), optional
            Rows to measure the fit by; without them there is what the fit itself kept.
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        Summary
        """
        check_is_fitted(self)
        return summary(self, X, sample_weight)

    def _generator(self, random_state: Any) -> np.random.Generator:
        asked = random_numbers.asked_for(random_state)
        if asked is not None:
            return asked
        seeds = check_random_state(self.random_state).randint(2**31, size=4)
        return np.random.default_rng(seeds)

    @property
    def n_parameters_(self) -> int:
        """Free parameters: those of the Gaussian mixture, and the degrees that were found."""
        check_is_fitted(self)
        found = {"own": self.mixture_.n_components, "common": 1}
        return self.mixture_.gaussian.n_parameters + found.get(str(self.degrees_of_freedom), 0)

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default 1
        random_state : int, Generator or None, default None
            None draws with ``random_state`` of the estimator.

        Returns
        -------
        X : array, shape (n_samples, D)
        y : array of int, shape (n_samples,)
            The component of each row.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, and is {n_samples}")
        return self.mixture_.sample(n_samples, self._generator(random_state))
