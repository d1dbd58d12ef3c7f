"""Second moments about an origin: what a family keeps of its rows.

For every family the log joint density of a row is linear in features φ(z) of the row, and the
sufficient statistics are sums of the same features. A moment says which features those are. So the
E-step is one matrix product with φ, and the statistics are another.

Arrays are feature by row, (M, B): the inner loop then runs along contiguous rows.
"""

from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


WIDEST = 125
"""Columns up to which all products of a row are formed: 8,001 features, 16 MB a tile."""


class Moment(ABC):
    """Which second moments are kept; final classes below, one instance each."""

    name: ClassVar[str]

    def shares(self, n_features: int) -> bool:
        """Whether one product with φ for all components is to be had: φ must not be too long."""
        return True

    @abstractmethod
    def features(self, z: Array) -> Array:
        """φ(z) for rows z, shape (D, B): one, the row, then its products, shape (M, B)."""

    @abstractmethod
    def accumulate(self, z: Array, phi: Array, r: Array) -> tuple[Array, Array, Array]:
        """Sums over rows of r, r·z and r·products, for r of shape (K, B)."""

    @abstractmethod
    def unpack(self, sums: Array, pooled: Array, n_features: int) -> tuple[Array, Array, Array]:
        """Counts, sums and products from the sums of r φ, (K, M), and of w z zᵀ, (D, D)."""

    @abstractmethod
    def own(self, residual: Array, r: Array) -> Array:
        """Σ r·products of one component's residuals (D, B), with r of shape (B,); a leading 1."""

    @abstractmethod
    def coefficients(self, precisions: Array) -> Array:
        """What multiplies the products in −½ zᵀPz, one row a component, shape (K, M − D − 1)."""

    @abstractmethod
    def apply(self, precisions: Array, means: Array) -> Array:
        """P_k m_k for each component, shape (K, D)."""

    @abstractmethod
    def cross(self, a: Array, b: Array) -> Array:
        """The products of a_k with b_k, in the shape in which this moment keeps them."""

    @abstractmethod
    def restore(self, products: Array, transform: Array) -> Array:
        """Products of x from products of z, where x = Gz and G is the transform."""

    @abstractmethod
    def zeros(self, n_components: int, n_features: int) -> Array:
        """Products of no rows."""

    @abstractmethod
    def copies(self, matrix: Array, n_components: int) -> Array:
        """The same scatter matrix (D, D) for each component."""

    @abstractmethod
    def shared(self, products: Array, n_components: int) -> Array:
        """The products of all components together, for each component."""

    @abstractmethod
    def stack(self, parts: list[Array], index: list[NDArray[np.intp]], like: Array) -> Array:
        """Products of all components from those of disjoint groups of components."""

    def __repr__(self) -> str:
        return f"<{self.name} second moments>"

    def __reduce__(self) -> str:
        return self.name.upper()


@cache
def _upper(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the upper triangle of a (D, D) matrix, in the order of features."""
    rows, columns = np.triu_indices(d)
    return rows, columns


NOT_POOLED = np.empty((0, 0))


def _start(z: Array, n_products: int) -> Array:
    """φ with its first 1 + D features filled in."""
    d, rows = z.shape
    phi = np.empty((1 + d + n_products, rows))
    phi[0] = 1.0
    phi[1 : 1 + d] = z
    return phi


class FullMoment(Moment):
    """Every product z_i z_j, for each component: (K, D, D)."""

    name = "full"

    def shares(self, n_features: int) -> bool:
        return n_features <= WIDEST

    def features(self, z: Array) -> Array:
        d = len(z)
        phi = _start(z, d * (d + 1) // 2)
        at = 1 + d
        for i in range(d):
            np.multiply(z[i], z[i:], out=phi[at : at + d - i])
            at += d - i
        return phi

    def accumulate(self, z: Array, phi: Array, r: Array) -> tuple[Array, Array, Array]:
        return self.unpack(r @ phi.T, NOT_POOLED, len(z))

    def unpack(self, sums: Array, pooled: Array, n_features: int) -> tuple[Array, Array, Array]:
        d = n_features
        upper = _upper(d)
        products = np.empty((len(sums), d, d))
        products[:, upper[0], upper[1]] = sums[:, 1 + d :]
        products[:, upper[1], upper[0]] = sums[:, 1 + d :]
        return sums[:, 0], sums[:, 1 : 1 + d], products

    def own(self, residual: Array, r: Array) -> Array:
        return ((residual * r) @ residual.T)[None]

    def coefficients(self, precisions: Array) -> Array:
        d = precisions.shape[-1]
        rows, columns = _upper(d)
        return np.where(rows == columns, -0.5, -1.0) * precisions[:, rows, columns]

    def apply(self, precisions: Array, means: Array) -> Array:
        return np.einsum("kij,kj->ki", precisions, means)

    def cross(self, a: Array, b: Array) -> Array:
        return a[:, :, None] * b[:, None, :]

    def restore(self, products: Array, transform: Array) -> Array:
        restored = transform @ products @ transform.T
        return 0.5 * (restored + np.swapaxes(restored, -1, -2))

    def zeros(self, n_components: int, n_features: int) -> Array:
        return np.zeros((n_components, n_features, n_features))

    def copies(self, matrix: Array, n_components: int) -> Array:
        return np.repeat(matrix[None], n_components, axis=0)

    def shared(self, products: Array, n_components: int) -> Array:
        return self.copies(products.sum(axis=0), n_components)

    def stack(self, parts: list[Array], index: list[NDArray[np.intp]], like: Array) -> Array:
        return _by_component(parts, index, like)


class PooledMoment(Moment):
    """Every product z_i z_j, added over the components: (D, D)."""

    name = "pooled"

    def features(self, z: Array) -> Array:
        return TRACE.features(z)  # in coordinates where the shared covariance is the identity

    def accumulate(self, z: Array, phi: Array, r: Array) -> tuple[Array, Array, Array]:
        d = len(z)
        return self.unpack(r @ phi[: 1 + d].T, (z * r.sum(axis=0)) @ z.T, d)

    def unpack(self, sums: Array, pooled: Array, n_features: int) -> tuple[Array, Array, Array]:
        return sums[:, 0], sums[:, 1 : 1 + n_features], pooled

    def own(self, residual: Array, r: Array) -> Array:
        return (residual * r) @ residual.T

    def coefficients(self, precisions: Array) -> Array:
        return TRACE.coefficients(precisions)

    def apply(self, precisions: Array, means: Array) -> Array:
        return TRACE.apply(precisions, means)

    def cross(self, a: Array, b: Array) -> Array:
        return a.T @ b

    def restore(self, products: Array, transform: Array) -> Array:
        restored = transform @ products @ transform.T
        return 0.5 * (restored + restored.T)

    def zeros(self, n_components: int, n_features: int) -> Array:
        return np.zeros((n_features, n_features))

    def copies(self, matrix: Array, n_components: int) -> Array:
        return n_components * matrix

    def shared(self, products: Array, n_components: int) -> Array:
        return n_components * products

    def stack(self, parts: list[Array], index: list[NDArray[np.intp]], like: Array) -> Array:
        return np.sum(parts, axis=0)


class DiagonalMoment(Moment):
    """The squares z_j², for each component: (K, D)."""

    name = "diagonal"

    def features(self, z: Array) -> Array:
        d = len(z)
        phi = _start(z, d)
        np.multiply(z, z, out=phi[1 + d :])
        return phi

    def accumulate(self, z: Array, phi: Array, r: Array) -> tuple[Array, Array, Array]:
        return self.unpack(r @ phi.T, NOT_POOLED, len(z))

    def unpack(self, sums: Array, pooled: Array, n_features: int) -> tuple[Array, Array, Array]:
        return sums[:, 0], sums[:, 1 : 1 + n_features], sums[:, 1 + n_features :]

    def own(self, residual: Array, r: Array) -> Array:
        return ((residual * residual) @ r)[None]

    def coefficients(self, precisions: Array) -> Array:
        return -0.5 * precisions

    def apply(self, precisions: Array, means: Array) -> Array:
        return precisions * means

    def cross(self, a: Array, b: Array) -> Array:
        return a * b

    def restore(self, products: Array, transform: Array) -> Array:
        raise NotImplementedError("diagonal moments are kept in the rows' own coordinates")

    def zeros(self, n_components: int, n_features: int) -> Array:
        return np.zeros((n_components, n_features))

    def copies(self, matrix: Array, n_components: int) -> Array:
        return np.repeat(np.diagonal(matrix)[None], n_components, axis=0)

    def shared(self, products: Array, n_components: int) -> Array:
        return np.repeat(products.sum(axis=0)[None], n_components, axis=0)

    def stack(self, parts: list[Array], index: list[NDArray[np.intp]], like: Array) -> Array:
        return _by_component(parts, index, like)


class TraceMoment(Moment):
    """The squared length Σ_j z_j², for each component: (K,)."""

    name = "trace"

    def features(self, z: Array) -> Array:
        d = len(z)
        phi = _start(z, 1)
        np.einsum("db,db->b", z, z, out=phi[1 + d])
        return phi

    def accumulate(self, z: Array, phi: Array, r: Array) -> tuple[Array, Array, Array]:
        return self.unpack(r @ phi.T, NOT_POOLED, len(z))

    def unpack(self, sums: Array, pooled: Array, n_features: int) -> tuple[Array, Array, Array]:
        return sums[:, 0], sums[:, 1 : 1 + n_features], sums[:, 1 + n_features]

    def own(self, residual: Array, r: Array) -> Array:
        return np.array([np.einsum("db,db,b->", residual, residual, r)])

    def coefficients(self, precisions: Array) -> Array:
        return -0.5 * precisions[:, None]

    def apply(self, precisions: Array, means: Array) -> Array:
        return precisions[:, None] * means

    def cross(self, a: Array, b: Array) -> Array:
        return np.einsum("kd,kd->k", a, b)

    def restore(self, products: Array, transform: Array) -> Array:
        raise NotImplementedError("traces are kept in the rows' own coordinates")

    def zeros(self, n_components: int, n_features: int) -> Array:
        return np.zeros(n_components)

    def copies(self, matrix: Array, n_components: int) -> Array:
        return np.full(n_components, np.trace(matrix))

    def shared(self, products: Array, n_components: int) -> Array:
        return np.full(n_components, products.sum())

    def stack(self, parts: list[Array], index: list[NDArray[np.intp]], like: Array) -> Array:
        return _by_component(parts, index, like)


def _by_component(parts: list[Array], index: list[NDArray[np.intp]], like: Array) -> Array:
    whole = np.empty_like(like)
    for part, where in zip(parts, index, strict=True):
        whole[where] = part
    return whole


FULL = FullMoment()
POOLED = PooledMoment()
DIAGONAL = DiagonalMoment()
TRACE = TraceMoment()
