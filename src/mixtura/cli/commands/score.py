"""``mixtura score``: how likely rows are under a model."""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from mixtura.applications.segmentation.recipe import has_gaps
from mixtura.cli import options, terminal
from mixtura.cli.inputs import read_model, read_rows_for
from mixtura.cli.tables import write_table
from mixtura.engines.memory import Memory
from mixtura.learn import posterior


def score(
    model: options.Model,
    table: options.Table,
    rfm: options.Rfm = None,
    reference: options.Reference = None,
    drop_missing: options.DropMissing = False,
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    output: options.Output = None,
    fmt: options.Format = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """The log density of each row under a model, in nats, in the columns' own units.

    Of a row with missing values it is that of what the row has.

    With `--json` the sum and the mean are given on standard output, and the rows only to `-o`.

    **Examples**

    mixtura score out/model.safetensors customers.csv -o densities.csv

    mixtura score model.safetensors faithful.csv --json
    """
    with terminal.progress("reading", quiet):
        options.check_inputs(model, table)
        fitted = read_model(model)
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
        density = Memory(z, incomplete=has_gaps(z)).map(posterior.log_density, fitted.mixture)
        density = density + fitted.recipe.log_slope(given.rows)
    total = float(density.sum())
    if output is not None or not as_json:
        listed: list[Any] = [None] * len(given.frame)
        for position, value in zip(np.flatnonzero(given.complete), density.tolist(), strict=True):
            listed[position] = value
        name = given.identifier
        key = given.frame[name].to_list() if name else list(range(1, len(given.frame) + 1))
        columns = {name or "row": key, "log_density": pa.array(listed, pa.float64())}
        write_table(pa.table(columns), output, fmt)
    if as_json:
        summary = {
            "rows": len(density),
            "log_likelihood": total,
            "mean_log_density": total / len(density),
            "output": output,
        }
        print(json.dumps(summary, allow_nan=False))
    elif not quiet:
        for note in given.notes:
            terminal.say_note(note)
        terminal.say(
            f"{len(density):,} rows: mean log density {total / len(density):.6g} nats per row"
        )
