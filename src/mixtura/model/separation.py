"""The directions in which the components of a mixture are told apart best [@Scrucca2010]."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.components import Components
from mixtura.numeric import linalg

Array = NDArray[np.float64]

NOTHING = float(np.sqrt(np.finfo(np.float64).eps))
"""A direction that separates less than this is left out, as in mclust."""


@dataclass(frozen=True, eq=False)
class Separation:
    """Directions in which components differ, the one that separates them best first.

    Along each direction the rows of the whole mixture have variance one, and directions are
    uncorrelated.

    Attributes
    ----------
    centre : array, shape (D,)
        The mean of the whole, which has coordinates zero.
    directions : array, shape (D, m)
        V: coordinates are (x − centre) V, in standard deviations of the whole.
    values : array, shape (m,)
        How much each direction separates, by means and by spread together.
    by_means : array, shape (m,)
        The part of it that comes from different means; the rest is from different covariances.
    correlations : array, shape (D, m)
        Of each column with each coordinate, over the whole mixture.
    """

    centre: Array
    directions: Array
    values: Array
    by_means: Array
    correlations: Array

    @property
    def shares(self) -> Array:
        """The part of all separation that each direction has, shape (m,)."""
        return self.values / self.values.sum()

    def apply(self, x: ArrayLike) -> Array:
        """Rows x, (n, D), as coordinates, shape (n, m)."""
        return (np.asarray(x, dtype=np.float64) - self.centre) @ self.directions


def separation(
    mixture: Components, *, means: float = 1.0, covariance: ArrayLike | None = None
) -> Separation:
    """The directions in which the components are told apart best, by means or by spread.

    They solve M v = l Σ v with M = 2λ B Σ⁻¹ B + 2(1 − λ) Σ_k π_k (Σ_k − W) Σ⁻¹ (Σ_k − W), where Σ
    is the covariance of the whole, B that between means, W = Σ − B the one within components, and λ
    is `means`. These are the directions of mclust's MclustDR [@Scrucca2010], there of unit length
    and here of unit variance.

    Parameters
    ----------
    means : float, default 1
        λ, from 0 to 1: how much different means count, the rest being for different covariances.
        With 1 there are K − 1 directions at most, and with equal covariances they are those of
        linear discriminant analysis.
    covariance : array-like, shape (D, D), optional
        Σ, if it is not that of the whole mixture: mclust takes that of the rows.

    Returns
    -------
    Separation
        Of no more than D directions; of none where nothing that counts differs.

    Raises
    ------
    ValueError
        If λ is not from 0 to 1, or Σ is not a covariance of the mixture's columns.
    """
    if not 0 <= means <= 1:
        raise ValueError(f"means must be from 0 to 1, not {means}")
    whole = _covariance(mixture, covariance)
    factor = linalg.cholesky(whole[None])[0][0]
    whitener = linalg.invert_lower(factor[None])[0]
    weights = mixture.weights
    # In coordinates where the whole has unit variance the problem is that of a symmetric matrix.
    steps = (mixture.means - mixture.mean) @ whitener.T
    between = (weights * steps.T) @ steps
    spreads = whitener @ mixture.covariances @ whitener.T
    apart = spreads - np.einsum("k,kij->ij", weights, spreads)
    by_means = 2.0 * means * between @ between
    by_spread = 2.0 * (1.0 - means) * np.einsum("k,kij,kjl->il", weights, apart, apart)
    values, vectors = np.linalg.eigh(linalg.symmetrise(by_means + by_spread))
    order = np.flatnonzero(values > NOTHING)[::-1]
    vectors = vectors[:, order]
    correlations = (factor @ vectors) / np.sqrt(np.diag(whole))[:, None]
    # The column that says most about a direction rises with it.
    said = np.abs(correlations).argmax(axis=0) if len(order) else np.empty(0, dtype=np.intp)
    signs = np.where(correlations[said, np.arange(len(order))] < 0, -1.0, 1.0)
    return Separation(
        centre=mixture.mean,
        directions=(whitener.T @ vectors) * signs,
        values=values[order],
        by_means=np.einsum("im,ij,jm->m", vectors, by_means, vectors),
        correlations=correlations * signs,
    )


def _covariance(mixture: Components, given: ArrayLike | None) -> Array:
    """The covariance of the whole, checked if it was given."""
    if given is None:
        return mixture.total_covariance()
    d = mixture.n_features
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (d, d):
        raise ValueError(f"the covariance must have shape ({d}, {d}), not {values.shape}")
    if not np.allclose(values, values.T) or linalg.cholesky(values[None])[1].any():
        raise ValueError("the covariance is not symmetric and positive definite")
    return values
