"""A fit to rows that are read pass by pass, because memory does not hold them.

First a survey: one pass, which counts, checks, measures, and draws rows. Those are fitted in memory
as any table is; a mixture of p parameters that is fitted to m of the rows is about p / 2m nats a
row below the best one [@White1982], so m follows from the tolerance where memory allows. From there
the passes over all rows go on, few and accelerated.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.batches import Batches
from mixtura.engines.files import BATCH
from mixtura.engines.memory import tree_sum
from mixtura.engines.source import Columns, Source, SourceError
from mixtura.estimators import wiring
from mixtura.estimators.answer import each
from mixtura.estimators.rows import LARGEST, SMALLEST
from mixtura.learn import completion
from mixtura.learn.data import Block, Data
from mixtura.learn.em import Iteration
from mixtura.learn.halving import Run, halving
from mixtura.learn.journal import Journal, seed_of
from mixtura.learn.survey import Survey, survey
from mixtura.model.mixture import Mixture

SAMPLED = 0.08
"""The part of the memory that rows drawn may take."""

PASSES = 1_000
"""Passes over rows drawn, at the most: `max_iter` is about passes over all."""

SPARE = 1.25
"""Rows are drawn by keys that are so many times as large as would do on average."""


@dataclass(frozen=True)
class Surveyed:
    """Rows of a source after the first pass over them."""

    data: Batches
    survey: Survey
    whole: Mixture
    """All rows as one Gaussian."""
    rows: NDArray[Any]
    """Some of them, in their order."""
    weights: NDArray[np.float64]
    """Those of the drawn rows, which weigh as much as all."""


def surveyed(
    source: Source, *, weight: bool, seed: int, n_parameters: int, tol: float, memory: float
) -> Surveyed:
    """Read all rows once, and raise for what no fit can use.

    Raises
    ------
    SourceError
        If a number is infinite or its square is, a column has nothing, or a weight is none; the
        message names file, column and row.
    """
    data = Batches(source, weight=weight)
    width = data.n_features * data.dtype.itemsize + 24
    most = max(int(SAMPLED * memory / width), 1_000)
    if tol > 0:
        most = min(most, max(int(n_parameters / (2 * tol)), 100_000))
    n_rows = source.n_rows
    share = 1.0 if n_rows is None else min(SPARE * most / max(n_rows, 1) + 1e-4, 1.0)
    found = data.fold(survey, seed, most, share, LARGEST)
    names = column_names(source, data.n_features)
    _check(found, names, source.where)
    incomplete = found.holes > 0
    some = found.picked.ordered()
    data = Batches(source, weight=weight, incomplete=incomplete, picked=some)
    weights = some.weights * (found.weight / some.weights.sum())
    whole = completion.total(data) if incomplete else found.gaussian()
    return Surveyed(data, found, whole, some.rows, weights)


def column_names(source: Source, n_features: int) -> list[str]:
    """What columns are called in messages."""
    if source.names is None:
        return [str(j) for j in range(n_features)]
    return [repr(name) for name in source.names[:n_features]]


def _check(found: Survey, names: list[str], where: Callable[[int], str]) -> None:
    """Raise for what a survey found that no fit can use."""
    if found.n_rows == 0:
        raise SourceError("there are no rows: the files have no lines, or the query no results")
    if found.negative is not None:
        row, value = found.negative.row, found.negative.value
        raise SourceError(
            f"sample_weight is {value:g} in {where(row)}: weights must be finite and not negative"
        )
    if found.weight == 0:
        raise SourceError("sample_weight is zero for every row: give some row a positive weight")
    if found.wrong is not None:
        row, column, value = found.wrong.row, found.wrong.column, found.wrong.value
        more = f" ({found.n_wrong} such numbers in all)" if found.n_wrong > 1 else ""
        if np.isinf(value):
            raise SourceError(
                f"Input X contains infinity: column {names[column]} holds {value:g} in "
                f"{where(row)}{more}. Drop or replace these rows."
            )
        raise SourceError(
            f"Input X contains numbers whose squares overflow: column {names[column]} holds "
            f"{value:.3g} in {where(row)}{more}. Divide the column by a power of ten first."
        )
    nothing = np.flatnonzero(np.isnan(found.low))
    if len(nothing):
        shown = ", ".join([names[int(j)] for j in nothing[:5]])
        raise SourceError(
            f"Input X has nothing in column {shown}: every row of positive weight has a gap there. "
            "Leave the column out."
        )
    size = np.maximum(found.high, -found.low)
    tiny = np.flatnonzero((size > 0) & (size < SMALLEST))
    if len(tiny):
        raise SourceError(
            f"Input X contains numbers whose squares vanish: column {names[tiny[0]]} is nowhere "
            f"larger than {size[tiny[0]]:.3g}. Multiply the column by a power of ten first."
        )


@dataclass
class Progress:
    """How far a run is whose passes take their time."""

    n_rows: int
    tol: float
    records: list[Iteration] = field(default_factory=list[Iteration])

    def words(self, record: Iteration) -> str:
        """What there is to say after one more pass."""
        self.records.append(record)
        number, rate = len(self.records), self.n_rows / max(record.seconds, 1e-9)
        text = f"pass {number}: {record.objective:.7g} nats a row, {rate:.2g} rows a second"
        if np.isfinite(record.remaining):
            text += f", about {record.remaining:.1g} left to gain"
        left = self.seconds_left()
        return text if left is None else f"{text}, {left:.0f} s to go"

    def seconds_left(self) -> float | None:
        """Until less than the tolerance is left, if it goes on as in the last two passes."""
        if len(self.records) < 2 or self.tol <= 0:
            return None
        before, now = (record.remaining for record in self.records[-2:])
        if not (np.isfinite(before) and 0.0 < now < before):
            return None
        passes = max(np.log(self.tol / now) / np.log(now / before), 0.0)
        return float(np.ceil(passes)) * self.records[-1].seconds


def begun(
    setup: wiring.Plan, starts: list[Mixture], tol: float, rng: Any, tell: Any
) -> tuple[wiring.Plan, Mixture]:
    """The best of several starts, brought as near to its end on the rows drawn as these can tell.

    Parts of them come first, as in a fit to many rows in memory.
    """
    setup, starts = wiring.ascended(setup, starts, tol, PASSES, rng, tell)
    near = max(tol, wiring.NEAR * setup.model.n_parameters / (2 * len(setup.rows)))
    best = halving([Run(start, wiring.course(setup, near), PASSES) for start in starts])
    best.finish()
    return setup, best.fit.mixture


def check_width(source: Source, weight: bool, n_features: int) -> None:
    """Raise where rows have not as many columns as those of the fit."""
    n = len(source.types) - weight
    if n != n_features:
        raise SourceError(
            f"X has {n} features, but GaussianMixture is expecting {n_features} features as input."
        )


def sums(data: Data, kernel: Callable[..., NDArray[Any]], model: Any) -> NDArray[np.float64]:
    """The sum of a kernel over blocks; of rows that are read in batches, they are checked."""
    if not isinstance(data, Batches):
        return data.fold(kernel, model)
    return tree_sum(each(data, kernel, model))


def parts(source: Source, weight: bool) -> Iterator[tuple[NDArray[Any], NDArray[np.float64], bool]]:
    """Rows of a source block by block, with their weights, and whether numbers are missing."""
    for block in each(Batches(source, weight=weight, incomplete=True), _itself):
        if len(block.rows):
            yield block.rows, block.weights, bool(np.isnan(block.rows).any())


def _itself(block: Block) -> Block:
    return block


@dataclass(frozen=True)
class Rows:
    """An array as a source, for what asks for one."""

    rows: NDArray[Any]
    weights: NDArray[np.float64] | None = None
    names: tuple[str, ...] | None = None

    @property
    def types(self) -> tuple[np.dtype[Any], ...]:
        """Of each column, as it is read."""
        single = self.rows.dtype == np.float32
        columns = [np.dtype(np.float32 if single else np.float64)] * self.rows.shape[1]
        return (*columns, *([] if self.weights is None else [np.dtype(np.float64)]))

    @property
    def n_rows(self) -> int:
        """As many as the array has."""
        return len(self.rows)

    def batches(self) -> Iterator[Columns]:
        """Views of the array."""
        for start in range(0, len(self.rows), BATCH):
            part = slice(start, start + BATCH)
            weights = [] if self.weights is None else [self.weights[part]]
            yield [*self.rows[part].T, *weights]

    def where(self, row: int) -> str:
        """Which row it is."""
        return f"row {row}"


def weighs(source: Source) -> bool:
    """Whether an array as a source has weights."""
    return isinstance(source, Rows) and source.weights is not None


def seed(random_state: Any, checkpoint: Any) -> int | None:
    """What a fit that is kept draws with, where the user has not said: the same each time."""
    if random_state is not None or checkpoint is None:
        return None
    known = seed_of(checkpoint)
    return int(np.random.randint(2**31)) if known is None else known  # noqa: NPY002  as asked


def opened(
    folder: Any, options: dict[str, Any], seed: int | None, found: Surveyed, start: Mixture
) -> Journal:
    """The journal of a fit, told apart from others by options, rows and the start."""
    told: dict[str, Any] = {
        "seed": seed,
        "options": {
            name: _told(value)
            for name, value in sorted(options.items())
            if name not in ("checkpoint", "verbose", "verbose_interval", "max_iter", "memory")
        },
        "rows": found.survey.n_rows,
        "columns": [found.survey.low.tolist(), found.survey.high.tolist()],
        "mean": found.whole.means[0].tolist(),
        "weight": found.survey.weight,
        "start": start.means.tolist(),
    }
    return Journal(folder, told)


def _told(value: Any) -> Any:
    """An option as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return np.asarray(value).tolist()
    return type(value).__name__
