"""Some dimensions of a mixture: alone, and given the others."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import line
from mixtura.model.components import LOG_2PI, Components, M
from mixtura.model.covariance import Covariance, Full, Tied
from mixtura.model.dimensions import others, resolved
from mixtura.numeric import linalg
from mixtura.numeric.blocks import spans

Array = NDArray[np.float64]

FALSE_ALARM = 1e-6
"""How often rows that the mixture itself made are called far."""


class FarCondition(UserWarning):
    """What is given lies far from every component: the answer is extrapolation."""


def marginal(mixture: M, dims: Sequence[int] | NDArray[np.integer] | int) -> M:
    """The mixture of some dimensions alone, exactly.

    Of the same family, but where what components have in common is lost with the others: of one
    volume diagonal, and full where components have one shape or orientation alone.

    Parameters
    ----------
    dims : int or sequence of int
        The dimensions to keep, in the order wanted; negative numbers count from the last.

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If a dimension does not exist or comes twice, if there is none, or if a component has no
        density in these dimensions.
    """
    index = resolved(dims, mixture.n_features)
    if not len(index):
        raise ValueError("a marginal needs at least one dimension")
    return _marginal(mixture, index)


def _marginal(mixture: M, index: NDArray[np.intp]) -> M:
    covariance = mixture.covariance.marginal(index)
    refuse_singular(covariance.degenerate(mixture.n_components), index, "covariance")
    return type(mixture)(mixture.weights, mixture.means[:, index], covariance)


def refuse_singular(bad: NDArray[np.bool_], index: NDArray[np.intp], what: str) -> None:
    """Say which component has no density in these dimensions."""
    if bad.any():
        raise ValueError(
            f"the {what} of component {int(np.flatnonzero(bad)[0])} over dimensions "
            f"{index.tolist()} is not positive definite: leave out a dimension that depends on the "
            "others, or give the component more variance (Mixture.affine with noise does)"
        )


@overload
def condition(mixture: M, given: Mapping[int, float]) -> M: ...
@overload
def condition(
    mixture: M, given: Mapping[int, Sequence[float] | NDArray[Any]]
) -> "Conditional[M]": ...
def condition(mixture: M, given: Mapping[int, Any]) -> "M | Conditional[M]":
    """The distribution of the other dimensions, where some are given; exactly.

    Parameters
    ----------
    given : dict of int to number, or of int to array of shape (n,)
        Values by dimension. With numbers, one condition; with arrays, one for each row.

    Returns
    -------
    Mixture or Conditional
        Over the dimensions that are not given, in their order. With numbers a mixture, with arrays
        a `Conditional`, which holds the n mixtures together. Where nothing is given, the mixture
        itself.

    Raises
    ------
    ValueError
        If all dimensions are given, one does not exist, a value is not finite, arrays are not of
        one length, or a component is singular there.

    Warns
    -----
    FarCondition
        If what is given lies farther from every component than rows of the mixture do, but once in
        a million calls. The answer is still exact.
    """
    if not len(given):
        return mixture
    found, single = conditional_checked(mixture, given)
    return found.row(0) if single else found


def conditional_checked(mixture: M, given: Mapping[int, Any]) -> tuple["Conditional[M]", bool]:
    """The rest given some dimensions, and whether numbers were given; checked, and warned of."""
    index = resolved(given, mixture.n_features)
    if len(index) == mixture.n_features:
        raise ValueError(
            "every dimension is given, so nothing is left to describe: log_density tells how "
            "likely a whole row is"
        )
    rows, single = _rows(index, [*given.values()])
    found = conditional(mixture, index, rows)
    found.warn_if_far()
    return found, single


def _rows(index: NDArray[np.intp], values: list[Any]) -> tuple[Array, bool]:
    """What is given as rows, and whether it is a single one."""
    columns = [np.asarray(value, dtype=np.float64) for value in values]
    for dim, column in zip(index, columns, strict=True):
        if column.ndim > 1:
            raise ValueError(
                f"dimension {dim} is given with shape {column.shape}: give a number, or one for "
                "each row, (n,)"
            )
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            where = f" in row {bad[0]}" if column.ndim else ""
            raise ValueError(
                f"dimension {dim} is given as {column.ravel()[bad[0]]}{where}: leave out what is "
                "not known"
            )
    lengths = {len(column) for column in columns if column.ndim}
    if len(lengths) > 1:
        raise ValueError(f"dimensions are given with different numbers of rows: {sorted(lengths)}")
    n = lengths.pop() if lengths else 1
    rows = np.stack([np.broadcast_to(column, (n,)) for column in columns], axis=1)
    return rows, not any(column.ndim for column in columns)


@dataclass(frozen=True, eq=False)
class Conditional(Generic[M]):
    """Mixtures over the same dimensions, one for each row of what is given.

    All have the covariances of their components in common; weights and means are of each row.
    `Mixture.condition` makes it.

    Attributes
    ----------
    dims : tuple of int
        The dimensions that it is over, (m,), by their numbers in the whole mixture.
    given : array, shape (n, b)
        The values given, by row.
    covariance : Covariance
        K matrices over the m dimensions.
    """

    dims: tuple[int, ...]
    given: Array  # (n, b)
    covariance: Covariance
    source: M  # over the b dimensions given
    centres: Array  # (K, m): the means where what is given is at its mean
    gains: Array | None  # (K, m, b): how the means follow what is given; None where they do not

    @property
    def n_rows(self) -> int:
        """How many rows are given."""
        return len(self.given)

    @property
    def log_marginal(self) -> Array:
        """The log density of what is given, shape (n,), in nats."""
        return self.source.log_density(self.given)

    @property
    def weights(self) -> Array:
        """The share of each component, shape (n, K)."""
        return self.source.responsibilities(self.given)

    @property
    def means(self) -> Array:
        """The mean of each component, shape (n, K, m)."""
        whole = slice(0, self.n_rows)
        return np.stack([self._mean(k, whole) for k in range(len(self.centres))], axis=1)

    @cached_property
    def mean(self) -> Array:
        """The conditional mean, shape (n, m): the regression of the rest on what is given."""
        found = np.empty((self.n_rows, len(self.dims)))
        for part in self._spans():
            found[part] = self._mixed(part)[1]
        return found

    def total_covariance(self) -> Array:
        """The conditional covariance of each row, shape (n, m, m)."""
        k, m = self.centres.shape
        dense = self.covariance.dense(k).reshape(k, m * m)
        found = np.empty((self.n_rows, m, m))
        for part in self._spans(m * m):
            r, mean = self._mixed(part)
            found[part] = (r @ dense).reshape(-1, m, m)
            for j in range(k):
                step = self._mean(j, part) - mean
                found[part] += (r[:, j, None] * step)[:, :, None] * step[:, None, :]
        return found

    def log_density(self, x: ArrayLike) -> Array:
        """Log density of the rest given the row, shape (n,), in nats.

        Parameters
        ----------
        x : array-like, shape (n, m)
            One row for each condition.
        """
        rows = self._checked(x)
        constants = -0.5 * (len(self.dims) * LOG_2PI + self.covariance.log_det(len(self.centres)))
        found = np.empty(self.n_rows)
        for part in self._spans():
            joint = log_posterior(self.source, self.given[part])
            for k, constant in enumerate(constants):
                y = self.covariance.whiten(rows[part] - self._mean(k, part), k)
                joint[:, k] += constant - 0.5 * np.einsum("nd,nd->n", y, y)
            found[part] = np.logaddexp.reduce(joint, axis=1)
        return found

    def sample(
        self, random_state: np.random.Generator | int | None = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """One draw for each row.

        Parameters
        ----------
        random_state : Generator, int or None

        Returns
        -------
        rows : array, shape (n, m)
        components : array of int, shape (n,)
        """
        rng = np.random.default_rng(random_state)
        rows = rng.standard_normal((self.n_rows, len(self.dims)))
        components = np.empty(self.n_rows, dtype=np.int64)
        uniform = rng.random(self.n_rows)
        for part in self._spans():
            upto = np.cumsum(self.source.responsibilities(self.given[part]), axis=1)
            draws = uniform[part, None] * upto[:, -1:]
            components[part] = (draws >= upto).sum(axis=1)
        order = np.argsort(components, kind="stable")
        ends = np.cumsum(np.bincount(components, minlength=len(self.centres)))
        for k, mine in enumerate(np.split(order, ends[:-1])):
            rows[mine] = self._mean(k, mine) + self.covariance.unwhiten(rows[mine], k)
        return rows, components

    def cdf(self, x: ArrayLike, dim: int | None = None) -> Array:
        """The probability that a dimension is at most x, row by row, shape (n,); exact.

        Parameters
        ----------
        x : array-like, shape (n,) or a number
        dim : int, optional
            One of `dims`; it may be left out where there is but one.
        """
        points = np.broadcast_to(np.asarray(x, dtype=np.float64), (self.n_rows,))
        found = np.empty(self.n_rows)
        for part, mixtures in self._lines(dim):
            found[part] = line.cdf(points[part], *mixtures)
        return found

    def quantile(self, q: ArrayLike, dim: int | None = None) -> Array:
        """Quantiles of a dimension, row by row; exact to rounding.

        Parameters
        ----------
        q : number or array-like, shape (Q,)
            Levels from 0 to 1.
        dim : int, optional
            One of `dims`; it may be left out where there is but one.

        Returns
        -------
        array, shape (n,), or (n, Q) for an array of levels
        """
        levels = checked_levels(q)
        found = np.empty((self.n_rows, levels.size))
        for part, mixtures in self._lines(dim):
            for j, level in enumerate(levels.ravel()):
                same = np.full(part.stop - part.start, level)
                found[part, j] = line.quantile(same, *mixtures)
        return found if levels.ndim else found[:, 0]

    def row(self, i: int) -> M:
        """The mixture of one row."""
        if not -self.n_rows <= i < self.n_rows:
            raise IndexError(f"there is no row {i}: there are {self.n_rows}")
        one = slice(i % self.n_rows, i % self.n_rows + 1)
        means = np.concatenate([self._mean(k, one) for k in range(len(self.centres))])
        weights = np.exp(log_posterior(self.source, self.given[one])[0])
        return type(self.source)(weights / weights.sum(), means, self.covariance)

    def distances(self) -> Array:
        """How far what is given lies from the nearest component, shape (n,).

        In standard deviations of that component (its Mahalanobis distance).
        """
        found = np.full(self.n_rows, np.inf)
        for part in spans(self.n_rows, self.given.shape[1]):
            for k in np.flatnonzero(self.source.weights > 0):
                y = self.source.covariance.whiten(self.given[part] - self.source.means[k], int(k))
                size = np.maximum(np.abs(y).max(axis=1), np.finfo(np.float64).tiny)
                own = size * np.sqrt(((y / size[:, None]) ** 2).sum(axis=1))
                found[part] = np.minimum(found[part], own)
        return found

    def warn_if_far(self) -> None:
        """Warn where what is given is out of the reach of all components."""
        from scipy.special import chdtri

        if not self.n_rows:
            return
        far = self.distances()
        limit = np.sqrt(chdtri(self.given.shape[1], FALSE_ALARM / self.n_rows))
        worst = int(far.argmax())
        if far[worst] <= limit:
            return
        if self.n_rows == 1:
            where = (
                f"What is given is {far[0]:.3g} standard deviations from the nearest component, "
                f"beyond {limit:.1f}"
            )
        else:
            where = (
                f"Of {self.n_rows} rows given, {int((far > limit).sum())} are more than "
                f"{limit:.1f} standard deviations from every component; the farthest is row "
                f"{worst}, at {far[worst]:.3g}"
            )
        warnings.warn(f"{where}: the answer extrapolates.", FarCondition, stacklevel=4)

    def _spans(self, also: int = 0) -> list[slice]:
        k, m = self.centres.shape
        return spans(self.n_rows, also + k + 2 * m + self.given.shape[1])

    def _mean(self, k: int, part: slice | NDArray[np.intp]) -> Array:
        """The mean of component k for some rows, (B, m)."""
        given = self.given[part]
        if self.gains is None:
            return np.broadcast_to(self.centres[k], (len(given), len(self.dims)))
        return self.centres[k] + (given - self.source.means[k]) @ self.gains[k].T

    def _mixed(self, part: slice) -> tuple[Array, Array]:
        """Shares of the components and the mean of some rows."""
        r = self.source.responsibilities(self.given[part])
        mean = np.zeros((len(r), len(self.dims)))
        for k in range(r.shape[1]):
            mean += r[:, k, None] * self._mean(k, part)
        return r, mean

    def _lines(self, dim: int | None) -> Iterator[tuple[slice, tuple[Array, Array, Array]]]:
        """Weights, means and widths along one dimension, for some rows at a time."""
        if dim is None:
            if len(self.dims) != 1:
                raise ValueError(f"say which dimension is meant: one of {[*self.dims]}")
            dim = self.dims[0]
        if dim not in self.dims:
            raise ValueError(f"dimension {dim} is not left: these are, {[*self.dims]}")
        at = self.dims.index(dim)
        k = len(self.centres)
        widths = np.sqrt(self.covariance.variances(k)[:, at])
        for part in self._spans(4 * k):
            means = np.stack([self._mean(j, part)[:, at] for j in range(k)], axis=1)
            weights = self.source.responsibilities(self.given[part])
            yield part, (weights, means, widths)

    def _checked(self, x: ArrayLike) -> Array:
        rows = np.asarray(x, dtype=np.float64)
        shape = (self.n_rows, len(self.dims))
        if rows.shape != shape:
            raise ValueError(f"there must be one row for each condition, {shape}, not {rows.shape}")
        return rows


def conditional(mixture: M, index: NDArray[np.intp], rows: Array) -> Conditional[M]:
    """The rest given these dimensions, for rows (n, b); neither checked nor warned of."""
    rest = others(index, mixture.n_features)
    covariance, gains = _given(mixture, index, rest)
    return Conditional(
        dims=tuple(rest.tolist()),
        given=rows,
        covariance=covariance,
        source=_marginal(mixture, index),
        centres=mixture.means[:, rest],
        gains=gains,
    )


def _given(
    mixture: Components, index: NDArray[np.intp], rest: NDArray[np.intp]
) -> tuple[Covariance, Array | None]:
    """Covariances of the rest, and how the means follow what is given.

    With what is given first, Σ = LLᵀ has L's last block as the factor of the conditional
    covariance: nothing is subtracted, so it is positive definite whenever Σ is.
    """
    covariance = mixture.covariance
    if covariance.independent:
        return covariance.marginal(rest), None
    b, order = len(index), np.concatenate([index, rest])
    shared = isinstance(covariance, Tied)
    dense = covariance.dense(1 if shared else mixture.n_components)
    factors, failed = linalg.cholesky(dense[:, order[:, None], order])
    refuse_singular(failed, order, "covariance")
    own = factors[:, b:, b:]
    gains = factors[:, b:, :b] @ linalg.invert_lower(factors[:, :b, :b])
    values = own @ np.swapaxes(own, 1, 2)
    if shared:
        gains = np.broadcast_to(gains, (mixture.n_components, *gains.shape[1:]))
    return Tied(values[0]) if shared else Full(values), gains


def log_posterior(mixture: Components, rows: Array) -> Array:
    """The logarithm of the responsibilities, (n, K): also of those that are too small to be."""
    joint = mixture.log_joint(rows)
    top = joint.max(axis=1, keepdims=True)
    near = np.abs(top[:, 0]) < 1e10
    found = np.empty_like(joint)
    found[near] = joint[near] - top[near]
    found[near] -= np.log(np.exp(found[near]).sum(axis=1, keepdims=True))
    if not near.all():  # where distances no longer tell components apart but the kernel does
        with np.errstate(divide="ignore"):
            found[~near] = np.log(mixture.responsibilities(rows[~near]))
    return found


def checked_levels(q: ArrayLike) -> Array:
    """Levels of probability, a number or (Q,)."""
    levels = np.asarray(q, dtype=np.float64)
    if levels.ndim > 1 or not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"levels must be between 0 and 1, a number or (Q,), not {q!r}")
    return levels
