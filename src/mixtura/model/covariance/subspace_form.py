"""What high-dimensional subspaces have in common: twelve forms, by the names of HDclassif.

Σ_k has d_k variances a_kj along axes of its own and one variance b_k at right angles to them
[@Bouveyron2007]. The letters of a name are for these: Akj, of each axis its own; Ak, one for all
axes of a component; A, one for all axes of all components; Bk and B, of each component its own or
one for all; Qk, axes of its own; Dk and D, as many axes as it has or as all have.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """Which variances are one, and whether the number of axes is."""

    name: str
    along: str
    """Of the axes: Akj, Ak or A."""
    noise: bool
    """b is one for all components."""
    dimension: bool
    """All components have as many axes."""

    @property
    def own(self) -> bool:
        """No variance is shared among components."""
        return self.along != "A" and not self.noise

    def n_free(self, dimensions: NDArray[np.intp], n_features: int) -> int:
        """Free parameters as in the paper, which counts the dimensions among them."""
        k, turns = len(dimensions), dimensions * (2 * n_features - dimensions - 1)
        along = {"Akj": int(dimensions.sum()), "Ak": k, "A": 1}[self.along]
        found = int(turns.sum()) // 2 + along + (1 if self.noise else k)
        return found + (1 if self.dimension else k)

    def spectrum(
        self, share: Array, top: Array, inside: NDArray[np.bool_], rest: Array, n_rest: Array
    ) -> tuple[Array, Array]:
        """The likeliest variances that are nowhere larger beside the axes than along them.

        Parameters
        ----------
        share : array, shape (K,)
            Of the rows.
        top : array, shape (K, H)
            The largest eigenvalues of each component, as many as it has axes.
        inside : array of bool, shape (K, H)
            Where it has one.
        rest, n_rest : array, shape (K,)
            The mean of its other eigenvalues, and how many there are.

        Returns
        -------
        a : array, shape (K, H)
            Whatever, where there is no axis.
        b : array, shape (K,)
        """
        rows = share[:, None] * inside
        around = share * n_rest
        if self.along != "Akj":
            across = 1 if self.along == "Ak" else (0, 1)
            top = np.broadcast_to(_mean(top, rows, across, inside), top.shape)
        if self.own:
            return np.maximum(top, rest[:, None]), rest
        if not self.noise:  # one a, not below any b
            one = top.max(initial=0.0)
            one = -_below(-one, float(rows.sum()), -rest, around)
            return np.full_like(top, one), np.minimum(rest, one)
        noise = _mean(rest, around, 0, np.ones(len(rest), dtype=np.bool_)).item()
        noise = _below(noise, float(around.sum()), top[inside], rows[inside])
        return np.maximum(top, noise), np.full_like(rest, noise)


def _mean(
    values: Array, rows: Array, across: int | tuple[int, int], used: NDArray[np.bool_]
) -> Array:
    """A mean by rows; the plain one of what is used where there are none."""
    total = rows.sum(axis=across, keepdims=True)
    rows = np.where(total > 0, rows, used.astype(np.float64))
    total = np.maximum(rows.sum(axis=across, keepdims=True), 1e-300)
    return (rows * values).sum(axis=across, keepdims=True) / total


def _below(start: float, rows: float, others: Array, weights: Array) -> float:
    """The mean of a number and of those among others that lie below that mean.

    It is the root of a convex function that rises, to which Newton's steps come down from above.
    """
    found = start
    while True:
        inside = (others < found) & (weights > 0)
        total = rows + float(weights[inside].sum())
        if not total > 0:
            return found
        there = (rows * start + float(weights[inside] @ others[inside])) / total
        if not there < found:
            return found
        found = there


FORMS: dict[str, Form] = {
    f"{a}{b}Qk{d}": Form(f"{a}{b}Qk{d}", a, b == "B", d == "D")
    for d, b, a in product(("Dk", "D"), ("Bk", "B"), ("Akj", "Ak", "A"))
}
"""By name, in HDclassif's order of those with axes of their own."""
