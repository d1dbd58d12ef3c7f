"""Moments of a mixture, of any order and exactly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.components import Components
from mixtura.model.dimensions import resolved

Array = NDArray[np.float64]


def moment(
    mixture: Components, powers: Sequence[int] | int, about: ArrayLike | None = None
) -> float:
    """The mean of a product of powers of the columns, Π (x_j − c_j)^p_j; exact.

    Parameters
    ----------
    powers : sequence of int, shape (D,), or int for one dimension
        p, not negative.
    about : number or array-like, shape (D,), optional
        c, zero by default; `mixture.mean` gives central moments.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes do not fit or a power is negative or not whole.
    """
    d = mixture.n_features
    p = np.atleast_1d(np.asarray(powers))
    if p.shape != (d,) or not np.issubdtype(p.dtype, np.integer) or (p < 0).any():
        raise ValueError(f"powers must be {d} whole numbers from zero on, not {powers!r}")
    c = np.asarray(0.0 if about is None else about, dtype=np.float64)
    if c.shape not in ((), (d,)) or not np.isfinite(c).all():
        raise ValueError(f"about must be finite, a number or of shape ({d},)")
    index = resolved(np.flatnonzero(p), d)
    steps = (mixture.means - c)[:, index]
    dense = mixture.covariance.marginal(index).dense(mixture.n_components)
    return float(mixture.weights @ _each(tuple(p[index].tolist()), steps, dense, {}))


def _each(
    powers: tuple[int, ...], means: Array, dense: Array, known: dict[tuple[int, ...], Array]
) -> Array:
    """The moment of each component, (K,).

    E[x_j g] = μ_j E[g] + Σ_i Σ_ji E[∂g/∂x_i] takes one power off at a time [@Stein1981].
    """
    if not any(powers):
        return np.ones(len(means))
    if powers not in known:
        j = next(i for i, p in enumerate(powers) if p)
        less = _lowered(powers, j)
        total = means[:, j] * _each(less, means, dense, known)
        for i, p in enumerate(less):
            if p:
                total = total + dense[:, j, i] * p * _each(_lowered(less, i), means, dense, known)
        known[powers] = total
    return known[powers]


def _lowered(powers: tuple[int, ...], j: int) -> tuple[int, ...]:
    return (*powers[:j], powers[j] - 1, *powers[j + 1 :])
