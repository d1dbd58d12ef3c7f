"""`GaussianMixtureOutlierDetector`: rows of low density, with a threshold that means something."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.estimators.choosing import MOST, chosen, numbers
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.learn.calibration import Reference, Scale, drawn_scores
from mixtura.model.collinear import steadied
from mixtura.model.covariance import SPELLINGS
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

DRAWS = 100_000
"""Rows drawn from the mixture, where it is itself the measure."""


class GaussianMixtureOutlierDetector(OutlierMixin, BaseEstimator):
    """Outliers as rows of low density under a Gaussian mixture.

    The score of a row is its log density. What score is too low is a matter of calibration: by
    conformal prediction, with rows that were held out of the fit [@Vovk2005]; by the model, of
    whose own rows a share of ``level`` scores lower; or, as in scikit-learn's detectors, so that a
    share of ``contamination`` of the training rows are outliers.

    The conformal threshold raises false alarms at a rate of at most ``level``, whatever the
    distribution of the rows, if training rows and new ones are exchangeable: on average over
    training tables, not for each of them. The model's threshold is as good as the model: new rows
    lie farther from it than those that it was fitted to, and much farther where it has nearly as
    many parameters as there were rows.

    Missing numbers are NaN. A row with gaps is held against rows of the mixture with the same gaps,
    and scored as a whole row that is as rare; each pattern of gaps costs about a millisecond.

    Parameters
    ----------
    n_components : int or "auto", default "auto"
        K; "auto" takes the number with the smallest BIC.
    covariance_type : str, default "full"
        As in `GaussianMixture`.
    max_components : int, default 10
        With "auto": the largest number tried.
    method : {"conformal", "model"}, default "conformal"
        What p-values, and with ``contamination="auto"`` the threshold, are calibrated by.
    level : float in (0, 0.5], default 0.05
        The rate of false alarms.
    contamination : "auto" or float in (0, 0.5], default "auto"
        A number: that share of the training rows are outliers, whatever ``level`` is.
    calibration_share : float in (0, 1), default 0.3
        With "conformal": the share of rows that are held out. 1 / level - 1 of them at the least,
        or nothing is ever an outlier.
    tol, reg_covar, max_iter, n_init, init_params
        As in `GaussianMixture`.
    random_state : int, RandomState or None, default None
        Of the fit, of the rows held out, and of the rows drawn from the mixture.

    Attributes
    ----------
    mixture_ : Mixture
    n_components_ : int
    offset_ : float
        The threshold: ``decision_function`` is ``score_samples`` less it.
    calibration_scores_ : array
        Scores that p-values are taken against, in rising order.
    bic_ : float
        On the rows of the fit.
    converged_ : bool
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixtureOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(300, 2)), rng.normal(9.0, 0.5, size=(300, 2))])
    >>> detector = GaussianMixtureOutlierDetector(random_state=0).fit(X)
    >>> detector.predict([[0.0, 1.0], [4.5, 4.5], [9.0, 9.5], [np.nan, 4.5]])
    array([ 1, -1,  1, -1])
    >>> bool(detector.p_values([[4.5, 4.5]])[0] < 0.01)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "covariance_type": [StrOptions({*SPELLINGS})],
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"conformal", "model"})],
        "level": [Interval(Real, 0.0, 0.5, closed="right")],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0.0, 0.5, closed="right")],
        "calibration_share": [Interval(Real, 0.0, 1.0, closed="neither")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*wiring.STARTS}), callable],
        "random_state": ["random_state"],
    }

    mixture_: Mixture

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str = "full",
        max_components: int = MOST,
        method: str = "conformal",
        level: float = 0.05,
        contamination: float | str = "auto",
        calibration_share: float = 0.3,
        tol: float = 1e-3,
        reg_covar: float | None = None,
        max_iter: int = 300,
        n_init: int = 1,
        init_params: Any = "merge",
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.max_components = max_components
        self.method = method
        self.level = level
        self.contamination = contamination
        self.calibration_share = calibration_share
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to rows, and find the threshold.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional
            Row weights: an integer weight is the same as that many equal rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used; the message says where and why.

        Warns
        -----
        ConvergenceWarning
            If the fit that is kept used all of ``max_iter``.
        UserWarning
            If too few rows are held out for anything to be an outlier at that level.
        """
        rows, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        if incomplete:
            check_observed(rows, getattr(self, "feature_names_in_", None), weights)
        rng = check_random_state(self.random_state)
        held_out = self._held_out(len(rows), weights, rng)
        fitted = slice(None) if held_out is None else ~held_out
        options = {
            name: getattr(self, name)
            for name in ("tol", "reg_covar", "max_iter", "n_init", "init_params")
        }
        own = None if weights is None else weights[fitted]
        model = chosen(
            rows[fitted],
            own,
            numbers=numbers(self.n_components, self.max_components),
            families=[self.covariance_type],
            options=options | {"random_state": rng.randint(2**31)},
        )
        self.mixture_ = steadied(model.mixture_, rows.shape[1])
        self.n_components_ = self.mixture_.n_components
        self.bic_ = model.bic(rows[fitted], own)
        self.converged_ = model.converged_
        self.n_iter_ = model.n_iter_
        self._scale = Scale(self.mixture_, int(rng.randint(2**31)))
        self._reference = self._ordinary(rows, weights, incomplete, held_out, rng)
        self.calibration_scores_ = self._reference.scores
        if isinstance(self.contamination, str):  # "auto"
            self.offset_ = self._reference.threshold(self.level)
        else:
            training = Reference.of(self._scores(rows, incomplete), weights)
            self.offset_ = training.percentile(self.contamination)
        if self.offset_ == -np.inf:
            warnings.warn(
                f"{len(self.calibration_scores_)} rows are held out, too few for any row to be an "
                f"outlier at a level of {self.level:g}: bring more rows, or raise level or "
                "calibration_share",
                UserWarning,
                stacklevel=3,
            )
        return self

    def _held_out(
        self, n_rows: int, weights: Array | None, rng: np.random.RandomState
    ) -> NDArray[np.bool_] | None:
        """Which rows are kept from the fit; None if all are for it."""
        if self.method != "conformal":
            return None
        present = np.arange(n_rows) if weights is None else np.flatnonzero(weights)
        n = round(self.calibration_share * len(present))
        n = min(max(n, 1), len(present) - 2)
        if n < 1:
            raise ValueError(
                f"method='conformal' fits to some rows and holds others out, and there are "
                f"n_samples = {len(present)}: bring at least 3, or use method='model'"
            )
        found = np.zeros(n_rows, dtype=np.bool_)
        found[rng.permutation(present)[:n]] = True
        return found

    def _ordinary(
        self,
        rows: NDArray[Any],
        weights: Array | None,
        incomplete: bool,
        held_out: NDArray[np.bool_] | None,
        rng: np.random.RandomState,
    ) -> Reference:
        """Scores to hold others against: of rows held out, or of rows of the mixture."""
        if held_out is None:
            draws = np.random.default_rng(rng.randint(2**31, size=4))
            return Reference.of(drawn_scores(self.mixture_, DRAWS, draws))
        own = None if weights is None else weights[held_out]
        return Reference.of(self._scores(rows[held_out], incomplete), own)

    def score_samples(self, X: Any) -> Array:
        """The log density of each row, in nats; the lower, the odder.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
            With gaps, the log density of whole rows that are as rare.
        """
        check_is_fitted(self)
        return self._scores(*read_rows(self, X, reset=False))

    def decision_function(self, X: Any) -> Array:
        """The score less the threshold: below zero for outliers.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Which rows are outliers.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array of int, shape (n,)
            -1 for outliers, 1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> Array:
        """How rare a score as low as that of each row is.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
            Above 0, and at most 1: (1 + m) / (1 + n), where m of n scores are no higher: scores of
            rows of the mixture, or of rows held out. With ``contamination="auto"`` outliers are
            the rows with a p-value of at most ``level``.
        """
        return self._reference.p_values(self.score_samples(X))

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _scores(self, rows: NDArray[Any], incomplete: bool) -> Array:
        return self._scale.scores(Memory(rows, incomplete=incomplete), rows, incomplete)
