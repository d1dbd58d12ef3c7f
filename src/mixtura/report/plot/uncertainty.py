"""How sure the component of each row is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.report.plot.canvas import axes_of, free_corner, note
from mixtura.report.plot.ellipses import outlines
from mixtura.report.plot.palette import colour, marker
from mixtura.report.plot.points import MOST
from mixtura.report.plot.subject import members_of, subject

Array = NDArray[np.float64]

SMALLEST, LARGEST = 9.0, 110.0
"""Points of sure rows and of those between all components, in square points."""


def uncertainty(
    model: Any,
    X: Any,
    *,
    columns: Sequence[Any] = (0, 1),
    levels: Sequence[float] = (0.5, 0.9),
    names: Sequence[str] | None = None,
    rows: int = MOST,
    random_state: Any = 0,
    ax: Any = None,
) -> Any:
    """Draw rows in the plane of two columns, the larger and darker the less sure they are.

    The uncertainty of a row is one less the probability of its likeliest component, as in mclust
    [@Scrucca2016]. The area of a point grows with it; the colour is that of the component.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
    X : array-like or table, shape (n, D)
    columns : two ints or names, default (0, 1)
    levels : sequence of float, default (0.5, 0.9)
        The parts of each component that its ellipses hold.
    names : sequence of str, optional
        Of the components; short ones stand at their means.
    rows : int, default 5,000
        At most so many are drawn, taken at random.
    random_state : Generator, int or None, default 0
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the columns are not two of the mixture's, or no row has both.
    """
    given = subject(model, X)
    given.required_rows("uncertainty")
    index = given.pair(columns)
    given.component_names(names)
    shown = given.shown(index, rows, random_state)
    axes = axes_of(ax)
    r = given.responsibilities(shown.rows)
    members = members_of(r, given.mixture.n_components)
    doubt = 1.0 - r.max(axis=1)
    outlines(axes, given.mixture, index, levels, marks=given.marks(names))
    for k in (*range(given.mixture.n_components), -1):
        mine = np.flatnonzero(members == k)
        mine = mine[np.argsort(doubt[mine], kind="stable")]  # the least sure ones on top
        if len(mine):
            axes.scatter(
                *shown.rows[mine][:, index].T,
                s=area(doubt[mine], r.shape[1]),
                color=colour(k),
                marker=marker(k),
                alpha=0.35 + 0.5 * doubt[mine] / _most(r.shape[1]),
                linewidths=0.4,
                edgecolors="white",
                zorder=4,
                gid=f"component {k}",
            )
    _sizes(axes, r.shape[1], free_corner(axes, shown.rows[:, index]))
    axes.set(xlabel=given.labels[index[0]], ylabel=given.labels[index[1]])
    note(axes, shown.note)
    return axes


def area(doubt: Array, k: int) -> Array:
    """The area of points, in square points: it grows in proportion to the uncertainty."""
    return SMALLEST + (LARGEST - SMALLEST) * doubt / _most(k)


def _most(k: int) -> float:
    """The uncertainty of a row to which all of k components are equally likely."""
    return max(1.0 - 1.0 / k, 0.5)


def _sizes(axes: Any, k: int, corner: str) -> None:
    """A legend of three sizes."""
    from matplotlib.lines import Line2D

    steps = np.array([0.0, 0.5, 1.0]) * _most(k)
    sizes = np.sqrt(area(steps, k))
    handles = [
        Line2D([], [], linestyle="", marker="o", color="#777777", markersize=size, label=f"{u:.2g}")
        for u, size in zip(steps, sizes, strict=True)
    ]
    axes.legend(
        handles=handles,
        title="uncertainty",
        loc=corner,
        frameon=False,
        fontsize="small",
        title_fontsize="small",
    )
