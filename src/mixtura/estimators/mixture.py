"""`GaussianMixture`: scikit-learn's class, with what it lacks."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from numbers import Integral, Real
from os import PathLike
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.batches import Batches
from mixtura.engines.memory import Memory, available_threads
from mixtura.engines.source import Source
from mixtura.estimators import batch, doors, passes, random_numbers, wiring
from mixtura.estimators import noise as noisy
from mixtura.estimators.answer import Answer
from mixtura.estimators.callbacks import CallbackSupportMixin, Observed, is_observed, with_callbacks
from mixtura.estimators.factors import FamilyName, check_factors, family_name
from mixtura.estimators.intervals import Intervals, intervals
from mixtura.estimators.known import read_groups, read_labels
from mixtura.estimators.record import Account
from mixtura.estimators.rows import check_observed, read_rows, read_weights
from mixtura.estimators.stability import Stability, stability
from mixtura.estimators.stream import Batch, Stream, is_enough
from mixtura.estimators.summary import Summary, summary
from mixtura.learn import selection
from mixtura.learn.acceleration import Plain
from mixtura.learn.brief import FAR, brief, is_brief, several
from mixtura.learn.compact import are_few, likelihood
from mixtura.learn.em import Expect, Fit, Iteration, Outcome, little_to_gain
from mixtura.learn.halving import Run, halving
from mixtura.learn.maximization import Maximization
from mixtura.learn.noise import NoisyFit
from mixtura.learn.prior import Prior
from mixtura.learn.truncation import BoundedFit, Truncation
from mixtura.model.covariance import Covariance, Subspaces, named
from mixtura.model.mixture import Mixture
from mixtura.model.noise import Noise, NoisyMixture

Array = NDArray[np.float64]

NOT_CONVERGED = (
    "Best performing initialization did not converge. "
    "Try different init parameters, or increase max_iter, "
    "tol, or check for degenerate data."
)

PLAIN = {int, float, str, bool, type(None)}

_CHECKED: dict[Any, None] = {}
"""Values of all parameters that were found right, with their types."""


def _is_seed(value: Any) -> bool:
    """Whether this is a number from which random numbers can be drawn, and nothing else."""
    return type(value) is int and 0 <= value < 2**32


def _learns_by_steps(model: "GaussianMixture") -> bool:
    """Whether there is `partial_fit`."""
    for name in ("noise", "truncation"):
        value = getattr(model, name)
        if value is not None and value is not False:
            raise AttributeError(f"partial_fit goes without {name}: leave it out")
    return True


class GaussianMixture(CallbackSupportMixin, DensityMixin, BaseEstimator):
    """A Gaussian mixture fitted by the EM algorithm [@Dempster1977].

    A drop-in for ``sklearn.mixture.GaussianMixture`` [@Pedregosa2011]: the same parameters,
    attributes, shapes and types. What is added: row weights, missing values, labels of some rows,
    groups of rows that stay together, `icl`, standard errors and other ways to judge a fit, starts
    from labels, responsibilities or a function, building from known parameters, a record of each
    iteration, and tables as input. Covariances are kept from collapsing by a penalty that follows
    the scale of the data; give ``reg_covar`` a number for scikit-learn's way.
    ``init_params="kmeans"`` and ``accelerate="none"`` give scikit-learn's start, steps and rule for
    stopping.

    NaN in rows is a missing value. Where values are missing at random, estimates are those that
    maximise the likelihood of what was observed [@GhahramaniJordan1994]; scores are of that, too.
    A row of which nothing was observed has log density 0 and the weights as its probabilities.

    Parameters
    ----------
    n_components : int, default 1
        K, the number of Gaussians.
    covariance_type : str, default "full"
        "full", each component its own matrix; "tied", one matrix for all; "diag", a variance for
        each feature; "spherical", one variance for each component. Or any of the fourteen forms
        of mclust, by its letters or in words, such as "VEV" or "equal shape": components may
        have volume, shape or orientation in common [@CeleuxGovaert1995]. The page on
        covariances has them all. Or one of twelve forms of factor analysers, for many columns:
        "UUU" (each component its own loadings and variances), "CCC", "UUC" (principal components)
        and others [@McNicholasMurphy2010]; "UUU:2" is "UUU" with ``n_factors=2``. Or subspaces,
        for very many [@Bouveyron2007]: "subspace", each component a few axes of its own and one
        variance beside them, or one of twelve forms by HDclassif's names, such as "AkBkQkDk". How
        many axes, Cattell's test says; "AkjBkQkDk:0.1" has another threshold than 0.2,
        "AkjBkQkDk:bic" takes BIC, and in "AkjBkQkD:3" all components have 3.
    tol : float, default 1e-3
        A run ends once less than this is predicted to be left to gain, in nats per row, twice
        running; never before the fifth pass. With ``accelerate="none"``: once the objective changed
        by less than this in the last iteration, as in scikit-learn. In both, 0 uses all of
        ``max_iter``.
    reg_covar : float or None, default None
        None: the affine-equivariant penalty of Chen and Tan, of strength n^-½ [@ChenTan2009].
        A number: what is added to the diagonal of covariances in each iteration, as in
        scikit-learn, where the default is 1e-6.
    max_iter : int, default 100
        Passes over the data, at the most.
    n_init : int, default 1
        Different starts; the best objective is kept. All begin with a few of EM's own steps; the
        better half goes on, for as many passes as it had, and so on until one is left, which is
        brought to its end. Of many rows as many as tell starts apart are used until then. With
        ``accelerate="none"`` every run is brought to its end, as in scikit-learn.
    init_params : {"merge", "hierarchical", "kmeans", "k-means++", ...}, array or callable
        How to start. "merge", the default: two or three times as many components, fitted roughly
        and merged to K, or groups along one column if those are likelier; it misses groups less
        often than the others. "kmeans" is scikit-learn's default; there are "random" and
        "random_from_data", too. "hierarchical" joins rows to groups as mclust does, see
        `HierarchicalStart`; more starts than the first are then by "merge". An array of labels
        (n,) or responsibilities (n, K); or a function of (X, n_components, random_state) that
        returns either, or a `Mixture`.
    weights_init : array-like, shape (K,), optional
    means_init : array-like, shape (K, D), optional
    precisions_init : array-like, optional
        Inverse covariances, in the shape of ``covariances_``.
    random_state : int, RandomState or None, default None
    warm_start : bool, default False
        Continue from the last fit.
    verbose : int, default 0
        1 prints runs and every ``verbose_interval``-th iteration, 2 also times and changes.
    verbose_interval : int, default 10
    variance_floor : float or array-like, shape (D,), optional
        A lower bound of the variance in each column's units: no component is narrower in any
        direction. For columns that were rounded, the square of the step over 12 [@Sheppard1898].
    prior : Prior, optional
        A prior in place of the penalty, such as `mixtura.NormalInverseWishart`.
    dead_components : {"keep", "reseed", "drop"}, default "keep"
        What is done about components to which fewer than D + 1 rows belong: leave them to the
        penalty; give them half of the heaviest; take them out.
    accelerate : {"auto", "none", "squarem", "lbfgs"}, default "auto"
        How to come to the same end in fewer passes over the data. "none": EM's own steps and rule
        for stopping, as in scikit-learn. SQUAREM goes further along each pair of steps
        [@VaradhanRoland2008]; L-BFGS corrects them by the curvature that it meets
        [@JamshidianJennrich1993]; "auto" chooses. The first steps are EM's own, and the
        objective never falls; where there are many rows, parts of them come first. With a positive
        ``reg_covar`` EM's own steps add it, and others stay above it: the end is scikit-learn's up
        to the order of it. It is EM's own steps throughout with ``variance_floor`` or
        ``truncation``, where ``dead_components`` is not "keep", and while a component has no
        weight.
    truncation : int, Truncation or None, default None
        For very many components: how many of them each row keeps, 5 for instance. The posterior of
        the others is zero, and which they are is sought, pass by pass, among the neighbours of the
        last ones [@ForsterLuecke2018] [@Hirschberger2022]. The objective is then a lower bound of
        the log-likelihood that never falls; `truncation_gap_` says how far below. A pass costs a
        row about a hundred components instead of all, and the start about one exact pass: with
        1,000 components it is 1.6 to 1.9 times as fast, with 200 nothing is gained. None: exact.
        Predictions and scores are always exact.
    noise : bool, float, array of bool, or Noise, default False
        Beside the components, rows that belong to none: a constant density in the smaller of two
        boxes around all rows, one parallel to the columns and one to their principal components
        [@BanfieldRaftery1993]. True: rows far from their neighbours are noise at first
        [@ByersRaftery1998]. A number: the share of them at first. An array of n booleans: which
        rows are, at first. A `Noise` has a box of its own, and keeps it. Steps are EM's own. It
        goes without ``truncation``, labels and groups.
    n_factors : int, optional
        Of a form of factor analysers, how many factors: less than the columns.
    memory : int or str, default "1GB"
        Rows that are read from files, queries or streams take no more memory than this, with the
        interpreter and its libraries: a number of bytes, or such as "512MB". Where they are so few
        that a small part of it holds them, they are read at once.
    checkpoint : path, optional
        A folder in which each pass over all rows is kept. A fit that was killed goes on from there
        when it is called again, to the same result, bit for bit. What was kept stays there.
    half_life : float, optional
        In `partial_fit`, rows after which what was learned before counts for half. None: nothing
        is forgotten.

    Attributes
    ----------
    weights_ : array, shape (K,)
        They add to one; with noise, to one less its share.
    means_ : array, shape (K, D)
    covariances_ : array
        full (K, D, D), tied (D, D), diag (K, D), spherical (K,); of the other forms EII (1,), EEI
        (D,), VEI and EVI (K, D), and the rest (K, D, D);
        with factors (K, D, H + 1), loadings and, last, the variances of the noise; so with
        subspaces, with axes as long as √(a − b), H being D − 1 where numbers of axes are chosen.
        ``mixture_.covariances`` are the matrices.
    precisions_, precisions_cholesky_ : array
        Inverse covariances, and upper factors U with U Uᵀ equal to them; shapes as covariances_,
        with factors and subspaces (K, D, D).
    mixture_ : Mixture
        The same as a value, in float64.
    converged_ : bool
    n_iter_ : int
        Passes over the data in the best run: one for each iteration of EM, and one for each place
        that an accelerator tried. Other runs do not count, nor passes over some of many rows.
    lower_bound_ : float
        The objective in the last iteration: mean log-likelihood, or with ``truncation`` a bound of
        it, plus the penalty, per row.
    lower_bounds_ : list of float
    history_ : list of Iteration
        One record for each iteration of the best run.
    remaining_gain_ : float
        What more iterations would still have gained, in nats per row, as far as the last gains
        tell: a guess, not a bound; infinite where they do not tell.
    dimensions_ : array of int, shape (K,)
        With subspaces: how many axes each component has.
    noise_ : Noise
        With ``noise``: the ``share`` of the rows that are noise, and the ``volume`` of the box.
    noisy_mixture_ : NoisyMixture
        With ``noise``: both as a value, in float64; ``mixture_`` is the part that is not noise.
    truncation_gap_ : float
        With ``truncation``: the log-likelihood of the fitted mixture less its bound, in nats per
        row, on all rows or on 100,000 of them drawn at random.
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> model.means_[np.argsort(model.means_[:, 0])].round(6)
    array([[ 1.,  2.],
           [10.,  2.]])
    >>> labels = model.predict([[0, 0], [12, 3]])
    >>> bool(labels[0] != labels[1])
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [FamilyName()],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left"), None],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*wiring.STARTS}), "array-like", callable],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "variance_floor": ["array-like", Interval(Real, 0.0, None, closed="neither"), None],
        "prior": "no_validation",
        "dead_components": [StrOptions({*wiring.POLICIES})],
        "accelerate": [StrOptions({*wiring.ACCELERATORS})],
        "truncation": [Interval(Integral, 1, None, closed="left"), Truncation, None],
        "noise": ["boolean", Interval(Real, 0.0, 1.0, closed="neither"), Noise, "array-like", None],
        "n_factors": [Interval(Integral, 1, None, closed="left"), None],
        "memory": [str, Interval(Real, 0, None, closed="neither")],
        "checkpoint": [str, PathLike, None],
        "half_life": [Interval(Real, 0.0, None, closed="neither"), None],
    }

    weights_: NDArray[Any]
    means_: NDArray[Any]
    covariances_: NDArray[Any]
    noise_: Noise

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float | None = None,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Any = "merge",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        variance_floor: ArrayLike | None = None,
        prior: Prior | None = None,
        dead_components: str = "keep",
        accelerate: str = "auto",
        truncation: int | Truncation | None = None,
        noise: bool | float | ArrayLike | Noise | None = False,
        n_factors: int | None = None,
        memory: int | str = "1GB",
        checkpoint: Any = None,
        half_life: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.variance_floor = variance_floor
        self.prior = prior
        self.dead_components = dead_components
        self.accelerate = accelerate
        self.truncation = truncation
        self.noise = noise
        self.n_factors = n_factors
        self.memory = memory
        self.checkpoint = checkpoint
        self.half_life = half_life

    @classmethod
    def from_mixture(cls, mixture: Mixture | NoisyMixture, **options: Any) -> Self:
        """An estimator with known parameters, as if it had been fitted.

        Parameters
        ----------
        mixture : Mixture or NoisyMixture
        **options
            Other parameters of the class.

        Returns
        -------
        GaussianMixture
        """
        if isinstance(mixture, NoisyMixture):
            options = {"noise": mixture.noise} | options
            fit = NoisyFit(mixture.mixture, Outcome.not_started, (), mixture.noise)
        else:
            fit = Fit(mixture, Outcome.not_started, ())
        values = fit.mixture
        model = cls(values.n_components, covariance_type=values.covariance.name, **options)
        model.n_features_in_ = values.n_features
        model._take(fit, np.dtype(np.float64))
        return model

    # Fitting

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        labels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the mixture to rows.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            NumPy, pandas, polars or pyarrow; float32 and float64 are read in place. NaN is a
            missing value.
        y : ignored
        sample_weight : array-like, shape (n,), optional
            Row weights: an integer weight is the same as that many equal rows.
        labels : array-like of int, shape (n,), optional
            Rows that are known to belong to a component have its number, others -1 or NaN. The
            objective is then that of rows and labels. Where every component has labelled rows, the
            fit starts from them.
        groups : array-like of int, shape (n,), optional
            Rows with the same number belong to one component, whichever it is; -1 or NaN for rows
            of no group. Weights of components are then shares of groups and of other rows, each
            group counting once [@Shental2004]. That two rows belong to different components cannot
            be said: the posterior would not factor.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used; the message names column and row. Infinity, a column in
            which nothing was observed, and NaN with ``truncation`` are such input.

        Warns
        -----
        ConvergenceWarning
            If the best run used all of ``max_iter``.
        """
        table, source = X, self._source(X, sample_weight)
        if source is not None:
            memory = doors.bytes_of(self.memory)
            if self.checkpoint is not None or not doors.fits(source, memory):
                weight = isinstance(sample_weight, str) or passes.weighs(source)
                needing: dict[str, Any] = {
                    "labels": labels,
                    "groups": groups,
                    "noise": self.noise,
                    "truncation": self.truncation,
                }
                return self._fit_source(source, weight, needing)
            table, sample_weight = doors.collected(source, isinstance(sample_weight, str))
        continues = self.warm_start and hasattr(self, "converged_")
        complete_for = "" if self.truncation is None else "truncation"
        rows, incomplete = read_rows(self, table, reset=True, min_rows=2, complete_for=complete_for)
        weights = read_weights(sample_weight, len(rows))
        if incomplete:
            check_observed(rows, getattr(self, "feature_names_in_", None), weights)
        check_factors(self._family_name, rows.shape[1])
        rng = self._random_numbers()
        fixed = self._given(rows.shape[1])
        setup = self._plan(rows, weights, incomplete)
        known = read_labels(labels, len(rows), self.n_components)
        setup = wiring.held(setup, known, read_groups(groups, len(rows), known))
        last = getattr(self, "noise_", None) if continues else None
        setup = noisy.with_noise(setup, self.noise, rng, accelerate=self.accelerate, last=last)
        n_init = 1 if continues or fixed.complete else self.n_init
        dtype = np.dtype(np.float32 if rows.dtype == np.float32 else np.float64)
        metadata = None if weights is None else {"sample_weight": weights}
        observed = Observed(self, table, metadata, n_init, self.max_iter)
        if continues:
            last = self._previous(rows.shape[1])
            best = self._run(setup, last, self.lower_bound_, observed, 0, dtype)
            ends = (best.objective,)
        else:
            starts = wiring.starts(setup, self.init_params, fixed, n_init, rng)
            if not self._few(setup):
                setup, starts = wiring.ascended(
                    setup, starts, self.tol, self.max_iter, rng, self._tell_part
                )
            best, ends = self._best(setup, starts, observed, dtype)
        self._take(best, dtype)
        n = float(len(rows)) if weights is None else float(weights.sum())
        self._account = Account(setup.maximize, len(rows), n, self.tol, n_init, ends, best.outcome)
        self._finish(rng, observed, best)
        return self

    def fit_telling(self, X: Any, sample_weight: Any, tell: Callable[[str], object]) -> Self:
        """`fit`, and `tell` hears what is done next where rows are read pass by pass."""
        self._tell = tell
        try:
            return self.fit(X, sample_weight=sample_weight)
        finally:
            del self._tell

    def _source(self, x: Any, sample_weight: Any) -> Source | None:
        """Where rows are read from, if it is not from memory."""
        source = doors.source_of(x, sample_weight)
        if source is not None or self.checkpoint is None:
            return source
        rows, _ = read_rows(self, x, reset=True, min_rows=2)
        names = getattr(self, "feature_names_in_", None)
        weights = read_weights(sample_weight, len(rows))
        return passes.Rows(rows, weights, None if names is None else (*names,))

    def _fit_source(self, source: Source, weight: bool, known: dict[str, Any]) -> Self:
        """Fit to rows that are read pass by pass."""
        for name, value in known.items():
            if value is not None and value is not False:
                raise ValueError(
                    f"{name} needs all rows in memory: give memory more than {self.memory!r}, or "
                    f"leave {name} out"
                )
        n_features = len(source.types) - weight
        check_factors(self._family_name, n_features)
        fixed = self._given(n_features)
        seed = passes.seed(self.random_state, self.checkpoint)
        rng = self._random_numbers() if seed is None else np.random.RandomState(seed)
        self._say("a first pass over all rows")
        found = passes.surveyed(
            source,
            weight=weight,
            seed=int(rng.randint(2**31)),
            n_parameters=self.n_components * (1 + n_features) * (2 + n_features) // 2,
            tol=self.tol,
            memory=doors.bytes_of(self.memory),
        )
        self._name_columns(source, n_features)
        setup = self._plan(found.rows, found.weights, found.survey.holes > 0, found.whole)
        continues = self.warm_start and hasattr(self, "converged_")
        n_init = 1 if continues or fixed.complete else self.n_init
        observed = Observed(self, source, None, n_init, self.max_iter)
        if continues:
            begin, objective = self._previous(n_features), self.lower_bound_
        else:
            starts = wiring.starts(setup, self.init_params, fixed, n_init, rng)
            objective = -np.inf
            setup, begin = passes.begun(setup, starts, self.tol, rng, self._tell_part)
        setup = replace(setup, data=found.data, units=None)
        expect = setup.expect()
        if self.checkpoint is not None:
            journal = passes.opened(self.checkpoint, self.get_params(), seed, found, begin)
            expect = journal.kept(expect)
        dtype = found.data.dtype
        self._say(f"{len(found.rows)} rows drawn of {found.survey.n_rows} are fitted: all of them")
        progress = passes.Progress(found.survey.n_rows, self.tol)
        best = self._run(setup, begin, objective, observed, 0, dtype, expect, progress)
        self._take(best, dtype)
        n_rows, total = found.survey.n_rows, found.survey.weight
        ends = (best.objective,)
        self._account = Account(setup.maximize, n_rows, total, self.tol, n_init, ends, best.outcome)
        self._finish(rng, observed, best)
        return self

    @available_if(_learns_by_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | str | None = None
    ) -> Self:
        """Learn from some more rows, which are not kept: stepwise EM [@CappeMoulines2009].

        The first rows, until there are 20 for each component and direction, are kept and fitted
        together. From then on each call is one step, from the rows that it brings; of files,
        queries and streams each block of rows is one. Each row of the past counts alike in the
        end, or the less the longer it is ago, with ``half_life``. After `fit` or `from_mixture` it
        goes on from that mixture. `fit` with ``warm_start`` goes on from what was learned here.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            From a few rows to many; a thousand or more at once learn most from each.
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As `fit` does; also if the first call brings fewer rows than components.
        """
        stream: Stream | None = getattr(self, "_stream", None)
        known = stream is None and self.__sklearn_is_fitted__()
        if stream is None:
            stream = Stream()
        if known:
            account = getattr(self, "_account", None)
            mixture = self.mixture_
            n = 20.0 * mixture.n_parameters if account is None else account.n
            maximize = wiring.after(mixture, n) if account is None else account.maximize
            stream.resume(mixture, maximize, n, self.half_life)
        reset = not (known or stream.kept or stream.online)
        names = None if reset else getattr(self, "feature_names_in_", None)
        source = doors.source_of(X, sample_weight, names)
        if source is None:
            rows, incomplete = read_rows(self, X, reset=reset)
            self._learn(stream, (rows, read_weights(sample_weight, len(rows)), incomplete))
        else:
            weight = isinstance(sample_weight, str)
            if reset:
                self._name_columns(source, len(source.types) - weight)
            else:
                passes.check_width(source, weight, self.n_features_in_)
            for batch in passes.parts(source, weight):
                self._learn(stream, batch)
        self._stream = stream
        return self

    def _name_columns(self, source: Source, n_features: int) -> None:
        """Take the names of a source's columns."""
        self.n_features_in_ = n_features
        self.__dict__.pop("feature_names_in_", None)
        if source.names is not None:
            self.feature_names_in_ = np.array(source.names[:n_features], dtype=object)

    def _learn(self, stream: Stream, batch: Batch) -> None:
        """One batch of a stream."""
        dtype = np.dtype(np.float32 if batch[0].dtype == np.float32 else np.float64)
        if stream.online is not None:
            account = getattr(self, "_account", None)
            self._take(stream.step(self.mixture_, batch), dtype)
            if account is not None:
                n = stream.online.n_rows
                self._account = account._replace(n_rows=account.n_rows + len(batch[0]), n=n)
            return
        joined = stream.joined(batch)
        rows, weights, _ = joined
        names = getattr(self, "feature_names_in_", None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # more rows are to come
            self.fit(rows, None, weights)
        if names is not None:
            self.feature_names_in_ = names
        stream.kept = [joined]
        if is_enough(rows, self.n_components):
            stream.begin(self.mixture_, self._account.maximize, joined, self.half_life)

    def _given(self, n_features: int) -> wiring.Given:
        """The parameters that the user fixed."""
        return wiring.given(
            self.weights_init,
            self.means_init,
            self.precisions_init,
            covariance_type=self._family_name,
            n_components=self.n_components,
            n_features=n_features,
        )

    def _plan(
        self,
        rows: NDArray[Any],
        weights: Array | None,
        incomplete: bool,
        whole: Mixture | None = None,
    ) -> wiring.Plan:
        """The options as objects, for some rows."""
        return wiring.plan(
            rows,
            weights,
            incomplete=incomplete,
            n_components=self.n_components,
            covariance_type=self._family_name,
            reg_covar=self.reg_covar,
            variance_floor=self.variance_floor,
            prior=self.prior,
            dead_components=self.dead_components,
            accelerate=self.accelerate,
            truncation=self.truncation,
            whole=whole,
        )

    def _finish(self, rng: np.random.RandomState, observed: Observed, best: Fit) -> None:
        """What is left to do when a mixture has been found."""
        self._draws = rng.randint(2**31, size=4)
        if _is_seed(self.random_state) and not callable(self.init_params):
            random_numbers.put_by(rng)
        observed.end(observed.context, lambda: {})
        if best.outcome is Outcome.max_iter:
            warnings.warn(NOT_CONVERGED, ConvergenceWarning, stacklevel=3)

    @staticmethod
    def fit_all(
        models: "Sequence[GaussianMixture]",
        X: Any,
        sample_weight: ArrayLike | None = None,
        *,
        starts: Sequence[Mixture] | None = None,
    ) -> None:
        """Fit many mixtures to the same rows: several families, sizes or seeds.

        Where rows are few and starts are merged, which is the default, models of one family that
        differ in nothing but ``n_components`` take their starts from one way of merging, from the
        largest of them down to the smallest, and runs share the processors. This takes a fraction
        of the time, and may lead to other optima than each model would find by itself; it leads to
        the same whatever other families there are, and whatever the number of threads. Models with
        other options, and all models where rows are many, are fitted one by one.

        Parameters
        ----------
        models : sequence of GaussianMixture
            Each is fitted in place.
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional
        starts : sequence of Mixture, optional
            Where each of the models begins, of its family and size.

        Raises
        ------
        ValueError
            As in `fit`, or if there are not as many starts as models.

        Warns
        -----
        ConvergenceWarning
            If runs used all of ``max_iter``; it says how many.
        """
        if starts is not None and len(starts) != len(models):
            raise ValueError(
                f"starts holds {len(starts)} mixtures for {len(models)} models: give one for each"
            )
        jobs = [number for number, model in enumerate(models) if model._is_job()]
        some = None if starts is None else [starts[number] for number in jobs]
        together = bool(jobs) and GaussianMixture._fit_jobs(
            [models[number] for number in jobs], X, sample_weight, some
        )
        done = {*jobs} if together else set[int]()
        for number, model in enumerate(models):
            if number in done:
                continue
            kept = model.init_params
            if starts is not None:
                model.init_params = wiring.beginning_at(starts[number])
            try:
                model.fit(X, sample_weight=sample_weight)
            finally:
                model.init_params = kept

    @staticmethod
    def _fit_jobs(
        jobs: "list[GaussianMixture]",
        x: Any,
        sample_weight: ArrayLike | None,
        starts: Sequence[Mixture] | None,
    ) -> bool:
        """Fit models whose options allow it together, if rows do as well."""
        rows, incomplete = read_rows(jobs[0], x, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        if not batch.are_jobs(rows, incomplete):
            return False
        fits = batch.fits(jobs, rows, weights, starts)
        for model, (fit, maximize) in zip(jobs, fits, strict=True):
            if model is not jobs[0]:
                model._like(jobs[0])
            model._ended(fit, maximize, rows, weights)
        late = sum(fit.outcome is Outcome.max_iter for fit, _ in fits)
        if late:
            warnings.warn(
                f"{late} of {len(fits)} fits did not converge. Increase max_iter or tol, or check "
                "for degenerate data.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return True

    def _ended(
        self, fit: Fit, maximize: Maximization, rows: NDArray[Any], weights: Array | None
    ) -> None:
        """Take what a fit from one start came to."""
        n = float(len(rows)) if weights is None else float(weights.sum())
        self.__dict__.pop("_draws", None)
        self._take(fit, np.dtype(np.float32 if rows.dtype == np.float32 else np.float64))
        ends = (fit.objective,)
        self._account = Account(maximize, len(rows), n, self.tol, 1, ends, fit.outcome)

    def _is_job(self) -> bool:
        """Whether this can be fitted together with others; its parameters are checked."""
        self._validate_params()
        return batch.is_job(self) and not is_observed(self)

    def _like(self, other: "GaussianMixture") -> None:
        """Take over what another model knows of the columns."""
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(other, name):
                setattr(self, name, getattr(other, name))

    def _random_numbers(self) -> np.random.RandomState:
        """The generator of a fit; a function that is to find the start may keep its own."""
        if _is_seed(self.random_state) and not callable(self.init_params):
            return random_numbers.from_seed(self.random_state)
        return check_random_state(self.random_state)

    def _validate_params(self) -> None:
        """As scikit-learn does; plain values that were found right are not checked again."""
        own = self.__dict__
        if _is_seed(self.random_state):  # one of them is as right as another
            own = own | {"random_state": 0}
        values = tuple(map(own.get, self._parameter_constraints))
        kinds = tuple(map(type, values))
        key, plain = (type(self), values, kinds), PLAIN.issuperset(kinds)
        if not (plain and key in _CHECKED):
            super()._validate_params()
            if plain:
                _CHECKED[key] = None
                if len(_CHECKED) > 1_000:
                    _CHECKED.popitem()

    def _tell_part(self, step: int, n_rows: int) -> None:
        """Say that a part of the rows comes first."""
        self._say(f"One row of {step}: {n_rows} rows")

    def _say(self, text: str) -> None:
        """Say what comes next."""
        tell: Callable[[str], object] | None = getattr(self, "_tell", None)
        if tell is not None:
            tell(text)
        elif self.verbose:
            print(text)

    def _previous(self, n_features: int) -> Mixture:
        """The mixture of the last fit, to continue from."""
        last = self.mixture_
        if last.means.shape != (self.n_components, n_features):
            raise ValueError(
                f"warm_start continues a fit with {last.n_components} components and "
                f"{last.n_features} features, but {self.n_components} and {n_features} are asked "
                "for: use a new estimator, or warm_start=False"
            )
        if last.covariance.name != named(self._family_name).name:
            raise ValueError(
                f"warm_start continues a fit with {last.covariance.name} covariances, but "
                f"{self._family_name} are asked for: use a new estimator, or warm_start=False"
            )
        return last

    def _best(
        self,
        setup: wiring.Plan,
        starts: Sequence[Mixture],
        observed: Observed,
        dtype: np.dtype[Any],
    ) -> tuple[Fit, tuple[float, ...]]:
        """The best of the runs from several starts, and the objectives that runs ended with."""
        if len(starts) > 1 and not self.verbose and self._in_brief(setup, observed):

            def go_on(_: int, begin: Mixture, max_iter: int, objective: float) -> Fit:
                return wiring.loop(setup, self.tol)(begin, max_iter, objective)

            rule, threads = self._rule(setup), available_threads()
            fits = several(setup.compact, starts, go_on=go_on, threads=threads, **rule)
        elif len(starts) > 1 and setup.halves and not self._few(setup):
            return self._halving(setup, starts, observed, dtype)
        else:
            fits = [
                self._run(setup, begin, -np.inf, observed, number, dtype)
                for number, begin in enumerate(starts)
            ]
        best = max(fits, key=setup.worth)
        return best, tuple(fit.objective for fit in fits)

    def _halving(
        self,
        setup: wiring.Plan,
        starts: Sequence[Mixture],
        observed: Observed,
        dtype: np.dtype[Any],
    ) -> tuple[Fit, tuple[float, ...]]:
        """The best of several runs, all but one of which are set aside on the way."""
        tellers = [
            _Teller(observed, self.verbose, self.verbose_interval, number, dtype)
            for number in range(len(starts))
        ]
        runs = [
            Run(start, wiring.course(setup, self.tol, teller.watch, teller.begin), self.max_iter)
            for start, teller in zip(starts, tellers, strict=True)
        ]
        best = halving(runs, lambda number: tellers[number].aside())
        best.finish()
        for run, teller in zip(runs, tellers, strict=True):
            teller.end(run.fit, finished=run is best)
        return best.fit, tuple(run.fit.objective for run in runs if run.over)

    def _run(
        self,
        setup: wiring.Plan,
        begin: Mixture,
        objective: float,
        observed: Observed,
        number: int,
        dtype: np.dtype[Any],
        expect: Expect | None = None,
        progress: passes.Progress | None = None,
    ) -> Fit:
        """One run of EM, printed and reported as it goes."""
        run = observed.run()
        printed = _Printed(self.verbose, self.verbose_interval, number)
        search = wiring.search(setup, begin)

        def watch(i: int, record: Iteration, mixture: Mixture) -> bool:
            printed.iteration(i, record)
            if progress is not None and hasattr(self, "_tell"):
                self._tell(progress.words(record))
            return observed.iteration(run, lambda: _attributes(mixture, dtype))

        if expect is None and self._in_brief(setup, observed):
            go_on = wiring.loop(setup, self.tol)
            fit = brief(setup.compact, begin, objective=objective, go_on=go_on, **self._rule(setup))
            if self.verbose:
                for i, record in enumerate(fit.history, 1):
                    printed.iteration(i, record)
        else:
            go = wiring.loop(setup, self.tol, watch, expect or search)
            fit = go(begin, self.max_iter, objective)
        if search is not None:
            fit = wiring.ended(search, fit)
        printed.end(fit)
        observed.end(run, lambda: _attributes(fit.mixture, dtype))
        return fit

    def _few(self, setup: wiring.Plan) -> bool:
        """Whether there are so few rows that compiled code can see to whole runs."""
        return (
            self.accelerate in ("auto", "none")
            and self.dead_components == "keep"
            and setup.truncation is None
            and setup.known is None
            and setup.noise is None
            and not setup.incomplete
            and is_brief(len(setup.rows), setup.model, setup.maximize, self.max_iter)
        )

    def _in_brief(self, setup: wiring.Plan, observed: Observed) -> bool:
        """Whether runs are left to compiled code, for as long as it sees to them."""
        return not observed.listened_to and self._few(setup)

    def _rule(self, setup: wiring.Plan) -> dict[str, Any]:
        """When a run in compiled code ends."""
        return {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "ahead": setup.rest is little_to_gain,
            "far": np.inf if isinstance(setup.accelerate, Plain) else FAR,
        }

    def _take(self, fit: Fit, dtype: np.dtype[Any]) -> None:
        """Set the fitted attributes."""
        self.__dict__.update(_parameters(fit.mixture, dtype))
        for name in (*_INVERSES, "_account", "_stream"):
            self.__dict__.pop(name, None)
        self.converged_ = fit.outcome is Outcome.converged
        self.n_iter_ = len(fit.history)
        self.lower_bound_ = fit.objective
        self._history = fit.history
        self.remaining_gain_ = fit.remaining
        if isinstance(fit, BoundedFit):
            self.truncation_gap_ = fit.gap
        elif hasattr(self, "truncation_gap_"):
            del self.truncation_gap_
        noise = fit.noise if isinstance(fit, NoisyFit) else None
        if noise is not None:
            self.noise_ = noise
            self.weights_ = ((1.0 - noise.share) * fit.mixture.weights).astype(dtype)
        elif hasattr(self, "noise_"):
            del self.noise_
        self._mixture = fit.mixture
        self._mixture_of: tuple[Any, ...] = (self.weights_, self.means_, self.covariances_, None)

    @cached_property
    def precisions_(self) -> NDArray[Any]:
        """Inverse covariances, computed when they are first asked for."""
        return self._inverse("precisions_")

    @cached_property
    def precisions_cholesky_(self) -> NDArray[Any]:
        """Their upper factors, computed when they are first asked for."""
        value = self._inverse("precisions_cholesky_")
        self._mixture_of = (*self._mixture_of[:3], value)
        return value

    def _inverse(self, name: str) -> NDArray[Any]:
        if not hasattr(self, "_mixture_of"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return _INVERSES[name](self._mixture.covariance).astype(self._mixture_of[0].dtype)

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

    @property
    def history_(self) -> list[Iteration]:
        """One record for each iteration of the best run."""
        check_is_fitted(self, "_history")
        return list(self._history)

    @property
    def lower_bounds_(self) -> list[float]:
        """The objective in each iteration of the best run."""
        return [record.objective for record in self.history_]

    # The fitted mixture

    @property
    def _family_name(self) -> str:
        """The name of the covariance family."""
        return family_name(self.covariance_type, self.n_factors)

    @property
    def mixture_(self) -> Mixture:
        """The fitted mixture as a value, in float64.

        It follows the attributes: arrays that were set by hand are what counts.
        """
        check_is_fitted(self)
        mine = tuple(
            self.__dict__.get(name)
            for name in ("weights_", "means_", "covariances_", "precisions_cholesky_")
        )
        kept = getattr(self, "_mixture_of", (None,) * 4)
        if all(a is b for a, b in zip(mine, kept, strict=True)):
            return self._mixture
        weights, means, covariances, factors = mine
        family = named(self._family_name)
        means = np.asarray(means, dtype=np.float64)
        if covariances is None or factors is not kept[3]:
            covariance = _from_factors(
                family, np.asarray(factors, dtype=np.float64), means.shape[1]
            )
        else:
            values = np.asarray(covariances, dtype=np.float64)
            covariance = family.from_values(values, means.shape[1])
        shares = np.asarray(weights, dtype=np.float64)
        if hasattr(self, "noise_"):
            shares = shares / shares.sum()
        return Mixture(shares, means, covariance)

    @property
    def dimensions_(self) -> NDArray[np.intp]:
        """With subspaces: how many axes each component has, (K,)."""
        covariance = self.mixture_.covariance
        if not isinstance(covariance, Subspaces):
            raise AttributeError(
                "there are no subspaces: fit with covariance_type='subspace', or another form"
            )
        return covariance.dimensions

    @property
    def noisy_mixture_(self) -> NoisyMixture:
        """With noise: the fitted mixture and the noise as a value, in float64."""
        if not hasattr(self, "noise_"):
            raise AttributeError("there is no noise: fit with noise=True, or use mixture_")
        return NoisyMixture(self.mixture_, self.noise_)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are parameters, by `fit` or set by hand."""
        return hasattr(self, "weights_") and hasattr(self, "means_")

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing, unless posteriors are truncated."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.truncation is None
        return tags

    def _rows(self, X: Any) -> tuple[NDArray[Any], bool]:
        check_is_fitted(self)
        if not hasattr(self, "n_features_in_"):
            self.n_features_in_ = np.asarray(self.means_).shape[1]
        return read_rows(self, X, reset=False)

    def _told(self, x: Any, weight: Any = None) -> Source | None:
        """The source that rows to be predicted are, if they are not in memory."""
        if isinstance(x, np.ndarray):
            return None
        check_is_fitted(self)
        source = doors.source_of(x, weight, getattr(self, "feature_names_in_", None))
        if source is not None:
            passes.check_width(source, isinstance(weight, str), np.shape(self.means_)[1])
        return source

    def _each_row(self, X: Any, what: str) -> Any:
        source = self._told(X)
        if source is not None:
            kernel, model = self._kernel(what)
            return Answer(source, kernel, (model,), _NAMES[what](self))
        rows, incomplete = self._rows(X)
        kernel, model = self._kernel(what)
        result = Memory(rows, incomplete=incomplete).map(kernel, model)
        if rows.dtype == np.float32 and result.dtype == np.float64:
            return result.astype(np.float32)
        return result

    def _kernel(self, what: str) -> tuple[Callable[..., Any], Any]:
        """What says something of rows, and the value that it asks."""
        room, model = noisy.kernels(self.mixture_, getattr(self, "noise_", None))
        return getattr(room, what), model

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The likeliest component of each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array of int, shape (n,)
            -1 where noise is likelier than any component.
        """
        return self._each_row(X, "labels")

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each component for each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, K)
            With noise (n, K + 1): its probability stands last.
        """
        return self._each_row(X, "responsibilities")

    def score_samples(self, X: Any) -> NDArray[Any]:
        """The log density of each row, in nats.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n,)
        """
        return self._each_row(X, "log_density")

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
        log_likelihood, n_rows = self._likelihood(self._weighted(X, sample_weight))
        return log_likelihood / n_rows

    def _weighted(self, X: Any, sample_weight: ArrayLike | None) -> Memory | Batches:
        source = self._told(X, sample_weight)
        if source is not None:
            return Batches(source, weight=isinstance(sample_weight, str), incomplete=True)
        rows, incomplete = self._rows(X)
        weights = read_weights(sample_weight, len(rows))
        return Memory(rows, weights, incomplete=incomplete)

    def _likelihood(self, data: Memory | Batches) -> tuple[float, float]:
        if (
            isinstance(data, Memory)
            and not (data.incomplete or hasattr(self, "noise_"))
            and are_few(*data.rows.shape)
        ):
            block = data.sample(len(data.rows), 0)  # those of positive weight
            found = likelihood(block, self.mixture_)
            if found is not None:
                return found, float(block.weights.sum())
        sums = passes.sums(data, *self._kernel("likelihood_of"))
        return float(sums[0]), float(sums[1])

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
        log_likelihood, _ = self._likelihood(self._weighted(X, sample_weight))
        return selection.aic(log_likelihood, self._n_parameters())

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
        log_likelihood, n_rows = self._likelihood(self._weighted(X, sample_weight))
        return selection.bic(log_likelihood, self._n_parameters(), n_rows)

    def icl(self, X: Any, sample_weight: ArrayLike | None = None) -> float:
        """The integrated completed likelihood on rows; smaller is better [@Biernacki2000].

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        float
            mclust reports the negative of it.
        """
        data = self._weighted(X, sample_weight)
        sums = passes.sums(data, *self._kernel("certainty_of"))
        log_likelihood, log_certainty, n_rows = sums.tolist()
        return selection.icl(log_likelihood, log_certainty, self._n_parameters(), n_rows)

    def intervals(
        self,
        X: Any,
        sample_weight: ArrayLike | None = None,
        *,
        level: float = 0.95,
        method: str = "sandwich",
        kind: str = "percentile",
        n_boot: int = 499,
        random_state: Any = None,
    ) -> Intervals:
        """Standard errors and intervals of weights, means, variances and covariances.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            The rows that the mixture was fitted to. NaN is a missing value. That labels or groups
            were known in the fit is not taken into account.
        sample_weight : array-like, shape (n,), optional
            As in the fit: a weight counts equal rows.
        level : float, default 0.95
            How often such intervals hold the truth.
        method : str, default "sandwich"
            "sandwich": from curvature and scores of the observed rows; it holds where the rows do
            not come from such a mixture, too [@White1982]. "information": from the curvature alone
            [@Louis1982]. Both are for many rows to each component. "bootstrap": from fits to rows
            drawn with replacement [@Efron1979]. "weighted": with random row weights, which leave
            no row out [@NewtonRaftery1994]. "parametric": to rows drawn from the mixture.
        kind : {"percentile", "normal"}, default "percentile"
            How a bootstrap gives intervals; the other methods give normal ones, on the scale of
            log odds for weights and of logarithms for variances.
        n_boot : int, default 499
            Refits; they begin at the fit, and components are put in its order.
        random_state : int, Generator, RandomState or None, default None

        Returns
        -------
        Intervals
            One row for each parameter, printed as a table.

        Raises
        ------
        ValueError
            If an option is none of those above, or a mixture has too many parameters for a matrix
            of all pairs of them.

        Warns
        -----
        UserWarning
            If the fit is not at a maximum on these rows, a parameter is not determined by them, a
            component rests on too few of them, or vanishes in replicates. The message says what to
            do.
        """
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

    def stability(
        self,
        X: Any,
        sample_weight: ArrayLike | None = None,
        *,
        n_boot: int = 100,
        random_state: Any = None,
    ) -> Stability:
        """Which components are found again when the fit is repeated on bootstrap samples.

        Each is compared with the most similar component of each refit, by the Jaccard similarity
        of their rows [@Hennig2007]. Refits have starts of their own, as this estimator finds
        them. Stable components need be no groups: a cut that is made alike each time is stable.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
            The rows that the mixture was fitted to.
        sample_weight : array-like, shape (n,), optional
            As in the fit: a weight counts equal rows.
        n_boot : int, default 100
            Refits.
        random_state : int, Generator, RandomState or None, default None

        Returns
        -------
        Stability
            One row for each component, with a verdict in words [@Hennig2008], printed as a table.

        Raises
        ------
        ValueError
            If no bootstrap sample could be fitted.
        """
        return stability(self, X, sample_weight, n_boot=n_boot, random_state=random_state)

    def summary(self, X: Any = None, sample_weight: ArrayLike | None = None) -> Summary:
        """What the fit came to, and what to beware of.

        Parameters
        ----------
        X : array-like or table, shape (n, D), optional
            The rows that the mixture was fitted to. With them there are sizes by label, certainty,
            entropy and ICL, and the log-likelihood is that of the mixture itself; without, it is
            what it was at the last pass of the fit.
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        Summary
            Printed as a page.
        """
        return summary(self, X, sample_weight)

    def _n_parameters(self) -> int:
        return (self.noisy_mixture_ if hasattr(self, "noise_") else self.mixture_).n_parameters

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw new rows.

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
            The component of each row, -1 for noise; rows come sorted by it, as in scikit-learn.
        """
        mixture = self.noisy_mixture_ if hasattr(self, "noise_") else self.mixture_
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one "
                "sample."
            )
        rows, components = mixture.sample(n_samples, self._generator(random_state))
        order = np.argsort(components, kind="stable")
        return rows[order], components[order]

    def _generator(self, random_state: Any) -> np.random.Generator:
        asked = random_numbers.asked_for(random_state)
        if asked is not None:
            return asked
        if not hasattr(self, "_draws"):
            self._draws = check_random_state(self.random_state).randint(2**31, size=4)
        if not isinstance(self._draws, np.random.Generator):  # the seed of one
            self._draws = np.random.default_rng(self._draws)
        return self._draws


def of_fit(
    fit: Fit,
    maximize: Maximization,
    rows: NDArray[Any],
    weights: Array | None,
    options: dict[str, Any],
) -> GaussianMixture:
    """The estimator with these options that a fit to rows would have left behind."""
    mixture = fit.mixture
    family = mixture.covariance.name
    model = GaussianMixture(mixture.n_components, covariance_type=family, **options)
    model.n_features_in_ = mixture.n_features
    model._ended(fit, maximize, rows, weights)
    return model


_NAMES: dict[str, Callable[[GaussianMixture], list[str]]] = {
    "labels": lambda model: ["label"],
    "log_density": lambda model: ["log_density"],
    "responsibilities": lambda model: [
        *(f"component_{k}" for k in range(len(model.weights_))),
        *(["noise"] if hasattr(model, "noise_") else []),
    ],
}
"""What columns are called that are written to files."""

_INVERSES: dict[str, Callable[[Covariance], Array]] = {
    "precisions_": lambda covariance: covariance.precisions(),
    "precisions_cholesky_": lambda covariance: covariance.precisions_cholesky(),
}


def _parameters(mixture: Mixture, dtype: np.dtype[Any]) -> dict[str, Any]:
    """The parameters as scikit-learn names them, without inverses."""
    return {
        "weights_": mixture.weights.astype(dtype),
        "means_": mixture.means.astype(dtype),
        "covariances_": mixture.covariance.values.astype(dtype),
    }


def _attributes(mixture: Mixture, dtype: np.dtype[Any]) -> dict[str, Any]:
    """The parameters as scikit-learn names them."""
    inverses = {name: ask(mixture.covariance).astype(dtype) for name, ask in _INVERSES.items()}
    return _parameters(mixture, dtype) | inverses


def _from_factors(family: type[Covariance], factors: Array, n_features: int) -> Covariance:
    """A covariance from ``precisions_cholesky_``."""
    if not family.independent:
        return family.from_precisions(factors @ np.swapaxes(factors, -1, -2), n_features)
    return family.from_precisions(factors**2, n_features)


class _Teller:
    """What is told of a run that may be left and taken up again, in print and to callbacks."""

    def __init__(
        self, observed: Observed, verbose: int, interval: int, number: int, dtype: np.dtype[Any]
    ) -> None:
        self.observed, self.dtype = observed, dtype
        self.verbose, self.interval, self.number = verbose, interval, number
        self.printed: _Printed | None = None
        self.run: Any = None
        self.passes = 0

    def begin(self) -> None:
        """The run begins, or is taken up again."""
        if self.printed is None:
            self.run = self.observed.run()
            self.printed = _Printed(self.verbose, self.interval, self.number)
        elif self.verbose:
            print(f"Initialization {self.number} goes on")

    def watch(self, _: int, record: Iteration, mixture: Mixture) -> bool:
        """One pass more; whether a callback asks for the end of the run."""
        assert self.printed is not None
        self.passes += 1
        self.printed.iteration(self.passes, record)
        return self.observed.iteration(self.run, lambda: _attributes(mixture, self.dtype))

    def aside(self) -> None:
        """The run is not taken up again."""
        if self.verbose:
            print(f"Initialization {self.number} set aside.")

    def end(self, fit: Fit, finished: bool) -> None:
        """All runs are at an end."""
        if self.printed is None:  # no iteration was asked for
            self.begin()
        assert self.printed is not None
        if finished:
            self.printed.end(fit)
        self.observed.end(self.run, lambda: _attributes(fit.mixture, self.dtype))


class _Printed:
    """What ``verbose`` prints, in scikit-learn's words."""

    def __init__(self, verbose: int, interval: int, number: int) -> None:
        self.verbose, self.interval = verbose, interval
        self.began = self.last = perf_counter()
        if verbose:
            print(f"Initialization {number}")

    def iteration(self, i: int, record: Iteration) -> None:
        """One line every so many iterations."""
        if i % self.interval or not self.verbose:
            return
        if self.verbose == 1:
            print(f"  Iteration {i}")
            return
        now = perf_counter()
        print(
            f"  Iteration {i}\t time lapse {now - self.last:.5f}s\t ll change {record.change:.5f}"
        )
        self.last = now

    def end(self, fit: Fit) -> None:
        """How the run ended."""
        if not self.verbose:
            return
        state = "converged" if fit.outcome is Outcome.converged else "did not converge"
        line = f"Initialization {state}."
        if self.verbose > 1:
            line += (
                f" time lapse {perf_counter() - self.began:.5f}s\t lower bound {fit.objective:.5f}."
            )
        print(line)
