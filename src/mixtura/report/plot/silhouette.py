"""How surely the rows of each component belong to it: sorted, component by component."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.report.plot.canvas import NAMED, axes_of, note
from mixtura.report.plot.palette import INK, colour
from mixtura.report.plot.points import MOST
from mixtura.report.plot.subject import members_of, subject

Array = NDArray[np.float64]

KINDS = {
    "posterior": "probability of the likeliest component",
    "density": "density-based silhouette",
}

GAP = 0.015
"""Between components, as a part of all rows."""


def silhouette(
    model: Any,
    X: Any,
    *,
    kind: str = "posterior",
    names: Sequence[str] | None = None,
    rows: int = MOST,
    random_state: Any = 0,
    ax: Any = None,
) -> Any:
    """Draw how sure each row is, sorted within its likeliest component.

    A bar is as thick as the component has rows, and its end shows how sure the least sure of them
    are. The mean of each component stands beside it.

    Parameters
    ----------
    model : Mixture, HeavyMixture, or fitted estimator with ``mixture_``
        Of at least two components.
    X : array-like or table, shape (n, D)
    kind : {"posterior", "density"}, default "posterior"
        What is drawn: the probability of the likeliest component, which ``predict_proba`` gives
        and which needs no other row to be read; or Menardi's density-based silhouette
        [@Menardi2011], the logarithm of the odds of the likeliest over the second likeliest one,
        divided by the largest of all rows that are drawn. The latter tells sure rows from very sure
        ones, and rows that miss a number are left out of it.
    names : sequence of str, optional
        Of the components.
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
        If the kind is none of these, there is one component only, or no row can be drawn.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {[*KINDS]}, not {kind!r}")
    given = subject(model, X)
    given.required_rows("silhouette")
    k = given.mixture.n_components
    if k < 2:
        raise ValueError("the mixture has one component: every row is sure of it")
    called = given.component_names(names)
    needed = range(given.mixture.n_features) if kind == "density" else ()
    shown = given.shown([*needed], rows, random_state)
    if kind == "density":
        members, values = menardi(given.mixture.log_joint(shown.rows))
    else:
        r = given.responsibilities(shown.rows)
        members, values = members_of(r, k), r.max(axis=1)
    axes = axes_of(ax)
    _bars(axes, members, values, called)
    if kind == "posterior":
        axes.axvline(0.5, color=INK, linewidth=0.8, linestyle=":", zorder=3)
    axes.set(xlim=(0.0, 1.0), xlabel=KINDS[kind])
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    note(axes, shown.note)
    return axes


def menardi(log_joint: Array) -> tuple[NDArray[np.intp], Array]:
    """The likeliest component of each row, and its density-based silhouette, from 0 to 1."""
    second, first = np.partition(log_joint, -2, axis=1)[:, -2:].T
    odds = first - second
    top = odds.max()
    return log_joint.argmax(axis=1), odds / top if top > 0 else odds


def _bars(axes: Any, members: NDArray[np.intp], values: Array, names: Sequence[str]) -> None:
    """A bar for each component, the surest rows on top."""
    at, gap, ticks, labels = 0.0, GAP * len(values), list[float](), list[str]()
    few = len(names) <= NAMED
    for k, name in [*enumerate(names), (-1, "noise")]:
        mine = np.sort(values[members == k])[::-1]
        if not len(mine):
            continue
        edges = at + np.arange(len(mine) + 1)
        axes.stairs(
            mine,
            edges,
            orientation="horizontal",
            fill=True,
            color=colour(k),
            alpha=0.85,
            gid=f"component {k}",
        )
        ticks.append(at + 0.5 * len(mine))
        share = len(mine) / len(values)
        labels.append(f"{name}\n{share:.0%}, mean {mine.mean():.2f}" if few else str(k))
        at = edges[-1] + gap
    axes.set_yticks(ticks, labels)
    axes.tick_params(axis="y", length=0, labelsize="small" if few else "xx-small")
