"""Batched linear algebra for stacks of symmetric positive-definite matrices."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]


def cholesky(matrices: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Lower Cholesky factors of a stack, and which of its matrices have none.

    A matrix that is not positive definite gets the factor of its diagonal where that is positive
    and ones elsewhere, so that the rest of the stack can be used; the mask names it.

    Parameters
    ----------
    matrices : array, shape (K, D, D)

    Returns
    -------
    factors : array, shape (K, D, D)
    failed : array of bool, shape (K,)
    """
    try:
        factors = np.asarray(np.linalg.cholesky(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        factors = np.empty_like(matrices)
        for k, matrix in enumerate(matrices):
            try:
                factors[k] = np.linalg.cholesky(matrix)
            except np.linalg.LinAlgError:
                factors[k] = np.nan
    # LAPACK passes NaN through without complaint, and a pivot of zero where rounding allows it.
    pivots = np.diagonal(factors, axis1=1, axis2=2)
    failed = np.logical_not((np.isfinite(pivots) & (pivots > 0)).all(axis=1))
    for k in np.flatnonzero(failed):
        spread = np.diagonal(matrices[k])
        factors[k] = np.diag(np.sqrt(np.where(spread > 0, spread, 1.0)))
    return factors, failed


def invert_lower(factors: Array) -> Array:
    """Inverses of a stack of lower triangular matrices.

    Parameters
    ----------
    factors : array, shape (K, D, D)

    Returns
    -------
    array, shape (K, D, D)
    """
    inverses = np.empty_like(factors)
    for k, factor in enumerate(factors):
        inverses[k] = lapack.dtrtri(factor, lower=1)[0]  # pyright: ignore[reportAttributeAccessIssue]
    return np.tril(inverses)


def log_det_from_cholesky(factors: Array) -> Array:
    """log|Σ| for each lower Cholesky factor of a stack (K, D, D)."""
    return 2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)


def symmetrise(matrices: Array) -> Array:
    """The symmetric part of each matrix of a stack."""
    return 0.5 * (matrices + np.swapaxes(matrices, -1, -2))


def raise_to_floor(matrices: Array, floor: Array) -> Array:
    """The nearest matrices, in the sense of the Gaussian likelihood, that are at least a floor.

    Among all Σ ⪰ V this maximises −log|Σ| − tr(Σ⁻¹S): the eigenvalues of V^-½ S V^-½ that lie
    below one become one. Matrices above the floor come back untouched, bit for bit.

    Parameters
    ----------
    matrices : array, shape (K, D, D)
        S, symmetric.
    floor : array, shape (D,)
        The diagonal of V, positive.

    Returns
    -------
    array, shape (K, D, D)
    """
    low = cholesky(matrices - np.diag(floor))[1]
    if not low.any():
        return matrices
    root = np.sqrt(floor)
    scale = root[:, None] * root[None, :]
    values, vectors = np.linalg.eigh(symmetrise(matrices[low] / scale))
    lifted = np.maximum(values, 1.0)
    raised = (vectors * lifted[:, None, :]) @ np.swapaxes(vectors, -1, -2)
    result = matrices.copy()
    result[low] = symmetrise(raised) * scale
    return result
