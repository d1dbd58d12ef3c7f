"""Free coordinates of a mixture about where it is, and how its matrices change along them.

The coordinates are the logarithms of the weights, which may all rise together, the means, and those
of the covariances. For the families whose matrices are linear in their free numbers these are the
entries themselves. For all others they are those of `Covariance.to_vector`, and the changes are
measured by differences: with them whatever is computed here is right to about five digits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import Covariance, Diagonal, Factor, Full, Spherical, Tied
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Dense = Callable[[Array], Array]
"""Coordinates (P,) of the covariances to the matrices (K, D, D)."""

STEP = 1e-3
"""How much matrices change, relative to themselves, over a step of a first difference."""

LONG_STEP = 4e-3
"""The same for second differences."""

TOLD = 1e-4
"""A variance of noise that changes by more than this part of its largest change, while no matrix
does, is not told."""

IDLE = 1e-7
"""A direction that changes matrices by less than this part of another is none."""


@dataclass(frozen=True, eq=False)
class Tangent:
    """How the matrix of one component changes, along the coordinates that change it."""

    index: Index  # (M,): which of the covariances' coordinates
    changes: Array  # (M, D, D)


def _unbent(pulls: Array) -> float:
    """Second derivatives of matrices that are linear in the coordinates."""
    return 0.0


@dataclass(frozen=True, eq=False)
class Chart:
    """The coordinates at a mixture: K for weights, K D for means, then those of the covariances."""

    n_components: int
    n_features: int
    n_widths: int
    """Coordinates of the covariances."""
    tangents: tuple[Tangent, ...]
    """One for each component."""
    bends: Callable[[Array], Array | float] = _unbent
    """From G, (K, D, D), to the second derivatives of Σ_k tr(G_k Σ_k), (M, M)."""
    noise: Array | None = None
    """How variances of the noise of factor analysers change along those coordinates, (K, D, M); NaN
    where the matrices do not tell them."""
    degrees: tuple[int, ...] = ()
    """Of t distributions: which of the last coordinates is the logarithm of the degrees of freedom,
    for each component; -1 where they are given."""

    @property
    def n_first(self) -> int:
        """Coordinates of weights and means."""
        return self.n_components * (1 + self.n_features)

    @property
    def size(self) -> int:
        """All coordinates."""
        return self.n_last + max(self.degrees, default=-1) + 1

    @property
    def n_last(self) -> int:
        """Coordinates before those of degrees of freedom."""
        return self.n_first + self.n_widths

    def means(self, k: int) -> Index:
        """Which coordinates are those of the mean of component k, (D,)."""
        return self.n_components + k * self.n_features + np.arange(self.n_features)

    def widths(self, k: int) -> Index:
        """Which coordinates change its matrix, (M,)."""
        return self.n_first + self.tangents[k].index

    def tails(self, k: int) -> Index:
        """Which coordinate is that of its degrees of freedom, (1,) or (0,)."""
        free = bool(self.degrees) and self.degrees[k] >= 0
        return np.array([self.n_last + self.degrees[k]] if free else [], dtype=np.intp)

    def own(self, k: int) -> Index:
        """Its weight, its mean, what changes its matrix and its tails, (1 + D + M,) or one more."""
        return np.concatenate([[k], self.means(k), self.widths(k), self.tails(k)])


def chart(mixture: Mixture) -> Chart:
    """The coordinates at a mixture of any family."""
    k, d = mixture.means.shape
    covariance = mixture.covariance
    if isinstance(covariance, Full):
        entries = _entries(d)
        m = len(entries)
        tangents = [Tangent(j * m + np.arange(m), entries) for j in range(k)]
        return Chart(k, d, k * m, tuple(tangents))
    if isinstance(covariance, Tied):
        entries = _entries(d)
        return Chart(k, d, len(entries), (Tangent(np.arange(len(entries)), entries),) * k)
    if isinstance(covariance, Diagonal):
        entries = np.eye(d)[:, :, None] * np.eye(d)
        tangents = [Tangent(j * d + np.arange(d), entries) for j in range(k)]
        return Chart(k, d, k * d, tuple(tangents))
    if isinstance(covariance, Spherical):
        tangents = [Tangent(np.array([j]), np.eye(d)[None]) for j in range(k)]
        return Chart(k, d, k, tuple(tangents))
    return measured(covariance, k, d)


def _entries(d: int) -> Array:
    """One change for each entry of a symmetric matrix on and above the diagonal, (M, D, D)."""
    rows, columns = np.triu_indices(d)
    found = np.zeros((len(rows), d, d))
    found[np.arange(len(rows)), rows, columns] = 1.0
    found[np.arange(len(rows)), columns, rows] = 1.0
    return found


def measured(covariance: Covariance, k: int, d: int) -> Chart:
    """The coordinates of a family of which nothing is known but its free vector."""
    family, centre = type(covariance), covariance.to_vector()

    def dense(vector: Array) -> Array:
        return np.asarray(family.from_vector(vector, k, d).dense(k), dtype=np.float64)

    here = dense(centre)
    root = np.sqrt(np.diagonal(here, axis1=1, axis2=2))
    unit = root[:, :, None] * root[:, None, :]
    lengths = np.array([_length(dense, centre, j, here, unit) for j in range(len(centre))])

    def at(place: Array) -> Array:
        return dense(centre + lengths * place)

    changes = _slopes(at, len(centre), here.shape)
    basis = _basis(changes / unit)
    changes = np.tensordot(basis, changes, axes=(1, 0))  # (M, K, D, D)
    size = np.abs(changes / unit).max(axis=(1, 2, 3), initial=0.0)[:, None, None, None]
    changes[np.abs(changes / unit) < IDLE * size] = 0.0  # rounding
    tangents: list[Tangent] = []
    for j in range(k):
        index = np.flatnonzero((changes[:, j] != 0).any(axis=(1, 2)))
        tangents.append(Tangent(index, changes[index, j]))

    def bends(pulls: Array) -> Array:
        return basis @ _curvature(at, len(centre), pulls) @ basis.T

    noise = None
    if issubclass(family, Factor):
        noise = _noise_slopes(family, centre, lengths, basis, (k, d))
    return Chart(k, d, len(basis), tuple(tangents), bends, noise)


def _noise_slopes(
    family: type[Factor], centre: Array, lengths: Array, basis: Array, shape: tuple[int, int]
) -> Array:
    """How variances of the noise change along the directions of a basis, (K, D, M).

    Where they change along a direction that changes no matrix, matrices do not tell them: NaN.
    """

    def at(place: Array) -> Array:
        return family.from_vector(centre + lengths * place, *shape).noise_variances

    changes = _slopes(at, len(centre), shape)  # (P, K, D)
    along = np.tensordot(basis, changes, axes=(1, 0))
    hidden = np.abs(changes - np.tensordot(basis.T, along, axes=(1, 0))).max(axis=0)
    along[:, hidden > TOLD * np.abs(changes).max(axis=0)] = np.nan
    return np.moveaxis(along, 0, -1)


def _length(dense: Dense, centre: Array, j: int, here: Array, unit: Array) -> float:
    """How far to go along a coordinate for matrices to change by about as much as they are."""
    length = 1e-6 * max(1.0, abs(float(centre[j])))
    for _ in range(6):
        there = centre.copy()
        there[j] += length
        change = float(np.abs((dense(there) - here) / unit).max())
        if not np.isfinite(change) or change > 0.1:
            length *= 1e-3
        elif change > 1e-8:
            return min(length / change, 1e3 * max(1.0, abs(float(centre[j]))))
        else:
            length *= 1e3
    return 1.0


def _slopes(at: Dense, size: int, shape: tuple[int, ...]) -> Array:
    """First derivatives of the matrices, (P, K, D, D), by differences of the fourth order."""
    found = np.empty((size, *shape))
    for j in range(size):
        step = np.zeros(size)
        step[j] = STEP
        near, far = at(step) - at(-step), at(2.0 * step) - at(-2.0 * step)
        found[j] = (8.0 * near - far) / (12.0 * STEP)
    return found


def _basis(changes: Array) -> Array:
    """Directions that change the matrices, one a row; all coordinates, where each of them does."""
    size = len(changes)
    left, values, _ = np.linalg.svd(changes.reshape(size, -1), full_matrices=False)
    alive = values > IDLE * values.max(initial=0.0)
    if int(alive.sum()) == size:
        return np.eye(size)
    return left[:, : len(values)][:, alive].T


def _curvature(at: Dense, size: int, pulls: Array) -> Array:
    """Second derivatives of Σ_k tr(G_k Σ_k), (P, P), by differences."""

    def along(step: Array) -> float:
        return float(np.vdot(pulls, at(step)))

    steps = LONG_STEP * np.eye(size)
    here = along(np.zeros(size))
    ahead, back = [along(step) for step in steps], [along(-step) for step in steps]
    found = np.empty((size, size))
    for i in range(size):
        found[i, i] = ahead[i] + back[i] - 2.0 * here
        for j in range(i):
            both = along(steps[i] + steps[j]) + along(-steps[i] - steps[j])
            alone = ahead[i] + ahead[j] + back[i] + back[j]
            found[i, j] = found[j, i] = 0.5 * (both + 2.0 * here - alone)
    return found / LONG_STEP**2
