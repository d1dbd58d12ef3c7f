"""Every pair of columns: rows, components, and the density of each column."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.report.plot.canvas import figure_of, legend, note
from mixtura.report.plot.density import curves, reach
from mixtura.report.plot.ellipses import outlines
from mixtura.report.plot.points import scatter, size_of
from mixtura.report.plot.subject import Drawn, bodies, subject

Array = NDArray[np.float64]

COLUMNS = 8
"""Columns that one figure shows, if nothing else is said."""

POINTS = 2_000
"""Rows in each panel, if nothing else is said."""


def pairs(
    model: Any,
    X: Any = None,
    *,
    columns: Sequence[Any] | None = None,
    levels: Sequence[float] = (0.5, 0.9),
    names: Sequence[str] | None = None,
    rows: int = POINTS,
    random_state: Any = 0,
    figure: Any = None,
) -> Any:
    """Draw every pair of columns, with the density of each column on the diagonal.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
    X : array-like or table, shape (n, D), optional
        Rows to draw; rows that miss a number of the columns that are drawn are left out of the
        pairs, and count on the diagonal for what they have.
    columns : sequence of ints or names, optional
        All, if not given; of more than eight those in which the components' means differ most.
    levels : sequence of float, default (0.5, 0.9)
        The parts of each component that its ellipses hold.
    names : sequence of str, optional
        Of the components; short ones stand at their means, too.
    rows : int, default 2,000
        At most so many are drawn, taken at random.
    random_state : Generator, int or None, default 0
    figure : matplotlib Figure, optional
        A new one, if not given.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there are no such columns, or no row has all of them.
    """
    given = subject(model, X)
    called = given.component_names(names)
    d = given.mixture.n_features
    index = tellers(given.mixture)[:COLUMNS] if columns is None else given.columns(columns)
    index = sorted(index) if columns is None else index
    if not index:
        raise ValueError("columns must name one column at least")
    shown = given.shown(index, rows, random_state)
    r = given.responsibilities(shown.rows)
    noise = given.has_noise(r)
    m = len(index)
    marks = given.marks(names) if m <= 4 else None
    side = 2.2 if m > 2 else 3.0
    drawn = figure_of(figure, side * m + 0.6, side * m + 0.3)
    panels = drawn.subplots(m, m, squeeze=False)
    reaches = [reach(given, j) for j in index]
    for row in range(m):
        for column in range(m):
            axes = panels[row, column]
            if column > row:
                axes.set_axis_off()
                continue
            axes.spines[["top", "right"]].set_visible(False)
            if column == row:
                curves(axes, given, index[row], marks=marks)
                axes.set_yticks([])
                axes.spines["left"].set_visible(False)
            else:
                plane = (index[column], index[row])
                size = 0.7 * size_of(len(r))
                across, up = shown.rows[:, plane].T
                scatter(across, up, r, size=size, noise=noise, ax=axes)
                outlines(axes, given.mixture, plane, levels, marks=marks)
                axes.set(ylim=reaches[row], ylabel=given.labels[index[row]])
            axes.set(xlim=reaches[column], xlabel=given.labels[index[column]])
            axes.tick_params(labelsize="x-small")
            _outer(axes, bottom=row == m - 1, left=column == 0)
    _said(drawn, panels, called, [shown.note, f"{m} of {d} columns" if m < d else ""])
    return drawn


def tellers(drawn: Drawn) -> list[int]:
    """Columns by how much of their variance lies between the components, the largest first."""
    mixture = bodies(drawn)
    steps = mixture.means - mixture.mean
    shares = mixture.weights @ steps**2 / np.diag(mixture.total_covariance())
    return [int(j) for j in np.argsort(-shares, kind="stable")]


def _outer(axes: Any, *, bottom: bool, left: bool) -> None:
    """Names and numbers of columns on the outer panels alone."""
    axes.xaxis.label.set_visible(bottom)
    axes.yaxis.label.set_visible(left)
    axes.tick_params(labelbottom=bottom, labelleft=left)


def _said(figure: Any, panels: Any, names: Sequence[str], words: Sequence[str]) -> None:
    """The notes and the legend, in the corner that has no panels."""
    said = [line for word in words for line in word.split("; ") if line]
    corner = panels[0, -1]
    if len(panels) == 1:
        note(corner, "; ".join(said))
        return
    text = corner.annotate(
        "\n".join(said),
        xy=(1.0, 1.0),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize="x-small",
        color="#666666",
        gid="note",
    )
    text.set_in_layout(False)  # it may be wider than its panel, over others that are empty
    legend(corner, names, "upper right", bbox_to_anchor=(1.0, 1.0 - 0.09 * len(said)))
