"""A small table of results: in a terminal, in a notebook, and as data."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any

SHOWN = 60
"""Rows that are printed, at the most."""

Columns = Mapping[str, Sequence[Any]]


def cell(value: Any) -> str:
    """A value in few characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return str(value)


def cells(columns: Columns) -> list[list[str]]:
    """The rows that are printed, as text."""
    some = [[cell(value) for value in values[:SHOWN]] for values in columns.values()]
    return [list(row) for row in zip(*some, strict=True)]


def length(columns: Columns) -> int:
    """Rows."""
    return len(next(iter(columns.values())))


def text(title: str, columns: Columns, notes: Sequence[str] = ()) -> str:
    """For a terminal: the first column and words to the left, numbers to the right."""
    names, rows = [*columns], cells(columns)
    widths = [max([len(name), *(len(row[j]) for row in rows)]) for j, name in enumerate(names)]
    left = [j == 0 or _words(values) for j, values in enumerate(columns.values())]

    def line(row: Sequence[str]) -> str:
        each = [
            value.ljust(width) if to_left else value.rjust(width)
            for value, width, to_left in zip(row, widths, left, strict=True)
        ]
        return "  ".join(each).rstrip()

    lines = [title, line(names), line(["-" * width for width in widths]), *map(line, rows)]
    return "\n".join([*lines, *_beyond(columns), *(f"! {note}" for note in notes)])


def html(title: str, columns: Columns, notes: Sequence[str] = ()) -> str:
    """For a notebook; whatever is in the names is shown and never run."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    left = [j == 0 or _words(values) for j, values in enumerate(columns.values())]
    style = ["left" if to_left else "right" for to_left in left]
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:{side}">{escape(value)}</td>'
            for value, side in zip(row, style, strict=True)
        )
        + "</tr>"
        for row in cells(columns)
    )
    below = "".join(f"<li>{escape(note)}</li>" for note in [*_beyond(columns), *notes])
    return (
        f"<div><p><b>{escape(title)}</b></p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>" + (f"<ul>{below}</ul>" if below else "") + "</div>"
    )


def pandas(columns: Columns) -> Any:
    """A data frame; pandas is imported here."""
    return import_module("pandas").DataFrame(dict(columns))


def _words(values: Sequence[Any]) -> bool:
    return any(isinstance(value, str) for value in values)


def _beyond(columns: Columns) -> list[str]:
    more = length(columns) - SHOWN
    return [f"... and {more:,} more rows; to_dict() and to_pandas() have all"] if more > 0 else []
