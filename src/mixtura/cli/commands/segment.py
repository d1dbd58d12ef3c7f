"""``mixtura segment``: the main job."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

import mixtura
from mixtura.applications.segmentation.columns import Column, Role
from mixtura.applications.segmentation.profile import Profile
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
"""The most columns that the table on the terminal shows; `profile.csv` has all."""
MARKS = 18
"""The least room for the words that mark a segment."""
PLAIN = ("segment", "rows", "share", "sure")
NOT_USED = {
    Role.dropped: "left out",
    Role.profile: "used to describe segments and not to find them",
}


def segment(
    table: options.Table,
    id: Annotated[str | None, typer.Option(help="The column that names the rows.")] = None,
    columns: options.Columns = None,
    k: Annotated[str, typer.Option(help="The number of segments, or auto.")] = "auto",
    max_k: Annotated[int, typer.Option(help="The most that auto considers.", min=1)] = 10,
    family: Annotated[
        str,
        typer.Option(
            help="Form of the covariances: full, tied, diag, spherical, or as mclust's VEV; "
            "auto tries the first four, all every one."
        ),
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
    family = options.family_or_auto(family, "all")
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
            "rows": given.n_read,
        },
        "seed": asked["seed"],
        "options": asked,
        "columns": [
            {"name": c.name, "used_for": c.role.name, "reason": c.reason} for c in found.columns
        ],
        "dropped": {c.name: c.reason for c in found.columns if c.role is Role.dropped},
        "segments": {
            "number": found.n_segments,
            "rows": int(found.complete.sum()),
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
    unsure = float((found.assignment.certainty < 0.7).mean())
    title = (
        f"{found.n_segments} segment{'s' * (found.n_segments > 1)} of "
        f"{len(found.assignment.certainty):,} rows; {unsure:.1%} of the rows lie between segments"
    )
    quantities = [c.name for c in found.columns if c.role is Role.feature]
    header, body = _table(found.profile, quantities, terminal.width())
    terminal.show_table(title, header, body)
    shown = len(header) - len(PLAIN) - 1
    print("sure: how probable the rows' own segment is, on average.")
    print("Columns: means; in brackets the index, 100 being the average of all rows.")
    if shown < len(quantities):
        print(f"{shown} of {len(quantities)} columns, which tell most; profile.csv has all.")
    if record["options"]["rfm"] is not None:
        print("recency: days since the last order; frequency: orders; monetary: their total.")
    if quiet:
        return
    for note in record["notes"]:
        terminal.say_note(note)
    kept = found.columns if record["options"]["columns"] is None else []
    for role in (Role.dropped, Role.profile):
        columns = [c for c in kept if c.role is role]
        if columns:
            terminal.say_note(f"{NOT_USED[role]}: {_by_reason(columns)}")
    terminal.say(f"chosen: {found.choice.reason}, {found.choice.taken.family} covariance")
    written = [name for name in RESULTS if (Path(output) / name).exists()]
    terminal.say(f"written to {output.rstrip('/')}/: {', '.join(written)}")


def _table(
    profile: Profile, quantities: Sequence[str], width: int
) -> tuple[list[str], list[list[str]]]:
    """A row a segment and one for all; of the quantities, those that tell most and find room."""
    everyone = int(profile.sizes.sum())
    together = f"{float(profile.shares @ profile.certainty):.2f}"
    parts = [
        [*(str(k + 1) for k in range(len(profile.sizes))), "all"],
        [*(f"{size:,}" for size in profile.sizes), f"{everyone:,}"],
        [*(f"{share:.0%}" for share in profile.shares), "100%"],
        [*(f"{certainty:.2f}" for certainty in profile.certainty), together],
    ]
    taken = [terminal.column_width(*each) + terminal.GAP for each in zip(PLAIN, parts, strict=True)]
    room = width - terminal.GAP - MARKS - sum(taken)
    ranked = sorted(quantities, key=lambda name: -profile.between[name])[:SHOWN]
    cells = _that_fit(profile, ranked, room, " ")
    if len(cells) < len(ranked):
        cells = _that_fit(profile, ranked, room, "\n")
    names = [name for name in quantities if name in cells]
    parts += [cells[name] for name in names] + [[*profile.marks, ""]]
    return [*PLAIN, *names, "what marks it"], [list(row) for row in zip(*parts, strict=True)]


def _that_fit(
    profile: Profile, ranked: Sequence[str], room: int, before_index: str
) -> dict[str, list[str]]:
    """The cells of the first of these quantities; of one at least."""
    cells: dict[str, list[str]] = {}
    for name in ranked:
        j = profile.names.index(name)
        column = [
            _mean(mean) + ("" if np.isnan(index) else f"{before_index}({index:.0f})")
            for mean, index in zip(profile.means[:, j], profile.indices[:, j], strict=True)
        ]
        column.append(_mean(profile.overall[j]))
        room -= terminal.column_width(name, column) + terminal.GAP
        if cells and room < 0:
            break
        cells[name] = column
    return cells


def _by_reason(columns: Sequence[Column]) -> str:
    """Names of columns, those with the same reason together."""
    names: dict[str, list[str]] = {}
    for column in columns:
        names.setdefault(column.reason, []).append(column.name)
    return ", ".join(f"{', '.join(each)} ({reason})" for reason, each in names.items())


def _mean(mean: float) -> str:
    """A mean as people read it."""
    return f"{mean:,.0f}" if abs(mean) >= 100 else f"{mean:.3g}"
