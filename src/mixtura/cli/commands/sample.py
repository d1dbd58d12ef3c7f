"""``mixtura sample``: new rows from a model."""

import json
import warnings
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from mixtura.cli import options, terminal
from mixtura.cli.failure import BadUsage, nearest
from mixtura.cli.inputs import Model, read_model
from mixtura.cli.tables import write_table
from mixtura.model.conditioning import FarCondition


def sample(
    model: options.Model,
    n: Annotated[int, typer.Option("--rows", "-n", help="How many rows.", min=1)] = 100,
    given: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=NUMBER",
            help="Draw rows with this number in a column; may be given for several.",
        ),
    ] = None,
    seed: options.Seed = 0,
    output: options.Output = None,
    fmt: options.Format = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw new rows from a model, in the columns' own units, with the component of each.

    **Examples**

    mixtura sample out/model.safetensors -n 1000 --seed 7 -o synthetic.csv

    mixtura sample out/model.safetensors -n 100 --given income=50000 --given age=30

    mixtura sample model.safetensors -n 5 --format md
    """
    fitted = read_model(model)
    held = _held(given or [], fitted)
    rows = np.empty((n, len(fitted.recipe.names)))
    for j, number in held.items():
        rows[:, j] = number
    rest = [j for j in range(rows.shape[1]) if j not in held]
    features = fitted.recipe.features
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FarCondition)
        at = {j: float(features[j].apply(np.array([x]))[0]) for j, x in held.items()}
        coordinates, components = fitted.mixture.condition(at).sample(n, seed)
    for column, j in enumerate(rest):
        rows[:, j] = features[j].undo(coordinates[:, column])
    columns = {name: rows[:, j] for j, name in enumerate(fitted.recipe.names)}
    label = "segment" if "segment" not in columns else "component"
    table = pa.table({**columns, label: components + 1})
    write_table(table, output, "json" if as_json and output is None else fmt)
    for warning in caught if not quiet else ():
        terminal.say_note(str(warning.message))
    if as_json and output is not None:
        print(json.dumps({"rows": n, "output": output}))
    elif not quiet and output is not None:
        terminal.say(f"{n:,} rows written to {output}")


def _held(given: list[str], model: Model) -> dict[int, float]:
    """What is given, as numbers by the number of the column."""
    names, held = model.recipe.names, dict[int, float]()
    for text in given:
        name, sign, number = text.rpartition("=")
        name = name.strip()
        if not sign:
            raise BadUsage(f"--given {text!r}: give a column and a number, such as income=50000.")
        if name not in names:
            guess = nearest(name, names)
            hint = f"; did you mean {guess!r}?" if guess else "."
            raise BadUsage(
                f"--given {text!r}: the model has no column {name!r}{hint} It has: "
                f"{', '.join(names)}."
            )
        if names.index(name) in held:
            raise BadUsage(f"--given {text!r}: column {name!r} is given twice.")
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            raise BadUsage(f"--given {text!r}: {number.strip()!r} is not a number.")
        held[names.index(name)] = value
    if len(held) == len(names):
        raise BadUsage("--given names every column of the model: nothing is left to draw.")
    return held
