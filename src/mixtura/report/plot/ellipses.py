"""Pictures of a mixture. matplotlib is imported when one is drawn."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Told apart by colour-blind eyes too (the palette of Okabe and Ito)."""


def colour(k: int) -> str:
    """The colour of component k."""
    return COLOURS[k % len(COLOURS)]


def ellipse(mean: Array, covariance: Array, level: float, n_points: int = 200) -> Array:
    """The outline, shape (n_points, 2), that holds a part `level` of a Gaussian in the plane."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    angles = np.linspace(0.0, 2.0 * np.pi, n_points)
    radius = np.sqrt(-2.0 * np.log1p(-level))  # the quantile of chi with two degrees of freedom
    circle = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return mean + circle @ np.linalg.cholesky(covariance).T


def ellipses(
    mixture: Mixture,
    *,
    dims: Sequence[int] = (0, 1),
    levels: Sequence[float] = (0.5, 0.9),
    undo: Callable[[Array], Array] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the components of a mixture as ellipses in two of its dimensions.

    Parameters
    ----------
    mixture : Mixture
    dims : two ints, default (0, 1)
    levels : sequence of float, default (0.5, 0.9)
        The parts of each component that its ellipses hold.
    undo : callable, optional
        From outlines (m, 2) in the mixture's coordinates to those of the picture.
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes
    """
    axes = _axes(ax)
    index = np.asarray(dims, dtype=np.intp)
    if index.shape != (2,) or (index < 0).any() or (index >= mixture.n_features).any():
        raise ValueError(f"dims must be two of the {mixture.n_features} dimensions, not {dims}")
    for k, (mean, covariance) in enumerate(zip(mixture.means, mixture.covariances, strict=True)):
        for level in levels:
            line = ellipse(mean[index], covariance[np.ix_(index, index)], level)
            shown = line if undo is None else undo(line)
            axes.plot(shown[:, 0], shown[:, 1], color=colour(k), linewidth=1.4, zorder=3)
    return axes


def scatter(
    x: ArrayLike,
    y: ArrayLike,
    responsibilities: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    size: float = 6.0,
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
        Of a point.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    axes = _axes(ax)
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    r = np.asarray(responsibilities, dtype=np.float64)
    members, certainty = r.argmax(axis=1), r.max(axis=1)
    for k in range(r.shape[1]):
        mine = members == k
        axes.scatter(
            across[mine],
            up[mine],
            s=size,
            color=colour(k),
            alpha=0.08 + 0.5 * certainty[mine] ** 3,
            linewidths=0,
        )
        if names is not None:
            axes.scatter([], [], s=30.0, color=colour(k), label=names[k])
    if names is not None:
        axes.legend(frameon=False)
    return axes


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.gca()
