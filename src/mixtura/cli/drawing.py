"""A model drawn in the units of its columns, one kind of picture or another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.applications.segmentation.recipe import Feature
from mixtura.cli.inputs import Model
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.student import StudentMixture
from mixtura.learn.posterior import Either
from mixtura.model.heavy import HeavyMixture
from mixtura.report.plot.contours import contours
from mixtura.report.plot.density import density
from mixtura.report.plot.merging import entropy, tree
from mixtura.report.plot.pairs import pairs
from mixtura.report.plot.points import classification
from mixtura.report.plot.separation import separation
from mixtura.report.plot.silhouette import silhouette
from mixtura.report.plot.uncertainty import uncertainty

Array = NDArray[np.float64]

TICKS = 7
"""Numbers on an axis that is spaced by a curve, at the most."""


class Asked(NamedTuple):
    """What a picture is made of."""

    figure: Any
    model: Any
    rows: Array | None
    columns: list[int] | None
    names: list[str]
    seed: int

    def whole(self) -> dict[str, Any]:
        """What pictures with axes of their own take."""
        return {"names": self.names, "random_state": self.seed, "ax": self.figure.subplots()}

    def plane(self) -> dict[str, Any]:
        """What pictures of two columns take."""
        return {**self.whole(), "columns": self.columns or (0, 1)}


class Kind(NamedTuple):
    """A kind of picture of a model: what draws it, and what of."""

    draw: Callable[[Asked], Any]
    columns: tuple[int, int]
    """How many columns can be chosen, from and to; none where the picture is of all."""
    of_rows: bool = False
    """Whether it cannot do without rows."""
    of_merges: bool = False
    """Whether it is of what merging components costs."""


def _contours(a: Asked) -> Any:
    ax = a.figure.subplots()
    return contours(a.model, a.rows, columns=a.columns, random_state=a.seed, ax=ax)


KINDS: dict[str, Kind] = {
    "pairs": Kind(
        lambda a: pairs(
            a.model,
            a.rows,
            columns=a.columns,
            names=a.names,
            random_state=a.seed,
            figure=a.figure,
        ),
        (1, 12),
    ),
    "classification": Kind(lambda a: classification(a.model, a.rows, **a.plane()), (2, 2), True),
    "uncertainty": Kind(lambda a: uncertainty(a.model, a.rows, **a.plane()), (2, 2), True),
    "contours": Kind(_contours, (1, 2)),
    "density": Kind(
        lambda a: density(a.model, a.rows, column=(a.columns or [0])[0], **a.whole()), (1, 1)
    ),
    "separation": Kind(lambda a: separation(a.model, a.rows, **a.whole()), (0, 0)),
    "silhouette": Kind(lambda a: silhouette(a.model, a.rows, **a.whole()), (0, 0), True),
    "tree": Kind(
        lambda a: tree(a.model, names=a.names, ax=a.figure.subplots()), (0, 0), False, True
    ),
    "entropy": Kind(lambda a: entropy(a.model, a.rows, ax=a.figure.subplots()), (0, 0), True, True),
}
"""What `mixtura plot` draws."""


def draw_model(
    model: Model,
    rows: Array | None,
    kind: str,
    columns: list[int] | None,
    seed: int,
    path: Path,
    form: str,
) -> None:
    """Draw a model, and rows of its columns, and write the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    features = model.recipe.features
    shown = _named(in_view(model.mixture, features), model.recipe.names)
    seen = (
        None if rows is None else np.column_stack([_view(f, x) for f, x in _each(features, rows)])
    )
    figure = Figure(figsize=_size(kind, columns, len(features)), layout="constrained")
    FigureCanvasAgg(figure)
    # Components are counted from one on the command line, as segments are.
    names = [str(k + 1) for k in range(model.mixture.n_components)]
    KINDS[kind].draw(Asked(figure, shown, seen, columns, names, seed))
    _in_units(figure, features)
    figure.savefig(path, dpi=130, format=form)


def in_view(mixture: Either, features: tuple[Feature, ...]) -> Either:
    """A mixture in the coordinates of a picture: a column's own units, or its curve of them."""
    units = np.array([f.unit if f.curve == "identity" else 1.0 for f in features])
    scales = np.array([f.scale for f in features])
    centres = np.array([f.centre for f in features])
    return mixture.scale(scales * units, centres * units)


def _view(feature: Feature, x: Array) -> Array:
    """A column in the coordinates of a picture."""
    if feature.curve == "identity":
        return x
    return feature.apply(x) * feature.scale + feature.centre


def _each(features: tuple[Feature, ...], rows: Array) -> list[tuple[Feature, Array]]:
    return [*zip(features, rows.T, strict=True)]


def _named(mixture: Either, names: list[str]) -> GaussianMixture | StudentMixture:
    """The mixture with the names of its columns."""
    if isinstance(mixture, HeavyMixture):
        model = StudentMixture.from_mixture(mixture)
    else:
        model = GaussianMixture.from_mixture(mixture)
    model.feature_names_in_ = np.array(names, dtype=object)
    return model


def _size(kind: str, columns: list[int] | None, d: int) -> tuple[float, float]:
    """Inches across and up."""
    if kind == "pairs":
        m = min(d, 8) if columns is None else len(columns)
        side = 2.2 * m if m > 2 else 3.0 * m
        return side + 0.6, side + 0.3
    return 7.2, 5.2


def _in_units(figure: Any, features: tuple[Feature, ...]) -> None:
    """Write a column's own numbers on axes that are spaced by a curve of it."""
    curves = {f.name: f for f in features if f.curve != "identity"}
    for axes in figure.axes:
        for axis, label in ((axes.xaxis, axes.get_xlabel()), (axes.yaxis, axes.get_ylabel())):
            if label in curves:
                _ticks(axis, curves[label])


def _ticks(axis: Any, feature: Feature) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    low, high = feature.undo(_coordinates(feature, np.array(axis.get_view_interval())))
    values = _round_numbers(feature.unit, float(low), float(high))
    places = dict(zip(_view(feature, values).tolist(), values.tolist(), strict=True))
    axis.set_major_locator(FixedLocator([*places]))
    axis.set_major_formatter(FuncFormatter(lambda place, _: f"{places.get(place, np.nan):,g}"))


def _round_numbers(unit: float, low: float, high: float) -> Array:
    """Zero and round numbers from a unit on, on both sides: no more of them than have room."""
    first = int(np.floor(np.log10(unit)))
    last = int(np.floor(np.log10(max(abs(low), abs(high), unit)))) + 1
    for steps, every in (((1.0, 3.0), 1), ((1.0,), 1), ((1.0,), 2), ((1.0,), 4)):
        sizes = [step * 10.0**power for power in range(first, last, every) for step in steps]
        sizes = [size for size in sizes if size >= unit]
        values = np.array([*(-size for size in sizes[::-1]), 0.0, *sizes])
        values = values[(values >= low) & (values <= high)]
        if len(values) <= TICKS:
            break
    return values


def _coordinates(feature: Feature, view: Array) -> Array:
    """From the coordinates of a picture to those of the mixture."""
    return (view - feature.centre) / feature.scale
