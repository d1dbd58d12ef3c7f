"""The compiled dialect: features, log joint, softmax and sums in one pass, by Numba.

The same arithmetic as the reference, fused: a tile of rows is brought to its features, and while it
is in the fastest cache its log joint densities, their softmax and the sums of the features under it
are computed. Inner loops run along rows, so that they vectorise. The GIL is released throughout.

What this dialect does not cover goes to the reference: components beyond the limit of κ, rows very
far away, and families or sizes for which the products of BLAS are faster.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mixtura.numeric.kernels import reference
from mixtura.numeric.kernels.operands import Operands
from mixtura.numeric.moments import DIAGONAL, FULL, POOLED, TRACE, Moment

Array = NDArray[np.float64]
Rows = NDArray[np.generic]

TILE = 256
"""Rows in a tile: features of all of them stay in the second cache, one feature in the first."""

LONGEST = 8_192
"""Features beyond which a tile would be too large: 16 MiB."""

KINDS: dict[Moment, int] = {FULL: 0, POOLED: 1, TRACE: 1, DIAGONAL: 2}
"""How features are made: all products, the squared length, or the squares."""

# Sums may be reassociated, so that they vectorise; infinities and NaN keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Compile a function at its first call; the machine code is kept on disk where it can be."""
    shared: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": FAST, **options}

    def decorate(function: Function) -> Function:
        made: Any
        try:
            made = njit(cache=True, **shared)(function)
        except RuntimeError:  # neither beside the source nor in the user's folder can be written
            made = njit(**shared)(function)
        return made

    return decorate


@compiled()
def _exp(x: Array, power: NDArray[np.int64], scale: Array, n: int) -> None:
    """Exp of x[:n] ≤ 0 in place; below −700 it is 0. The error is about one unit in the last place.

    x = m log 2 + f with |f| ≤ log(2)/2: exp f by its Taylor polynomial, 2^m by shifting m into the
    exponent; ``power`` and ``scale`` are two views of one buffer.
    """
    for t in range(n):
        inside = x[t] > -700.0
        v = x[t] if inside else 0.0
        m = np.floor(v * 1.4426950408889634 + 0.5)
        power[t] = (np.int64(m) + 1023) << 52 if inside else 0
        f = (v - m * 0.6931471803691238) - m * 1.9082149292705877e-10
        p = 1.0 / 6227020800.0
        p = p * f + 1.0 / 479001600.0
        p = p * f + 1.0 / 39916800.0
        p = p * f + 1.0 / 3628800.0
        p = p * f + 1.0 / 362880.0
        p = p * f + 1.0 / 40320.0
        p = p * f + 1.0 / 5040.0
        p = p * f + 1.0 / 720.0
        p = p * f + 1.0 / 120.0
        p = p * f + 1.0 / 24.0
        p = p * f + 1.0 / 6.0
        p = p * f + 0.5
        p = p * f + 1.0
        x[t] = p * f + 1.0
    for t in range(n):
        x[t] *= scale[t]


@compiled()
def _features(
    x: Array, at: int, n: int, origin: Array, inverse: Array, kind: int, z: Array, phi: Array
) -> None:
    """φ of rows at … at + n, of x (D, B), into phi (M, TILE)."""
    d = len(origin)
    if len(inverse):
        for j in range(d):
            for t in range(n):
                z[j, t] = x[j, at + t] - origin[j]
        for i in range(d):
            for t in range(n):
                phi[1 + i, t] = 0.0
            for j in range(i + 1):
                g = inverse[i, j]
                for t in range(n):
                    phi[1 + i, t] += g * z[j, t]
    else:
        for j in range(d):
            for t in range(n):
                phi[1 + j, t] = x[j, at + t] - origin[j]
    for t in range(n):
        phi[0, t] = 1.0
    m = 1 + d
    if kind == 0:
        for i in range(d):
            for j in range(i, d):
                for t in range(n):
                    phi[m, t] = phi[1 + i, t] * phi[1 + j, t]
                m += 1
    elif kind == 1:
        for t in range(n):
            phi[m, t] = 0.0
        for i in range(d):
            for t in range(n):
                phi[m, t] += phi[1 + i, t] * phi[1 + i, t]
    else:
        for i in range(d):
            for t in range(n):
                phi[m, t] = phi[1 + i, t] * phi[1 + i, t]
            m += 1


@compiled()
def _products(theta: Array, phi: Array, n: int, joint: Array) -> None:
    """Θ φ into joint (K, TILE), four features and two components at a time."""
    k_all, m_all = theta.shape
    for k in range(0, k_all - 1, 2):
        a, b = joint[k], joint[k + 1]
        for t in range(n):
            a[t] = theta[k, 0]
            b[t] = theta[k + 1, 0]
        m = 1
        while m + 3 < m_all:
            p0, p1, p2, p3 = phi[m], phi[m + 1], phi[m + 2], phi[m + 3]
            a0, a1, a2, a3 = theta[k, m], theta[k, m + 1], theta[k, m + 2], theta[k, m + 3]
            b0, b1, b2, b3 = (
                theta[k + 1, m],
                theta[k + 1, m + 1],
                theta[k + 1, m + 2],
                theta[k + 1, m + 3],
            )
            for t in range(n):
                f0, f1, f2, f3 = p0[t], p1[t], p2[t], p3[t]
                a[t] += a0 * f0 + a1 * f1 + a2 * f2 + a3 * f3
                b[t] += b0 * f0 + b1 * f1 + b2 * f2 + b3 * f3
            m += 4
        while m < m_all:
            p0 = phi[m]
            a0, b0 = theta[k, m], theta[k + 1, m]
            for t in range(n):
                a[t] += a0 * p0[t]
                b[t] += b0 * p0[t]
            m += 1
    if k_all % 2:
        k = k_all - 1
        a = joint[k]
        for t in range(n):
            a[t] = theta[k, 0]
        for m in range(1, m_all):
            p0, a0 = phi[m], theta[k, m]
            for t in range(n):
                a[t] += a0 * p0[t]


@compiled()
def _softmax(
    joint: Array,
    n: int,
    top: Array,
    total: Array,
    density: Array,
    power: NDArray[np.int64],
    scale: Array,
) -> None:
    """Posterior of joint (K, TILE) in place, and the log density of each row."""
    for t in range(n):
        top[t] = joint[0, t]
        total[t] = 0.0
    for k in range(1, len(joint)):
        row = joint[k]
        for t in range(n):
            top[t] = max(top[t], row[t])
    for k in range(len(joint)):
        row = joint[k]
        for t in range(n):
            row[t] -= top[t]
        _exp(row, power, scale, n)
        for t in range(n):
            total[t] += row[t]
    for t in range(n):
        density[t] = top[t] + np.log(total[t])
        total[t] = 1.0 / total[t]


@compiled()
def _add(joint: Array, phi: Array, n: int, m_all: int, sums: Array) -> None:
    """Sums over rows of r φ, added to sums (K, M), four features and two components at a time."""
    k_all = len(joint)
    for k in range(0, k_all - 1, 2):
        a, b = joint[k], joint[k + 1]
        m = 0
        while m + 3 < m_all:
            p0, p1, p2, p3 = phi[m], phi[m + 1], phi[m + 2], phi[m + 3]
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
            for t in range(n):
                r, s = a[t], b[t]
                f0, f1, f2, f3 = p0[t], p1[t], p2[t], p3[t]
                a0 += r * f0
                a1 += r * f1
                a2 += r * f2
                a3 += r * f3
                b0 += s * f0
                b1 += s * f1
                b2 += s * f2
                b3 += s * f3
            sums[k, m] += a0
            sums[k, m + 1] += a1
            sums[k, m + 2] += a2
            sums[k, m + 3] += a3
            sums[k + 1, m] += b0
            sums[k + 1, m + 1] += b1
            sums[k + 1, m + 2] += b2
            sums[k + 1, m + 3] += b3
            m += 4
        while m < m_all:
            p0 = phi[m]
            a0 = b0 = 0.0
            for t in range(n):
                a0 += a[t] * p0[t]
                b0 += b[t] * p0[t]
            sums[k, m] += a0
            sums[k + 1, m] += b0
            m += 1
    if k_all % 2:
        k = k_all - 1
        a = joint[k]
        for m in range(m_all):
            p0 = phi[m]
            a0 = 0.0
            for t in range(n):
                a0 += a[t] * p0[t]
            sums[k, m] += a0


@compiled()
def _expectation(
    x: Array,
    w: Array,
    origin: Array,
    inverse: Array,
    theta: Array,
    kind: int,
    pooled: bool,
    distant: float,
) -> tuple[Array, Array, float, int]:
    """Sums of r φ (K, M), pooled products (D, D), log-likelihood, and how many rows are distant."""
    d, n_rows = x.shape
    k_all, m_all = theta.shape
    z, phi = np.empty((d, TILE)), np.empty((m_all, TILE))
    joint = np.empty((k_all, TILE))
    top, total, density = np.empty(TILE), np.empty(TILE), np.empty(TILE)
    power = np.empty(TILE, np.int64)
    scale = power.view(np.float64)
    sums, products = np.zeros((k_all, m_all)), np.zeros((d, d))
    log_likelihood, far = 0.0, 0
    for at in range(0, n_rows, TILE):
        n = min(TILE, n_rows - at)
        _features(x, at, n, origin, inverse, kind, z, phi)
        _products(theta, phi, n, joint)
        _softmax(joint, n, top, total, density, power, scale)
        part = 0.0
        for t in range(n):
            if not abs(density[t]) < distant:
                far += 1
            total[t] *= w[at + t]
        # Sums have loops of their own, without a store: where one might overlap what is read, the
        # compiler keeps a second version, and which of them runs would depend on the addresses.
        for t in range(n):
            part += w[at + t] * density[t]
        log_likelihood += part
        for k in range(k_all):
            row = joint[k]
            for t in range(n):
                row[t] *= total[t]
        if pooled:
            _add(joint, phi, n, 1 + d, sums)
            for i in range(d):
                for t in range(n):
                    top[t] = phi[1 + i, t] * w[at + t]
                for j in range(i + 1):
                    s = 0.0
                    for t in range(n):
                        s += top[t] * phi[1 + j, t]
                    products[i, j] += s
        else:
            _add(joint, phi, n, m_all, sums)
    for i in range(d):
        for j in range(i):
            products[j, i] = products[i, j]
    return sums, products, log_likelihood, far


@compiled()
def _posterior(
    x: Array,
    origin: Array,
    inverse: Array,
    theta: Array,
    kind: int,
    distant: float,
    density: Array,
    r: Array,
) -> int:
    """Log density (B,) and, if r is (B, K), responsibilities; how many rows are distant."""
    d, n_rows = x.shape
    k_all, m_all = theta.shape
    z, phi = np.empty((d, TILE)), np.empty((m_all, TILE))
    joint = np.empty((k_all, TILE))
    top, total = np.empty(TILE), np.empty(TILE)
    power = np.empty(TILE, np.int64)
    scale = power.view(np.float64)
    far = 0
    for at in range(0, n_rows, TILE):
        n = min(TILE, n_rows - at)
        _features(x, at, n, origin, inverse, kind, z, phi)
        _products(theta, phi, n, joint)
        _softmax(joint, n, top, total, density[at : at + n], power, scale)
        for t in range(n):
            if not abs(density[at + t]) < distant:
                far += 1
        if len(r):
            for k in range(k_all):
                for t in range(n):
                    r[at + t, k] = joint[k, t] * total[t]
    return far


def covers(operands: Operands) -> bool:
    """Whether this dialect computes such operands itself."""
    return not len(operands.far) and operands.theta.shape[1] <= LONGEST


_NONE = np.empty((0, 0))


def _plain(array: NDArray[np.generic]) -> Array:
    """An array as the one type that the functions are compiled for."""
    return np.require(array, np.float64, ["C", "W"])


def _prepared(x: Rows, operands: Operands) -> tuple[Array, Array, Array, Array, int]:
    """What the compiled functions read: rows as (D, B), origin, G⁻¹, Θ and the kind of features."""
    inverse = _NONE if operands.inverse is None else operands.inverse
    return _plain(x.T), operands.origin, inverse, operands.theta, KINDS[operands.moment]


def expectation(x: Rows, w: Array, operands: Operands) -> tuple[Array, Array, Array, float]:
    """The E-step of a block: as `reference.expectation`."""
    if covers(operands):
        pooled = operands.moment is POOLED
        prepared = _prepared(x, operands)
        sums, products, log_likelihood, far = _expectation(
            prepared[0], _plain(w), *prepared[1:], pooled, reference.DISTANT
        )
        if not far:
            moments = operands.moment.unpack(sums, products, operands.n_features)
            return *reference.restored(*moments, operands), log_likelihood
    return reference.expectation(x, w, operands)


def log_density(x: Rows, operands: Operands) -> Array:
    """Log density of each row, shape (B,), in nats."""
    if covers(operands):
        density = np.empty(len(x))
        if not _posterior(*_prepared(x, operands), reference.DISTANT, density, _NONE):
            return density
    return reference.log_density(x, operands)


def posterior(x: Rows, operands: Operands) -> Array:
    """Responsibilities of the components for each row, shape (B, K)."""
    if covers(operands):
        density, r = np.empty(len(x)), np.empty((len(x), operands.n_components))
        if not _posterior(*_prepared(x, operands), reference.DISTANT, density, r):
            return r
    return reference.posterior(x, operands)


accumulation = reference.accumulation
log_joint = reference.log_joint
