"""The reference dialect: NumPy, float64, the specification that every other dialect is held to.

One tile of rows costs two matrix products: log joint = Θ φ(z), statistics = R φ(z)ᵀ. Rows of any
numeric type are converted tile by tile, so nothing of the size of the table is ever copied.
"""

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.operands import Operands
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]
Rows = NDArray[np.generic]

TILE_NUMBERS = 1 << 18
"""Numbers in a tile's features and joint densities together: 2 MiB, near the size of a cache."""

DISTANT = 1e10
"""Nats beyond which a row's distance is compared term by term: rounding there is 2e-6 nats."""


def _tiles(n_rows: int, operands: Operands) -> list[slice]:
    """Row ranges whose features and joint densities together fit the tile."""
    width = operands.theta.shape[1] + 2 * operands.n_components + operands.n_features
    size = max(64, min(n_rows, TILE_NUMBERS // width))
    return [slice(i, i + size) for i in range(0, max(n_rows, 1), size)]


def _features(x: Rows, operands: Operands) -> tuple[Array, Array]:
    """Rows as z, (D, B), and their features φ(z), (M, B)."""
    z = np.ascontiguousarray(x.T, dtype=np.float64) - operands.origin[:, None]
    if operands.inverse is not None:
        z = operands.inverse @ z
    with np.errstate(over="ignore"):  # the squares of rows that `_distant` settles
        return z, operands.moment.features(z)


def _log_joint(x: Rows, phi: Array, operands: Operands) -> Array:
    """Log joint densities, (K, B)."""
    near = operands.theta @ phi
    if not len(operands.far):
        return near
    joint = np.empty((operands.n_components, len(x)))
    joint[operands.near] = near
    for k in operands.far:
        joint[k] = _centred(x, operands, int(k))
    return joint


def _centred(x: Rows, operands: Operands, k: int) -> Array:
    """Log joint densities with component k, (B,), about its own mean."""
    # C order whatever that of x, so that the bits of the result are the same.
    y = operands.whiten(np.asarray(x, dtype=np.float64, order="C") - operands.means[k], k)
    return operands.constants[k] - 0.5 * np.einsum("bd,bd->b", y, y)


def _posterior(x: Rows, phi: Array, operands: Operands) -> tuple[Array, Array]:
    """Log density (B,) and responsibilities (K, B), settled for very distant rows too."""
    with np.errstate(over="ignore", invalid="ignore"):
        log_density, r = normalise(_log_joint(x, phi, operands))
        distant = np.flatnonzero(~(np.abs(log_density) < DISTANT))
    if len(distant):
        log_density[distant], r[:, distant] = _distant(x[distant], operands)
    return log_density, r


def _distant(x: Rows, operands: Operands) -> tuple[Array, Array]:
    """Log density and posterior of rows whose squared distances drown all else, or overflow.

    With x = μ + s·u, μ being the mean of the row's nearest component, the log joint of component k
    is s²a_k + s·b_k + c_k. Equal powers of s are compared before they are added, so that what
    components have in common (a shared covariance: all of s²a) cancels exactly.
    """
    x = np.asarray(x, dtype=np.float64, order="C")
    log_density, r = np.empty(len(x)), np.empty((operands.n_components, len(x)))
    nearest = _nearest(x, operands)
    for best in np.unique(nearest):
        mine = nearest == best
        residual = x[mine] - operands.means[best]
        s = np.maximum(np.abs(residual).max(axis=1), np.finfo(np.float64).tiny)
        u = residual / s[:, None]
        a, b, c = (np.empty((operands.n_components, len(u))) for _ in range(3))
        for k, offset in enumerate(operands.means - operands.means[best]):
            y, m = operands.whiten(u, k), operands.whiten(offset[None, :], k)[0]
            a[k], b[k] = -0.5 * np.einsum("bd,bd->b", y, y), y @ m
            c[k] = operands.constants[k] - 0.5 * (m @ m)
        a[~np.isfinite(c)] = -np.inf  # components of no weight
        with np.errstate(over="ignore"):
            own = s * (s * a[best]) + c[best]
            shift, r[:, mine] = normalise(s * (s * (a - a[best]) + b) + (c - c[best]))
            log_density[mine] = own + shift
    return log_density, r


def _nearest(x: Array, operands: Operands) -> NDArray[np.intp]:
    """The component of the largest log joint for each row, found without overflow."""
    s = np.maximum(np.abs(x).max(axis=1), np.abs(operands.means).max())
    s = np.maximum(s, np.finfo(np.float64).tiny)
    scaled, along = (np.empty((operands.n_components, len(x))) for _ in range(2))
    for k, mean in enumerate(operands.means):
        y = operands.whiten((x - mean) / s[:, None], k)
        m = operands.whiten((mean - operands.origin)[None, :], k)[0]
        scaled[k] = operands.constants[k] / s / s - 0.5 * np.einsum("bd,bd->b", y, y)
        along[k] = y @ m
    # Where the scale hides the means, the farthest along the row is the nearest to it.
    return np.where(scaled == scaled.max(axis=0), along, -np.inf).argmax(axis=0)


def log_joint(x: Rows, operands: Operands) -> Array:
    """Log joint density of each row with each component.

    Parameters
    ----------
    x : array, shape (B, D)
    operands : Operands

    Returns
    -------
    array, shape (B, K)
    """
    joint = np.empty((len(x), operands.n_components))
    present = np.isfinite(operands.constants)  # a component of no weight is -inf everywhere
    for tile in _tiles(len(x), operands):
        _, phi = _features(x[tile], operands)
        with np.errstate(over="ignore", invalid="ignore"):
            values = _log_joint(x[tile], phi, operands)
            distant = np.flatnonzero(~(np.abs(values[present]) < DISTANT).all(axis=0))
            for k in range(len(values) if len(distant) else 0):
                values[k, distant] = _centred(x[tile][distant], operands, k)
        joint[tile] = values.T
    return joint


def log_density(x: Rows, operands: Operands) -> Array:
    """Log density of each row, shape (B,), in nats."""
    density = np.empty(len(x))
    for tile in _tiles(len(x), operands):
        _, phi = _features(x[tile], operands)
        density[tile], _ = _posterior(x[tile], phi, operands)
    return density


def posterior(x: Rows, operands: Operands) -> Array:
    """Responsibilities of the components for each row, shape (B, K)."""
    r = np.empty((len(x), operands.n_components))
    for tile in _tiles(len(x), operands):
        _, phi = _features(x[tile], operands)
        r[tile] = _posterior(x[tile], phi, operands)[1].T
    return r


def expectation(x: Rows, w: Array, operands: Operands) -> tuple[Array, Array, Array, float]:
    """The E-step of a block: statistics under the posterior, and the log-likelihood.

    Parameters
    ----------
    x : array, shape (B, D)
    w : array, shape (B,)
        Row weights.
    operands : Operands

    Returns
    -------
    counts : array, shape (K,)
        Σ w r.
    sums : array, shape (K, D)
        Σ w r (x − about).
    products : array
        Σ w r of the products of x − about, in the shape of the moment.
    log_likelihood : float
        Σ w log p(x).
    """

    def tile_sums(tile: slice) -> tuple[Array, Array, Array, float]:
        z, phi = _features(x[tile], operands)
        density, r = _posterior(x[tile], phi, operands)
        r *= w[tile]
        present = w[tile] > 0  # an absent row may lie where its density is minus infinity
        total = float(w[tile][present] @ density[present])
        return *_sums(x[tile], z, phi, r, operands), total

    return _added([tile_sums(tile) for tile in _tiles(len(x), operands)])


def accumulation(x: Rows, r: Array, operands: Operands) -> tuple[Array, Array, Array]:
    """The statistics of a block under given responsibilities r, shape (B, K)."""

    def tile_sums(tile: slice) -> tuple[Array, Array, Array, float]:
        z, phi = _features(x[tile], operands)
        weights = np.ascontiguousarray(r[tile].T, dtype=np.float64)
        return *_sums(x[tile], z, phi, weights, operands), 0.0

    return _added([tile_sums(tile) for tile in _tiles(len(x), operands)])[:3]


def _added(
    parts: list[tuple[Array, Array, Array, float]],
) -> tuple[Array, Array, Array, float]:
    counts, sums, products, total = parts[0]
    for more in parts[1:]:
        counts, sums, products = counts + more[0], sums + more[1], products + more[2]
        total += more[3]
    return counts, sums, products, total


def _sums(
    x: Rows, z: Array, phi: Array, r: Array, operands: Operands
) -> tuple[Array, Array, Array]:
    """Counts, sums and products of one tile, in the coordinates of x."""
    near, far, moment = operands.near, operands.far, operands.moment
    if not len(far):
        return _restored(*moment.accumulate(z, phi, r), operands)
    counts, sums, products = _restored(*moment.accumulate(z, phi, r[near]), operands)
    all_counts, all_sums = np.empty(len(r)), np.empty((len(r), len(z)))
    all_counts[near], all_sums[near] = counts, sums
    parts = [products]
    for k in far:
        residual = np.ascontiguousarray(x.T, dtype=np.float64) - operands.means[k][:, None]
        own = moment.features(residual)
        n, first, second = moment.accumulate(residual, own, r[k : k + 1])
        all_counts[k], all_sums[k] = n[0], first[0]
        parts.append(second)
    like = moment.zeros(len(r), len(z))
    index = [near, *(np.array([k]) for k in far)]
    return all_counts, all_sums, moment.stack(parts, index, like)


def _restored(
    counts: Array, sums: Array, products: Array, operands: Operands
) -> tuple[Array, Array, Array]:
    """Statistics of z about zero as statistics of x about the near components' origins.

    The origins change before the coordinates: products about a distant origin are large along the
    way there, and a rotation of them would drown the directions in which a component is thin.
    """
    transform, inverse, cross = operands.transform, operands.inverse, operands.moment.cross
    if transform is None or inverse is None:
        return counts, sums, products
    centres = (operands.about[operands.near] - operands.origin) @ inverse.T
    moved = sums - counts[:, None] * centres
    products = products - cross(centres, sums) - cross(moved, centres)
    return counts, moved @ transform.T, operands.moment.restore(products, transform)
