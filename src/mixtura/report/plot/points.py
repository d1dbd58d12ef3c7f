"""Rows as points in the plane of two columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.report.plot.canvas import axes_of, free_corner, legend, note
from mixtura.report.plot.ellipses import outlines
from mixtura.report.plot.palette import colour, marker
from mixtura.report.plot.subject import members_of, subject

Array = NDArray[np.float64]

MOST = 5_000
"""Rows that a picture shows, if nothing else is said: more would only cover one another."""


def scatter(
    x: ArrayLike,
    y: ArrayLike,
    responsibilities: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    size: float = 10.0,
    noise: bool = False,
    ax: Any = None,
) -> Any:
    """Draw rows as points: the colour is the likeliest component, the opacity how likely it is.

    Parameters
    ----------
    x, y : array-like, shape (n,)
    responsibilities : array-like, shape (n, K)
    names : sequence of str, optional
        Of the components, for a legend.
    size : float
        Of a point, in square points.
    noise : bool, default False
        Whether the last column is that of rows that belong to no component; they are grey.
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes
    """
    axes = axes_of(ax)
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    r = np.asarray(responsibilities, dtype=np.float64)
    members, certainty = members_of(r, r.shape[1] - noise), r.max(axis=1)
    for k in (*range(r.shape[1] - noise), -1):
        mine = members == k
        if mine.any():
            axes.scatter(
                across[mine],
                up[mine],
                s=size,
                color=colour(k),
                marker=marker(k),
                alpha=0.08 + 0.5 * certainty[mine] ** 3,
                linewidths=0,
                rasterized=len(across) > 2_000,
                gid=f"component {k}",
            )
    if names is not None:
        legend(axes, names, free_corner(axes, np.column_stack([across, up])))
    return axes


def classification(
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
    """Draw rows in the plane of two columns, by their likeliest component, and its ellipses.

    The less sure a row's component is, the fainter its point. All columns of a row have a say in
    which component it belongs to, also those that are not drawn.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
    X : array-like or table, shape (n, D)
        Rows that miss one of the two numbers are left out, and a note says so.
    columns : two ints or names, default (0, 1)
    levels : sequence of float, default (0.5, 0.9)
        The parts of each component that its ellipses hold.
    names : sequence of str, optional
        Of the components; short ones stand at their means, too.
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
    given.required_rows("classification")
    index, called = given.pair(columns), given.component_names(names)
    shown = given.shown(index, rows, random_state)
    axes = axes_of(ax)
    r = given.responsibilities(shown.rows)
    across, up = shown.rows[:, index].T
    noise = given.has_noise(r)
    scatter(across, up, r, size=size_of(len(r)), noise=noise, ax=axes)
    outlines(axes, given.mixture, index, levels, marks=given.marks(names))
    legend(axes, called, free_corner(axes, shown.rows[:, index]))
    axes.set(xlabel=given.labels[index[0]], ylabel=given.labels[index[1]])
    note(axes, shown.note)
    return axes


def size_of(n: int) -> float:
    """How large points are where there are so many of them, in square points."""
    return float(np.clip(6_000.0 / max(n, 1), 6.0, 26.0))
