"""``mixtura predict``: the segments, or components, of new rows."""

import json

import numpy as np

from mixtura.applications.segmentation.assignment import assign, segments_frame
from mixtura.cli import options, terminal
from mixtura.cli.inputs import read_model, read_rows_for
from mixtura.cli.tables import write_table


def predict(
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
    """Put new rows into the segments of a model: exactly as `segment` did with the same rows.

    **Examples**

    mixtura predict out/model.safetensors new.csv -o new_segments.csv

    cat orders.csv | mixtura predict out/model.safetensors - --rfm customer,date,amount
    """
    with terminal.progress("reading", quiet) as tell:
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
        tell("computing")
        assignment = assign(fitted.mixture, fitted.recipe, given.rows)
        result = segments_frame(given.frame, given.identifier, assignment, given.complete)
    write_table(result, output, "json" if as_json and output is None else fmt)
    if as_json and output is not None:
        sizes = np.bincount(assignment.segment - 1, minlength=fitted.mixture.n_components)
        print(json.dumps({"rows": len(given.frame), "sizes": sizes.tolist(), "output": output}))
    elif not quiet:
        for note in given.notes:
            terminal.say_note(note)
        if output is not None:
            terminal.say(f"{len(given.frame):,} rows written to {output}")
