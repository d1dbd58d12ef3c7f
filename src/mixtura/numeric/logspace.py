"""Log-space: from log joint densities to log marginals and posteriors."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def normalise(log_joint: Array) -> tuple[Array, Array]:
    """Log marginal and posterior of each column of log joint densities, overwriting the input.

    Parameters
    ----------
    log_joint : array, shape (K, B)
        Component by row; it becomes the posterior.

    Returns
    -------
    log_marginal : array, shape (B,)
        NaN where every component underflowed or any overflowed: the caller settles those rows.
    posterior : array, shape (K, B)
    """
    top = log_joint.max(axis=0)
    with np.errstate(invalid="ignore"):  # -inf - -inf, for rows that are out of reach
        np.subtract(log_joint, top, out=log_joint)
    np.exp(log_joint, out=log_joint)
    total = log_joint.sum(axis=0)
    np.divide(log_joint, total, out=log_joint)
    return top + np.log(total), log_joint
