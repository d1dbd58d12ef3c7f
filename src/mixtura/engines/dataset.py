"""Arrow's datasets, and readers of record batches, as sources."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import Any
from weakref import finalize

import numpy as np

from mixtura.engines.files import BATCH, Arrow, numbers_of, types_of
from mixtura.engines.source import Columns, SourceError


def numeric(schema: Any, wanted: Sequence[str] | None = None) -> dict[str, np.dtype[Any]]:
    """Columns of Arrow's that are all numbers, as they are read."""
    found: dict[str, np.dtype[Any]] = {}
    there = types_of(schema)
    for name in there if wanted is None else wanted:
        kind = there.get(name)
        if kind is None:
            raise SourceError(f"there is no column {name!r}: there are {[*there][:20]}")
        if isinstance(kind, str):
            raise SourceError(
                f"Column {name!r} is not numeric: it holds {kind}. Leave the column out, or turn "
                "it into numbers first."
            )
        found[name] = kind
    if not found:
        raise SourceError("there are no columns")
    return found


class ArrowDataset:
    """A dataset of Arrow's, read batch by batch.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    columns : sequence of str, optional
        Which columns to read, in what order; all of them, if not given.
    """

    def __init__(self, dataset: Any, columns: Sequence[str] | None = None) -> None:
        self.dataset = dataset
        self._columns = numeric(dataset.schema, columns)
        self._n_rows: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What columns are called."""
        return (*self._columns,)

    @property
    def types(self) -> tuple[np.dtype[Any], ...]:
        """Of each column, as it is read."""
        return (*self._columns.values(),)

    @property
    def n_rows(self) -> int | None:
        """How many there are, as files say; they are asked once."""
        if self._n_rows is None:
            self._n_rows = self.dataset.count_rows()
        return self._n_rows

    def batches(self) -> Iterator[Columns]:
        """All rows, fragment after fragment."""
        import pyarrow

        scanner = self.dataset.scanner(
            columns=[*self._columns], batch_size=BATCH, batch_readahead=4, fragment_readahead=1
        )
        try:
            for batch in scanner.to_batches():
                if len(batch):
                    yield numbers_of(batch, [*self._columns])
        except (pyarrow.ArrowException, OSError) as error:
            raise SourceError(
                f"the dataset cannot be read: {' '.join(str(error).split())}"
            ) from error

    def where(self, row: int) -> str:
        """Which row it is."""
        return f"row {row}"


class Spooled:
    """Record batches that can be read once only, put by in a file before they are needed.

    Parameters
    ----------
    reader : pyarrow.RecordBatchReader
    columns : sequence of str, optional
        Which columns to keep, in what order; all of them, if not given.
    """

    def __init__(self, reader: Any, columns: Sequence[str] | None = None) -> None:
        self._reader = reader
        self._columns = numeric(reader.schema, columns)

    @property
    def names(self) -> tuple[str, ...]:
        """What columns are called."""
        return (*self._columns,)

    @property
    def types(self) -> tuple[np.dtype[Any], ...]:
        """Of each column, as it is read."""
        return (*self._columns.values(),)

    @property
    def n_rows(self) -> int | None:
        """As many as were put by."""
        return self._file.n_rows()

    def batches(self) -> Iterator[Columns]:
        """All rows, from the file."""
        return self._file.batches(self.names)

    def where(self, row: int) -> str:
        """Which row it is."""
        return f"row {row}"

    @cached_property
    def _file(self) -> Arrow:
        """The file, which is removed with this."""
        import pyarrow

        folder = tempfile.mkdtemp(prefix="mixtura-")
        finalize(self, rmtree, folder, ignore_errors=True)
        path, names = Path(folder) / "rows.arrow", [*self.names]
        kept = pyarrow.schema([self._reader.schema.field(name) for name in names])
        try:
            with pyarrow.ipc.new_file(str(path), kept) as writer:
                for batch in self._reader:
                    writer.write_batch(batch.select(names))
        except pyarrow.ArrowException as error:
            reason = " ".join(str(error).split())
            raise SourceError(f"the record batches cannot be read: {reason}") from error
        except OSError as error:
            raise SourceError(
                f"the record batches cannot be put by in '{folder}' ({error}): they are read "
                "several times. Make room, or set TMPDIR to a folder that has some."
            ) from error
        return Arrow(path)
