"""What a command reads: a table, perhaps turned from orders into customers, and a model."""

# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mixtura.applications.segmentation.recipe import (
    Recipe,
    read_numbers,
    usable,
)
from mixtura.applications.segmentation.rfm import rfm as rfm_of
from mixtura.cli.failure import BadData, BadUsage
from mixtura.cli.sources import no_such_file, reason
from mixtura.cli.tables import Source, read, require_columns
from mixtura.learn.posterior import Either
from mixtura.model.heavy import load_with_notes


@dataclass(frozen=True)
class Input:
    """A table as a command uses it."""

    table: pa.Table
    source: Source
    n_read: int
    """Rows of the source: orders, where the table holds customers made from them."""
    identifier: str | None
    """The column of customers, where the table was made from orders."""
    notes: list[str]


def read_input(
    source: str,
    *,
    sql: str | None,
    input_format: str | None,
    encoding: str | None,
    rfm: str | None,
    reference: str | None,
) -> Input:
    """Read a table; with ``rfm``, turn orders into one row a customer."""
    if reference is not None and rfm is None:
        raise BadUsage("--reference goes with --rfm CUSTOMER,DATE,AMOUNT.")
    table, origin = read(source, sql=sql, input_format=input_format, encoding=encoding)
    if rfm is None:
        return Input(table, origin, table.num_rows, None, [])
    names = [name.strip() for name in rfm.split(",")]
    if len(names) != 3 or len(set(names)) != 3:
        raise BadUsage(
            f"--rfm {rfm!r}: give three columns, of the customer, the date and the amount, "
            "separated by commas."
        )
    require_columns(table, names)
    customer, date, amount = names
    features = rfm_of(table, customer, date, amount, reference=reference)
    return Input(features.table, origin, table.num_rows, customer, features.notes)


@dataclass(frozen=True)
class Model:
    """A mixture from a file, and how columns of a table become its coordinates."""

    mixture: Either
    recipe: Recipe
    identifier: str | None
    rfm: str | None
    """The columns of orders that its customers were made from."""
    fit: Any = None
    """What is known of the fit."""
    tails: Any = None
    """Of t distributions: how their degrees of freedom came about."""


def read_model(path: str) -> Model:
    """Read a model that ``mixtura segment`` or ``mixtura fit`` wrote; ``-`` is standard input."""
    try:
        mixture, notes = _from_standard_input() if path == "-" else load_with_notes(path)
    except FileNotFoundError:
        raise BadUsage(no_such_file(Path(path))) from None
    except OSError as error:
        raise BadData(f"{path} cannot be read: {reason(error)}.") from None
    recipe = Recipe.from_json(notes.get("recipe"))
    if len(recipe.features) != mixture.n_features:
        raise BadUsage(
            f"{path} holds a mixture in {mixture.n_features} dimensions and a recipe of "
            f"{len(recipe.features)} columns: it is damaged; make it again."
        )
    identifier, rfm = notes.get("identifier"), notes.get("rfm")
    return Model(
        mixture,
        recipe,
        identifier if isinstance(identifier, str) else None,
        rfm if isinstance(rfm, str) else None,
        notes.get("fit"),
        notes.get("tails"),
    )


def _from_standard_input() -> tuple[Either, dict[str, Any]]:
    """A model that is piped in, through a temporary file."""
    if sys.stdin.isatty():
        raise BadUsage("nothing is piped into standard input: give a model file, or pipe one.")
    with tempfile.TemporaryDirectory(prefix="mixtura-") as room:
        path = Path(room) / "standard input"
        with open(path, "wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        try:
            return load_with_notes(path)
        except ValueError as error:
            raise BadData(str(error).replace(str(path), path.name)) from None


@dataclass(frozen=True)
class NewRows:
    """Rows for a model: the table they came in, and the model's columns of those it can be asked
    about.
    """

    frame: nw.DataFrame[Any]
    identifier: str | None
    notes: list[str]
    complete: NDArray[np.bool_]  # (n,)
    rows: NDArray[np.float64]  # (n_complete, D)


def read_rows_for(
    model: Model,
    source: str,
    *,
    sql: str | None,
    input_format: str | None,
    encoding: str | None,
    rfm: str | None,
    reference: str | None,
    drop_missing: bool,
) -> NewRows:
    """Read new rows for a model; orders are turned into customers as they were for the model."""
    given = read_input(
        source, sql=sql, input_format=input_format, encoding=encoding, rfm=rfm, reference=reference
    )
    require_columns(given.table, _missing_first(model, given.table, rfm))
    identifier = given.identifier
    if identifier is None and model.identifier in given.table.column_names:
        identifier = model.identifier
    frame = nw.from_native(given.table, eager_only=True)
    rows = read_numbers(frame, model.recipe.names)
    remedy = "replace them, or pass --drop-missing"
    names = model.recipe.names
    if np.isnan(rows).all(axis=0).all():
        raise BadData("no row has a number that the model could be applied to.")
    complete = usable(rows, names, drop_missing=drop_missing, remedy=remedy, fitted=True)
    if not complete.any():
        raise BadData("no row is complete, so there is nothing that the model could be applied to.")
    return NewRows(frame, identifier, given.notes, complete, rows[complete])


def _missing_first(model: Model, table: Any, rfm: str | None) -> list[str]:
    """The model's columns; where they are missing from a table of orders, say what to do."""
    missing = [name for name in model.recipe.names if name not in table.column_names]
    if missing and rfm is None and model.rfm is not None:
        orders = model.rfm.split(",")
        if all(name in table.column_names for name in orders):
            raise BadUsage(
                f"the model needs {', '.join(missing)}, and the table holds orders: add "
                f"--rfm {model.rfm}."
            )
    return model.recipe.names
