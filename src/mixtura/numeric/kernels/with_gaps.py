"""Rows with gaps in compiled code, by three routes that give the same.

Everything is in units of the component at hand: residuals by its standard deviations, correlations
R in place of covariances. With d the residuals of a row, zero where they are missing, its observed
columns o and its missing ones m:

- *precisions*, of few missing: v = (R⁻¹ d)_m and y = (R⁻¹)_mm⁻¹ v; then −y is what is expected of
  the missing residuals, (R⁻¹)_mm⁻¹ their covariance, and log|R_oo| = log|R| + log|(R⁻¹)_mm|;
- *correlations*, of many missing: y = R_oo⁻¹ d_o; then R y is the completed row, and what the
  missing vary is R less R times R_oo⁻¹, padded with zeros, times R;
- *patterns*, where many rows miss the same: o columns are complete there, and sums over them are
  brought to all columns at the end, once.

On the first two routes a small matrix is factored for each row and component. Rows that miss
equally many columns are computed together: loops run along them, and so vectorise.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.gaps import Layout, layout
from mixtura.numeric.kernels import reference, with_gaps_reference
from mixtura.numeric.kernels.compiled import (
    BLOCK,
    INNER,
    _add,
    _log_double,
    _products,
    _softmax,
    compiled,
)
from mixtura.numeric.kernels.operands import Matrices
from mixtura.numeric.moments import DIAGONAL, FULL, POOLED

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Rows = NDArray[np.generic]

LOG_2PI = 1.8378770664093453
FARTHEST = 1e100
"""Standard deviations beyond which rows are all equally far: `reference` sees to these."""

NUMBERS = 1 << 16
"""Numbers that a tile holds of all components: 512 kB, half of a second cache."""

LEAST, MOST = 32, 256
"""Rows in a tile, which are a multiple of the least: so many are taken together, whole or not."""


@compiled(**INNER)
def _residuals(z: Array, seen: Array, mean: Array, inverse: Array, n: int, e: Array) -> None:
    """Rows less a mean in its units, zero where nothing is seen, into e from its second row on."""
    for j in range(len(z)):
        row, column, there, m, s = e[1 + j], z[j], seen[1 + j], mean[j], inverse[j]
        for t in range(n):
            v = (column[t] - m) * s * there[t]
            row[t] = min(max(v, -FARTHEST), FARTHEST)


@compiled(**INNER)
def _lower(matrix: Array, e: Array, size: int, n: int, out: Array) -> None:
    """A lower triangular matrix (P, 1 + D) times e from its second row on, into out."""
    for i in range(0, size, BLOCK):
        _products(matrix[i : i + BLOCK], 0, min(i + BLOCK, size) + 1, e, n, out[i : i + BLOCK])


@compiled(**INNER)
def _squares(rows: Array, size: int, n: int, out: Array) -> None:
    """The squared lengths of columns."""
    for t in range(n):
        out[t] = 0.0
    for i in range(size):
        row = rows[i]
        for t in range(n):
            out[t] += row[t] * row[t]


@compiled(**INNER)
def _factored(
    lower: Array, q: int, n: int, roots: Array, volume: Array, parts: Array, bits: Index
) -> None:
    """Cholesky factors of n matrices at once, in place: (q (q + 1) / 2, T), by rows of triangles.

    One over their diagonals goes into roots (q, T), log determinants into volume. A pivot that
    rounding has made nothing of is kept at what rounding is.
    """
    product, least, spare = parts[0], parts[1], parts[2]
    for t in range(n):
        volume[t] = 0.0
        product[t] = 1.0
    for a in range(q):
        first = a * (a + 1) // 2
        for b in range(a):
            row, second, root = lower[first + b], b * (b + 1) // 2, roots[b]
            for p in range(b):
                left, right = lower[first + p], lower[second + p]
                for t in range(n):
                    row[t] -= left[t] * right[t]
            for t in range(n):
                row[t] *= root[t]
        row, root = lower[first + a], roots[a]
        for t in range(n):
            least[t] = 4e-16 * row[t]
        for p in range(a):
            left = lower[first + p]
            for t in range(n):
                row[t] -= left[t] * left[t]
        for t in range(n):
            pivot = max(row[t], least[t])
            product[t] *= pivot
            root[t] = 1.0 / np.sqrt(pivot)
        if a % 8 == 7 or a == q - 1:
            _log_double(product, volume, bits, bits.view(np.float64), spare, n)
            for t in range(n):
                volume[t] = spare[t]
                product[t] = 1.0


@compiled(**INNER)
def _solved(lower: Array, roots: Array, q: int, n: int, y: Array, length: Array) -> None:
    """The solution of n systems at once, in place; and yᵀ M⁻¹ y of the right sides."""
    for a in range(q):
        row, root, first = y[a], roots[a], a * (a + 1) // 2
        for b in range(a):
            left, other = lower[first + b], y[b]
            for t in range(n):
                row[t] -= left[t] * other[t]
        for t in range(n):
            row[t] *= root[t]
    _squares(y, q, n, length)
    for a in range(q - 1, -1, -1):
        row, root = y[a], roots[a]
        for b in range(a + 1, q):
            left, other = lower[b * (b + 1) // 2 + a], y[b]
            for t in range(n):
                row[t] -= left[t] * other[t]
        for t in range(n):
            row[t] *= root[t]


@compiled(**INNER)
def _inverted(lower: Array, roots: Array, q: int, n: int, half: Array, whole: Array) -> None:
    """The inverses of n factored matrices at once, into whole; half is for those of the factors."""
    for a in range(q):
        first, root = a * (a + 1) // 2, roots[a]
        row = half[first + a]
        for t in range(n):
            row[t] = root[t]
        for b in range(a):
            row = half[first + b]
            for t in range(n):
                row[t] = 0.0
            for p in range(b, a):
                left, right = lower[first + p], half[p * (p + 1) // 2 + b]
                for t in range(n):
                    row[t] -= left[t] * right[t]
            for t in range(n):
                row[t] *= root[t]
    for a in range(q):
        for b in range(a + 1):
            row = whole[a * (a + 1) // 2 + b]
            for t in range(n):
                row[t] = 0.0
            for p in range(a, q):
                left, right = half[p * (p + 1) // 2 + a], half[p * (p + 1) // 2 + b]
                for t in range(n):
                    row[t] += left[t] * right[t]


@compiled(**INNER)
def _gathered(x: Array, at: int, n: int, z: Array, seen: Array) -> int:
    """Rows at … at + n of x (B, D) into z (D, T), zero where there is a gap, and into seen
    (1 + D, T) where there is none; how many columns the first row sees.
    """
    d, count = len(z), 0
    for j in range(d):
        column, there = z[j], seen[1 + j]
        for t in range(n):
            v = x[at + t, j]
            present = v == v  # noqa: PLR0124  not NaN
            column[t] = v if present else 0.0
            there[t] = 1.0 if present else 0.0
        count += int(there[0])
    return count


@compiled(**INNER)
def _added(joint: Array, total: Array, e: Array, size: int, n: int, re: Array, sums: Array) -> None:
    """Σ r e eᵀ of one component, e (1 + size, T), added to the lower triangle of sums."""
    first = re[0]
    for t in range(n):
        first[t] = joint[t] * total[t]
    for j in range(1, 1 + size):
        row, column = re[j], e[j]
        for t in range(n):
            row[t] = first[t] * column[t]
    for j in range(1 + size, -(-(1 + size) // BLOCK) * BLOCK):
        row = re[j]
        for t in range(n):
            row[t] = 0.0
    for i in range(0, 1 + size, BLOCK):
        stop = min(i + BLOCK, 1 + size)
        _add(re[i : i + BLOCK], 0, stop, e, n, sums[i : i + BLOCK])


@compiled(**INNER)
def _of_tile(
    joint: Array,
    k_all: int,
    at: int,
    n: int,
    w: Array,
    given: Array,
    distant: float,
    top: Array,
    total: Array,
    log: Array,
    power: Index,
    density: Array,
    r: Array,
    labels: Index,
) -> float:
    """From log joint densities to what is asked of each row; what the likelihood gains.

    The rows of joint times total are then what rows count for. Rows too far away count for
    nothing: their density, which tells, is left as it is.
    """
    if len(given):
        for k in range(k_all):
            for t in range(n):
                joint[k, t] = given[at + t, k]
        for t in range(n):
            total[t] = 1.0
        return 0.0
    if len(labels):
        for t in range(n):
            labels[at + t] = 0
            top[t] = joint[0, t]
        for k in range(1, k_all):
            for t in range(n):
                if joint[k, t] > top[t]:
                    labels[at + t], top[t] = k, joint[k, t]
    _softmax(joint, k_all, n, top, total, log, power, power.view(np.float64))
    for t in range(n):
        density[at + t] = log[t]
    if len(r):
        for k in range(k_all):
            for t in range(n):
                r[at + t, k] = joint[k, t] * total[t]
    part = 0.0
    for t in range(n):
        near = abs(log[t]) < distant
        total[t] = total[t] * w[at + t] if near else 0.0
        log[t] = log[t] if near else 0.0
    for t in range(n):
        part += w[at + t] * log[t]
    return part


@compiled(**INNER)
def _mixed(
    n: int,
    o: int,
    precise: NDArray[np.bool_],
    z: Array,
    seen: Array,
    base: Array,
    means: Array,
    inverse: Array,
    correlations: Array,
    precisions: Array,
    whiteners: Array,
    volumes: Array,
    several: bool,
    joint: Array,
    e: Array,
    small: Array,
    where: Index,
    work: Array,
    y: Array,
    roots: Array,
    lower: Array,
    half: Array,
    parts: Array,
    bits: Index,
) -> None:
    """Log joint densities of a tile whose rows miss equally many columns, their completed residuals
    e (K, 1 + D, T), and the inverses of the small matrices (M, q (q + 1) / 2, T).

    Into ``where`` (2, D, T) go the columns that each row misses, and those it sees.
    """
    d, k_all = len(z), len(means)
    stride = 1 + d
    for t in range(n):
        a, b = 0, 0
        for j in range(d):
            if seen[1 + j, t] == 0.0:
                where[0, a, t] = j
                a += 1
            else:
                where[1, b, t] = j
                b += 1
    _products(base, 0, stride, seen, n, joint)
    volume, length = parts[3], parts[4]
    for k in range(k_all):
        km = k if several else 0
        mine = e[k]
        by_precision = precise[km] and 2 * (d - o) <= d
        q, columns = (d - o, where[0]) if by_precision else (o, where[1])
        _residuals(z, seen, means[k], inverse[k], n, mine)
        matrix = precisions[km] if by_precision else correlations[km]
        if k == km:
            flat = matrix.ravel()
            for a in range(q):
                left = columns[a]
                for b in range(a + 1):
                    row, right = lower[a * (a + 1) // 2 + b], columns[b]
                    for t in range(n):
                        row[t] = flat[left[t] * stride + right[t] + 1]
            _factored(lower, q, n, roots, volume, parts, bits)
            _inverted(lower, roots, q, n, half, small[km])
        if by_precision:
            _products(matrix, 0, stride, mine, n, work)
            for a in range(q):
                row, index = y[a], columns[a]
                for t in range(n):
                    row[t] = work[index[t], t]
            _solved(lower, roots, q, n, y, length)
            for a in range(q):
                row, index = y[a], columns[a]
                for t in range(n):
                    mine[1 + index[t], t] = -row[t]
            _lower(whiteners[km], mine, d, n, work)
            _squares(work, d, n, length)
            for t in range(n):
                length[t] += volumes[km]
        else:
            for a in range(q):
                row, index = y[a], columns[a]
                for t in range(n):
                    row[t] = mine[1 + index[t], t]
            _solved(lower, roots, q, n, y, length)
            for a in range(q):
                row, index = y[a], columns[a]
                for t in range(n):
                    mine[1 + index[t], t] = row[t]
            _products(matrix, 0, stride, mine, n, work)
            _residuals(z, seen, means[k], inverse[k], n, mine)
            for j in range(d):
                row, found, there = mine[1 + j], work[j], seen[1 + j]
                for t in range(n):
                    row[t] += (1.0 - there[t]) * found[t]
        row = joint[k]
        for t in range(n):
            row[t] -= 0.5 * (length[t] + volume[t])


@compiled(**INNER)
def _spread(r: Array, where: Index, small: Array, q: int, n: int, sums: Array) -> None:
    """Σ r times small matrices, each at its own rows and columns of sums (D, D), lower triangle."""
    for a in range(q):
        left = where[a]
        for b in range(a + 1):
            row, right = small[a * (a + 1) // 2 + b], where[b]
            for t in range(n):
                sums[left[t], right[t]] += r[t] * row[t]


@compiled(**INNER)
def _marginal(
    correlation: Array,
    columns: Index,
    o: int,
    whitener: Array,
    between: Array,
    left: Array,
    work: Array,
) -> float:
    """A component as rows of one pattern see it; ``columns`` are the o seen ones, then the others.

    Into whitener, (P, 1 + o), goes the inverse of the Cholesky factor of R_oo, into between
    R_mo R_oo⁻¹, and into left how the missing vary. The log determinant of R_oo.
    """
    d = len(columns)
    volume = 0.0
    # The factor of all columns, those seen first: what comes after them is R_mo L⁻ᵀ.
    for a in range(d):
        for b in range(min(a + 1, o)):
            s = correlation[columns[a], 1 + columns[b]]
            for p in range(b):
                s -= work[a, p] * work[b, p]
            if a == b:
                pivot = max(s, 4e-16)
                volume += float(np.log(pivot))
                work[a, a] = np.sqrt(pivot)
            else:
                work[a, b] = s / work[b, b]
    for i in range(len(whitener)):
        for j in range(1 + o):
            whitener[i, j] = 0.0
    for b in range(o):
        whitener[b, 1 + b] = 1.0 / work[b, b]
        for a in range(b + 1, o):
            s = 0.0
            for p in range(b, a):
                s -= work[a, p] * whitener[p, 1 + b]
            whitener[a, 1 + b] = s / work[a, a]
    for a in range(o, d):
        for b in range(o):
            s = 0.0
            for p in range(b, o):
                s += work[a, p] * whitener[p, 1 + b]
            between[a - o, b] = s
        for b in range(o, a + 1):
            s = correlation[columns[a], 1 + columns[b]]
            for p in range(o):
                s -= work[a, p] * work[b, p]
            left[a - o, b - o] = s
            left[b - o, a - o] = s
    return volume


@compiled(**INNER)
def _restored(
    part: Array, columns: Index, o: int, between: Array, left: Array, work: Array, sums: Array
) -> None:
    """Sums over seen columns, the lower triangle of (1 + o, 1 + o), added to those over all."""
    d, count = len(columns), part[0, 0]
    sums[0, 0] += count
    for i in range(o):
        sums[1 + columns[i], 0] += part[1 + i, 0]
        for j in range(i + 1):
            sums[1 + columns[i], 1 + columns[j]] += part[1 + i, 1 + j]
            part[1 + j, 1 + i] = part[1 + i, 1 + j]
    for a in range(d - o):
        row = between[a]
        s = 0.0
        for i in range(o):
            s += row[i] * part[1 + i, 0]
        sums[1 + columns[o + a], 0] += s
        for j in range(o):
            s = 0.0
            for i in range(o):
                s += row[i] * part[1 + i, 1 + j]
            work[a, j] = s
            high, low = max(columns[o + a], columns[j]), min(columns[o + a], columns[j])
            sums[1 + high, 1 + low] += s
        for b in range(a + 1):
            s = count * left[a, b]
            for j in range(o):
                s += work[a, j] * between[b, j]
            sums[1 + columns[o + a], 1 + columns[o + b]] += s


@compiled(**INNER)
def _sum(row: Array, n: int) -> float:
    """Of the first n numbers: a loop without a store, so that its bits do not hang on addresses."""
    s = 0.0
    for t in range(n):
        s += row[t]
    return s


@compiled(**INNER)
def _ordered(row: Array, columns: Index) -> int:
    """The columns that a row has, then the others; how many it has."""
    d = len(columns)
    o = 0
    for j in range(d):
        v = row[j]
        o += 1 if v == v else 0  # noqa: PLR0124  not NaN
    has, lacks = 0, o
    for j in range(d):
        v = row[j]
        if v == v:  # noqa: PLR0124  not NaN
            columns[has] = j
            has += 1
        else:
            columns[lacks] = j
            lacks += 1
    return o


@compiled(**INNER)
def _alike(
    x: Array,
    at: int,
    n: int,
    o: int,
    columns: Index,
    z: Array,
    base: Array,
    means: Array,
    inverse: Array,
    whitener: Array,
    volumes: Array,
    several: bool,
    joint: Array,
    e: Array,
    work: Array,
    length: Array,
) -> None:
    """Log joint densities of a tile whose rows see the same o columns, and their residuals there,
    e (K, 1 + O, T).
    """
    for i in range(o):
        row, j = z[i], columns[i]
        for t in range(n):
            row[t] = x[at + t, j]
    for k in range(len(means)):
        km = k if several else 0
        mine, constant = e[k], base[k, 0] - 0.5 * volumes[km]
        for i in range(o):
            row, column, j = mine[1 + i], z[i], columns[i]
            m, s = means[k, j], inverse[k, j]
            constant += base[k, 1 + j]
            for t in range(n):
                row[t] = min(max((column[t] - m) * s, -FARTHEST), FARTHEST)
        _lower(whitener[km], mine, o, n, work)
        _squares(work, o, n, length)
        row = joint[k]
        for t in range(n):
            row[t] = constant - 0.5 * length[t]


@compiled()
def _dense(  # noqa: PLR0915
    x: Array,
    w: Array,
    bounds: Index,
    alike: NDArray[np.bool_],
    given: Array,
    base: Array,
    means: Array,
    inverse: Array,
    correlations: Array,
    precisions: Array,
    whiteners: Array,
    volumes: Array,
    precise: NDArray[np.bool_],
    several: bool,
    tile: int,
    distant: float,
    density: Array,
    r: Array,
    labels: Index,
    completed: Array,
    sums: Array,
    spread: Array,
    padded: Array,
    counts: Array,
) -> float:
    """All that is asked of rows with gaps, (B, D); what is not asked for has no rows.

    Matrices are (M, P, 1 + D), P being D and some rows of zeros, with a first column of zeros;
    base (K', 1 + D) has log weights, and the log normaliser of each column. Into ``sums``
    (K, P', 1 + D) go counts, sums and products of completed residuals in the lower triangle, into
    ``spread`` (M, D, D) how the missing vary, into ``padded`` Σ r R_oo⁻¹ where it is to be found
    from that, with ``counts`` (M,). The log-likelihood.
    """
    d = x.shape[1]
    k_all, m_all, tall = len(means), len(volumes), precisions.shape[1]
    columns, most = np.empty(d, np.int64), 0
    o = 0
    for run in range(len(alike)):
        if not alike[run]:
            o = _ordered(x[bounds[run]], columns)
            for km in range(m_all):
                most = max(most, d - o if precise[km] and 2 * (d - o) <= d else o)
    triangle = most * (most + 1) // 2
    z, seen = np.empty((d, tile)), np.ones((1 + d, tile))
    e, small = np.ones((k_all, 1 + d, tile)), np.empty((m_all, triangle, tile))
    joint, re = np.zeros((len(base), tile)), np.empty((tall + BLOCK, tile))
    work, y, roots = np.empty((tall, tile)), np.empty((most, tile)), np.empty((most, tile))
    lower, half = np.empty((triangle, tile)), np.empty((triangle, tile))
    parts, where = np.empty((5, tile)), np.empty((2, d, tile), np.int64)
    top, total, log = np.empty(tile), np.empty(tile), np.empty(tile)
    power = np.empty(tile, np.int64)
    whitener = np.empty((m_all, tall, 1 + d))
    between, left = np.empty((m_all, d, d)), np.empty((m_all, d, d))
    square, own = np.empty((d, d)), np.empty(m_all)
    part = np.empty((k_all, tall + BLOCK, 1 + d))
    whole, log_likelihood = parts[0], 0.0
    for run in range(len(alike)):
        start, stop, mixed = bounds[run], bounds[run + 1], not alike[run]
        if not mixed:
            o = _ordered(x[start], columns)
            high = -(-o // BLOCK) * BLOCK
            for km in range(m_all):
                own[km] = _marginal(
                    correlations[km],
                    columns,
                    o,
                    whitener[km, :high],
                    between[km],
                    left[km],
                    square,
                )
            for k in range(k_all):
                for i in range(part.shape[1]):
                    for j in range(1 + o):
                        part[k, i, j] = 0.0
        for at in range(start, stop, tile):
            n = min(tile, stop - at)
            if mixed:
                o = _gathered(x, at, n, z, seen)
                _mixed(
                    n,
                    o,
                    precise,
                    z,
                    seen,
                    base,
                    means,
                    inverse,
                    correlations,
                    precisions,
                    whiteners,
                    volumes,
                    several,
                    joint,
                    e,
                    small,
                    where,
                    work,
                    y,
                    roots,
                    lower,
                    half,
                    parts,
                    power,
                )
            else:
                _alike(
                    x,
                    at,
                    n,
                    o,
                    columns,
                    z,
                    base,
                    means,
                    inverse,
                    whitener,
                    own,
                    several,
                    joint,
                    e,
                    work,
                    parts[4],
                )
            log_likelihood += _of_tile(
                joint, k_all, at, n, w, given, distant, top, total, log, power, density, r, labels
            )
            if len(sums):
                for t in range(n):
                    whole[t] = 0.0
                for k in range(k_all):
                    into = sums[k] if mixed else part[k]
                    _added(joint[k], total, e[k], d if mixed else o, n, re, into)
                    row = re[0]
                    for t in range(n):
                        whole[t] = row[t] if several else whole[t] + row[t]
                    if mixed and (several or k == k_all - 1):
                        km = k if several else 0
                        if precise[km] and 2 * (d - o) <= d:
                            _spread(whole, where[0], small[km], d - o, n, spread[km])
                        else:
                            _spread(whole, where[1], small[km], o, n, padded[km])
                            counts[km] += _sum(whole, n)
            if len(completed):
                for i in range(d if mixed else o):
                    j, row = i if mixed else columns[i], e[0, 1 + i]
                    for t in range(n):
                        completed[at + t, j] = row[t]
                for a in range(0 if mixed else d - o):
                    for t in range(n):
                        s = 0.0
                        for i in range(o):
                            s += between[0, a, i] * e[0, 1 + i, t]
                        completed[at + t, columns[o + a]] = s
        if len(sums) and not mixed:
            for k in range(k_all):
                km = k if several else 0
                _restored(part[k], columns, o, between[km], left[km], square, sums[k])
    return log_likelihood


@compiled()
def _independent(
    x: Array,
    w: Array,
    given: Array,
    base: Array,
    means: Array,
    inverse: Array,
    tile: int,
    distant: float,
    density: Array,
    r: Array,
    labels: Index,
    seen_by: Array,
    sums: Array,
    squares: Array,
) -> float:
    """The same where columns are independent: what is missing is not looked at.

    Into ``seen_by`` (K', 1 + D) go the counts, and those of rows that have each column; into
    ``sums`` and ``squares`` (K, D) those of residuals in units of the component.
    """
    n_rows, d = x.shape
    k_all = len(means)
    z, seen, e = np.empty((d, tile)), np.ones((1 + d, tile)), np.empty((1 + d, tile))
    joint, length = np.zeros((len(base), tile)), np.empty(tile)
    top, total, log = np.empty(tile), np.empty(tile), np.empty(tile)
    power = np.empty(tile, np.int64)
    log_likelihood = 0.0
    for at in range(0, n_rows, tile):
        n = min(tile, n_rows - at)
        _gathered(x, at, n, z, seen)
        _products(base, 0, 1 + d, seen, n, joint)
        for k in range(k_all):
            _residuals(z, seen, means[k], inverse[k], n, e)
            _squares(e[1:], d, n, length)
            row = joint[k]
            for t in range(n):
                row[t] -= 0.5 * length[t]
        log_likelihood += _of_tile(
            joint, k_all, at, n, w, given, distant, top, total, log, power, density, r, labels
        )
        if len(sums):
            for k in range(k_all):
                row = joint[k]
                for t in range(n):
                    row[t] *= total[t]
                _residuals(z, seen, means[k], inverse[k], n, e)
                for j in range(d):
                    column, s, v = e[1 + j], 0.0, 0.0
                    for t in range(n):
                        s += row[t] * column[t]
                        v += row[t] * column[t] * column[t]
                    sums[k, j] += s
                    squares[k, j] += v
            _add(joint, 0, 1 + d, seen, n, seen_by)
    return log_likelihood


_NONE, _NO_LABELS = np.empty((0, 0)), np.empty(0, dtype=np.int64)
_NO_SUMS = np.empty((0, 0, 0))


def _padded(matrices: Array) -> Array:
    """Matrices (M, D, D) with a column of zeros before them and rows of zeros after them."""
    m, d, _ = matrices.shape
    wide = np.zeros((m, -(-d // BLOCK) * BLOCK, 1 + d))
    wide[:, :d, 1:] = matrices
    return wide


def _base(model: Matrices) -> Array:
    """Log weights, and the log normaliser of each column of each component, (K', 1 + D)."""
    k, d = model.means.shape
    base = np.zeros((-(-k // BLOCK) * BLOCK, 1 + d))
    with np.errstate(divide="ignore"):
        base[:k, 0] = np.log(model.weights)
    base[:k, 1:] = -np.log(model.scales) - 0.5 * LOG_2PI
    return base


def tile_rows(numbers: int) -> int:
    """Rows in a tile, so that so many numbers fit."""
    return min(max(numbers // LEAST * LEAST, LEAST), MOST)


def _tile(model: Matrices, q: int) -> int:
    """Rows in a tile, so that what is held of all components fits."""
    k, d = model.means.shape
    return tile_rows(NUMBERS // (k * (1 + d) + max(len(model.volumes), 1) * q * (q + 1) // 2))


class _Asked:
    """What is asked of rows with gaps; arrays without rows are not."""

    def __init__(self, x: Rows, gaps: Layout, model: Matrices) -> None:
        self.model, self.gaps = model, gaps
        self.rows = np.ascontiguousarray(x[gaps.with_gaps], dtype=np.float64)
        n = len(self.rows)
        self.weights, self.given = np.ones(n), _NONE
        self.density, self.r, self.labels = np.zeros(n), _NONE, _NO_LABELS
        self.completed = _NONE
        k, d = model.means.shape
        self.tall = -(-d // BLOCK) * BLOCK
        self.sums = self.spread = self.padded = _NO_SUMS
        self.counts = np.zeros(len(model.volumes))
        self.seen_by, self.squares = np.zeros((-(-k // BLOCK) * BLOCK, 1 + d)), _NONE

    def add_up(self) -> None:
        """Ask for sums."""
        k, d = self.model.means.shape
        if not len(self.model.correlations):
            self.sums, self.squares = np.zeros((k, d)), np.zeros((k, d))
            return
        self.sums = np.zeros((k, self.tall + BLOCK, 1 + d))
        self.spread = np.zeros((len(self.model.volumes), d, d))
        self.padded = np.zeros_like(self.spread)

    def answer(self) -> float:
        """Fill in what is asked for; the log-likelihood."""
        model = self.model
        scales = (_base(model), model.means, 1.0 / model.scales)
        asked = (self.density, self.r, self.labels)
        if not len(model.correlations):
            sums = self.sums if self.sums.ndim == 2 else _NONE
            tile = tile_rows(NUMBERS // (8 * len(scales[0])))
            return _independent(
                self.rows,
                self.weights,
                self.given,
                *scales,
                tile,
                reference.DISTANT,
                *asked,
                self.seen_by,
                sums,
                self.squares,
            )
        correlations, precisions, whiteners = map(
            _padded, (model.correlations, model.precisions, model.whiteners)
        )
        return _dense(
            self.rows,
            self.weights,
            self.gaps.bounds,
            self.gaps.alike,
            self.given,
            *scales,
            correlations,
            precisions,
            whiteners,
            model.volumes,
            model.precise,
            len(model.volumes) > 1,
            _tile(model, model.means.shape[1] // 4),
            reference.DISTANT,
            *asked,
            self.completed,
            self.sums,
            self.spread,
            self.padded,
            self.counts,
        )

    @property
    def distant(self) -> NDArray[np.int32]:
        """Rows that are too far away for this dialect, as numbers of the block."""
        return self.gaps.with_gaps[~(np.abs(self.density) < reference.DISTANT)]

    def statistics(self) -> tuple[Array, Array, Array]:
        """Counts, sums and products about the means, in the rows' own units."""
        model = self.model
        k, d = model.means.shape
        if not len(model.correlations):
            counts = self.seen_by[:k, 0].copy()
            squares = self.squares + (counts[:, None] - self.seen_by[:k, 1:])
            squares *= model.scales**2
            products = squares if model.moment is DIAGONAL else squares.sum(axis=1)
            return counts, self.sums * model.scales, products
        counts, sums = self.sums[:, 0, 0].copy(), self.sums[:, 1 : 1 + d, 0]
        products = _symmetric(self.sums[:, 1 : 1 + d, 1:])
        left = _symmetric(self.spread)
        if self.counts.any():
            r = model.correlations
            left += self.counts[:, None, None] * r - r @ _symmetric(self.padded) @ r
        if model.moment is FULL:
            units = model.scales[:, :, None] * model.scales[:, None, :]
            return counts, sums * model.scales, (products + left) * units
        assert model.moment is POOLED
        units = model.scales[0, :, None] * model.scales[0]
        return counts, sums * model.scales, (products.sum(axis=0) + left[0]) * units


def _symmetric(lower: Array) -> Array:
    """Symmetric matrices from their lower triangles."""
    low = np.tril(lower)
    return low + np.swapaxes(np.tril(lower, -1), 1, 2)


def expectation(
    x: Rows, w: Array, gaps: Layout, model: Matrices
) -> tuple[Array, Array, Array, float]:
    """The E-step of rows with some gaps: as `with_gaps_reference.expectation`."""
    asked = _Asked(x, gaps, model)
    asked.weights = np.require(w[gaps.with_gaps], np.float64, ["C", "W"])
    asked.add_up()
    log_likelihood = asked.answer()
    counts, sums, products = asked.statistics()
    distant = asked.distant
    if len(distant):
        more = with_gaps_reference.sums_of(x, w, distant, model)
        counts, sums, products = counts + more[0], sums + more[1], products + more[2]
        log_likelihood += more[3]
    return counts, sums, products, log_likelihood


def accumulation(x: Rows, r: Array, gaps: Layout, model: Matrices) -> tuple[Array, Array, Array]:
    """The same sums under given responsibilities, (B, K)."""
    asked = _Asked(x, gaps, model)
    asked.given = np.ascontiguousarray(r[gaps.with_gaps], dtype=np.float64)
    asked.add_up()
    if len(asked.rows):
        asked.answer()
    return asked.statistics()


def posterior(x: Rows, gaps: Layout, model: Matrices) -> tuple[Array, Array]:
    """Log density (B,) and responsibilities (B, K) of rows with some gaps; zeros for others."""
    asked, index = _Asked(x, gaps, model), gaps.with_gaps
    asked.r = np.empty((len(index), len(model.means)))
    asked.answer()
    density, r = np.zeros(len(x)), np.zeros((len(x), len(model.means)))
    density[index], r[index] = asked.density, asked.r
    distant = asked.distant
    if len(distant):
        found = with_gaps_reference.posterior_of(x, distant, model)
        density[distant], r[distant] = found[0][distant], found[1][distant]
    return density, r


def log_density(x: Rows, gaps: Layout, model: Matrices) -> Array:
    """Log density (B,) of rows with some gaps; zeros for others."""
    asked, density = _Asked(x, gaps, model), np.zeros(len(x))
    asked.answer()
    density[gaps.with_gaps] = asked.density
    distant = asked.distant
    if len(distant):
        density[distant] = with_gaps_reference.posterior_of(x, distant, model)[0][distant]
    return density


def labels(x: Rows, gaps: Layout, model: Matrices) -> NDArray[np.int64]:
    """The likeliest component of rows with some gaps, (B,); zeros for others."""
    asked, found = _Asked(x, gaps, model), np.zeros(len(x), dtype=np.int64)
    asked.labels = np.empty(len(asked.rows), dtype=np.int64)
    asked.answer()
    found[gaps.with_gaps] = asked.labels
    distant = asked.distant
    if len(distant):
        r = with_gaps_reference.posterior_of(x, distant, model)[1]
        found[distant] = r[distant].argmax(axis=1)
    return found


def completed(x: Rows, model: Matrices) -> Array:
    """Rows (B, D) with what is missing as the first component expects it."""
    filled = np.array(x, dtype=np.float64)
    gaps = layout(x)
    asked = _Asked(x, gaps, model)
    mean, scale = model.means[0], model.scales[0]
    if len(model.correlations):
        asked.given = np.ones((len(asked.rows), len(model.means)))
        asked.completed = np.empty_like(asked.rows)
        if len(asked.rows):
            asked.answer()
        expected = mean + scale * asked.completed
    else:
        expected = np.broadcast_to(mean, asked.rows.shape)
    filled[gaps.with_gaps] = np.where(np.isnan(asked.rows), expected, asked.rows)
    filled[gaps.empty] = mean
    return filled
