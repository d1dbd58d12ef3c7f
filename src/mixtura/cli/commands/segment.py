"""``mixtura segment``: the main job."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

import mixtura
from mixtura.applications.segmentation.columns import Role
from mixtura.applications.segmentation.segment import Segmentation
from mixtura.applications.segmentation.segment import segment as segment_table
from mixtura.cli import options, terminal
from mixtura.cli.inputs import Input, read_input
from mixtura.cli.picture import draw
from mixtura.cli.results import ResultFolder
from mixtura.cli.tables import require_columns, write_table

RESULTS = (
    "segments.parquet",
    "segments.csv",
    "segments.png",
    "profile.csv",
    "model.safetensors",
    "run.json",
)

SHOWN = 6
"""Columns that the table on the terminal shows; `profile.csv` has all."""


def segment(
    table: options.Table,
    id: Annotated[str | None, typer.Option(help="The column that names the rows.")] = None,
    columns: options.Columns = None,
    k: Annotated[str, typer.Option(help="The number of segments, or auto.")] = "auto",
    max_k: Annotated[int, typer.Option(help="The most that auto considers.", min=1)] = 10,
    family: Annotated[
        str, typer.Option(help="Form of the covariances: auto, full, tied, diag, spherical.")
    ] = "auto",
    rfm: options.Rfm = None,
    reference: options.Reference = None,
    drop_missing: options.DropMissing = False,
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    seed: options.Seed = 0,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FOLDER", help="The folder for the results.")
    ] = "out",
    force: Annotated[
        bool, typer.Option("--force", help="Replace results that are in the folder.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Segment the rows of a table, softly, and say what marks each segment.

    **Examples**

    mixtura segment customers.csv --id customer_id -o out/

    mixtura segment orders.parquet --rfm customer,date,amount -o out/
    """
    chosen, number = options.names(columns), options.number_or_auto(k)
    with (
        ResultFolder(output, RESULTS, force) as folder,
        terminal.progress("reading", quiet) as tell,
    ):
        given = read_input(
            table,
            sql=sql,
            input_format=input_format,
            encoding=encoding,
            rfm=rfm,
            reference=reference,
        )
        identifier = id if id is not None else given.identifier
        require_columns(given.table, [*([identifier] if identifier else []), *(chosen or [])])
        found = segment_table(
            given.table,
            id=identifier,
            columns=chosen,
            k=number,
            max_k=max_k,
            family=family,
            drop_missing=drop_missing,
            seed=seed,
            tell=tell,
        )
        tell("writing")
        rows = found.segments(given.table)
        write_table(rows, str(folder.path("segments.parquet")))
        write_table(rows, str(folder.path("segments.csv")))
        write_table(pa.table(found.profile.to_columns()), str(folder.path("profile.csv")))
        model_notes = {
            "made_by": "mixtura segment",
            "recipe": found.recipe.to_json(),
            "identifier": found.identifier,
            "rfm": rfm,
        }
        found.mixture.save(folder.path("model.safetensors"), notes=model_notes)
        if find_spec("matplotlib") is not None:
            tell("drawing")
            what = "rows" if rfm is None else "customers"
            title = f"{len(found.complete):,} {what} of {Path(given.source.name).name}, "
            title += f"{found.n_segments} segment{'s' * (found.n_segments > 1)}"
            draw(found, given.table, folder.path("segments.png"), title=title)
        asked = {
            "id": id,
            "columns": chosen,
            "k": number,
            "max_k": max_k,
            "family": family,
            "rfm": rfm,
            "reference": reference,
            "drop_missing": drop_missing,
            "sql": sql,
            "input_format": input_format,
            "encoding": encoding,
            "seed": seed,
        }
        record = _record(found, given, asked)
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        folder.path("run.json").write_text(text + "\n", encoding="utf-8")
    _show(found, given, record, output, as_json, quiet)


def _record(found: Segmentation, given: Input, asked: dict[str, Any]) -> dict[str, Any]:
    """What `run.json` holds: enough to do it again, and to see why it came out so."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "mixtura": mixtura.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "scikit-learn", "duckdb")},
        },
        "input": {
            "name": given.source.name,
            "format": given.source.format,
            "sha256": given.source.sha256,
            "bytes": given.source.n_bytes,
            "rows": given.table.num_rows,
        },
        "seed": asked["seed"],
        "options": asked,
        "columns": [
            {"name": c.name, "used_for": c.role.name, "reason": c.reason} for c in found.columns
        ],
        "dropped": {c.name: c.reason for c in found.columns if c.role is Role.dropped},
        "segments": {
            "number": found.n_segments,
            "family": found.choice.taken.family,
            "reason": found.choice.reason,
            "sizes": found.profile.sizes.tolist(),
        },
        "candidates": [c.to_json() for c in found.choice.candidates],
        "notes": [*given.notes, *found.notes],
    }


def _show(
    found: Segmentation,
    given: Input,
    record: dict[str, Any],
    output: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """The table that a manager can read, or the record for a machine."""
    if as_json:
        print(json.dumps({**record, "output": output}, ensure_ascii=False, allow_nan=False))
        return
    profile = found.profile
    unsure = float((found.assignment.certainty < 0.7).mean())
    title = (
        f"{found.n_segments} segment{'s' * (found.n_segments > 1)} of "
        f"{len(found.assignment.certainty):,} rows; {unsure:.1%} of the rows lie between segments"
    )
    quantities = [c.name for c in found.columns if c.role is Role.feature][:SHOWN]
    header = ["segment", "rows", "share", "certainty", *quantities, "what marks it"]
    body = [
        [
            str(k + 1),
            f"{profile.sizes[k]:,}",
            f"{profile.shares[k]:.0%}",
            f"{profile.certainty[k]:.2f}",
            *(_mean(profile.means[k, j], profile.indices[k, j]) for j in range(len(quantities))),
            profile.marks[k],
        ]
        for k in range(found.n_segments)
    ]
    body.append(
        [
            "all",
            f"{int(profile.sizes.sum()):,}",
            "100%",
            f"{float(profile.shares @ profile.certainty):.2f}",
            *(_mean(profile.overall[j], np.nan) for j in range(len(quantities))),
            "",
        ]
    )
    terminal.show_table(title, header, body)
    print("Means of each column; in brackets the index, 100 being the average of all rows.")
    if quiet:
        return
    for note in record["notes"]:
        terminal.say_note(note)
    for name, reason in record["dropped"].items():
        terminal.say_note(f"column {name!r} was left out: {reason}")
    described = [c for c in found.columns if c.role is Role.profile]
    if described:
        why = ", ".join(f"{c.name} ({c.reason})" for c in described)
        terminal.say_note(f"used to describe segments and not to find them: {why}")
    terminal.say(f"chosen: {found.choice.reason}, {found.choice.taken.family} covariance")
    written = [name for name in RESULTS if (Path(output) / name).exists()]
    terminal.say(f"written to {output.rstrip('/')}/: {', '.join(written)}")


def _mean(mean: float, index: float) -> str:
    """A mean as people read it, with the index in brackets."""
    shown = f"{mean:,.0f}" if abs(mean) >= 100 else f"{mean:.3g}"
    return shown if np.isnan(index) else f"{shown} ({index:.0f})"
