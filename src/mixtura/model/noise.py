"""Rows that belong to no component: a constant density in the box that rows fill."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import storage
from mixtura.model.annex import Annex
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

ANNEX = Annex(storage.NOISE, "a mixture without noise", ("the noise", "is"))


@dataclass(frozen=True, eq=False)
class Box:
    """A box, and the uniform distribution on it."""

    low: Array  # (D,)
    high: Array  # (D,)
    axes: Array | None = None
    """(D, D): the directions of its sides, as columns; None where they are those of the columns."""

    @property
    def log_sides(self) -> Array:
        """The logarithms of the lengths of its sides, (D,)."""
        return np.log(self.high - self.low)

    @property
    def log_volume(self) -> float:
        """The logarithm of its volume."""
        return float(self.log_sides.sum())

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Rows drawn evenly, (n, D)."""
        rows = rng.uniform(self.low, self.high, size=(n, len(self.low)))
        return rows if self.axes is None else rows @ self.axes.T


@dataclass(frozen=True, eq=False)
class Noise:
    """Rows that belong to no component: a share of all, and a constant density 1 / V₀.

    V₀ is the volume of a box around all rows [@BanfieldRaftery1993]. The density is the same
    outside of the box, so that a row far from everything is noise.

    Parameters
    ----------
    share : float
        π₀, from 0 to 1.
    box : Box
        With sides parallel to the columns. `Noise.of` makes one from its ends.
    tilted : Box, optional
        With sides along the principal components of the rows, where that is the smaller one: V₀ is
        its volume then.
    """

    share: float
    box: Box
    tilted: Box | None = None

    @classmethod
    def of(cls, share: float, low: ArrayLike, high: ArrayLike) -> Self:
        """Noise in a box of known ends, checked.

        Parameters
        ----------
        share : float
        low, high : array-like, shape (D,)
            In the columns' own units.

        Returns
        -------
        Noise

        Raises
        ------
        ValueError
            If the share is not between 0 and 1, or the ends are no box.
        """
        ends = [np.atleast_1d(np.asarray(end, dtype=np.float64)) for end in (low, high)]
        if ends[0].ndim != 1 or ends[0].shape != ends[1].shape:
            raise ValueError(
                f"the ends of the box must have one number for each column, but have shapes "
                f"{ends[0].shape} and {ends[1].shape}"
            )
        if not np.isfinite(ends).all():
            raise ValueError("the ends of the box hold NaN or infinity")
        empty = np.flatnonzero(~(ends[0] < ends[1]))
        if len(empty):
            j = int(empty[0])
            raise ValueError(
                f"the box is empty in column {j}: low is {ends[0][j]}, high is {ends[1][j]}"
            )
        if not 0 <= share <= 1:
            raise ValueError(f"the share of noise lies between 0 and 1, and is not {share}")
        return cls(float(share), Box(ends[0], ends[1]))

    @property
    def n_features(self) -> int:
        """D."""
        return len(self.box.low)

    @property
    def volume(self) -> float:
        """V₀, in the product of the columns' units."""
        return float(np.exp(self.log_volume))

    @property
    def log_volume(self) -> float:
        """Its logarithm, which does not overflow."""
        return (self.tilted or self.box).log_volume

    @property
    def log_sides(self) -> Array:
        """Logarithms of lengths, (D,), that multiply to V₀: those of the columns' box, all of them
        shortened by one factor where the tilted one is smaller.
        """
        sides = self.box.log_sides
        return sides + (self.log_volume - sides.sum()) / len(sides)

    def log_density(self, x: NDArray[Any]) -> Array:
        """Log 1 / V₀ of rows x (n, D), shape (n,); with numbers missing, of the others' box."""
        if x.dtype.kind != "f":
            return np.full(len(x), -self.log_volume)
        there = ~np.isnan(x)
        density = -(there @ self.log_sides)
        density[there.all(axis=1)] = -self.log_volume
        return density

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Rows drawn evenly from the box, (n, D)."""
        return (self.tilted or self.box).sample(n, rng)


@dataclass(frozen=True, eq=False)
class NoisyMixture:
    """A Gaussian mixture and noise, as an immutable value.

    A row belongs to the noise with probability π₀; otherwise it is one of the mixture.

    Parameters
    ----------
    mixture : Mixture
        Of the rows that are not noise: its weights add to one.
    noise : Noise

    Examples
    --------
    >>> from mixtura import Mixture, Noise, NoisyMixture
    >>> one = Mixture.of([1.0], [[0.0]], [[[1.0]]])
    >>> model = NoisyMixture(one, Noise.of(0.2, [-10.0], [10.0]))
    >>> model.responsibilities([[0.0], [5.0]]).round(3)
    array([[0.97, 0.03],
           [0.  , 1.  ]])
    """

    mixture: Mixture
    noise: Noise

    @property
    def n_parameters(self) -> int:
        """Those of the mixture, the share of noise and the volume of its box, as mclust counts."""
        return self.mixture.n_parameters + 2

    @property
    def weights(self) -> Array:
        """The shares of all rows, (K + 1,): of the components, and last of the noise."""
        share = self.noise.share
        return np.append((1.0 - share) * self.mixture.weights, share)

    def shares(self, log_density: Array, of_noise: Array | float) -> tuple[Array, Array, Array]:
        """Of rows with log densities under the mixture (n,) and of noise: the log density under
        both, and the probabilities of the mixture and of the noise, each (n,).
        """
        share = self.noise.share
        if share == 0:
            return log_density, np.ones(len(log_density)), np.zeros(len(log_density))
        with np.errstate(divide="ignore"):
            ours, theirs = np.log1p(-share) + log_density, np.log(share) + of_noise
        ahead = theirs - ours
        odds = np.exp(-np.abs(ahead))
        more = 1.0 / (1.0 + odds)
        both = np.maximum(ours, theirs) + np.log(1.0 + odds)
        less = odds * more
        return both, np.where(ahead > 0, less, more), np.where(ahead > 0, more, less)

    def log_density(self, x: ArrayLike) -> Array:
        """Log p(x) for rows x (n, D), shape (n,), in nats."""
        rows = np.asarray(x)
        return self.shares(self.mixture.log_density(rows), self.noise.log_density(rows))[0]

    def responsibilities(self, x: ArrayLike) -> Array:
        """The probability of each component, and last of the noise, (n, K + 1)."""
        rows = np.asarray(x)
        of_noise = self.noise.log_density(rows)
        _, mine, noise = self.shares(self.mixture.log_density(rows), of_noise)
        return np.column_stack([self.mixture.responsibilities(rows) * mine[:, None], noise])

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
            The component of each row, -1 for noise, which is drawn evenly from the box.
        """
        rng = np.random.default_rng(random_state)
        noisy = int(rng.binomial(n, self.noise.share))
        rows, components = self.mixture.sample(n - noisy, rng)
        rows = np.vstack([rows, self.noise.sample(noisy, rng)])
        components = np.append(components, np.full(noisy, -1))
        order = rng.permutation(n)
        return rows[order], components[order]

    def save(self, path: str | Path, *, notes: dict[str, Any] | None = None) -> None:
        """Write both to a file, whole or not at all. `NoisyMixture.load` reads it.

        Parameters
        ----------
        path : str or Path
        notes : dict, optional
            Anything that JSON can hold.
        """
        noise: dict[str, Any] = {"share": self.noise.share, "box": _written(self.noise.box)}
        if self.noise.tilted is not None:
            noise["tilted"] = _written(self.noise.tilted)
        ANNEX.save(self.mixture, path, notes, noise)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        NoisyMixture
            Bit for bit the one that was saved.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        StorageError
            If the file is damaged or holds no noise.
        """
        return ANNEX.load(path, lambda mixture, value: cls(mixture, _read(value, mixture)))[0]

    def __repr__(self) -> str:
        """One line with the mixture and the share of noise."""
        return f"NoisyMixture({self.mixture!r}, noise={self.noise.share:.3g})"


def _written(box: Box) -> dict[str, Any]:
    """A box as JSON holds it: numbers are written so that they are read as the same bits."""
    return {
        "low": box.low.tolist(),
        "high": box.high.tolist(),
        "axes": None if box.axes is None else box.axes.tolist(),
    }


def _read(found: dict[str, Any], mixture: Mixture) -> Noise:
    """Noise from what `save` wrote, checked."""
    n_features = mixture.n_features
    tilted, share = found.get("tilted"), float(found["share"])
    boxes = [_box(found["box"], n_features)]
    if tilted is not None:
        boxes.append(_box(tilted, n_features))
    for box in boxes:
        Noise.of(share, box.low, box.high)
    return Noise(share, *boxes)


def _box(found: dict[str, Any], n_features: int) -> Box:
    low, high = (np.array(found[end], dtype=np.float64) for end in ("low", "high"))
    axes = None if found["axes"] is None else np.array(found["axes"], dtype=np.float64)
    if low.shape != (n_features,) or (axes is not None and axes.shape != (n_features,) * 2):
        raise ValueError(f"its box is not one of {n_features} columns")
    return Box(low, high, axes)
