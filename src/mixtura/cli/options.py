"""Options that several commands share, and what they mean."""

from collections.abc import Sequence
from typing import Annotated

import typer

from mixtura.cli.failure import BadUsage
from mixtura.model.covariance import SPELLINGS, is_named, named

Table = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="CSV, TSV, Parquet, JSON or Arrow, compressed or not; a DuckDB or SQLite file; "
        "or - for standard input.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model.safetensors file, or - for standard input.",
        show_default=False,
    ),
]
Sql = Annotated[
    str | None,
    typer.Option(help="One SELECT, over the tables of a database or over a file as 'data'."),
]
InputFormat = Annotated[
    str | None, typer.Option(help="csv, tsv, parquet, json, arrow: instead of what the name says.")
]
Encoding = Annotated[str | None, typer.Option(help="Of text, such as latin-1; UTF-8 by default.")]
Columns = Annotated[
    str | None,
    typer.Option(help="The columns to use, separated by commas; those that can be, if not given."),
]
Rfm = Annotated[
    str | None,
    typer.Option(
        metavar="CUSTOMER,DATE,AMOUNT",
        help="The table holds orders: make recency, frequency and monetary value of each customer "
        "from these columns first.",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(help="The day from which recency counts; the day of the last order by default."),
]
DropMissing = Annotated[
    bool,
    typer.Option(
        "--drop-missing",
        help="Leave rows with missing values without a result. Otherwise they count by what they "
        "have.",
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Speak JSON on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No words on standard error.")]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", help="Where to write; standard output if not given."),
]
Format = Annotated[
    str | None,
    typer.Option("--format", help="csv, tsv, parquet, json, arrow or md: instead of what -o says."),
]


def check_inputs(model: str, table: str) -> None:
    """Standard input can hold one of the two."""
    if model == table == "-":
        raise BadUsage("only one of MODEL and TABLE can be standard input: name a file for one.")


def names(text: str | None) -> list[str] | None:
    """Names separated by commas, each once."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",")]
    if not all(found) or len(set(found)) != len(found):
        raise BadUsage(f"--columns {text!r}: give different names of columns, separated by commas.")
    return found


FAMILIES = ("full", "tied", "diag", "spherical")
"""Those that have a name in words; "auto" tries others too."""


def family_or_auto(text: str, *also: str, numbered: bool = False) -> str:
    """The name of a covariance family, or "auto", or another word.

    Families with a number are some where they are asked for.
    """
    if text in (*also, "auto"):
        return text
    if not (is_named(text) if numbered else text in SPELLINGS):
        words = ", ".join(["auto", *also, *FAMILIES])
        others = "or three letters of mclust, such as VEV"
        if numbered:
            others = (
                f"{others[3:]}, or forms with their number, such as UUU:2 or AkjBkQkD:3, "
                "or subspace"
            )
        raise BadUsage(f"--family {text!r}: choose {words}, {others}.")
    return named(text).name


def tails(text: str, accelerate: str) -> str | float | None:
    """How heavy the tails are: None where components are Gaussians."""
    if text == "gaussian":
        return None
    if accelerate not in ("auto", "none"):
        raise BadUsage(f"--accelerate {accelerate} goes with --tails gaussian only: leave it out.")
    if text in ("own", "common"):
        return text
    try:
        degrees = float(text)
    except ValueError:
        degrees = -1.0
    if not 0.0 < degrees < float("inf"):
        raise BadUsage(
            f"--tails {text!r}: choose gaussian, own, common, or degrees of freedom, such as 4."
        )
    return degrees


def one_of(allowed: Sequence[str], option: str, text: str) -> str:
    """One of the words that an option knows."""
    if text not in allowed:
        raise BadUsage(f"{option} {text!r}: choose one of {', '.join(allowed)}.")
    return text


def number_or_auto(text: str) -> int | str:
    """A number of components, or "auto"."""
    if text == "auto":
        return text
    if not text.isdigit() or int(text) < 1:
        raise BadUsage(f"--k {text!r}: give auto, or a number from 1.")
    return int(text)
