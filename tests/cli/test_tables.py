"""Tables of every kind come in right, or with a message that says what to do."""

import bz2
import datetime as dt
import gzip
import hashlib
import io
import json
import lzma
import os
import sqlite3
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from mixtura.cli import sources
from mixtura.cli.failure import BadData, BadUsage, Failure
from mixtura.cli.tables import (
    Source,
    file_hash,
    nearest,
    read,
    read_table,
    require_columns,
    write_table,
)

ROWS = {"name": ["a", "b"], "value": [1.5, 2.0]}
CSV = b"name,value\na,1.5\nb,2.0\n"


def gz(content: bytes) -> bytes:
    """Gzip without the time, so that the same content is the same archive."""
    return gzip.compress(content, mtime=0)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A working folder; what goes through temporary folders must have left them afterwards."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(work)
    yield work
    assert list(temporary.iterdir()) == []


def put(name: str, content: bytes | str) -> str:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def arrow_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def pipe(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def message(kind: type[Failure], *arguments, **options) -> str:
    with pytest.raises(kind) as caught:
        read(*arguments, **options)
    assert caught.value.exit_code == {BadUsage: 2, BadData: 3}[kind]
    assert "\n" not in caught.value.message
    return caught.value.message


# Formats


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.csv", bytes),
        ("t.csv.gz", gz),
        ("t.csv.zst", zstd),
        ("t.csv.bz2", bz2.compress),
        ("t.csv.xz", lzma.compress),
        ("t[1] *.csv", bytes),
        ("year=2020's.csv", bytes),
        ("no ending", bytes),
    ],
)
def test_csv_plain_and_compressed(room, name, pack):
    table, source = read(put(name, pack(CSV)))
    assert table.to_pydict() == ROWS
    assert source == Source(name, "csv", hashlib.sha256(pack(CSV)).hexdigest(), len(pack(CSV)))
    assert source.sha256 == file_hash(name)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("t.tsv", "name\tvalue\na\t1.5\nb\t2.0\n", "tsv"),
        ("t.csv", "name|value\na|1.5\nb|2.0\n", "csv"),
        ("t.txt", " name   value\n a  1.5\n b     2.0\n", "text"),
        ("t.txt", "name,value\na,1.5\nb,2.0\n", "text"),
        ("t.json", '[{"name": "a", "value": 1.5}, {"name": "b", "value": 2.0}]', "json"),
        ("t.ndjson", '{"name": "a", "value": 1.5}\n{"name": "b", "value": 2.0}\n', "json"),
    ],
)
def test_text_formats(room, name, text, kind):
    table, source = read(put(name, text))
    assert (table.to_pydict(), source.format) == (ROWS, kind)


def test_parquet_below_a_folder_that_looks_like_a_partition(room):
    Path("year=2020").mkdir()
    pq.write_table(pa.table(ROWS), "year=2020/t[1].parquet")
    table, source = read("year=2020/t[1].parquet")
    assert (table.to_pydict(), source.format) == (ROWS, "parquet")


def test_arrow_file_stream_and_feather(room):
    table = pa.table(ROWS)
    put("stream.arrow", arrow_stream(table))
    write_table(table, "file.arrow")
    feather.write_feather(table, "packed.feather", compression="zstd")
    for name in ("stream.arrow", "file.arrow", "packed.feather"):
        assert read_table(name).to_pydict() == ROWS, name


@pytest.mark.parametrize("content", [CSV, gz(CSV), arrow_stream(pa.table(ROWS))])
def test_standard_input_is_told_by_its_bytes(room, monkeypatch, content):
    pipe(monkeypatch, content)
    table, source = read("-")
    assert table.to_pydict() == ROWS
    assert (source.name, source.n_bytes) == ("-", len(content))
    assert source.sha256 == hashlib.sha256(content).hexdigest()


def test_a_named_pipe_is_read_once(room):
    reading, writing = os.pipe()
    os.write(writing, CSV)
    os.close(writing)
    try:
        assert read_table(f"/dev/fd/{reading}").to_pydict() == ROWS
    finally:
        os.close(reading)


def test_types_are_those_of_duckdb(room):
    table = read_table(
        put("t.csv", "i,x,day,time,word,yes\n1,0.5,2020-01-31,2020-01-31 10:00:00,w,true\n")
    )
    assert table.to_pylist() == [
        {
            "i": 1,
            "x": 0.5,
            "day": dt.date(2020, 1, 31),
            "time": dt.datetime(2020, 1, 31, 10),
            "word": "w",
            "yes": True,
        }
    ]


def test_decimals_dictionaries_and_nulls_become_plain(room):
    table = pa.table(
        {
            "price": pa.array([1.25, None]).cast(pa.decimal128(6, 2)),
            "word": pa.array(["a", "a"]).dictionary_encode(),
            "none": pa.nulls(2),
        }
    )
    write_table(table, "t.arrow")
    plain = read_table("t.arrow")
    assert plain.schema.types == [pa.float64(), pa.string(), pa.string()]
    assert plain.to_pydict() == {"price": [1.25, None], "word": ["a", "a"], "none": [None, None]}


# Cells of delimited text


def test_numbers_with_blanks_and_words_for_missing(room):
    table = read_table(put("t.csv", "a,b,c,d\n1,  ,x,NA\n , 4.5,,2\n3,?,NA,7\n"))
    assert table.to_pydict() == {
        "a": [1, None, 3],
        "b": [None, 4.5, None],
        "c": ["x", None, "NA"],  # a word among words stays
        "d": [None, 2, 7],
    }


def test_a_word_after_many_numbers_makes_a_column_text(room):
    body = "1,2\n" * 30_000
    assert read_table(put("t.csv", f"a,b\n{body}x,3\n"))["a"][-1].as_py() == "x"
    late = read_table(put("t.csv", f"a,b\n{body}n/a,3\n"))["a"]
    assert (late.type, late.null_count) == (pa.int64(), 1)


def test_codes_with_leading_zeros_stay_text(room):
    table = read_table(put("t.csv", "id,x\n00017,0.5\n2,0\n"))
    assert table.to_pydict() == {"id": ["00017", "2"], "x": [0.5, 0.0]}


def test_infinity_is_a_number_and_not_a_date(room):
    table = read_table(put("t.csv", "x,y,z\ninf,2021-03-01,1\n-inf,infinity,inf\n,2021-03-02,\n"))
    assert table.to_pydict() == {
        "x": [float("inf"), -float("inf"), None],
        "y": ["2021-03-01", "infinity", "2021-03-02"],
        "z": [1.0, float("inf"), None],
    }


def test_names_are_made_different_and_trimmed(room):
    table = read_table(put("t.csv", b"\xef\xbb\xbfa, a ,a,a_1\n1,2,3,4\n"))
    assert len(set(table.column_names)) == 4
    assert table.column_names[0] == "a"
    assert [column[0].as_py() for column in table.columns] == [1, 2, 3, 4]


def test_duplicate_names_in_arrow_and_sql(room):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    put("t.arrow", arrow_stream(twice))
    assert read_table("t.arrow").to_pydict() == {"a": [1], "a_1": [2]}
    assert read_table("t.arrow", sql="SELECT a, a_1, a FROM data").num_columns == 3


def test_european_csv(room):
    table = read_table(
        put("t.csv", "a;b;who;big;group\n1,5;2,3;x, y;1.234,5;1.234\n2;-0,25;z;7,0;12\n")
    )
    assert table.to_pydict() == {
        "a": [1.5, 2.0],
        "b": [2.3, -0.25],
        "who": ["x, y", "z"],
        "big": [1234.5, 7.0],
        "group": [1234, 12],
    }


def test_semicolons_with_decimal_points(room):
    table = read_table(put("t.csv", "a;b\n1.234;x\n2.5;y,z\n"))
    assert table.to_pydict() == {"a": [1.234, 2.5], "b": ["x", "y,z"]}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n", ["column0", "column1"]),
        ("1,?\n3,4\n", ["column0", "column1"]),
        ("0,1,2\n5,6,7\n", ["0", "1", "2"]),
        ("x,y\nz,w\n", ["x", "y"]),
    ],
)
def test_header(room, text, names):
    assert read_table(put("t.csv", text)).column_names == names


def test_one_column(room):
    assert read_table(put("t.csv", "weight\n1\n2\n")).to_pydict() == {"weight": [1, 2]}
    table = read_table(put("t.csv", "a title of words\nfirst cell\nsecond one here\n"))
    assert table.column_names == ["a title of words"]


def test_quoted_cells_ends_of_lines_and_blank_lines(room):
    text = 'a,b\r\n"x, y\nz",1\r\n"he said ""no""",2\n\n\r\nw,3\n'
    expected = {"a": ["x, y\nz", 'he said "no"', "w"], "b": [1, 2, 3]}
    table = read_table(put("t.csv", text))
    assert [cell.replace("\r\n", "\n") for cell in table["a"].to_pylist()] == expected["a"]
    assert table["b"].to_pylist() == expected["b"]


# Encodings


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le"])
def test_encodings(room, encoding):
    name = put("t.csv", "nom,prix\ncafé,2\n".encode(encoding))
    assert read_table(name, encoding=encoding).to_pydict() == {"nom": ["café"], "prix": [2]}


def test_utf_16_with_its_mark_needs_no_option(room):
    assert read_table(put("t.csv", CSV.decode().encode("utf-16"))).to_pydict() == ROWS


def test_wrong_encoding_names_byte_line_and_remedy(room):
    name = put("t.csv", "nom,prix\na,1\ncafé,2\n".encode("latin-1"))
    assert message(BadData, name) == (
        "t.csv is not UTF-8: byte 0xE9 in line 3; pass --encoding latin-1 or save it as UTF-8."
    )
    far = put("far.csv", b"a,b\n" + b"x,1\n" * 40_000 + b"\x80,2\n")
    assert message(BadData, far) == (
        "far.csv is not UTF-8: byte 0x80 in line 40002; pass --encoding cp1252 or save it as UTF-8."
    )


def test_encodings_that_fail(room):
    put("t.csv", "nom\ncafé\n".encode("latin-1"))
    assert message(BadUsage, "t.csv", encoding="latin-99") == (
        "no encoding 'latin-99'; try one of utf-8, latin-1, cp1252, utf-16."
    )
    assert "t.csv is not in the encoding ascii" in message(BadData, "t.csv", encoding="ascii")


# Queries


def test_sql_over_files(room):
    put("t.csv", CSV)
    assert read_table("t.csv", sql="SELECT sum(value) AS s FROM data").to_pydict() == {"s": [3.5]}
    pq.write_table(pa.table({"x": [1, 2, 3]}), "t.parquet")
    total = read_table("t.parquet", sql="SELECT sum(x) AS s, max(x) AS m FROM data WHERE x > 1")
    assert total.to_pydict() == {"s": [5], "m": [3]}
    assert total.schema.types == [pa.int64(), pa.int64()]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT valu FROM data", '--sql: Binder Error: Referenced column "valu" not found'),
        ("SELEC 1", "--sql: Parser Error: syntax error at or near"),
        ("SELECT 1; SELECT 2", "--sql takes one SELECT and nothing else"),
        ("DROP VIEW data", "--sql takes one SELECT and nothing else"),
        ("COPY data TO 'stolen.csv'", "--sql takes one SELECT and nothing else"),
        ("ATTACH 'new.duckdb'", "--sql takes one SELECT and nothing else"),
        ("SET threads = 1", "--sql takes one SELECT and nothing else"),
        ("SELECT * FROM read_csv('secret.csv')", "--sql: Permission Error"),
        ("SELECT * FROM 'secret.csv'", "--sql: Permission Error"),
        ("SELECT * FROM CSV", "--sql: Catalog Error: Table with name CSV does not exist"),
        ("  ", "--sql is empty: give a SELECT"),
    ],
)
def test_sql_only_reads_the_table(room, sql, said):
    put("t.csv", CSV)
    put("secret.csv", CSV)
    assert message(BadUsage, "t.csv", sql=sql).startswith(said)
    assert {path.name for path in room.iterdir()} == {"t.csv", "secret.csv"}


@pytest.fixture
def databases(room):
    with duckdb.connect("one.duckdb") as connection:
        connection.execute("CREATE TABLE orders AS SELECT 'a' AS name, 1.5 AS value")
    with duckdb.connect("two.db") as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS x; CREATE SCHEMA old")
        connection.execute("CREATE TABLE old.orders AS SELECT 2 AS x")
    with duckdb.connect("none.duckdb") as connection:
        connection.execute("CHECKPOINT")
    for name, tables in {"one.sqlite": ["orders"], "two.sqlite": ["a b", "orders"]}.items():
        connection = sqlite3.connect(name)
        for table in tables:
            connection.execute(f'CREATE TABLE "{table}" (name TEXT, value REAL, mixed)')
            connection.execute(f"INSERT INTO \"{table}\" VALUES ('a', 1.5, 1), ('b', NULL, 'x')")
        connection.commit()
        connection.close()
    return room


def test_databases_with_one_table(databases):
    assert read_table("one.duckdb").to_pydict() == {"name": ["a"], "value": [1.5]}
    table, source = read("one.sqlite")
    assert source.format == "sqlite"
    assert table.to_pydict() == {"name": ["a", "b"], "value": [1.5, None], "mixed": ["1", "x"]}


def test_databases_with_several_tables_or_none(databases):
    assert message(BadUsage, "two.db") == (
        "two.db holds 2 tables: orders, old.orders;"
        ' choose with --sql, such as --sql "SELECT * FROM orders".'
    )
    assert message(BadUsage, "two.sqlite").startswith("two.sqlite holds 2 tables: a b, orders;")
    assert message(BadData, "none.duckdb").startswith("none.duckdb holds no table")


def test_sql_over_databases(databases):
    assert read_table("two.db", sql="SELECT x FROM old.orders").to_pydict() == {"x": [2]}
    table = read_table("two.sqlite", sql='SELECT count(*) AS n, upper(name) AS u FROM "a b"')
    assert table.to_pydict() == {"n": [2], "u": ["A"]}


@pytest.mark.parametrize("name", ["one.duckdb", "one.sqlite"])
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders",
        "DROP TABLE orders",
        "ATTACH 'stolen.db' AS other",
        "VACUUM INTO 'stolen.db'",
        "SELECT 1; DELETE FROM orders",
        "PRAGMA user_version = 7",
        "SELECT nothing_such FROM orders",
    ],
)
def test_sql_cannot_change_a_database(databases, name, sql):
    before = Path(name).read_bytes()
    files = sorted(path.name for path in databases.iterdir())
    assert message(BadUsage, name, sql=sql).startswith("--sql")
    assert Path(name).read_bytes() == before
    assert sorted(path.name for path in databases.iterdir()) == files


# What cannot be read


def test_missing_files(room):
    put("customers.csv", CSV)
    assert message(BadUsage, "custmers.csv") == (
        "no file custmers.csv; did you mean customers.csv?"
    )
    assert message(BadUsage, "quite-other") == "no file quite-other; check the path."
    assert message(BadUsage, "no/t.csv") == (
        "no file no/t.csv: there is no folder no; check the path."
    )
    assert message(BadUsage, "customers.csv/t.csv").startswith("no file customers.csv/t.csv")


def test_a_folder_and_an_address(room):
    Path("sub").mkdir()
    assert message(BadUsage, "sub") == "sub is a folder, not a table: name one file in it."
    assert message(BadUsage, "https://host/t.csv").startswith(
        "https://host/t.csv is an address, not a file: download it first"
    )


def test_no_permission(room, monkeypatch):
    put("t.csv", CSV)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sources, "open", refuse, raising=False)
    assert message(BadData, "t.csv") == (
        "t.csv cannot be read: permission denied; ask its owner, or see chmod."
    )


def test_a_terminal_as_standard_input(room, monkeypatch):
    pipe(monkeypatch, b"")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert message(BadUsage, "-").startswith("nothing is piped into standard input")


@pytest.mark.parametrize("content", [b"", b"\n \n\n", b"\xef\xbb\xbf", gz(b"")])
def test_empty(room, monkeypatch, content):
    pipe(monkeypatch, content)
    assert message(BadData, "-").startswith("standard input is empty")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"a,b\n", "t.csv has a header but no rows; check how it was made."),
        ("t.txt", b"a b\n", "t.txt has a header but no rows; check how it was made."),
        ("t.json", b"[]", "t.json has columns but no rows; check how it was made."),
    ],
)
def test_no_rows(room, name, content, said):
    assert message(BadData, put(name, content)) == said


def test_no_rows_from_a_query_or_parquet(room):
    put("t.csv", CSV)
    assert message(BadData, "t.csv", sql="FROM data WHERE value > 9") == (
        "--sql selects no rows of t.csv; check its conditions."
    )
    pq.write_table(pa.table(ROWS).slice(0, 0), "t.parquet")
    assert message(BadData, "t.parquet").startswith("t.parquet has columns but no rows")


@pytest.mark.parametrize("pack", [gz, zstd, bz2.compress, lzma.compress])
def test_cut_short_while_compressed(room, pack):
    packed = pack(os.urandom(20_000).hex().encode())
    ending = {gz: "gz", zstd: "zst", bz2.compress: "bz2", lzma.compress: "xz"}[pack]
    name = put(f"t.csv.{ending}", packed[: len(packed) // 2])
    assert f"t.csv.{ending} is damaged or cut short" in message(BadData, name)


def test_cut_short_parquet_and_arrow(room):
    table = pa.table({"x": list(range(1000))})
    pq.write_table(table, "whole.parquet")
    put("t.parquet", Path("whole.parquet").read_bytes()[:-20])
    expected = "t.parquet is damaged or cut short: the end of a Parquet file is missing"
    assert message(BadData, "t.parquet").startswith(expected)
    assert message(BadData, "t.parquet", sql="FROM data").startswith(expected)
    for name, content in {
        "file.arrow": _written(table, "whole.arrow"),
        "stream.arrow": arrow_stream(table),
    }.items():
        put(name, content[: len(content) // 2])
        assert message(BadData, name).startswith(f"{name} is damaged or cut short")


def _written(table: pa.Table, name: str) -> bytes:
    write_table(table, name)
    return Path(name).read_bytes()


def test_a_database_that_is_locked(databases, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException("IO Error: Could not set lock on file: conflicting lock is held")

    monkeypatch.setattr(duckdb, "connect", refuse)
    assert message(BadData, "one.duckdb") == (
        "one.duckdb is open in another program, which keeps it locked: close it there."
    )


def test_damaged_databases(room):
    put("t.sqlite", b"SQLite format 3\x00" + b"\xff" * 4096)
    assert message(BadData, "t.sqlite").startswith("t.sqlite cannot be read by SQLite: ")
    put("t.duckdb", b"\x00" * 8 + b"DUCK" + b"\xff" * 16_384)
    assert message(BadData, "t.duckdb").startswith("t.duckdb cannot be opened by DuckDB: ")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.parquet", CSV, "it looks like CSV, not Parquet; rename it, or pass --input-format csv"),
        ("t.csv", b"PAR1....PAR1", "it looks like Parquet, not CSV"),
        ("t.csv", b'[{"a": 1}]', "it looks like JSON, not CSV"),
        ("t.json", CSV, "it looks like CSV, not JSON"),
        ("t.db", CSV, "it looks like CSV, not a DuckDB database or an SQLite database"),
        ("t.csv.gz", CSV, "it is not gzip-compressed; rename it without .gz"),
        ("t.csv", gz(CSV), "it is gzip-compressed; rename it to t.csv.gz"),
    ],
)
def test_not_what_its_name_says(room, name, content, said):
    assert message(BadData, put(name, content)).startswith(
        f"{name} is not what its name says: {said}"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 sheet", "it is a spreadsheet or another zip archive"),
        (b"<!DOCTYPE html><html>", "it is a web page or XML"),
        (b"a\x00\x01\x02", "it is neither text nor a known format"),
    ],
)
def test_not_a_table_at_all(room, content, said):
    assert message(BadData, put("t.csv", content)).startswith(
        f"t.csv is not a table that can be read: {said}"
    )


def test_input_format_wins_over_the_name_but_not_over_the_content(room):
    assert read_table(put("t.parquet", CSV), input_format="csv").to_pydict() == ROWS
    assert read_table(put("t.csv", gz(CSV)), input_format="csv").to_pydict() == ROWS
    assert message(BadUsage, "t.csv", input_format="json") == (
        "t.csv is not JSON, as --input-format says: it looks like CSV; use --input-format csv."
    )
    assert message(BadUsage, "t.csv", input_format="parqet").startswith(
        "no input format 'parqet'; did you mean 'parquet'? The formats are: csv, tsv"
    )


@pytest.mark.parametrize("before", [1, 50_000])
def test_ragged_rows_are_named(room, before):
    good = "1,2\n" * before
    assert message(BadData, put("long.csv", f"a,b\n{good}3,4,5\n6,7\n")) == (
        f"long.csv, line {before + 2}: 3 cells where the first line has 2; a comma too many or too"
        " few, or a cell that needs quotation marks. Repair the line."
    )
    assert message(BadData, put("short.csv", f"a,b\n{good}3\n6,7\n")).startswith(
        f"short.csv, line {before + 2}: 1 cell where the first line has 2"
    )


def test_a_quotation_mark_that_nothing_closes(room):
    assert message(BadData, put("t.csv", 'a,b\n1,2\n"x,2\n3,4\n')) == (
        "t.csv, line 3: a quotation mark opens here and nothing closes it; repair the line."
    )


def test_damaged_json(room):
    said = message(BadData, put("t.json", '[{"a": 1}, {"a": }]'))
    assert said.startswith("t.json is damaged: ")
    assert said.endswith("; repair it or write it again.")
    assert str(room) not in said


# Columns


def test_nearest():
    assert nearest("amuont", ["date", "amount"]) == "amount"
    assert nearest("AMOUNT", ["date", "Amount"]) == "Amount"
    assert nearest("zzz", ["date", "amount"]) is None


def test_require_columns():
    table = pa.table({"date": [1], "amount": [2]})
    require_columns(table, ["amount", "date"])
    with pytest.raises(BadUsage) as caught:
        require_columns(table, ["date", "amuont"])
    assert caught.value.message == (
        "no column 'amuont'; did you mean 'amount'? The table has: date, amount."
    )
    with pytest.raises(BadUsage, match=r"^no column 'zzz'\. The table has: date, amount\.$"):
        require_columns(table, ["zzz"])


# Writing

WRITTEN = pa.table(
    {
        "x": [0.1 + 0.2, 1e22, 5e-324, None],
        "n": [1, 2, None, 4],
        "s": ["a,b", 'q"', "line\nline", "é|"],
        "d": [dt.date(2020, 1, 31)] * 4,
    }
)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.json", "t.arrow", "t.csv.gz"])
def test_what_is_written_is_read_again(room, name):
    write_table(WRITTEN, name)
    assert read_table(name).to_pydict() == WRITTEN.to_pydict()
    assert [path.name for path in room.iterdir()] == [name]


def test_json_has_no_nan(room):
    write_table(pa.table({"x": [float("nan"), float("inf"), 1.5]}), "t.json")
    assert json.loads(Path("t.json").read_text()) == [{"x": None}, {"x": None}, {"x": 1.5}]
    write_table(pa.table({"x": pa.array([], pa.int64())}), "t.json")
    assert json.loads(Path("t.json").read_text()) == []


def test_markdown(room):
    write_table(pa.table({"k": ["a|b", None], "x": [1 / 3, 2.0]}), "t.md")
    assert Path("t.md").read_text() == (
        "| k | x |\n| --- | ---: |\n| a\\|b | 0.333333 |\n|  | 2 |\n"
    )


@pytest.mark.parametrize("destination", [None, "-"])
def test_standard_output_is_csv_by_default(room, capfdbinary, destination):
    write_table(pa.table(ROWS), destination)
    assert capfdbinary.readouterr().out == CSV
    write_table(pa.table(ROWS), destination, "tsv")
    assert capfdbinary.readouterr().out == CSV.replace(b",", b"\t")


def test_the_format_option_wins_over_the_name(room):
    write_table(pa.table(ROWS), "t.dat", "csv")
    assert Path("t.dat").read_bytes() == CSV


@pytest.mark.parametrize(
    ("destination", "fmt", "said"),
    [
        ("t.dat", None, "the name t.dat does not say which format to write"),
        ("t.csv", "cvs", "no output format 'cvs'; did you mean 'csv'?"),
        ("no/t.csv", None, "no folder no to write t.csv in; make it."),
        (".", "csv", ". is a folder: name a file in it."),
    ],
)
def test_what_cannot_be_written(room, destination, fmt, said):
    with pytest.raises(BadUsage) as caught:
        write_table(pa.table(ROWS), destination, fmt)
    assert caught.value.message.startswith(said)
    assert list(room.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_the_earlier_file(room, monkeypatch, error):
    put("t.parquet", b"earlier")

    def break_off(table: pa.Table, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(pq, "write_table", break_off)
    with pytest.raises(error):
        write_table(pa.table(ROWS), "t.parquet")
    assert [(path.name, path.read_bytes()) for path in room.iterdir()] == [
        ("t.parquet", b"earlier")
    ]
