"""The compiled dialect: features, log joint, softmax and sums in one pass, by Numba.

The same arithmetic as the reference, fused: a tile of rows is brought to its features, and while it
is in the fastest cache its log joint densities, their softmax and the sums of the features under it
are computed. Inner loops run along rows, so that they vectorise. The GIL is released throughout.

What this dialect does not cover goes to the reference: components beyond the limit of κ, rows very
far away, and families or sizes for which the products of BLAS are faster.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import float32, njit
from numba.core import event
from numba.extending import overload
from numpy.typing import NDArray

from mixtura.numeric.kernels import reference
from mixtura.numeric.kernels.operands import Operands
from mixtura.numeric.kernels.pause import Pause
from mixtura.numeric.kernels.registers import BLOCK, WIDTH, add_by_four, add_by_one, multiply, turn
from mixtura.numeric.moments import DIAGONAL, FULL, POOLED, Moment

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Real = Any  # an array of float64 or float32: functions are compiled for both
Index = NDArray[np.int64]
Rows = NDArray[np.generic]

TILE = 256
"""Rows in a tile: features of all of them stay in the second cache, one feature in the first. In
float32 there are twice as many."""

CHUNK = 256
"""Features of a tile that are held at a time: 512 kB. Where there are more, they are made twice."""

TURNED = 8192
"""Numbers that are turned from rows into columns at a time; no fewer rows than in a tile."""

HELD = 128
"""Features of some rows that are read again and again for each four components."""

PAD = 16
"""Numbers between the rows of a tile's arrays, which are else so far apart that caches put all of
them into the same few places."""

SINGLE_LIMIT = 2e3
"""κ beyond which float32 rows are computed in float64: up to there 5·eps·κ is 1e-3 nats."""

SINGLE_DISTANT = 1e4
"""Nats beyond which they are, too: rounding there is 1e-3 nats."""

# Sums may be reassociated, so that they vectorise; infinities and NaN keep their meaning.
FAST = {"reassoc", "contract", "nsz", "arcp"}

INNER = {"no_cpython_wrapper": True}
"""For what only compiled code calls: less to compile."""

event.register("numba:compile", Pause())

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Function], Function]:
    """Compile a function at its first call; the machine code is kept on disk where it can be."""
    shared: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": FAST}
    shared |= {"no_cfunc_wrapper": True, **options}

    def decorate(function: Function) -> Function:
        made: Any
        try:
            made = njit(cache=True, **shared)(function)
        except RuntimeError:  # neither beside the source nor in the user's folder can be written
            made = njit(**shared)(function)
        return made

    return decorate


@compiled(**INNER)
def _exp_double(
    x: Array, top: Array, power: NDArray[np.int64], scale: Array, total: Array, n: int
) -> None:
    """Exp of x − top ≤ 0, [:n], into x and added to total; below −700 it is 0.

    The error is about one unit in the last place. x − top = m log 2 + f with |f| ≤ log(2)/2: exp f
    by its Taylor polynomial, 2^m by shifting m into the exponent; ``power`` and ``scale`` are two
    views of one buffer.
    """
    for t in range(n):
        v = x[t] - top[t]
        inside = v > -700.0
        v = v if inside else 0.0
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
        r = x[t] * scale[t]
        x[t] = r
        total[t] += r


@compiled(**INNER)
def _log_double(
    x: Array, top: Array, bits: NDArray[np.int64], number: Array, out: Array, n: int
) -> None:
    """The sum of top and log x, [:n], for x ≥ 1, into out; ``bits`` and ``number`` are one buffer.

    x = 2^m (1 + s) / (1 − s) with |s| < 0.172: the series of the inverse hyperbolic tangent.
    """
    for t in range(n):
        number[t] = x[t]
    for t in range(n):
        b = bits[t]
        out[t] = (b >> 52) - 1023
        bits[t] = (b & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000
    for t in range(n):
        y, m = number[t], out[t]
        high = y > 1.4142135623730951
        y = 0.5 * y if high else y
        m = m + 1.0 if high else m
        s = (y - 1.0) / (y + 1.0)
        z = s * s
        p = 1.0 / 21.0
        p = p * z + 1.0 / 19.0
        p = p * z + 1.0 / 17.0
        p = p * z + 1.0 / 15.0
        p = p * z + 1.0 / 13.0
        p = p * z + 1.0 / 11.0
        p = p * z + 1.0 / 9.0
        p = p * z + 1.0 / 7.0
        p = p * z + 1.0 / 5.0
        p = p * z + 1.0 / 3.0
        p = p * z + 1.0
        out[t] = top[t] + (m * 0.6931471805599453 + 2.0 * s * p)


ONE, HALF, TWO = np.float32(1.0), np.float32(0.5), np.float32(2.0)
LOWEST, ROOT_2 = np.float32(-87.0), np.float32(1.4142135)
LOG_2_E, LOG_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
MOST_OF_LOG_2, REST_OF_LOG_2 = np.float32(0.693359375), np.float32(-2.12194440e-4)
EXP_SERIES = tuple(np.float32(1.0 / x) for x in (6.0, 24.0, 120.0, 720.0, 5040.0))
LOG_SERIES = tuple(np.float32(1.0 / x) for x in (3.0, 5.0, 7.0, 9.0))


@compiled(**INNER)
def _exp_single(
    x: Single, top: Single, power: NDArray[np.int32], scale: Single, total: Single, n: int
) -> None:
    """As `_exp_double`, in single precision; below −87 it is 0."""
    for t in range(n):
        v = x[t] - top[t]
        inside = v > LOWEST
        v = v if inside else LOWEST
        m = np.floor(v * LOG_2_E + HALF)
        power[t] = (np.int32(m) + np.int32(127)) << np.int32(23) if inside else np.int32(0)
        f = (v - m * MOST_OF_LOG_2) - m * REST_OF_LOG_2
        p = EXP_SERIES[4]
        p = p * f + EXP_SERIES[3]
        p = p * f + EXP_SERIES[2]
        p = p * f + EXP_SERIES[1]
        p = p * f + EXP_SERIES[0]
        p = p * f + HALF
        p = p * f + ONE
        x[t] = p * f + ONE
    for t in range(n):
        r = x[t] * scale[t]
        x[t] = r
        total[t] += r


@compiled(**INNER)
def _log_single(
    x: Single, top: Single, bits: NDArray[np.int32], number: Single, out: Single, n: int
) -> None:
    """As `_log_double`, in single precision."""
    for t in range(n):
        number[t] = x[t]
    for t in range(n):
        b = bits[t]
        out[t] = np.float32((b >> np.int32(23)) - np.int32(127))
        bits[t] = (b & np.int32(0x7FFFFF)) | np.int32(0x3F800000)
    for t in range(n):
        y, m = number[t], out[t]
        high = y > ROOT_2
        y = HALF * y if high else y
        m = m + ONE if high else m
        s = (y - ONE) / (y + ONE)
        z = s * s
        p = LOG_SERIES[3]
        p = p * z + LOG_SERIES[2]
        p = p * z + LOG_SERIES[1]
        p = p * z + LOG_SERIES[0]
        p = p * z + ONE
        out[t] = top[t] + (m * LOG_2 + TWO * s * p)


def _exp(x: Real, top: Real, power: NDArray[np.integer], scale: Real, total: Real, n: int) -> None:
    """Exp of x − top, in the precision of x."""
    raise NotImplementedError("compiled code chooses by type")


def _log(x: Real, top: Real, bits: NDArray[np.integer], number: Real, out: Real, n: int) -> None:
    """The sum of top and log x, in the precision of x."""
    raise NotImplementedError("compiled code chooses by type")


@overload(_exp)
def _exp_of_type(x: Any, top: Any, power: Any, scale: Any, total: Any, n: Any) -> Any:
    exp = _exp_single if x.dtype == float32 else _exp_double

    def chosen(x: Any, top: Any, power: Any, scale: Any, total: Any, n: Any) -> None:
        exp(x, top, power, scale, total, n)

    return chosen


@overload(_log)
def _log_of_type(x: Any, top: Any, bits: Any, number: Any, out: Any, n: Any) -> Any:
    log = _log_single if x.dtype == float32 else _log_double

    def chosen(x: Any, top: Any, bits: Any, number: Any, out: Any, n: Any) -> None:
        log(x, top, bits, number, out, n)

    return chosen


@compiled(**INNER)
def _extended(
    x: Real,
    by_row: bool,
    at: int,
    n: int,
    origin: Array,
    inverse: Real,
    centred: Real,
    z: Real,
) -> None:
    """One and z of rows at … at + n into z (1 + D, T); x is (B, D) if `by_row`, else (D, B)."""
    d = len(origin)
    for t in range(n):
        z[0, t] = 1.0
    into = centred if len(inverse) else z[1:]
    if by_row:
        turn(x, at, n, origin, into)
        side = WIDTH // x.itemsize
        rows, columns = n // side * side, d // side * side
        for j in range(d):
            for t in range(rows if j < columns else 0, n):
                into[j, t] = x[at + t, j] - origin[j]
    else:
        for j in range(d):
            for t in range(n):
                into[j, t] = x[j, at + t] - origin[j]
    if not len(inverse):
        return
    for i in range(d):
        row, g = z[1 + i], inverse[i]
        g0, c0 = g[i], centred[i]
        for t in range(n):
            row[t] = g0 * c0[t]
        j = 0
        while j + 3 < i:
            g0, g1, g2, g3 = g[j], g[j + 1], g[j + 2], g[j + 3]
            c0, c1, c2, c3 = centred[j], centred[j + 1], centred[j + 2], centred[j + 3]
            for t in range(n):
                row[t] += g0 * c0[t] + g1 * c1[t] + g2 * c2[t] + g3 * c3[t]
            j += 4
        while j < i:
            g0, c0 = g[j], centred[j]
            for t in range(n):
                row[t] += g0 * c0[t]
            j += 1


@compiled(**INNER)
def _features(z: Real, left: Index, right: Index, start: int, stop: int, n: int, phi: Real) -> None:
    """Features start … stop of one and z (1 + D, TILE), into phi: products of two rows each.

    A row of -1 stands for the squared length of z. Where phi has room for all features, z is its
    first rows.
    """
    for m in range(start, stop):
        into = phi[m - start]
        if left[m] < 0:
            for t in range(n):
                into[t] = 0.0
            for i in range(1, len(z)):
                a = z[i]
                for t in range(n):
                    into[t] += a[t] * a[t]
        elif left[m] > 0 or len(phi) < len(left):  # others are there: z is the first rows of phi
            a, b = z[left[m]], z[right[m]]
            for t in range(n):
                into[t] = a[t] * b[t]


@compiled(**INNER)
def _products(theta: Real, start: int, stop: int, phi: Real, n: int, joint: Real) -> None:
    """Θ φ of features start … stop, added to joint (K, T); the first features begin it.

    K is a multiple of four, T of the rows that are taken together. Features are taken so many at a
    time that those rows of them stay in the first cache.
    """
    at = start
    while at < stop:
        end, new = min(at + HELD, stop), at == 0
        first = 1 if new else at
        multiply(theta, first, end, new, phi[first - start :], n, joint)
        at = end


@compiled(**INNER)
def _softmax(
    joint: Real,
    k_all: int,
    n: int,
    top: Real,
    total: Real,
    density: Real,
    power: NDArray[np.integer],
    scale: Real,
) -> None:
    """Posterior of joint (K, TILE) in place, and the log density of each row."""
    for t in range(n):
        top[t] = joint[0, t]
        total[t] = 0.0
    for k in range(1, k_all):
        row = joint[k]
        for t in range(n):
            top[t] = max(top[t], row[t])
    for k in range(k_all):
        _exp(joint[k], top, power, scale, total, n)
    _log(total, top, power, scale, density, n)
    one = top.dtype.type(1.0)
    for t in range(n):
        total[t] = one / total[t]


@compiled(**INNER)
def _add(joint: Real, start: int, stop: int, phi: Real, n: int, sums: Array) -> None:
    """Sums over rows of r φ of features start … stop, added to sums (K, M); as `_products`."""
    four = stop - (stop - start) % BLOCK
    add_by_four(joint, start, four, start, phi, n, sums)
    add_by_one(joint, four, stop, start, phi, n, sums)


@compiled(**INNER)
def _pooled(z: Real, w: Array, at: int, n: int, part: Real, products: Array) -> None:
    """The lower triangle of Σ w z zᵀ of a tile, added to products (D, D)."""
    zero = z.dtype.type(0.0)
    for i in range(len(products)):
        a = z[1 + i]
        for t in range(n):
            part[t] = a[t] * w[at + t]
        for j in range(i + 1):
            s, b = zero, z[1 + j]
            for t in range(n):
                s += part[t] * b[t]
            products[i, j] += s


@compiled(**INNER)
def _joint(z: Real, theta: Real, left: Index, right: Index, n: int, phi: Real, joint: Real) -> None:
    """Log joint densities of a tile; phi is left with the last features."""
    m_all, chunk = len(left), len(phi)
    for start in range(0, m_all, chunk):
        stop = min(start + chunk, m_all)
        _features(z, left, right, start, stop, n, phi)
        _products(theta, start, stop, phi, n, joint)


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
) -> tuple[Array, Array, float, int]:
    """Sums of r φ (K, M), pooled products (D, D), log-likelihood, and how many rows are distant.

    Θ has a multiple of four rows; those beyond K are of no account.
    """
    d, n_rows, tile = len(origin), x.size // len(origin), len(scale)
    m_all = 1 + d if pooled else len(left)
    chunk = min(len(left), CHUNK)
    centred = np.empty((d, tile + PAD), theta.dtype)
    phi = np.empty((chunk, tile + PAD), theta.dtype)
    z = phi[: 1 + d] if chunk == len(left) else np.empty((1 + d, tile + PAD), theta.dtype)
    joint = np.empty((len(theta), tile + PAD), theta.dtype)
    top, total = np.empty(tile, theta.dtype), np.empty(tile, theta.dtype)
    density = np.empty(tile, theta.dtype)
    sums, products = np.zeros((len(theta), m_all)), np.zeros((d, d))
    log_likelihood, far = 0.0, 0
    for at in range(0, n_rows, tile):
        n = min(tile, n_rows - at)
        _extended(x, by_row, at, n, origin, inverse, centred, z)
        _joint(z, theta, left, right, n, phi, joint)
        _softmax(joint, k_all, n, top, total, density, power, scale)
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
        for start in range(0, m_all, chunk):
            stop = min(start + chunk, m_all)
            if chunk < len(left):
                _features(z, left, right, start, stop, n, phi)
            _add(joint, start, stop, phi, n, sums)
        if pooled:
            _pooled(z, w, at, n, top, products)
    for i in range(d):
        for j in range(i):
            products[j, i] = products[i, j]
    return sums, products, log_likelihood, far


@compiled()
def _posterior(
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
    density: Array,
    peak: Array,
    r: Array,
) -> int:
    """Log density (B,); how many rows are distant.

    If peak is (B,), the log of the largest responsibility; if r is (B, K), all of them.
    """
    d, n_rows, tile = len(origin), x.size // len(origin), len(scale)
    chunk = min(len(left), CHUNK)
    centred = np.empty((d, tile + PAD), theta.dtype)
    phi = np.empty((chunk, tile + PAD), theta.dtype)
    z = phi[: 1 + d] if chunk == len(left) else np.empty((1 + d, tile + PAD), theta.dtype)
    joint = np.empty((len(theta), tile + PAD), theta.dtype)
    top, total = np.empty(tile, theta.dtype), np.empty(tile, theta.dtype)
    log = np.empty(tile, theta.dtype)
    far = 0
    for at in range(0, n_rows, tile):
        n = min(tile, n_rows - at)
        _extended(x, by_row, at, n, origin, inverse, centred, z)
        _joint(z, theta, left, right, n, phi, joint)
        _softmax(joint, k_all, n, top, total, log, power, scale)
        for t in range(n):
            density[at + t] = log[t]
            if not abs(log[t]) < distant:
                far += 1
        if len(peak):
            for t in range(n):
                peak[at + t] = top[t] - log[t]
        if len(r):
            for k in range(k_all):
                for t in range(n):
                    r[at + t, k] = joint[k, t] * total[t]
    return far


@compiled()
def _labels(
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
    found: NDArray[np.int64],
) -> int:
    """The component of the largest log joint of each row; how many rows are distant."""
    d, n_rows, tile = len(origin), x.size // len(origin), len(scale)
    chunk = min(len(left), CHUNK)
    centred = np.empty((d, tile + PAD), theta.dtype)
    phi = np.empty((chunk, tile + PAD), theta.dtype)
    z = phi[: 1 + d] if chunk == len(left) else np.empty((1 + d, tile + PAD), theta.dtype)
    joint = np.empty((len(theta), tile + PAD), theta.dtype)
    far = 0
    for at in range(0, n_rows, tile):
        n = min(tile, n_rows - at)
        _extended(x, by_row, at, n, origin, inverse, centred, z)
        _joint(z, theta, left, right, n, phi, joint)
        top = joint[0]
        for t in range(n):
            found[at + t] = 0
        for k in range(1, k_all):
            row = joint[k]
            for t in range(n):
                above = row[t] > top[t]
                found[at + t] = k if above else found[at + t]
                top[t] = row[t] if above else top[t]
        for t in range(n):
            if not abs(top[t]) < distant:
                far += 1
    return far


def covers(operands: Operands) -> bool:
    """Whether this dialect computes such operands itself."""
    return not len(operands.far)


class Prepared(NamedTuple):
    """What the compiled functions read, in one precision and in the order in which they read it."""

    x: Real  # (B, D) or (D, B)
    by_row: bool  # (B, D)
    origin: Array  # (D,)
    inverse: Real  # G⁻¹ (D, D), or nothing
    theta: Real  # (K, M), padded to a multiple of four rows
    k_all: int
    left: Index  # (M,)
    right: Index  # (M,)
    power: NDArray[np.integer]  # a buffer
    scale: Real  # the same buffer
    distant: float  # nats beyond which this precision is not enough


@cache
def factors(moment: Moment, d: int) -> tuple[Index, Index]:
    """The two rows of one and z whose product each feature is; -1 is for the squared length."""
    none, each = np.zeros(1 + d, dtype=np.int64), np.arange(1, 1 + d)
    first, second = [none], [np.arange(1 + d)]
    if moment is FULL:
        rows, columns = np.triu_indices(d)
        first, second = [*first, 1 + rows], [*second, 1 + columns]
    elif moment is DIAGONAL:
        first, second = [*first, each], [*second, each]
    else:
        first, second = [*first, np.array([-1])], [*second, np.array([-1])]
    return np.concatenate(first), np.concatenate(second)


def _columns(x: Rows, dtype: type) -> Real:
    """Rows (B, D) as (D, B), in some precision; so many at a time as a cache holds."""
    columns, some = np.empty(x.shape[::-1], dtype), max(TURNED // max(x.shape[1], 1), TILE)
    for at in range(0, len(x), some):
        columns[:, at : at + some] = x[at : at + some].T
    return columns


def _prepared(x: Rows, operands: Operands, dtype: type, distant: float) -> Prepared:
    """Rows and operands in one precision."""
    inverse = np.empty((0, 0)) if operands.inverse is None else operands.inverse
    k, m = operands.theta.shape
    theta = np.zeros((-(-k // BLOCK) * BLOCK, m), dtype)
    theta[:k] = operands.theta
    buffer = np.empty(TILE * 8 // np.dtype(dtype).itemsize, dtype)
    by_row = x.dtype == dtype and x.flags.carray and x.dtype.isnative
    return Prepared(
        x if by_row else _columns(x, dtype),
        by_row,
        operands.origin,
        inverse.astype(dtype, copy=False),
        theta,
        k,
        *factors(operands.moment, operands.n_features),
        buffer.view(np.int32 if dtype is np.float32 else np.int64),
        buffer,
        distant,
    )


def _wide(x: Rows, operands: Operands) -> Iterator[Prepared]:
    """Rows and operands in float64, if this dialect computes them at all."""
    if covers(operands):
        yield _prepared(x, operands, np.float64, reference.DISTANT)


def _narrow(x: Rows, operands: Operands) -> Iterator[Prepared]:
    """Rows and operands in float32, where the rows are and it is enough for the components.

    One component alone is the moments of all rows: others are built on them, and they cost little.
    """
    several = operands.n_components > 1
    if (
        several
        and x.dtype == np.float32
        and covers(operands)
        and operands.kappa.max() < SINGLE_LIMIT
    ):
        yield _prepared(x, operands, np.float32, SINGLE_DISTANT)


def attempts(x: Rows, operands: Operands) -> Iterator[Prepared]:
    """What an E-step tries, until no row is too distant for it."""
    return chain(_narrow(x, operands), _wide(x, operands))


def expectation(x: Rows, w: Array, operands: Operands) -> tuple[Array, Array, Array, float]:
    """The E-step of a block: as `reference.expectation`.

    It is in the precision of the rows: what each of them loses, their sums do not. The numbers of
    single rows, below, are always in float64.
    """
    pooled, w = operands.moment is POOLED, np.require(w, np.float64, ["C", "W"])
    for attempt in attempts(x, operands):
        sums, products, log_likelihood, far = _expectation(*attempt, w, pooled)
        if not far:
            return *statistics(sums, products, operands), log_likelihood
    return reference.expectation(x, w, operands)


def statistics(sums: Array, products: Array, operands: Operands) -> tuple[Array, Array, Array]:
    """Counts, sums and products of x about the components' origins from those of φ(z)."""
    sums = sums[: operands.n_components]
    moments = operands.moment.unpack(sums, products, operands.n_features)
    return reference.restored(*moments, operands)


_NONE = np.empty((0, 0))


def log_density(x: Rows, operands: Operands) -> Array:
    """Log density of each row, shape (B,), in nats."""
    density = np.empty(len(x))
    for attempt in _wide(x, operands):
        if not _posterior(*attempt, density, density[:0], _NONE):
            return density
    return reference.log_density(x, operands)


def posterior(x: Rows, operands: Operands) -> Array:
    """Responsibilities of the components for each row, shape (B, K)."""
    density, r = np.empty(len(x)), np.empty((len(x), operands.n_components))
    for attempt in _wide(x, operands):
        if not _posterior(*attempt, density, density[:0], r):
            return r
    return reference.posterior(x, operands)


def certainty(x: Rows, operands: Operands) -> tuple[Array, Array]:
    """Log density of each row, and the log of its largest responsibility, both (B,)."""
    density, peak = np.empty(len(x)), np.empty(len(x))
    for attempt in _wide(x, operands):
        if not _posterior(*attempt, density, peak, _NONE):
            return density, peak
    return reference.certainty(x, operands)


def labels(x: Rows, operands: Operands) -> NDArray[np.int64]:
    """The likeliest component of each row, shape (B,)."""
    found = np.empty(len(x), dtype=np.int64)
    for attempt in _wide(x, operands):
        if not _labels(*attempt, found):
            return found
    return reference.labels(x, operands)


accumulation = reference.accumulation
log_joint = reference.log_joint
