"""How sure each parameter of a fitted mixture is: standard errors and intervals."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.engines.memory import Memory
from mixtura.estimators import random_numbers, sheet
from mixtura.estimators.heavy_refits import HeavyRefits
from mixtura.estimators.refits import Refits
from mixtura.estimators.rows import read_weights
from mixtura.learn import bootstrap, information, information_tails, tails
from mixtura.learn.bootstrap import Draw, Replicates
from mixtura.learn.chart import Chart, chart
from mixtura.learn.information import Curve, Information
from mixtura.learn.parameters import ALL, WEIGHT, Parameters
from mixtura.learn.uncertainty import normal_intervals, uncertainty
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

ASYMPTOTIC = ("sandwich", "information")
DRAWS: dict[str, Draw] = {"bootstrap": bootstrap.counts, "weighted": bootstrap.shares}
METHODS = (*ASYMPTOTIC, *DRAWS, "parametric")
KINDS = ("percentile", "normal")

MOST = 2_000
"""Coordinates whose curvature is held as a matrix; two of them for each block of rows."""

SHORT = 0.5
"""Standard errors between an estimate and the maximum from which on it is said."""

RARE = 0.05
"""Replicates in which a component may vanish before it is said."""


@dataclass(frozen=True, eq=False, repr=False)
class Intervals:
    """Estimates with standard errors and intervals, one row for each parameter.

    Printed as a table, in a notebook too.

    Parameters
    ----------
    parameter : tuple of str
        ``weight``, ``mean[column]``, ``variance[column]``, ``covariance[column, column]``; one
        ``variance`` where all columns share it. Of factor analysers ``noise_variance[column]``,
        too. Of t distributions ``scale[column]`` and ``scale[column, column]`` in place of
        variances and covariances, and ``degrees_of_freedom``.
    component : array of int, shape (P,)
        From 0; -1 for what all components share.
    estimate, standard_error, lower, upper : array, shape (P,)
        In the columns' units, squared for variances and multiplied for covariances. NaN where the
        rows do not tell.
    covariance : array, shape (P, P)
        Of the estimates.
    level : float
    method : str
    n_rows : float
        Rows, each counted by its weight.
    n_boot : int
        Replicates that went into it; 0 without a bootstrap.
    notes : tuple of str
        What to beware of.
    """

    parameter: tuple[str, ...]
    component: NDArray[np.intp]
    estimate: Array
    standard_error: Array
    lower: Array
    upper: Array
    covariance: Array
    level: float
    method: str
    n_rows: float
    n_boot: int = 0
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.parameter)

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as lists.

        Returns
        -------
        dict
            parameter, component, estimate, standard_error, lower, upper.
        """
        return {
            "parameter": [*self.parameter],
            "component": self.component.tolist(),
            "estimate": self.estimate.tolist(),
            "standard_error": self.standard_error.tolist(),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
        }

    def to_pandas(self) -> Any:
        """The columns as a data frame of pandas, which must be installed."""
        return sheet.pandas(self.to_dict())

    def of(self, *, parameter: str | None = None, component: int | None = None) -> "Intervals":
        """Some of the rows.

        Parameters
        ----------
        parameter : str, optional
            A name, such as ``mean[age]``, or a kind, such as weight, mean or variance.
        component : int, optional
            -1 for what all components share.

        Raises
        ------
        ValueError
            If there are none.
        """
        chosen = np.ones(len(self), dtype=np.bool_)
        if parameter is not None:
            chosen &= [parameter in (name, name.partition("[")[0]) for name in self.parameter]
        if component is not None:
            chosen &= self.component == component
        index = np.flatnonzero(chosen)
        if not len(index):
            kinds = ", ".join(dict.fromkeys(self.parameter))
            raise ValueError(
                f"there is no parameter {parameter!r} of component {component!r}: components are "
                f"{self.component.min()} to {self.component.max()}, parameters are {kinds}"
            )
        return replace(
            self,
            parameter=tuple(self.parameter[i] for i in index),
            component=self.component[index],
            estimate=self.estimate[index],
            standard_error=self.standard_error[index],
            lower=self.lower[index],
            upper=self.upper[index],
            covariance=self.covariance[np.ix_(index, index)],
        )

    @property
    def _title(self) -> str:
        how = f"{self.method}, {self.n_boot} replicates" if self.n_boot else self.method
        level = f"{100.0 * self.level:.4g} % intervals of {len(self)} parameters"
        return f"{level}, {self.n_rows:,.6g} rows ({how})"

    @property
    def _columns(self) -> dict[str, list[Any]]:
        columns = self.to_dict()
        columns["component"] = ["all" if k == ALL else str(k) for k in self.component.tolist()]
        return columns

    def __repr__(self) -> str:
        return sheet.text(self._title, self._columns, self.notes)

    def _repr_html_(self) -> str:
        return sheet.html(self._title, self._columns, self.notes)


def intervals(
    model: Any,
    X: Any,
    sample_weight: ArrayLike | None,
    *,
    level: float,
    method: str,
    kind: str,
    n_boot: int,
    random_state: Any,
) -> Intervals:
    """What `GaussianMixture.intervals` and `StudentMixture.intervals` give."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, but is {level!r}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {[*METHODS]}, not {method!r}")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {[*KINDS]}, not {kind!r}")
    if n_boot < 2:
        raise ValueError(f"n_boot must be 2 at the least, but is {n_boot!r}")
    heavy = isinstance(model.mixture_, HeavyMixture)
    task = Task(model, X, sample_weight, OF_TAILS if heavy else OF_GAUSSIANS)
    if method in ASYMPTOTIC:
        found = task.asymptotic(level, method)
    else:
        rng = random_numbers.apart(model._generator(random_state))
        found = task.bootstrapped(level, method, kind, n_boot, rng)
    for note in found.notes:
        warnings.warn(note, UserWarning, stacklevel=3)
    return found


def _of_gaussians(model: Any, value: Any) -> tuple[Chart, list[int]]:
    return chart(value), []


def _of_tails(model: Any, value: Any) -> tuple[Chart, list[int]]:
    """Coordinates of t distributions, and the components whose degrees cannot be said to vary."""
    found, how = chart(value.gaussian), model.degrees_of_freedom
    if not isinstance(how, str):
        return found, []
    ends = (value.degrees <= tails.RANGE[0]) | (value.degrees >= tails.RANGE[1])
    free = np.cumsum(~ends) - 1 if how == "own" else np.zeros(len(ends), dtype=np.intp)
    degrees = tuple(np.where(ends, -1, free).tolist())
    return replace(found, degrees=degrees), np.flatnonzero(ends).tolist()


class Ways(NamedTuple):
    """What differs between Gaussians and t distributions."""

    chart: Callable[[Any, Any], tuple[Chart, list[int]]]
    refits: Callable[..., Refits | HeavyRefits]
    curve: Callable[..., Curve]


OF_GAUSSIANS = Ways(_of_gaussians, Refits, information.curve_of)
OF_TAILS = Ways(_of_tails, HeavyRefits, information_tails.curve_of)


class Task:
    """One fitted mixture, the rows, and what there is to say of them."""

    def __init__(self, model: Any, X: Any, sample_weight: ArrayLike | None, ways: Ways) -> None:
        rows, incomplete = model._rows(X)
        weights = read_weights(sample_weight, len(rows))
        if weights is not None:
            rows, weights = rows[weights > 0], weights[weights > 0]
        self.rows, self.incomplete = rows, incomplete
        self.weights = np.ones(len(rows)) if weights is None else weights
        self.n_rows = float(self.weights.sum())
        whole: Mixture | HeavyMixture = model.mixture_
        self.alive = np.flatnonzero(whole.weights > 0)
        self.value: Any = (
            whole if len(self.alive) == whole.n_components else whole.rearranged(self.alive)
        )
        self.mixture = _gaussian(self.value)
        self.notes: list[str] = []
        self.ways = ways
        self.chart, held = ways.chart(model, self.value)
        self.parameters = Parameters.of(self.value, self.chart)
        self.estimates = self.parameters.values(self.value)
        self.refits: Any = ways.refits(model, self.value, rows, self.weights, incomplete)
        names = getattr(model, "feature_names_in_", range(rows.shape[1]))
        self.names = self.parameters.names([str(name) for name in names])
        if len(self.alive) < whole.n_components:
            gone = sorted({*range(whole.n_components)} - {*self.alive.tolist()})
            self.notes.append(
                f"{_listed(gone)} no weight: nothing can be said of mean and covariance there"
            )
        if held:
            low, high = tails.RANGE
            self.notes.append(
                f"{_listed(self.alive[held].tolist())} degrees of freedom at an end of what is "
                f"looked for, {low:g} to {high:,.0f}: they are taken as given, and have no interval"
            )

    def asymptotic(self, level: float, method: str) -> Intervals:
        """From curvature and scores."""
        if self.chart.size > MOST:
            raise ValueError(
                f"the mixture has {self.chart.size} coordinates, too many for a matrix of all "
                f"pairs (more than {MOST}): use method='weighted', or another bootstrap"
            )
        data = Memory(self.rows, self.weights, incomplete=self.incomplete)
        curve = data.fold(self.ways.curve, self.value, self.chart)
        prior = self.refits.plan.maximize.prior
        family = type(self.mixture.covariance)
        pseudo = None if prior is None else prior.pseudo_data(self.mixture.n_components, family)
        found = uncertainty(
            Information.of(curve, self.mixture, self.chart, pseudo),
            self.parameters.slopes(self.value, self.chart),
            robust=method == "sandwich",
        )
        self._warn_of_few()
        if not found.peaked:
            self.notes.append(
                "the fit is at no maximum of the objective, which rises or is level in some "
                "direction: fit with a smaller tol and a larger max_iter, or with fewer components"
            )
        elif not found.determined.all():
            self.notes.append(
                f"the information matrix is singular: {int((~found.determined).sum())} of "
                f"{len(self.parameters)} parameters are not determined by {self.n_rows:,.6g} rows "
                "and have no standard error; fit fewer components or a smaller family, or use "
                "method='bootstrap'"
            )
        else:
            self._warn_of_short(found.short)
        errors = found.standard_errors
        errors[~found.determined] = np.nan
        ends = normal_intervals(self.parameters, self.estimates, errors, level)
        return self._table(errors, ends, found.covariance, level, method, 0)

    def bootstrapped(
        self, level: float, method: str, kind: str, n_boot: int, rng: np.random.Generator
    ) -> Intervals:
        """From fits to other rows."""
        if round(self.n_rows) < max(2, self.mixture.n_components):
            raise ValueError(
                f"sample_weight adds up to {self.n_rows:.4g}, and a weight counts equal rows: for "
                "the bootstrap multiply weights so that they add up to the number of rows"
            )
        self.refits.settled()
        settled = bootstrap.aligned(self.value, self.refits.begin)
        made = Replicates.of(
            self.parameters, settled, self._mixtures(method, n_boot, rng), self.n_rows
        )
        if len(made) < 2:
            raise ValueError(
                f"of {n_boot} replicates {len(made)} could be fitted: in the others a column had "
                "nothing observed, or there were fewer different rows than components; use "
                "method='weighted'"
            )
        if len(made) < n_boot:
            self.notes.append(
                f"{n_boot - len(made)} of {n_boot} replicates could not be fitted and are left "
                "out: a column had nothing observed, or there were fewer different rows than "
                "components"
            )
        self._warn_of_vanished(made)
        covariance = made.covariance
        errors = np.sqrt(np.diagonal(covariance))
        kinds = np.array(self.parameters.kinds)
        some = (kinds != WEIGHT) & (errors > 0)
        apart = np.abs(self.parameters.values(settled) - self.estimates)[some] / errors[some]
        self._warn_of_short(float(np.max(apart, initial=0.0)))
        if kind == "percentile":
            ends = made.intervals(level)
        else:
            ends = normal_intervals(self.parameters, self.estimates, errors, level)
        return self._table(errors, ends, covariance, level, method, len(made))

    def _mixtures(self, method: str, n_boot: int, rng: np.random.Generator) -> Iterator[Any]:
        """The mixtures of replicates; those that cannot be fitted are left out."""
        if method in DRAWS:
            return self.refits.weighted(self._weights(DRAWS[method], n_boot, rng))
        return self._drawn(n_boot, rng)

    def _weights(self, draw: Draw, n_boot: int, rng: np.random.Generator) -> Iterator[Array]:
        seen = ~np.isnan(self.rows) if self.incomplete else None
        for _ in range(n_boot):
            weights = draw(self.weights, rng)
            enough = np.count_nonzero(weights) >= self.mixture.n_components
            if enough and (seen is None or (weights @ seen > 0).all()):
                yield weights

    def _drawn(self, n_boot: int, rng: np.random.Generator) -> Iterator[Any]:
        """Of rows from the mixture, with as many gaps as there are, in the same places."""
        n, centre = round(self.n_rows), self.refits.begin
        hollow = np.isnan(self.rows) if self.incomplete else None
        for _ in range(n_boot):
            rows, _ = centre.sample(n, rng)
            if hollow is not None:
                which = rng.choice(len(hollow), size=n, p=self.weights / self.n_rows)
                rows[hollow[which]] = np.nan
                if np.isnan(rows).all(axis=0).any():
                    continue
            yield self.refits.other(rows)

    def _warn_of_few(self) -> None:
        """Components that have fewer rows than parameters of their own."""
        used = np.bincount(
            np.concatenate([tangent.index for tangent in self.chart.tangents]),
            minlength=self.chart.n_widths,
        )
        alone = [int((used[tangent.index] == 1).sum()) for tangent in self.chart.tangents]
        own = 1 + self.mixture.n_features + np.array(alone)
        counts = self.mixture.weights * self.n_rows
        few = np.flatnonzero(counts < own)
        if len(few):
            k = int(few[counts[few].argmin()])
            self.notes.append(
                f"component {self.alive[k]} rests on {counts[k]:.3g} rows and has {own[k]} "
                "parameters of its own: standard errors for many rows do not hold there; use "
                "method='bootstrap'"
            )

    def _warn_of_short(self, short: float) -> None:
        if short > SHORT:
            self.notes.append(
                f"an estimate is {short:.2g} standard errors from the maximum of the objective on "
                "these rows: intervals are for fits that came to their end on the rows given, "
                "so fit with a smaller tol (1e-6) and a larger max_iter, and with a smaller "
                "reg_covar or variance_floor if one of them holds a component up"
            )

    def _warn_of_vanished(self, made: Replicates) -> None:
        rate = made.vanished.mean(axis=0)
        for k in np.flatnonzero(rate > RARE).tolist():
            times = int(made.vanished[:, k].sum())
            self.notes.append(
                f"component {self.alive[k]} vanished in {times} of {len(made)} replicates: what is "
                "said of its mean and covariance is of the others; fit fewer components"
            )

    def _table(
        self,
        errors: Array,
        ends: tuple[Array, Array],
        covariance: Array,
        level: float,
        method: str,
        n_boot: int,
    ) -> Intervals:
        components = self.parameters.components
        named = np.where(components == ALL, ALL, self.alive[components])
        return Intervals(
            parameter=tuple(self.names),
            component=named,
            estimate=self.estimates,
            standard_error=errors,
            lower=ends[0],
            upper=ends[1],
            covariance=covariance,
            level=level,
            method=method,
            n_rows=self.n_rows,
            n_boot=n_boot,
            notes=tuple(self.notes),
        )


def _gaussian(model: Mixture | HeavyMixture) -> Mixture:
    return model.gaussian if isinstance(model, HeavyMixture) else model


def _listed(components: list[int]) -> str:
    """Components by number, with their verb."""
    shown = ", ".join(map(str, components))
    return f"component {shown} has" if len(components) == 1 else f"components {shown} have"
