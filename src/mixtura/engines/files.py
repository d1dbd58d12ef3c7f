"""Files of columns: Parquet, Arrow, CSV and NumPy's own, many of them as one table."""

import glob
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.source import Columns, SourceError

BATCH = 65_536
"""Rows that are read at once."""

TEXT_BLOCK = 1 << 22
"""Bytes of a file of text that are read at once."""


@dataclass(frozen=True)
class Stamp:
    """What a file looks like from outside; another one is another file."""

    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Of the file as it is now."""
        try:
            found = path.stat()
        except OSError as error:
            raise SourceError(f"file '{path}' cannot be read: {error.strerror or error}") from error
        return cls(found.st_size, found.st_mtime_ns)


class File(ABC):
    """One file of columns that have names, or numbers for names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamp = Stamp.of(path)

    @abstractmethod
    def columns(self) -> dict[str, np.dtype[Any] | str]:
        """Types as they are read, by name; in words where a column holds no numbers."""

    @abstractmethod
    def n_rows(self) -> int | None:
        """How many there are, where the file says."""

    def most(self) -> int | None:
        """No more rows than this, where that is known."""
        return self.n_rows()

    @abstractmethod
    def batches(self, names: Sequence[str]) -> Iterator[Columns]:
        """Some columns, from the first row to the last."""

    def check(self) -> None:
        """Raise where the file is no longer the one that was opened."""
        if Stamp.of(self.path) != self.stamp:
            raise SourceError(
                f"file '{self.path}' changed while it was read: a fit reads the same rows "
                "again and again. Fit to a copy, or wait until nobody writes it."
            )

    def damaged(self, error: Exception) -> SourceError:
        """The error for a file that is not what it should be."""
        reason = " ".join(str(error).split())
        return SourceError(
            f"file '{self.path}' is damaged, or is no {self.path.suffix} file: {reason}"
        )


class Parquet(File):
    """A Parquet file; of each part only the columns asked for are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._schema, self._n_rows = self._told()

    def _told(self) -> tuple[Any, int]:
        with self._opened() as file:
            return file.schema_arrow, file.metadata.num_rows

    def _opened(self) -> Any:
        import pyarrow
        import pyarrow.parquet

        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except (pyarrow.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def columns(self) -> dict[str, np.dtype[Any] | str]:
        """By the schema in the file."""
        return types_of(self._schema)

    def n_rows(self) -> int | None:
        """By what the file says of itself."""
        return self._n_rows

    def batches(self, names: Sequence[str]) -> Iterator[Columns]:
        """Part by part."""
        import pyarrow

        with self._opened() as file:
            # One part after the other: asked for all of them, it would read ahead to the end.
            for part in range(file.num_row_groups):
                found = file.iter_batches(BATCH, row_groups=[part], columns=[*names])
                while True:
                    try:
                        batch = next(found, None)
                    except (pyarrow.ArrowException, OSError) as error:
                        raise self.damaged(error) from error
                    if batch is None:
                        break
                    yield numbers_of(batch, names)


class Arrow(File):
    """An Arrow file (Feather, IPC), or a stream of Arrow's in a file."""

    def _opened(self) -> Any:
        import pyarrow

        try:
            with pyarrow.memory_map(str(self.path)) as found:
                start = found.read(6)
            source = pyarrow.memory_map(str(self.path))
            how = pyarrow.ipc.open_file if start == b"ARROW1" else pyarrow.ipc.open_stream
            return how(source)
        except (pyarrow.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def columns(self) -> dict[str, np.dtype[Any] | str]:
        """By the schema in the file."""
        return types_of(self._opened().schema)

    def n_rows(self) -> int | None:
        """As many as its batches have; a stream has to be read to its end."""
        import pyarrow

        opened = self._opened()
        try:
            if hasattr(opened, "num_record_batches"):
                n = opened.num_record_batches
                return sum(opened.get_batch(i).num_rows for i in range(n))
            return sum(batch.num_rows for batch in opened)
        except (pyarrow.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def batches(self, names: Sequence[str]) -> Iterator[Columns]:
        """As they were written."""
        import pyarrow

        opened = self._opened()
        try:
            if hasattr(opened, "num_record_batches"):
                found = (opened.get_batch(i) for i in range(opened.num_record_batches))
            else:
                found = iter(opened)
            for batch in found:
                yield numbers_of(batch.select([*names]), names)
        except (pyarrow.ArrowException, OSError) as error:
            raise self.damaged(error) from error


class Text(File):
    """A CSV file with a line of names; with tabs between values where it is called .tsv."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._schema = self._opened(None).schema

    def _opened(self, names: Sequence[str] | None) -> Any:
        import pyarrow
        import pyarrow.csv

        tabs = ".tsv" in self.path.suffixes
        convert = pyarrow.csv.ConvertOptions()
        if names is not None:
            convert = pyarrow.csv.ConvertOptions(
                include_columns=[*names],
                column_types={
                    name: pyarrow.float64()
                    for name in names
                    if not pyarrow.types.is_boolean(self._schema.field(name).type)
                },
            )
        try:
            return pyarrow.csv.open_csv(
                self.path,
                read_options=pyarrow.csv.ReadOptions(block_size=TEXT_BLOCK),
                parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if tabs else ","),
                convert_options=convert,
            )
        except (pyarrow.ArrowException, OSError) as error:
            raise self.damaged(error) from error

    def columns(self) -> dict[str, np.dtype[Any] | str]:
        """By the values in the first few million bytes."""
        return types_of(self._schema)

    def n_rows(self) -> int | None:
        """Nobody knows before all lines are read."""
        return None

    def most(self) -> int | None:
        """No value and the sign after it have less than one byte, if they are not compressed."""
        return None if self.path.suffix == ".gz" else self.stamp.size // len(self._schema)

    def batches(self, names: Sequence[str]) -> Iterator[Columns]:
        """A few million bytes at once."""
        import pyarrow

        with self._opened(names) as found:
            while True:
                try:
                    batch = found.read_next_batch()
                except StopIteration:
                    return
                except (pyarrow.ArrowException, OSError) as error:
                    raise self.damaged(error) from error
                yield numbers_of(batch, names)


class Npy(File):
    """One array (n, D) in NumPy's format; columns are called by their numbers."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._rows: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise self.damaged(error) from error
        if self._rows.ndim != 2:
            raise SourceError(
                f"file '{path}' holds an array of shape {self._rows.shape}: it must have rows and "
                "columns"
            )

    def columns(self) -> dict[str, np.dtype[Any] | str]:
        """All of the type of the array."""
        kind = self._rows.dtype
        one = _kind(kind) if kind.kind in "fiub" else str(kind)
        return {str(j): one for j in range(self._rows.shape[1])}

    def n_rows(self) -> int | None:
        """As many as the array has."""
        return len(self._rows)

    def batches(self, names: Sequence[str]) -> Iterator[Columns]:
        """From the map of the file, so that what was read can be let go."""
        index = [int(name) for name in names]
        for start in range(0, len(self._rows), BATCH):
            # A map that was read through holds all of the file in memory; a new one does not.
            rows = np.load(self.path, mmap_mode="r", allow_pickle=False)[start : start + BATCH]
            yield rows.T if index == [*range(rows.shape[1])] else rows.T[index]


KINDS: dict[str, type[File]] = {
    ".parquet": Parquet,
    ".pq": Parquet,
    ".arrow": Arrow,
    ".feather": Arrow,
    ".ipc": Arrow,
    ".csv": Text,
    ".tsv": Text,
    ".npy": Npy,
}
"""Files by how their names end; those of text may be compressed, and end in .gz."""

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


class Files:
    """Files of the same columns, as one table that is read from the first to the last.

    Parameters
    ----------
    paths : str, path or list of them
        Parquet (.parquet, .pq), Arrow (.arrow, .feather, .ipc), CSV (.csv, .tsv, also .csv.gz) and
        NumPy files (.npy); a folder means all such files in it, and ``*``, ``?`` and ``[...]``
        stand for what they stand for in a shell. Files of a folder or a pattern are read in the
        order of their names.
    columns : sequence of str, optional
        Which columns to read, in what order; all of them, if not given.

    Raises
    ------
    SourceError
        If there is no such file, a file is damaged, or files have not the same columns of numbers.
        The message names the file and the column.
    """

    def __init__(self, paths: Paths, columns: Sequence[str] | None = None) -> None:
        self.files = [opened(path) for path in found(paths)]
        self._columns = _together(self.files, columns)
        self._starts: list[int] = []
        counts = [file.n_rows() for file in self.files]
        known = [count for count in counts if count is not None]
        self._n_rows = sum(known) if len(known) == len(counts) else None

    @property
    def names(self) -> tuple[str, ...] | None:
        """What columns are called; None for files of NumPy's."""
        return None if all(isinstance(file, Npy) for file in self.files) else (*self._columns,)

    @property
    def types(self) -> tuple[np.dtype[Any], ...]:
        """Of each column, as it is read."""
        return (*self._columns.values(),)

    @property
    def n_rows(self) -> int | None:
        """How many there are, where files say so."""
        return self._n_rows

    def most(self) -> int | None:
        """No more rows than this, where that is known."""
        bounds = [file.most() for file in self.files]
        known = [bound for bound in bounds if bound is not None]
        return sum(known) if len(known) == len(bounds) else None

    def of(self, columns: Sequence[str]) -> "Files":
        """Some columns of the same files."""
        return Files([file.path for file in self.files], columns)

    def batches(self) -> Iterator[Columns]:
        """All rows, file after file."""
        starts, row = list[int](), 0
        for file in self.files:
            starts.append(row)
            self._starts = starts
            file.check()
            for columns in file.batches([*self._columns]):
                row += len(columns[0])
                yield columns
            file.check()
        self._n_rows = row

    def where(self, row: int) -> str:
        """The file and the row in it, counted from 0."""
        number = max(int(np.searchsorted(self._starts, row, side="right")) - 1, 0)
        start = self._starts[number] if self._starts else 0
        return f"row {row - start} of '{self.files[number].path}'"


def found(paths: Paths) -> list[Path]:
    """Files by their paths, by patterns, and in folders."""
    if not isinstance(paths, str | PathLike):
        everything = [path for each in paths for path in found(each)]
        if not everything:
            raise SourceError("the list of files is empty: name at least one")
        return everything
    text = fspath(paths)
    path = Path(text).expanduser()
    if path.is_dir():
        inside = sorted(each for each in path.iterdir() if _suffix(each) in KINDS)
        if not inside:
            raise SourceError(f"folder '{path}' holds no file that ends in {_endings()}")
        return inside
    if path.exists():
        return [path]
    if glob.has_magic(text):
        some = sorted(Path(each) for each in glob.glob(str(path), recursive=True))
        some = [each for each in some if each.is_file()]
        if not some:
            raise SourceError(f"no file matches '{text}'")
        return some
    raise SourceError(f"no file '{text}'")


def opened(path: Path) -> File:
    """A file by how its name ends."""
    kind = KINDS.get(_suffix(path))
    if kind is None:
        raise SourceError(
            f"file '{path}' ends in none of {_endings()}: turn it into one of these first"
        )
    return kind(path)


def _suffix(path: Path) -> str:
    """How a name ends, compressed or not."""
    suffixes = path.suffixes
    packed = len(suffixes) > 1 and suffixes[-1] == ".gz" and suffixes[-2] in (".csv", ".tsv")
    return suffixes[-2] if packed else path.suffix


def _endings() -> str:
    return ", ".join(KINDS)


def _together(files: Sequence[File], wanted: Sequence[str] | None) -> dict[str, np.dtype[Any]]:
    """The columns that files have in common, all of them numbers."""
    first, found = files[0], dict[str, np.dtype[Any]]()
    of_first = first.columns()
    unnamed = all(isinstance(file, Npy) for file in files)
    names = [*of_first] if wanted is None or unnamed else [str(name) for name in wanted]
    for file in files:
        here = file.columns()
        for name in names:
            if name not in here:
                raise SourceError(
                    f"file '{file.path}' has no column {name!r}: it has {[*here][:20]}"
                )
            kind = here[name]
            if isinstance(kind, str):
                asked = "" if file is first else f", and numbers in '{first.path}'"
                asked = asked if not isinstance(of_first.get(name), str) else ""
                raise SourceError(
                    f"Column {name!r} is not numeric: it holds {kind} in '{file.path}'{asked}. "
                    "Name the columns to read with mixtura.Files(paths, columns=[...])."
                )
            found[name] = np.result_type(kind, found.get(name, kind))
        more = [name for name in here if name not in found]
        if wanted is None and more:
            raise SourceError(
                f"file '{file.path}' has a column {more[0]!r} that '{first.path}' has not: name "
                "the columns to read with mixtura.Files(paths, columns=[...])"
            )
    if not found:
        raise SourceError(f"file '{first.path}' has no columns")
    return found


def types_of(schema: Any) -> dict[str, np.dtype[Any] | str]:
    """Columns of Arrow's as they are read."""
    import pyarrow

    types: Any = pyarrow.types
    found: dict[str, np.dtype[Any] | str] = {}
    for field in schema:
        kind = field.type
        if field.name in found:
            raise SourceError(f"two columns are called {field.name!r}: rename one of them")
        if types.is_floating(kind):
            found[field.name] = np.dtype(np.float32 if kind == pyarrow.float32() else np.float64)
        elif (
            types.is_integer(kind)
            or types.is_boolean(kind)
            or types.is_decimal(kind)
            or types.is_null(kind)
        ):
            found[field.name] = np.dtype(np.float64)
        else:
            found[field.name] = str(kind)
    return found


def _kind(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """As what numbers of a type are read."""
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def numbers_of(batch: Any, names: Sequence[str]) -> Columns:
    """The columns of a record batch as arrays; what is missing is NaN."""
    return [_numbers(batch.column(batch.schema.get_field_index(name))) for name in names]


def _numbers(column: Any) -> NDArray[Any]:
    import pyarrow

    kind = column.type
    if not (pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind)):
        if pyarrow.types.is_boolean(kind):  # there is no way from these to float64
            column = column.cast(pyarrow.int8())
        column = column.cast(pyarrow.float64())
    return column.to_numpy(zero_copy_only=False)
