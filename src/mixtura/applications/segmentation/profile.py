"""What marks each segment: sizes, means, and the index of each column against the average."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

from mixtura.applications.segmentation.assignment import Assignment
from mixtura.applications.segmentation.columns import Column, Role
from mixtura.applications.segmentation.recipe import read_numbers

Array = NDArray[np.float64]

MARKED = 0.3
"""Standard deviations from the average from which a column marks a segment."""
STRIKING = 1.0
"""Those from which it is said to be very high or very low."""


@dataclass(frozen=True)
class Profile:
    """Sizes and means of segments. Rows count in the segment that they are likeliest to be in.

    Attributes
    ----------
    sizes : array of int, shape (K,)
    certainty : array, shape (K,)
        The mean probability with which rows are in their segment.
    names : list of str
        Quantities by their names; levels of categories as ``column=level``.
    means : array, shape (K, n_names)
        Means of quantities, shares of levels.
    overall : array, shape (n_names,)
        The same over all rows.
    marks : list of str
        What marks each segment, in a few words.
    between : dict of float
        For each feature the part of its variance that lies between segments.
    """

    sizes: NDArray[np.int64]
    certainty: Array
    names: list[str]
    means: Array
    overall: Array
    marks: list[str]
    between: dict[str, float]

    @property
    def shares(self) -> Array:
        """The part of the rows in each segment."""
        return self.sizes / self.sizes.sum()

    @property
    def indices(self) -> Array:
        """100 · mean / average, (K, n_names); NaN where the average or a mean is negative."""
        sensible = (self.overall > 0) & (self.means >= 0).all(axis=0)
        average = np.where(sensible, self.overall, np.nan)
        return 100.0 * self.means / average

    def to_columns(self) -> dict[str, list[Any]]:
        """The profile as columns of a table: a row a segment, then one for all rows."""
        everyone = int(self.sizes.sum())
        total_certainty = float(self.sizes @ self.certainty / everyone)
        table: dict[str, list[Any]] = {
            "segment": [*(str(k + 1) for k in range(len(self.sizes))), "all"],
            "size": [*self.sizes.tolist(), everyone],
            "share": [*self.shares.tolist(), 1.0],
            "certainty": [*self.certainty.tolist(), total_certainty],
            "marks": [*self.marks, ""],
        }
        for j, name in enumerate(self.names):
            means = [None if np.isnan(mean) else float(mean) for mean in self.means[:, j]]
            table[f"{name}_mean"] = [*means, float(self.overall[j])]
            index = [None if np.isnan(i) else float(i) for i in self.indices[:, j]]
            table[f"{name}_index"] = [*index, None if index == [None] * len(index) else 100.0]
        return table


def profiled(
    frame: nw.DataFrame[Any], columns: Sequence[Column], assignment: Assignment, z: Array
) -> Profile:
    """Describe segments by the columns of a table.

    Parameters
    ----------
    frame : narwhals DataFrame
        The rows that were assigned.
    columns : sequence of Column
    assignment : Assignment
    z : array, shape (n, D)
        The same rows in the coordinates of the features, centred and scaled.
    """
    members = assignment.segment - 1
    k = assignment.probabilities.shape[1]
    sizes = np.bincount(members, minlength=k)
    described = list(_described(frame, columns))
    values = np.column_stack([value for _, value in described])
    features = [c.name for c in columns if c.role is Role.feature]
    centres = _means(z, members, sizes)
    # A column of which a segment has nothing is taken to be at its average there.
    centres = np.nan_to_num(centres - np.nanmean(z, axis=0))
    between = sizes @ centres**2 / (len(z) * np.nanvar(z, axis=0))
    return Profile(
        sizes=sizes,
        certainty=_means(assignment.certainty[:, None], members, sizes)[:, 0],
        names=[name for name, _ in described],
        means=_means(values, members, sizes),
        overall=_overall(values),
        marks=_marks(features, centres),
        between=dict(zip(features, between.tolist(), strict=True)),
    )


def _described(frame: nw.DataFrame[Any], columns: Sequence[Column]) -> Iterator[tuple[str, Array]]:
    """Names and values of what segments are described by: features first."""
    for column in columns:
        if column.role is Role.feature:
            yield column.name, read_numbers(frame, [column.name])[:, 0]
    for column in columns:
        if column.role is Role.profile:
            series = frame[column.name]
            for level in sorted(series.drop_nulls().unique().to_list(), key=str):
                shown = f"{level:g}" if isinstance(level, float) else str(level)
                held = (series == level).fill_null(value=False).to_numpy()
                yield f"{column.name}={shown}", held.astype(np.float64)


def _means(values: Array, members: NDArray[np.int64], sizes: NDArray[np.int64]) -> Array:
    """The mean of each column in each segment, over the values that are there; NaN for none."""
    present = np.isfinite(values)
    sums = np.zeros((len(sizes), values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, members, np.where(present, values, 0.0))
    np.add.at(counts, members, present)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _overall(values: Array) -> Array:
    everyone = np.zeros(len(values), dtype=np.int64)
    return _means(values, everyone, np.array([len(values)]))[0]


def _marks(names: Sequence[str], standardised: Array) -> list[str]:
    """The two features that are furthest from the average in each segment, in words."""
    marks: list[str] = []
    for row in standardised:
        order = np.argsort(-np.abs(row), kind="stable")[:2]
        words = [
            f"{'very ' * bool(abs(row[j]) >= STRIKING)}{'high' if row[j] > 0 else 'low'} {names[j]}"
            for j in order
            if abs(row[j]) >= MARKED
        ]
        marks.append(", ".join(words) or "near the average")
    return marks
