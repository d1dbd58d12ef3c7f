"""The recipe: how columns become the coordinates that a mixture is fitted in, and back.

A column is transformed, centred and scaled. The recipe is kept with the model, so that new rows go
the same way, densities come out in the columns' own units, and new rows can be drawn.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, time
from typing import Any, Self

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LARGEST = 1e100
"""Numbers beyond this are refused: sums of their squares and cubes would overflow."""


class BadTable(ValueError):
    """A table that cannot be segmented; the message says why, where, and what to do."""


def _identity(x: Array) -> Array:
    return x


def _log(x: Array) -> Array:
    return np.sign(x) * np.log1p(np.abs(x))


def _exp(y: Array) -> Array:
    return np.sign(y) * np.expm1(np.abs(y))


CURVES = {
    "identity": (_identity, _identity, np.zeros_like),
    "log": (_log, _exp, lambda x: -np.log1p(np.abs(x))),
    "asinh": (np.arcsinh, np.sinh, lambda x: -0.5 * np.log1p(x * x)),
}
"""Monotone functions by name: the function, its inverse, and the logarithm of its slope."""


@dataclass(frozen=True)
class Feature:
    """One coordinate: z = (curve(x / unit) − centre) / scale."""

    name: str
    curve: str = "identity"
    """``identity``; ``log``, sign(x) log(1 + |x|); or ``asinh``."""
    unit: float = 1.0
    centre: float = 0.0
    scale: float = 1.0
    floor: float = 0.0
    """The least variance of a component along the coordinate; 0 for none."""

    def apply(self, x: Array) -> Array:
        """From the column to the coordinate."""
        return (CURVES[self.curve][0](x / self.unit) - self.centre) / self.scale

    def undo(self, z: Array) -> Array:
        """From the coordinate to the column."""
        return self.unit * CURVES[self.curve][1](z * self.scale + self.centre)

    def log_slope(self, x: Array) -> Array:
        """Log |dz/dx|, the difference between the two log densities."""
        return CURVES[self.curve][2](x / self.unit) - np.log(self.scale * self.unit)


@dataclass(frozen=True)
class Recipe:
    """The features of a model, in order."""

    features: tuple[Feature, ...]

    @classmethod
    def plain(cls, names: Sequence[str]) -> Self:
        """Columns as they are."""
        return cls(tuple(Feature(name) for name in names))

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [feature.name for feature in self.features]

    @property
    def floors(self) -> Array | None:
        """The variance floors, shape (D,); None where there is none."""
        floors = self.floors_or_zero()
        return floors if (floors > 0).all() else None

    def floors_or_zero(self) -> Array:
        """The variance floors, shape (D,), 0 where there is none."""
        return np.array([feature.floor for feature in self.features])

    def apply(self, columns: Array) -> Array:
        """Rows of columns (n, D) as rows of coordinates (n, D)."""
        return self._each("apply", columns)

    def undo(self, coordinates: Array) -> Array:
        """Rows of coordinates (n, D) as rows of columns (n, D)."""
        return self._each("undo", coordinates)

    def log_slope(self, columns: Array) -> Array:
        """What is added to the log density of the coordinates to have that of the columns, (n,).

        Of a row with gaps it is about what the row has.
        """
        return np.nansum(self._each("log_slope", columns), axis=1)

    def _each(self, what: str, rows: Array) -> Array:
        return np.column_stack([getattr(f, what)(rows[:, j]) for j, f in enumerate(self.features)])

    def to_json(self) -> list[dict[str, Any]]:
        """The features as JSON can hold them."""
        return [asdict(feature) for feature in self.features]

    @classmethod
    def from_json(cls, features: Any) -> Self:
        """`to_json` undone, with every field checked.

        Raises
        ------
        BadTable
            If the notes of a model do not hold a recipe.
        """
        try:
            made = [Feature(**feature) for feature in features]
            for feature in made:
                numbers = (feature.unit, feature.centre, feature.scale, feature.floor)
                if not (
                    all(isinstance(number, float | int) for number in numbers)
                    and np.isfinite(numbers).all()
                    and min(feature.unit, feature.scale) > 0
                    and isinstance(feature.name, str)
                    and feature.curve in CURVES
                ):
                    raise ValueError(f"feature {feature.name!r}")
        except (TypeError, ValueError) as error:
            raise BadTable(
                f"the model does not say how its columns were prepared ({error}); "
                "make it with mixtura segment or mixtura fit"
            ) from error
        return cls(tuple(made))


def read_numbers(frame: nw.DataFrame[Any], names: Sequence[str]) -> Array:
    """Columns of a table as float64 (n, D), missing values as NaN.

    Raises
    ------
    BadTable
        If a column is not there, does not hold numbers, or holds numbers too large to square.
    """
    columns: list[Array] = []
    for name in names:
        if name not in frame.columns:
            raise BadTable(f"the table has no column {name!r}; it has: {', '.join(frame.columns)}")
        series = frame[name]
        if not (series.dtype.is_numeric() or series.dtype == nw.Boolean):
            values = series.to_list()
            row = next((i for i, value in enumerate(values) if value is not None), None)
            if row is None:
                raise BadTable(f"column {name!r} is empty: no row holds a number")
            how = "turn it into numbers"
            if series.dtype.is_temporal():
                how = "give the days since or until something instead"
            raise BadTable(
                f"column {name!r} does not hold numbers: row {row + 1} is {_shown(values[row])}; "
                f"leave it out, or {how}"
            )
        column = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
        large = np.isfinite(column) & (np.abs(column) > LARGEST)
        if large.any():
            row = int(large.argmax())
            raise BadTable(
                f"column {name!r} holds {column[row]:g} in row {row + 1}, which is too large to be "
                "squared; divide the column by a power of ten"
            )
        columns.append(column)
    return np.column_stack(columns)


def _shown(value: Any) -> str:
    """A value in a message: a date as people write it."""
    return str(value) if isinstance(value, date | time) else repr(value)


def usable(
    rows: Array,
    names: Sequence[str],
    *,
    drop_missing: bool,
    remedy: str,
    fitted: bool = False,
) -> NDArray[np.bool_]:
    """Which rows, (n,), a mixture can be fitted to or asked about.

    Those that have at least one number; with ``drop_missing``, those that have all of them.

    Raises
    ------
    BadTable
        If a column is empty, and not known from a fit, or holds infinity, and rows are not dropped.
    """
    empty = np.flatnonzero(np.isnan(rows).all(axis=0))
    if len(empty) and not fitted:
        raise BadTable(f"column {names[int(empty[0])]!r} is empty: no row holds a number")
    if drop_missing:
        return np.array(np.isfinite(rows).all(axis=1))
    found: list[str] = []
    for j, name in enumerate(names):
        where = np.isinf(rows[:, j])
        n = int(where.sum())
        if n:
            values = "value" if n == 1 else "values"
            found.append(
                f"column {name!r} has {n:,} infinite {values}, the first in row "
                f"{int(where.argmax()) + 1}"
            )
    if found:
        raise BadTable("; ".join(found) + f": {remedy}")
    return np.array(np.isfinite(rows).any(axis=1))


def has_gaps(rows: Array) -> bool:
    """Whether a number is missing."""
    return bool(np.isnan(rows).any())
