"""``mixtura select``: how many components, and of which family."""

import json
from importlib.util import find_spec
from typing import Annotated, Any

import narwhals.stable.v1 as nw
import numpy as np
import typer

from mixtura.applications.segmentation.columns import examine
from mixtura.applications.segmentation.recipe import Recipe, read_numbers, usable
from mixtura.cli import options, terminal
from mixtura.cli.commands.fit import NOT_CONVERGED, numeric_columns, row_weights
from mixtura.cli.failure import BadData, BadUsage
from mixtura.cli.inputs import read_input
from mixtura.cli.results import whole_file
from mixtura.cli.tables import require_columns
from mixtura.estimators.criterion import CRITERIA, GaussianMixtureIC
from mixtura.estimators.sweep import PATH
from mixtura.estimators.wiring import STARTS
from mixtura.model.covariance import FAMILIES, is_named, named

STARTS_HERE = (PATH, *STARTS)


def select(
    table: options.Table,
    columns: options.Columns = None,
    max_k: Annotated[int, typer.Option(help="From one component to so many.", min=1)] = 9,
    families: Annotated[
        str,
        typer.Option(
            help=f"Forms of the covariances, separated by commas: {', '.join(FAMILIES)}; or all."
        ),
    ] = "full,tied,diag,spherical",
    criterion: Annotated[
        str, typer.Option(help=f"What is to be smallest: {', '.join(CRITERIA)}.")
    ] = "bic",
    weight: Annotated[str | None, typer.Option(help="The column of row weights.")] = None,
    init: Annotated[
        str, typer.Option(help=f"How starts are found: {', '.join(STARTS_HERE)}.")
    ] = PATH,
    n_init: Annotated[int, typer.Option(help="Fresh starts of each fit.", min=1)] = 1,
    max_iter: Annotated[int, typer.Option(help="Passes over the data in a run.", min=1)] = 1000,
    tol: Annotated[
        float,
        typer.Option(
            help="A run ends when less than this is predicted to be left to gain, in nats per row.",
            min=0,
        ),
    ] = 1e-5,
    drop_missing: options.DropMissing = False,
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    seed: options.Seed = 0,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write the model that was chosen to this file."),
    ] = None,
    plot: Annotated[
        str | None, typer.Option(help="Write a picture of the criterion to this PNG file.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Fit mixtures of many sizes and forms to the columns of a table, and compare them.

    The table on standard output has the best first; smaller criteria are better. What cannot be
    chosen comes last, with the reason.

    **Examples**

    mixtura select faithful.csv -o model.safetensors --plot bic.png

    mixtura select faithful.csv --criterion icl --families full,diag --json
    """
    chosen = options.names(columns)
    search = GaussianMixtureIC(
        options.one_of(CRITERIA, "--criterion", criterion),
        n_components=max_k,
        covariance_types=_families(families),
        n_init=n_init,
        init_params=options.one_of(STARTS_HERE, "--init", init),
        tol=tol,
        max_iter=max_iter,
        random_state=seed,
    )
    with terminal.progress("reading", quiet) as tell:
        given = read_input(
            table, sql=sql, input_format=input_format, encoding=encoding, rfm=None, reference=None
        )
        require_columns(given.table, [*(chosen or []), *([weight] if weight else [])])
        frame = nw.from_native(given.table, eager_only=True)
        described = [] if chosen else examine(frame.drop(weight) if weight else frame, None, None)
        names = chosen or numeric_columns(frame, described)
        rows = read_numbers(frame, names)
        weights = None if weight is None else row_weights(frame, weight)
        remedy = "replace them, leave the column out, or pass --drop-missing"
        complete = usable(rows, names, drop_missing=drop_missing, remedy=remedy)
        rows = rows[complete]
        weights = None if weights is None else weights[complete]
        if len(rows) < 2:
            kind = "complete" if drop_missing else "usable"
            raise BadData(f"the table has {len(rows)} {kind} rows, too few to fit a mixture.")
        search.fit_telling(rows, weights, tell)
    best = search.best_estimator_
    notes = {
        "made_by": "mixtura select",
        "recipe": Recipe.plain(names).to_json(),
        "identifier": None,
        "rfm": None,
    }
    if output is not None:
        with whole_file(output) as path:
            best.mixture_.save(path, notes=notes)
    if plot is not None:
        _draw(search, plot)
    dropped = {c.name: c.reason for c in described if c.name not in names}
    if as_json:
        summary = {
            "criterion": criterion,
            **search.best_params_,
            "score": search.best_score_,
            "columns": names,
            "rows": len(rows),
            "converged": bool(best.converged_),
            "results": _plain(search.results_),
            "dropped": dropped,
            "output": output,
            "plot": plot,
        }
        print(json.dumps(summary, allow_nan=False))
    else:
        title = f"{len(search.ranking_)} mixtures of {len(rows):,} rows, by {criterion}"
        terminal.show_table(title, search.ranking_.header, search.ranking_.cells())
    if not quiet and not as_json:
        for name, reason in dropped.items():
            terminal.say_note(f"column {name!r} was left out: {reason}")
        params = search.best_params_
        terminal.say(
            f"chosen: {params['n_components']} components, {params['covariance_type']} covariance"
        )
        written = [path for path in (output, plot) if path is not None]
        if written:
            terminal.say(f"written: {', '.join(written)}")
    if not best.converged_:
        if not quiet and not as_json:
            terminal.say_note(f"not converged after {max_iter} passes: raise --max-iter")
        return NOT_CONVERGED
    return 0


def _families(text: str) -> list[str]:
    """Names of families, separated by commas."""
    if text == "all":
        return [*FAMILIES]
    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if not is_named(name)]
    if wrong:
        raise BadUsage(
            f"--families {text!r}: choose all, or some of {', '.join(FAMILIES)}, or forms with "
            "their number, such as UUU:2 or AkjBkQkD:3."
        )
    return [named(name).name for name in names]


def _draw(search: GaussianMixtureIC, output: str) -> None:
    """The picture, if there is matplotlib."""
    if find_spec("matplotlib") is None:
        raise BadUsage("--plot needs matplotlib: pip install 'mixtura[plot]'.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from mixtura.report.plot.criteria import criteria

    figure = Figure(figsize=(8.0, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    criteria(search, ax=figure.subplots())
    with whole_file(output) as path:
        figure.savefig(path, dpi=130, format="png")


def _plain(results: dict[str, Any]) -> dict[str, list[Any]]:
    """Columns as JSON has them; null where there is no number."""
    return {
        name: [
            None if isinstance(value, float) and not np.isfinite(value) else value
            for value in column.tolist()
        ]
        for name, column in results.items()
    }
