"""``mixtura fit``: a mixture of the columns as they are."""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import narwhals.stable.v1 as nw
import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.applications.segmentation.columns import Column, Role, examine
from mixtura.applications.segmentation.recipe import (
    Recipe,
    read_numbers,
    usable,
)
from mixtura.cli import large, options, terminal
from mixtura.cli.failure import BadData, BadUsage
from mixtura.cli.inputs import read_input
from mixtura.cli.results import whole_file
from mixtura.cli.tables import require_columns
from mixtura.estimators.choosing import usual
from mixtura.estimators.criterion import GaussianMixtureIC
from mixtura.estimators.descent import PATH
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.record import Record
from mixtura.estimators.student import StudentMixture
from mixtura.estimators.summary import summarised
from mixtura.estimators.wiring import ACCELERATORS, STARTS
from mixtura.model.covariance import FAMILIES

NOT_CONVERGED = 4


def fit(
    table: options.Table,
    columns: options.Columns = None,
    k: Annotated[str, typer.Option(help="The number of components, or auto, by BIC.")] = "auto",
    max_k: Annotated[int, typer.Option(help="The most that auto considers.", min=1)] = 10,
    family: Annotated[
        str,
        typer.Option(
            help="Form of the covariances: full, tied, diag, spherical, as mclust's VEV, or with a "
            "number, such as UUU:2; auto tries all but those."
        ),
    ] = "full",
    tails: Annotated[
        str,
        typer.Option(
            help="gaussian; or t distributions, for rows far out: degrees of freedom found for "
            "each component (own), for all (common), or given as a number."
        ),
    ] = "gaussian",
    weight: Annotated[str | None, typer.Option(help="The column of row weights.")] = None,
    init: Annotated[
        str, typer.Option(help=f"How a start is found: {', '.join(STARTS)}.")
    ] = "merge",
    n_init: Annotated[
        int, typer.Option(help="Different starts, of which the best is brought to its end.", min=1)
    ] = 5,
    accelerate: Annotated[
        str,
        typer.Option(
            help=f"How to save passes over the data: {', '.join(ACCELERATORS)}; "
            "none is EM's own steps, every start brought to its end."
        ),
    ] = "auto",
    max_iter: Annotated[int, typer.Option(help="Passes over the data in a run.", min=1)] = 500,
    tol: Annotated[
        float,
        typer.Option(
            help="A run ends when less than this is predicted to be left to gain, in nats per "
            "row; with --accelerate none, when it gained less in the last pass.",
            min=0,
        ),
    ] = 1e-5,
    memory: Annotated[
        str | None,
        typer.Option(
            help="Read files pass by pass in no more memory than this, such as 1GB. A pattern or "
            "a folder of files is read so in any case."
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            help="A folder in which each pass is kept: a fit that was killed goes on from there."
        ),
    ] = None,
    drop_missing: options.DropMissing = False,
    sql: options.Sql = None,
    input_format: options.InputFormat = None,
    encoding: options.Encoding = None,
    seed: options.Seed = 0,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The model file; standard output if not given."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Fit a Gaussian mixture, or one of t distributions, to the columns of a table as they are.

    **Examples**

    mixtura fit faithful.csv --k 2 -o model.safetensors

    mixtura fit faithful.csv --family auto > model.safetensors

    mixtura fit faithful.csv --k 2 --tails own -o heavy.safetensors

    mixtura fit 'data/*.parquet' --k 16 --memory 1GB --checkpoint state/ -o model.safetensors
    """
    number, chosen = options.number_or_auto(k), options.names(columns)
    family, heavy = options.family_or_auto(family, numbered=True), options.tails(tails, accelerate)
    how: dict[str, Any] = {
        "init_params": options.one_of(STARTS, "--init", init),
        "n_init": n_init,
        "accelerate": options.one_of(ACCELERATORS, "--accelerate", accelerate),
        "max_iter": max_iter,
        "tol": tol,
        "random_state": seed,
    }
    if output is None and (as_json or sys.stdout.isatty()):
        raise BadUsage("name the file for the model with -o, or send standard output to one.")
    if large.is_large(table, memory, checkpoint):
        large.refuse(
            {"--sql": sql, "--input-format": input_format, "--encoding": encoding}
            | {"--tails": heavy, "--drop-missing": drop_missing or None}
        )
        how |= {"memory": memory or "1GB", "checkpoint": checkpoint}
        names, dropped = large.columns_of(table, chosen, weight)
        ks = [number] if isinstance(number, int) else range(1, max_k + 1)
        families = [*FAMILIES] if family == "auto" else [family]
        with terminal.progress("reading", quiet) as tell, warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told by the exit code
            best, search = large.fitted(table, names, weight, ks, families, how, tell)
        n_rows, worth = large.worth(best)
        trials = [] if search is None else _tried(search)
        ended = Ended(best, names, dropped, n_rows, worth, trials, None)
        return _told(ended, output, as_json=as_json, quiet=quiet)
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
        ks = [number] if isinstance(number, int) else range(1, min(max_k, len(rows) // 2) + 1)
        families = usual(rows) if family == "auto" else (family,)
        if heavy is not None:
            forms = options.FAMILIES if family == "auto" else (family,)
            best, trials = _heaviest(rows, weights, ks, forms, heavy, how, tell)
        elif len(ks) * len(families) == 1:
            tell(f"fitting {ks[0]} components, {families[0]} covariance")
            best, trials = _fitted(rows, weights, ks[0], families[0], how), list[dict[str, Any]]()
        else:
            best, trials = _searched(rows, weights, ks, families, how, tell)
    if best is None:
        kind = "complete" if drop_missing else "usable"
        raise BadData(f"the table has {len(rows)} {kind} rows, too few to fit a mixture.")
    dropped = {c.name: c.reason for c in described if c.name not in names}
    worth: dict[str, float | None] = {
        "mean_log_density": best.score(rows, sample_weight=weights),
        "bic": best.bic(rows, sample_weight=weights),
        "icl": best.icl(rows, sample_weight=weights),
    }
    ended = Ended(best, names, dropped, len(rows), worth, trials, heavy)
    return _told(ended, output, as_json=as_json, quiet=quiet)


@dataclass(frozen=True)
class Ended:
    """A fit, and what there is to say of it."""

    model: GaussianMixture | StudentMixture
    names: list[str]
    dropped: dict[str, str]
    """Columns that were left out, and why."""
    n_rows: int
    worth: dict[str, float | None]
    tried: list[dict[str, Any]]
    heavy: str | float | None


def _told(ended: Ended, output: str | None, *, as_json: bool, quiet: bool) -> int:
    """Write the model, say what was fitted, and give the exit code."""
    best, names = ended.model, ended.names
    record = Record.of(best)
    notes = {
        "made_by": "mixtura fit",
        "recipe": Recipe.plain(names).to_json(),
        "identifier": None,
        "rfm": None,
        "fit": None if record is None else record.to_json(),
        "tails": ended.heavy,
    }
    # Whether it converged is said in words of this command.
    run = None if record is None else replace(record, converged=True)
    faults = summarised(best.mixture_, names, run, first=1, tails=ended.heavy).faults
    write_model(best, notes, output)
    k, family = best.mixture_.n_components, best.covariance_type
    summary = {
        "n_components": k,
        "family": family,
        "columns": names,
        "rows": ended.n_rows,
        "converged": bool(best.converged_),
        "n_iter": best.n_iter_,
        "remaining_gain": best.remaining_gain_ if np.isfinite(best.remaining_gain_) else None,
        **ended.worth,
        "weights": best.weights_.tolist(),
        "means": best.means_.tolist(),
        "faults": [*faults],
        "tried": ended.tried or [{"k": k, "family": family, "bic": ended.worth["bic"]}],
        "dropped": ended.dropped,
        "output": output,
    }
    if isinstance(best, StudentMixture):
        summary["degrees_of_freedom"] = best.degrees_of_freedom_.tolist()
    if as_json:
        print(json.dumps(summary, allow_nan=False))
    elif not quiet:
        _say(summary, names)
        for name, reason in ended.dropped.items():
            terminal.say_note(f"column {name!r} was left out: {reason}")
        for fault in faults:
            terminal.say_note(fault)
    if not best.converged_:
        if not quiet and not as_json:
            terminal.say_note(f"not converged after {best.max_iter} passes: raise --max-iter")
        return NOT_CONVERGED
    return 0


def numeric_columns(frame: nw.DataFrame[Any], described: Sequence[Column]) -> list[str]:
    """The columns that a mixture can be fitted to."""
    names = [
        c.name
        for c in described
        if c.role is Role.feature or (c.role is Role.profile and frame.schema[c.name].is_numeric())
    ]
    if not names:
        raise BadData("the table has no column of numbers that vary; name some with --columns.")
    return names


def row_weights(frame: nw.DataFrame[Any], name: str) -> NDArray[np.float64]:
    """The weights of the rows, which must be finite, not negative, and not all zero."""
    weights = read_numbers(frame, [name])[:, 0]
    bad = np.flatnonzero(np.logical_not(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise BadData(
            f"column {name!r} holds {weights[bad[0]]:g} in row {bad[0] + 1}: weights must be "
            "finite and not negative."
        )
    if not weights.any():
        raise BadData(f"column {name!r} is zero in every row: give some row a positive weight.")
    return weights


def _fitted(
    rows: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    k: int,
    family: str,
    how: dict[str, Any],
) -> GaussianMixture:
    model = GaussianMixture(k, covariance_type=family, **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by the exit code
        return model.fit(rows, sample_weight=weights)


def _searched(
    rows: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    ks: Sequence[int],
    families: Sequence[str],
    how: dict[str, Any],
    tell: Callable[[str], None],
) -> tuple[GaussianMixture | None, list[dict[str, Any]]]:
    """The best of several sizes and families by BIC, and what was tried."""
    if not len(ks):
        return None, []
    asked: dict[str, Any] = {**how, "n_components": [*ks], "covariance_types": families}
    if asked["init_params"] == "merge":
        asked["init_params"] = PATH
    search = GaussianMixtureIC(**asked).fit_telling(rows, weights, tell)
    return search.best_estimator_, _tried(search)


def _heaviest(
    rows: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    ks: Sequence[int],
    families: Sequence[str],
    degrees: str | float,
    how: dict[str, Any],
    tell: Callable[[str], None],
) -> tuple[StudentMixture | None, list[dict[str, Any]]]:
    """The best of several sizes and families of t distributions by BIC, and what was tried."""
    some = {name: value for name, value in how.items() if name != "accelerate"}
    trials: list[dict[str, Any]] = []
    best: StudentMixture | None = None
    lowest = np.inf
    for k in ks:
        for family in families:
            tell(f"fitting {k} components, {family} covariance")
            model = StudentMixture(k, covariance_type=family, degrees_of_freedom=degrees, **some)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # told by the exit code
                model.fit(rows, sample_weight=weights)
            bic = model.bic(rows, sample_weight=weights)
            trials.append({"k": k, "family": family, "bic": bic})
            if bic < lowest:
                best, lowest = model, bic
    return best, trials


def _tried(search: GaussianMixtureIC) -> list[dict[str, Any]]:
    """Sizes and families that could be fitted, with the BIC of each."""
    names = {"k": "n_components", "family": "covariance_type", "bic": "bic"}
    table = {short: search.results_[name].tolist() for short, name in names.items()}
    some = np.flatnonzero(np.isfinite(table["bic"]))
    return [{name: column[i] for name, column in table.items()} for i in some]


def write_model(
    model: GaussianMixture | StudentMixture, notes: dict[str, Any], output: str | None
) -> None:
    """The model to a file, or its bytes to standard output."""
    if output is not None:
        with whole_file(output) as path:
            model.mixture_.save(path, notes=notes)
        return
    with tempfile.TemporaryDirectory(prefix="mixtura-") as room:
        path = Path(room) / "model.safetensors"
        model.mixture_.save(path, notes=notes)
        sys.stdout.buffer.write(path.read_bytes())


def _say(summary: dict[str, Any], names: list[str]) -> None:
    """What was fitted, in words."""
    degrees = summary.get("degrees_of_freedom")
    terminal.say(
        f"{summary['n_components']} components, {summary['family']} "
        f"{'covariance' if degrees is None else 'scales of t distributions'}, "
        f"{summary['rows']:,} rows of {', '.join(names)}"
    )
    for k, (weight, mean) in enumerate(zip(summary["weights"], summary["means"], strict=True)):
        shown = ", ".join(f"{n} {m:.4g}" for n, m in zip(names, mean, strict=True))
        tail = "" if degrees is None else f", {degrees[k]:.3g} degrees of freedom"
        terminal.say(f"  component {k + 1}: weight {weight:.3f}, mean {shown}{tail}")
    terminal.say(
        f"mean log density {summary['mean_log_density']:.6g} nats per row, BIC {summary['bic']:.6g}"
    )
    left = summary["remaining_gain"]
    gain = "not known yet" if left is None else f"about {left:.1g} nats per row"
    terminal.say(f"{summary['n_iter']} passes over the data; left to gain: {gain}")
