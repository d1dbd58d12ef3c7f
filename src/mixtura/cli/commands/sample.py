"""``mixtura sample``: new rows from a model."""

import json
from typing import Annotated

import pyarrow as pa
import typer

from mixtura.cli import options, terminal
from mixtura.cli.inputs import read_model
from mixtura.cli.tables import write_table


def sample(
    model: options.Model,
    n: Annotated[int, typer.Option("--rows", "-n", help="How many rows.", min=1)] = 100,
    seed: options.Seed = 0,
    output: options.Output = None,
    fmt: options.Format = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw new rows from a model, in the columns' own units, with the component of each.

    **Examples**

    mixtura sample out/model.safetensors -n 1000 --seed 7 -o synthetic.csv

    mixtura sample model.safetensors -n 5 --format md
    """
    fitted = read_model(model)
    coordinates, components = fitted.mixture.sample(n, seed)
    rows = fitted.recipe.undo(coordinates)
    columns = {name: rows[:, j] for j, name in enumerate(fitted.recipe.names)}
    label = "segment" if "segment" not in columns else "component"
    table = pa.table({**columns, label: components + 1})
    write_table(table, output, "json" if as_json and output is None else fmt)
    if as_json and output is not None:
        print(json.dumps({"rows": n, "output": output}))
    elif not quiet and output is not None:
        terminal.say(f"{n:,} rows written to {output}")
