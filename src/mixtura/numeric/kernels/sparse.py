"""The sparse dialect: the compiled one, but a tile leaves out components that are not there.

Where neighbouring rows belong to the same few of many components, most components matter nothing to
a tile: none of its rows has a posterior for them that floating point could tell from none. A log
joint density is concave in the row, so that its tangent plane at the middle of a tile is above it;
the plane costs D products a row and the density D². Components whose plane stays far below what the
rows have already are left out, and the result is the same to the precision of the numbers.

Rows in any order are computed rightly; those sorted by their likeliest component are computed fast.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels import compiled as dense
from mixtura.numeric.kernels.compiled import (
    BLOCK,
    CHUNK,
    PAD,
    TILE,
    Array,
    Index,
    Real,
    Rows,
    _add,
    _extended,
    _features,
    _joint,
    _pooled,
    _products,
    _softmax,
    attempts,
    compiled,
    statistics,
)
from mixtura.numeric.kernels.operands import Operands
from mixtura.numeric.moments import POOLED

log_joint = dense.log_joint
log_density = dense.log_density
posterior = dense.posterior
certainty = dense.certainty
labels = dense.labels
accumulation = dense.accumulation

BATCH = 8
"""Components that are looked at before the rows' best densities are taken anew."""


@compiled()
def _forms(theta: Real, k_all: int, left: Index, right: Index, d: int) -> Array:
    """Log joints as quadratic forms of one and z, (K, 1 + D, 1 + D): twice their matrices."""
    forms = np.zeros((k_all, 1 + d, 1 + d))
    for k in range(k_all):
        for m in range(len(left)):
            forms[k, left[m], right[m]] += theta[k, m]
            forms[k, right[m], left[m]] += theta[k, m]
    return forms


@compiled()
def _planes(forms: Array, middle: Array, slopes: Array, values: Array) -> None:
    """Slopes (K, 1 + D) at the middle, one before it, and values there (K,)."""
    width = len(middle)
    for k in range(len(forms)):
        value = 0.0
        for i in range(width):
            row, slope = forms[k, i], 0.0
            for j in range(width):
                slope += row[j] * middle[j]
            slopes[k, i] = slope
            value += slope * middle[i]
        values[k] = 0.5 * value


@compiled()
def _reaches(
    value: float, slope: Array, middle: Array, z: Real, n: int, best: Real, above: Real
) -> bool:
    """Whether a plane is anywhere above what a row must reach."""
    d = len(middle)
    start = value
    for i in range(1, d):
        start -= slope[i] * middle[i]
    number = above.dtype.type
    first = number(start)
    for t in range(n):
        above[t] = first - best[t]
    i = 1
    while i + 3 < d:
        s0, s1, s2, s3 = (
            number(slope[i]),
            number(slope[i + 1]),
            number(slope[i + 2]),
            number(slope[i + 3]),
        )
        z0, z1, z2, z3 = z[i], z[i + 1], z[i + 2], z[i + 3]
        for t in range(n):
            above[t] += s0 * z0[t] + s1 * z1[t] + s2 * z2[t] + s3 * z3[t]
        i += 4
    while i < d:
        s0, z0 = number(slope[i]), z[i]
        for t in range(n):
            above[t] += s0 * z0[t]
        i += 1
    rows = 0
    for t in range(n):
        rows += not above[t] < 0.0
    return rows > 0


@compiled()
def _living(
    z: Real,
    theta: Real,
    forms: Array,
    left: Index,
    right: Index,
    n: int,
    least: float,
    phi: Real,
    few: Real,
    live: Index,
    joint: Real,
) -> int:
    """Log joints of the components that matter to a tile, first in joint; how many those are.

    The components are taken from the highest at the middle of the tile to the lowest, some at a
    time: theirs are the densities that the next ones' planes are compared with.
    """
    k_all, width = len(forms), len(z)
    dtype = theta.dtype
    middle, value, slope = np.empty(width), np.empty(k_all), np.empty((k_all, width))
    for i in range(width):
        row, total = z[i], 0.0
        for t in range(n):
            total += row[t]
        middle[i] = total / n
    _planes(forms, middle, slope, value)
    order = np.argsort(-value)
    best, above = np.empty(TILE, dtype), np.empty(TILE, dtype)
    for t in range(n):
        best[t] = -np.inf
    count, at = 0, 0
    while at < k_all:
        fresh = 0
        while at < k_all and fresh < BATCH:
            k = order[at]
            at += 1
            if count == 0 or _reaches(float(value[k]), slope[k], middle, z, n, best, above):
                live[count + fresh] = k
                fresh += 1
        padded = (fresh + BLOCK - 1) // BLOCK * BLOCK
        for i in range(fresh):
            for m in range(theta.shape[1]):
                few[i, m] = theta[live[count + i], m]
        if count and len(phi) == len(left):  # phi has all features since the first time
            _products(few[:padded], 0, len(left), phi, n, joint[count : count + padded])
        elif fresh:
            _joint(z, few[:padded], left, right, n, phi, joint[count : count + padded])
        # What the next ones must reach: so far below the best that less would not be seen.
        for i in range(fresh):
            row = joint[count + i]
            for t in range(n):
                best[t] = max(best[t], row[t] + least)
        count += fresh
    return _kept(joint, live, count, n, best)


@compiled()
def _kept(joint: Real, live: Index, count: int, n: int, best: Real) -> int:
    """How many components reach what the rows ask for: they are moved to the front."""
    kept = 0
    for i in range(count):
        row, rows = joint[i], 0
        for t in range(n):
            rows += not row[t] < best[t]
        if rows:
            if kept < i:
                to = joint[kept]
                for t in range(n):
                    to[t] = row[t]
                live[kept] = live[i]
            kept += 1
    return kept


@compiled()
def _all(
    z: Real,
    theta: Real,
    k_all: int,
    left: Index,
    right: Index,
    n: int,
    least: float,
    phi: Real,
    live: Index,
    joint: Real,
) -> int:
    """As `_living`, where a product with all features costs no more than a plane."""
    _joint(z, theta, left, right, n, phi, joint[: len(theta)])
    best = np.empty(TILE, theta.dtype)
    for t in range(n):
        best[t] = -np.inf
    for k in range(k_all):
        live[k] = k
        row = joint[k]
        for t in range(n):
            best[t] = max(best[t], row[t] + least)
    return _kept(joint, live, k_all, n, best)


@compiled()
def _expectation(
    x: Real,
    by_row: bool,
    origin: Array,
    inverse: Real,
    theta: Real,
    k_all: int,
    left: Index,
    right: Index,
    power: NDArray[np.integer],
    scale: Real,
    distant: float,
    w: Array,
    pooled: bool,
    least: float,
) -> tuple[Array, Array, float, int, int]:
    """As the compiled dialect's, and how many components the tiles had, all together."""
    d, n_rows = len(origin), x.size // len(origin)
    dtype = theta.dtype
    m_all = 1 + d if pooled else len(left)
    chunk = min(len(left), CHUNK)
    centred, phi = np.empty((d, TILE + PAD), dtype), np.empty((chunk, TILE + PAD), dtype)
    z = phi[: 1 + d] if chunk == len(left) else np.empty((1 + d, TILE + PAD), dtype)
    joint = np.empty((len(theta) + BLOCK, TILE + PAD), dtype)
    few, live = np.zeros((BATCH, len(left)), dtype), np.empty(len(theta), np.int64)
    top, total, density = np.empty(TILE, dtype), np.empty(TILE, dtype), np.empty(TILE, dtype)
    sums, products = np.zeros((len(theta), m_all)), np.zeros((d, d))
    part_sums = np.empty((len(theta), m_all))
    log_likelihood, far, evaluated = 0.0, 0, 0
    planes = left[-1] >= 0 and len(left) >= 3 * (1 + d)
    forms = _forms(theta, k_all if planes else 0, left, right, d)
    for at in range(0, n_rows, TILE):
        n = min(TILE, n_rows - at)
        _extended(x, by_row, at, n, origin, inverse, centred, z)
        if planes:
            count = _living(z, theta, forms, left, right, n, least, phi, few, live, joint)
        else:
            count = _all(z, theta, k_all, left, right, n, least, phi, live, joint)
        evaluated += count
        _softmax(joint, count, n, top, total, density, power, scale)
        part = 0.0
        for t in range(n):
            if not abs(density[t]) < distant:
                far += 1
            total[t] *= w[at + t]
        for t in range(n):
            part += w[at + t] * density[t]
        log_likelihood += part
        padded = (count + BLOCK - 1) // BLOCK * BLOCK
        for k in range(padded):
            row = joint[k]
            for t in range(n):
                row[t] = row[t] * total[t] if k < count else 0.0
            for m in range(m_all):
                part_sums[k, m] = 0.0
        for start in range(0, m_all, chunk):
            stop = min(start + chunk, m_all)
            if chunk < len(left):
                _features(z, left, right, start, stop, n, phi)
            _add(joint[:padded], start, stop, phi, n, part_sums[:padded])
        for k in range(count):
            for m in range(m_all):
                sums[live[k], m] += part_sums[k, m]
        if pooled:
            _pooled(z, w, at, n, top, products)
    for i in range(d):
        for j in range(i):
            products[j, i] = products[i, j]
    return sums, products, log_likelihood, far, evaluated


def _least(attempt: Any) -> float:
    """Log posterior below which a component adds nothing that its precision could tell."""
    return float(np.log(np.finfo(attempt.theta.dtype).eps) - np.log(attempt.k_all) - 3.0)


def expectation(x: Rows, w: Array, operands: Operands) -> tuple[Array, Array, Array, float]:
    """The E-step of a block: as `reference.expectation`."""
    pooled, w = operands.moment is POOLED, np.require(w, np.float64, ["C", "W"])
    for attempt in attempts(x, operands):
        sums, products, total, far, _ = _expectation(*attempt, w, pooled, _least(attempt))
        if not far:
            return *statistics(sums, products, operands), total
    return dense.expectation(x, w, operands)


def density_of(x: Rows, operands: Operands) -> float:
    """The part of the components that a tile of rows, in this order, has to do with."""
    tiles, w = -(-len(x) // TILE), np.ones(len(x))
    for attempt in attempts(x, operands):
        *_, count = _expectation(*attempt, w, operands.moment is POOLED, _least(attempt))
        return count / (tiles * operands.n_components)
    return 1.0
