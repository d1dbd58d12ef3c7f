"""What pictures are drawn on: axes, figures, legends and notes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.report.plot.palette import INK, colour, line, marker

Array = NDArray[np.float64]

NAMED = 10
"""A legend of more components would be longer than it helps; numbers stand beside their means."""

CROWD = 60
"""Numbers of more components would cover one another, and what they number."""


def pyplot() -> Any:
    """Matplotlib's own keeper of figures.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as found
    except ImportError as error:
        raise ImportError(
            "pictures need matplotlib: install it with pip install 'mixtura[plot]'"
        ) from error
    return found


def axes_of(ax: Any) -> Any:
    """The axes that are given, or the current ones; without a frame on the upper right."""
    axes = pyplot().gca() if ax is None else ax
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def figure_of(figure: Any, width: float, height: float) -> Any:
    """The figure that is given, or a new one of this size in inches."""
    if figure is not None:
        return figure
    return pyplot().figure(figsize=(width, height), layout="constrained")


def note(axes: Any, text: str) -> None:
    """Small words above the upper right corner: what a reader of the picture should know."""
    if text:
        axes.annotate(
            text,
            xy=(1.0, 1.0),
            xycoords="axes fraction",
            xytext=(0.0, 3.0),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize="x-small",
            color="#666666",
            gid="note",
        )


def number(axes: Any, x: float, y: float, text: str, colour: str, **options: Any) -> None:
    """The number of a component, readable on whatever lies below it."""
    from matplotlib import patheffects

    axes.annotate(
        text,
        xy=(x, y),
        ha="center",
        va="center",
        fontsize="small",
        fontweight="bold",
        color=colour,
        path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
        zorder=5,
        clip_on=True,
        annotation_clip=True,
        **options,
    )


def legend(axes: Any, names: Sequence[str], loc: str, *, most: int = NAMED, **options: Any) -> None:
    """A legend of the components, where they are not too many."""
    if len(names) > most:
        return
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker(k), color=colour(k), markersize=6, label=name)
        for k, name in enumerate(names)
    ]
    axes.legend(handles=handles, loc=loc, **{"frameon": False, "fontsize": "small", **options})


def free_corner(axes: Any, points: Array) -> str:
    """The corner of axes with the fewest of some points (m, 2), for a legend.

    matplotlib's own search for it is slow where points are many, and then warns.
    """
    axes.autoscale_view()  # what was drawn last may widen them
    u, v = axes.transAxes.inverted().transform(axes.transData.transform(points)).T
    corners = {
        "upper right": (u > 0.65) & (v > 0.65),
        "upper left": (u < 0.35) & (v > 0.65),
        "lower right": (u > 0.65) & (v < 0.35),
        "lower left": (u < 0.35) & (v < 0.35),
    }
    return min(corners, key=lambda name: int(corners[name].sum()))


def limits(low: float, high: float, margin: float = 0.04) -> tuple[float, float]:
    """An axis from low to high, with some room on both sides, also where they are the same."""
    room = margin * (high - low)
    if not room > 1e-12 * max(abs(low), abs(high)):  # a column of one value
        room = 0.5 * max(abs(low), abs(high), 1.0) * 0.1
    return low - room, high + room


def legend_of_lines(axes: Any, names: Sequence[str], loc: str) -> None:
    """A legend of curves: the whole, and its components where they are not too many."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=INK, linewidth=1.6, label="mixture")]
    if len(names) <= NAMED:
        handles += [
            Line2D([], [], color=colour(k), linestyle=line(k), linewidth=1.3, label=name)
            for k, name in enumerate(names)
        ]
    axes.legend(handles=handles, loc=loc, frameon=False, fontsize="small")
