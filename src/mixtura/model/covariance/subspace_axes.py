"""The axes of components: eigenvectors of the largest eigenvalues, as many as each has."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from mixtura.model.covariance.intrinsic import Rule
from mixtura.numeric import linalg

Array = NDArray[np.float64]

WIDE = 64
"""Columns from which on a few eigenvectors are computed faster than all."""


class Axes(NamedTuple):
    """What K matrices have along their axes, and beside them."""

    vectors: Array  # (K, D, H): zero where there is no axis
    lengths: Array  # (K, H): eigenvalues, in falling order
    rest: Array  # (K,): the mean of the other eigenvalues
    dimensions: NDArray[np.intp]  # (K,)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where there is an axis, (K, H)."""
        return np.arange(self.lengths.shape[1]) < self.dimensions[:, None]


def shares(counts: Array) -> Array:
    """Of all rows, (K,)."""
    total = counts.sum()
    return counts / total if total > 0 else np.full(len(counts), 1.0 / len(counts))


def matrices(counts: Array, scatter: Array) -> Array:
    """Second moments of a row of each component, (K, D, D); of one without rows, those of all."""
    found = linalg.symmetrise(scatter / np.where(counts > 0, counts, 1.0)[:, None, None])
    if (counts <= 0).any():
        found[counts <= 0] = np.einsum("k,kij->ij", shares(counts), found)
    return found


def known(found: Array, dimensions: NDArray[np.intp]) -> Axes:
    """The axes of matrices (K, D, D), of which each has so many."""
    k, size, _ = found.shape
    width = int(dimensions.max(initial=0))
    vectors, lengths, rest = np.zeros((k, size, width)), np.zeros((k, width)), np.zeros(k)
    for j, (matrix, d) in enumerate(zip(found, dimensions.tolist(), strict=True)):
        if d:
            values, part = _largest(matrix, d)
            vectors[j, :, :d], lengths[j, :d] = part, np.maximum(values, 0.0)
        left = float(np.trace(matrix)) - float(lengths[j, :d].sum())
        rest[j] = max(left, 0.0) / (size - d)
    inside = np.arange(width) < dimensions[:, None]
    rest = np.minimum(rest, np.where(inside, lengths, np.inf).min(axis=1, initial=np.inf))
    return Axes(vectors, lengths, rest, dimensions)


def _largest(matrix: Array, number: int) -> tuple[Array, Array]:
    """So many of the largest eigenvalues, in falling order, and their vectors."""
    size = len(matrix)
    if size < WIDE or 4 * number > size:
        values, vectors = np.linalg.eigh(matrix)
        values, vectors = values[-number:], vectors[:, -number:]
    else:
        values, vectors = eigh(matrix, subset_by_index=(size - number, size - 1), driver="evr")
    return values[::-1], vectors[:, ::-1]


def chosen(found: Array, counts: Array, rule: Rule, *, one: bool) -> NDArray[np.intp]:
    """How many axes each matrix has by a rule; or all of them, by the mean of their eigenvalues.

    Where axes are of each component's own, those of all rows together would be too many.
    """
    spectra = np.array([_falling(matrix) for matrix in found])
    if one:
        number = rule(shares(counts) @ spectra, float(counts.mean()))
        return np.full(len(found), number)
    pairs = zip(spectra, counts.tolist(), strict=True)
    return np.array([rule(values, rows) for values, rows in pairs], dtype=np.intp)


def _falling(matrix: Array) -> Array:
    return np.maximum(np.linalg.eigvalsh(matrix)[::-1], 0.0)
