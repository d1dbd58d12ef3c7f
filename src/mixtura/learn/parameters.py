"""The parameters of a mixture as people count them: weights, means, variances and covariances.

Those of factor analysers are entries of their matrices, and variances of the noise where matrices
tell them: loadings are told up to a rotation. Those of t distributions are centres, entries of
scale matrices and degrees of freedom.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.chart import Chart
from mixtura.model.covariance import Factor, Tied
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Index = NDArray[np.intp]

WEIGHT, MEAN, VARIANCE, COVARIANCE = "weight", "mean", "variance", "covariance"
NOISE, DEGREES = "noise_variance", "degrees_of_freedom"
SCALE = "scale"
"""What entries of matrices are called where these are scale matrices."""

POSITIVE = {VARIANCE, NOISE, DEGREES}

VANISHED = 1e-4
"""A part of a column's variance: where less than this is noise, it has vanished."""

ALL = -1
"""In place of a component: all of them. In place of a column: none, or all."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """Which numbers of a mixture there are, each once; those that cannot change are left out."""

    kinds: tuple[str, ...]
    components: Index  # (P,): ALL where they share it
    columns: Index  # (P, 2): one column twice for a variance; ALL where none is meant
    scales: bool = False
    """Matrices are scale matrices."""

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def of(cls, model: Mixture | HeavyMixture, chart: Chart) -> "Parameters":
        """Those of a mixture, by what can change in its matrices."""
        mixture = _gaussian(model)
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
        if chart.noise is not None:
            found += _of_noise(mixture, chart.noise)
        free = [j for j, at in enumerate(chart.degrees) if at >= 0]
        common = len(free) > 1 and max(chart.degrees) == 0
        found += [(DEGREES, ALL if common else j, ALL, ALL) for j in free[: 1 if common else None]]
        kinds, components, first, second = zip(*found, strict=True)
        columns = np.column_stack([first, second]).astype(np.intp)
        scales = isinstance(model, HeavyMixture)
        return cls(tuple(kinds), np.array(components, dtype=np.intp), columns, scales)

    def _where(self, kind: str) -> Index:
        return np.flatnonzero([own == kind for own in self.kinds])

    @property
    def _entries(self) -> tuple[Index, Index, Index, Index]:
        """Where entries of matrices stand here, and of which matrix, row and column they are."""
        index = np.flatnonzero([kind in (VARIANCE, COVARIANCE) for kind in self.kinds])
        first, second = np.maximum(self.columns[index], 0).T
        return index, np.maximum(self.components[index], 0), first, second

    def values(self, model: Mixture | HeavyMixture) -> Array:
        """What they are in a mixture of the same size and family, (P,)."""
        found, mixture = np.empty(len(self)), _gaussian(model)
        weights, means = self._where(WEIGHT), self._where(MEAN)
        found[weights] = mixture.weights[self.components[weights]]
        found[means] = mixture.means[self.components[means], self.columns[means, 0]]
        index, matrix, row, column = self._entries
        found[index] = mixture.covariances[matrix, row, column]
        if isinstance(mixture.covariance, Factor):
            index = self._where(NOISE)
            component, column = np.maximum([self.components[index], self.columns[index, 0]], 0)
            found[index] = mixture.covariance.noise_variances[component, column]
        if isinstance(model, HeavyMixture):
            index = self._where(DEGREES)
            found[index] = model.degrees[np.maximum(self.components[index], 0)]
        return found

    def slopes(self, model: Mixture | HeavyMixture, chart: Chart) -> Array:
        """How they change along the coordinates of a chart, (P, coordinates)."""
        mixture, k = _gaussian(model), model.n_components
        found = np.zeros((len(self), chart.size))
        for at in self._where(WEIGHT):
            j = self.components[at]
            found[at, :k] = -mixture.weights[j] * mixture.weights
            found[at, j] += mixture.weights[j]
        for at in self._where(MEAN):
            found[at, chart.means(int(self.components[at]))[self.columns[at, 0]]] = 1.0
        for at, matrix, row, column in zip(*self._entries, strict=True):
            found[at, chart.widths(matrix)] = chart.tangents[matrix].changes[:, row, column]
        if chart.noise is not None:
            for at in self._where(NOISE):
                component, column = max(self.components[at], 0), max(self.columns[at, 0], 0)
                found[at, chart.n_first : chart.n_last] = chart.noise[component, column]
        for at in self._where(DEGREES):
            j = max(int(self.components[at]), 0)
            found[at, chart.tails(j)] = self.values(model)[at]
        return found

    def names(self, columns: list[str]) -> list[str]:
        """One for each, with the names of its columns."""
        found: list[str] = []
        for kind, (first, second) in zip(self.kinds, self.columns.tolist(), strict=True):
            which = [columns[i] for i in dict.fromkeys((first, second)) if i != ALL]
            word = SCALE if self.scales and kind in (VARIANCE, COVARIANCE) else kind
            found.append(f"{word}[{', '.join(which)}]" if which else word)
        return found


def _gaussian(model: Mixture | HeavyMixture) -> Mixture:
    """The mixture itself, or that of which t distributions are made."""
    return model.gaussian if isinstance(model, HeavyMixture) else model


def _of_noise(mixture: Mixture, slopes: Array) -> list[tuple[str, int, int, int]]:
    """The variances of the noise that matrices tell; once where components or columns share it.

    One that has vanished, or nearly so, is at an end of what it can be: nothing is said of it.
    """
    covariance = mixture.covariance
    assert isinstance(covariance, Factor)
    form, (k, d) = covariance.form, mixture.means.shape
    shared = k > 1 and form.shape and form.volume
    told = np.isfinite(slopes).all(axis=2)
    told &= covariance.noise_variances > VANISHED * covariance.variances(k)
    found: list[tuple[str, int, int, int]] = []
    for j in [0] if shared else range(k):
        for i in [0] if form.isotropic else range(d):
            if told[j, i].item():
                column = ALL if form.isotropic else i
                found.append((NOISE, ALL if shared else j, column, column))
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
