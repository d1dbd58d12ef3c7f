"""The gradient of the objective and the metric of the complete data, from statistics.

By Fisher's identity the gradient of the log-likelihood is that of the expected complete one, so an
E-step has all that it needs; a prior's pseudo-rows are counted with the others. The metric is the
information that the rows would hold if their components were known: in it EM's step is, to first
order, the steepest ascent. Coordinates are those of `Mixture.to_vector`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

TINY = 1e-300
COVERED = (Full, Tied, Diagonal, Spherical)


def covers(family: type[Covariance]) -> bool:
    """Whether the gradient of a family is known here."""
    return issubclass(family, COVERED)


@dataclass(frozen=True, eq=False)
class MixtureSlope:
    """Gradient and metric at a mixture, per row.

    Parameters
    ----------
    statistics : Statistics
        Of the data under the mixture, with the prior's.
    mixture : Mixture
    n_rows : float
        Of the data alone.
    """

    statistics: Statistics
    mixture: Mixture
    n_rows: float

    @cached_property
    def _form(self) -> "_Triangles | _Widths | _Unknown":
        """The metric of the covariances."""
        covariance, counts = self.mixture.covariance, self.statistics.n_scatter / self.n_rows
        d = self.mixture.n_features
        if isinstance(covariance, Full):
            return _Triangles(covariance.factors, covariance.whiteners, counts)
        if isinstance(covariance, Tied):
            return _Triangles(
                covariance.factor[None], covariance.whitener[None], counts.sum(keepdims=True)
            )
        if isinstance(covariance, Diagonal):
            return _Widths(covariance.values, np.repeat(counts[:, None], d, axis=1))
        if isinstance(covariance, Spherical):
            return _Widths(covariance.values, d * counts)
        return _Unknown()

    def _split(self, vector: Array) -> tuple[Array, Array, Array]:
        k, d = self.mixture.means.shape
        return vector[:k], vector[k : k + k * d].reshape(k, d), vector[k + k * d :]

    def _whitened(self, rows: Array) -> Array:
        """L_k⁻¹ of each component's row, (K, D)."""
        whiten = self.mixture.covariance.whiten
        return np.concatenate([whiten(row[None], k) for k, row in enumerate(rows)])

    @property
    def gradient(self) -> Array:
        """Of log-likelihood plus log prior, per row; not a number in a family without one."""
        return self._gradient

    @cached_property
    def _gradient(self) -> Array:
        s, mixture, form = self.statistics, self.mixture, self._form
        if isinstance(form, _Unknown):
            return np.full(len(mixture.to_vector()), np.nan)
        own = s.shifted(mixture.means)
        weights = s.n_weights - mixture.weights * s.n_weights.sum()
        means = _times(mixture.covariance, mixture.covariance.precisions(), own.sums)
        widths = form.gradient(own.products / self.n_rows)
        return np.concatenate([weights / self.n_rows, means.ravel() / self.n_rows, widths])

    @property
    def _counts(self) -> tuple[Array, Array]:
        """Rows behind weights and means, a fraction of all; nowhere zero."""
        s = self.statistics
        return (
            np.maximum(s.n_weights / self.n_rows, TINY),
            np.maximum(s.n_means / self.n_rows, TINY),
        )

    def precondition(self, gradient: Array) -> Array:
        """The inverse metric times a gradient."""
        weights, means, widths = self._split(gradient)
        form = self._form
        if isinstance(form, _Unknown):
            return np.full_like(gradient, np.nan)
        n_weights, n_means = self._counts
        shares = weights / n_weights
        covariance = self.mixture.covariance
        steps = _times(covariance, covariance.values, means) / n_means[:, None]
        return np.concatenate([shares - shares.mean(), steps.ravel(), form.inverse(widths)])

    def norm(self, direction: Array) -> float:
        """The square root of direction · metric · direction."""
        weights, means, form = self._split(direction)
        n_weights, n_means = self._counts
        with np.errstate(invalid="ignore", over="ignore"):
            shares = weights - (n_weights @ weights) / n_weights.sum()
            square = n_weights @ shares**2
            square += n_means @ (self._whitened(means) ** 2).sum(axis=1)
            return float(np.sqrt(square + self._form.square(form)))


def _times(covariance: Covariance, matrices: Array, rows: Array) -> Array:
    """Symmetric matrices, in the shape of a family's values, times each component's row, (K, D)."""
    if isinstance(covariance, Tied):
        return rows @ matrices
    if isinstance(covariance, Full):
        return np.einsum("kij,kj->ki", matrices, rows)
    return rows * matrices.reshape(len(rows), -1)


@dataclass(frozen=True, eq=False)
class _Triangles:
    """Covariances by lower Cholesky factors: the logarithm of the diagonal, then the rest."""

    factors: Array  # (M, D, D)
    whiteners: Array  # (M, D, D)
    counts: Array  # (M,)

    @property
    def _diagonals(self) -> Array:
        return np.diagonal(self.factors, axis1=1, axis2=2)

    def _lower(self, vector: Array, scale: Array) -> Array:
        """A direction or gradient as lower triangles, its diagonal times the scale."""
        m, d, _ = self.factors.shape
        rows = vector.reshape(m, -1)
        lower = np.zeros((m, d, d))
        where = np.tril_indices(d, -1)
        lower[:, where[0], where[1]] = rows[:, d:]
        lower[:, range(d), range(d)] = rows[:, :d] * scale
        return lower

    def _vector(self, lower: Array, scale: Array) -> Array:
        """`_lower` undone, the diagonal times the scale."""
        where = np.tril_indices(lower.shape[1], -1)
        diagonals = np.diagonal(lower, axis1=1, axis2=2) * scale
        return np.concatenate([diagonals, lower[:, where[0], where[1]]], axis=1).ravel()

    def gradient(self, products: Array) -> Array:
        upper = np.swapaxes(self.whiteners, 1, 2)
        lower = upper @ (self.whiteners @ products.reshape(self.factors.shape) @ upper)
        lower -= self.counts[:, None, None] * upper  # on the diagonal 1 / L_ii, above it unread
        return self._vector(lower, self._diagonals)

    def inverse(self, gradient: Array) -> Array:
        inner = np.tril(
            np.swapaxes(self.factors, 1, 2) @ self._lower(gradient, 1.0 / self._diagonals)
        )
        inner[:, range(inner.shape[1]), range(inner.shape[1])] *= 0.5
        inner /= np.maximum(self.counts, TINY)[:, None, None]
        return self._vector(self.factors @ inner, 1.0 / self._diagonals)

    def square(self, direction: Array) -> float:
        inner = self.whiteners @ self._lower(direction, self._diagonals)
        diagonals = np.diagonal(inner, axis1=1, axis2=2)
        sizes = (inner**2).sum(axis=(1, 2)) + (diagonals**2).sum(axis=1)
        return float(self.counts @ sizes)


@dataclass(frozen=True, eq=False)
class _Widths:
    """Covariances by the logarithms of standard deviations."""

    values: Array
    """Variances."""
    counts: Array
    """Rows behind each, a fraction of all; for a variance of D columns, D times that."""

    def gradient(self, products: Array) -> Array:
        return (products / self.values - self.counts).ravel()

    def inverse(self, gradient: Array) -> Array:
        return gradient / (2.0 * np.maximum(self.counts, TINY).ravel())

    def square(self, direction: Array) -> float:
        return float(2.0 * self.counts.ravel() @ direction**2)


class _Unknown:
    """Covariances of a family that is not covered: lengths alone."""

    def square(self, direction: Array) -> float:
        return float(direction @ direction)
