"""What a fitted mixture says of rows that are not in memory: computed as it is read."""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.batches import Batches
from mixtura.engines.files import Files
from mixtura.engines.source import Source, SourceError
from mixtura.learn.data import Block
from mixtura.learn.survey import Wrong

Result = TypeVar("Result")

WRITTEN = (".parquet", ".arrow", ".csv", ".npy")


class Beyond(Exception):
    """A number in a block that is infinite."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__()
        self.wrong = wrong


def checked(block: Block, kernel: Callable[..., Any], *args: Any) -> Any:
    """What a kernel says of a block, once it has been seen to hold nothing infinite."""
    rows = block.rows
    if not rows.size:
        return kernel(block, *args)
    size = float(np.fmax(np.fmax.reduce(rows, axis=None), -np.fmin.reduce(rows, axis=None)))
    if np.isinf(size):
        i, j = np.unravel_index(int(np.isinf(rows).argmax()), rows.shape)
        raise Beyond(Wrong(block.first + int(i), int(j), float(rows[i, j])))
    return kernel(block, *args)


def refused(error: Beyond, source: Source) -> SourceError:
    """The error that says where in a source a number is infinite."""
    wrong, names = error.wrong, source.names
    column = repr(names[wrong.column]) if names is not None else str(wrong.column)
    return SourceError(
        f"Input X contains infinity: column {column} holds {wrong.value:g} in "
        f"{source.where(wrong.row)}. Drop or replace these rows."
    )


def each(data: Batches, kernel: Callable[..., Result], *args: Any) -> Iterator[Result]:
    """What a kernel says of each block, in order; an error says where one holds infinity."""
    try:
        yield from data.each(checked, kernel, *args)
    except Beyond as error:
        raise refused(error, data.source) from None


class Answer:
    """Labels, probabilities or densities of rows that are read in batches, as they are asked for.

    Nothing is computed before it is read, and it is computed anew each time. Iterating gives
    arrays, some rows at once; `to_numpy` gives all of them in one; `write` puts them into files.
    """

    def __init__(
        self,
        source: Source,
        kernel: Callable[..., NDArray[Any]],
        args: tuple[Any, ...],
        names: Sequence[str],
    ) -> None:
        self._source, self._kernel, self._args = source, kernel, args
        self.names = (*names,)
        """What columns are called where they are written."""

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Arrays of shape (m,) or (m, K), in the order of the rows."""
        data = Batches(self._source, incomplete=True)
        single = data.dtype == np.float32
        for part in each(data, self._kernel, *self._args):
            yield part.astype(np.float32) if single and part.dtype == np.float64 else part

    def to_numpy(self) -> NDArray[Any]:
        """All of it as one array, shape (n,) or (n, K)."""
        return np.concatenate([*self])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it as one array."""
        found = self.to_numpy()
        return found if dtype is None else found.astype(dtype)

    def __repr__(self) -> str:
        """What it is, and what to do with it."""
        n = self._source.n_rows
        rows = "rows" if n is None else f"{n} rows"
        what = ", ".join(self.names[:3]) + ", ..." * (len(self.names) > 3)
        return f"<{what} of {rows}: iterate, to_numpy() or write(path)>"

    def to_reader(self) -> Any:
        """Record batches of Arrow's, one after the other.

        Returns
        -------
        pyarrow.RecordBatchReader
        """
        import pyarrow

        blank = self._kernel(Block(np.zeros((0, self._n_features())), np.zeros(0)), *self._args)
        single = Batches(self._source).dtype == np.float32 and blank.dtype == np.float64
        kind = pyarrow.from_numpy_dtype(np.dtype(np.float32) if single else blank.dtype)
        schema = pyarrow.schema([(name, kind) for name in self.names])

        def batches() -> Iterator[Any]:
            for part in self:
                columns = part[:, None] if part.ndim == 1 else part
                arrays = [pyarrow.array(np.ascontiguousarray(column)) for column in columns.T]
                yield pyarrow.record_batch(arrays, schema=schema)

        return pyarrow.RecordBatchReader.from_batches(schema, batches())

    def _n_features(self) -> int:
        return len(self._source.types)

    def write(self, path: str | PathLike[str]) -> list[Path]:
        """Write it to a file; or, where rows are in files, into a folder, a file for each of them.

        A file is there whole or not at all.

        Parameters
        ----------
        path : str or path
            A file that ends in .parquet, .arrow, .csv or .npy; or a folder, which is made if it is
            not there: its files are called as those of the rows.

        Returns
        -------
        list of Path
            What was written.

        Raises
        ------
        ValueError
            If the name ends in something else, rows are in no files, or two of them have the same
            name.
        """
        target = Path(path)
        if target.suffix:
            self._check(target)
            return [self._put(target)]
        if not isinstance(self._source, Files):
            raise ValueError(
                f"'{target}' is a folder, but rows come from no files: name a file that ends in "
                f"{', '.join(WRITTEN)}"
            )
        sources = [Files(file.path, self._chosen()) for file in self._source.files]
        names = [_called(source.files[0].path) for source in sources]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"two files would be called {double!r}: write them one by one")
        target.mkdir(parents=True, exist_ok=True)
        return [
            Answer(source, self._kernel, self._args, self.names)._put(target / name)
            for source, name in zip(sources, names, strict=True)
        ]

    def _chosen(self) -> list[str] | None:
        return None if self._source.names is None else [*self._source.names]

    def _check(self, target: Path) -> None:
        if target.suffix not in WRITTEN:
            raise ValueError(
                f"'{target}' ends in {target.suffix!r}: name a file that ends in "
                f"{', '.join(WRITTEN)}, or a folder"
            )
        if isinstance(self._source, Files):
            same = [
                file.path for file in self._source.files if file.path.resolve() == target.resolve()
            ]
            if same:
                raise ValueError(f"'{target}' holds the rows: write to another file")

    def _put(self, target: Path) -> Path:
        """Write one file."""
        temporary = target.with_name(f".{target.name}.part")
        try:
            _WRITERS[target.suffix](self, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        return target


def _called(path: Path) -> str:
    """The name of the file with what is said of the rows in another."""
    if path.suffix in (".parquet", ".pq"):
        return f"{path.stem}.parquet"
    if path.suffix in (".arrow", ".feather", ".ipc"):
        return f"{path.stem}.arrow"
    if path.suffix == ".npy":
        return path.name
    return f"{path.name.removesuffix('.gz').removesuffix('.tsv').removesuffix('.csv')}.csv"


def _parquet(answer: Answer, path: Path) -> None:
    import pyarrow.parquet

    reader = answer.to_reader()
    with pyarrow.parquet.ParquetWriter(path, reader.schema) as file:
        for batch in reader:
            file.write_batch(batch)


def _arrow(answer: Answer, path: Path) -> None:
    import pyarrow

    reader = answer.to_reader()
    with pyarrow.ipc.new_file(str(path), reader.schema) as file:
        for batch in reader:
            file.write_batch(batch)


def _csv(answer: Answer, path: Path) -> None:
    import pyarrow.csv

    reader = answer.to_reader()
    with pyarrow.csv.CSVWriter(path, reader.schema) as file:
        for batch in reader:
            file.write_batch(batch)


def _npy(answer: Answer, path: Path) -> None:
    """Rows after a header that is written last, when their number is known."""
    n = start = 0
    with path.open("wb") as file:
        for part in answer:
            shape = part.shape[1:]
            header = {"descr": part.dtype.str, "fortran_order": False}
            if not start:  # the header leaves room for a number of any length
                np.lib.format.write_array_header_1_0(file, header | {"shape": (0, *shape)})
                start = file.tell()
            file.write(np.ascontiguousarray(part).tobytes())
            n += len(part)
            end = file.tell()
            file.seek(0)
            np.lib.format.write_array_header_1_0(file, header | {"shape": (n, *shape)})
            assert file.tell() == start
            file.seek(end)


_WRITERS: dict[str, Callable[[Answer, Path], None]] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _csv,
    ".npy": _npy,
}
