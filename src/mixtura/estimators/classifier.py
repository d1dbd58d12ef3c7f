"""`GaussianMixtureClassifier`: discriminant analysis, each class a mixture."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.estimators.choosing import affordable, chosen, numbers, read_families, usual
from mixtura.estimators.mixture import NOT_CONVERGED, GaussianMixture
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.estimators.targets import read_classes
from mixtura.learn import expectation, initial, selection
from mixtura.learn.classes import class_step, em_classes
from mixtura.learn.prior import Penalty
from mixtura.model.collinear import steadied
from mixtura.model.covariance import SPELLINGS
from mixtura.model.mixture import Mixture
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

MODELS = ("MclustDA", "EDDA")

LITTLE = 1e-3
"""The share of a class in a row below which the row has no part in choosing for the class."""


@dataclass(frozen=True)
class _Rows:
    """What a fit reads: rows of positive weight, and the class of each, -1 where it has none."""

    x: NDArray[Any]
    weights: Array | None
    codes: Codes
    n_classes: int
    incomplete: bool

    @property
    def total(self) -> float:
        """The rows, as often as they weigh."""
        return float(len(self.x)) if self.weights is None else float(self.weights.sum())

    @property
    def counts(self) -> Array:
        """The weight of the rows of each class, (C,)."""
        known = self.codes >= 0
        w = None if self.weights is None else self.weights[known]
        found = np.bincount(self.codes[known], weights=w, minlength=self.n_classes)
        return np.asarray(found, dtype=np.float64)

    @property
    def data(self) -> Memory:
        """The same for `fold`."""
        return Memory(self.x, self.weights, self.codes, incomplete=self.incomplete)


@dataclass(frozen=True)
class _Fitted:
    """Mixtures and shares of the classes, and how they came about."""

    mixtures: tuple[Mixture, ...]
    prior: Array  # (C,)
    n_parameters: int
    converged: bool
    n_iter: int

    def bic(self, rows: _Rows) -> float:
        """Of rows and of what classes are known."""
        with np.errstate(divide="ignore"):
            found = rows.data.fold(class_step, self.mixtures, np.log(self.prior))
        return selection.bic(found.log_likelihood, self.n_parameters, rows.total)


class GaussianMixtureClassifier(ClassifierMixin, BaseEstimator):
    """Discriminant analysis by Gaussian mixtures [@HastieTibshirani1996] [@FraleyRaftery2002].

    Each class is a mixture, and a row belongs to the class under which it is likeliest, weighed by
    the shares of the classes. With ``model="MclustDA"`` each class has a number of components and a
    family of its own, chosen by BIC. With ``model="EDDA"`` each class is one Gaussian, and all are
    of one family, chosen by BIC [@BensmailCeleux1996]: "full" is quadratic discriminant analysis,
    "tied" linear, "diag" Gaussian naive Bayes.

    Rows without a class take part in the fit: their class is what EM does not know
    [@Dempster1977]. Sizes and families are then those of the smallest BIC of all rows, among a few
    ways to find them. Such rows help where classes are like the mixtures that they are fitted by,
    and can do harm where they are not.

    Covariances are kept from collapsing by a penalty that follows the scale of the rows within
    classes [@ChenTan2009].

    Missing numbers are NaN, in the fit and after it; they are left out exactly.

    Parameters
    ----------
    n_components : int or "auto", default "auto"
        K of each class; "auto" takes the number with the smallest BIC, class by class. With "EDDA"
        it is 1.
    covariance_type : str or sequence of str, default "auto"
        As in `GaussianMixture`; of several, the one with the smallest BIC. "all" is mclust's
        fourteen, and "auto" the same, but "full", "tied", "diag" and "spherical" where numbers are
        missing or rows are very many. With "MclustDA", "tied" is one matrix for the components of
        a class, with "EDDA" one for all classes.
    model : {"MclustDA", "EDDA"}, default "MclustDA"
    class_prior : array-like, shape (C,), optional
        Shares of the classes, in the order of ``classes_``; those of the fit, if not given. They
        hold in the fit too, where it matters, but not with "EDDA".
    max_components : int, default 5
        With "auto": the largest number tried.
    unlabelled : int, str or None, default -1
        What stands in y for no class, beside NaN and None, which always do. Where but one class
        is left without it, it is a class itself. None: nothing else.
    tol, reg_covar, max_iter, n_init, init_params
        As in `GaussianMixture`. ``reg_covar=0`` gives the maximum-likelihood estimates of textbooks
        for "EDDA".
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    classes_ : array, shape (C,)
    mixtures_ : list of Mixture
        One for each class.
    class_prior_ : array, shape (C,)
    n_components_ : list of int
    covariance_types_ : list of str
    bic_ : float
        Of rows and classes together; of rows alone where the class is not known. Smaller is better.
    converged_ : bool
    n_iter_ : int
        Passes of the longest fit that was kept.
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixtureClassifier
    >>> rng = np.random.default_rng(0)
    >>> ring = rng.normal(size=(300, 2))
    >>> ring *= 3 / np.linalg.norm(ring, axis=1)[:, None]
    >>> X = np.concatenate([ring + 0.3 * rng.normal(size=(300, 2)), rng.normal(size=(300, 2))])
    >>> y = np.repeat(["ring", "middle"], 300)
    >>> y = np.where(rng.random(600) < 0.8, None, y)  # one row of five has a label
    >>> model = GaussianMixtureClassifier(random_state=0).fit(X, y)
    >>> model.predict([[0.0, 0.0], [0.0, 3.0], [np.nan, 3.2]])
    array(['middle', 'ring', 'ring'], dtype=object)
    >>> model.predict_proba([[0.0, 0.0]]).round(2)
    array([[1., 0.]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "covariance_type": [StrOptions({"auto", "all", *SPELLINGS}), list, tuple],
        "model": [StrOptions({*MODELS})],
        "class_prior": ["array-like", None],
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "unlabelled": [Integral, str, None],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*wiring.STARTS}), callable],
        "random_state": ["random_state"],
    }

    classes_: NDArray[Any]

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str | Sequence[str] = "auto",
        model: str = "MclustDA",
        class_prior: ArrayLike | None = None,
        max_components: int = 5,
        unlabelled: int | str | None = -1,
        tol: float = 1e-3,
        reg_covar: float | None = None,
        max_iter: int = 300,
        n_init: int = 1,
        init_params: Any = "merge",
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.model = model
        self.class_prior = class_prior
        self.max_components = max_components
        self.unlabelled = unlabelled
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classes to rows.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : array-like, shape (n,)
            Classes: numbers or text. None, NaN or ``unlabelled`` where the class is not known.
        sample_weight : array-like, shape (n,), optional
            Row weights: an integer weight is the same as that many equal rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used, or there is but one class; the message says where and why.

        Warns
        -----
        ConvergenceWarning
            If a fit that is kept used all of ``max_iter``.
        """
        if self.model == "EDDA" and self.n_components not in (1, "auto"):
            raise ValueError(
                f"model='EDDA' has one Gaussian for each class, but n_components is "
                f"{self.n_components}: leave it out, or use model='MclustDA'"
            )
        x, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(x))
        if incomplete:
            check_observed(x, getattr(self, "feature_names_in_", None), weights)
        classes, codes = read_classes(self, y, x, self.unlabelled)
        if weights is not None and not weights.all():
            present = weights > 0
            x, weights, codes = x[present], weights[present], codes[present]
            left = np.unique(codes[codes >= 0])
            classes, codes = classes[left], np.where(codes < 0, -1, np.searchsorted(left, codes))
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs rows of at least 2 classes, but those of positive "
                f"weight are all of class {[*classes.tolist()]}"
            )
        rows = _Rows(x, weights, codes, len(classes), incomplete)
        given = None if self.class_prior is None else _prior(self.class_prior, len(classes))
        rng = check_random_state(self.random_state)
        found = self._one_each(rows, rng) if self.model == "EDDA" else self._own(rows, given, rng)
        self.classes_ = classes
        self.mixtures_ = [steadied(mixture, x.shape[1]) for mixture in found.mixtures]
        self.class_prior_ = found.prior if given is None else given
        self.n_components_ = [mixture.n_components for mixture in found.mixtures]
        self.covariance_types_ = [mixture.covariance.name for mixture in found.mixtures]
        self.bic_ = found.bic(rows)
        self.converged_, self.n_iter_ = found.converged, found.n_iter
        if not self.converged_:
            warnings.warn(NOT_CONVERGED, ConvergenceWarning, stacklevel=3)
        return self

    def _one_each(self, rows: _Rows, rng: np.random.RandomState) -> _Fitted:
        """One Gaussian for each class, all of one family."""
        c, d = rows.n_classes, rows.x.shape[1]
        families = self._families(rows.x)
        allowed = affordable([(c, family) for family in families], d, rows.total)
        options: dict[str, Any] = self._options | {"random_state": int(rng.randint(2**31))}
        if self.reg_covar is None:
            options["prior"] = Penalty(_within(rows), rows.total**-0.5)
        best: tuple[float, _Fitted] | None = None
        for _, family in [each for each in ((c, f) for f in families) if each in allowed]:
            model = GaussianMixture(c, covariance_type=family, **options)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # told of by `fit`
                model.fit(rows.x, sample_weight=rows.weights, labels=rows.codes)
            whole = model.mixture_
            each = tuple(whole.rearranged([k]) for k in range(c))
            size = whole.n_parameters
            fit = _Fitted(each, whole.weights, size, model.converged_, model.n_iter_)
            bic = fit.bic(rows)
            if best is None or bic < best[0]:
                best = bic, fit
        assert best is not None
        return best[1]

    def _own(self, rows: _Rows, given: Array | None, rng: np.random.RandomState) -> _Fitted:
        """A mixture of its own size and family for each class."""
        spread = None if self.reg_covar is not None else _within(rows)
        known = (rows.codes == np.arange(rows.n_classes)[:, None]).astype(np.float64)
        models = self._chosen(rows, known, spread, rng)
        prior = rows.counts / rows.counts.sum()
        mixtures = tuple(model.mixture_ for model in models)
        if (rows.codes >= 0).all():
            converged = all(model.converged_ for model in models)
            n_iter = max(model.n_iter_ for model in models)
            return _Fitted(mixtures, prior, _size(mixtures), converged, n_iter)
        # Rows with a class may be too few to tell sizes and families. One Gaussian for each class
        # says of which class others are; with what it says, all rows choose.
        found = [self._ended(rows, mixtures, prior, given, spread)]
        one = self._one_each(rows, rng)
        if 1 in numbers(self.n_components, self.max_components):
            found.append(self._ended(rows, one.mixtures, one.prior, given, spread))
            one = found[-1]
        shares = normalise(_joint(rows.x, rows.incomplete, one.mixtures, one.prior))[1]
        shares = np.where(rows.codes < 0, shares, known)
        mixtures = tuple(m.mixture_ for m in self._chosen(rows, shares, spread, rng))
        found.append(self._ended(rows, mixtures, one.prior, given, spread))
        return min(found, key=lambda fit: fit.bic(rows))

    def _chosen(
        self, rows: _Rows, shares: Array, spread: Array | None, rng: np.random.RandomState
    ) -> list[GaussianMixture]:
        """Fits of the classes, each row being a share of each, (C, n); BIC says of what size."""
        models: list[GaussianMixture] = []
        for share in shares:
            mine = np.flatnonzero(share > LITTLE)
            w = share[mine] if rows.weights is None else share[mine] * rows.weights[mine]
            options: dict[str, Any] = self._options | {"random_state": int(rng.randint(2**31))}
            if spread is not None:
                options["prior"] = Penalty(spread, float(w.sum()) ** -0.5)
            if len(mine) == 1:  # a row twice, each half of it
                mine, w = np.repeat(mine, 2), np.repeat(0.5 * w, 2)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # told of by `fit`
                model = chosen(
                    rows.x[mine],
                    w,
                    numbers=numbers(self.n_components, self.max_components),
                    families=self._families(rows.x[mine]),
                    options=options,
                )
            models.append(model)
        return models

    def _ended(
        self,
        rows: _Rows,
        start: tuple[Mixture, ...],
        prior: Array,
        given: Array | None,
        spread: Array | None,
    ) -> _Fitted:
        """What a mixture for each class becomes with all rows."""
        fit = em_classes(
            rows.data,
            start,
            prior if given is None else given,
            [self._plan(rows, mixture, spread).maximize for mixture in start],
            fixed=given is not None,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        n_iter = len(fit.objectives)
        return _Fitted(fit.mixtures, fit.prior, _size(fit.mixtures), fit.converged, n_iter)

    def _plan(self, rows: _Rows, mixture: Mixture, spread: Array | None) -> wiring.Plan:
        """How a mixture is fitted to all rows."""
        return wiring.plan(
            rows.x,
            rows.weights,
            incomplete=rows.incomplete,
            n_components=mixture.n_components,
            covariance_type=mixture.covariance.name,
            reg_covar=self.reg_covar,
            variance_floor=None,
            prior=None if spread is None else Penalty(spread, rows.total**-0.5),
            dead_components="keep",
            accelerate="none",
        )

    def _families(self, x: NDArray[Any]) -> Sequence[str]:
        """Those that are tried for some rows."""
        given = self.covariance_type
        if isinstance(given, str) and given == "auto":
            return usual(x)
        return read_families(given, "covariance_type")

    @property
    def _options(self) -> dict[str, Any]:
        names = ("tol", "reg_covar", "max_iter", "n_init", "init_params")
        return {name: getattr(self, name) for name in names}

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
        """
        joint = self._joint(X)
        return self.classes_[joint.argmax(axis=0)]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class for each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, C)
            In the order of ``classes_``.
        """
        return np.ascontiguousarray(normalise(self._joint(X))[1].T)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of the probability of each class for each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, C)
            Also of probabilities that are too small to be numbers.
        """
        joint = self._joint(X)
        return np.ascontiguousarray((joint - normalise(joint.copy())[0]).T)

    def _joint(self, X: Any) -> Array:
        """The log density of each class and row, (C, n)."""
        check_is_fitted(self)
        rows, incomplete = read_rows(self, X, reset=False)
        return _joint(rows, incomplete, self.mixtures_, self.class_prior_)

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _joint(x: NDArray[Any], incomplete: bool, mixtures: Sequence[Mixture], prior: Array) -> Array:
    """The log density of each class and row, (C, n)."""
    data = Memory(x, incomplete=incomplete)
    with np.errstate(divide="ignore"):
        log_prior = np.log(prior)
    found = np.empty((len(mixtures), len(x)))
    for c, mixture in enumerate(mixtures):
        found[c] = data.map(expectation.log_density, mixture) + log_prior[c]
    return found


def _size(mixtures: Sequence[Mixture]) -> int:
    """Parameters of classes with nothing in common, and of their shares."""
    return sum(mixture.n_parameters for mixture in mixtures) + len(mixtures) - 1


def _within(rows: _Rows) -> Array:
    """What keeps the covariances of classes from collapsing: that of the rows within classes.

    That of all rows where too few have a class. It is neither too wide where classes lie far apart,
    nor too narrow where a class has few rows or never varies in some column.
    """
    d = rows.x.shape[1]
    if np.count_nonzero(rows.codes >= 0) <= rows.n_classes + d:
        return initial.total(rows.data).covariances[0]
    found = np.zeros((d, d))
    for c, count in enumerate(rows.counts):
        mine = rows.codes == c
        w = None if rows.weights is None else rows.weights[mine]
        part = Memory(rows.x[mine], w, incomplete=rows.incomplete)
        found += count * initial.total(part).covariances[0]
    return found / rows.counts.sum()


def _prior(given: ArrayLike, n_classes: int) -> Array:
    """Shares of the classes as they were given, checked."""
    prior = np.asarray(given, dtype=np.float64)
    if prior.shape != (n_classes,):
        raise ValueError(
            f"class_prior must have shape ({n_classes},), one share for each class, but has shape "
            f"{prior.shape}"
        )
    if not (prior >= 0).all() or abs(prior.sum() - 1.0) > 1e-6:
        raise ValueError(f"class_prior must not be negative and add to 1, but is {prior.tolist()}")
    return prior / prior.sum()
