"""SQL that reads and cannot write: over a table, a DuckDB file or an SQLite file."""

# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from mixtura.cli.failure import BadData, BadUsage

#: DuckDB never fetches an extension.
OFFLINE: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
#: ... and SQL from the user reaches no other file, no Python variable and no setting.
_CLOSED: dict[str, Any] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}
DOUBLE = '"'  # the mark around names
_ONLY_SELECT = "--sql takes one SELECT and nothing else: the data are only read."
_SQLITE_READS = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)


def quoted(text: str, mark: str = "'") -> str:
    """Return text as an SQL string, or with ``mark='"'`` as an SQL name."""
    return mark + text.replace(mark, mark * 2) + mark


def one_line(error: Exception) -> str:
    """Return the message of a database's error on one line, without the advice that follows."""
    message = str(error).split("\n\nLINE ")[0].split("\n\n")[0]
    return " ".join(message.split())[:300].rstrip(".")


def query(data: Any, sql: str) -> pa.Table:
    """Run a query of the user over one table, which it sees as ``data``.

    Parameters
    ----------
    data : pyarrow.Table or pyarrow.dataset.Dataset
        The table.
    sql : str
        One SELECT.

    Returns
    -------
    pyarrow.Table
        The rows of the answer.
    """
    with duckdb.connect(config=OFFLINE) as connection:
        connection.register("data", data)
        for name, value in _CLOSED.items():
            connection.execute(f"SET {name} = {value}")
        return _select(connection, sql)


def read_duckdb(path: Path, title: str, sql: str | None) -> pa.Table:
    """Read the only table of a DuckDB file, or what ``sql`` selects."""
    try:
        connection = duckdb.connect(str(path), read_only=True, config=OFFLINE | _CLOSED)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise BadData(
                f"{title} is open in another program, which keeps it locked: close it there."
            ) from None
        raise BadData(f"{title} cannot be opened by DuckDB: {one_line(error)}.") from None
    with connection:
        try:
            if sql is None:
                names = connection.sql(
                    "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
                    " UNION ALL"
                    " SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
                    " ORDER BY ALL"
                ).fetchall()
                schema, name = _only_one(names, title)
                return connection.table(
                    f"{quoted(schema, DOUBLE)}.{quoted(name, DOUBLE)}"
                ).to_arrow_table()
            return _select(connection, sql)
        except duckdb.Error as error:
            raise BadData(f"{title} cannot be read: {one_line(error)}.") from None


def read_sqlite(path: Path, title: str, sql: str | None) -> pa.Table:
    """Read the only table of an SQLite file, or what ``sql`` selects."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            if sql is None:
                names = connection.execute(
                    "SELECT 'main', name FROM sqlite_master WHERE type IN ('table', 'view')"
                    " AND name NOT LIKE 'sqlite_%' ORDER BY name"
                ).fetchall()
                sql = f"SELECT * FROM {quoted(_only_one(names, title)[1], DOUBLE)}"
            connection.set_authorizer(_reads_only)
            try:
                cursor = connection.execute(sql)
            except (sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.Warning) as error:
                raise BadUsage(f"--sql: {error}.") from None
            except sqlite3.DatabaseError as error:
                if any(word in str(error) for word in ("authoriz", "prohibited")):
                    raise BadUsage(_ONLY_SELECT) from None
                raise
            if cursor.description is None:
                raise BadUsage(_ONLY_SELECT)
            names = [column[0] for column in cursor.description]
            return _columns_of(names, cursor.fetchall())
    except sqlite3.Error as error:
        raise BadData(f"{title} cannot be read by SQLite: {error}.") from None


def _only_one(names: list[tuple[str, str]], title: str) -> tuple[str, str]:
    """Return the schema and name of a database's only table."""
    if len(names) == 1:
        return names[0]
    if not names:
        raise BadData(f"{title} holds no table; check that it is the right file.")
    titles = [name if schema == "main" else f"{schema}.{name}" for schema, name in names]
    raise BadUsage(
        f"{title} holds {len(names)} tables: {', '.join(titles)};"
        f' choose with --sql, such as --sql "SELECT * FROM {titles[0]}".'
    )


def _select(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """Run one SELECT, and nothing else."""
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise BadUsage(_ONLY_SELECT)
        return connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise BadUsage(f"--sql: {one_line(error)}.") from None


def _reads_only(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _SQLITE_READS else sqlite3.SQLITE_DENY


def _columns_of(names: list[str], rows: list[tuple[Any, ...]]) -> pa.Table:
    """Return SQLite's rows as a table; a column of several types becomes numbers or text."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return pa.Table.from_arrays([_column(cells) for cells in columns], names=names)


def _column(cells: tuple[Any, ...]) -> pa.Array:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} and kinds != {int}:
        return pa.array(cells, type=pa.float64())
    if len(kinds) > 1:
        return pa.array([None if cell is None else str(cell) for cell in cells], type=pa.string())
    return pa.array(cells, type=None if kinds else pa.string())
