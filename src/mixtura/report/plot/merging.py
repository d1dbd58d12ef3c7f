"""Components merged step by step: which with which, what it costs, and what doubt is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from mixtura.engines.memory import Memory
from mixtura.learn import expectation
from mixtura.learn.data import Block
from mixtura.model.mixture import Mixture
from mixtura.model.reduction import merging_steps
from mixtura.report.plot.canvas import axes_of
from mixtura.report.plot.palette import INK, PALE, colour, marker
from mixtura.report.plot.subject import subject

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Merging:
    """All merges of K components, from K clusters to one.

    Clusters have numbers: those of single components are theirs, and the one that step s makes has
    K + s.
    """

    n_components: int
    pairs: tuple[tuple[int, int], ...]
    heights: Array  # (steps,): what all merges up to each have cost
    cost: str
    """What the heights are, for an axis."""
    entropies: Array | None = None
    """Of the classification into K, K − 1, … clusters, in nats, (steps + 1,)."""
    n_clusters: int | None = None
    """The number of clusters that was chosen, if one was."""


def tree(
    model: Any, *, n_clusters: int | None = None, names: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """Draw which components are merged with which, as a tree.

    Of a mixture the pair that costs least is merged at each step, by Runnalls' bound on the
    divergence [@Runnalls2007]; of a merger it is the merger's own order, and the height is the
    entropy that is gone [@Baudry2010].

    Parameters
    ----------
    model : Mixture, fitted estimator with ``mixture_``, or merger
        A merger has ``merges_``, ``entropies_`` and ``n_clusters_``, as `ClusterMerger`.
    n_clusters : int, optional
        Where to cut the tree; a merger's own number, if not given.
    names : sequence of str, optional
        Of the components.
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there is one component only, or the number of clusters is not from 1 to K.
    """
    found = merging_of(model)
    k = found.n_components
    called = [str(i) for i in range(k)] if names is None else [str(name) for name in names]
    if len(called) != k:
        raise ValueError(f"names must be {k}, one for each component, not {len(called)}")
    wanted = found.n_clusters if n_clusters is None else n_clusters
    if wanted is not None and not k - len(found.pairs) <= wanted <= k:
        raise ValueError(f"n_clusters must be from 1 to {k}, not {wanted}")
    axes = axes_of(ax)
    places, levels = _places(found)
    for step, (a, b) in enumerate(found.pairs):
        top = found.heights[step]
        # Merges that the cut undoes are pale.
        shade = PALE if wanted is not None and step >= k - wanted else INK
        axes.plot(
            [places[a], places[a], places[b], places[b]],
            [levels[a], top, top, levels[b]],
            color=shade,
            linewidth=1.5,
            zorder=1 if shade == PALE else 2,
            solid_joinstyle="miter",
            gid=f"merge {step}",
        )
    for i in range(k):
        axes.plot(
            [places[i]],
            [0.0],
            marker=marker(i),
            color=colour(i),
            markersize=8,
            zorder=3,
            clip_on=False,
        )
    if wanted is not None:
        _cut(axes, found, wanted)
    axes.set_xticks(places[:k], called)
    axes.tick_params(axis="x", length=0, pad=7)
    if max(map(len, called)) * k > 44:
        axes.tick_params(axis="x", labelrotation=90)
    top = float(found.heights.max(initial=0.0))
    axes.set(xlabel="component", ylabel=found.cost, xlim=(-0.6, k - 0.4))
    axes.set_ylim(0.0, 1.05 * top if top > 0 else 1.0)
    return axes


def entropy(model: Any, X: Any = None, *, ax: Any = None) -> Any:
    """Draw the entropy of the classification against the number of clusters, and its elbow.

    Components that overlap are one cluster if merging them takes much of the doubt away
    [@Baudry2010]. Two straight lines are fitted to the curve, which meet in one of its points: the
    elbow, where merging begins to take away little.

    Parameters
    ----------
    model : Mixture, fitted estimator with ``mixture_``, or merger
        Components of a mixture are merged in the order of `tree`, and the entropy is that of X. A
        merger has entropies of its own.
    X : array-like or table, shape (n, D), optional
        Not needed with a merger.
    ax : matplotlib Axes, optional
        The current ones, if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there is one component only, or rows are needed.
    """
    found = merging_of(model, X)
    if found.entropies is None:
        raise ValueError("plot.entropy shows rows: give them as X")
    k = found.n_components
    sizes = np.arange(k, k - len(found.entropies), -1)
    axes = axes_of(ax)
    axes.plot(
        sizes, found.entropies, color=INK, marker="o", markersize=5, linewidth=1.0, gid="entropies"
    )
    pieces = elbow(sizes[::-1].astype(np.float64), found.entropies[::-1])
    chosen = found.n_clusters
    if pieces is not None:
        chosen = pieces.at if chosen is None else chosen
        for x, y in pieces.lines:
            axes.plot(x, y, color=colour(5), linestyle="--", linewidth=1.2, zorder=0, gid="piece")
    if chosen is not None:
        height = found.entropies[k - chosen]
        axes.plot(
            [chosen],
            [height],
            linestyle="",
            marker="o",
            markersize=12,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.6,
            gid="elbow",
        )
        axes.annotate(
            f"{chosen} cluster{'s' * (chosen > 1)}",
            xy=(chosen, height),
            xytext=(0, 12),
            textcoords="offset points",
            ha="center",
            fontsize="small",
            fontweight="bold",
            color=INK,
        )
    axes.set_xticks(sizes if k <= 20 else sizes[:: max(1, k // 15)])
    axes.set(xlabel="number of clusters", ylabel="entropy of the classification, nats")
    axes.margins(y=0.12)
    return axes


@dataclass(frozen=True, eq=False)
class Elbow:
    """Where two straight lines meet."""

    at: int
    lines: tuple[tuple[Array, Array], ...]


def elbow(x: Array, y: Array) -> Elbow | None:
    """The point of a curve at which it is best cut into two straight pieces; None of fewer than 3.

    Each piece has its own line of least squares, and both have the point in common.
    """
    best: tuple[float, Elbow] | None = None
    for cut in range(1, len(x) - 1):
        lost, lines = 0.0, list[tuple[Array, Array]]()
        for part in (slice(0, cut + 1), slice(cut, len(x))):
            slope, height = np.polyfit(x[part], y[part], 1)
            fitted = slope * x[part] + height
            lost += float(((fitted - y[part]) ** 2).sum())
            lines.append((x[part], fitted))
        if best is None or lost < best[0]:
            best = lost, Elbow(int(x[cut]), tuple(lines))
    return None if best is None else best[1]


def merging_of(model: Any, x: Any = None) -> Merging:
    """The merges of a merger, or of a mixture's components, and the entropies of X if it is given.

    Raises
    ------
    ValueError
        If there is one component only.
    """
    if hasattr(model, "merges_"):
        return _of_merger(model)
    given = subject(model, x)
    mixture = given.mixture
    if not isinstance(mixture, Mixture):
        raise TypeError(
            "merges are of Gaussian mixtures: what merging t distributions costs is not known; "
            "draw plot.silhouette or plot.uncertainty"
        )
    if mixture.n_components < 2:
        raise ValueError("the mixture has one component: there is nothing to merge")
    pairs, heights = cheapest(mixture)
    entropies = None
    if given.rows is not None:
        data = Memory(given.rows, incomplete=_has_gaps(given.rows))
        entropies = data.fold(entropies_of, given.mixture, pairs)
    return Merging(
        given.mixture.n_components,
        pairs,
        heights,
        "cost of all merges so far, nats per row",
        entropies,
    )


def cheapest(mixture: Mixture) -> tuple[tuple[tuple[int, int], ...], Array]:
    """The merges of least bound, one after the other, and what they cost so far."""
    k = mixture.n_components
    numbers, pairs, costs = [*range(k)], list[tuple[int, int]](), list[float]()
    for number, step in enumerate(merging_steps(mixture), start=k):
        pairs.append((numbers[step.i], numbers[step.j]))
        costs.append(step.cost)
        numbers[step.i] = number
        del numbers[step.j]
    return tuple(pairs), np.cumsum(costs)


def entropies_of(block: Block, mixture: Mixture, pairs: Sequence[tuple[int, int]]) -> Array:
    """The entropy of the rows' classification before and after each merge, (steps + 1,)."""
    r = expectation.responsibilities(block, mixture)
    clusters = {k: r[:, k] for k in range(r.shape[1])}
    each = {k: float(block.weights @ entr(column)) for k, column in clusters.items()}
    found = [sum(each.values())]
    for step, (a, b) in enumerate(pairs):
        together = clusters.pop(a) + clusters.pop(b)
        number = r.shape[1] + step
        clusters[number] = together
        each[number] = float(block.weights @ entr(together))
        found.append(found[-1] + each[number] - each.pop(a) - each.pop(b))
    return np.maximum(np.array(found), 0.0)


def _of_merger(merger: Any) -> Merging:
    """What a merger, which calls clusters by their least components, has found."""
    k = len(merger.merges_) + 1
    numbers, pairs = [*range(k)], list[tuple[int, int]]()
    for step, (a, b) in enumerate(merger.merges_):
        low, high = sorted((int(a), int(b)))
        pairs.append((numbers[low], numbers[high]))
        numbers[low] = k + step
    entropies = np.asarray(merger.entropies_, dtype=np.float64)[::-1]  # of K clusters first
    return Merging(
        k,
        tuple(pairs),
        np.maximum.accumulate(entropies[0] - entropies[1:]),
        "entropy taken away, nats",
        entropies,
        int(merger.n_clusters_),
    )


def _places(found: Merging) -> tuple[Array, Array]:
    """Where each cluster stands across, and how high its top is; branches never cross."""
    k, steps = found.n_components, len(found.pairs)
    children = {k + step: pair for step, pair in enumerate(found.pairs)}
    inside = {number for pair in found.pairs for number in pair}
    left = [number for number in range(k + steps) if number not in inside][::-1]
    places, levels = np.zeros(k + steps), np.zeros(k + steps)
    at = 0
    while left:  # depth first, from the left
        number = left.pop()
        if number < k:
            places[number] = at
            at += 1
        else:
            left.extend(children[number][::-1])
    for step, (a, b) in enumerate(found.pairs):
        places[k + step] = 0.5 * (places[a] + places[b])
        levels[k + step] = found.heights[step]
    return places, levels


def _cut(axes: Any, found: Merging, n_clusters: int) -> None:
    """A line between the last merge that is kept and the first that is not."""
    heights = np.concatenate([[0.0], found.heights])
    kept = found.n_components - n_clusters
    after = heights[kept + 1] if kept + 1 < len(heights) else 1.05 * heights[-1]
    axes.axhline(
        0.5 * (heights[kept] + after), color=colour(5), linestyle="--", linewidth=1.0, gid="cut"
    )
    words = f"{n_clusters} cluster{'s' * (n_clusters > 1)}"
    axes.annotate(
        words,
        xy=(1.0, 0.5 * (heights[kept] + after)),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize="small",
        color=colour(5),
    )


def _has_gaps(rows: NDArray[Any]) -> bool:
    return rows.dtype.kind == "f" and bool(np.isnan(rows).any())
