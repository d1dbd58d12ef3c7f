"""Some dimensions given others, where rows do not all have the same numbers to give."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.components import M
from mixtura.model.conditioning import Conditional, conditional
from mixtura.model.covariance import Spherical

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Conditionals(Generic[M]):
    """Mixtures over the same dimensions, one for each row of what is given, with gaps in it.

    A `Conditional` for each pattern of gaps; what is asked of all rows comes in their order.

    Attributes
    ----------
    dims : tuple of int
        The dimensions that it is over, (m,), by their numbers in the whole mixture.
    parts : tuple of pairs
        Which rows share a pattern, and their `Conditional`.
    n_rows : int
        How many rows are given.
    """

    dims: tuple[int, ...]
    parts: tuple[tuple[Index, Conditional[M]], ...]
    n_rows: int

    @property
    def log_marginal(self) -> Array:
        """The log density of what is given, shape (n,), in nats; 0 where nothing is."""
        return self._each(lambda part, _: part.log_marginal)

    @cached_property
    def mean(self) -> Array:
        """The conditional mean, shape (n, m): the regression of the rest on what is given."""
        return self._each(lambda part, _: part.mean)

    def total_covariance(self) -> Array:
        """The conditional covariance of each row, shape (n, m, m)."""
        return self._each(lambda part, _: part.total_covariance())

    def log_density(self, x: ArrayLike) -> Array:
        """As `Conditional.log_density`."""
        rows = np.asarray(x, dtype=np.float64)
        shape = (self.n_rows, len(self.dims))
        if rows.shape != shape:
            raise ValueError(f"there must be one row for each condition, {shape}, not {rows.shape}")
        return self._each(lambda part, mine: part.log_density(rows[mine]))

    def sample(
        self, random_state: np.random.Generator | int | None = None
    ) -> tuple[Array, NDArray[np.int64]]:
        """As `Conditional.sample`."""
        rng = np.random.default_rng(random_state)
        rows = np.empty((self.n_rows, len(self.dims)))
        components = np.empty(self.n_rows, dtype=np.int64)
        for mine, part in self.parts:
            rows[mine], components[mine] = part.sample(rng)
        return rows, components

    def cdf(self, x: ArrayLike, dim: int | None = None) -> Array:
        """As `Conditional.cdf`."""
        points = np.broadcast_to(np.asarray(x, dtype=np.float64), (self.n_rows,))
        return self._each(lambda part, mine: part.cdf(points[mine], dim))

    def quantile(self, q: ArrayLike, dim: int | None = None) -> Array:
        """As `Conditional.quantile`."""
        return self._each(lambda part, _: part.quantile(q, dim))

    def distances(self) -> Array:
        """As `Conditional.distances`; 0 where nothing is given."""
        return self._each(lambda part, _: part.distances())

    def row(self, i: int) -> M:
        """The mixture of one row."""
        if not -self.n_rows <= i < self.n_rows:
            raise IndexError(f"there is no row {i}: there are {self.n_rows}")
        for mine, part in self.parts:
            at = np.flatnonzero(mine == i % self.n_rows)
            if len(at):
                return part.row(int(at[0]))
        raise AssertionError("every row is in a part")

    def _each(self, ask: Callable[[Conditional[M], Index], Array]) -> Array:
        """What each part answers, in the order of the rows."""
        answers = [ask(part, mine) for mine, part in self.parts]
        found = np.empty((self.n_rows, *answers[0].shape[1:]))
        for (mine, _), answer in zip(self.parts, answers, strict=True):
            found[mine] = answer
        return found


def given_rows(mixture: M, rows: Array, rest: Index) -> Conditional[M] | Conditionals[M]:
    """Some dimensions given the others as rows (n, b) have them, a gap being NaN.

    The others are in their order. Neither checked nor warned of.
    """
    index = np.setdiff1d(np.arange(mixture.n_features), rest)
    seen = ~np.isnan(rows)
    if seen.all():
        return conditional(mixture, index, rows)
    packed = np.packbits(seen, axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    order = np.argsort(which, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(which, minlength=len(first)))[:-1])
    parts = tuple(
        (mine, _of_pattern(mixture, rows[mine][:, seen[at]], index[seen[at]], rest))
        for mine, at in zip(groups, first, strict=True)
    )
    return Conditionals(tuple(rest.tolist()), parts, len(rows))


def _of_pattern(mixture: M, rows: Array, index: Index, rest: Index) -> Conditional[M]:
    """The rest given some dimensions, other dimensions being nobody's concern."""
    k, b = mixture.n_components, len(index)
    kept = np.concatenate([index, rest])
    covariance, means = mixture.covariance.marginal(kept), mixture.means[:, kept]
    dims = tuple(rest.tolist())
    if b:
        part = type(mixture)(mixture.weights, means, covariance)
        return replace(conditional(part, np.arange(b), rows), dims=dims)
    # A column that says nothing: it is zero, and every component's density there is one.
    nothing = Spherical.from_values(np.full(k, 0.5 / np.pi), 1)
    return Conditional(
        dims=dims,
        given=np.zeros((len(rows), 1)),
        covariance=covariance,
        source=type(mixture)(mixture.weights, np.zeros((k, 1)), nothing),
        centres=means,
        gains=None,
    )
