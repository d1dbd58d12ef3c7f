"""Each component of one mixture with each of another: overlaps and distances, (K, L)."""

import numpy as np
from numpy.typing import NDArray

from mixtura.model.components import LOG_2PI, Components
from mixtura.model.covariance import Tied
from mixtura.numeric import linalg

Array = NDArray[np.float64]


def independent(mixture: Components, other: Components) -> bool:
    """Whether the features of every component of both are independent of each other."""
    return mixture.covariance.independent and other.covariance.independent


def refuse_other_width(mixture: Components, other: Components) -> None:
    """Say that two mixtures are not over the same dimensions."""
    if mixture.n_features != other.n_features:
        raise ValueError(
            f"the mixtures have {mixture.n_features} and {other.n_features} dimensions: both must "
            "be over the same ones; marginal takes some of them"
        )


def log_overlaps(mixture: Components, other: Components) -> Array:
    """The logarithm of ∫ N_k N_l: the density of the one mean about the other, widths added."""
    d = mixture.n_features
    found = np.empty((mixture.n_components, other.n_components))
    for k, mean in enumerate(mixture.means):
        step = other.means - mean
        log_det, distance = _added(mixture, other, k, step)
        found[k] = -0.5 * (d * LOG_2PI + log_det + distance)
    return found


def bhattacharyya(mixture: Components, other: Components) -> Array:
    """Bhattacharyya distances, −log ∫ √(N_k N_l)."""
    d = mixture.n_features
    found = np.empty((mixture.n_components, other.n_components))
    own = mixture.covariance.log_det(mixture.n_components)
    theirs = other.covariance.log_det(other.n_components)
    for k, mean in enumerate(mixture.means):
        log_det, distance = _added(mixture, other, k, other.means - mean)
        # The mean of the two covariances is half of their sum.
        middle = log_det - d * np.log(2.0)
        found[k] = 0.25 * distance + 0.5 * middle - 0.25 * (own[k] + theirs)
    return np.maximum(found, 0.0)


def _added(mixture: Components, other: Components, k: int, step: Array) -> tuple[Array, Array]:
    """log|Σ_k + T_l| and the squared length of each step in Σ_k + T_l, both (L,)."""
    if independent(mixture, other):
        variances = mixture.covariance.variances(mixture.n_components)[k]
        total = variances + other.covariance.variances(other.n_components)
        return np.log(total).sum(axis=1), (step**2 / total).sum(axis=1)
    shared = isinstance(other.covariance, Tied)
    dense = other.covariance.dense(other.n_components)[: 1 if shared else None]
    factors = linalg.cholesky(mixture.covariances[k] + dense)[0]
    whiteners = linalg.invert_lower(factors)
    y = step @ whiteners[0].T if shared else np.einsum("lij,lj->li", whiteners, step)
    return linalg.log_det_from_cholesky(factors), (y**2).sum(axis=1)


def divergences(mixture: Components, other: Components) -> Array:
    """Kullback-Leibler divergences KL(N_k ‖ N_l)."""
    k, d = mixture.means.shape
    count = other.n_components
    found = np.empty((k, count))
    apart = other.covariance.log_det(count)[None, :] - mixture.covariance.log_det(k)[:, None]
    if independent(mixture, other):
        own = mixture.covariance.variances(k)
        for j, theirs in enumerate(other.covariance.variances(count)):
            step = mixture.means - other.means[j]
            found[:, j] = ((own + step**2) / theirs).sum(axis=1)
    else:
        dense = mixture.covariances.reshape(k, d * d)
        for j in range(count):
            y = other.covariance.whiten(mixture.means - other.means[j], j)
            whitener = other.covariance.whiten(np.eye(d), j)
            found[:, j] = dense @ (whitener @ whitener.T).ravel() + (y**2).sum(axis=1)
    return np.maximum(0.5 * (found - d + apart), 0.0)


def squared_bures(mixture: Components, other: Components) -> Array:
    """Squared 2-Wasserstein distances of N_k and N_l.

    The part of the covariances, tr(Σ + T − 2(Σ^½ T Σ^½)^½), is the least of ‖L − MQ‖² over
    rotations Q of their factors, and is computed as that: nothing cancels.
    """
    found = ((mixture.means[:, None] - other.means) ** 2).sum(axis=2)
    k, count = found.shape
    if independent(mixture, other):
        one = np.sqrt(mixture.covariance.variances(k))
        two = np.sqrt(other.covariance.variances(count))
        return found + ((one[:, None] - two) ** 2).sum(axis=2)
    one, two = (linalg.cholesky(m.covariances)[0] for m in (mixture, other))
    for i in range(k):
        left, _, right = np.linalg.svd(one[i].T @ two)
        apart = one[i] @ left - two @ np.swapaxes(right, 1, 2)
        found[i] += (apart**2).sum(axis=(1, 2))
    return found
