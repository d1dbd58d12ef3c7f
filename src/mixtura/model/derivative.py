"""How the log density of a mixture changes from place to place, and what a noisy row was."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.components import Components
from mixtura.model.transformation import checked_noise, widened
from mixtura.numeric.blocks import spans

Array = NDArray[np.float64]


def score(mixture: Components, x: ArrayLike) -> Array:
    """The gradient of the log density at rows x.

    Parameters
    ----------
    x : array-like, shape (n, D)

    Returns
    -------
    array, shape (n, D)
        In nats per unit of each column.
    """
    rows = checked_rows(mixture, x)
    found = np.zeros(rows.shape)
    for part in spans(len(rows), mixture.n_components + 4 * mixture.n_features):
        r = mixture.responsibilities(rows[part])
        for k in range(mixture.n_components):
            found[part] += r[:, k, None] * pull(mixture, rows[part], k)
    return found


def hessian(mixture: Components, x: ArrayLike) -> Array:
    """The second derivatives of the log density at rows x.

    Parameters
    ----------
    x : array-like, shape (n, D)

    Returns
    -------
    array, shape (n, D, D)
    """
    rows = checked_rows(mixture, x)
    k, d = mixture.means.shape
    found = np.empty((len(rows), d, d))
    for part in spans(len(rows), k * (d + 1) + 2 * d * d):
        r = mixture.responsibilities(rows[part])
        found[part] = -mean_precision(mixture, r)
        pulls = np.stack([pull(mixture, rows[part], j) for j in range(k)])
        mean = np.einsum("nk,knd->nd", r, pulls)
        for j in range(k):
            step = pulls[j] - mean
            found[part] += (r[:, j, None] * step)[:, :, None] * step[:, None, :]
    return found


def denoise(mixture: Components, y: ArrayLike, noise: ArrayLike) -> Array:
    """The mean of what rows were before Gaussian noise was added to them; exact.

    It is E[x | y] for y = x + e with x from the mixture: the estimate of x with the least squared
    error, which is also y plus the noise covariance times the score of the noisy density
    [@Efron2011].

    Parameters
    ----------
    y : array-like, shape (n, D)
        Noisy rows.
    noise : number, or array-like of shape (D,) or (D, D)
        The variance, variances or covariance of the noise.

    Returns
    -------
    array, shape (n, D)

    Raises
    ------
    ValueError
        If shapes do not fit or the noise is not a covariance.
    """
    rows = checked_rows(mixture, y)
    k, d = mixture.means.shape
    e = checked_noise(noise, d)
    covariance = mixture.covariance
    noisy = type(mixture)(mixture.weights, mixture.means, widened(covariance, e, k))
    apart = e.ndim < 2 and covariance.independent
    variances = covariance.variances(k)
    dense = None if apart else covariance.dense(k)
    found = np.zeros(rows.shape)
    for part in spans(len(rows), k + 4 * d):
        r = noisy.responsibilities(rows[part])
        for j in range(k):
            pulled = pull(noisy, rows[part], j)
            step = pulled * variances[j] if dense is None else pulled @ dense[j]
            # Towards the mean by the share that noise has in the whole, from whichever is nearer.
            found[part] += r[:, j, None] * (mixture.means[j] - step)
    return found


def pull(mixture: Components, rows: Array, k: int) -> Array:
    """The gradient of the log density of component k at rows, Σ⁻¹(μ − x)."""
    return -mixture.covariance.solve(rows - mixture.means[k], k)


def mean_precision(mixture: Components, r: Array) -> Array:
    """Precision matrices averaged by responsibilities (n, K), shape (n, D, D)."""
    k, d = mixture.means.shape
    if mixture.covariance.independent:
        diagonal = r @ (1.0 / mixture.covariance.variances(k))
        return diagonal[:, :, None] * np.eye(d)
    precisions = np.stack([mixture.covariance.solve(np.eye(d), j) for j in range(k)])
    return (r @ precisions.reshape(k, d * d)).reshape(-1, d, d)


def checked_rows(mixture: Components, x: ArrayLike) -> Array:
    """Rows (n, D) of finite numbers."""
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != mixture.n_features:
        raise ValueError(f"rows must have shape (n, {mixture.n_features}), not {rows.shape}")
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        raise ValueError(f"row {bad[0, 0]} holds {rows[*bad[0]]} in column {bad[0, 1]}")
    return rows
