"""`GaussianMixtureRegressor`: regression by conditioning a mixture on the inputs."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.estimators.choosing import MOST, chosen, numbers
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.estimators.targets import read_numbers
from mixtura.learn import selection
from mixtura.learn.expectation import likelihood_of
from mixtura.learn.regression import expected
from mixtura.model.collinear import steadied
from mixtura.model.conditionals import Conditionals, given_rows
from mixtura.model.conditioning import Conditional, checked_levels
from mixtura.model.covariance import EII, SPELLINGS, Spherical
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]


class GaussianMixtureRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Gaussian mixture regression [@GhahramaniJordan1994].

    One mixture is fitted to inputs and outputs together. Given the inputs of a row, the outputs
    have a distribution, a mixture again: its mean is the prediction, and its spread, quantiles and
    draws are to be had as well. The mean follows curves, and the spread may change from place to
    place. With one component it is linear regression.

    Units do not matter: columns of inputs and outputs may have any scale. Far from all training
    rows the prediction is the regression line of whichever component is nearest;
    ``predict_distribution(X).distances()`` says how far that is.

    Parameters
    ----------
    n_components : int or "auto", default "auto"
        K; "auto" takes the number with the smallest BIC of outputs given inputs: more components
        that describe the inputs alone are of no use here.
    covariance_type : str, default "full"
        As in `GaussianMixture`. Inside a component, "diag", "spherical" and
        others of independent features predict a constant.
    max_components : int, default 10
        With "auto": the largest number tried. The search ends sooner where two numbers in a row
        are worse than the best.
    tol, reg_covar, max_iter, n_init, init_params
        As in `GaussianMixture`, for inputs and outputs together.
    random_state : int, RandomState or None, default None

    Attributes
    ----------
    mixture_ : Mixture
        Inputs first, then outputs.
    n_components_ : int
    n_outputs_ : int
    bic_ : float
        Of outputs given inputs; smaller is better. What counts are the lines and spreads of the
        outputs, and D + 1 parameters for each further component: where it takes over from others.
    converged_ : bool
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixtureRegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-3, 3, size=(1000, 1))
    >>> y = np.abs(x[:, 0]) + 0.1 * rng.normal(size=1000)
    >>> model = GaussianMixtureRegressor(random_state=0).fit(x, y)
    >>> mean, std = model.predict([[-2.0], [2.0], [np.nan]], return_std=True)
    >>> mean.round(1)
    array([2. , 2. , 1.5])
    >>> bool(std[2] > 3 * std[0])
    True
    >>> low, high = model.predict_quantile([[2.0]], [0.05, 0.95])[0]
    >>> bool(low < 2.0 < high)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "covariance_type": [StrOptions({*SPELLINGS})],
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*wiring.STARTS}), callable],
        "random_state": ["random_state"],
    }

    mixture_: Mixture
    n_features_in_: int

    def __init__(
        self,
        n_components: int | str = "auto",
        *,
        covariance_type: str = "full",
        max_components: int = MOST,
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
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to inputs and outputs.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            Missing numbers are NaN.
        y : array-like or table, shape (n,) or (n, m)
            Missing numbers are NaN: such rows still tell of the inputs, and of other outputs.
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
        """
        rows, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        if incomplete:
            check_observed(rows, getattr(self, "feature_names_in_", None), weights)
        targets = read_numbers(self, y, rows)
        joint = np.column_stack([rows, targets])
        options = {
            name: getattr(self, name)
            for name in ("tol", "reg_covar", "max_iter", "n_init", "init_params")
        }
        data = Memory(joint, weights, incomplete=bool(np.isnan(joint).any()))
        inputs = Memory(rows, weights, incomplete=incomplete)
        says = ~np.isnan(targets.reshape(len(rows), -1)).all(axis=1)
        n_rows = float(says.sum() if weights is None else weights[says].sum())

        def bic(model: GaussianMixture) -> float:
            whole = model.mixture_
            part = whole.marginal(np.arange(rows.shape[1]))
            found = data.fold(likelihood_of, whole)[0] - inputs.fold(likelihood_of, part)[0]
            return selection.bic(float(found), _n_parameters(whole, rows.shape[1]), n_rows)

        model = chosen(
            joint,
            weights,
            numbers=numbers(self.n_components, self.max_components),
            families=[self.covariance_type],
            options=options | {"random_state": self.random_state},
            criterion=bic,
        )
        self._flat = targets.ndim == 1
        self.n_outputs_ = 1 if self._flat else targets.shape[1]
        self.mixture_ = steadied(model.mixture_, rows.shape[1])
        self.n_components_ = self.mixture_.n_components
        self.bic_ = bic(model)
        self.converged_ = model.converged_
        self.n_iter_ = model.n_iter_
        return self

    @overload
    def predict(self, X: Any) -> Array: ...
    @overload
    def predict(self, X: Any, return_std: bool) -> Array | tuple[Array, Array]: ...
    def predict(self, X: Any, return_std: bool = False) -> Array | tuple[Array, Array]:
        """The mean of the outputs given the inputs.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            What is missing, being NaN, is left out of the condition; that is exact.
        return_std : bool, default False
            Whether the standard deviation of the outputs about that mean is wanted too.

        Returns
        -------
        mean : array, shape (n,) or (n, m)
        std : array of the same shape
            If asked for.
        """
        rows, incomplete = self._rows(X)
        if return_std:
            given = self._given(rows)
            variances = np.diagonal(given.total_covariance(), axis1=1, axis2=2)
            return self._shaped(given.mean), self._shaped(np.sqrt(variances))
        if not incomplete:
            return self._shaped(self._given(rows).mean)
        open_ends = np.full((len(rows), self.n_outputs_), np.nan)
        alone = [self.mixture_.rearranged([k]).matrices for k in range(self.n_components_)]
        data = Memory(np.column_stack([rows, open_ends]), incomplete=True)
        return self._shaped(data.map(expected, self.mixture_, alone, self._outputs))

    def predict_distribution(self, X: Any) -> Conditional[Mixture] | Conditionals[Mixture]:
        """The distribution of the outputs given the inputs, row by row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        Conditional or Conditionals
            With ``mean``, ``total_covariance()``, ``log_density(y)``, ``cdf``, ``quantile``,
            ``sample``, ``row(i)``; y as (n, m) also where there is one output, and outputs go by
            their columns in ``mixture_``: D, D + 1, ...
        """
        return self._given(self._rows(X)[0])

    def predict_quantile(self, X: Any, q: ArrayLike) -> Array:
        """Quantiles of each output given the inputs; exact to rounding.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        q : number or array-like, shape (Q,)
            Levels from 0 to 1.

        Returns
        -------
        array
            Of the shape of ``predict``, and for an array of levels with Q behind it.
        """
        levels = checked_levels(q)
        given = self._given(self._rows(X)[0])
        each = np.stack([given.quantile(levels, dim) for dim in given.dims], axis=1)
        return each[:, 0] if self._flat else each

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draws of the outputs given the inputs.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        n_samples : int, default 1
        random_state : int, RandomState, Generator or None, default 0

        Returns
        -------
        array, shape (n, n_samples) or (n, m, n_samples)
        """
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, but is {n_samples}")
        if isinstance(random_state, np.random.RandomState) or random_state is None:
            random_state = check_random_state(random_state).randint(2**31, size=4)
        rng = np.random.default_rng(random_state)
        given = self._given(self._rows(X)[0])
        draws = np.stack([given.sample(rng)[0] for _ in range(n_samples)], axis=2)
        return draws[:, 0] if self._flat else draws

    def __sklearn_tags__(self) -> Any:
        """Inputs may be missing; balls cannot lean towards a line."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.regressor_tags.poor_score = SPELLINGS.get(self.covariance_type) in (EII, Spherical)
        return tags

    @property
    def _outputs(self) -> NDArray[np.intp]:
        """The columns of the outputs in the mixture."""
        return np.arange(self.n_features_in_, self.n_features_in_ + self.n_outputs_)

    def _rows(self, X: Any) -> tuple[NDArray[Any], bool]:
        check_is_fitted(self)
        return read_rows(self, X, reset=False)

    def _given(self, rows: NDArray[Any]) -> Conditional[Mixture] | Conditionals[Mixture]:
        return given_rows(self.mixture_, rows.astype(np.float64), self._outputs)

    def _shaped(self, values: Array) -> Array:
        return values[:, 0] if self._flat else values


def _n_parameters(mixture: Mixture, n_inputs: int) -> int:
    """What of a mixture says how outputs follow inputs: lines, spreads, and who is where."""
    k, d = mixture.means.shape
    m = d - n_inputs
    form = mixture.covariance
    lines = 0 if form.independent else n_inputs * m
    lines *= 1 if form.letters.endswith("EE") else k
    spreads = mixture.covariance.marginal(np.arange(n_inputs, d)).n_free(k)
    return lines + k * m + spreads + (k - 1) * (n_inputs + 1)
