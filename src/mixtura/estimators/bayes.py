"""`BayesianGaussianMixture`: scikit-learn's class, with an exact bound and predictive density."""

import warnings
from dataclasses import replace
from numbers import Integral, Real
from time import perf_counter
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
from mixtura.estimators.beliefs import CONCENTRATIONS, CONJUGATE, PRECISIONS, beliefs, shown
from mixtura.estimators.mixture import NOT_CONVERGED
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.learn import completion, prediction
from mixtura.learn.acceleration import Accelerator, Plain, Squarem
from mixtura.learn.ascent import Ascent, ascend
from mixtura.learn.em import Iteration, Outcome, little_to_gain, stands_still
from mixtura.learn.moves import SAMPLE, improved
from mixtura.learn.variational import Beliefs, Expect, Posterior
from mixtura.model.mixture import Mixture
from mixtura.model.predictive import Predictive
from mixtura.numeric.moments import POOLED

Array = NDArray[np.float64]

AS_THEY_ARE = ("kmeans", "k-means++", "random", "random_from_data")
"""Starts that are what the rows say; others are fitted, and need a penalty."""

RELATIVE = {True: 1e-7, False: 1e-9}
"""The part of the bound by which a move must raise it, at the least, for rows of single precision
and for others: more than rounding."""


class BayesianGaussianMixture(DensityMixin, BaseEstimator):
    """A Gaussian mixture fitted by variational Bayes [@Bishop2006].

    A drop-in for ``sklearn.mixture.BayesianGaussianMixture`` [@Pedregosa2011]: the same parameters,
    attributes and shapes. ``n_components`` is the largest number that there may be; components that
    the data do not need are left empty, and `n_components_` says how many are not. What is added:
    row weights, missing values, a bound of the log evidence of which no part is left out, moves out
    of poor optima, the process of Pitman and Yor, and the exact predictive density of new rows.

    NaN in rows is a missing value. Where values are missing at random, what is believed of them is
    found together with the rest, independently of the parameters.

    Parameters
    ----------
    n_components : int, default 1
        K, how many Gaussians there may be.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Each component its own matrix; one matrix for all; a variance for each feature; one
        variance for each component.
    tol : float, default 1e-3
        A run ends once less than this is predicted to be left to gain, in nats, twice running; with
        ``accelerate="none"`` once the bound changed by less than this, as in scikit-learn.
    reg_covar : float or None, default None
        A number is added to the variance that the rows of a component have, as in scikit-learn,
        where the default is 1e-6; the bound knows nothing of it. None adds nothing: the prior keeps
        components from collapsing.
    max_iter : int, default 500
        Passes over the data, at the most, moves included.
    n_init : int, default 1
        Different starts; the one with the largest bound goes on.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "merge"}, array or callable
        How to start, as in `GaussianMixture`. "kmeans" is scikit-learn's default.
    weight_concentration_prior_type : {"dirichlet_process", "dirichlet_distribution", \
"pitman_yor"}, default "dirichlet_process"
        What is believed of weights: a truncated Dirichlet process [@BleiJordan2006], a symmetric
        Dirichlet distribution over K components, which empties the superfluous ones where the
        concentration is small [@MalsinerWalli2016], or a truncated process of Pitman and Yor
        [@PitmanYor1997], of which the number of components grows faster with the rows.
    weight_concentration_prior : float or None, default None
        α. None: 1 / K, as in scikit-learn.
    mean_precision_prior : float or None, default None
        How many rows the prior of a mean is worth. None: 0.01; in scikit-learn 1.
    mean_prior : array-like, shape (D,), optional
        None: the mean of the rows, as in scikit-learn.
    degrees_of_freedom_prior : float or None, default None
        ν, how many rows the prior of a covariance is worth. None: D + 2, tied (D + 2) / K; in
        scikit-learn D.
    covariance_prior : array-like or float, optional
        C, that many rows' scatter: full and tied (D, D), diag (D,), spherical a number. None: what
        all rows have of it, S, as S / K^(2/D), tied over K again; in scikit-learn S.
    random_state : int, RandomState or None, default None
    warm_start : bool, default False
        Continue from the last fit.
    verbose : int, default 0
        1 prints runs and every ``verbose_interval``-th iteration, 2 also times and changes.
    verbose_interval : int, default 10
    discount : float in [0, 1), default 0.25
        With "pitman_yor": the larger, the longer the tail of small components.
    precision_prior_type : {"conjugate", "wishart"}, default "conjugate"
        What is believed of precisions that are not full. "conjugate": the prior of that form, of
        one matrix, or of variances. "wishart": as in scikit-learn, full matrices of each component,
        and the Wishart posterior of that form that is nearest to theirs; less is then known after
        as many rows. With "full" both are the same.
    accelerate : {"auto", "none", "squarem"}, default "auto"
        Longer steps along pairs of plain ones [@VaradhanRoland2008], which "auto" takes too; "none"
        for scikit-learn's steps. The bound never falls.
    moves : bool, default True
        Once a run is at its end: merge components, split them, or take them out, where that raises
        the bound [@HughesSudderth2013]. Sticks are put in order of size.

    Attributes
    ----------
    weights_ : array, shape (K,)
        Posterior means, as of the next three.
    means_ : array, shape (K, D)
    covariances_ : array
        Of precisions, inverted: full (K, D, D), tied (D, D), diag (K, D), spherical (K,).
    precisions_, precisions_cholesky_ : array
        Precisions, and upper factors U with U Uᵀ equal to them; shapes as covariances_.
    weight_concentration_ : array, shape (K,), or a tuple of two
        Of the Dirichlet posterior, or of the two parameters of sticks' beta posteriors.
    mean_precision_ : array, shape (K,)
    degrees_of_freedom_ : array, shape (K,); tied: float
    weight_concentration_prior_, mean_precision_prior_, mean_prior_, degrees_of_freedom_prior_, \
covariance_prior_
        The priors as they were used.
    n_components_ : int
        How many components hold as much as one row, on average of the rows' weights.
    counts_ : array, shape (K,)
        How many rows each component holds.
    posterior_ : Posterior
        All of it as a value, in float64.
    predictive_ : Predictive
        The density of new rows, a mixture of t distributions.
    mixture_ : Mixture
        The mixture of posterior means.
    converged_ : bool
    n_iter_ : int
        Passes over the data in the best run, those of moves that were tried included.
    lower_bound_ : float
        A lower bound of the log evidence, in nats, for all rows together.
    lower_bounds_ : list of float
    history_ : list of Iteration
    remaining_gain_ : float
        What more iterations would still have gained, in nats, as far as the last gains tell.
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import BayesianGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(200, 2)), rng.normal(6.0, 1.0, size=(100, 2))])
    >>> model = BayesianGaussianMixture(n_components=8, random_state=0).fit(X)
    >>> model.n_components_
    2
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({*CONJUGATE})],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*wiring.STARTS}), "array-like", callable],
        "weight_concentration_prior_type": [StrOptions({*CONCENTRATIONS})],
        "weight_concentration_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_precision_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "discount": [Interval(Real, 0.0, 1.0, closed="left")],
        "precision_prior_type": [StrOptions({*PRECISIONS})],
        "accelerate": [StrOptions({"auto", "none", "squarem"})],
        "moves": ["boolean"],
    }

    posterior_: Posterior
    predictive_: Predictive
    weights_: NDArray[Any]
    means_: NDArray[Any]
    covariances_: NDArray[Any]

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float | None = None,
        max_iter: int = 500,
        n_init: int = 1,
        init_params: Any = "merge",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        discount: float = 0.25,
        precision_prior_type: str = "conjugate",
        accelerate: str = "auto",
        moves: bool = True,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.discount = discount
        self.precision_prior_type = precision_prior_type
        self.accelerate = accelerate
        self.moves = moves

    # Fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Find what is to be believed of the mixture after these rows.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            NumPy, pandas, polars or pyarrow; float32 and float64 are read in place. NaN is a
            missing value.
        y : ignored
        sample_weight : array-like, shape (n,), optional
            Row weights: an integer weight is the same as that many equal rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input or a prior cannot be used; the message names column and row, or the prior.

        Warns
        -----
        ConvergenceWarning
            If the best run used all of ``max_iter``.
        """
        continues = self.warm_start and hasattr(self, "converged_")
        rows, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        if incomplete:
            check_observed(rows, getattr(self, "feature_names_in_", None), weights)
            empty = np.isnan(rows).all(axis=1)  # a row of nothing teaches nothing
            if empty.any():
                weights = np.where(empty, 0.0, 1.0 if weights is None else weights)
        rng = check_random_state(self.random_state)
        as_the_rows_say = not isinstance(self.init_params, str) or self.init_params in AS_THEY_ARE
        setup = wiring.plan(
            rows,
            weights,
            incomplete=incomplete,
            n_components=self.n_components,
            covariance_type=self.covariance_type,
            reg_covar=0.0 if as_the_rows_say else None,
            variance_floor=None,
            prior=None,
            dead_components="keep",
            accelerate="none",
        )
        before = self._beliefs(setup.whole)
        n_rows = float(len(rows)) if weights is None else float(weights.sum())
        if continues:
            starts, bound = [self._previous(before)], float(self.lower_bound_)
        else:
            nothing = wiring.Given(None, None, None)
            found = wiring.starts(setup, self.init_params, nothing, self.n_init, rng)
            starts, bound = [before.after(each, n_rows) for each in found], -np.inf
        best = self._best(setup, starts, bound, rng)
        self._take(best, rows.dtype)
        one = 1.0 if weights is None else n_rows / np.count_nonzero(weights)
        self.n_components_ = int(np.count_nonzero(self.counts_ >= one))
        self._draws = rng.randint(2**31, size=4)
        if best.outcome is Outcome.max_iter:
            warnings.warn(NOT_CONVERGED, ConvergenceWarning, stacklevel=2)
        return self

    def _beliefs(self, whole: Mixture) -> Beliefs:
        """What is believed beforehand."""
        found = beliefs(
            whole,
            covariance_type=self.covariance_type,
            n_components=self.n_components,
            concentration_type=self.weight_concentration_prior_type,
            concentration=self.weight_concentration_prior,
            discount=self.discount,
            precision_type=self.precision_prior_type,
            mean=self.mean_prior,
            mean_precision=self.mean_precision_prior,
            degrees_of_freedom=self.degrees_of_freedom_prior,
            covariance=self.covariance_prior,
            reg_covar=self.reg_covar,
        )
        self.weight_concentration_prior_ = found.weights.alpha
        self.mean_precision_prior_ = found.mean_precision
        self.mean_prior_ = found.mean
        self.degrees_of_freedom_prior_ = found.degrees_of_freedom
        self.covariance_prior_ = shown(found.scale, self.covariance_type)
        return found

    def _previous(self, before: Beliefs) -> Posterior:
        """The posterior of the last fit, to continue from."""
        last = self.posterior_
        k, d = last.means.shape
        if (k, d) != (self.n_components, len(before.mean)):
            raise ValueError(
                f"warm_start continues a fit with {k} components and {d} features, but "
                f"{self.n_components} and {len(before.mean)} are asked for: use a new estimator, "
                "or warm_start=False"
            )
        if last.covariance.name != self.covariance_type:
            raise ValueError(
                f"warm_start continues a fit with {last.covariance.name} covariances, but "
                f"{self.covariance_type} are asked for: use a new estimator, or warm_start=False"
            )
        return replace(last, beliefs=before)

    def _best(
        self,
        setup: wiring.Plan,
        starts: list[Posterior],
        bound: float,
        rng: np.random.RandomState,
    ) -> Ascent:
        """The best of the runs from several starts, and where moves lead from its end."""
        runs: list[Ascent] = []
        for number, start in enumerate(starts):
            told = _Told(self.verbose, self.verbose_interval, f"Initialization {number}")
            runs.append(self._run(start, setup.expect(), self.max_iter, bound, told))
            told.end(runs[-1])
        best = max(runs, key=lambda run: run.bound)
        if not self.moves or self.n_components == 1 or best.outcome is not Outcome.converged:
            return best
        told = _Told(self.verbose, self.verbose_interval, "Moves")
        block = completion.filled(setup.data.sample(SAMPLE, rng), setup.whole, rng)
        expect = setup.expect()
        best = improved(
            best,
            expect,
            block,
            lambda start, passes, bound: self._run(start, expect, passes, bound, told),
            tol=max(self.tol, RELATIVE[setup.rows.dtype == np.float32] * abs(best.bound)),
            max_iter=self.max_iter,
        )
        told.end(best)
        return best

    def _run(
        self, start: Posterior, expect: Expect, max_iter: int, bound: float, told: "_Told"
    ) -> Ascent:
        """One run to its end."""
        plain = self.accelerate == "none" or self.n_components == 1
        accelerate: Accelerator = Plain() if plain else Squarem()
        return ascend(
            start.sorted() if self.moves else start,
            expect,
            accelerate=accelerate,
            rest=stands_still if plain else little_to_gain,
            tol=self.tol,
            max_iter=max_iter,
            objective=bound,
            sort=self.moves,
            watch=told.iteration,
        )

    def _take(self, run: Ascent, dtype: np.dtype[Any]) -> None:
        """Set the fitted attributes."""
        posterior = run.posterior
        kind = np.dtype(np.float32 if dtype == np.float32 else np.float64)
        covariance = posterior.covariance
        self.posterior_ = posterior
        self.predictive_ = posterior.predictive()
        self.counts_ = posterior.counts
        self.weights_ = posterior.beliefs.weights.mean(posterior.counts).astype(kind)
        self.means_ = posterior.means.astype(kind)
        self.covariances_ = covariance.values.astype(kind)
        self.precisions_ = covariance.precisions().astype(kind)
        self.precisions_cholesky_ = covariance.precisions_cholesky().astype(kind)
        self.weight_concentration_ = posterior.beliefs.weights.parameters(posterior.counts)
        self.mean_precision_ = posterior.mean_precision
        nu = posterior.degrees_of_freedom
        shared = posterior.beliefs.family.moment is POOLED
        self.degrees_of_freedom_: Any = float(nu[0]) if shared else nu
        self.converged_ = run.outcome is Outcome.converged
        self.n_iter_ = len(run.history)
        self.lower_bound_ = run.bound
        self.remaining_gain_ = run.remaining
        self._history = tuple(run.history)

    @property
    def history_(self) -> list[Iteration]:
        """One record for each iteration of the best run."""
        check_is_fitted(self, "_history")
        return list(self._history)

    @property
    def lower_bounds_(self) -> list[float]:
        """The bound in each iteration of the best run."""
        return [record.objective for record in self.history_]

    @property
    def mixture_(self) -> Mixture:
        """The mixture of posterior means, in float64."""
        check_is_fitted(self)
        return self.posterior_.mixture

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Fit, then label the same rows: exactly ``fit(X).predict(X)``.

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

    # New rows

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a posterior."""
        return hasattr(self, "posterior_")

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, X: Any) -> tuple[NDArray[Any], bool]:
        check_is_fitted(self)
        return read_rows(self, X, reset=False)

    def _each_row(self, X: Any, kernel: Any) -> NDArray[Any]:
        rows, incomplete = self._rows(X)
        result = Memory(rows, incomplete=incomplete).map(kernel, self.predictive_)
        if rows.dtype == np.float32 and result.dtype == np.float64:
            return result.astype(np.float32)
        return result

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The likeliest component of each row: that of the largest `predict_proba`.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array of int, shape (n,)
        """
        return self._each_row(X, prediction.labels)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each component for each row, as one that is new.

        It is the component's part of the predictive density of `score_samples`. The memberships of
        the fit, which scikit-learn gives, take the expected logarithm of the density in its place;
        they are ``posterior_.surrogate.responsibilities(X)``.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, K)
        """
        return self._each_row(X, prediction.responsibilities)

    def score_samples(self, X: Any) -> NDArray[Any]:
        """The log predictive density of each row, in nats.

        The parameters are integrated out over the posterior: each component is a t distribution
        [@Bishop2006], and the density of all rows that there may be integrates to one. Of a
        process it is that given that the row belongs to one of the K components. scikit-learn gives
        the logarithm of what is no density here.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
        """
        return self._each_row(X, prediction.log_density)

    def score(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """The mean log predictive density of rows, in nats per row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
        """
        rows, incomplete = self._rows(X)
        weights = read_weights(sample_weight, len(rows))
        data = Memory(rows, weights, incomplete=incomplete)
        total, n_rows = data.fold(prediction.likelihood_of, self.predictive_).tolist()
        return total / n_rows

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw new rows from the predictive density, each by itself.

        Successive calls draw different rows; after a fit with a fixed ``random_state`` the whole
        sequence of calls is reproducible.

        Parameters
        ----------
        n_samples : int, default 1
        random_state : int, Generator, RandomState or None, default None
            Draw with this instead; the same int draws the same rows.

        Returns
        -------
        X : array, shape (n_samples, D)
        y : array of int, shape (n_samples,)
            The component of each row; rows come sorted by it, as in scikit-learn.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one "
                "sample."
            )
        return self.predictive_.sample(n_samples, self._generator(random_state))

    def _generator(self, random_state: Any) -> np.random.Generator:
        asked = random_numbers.asked_for(random_state)
        if asked is not None:
            return asked
        if not isinstance(self._draws, np.random.Generator):  # the seed of one
            self._draws = np.random.default_rng(self._draws)
        return self._draws


class _Told:
    """What ``verbose`` prints, in scikit-learn's words."""

    def __init__(self, verbose: int, interval: int, what: str) -> None:
        self.verbose, self.interval, self.what = verbose, interval, what
        self.began = self.last = perf_counter()
        if verbose:
            print(what)

    def iteration(self, i: int, record: Iteration) -> None:
        """One line every so many iterations."""
        if not self.verbose or i % self.interval:
            return
        if self.verbose == 1:
            print(f"  Iteration {i}")
            return
        now = perf_counter()
        print(
            f"  Iteration {i}\t time lapse {now - self.last:.5f}s\t ll change {record.change:.5f}"
        )
        self.last = now

    def end(self, run: Ascent) -> None:
        """How the run ended."""
        if not self.verbose:
            return
        state = "converged" if run.outcome is Outcome.converged else "did not converge"
        line = f"{self.what.split()[0]} {state}."
        if self.verbose > 1:
            line += f" time lapse {perf_counter() - self.began:.5f}s\t lower bound {run.bound:.5f}."
        print(line)
