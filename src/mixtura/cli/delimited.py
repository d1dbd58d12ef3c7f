"""Delimited text: find the dialect from the header, let DuckDB parse, and explain what fails."""

# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from mixtura.cli.databases import DOUBLE, OFFLINE, one_line, quoted
from mixtura.cli.failure import BadData

_SAMPLE = 1 << 16
_SAMPLE_ROWS = 200
_NUMBER = r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+([eE][-+]?[0-9]+)?"
_INTEGER = r"[-+]?(0|[1-9][0-9]{0,17})"
_GROUPED = r"[-+]?(0|[1-9][0-9]{0,2}(\.[0-9]{3})*)"
_COMMA_NUMBER = (
    r"[-+]?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(\.[0-9]{3})+)(,[0-9]+)?([eE][-+]?[0-9]+)?|[-+]?,[0-9]+"
)
_DATES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "FLOAT")
_DELIMITER_TITLES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
#: What stands for a missing value in a column that otherwise holds numbers, in lower case.
MISSING = ("", "na", "n/a", "nan", "null", "none", "-", ".", "?")


@dataclass(frozen=True)
class Dialect:
    """How a text is cut into cells."""

    delimiter: str
    has_header: bool
    width: int
    zero_led: frozenset[int]  # the columns where a cell such as 00017 was seen


def read_delimited(path: Path, title: str, kind: str, room: Path) -> pa.Table:
    """Read delimited text in UTF-8.

    Columns of numbers may have blanks or one of `MISSING` for what is missing. Where the
    delimiter is not a comma, numbers may have a decimal comma. Columns of numbers written with
    leading zeros are codes and stay text. A first line of nothing but numbers is a row, not a
    header, and the columns are then called ``column0`` and so on.

    Parameters
    ----------
    path : Path
        The file.
    title : str
        How messages call it.
    kind : str
        ``csv`` (the delimiter is found), ``tsv`` or ``text`` (blanks may separate cells).
    room : Path
        A folder for temporary files.

    Returns
    -------
    pyarrow.Table
        The rows, with the types that DuckDB gives them.

    Raises
    ------
    BadData
        If the text is not in UTF-8 or is not a table; the message names the line.
    """
    sample = _sample(path, title)
    dialect = _dialect(sample, kind)
    if dialect is None:
        path = _blanks_as_tabs(path, room / "tabs.tsv")
        dialect = _dialect(_sample(path, title), "tsv")
        assert dialect is not None
    try:
        return _parse(path, dialect)
    except duckdb.Error as error:
        _explain(path, title, dialect)
        try:
            return _parse(_rewritten(path, dialect, room), dialect)
        except duckdb.Error:
            raise BadData(f"{title} cannot be read as CSV: {one_line(error)}.") from None


def _sample(path: Path, title: str) -> list[str]:
    """Return the first lines, without a line that the sample cuts."""
    with open(path, "rb") as stream:
        head = stream.read(_SAMPLE)
        whole = len(head) < _SAMPLE
    head = head.removeprefix(codecs.BOM_UTF8)
    if not whole:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        _explain_encoding(path, title)
        text = head.decode("utf-8", errors="replace")
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    if not any(line.strip() for line in lines):
        raise BadData(f"{title} is empty: it holds only blank lines; check how it was made.")
    return lines


def _dialect(sample: list[str], kind: str) -> Dialect | None:
    """Return the dialect, or None where blanks separate the cells."""
    candidates = ["\t"] if kind == "tsv" else [",", ";", "\t", "|"]
    best, best_rows, best_score = "\t" if kind == "tsv" else ",", list[list[str]](), -1.0
    for delimiter in candidates:
        rows = [row for row in csv.reader(sample, delimiter=delimiter, strict=False) if row]
        rows = rows[:_SAMPLE_ROWS]
        width = len(rows[0]) if rows else 0
        if width < 2:
            score = 0.0
        else:
            score = 1.0 + sum(len(row) == width for row in rows) / len(rows) + width * 1e-6
        if score > best_score:
            best, best_rows, best_score = delimiter, rows, score
    if best_score == 0.0 and kind != "tsv" and _is_blank_separated(sample, kind):
        return None
    first = best_rows[0]
    zero_led = {
        column
        for row in best_rows[1:]
        for column, cell in enumerate(row)
        if re.fullmatch(r"0[0-9]+", cell.strip())
    }
    return Dialect(best, _is_header(first), len(first), frozenset(zero_led))


def _is_header(cells: list[str]) -> bool:
    """Say whether the first row has names: numbers are none, but 0, 1, 2, ... are."""
    if len(cells) > 2 and cells == [str(column) for column in range(len(cells))]:
        return True
    words = [cell.strip().casefold() for cell in cells]
    unnamed = [_is_number(word) or (word != "" and word in MISSING) for word in words]
    return not (all(unnamed) and any(map(_is_number, words)))


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", "."))
    except ValueError:
        return False
    return True


def _is_blank_separated(sample: list[str], kind: str) -> bool:
    widths = [len(line.split()) for line in sample[:_SAMPLE_ROWS] if line.strip()]
    if widths[0] < 2:
        return False
    # Of a file that is called CSV, only a table that is plainly one.
    return kind == "text" or (len(widths) > 2 and len(set(widths)) == 1)


def _blanks_as_tabs(path: Path, copy: Path) -> Path:
    with open(path, encoding="utf-8-sig") as lines, open(copy, "w", encoding="utf-8") as out:
        for line in lines:
            out.write("\t".join(line.split()) + "\n")
    return copy


def _parse(path: Path, dialect: Dialect) -> pa.Table:
    """Return the table that DuckDB reads, with its numbers found."""
    with duckdb.connect(config=OFFLINE) as connection:
        cells = _cells(path, dialect)
        try:
            table = _typed(connection, cells, dialect)
        except duckdb.ConversionException:  # a cell further down than DuckDB looked
            cells = f"{cells}, sample_size=-1"
            table = _typed(connection, cells, dialect)
        names = table.column_names
        if len(set(names)) == len(names) and table.num_rows:
            table = _with_numbers(connection, table, cells, dialect)
    return table.rename_columns([name.strip() for name in table.column_names])


def _cells(path: Path, dialect: Dialect) -> str:
    """Return the arguments of DuckDB's reader."""
    return (
        f"{quoted(str(path))}, delim={quoted(dialect.delimiter)}, quote='\"', escape='\"',"
        f" header={dialect.has_header}, skip=0, comment='', hive_partitioning=false"
    )


def _typed(connection: duckdb.DuckDBPyConnection, cells: str, dialect: Dialect) -> pa.Table:
    """Return the table with DuckDB's types, but codes with leading zeros as text."""
    relation = connection.sql(f"SELECT * FROM read_csv({cells})")
    kinds = {
        name: "VARCHAR"
        for column, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True))
        if column in dialect.zero_led and str(kind) in _NUMERIC
    } | _endless(relation)
    if kinds:
        types = ", ".join(f"{quoted(name)}: {quoted(kind)}" for name, kind in kinds.items())
        relation = connection.sql(f"SELECT * FROM read_csv({cells}, types={{{types}}})")
    return relation.to_arrow_table()


def _endless(relation: duckdb.DuckDBPyRelation) -> dict[str, str]:
    """Return what to read columns as that DuckDB takes for dates and that hold infinity.

    An infinite date has no place in a table of Arrow. Where nothing else is there, it is a number.
    """
    kinds: dict[str, str] = {}
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if str(kind) not in _DATES:
            continue
        cell = quoted(name, DOUBLE)
        counts = relation.aggregate(f"count_if(isinf({cell})), count({cell})").fetchall()
        endless, present = counts[0]
        if endless:
            kinds[name] = "DOUBLE" if endless == present else "VARCHAR"
    return kinds


def _with_numbers(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, cells: str, dialect: Dialect
) -> pa.Table:
    """Return the table with numbers where every cell of a text column is a number or missing."""
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    casts = _casts(connection, table, texts, _NUMBER, "{}")
    texts = [name for name in texts if name not in casts]
    plain = "replace(replace({}, '.', ''), ',', '.')"
    commas = {}
    if dialect.delimiter != ",":
        commas = _casts(connection, table, texts, _COMMA_NUMBER, plain)
    if commas and _has_comma(connection, commas):
        casts |= commas
        # Where commas are decimal, points group thousands: DuckDB read 1.234 as a fraction.
        doubles = [field.name for field in table.schema if pa.types.is_float64(field.type)]
        raw = connection.sql(f"SELECT * FROM read_csv({cells}, all_varchar=true)").to_arrow_table()
        grouped = _casts(connection, raw, doubles, _GROUPED, plain)
        for name in grouped:
            table = table.set_column(table.column_names.index(name), name, raw.column(name))
        casts |= grouped
    if not casts:
        return table
    connection.register("cells", table)
    names = [quoted(name, DOUBLE) for name in table.column_names]
    selected = ", ".join(
        f"{casts.get(name, in_sql)} AS {in_sql}"
        for name, in_sql in zip(table.column_names, names, strict=True)
    )
    return connection.sql(f"SELECT {selected} FROM cells").to_arrow_table()


def _has_comma(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> bool:
    """Say whether there is a comma in one of these columns of the registered cells."""
    any_comma = " OR ".join(f"bool_or(contains({quoted(name, DOUBLE)}, ','))" for name in names)
    return bool(connection.execute(f"SELECT {any_comma} FROM cells").fetchall()[0][0])


def _casts(
    connection: duckdb.DuckDBPyConnection,
    table: pa.Table,
    names: Sequence[str],
    number: str,
    plain: str,
) -> dict[str, str]:
    """Return for each column of nothing but numbers the SQL that makes them numbers."""
    connection.register("cells", table)
    missing = ", ".join(quoted(word) for word in MISSING)
    casts: dict[str, str] = {}
    for name in names:
        cell = f"trim({quoted(name, DOUBLE)}, ' ' || chr(9))"
        is_number = f"regexp_full_match({cell}, {quoted(number)})"
        value = plain.format(cell)
        counts = connection.execute(
            f"SELECT count_if({is_number}),"
            f" count_if(NOT {is_number} AND lower({cell}) NOT IN ({missing})),"
            f" count_if({is_number} AND NOT regexp_full_match({value}, {quoted(_INTEGER)}))"
            " FROM cells"
        ).fetchall()
        numbers, others, fractions = counts[0]
        if numbers and not others:
            kind = "DOUBLE" if fractions else "BIGINT"
            casts[name] = f"CAST(CASE WHEN {is_number} THEN {value} END AS {kind})"
    return casts


def _explain(path: Path, title: str, dialect: Dialect) -> None:
    """Raise what is wrong with the text, if it is the encoding, a row or a quotation mark."""
    _explain_encoding(path, title)
    for line, row in _rows(path, title, dialect):
        if len(row) != dialect.width:
            count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise BadData(
                f"{title}, line {line}: {count} where the first line has {dialect.width};"
                f" a {_DELIMITER_TITLES[dialect.delimiter]} too many or too few, or a cell that"
                " needs quotation marks. Repair the line."
            )


def _rows(path: Path, title: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Give each row with the line where it begins; blank lines are no rows."""
    with open(path, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=dialect.delimiter, strict=True)
        line = 1
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                if "unexpected end" in str(error):
                    raise BadData(
                        f"{title}, line {line}: a quotation mark opens here and nothing closes it;"
                        " repair the line."
                    ) from None
                raise BadData(f"{title}, line {line}: {error}; repair the line.") from None
            if row is None:
                return
            if len(row) == dialect.width + 1 and not row[-1]:
                row.pop()  # a delimiter that ends the line, which DuckDB takes too
            if row:
                yield line, row
            line = reader.line_num + 1


def _rewritten(path: Path, dialect: Dialect, room: Path) -> Path:
    """Write the same rows with ends of lines and quotation marks that DuckDB agrees with."""
    copy = room / "rewritten.csv"
    with open(copy, "w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, delimiter=dialect.delimiter, lineterminator="\n")
        writer.writerows(row for _, row in _rows(path, copy.name, dialect))
    return copy


def _explain_encoding(path: Path, title: str) -> None:
    """Raise where the first byte is that is not UTF-8, if there is one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    with open(path, "rb") as stream:
        while True:
            block = stream.read(_SAMPLE)
            pending = decoder.getstate()[0]
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                seen = pending + block
                byte = seen[error.start]
                line = lines + seen.count(b"\n", 0, error.start)
                name = "cp1252" if 0x80 <= byte < 0xA0 else "latin-1"
                raise BadData(
                    f"{title} is not UTF-8: byte 0x{byte:02X} in line {line};"
                    f" pass --encoding {name} or save it as UTF-8."
                ) from None
            if not block:
                return
            lines += block.count(b"\n")
