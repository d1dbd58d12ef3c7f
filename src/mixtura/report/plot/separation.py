"""A map of a mixture: rows and components along the directions that separate them best."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.separation import Separation
from mixtura.report.plot.canvas import axes_of, free_corner, legend, note
from mixtura.report.plot.density import curves, ticks
from mixtura.report.plot.ellipses import outlines
from mixtura.report.plot.points import MOST, scatter, size_of
from mixtura.report.plot.subject import Drawn, Subject, bodies, subject

Array = NDArray[np.float64]

TELLING = 0.5
"""A column that is less correlated with a direction is not named beside it."""

NAMED = 3
"""Columns that are named beside a direction, at the most."""


def separation(
    model: Any,
    X: Any = None,
    *,
    directions: Sequence[int] = (0, 1),
    means: float = 1.0,
    levels: Sequence[float] = (0.5, 0.9),
    names: Sequence[str] | None = None,
    rows: int = MOST,
    random_state: Any = 0,
    ax: Any = None,
) -> Any:
    """Draw rows and components along the directions that separate the components best.

    The directions are those of `Mixture.separation` [@Scrucca2010]; coordinates are in standard
    deviations of the whole mixture, and uncorrelated. Beside each direction stand its share of all
    separation, and the columns that it goes with, by the size of their correlation; a minus is
    before those that fall along it. Where there is one direction only, as between the means of two
    components, densities are drawn along it.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
        Of at least two components. Directions for t distributions are those of Gaussians of the
        same scales.
    X : array-like or table, shape (n, D), optional
        Rows that miss a number are left out, and a note says so.
    directions : two ints, default (0, 1)
    means : float, default 1
        How much different means count, from 0 to 1, the rest being for different covariances. With
        1 there is a direction less than there are components.
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
        If nothing separates the components, there are no such directions, or no row is complete.
    """
    given = subject(model, X)
    called = given.component_names(names)
    marks = given.marks(names)
    found = bodies(given.mixture).separation(means=means)
    m = len(found.values)
    if m == 0:
        raise ValueError(
            "nothing that counts differs between the components: lower means for their covariances "
            "to count, or draw plot.pairs"
        )
    chosen = [*directions] if m > 1 else [0]
    if m > 1 and (len({*chosen}) != 2 or not all(0 <= i < m for i in chosen)):
        raise ValueError(f"directions must be two of the {m}, 0 to {m - 1}, not {directions}")
    shown = given.shown(range(given.mixture.n_features), rows, random_state)
    v = found.directions[:, chosen]
    plane = given.mixture.affine(v.T, shift=-found.centre @ v)
    points = found.apply(shown.rows)[:, chosen]
    axes = axes_of(ax)
    words = [along(found, i, given.labels) for i in chosen]
    if m == 1:
        _line(axes, plane, words[0], points, marks)
    else:
        r = given.responsibilities(shown.rows)
        across, up = points.T
        size, noise = size_of(len(r)), given.has_noise(r)
        scatter(across, up, r, size=size, noise=noise, ax=axes)
        outlines(axes, plane, (0, 1), levels, marks=marks)
        legend(axes, called, free_corner(axes, points))
        axes.set(xlabel=words[0], ylabel=words[1])
    note(axes, shown.note)
    return axes


def along(found: Separation, i: int, labels: Sequence[str]) -> str:
    """What to write beside a direction: its share of the separation, and the columns it follows."""
    correlations = found.correlations[:, i]
    order = np.argsort(-np.abs(correlations), kind="stable")
    telling = [int(j) for j in order if abs(correlations[j]) >= TELLING][:NAMED] or [int(order[0])]
    columns = [("−" if correlations[j] < 0 else "") + labels[j] for j in telling]
    return f"direction {i}: {found.shares[i]:.0%} of the separation\n{', '.join(columns)}"


def _line(axes: Any, line: Drawn, words: str, points: Array, marks: Sequence[str]) -> None:
    """The only direction, as a density with its components and, as ticks, the rows."""
    flat = Subject(line, line, (words,), None, points if len(points) else None)
    curves(axes, flat, 0, marks=marks)
    if len(points):
        ticks(axes, flat, 0, points)
    axes.set(xlabel=words, ylabel="density")
