"""Where a table comes from: find the file, tell what it is, and lay it out plain for reading."""

import bz2
import codecs
import gzip
import hashlib
import lzma
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from mixtura.cli.failure import BadData, BadUsage, nearest

#: The formats of tables by the endings of file names; `.db` may be either kind of database.
ENDINGS: dict[str, tuple[str, ...]] = {
    "csv": ("csv",),
    "tsv": ("tsv",),
    "tab": ("tsv",),
    "txt": ("text",),
    "json": ("json",),
    "ndjson": ("json",),
    "jsonl": ("json",),
    "parquet": ("parquet",),
    "pq": ("parquet",),
    "arrow": ("arrow",),
    "arrows": ("arrow",),
    "feather": ("arrow",),
    "ipc": ("arrow",),
    "duckdb": ("duckdb",),
    "ddb": ("duckdb",),
    "sqlite": ("sqlite",),
    "sqlite3": ("sqlite",),
    "db": ("duckdb", "sqlite"),
}

_TITLES = {
    "csv": "CSV",
    "tsv": "tab-separated text",
    "text": "plain text",
    "json": "JSON",
    "parquet": "Parquet",
    "arrow": "Arrow",
    "duckdb": "a DuckDB database",
    "sqlite": "an SQLite database",
}
_TEXTUAL = ("csv", "tsv", "text", "json")

_COMPRESSIONS = {"gz": "gzip", "zst": "zstd", "bz2": "bzip2", "xz": "xz"}
_COMPRESSION_MAGIC = (
    (b"\x1f\x8b", "gz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"BZh91AY&SY", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
)
_MAGIC = (
    (0, b"PAR1", "parquet"),
    (0, b"ARROW1", "arrow"),
    (0, b"\xff\xff\xff\xff", "arrow"),
    (0, b"SQLite format 3\x00", "sqlite"),
    (8, b"DUCK", "duckdb"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a spreadsheet or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"%PDF", "a PDF"),
    (b"FEA1", "Feather in its first version"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_JSON_START = re.compile(rb'\s*(\{\s*["}]|\[\s*[\[\]{"])')
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Source:
    """What a table was read from, as a run records it.

    Attributes
    ----------
    name : str
        The path as it was given, or ``-`` for standard input.
    format : str
        ``csv``, ``tsv``, ``text``, ``json``, ``parquet``, ``arrow``, ``duckdb`` or ``sqlite``.
    sha256 : str
        The SHA-256 of the bytes as they were given, before any decompression.
    n_bytes : int
        The number of those bytes.
    """

    name: str
    format: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class PlainFile:
    """A regular file that holds the table without compression, text being in UTF-8."""

    path: Path
    title: str  # how messages call it
    source: Source
    room: Path  # a folder for temporary files


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Parameters
    ----------
    path : str or Path
        A file; it is read in blocks.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def plain_file(
    name: str, *, input_format: str | None = None, encoding: str | None = None
) -> Generator[PlainFile]:
    """Find a source and lay it out as a plain file for as long as the context is open.

    Standard input, pipes, compressed files and text in other encodings go through a temporary
    folder, which is removed in every case.

    Parameters
    ----------
    name : str
        A path, or ``-`` for standard input.
    input_format : str, optional
        The format, if the name does not tell or tells it wrong: one of `ENDINGS`.
    encoding : str, optional
        The encoding of text; UTF-8 by default, or UTF-16 where a byte order mark says so.

    Yields
    ------
    PlainFile
        The file to read, how to call it in messages, and the record of the source.
    """
    claimed = _claimed_by_option(input_format)
    _check_encoding(encoding)
    title = "standard input" if name == "-" else name
    with tempfile.TemporaryDirectory(prefix="mixtura-") as folder:
        room = Path(folder)
        path = _locate(name, title, room)
        n_bytes = path.stat().st_size
        if n_bytes == 0:
            raise BadData(f"{title} is empty: it has no bytes at all; check how it was made.")
        digest = file_hash(path)
        ending, compression = _endings(name) if name != "-" else ("", "")
        any_name = claimed is not None or path.parent == room
        path = _decompressed(path, title, compression, room, any_name=any_name)
        head = _head(path)
        if not head:
            raise BadData(f"{title} is empty: nothing is in it once decompressed.")
        by_option = claimed is not None
        claimed = claimed or ENDINGS.get(ending, ())
        found = _format_of(head, title, claimed, by_option=by_option, encoding=encoding)
        if found in _TEXTUAL:
            path = _in_utf_8(path, title, encoding, head, room)
        path = _without_glob_characters(path, room)
        yield PlainFile(path, title, Source(name, found, digest, n_bytes), room)


def reason(error: OSError) -> str:
    """Return the system's own words for an error, without numbers and paths."""
    return (error.strerror or str(error)).lower()


def _claimed_by_option(input_format: str | None) -> tuple[str, ...] | None:
    if input_format is None:
        return None
    ending = input_format.casefold().lstrip(".")
    if ending not in ENDINGS:
        guess = nearest(ending, ENDINGS)
        hint = f"; did you mean {guess!r}?" if guess else "."
        raise BadUsage(
            f"no input format {input_format!r}{hint} The formats are: {', '.join(ENDINGS)}."
        )
    return ENDINGS[ending]


def _check_encoding(encoding: str | None) -> None:
    if encoding is None:
        return
    try:
        "a".encode(encoding)
    except LookupError:
        raise BadUsage(
            f"no encoding {encoding!r}; try one of utf-8, latin-1, cp1252, utf-16."
        ) from None


def _locate(name: str, title: str, room: Path) -> Path:
    """Return a regular file with the bytes of the source."""
    if name == "-":
        if sys.stdin.isatty():
            raise BadUsage("nothing is piped into standard input: give a file, or pipe a table.")
        return _spooled(sys.stdin.buffer, room)
    if re.match(r"[A-Za-z][A-Za-z0-9+]+://", name):
        raise BadUsage(f"{name} is an address, not a file: download it first; the network is off.")
    path = Path(name)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadUsage(f"{name} is a folder, not a table: name one file in it.")
        with open(path, "rb") as stream:
            return path if stat.S_ISREG(mode) else _spooled(stream, room)
    except (FileNotFoundError, NotADirectoryError):
        raise BadUsage(no_such_file(path)) from None
    except PermissionError:
        raise BadData(
            f"{name} cannot be read: permission denied; ask its owner, or see chmod."
        ) from None
    except OSError as error:
        raise BadData(f"{name} cannot be read: {reason(error)}.") from None


def no_such_file(path: Path) -> str:
    """Return what to say where a file is not there, with the nearest name."""
    folder = path.parent
    if not folder.is_dir():
        return f"no file {path}: there is no folder {folder}; check the path."
    guess = nearest(path.name, (entry.name for entry in folder.iterdir()))
    if guess is None:
        return f"no file {path}; check the path."
    return f"no file {path}; did you mean {folder / guess}?"


def _spooled(stream: IO[bytes], room: Path) -> Path:
    path = room / "spooled"
    with open(path, "wb") as copy:
        shutil.copyfileobj(stream, copy, _BLOCK)
    return path


def _endings(name: str) -> tuple[str, str]:
    """Return the format's and the compression's ending of a file name, without points."""
    endings = [suffix[1:].casefold() for suffix in Path(name).suffixes]
    compression = endings.pop() if endings and endings[-1] in _COMPRESSIONS else ""
    return (endings[-1] if endings else ""), compression


def _head(path: Path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(4096)


def _decompressed(path: Path, title: str, ending: str, room: Path, *, any_name: bool) -> Path:
    """Return the file without its compression, which content and name must agree on."""
    head = _head(path)
    found = next((kind for magic, kind in _COMPRESSION_MAGIC if head.startswith(magic)), "")
    if found != ending and not any_name:
        if ending:
            raise BadData(
                f"{title} is not what its name says: it is not {_COMPRESSIONS[ending]}-compressed;"
                f" rename it without .{ending}, or copy it again."
            )
        raise BadData(
            f"{title} is not what its name says: it is {_COMPRESSIONS[found]}-compressed;"
            f" rename it to {title}.{found}."
        )
    if not found:
        return path
    plain = room / "decompressed"
    try:
        with _OPENERS[found](path) as packed, open(plain, "wb") as copy:
            shutil.copyfileobj(packed, copy, _BLOCK)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise BadData(f"{title} cannot be decompressed: {reason(error)}.") from None
        raise BadData(
            f"{title} is damaged or cut short: its {_COMPRESSIONS[found]} data break off after"
            f" {plain.stat().st_size:,} decompressed bytes; copy it again."
        ) from None
    return plain


def _zstd(path: Path) -> Any:
    return pa.input_stream(str(path), compression="zstd")


_OPENERS: dict[str, Callable[[Path], Any]] = {
    "gz": gzip.open,
    "zst": _zstd,
    "bz2": bz2.open,
    "xz": lzma.open,
}


def _format_of(
    head: bytes, title: str, claimed: tuple[str, ...], *, by_option: bool, encoding: str | None
) -> str:
    """Return the format that the content has, which what is claimed must agree with."""
    found = _binary_format(head, title)
    if found is None:
        found = _text_format(head, title, claimed, encoding)
    if not claimed or found in claimed:
        return found
    if found in _TEXTUAL and (found == "json") == ("json" in claimed) and claimed[0] in _TEXTUAL:
        return claimed[0]
    wanted = " or ".join(_TITLES[kind] for kind in claimed)
    if by_option:
        raise BadUsage(
            f"{title} is not {wanted}, as --input-format says: it looks like {_TITLES[found]};"
            f" use --input-format {_option(found)}."
        )
    raise BadData(
        f"{title} is not what its name says: it looks like {_TITLES[found]}, not {wanted};"
        f" rename it, or pass --input-format {_option(found)}."
    )


def _option(kind: str) -> str:
    return "txt" if kind == "text" else kind


def _binary_format(head: bytes, title: str) -> str | None:
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset):
            return kind
    for magic, description in _FOREIGN:
        if head.startswith(magic):
            raise BadData(
                f"{title} is not a table that can be read: it is {description};"
                " save the table as CSV or Parquet."
            )
    return None


def _text_format(head: bytes, title: str, claimed: tuple[str, ...], encoding: str | None) -> str:
    if encoding is None and b"\x00" in head and not head.startswith(_UTF_16_MARKS):
        raise BadData(
            f"{title} is not a table that can be read: it is neither text nor a known format;"
            " if it is text in UTF-16, pass --encoding utf-16."
        )
    if _WEB_PAGE.match(head):
        raise BadData(
            f"{title} is not a table that can be read: it is a web page or XML;"
            " download the file itself, as CSV or Parquet."
        )
    mark = codecs.BOM_UTF8
    if _JSON_START.match(head.removeprefix(mark)):
        return "json"
    return "csv" if "tsv" not in claimed and "text" not in claimed else claimed[0]


def _in_utf_8(path: Path, title: str, encoding: str | None, head: bytes, room: Path) -> Path:
    """Return the file in UTF-8, through a copy where its encoding is another one."""
    if encoding is None:
        if not head.startswith(_UTF_16_MARKS):
            return path
        encoding = "utf-16"
    plain = room / "decoded"
    try:
        with (
            open(path, encoding=encoding, newline="") as text,
            open(plain, "w", encoding="utf-8", newline="") as copy,
        ):
            shutil.copyfileobj(text, copy, _BLOCK)
    except UnicodeError as error:
        raise BadData(
            f"{title} is not in the encoding {encoding}: {error.args[-1]};"
            " pass another --encoding, or save it as UTF-8."
        ) from None
    return plain


def _without_glob_characters(path: Path, room: Path) -> Path:
    """Return a path that DuckDB takes for one file: it expands `*`, `?` and `[` itself."""
    if not re.search(r"[*?\[\]{}]", str(path)):
        return path
    link = room / "named"
    link.symlink_to(path.absolute())
    return link
