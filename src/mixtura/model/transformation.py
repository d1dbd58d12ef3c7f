"""Mixtures moved, stretched, blurred, added and multiplied: each is a mixture again, exactly."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import pair
from mixtura.model.components import Components, M
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied
from mixtura.numeric import linalg

Array = NDArray[np.float64]


def affine(
    mixture: M,
    matrix: ArrayLike,
    shift: ArrayLike | None = None,
    noise: ArrayLike | None = None,
) -> M:
    """The distribution of Ax + b + e for rows x of the mixture and Gaussian noise e.

    Parameters
    ----------
    matrix : array-like, shape (m, D), or (D,) for a single direction
        A.
    shift : array-like, shape (m,), or a number, optional
        b.
    noise : number, or array-like of shape (m,) or (m, m), optional
        The covariance of e, whose mean is zero: one variance, variances, or a matrix.

    Returns
    -------
    Mixture
        Tied where components have the same matrix, and full otherwise; `scale` keeps more families.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, the noise is not a covariance, or the result
        has no density because A loses a dimension and there is no noise to fill it.
    """
    a = np.asarray(matrix, dtype=np.float64)
    a = a[None, :] if a.ndim == 1 else a
    if a.ndim != 2 or a.shape[1] != mixture.n_features or not len(a):
        raise ValueError(
            f"the matrix must have shape (m, {mixture.n_features}), not {np.shape(matrix)}"
        )
    _refuse_infinite("the matrix", a)
    m = len(a)
    b = _vector("the shift", 0.0 if shift is None else shift, m)
    e = None if noise is None else checked_noise(noise, m)
    rank = int(np.linalg.matrix_rank(a if e is None else np.hstack([a, as_matrix(e, m)])))
    if rank < m:
        raise ValueError(
            f"the result has no density: {m} numbers are made of {rank} independent ones; "
            "take out rows of the matrix, or add noise to them"
        )
    covariance = mixture.covariance
    if covariance.common:
        moved = Tied(linalg.symmetrise(a @ covariance.dense(1)[0] @ a.T))
    elif covariance.independent:
        variances = covariance.variances(mixture.n_components)
        moved = Full(linalg.symmetrise((a * variances[:, None, :]) @ a.T))
    else:
        moved = Full(linalg.symmetrise(a @ mixture.covariances @ a.T))
    moved = moved if e is None else widened(moved, e, mixture.n_components)
    bad = moved.degenerate(mixture.n_components)
    if bad.any():
        raise ValueError(
            f"the result has no density: the covariance of component "
            f"{int(np.flatnonzero(bad)[0])} is not positive definite; take out rows of the "
            "matrix, or add noise"
        )
    return type(mixture)(mixture.weights, mixture.means @ a.T + b, moved)


def scale(mixture: M, factors: ArrayLike, shift: ArrayLike | None = None) -> M:
    """Every column times a factor of its own, plus a shift: other units.

    Parameters
    ----------
    factors : number or array-like, shape (D,)
        Not zero.
    shift : number or array-like, shape (D,), optional

    Returns
    -------
    Mixture
        Of the same family, if it follows the units of columns or the factors' sizes are equal;
        otherwise diagonal where features are independent, and full where they are not.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a factor is zero.
    """
    f = _vector("the factors", factors, mixture.n_features)
    b = _vector("the shift", 0.0 if shift is None else shift, mixture.n_features)
    if not f.all():
        raise ValueError(
            f"the factor of dimension {int(np.flatnonzero(f == 0)[0])} is zero: leave the "
            "dimension out with marginal"
        )
    covariance = mixture.covariance
    scaled = covariance.scaled(f)
    if scaled is None and covariance.independent:
        scaled = Diagonal(covariance.variances(mixture.n_components) * f**2)
    elif scaled is None:
        scaled = Full(mixture.covariances * (f[:, None] * f))
    return type(mixture)(mixture.weights, mixture.means * f + b, scaled)


def convolve(mixture: M, other: Components | ArrayLike) -> M:
    """The distribution of the sum of a row and an independent other one.

    Parameters
    ----------
    other : Mixture, or number or array-like of shape (D,) or (D, D)
        What is added: rows of another mixture, or Gaussian noise of mean zero with this variance,
        these variances or this covariance.

    Returns
    -------
    Mixture
        Of K · L components, those of the first with each of the second's in turn. Two tied ones
        give a tied one, two spherical ones one such, two
        of independent features a diagonal one, and others a full one.

    Raises
    ------
    ValueError
        If the dimensions differ or the noise is not a covariance.
    """
    k, d = mixture.means.shape
    if not isinstance(other, Components):
        noise = checked_noise(other, d)
        return type(mixture)(mixture.weights, mixture.means, widened(mixture.covariance, noise, k))
    pair.refuse_other_width(mixture, other)
    n = k * other.n_components
    one, two = mixture.covariance, other.covariance
    if isinstance(one, Tied) and isinstance(two, Tied):
        together: Covariance = Tied(one.values + two.values)
    elif isinstance(one, Spherical) and isinstance(two, Spherical):
        together = Spherical((one.values[:, None] + two.values).ravel(), d)
    elif pair.independent(mixture, other):
        values = one.variances(k)[:, None] + two.variances(other.n_components)
        together = Diagonal(values.reshape(n, d))
    else:
        together = Full((mixture.covariances[:, None] + other.covariances).reshape(n, d, d))
    means = (mixture.means[:, None] + other.means).reshape(n, d)
    weights = np.outer(mixture.weights, other.weights).ravel()
    return type(mixture)(weights, means, together)


def product(mixture: M, other: Components) -> M:
    """The mixture whose density is proportional to the product of the two densities.

    It is what two independent witnesses of one thing say together.

    Parameters
    ----------
    other : Mixture
        Of the same dimensions.

    Returns
    -------
    Mixture
        Of K · L components, those of the first with each of the second's in turn. Two tied ones
        give a tied one, two spherical ones one such, two
        of independent features a diagonal one, and others a full one. The
        integral of the product itself is `exp(log_inner_product(other))`.

    Raises
    ------
    ValueError
        If the dimensions differ.
    """
    pair.refuse_other_width(mixture, other)
    d = mixture.n_features
    with np.errstate(divide="ignore"):
        log_weights = np.log(mixture.weights)[:, None] + np.log(other.weights)
    log_weights = (log_weights + pair.log_overlaps(mixture, other)).ravel()
    weights = np.exp(log_weights - log_weights.max())
    if pair.independent(mixture, other):
        means, covariance = _independent_product(mixture, other)
    else:
        means, covariance = _joined(mixture, other)
    return type(mixture)(weights / weights.sum(), means.reshape(-1, d), covariance)


def _independent_product(mixture: Components, other: Components) -> tuple[Array, Covariance]:
    """Means (K, L, D) and covariance of the product, feature by feature."""
    d = mixture.n_features
    v = mixture.covariance.variances(mixture.n_components)[:, None]
    t = other.covariance.variances(other.n_components)
    share = v / (v + t)  # how far the mean goes from the one to the other
    means = mixture.means[:, None] + share * (other.means - mixture.means[:, None])
    values = (share * t).reshape(-1, d)
    if isinstance(mixture.covariance, Spherical) and isinstance(other.covariance, Spherical):
        return means, Spherical(values[:, 0], d)
    return means, Diagonal(values)


def _joined(mixture: Components, other: Components) -> tuple[Array, Covariance]:
    """Means (K, L, D) and covariance of the product, where features depend on one another.

    (Σ⁻¹ + T⁻¹)⁻¹ = L (I + VᵀV)⁻¹ Lᵀ with Σ = LLᵀ and VᵀV = LᵀT⁻¹L: a sum of positive parts.
    """
    k, d = mixture.means.shape
    shared = isinstance(mixture.covariance, Tied) and isinstance(other.covariance, Tied)
    n, count = (1, 1) if shared else (k, other.n_components)
    factors = linalg.cholesky(mixture.covariance.dense(k)[:n])[0]
    whiteners = linalg.invert_lower(
        linalg.cholesky(other.covariance.dense(other.n_components)[:count])[0]
    )
    means = np.empty((k, other.n_components, d))
    values = np.empty((n, count, d, d))
    for i in range(k):
        if i < n:
            v = whiteners @ factors[i]
            inner = linalg.cholesky(np.eye(d) + np.swapaxes(v, 1, 2) @ v)[0]
            half = linalg.invert_lower(inner) @ factors[i].T
            values[i] = np.swapaxes(half, 1, 2) @ half
        step = other.means - mixture.means[i]
        pulled = np.swapaxes(whiteners, 1, 2) @ (whiteners @ step[:, :, None])
        means[i] = mixture.means[i] + (values[min(i, n - 1)] @ pulled)[:, :, 0]
    return means, Tied(values[0, 0]) if shared else Full(values.reshape(-1, d, d))


def widened(covariance: Covariance, noise: Array, n_components: int) -> Covariance:
    """The covariances plus one that is a variance (), variances (D,) or a matrix (D, D)."""
    if noise.ndim == 0 and isinstance(covariance, Spherical):
        return Spherical(covariance.values + noise, covariance.n_features)
    if noise.ndim < 2 and covariance.independent:
        return Diagonal(covariance.variances(n_components) + noise)
    if isinstance(covariance, Tied):
        return Tied(covariance.values + as_matrix(noise, len(covariance.values)))
    dense = covariance.dense(n_components)
    return Full(dense + as_matrix(noise, dense.shape[-1]))


def as_matrix(noise: Array, n_features: int) -> Array:
    """A variance, variances or a matrix as a matrix."""
    return noise if noise.ndim == 2 else np.diag(np.broadcast_to(noise, (n_features,)))


def checked_noise(noise: ArrayLike, n_features: int) -> Array:
    """The covariance of noise: a variance, variances or a matrix, none of them negative."""
    value = np.asarray(noise, dtype=np.float64)
    d = n_features
    if value.shape not in ((), (d,), (d, d)):
        raise ValueError(
            f"noise must be a number or have shape ({d},) or ({d}, {d}), not {value.shape}"
        )
    _refuse_infinite("the noise", value)
    if value.ndim < 2:
        if (value < 0).any():
            raise ValueError("the variance of the noise must not be negative")
        return value
    size = np.abs(value).max()
    if np.abs(value - value.T).max() > 1e-8 * size:
        raise ValueError("the covariance of the noise is not symmetric")
    if np.linalg.eigvalsh(value)[0] < -1e-12 * d * size:
        raise ValueError("the covariance of the noise has a negative eigenvalue")
    return linalg.symmetrise(value)


def _vector(what: str, values: ArrayLike, n: int) -> Array:
    value = np.asarray(values, dtype=np.float64)
    if value.shape not in ((), (n,)):
        raise ValueError(f"{what} must be a number or have shape ({n},), not {value.shape}")
    _refuse_infinite(what, value)
    return np.broadcast_to(value, (n,))


def _refuse_infinite(what: str, value: Array) -> None:
    if not np.isfinite(value).all():
        raise ValueError(f"{what} must hold finite numbers, but there is NaN or infinity")
