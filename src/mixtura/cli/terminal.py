"""What people see: words and progress on standard error, tables for people on standard output."""

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from mixtura.cli.interruption import check

GAP = 2
"""Blanks between the columns of a table."""
LONGEST_WORD = 16
"""Longer words in the names of columns are broken."""


def words() -> Console:
    """Standard error; colours only on a terminal, and not with NO_COLOR."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """A line of plain words on standard error."""
    words().print(escape(message))


def say_note(message: str) -> None:
    """Something that the reader of a result should know."""
    words().print(f"[yellow]note:[/yellow] {escape(message)}")


def say_error(message: str) -> None:
    """Why there is no result."""
    words().print(f"[red]mixtura:[/red] {escape(message)}")


@contextmanager
def progress(title: str, quiet: bool) -> Generator[Any]:
    """A line that says what is being done, on a terminal only; yields a function to change it."""
    console = words()
    if quiet or not console.is_terminal:
        yield lambda text: check()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def tell(text: str) -> None:
            check()
            bar.update(task, description=text)

        yield tell


def width() -> int:
    """Characters in a line of standard output: the terminal's, those of COLUMNS, or 100."""
    console = Console(file=sys.stdout)
    return console.width if console.is_terminal or "COLUMNS" in os.environ else 100


def show_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people on standard output: numbers to the right, words in the last column."""
    console = Console(file=sys.stdout, highlight=False, width=width())
    console.print(f"[bold]{escape(title)}[/bold]", soft_wrap=True)
    table = Table(
        header_style="bold", box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False
    )
    for number, name in enumerate(header):
        last = number == len(header) - 1
        cells = [row[number] for row in rows]
        table.add_column(
            escape(name),
            justify="left" if last or number == 0 else "right",
            overflow="fold",
            min_width=None if last else column_width(name, cells),
        )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def column_width(name: str, cells: Sequence[str]) -> int:
    """The width in which no cell is broken, nor a word of the name that is not very long."""
    words = [min(len(word), LONGEST_WORD) for word in name.split()]
    return max([*words, *(len(line) for cell in cells for line in cell.split("\n"))])
