"""Eigenvalues of K matrices whose volumes, or shapes, are the same: how likely ones are found.

With Q_k known, the likelihood of Σ_k = Q_k diag(e_k) Q_kᵀ asks of the scatter only what lies along
each axis, w_kj, and of a form only its first two letters. What is written here for (K, D) numbers
so serves every form: for those along the columns the w_kj are the scatter itself.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric import linalg

Array = NDArray[np.float64]

NOTHING = 1e-12
"""Of what all components have along an axis, the part below which one has nothing there."""

STEPS = 200
"""Steps, at the most, to the volumes of one shape; ten are usual."""

FARTHEST = 40.0
"""The logarithm by which a volume may differ from the others' before it is seen to have no end."""


def alike(counts: Array, w: Array) -> Array:
    """One volume, one shape: e_j = Σ_k w_kj / N."""
    return np.broadcast_to(w.sum(axis=0) / _positive(counts.sum()), w.shape)


def apart(counts: Array, w: Array) -> Array:
    """Each its own: e_kj = w_kj / N_k; zero for a component of no rows."""
    return w / np.where(counts > 0, counts, 1.0)[:, None]


def of_one_volume(counts: Array, w: Array) -> Array:
    """One volume: e_kj = λ w_kj / g_k with g the geometric mean of w_k and λ = Σ_k g_k / N.

    An axis along which no component has anything is left out, at zero. What has nothing along an
    axis that others use has next to nothing there; what has nothing at all has everyone's shape.
    """
    total, found = w.sum(axis=0), np.zeros(w.shape)
    used = total > 0
    if not used.any():
        return found
    some = w[:, used].max(axis=1) > 0
    raised = np.where(
        some[:, None], np.maximum(w[:, used], NOTHING * total[used]), total[used][None]
    )
    logs = np.log(raised)
    means = logs.mean(axis=1)
    volume = np.exp(means[some]).sum() / _positive(counts.sum())
    found[:, used] = volume * np.exp(logs - means[:, None])
    return found


def of_one_shape(counts: Array, w: Array) -> Array:
    """One shape: e_kj = λ_k a_j, by Newton's method on the logarithms of the volumes.

    An axis along which no component has anything is left out, at zero, and so is a component that
    has nothing.
    """
    total, found = w.sum(axis=0), np.zeros(w.shape)
    used = total > 0
    some = (w.max(axis=1) > 0) & (counts > 0)
    if not some.any():
        return found
    mine = w[np.ix_(some, used)]

    def share(x: Array) -> tuple[float, Array, Array]:
        parts = mine * np.exp(-x)[:, None]
        sums = parts.sum(axis=0)
        parts /= sums
        return float(np.log(sums).sum()), parts.sum(axis=1), parts @ parts.T

    n = counts[some]
    x = log_volumes(n, int(used.sum()), share)
    shape = (mine * np.exp(-x)[:, None]).sum(axis=0) / n.sum()
    found[np.ix_(some, used)] = np.exp(x)[:, None] * shape
    return found


FORMS: dict[str, Callable[[Array, Array], Array]] = {
    "EE": alike,
    "VE": of_one_shape,
    "EV": of_one_volume,
    "VV": apart,
}
"""By the letters of volume and shape: from counts (K,) and w (K, D), not negative, to e (K, D)."""


Share = Callable[[Array], tuple[float, Array, Array]]
"""From log volumes x, (K,), to the log determinant of C = Σ_k W_k exp(−x_k), the traces of
P_k = C⁻¹ W_k exp(−x_k), (K,), and those of the products of any two, (K, K)."""


def log_volumes(counts: Array, n_features: int, share: Share) -> Array:
    """Logarithms of the volumes λ_k with which K matrices λ_k C of one C are most likely, (K,).

    With the best C for each, the objective D Σ N_k x_k + N log|Σ_k W_k exp(−x_k)| is convex in x
    and its second derivatives are traces of products of the P_k. Where a step of Newton's does not
    descend, one of the two that alternate, x_k and then C, is taken.
    """
    n, d = counts.sum(), n_features
    k = len(counts)

    def at(x: Array) -> tuple[float, Array, Array]:
        with np.errstate(all="ignore"):  # what is not finite is not taken
            log_det, traces, products = share(x)
        value = d * float(counts @ x) + n * log_det
        sound = np.isfinite(value) and np.isfinite(products).all()
        return value if sound else np.inf, traces, products

    x, place = np.zeros(k), at(np.zeros(k))
    apart = np.inf
    for i in range(STEPS):
        value, traces, products = place
        ratio = n * traces / (d * counts)
        last, apart = apart, float(np.abs(ratio - 1.0).max())
        if apart < 1e-15 * d or (apart < 1e-11 and apart >= 0.5 * last):
            break
        step = np.log(np.maximum(ratio, 1e-12))
        there = None
        if i:
            slope = d * counts - n * traces
            curvature = n * (np.diag(traces) - products) + n / k  # one direction is flat
            newton = np.clip(-np.linalg.lstsq(curvature, slope, rcond=None)[0], -3.0, 3.0)
            for part in (1.0, 0.25, 0.06):
                there = at(x + part * newton)
                if there[0] <= value - 1e-4 * part * abs(float(slope @ newton)) or (
                    apart < 1e-6 and there[0] < np.inf
                ):
                    step = part * newton
                    break
            else:
                there = None
        there = at(x + step) if there is None else there
        if not there[0] < np.inf:
            break
        x, place = x + step, there
        x = x - x.mean()
        if np.abs(x).max() > FARTHEST:
            break
    return x


def raised(form: str, spectrum: Array, least: Array) -> Array:
    """A spectrum (K, D) of a form, volume and shape, that is at least so much everywhere.

    What nothing is shared with is raised by itself, and what all share as far as any needs it. Of
    one volume: each by itself, then all to the volume of the largest. Of one shape: a component
    that is too small along all axes gets volume; an axis along which all are too small gets length
    in the shape; what is left gets volume.
    """
    if form == "VV":
        return np.maximum(spectrum, least)
    if form == "EE":
        return np.broadcast_to(np.maximum(spectrum, least).max(axis=0), spectrum.shape)
    if form == "EV":
        found = np.maximum(spectrum, least)
        logs = np.log(found).mean(axis=1)
        return found * np.exp(logs.max() - logs)[:, None]
    volume = spectrum.max(axis=1)
    known = volume > 0
    if not known.any():
        return np.broadcast_to(least.max(axis=0), spectrum.shape)
    shape = (spectrum[known] / volume[known, None]).max(axis=0)
    part = shape / least.max(axis=0)
    used = part > 1e-13 * part.max()  # what rounding leaves along an axis is nothing
    small = (spectrum < least)[:, used].all(axis=1)
    volume = np.where(small, (least[:, used] / shape[used]).max(axis=1), volume)
    flat = (volume[:, None] * shape < least).all(axis=0) | ~used
    shape = np.where(flat, (least / volume[:, None]).max(axis=0), shape)
    volume = np.maximum(volume, (least / shape).max(axis=1))
    return volume[:, None] * shape


def contrasts(n_features: int) -> Array:
    """D − 1 directions at right angles to one another and to (1, …, 1), (D, D − 1)."""
    d = n_features
    found = np.zeros((d, d - 1))
    for j in range(1, d):
        found[:j, j - 1] = 1.0
        found[j, j - 1] = -j
    return found / np.sqrt(np.arange(1, d) * np.arange(2, d + 1))


def to_vector(form: str, spectrum: Array) -> Array:
    """Free coordinates: half the logarithms of volumes, then of shapes, each once if it is one."""
    held = np.maximum(spectrum, 1e-18 * spectrum.max(axis=1, keepdims=True))
    logs = 0.5 * np.log(held)
    volumes, shapes = logs.mean(axis=1), logs @ contrasts(spectrum.shape[1])
    return np.concatenate([_once(form[0], volumes), _once(form[1], shapes).ravel()])


def from_vector(form: str, vector: Array, n_components: int, n_features: int) -> Array:
    """`to_vector` undone, (K, D)."""
    k, d = n_components, n_features
    volumes = vector[: 1 if form[0] == "E" else k]
    shapes = vector[len(volumes) :].reshape(-1, d - 1) if d > 1 else np.zeros((1, 0))
    logs = volumes[:, None] + shapes @ contrasts(d).T
    return np.exp(2.0 * np.broadcast_to(logs, (k, d)))


def n_coordinates(form: str, n_components: int, n_features: int) -> int:
    """How many coordinates `to_vector` has."""
    of = {"E": 1, "V": n_components}
    return of[form[0]] + of[form[1]] * (n_features - 1)


def along(axes: Array, matrices: Array) -> Array:
    """What matrices (K, D, D) have along axes, the columns of (K, D, D) or (1, D, D): (K, D)."""
    return np.einsum("kij,kij->kj", np.broadcast_to(axes, matrices.shape), matrices @ axes)


def matrices(axes: Array, spectrum: Array) -> Array:
    """Σ_k = Q_k diag(e_k) Q_kᵀ, (K, D, D)."""
    return linalg.symmetrise((axes * spectrum[:, None, :]) @ np.swapaxes(axes, 1, 2))


def needed(axes: Array, floor: Array) -> Array:
    """Eigenvalues along axes with which a matrix is sure to be at least diag(floor), (K, D).

    Exact where axes are those of the columns or floors are equal, and otherwise at most D times
    what is needed: diag(r) ⪰ M for r_i = Σ_j |M_ij| √(M_ii / M_jj).
    """
    inner = np.swapaxes(axes, 1, 2) @ (floor[:, None] * axes)
    root = np.sqrt(np.diagonal(inner, axis1=1, axis2=2))
    return root * (np.abs(inner) / root[:, None, :]).sum(axis=2)


def _once(letter: str, rows: Array) -> Array:
    """One row for all where they are equal."""
    return rows[:1] if letter == "E" else rows


def _positive(number: float) -> float:
    return number if number > 0 else 1.0


def replaced(form: str, where: NDArray[np.bool_], mine: Array, theirs: Array) -> Array:
    """The first spectrum with what is a component's own from the second, where the mask (K,) says.

    What all share is the first's, but where all of it is replaced.
    """
    if where.all() or form == "EE":
        return theirs if where.all() else mine
    swap = where[:, None]
    if form == "VV":
        return np.where(swap, theirs, mine)
    if form == "VE":
        top, largest = mine.max(axis=1), theirs.max(axis=1)
        if not top.max() > 0:
            return theirs
        shape = mine[int(top.argmax())] / top.max()
        return np.where(swap, largest[:, None] * shape, mine)
    with np.errstate(divide="ignore", invalid="ignore"):
        ours = np.log(mine[~where]).mean(axis=1).max()
        volumes = np.log(theirs).mean(axis=1)
        moved = theirs * np.exp(ours - volumes)[:, None]
    return np.where(swap, np.where(np.isfinite(moved), moved, theirs), mine)
