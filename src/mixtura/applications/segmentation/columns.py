"""What each column is good for: finding segments, describing them, naming rows, or nothing.

A code that is stored as a number, an identifier or a constant would ruin a segmentation while its
likelihood improves; so what a column is, is decided first, and said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from mixtura.applications.segmentation.recipe import BadTable, Feature, read_numbers

Array = NDArray[np.float64]

CODE = re.compile(
    r"region|code|type|class$|categ|group|segment|cluster|channel|zip|postal|branch|district|"
    r"state|country|city|gender|sex|plan|tier",
    re.IGNORECASE,
)
POSTAL = re.compile(r"zip|postal|postcode|(^|_)code($|_)", re.IGNORECASE)
IDENTIFIER = re.compile(
    r"(^|[ _\-])(id|key|uuid|guid|no|nr|number|account|acct|email|phone)$|ID$|Id$", re.IGNORECASE
)

ATOM = 0.10
"""A value that this part of the rows holds exactly is an atom: the column is not continuous."""
DOMINANT = 0.80
"""A value that this part of the rows holds leaves too little to segment by."""
FEW = 10
LEVELS = 20
"""Categories with more levels than this are not described."""
SAME = 0.995
"""Columns whose ranks correlate more than this say the same."""
SKEWED = 1.0
NARROWEST = 0.1
"""No segment is narrower in a column than this part of the column's standard deviation."""


class Role(Enum):
    """What a column is used for."""

    feature = "segments are found by it"
    profile = "segments are described by it"
    identifier = "it names the rows"
    dropped = "it is left out"


@dataclass(frozen=True)
class Column:
    """A column, what it is used for, and why."""

    name: str
    role: Role
    reason: str
    atom: tuple[float, float] | None = None
    """The value that many rows hold exactly, and their share; None for a column without one."""
    doubtful: bool = False
    """Whether the column may be a code that was taken for a count."""


def examine(
    frame: nw.DataFrame[Any], identifier: str | None, wanted: Sequence[str] | None
) -> list[Column]:
    """Decide what each column of a table is good for.

    Parameters
    ----------
    frame : narwhals DataFrame
    identifier : str or None
        The column that names the rows, if the user said so.
    wanted : sequence of str or None
        The features, if the user chose them: then nothing is second-guessed but what cannot be a
        feature at all.

    Returns
    -------
    list of Column
        In the order of the table.
    """
    columns: list[Column] = []
    kept: list[tuple[str, Array]] = []
    for name in frame.columns:
        if name == identifier:
            columns.append(Column(name, Role.identifier, "names the rows"))
            continue
        numeric = frame.schema[name].is_numeric() or frame.schema[name] == nw.Boolean
        if wanted is not None:
            columns.append(_chosen(frame, name, numeric, name in wanted))
        elif numeric:
            columns.append(_numeric(name, read_numbers(frame, [name])[:, 0], kept))
        else:
            columns.append(_text(name, frame[name]))
    return columns


def _chosen(frame: nw.DataFrame[Any], name: str, numeric: bool, wanted: bool) -> Column:
    """A column where the user named the features."""
    if not wanted:
        return Column(name, Role.dropped, "not among the columns asked for")
    if not numeric:
        read_numbers(frame, [name])  # says which row holds what
    x = read_numbers(frame, [name])[:, 0]
    present = x[np.isfinite(x)]
    if not len(present) or present.min() == present.max():
        raise BadTable(
            f"column {name!r} is constant and cannot tell rows apart; leave it out of --columns"
        )
    return Column(name, Role.feature, "asked for", _atom(present))


def _text(name: str, series: nw.Series[Any]) -> Column:
    """A column of text, dates or anything else that is not a number."""
    if isinstance(series.dtype, nw.List | nw.Struct | nw.Array):
        return Column(name, Role.dropped, "lists or records; take single columns out of them")
    if series.dtype.is_temporal():
        return Column(name, Role.dropped, "a date; give the days since or until something instead")
    levels = series.drop_nulls().n_unique()
    if levels <= 1:
        return Column(name, Role.dropped, "constant" if levels else "empty")
    if levels == len(series.drop_nulls()):
        return Column(name, Role.identifier, "text, different in every row")
    if levels > LEVELS:
        return Column(name, Role.dropped, f"text with {levels:,} different values")
    return Column(name, Role.profile, f"a category with {levels} levels")


def _numeric(name: str, x: Array, kept: list[tuple[str, Array]]) -> Column:
    """A column of numbers; features are added to those kept."""
    present = x[np.isfinite(x)]
    values, counts = np.unique(present, return_counts=True)
    if len(values) <= 1:
        return Column(name, Role.dropped, "constant" if len(values) else "empty")
    whole = bool((values == np.round(values)).all())
    if whole and len(values) == len(present) and _identifies(name, present):
        return Column(name, Role.identifier, "whole numbers, different in every row")
    if len(values) == 2:
        return Column(name, Role.profile, "two values only")
    if whole and POSTAL.search(name):
        return Column(name, Role.profile, "a code, by its name")
    most = int(counts.argmax())
    if counts[most] >= DOMINANT * len(present):
        share = counts[most] / len(present)
        return Column(name, Role.profile, f"{share:.0%} of the rows hold {values[most]:g}")
    if whole and len(values) <= FEW:
        if not _counts(name, values, counts):
            return Column(
                name, Role.profile, f"{len(values)} whole numbers: a code rather than a quantity"
            )
        kept.append((name, _ranks(x)))
        return Column(name, Role.feature, "a small count", doubtful=True)
    ranks = _ranks(x)
    for other, others in kept:
        if _say_the_same(ranks, others):
            return Column(name, Role.dropped, f"says the same as {other!r}")
    kept.append((name, ranks))
    return Column(name, Role.feature, "a quantity", _atom(present))


def _ranks(x: Array) -> Array:
    """Ranks of the values that are there, NaN for the others."""
    return rankdata(x, nan_policy="omit")


def _say_the_same(one: Array, other: Array) -> bool:
    """Whether two columns order the rows in which both have values almost alike."""
    both = np.isfinite(one) & np.isfinite(other)
    a, b = one[both], other[both]
    if not len(a) or a.min() == a.max() or b.min() == b.max():
        return False
    return abs(float(np.corrcoef(a, b)[0, 1])) > SAME


def _identifies(name: str, x: Array) -> bool:
    """Whether different whole numbers name the rows: by the name, or dense and in order or even."""
    ordered = np.sort(x)
    span = ordered[-1] - ordered[0]
    if IDENTIFIER.search(name) or len(x) < 3 or span >= 20 * len(x):
        return bool(IDENTIFIER.search(name))
    steps = np.diff(x)
    uneven = np.abs((ordered - ordered[0]) / span - np.linspace(0, 1, len(x))).max()
    return bool((steps > 0).all() or (steps < 0).all() or uneven < 0.02)


def _counts(name: str, values: Array, counts: NDArray[np.intp]) -> bool:
    """Whether a few whole numbers look like a count: from 0 or 1, rarer as they grow."""
    top = int(counts.argmax())
    return (
        not CODE.search(name)
        and values[0] in (0, 1)
        and top <= 1
        and bool((np.diff(counts[top:]) <= 0.1 * counts[top]).all())
        and bool((np.diff(values)[:3] == 1).all())
    )


def _atom(present: Array) -> tuple[float, float] | None:
    """A value that many rows hold exactly, among more values than a few."""
    values, counts = np.unique(present, return_counts=True)
    share = float(counts.max() / len(present))
    if len(values) <= FEW or share <= ATOM:
        return None
    return float(values[counts.argmax()]), share


def feature(name: str, x: Array) -> Feature:
    """How a column becomes a coordinate.

    Columns that are skewed to the right and never negative are logged, in units of their small
    values; skewed columns of both signs go through asinh; the rest stays. All are centred and
    scaled. The floor is the rounding variance of the column [@Sheppard1898], and at least a tenth
    of its standard deviation, squared.

    Parameters
    ----------
    name : str
    x : array, shape (n,)
        Finite.

    Returns
    -------
    Feature
    """
    skewness = _skewness(x)
    curve, unit = "identity", 1.0
    if x.min() >= 0 and skewness > SKEWED:
        curve, unit = "log", float(np.quantile(x[x > 0], 0.05))
    elif x.min() < 0 and abs(skewness) > SKEWED:
        curve, unit = "asinh", float(np.median(np.abs(x[x != 0])))
    raw = Feature(name, curve, unit)
    y = raw.apply(x)
    centre, scale = float(y.mean()), float(y.std())
    if scale == 0.0:
        raise BadTable(f"column {name!r} does not vary among the complete rows; leave it out")
    step = recording_step(x)
    width = (raw.apply(x + 0.5 * step) - raw.apply(x - 0.5 * step)) / scale
    floor = float(np.maximum(width**2 / 12.0, NARROWEST**2).mean())
    return Feature(name, curve, unit, centre, scale, floor)


def recording_step(x: Array) -> float:
    """The largest power of ten of which all numbers are multiples, from 10⁶ to 10⁻³; else 0."""
    for power in range(6, -4, -1):
        multiple = x * 10.0**-power
        if (np.abs(multiple - np.round(multiple)) < 1e-6).all():
            return 10.0**power
    return 0.0


def _skewness(x: Array) -> float:
    """The third standardised moment."""
    centred = x - x.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean()) / spread**3 if spread > 0 else 0.0
