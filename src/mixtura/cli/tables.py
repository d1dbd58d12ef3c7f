"""Tables in and out of the command line: every format that is read and written."""

# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import gzip
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mixtura.cli.databases import OFFLINE, one_line, query, quoted, read_duckdb, read_sqlite
from mixtura.cli.delimited import read_delimited
from mixtura.cli.failure import BadData, BadUsage, nearest
from mixtura.cli.results import whole_file
from mixtura.cli.sources import PlainFile, Source, file_hash, plain_file

__all__ = [
    "Source",
    "file_hash",
    "nearest",
    "read",
    "read_table",
    "require_columns",
    "write_table",
]

#: The formats that are written, by the endings of file names.
WRITTEN = {
    "csv": "csv",
    "tsv": "tsv",
    "parquet": "parquet",
    "pq": "parquet",
    "json": "json",
    "arrow": "arrow",
    "feather": "arrow",
    "md": "md",
}


def read(
    source: str,
    *,
    sql: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
) -> tuple[pa.Table, Source]:
    """Read a table and say what it was read from.

    CSV, TSV, JSON (records, or one a line), Parquet, Arrow and Feather files, DuckDB and SQLite
    databases, and tables in plain text whose cells blanks separate; also compressed with gzip,
    zstd, bzip2 or xz. The content decides what a file is, and a name that says otherwise is an
    error. Nothing is written, and the network is not used.

    Parameters
    ----------
    source : str
        A path, or ``-`` for standard input.
    sql : str, optional
        One SELECT. It sees the table of a file as ``data``, and the tables of a database by
        their names.
    input_format : str, optional
        The format, such as ``csv``, instead of what the name says.
    encoding : str, optional
        The encoding of text, such as ``latin-1`` or ``cp1252``; UTF-8 by default.

    Returns
    -------
    pyarrow.Table
        The rows: at least one, in columns with different names. Decimal numbers are given as
        floats or integers, dictionaries as their values.
    Source
        The name, format, hash and size of what was read.

    Raises
    ------
    BadUsage
        If there is no such file, or ``sql`` cannot be run.
    BadData
        If the file cannot be read as a table.
    """
    with plain_file(source, input_format=input_format, encoding=encoding) as file:
        if sql is not None and not sql.strip():
            raise BadUsage('--sql is empty: give a SELECT, such as --sql "SELECT * FROM data".')
        table = _tidy(_load(file, sql))
        if table.num_columns == 0:
            raise BadData(f"{file.title} holds no columns; check how it was made.")
        if table.num_rows == 0:
            raise BadData(_no_rows(file, sql))
        return table, file.source


def read_table(
    source: str,
    *,
    sql: str | None = None,
    input_format: str | None = None,
    encoding: str | None = None,
) -> pa.Table:
    """Read a table, as `read` does, and leave out what it was read from.

    Parameters
    ----------
    source : str
        A path, or ``-`` for standard input.
    sql : str, optional
        One SELECT over ``data`` or over the tables of a database.
    input_format : str, optional
        The format, instead of what the name says.
    encoding : str, optional
        The encoding of text; UTF-8 by default.

    Returns
    -------
    pyarrow.Table
        The rows.
    """
    return read(source, sql=sql, input_format=input_format, encoding=encoding)[0]


def require_columns(table: pa.Table, names: Iterable[str]) -> None:
    """Check that a table has all the columns which were named.

    Parameters
    ----------
    table : pyarrow.Table
        The table.
    names : iterable of str
        Names of columns.

    Raises
    ------
    BadUsage
        If one is missing; the message has the nearest name and the names that there are.
    """
    present = table.column_names
    for name in names:
        if name not in present:
            guess = nearest(name, present)
            hint = f"; did you mean {guess!r}?" if guess else "."
            raise BadUsage(f"no column {name!r}{hint} The table has: {', '.join(present)}.")


def write_table(table: pa.Table, destination: str | None = None, fmt: str | None = None) -> None:
    """Write a table to a file or to standard output.

    A file appears whole or not at all: what was there before stays until the new file is
    complete. Floats are written with as many digits as it takes to read the same number again.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    destination : str, optional
        A path; standard output if it is None or ``-``. A ``.gz`` at the end compresses text.
    fmt : str, optional
        ``csv``, ``tsv``, ``parquet``, ``json`` (records), ``arrow`` or ``md``; by default what
        the name's ending says, and CSV on standard output.

    Raises
    ------
    BadUsage
        If the format is unknown, or the file cannot be written.
    """
    to_stdout = destination is None or destination == "-"
    name = "" if destination is None or to_stdout else destination
    kind = _written_format(name, fmt)
    packed = name.casefold().endswith(".gz")
    with tempfile.TemporaryDirectory(prefix="mixtura-") as folder:
        made = Path(folder) / "table"
        if to_stdout:
            _write(table, made, kind)
            sys.stdout.flush()
            with open(made, "rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        with whole_file(name) as path:
            _write(table, made if packed else path, kind)
            if packed:
                with open(made, "rb") as plain, open(path, "wb") as raw:
                    _pack(plain, raw)


def _pack(plain: IO[bytes], raw: IO[bytes]) -> None:
    with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        shutil.copyfileobj(plain, packed)


def _load(file: PlainFile, sql: str | None) -> pa.Table:
    kind = file.source.format
    if kind == "duckdb":
        return read_duckdb(file.path, file.title, sql)
    if kind == "sqlite":
        return read_sqlite(file.path, file.title, sql)
    if kind == "parquet" and sql is not None:
        _check_parquet(file)
        return query(ds.dataset(file.path, format="parquet"), sql)
    table = _LOADERS[kind](file)
    if sql is None:
        return table
    return query(table.rename_columns(_different(table.column_names, fold=True)), sql)


def _load_delimited(file: PlainFile) -> pa.Table:
    return read_delimited(file.path, file.title, file.source.format, file.room)


def _load_json(file: PlainFile) -> pa.Table:
    reader = f"read_json({quoted(str(file.path))}, hive_partitioning=false"
    with duckdb.connect(config=OFFLINE) as connection:
        try:
            try:
                return connection.sql(f"SELECT * FROM {reader})").to_arrow_table()
            except duckdb.ConversionException:
                return connection.sql(f"SELECT * FROM {reader}, sample_size=-1)").to_arrow_table()
        except duckdb.Error as error:
            what = one_line(error).replace(f' in file "{file.path}"', "")
            raise BadData(
                f"{file.title} is damaged: {what}; repair it or write it again."
            ) from None


def _load_parquet(file: PlainFile) -> pa.Table:
    _check_parquet(file)
    reader = f"read_parquet({quoted(str(file.path))}, hive_partitioning=false)"
    with duckdb.connect(config=OFFLINE) as connection:
        try:
            return connection.sql(f"SELECT * FROM {reader}").to_arrow_table()
        except duckdb.Error as error:
            what = one_line(error).replace(str(file.path), file.title)
            raise BadData(f"{file.title} is damaged: {what}; copy or write it again.") from None


def _check_parquet(file: PlainFile) -> None:
    try:
        pq.read_metadata(file.path)
    except (pa.ArrowException, OSError):
        raise BadData(
            f"{file.title} is damaged or cut short: the end of a Parquet file is missing;"
            " copy or write it again."
        ) from None


def _load_arrow(file: PlainFile) -> pa.Table:
    try:
        with pa.memory_map(str(file.path)) as stream:
            try:
                return pa.ipc.open_file(stream).read_all()
            except pa.ArrowInvalid:
                stream.seek(0)
                return pa.ipc.open_stream(stream).read_all()
    except (pa.ArrowException, OSError):
        raise BadData(
            f"{file.title} is damaged or cut short: its Arrow data cannot be read;"
            " copy or write it again."
        ) from None


_LOADERS = {
    "csv": _load_delimited,
    "tsv": _load_delimited,
    "text": _load_delimited,
    "json": _load_json,
    "parquet": _load_parquet,
    "arrow": _load_arrow,
}


def _no_rows(file: PlainFile, sql: str | None) -> str:
    if sql is not None:
        return f"--sql selects no rows of {file.title}; check its conditions."
    if file.source.format in ("csv", "tsv", "text"):
        return f"{file.title} has a header but no rows; check how it was made."
    return f"{file.title} has columns but no rows; check how it was made."


def _different(names: Sequence[str], *, fold: bool = False) -> list[str]:
    """Return names of which no two are the same: a second ``a`` becomes ``a_1``."""
    taken = {name.casefold() if fold else name for name in names}
    seen: set[str] = set()
    different: list[str] = []
    for original in names:
        name, number = original, 0
        while (name.casefold() if fold else name) in (seen if number == 0 else seen | taken):
            number += 1
            name = f"{original}_{number}"
        seen.add(name.casefold() if fold else name)
        different.append(name)
    return different


def _tidy(table: pa.Table) -> pa.Table:
    """Return the table with different names and plain types."""
    names = _different(table.column_names)
    return pa.Table.from_arrays([_plain(column) for column in table.columns], names=names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        if kind.scale == 0:
            try:
                return column.cast(pa.int64())
            except pa.ArrowInvalid:
                pass
        return column.cast(pa.float64())
    return column


def _written_format(name: str, fmt: str | None) -> str:
    if fmt is not None:
        ending = fmt.casefold()
        if ending not in WRITTEN:
            guess = nearest(ending, WRITTEN)
            hint = f"; did you mean {guess!r}?" if guess else "."
            raise BadUsage(f"no output format {fmt!r}{hint} The formats are: {', '.join(WRITTEN)}.")
        return WRITTEN[ending]
    if not name:
        return "csv"
    stem = name[:-3] if name.casefold().endswith(".gz") else name
    ending = Path(stem).suffix[1:].casefold()
    if ending not in WRITTEN:
        raise BadUsage(
            f"the name {name} does not say which format to write: end it in one of"
            f" .{', .'.join(WRITTEN)}, or pass --format."
        )
    return WRITTEN[ending]


def _write(table: pa.Table, path: Path, kind: str) -> None:
    if kind in ("csv", "tsv"):
        _write_delimited(table, path, "," if kind == "csv" else "\t")
    elif kind == "parquet":
        pq.write_table(table, path)
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        with open(path, "w", encoding="utf-8", newline="\n") as text:
            text.writelines(_json(table) if kind == "json" else _markdown(table))


def _write_delimited(table: pa.Table, path: Path, delimiter: str) -> None:
    with duckdb.connect(config=OFFLINE) as connection:
        connection.register("rows", table)
        connection.execute(
            f"COPY rows TO {quoted(str(path))}"
            f" (FORMAT csv, HEADER true, DELIMITER {quoted(delimiter)}, COMPRESSION none)"
        )


def _json(table: pa.Table) -> Iterator[str]:
    """Give an array of records, one a line; JSON has no NaN and no infinity, so null."""
    before = "[\n"
    for batch in table.to_batches():
        for row in batch.to_pylist():
            yield before + json.dumps(_json_value(row), ensure_ascii=False, allow_nan=False)
            before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _json_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _markdown(table: pa.Table) -> Iterator[str]:
    kinds = [field.type for field in table.schema]
    right = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds]
    yield _markdown_row(table.column_names)
    yield "|" + "|".join(" ---: " if is_right else " --- " for is_right in right) + "|\n"
    for batch in table.to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield _markdown_row([_markdown_cell(value) for value in row])


def _markdown_cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _markdown_row(cells: Iterable[str]) -> str:
    plain = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return "| " + " | ".join(plain) + " |\n"
