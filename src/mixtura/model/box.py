"""Gaussians inside boxes: exact draws by minimax tilting [@Botev2017].

A component's row is x = μ + Lz. Its coordinates z are proposed one after the other, each from a
normal about a shift that is cut off where the box ends given those before it. The density of such
a proposal is within a factor exp(ψ) of the truncated one; the shifts are those that make the
largest ψ smallest, and a proposal is accepted with probability exp(ψ − ψ*). As exp(ψ*) is also how
much of the component the proposals stand for, a mixture needs no probabilities of boxes: components
are proposed by π exp(ψ*).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.components import Components

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

BATCH = 1 << 16
"""Proposals made at a time, at most."""

SLACK = 10.0
"""Nats by which ψ* may be above what no probability of the box can be above, before other shifts
are looked for."""

FLAT = 1e-9
"""Nats by a standard deviation: ψ that leans less is taken to be at its top."""

FEWEST = 1e-4
"""Share of proposals that must be accepted, or the box is given up."""


def checked(low: ArrayLike, high: ArrayLike, n_features: int) -> tuple[Array, Array]:
    """The ends of a box, each (D,)."""
    ends: list[Array] = []
    for name, end in (("low", low), ("high", high)):
        value = np.asarray(end, dtype=np.float64)
        if value.shape not in ((), (n_features,)):
            raise ValueError(
                f"{name} must be a number or have shape ({n_features},), not {value.shape}"
            )
        if np.isnan(value).any():
            raise ValueError(f"{name} holds NaN: an open end is -inf or inf")
        ends.append(np.broadcast_to(value, (n_features,)))
    empty = np.flatnonzero(~(ends[0] < ends[1]))
    if len(empty):
        j = empty[0]
        raise ValueError(
            f"the box is empty in dimension {j}: low is {ends[0][j]}, high is {ends[1][j]}"
        )
    return ends[0], ends[1]


def draw(
    mixture: Components,
    n: int,
    counts: Labels | None,
    low: Array,
    high: Array,
    rng: np.random.Generator,
) -> tuple[Array, Labels]:
    """Rows of the mixture truncated to a box, (n, D), and their components; in random order."""
    dense = mixture.covariances
    wanted = mixture.weights > 0 if counts is None else counts > 0
    tilted = {
        int(k): Tilted.of(dense[k], low - mixture.means[k], high - mixture.means[k])
        for k in np.flatnonzero(wanted)
    }
    if counts is None:
        with np.errstate(divide="ignore"):
            shares = np.log(mixture.weights)
        for k, proposal in tilted.items():
            shares[k] += proposal.bound
        shares = np.exp(shares - shares.max())
        return _accepted(mixture, n, shares / shares.sum(), tilted, rng)
    rows, components = np.empty((n, mixture.n_features)), np.repeat(np.arange(len(counts)), counts)
    rng.shuffle(components)
    for k in tilted:
        alone = np.where(np.arange(len(counts)) == k, 1.0, 0.0)
        rows[components == k] = _accepted(mixture, int(counts[k]), alone, tilted, rng)[0]
    return rows, components


def _accepted(
    mixture: Components,
    n: int,
    shares: Array,
    tilted: dict[int, "Tilted"],
    rng: np.random.Generator,
) -> tuple[Array, Labels]:
    """Proposals until n are accepted, components proposed by their shares."""
    rows, components = np.empty((n, mixture.n_features)), np.empty(n, dtype=np.int64)
    done = tried = 0
    while done < n:
        rate = max(done, 1) / max(tried, 1)
        size = int(min(max(64, 1.1 * (n - done) / rate), BATCH))
        proposed = np.repeat(np.arange(len(shares)), rng.multinomial(size, shares))
        rng.shuffle(proposed)
        x, kept = np.empty((size, mixture.n_features)), np.empty(size, dtype=bool)
        for k in np.unique(proposed):
            mine = proposed == k
            x[mine], excess = tilted[int(k)].propose(int(mine.sum()), rng)
            x[mine] += mixture.means[k]
            kept[mine] = np.log(rng.random(len(excess))) < excess
        kept = np.flatnonzero(kept)[: n - done]
        rows[done : done + len(kept)], components[done : done + len(kept)] = x[kept], proposed[kept]
        done, tried = done + len(kept), tried + size
        if tried >= 10 * BATCH and done < FEWEST * tried:
            raise ValueError(
                f"the box is out of reach: of {tried:,} proposals {done} fell inside; make it "
                "wider, or draw from the marginal of fewer dimensions"
            )
    return rows, components


@dataclass(frozen=True)
class Tilted:
    """Proposals for a Gaussian of mean zero inside a box."""

    factor: Array  # (D, D), lower, of the features in their order
    order: NDArray[np.intp]  # (D,)
    low: Array  # (D,), over the diagonal of the factor, in order
    high: Array  # (D,)
    shift: Array  # (D,)
    bound: float  # ψ*

    @classmethod
    def of(cls, matrix: Array, low: Array, high: Array) -> "Tilted":
        """The shifts that make the largest ψ smallest."""
        from scipy.optimize import root

        factor, order = _ordered(matrix, low, high)
        scale = np.diagonal(factor)
        low, high = low[order] / scale, high[order] / scale
        strict = factor / scale[:, None] - np.eye(len(scale))
        shift, bound = np.zeros(len(scale)), 0.0  # valid, if not the best
        if not strict.any():
            bound = float(log_mass(low, high).sum())
        else:
            far = _nearest(strict, low, high)
            for z in (far, np.zeros_like(far)):
                begin = np.concatenate([z[:-1], z[:-1]])
                found = root(_gradient, begin, args=(strict, low, high), jac=True, method="hybr")
                x, best = _halves(found.x)
                value = _highest(x, best, strict, low, high)
                if np.isfinite(value) and (value < bound or not shift.any()):
                    shift, bound = best, value
                if shift.any() and bound < SLACK - 0.5 * float(far @ far):
                    break
        return cls(factor, order, low, high, shift, bound)

    def propose(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Rows (n, D), less the mean, and ψ − ψ* of each."""
        scale = np.diagonal(self.factor)
        z, psi = np.zeros((n, len(scale))), np.full(n, -self.bound)
        for j, mu in enumerate(self.shift):
            before = z[:, :j] @ (self.factor[j, :j] / scale[j])
            low, high = self.low[j] - mu - before, self.high[j] - mu - before
            z[:, j] = mu + _truncated(low, high, rng.random(n))
            psi += log_mass(low, high) + 0.5 * mu**2 - mu * z[:, j]
        rows = np.empty_like(z)
        rows[:, self.order] = z @ self.factor.T
        return rows, psi


def log_mass(low: Array, high: Array) -> Array:
    """The log of the standard normal's mass between two ends, however far out."""
    from scipy.special import log_ndtr

    flip = low > 0
    left, right = log_ndtr(np.where(flip, -high, low)), log_ndtr(np.where(flip, -low, high))
    with np.errstate(divide="ignore"):
        return right + np.log(-np.expm1(left - right))


def _truncated(low: Array, high: Array, uniform: Array) -> Array:
    """Standard normals between two ends, by the inverse of their distribution function."""
    from scipy.special import log_ndtr, ndtri_exp

    flip = low > 0
    left, right = log_ndtr(np.where(flip, -high, low)), log_ndtr(np.where(flip, -low, high))
    with np.errstate(divide="ignore"):
        upto = np.logaddexp(left + np.log1p(-uniform), right + np.log(uniform))
    z = ndtri_exp(np.minimum(upto, 0.0))
    return np.clip(np.where(flip, -z, z), low, high)


def _ordered(matrix: Array, low: Array, high: Array) -> tuple[Array, NDArray[np.intp]]:
    """A Cholesky factor with the features in the order of how little the box leaves them.

    Each step takes the feature that is least likely to be inside, given those before it at their
    means.
    """
    d = len(matrix)
    order, matrix, factor, z = np.arange(d), matrix.copy(), np.zeros((d, d)), np.zeros(d)
    low, high = low.copy(), high.copy()
    for j in range(d):
        left = np.diagonal(matrix)[j:] - (factor[j:, :j] ** 2).sum(axis=1)
        width = np.sqrt(np.maximum(left, np.finfo(np.float64).tiny))
        shift = factor[j:, :j] @ z[:j]
        least = log_mass((low[j:] - shift) / width, (high[j:] - shift) / width)
        i = j + int(np.argmin(least))
        for array in (order, low, high, factor):
            array[[i, j]] = array[[j, i]]
        matrix[[i, j]] = matrix[[j, i]]
        matrix[:, [i, j]] = matrix[:, [j, i]]
        factor[j, j] = width[i - j]
        factor[j + 1 :, j] = (matrix[j + 1 :, j] - factor[j + 1 :, :j] @ factor[j, :j]) / factor[
            j, j
        ]
        a, b = ((end[j] - factor[j, :j] @ z[:j]) / factor[j, j] for end in (low, high))
        mass = log_mass(a, b)
        z[j] = _density(a, mass) - _density(b, mass)
    return factor, order


def _density(end: Array, mass: Array) -> Array:
    """The normal density at an end of an interval over the interval's mass."""
    return np.exp(-0.5 * np.square(end) - mass) / np.sqrt(2 * np.pi)


def _psi(x: Array, mu: Array, strict: Array, low: Array, high: Array) -> float:
    """ψ at the coordinates x for the shifts mu, both ending in zero."""
    before = mu + strict @ x
    return float((log_mass(low - before, high - before) + 0.5 * mu**2 - x * mu).sum())


def _nearest(strict: Array, low: Array, high: Array) -> Array:
    """Coordinates of the densest place in the box, from where the way to the best shifts is short
    however far out that is.
    """
    from scipy.optimize import lsq_linear

    back = np.linalg.inv(strict + np.eye(len(low)))
    return back @ lsq_linear(back, np.zeros(len(low)), bounds=(low, high), method="bvls").x


def _halves(y: Array) -> tuple[Array, Array]:
    """Coordinates and shifts, each with the zero at its end."""
    d = len(y) // 2 + 1
    return np.append(y[: d - 1], 0.0), np.append(y[d - 1 :], 0.0)


def _highest(x: Array, mu: Array, strict: Array, low: Array, high: Array) -> float:
    """The largest ψ for these shifts, by Newton's method from x; infinite where it gets lost.

    ψ is concave in x, so that whatever the shifts are the bound holds.
    """
    d = len(x)
    value = _psi(x, mu, strict, low, high)
    for _ in range(100):
        slope, bend = _gradient(np.concatenate([x[:-1], mu[:-1]]), strict, low, high)
        if not (np.isfinite(value) and np.isfinite(slope).all() and np.isfinite(bend).all()):
            break
        if np.abs(slope[: d - 1]).max() < FLAT:
            return value + 1e-6
        step = np.append(
            np.linalg.lstsq(-bend[: d - 1, : d - 1], slope[: d - 1], rcond=None)[0], 0.0
        )
        gain = float(slope[: d - 1] @ step[:-1])
        rounding = 1e-8 + 1e-12 * abs(value)
        if abs(gain) < rounding:
            return value + 100.0 * rounding
        size = 1.0
        while size > 1e-6 and not _psi(x + size * step, mu, strict, low, high) > value:
            size *= 0.5
        if size <= 1e-6:
            break
        x = x + size * step
        value = _psi(x, mu, strict, low, high)
    return np.inf


def _gradient(y: Array, strict: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Derivatives of ψ by coordinates and shifts, all but the last of each, and their Jacobian."""
    d = len(low)
    x, mu = _halves(y)
    before = mu + strict @ x
    a, b = low - before, high - before
    mass = log_mass(a, b)
    at_low, at_high = _density(a, mass), _density(b, mass)
    pull = at_low - at_high
    by_x = -mu[:-1] + (pull @ strict)[:-1]
    by_mu = (mu - x + pull)[:-1]
    a, b = np.where(np.isinf(a), 0.0, a), np.where(np.isinf(b), 0.0, b)
    bend = -(pull**2) + a * at_low - b * at_high
    moved = bend[:, None] * strict
    mixed = (moved - np.eye(d))[:-1, :-1]
    jacobian = np.block(
        [[(strict.T @ moved)[:-1, :-1], mixed.T], [mixed, np.diag(1.0 + bend[:-1])]]
    )
    return np.concatenate([by_x, by_mu]), jacobian
