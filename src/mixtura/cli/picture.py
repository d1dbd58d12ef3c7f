"""The picture of a segmentation: the customers on a map, coloured by segment."""

from pathlib import Path
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

from mixtura.applications.segmentation.columns import Role
from mixtura.applications.segmentation.recipe import Feature, read_numbers
from mixtura.applications.segmentation.segment import Segmentation
from mixtura.learn import imputation
from mixtura.report.plot.canvas import legend
from mixtura.report.plot.ellipses import outlines
from mixtura.report.plot.palette import colour
from mixtura.report.plot.points import scatter

Array = NDArray[np.float64]

POINTS = 5_000
"""Rows shown: more would only cover one another."""

LEVELS = (0.5, 0.9)
"""The parts of each segment that its ellipses hold."""


def draw(found: Segmentation, table: Any, path: str | Path, *, title: str) -> None:
    """Draw segments over the two features that keep them apart best, and write a PNG.

    Parameters
    ----------
    found : Segmentation
    table : data frame
        The one that was segmented.
    path : str or Path
    title : str
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frame = nw.from_native(table, eager_only=True)
    rows = _filled(found, read_numbers(frame, found.recipe.names)[found.complete])
    figure = Figure(figsize=(9.0, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots()
    profile = found.profile
    names = [
        f"{k + 1}: {profile.shares[k]:.0%}, {profile.marks[k]}" for k in range(found.n_segments)
    ]
    chosen = np.random.default_rng(0).permutation(len(rows))[:POINTS]
    if len(found.recipe.features) == 1:
        _bars(axes, found.recipe.features[0], rows[:, 0], found.assignment.segment - 1)
    else:
        i, j = _dims(found, rows)
        across, up = found.recipe.features[i], found.recipe.features[j]
        shares = found.assignment.probabilities[chosen]
        scatter(rows[chosen, i], rows[chosen, j], shares, ax=axes)
        limits = [_scale(axes, "x", across, rows[:, i]), _scale(axes, "y", up, rows[:, j])]

        def undo(line: Array) -> Array:
            return np.column_stack([across.undo(line[:, 0]), up.undo(line[:, 1])])

        marks = [str(k + 1) for k in range(found.n_segments)]
        outlines(axes, found.mixture, (i, j), LEVELS, marks=marks, undo=undo)
        axes.set(xlabel=across.name, ylabel=up.name, xlim=limits[0], ylim=limits[1])
    axes.set_title(title, loc="left")
    below = (0.0, -0.1)
    legend(axes, names, "upper left", most=len(names), fontsize=9, bbox_to_anchor=below)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130, format="png")


def _filled(found: Segmentation, rows: Array) -> Array:
    """Rows with what they miss where it is expected to be, so that they can be drawn."""
    z = found.recipe.apply(rows)
    for cells in imputation.cells(z, found.mixture):
        free = np.full(len(cells.rows), np.inf)
        z[cells.rows, cells.columns] = cells.mean(-free, free)
    return np.where(np.isnan(rows), found.recipe.undo(z), rows)


def _dims(found: Segmentation, rows: Array) -> tuple[int, int]:
    """The two features in which the segments differ most, against their spread [Wilks' ratio].

    Columns in which many rows share a value draw as stripes; they are taken only for want of
    others.
    """
    z = found.recipe.apply(rows)
    members = found.assignment.segment - 1
    total = np.cov(z.T, bias=True)
    centred = z - _group_means(z, members)[members]
    within = centred.T @ centred / len(z) + np.diag(found.recipe.floors_or_zero())
    smooth = {c.name for c in found.columns if c.role is Role.feature and c.atom is None}
    index = [j for j, f in enumerate(found.recipe.features) if f.name in smooth]
    if len(index) < 2:
        index = list(range(z.shape[1]))
    best, pair = -np.inf, (index[0], index[1])
    for a, i in enumerate(index):
        for j in index[a + 1 :]:
            both = np.ix_([i, j], [i, j])
            ratio = float(np.linalg.det(total[both]) / np.linalg.det(within[both]))
            if ratio > best:
                best, pair = ratio, (i, j)
    return pair


def _group_means(z: Array, members: NDArray[np.int64]) -> Array:
    sizes = np.bincount(members)
    sums = np.zeros((len(sizes), z.shape[1]))
    np.add.at(sums, members, z)
    return sums / np.maximum(sizes, 1)[:, None]


def _scale(axes: Any, which: str, feature: Feature, x: Array) -> tuple[float, float]:
    """Set an axis to the feature's curve; its limits hold all rows but the outermost of them."""
    _curved(axes, which, feature)
    low, high = feature.apply(np.quantile(x, [0.001, 0.999]))
    margin = 0.06 * (high - low)
    ends = feature.undo(np.array([low - margin, high + margin]))
    return float(ends[0]), float(ends[1])


def _curved(axes: Any, which: str, feature: Feature) -> None:
    """Space an axis as the mixture sees it: ellipses are drawn as ellipses."""
    if feature.curve == "identity":
        return
    from matplotlib.ticker import NullLocator, StrMethodFormatter, SymmetricalLogLocator

    setter = axes.set_xscale if which == "x" else axes.set_yscale
    setter("function", functions=(feature.apply, feature.undo))
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=feature.unit, subs=(1, 3)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def _bars(axes: Any, feature: Feature, x: Array, members: NDArray[np.int64]) -> None:
    """One feature: how many rows lie where, a colour a segment."""
    edges = feature.undo(np.histogram_bin_edges(feature.apply(x), bins=60))
    parts = [x[members == k] for k in range(int(members.max()) + 1)]
    axes.hist(parts, bins=edges, stacked=True, color=[colour(k) for k in range(len(parts))])
    axes.set(xlabel=feature.name, ylabel="rows")
    _curved(axes, "x", feature)
