"""Estimates of parameters with their intervals."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.report.plot.canvas import figure_of
from mixtura.report.plot.columns import columns_of, numbers
from mixtura.report.plot.palette import colour, marker

Array = NDArray[np.float64]

PANELS = 24
"""Parameters that one figure shows, if nothing else is said."""

ACROSS = 4
"""Panels beside one another, at the most."""

WIDTH = 26
"""Letters of a title on one line."""


def intervals(table: Any, *, parameters: Sequence[str] | None = None, figure: Any = None) -> Any:
    """Draw estimates with their intervals: a panel for each parameter, a line for each component.

    Parameters have scales of their own, so that panels do too.

    Parameters
    ----------
    table : mapping of columns, data frame, or object with ``to_dict``
        With columns parameter, component, estimate, lower and upper. Where the component is
        missing, or -1, the parameter is one of all.
    parameters : sequence of str, optional
        Those to draw, in this order, by name or by kind: "mean" is every "mean[…]". The first 24,
        if not given.
    figure : matplotlib Figure, optional
        A new one, if not given.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a column is not there, there are no rows, or there is no such parameter.
    TypeError
        If it is no table.
    """
    columns = columns_of(
        table, ("parameter", "component", "estimate", "lower", "upper"), "intervals"
    )
    of_row = [str(name) for name in columns["parameter"]]
    there = [*dict.fromkeys(of_row)]
    asked = there[:PANELS] if parameters is None else [*parameters]
    found = {word: [name for name in there if word in (name, _kind(name))] for word in asked}
    wanted = [*dict.fromkeys(name for names in found.values() for name in names)]
    missing = [word for word, names in found.items() if not names]
    if missing or not wanted:
        raise ValueError(
            f"intervals have no parameter {', '.join(map(repr, missing))}; they have: "
            f"{', '.join(map(repr, there[:20]))}"
        )
    across = min(ACROSS, len(wanted))
    down = -(-len(wanted) // across)
    components = columns["component"]
    most = max(sum(name == each for each in of_row) for name in wanted)
    drawn = figure_of(figure, 2.6 * across, (0.9 + 0.24 * most) * down)
    panels = drawn.subplots(down, across, squeeze=False)
    estimate, lower, upper = (numbers(columns[name]) for name in ("estimate", "lower", "upper"))
    for axes, name in zip(panels.flat, wanted, strict=False):
        mine = [row for row, each in enumerate(of_row) if each == name]
        _panel(axes, [components[row] for row in mine], estimate[mine], lower[mine], upper[mine])
        axes.set_title(_folded(name), fontsize="small", loc="left")
    for axes in panels.flat[len(wanted) :]:
        axes.set_axis_off()
    if len(wanted) < len(there) and parameters is None:
        drawn.supxlabel(
            f"{len(wanted)} of {len(there)} parameters; choose others by parameters=[…]",
            fontsize="x-small",
            color="#666666",
        )
    return drawn


def _panel(axes: Any, components: list[Any], estimate: Array, lower: Array, upper: Array) -> None:
    """One parameter: a line for each component, the first on top."""
    for row, component in enumerate(components):
        k = _number(component)
        axes.plot(
            [lower[row], upper[row]],
            [row, row],
            color=colour(k),
            linewidth=2.0,
            solid_capstyle="butt",
        )
        axes.plot(
            [estimate[row]], [row], marker=marker(k), color=colour(k), markersize=6, linestyle=""
        )
    # Numbers beside missing ones come as floats from some tables.
    labels = ["all" if _is_missing(c) else str(c).removesuffix(".0") for c in components]
    axes.set_yticks(range(len(components)), labels)
    axes.set_ylim(len(components) - 0.4, -0.6)
    axes.tick_params(labelsize="x-small")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E6E6E6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=4)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _folded(name: str) -> str:
    """A name on lines no longer than a panel is wide."""
    if len(name) <= WIDTH:
        return name
    return "\n".join(wrap(name.replace("[", " ["), WIDTH)).replace(" [", "[")


def _kind(parameter: str) -> str:
    """What a parameter is, without the columns that it is of."""
    return parameter.partition("[")[0]


def _is_missing(component: Any) -> bool:
    """Whether it is none: a parameter of all."""
    return component is None or component != component or component in ("", -1)


def _number(component: Any) -> int:
    """The number of a component, for its colour; black for what belongs to none."""
    try:
        return int(component) if not _is_missing(component) and int(component) >= 0 else 7
    except (TypeError, ValueError):
        return 7
