"""The density of one column, with what each component adds to it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.heavy import HeavyMixture
from mixtura.report.plot.canvas import (
    CROWD,
    axes_of,
    free_corner,
    legend_of_lines,
    limits,
    note,
    number,
)
from mixtura.report.plot.palette import INK, PALE, colour, dark, line
from mixtura.report.plot.subject import Drawn, Subject, bodies, members_of, subject

Array = NDArray[np.float64]

TICKS = 500
"""Rows that the rug shows."""

BARS = 80
"""Bars of a histogram, at the most."""

EDGES = (0.0005, 0.9995)
"""The parts of a mixture that lie below the left and right end of an axis, without rows."""


def density(
    model: Any,
    X: Any = None,
    *,
    column: Any = 0,
    names: Sequence[str] | None = None,
    rug: int = TICKS,
    random_state: Any = 0,
    ax: Any = None,
) -> Any:
    """Draw the density of one column, that of each component times its weight, and the rows.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
    X : array-like or table, shape (n, D), optional
        For a histogram of all rows and, below it, a rug of some.
    column : int or name, default 0
    names : sequence of str, optional
        Of the components; short ones stand at their means, too.
    rug : int, default 500
        At most so many rows are drawn as ticks, taken at random, in the colour of their likeliest
        component.
    random_state : Generator, int or None, default 0
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there is no such column, or no row has it.
    """
    given = subject(model, X)
    (j,) = given.columns([column])
    called = given.component_names(names)
    axes = axes_of(ax)
    curves(axes, given, j, marks=given.marks(names))
    if given.rows is not None:
        shown = given.shown([j], max(rug, 1), random_state)
        if rug > 0:
            ticks(axes, given, j, shown.rows)
        missing = int(np.isnan(given.rows[:, j]).sum())
        left = f"{missing:,} row{'s' * (missing > 1)} with missing values left out"
        note(axes, left if missing else "")
    legend_of_lines(axes, called, free_corner(axes, _below(axes)))
    axes.set(xlabel=given.labels[j], ylabel="density")
    return axes


def curves(axes: Any, given: Subject, j: int, *, marks: Sequence[str] | None = None) -> None:
    """The density of a column as a line, its components below it, and the rows as a histogram."""
    marginal = given.mixture.marginal([j])
    low, high = reach(given, j)
    grid = line_grid(marginal, low, high)
    parts = np.exp(marginal.log_joint(grid[:, None]))
    top = float(parts.sum(axis=1).max())
    marks = marks if marginal.n_components <= CROWD else None
    if given.rows is not None:
        values = given.rows[:, j]
        values = np.asarray(values[~np.isnan(values)], dtype=np.float64)
        heights, edges = histogram(values)
        axes.stairs(heights, edges, fill=True, color=PALE, alpha=0.45, zorder=0)
        top = max(top, float(heights.max()))
    for k in range(marginal.n_components):
        if not marginal.weights[k] > 0:
            continue
        axes.fill_between(grid, parts[:, k], color=colour(k), alpha=0.15, linewidth=0, zorder=1)
        axes.plot(
            grid,
            parts[:, k],
            color=colour(k),
            linestyle=line(k),
            linewidth=1.3,
            zorder=2,
            gid=str(k),
        )
        peak = int(parts[:, k].argmax())
        if marks is not None and low < grid[peak] < high:
            number(axes, grid[peak], parts[peak, k], marks[k], dark(k))
    axes.plot(grid, parts.sum(axis=1), color=INK, linewidth=1.6, zorder=3, gid="density")
    axes.set(xlim=(low, high), ylim=(0.0, 1.08 * top))


def _below(axes: Any) -> Array:
    """Points on the density that is drawn, and below it."""
    (curve,) = (line for line in axes.get_lines() if line.get_gid() == "density")
    x, y = curve.get_xydata().T
    return np.concatenate([np.column_stack([x, part * y]) for part in (0.25, 0.5, 0.75, 1.0)])


def ticks(axes: Any, given: Subject, j: int, rows: Array) -> None:
    """Rows as ticks on the axis, in the colour of their likeliest component."""
    members = members_of(given.responsibilities(rows), given.mixture.n_components)
    for k in np.unique(members):
        mine = rows[members == k, j]
        axes.plot(
            mine,
            np.full(len(mine), 0.015),
            linestyle="",
            marker="|",
            markersize=7,
            markeredgewidth=0.8,
            color=colour(k),
            alpha=0.6,
            transform=axes.get_xaxis_transform(),
            zorder=4,
            gid=f"rug {k}",
        )


def reach(given: Subject, j: int) -> tuple[float, float]:
    """The axis of a column: all but the outermost of the mixture, and every row.

    Of t distributions it is that of Gaussians of the same scales, and half as much more.
    """
    marginal = given.mixture.marginal([j])
    ends = bodies(marginal).quantile(EDGES)
    low, high = float(ends[0]), float(ends[1])
    if isinstance(marginal, HeavyMixture):  # the ends of tails would be too far away
        room = 0.25 * (high - low)
        low, high = low - room, high + room
    if given.rows is not None:
        values = given.rows[:, j]
        low, high = min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values)))
    return limits(low, high, margin=0.02)


def line_grid(marginal: Drawn, low: float, high: float) -> Array:
    """Points at which to draw a mixture on a line: even ones, and some for each component."""
    means = bodies(marginal).means[:, 0]
    widths = np.sqrt(bodies(marginal).covariance.variances(len(means))[:, 0])
    # An odd number of them: the mean is always one.
    points = 2 * int(np.clip(2_000 / len(means), 2, 32)) + 1
    own = means[:, None] + widths[:, None] * np.linspace(-4.0, 4.0, points)
    grid = np.concatenate([np.linspace(low, high, 400), own.ravel()])
    return np.unique(grid[(grid >= low) & (grid <= high)])


def histogram(values: Array) -> tuple[Array, Array]:
    """A histogram with area one: heights, and the edges of bars.

    Bars are as wide as Freedman and Diaconis say, or narrower where groups are apart, which their
    rule does not see; but for outliers there are never too many.
    """
    low, high = float(values.min()), float(values.max())
    if not high > low:
        low, high = limits(low, high)
        return np.array([1.0 / (high - low)]), np.array([low, high])
    quarters = np.quantile(values, [0.25, 0.75])
    width = 2.0 * float(quarters[1] - quarters[0]) * len(values) ** (-1.0 / 3.0)
    least = int(np.clip(np.sqrt(len(values)), 5, 40))
    bars = least if not width > 0 else int(np.clip(np.ceil((high - low) / width), least, BARS))
    heights, edges = np.histogram(values, bins=bars, range=(low, high), density=True)
    return heights, edges
