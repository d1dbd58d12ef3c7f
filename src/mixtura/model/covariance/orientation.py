"""Axes, the columns of orthogonal matrices: those that K matrices share, and their coordinates."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.spectrum import along
from mixtura.numeric import linalg

Array = NDArray[np.float64]

Objective = Callable[[Array], tuple[float, Array]]
"""From what scatter lies along each axis, (K, D), to what is to be small and its slopes, (K, D)."""

STEPS = 500
"""Turns, at the most; ten to fifty are usual."""

MEMORY = 12
"""Steps that the curvature is learnt from."""

FEW = 8
"""Components whose own axes are tried, of those that hold the most."""


NOTHING = 1e-15
"""Of the longest axis of all, times D, the part below which a scatter is nothing but rounding."""


def descending(scatter: Array) -> tuple[Array, Array]:
    """Eigenvalues of a stack from the largest on, (K, D), none negative, and their axes."""
    values, axes = np.linalg.eigh(scatter)
    return np.maximum(values[:, ::-1], 0.0), np.ascontiguousarray(axes[:, :, ::-1])


def settled(scatter: Array) -> tuple[Array, Array]:
    """The same of scatter W_k, with axes in which others lie where a W_k has no extent.

    In a space in which W_k is nothing any axes are as likely, and those of a decomposition are
    chance: they turn with the columns, not with the rows. There they are those of Σ_k W_k.
    """
    values, axes = descending(scatter)
    none = values <= NOTHING * scatter.shape[-1] * values.max(initial=0.0)
    if not none.any():
        return values, axes
    pooled = scatter.sum(axis=0)
    for k in np.flatnonzero(none.any(axis=1)):
        space = axes[k][:, none[k]]
        axes[k][:, none[k]] = space @ np.linalg.eigh(space.T @ pooled @ space)[1][:, ::-1]
    return values, axes


def common(scatter: Array, objective: Objective, near: Array | None = None) -> Array:
    """The axes (D, D) along which K scatter matrices are likeliest to be diagonal.

    The objective is concave in what lies along the axes. So its tangent bounds it, and a turn that
    lowers Σ_k tr(W_k Q G_k Qᵀ), with the slopes G at hand, lowers it: this is the step of Browne
    and McNicholas [@BrowneMcNicholas2014]. It is taken where a faster one does not descend: L-BFGS
    on the angles of a turn from where the axes stand, in the metric of the tangent.

    Parameters
    ----------
    scatter : array, shape (K, D, D)
        W_k, positive semi-definite.
    objective : callable
    near : array, shape (D, D), optional
        Axes to begin with; the result is never worse. Others are tried beside them.

    Returns
    -------
    array, shape (D, D)
    """
    trials = _trials(scatter) if near is None else [near, *_trials(scatter)[:1]]
    axes = min(trials, key=lambda each: objective(along(each[None], scatter))[0])
    if len(axes) == 1:
        return axes
    return _turned(axes, scatter, objective)


def _trials(scatter: Array) -> list[Array]:
    """Axes of sums of the matrices, and of the largest of them."""
    sizes = np.trace(scatter, axis1=1, axis2=2)
    sizes = np.where(sizes > 0, sizes, 1.0)
    whole = scatter.sum(axis=0)
    # Unequal shares: axes that all have in common show even where the plain sum is a ball.
    uneven = np.sqrt(np.arange(2.0, 2.0 + len(scatter))) / sizes
    largest = scatter[np.argsort(-sizes, kind="stable")[:FEW]]
    stack = np.concatenate([whole[None], (uneven[:, None, None] * scatter).sum(axis=0)[None]])
    return [*descending(np.concatenate([stack, largest]))[1]]


def _turned(axes: Array, scatter: Array, objective: Objective) -> Array:
    """The axes turned downhill until they stand still."""
    d = len(axes)
    lower = np.tril_indices(d, -1)
    pairs: list[tuple[Array, Array]] = []
    inner = _inner(axes, scatter)
    value, slopes = objective(_diagonal(inner))
    gradient, metric = _angles(inner, slopes, lower)
    least, stuck = np.inf, 0
    for _ in range(STEPS):
        size = float(np.sum(gradient**2 / metric))
        # Where steps are as small as rounding, they end once they shrink no more.
        small = 1e-22 * (1.0 + abs(value))
        stuck = 0 if size < 0.25 * least else stuck + 1
        least = min(size, least)
        if size <= 1e-8 * small or (size < small and stuck > 5):
            break
        step = -_inverse(gradient, metric, pairs)
        if float(step @ gradient) >= 0:
            pairs, step = [], -gradient / metric
        longest = float(np.abs(step).max())
        step *= min(1.0, 0.7 / longest) if longest > 0 else 1.0
        for _ in range(4):
            turn = axes @ rotation(step[None], d)[0]
            there = _inner(turn, scatter)
            new, new_slopes = objective(_diagonal(there))
            slope = float(step @ gradient)
            if new <= value + 1e-4 * slope or (size < small and new <= value + 1e-14 * abs(value)):
                break
            step = 0.25 * step
        else:
            pairs = []
            turn = _majorised(axes, inner, slopes)
            there = _inner(turn, scatter)
            new, new_slopes = objective(_diagonal(there))
            if new > value:
                break
        before = gradient
        axes, inner, value, slopes = turn, there, new, new_slopes
        gradient, metric = _angles(inner, slopes, lower)
        change = gradient - before
        if float(step @ change) > 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            pairs = [*pairs, (step, change)][-MEMORY:]
    # What rounding took of right angles in so many turns.
    return axes @ (1.5 * np.eye(d) - 0.5 * axes.T @ axes)


def _inner(axes: Array, scatter: Array) -> Array:
    return axes.T @ scatter @ axes


def _diagonal(matrices: Array) -> Array:
    return np.maximum(np.diagonal(matrices, axis1=1, axis2=2), 0.0)


def _angles(
    inner: Array, slopes: Array, lower: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> tuple[Array, Array]:
    """Derivatives by the angle of the turn of any two axes, and the tangent's second ones."""
    diagonal = _diagonal(inner)
    # A turn Q exp(S) changes what lies along axis j by 2 Σ_i M_ij S_ij.
    first = 2.0 * np.einsum("kij,kj->ij", inner, slopes)
    first = first - first.T
    both = slopes.T @ diagonal
    own = np.diagonal(both)
    second = 2.0 * (both + both.T - own[:, None] - own[None, :])
    second = second[lower]
    least = 1e-8 * float(np.abs(own).max()) if len(own) else 0.0
    return first[lower], np.maximum(second, max(least, 1e-300))


def _inverse(gradient: Array, metric: Array, pairs: list[tuple[Array, Array]]) -> Array:
    """The gradient in the metric that the last steps have corrected (two loops of L-BFGS)."""
    vector, kept = gradient.copy(), list[tuple[float, float]]()
    for step, change in reversed(pairs):
        rho = 1.0 / float(step @ change)
        alpha = rho * float(step @ vector)
        vector -= alpha * change
        kept.append((rho, alpha))
    vector /= metric
    for (step, change), (rho, alpha) in zip(pairs, reversed(kept), strict=True):
        vector += (alpha - rho * float(change @ vector)) * step
    return vector


def _majorised(axes: Array, inner: Array, slopes: Array) -> Array:
    """One step of Browne and McNicholas, in the axes' coordinates: −R Pᵀ of F = Σ G (W − ω I)."""
    largest = np.linalg.eigvalsh(inner)[:, -1]
    d = len(axes)
    shifted = inner - largest[:, None, None] * np.eye(d)
    f = np.einsum("kj,kji->ji", slopes, shifted)
    left, _, right = np.linalg.svd(f)
    return axes @ (-(right.T @ left.T))


def rotation(angles: Array, n_features: int) -> Array:
    """Rotations (M, D, D) with these numbers, (M, D (D − 1) / 2), any: Cayley's transform.

    For small numbers they are the angles by which pairs of axes turn: column j towards axis i.
    """
    d = n_features
    lower = np.tril_indices(d, -1)
    skew = np.zeros((len(angles), d, d))
    skew[:, lower[0], lower[1]] = 0.5 * angles
    skew -= np.swapaxes(skew, 1, 2)
    unit = np.eye(d)
    return np.asarray(np.linalg.solve(unit - skew, unit + skew), dtype=np.float64)


def angles(axes: Array) -> Array:
    """`rotation` undone but for the directions of axes, which are chosen so that it is well posed.

    There always is a choice of signs with which no number exceeds what a quarter turn has
    [@ODorney2014]; this one makes every pivot of I + Q at least one.
    """
    m, d, _ = axes.shape
    turned, rest = axes.copy(), axes.copy()
    for j in range(d):
        sign = np.where(rest[:, j, j] < 0, -1.0, 1.0)[:, None]
        turned[:, :, j] *= sign
        rest[:, :, j] *= sign
        pivot = 1.0 + rest[:, j, j]
        across = rest[:, j, None, j + 1 :] / pivot[:, None, None]
        rest[:, j + 1 :, j + 1 :] -= rest[:, j + 1 :, j, None] * across
    unit = np.eye(d)
    skew = np.linalg.solve(unit + turned, turned - unit)
    lower = np.tril_indices(d, -1)
    return (skew - np.swapaxes(skew, 1, 2))[:, lower[0], lower[1]].reshape(m, -1)


def definite(scatter: Array) -> Array:
    """The same matrices, none of them with a direction of nothing, so that logarithms exist."""
    values, axes = np.linalg.eigh(scatter)
    top = values[:, -1]
    size = max(float(top.max()), 1e-300)
    least = np.where(top > 0, 1e-15 * top, 1e-15 * size)
    low = values[:, 0] < least
    if not low.any():
        return scatter
    found = scatter.copy()
    lifted = np.maximum(values[low], least[low, None])
    found[low] = linalg.symmetrise((axes[low] * lifted[:, None, :]) @ np.swapaxes(axes[low], 1, 2))
    return found
