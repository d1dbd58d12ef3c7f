"""The parameters of a mixture as people count them: weights, means, variances and covariances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.chart import Chart
from mixtura.model.covariance import Tied
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Index = NDArray[np.intp]

WEIGHT, MEAN, VARIANCE, COVARIANCE = "weight", "mean", "variance", "covariance"

ALL = -1
"""In place of a component: all of them. In place of a column: none, or all."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Which numbers of a mixture there are, each once; those that cannot change are left out."""

    kinds: tuple[str, ...]
    components: Index  # (P,): ALL where they share it
    columns: Index  # (P, 2): one column twice for a variance; ALL where none is meant

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def of(cls, mixture: Mixture, chart: Chart) -> "Parameters":
        """Those of a mixture, by what can change in its matrices."""
        k, d = mixture.means.shape
        found: list[tuple[str, int, int, int]] = []
        if k > 1:
            found += [(WEIGHT, j, ALL, ALL) for j in range(k)]
        found += [(MEAN, j, i, ALL) for j in range(k) for i in range(d)]
        shared = k > 1 and (isinstance(mixture.covariance, Tied) or _shared(mixture, chart))
        for j in range(1 if shared else k):
            name, changes = ALL if shared else j, chart.tangents[j].changes
            free = (changes != 0).any(axis=0) if len(changes) else np.zeros((d, d), dtype=np.bool_)
            if d > 1 and not (free & ~np.eye(d, dtype=np.bool_)).any() and _round(changes):
                found.append((VARIANCE, name, ALL, ALL))
                continue
            found += [(VARIANCE, name, i, i) for i in range(d) if free[i, i]]
            found += [
                (COVARIANCE, name, i, h) for i in range(d) for h in range(i + 1, d) if free[i, h]
            ]
        kinds, components, first, second = zip(*found, strict=True)
        columns = np.column_stack([first, second]).astype(np.intp)
        return cls(tuple(kinds), np.array(components, dtype=np.intp), columns)

    def _where(self, kind: str) -> Index:
        return np.flatnonzero([own == kind for own in self.kinds])

    @property
    def _entries(self) -> tuple[Index, Index, Index, Index]:
        """Where entries of matrices stand here, and of which matrix, row and column they are."""
        index = np.flatnonzero([kind in (VARIANCE, COVARIANCE) for kind in self.kinds])
        first, second = np.maximum(self.columns[index], 0).T
        return index, np.maximum(self.components[index], 0), first, second

    def values(self, mixture: Mixture) -> Array:
        """What they are in a mixture of the same size and family, (P,)."""
        found = np.empty(len(self))
        weights, means = self._where(WEIGHT), self._where(MEAN)
        found[weights] = mixture.weights[self.components[weights]]
        found[means] = mixture.means[self.components[means], self.columns[means, 0]]
        index, matrix, row, column = self._entries
        found[index] = mixture.covariances[matrix, row, column]
        return found

    def slopes(self, mixture: Mixture, chart: Chart) -> Array:
        """How they change along the coordinates of a chart, (P, coordinates)."""
        k = mixture.n_components
        found = np.zeros((len(self), chart.size))
        for at in self._where(WEIGHT):
            j = self.components[at]
            found[at, :k] = -mixture.weights[j] * mixture.weights
            found[at, j] += mixture.weights[j]
        for at in self._where(MEAN):
            found[at, chart.means(int(self.components[at]))[self.columns[at, 0]]] = 1.0
        for at, matrix, row, column in zip(*self._entries, strict=True):
            found[at, chart.widths(matrix)] = chart.tangents[matrix].changes[:, row, column]
        return found

    def names(self, columns: list[str]) -> list[str]:
        """One for each, with the names of its columns."""
        found: list[str] = []
        for kind, (first, second) in zip(self.kinds, self.columns.tolist(), strict=True):
            which = [columns[i] for i in dict.fromkeys((first, second)) if i != ALL]
            found.append(f"{kind}[{', '.join(which)}]" if which else kind)
        return found


def _shared(mixture: Mixture, chart: Chart) -> bool:
    """Whether all components have one matrix, which changes for all alike."""
    first, dense = chart.tangents[0], mixture.covariances
    return np.allclose(dense, dense[0], rtol=1e-12, atol=0.0) and all(
        np.array_equal(first.index, other.index)
        and np.allclose(first.changes, other.changes, rtol=1e-7, atol=0.0)
        for other in chart.tangents[1:]
    )


def _round(changes: Array) -> bool:
    """Whether all variances of a matrix change alike."""
    variances = np.diagonal(changes, axis1=1, axis2=2)
    return np.allclose(variances, variances[:, :1], rtol=1e-7, atol=0.0)
