"""Mixtures with heavy tails: Student's t distributions in place of Gaussians."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import heavy_region, storage
from mixtura.model.annex import Annex
from mixtura.model.covariance import Covariance, Full
from mixtura.model.dimensions import others, resolved
from mixtura.model.glance import Glance, Patterns
from mixtura.model.mixture import Mixture, read_with_notes
from mixtura.model.mixture import load_with_notes as load_gaussian
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]

ANNEX = Annex(storage.DEGREES, "no degrees of freedom", ("the degrees of freedom", "are"))

FARTHEST = 1e300
"""Squared distance beyond which rows are as far as can be."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where rows lie, as the components see what they have of them."""

    distances: Array  # (n, K): squared, in units of the scales
    n_seen: int | Array = 0  # (n, 1): how many numbers each row has
    log_dets: Array | None = None  # (n, K): of the scales of those; None where rows have all
    patterns: Patterns | None = None
    glances: tuple[Glance, ...] = ()
    """One for each component, of rows with gaps."""


@dataclass(frozen=True, eq=False)
class HeavyMixture:
    """A mixture of multivariate t distributions, as an immutable value [@PeelMcLachlan2000].

    Each component is a Gaussian whose covariance is divided, row by row, by a gamma variable of
    mean one: the fewer the degrees of freedom, the heavier the tails.

    Parameters
    ----------
    gaussian : Mixture
        Weights, locations and scale matrices: what the mixture is with infinite degrees of freedom.
    degrees : array, shape (K,)
        Degrees of freedom, positive.

    Examples
    --------
    >>> from mixtura import HeavyMixture
    >>> one = HeavyMixture.of([1.0], [[0.0]], [[[1.0]]], 1.0)  # the Cauchy distribution
    >>> one.log_density([[0.0], [1.0]]).round(3)
    array([-1.145, -1.838])
    """

    gaussian: Mixture
    degrees: Array

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        locations: ArrayLike,
        scales: ArrayLike,
        degrees: ArrayLike,
        *,
        family: str | type[Covariance] = "full",
    ) -> Self:
        """A mixture from known parameters, checked.

        Parameters
        ----------
        weights, locations, scales, family
            As weights, means and covariances in `Mixture.of`.
        degrees : float or array-like, shape (K,)

        Returns
        -------
        HeavyMixture

        Raises
        ------
        ValueError
            As `Mixture.of`, or if degrees are not positive or as many as components.
        """
        gaussian = Mixture.of(weights, locations, scales, family=family)
        k = gaussian.n_components
        numbers = np.asarray(degrees, dtype=np.float64)
        if numbers.shape not in ((), (k,)):
            raise ValueError(
                f"degrees must be one number or have shape ({k},), but have shape {numbers.shape}"
            )
        if not (np.isfinite(numbers).all() and (numbers > 0).all()):
            raise ValueError("degrees of freedom must be positive and finite")
        return cls(gaussian, np.broadcast_to(numbers, (k,)).copy())

    @property
    def n_components(self) -> int:
        """K."""
        return self.gaussian.n_components

    @property
    def n_features(self) -> int:
        """D."""
        return self.gaussian.n_features

    @property
    def weights(self) -> Array:
        """Shares of the components, (K,)."""
        return self.gaussian.weights

    @property
    def locations(self) -> Array:
        """Centres of the components, (K, D): their means, where degrees are more than one."""
        return self.gaussian.means

    @property
    def covariances(self) -> Array:
        """Covariance matrices, (K, D, D): scales times ν / (ν − 2), and infinite up to ν = 2."""
        v = self.degrees
        with np.errstate(divide="ignore"):
            factor = np.where(v > 2, v / np.maximum(v - 2, 0.0), np.inf)
        scales = self.gaussian.covariances
        with np.errstate(invalid="ignore"):
            return np.where(factor[:, None, None] < np.inf, factor[:, None, None] * scales, np.inf)

    @cached_property
    def even(self) -> Mixture:
        """The Gaussians with equal weights."""
        k = self.n_components
        return replace(self.gaussian, weights=np.full(k, 1.0 / k))

    @cached_property
    def _peaks(self) -> Array:
        """Logarithms of the densities at the centres, (K,)."""
        from scipy.special import gammaln

        v, d = self.degrees, self.n_features
        volume = d * np.log(v * np.pi) + self.gaussian.covariance.log_det(self.n_components)
        return gammaln(0.5 * (v + d)) - gammaln(0.5 * v) - 0.5 * volume

    def distances(self, x: NDArray[Any]) -> Array:
        """Squared distances of rows x (n, D) from each centre, in units of its scale, (n, K)."""
        joint = self.even.log_joint(x)
        distance = 2.0 * (self.even.operands.constants - joint)
        return np.clip(distance, 0.0, FARTHEST)  # rounding may leave less than nothing

    def places(self, x: NDArray[Any]) -> Places:
        """Where rows x (n, D) without gaps lie."""
        return Places(self.distances(x), self.n_features)

    def places_with_gaps(self, x: NDArray[Any]) -> Places:
        """Where rows x (n, D) lie by what they have; what is missing is NaN."""
        rows, matrices = np.asarray(x, dtype=np.float64), self.gaussian.matrices
        patterns = Patterns.of(rows)
        each = [Glance.of(rows, patterns, matrices, k) for k in range(self.n_components)]
        return Places(
            np.minimum(np.column_stack([glance.distances for glance in each]), FARTHEST),
            patterns.sizes[:, None].astype(np.float64),
            np.column_stack([glance.log_dets for glance in each]),
            patterns,
            tuple(each),
        )

    def log_t(self, places: Places) -> Array:
        """Log t(x) for rows at those places, (n, K): of what they have."""
        from scipy.special import gammaln

        v, d = self.degrees, places.n_seen
        if places.log_dets is None:
            peaks = self._peaks
        else:
            volume = d * np.log(v * np.pi) + places.log_dets
            peaks = gammaln(0.5 * (v + d)) - gammaln(0.5 * v) - 0.5 * volume
        return peaks - 0.5 * (v + d) * np.log1p(places.distances / v)

    def joint_at(self, places: Places) -> Array:
        """Log π_k t(x) for rows at those places, (n, K)."""
        with np.errstate(divide="ignore"):
            weights = np.log(self.weights)
        return weights + self.log_t(places)

    def log_joint(self, x: ArrayLike) -> Array:
        """Log π_k t(x | μ_k, Σ_k, ν_k) for rows x (n, D), shape (n, K), in nats."""
        return self.joint_at(self.places(np.asarray(x)))

    def log_density(self, x: ArrayLike) -> Array:
        """Log p(x) for rows x (n, D), shape (n,), in nats."""
        return normalise(np.ascontiguousarray(self.log_joint(x).T))[0]

    def responsibilities(self, x: ArrayLike) -> Array:
        """The probability of each component for rows x (n, D), shape (n, K)."""
        return normalise(np.ascontiguousarray(self.log_joint(x).T))[1].T

    def pulls(self, places: Places) -> Array:
        """(ν + d) / (ν + δ) for rows of d numbers at distance δ, (n, K): how much each counts for
        a component's centre and scale.
        """
        return (self.degrees + places.n_seen) / (self.degrees + places.distances)

    def sample(
        self, n: int, random_state: np.random.Generator | int | None = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw rows, in random order.

        Parameters
        ----------
        n : int
        random_state : Generator, int or None

        Returns
        -------
        rows : array, shape (n, D)
        components : array of int, shape (n,)
        """
        rng = np.random.default_rng(random_state)
        rows, components = self.gaussian.sample(n, rng)
        v = self.degrees[components]
        centres = self.locations[components]
        return centres + (rows - centres) / np.sqrt(rng.chisquare(v) / v)[:, None], components

    def rearranged(self, index: ArrayLike) -> "HeavyMixture":
        """Some components, in this order; their weights add to one.

        Parameters
        ----------
        index : array-like of int

        Returns
        -------
        HeavyMixture
        """
        order = np.asarray(index, dtype=np.intp)
        return HeavyMixture(self.gaussian.rearranged(order), self.degrees[order])

    def marginal(self, dims: Sequence[int] | NDArray[np.integer] | int) -> "HeavyMixture":
        """The mixture of some dimensions alone, exactly, as `Mixture.marginal`.

        Parameters
        ----------
        dims : int or sequence of int

        Returns
        -------
        HeavyMixture
        """
        return replace(self, gaussian=self.gaussian.marginal(dims))

    def affine(self, matrix: ArrayLike, shift: ArrayLike | None = None) -> "HeavyMixture":
        """The distribution of Ax + b for rows x: t distributions again, as `Mixture.affine`.

        Parameters
        ----------
        matrix : array-like, shape (m, D), or (D,) for a single direction
            A.
        shift : array-like, shape (m,), or a number, optional
            b.

        Returns
        -------
        HeavyMixture
        """
        return replace(self, gaussian=self.gaussian.affine(matrix, shift))

    def scale(self, factors: ArrayLike, shift: ArrayLike | None = None) -> "HeavyMixture":
        """Every column times a factor of its own, plus a shift, as `Mixture.scale`.

        Parameters
        ----------
        factors : number or array-like, shape (D,)
        shift : number or array-like, shape (D,), optional

        Returns
        -------
        HeavyMixture
        """
        return replace(self, gaussian=self.gaussian.scale(factors, shift))

    highest_density_region = heavy_region.highest_density_region

    def condition(self, given: Mapping[int, float]) -> "HeavyMixture":
        """The mixture of the other dimensions, given some: t distributions again, exactly.

        Parameters
        ----------
        given : dict of int to float

        Returns
        -------
        HeavyMixture
            Its components have as many more degrees of freedom as numbers are given, and scales
            that grow with how far those are.

        Raises
        ------
        ValueError
            If a dimension does not exist or comes twice, a number is not finite, or none is left.
        """
        d = self.n_features
        index = resolved(given, d)
        rest = others(index, d)
        numbers = np.array([*given.values()], dtype=np.float64)
        if not len(rest):
            raise ValueError("all dimensions are given: leave at least one")
        if not np.isfinite(numbers).all():
            raise ValueError("a number that is given is not finite")
        if not len(index):
            return self
        part = self.marginal(index)
        place = part.places(numbers[None])
        distance, log_weights = place.distances[0], part.joint_at(place)[0]
        matrices = self.gaussian.covariances
        across = matrices[:, rest[:, None], index]
        slopes = np.swapaxes(
            np.linalg.solve(matrices[:, index[:, None], index], np.swapaxes(across, 1, 2)), 1, 2
        )
        offsets = numbers - self.locations[:, index]
        centres = self.locations[:, rest] + np.einsum("kij,kj->ki", slopes, offsets)
        scales = matrices[:, rest[:, None], rest] - slopes @ np.swapaxes(across, 1, 2)
        grown = (self.degrees + distance) / (self.degrees + len(index))
        weights = np.exp(log_weights - log_weights.max())
        gaussian = Mixture(
            weights / weights.sum(),
            centres,
            Full(0.5 * (scales + np.swapaxes(scales, 1, 2)) * grown[:, None, None]),
        )
        return HeavyMixture(gaussian, self.degrees + len(index))

    def save(self, path: str | Path, *, notes: dict[str, Any] | None = None) -> None:
        """Write the mixture to a file, whole or not at all. `HeavyMixture.load` reads it.

        Parameters
        ----------
        path : str or Path
        notes : dict, optional
            Anything that JSON can hold.
        """
        ANNEX.save(self.gaussian, path, notes, self.degrees.tolist())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        HeavyMixture
            Bit for bit the one that was saved.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        StorageError
            If the file is damaged or holds no degrees of freedom.
        """
        return ANNEX.load(path, lambda gaussian, value: cls(gaussian, _read(value, gaussian)))[0]

    def __repr__(self) -> str:
        """One line with the family, the sizes and the degrees of freedom."""
        degrees = ", ".join(f"{v:.3g}" for v in self.degrees)
        return f"HeavyMixture({self.gaussian!r}, degrees=[{degrees}])"


def _read(found: Any, gaussian: Mixture) -> Array:
    """Degrees of freedom from what `save` wrote, checked."""
    degrees = np.array(found, dtype=np.float64)
    if degrees.shape != gaussian.weights.shape or not (degrees > 0).all():
        raise ValueError("they are not one positive number for each component")
    return degrees


def load_with_notes(path: str | Path) -> tuple[Mixture | HeavyMixture, dict[str, Any]]:
    """Read a mixture of Gaussians or of t distributions, whichever it is, and its notes."""
    if storage.DEGREES not in read_with_notes(path)[1]:
        return load_gaussian(path)
    return ANNEX.load(path, lambda gaussian, value: HeavyMixture(gaussian, _read(value, gaussian)))
