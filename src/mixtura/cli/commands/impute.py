"""``mixtura impute``: a table with its missing numbers filled in."""

# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import json
from typing import Annotated, Any

import narwhals.stable.v1 as nw
import numpy as np
import pyarrow as pa
import typer

from mixtura.applications.segmentation.recipe import read_numbers, usable
from mixtura.cli import options, terminal
from mixtura.cli.failure import BadUsage
from mixtura.cli.inputs import read_input
from mixtura.cli.tables import require_columns, write_table
from mixtura.estimators.imputer import MARGINS, STRATEGIES, GaussianMixtureImputer

DRAW = "draw"


def impute(
    table: options.Table,
    columns: Annotated[
        str | None,
        typer.Option(
            help="The columns to use, separated by commas; others are passed on as they are."
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            help="Draw so many tables and write them one under the other, with a column 'draw'.",
            min=1,
        ),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help=f"What is put in without --draws: {', '.join(STRATEGIES)}.")
    ] = "mean",
    marginal: Annotated[
        str, typer.Option(help=f"A map of each column, for skewed ones: {', '.join(MARGINS)}.")
    ] = "none",
    whole: Annotated[
        bool, typer.Option("--whole", help="Whole numbers into columns that hold no others.")
    ] = False,
    k: Annotated[str, typer.Option(help="The number of components, or auto.")] = "auto",
    family: Annotated[
        str,
        typer.Option(
            help="Form of the covariances: auto, full, tied, diag, spherical, or as mclust's VEV."
        ),
    ] = "auto",
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    seed: options.Seed = 0,
    output: options.Output = None,
    fmt: options.Format = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fill in the missing numbers of a table, from a mixture of its columns.

    With `--draws` each table is drawn from a mixture of its own, refitted with random row weights,
    so that what is estimated from them can be pooled with the error that it has.

    **Examples**

    mixtura impute customers.csv --columns age,income,spend -o filled.csv

    mixtura impute customers.csv --columns age,income,spend --draws 20 -o draws.parquet
    """
    chosen, number = options.names(columns), options.number_or_auto(k)
    family = options.family_or_auto(family)
    imputer = GaussianMixtureImputer(
        number,
        covariance_type=family,
        strategy="draw" if draws == 1 else options.one_of(STRATEGIES, "--strategy", strategy),
        n_imputations=draws or 1,
        marginal=options.one_of([*MARGINS], "--marginal", marginal),
        integer="auto" if whole else None,
        random_state=seed,
    )
    with terminal.progress("reading", quiet) as tell:
        given = read_input(
            table, sql=sql, input_format=input_format, encoding=encoding, rfm=None, reference=None
        )
        require_columns(given.table, chosen or [])
        if draws is not None and DRAW in given.table.column_names:
            raise BadUsage(f"the table has a column {DRAW!r} already: rename it.")
        frame = nw.from_native(given.table, eager_only=True)
        if chosen is None:
            _check_numeric(frame)
        names = chosen or [*frame.columns]
        rows = read_numbers(frame, names)
        usable(rows, names, drop_missing=False, remedy="replace them, or leave the column out")
        tell("fitting")
        some = nw.from_dict(
            {name: _numbers(frame[name], rows[:, j]) for j, name in enumerate(names)},
            backend="pyarrow",
        ).to_native()
        imputer.fit(some)
        tell("filling in")
        filled = imputer.impute(some) if (draws or 1) > 1 else [imputer.transform(some)]
        tables = [_replaced(given.table, each) for each in filled]
        if draws is not None:
            tables = [
                each.add_column(0, DRAW, pa.array(np.full(len(each), i + 1)))
                for i, each in enumerate(tables)
            ]
        result = pa.concat_tables(tables)
    write_table(result, output, "json" if as_json and output is None else fmt)
    missing = {name: int(np.isnan(rows[:, j]).sum()) for j, name in enumerate(names)}
    summary: dict[str, Any] = {
        "rows": len(rows),
        "filled_in": {name: n for name, n in missing.items() if n},
        "n_components": imputer.n_components_,
        "family": imputer.covariance_type_,
        "draws": draws,
        "output": output,
    }
    if as_json and output is not None:
        print(json.dumps(summary))
    elif not quiet:
        shown = ", ".join(f"{name} {n:,}" for name, n in summary["filled_in"].items())
        terminal.say(f"filled in: {shown or 'nothing was missing'}")
        terminal.say(f"{summary['n_components']} components, {summary['family']} covariance")
        if output is not None:
            terminal.say(f"{len(result):,} rows written to {output}")


def _check_numeric(frame: nw.DataFrame[Any]) -> None:
    """Refuse columns that are no numbers, unless columns were chosen."""
    for name in frame.columns:
        dtype = frame.schema[name]
        if dtype.is_numeric() or dtype == nw.Boolean:
            continue
        if dtype.is_temporal():
            what, how = "dates", "give the days since or until something instead"
        else:
            what, how = "text", "turn categories into a column of 0 and 1 for each"
        raise BadUsage(
            f"column {name!r} holds {what}, which a mixture has no place for: {how}, or name the "
            "columns to use with --columns; others are passed on as they are."
        )


def _numbers(column: nw.Series[Any], values: Any) -> Any:
    """A column of numbers as it is, of whole ones too; anything else as what was read of it."""
    if column.dtype.is_integer() or column.dtype.is_float():
        return column
    return nw.new_series(column.name, values, nw.Float64, native_namespace=pa)


def _replaced(table: pa.Table, filled: pa.Table) -> pa.Table:
    """The table with some of its columns filled in."""
    for name in filled.column_names:
        if table[name].null_count or pa.types.is_floating(table[name].type):
            table = table.set_column(table.column_names.index(name), name, filled[name])
    return table
