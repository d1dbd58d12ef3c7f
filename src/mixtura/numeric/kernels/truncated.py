"""Truncated posteriors: for each row a few components, found among the neighbours of the last few.

Of a row's components the state keeps the likeliest ones. The next pass looks at those, at what is
near to the first of them and at two drawn by lot, and keeps the likeliest again; no other component
costs anything [@ForsterLuecke2018] [@Hirschberger2022]. Rows are brought together by component, so
that inner loops run along rows; each component is computed about its own mean. By Numba.

A row's state is one line of integers: the row's number, then its components, the likeliest first.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.compiled import compiled
from mixtura.numeric.kernels.operands import Operands
from mixtura.numeric.moments import DIAGONAL, FULL, POOLED, TRACE, Moment

Array = NDArray[np.float64]
Integers = NDArray[np.int32]
Rows = NDArray[np.generic]

STRIP = 256
"""Rows computed at a time, at the most, for one component: the first cache."""

LANES = 8
"""Columns of a factor that one loop takes."""

PRODUCTS: dict[Moment, int] = {DIAGONAL: 0, TRACE: 0, FULL: 1, POOLED: 2}
"""Which products of the residuals are added: squares, all, or all of all components together."""


class Centred(NamedTuple):
    """Components about their own means, in coordinates z = (x − origin) U, or x itself."""

    operands: Operands
    unit: Array | None  # (D, D): U, where all components share a covariance
    means: Array  # (K, D), in those coordinates
    factors: Array  # (K, D, ≥ D): lower W with Σ⁻¹ = WᵀW; empty where scales serve
    scales: Array  # (K, D): reciprocal standard deviations; empty where factors serve
    constants: Array  # (K,)


_NO_FACTORS, _NO_SCALES = np.empty((0, 0, 0)), np.empty((0, 0))


def centred(operands: Operands, roots: Array) -> Centred:
    """What the functions below read, from operands and the upper factors of the precisions."""
    means, constants = np.ascontiguousarray(operands.means), operands.constants
    unit, factors, scales = None, _NO_FACTORS, _NO_SCALES
    if operands.moment is FULL:
        k, d, _ = roots.shape
        factors = np.zeros((k, d, -(-d // LANES) * LANES))
        factors[:, :, :d] = np.swapaxes(roots, 1, 2)
    elif operands.moment is DIAGONAL:
        scales = np.ascontiguousarray(np.broadcast_to(roots, means.shape))
    elif operands.moment is TRACE:
        scales = np.ascontiguousarray(np.broadcast_to(roots[:, None], means.shape))
    else:
        unit, scales = roots, np.ones_like(means)
        means = np.ascontiguousarray((means - operands.origin) @ unit)
    return Centred(operands, unit, means, factors, scales, constants)


@compiled()
def _drawn(row: Any, turn: int, n: int) -> Any:
    """A number below n by lot, from the row's number and the pass's: the mixer of SplitMix64."""
    h = np.uint64(row) * np.uint64(0x9E3779B97F4A7C15)
    h ^= np.uint64(turn + 1) * np.uint64(0xD1B54A32D192ED03)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    h = h ^ (h >> np.uint64(31))
    return np.int64(h % np.uint64(n))


@compiled()
def _joint_scaled(
    rows: Array, n: int, k: Any, means: Array, scales: Array, out: Array, p: int
) -> None:
    """The part of `_joint` that depends on the rows, where components have scales."""
    d = len(rows)
    j = 0
    while j + 3 < d:
        s0, s1, s2, s3 = scales[k, j], scales[k, j + 1], scales[k, j + 2], scales[k, j + 3]
        m0, m1, m2, m3 = means[k, j], means[k, j + 1], means[k, j + 2], means[k, j + 3]
        for t in range(n):
            v0, v1 = s0 * (rows[j, t] - m0), s1 * (rows[j + 1, t] - m1)
            v2, v3 = s2 * (rows[j + 2, t] - m2), s3 * (rows[j + 3, t] - m3)
            out[p, t] -= 0.5 * (v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3)
        j += 4
    while j < d:
        s0, m0 = scales[k, j], means[k, j]
        for t in range(n):
            v0 = s0 * (rows[j, t] - m0)
            out[p, t] -= 0.5 * v0 * v0
        j += 1


@compiled()
def _joint_factored(
    rows: Array,
    n: int,
    k: Any,
    means: Array,
    factors: Array,
    residual: Array,
    y: Array,
    out: Array,
    p: int,
) -> None:
    """The part of `_joint` that depends on the rows, where components have factors.

    Columns of factors, and lines of residuals, are filled up with zeros to a multiple of eight.
    """
    d = len(rows)
    for j in range(d):
        m0 = means[k, j]
        for t in range(n):
            residual[j, t] = rows[j, t] - m0
    for i in range(d):
        last = i - i % LANES
        if i % LANES < 4:
            w0, w1 = factors[k, i, last], factors[k, i, last + 1]
            w2, w3 = factors[k, i, last + 2], factors[k, i, last + 3]
            if last == 0:
                for t in range(n):
                    v = w0 * residual[0, t] + w1 * residual[1, t]
                    v += w2 * residual[2, t] + w3 * residual[3, t]
                    out[p, t] -= 0.5 * v * v
                continue
            for t in range(n):
                v = w0 * residual[last, t] + w1 * residual[last + 1, t]
                y[t] = v + w2 * residual[last + 2, t] + w3 * residual[last + 3, t]
        else:
            j = last
            w0, w1 = factors[k, i, j], factors[k, i, j + 1]
            w2, w3 = factors[k, i, j + 2], factors[k, i, j + 3]
            w4, w5 = factors[k, i, j + 4], factors[k, i, j + 5]
            w6, w7 = factors[k, i, j + 6], factors[k, i, j + 7]
            if last == 0:
                for t in range(n):
                    v = w0 * residual[0, t] + w1 * residual[1, t]
                    v += w2 * residual[2, t] + w3 * residual[3, t]
                    v += w4 * residual[4, t] + w5 * residual[5, t]
                    v += w6 * residual[6, t] + w7 * residual[7, t]
                    out[p, t] -= 0.5 * v * v
                continue
            for t in range(n):
                v = w0 * residual[j, t] + w1 * residual[j + 1, t]
                v += w2 * residual[j + 2, t] + w3 * residual[j + 3, t]
                v += w4 * residual[j + 4, t] + w5 * residual[j + 5, t]
                y[t] = v + w6 * residual[j + 6, t] + w7 * residual[j + 7, t]
        for j in range(0, last, LANES):
            w0, w1 = factors[k, i, j], factors[k, i, j + 1]
            w2, w3 = factors[k, i, j + 2], factors[k, i, j + 3]
            w4, w5 = factors[k, i, j + 4], factors[k, i, j + 5]
            w6, w7 = factors[k, i, j + 6], factors[k, i, j + 7]
            for t in range(n):
                v = w0 * residual[j, t] + w1 * residual[j + 1, t]
                v += w2 * residual[j + 2, t] + w3 * residual[j + 3, t]
                v += w4 * residual[j + 4, t] + w5 * residual[j + 5, t]
                y[t] += v + w6 * residual[j + 6, t] + w7 * residual[j + 7, t]
        for t in range(n):
            out[p, t] -= 0.5 * y[t] * y[t]


@compiled()
def _joint(
    rows: Array,
    n: int,
    k: Any,
    means: Array,
    factors: Array,
    scales: Array,
    constants: Array,
    residual: Array,
    y: Array,
    out: Array,
    p: int,
) -> None:
    """Log joint densities of n rows, of (D, STRIP), with component k, into line p of out.

    Few rows come together for one component, so loops are few, and nothing is stored between them
    up to eight columns.
    """
    constant = constants[k]
    for t in range(n):
        out[p, t] = constant
    if len(scales):
        _joint_scaled(rows, n, k, means, scales, out, p)
    else:
        _joint_factored(rows, n, k, means, factors, residual, y, out, p)


@compiled()
def _insert(joint: Array, kept: Integers, i: Any, at: int, value: Any, k: Any) -> None:
    """Put a component in its place among those of row i, at a place or before it."""
    while at > 0 and value > joint[i, at - 1]:
        joint[i, at] = joint[i, at - 1]
        kept[i, 1 + at] = kept[i, at]
        at -= 1
    joint[i, at] = value
    kept[i, 1 + at] = k


@compiled()
def _order(first: Integers, n_components: int) -> Integers:
    """Row numbers sorted by a component each, rows of one component in their order."""
    start = np.zeros(n_components + 1, np.int64)
    for k in first:
        start[k + 1] += 1
    for k in range(n_components):
        start[k + 1] += start[k]
    order = np.empty(len(first), np.int32)
    for i in range(len(first)):
        order[start[first[i]]] = i
        start[first[i]] += 1
    return order


@compiled()
def _first(
    x: Array,
    kept: Integers,
    joint: Array,
    among: Integers,
    means: Array,
    factors: Array,
    scales: Array,
    constants: Array,
) -> None:
    """The likeliest of some components for each row, into kept; their log joints into joint."""
    n_rows, d = x.shape
    size = joint.shape[1]
    rows, residual, y = np.empty((d, STRIP)), np.zeros((d + LANES, STRIP)), np.empty(STRIP)
    value = np.empty((1, STRIP))
    for at in range(0, n_rows, STRIP):
        n = min(STRIP, n_rows - at)
        for t in range(n):
            for j in range(d):
                rows[j, t] = x[at + t, j]
        for number in range(len(among)):
            k = among[number]
            _joint(rows, n, k, means, factors, scales, constants, residual, y, value, 0)
            for t in range(n):
                i = at + t
                if number < size:
                    _insert(joint, kept, i, number, value[0, t], k)
                elif value[0, t] > joint[i, size - 1]:
                    _insert(joint, kept, i, size - 1, value[0, t], k)


@compiled()
def _joint_of(
    x: Array, i: Any, k: Any, means: Array, factors: Array, scales: Array, constants: Array
) -> Any:
    """As `_joint`, of row i of (B, D) alone."""
    d = x.shape[1]
    total = 0.0
    if len(scales):
        for j in range(d):
            r = scales[k, j] * (x[i, j] - means[k, j])
            total += r * r
    else:
        for g in range(d):
            r = 0.0
            for j in range(g + 1):
                r += factors[k, g, j] * (x[i, j] - means[k, j])
            total += r * r
    return constants[k] - 0.5 * total


@compiled()
def _around(
    k: Any, size: int, neighbours: Integers, place: NDArray[np.int64], shared: Integers
) -> int:
    """Neighbours of a component's first neighbours, into shared; how many, and which place each."""
    n = 0
    for c in range(min(size, neighbours.shape[1])):
        for other in neighbours[neighbours[k, c]]:
            if place[other] < 0:
                place[other] = n
                shared[n] = other
                n += 1
    return n


@compiled()
def _holds(kept: Integers, i: Any, size: int, k: Any) -> bool:
    """Whether a component is among those of row i."""
    found = False
    for c in range(size):
        found |= kept[i, 1 + c] == k
    return found


@compiled()
def _search(
    x: Array,
    kept: Integers,
    joint: Array,
    neighbours: Integers,
    turn: int,
    means: Array,
    factors: Array,
    scales: Array,
    constants: Array,
) -> None:
    """The likeliest candidates of each row, into kept; their log joints, into joint.

    Rows come sorted by their first component.
    """
    n_rows, d = x.shape
    k_all, width = neighbours.shape
    size = joint.shape[1]
    first = kept[:, 1].copy()
    shared, place = np.empty(min(size * width, k_all), np.int32), np.full(k_all, -1, np.int64)
    n_shared, middle = 0, -1
    values = np.empty((len(shared), STRIP))
    rows, residual, y = np.empty((d, STRIP)), np.zeros((d + LANES, STRIP)), np.empty(STRIP)
    before, worst = np.empty((1, 1 + size), np.int32), np.empty(STRIP)
    at = 0
    while at < n_rows:
        if first[at] != middle:
            for p in range(n_shared):
                place[shared[p]] = -1
            middle = first[at]
            n_shared = _around(middle, size, neighbours, place, shared)
        n = 0
        while at + n < n_rows and n < STRIP and first[at + n] == middle:
            for j in range(d):
                rows[j, n] = x[at + n, j]
            n += 1
        for p in range(n_shared):
            _joint(rows, n, shared[p], means, factors, scales, constants, residual, y, values, p)
        for t in range(n):
            i = at + t
            for c in range(size):
                before[0, 1 + c] = kept[i, 1 + c]
            # Those kept come first: with a tie they stay.
            for c in range(size):
                k = before[0, 1 + c]
                if place[k] >= 0:
                    value = values[place[k], t]
                    values[place[k], t] = -np.inf
                else:
                    value = _joint_of(x, i, k, means, factors, scales, constants)
                _insert(joint, kept, i, c, value, k)
            for lot in range(2):
                if lot == 0:
                    k = _drawn(kept[i, 0], 2 * turn, k_all)
                else:
                    number = _drawn(kept[i, 0], 2 * turn + 1, size * width)
                    k = neighbours[before[0, 1 + number // width], number % width]
                if place[k] < 0 and not _holds(before, 0, size, k):
                    value = _joint_of(x, i, k, means, factors, scales, constants)
                    if value > joint[i, size - 1] and not _holds(kept, i, size, k):
                        _insert(joint, kept, i, size - 1, value, k)
            worst[t] = joint[i, size - 1]
        for p in range(n_shared):
            better = False
            for t in range(n):
                better |= values[p, t] > worst[t]
            if better:
                for t in range(n):
                    if values[p, t] > worst[t]:
                        i = at + t
                        _insert(joint, kept, i, size - 1, values[p, t], shared[p])
                        worst[t] = joint[i, size - 1]
        at += n


@compiled()
def _posterior(joint: Array, w: Array, density: Array) -> float:
    """Weight times posterior in place of log joints (B, C); log densities; Σ w log density."""
    n_rows, size = joint.shape
    total = 0.0
    for i in range(n_rows):
        top = joint[i, 0]
        whole = 0.0
        for c in range(size):
            r = 1.0 if c == 0 else 0.0  # out of reach of every component it is the first's
            if np.isfinite(top):
                r = np.exp(joint[i, c] - top)
            joint[i, c] = r
            whole += r
        density[i] = top + np.log(whole)
        share = w[i] / whole
        for c in range(size):
            joint[i, c] *= share
        if w[i] > 0:  # an absent row may lie where its density is minus infinity
            total += density[i] * w[i]
    return total


@compiled()
def _add(
    residual: Array, weight: Array, weighted: Array, n: int, kind: int, sums: Array, products: Array
) -> None:
    """Sums of n residuals (D, STRIP), and their products, to those of one component.

    Sums have loops of their own, without a store, so that their bits hang on nothing else.
    """
    for i in range(len(sums)):
        row = residual[i]
        for t in range(n):
            weighted[t] = weight[t] * row[t]
        s = 0.0
        for t in range(n):
            s += weighted[t]
        sums[i] += s
        j = 0
        if kind == 0:
            s = 0.0
            for t in range(n):
                s += weighted[t] * row[t]
            products[i, 0] += s
            j = i + 1
        while j + 3 <= i:
            r0, r1, r2, r3 = residual[j], residual[j + 1], residual[j + 2], residual[j + 3]
            s0 = s1 = s2 = s3 = 0.0
            for t in range(n):
                v = weighted[t]
                s0 += v * r0[t]
                s1 += v * r1[t]
                s2 += v * r2[t]
                s3 += v * r3[t]
            products[i, j] += s0
            products[i, j + 1] += s1
            products[i, j + 2] += s2
            products[i, j + 3] += s3
            j += 4
        while j <= i:
            other = residual[j]
            s = 0.0
            for t in range(n):
                s += weighted[t] * other[t]
            products[i, j] += s
            j += 1


@compiled()
def _sums(
    x: Array, kept: Integers, r: Array, means: Array, kind: int
) -> tuple[Array, Array, Array]:
    """Counts (K,), sums (K, D) and products of residuals under posteriors r of what is kept."""
    n_rows, size = r.shape
    k_all, d = means.shape
    ids = np.empty(n_rows * size, np.int32)
    for i in range(n_rows):
        for c in range(size):
            ids[i * size + c] = kept[i, 1 + c]
    order = _order(ids, k_all)
    share = r.ravel()
    residual, weight, weighted = np.empty((d, STRIP)), np.empty(STRIP), np.empty(STRIP)
    counts, sums = np.zeros(k_all), np.zeros((k_all, d))
    products = np.zeros((1 if kind == 2 else k_all, d, 1 if kind == 0 else d))
    start = 0
    while start < len(order):
        k = ids[order[start]]
        n = 0
        while start < len(order) and n < STRIP and ids[order[start]] == k:
            p = order[start]
            start += 1
            if share[p] > 0.0:
                weight[n] = share[p]
                for j in range(d):
                    residual[j, n] = x[p // size, j] - means[k, j]
                n += 1
        s = 0.0
        for t in range(n):
            s += weight[t]
        counts[k] += s
        _add(residual, weight, weighted, n, kind, sums[k], products[0 if kind == 2 else k])
    if kind != 0:
        for k in range(len(products)):
            for i in range(d):
                for j in range(i):
                    products[k, j, i] = products[k, i, j]
    return counts, sums, products


def _placed(x: NDArray[Any], model: Centred) -> Array:
    """Rows in the coordinates of the components, float64."""
    if model.unit is not None:
        x = np.subtract(x, model.operands.origin) @ model.unit
    return np.require(x, np.float64, ["C", "W"])


def _sought(
    x: Rows, kept: Integers, neighbours: Integers, turn: int, model: Centred
) -> tuple[NDArray[np.int32], Array, Integers, Array]:
    """A search: the order that brings rows together, and in it rows, their state and log joints.

    In that order all of it is read from the first to the last, which is what memory is fast at.
    """
    order = _order(np.ascontiguousarray(kept[:, 1]), len(model.means))
    placed, mine = _placed(x, model)[order], kept[order]
    joint = np.empty((len(x), kept.shape[1] - 1))
    _search(placed, mine, joint, neighbours, turn, *model[2:])
    kept[order] = mine
    return order, placed, mine, joint


def first(x: Rows, kept: Integers, among: Integers, model: Centred) -> None:
    """Write into the state of rows the likeliest of some components, of at least as many."""
    joint = np.empty((len(x), kept.shape[1] - 1))
    _first(_placed(x, model), kept, joint, among, *model[2:])


def search(x: Rows, kept: Integers, neighbours: Integers, turn: int, model: Centred) -> Array:
    """Write into the state of rows the likeliest of their candidates.

    Parameters
    ----------
    x : array, shape (B, D)
    kept : array of int32, shape (B, 1 + C)
        The state of the rows; components differ from one another. It is changed in place.
    neighbours : array of int32, shape (K, G)
    turn : int
        The number of the pass: in each of them other components are drawn.
    model : Centred

    Returns
    -------
    array, shape (B,)
        Log density of each row by what is kept, never above the true one.
    """
    order, _, _, joint = _sought(x, kept, neighbours, turn, model)
    sorted_density, density = np.empty(len(x)), np.empty(len(x))
    _posterior(joint, np.ones(len(x)), sorted_density)
    density[order] = sorted_density
    return density


def expectation(
    x: Rows, w: Array, kept: Integers, neighbours: Integers, turn: int, model: Centred
) -> tuple[Array, Array, Array, float]:
    """The E-step of a block, with a search as `search` makes it.

    Returns
    -------
    counts, sums, products
        As of `reference.expectation`, about the components' own means.
    bound : float
        Σ w log p(x) by what is kept.
    """
    order, placed, mine, joint = _sought(x, kept, neighbours, turn, model)
    weights = np.asarray(w, dtype=np.float64)[order]
    bound = _posterior(joint, weights, np.empty(len(x)))
    moment, transform = model.operands.moment, model.operands.transform
    counts, sums, found = _sums(placed, mine, joint, model.means, PRODUCTS[moment])
    products: Any = found
    if moment is DIAGONAL:
        products = found[:, :, 0]
    elif moment is TRACE:
        products = found[:, :, 0].sum(axis=1)
    elif moment is POOLED:
        assert transform is not None
        sums, products = sums @ transform.T, moment.restore(found[0], transform)
    return counts, sums, products, bound
