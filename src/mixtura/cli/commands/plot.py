"""``mixtura plot``: a picture of a model, and of rows under it."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from mixtura.cli import options, terminal
from mixtura.cli.drawing import KINDS, draw_model
from mixtura.cli.failure import BadUsage, nearest
from mixtura.cli.inputs import read_model, read_rows_for
from mixtura.cli.results import whole_file
from mixtura.model.heavy import HeavyMixture

FORMATS = ("png", "svg", "pdf")


def plot(
    model: options.Model,
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]",
            help="Rows to draw, as for predict; some kinds can do without.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help=f"What to draw: {', '.join(KINDS)}.")] = "pairs",
    columns: Annotated[
        str | None,
        typer.Option(help="The columns to draw, separated by commas; the first, if not given."),
    ] = None,
    rfm: options.Rfm = None,
    reference: options.Reference = None,
    drop_missing: options.DropMissing = False,
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    seed: options.Seed = 0,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The file to write: .png, .svg or .pdf."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw a model, and rows of a table with it: pairs of columns, densities, doubts, a map.

    **Examples**

    mixtura plot out/model.safetensors customers.csv -o pairs.png

    mixtura plot model.safetensors rows.csv --kind uncertainty --columns age,income -o doubt.svg
    """
    kind = options.one_of([*KINDS], "--kind", kind)
    if output is None:
        raise BadUsage("say where the picture goes: -o picture.png")
    ending = Path(output).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        raise BadUsage(f"-o {output}: end the name with .{', .'.join(FORMATS[:-1])} or .pdf.")
    if table is None and KINDS[kind].of_rows:
        raise BadUsage(f"--kind {kind} draws rows: name a TABLE.")
    if find_spec("matplotlib") is None:
        raise BadUsage("pictures need matplotlib: pip install 'mixtura[plot]'.")
    chosen = options.names(columns)
    with terminal.progress("reading", quiet) as tell:
        options.check_inputs(model, table or "")
        fitted = read_model(model)
        if KINDS[kind].of_merges and isinstance(fitted.mixture, HeavyMixture):
            raise BadUsage(
                f"--kind {kind} is of Gaussian mixtures: what merging t distributions costs is not "
                "known; try --kind silhouette."
            )
        index = _index(chosen, fitted.recipe.names, kind)
        rows, notes = None, list[str]()
        if table is not None:
            given = read_rows_for(
                fitted,
                table,
                sql=sql,
                input_format=input_format,
                encoding=encoding,
                rfm=rfm,
                reference=reference,
                drop_missing=drop_missing,
            )
            rows, notes = given.rows, given.notes
        tell("drawing")
        with whole_file(output) as made:
            draw_model(fitted, rows, kind, index, seed, made, ending)
    if as_json:
        n_rows = 0 if rows is None else len(rows)
        print(json.dumps({"kind": kind, "rows": n_rows, "output": output}))
    elif not quiet:
        for note in notes:
            terminal.say_note(note)
        terminal.say(f"{kind} drawn to {output}")


def _index(chosen: list[str] | None, names: list[str], kind: str) -> list[int] | None:
    """The columns to draw as numbers; those that a kind draws by itself if none are chosen."""
    least, most = KINDS[kind].columns
    if chosen is None:
        if len(names) < least:
            raise BadUsage(
                f"--kind {kind} draws {least} columns, and the model has one: try --kind density."
            )
        return None
    if not most:
        raise BadUsage(f"--kind {kind} is of all columns: leave --columns out.")
    for name in chosen:
        if name not in names:
            guess = nearest(name, names)
            hint = f"; did you mean {guess!r}?" if guess else "."
            raise BadUsage(
                f"--columns: the model has no column {name!r}{hint} It has: {', '.join(names)}."
            )
    if not least <= len(chosen) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise BadUsage(f"--columns: --kind {kind} draws {wanted} columns, not {len(chosen)}.")
    return [names.index(name) for name in chosen]
