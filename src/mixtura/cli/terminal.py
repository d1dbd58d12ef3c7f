"""What people see: words and progress on standard error, tables for people on standard output."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table


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
        yield lambda text: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda text: bar.update(task, description=text)


def show_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people on standard output, as wide as the terminal or 100 characters."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 100
    table = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
