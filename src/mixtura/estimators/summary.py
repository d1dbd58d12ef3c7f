"""What a fit came to, and what to beware of: one page of numbers and words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.estimators import sheet
from mixtura.estimators.record import Record, Starts
from mixtura.learn import posterior, selection
from mixtura.learn.data import Block, Data
from mixtura.learn.posterior import Either
from mixtura.model import pair
from mixtura.model.components import Components
from mixtura.model.covariance import Subspaces
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

LEANS = 0.5
"""A part of a component's variance, in some direction, beyond which it leans on what put it in."""

NEARLY_SINGULAR = 1e10
"""A ratio of eigenvalues from which on a covariance is nearly singular."""

ONE = 0.95
"""Two components that overlap by more than this are nearly one."""

LEFT = 0.5
"""Nats, of all rows together, that may be left to gain before it is said."""

WIDE = 8
"""Columns up to which their means are in the table."""

FEW = 500
"""Components up to which each is compared with each."""


@dataclass(frozen=True)
class Component:
    """One component of a summary."""

    weight: float
    count: float | None
    """Rows, by weight, whether or not it is their likeliest component."""
    size: float | None
    """Rows whose likeliest component it is, by weight."""
    certainty: float | None
    """The mean probability of these rows to belong to it."""
    condition: float
    """The ratio of the largest to the smallest eigenvalue of its covariance, columns being divided
    by their standard deviations in the mixture."""
    nearest: int | None
    overlap: float | None
    """The Bhattacharyya coefficient with the nearest other one: 0 apart, 1 the same. Not of t
    distributions."""
    degrees_of_freedom: float | None = None
    """Of a t distribution."""
    dimension: int | None = None
    """Of a subspace, how many axes it has."""


@dataclass(frozen=True, repr=False)
class Summary:
    """A fitted mixture in numbers, and its faults in words.

    Printed as a page, in a notebook too. What needs rows is None where none were given.

    Parameters
    ----------
    covariance_type : str
    n_components, n_features, n_parameters : int
    n_rows : int or None
        Of the fit, or of X where it was given.
    total_weight : float or None
        The same, each counted by its weight.
    log_likelihood : float or None
        In nats, of X where it was given; otherwise as it was at the last pass of the fit.
    bic, aic, icl : float or None
        Smaller is better. `icl` needs X.
    converged : bool or None
    ended : str or None
        How the fit came to its end, in words.
    n_iter : int or None
    remaining_gain : float or None
        What more passes would gain, in nats per row, as far as the last ones tell.
    starts : Starts or None
    entropy : float or None
        Of the classification, in nats per row: 0 where every row belongs to one component for
        certain. Needs X.
    means : tuple of tuple of float
    columns : tuple of str
    components : tuple of Component
    faults : tuple of str
        What to beware of, in words; empty if nothing was found.
    first : int
        From which number components are counted.
    """

    covariance_type: str
    n_components: int
    n_features: int
    n_parameters: int
    n_rows: int | None
    total_weight: float | None
    log_likelihood: float | None
    bic: float | None
    aic: float | None
    icl: float | None
    converged: bool | None
    ended: str | None
    n_iter: int | None
    remaining_gain: float | None
    starts: Starts | None
    entropy: float | None
    means: tuple[tuple[float, ...], ...]
    columns: tuple[str, ...]
    components: tuple[Component, ...]
    faults: tuple[str, ...]
    first: int = 0

    def to_dict(self) -> dict[str, Any]:
        """All of it, in types that JSON can hold."""
        return asdict(self)

    @property
    def table(self) -> dict[str, list[Any]]:
        """The components as columns; what is not known is left out, and so are many means."""
        columns: dict[str, list[Any]] = {
            "component": [*range(self.first, self.first + self.n_components)]
        }
        for name in Component.__dataclass_fields__:
            values = [getattr(component, name) for component in self.components]
            if any(value is not None for value in values):
                columns[name] = values
        for j, name in enumerate(self.columns if len(self.columns) <= WIDE else ()):
            columns[f"mean[{name}]"] = [mean[j] for mean in self.means]
        return columns

    @property
    def lines(self) -> list[str]:
        """The numbers of the whole fit, in words."""
        found: list[str] = []
        if self.log_likelihood is not None:
            criteria = [("BIC", self.bic), ("AIC", self.aic), ("ICL", self.icl)]
            shown = [f"{name} {value:.6g}" for name, value in criteria if value is not None]
            found.append(f"log-likelihood {self.log_likelihood:.6g} nats, {', '.join(shown)}")
        if self.ended is not None:
            passes = "pass" if self.n_iter == 1 else "passes"
            found.append(f"{self.n_iter} {passes} over the data: {self.ended}")
        if self.remaining_gain is not None:
            found.append(f"left to gain: about {self.remaining_gain:.1g} nats per row")
        if self.starts is not None and self.starts.n > 1:
            found.append(_of_starts(self.starts))
        if self.entropy is not None:
            most = np.log(self.n_components)
            part = f", {self.entropy / most:.0%} of the most there could be" if most > 0 else ""
            found.append(f"entropy of the classification {self.entropy:.3g} nats per row{part}")
        return found

    @property
    def _matrices(self) -> str:
        """What the family is of."""
        heavy = any(component.degrees_of_freedom is not None for component in self.components)
        return "scales of t distributions" if heavy else "covariance"

    @property
    def title(self) -> str:
        """The family and the sizes."""
        parts = [
            f"{_number(self.n_components, 'component')}, {self.covariance_type} {self._matrices}",
            _number(self.n_features, "column"),
            _number(self.n_parameters, "parameter"),
        ]
        if self.n_rows is not None:
            weighed = self.total_weight is not None and self.total_weight != self.n_rows
            weight = f" of weight {self.total_weight:.6g}" if weighed else ""
            parts.append(_number(self.n_rows, "row") + weight)
        return ", ".join(parts)

    def __repr__(self) -> str:
        title = "\n".join([self.title, *self.lines, ""])
        return sheet.text(title, self.table, self.faults)

    def _repr_html_(self) -> str:
        return sheet.html("; ".join([self.title, *self.lines]), self.table, self.faults)


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _of_starts(starts: Starts) -> str:
    aside = starts.n - starts.ended
    if starts.ended < 2:
        return f"{starts.n} starts, {aside} of them set aside on the way"
    different = "one optimum" if starts.optima == 1 else f"{starts.optima} different optima"
    spread = f", {starts.spread:.2g} nats per row apart" if starts.optima > 1 else ""
    rest = f"; {aside} were set aside on the way" if aside else ""
    return f"{starts.ended} starts came to {different}{spread}{rest}"


def summary(model: Any, X: Any = None, sample_weight: ArrayLike | None = None) -> Summary:
    """What `GaussianMixture.summary` and `StudentMixture.summary` give."""
    if X is None and sample_weight is not None:
        raise ValueError("sample_weight is that of the rows of X: give X, too")
    mixture: Either = model.mixture_
    data = None if X is None else model._weighted(X, sample_weight)
    names = getattr(model, "feature_names_in_", range(mixture.n_features))
    tails = getattr(model, "degrees_of_freedom", None)
    return summarised(mixture, [str(name) for name in names], Record.of(model), data, tails=tails)


def summarised(
    value: Either,
    names: Sequence[str],
    record: Record | None = None,
    data: Data | None = None,
    first: int = 0,
    tails: Any = None,
) -> Summary:
    """A summary from whatever there is; components are counted from ``first``.

    Of t distributions ``tails`` says which degrees of freedom were found: "own", "common", or none.
    """
    measured = None if data is None else _Measured.of(data, value)
    mixture = value.gaussian if isinstance(value, HeavyMixture) else value
    p, icl = mixture.n_parameters, None
    if isinstance(value, HeavyMixture):
        p += {"own": mixture.n_components, "common": 1}.get(str(tails), 0)
    known: tuple[float, float] | None = None
    if measured is not None:
        known = measured.log_likelihood, measured.total
        icl = selection.icl(measured.log_likelihood, measured.log_certainty, p, measured.total)
    elif record is not None:
        known = record.log_likelihood, record.total
    said = measured or record
    components = _components(value, None if known is None else known[1], measured, first)
    return Summary(
        covariance_type=mixture.covariance.name,
        n_components=mixture.n_components,
        n_features=mixture.n_features,
        n_parameters=p,
        n_rows=None if said is None else said.n_rows,
        total_weight=None if said is None else said.total,
        log_likelihood=None if known is None else known[0],
        bic=None if known is None else selection.bic(known[0], p, known[1]),
        aic=None if known is None else selection.aic(known[0], p),
        icl=icl,
        converged=None if record is None else record.converged,
        ended=None if record is None else record.ended,
        n_iter=None if record is None else record.n_iter,
        remaining_gain=None if record is None else record.remaining,
        starts=None if record is None else record.starts,
        entropy=None if measured is None else measured.entropy / measured.total,
        means=tuple(tuple(mean) for mean in mixture.means.tolist()),
        columns=tuple(names),
        components=components,
        faults=tuple(_faults(mixture, p, components, record, first)),
        first=first,
    )


class _Measured(NamedTuple):
    """What rows say of a fit."""

    n_rows: int
    total: float
    log_likelihood: float
    log_certainty: float
    entropy: float
    sizes: Array  # (K,)
    certainties: Array  # (K,)

    @classmethod
    def of(cls, data: Data, mixture: Either) -> "_Measured":
        sums = data.fold(posterior.certainty_of, mixture)
        shares = data.fold(_shares_of, mixture)
        k = mixture.n_components
        sizes, certain = shares[:k], shares[k : 2 * k]
        mean = np.divide(certain, sizes, out=np.full(k, np.nan), where=sizes > 0)
        log_likelihood, log_certainty, total = sums.tolist()
        n_rows = int(shares[-1])
        return cls(n_rows, total, log_likelihood, log_certainty, float(shares[-2]), sizes, mean)


def _shares_of(block: Block, mixture: Either) -> Array:
    """Sums over rows, (2 K + 2,): sizes, the probabilities behind them, entropy, and rows."""
    k, w = mixture.n_components, block.weights
    r = posterior.responsibilities(block, mixture)
    best = r.argmax(axis=1)
    sizes = np.bincount(best, weights=w, minlength=k)
    certain = np.bincount(best, weights=w * r[np.arange(len(r)), best], minlength=k)
    entropy = -(w[:, None] * r * np.log(np.where(r > 0, r, 1.0))).sum()
    return np.concatenate([sizes, certain, [entropy, len(r)]])


def _components(
    value: Either, total: float | None, measured: "_Measured | None", first: int
) -> tuple[Component, ...]:
    """What there is to say of each component."""
    heavy = isinstance(value, HeavyMixture)
    mixture, k = value.gaussian if heavy else value, value.n_components
    conditions, covariance = _conditions(mixture), mixture.covariance
    nearest, overlaps = np.full(k, -1), np.full(k, np.nan)
    if 1 < k <= FEW and not heavy:
        apart = pair.bhattacharyya(mixture, mixture)
        np.fill_diagonal(apart, np.inf)
        nearest, overlaps = apart.argmin(axis=1), np.exp(-apart.min(axis=1))
    found: list[Component] = []
    for j in range(k):
        certainty = None if measured is None else float(measured.certainties[j])
        found.append(
            Component(
                weight=float(mixture.weights[j]),
                count=None if total is None else float(mixture.weights[j] * total),
                size=None if measured is None else float(measured.sizes[j]),
                certainty=None if certainty is None or np.isnan(certainty) else certainty,
                condition=float(conditions[j]),
                nearest=None if nearest[j] < 0 else int(nearest[j]) + first,
                overlap=None if np.isnan(overlaps[j]) else float(overlaps[j]),
                degrees_of_freedom=float(value.degrees[j]) if heavy else None,
                dimension=int(covariance.dimensions[j])
                if isinstance(covariance, Subspaces)
                else None,
            )
        )
    return tuple(found)


def _conditions(mixture: Components) -> Array:
    """Ratios of eigenvalues, (K,), in units in which the mixture's own variances are one."""
    root = np.sqrt(np.diagonal(mixture.total_covariance()))
    values = np.linalg.eigvalsh(mixture.covariances / root / root[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values[:, 0] > 0, values[:, -1] / values[:, 0], np.inf)


def _faults(
    mixture: Mixture,
    n_parameters: int,
    components: Sequence[Component],
    record: Record | None,
    first: int,
) -> list[str]:
    """What to beware of, in words."""
    found: list[str] = []
    d, k = mixture.n_features, mixture.n_components
    least = d + 1 if mixture.covariance.n_free(k) >= k * d * (d + 1) // 2 else 2
    leaning = (0.0,) * k if record is None else record.leaning
    for j, component in enumerate(components):
        who = f"component {j + first}"
        if component.weight <= 0:
            found.append(f"{who} is empty: fit fewer components, or use dead_components='drop'")
            continue
        if component.count is not None and component.count < least:
            found.append(
                f"{who} rests on {component.count:.3g} rows, fewer than {least}: fit fewer "
                "components, or use dead_components"
            )
        if record is not None and leaning[j] > LEANS:
            found.append(
                f"{who} leans on {record.leans_on}, which makes up {leaning[j]:.0%} of its "
                "variance in one direction"
            )
        if component.condition > NEARLY_SINGULAR:
            found.append(
                f"{who} is nearly singular: the ratio of its largest to its smallest eigenvalue "
                f"is {component.condition:.1g}; look for columns that are sums of others, or "
                "nearly constant"
            )
        other = component.nearest
        if other is not None and component.overlap is not None and component.overlap > ONE:
            back = components[other - first].nearest == j + first
            if not back or j + first < other:
                found.append(
                    f"components {j + first} and {other} are nearly one: they overlap by "
                    f"{component.overlap:.3g}"
                )
    total = sum(component.count or 0.0 for component in components)
    if 0 < total < n_parameters:
        found.append(
            f"there are {n_parameters:,} parameters and {total:,.6g} rows: fit fewer "
            "components, or a smaller family"
        )
    return found if record is None else [*found, *_of_the_run(record)]


def _of_the_run(record: Record) -> list[str]:
    """What to beware of in how the fit came about."""
    found: list[str] = []
    if not record.converged:
        found.append(f"not converged: {record.ended}; raise max_iter")
    left = 0.0 if record.remaining is None else record.remaining * record.total
    if left > LEFT:
        found.append(
            f"about {left:.2g} nats are left to gain on all rows together: lower tol, for "
            "parameters where the likelihood is highest"
        )
    starts = record.starts
    if starts.ended > 2 and starts.optima == starts.ended:
        found.append(
            f"each of {starts.ended} starts came to an optimum of its own: raise n_init, or fit "
            "fewer components"
        )
    return found
