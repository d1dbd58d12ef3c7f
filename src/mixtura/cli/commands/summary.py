"""``mixtura summary``: what a model came to, and what to beware of."""

import json
from typing import Annotated, Any

import typer

from mixtura.applications.segmentation.recipe import Feature, has_gaps
from mixtura.cli import options, terminal
from mixtura.cli.failure import BadUsage
from mixtura.cli.inputs import read_model, read_rows_for
from mixtura.engines.memory import Memory
from mixtura.estimators import sheet
from mixtura.estimators.record import Record
from mixtura.estimators.summary import Summary, summarised


def summary(
    model: options.Model,
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]",
            help="Rows to measure the model by, such as those it was fitted to.",
            show_default=False,
        ),
    ] = None,
    rfm: options.Rfm = None,
    reference: options.Reference = None,
    drop_missing: options.DropMissing = False,
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell what a model came to: its components, how the fit went, and what to beware of.

    With a table there are sizes by label, certainty, entropy and ICL, of its rows.

    **Examples**

    mixtura summary model.safetensors

    mixtura summary model.safetensors faithful.csv --json
    """
    with terminal.progress("reading", quiet):
        if table is None and any(
            option is not None for option in (rfm, reference, sql, input_format, encoding)
        ):
            raise BadUsage("--rfm, --reference, --sql, --input-format and --encoding need a TABLE.")
        if table is not None:
            options.check_inputs(model, table)
        fitted = read_model(model)
        data = None
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
            z = fitted.recipe.apply(given.rows)
            data = Memory(z, incomplete=has_gaps(z))
        record = Record.from_json(fitted.fit, fitted.mixture.n_components)
        names = fitted.recipe.names
        found = summarised(fitted.mixture, names, record, data, first=1, tails=fitted.tails)
    if as_json:
        print(json.dumps(_finite(found.to_dict()), allow_nan=False))
        return
    _show(found)
    features = fitted.recipe.features
    mapped = [f.name for f in features if f != Feature(f.name, floor=f.floor)]
    if mapped and not quiet:
        terminal.say_note(
            f"in the coordinates of the model, which are not the columns' own: {', '.join(mapped)}"
        )


def _show(found: Summary) -> None:
    """The page, on standard output."""
    rows = sheet.cells(found.table)
    words = "\n".join([found.title, *found.lines])
    terminal.show_table(words, [*found.table], [[*row] for row in rows])
    for fault in found.faults:
        print(f"! {fault}")


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and abs(value) == float("inf"):
        return None
    return value
