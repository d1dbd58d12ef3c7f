"""The one place that turns options into objects: data, family, prior, start."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.engines.memory import BLOCK_ROWS, Memory
from mixtura.estimators.hierarchical import HierarchicalStart
from mixtura.learn import completion, initial, selection, settling
from mixtura.learn.acceleration import Accelerator, Curvature, Lbfgs, Plain, Squarem
from mixtura.learn.brief import GoOn
from mixtura.learn.compact import Compact, is_compact
from mixtura.learn.data import Block, Data
from mixtura.learn.em import (
    Expect,
    Fit,
    Iteration,
    Rest,
    Watch,
    em,
    little_to_gain,
    stands_still,
)
from mixtura.learn.gradient import covers
from mixtura.learn.halving import Go, Run, halving, rows_to_compare
from mixtura.learn.hierarchy import Hierarchy
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.noise import NoisyFit, Sifting
from mixtura.learn.prior import Penalty, Prior
from mixtura.learn.reduction import Drop, Keep, Policy, Reseed
from mixtura.learn.restriction import Held, grouped
from mixtura.learn.sorting import Sorting
from mixtura.learn.spread import LEAST, floors
from mixtura.learn.statistics import Statistics
from mixtura.learn.truncation import MEASURED, BoundedFit, Search, Truncation, unseen
from mixtura.learn.units import COPIED, Units
from mixtura.model.covariance import Covariance, Factor, Subspaces, named, subspace_family
from mixtura.model.mixture import Mixture
from mixtura.model.noise import Noise

Array = NDArray[np.float64]

OWN_UNITS = ("kmeans", "k-means++", "hierarchical")
"""Starts that depend on the units of the columns, and so are made in the rows' own."""
STARTS = ("kmeans", "k-means++", "random", "random_from_data", "merge", "hierarchical")
POLICIES = ("keep", "reseed", "drop")
ACCELERATORS = ("auto", "none", "squarem", "lbfgs")

TOGETHER = 64
"""Rows in a block for each component, at the least, where posteriors are truncated: rows of one
component are computed together."""


@dataclass(frozen=True)
class Known:
    """What is known of memberships."""

    labels: NDArray[np.int64]  # (n,): -1 where there is none
    held: Held


@dataclass(frozen=True)
class Plan:
    """Everything that a fit needs, as objects."""

    rows: NDArray[Any]
    incomplete: bool
    """Some numbers are missing, being NaN."""
    weights: Array | None
    data: Data
    family: type[Covariance]
    n_components: int
    whole: Mixture
    """All rows as one Gaussian."""
    model: Mixture
    """K components, each like all rows together."""
    maximize: Maximization
    dead: Callable[[], Policy]
    """A new policy for each run: some of them count."""
    accelerate: Accelerator
    rest: Rest
    halves: bool
    """Of several runs the worse half is set aside again and again."""
    truncation: Truncation | None
    known: Known | None = None
    """What is known of memberships."""
    noise: Noise | None = None
    """Noise beside the mixture, as a run begins."""
    begin: "Plan | None" = None
    """The same fit with those rows alone that a start is made from, where they are not all."""
    units: Units | None = None
    """Those in which starts and runs are computed, where that is in others than the rows' own."""

    @property
    def chooses(self) -> bool:
        """How many axes components have is chosen as a run begins."""
        return issubclass(self.family, Subspaces) and self.family.rule is not None

    def worth(self, fit: Fit) -> float:
        """By what the best of several runs is taken: the objective, in nats per row.

        Where runs have other numbers of axes, less what BIC takes for their parameters.
        """
        if not self.chooses:
            return fit.objective
        n = float(len(self.rows)) if self.weights is None else float(self.weights.sum())
        return fit.objective - 0.5 * selection.bic(0.0, fit.mixture.n_parameters, n) / n

    def expect(self) -> Expect:
        """The E-step of a run."""
        return Sorting(self.data) if self.known is None else self.known.held

    def outside(self, rows: NDArray[Any], units: Units) -> "Plan":
        """The same fit of rows in their own units, computed in these, in which it stands here."""
        whole, model = units.back(self.whole), units.back(self.model)
        found = self._times(units.factors, rows=rows, whole=whole, model=model, units=units)
        found.__dict__["inner"] = self
        return found

    @cached_property
    def inner(self) -> "Plan":
        """The same fit in the units in which it is computed."""
        units = self.units
        if units is None:
            return self
        rows, whole, model = units.rows(self.rows), units.into(self.whole), units.into(self.model)
        return self._times(units.inverse, rows=rows, whole=whole, model=model, units=None)

    def _times(self, factors: Array, *, rows: NDArray[Any], **others: Any) -> "Plan":
        """The same fit of columns times factors, (D,), given what all rows are then."""
        maximize = self.maximize
        prior = maximize.prior
        if isinstance(prior, Penalty):
            prior = Penalty(prior.covariance * (factors[:, None] * factors), prior.strength)
        maximize = replace(maximize, prior=prior, floor=maximize.floor * factors**2)
        data = Memory(rows, self.weights, incomplete=self.incomplete)
        return replace(self, rows=rows, data=data, maximize=maximize, **others)

    @cached_property
    def compact(self) -> Compact:
        """The rows as compiled runs read them, where they are few."""
        if self.units is not None:
            return self.inner.compact.scaled(self.units.factors, self.maximize)
        return Compact.of(self.data.sample(len(self.rows), 0), self.model, self.maximize)

    def lower(self) -> float:
        """How much lower objectives are in the rows' own units, in nats per row."""
        if self.units is None:
            return 0.0
        w = np.ones(len(self.rows)) if self.weights is None else self.weights
        present = (
            w @ ~np.isnan(self.rows) if self.incomplete else np.full(len(self.rows.T), w.sum())
        )
        prior = self.maximize.prior
        if isinstance(prior, Penalty):
            present = present + 2.0 * prior.strength * self.n_components
        return self.units.volume(present) / float(w.sum())


def plan(
    rows: NDArray[Any],
    weights: Array | None,
    *,
    incomplete: bool = False,
    n_components: int,
    covariance_type: str,
    reg_covar: float | None,
    variance_floor: ArrayLike | None,
    prior: Prior | None,
    dead_components: str,
    accelerate: str,
    truncation: int | Truncation | None = None,
    whole: Mixture | None = None,
) -> Plan:
    """Resolve the options of an estimator for one table; ``whole`` saves finding it again."""
    n_rows = _says(rows, weights, incomplete)
    if n_rows < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, "
            f"n_samples = {n_rows}: ask for fewer components, or bring more rows."
        )
    truncated = _truncation(truncation, n_components, dead_components)
    family = named(covariance_type)
    floor = None if variance_floor is None else _floor(variance_floor, rows.shape[1])
    ridge = float(reg_covar or 0.0)
    constrain = Bounds(floor, ridge) if floor is not None or ridge else None
    # What is given in the units of columns, or changes the number of components, stays in them.
    free = prior is None and constrain is None and dead_components == "keep"
    units = Units.of(rows, family) if free and rows.size <= COPIED else None
    own, least = rows, LEAST
    if units is not None:
        rows, least = units.rows(rows), LEAST * units.inverse**2
        whole = None if whole is None else units.into(whole)
    data = Memory(rows, weights, incomplete=incomplete)
    whole = initial.total(data) if whole is None else whole
    covariance = whole.covariances[0]
    total = float(len(rows)) if weights is None else float(weights.sum())
    if prior is not None:
        _check_prior(prior, whole, family, n_components)
    elif reg_covar is None:
        prior = Penalty(covariance, total**-0.5)
    model = initial.alike(whole, family, n_components)
    if constrain is not None:
        model = Mixture(model.weights, model.means, constrain(model.covariance))
    maximize = Maximization(
        family=family,
        prior=prior,
        floor=floors(np.diagonal(covariance), least),
        constrain=constrain,
    )
    policies: dict[str, Callable[[], Policy]] = {
        "keep": Keep,
        "drop": Drop,
        "reseed": lambda: Reseed(2 * n_components),
    }
    found = Plan(
        rows=rows,
        incomplete=incomplete,
        weights=weights,
        data=data,
        family=family,
        n_components=n_components,
        whole=whole,
        model=model,
        maximize=maximize,
        dead=policies[dead_components],
        accelerate=Plain()
        if truncated is not None
        else _accelerator(accelerate, maximize, dead_components),
        rest=resting(accelerate, n_components, incomplete),
        halves=accelerate != "none"
        and truncated is None
        and not (issubclass(family, Subspaces) and family.rule is not None),
        truncation=truncated,
    )
    return found if units is None else found.outside(own, units)


def after(mixture: Mixture, n: float) -> Maximization:
    """The M-step that goes on from a mixture of which only the number of rows is known."""
    covariance = mixture.total_covariance()
    return Maximization(
        family=type(mixture.covariance),
        prior=Penalty(covariance, n**-0.5),
        floor=floors(np.diagonal(covariance)),
    )


def resting(accelerate: str, n_components: int, incomplete: bool = False) -> Rest:
    """By what a run is at its end."""
    if accelerate == "none" or (n_components == 1 and not incomplete):  # there after one pass
        return stands_still
    return little_to_gain


def _says(rows: NDArray[Any], weights: Array | None, incomplete: bool) -> int:
    """How many rows count for something and say something."""
    if not incomplete:
        return len(rows) if weights is None else int(np.count_nonzero(weights))
    says = ~np.isnan(np.fmax.reduce(rows, axis=1))
    return int(np.count_nonzero(says if weights is None else says & (weights > 0)))


def _truncation(
    given: int | Truncation | None, n_components: int, dead_components: str
) -> Truncation | None:
    """How posteriors are truncated, if they are."""
    if given is None:
        return None
    truncation = given if isinstance(given, Truncation) else Truncation(int(given))
    if not 1 <= truncation.n_kept <= n_components:
        raise ValueError(
            f"truncation keeps {truncation.n_kept} components for each row, but n_components is "
            f"{n_components}: keep from 1 to {n_components}, or set truncation=None"
        )
    if truncation.n_neighbours < 1:
        raise ValueError(
            f"truncation seeks among {truncation.n_neighbours} neighbours: a component is one of "
            "its own, so n_neighbours must be at least 1"
        )
    if dead_components != "keep":
        raise ValueError(
            f"truncation goes with dead_components='keep' only, not with {dead_components!r}: rows "
            "remember the numbers of their components"
        )
    return truncation


def search(setup: Plan, begin: Mixture) -> Search | Sifting | None:
    """The E-step of one run, where it has a memory: with truncated posteriors, or with noise."""
    if setup.noise is not None:
        return Sifting(setup.data, setup.noise)
    if setup.truncation is None:
        return None
    state = unseen(len(setup.rows), setup.truncation)
    block_rows = max(BLOCK_ROWS, TOGETHER * setup.n_components)
    data = Memory(setup.rows, setup.weights, state, block_rows=block_rows)
    return Search(data, setup.truncation, begin)


def ended(found: Search | Sifting, fit: Fit) -> Fit:
    """A run with what its E-step remembers: how much is noise, or what a bound misses."""
    if isinstance(found, Sifting):
        return NoisyFit(fit.mixture, fit.outcome, fit.history, found.noise)
    some = found.data.sample(MEASURED, np.random.RandomState(0))
    gap = found.gap(Memory(*some[:3]), fit.mixture)
    return BoundedFit(fit.mixture, fit.outcome, fit.history, gap)


def _accelerator(how: str, maximize: Maximization, dead_components: str) -> Accelerator:
    """Plain steps where others could leave what is allowed, or meet a mixture of another size."""
    bound = isinstance(maximize.constrain, Bounds) and maximize.constrain.floor is not None
    if how == "none" or bound or dead_components != "keep":
        return Plain()
    if how == "auto" and issubclass(maximize.family, Factor | Subspaces):
        return Plain()  # where a step in loadings was long, runs ended at places that are lower
    if how == "squarem" or not covers(maximize.family):
        return Squarem()
    return Lbfgs()


def _check_prior(prior: Prior, whole: Mixture, family: type[Covariance], n_components: int) -> None:
    if not hasattr(prior, "pseudo_data"):
        raise ValueError(
            f"'prior' must be None or a prior such as mixtura.NormalInverseWishart, not {prior!r}"
        )
    found = prior.pseudo_data(n_components, family)
    here = Statistics.zero(family.moment, n_components, whole.n_features)
    if found.sums.shape != here.sums.shape or found.products.shape != here.products.shape:
        raise ValueError(
            f"'prior' is for {found.sums.shape[1]} columns with moments of shape "
            f"{found.products.shape}, but X has {whole.n_features} columns, with moments of shape "
            f"{here.products.shape}"
        )


def _floor(given: ArrayLike, n_features: int) -> Array:
    floor = np.asarray(given, dtype=np.float64)
    if floor.ndim > 1 or floor.size not in (1, n_features):
        raise ValueError(
            f"variance_floor must be one number or one for each of {n_features} columns, "
            f"but has shape {floor.shape}"
        )
    if not (np.isfinite(floor).all() and (floor > 0).all()):
        raise ValueError("variance_floor must be positive and finite in every column")
    return np.broadcast_to(floor, (n_features,)).astype(np.float64)


@dataclass(frozen=True)
class Given:
    """Initial parameters that the user fixed; None where the start is to be found."""

    weights: Array | None
    means: Array | None
    covariance: Covariance | None

    @property
    def none(self) -> bool:
        """All is left to be found."""
        return self.weights is None and self.means is None and self.covariance is None

    @property
    def complete(self) -> bool:
        """Nothing is left to be found."""
        return self.weights is not None and self.means is not None and self.covariance is not None


def given(
    weights_init: ArrayLike | None,
    means_init: ArrayLike | None,
    precisions_init: ArrayLike | None,
    *,
    covariance_type: str,
    n_components: int,
    n_features: int,
) -> Given:
    """Check the initial parameters; the user's own arrays are left as they are."""
    family = named(covariance_type)
    return Given(
        None if weights_init is None else _weights(weights_init, n_components),
        None if means_init is None else _shaped(means_init, "means", (n_components, n_features)),
        None
        if precisions_init is None
        else _precisions(precisions_init, family, n_components, n_features),
    )


def _shaped(value: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    try:
        array = np.array(value, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"The parameter '{name}' should be numbers in the shape of {shape}: {error}"
        ) from error
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"The parameter '{name}' holds NaN or infinity")
    return array


def _weights(value: ArrayLike, n_components: int) -> Array:
    weights = _shaped(value, "weights", (n_components,))
    if (weights < 0).any() or (weights > 1).any():
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f}"
        )
    if not np.isclose(weights.sum(), 1.0, atol=1e-6):
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{weights.sum():.5f}"
        )
    return weights


def _precisions(
    value: ArrayLike, family: type[Covariance], n_components: int, n_features: int
) -> Covariance:
    if issubclass(family, Factor | Subspaces):
        what = "factor analysers" if issubclass(family, Factor) else "subspaces"
        raise ValueError(
            f"precisions_init does not go with {what}: give means_init, or a start by init_params"
        )
    name = f"{family.name} precision"
    precisions = _shaped(value, name, family.shape(n_components, n_features))
    dense = family.from_values(precisions, n_features).dense(n_components)
    largest = np.abs(dense).max(axis=(1, 2))
    skew = np.abs(dense - np.swapaxes(dense, 1, 2)).max(axis=(1, 2))
    bad = (skew > 1e-6 * largest) | (np.linalg.eigvalsh(dense)[:, 0] <= 0)
    if bad.any():
        kind = "positive" if family.independent else None
        raise ValueError(f"'{name}' should be {kind or 'symmetric, positive-definite'}")
    covariance = family.from_precisions(precisions, n_features)
    stray = covariance.strays(n_components)
    if stray.any():
        raise ValueError(
            f"'{name}' of component {int(np.flatnonzero(stray)[0])} does not have with the others "
            f"what {family.name} has in common ({family.words})"
        )
    return covariance


def start(
    setup: Plan, how: Any, fixed: Given, rng: np.random.RandomState, first: bool = True
) -> Mixture:
    """A mixture to begin with, by the way asked for, with what the user fixed put in.

    What is not drawn but found, by merging, is found for the first of several alone.
    """
    if fixed.complete:
        assert fixed.weights is not None
        assert fixed.means is not None
        assert fixed.covariance is not None
        return Mixture(fixed.weights, fixed.means, fixed.covariance)
    found = _found(setup, how, rng, first)
    return Mixture(
        found.weights if fixed.weights is None else fixed.weights,
        found.means if fixed.means is None else fixed.means,
        found.covariance if fixed.covariance is None else fixed.covariance,
    )


def starts(
    setup: Plan, how: Any, fixed: Given, n_init: int, rng: np.random.RandomState
) -> list[Mixture]:
    """Several mixtures to begin with."""
    if setup.known is not None and isinstance(how, str) and fixed.none:
        return _labelled_starts(setup, setup.known.labels, how, n_init, rng)
    found = [start(setup, how, fixed, rng)]
    if _says_the_same(setup, how):
        how = "merge"
    return found + [start(setup, how, fixed, rng, False) for _ in range(n_init - 1)]


def _says_the_same(setup: Plan, how: Any) -> bool:
    """Whether a way to start leads to the same place again."""
    how = HierarchicalStart() if isinstance(how, str) and how == "hierarchical" else how
    if isinstance(how, HierarchicalStart):
        return not setup.incomplete and len(setup.rows) <= how.rows
    return isinstance(how, Hierarchy)


def held(
    setup: Plan,
    labels: NDArray[np.int64] | None,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
) -> Plan:
    """The same fit with what is known of memberships, if anything is."""
    if labels is None and groups is None:
        return setup
    if setup.truncation is not None:
        raise ValueError("labels and groups go with truncation=None only: set it, or leave them")
    if not isinstance(setup.dead(), Keep):
        raise ValueError(
            "labels and groups go with dead_components='keep' only: labels are numbers of "
            "components, which must stay what they are"
        )
    rows, incomplete = setup.rows, setup.incomplete
    own = np.full(len(rows), -1) if labels is None else labels
    allowed, weights = np.eye(setup.n_components, dtype=np.bool_), setup.weights
    if groups is None:
        data = Memory(rows, weights, own, incomplete=incomplete)
        return replace(setup, known=Known(own, Held(data, [], allowed)))
    number, label = groups
    inside = np.flatnonzero(number >= 0)
    own = own.copy()
    own[inside] = label[number[inside]]
    together = grouped(
        rows[inside],
        np.ones(len(inside)) if weights is None else weights[inside],
        number[inside],
        label,
        incomplete=incomplete,
        at_once=BLOCK_ROWS,
    )
    alone, data = np.flatnonzero(number < 0), None
    if len(alone):
        w = None if weights is None else weights[alone]
        data = Memory(rows[alone], w, own[alone], incomplete=incomplete)
    return replace(setup, known=Known(own, Held(data, together, allowed)))


def _labelled_starts(
    setup: Plan, labels: NDArray[np.int64], how: str, n_init: int, rng: np.random.RandomState
) -> list[Mixture]:
    """The first from labels, if every component has some; others are numbered as labels are."""
    index = labels >= 0 if setup.weights is None else (labels >= 0) & (setup.weights > 0)
    chosen = np.flatnonzero(index)
    w = None if setup.weights is None else setup.weights[chosen]
    data = Memory(setup.rows[chosen], w, labels[chosen], incomplete=setup.incomplete)
    found: list[Mixture] = []
    if len(np.unique(labels[chosen])) == setup.n_components:
        block = _sample(setup, initial.SAMPLE, rng)
        found.append(initial.from_labels(data, block, setup.model, setup.maximize))
    while len(found) < n_init:
        begin = _found(setup, how, rng, not found)
        found.append(initial.numbered(begin, data) if len(chosen) else begin)
    return found


def course(
    setup: Plan,
    tol: float,
    watch: Watch | None = None,
    begin: Callable[[], None] = lambda: None,
    expect: Expect | None = None,
) -> Go:
    """How a run goes on that may be left: by EM's own steps until it is to come to its end.

    Its E-step is that of the plan, if no other is given.
    """
    if setup.units is not None and expect is None and setup.known is None:
        return _elsewhere(setup, setup.units, tol, watch, begin)
    dead = setup.dead()

    def go(mixture: Mixture, passes: int, objective: float, last: bool) -> Fit:
        begin()
        return em(
            mixture,
            expect or setup.expect(),
            setup.maximize,
            dead=dead,
            accelerate=setup.accelerate if last else Plain(),
            rest=setup.rest,
            tol=tol,
            max_iter=passes,
            objective=objective,
            watch=watch,
        )

    return go


def _elsewhere(
    setup: Plan, units: Units, tol: float, watch: Watch | None, begin: Callable[[], None]
) -> Go:
    """The same in the units in which it is computed; what is told of it is in the rows' own."""
    lower, history = setup.lower(), list[Iteration]()

    def seen(number: int, record: Iteration, there: Mixture) -> bool:
        here = units.back(there)
        worst = here.covariance.worst_condition(here.n_components)
        record = replace(record, objective=record.objective - lower, worst_condition=worst)
        history.append(record)
        return watch is not None and watch(number, record, here)

    inside = course(setup.inner, tol, seen, begin)

    def go(mixture: Mixture, passes: int, objective: float, last: bool) -> Fit:
        history.clear()
        fit = inside(units.into(mixture), passes, objective + lower, last)
        return Fit(units.back(fit.mixture), fit.outcome, tuple(history))

    return go


def loop(setup: Plan, tol: float, watch: Watch | None = None, expect: Expect | None = None) -> GoOn:
    """How a run goes on to its end, in Python."""
    go = course(setup, tol, watch, expect=expect)
    return lambda mixture, passes, objective: go(mixture, passes, objective, True)


GROWTH = 8
"""Each part of the rows is so many times the one before."""

NEAR = 0.01
"""How near a run on a part of the rows comes to its end, as a part of how far that is from the end
on all rows."""

ENOUGH = 20
"""Rows for each parameter, at the least, in a part of the rows that a run begins with."""


def ascended(
    setup: Plan,
    begins: list[Mixture],
    tol: float,
    max_iter: int,
    rng: np.random.RandomState,
    tell: Callable[[int, int], None] = lambda step, n_rows: None,
) -> tuple[Plan, list[Mixture]]:
    """Of several starts, where there are many rows, the one that a part of them is best fitted
    from; and the way from it, part by part, up to where the run on all rows begins.

    A mixture of p parameters that is fitted to m rows is p / 2m nats a row below the best one, so a
    run on these rows need not come much nearer, and the passes over all of them are few. Parts are
    every so many rows and weigh as much as all; what a run on one of them learns of the curvature
    is handed on. Before each part `tell` hears of how many rows it has one, and how many it has.
    """
    if not setup.halves or setup.known is not None or max_iter == 0:
        return setup, begins
    accelerate = setup.accelerate
    if isinstance(accelerate, Lbfgs):
        accelerate = replace(accelerate, known=Curvature(accelerate.memory))
    least = ENOUGH * setup.model.n_parameters
    if len(begins) > 1:
        least = max(least, rows_to_compare(setup.model, tol))
    for step in _steps(len(setup.rows), least):
        part = _part(replace(setup, accelerate=accelerate), step, int(rng.randint(step)))
        if part.weights is not None and np.count_nonzero(part.weights) < least:
            continue
        tell(step, len(part.rows))
        near = max(tol, NEAR * setup.model.n_parameters / (2 * len(part.rows)))
        best = halving([Run(begin, course(part, near), max_iter) for begin in begins])
        best.finish()
        setup, begins = replace(setup, accelerate=accelerate), [best.fit.mixture]
    return setup, begins


def _steps(n_rows: int, least: float) -> list[int]:
    """Of how many rows one is taken, part by part, so that each has enough."""
    steps: list[int] = []
    step = GROWTH
    while n_rows >= step * max(least, BLOCK_ROWS):
        steps.insert(0, step)
        step *= GROWTH
    return steps


def _part(setup: Plan, step: int, first: int) -> Plan:
    """The same fit of every so manyth row, each of which counts for as many."""
    rows = setup.rows[first::step]
    if setup.weights is None:
        weights = np.broadcast_to(len(setup.rows) / len(rows), (len(rows),))
    else:
        weights = setup.weights[first::step]
        share = weights.sum() / setup.weights.sum()
        weights = weights / share if share > 0 else weights
    return replace(
        setup, rows=rows, weights=weights, data=Memory(rows, weights, incomplete=setup.incomplete)
    )


def beginning_at(mixture: Mixture) -> Callable[..., Mixture]:
    """A start that is a mixture, as ``init_params`` takes one."""

    def begin(*_: Any) -> Mixture:
        return mixture

    return begin


def _found(setup: Plan, how: Any, rng: np.random.RandomState, first: bool) -> Mixture:
    setup = setup.begin or setup
    if callable(how) and not isinstance(how, HierarchicalStart):
        how = how(setup.rows, setup.n_components, rng)
    if isinstance(how, Mixture):
        return _same_size(how, setup)
    if not setup.chooses:
        return _sought(setup, how, rng, first)
    known = not isinstance(how, str | HierarchicalStart | Hierarchy)
    starts = [_sought(each, how, rng, first) for each in ([setup] if known else _narrow(setup))]
    return settling.settled(_sample(setup, settling.ROWS, rng), starts, setup.maximize)


def _narrow(setup: Plan) -> list[Plan]:
    """The same fit with few axes, as many for all components."""
    family, found = setup.family, list[Plan]()
    assert issubclass(family, Subspaces)
    form = family.form.name.removesuffix("Dk").removesuffix("D") + "D"
    for number in settling.FEW:
        narrow = subspace_family(form, min(number, max(setup.model.n_features - 1, 1)))
        model = initial.alike(setup.whole, narrow, setup.n_components)
        maximize = replace(setup.maximize, family=narrow)
        found.append(replace(setup, family=narrow, model=model, maximize=maximize))
    return found


def _sought(setup: Plan, how: Any, rng: np.random.RandomState, first: bool) -> Mixture:
    """A start that the rows are asked for, in the units in which it is computed."""
    if isinstance(how, Hierarchy):
        return how.start(setup.model, setup.maximize)
    own = isinstance(how, HierarchicalStart) or (isinstance(how, str) and how in OWN_UNITS)
    if setup.units is None or own:
        return _made(setup, how, rng, first)
    return setup.units.back(_made(setup.inner, how, rng, first))


def _made(setup: Plan, how: Any, rng: np.random.RandomState, first: bool) -> Mixture:
    """A start that is made of the rows."""
    if isinstance(how, str) and how == "hierarchical":
        how = HierarchicalStart()
    if isinstance(how, HierarchicalStart):
        tree = how.hierarchy(_sample(setup, how.rows, rng))
        return tree.start(setup.model, setup.maximize)
    if not isinstance(how, str):
        return _from_memberships(setup, how)
    if how == "merge":
        block = _sample(setup, initial.rows_to_merge(setup.model), rng)
        few = (
            not setup.incomplete
            and len(block.rows) == len(setup.rows)
            and is_compact(len(block.rows), setup.maximize)
        )
        rows = setup.compact if few else None
        return initial.from_merging(block, setup.model, setup.maximize, rng, rows, first)
    block = _sample(setup, initial.SAMPLE, rng)
    k = setup.n_components
    if how == "kmeans":
        members: NDArray[Any] = initial.kmeans_labels(block, k, rng)
    elif how == "random":
        members = rng.uniform(size=(len(block.rows), k))
        members /= members.sum(axis=1, keepdims=True)
    else:
        if how == "k-means++":
            chosen = initial.kmeans_seeds(block, k, rng)
        else:
            chosen = rng.choice(len(block.rows), size=k, replace=False)
        centres = block.rows[chosen].astype(np.float64)
        return initial.from_centres(block, centres, setup.model, setup.maximize)
    return initial.from_sample(block, members, setup.model, setup.maximize)


def _sample(setup: Plan, n: int, rng: np.random.RandomState) -> Block:
    """At most n rows to start from; what they miss is drawn."""
    return completion.filled(setup.data.sample(n, rng), setup.whole, rng)


def _same_size(mixture: Mixture, setup: Plan) -> Mixture:
    if mixture.means.shape != setup.model.means.shape:
        raise ValueError(
            f"the start has means of shape {mixture.means.shape}, "
            f"but {setup.model.means.shape} are asked for"
        )
    if not isinstance(mixture.covariance, setup.family):
        raise ValueError(
            f"the start has {mixture.covariance.name} covariances, "
            f"but {setup.family.name} are asked for"
        )
    return mixture


def _from_memberships(setup: Plan, members: ArrayLike) -> Mixture:
    """A start from labels (n,) or responsibilities (n, K)."""
    array = np.asarray(members)
    n_rows, k = len(setup.rows), setup.n_components
    if array.shape not in ((n_rows,), (n_rows, k)):
        raise ValueError(
            f"init_params as an array must be labels of shape ({n_rows},) or responsibilities of "
            f"shape ({n_rows}, {k}), but has shape {array.shape}"
        )
    if array.ndim == 1:
        if array.dtype.kind not in "iu":
            raise ValueError(f"labels must be integers from 0 to {k - 1}, not {array.dtype}")
        if len(array) and (array.min() < 0 or array.max() >= k):
            raise ValueError(
                f"labels must be integers from 0 to {k - 1}, but reach from {array.min()} to "
                f"{array.max()}"
            )
    else:
        array = array.astype(np.float64)
        if not (np.isfinite(array).all() and (array >= 0).all()):
            raise ValueError("responsibilities must be finite and not negative")
        sums = array.sum(axis=1)
        if not np.allclose(sums, 1.0, atol=1e-6):
            row = int(np.abs(sums - 1.0).argmax())
            raise ValueError(f"responsibilities of row {row} add to {sums[row]:.6g}, not to 1")
    data = Memory(setup.rows, setup.weights, array, incomplete=setup.incomplete)
    return initial.from_memberships(data, setup.model, setup.maximize)
