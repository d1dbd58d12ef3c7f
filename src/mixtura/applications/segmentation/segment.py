"""The main job: a table in, segments out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
from numpy.typing import NDArray

from mixtura.applications.segmentation.assignment import Assignment, assign, segments_frame
from mixtura.applications.segmentation.choice import (
    ROWS,
    Choice,
    Tell,
    choose,
    finish,
    some,
    sweep,
)
from mixtura.applications.segmentation.columns import Column, Role, examine, feature
from mixtura.applications.segmentation.profile import Profile, profiled
from mixtura.applications.segmentation.recipe import (
    BadTable,
    Feature,
    Recipe,
    has_gaps,
    read_numbers,
    usable,
)
from mixtura.estimators.choosing import FOUR, read_families
from mixtura.model.covariance import SPELLINGS
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

FEWEST = 10
"""Rows below which segments cannot be told from chance."""


@dataclass(frozen=True)
class Segmentation:
    """Segments of a table: who belongs to which, how surely, and what marks them.

    Attributes
    ----------
    mixture : Mixture
        In the coordinates of the recipe; component k is segment k + 1, the largest first.
    recipe : Recipe
    choice : Choice
        The candidates, and why this one was taken.
    columns : list of Column
        What each column was used for, and why.
    identifier : str or None
        The column that names the rows.
    assignment : Assignment
        Of the rows that have a segment, in the order of the table.
    complete : array of bool, shape (n,)
        Which rows of the table those are: all but those that miss everything or, with
        ``drop_missing``, anything.
    profile : Profile
    notes : list of str
        What a reader of the result should know.
    """

    mixture: Mixture
    recipe: Recipe
    choice: Choice
    columns: list[Column]
    identifier: str | None
    assignment: Assignment
    complete: NDArray[np.bool_]
    profile: Profile
    notes: list[str]

    @property
    def n_segments(self) -> int:
        """K."""
        return self.mixture.n_components

    def segments(self, table: Any) -> Any:
        """One row for each row of the table, in a frame of the same kind.

        Parameters
        ----------
        table : data frame
            The one that was segmented.

        Returns
        -------
        data frame
            The identifier (or ``row``, from 1), ``segment``, ``p_1`` … ``p_K``, ``certainty`` and
            ``runner_up``; rows without a segment have none of these.
        """
        frame = nw.from_native(table, eager_only=True)
        return segments_frame(frame, self.identifier, self.assignment, self.complete)


def segment(
    table: Any,
    *,
    id: str | None = None,
    columns: Sequence[str] | None = None,
    k: int | str = "auto",
    max_k: int = 10,
    family: str = "auto",
    drop_missing: bool = False,
    seed: int = 0,
    tell: Tell = lambda text: None,
) -> Segmentation:
    """Segment the rows of a table, softly.

    Identifiers, constants, codes and duplicates are left out and named; skewed columns are logged;
    the number of segments and the form of their covariances are chosen by BIC among fits that are
    stable and have no tiny segments. No segment can collapse onto a value that many rows share.

    Parameters
    ----------
    table : pandas, polars or pyarrow table
    id : str, optional
        The column that names the rows. A column that looks like one is taken if it is not given.
    columns : sequence of str, optional
        The columns to segment by; those that can be used, if not given.
    k : int or "auto", default "auto"
        The number of segments.
    max_k : int, default 10
        The largest number that "auto" considers.
    family : str, default "auto"
        One that `GaussianMixture` takes; "auto" tries "full", "tied", "diag" and "spherical",
        "all" mclust's fourteen.
    drop_missing : bool, default False
        Leave rows with missing values without a segment. Otherwise they count by what they have,
        and only rows in which all is missing have no segment.
    seed : int, default 0
        The same seed gives the same segments.
    tell : callable, optional
        Told in a few words what is being done.

    Returns
    -------
    Segmentation

    Raises
    ------
    BadTable
        If the table cannot be segmented; the message says why, where and what to do.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from mixtura import segment
    >>> rng = np.random.default_rng(0)
    >>> spend = np.concatenate([rng.normal(20, 3, 300), rng.normal(80, 5, 100)])
    >>> visits = np.concatenate([rng.normal(2, 0.3, 300), rng.normal(9, 1, 100)])
    >>> found = segment(pl.DataFrame({"spend": spend, "visits": visits}))
    >>> found.n_segments
    2
    >>> found.profile.sizes.tolist()
    [300, 100]
    """
    frame = nw.from_native(table, eager_only=True)
    _check_options(frame, id, columns, k, max_k, family)
    tell("looking at the columns")
    described = examine(frame, id, columns)
    identifier = id or next((c.name for c in described if c.role is Role.identifier), None)
    names = [c.name for c in described if c.role is Role.feature]
    if not names:
        left = "; ".join(f"{c.name!r}: {c.reason}" for c in described)
        raise BadTable(f"no column can tell rows apart ({left}); choose some with --columns")
    rows = read_numbers(frame, names)
    remedy = "replace them, leave the column out, or pass --drop-missing"
    complete = usable(rows, names, drop_missing=drop_missing, remedy=remedy)
    rows = rows[complete]
    number = int(k) if k != "auto" else None
    if len(rows) < max(FEWEST, number or 1):
        kind = "complete" if drop_missing else "usable"
        raise BadTable(
            f"the table has {len(rows):,} {kind} rows, too few to segment: at least "
            f"{max(FEWEST, number or 1):,} are needed"
        )
    recipe = Recipe(tuple(_feature(name, rows[:, j]) for j, name in enumerate(names)))
    z, floors = recipe.apply(rows), recipe.floors
    rng = np.random.RandomState(seed)
    ks = [number] if number is not None else range(1, min(max_k, len(rows) // 5) + 1)
    families = _families(family)
    few = some(z, ROWS, rng)
    choice = choose(few, floors, sweep(few, floors, ks, families, rng, tell), rng, tell)
    taken = choice.taken
    if len(few) < len(z):
        tell(f"fitting {taken.k} segments to all {len(z):,} rows")
        taken = finish(z, floors, taken.mixture, rng)
        choice = replace(choice, taken=replace(taken, stability=choice.taken.stability))
    tell("describing the segments")
    mixture, assignment = _by_size(taken.mixture, recipe, rows)
    held = len(np.unique(assignment.segment))
    if held < mixture.n_components:
        raise BadTable(
            f"only {held} of {mixture.n_components} segments are the likeliest of any row: ask for "
            "fewer"
        )
    profile = profiled(frame.filter(complete.tolist()), described, assignment, z)
    notes = _notes(described, identifier, id, choice, complete, frame)
    if has_gaps(rows):
        n = int(np.isnan(rows).any(axis=1).sum())
        has = (
            "1 row has missing values; it counts"
            if n == 1
            else (f"{n:,} rows have missing values; they count")
        )
        notes.append(f"{has} by what is there")
    return Segmentation(
        mixture, recipe, choice, described, identifier, assignment, complete, profile, notes
    )


def _families(family: str) -> Sequence[str]:
    """Those that are tried."""
    return FOUR if family == "auto" else read_families(family, "family")


def _feature(name: str, column: Array) -> Feature:
    """How a column becomes a coordinate, by what it has."""
    present = column[np.isfinite(column)]
    if not len(present):
        raise BadTable(f"column {name!r} does not vary among the complete rows; leave it out")
    return feature(name, present)


def _by_size(mixture: Mixture, recipe: Recipe, rows: Array) -> tuple[Mixture, Assignment]:
    """The components in the order of their segments' sizes, the largest first."""
    labels = assign(mixture, recipe, rows).segment - 1
    sizes = np.bincount(labels, minlength=mixture.n_components)
    ordered = mixture.rearranged(np.argsort(-sizes, kind="stable"))
    return ordered, assign(ordered, recipe, rows)


def _notes(
    columns: list[Column],
    identifier: str | None,
    asked: str | None,
    choice: Choice,
    complete: NDArray[np.bool_],
    frame: nw.DataFrame[Any],
) -> list[str]:
    """What a reader should know, most important first."""
    notes: list[str] = []
    atoms = [f"{c.name} ({c.atom[1]:.0%} hold exactly {c.atom[0]:g})" for c in columns if c.atom]
    if atoms:
        notes.append(
            f"{'a column has an atom' if len(atoms) == 1 else 'columns have atoms'}: "
            f"{', '.join(atoms)}; segments keep at least the width with which a column is "
            "recorded, so none collapses onto such a value"
        )
    counts = [c.name for c in columns if c.doubtful]
    if counts:
        notes.append(
            f"{', '.join(counts)}: few whole numbers, taken for counts; if they are codes, leave "
            "them out with --columns"
        )
    if not choice.sound:
        notes.append(f"one segment only: {choice.reason}")
    if not choice.taken.converged:
        notes.append("the fit had not converged after 200 iterations; its segments may still move")
    if int(complete.sum()) > ROWS:
        notes.append(f"candidates were compared on {ROWS:,} rows, and the choice fitted to all")
    left = int(np.logical_not(complete).sum())
    if left:
        rows = "1 row has" if left == 1 else f"{left:,} rows have"
        notes.append(f"{rows} missing values; left without a segment")
    if identifier is not None and asked is None:
        notes.append(f"column {identifier!r} was taken to name the rows")
    if identifier is not None:
        repeated = len(frame) - frame[identifier].n_unique()
        if repeated:
            rows = "1 row repeats" if repeated == 1 else f"{repeated:,} rows repeat"
            notes.append(f"{rows} the {identifier!r} of an earlier row")
    return notes


def _check_options(
    frame: nw.DataFrame[Any],
    identifier: str | None,
    columns: Sequence[str] | None,
    k: int | str,
    max_k: int,
    family: str,
) -> None:
    if not len(frame):
        raise BadTable("the table has no rows")
    unnamed = [name for name in frame.columns if not isinstance(name, str)]
    if unnamed:
        raise BadTable(f"names of columns must be text, and {unnamed[0]!r} is not; rename it")
    for name in [*([identifier] if identifier else []), *(columns or [])]:
        if name not in frame.columns:
            raise BadTable(f"the table has no column {name!r}; it has: {', '.join(frame.columns)}")
    if identifier is not None and columns is not None and identifier in columns:
        raise BadTable(f"column {identifier!r} cannot both name the rows and segment them")
    if not (k == "auto" or (isinstance(k, Integral) and int(k) >= 1)):
        raise BadTable(f"k must be 'auto' or a number from 1, not {k!r}")
    if max_k < 1:
        raise BadTable(f"max_k must be at least 1, not {max_k}")
    if family not in ("auto", "all", *SPELLINGS):
        raise BadTable(
            f"no family {family!r}: choose auto, all, {', '.join(FOUR)}, or three letters of "
            "mclust, such as VEV"
        )
