"""The program: its commands, and how it ends."""

import os
import sys
from json import dumps
from typing import Annotated, Any

import typer

import mixtura
from mixtura.cli import terminal
from mixtura.cli.commands.fit import fit
from mixtura.cli.commands.impute import impute
from mixtura.cli.commands.plot import plot
from mixtura.cli.commands.predict import predict
from mixtura.cli.commands.sample import sample
from mixtura.cli.commands.score import score
from mixtura.cli.commands.segment import segment
from mixtura.cli.commands.select import select
from mixtura.cli.commands.summary import summary
from mixtura.cli.failure import BadData, Failure
from mixtura.cli.interruption import listening

INTERRUPTED = 130

UsageError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises for a command line that it cannot read; older versions take it from click."""

program = typer.Typer(
    name="mixtura",
    help="Gaussian mixtures for tables: segments, soft clusters, densities, new rows.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (segment, select, fit, predict, score, sample, impute, plot, summary):
    program.command()(command)


def _version(asked: bool) -> None:
    if asked:
        print(f"mixtura {mixtura.__version__}")
        raise typer.Exit


@program.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Gaussian mixtures for tables: segments, soft clusters, densities, new rows.

    Every command reads a path or `-`, writes data to standard output or `-o`, and words to
    standard error. Exit codes: 0 done, 2 bad usage, 3 bad data, 4 not converged, 130 interrupted.
    """


def run(arguments: list[str]) -> int:
    """Run a command line; every end that a user can act on is one message and an exit code."""
    as_json = "--json" in arguments
    try:
        command = typer.main.get_command(program)
        # Not command.main, which ends the process by itself when a pipe is closed.
        with listening(), command.make_context("mixtura", [*arguments]) as context:
            result = command.invoke(context)
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except typer.Exit as end:
        return end.exit_code
    except KeyboardInterrupt:
        return _failed("interrupted: nothing was written", INTERRUPTED, as_json)
    except Failure as failure:
        return _failed(failure.message, failure.exit_code, as_json)
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, FileNotFoundError) as error:
        return _failed(str(error), BadData.exit_code, as_json)
    except Exception as error:
        if not isinstance(error, UsageError):
            raise
        shown: Any = error
        message = shown.format_message().rstrip(".")
        if not arguments:  # the help has been shown
            return 2
        return _failed(f"{message}; mixtura --help says what there is", 2, as_json)


def _failed(message: str, code: int, as_json: bool) -> int:
    """Say why, in words on standard error or as JSON on standard output."""
    if as_json:
        print(dumps({"error": message, "exit_code": code}))
    else:
        terminal.say_error(message)
    return code
