"""Mixtures of t distributions: what is said of a row where the parameters are not known exactly."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from mixtura.model.covariance import Covariance
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]

TILE = 4096
"""Rows that are computed at a time."""

FAR = 1e100
"""Beyond this, products of what is under a logarithm may overflow."""


@dataclass(frozen=True, eq=False)
class Predictive:
    """A mixture of K t distributions in D dimensions, as an immutable value.

    Parameters
    ----------
    weights : array, shape (K,)
    means : array, shape (K, D)
        The centres.
    covariance : Covariance
        The form of the scale matrices; a t distribution of few degrees of freedom has a larger
        covariance, or none.
    scale : array, shape (K,)
        What the matrices are multiplied with.
    degrees_of_freedom : array, shape (K,)
    independent : bool
        Columns have t distributions of their own, given the component; otherwise all of them
        together have one.
    """

    weights: Array
    means: Array
    covariance: Covariance
    scale: Array
    degrees_of_freedom: Array
    independent: bool

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """D."""
        return self.means.shape[1]

    @cached_property
    def variances(self) -> Array:
        """The squared scale of each column, (K, D)."""
        return self.scale[:, None] * self.covariance.variances(self.n_components)

    def log_joint(self, x: ArrayLike) -> Array:
        """Log density of rows with each component, times its weight.

        Parameters
        ----------
        x : array-like, shape (n, D)
            NaN is a missing value where columns are independent.

        Returns
        -------
        array, shape (n, K)
            In nats.
        """
        rows = np.asarray(x, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"rows must have shape (n, {self.n_features}), not {rows.shape}")
        joint = np.empty((len(rows), self.n_components))
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        kernel = self._of_columns if self.independent else self._together
        for start in range(0, len(rows), TILE):
            part = slice(start, start + TILE)
            for k in range(self.n_components):
                joint[part, k] = log_weights[k] + kernel(rows[part], k)
        return joint

    def _together(self, rows: Array, k: int) -> Array:
        """Log density of one component, (n,)."""
        y = self.covariance.whiten(rows - self.means[k], k)
        d = self.n_features
        volume = self._volumes[k] + d * np.log(self.scale[k])
        return self._log_t(*_lengths(y), float(d), volume, k)

    @cached_property
    def _volumes(self) -> Array:
        return self.covariance.log_det(self.n_components)

    def _log_t(
        self, size: Array, square: Array, d: Array | float, volume: Array | float, k: int
    ) -> Array:
        """Log density in d dimensions; the squared distance is size² square, before the scale."""
        nu = self.degrees_of_freedom[k]
        near = (1.0 / size) ** 2
        power = np.log1p(near - 1.0 + square / (nu * self.scale[k])) + 2.0 * np.log(size)
        constant = gammaln(0.5 * (nu + d)) - gammaln(0.5 * nu) - 0.5 * d * np.log(nu * np.pi)
        return constant - 0.5 * volume - 0.5 * (nu + d) * power

    def with_gaps(self, squares: Array, volumes: Array, seen: Array) -> Array:
        """Log densities of rows of which only some columns are known, times the weights.

        Parameters
        ----------
        squares : array, shape (n, K)
            Squared distances from the means by the form of the scale, of the columns known.
        volumes : array, shape (n, K)
            Log determinants of that form, of the columns known.
        seen : array, shape (n,)
            How many columns are known.

        Returns
        -------
        array, shape (n, K)
        """
        with np.errstate(divide="ignore"):
            joint = np.tile(np.log(self.weights), (len(squares), 1))
        one = np.ones(1)
        for k in range(self.n_components):
            volume = volumes[:, k] + seen * np.log(self.scale[k])
            joint[:, k] += self._log_t(one, squares[:, k], seen, volume, k)
        return joint

    def _of_columns(self, rows: Array, k: int) -> Array:
        """The same where each column is by itself; what is missing has no part."""
        nu = self.degrees_of_freedom[k]
        constant = gammaln(0.5 * (nu + 1.0)) - gammaln(0.5 * nu) - 0.5 * np.log(nu * np.pi)
        density, product = np.zeros(len(rows)), np.ones(len(rows))
        for j, variance in enumerate(self.variances[k]):
            z = (rows[:, j] - self.means[k, j]) / np.sqrt(nu * variance)
            gaps = np.isnan(z)
            if gaps.any():
                z[gaps] = 0.0
            density += (constant - 0.5 * np.log(variance)) * ~gaps
            if np.abs(z).max(initial=0.0) > FAR:
                size = np.maximum(np.abs(z), 1.0)
                inside = (1.0 / size) ** 2 + (z / size) ** 2
                density -= 0.5 * (nu + 1.0) * (np.log(inside) + 2.0 * np.log(size))
                continue
            product *= 1.0 + z * z
            if product.max(initial=1.0) > FAR:  # one logarithm for several columns
                density -= 0.5 * (nu + 1.0) * np.log(product)
                product[:] = 1.0
        return density - 0.5 * (nu + 1.0) * np.log(product)

    def log_density(self, x: ArrayLike) -> Array:
        """Log p(x) for rows x (n, D), shape (n,), in nats."""
        return normalise(self.log_joint(x).T.copy())[0]

    def responsibilities(self, x: ArrayLike) -> Array:
        """The probability of each component for rows x (n, D), shape (n, K)."""
        return np.ascontiguousarray(normalise(self.log_joint(x).T.copy())[1].T)

    def sample(
        self, n: int, random_state: np.random.Generator | int | None = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """Draw rows.

        Parameters
        ----------
        n : int
        random_state : Generator, int or None

        Returns
        -------
        rows : array, shape (n, D)
        components : array of int, shape (n,)
            In rising order.
        """
        rng = np.random.default_rng(random_state)
        each = rng.multinomial(n, self.weights / self.weights.sum())
        components = np.repeat(np.arange(self.n_components), each)
        rows = rng.standard_normal((n, self.n_features))
        ends = np.cumsum(each)
        for k in range(self.n_components):
            mine = slice(ends[k] - each[k], ends[k])
            z = self.covariance.unwhiten(rows[mine], k)
            nu = self.degrees_of_freedom[k]
            shape = z.shape if self.independent else (len(z), 1)
            spread = np.sqrt(self.scale[k] * nu / rng.chisquare(nu, size=shape))
            rows[mine] = self.means[k] + spread * z
        return rows, components.astype(np.int64)


def _lengths(y: Array) -> tuple[Array, Array]:
    """Squared lengths of rows as size² · square, so that nothing overflows; the size is ≥ 1."""
    with np.errstate(over="ignore"):
        square = np.einsum("nd,nd->n", y, y)
    if np.isfinite(square).all():
        return np.ones(1), square
    size = np.maximum(np.abs(y).max(axis=1), 1.0)
    part = y / size[:, None]
    return size, np.einsum("nd,nd->n", part, part)
