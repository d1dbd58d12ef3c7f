"""Components as ellipses in the plane of two columns."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.heavy import HeavyMixture
from mixtura.model.heavy_region import squared_radius
from mixtura.report.plot.canvas import CROWD, axes_of, number
from mixtura.report.plot.palette import colour, dark, line
from mixtura.report.plot.subject import Drawn, bodies, subject

Array = NDArray[np.float64]

MANY = 20
"""Outlines of more components are drawn finer."""


def ellipse(
    mean: Array,
    covariance: Array,
    level: float,
    n_points: int = 200,
    *,
    degrees: float | None = None,
) -> Array:
    """The outline, shape (n_points, 2), that holds a part `level` of a Gaussian in the plane.

    With degrees of freedom, of a t distribution of that scale matrix.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    angles = np.linspace(0.0, 2.0 * np.pi, n_points)
    radius = np.sqrt(-2.0 * np.log1p(-level))  # the quantile of chi with two degrees of freedom
    if degrees is not None:
        radius = np.sqrt(squared_radius(level, degrees, 2))
    circle = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    values, vectors = np.linalg.eigh(covariance)  # also of a needle that has no Cholesky factor
    return mean + (circle * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def ellipses(
    model: Any,
    *,
    columns: Sequence[Any] = (0, 1),
    levels: Sequence[float] = (0.5, 0.9),
    numbers: bool = False,
    undo: Callable[[Array], Array] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the components of a mixture as ellipses in the plane of two columns.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
    columns : two ints or names, default (0, 1)
    levels : sequence of float, default (0.5, 0.9)
        The parts of each component that its ellipses hold.
    numbers : bool, default False
        Whether the number of each component stands at its mean.
    undo : callable, optional
        From outlines (m, 2) in the mixture's coordinates to those of the picture.
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the columns are not two of the mixture's, or a level is not between 0 and 1.
    TypeError
        If the model is no mixture and has none.
    """
    given = subject(model)
    index = given.pair(columns)
    axes = axes_of(ax)
    marks = given.marks() if numbers else None
    outlines(axes, given.mixture, index, levels, marks=marks, undo=undo)
    return axes


def outlines(
    axes: Any,
    mixture: Drawn,
    index: tuple[int, int],
    levels: Sequence[float],
    *,
    marks: Sequence[str] | None = None,
    undo: Callable[[Array], Array] | None = None,
) -> None:
    """The ellipses of a mixture in two of its columns, and words at their centres.

    Components without weight are left out.
    """
    plane = mixture.marginal(index)
    marks = marks if plane.n_components <= CROWD else None
    width = 1.4 if plane.n_components <= MANY else 0.8
    degrees = plane.degrees.tolist() if isinstance(plane, HeavyMixture) else None
    flat = bodies(plane)
    for k, (mean, covariance) in enumerate(zip(flat.means, flat.covariances, strict=True)):
        if not plane.weights[k] > 0:
            continue
        for level in levels:
            tail = None if degrees is None else degrees[k]
            outline = ellipse(mean, covariance, level, degrees=tail)
            shown = outline if undo is None else undo(outline)
            axes.plot(
                shown[:, 0],
                shown[:, 1],
                color=colour(k),
                linestyle=line(k),
                linewidth=width,
                zorder=3,
            )
        if marks is not None:
            at = mean if undo is None else undo(mean[None])[0]
            number(axes, at[0], at[1], marks[k], dark(k))
