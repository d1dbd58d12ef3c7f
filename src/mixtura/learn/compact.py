"""Few rows as compiled code reads them, and mixtures as it writes them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied
from mixtura.model.covariance.aligned import Aligned
from mixtura.model.mixture import Mixture
from mixtura.numeric.moments import DIAGONAL, FULL, TRACE

Array = NDArray[np.float64]

Prior = tuple[Array, Array, Array]
"""Counts (3, K) behind weights, means and covariances, sums (K, D) and products (K, D, D)."""

NUMBERS = 1 << 19
"""Features of all rows together, up to which rows are few: 4 MiB, what a cache holds."""

FAMILIES: dict[type[Covariance], int] = {Full: 0, Tied: 1, Diagonal: 2, Spherical: 3}
"""Numbers of families in compiled code."""

FORMS: dict[str, int] = {
    **{"EII": 0, "EEI": 1, "VEI": 2, "EVI": 3, "VEE": 4},
    **{"EEV": 5, "VEV": 6, "EVV": 7, "EVE": 8, "VVE": 9},
}
"""Numbers of the forms that `whole_forms` knows."""

UNITS = "EII", "EEV", "VEV", "EVE", "VVE"
"""Those that columns in other units do not keep."""


def is_compact(n_rows: int, maximize: Maximization) -> bool:
    """Whether compiled code sees to such rows and such an M-step."""
    family, bounds = maximize.family, maximize.constrain
    known = family in FAMILIES or family.letters in FORMS
    free = bounds is None or (
        isinstance(bounds, Bounds) and (family in FAMILIES or not bounds.ridge)
    )
    return known and free and are_few(n_rows, len(maximize.floor))


def are_few(n_rows: int, n_features: int) -> bool:
    """Whether the features of so many rows are few."""
    return n_numbers(n_rows, n_features) <= NUMBERS


def n_numbers(n_rows: int, n_features: int) -> int:
    """The features of so many rows."""
    return (1 + n_features + n_features * (n_features + 1) // 2) * n_rows


def likelihood(block: Block, mixture: Mixture) -> float | None:
    """Σ w log p(x) of few rows; None where compiled code does not see to it."""
    found = certainty(columns(block), block.weights, mixture)
    return None if found is None else found[0]


def columns(block: Block) -> Array:
    """Rows as compiled code reads them where they are scored, (D, N)."""
    return np.array(block.rows.T, dtype=np.float64, order="C")


def certainty(x: Array, w: Array, mixture: Mixture) -> tuple[float, float] | None:
    """Σ w log p(x) of few rows (D, N), and Σ w log of the largest posterior; or None."""
    weights, means = mixture.weights, mixture.means
    covariances = mixture.covariance.dense(len(weights))
    found, certain = whole_score().likelihood(x, *map(_own, (w, weights, means, covariances)))
    return (found, certain) if abs(found) < np.inf else None


def _own(array: Array) -> Array:
    """The array, or a copy where compiled code would be made anew for it."""
    return np.require(array, np.float64, ["C", "W"])


@dataclass(frozen=True)
class State:
    """A mixture in the coordinates of a `Compact`: arrays that compiled code writes to."""

    weights: Array  # (K,)
    means: Array  # (K, D)
    covariances: Array  # (K, D, D)
    axes: Array  # (1, D, D): those that all have in common, in forms that have some

    @classmethod
    def empty(cls, k: int, d: int) -> "State":
        """Room for k components."""
        return cls(np.empty(k), np.empty((k, d)), np.empty((k, d, d)), np.eye(d)[None])

    def copy(self) -> "State":
        """The same in arrays of its own."""
        weights, means, covariances = self.weights, self.means, self.covariances
        return State(weights.copy(), means.copy(), covariances.copy(), self.axes.copy())

    def first(self, k: int) -> "State":
        """The first k components, in the same arrays."""
        return State(self.weights[:k], self.means[:k], self.covariances[:k], self.axes)

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """Weights, means and covariances."""
        return self.weights, self.means, self.covariances


@dataclass(frozen=True)
class Compact:
    """Rows with columns centred and scaled, z = (x − centre) / scale, and their features."""

    maximize: Maximization
    centre: Array  # (D,)
    scale: Array  # (D,)
    z: Array  # (D, N)
    w: Array  # (N,)
    phi: Array  # (tiles, M, TILE)
    ridge: Array  # (D,)
    floor: Array  # (D,)
    units: float
    """The log density of a row less that in these coordinates."""
    priors: dict[int, Prior] = field(default_factory=dict[int, Prior])

    @classmethod
    def of(
        cls,
        block: Block,
        model: Mixture,
        maximize: Maximization,
        others: Iterable["Compact"] = (),
    ) -> "Compact":
        """Some rows; components like all rows together lend the coordinates.

        Others of the same rows have their features in common with them, if they have coordinates.
        """
        family, tile = maximize.family, whole_run().TILE
        centre, variances = model.means[0], np.diagonal(model.covariance.dense(1)[0])
        if family.letters in UNITS:
            variances = np.full_like(variances, variances.mean())
        scale, d = np.sqrt(variances), len(variances)
        for other in others:
            alike = other.maximize.family.independent == family.independent
            if alike and np.array_equal((other.centre, other.scale), (centre, scale)):
                z, phi = other.z, other.phi
                break
        else:
            z = np.ascontiguousarray(((block.rows - centre) / scale).T)
            moment = DIAGONAL if family.independent else FULL
            n = z.shape[1]
            parts = [moment.features(z[:, at : at + tile]) for at in range(0, n, tile)]
            phi = np.empty((len(parts), len(parts[0]), tile))
            for i, part in enumerate(parts):
                phi[i, :, : part.shape[1]] = part
        bounds = maximize.constrain if isinstance(maximize.constrain, Bounds) else Bounds()
        floor = _floor(bounds, maximize) / scale**2
        if family.moment is TRACE:
            floor = np.full(d, floor.max())
        w = np.require(block.weights, np.float64, ["C", "W"])
        units = -float(np.log(scale).sum())
        return cls(maximize, centre, scale, z, w, phi, bounds.ridge / scale**2, floor, units)

    def scaled(self, factors: Array, maximize: Maximization) -> "Compact":
        """The same rows of columns times factors (D,), which an M-step of such columns sees to."""
        scale = self.scale * factors
        units = -float(np.log(scale).sum())
        return replace(
            self, maximize=maximize, centre=self.centre * factors, scale=scale, units=units
        )

    @cached_property
    def family(self) -> int:
        """The number of the family in compiled code; of a form, the one that has its features."""
        family = self.maximize.family
        return FAMILIES.get(family, FAMILIES[Diagonal if family.independent else Full])

    @cached_property
    def form(self) -> int | None:
        """The number of the form; None for a family without one."""
        return FORMS.get(self.maximize.family.letters)

    @property
    def quadratic(self) -> bool:
        """Whether the features hold all products, not the squares alone."""
        return self.family <= FAMILIES[Tied]

    @cached_property
    def unit(self) -> Array:
        """The unit of each entry of a covariance matrix, (D, D)."""
        return self.scale[:, None] * self.scale

    @property
    def even(self) -> bool:
        """Whether each of few components has the pseudo-rows that each of many has."""
        return self.maximize.prior is None or isinstance(self.maximize.prior, Penalty)

    def prior(self, k: int) -> Prior:
        """The pseudo-rows for so many components, in these coordinates."""
        if k not in self.priors:
            most = max(self.priors, default=0)
            self.priors[k] = self._first(most, k) if self.even and most > k else self._prior(k)
        return self.priors[k]

    def _first(self, most: int, k: int) -> Prior:
        """Those of the first k among so many components."""
        counts, sums, products = self.priors[most]
        return counts[:, :k].copy(), sums[:k], products[:k]

    def _prior(self, k: int) -> Prior:
        d, prior = len(self.centre), self.maximize.prior
        if prior is None:
            return np.zeros((3, k)), np.zeros((k, d)), np.zeros((k, d, d))
        here = prior.pseudo_data(k, self.maximize.family)
        if np.count_nonzero(here.n_means) or np.count_nonzero(here.sums):
            here = here.shifted(np.repeat(self.centre[None], k, axis=0))
        counts = np.array([here.n_weights, here.n_means, here.n_scatter])
        return counts, here.sums / self.scale, _dense(here, k, d) / self.unit

    def state(self, mixture: Mixture) -> State:
        """A mixture in these coordinates."""
        covariance = mixture.covariance
        dense = covariance.dense(mixture.n_components) / self.unit
        aligned = isinstance(covariance, Aligned)
        axes = covariance.axes.copy() if aligned else np.eye(len(self.centre))[None]
        means = (mixture.means - self.centre) / self.scale
        return State(mixture.weights.copy(), means, dense, axes)

    def mixture(self, state: State) -> Mixture:
        """A mixture in the rows' own coordinates."""
        family, d = self.maximize.family, len(self.centre)
        values = state.covariances * self.unit
        if family.independent:
            values = np.diagonal(values, axis1=1, axis2=2).copy()
        shape = family.shape(len(values), d)
        if family.common and shape == (1,):
            values = values[0, :1].copy()
        elif family.common:
            values = values[0].copy()
        elif len(shape) == 1:
            values = values[:, 0].copy()
        means = self.centre + self.scale * state.means
        if issubclass(family, Aligned):  # columns have one scale, which leaves axes as they are
            return Mixture(state.weights, means, family.along(state.axes[0], values))
        return Mixture(state.weights, means, family.from_values(values, d))

    def room(self) -> tuple[Array, NDArray[np.int64], Array]:
        """Room for numbers of compiled code, which is sooner compiled if it need not make it."""
        buffer = np.empty(whole_run().TILE)
        return np.empty((5, *self.unit.shape)), buffer.view(np.int64), buffer

    def run(
        self,
        state: State,
        course: Array,
        trail: Array,
        *,
        prior: Prior | None = None,
        tol: float = -1.0,
        objective: float = -np.inf,
        ahead: bool = False,
        far: float = np.inf,
    ) -> tuple[int, int]:
        """EM in place, as in `whole_run.run`; with no tolerance, all iterations."""
        prior = self.prior(len(state.weights)) if prior is None else prior
        bounds = (self.ridge, self.floor)
        rule = (tol, course.shape[-1], objective, self.units, ahead, far)
        phi, w, family = self.phi, self.w, self.family
        arrays = (*state.arrays, *prior, *bounds, *rule, course, trail, *self.room())
        if self.form is None:
            return whole_run().run(phi, w, family, *arrays)
        return whole_forms().run(phi, w, family, self.form, state.axes, *arrays)

    def weighted(self, w: Array) -> "Compact":
        """The same rows with other weights, (N,)."""
        return replace(self, w=np.require(w, np.float64, ["C", "W"]))

    def descend(
        self,
        z: Array,
        draws: Array,
        trials: int,
        part: float,
        sizes: Sequence[int],
        steps: tuple[int, int],
        exponents: Sequence[float],
    ) -> tuple[Array, Array, Array, Array]:
        """Weights, means, covariances and objectives as in `whole_path.descend`."""
        most, n_features = sizes[0], len(self.centre)
        behind = sizes[:1] if self.even else sizes
        counts, sums = np.zeros((len(behind), 3, most)), np.zeros((len(behind), most, n_features))
        products = np.zeros((*sums.shape, n_features))
        for p, k in enumerate(behind):
            counts[p, :, :k], sums[p, :k], products[p, :k] = self.prior(k)
        shape = len(exponents), len(sizes), most
        found = np.empty(shape), np.empty((*shape, n_features))
        covariances, worth = np.empty((*shape, n_features, n_features)), np.full(shape[:2], np.nan)
        whole_path().descend(
            z,
            draws,
            trials,
            self.phi,
            self.w,
            self.family,
            part,
            np.array(sizes, dtype=np.int64),
            np.array(steps, dtype=np.int64),
            np.array(exponents),
            counts,
            sums,
            products,
            self.ridge,
            self.floor,
            self.units,
            *self.room(),
            np.empty(most, dtype=np.int64),
            *found,
            covariances,
            worth,
        )
        return *found, covariances, worth

    def estimated(self, sums: Array, prior: Prior, state: State) -> bool:
        """The M-step of sums of features (K, M) into a state; False where it needs care."""
        work = np.empty((5, *self.unit.shape))
        bounds = (self.ridge, self.floor)
        return whole_run().maximize(sums, self.family, *prior, *bounds, work, *state.arrays)

    def steps(self, state: State, number: int) -> float:
        """So many steps of EM in place, and the objective of the last; NaN where they need care."""
        k, d = state.means.shape
        course, trail = np.empty((3, number)), np.empty((number, k, d, d))
        _, count = self.run(state, course, trail)
        return float(course[0, -1]) if count == number else np.nan


def _floor(bounds: Bounds, maximize: Maximization) -> Array:
    """The floor of each M-step: that of the bounds, or rounding's where there are none."""
    if bounds.floor is not None:
        return bounds.floor
    if maximize.constrain is None:
        return maximize.floor
    return np.zeros_like(maximize.floor)


def _dense(pseudo: Statistics, k: int, d: int) -> Array:
    """Products in full, (K, D, D); the tied one's divided among the components."""
    products, moment = pseudo.products, pseudo.moment
    if moment is Full.moment:
        return products
    if moment is Tied.moment:
        return np.repeat(products[None] / k, k, axis=0)
    if moment is Diagonal.moment:
        return products[:, :, None] * np.eye(d)
    return (products / d)[:, None, None] * np.eye(d)


@cache
def whole_run() -> Any:
    """The compiled runs, imported at their first use."""
    return import_module("mixtura.numeric.kernels.whole_run")


@cache
def whole_forms() -> Any:
    """The compiled runs of forms, imported at their first use."""
    return import_module("mixtura.numeric.kernels.whole_forms")


@cache
def whole_path() -> Any:
    """Compiled starts for many sizes, imported at their first use."""
    return import_module("mixtura.numeric.kernels.whole_path")


@cache
def whole_score() -> Any:
    """The compiled likelihood, imported at its first use."""
    return import_module("mixtura.numeric.kernels.whole_score")


@cache
def whole_start() -> Any:
    """The compiled start, imported at its first use."""
    return import_module("mixtura.numeric.kernels.whole_start")
