"""The reference dialect: NumPy, float64, the specification that every other dialect is held to.

One tile of rows costs two matrix products: log joint = Θ φ(z), statistics = R φ(z)ᵀ. Rows of any
numeric type are converted tile by tile, so nothing of the size of the table is ever copied.
"""

from typing import NamedTuple

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


class _Tile(NamedTuple):
    """Some rows, ready for the products; without components that share them, z and φ are empty."""

    rows: Array  # (B, D)
    z: Array  # (D, B)
    phi: Array  # (M, B)


def _tiles(n_rows: int, operands: Operands) -> list[slice]:
    """Row ranges whose features and joint densities together fit the tile."""
    features = operands.theta.shape[1] if len(operands.near) else 2 * operands.n_features
    width = features + 2 * operands.n_components + operands.n_features
    size = max(64, min(n_rows, TILE_NUMBERS // width))
    return [slice(i, i + size) for i in range(0, max(n_rows, 1), size)]


def _tile(x: Rows, operands: Operands) -> _Tile:
    """Rows as float64, as z and as features φ(z)."""
    # C order whatever that of x, so that the bits of the result are the same.
    rows = np.ascontiguousarray(x, dtype=np.float64)
    if not len(operands.near):
        return _Tile(rows, np.empty((rows.shape[1], 0)), np.empty((0, 0)))
    z = np.ascontiguousarray(rows.T) - operands.origin[:, None]
    if operands.inverse is not None:
        z = operands.inverse @ z
    with np.errstate(over="ignore"):  # the squares of rows that `_distant` settles
        return _Tile(rows, z, operands.moment.features(z))


def _log_joint(tile: _Tile, operands: Operands) -> Array:
    """Log joint densities, (K, B)."""
    if not len(operands.far):
        return operands.theta @ tile.phi
    joint = np.empty((operands.n_components, len(tile.rows)))
    if len(operands.near):
        joint[operands.near] = operands.theta @ tile.phi
    for k in operands.far:
        joint[k] = _centred(tile.rows, operands, int(k))
    return joint


def _centred(rows: Array, operands: Operands, k: int) -> Array:
    """Log joint densities with component k, (B,), about its own mean."""
    y = operands.whiten(rows - operands.means[k], k)
    return operands.constants[k] - 0.5 * np.einsum("bd,bd->b", y, y)


def _posterior(tile: _Tile, operands: Operands) -> tuple[Array, Array]:
    """Log density (B,) and responsibilities (K, B), settled for very distant rows too."""
    with np.errstate(over="ignore", invalid="ignore"):
        log_density, r = normalise(_log_joint(tile, operands))
        distant = np.flatnonzero(~(np.abs(log_density) < DISTANT))
    if len(distant):
        log_density[distant], r[:, distant] = _distant(tile.rows[distant], operands)
    return log_density, r


def _distant(x: Array, operands: Operands) -> tuple[Array, Array]:
    """Log density and posterior of rows whose squared distances drown all else, or overflow.

    With x = μ + s·u, μ being the mean of the row's nearest component, the log joint of component k
    is s²a_k + s·b_k + c_k. Equal powers of s are compared before they are added, so that what
    components have in common (a shared covariance: all of s²a) cancels exactly.
    """
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
    for part in _tiles(len(x), operands):
        tile = _tile(x[part], operands)
        with np.errstate(over="ignore", invalid="ignore"):
            values = _log_joint(tile, operands)
            distant = np.flatnonzero(~(np.abs(values[present]) < DISTANT).all(axis=0))
            for k in range(len(values) if len(distant) else 0):
                values[k, distant] = _centred(tile.rows[distant], operands, k)
        joint[part] = values.T
    return joint


def log_density(x: Rows, operands: Operands) -> Array:
    """Log density of each row, shape (B,), in nats."""
    density = np.empty(len(x))
    for part in _tiles(len(x), operands):
        density[part], _ = _posterior(_tile(x[part], operands), operands)
    return density


def posterior(x: Rows, operands: Operands) -> Array:
    """Responsibilities of the components for each row, shape (B, K)."""
    r = np.empty((len(x), operands.n_components))
    for part in _tiles(len(x), operands):
        r[part] = _posterior(_tile(x[part], operands), operands)[1].T
    return r


def inference(x: Rows, operands: Operands) -> tuple[Array, Array]:
    """Log density of each row, (B,), and its responsibilities, (B, K)."""
    density, r = np.empty(len(x)), np.empty((len(x), operands.n_components))
    for part in _tiles(len(x), operands):
        density[part], found = _posterior(_tile(x[part], operands), operands)
        r[part] = found.T
    return density, r


def certainty(x: Rows, operands: Operands) -> tuple[Array, Array]:
    """Log density of each row, and the log of its largest responsibility, both (B,)."""
    density, peak = np.empty(len(x)), np.empty(len(x))
    for part in _tiles(len(x), operands):
        density[part], r = _posterior(_tile(x[part], operands), operands)
        peak[part] = np.log(r.max(axis=0))
    return density, peak


def labels(x: Rows, operands: Operands) -> NDArray[np.int64]:
    """The likeliest component of each row, shape (B,)."""
    return posterior(x, operands).argmax(axis=1)


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

    def sums_of(part: slice) -> tuple[Array, Array, Array, float]:
        tile, weights = _tile(x[part], operands), w[part]
        density, r = _posterior(tile, operands)
        r *= weights
        present = weights > 0  # an absent row may lie where its density is minus infinity
        return *_sums(tile, r, operands), float(weights[present] @ density[present])

    return _added([sums_of(part) for part in _tiles(len(x), operands)])


def accumulation(x: Rows, r: Array, operands: Operands) -> tuple[Array, Array, Array]:
    """The statistics of a block under given responsibilities r, shape (B, K)."""

    def sums_of(part: slice) -> tuple[Array, Array, Array, float]:
        weights = np.ascontiguousarray(r[part].T, dtype=np.float64)
        return *_sums(_tile(x[part], operands), weights, operands), 0.0

    return _added([sums_of(part) for part in _tiles(len(x), operands)])[:3]


def _added(
    parts: list[tuple[Array, Array, Array, float]],
) -> tuple[Array, Array, Array, float]:
    counts, sums, products, total = parts[0]
    for more in parts[1:]:
        counts, sums, products = counts + more[0], sums + more[1], products + more[2]
        total += more[3]
    return counts, sums, products, total


def _sums(tile: _Tile, r: Array, operands: Operands) -> tuple[Array, Array, Array]:
    """Counts, sums and products of one tile, in the coordinates of x."""
    near, far, moment = operands.near, operands.far, operands.moment
    if not len(far):
        return restored(*moment.accumulate(tile.z, tile.phi, r), operands)
    counts, sums = r.sum(axis=1), np.empty((len(r), operands.n_features))
    parts: list[Array] = []
    if len(near):
        shared = restored(*moment.accumulate(tile.z, tile.phi, r[near]), operands)
        counts[near], sums[near] = shared[:2]
        parts.append(shared[2])
    for k in far:
        residual = np.ascontiguousarray((tile.rows - operands.means[k]).T)
        sums[k] = residual @ r[k]
        parts.append(moment.own(residual, r[k]))
    index = [*([near] if len(near) else []), *(np.array([k]) for k in far)]
    like = moment.zeros(len(r), operands.n_features)
    return counts, sums, moment.stack(parts, index, like)


def restored(
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
