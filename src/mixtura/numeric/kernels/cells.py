"""Missing numbers of rows, given what was observed, in compiled code: what each component expects
of each, draws of all that a row misses, and where their density is highest.

Rows are computed one after another; those that miss the same as the row before find their small
matrices made, so rows are best brought in such an order. In units of a component, with d what is
observed less its mean, R its correlations, o the columns seen and m the others:

- where at most half is missing, (R⁻¹)_mm = L Lᵀ: what is expected is −L⁻ᵀ L⁻¹ (R⁻¹)_mo d, and
  L⁻ᵀ times a standard normal varies about it as what is missing does;
- otherwise the Cholesky factor of R with the seen columns first, in blocks A, B and C: what is
  expected is B A⁻¹ d, and C times a standard normal varies as what is missing does.

Components of which a row has next to nothing are not looked at.
"""

import math

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import INNER, compiled
from mixtura.numeric.kernels.operands import Matrices
from mixtura.numeric.kernels.with_gaps import FARTHEST, _ordered

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LEAST = 1e-20
"""A smaller share of a component at a place counts for nothing there."""

COUNTS = 1e-9
"""A smaller share of a component in a row is left out of what is foretold of the row."""

ROOT = 0.3989422804014327
"""The density of a standard normal at 0."""

HALF_ROOT = 0.7071067811865476

CLIMB = 1_000
"""Steps of the way up to a mode, at the most."""

ARRIVED = 1e-20
"""The squared length of the last of them, in standard deviations."""


@compiled(**INNER)
def _factored(
    correlation: Array, precision: Array, columns: Index, o: int, few: bool, f: Array
) -> None:
    """Into f (D, D): L⁻¹ where few are missing, the whole factor otherwise."""
    d = len(columns)
    q, first = (d - o, o) if few else (d, 0)
    matrix = precision if few else correlation
    for a in range(q):
        row = matrix[columns[first + a]]
        for b in range(a + 1):
            s = row[columns[first + b]]
            for p in range(b):
                s -= f[a, p] * f[b, p]
            if a == b:
                f[a, a] = np.sqrt(max(s, 4e-16 * row[columns[first + a]]))
            else:
                f[a, b] = s / f[b, b]
    if few:
        for a in range(q):
            root = 1.0 / f[a, a]
            for b in range(a):
                s = 0.0
                for p in range(b, a):
                    s -= f[a, p] * f[p, b]
                f[a, b] = s * root
            f[a, a] = root


@compiled(**INNER)
def _expected(
    row: Array,
    mean: Array,
    scale: Array,
    precision: Array,
    f: Array,
    columns: Index,
    o: int,
    few: bool,
    y: Array,
    found: Array,
) -> None:
    """What a component expects of the missing numbers of a row, in its units, into found."""
    d = len(columns)
    m = d - o
    for i in range(o):
        j = columns[i]
        y[i] = min(max((row[j] - mean[j]) / scale[j], -FARTHEST), FARTHEST)
    if few:
        for a in range(m):
            s, line = 0.0, precision[columns[o + a]]
            for i in range(o):
                s -= line[columns[i]] * y[i]
            found[a] = s
        for a in range(m - 1, -1, -1):
            s = 0.0
            for b in range(a + 1):
                s += f[a, b] * found[b]
            found[a] = s
        for a in range(m):
            s = 0.0
            for b in range(a, m):
                s += f[b, a] * found[b]
            found[a] = s
    else:
        for a in range(o):
            s = y[a]
            for b in range(a):
                s -= f[a, b] * y[b]
            y[a] = s / f[a, a]
        for a in range(m):
            s = 0.0
            for i in range(o):
                s += f[o + a, i] * y[i]
            found[a] = s


@compiled(**INNER)
def _same(row: Array, other: Array) -> bool:
    """Whether two rows miss the same."""
    same = True
    for j in range(len(row)):
        u, v = row[j], other[j]
        same = same and ((u == u) == (v == v))  # noqa: PLR0124  not NaN
    return same


@compiled()
def _conditionals(
    x: Array,
    r: Array,
    means: Array,
    scales: Array,
    correlations: Array,
    precisions: Array,
    precise: NDArray[np.bool_],
    at: Index,
    found: Array,
    widths: Array,
) -> None:
    """Means and deviations (C, K) of missing numbers, those of row i from at[i] on."""
    n, d = x.shape
    k_all, several = len(means), len(correlations) > 1
    made = np.full(len(correlations), -1)
    factors = np.empty((len(correlations), d, d))
    columns, y, expected = np.empty(d, np.int64), np.empty(d), np.empty(d)
    o, pattern = 0, 0
    for i in range(n):
        if i == 0 or not _same(x[i], x[i - 1]):
            o, pattern = _ordered(x[i], columns), i
        for k in range(k_all):
            if r[i, k] <= 0.0:
                for a in range(d - o):
                    found[at[i] + a, k] = means[k, columns[o + a]]
                    widths[at[i] + a, k] = scales[k, columns[o + a]]
                continue
            km = k if several else 0
            few, f = precise[km] and 2 * (d - o) <= d, factors[km]
            if made[km] != pattern:
                _factored(correlations[km], precisions[km], columns, o, few, f)
                made[km] = pattern
            _expected(x[i], means[k], scales[k], precisions[km], f, columns, o, few, y, expected)
            for a in range(d - o):
                s, j = 0.0, columns[o + a]
                if few:
                    for p in range(a, d - o):
                        s += f[p, a] * f[p, a]
                else:
                    for p in range(o, o + a + 1):
                        s += f[o + a, p] * f[o + a, p]
                found[at[i] + a, k] = means[k, j] + scales[k, j] * expected[a]
                widths[at[i] + a, k] = scales[k, j] * np.sqrt(s)


@compiled(**INNER)
def _distance(mean: float, width: float) -> float:
    """The mean absolute value of a normal number."""
    z = mean / width
    return 2.0 * width * math.exp(-0.5 * z * z) * ROOT + mean * math.erf(z * HALF_ROOT)


@compiled(**INNER)
def _score(r: Array, means: Array, widths: Array, k_all: int, truth: float) -> float:
    """The continuous ranked probability score of a mixture on a line, in closed form."""
    score = 0.0
    for k in range(k_all):
        if r[k] > COUNTS:
            score += r[k] * _distance(truth - means[k], widths[k])
            score -= r[k] * r[k] * widths[k] * ROOT * HALF_ROOT * 2.0
            for j in range(k):
                if r[j] > COUNTS:
                    width = math.hypot(widths[k], widths[j])
                    score -= r[k] * r[j] * _distance(means[k] - means[j], width)
    return score


@compiled()
def _foretold(
    x: Array,
    truth: Array,
    w: Array,
    r: Array,
    unit: Array,
    squares: bool,
    means: Array,
    scales: Array,
    correlations: Array,
    precisions: Array,
    precise: NDArray[np.bool_],
) -> tuple[float, float]:
    """How far what is foretold of missing numbers is from what is true, and for how many that is
    known, both as rows weigh.
    """
    n, d = x.shape
    k_all, several = len(means), len(correlations) > 1
    made = np.full(len(correlations), -1)
    factors = np.empty((len(correlations), d, d))
    columns, y, expected = np.empty(d, np.int64), np.empty(d), np.empty(d)
    found, widths = np.empty((d, k_all)), np.empty((d, k_all))
    total, count = 0.0, 0.0
    o, pattern = 0, 0
    for i in range(n):
        if i == 0 or not _same(x[i], x[i - 1]):
            o, pattern = _ordered(x[i], columns), i
        for k in range(k_all):
            if r[i, k] <= COUNTS:
                continue
            km = k if several else 0
            few, f = precise[km] and 2 * (d - o) <= d, factors[km]
            if made[km] != pattern:
                _factored(correlations[km], precisions[km], columns, o, few, f)
                made[km] = pattern
            _expected(x[i], means[k], scales[k], precisions[km], f, columns, o, few, y, expected)
            for a in range(d - o):
                s, j = 0.0, columns[o + a]
                if few:
                    for p in range(a, d - o):
                        s += f[p, a] * f[p, a]
                else:
                    for p in range(o, o + a + 1):
                        s += f[o + a, p] * f[o + a, p]
                found[a, k] = means[k, j] + scales[k, j] * expected[a]
                widths[a, k] = scales[k, j] * np.sqrt(s)
        for a in range(d - o):
            j = columns[o + a]
            known = truth[i, j]
            if known != known:  # noqa: PLR0124  NaN
                continue
            if squares:
                mean = 0.0
                for k in range(k_all):
                    mean += r[i, k] * found[a, k] if r[i, k] > COUNTS else 0.0
                total += w[i] * ((mean - known) / unit[j]) ** 2
            else:
                total += w[i] * _score(r[i], found[a], widths[a], k_all, known) / unit[j]
            count += w[i]
    return total, count


@compiled()
def _drawn(
    x: Array,
    components: Index,
    z: Array,
    means: Array,
    scales: Array,
    correlations: Array,
    precisions: Array,
    precise: NDArray[np.bool_],
) -> None:
    """Missing numbers of x put in place, each row's by its component and its normal numbers."""
    n, d = x.shape
    several = len(correlations) > 1
    made = np.full(len(correlations), -1)
    factors = np.empty((len(correlations), d, d))
    columns, y, expected = np.empty(d, np.int64), np.empty(d), np.empty(d)
    last = np.empty(d)
    o, pattern = 0, 0
    for i in range(n):
        if i == 0 or not _same(x[i], last):
            o, pattern = _ordered(x[i], columns), i
        last[:] = x[i]
        k = components[i]
        km = k if several else 0
        few, f = precise[km] and 2 * (d - o) <= d, factors[km]
        if made[km] != pattern:
            _factored(correlations[km], precisions[km], columns, o, few, f)
            made[km] = pattern
        _expected(x[i], means[k], scales[k], precisions[km], f, columns, o, few, y, expected)
        for a in range(d - o):
            s, j = expected[a], columns[o + a]
            if few:
                for p in range(a, d - o):
                    s += f[p, a] * z[i, p]
            else:
                for p in range(a + 1):
                    s += f[o + a, o + p] * z[i, p]
            x[i, j] = means[k, j] + scales[k, j] * s


@compiled(**INNER)
def _joint(
    t: Array,
    centres: Array,
    heights: Array,
    scales: Array,
    precisions: Array,
    columns: Index,
    o: int,
    away: Array,
    pulls: Array,
    joint: Array,
) -> float:
    """The log density of missing numbers t, with that of each component and its pull there."""
    m, several, top = len(columns) - o, len(precisions) > 1, -np.inf
    for k in range(len(centres)):
        joint[k] = -np.inf
        if heights[k] == -np.inf:
            continue
        matrix, q = precisions[k if several else 0], 0.0
        for a in range(m):
            away[a] = (centres[k, a] - t[a]) / scales[k, columns[o + a]]
        for a in range(m):
            s, line = 0.0, matrix[columns[o + a]]
            for b in range(m):
                s += line[columns[o + b]] * away[b]
            q += s * away[a]
            pulls[k, a] = s / scales[k, columns[o + a]]
        joint[k] = heights[k] - 0.5 * q
        top = max(top, joint[k])
    total = 0.0
    for k in range(len(centres)):
        total += np.exp(joint[k] - top)
    return float(top + np.log(total))


@compiled(**INNER)
def _climbed(
    t: Array,
    centres: Array,
    heights: Array,
    scales: Array,
    precisions: Array,
    columns: Index,
    o: int,
    away: Array,
    pulls: Array,
    joint: Array,
    f: Array,
    step: Array,
) -> None:
    """Uphill from t, in place, by the fixed point of the modes."""
    m, several = len(columns) - o, len(precisions) > 1
    for _ in range(CLIMB):
        total = _joint(t, centres, heights, scales, precisions, columns, o, away, pulls, joint)
        for a in range(m):
            step[a] = 0.0
            for b in range(a + 1):
                f[a, b] = 0.0
        for k in range(len(centres)):
            share = np.exp(joint[k] - total)
            if share < LEAST:
                continue
            matrix = precisions[k if several else 0]
            for a in range(m):
                i = columns[o + a]
                step[a] += share * pulls[k, a]
                for b in range(a + 1):
                    j = columns[o + b]
                    f[a, b] += share * matrix[i, j] / (scales[k, i] * scales[k, j])
        length = 0.0
        for a in range(m):
            for b in range(a + 1):
                s = f[a, b]
                for p in range(b):
                    s -= f[a, p] * f[b, p]
                f[a, b] = np.sqrt(max(s, 4e-16 * f[a, a])) if a == b else s / f[b, b]
        for a in range(m):
            for b in range(a):
                step[a] -= f[a, b] * step[b]
            step[a] /= f[a, a]
            length += step[a] * step[a]
        for a in range(m - 1, -1, -1):
            for b in range(a + 1, m):
                step[a] -= f[b, a] * step[b]
            step[a] /= f[a, a]
        for a in range(m):
            t[a] += step[a]
        if length < ARRIVED:
            break


@compiled()
def _peaks(
    x: Array,
    r: Array,
    means: Array,
    scales: Array,
    correlations: Array,
    precisions: Array,
    precise: NDArray[np.bool_],
) -> None:
    """Missing numbers of x put in place: the mode to which the best component's mean leads."""
    n, d = x.shape
    k_all, several = len(means), len(correlations) > 1
    f, g = np.empty((d, d)), np.empty((d, d))
    columns, y, expected = np.empty(d, np.int64), np.empty(d), np.empty(d)
    centres, heights, pulls = np.empty((k_all, d)), np.empty(k_all), np.empty((k_all, d))
    away, joint, step, t = np.empty(d), np.empty(k_all), np.empty(d), np.empty(d)
    for i in range(n):
        o = _ordered(x[i], columns)
        m = d - o
        for k in range(k_all):
            heights[k] = -np.inf
            if r[i, k] <= 0.0:
                continue
            km = k if several else 0
            few = precise[km] and 2 * m <= d
            _factored(correlations[km], precisions[km], columns, o, few, f)
            _expected(x[i], means[k], scales[k], precisions[km], f, columns, o, few, y, expected)
            heights[k] = np.log(r[i, k])
            for a in range(m):
                j = columns[o + a]
                centres[k, a] = means[k, j] + scales[k, j] * expected[a]
                root = f[a, a] if few else 1.0 / f[o + a, o + a]
                heights[k] += (-np.log(root) if few else np.log(root)) - np.log(scales[k, j])
        best, top = 0, -np.inf
        for k in range(k_all):
            if heights[k] == -np.inf:
                continue
            here = _joint(
                centres[k], centres, heights, scales, precisions, columns, o, away, pulls, joint
            )
            if here > top:
                best, top = k, here
        t[:m] = centres[best, :m]
        _climbed(t, centres, heights, scales, precisions, columns, o, away, pulls, joint, g, step)
        for a in range(m):
            x[i, columns[o + a]] = t[a]


def _read(model: Matrices) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """Means, deviations, correlations and their inverses, and which of these can be relied on."""
    scales = np.ascontiguousarray(model.scales)
    if len(model.correlations):
        return model.means, scales, model.correlations, model.precisions, model.precise
    one = np.eye(model.means.shape[1])[None]
    return model.means, scales, one, one, np.ones(1, dtype=np.bool_)


def conditionals(x: Array, r: Array, model: Matrices) -> tuple[Index, Index, Array, Array]:
    """Each missing number of rows x (B, D) as each component has it, given the rest of its row.

    With the rows' shares r (B, K) those components that count: of others, what they are without
    the row. Row and column of each number (C,), means and standard deviations (C, K); numbers are
    in the order of rows, then of columns.
    """
    hollow = np.isnan(x)
    rows, columns = np.nonzero(hollow)
    at = np.concatenate([[0], np.cumsum(hollow.sum(axis=1))]).astype(np.int64)
    found = np.empty((len(rows), len(model.means)))
    widths = np.empty_like(found)
    _conditionals(x, r, *_read(model), at, found, widths)
    return rows, columns, found, widths


def foretold(
    x: Array, truth: Array, w: Array, r: Array, unit: Array, squares: bool, model: Matrices
) -> tuple[float, float]:
    """How far what is foretold of rows x (B, D) is from a truth (B, D), NaN where it is not known.

    Of each missing number that is known, in units of its column, (D,): the squared error of its
    mean, or the score of its distribution [@GneitingRaftery2007]. Two sums with the weights of
    rows, (B,): that, and one for each number.
    """
    return _foretold(x, truth, w, r, unit, squares, *_read(model))


def drawn(x: Array, components: Index, z: Array, model: Matrices) -> Array:
    """Rows (B, D) with what they miss drawn from their components, by normal numbers z (B, D)."""
    filled = x.copy()
    _drawn(filled, components, z, *_read(model))
    return filled


def peaks(x: Array, r: Array, model: Matrices) -> Array:
    """Rows (B, D) with what they miss at a mode of its density, given the rest of the row."""
    filled = x.copy()
    _peaks(filled, r, *_read(model))
    return filled
