"""The M-step of factor analysers: loadings and variances of the largest likelihood.

With one noise variance for all features, and loadings of each component's own, they are principal
components, in closed form [@TippingBishop1999]; so are those that all components share, of all rows
together. Other forms climb: given loadings and variances, factors are expected as in EM, the
loadings are the best for them, then the variances [@RubinThayer1982]. No round lowers the
likelihood, but there may be thousands of them. So a quasi-Newton method goes on after the first
ones: to the end from a cold start, and for some steps in a fit, where passes over the data follow.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance.factor_form import Form

Array = NDArray[np.float64]

FIRST = 30
"""Rounds from a cold start, at the most, before the quasi-Newton method goes on."""

NEXT = 3
"""Rounds from the end of the last M-step."""

STEPS = 2_000, 20
"""Steps of that method, at the most, in the two cases."""

GAIN = 1e-10
"""Nats per row, below which a round is the last."""

LEAST = 1e-6
"""Noise has no less than this part of the variance of its column in a component: where one column
tells a factor all by itself, its noise would vanish."""


class Analysers(NamedTuple):
    """Loadings and noise variances of K components."""

    loadings: Array  # (K, D, H)
    variances: Array  # (K, D)


def cold(form: Form, counts: Array, scatter: Array, n_factors: int) -> Analysers:
    """The likeliest of a form, from second moments (K, D, D) of counts rows alone."""
    share, matrices = _shares(counts), _matrices(counts, scatter)
    if form.isotropic and (not form.loadings or form.volume):
        return principal(form, share, matrices, n_factors)
    unit = _unit(form, share, matrices)
    matrices = matrices / (unit[:, None] * unit)
    together = np.einsum("k,kij->ij", share, matrices)[None]
    ends: list[Analysers] = []
    for given in [together] if form.loadings else [matrices, together]:
        first, times = _first(given, n_factors), len(matrices) // len(given)
        loadings, squares = (np.repeat(part, times, axis=0) for part in first)
        begin = Analysers(loadings, form.variances(share, squares))
        begin = climbed(form, share, matrices, begin, FIRST)
        ends.append(polished(form, share, matrices, begin, STEPS[0]))
    found = max(ends, key=lambda end: _slopes(share, matrices, end)[0])
    return Analysers(found.loadings * unit[:, None], found.variances * unit**2)


def warm(form: Form, counts: Array, scatter: Array, last: Analysers) -> Analysers:
    """From the end of the last M-step: no less likely. A component of no rows stays as it was."""
    share, matrices = _shares(counts), _matrices(counts, scatter)
    empty = counts <= 0
    if empty.any():
        dense = last.loadings @ np.swapaxes(last.loadings, 1, 2)
        dense += last.variances[:, :, None] * np.eye(last.variances.shape[1])
        matrices[empty] = dense[empty]
    if form.isotropic and (not form.loadings or form.volume):
        return principal(form, share, matrices, last.loadings.shape[2])
    unit = _unit(form, share, matrices)
    matrices = matrices / (unit[:, None] * unit)
    here = Analysers(last.loadings / unit[:, None], last.variances / unit**2)
    begin = climbed(form, share, matrices, _steepest(form, share, matrices, here), NEXT)
    found = polished(form, share, matrices, begin, STEPS[1])
    if not _slopes(share, matrices, found)[0] >= _slopes(share, matrices, here)[0]:
        return last  # as near to the end as rounding lets it come
    return Analysers(found.loadings * unit[:, None], found.variances * unit**2)


def _unit(form: Form, share: Array, matrices: Array) -> Array:
    """Units in which columns spread alike, (D,); one unit where noise is one for all columns."""
    spread = share @ np.diagonal(matrices, axis1=1, axis2=2)
    unit = np.sqrt(np.full_like(spread, spread.mean()) if form.isotropic else spread)
    return np.where(unit > 0, unit, 1.0)


def _least(form: Form, share: Array, matrices: Array) -> Array:
    """The least variances of noise, (K, D)."""
    spread = np.diagonal(matrices, axis1=1, axis2=2)
    tiny = np.where(share > 0, 1.0, 0.0)[:, None]  # a component of no rows has no say
    least = LEAST * np.where(spread > 0, spread, 1.0) * tiny
    if form.isotropic:
        least = np.broadcast_to(least.mean(axis=1, keepdims=True), spread.shape)
    if form.shape or form.volume:
        least = np.broadcast_to((share @ least)[None], spread.shape)
    return least


def _shares(counts: Array) -> Array:
    """Of all rows, (K,)."""
    total = counts.sum()
    return counts / total if total > 0 else np.full(len(counts), 1.0 / len(counts))


def _matrices(counts: Array, scatter: Array) -> Array:
    """S_k, (K, D, D); of a component of no rows, that of all rows."""
    matrices = scatter / np.where(counts > 0, counts, 1.0)[:, None, None]
    if (counts <= 0).any():
        matrices[counts <= 0] = np.einsum("k,kij->ij", _shares(counts), matrices)
    return 0.5 * (matrices + np.swapaxes(matrices, 1, 2))


def principal(form: Form, share: Array, matrices: Array, n_factors: int) -> Analysers:
    """Principal components: the eigenvalues that are left are the variance of the noise."""
    k, d = matrices.shape[:2]
    if form.loadings:
        matrices = np.einsum("k,kij->ij", share, matrices)[None]
        share = np.ones(1)
    values, vectors = np.linalg.eigh(matrices)
    values, vectors = np.maximum(values[:, ::-1], 0.0), vectors[:, :, ::-1]
    least = LEAST * values.max(axis=1)
    h = min(n_factors, d - 1)
    if form.volume:
        noise = np.full(len(values), _common_noise(share, values, h))
    else:
        noise = values[:, h:].mean(axis=1)
    noise = np.maximum(noise, least)
    lengths = np.sqrt(np.maximum(values[:, :h] - noise[:, None], 0.0))
    loadings = _padded(vectors[:, :, :h] * lengths[:, None, :], n_factors)
    variances = np.repeat(noise[:, None], d, axis=1)
    if form.loadings:
        loadings, variances = np.repeat(loadings, k, axis=0), np.repeat(variances, k, axis=0)
    return Analysers(loadings, variances)


def _common_noise(share: Array, values: Array, n_factors: int) -> float:
    """One variance for all components: the mean of what is left, and of what is smaller than it.

    It solves Σ n (ω − l)₊ over the first H eigenvalues plus Σ n (ω − l) over the others = 0, whose
    left side rises and is convex: Newton's steps come down to it and end there.
    """
    weight = np.repeat(share[:, None], values.shape[1], axis=1)
    inside = np.zeros(values.shape, dtype=np.bool_)
    inside[:, n_factors:] = True
    noise = np.inf
    while True:
        there = float((weight * values)[inside].sum() / max(weight[inside].sum(), 1e-300))
        if not there < noise:
            return there
        noise = there
        inside[:, :n_factors] = values[:, :n_factors] < noise


def _padded(loadings: Array, n_factors: int) -> Array:
    """Loadings of so many factors, of which the last may have none: fewer than features have."""
    missing = n_factors - loadings.shape[2]
    return np.pad(loadings, ((0, 0), (0, 0), (0, missing))) if missing else loadings


def _first(matrices: Array, n_factors: int) -> Analysers:
    """Principal components of correlations, in the columns' units: where a climb begins."""
    spread = np.diagonal(matrices, axis1=1, axis2=2)
    unit = np.sqrt(np.where(spread > 0, spread, 1.0))
    values, vectors = np.linalg.eigh(matrices / (unit[:, :, None] * unit[:, None, :]))
    values, vectors = values[:, ::-1], vectors[:, :, ::-1]
    h = min(n_factors, matrices.shape[1] - 1)
    noise = np.maximum(values[:, h:].mean(axis=1, keepdims=True), 0.0)
    lengths = np.sqrt(np.maximum(values[:, :h] - noise, 1e-4))
    loadings = _padded(unit[:, :, None] * vectors[:, :, :h] * lengths[:, None, :], n_factors)
    rest = spread - np.einsum("kdh,kdh->kd", loadings, loadings)
    return Analysers(loadings, np.maximum(rest, 0.05 * unit**2))


def _steepest(form: Form, share: Array, matrices: Array, start: Analysers) -> Analysers:
    """The likeliest loadings for those variances, where they are in closed form.

    They are principal components in units of the noise. A factor that has got lost is found again:
    loadings of zero are a saddle of the likelihood, near which a climb is slow.
    """
    loadings, variances = start
    if form.loadings:
        if not (form.shape and form.volume):
            return start
        matrices, variances = np.einsum("k,kij->ij", share, matrices)[None], variances[:1]
    h, root = loadings.shape[2], np.sqrt(variances)
    values, vectors = np.linalg.eigh(matrices / (root[:, :, None] * root[:, None, :]))
    lengths = np.sqrt(np.maximum(values[:, ::-1][:, :h] - 1.0, 0.0))
    found = root[:, :, None] * vectors[:, :, ::-1][:, :, :h] * lengths[:, None, :]
    found = np.repeat(_padded(found, h), len(loadings) // len(found), axis=0)
    return Analysers(found, start.variances)


def climbed(form: Form, share: Array, matrices: Array, start: Analysers, rounds: int) -> Analysers:
    """So many rounds of expected factors, loadings and variances, or until little is gained."""
    loadings, variances = start.loadings, start.variances
    spread, least = np.diagonal(matrices, axis1=1, axis2=2), _least(form, share, matrices)
    tiny = 1e-300 + 1e-14 * np.where(spread > 0, spread, 1.0)  # what rounding leaves
    eye, before = np.eye(loadings.shape[2]), -np.inf
    for _ in range(rounds):
        scaled = loadings / variances[:, :, None]
        inner = np.linalg.inv(eye + np.swapaxes(loadings, 1, 2) @ scaled)
        back = scaled @ inner  # βᵀ, which leads from a row to its expected factors
        cross = matrices @ back  # of rows with those
        volume = np.log(variances).sum(axis=1) - np.linalg.slogdet(inner)[1]
        fit = (spread / variances).sum(axis=1) - np.einsum("kdh,kdh->k", cross, scaled)
        worth = -0.5 * float(share @ (volume + fit))
        if worth - before < GAIN:
            break
        before = worth
        moments = inner + np.swapaxes(back, 1, 2) @ cross  # of the expected factors
        loadings = _loadings(form, share, variances, cross, moments)
        squares = spread - np.einsum("kdh,kdh->kd", loadings, 2.0 * cross - loadings @ moments)
        variances = form.floored(form.variances(share, np.maximum(squares, tiny)), least)
    return Analysers(loadings, variances)


def polished(form: Form, share: Array, matrices: Array, start: Analysers, steps: int) -> Analysers:
    """From there so many steps to where the likelihood is flat, by L-BFGS in free coordinates."""
    from scipy.optimize import minimize

    k, d, h = start.loadings.shape
    n, least = (1 if form.loadings else k) * d * h, _least(form, share, matrices)

    def parted(vector: Array) -> tuple[Analysers, NDArray[np.bool_]]:
        loadings = np.broadcast_to(vector[:n].reshape(-1, d, h), (k, d, h))
        free = form.from_vector(vector[n:], k, d)
        bounded = form.floored(free, least)
        return Analysers(loadings, bounded), bounded == free

    def loss(vector: Array) -> tuple[float, Array]:
        try:
            with np.errstate(all="ignore"):
                found, free = parted(vector)
                worth, loadings, logs = _slopes(share, matrices, found)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(vector)
        if not np.isfinite(worth):
            return np.inf, np.zeros_like(vector)
        if form.loadings:
            loadings = loadings.sum(axis=0)
        return -worth, -np.concatenate([loadings.ravel(), form.slopes(logs * free)])

    loadings = start.loadings[:1] if form.loadings else start.loadings
    vector = np.concatenate([loadings.ravel(), form.to_vector(start.variances)])
    options = {"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20}
    end: Any = minimize(loss, vector, jac=True, method="L-BFGS-B", options=options)
    if not (np.isfinite(end.x).all() and end.fun < loss(vector)[0]):
        return start
    found, _ = parted(end.x)
    return Analysers(found.loadings.copy(), found.variances)


def _slopes(share: Array, matrices: Array, found: Analysers) -> tuple[float, Array, Array]:
    """Nats per row, and their slopes along loadings and logarithms of variances."""
    loadings, variances = found.loadings, found.variances
    scaled = loadings / variances[:, :, None]
    inner = np.linalg.inv(np.eye(loadings.shape[2]) + np.swapaxes(loadings, 1, 2) @ scaled)
    back = scaled @ inner
    inverse = -back @ np.swapaxes(scaled, 1, 2)
    diagonal = np.arange(variances.shape[1])
    inverse[:, diagonal, diagonal] += 1.0 / variances
    volume = np.log(variances).sum(axis=1) - np.linalg.slogdet(inner)[1]
    product = inverse @ matrices
    fit = np.trace(product, axis1=1, axis2=2)
    slope = 0.5 * share[:, None, None] * (product @ inverse - inverse)
    along = np.diagonal(slope, axis1=1, axis2=2) * variances
    return -0.5 * float(share @ (volume + fit)), 2.0 * slope @ loadings, along


def _loadings(form: Form, share: Array, variances: Array, cross: Array, moments: Array) -> Array:
    """The best loadings for expected factors, (K, D, H)."""
    if not form.loadings:
        solved = np.linalg.solve(moments, np.swapaxes(cross, 1, 2))
        return np.asarray(np.swapaxes(solved, 1, 2), dtype=np.float64)
    weight = share[:, None] / variances
    both = np.einsum("kd,kdh->dh", weight, cross)
    left = np.einsum("kd,kgh->dgh", weight, moments)
    common = np.linalg.solve(left, both[:, :, None])[:, :, 0]
    return np.repeat(common[None], len(share), axis=0)
