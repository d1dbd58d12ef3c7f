"""The peaks of a mixture's density, and what climbs to each of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.components import Components
from mixtura.model.derivative import checked_rows, hessian, mean_precision, pull
from mixtura.numeric.blocks import spans
from mixtura.numeric.linalg import cholesky

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

SAME = 1e-2
"""Standard deviations within which two points are one mode."""

STEPS = 2000
"""Steps after which a climb ends wherever it is."""


class Modes(NamedTuple):
    """Modes, the highest first."""

    points: Array  # (M, D)
    log_densities: Array  # (M,)
    labels: Labels  # (K,): the mode that the mean of each component climbs to


class ModalClusters(NamedTuple):
    """Rows by the mode that each climbs to."""

    labels: Labels  # (n,): numbers of modes
    modes: Modes


def modes(mixture: Components) -> Modes:
    """The modes that the means of the components climb to.

    An approximation in one respect: in two dimensions and more a mixture can have modes that no
    mean leads to [@CarreiraPerpinan2000], and these are not found. The ones that are found are
    exact to rounding: the climb ends with Newton's method, and saddles are left again.

    Returns
    -------
    Modes
        Points (M, D), their log densities (M,) and, for each component, the number of its mode.
    """
    return _gathered(mixture, _settled(mixture, mixture.means), np.empty((0, mixture.n_features)))


def modal_clusters(mixture: Components, x: ArrayLike) -> ModalClusters:
    """The mode that each row climbs to: clusters as the hills of the density.

    Parameters
    ----------
    x : array-like, shape (n, D)

    Returns
    -------
    ModalClusters
        Labels (n,), and the modes they number: those of the means, and after them any that only a
        row has led to.
    """
    rows = checked_rows(mixture, x)
    found = modes(mixture)
    tops = _settled(mixture, rows) if len(rows) else rows
    labels = np.full(len(rows), -1, dtype=np.int64)
    points = found.points
    left = np.arange(len(rows))
    m = 0
    while len(left):
        if m == len(points):  # what is left has led somewhere else
            points = np.concatenate([points, tops[left[:1]]])
        near = _lengths(mixture, points[m], tops[left]) < SAME
        if m >= len(found.points):
            near[0] = True
        labels[left[near]] = m
        left, m = left[~near], m + 1
    return ModalClusters(labels, Modes(points, mixture.log_density(points), found.labels))


def _gathered(mixture: Components, tops: Array, points: Array) -> Modes:
    """Ends of climbs from the means, brought together where they are the same."""
    heights = mixture.log_density(tops)
    labels = np.full(len(tops), -1, dtype=np.int64)
    for i in np.argsort(-heights, kind="stable"):
        if labels[i] < 0:
            left = np.flatnonzero(labels < 0)
            near = _lengths(mixture, tops[i], tops[left]) < SAME
            labels[left[near]] = len(points)
            labels[i] = len(points)
            points = np.concatenate([points, tops[i : i + 1]])
    return Modes(points, mixture.log_density(points), labels)


def _lengths(mixture: Components, mode: Array, points: Array) -> Array:
    """Distances from a mode in standard deviations of the components there, (n,)."""
    r = mixture.responsibilities(mode[None])
    metric = mean_precision(mixture, r)[0]
    step = points - mode
    return np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", step, metric, step), 0.0))


def _settled(mixture: Components, starts: Array) -> Array:
    """Where climbs end, after a push off the saddles among those places."""
    tops = _climbed(mixture, starts)
    for _ in range(10):
        saddles, pushed = _pushed(mixture, tops)
        if not len(saddles):
            break
        tops[saddles] = _climbed(mixture, pushed)
    return tops


def _pushed(mixture: Components, tops: Array) -> tuple[NDArray[np.intp], Array]:
    """Which points are saddles, and these a little way along the steepest way up."""
    found: list[NDArray[np.intp]] = []
    moved: list[Array] = []
    for part in spans(len(tops), 4 * mixture.n_features**2):
        metric = mean_precision(mixture, mixture.responsibilities(tops[part]))
        factors = cholesky(metric)[0]
        inverse = np.linalg.inv(factors)
        bent = inverse @ hessian(mixture, tops[part]) @ np.swapaxes(inverse, 1, 2)
        values, vectors = np.linalg.eigh(bent)
        saddle = np.flatnonzero(values[:, -1] > 1e-6)
        way = np.einsum("nji,nj->ni", inverse[saddle], vectors[saddle, :, -1])
        found.append(saddle + part.start)
        moved.append(tops[part][saddle] + 0.1 * way)
    return np.concatenate(found), np.concatenate(moved)


def _climbed(mixture: Components, starts: Array) -> Array:
    """Where climbs end, in blocks."""
    tops = np.array(starts, dtype=np.float64)
    k, d = mixture.means.shape
    for part in spans(len(tops), k * (d + 1) + 4 * d * d):
        tops[part] = _climb(mixture, tops[part])
    return tops


def _climb(mixture: Components, x: Array) -> Array:
    """Uphill by the fixed point of the modes, and by Newton's method once close.

    x ← (Σ r P)⁻¹ Σ r P μ never goes down [@CarreiraPerpinan2000]; it is a step of (Σ r P)⁻¹ times
    the gradient.
    """
    x = x.copy()
    left = np.arange(len(x))
    for _ in range(STEPS):
        here = x[left]
        r = mixture.responsibilities(here)
        pulls = np.stack([pull(mixture, here, k) for k in range(mixture.n_components)])
        slope = np.einsum("nk,knd->nd", r, pulls)
        metric = mean_precision(mixture, r)
        step = np.linalg.solve(metric, slope[:, :, None])[:, :, 0]
        near = np.flatnonzero((slope * step).sum(axis=1) < 1e-2)
        if len(near):
            step[near] = _newton(mixture, here[near], slope[near], metric[near], step[near])
        size = np.sqrt(np.einsum("ni,nij,nj->n", step, metric, step))
        x[left] = here + step
        moving = (size > 1e-12) & (np.abs(step) > 4 * np.spacing(np.abs(here))).any(axis=1)
        left = left[moving]
        if not len(left):
            break
    return x


def _newton(mixture: Components, x: Array, slope: Array, metric: Array, step: Array) -> Array:
    """Newton's steps where they are short and go up, and the steps given elsewhere."""
    bend = -hessian(mixture, x)
    failed = cholesky(bend)[1]
    bend[failed] = metric[failed]
    found = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
    length = np.einsum("ni,nij,nj->n", found, metric, found)
    up = mixture.log_density(x + found) >= mixture.log_density(x) - 1e-14
    good = ~failed & (length < 0.25) & up
    return np.where(good[:, None], found, step)
