"""Files that are fitted where they are, pass by pass, because memory need not hold them."""

from collections.abc import Callable, Sequence
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np

from mixtura.cli.failure import BadData, BadUsage
from mixtura.engines.batches import Batches
from mixtura.engines.files import Files, found, opened
from mixtura.engines.source import SourceError
from mixtura.estimators.criterion import GaussianMixtureIC
from mixtura.estimators.mixture import GaussianMixture
from mixtura.estimators.record import Record

DRAWN = 20_000
"""Rows from which sizes and families are chosen."""


def is_large(table: str, memory: str | None, checkpoint: str | None) -> bool:
    """Whether files are to be read pass by pass: many of them, or where it is asked for."""
    many = table != "-" and (has_magic(table) or Path(table).is_dir()) and not Path(table).is_file()
    return many or memory is not None or checkpoint is not None


def refuse(given: dict[str, Any]) -> None:
    """Raise for options that do not go with passes over files."""
    for name, value in given.items():
        if value is not None:
            raise BadUsage(
                f"{name} does not go with files that are read pass by pass: leave it, --memory "
                "and --checkpoint out, and name one file."
            )


def columns_of(
    table: str, chosen: Sequence[str] | None, weight: str | None
) -> tuple[list[str], dict[str, str]]:
    """The columns to read, and why others are not."""
    if table == "-":
        raise BadUsage("--memory and --checkpoint go with files, which can be read again.")
    try:
        types = opened(found(table)[0]).columns()
    except SourceError as error:
        raise BadData(f"{error}.") from error
    if chosen is not None:
        return [*chosen], {}
    names = [name for name, kind in types.items() if not isinstance(kind, str) and name != weight]
    others = {name: f"it holds {kind}" for name, kind in types.items() if isinstance(kind, str)}
    if not names:
        raise BadData(f"{table} has no column of numbers.")
    return names, others


def fitted(
    table: str,
    names: Sequence[str],
    weight: str | None,
    ks: Sequence[int],
    families: Sequence[str],
    how: dict[str, Any],
    tell: Callable[[str], object],
) -> tuple[GaussianMixture, GaussianMixtureIC | None]:
    """The fit, and the search on some of the rows where there was something to choose."""
    try:
        files = Files(table, columns=names)
        k, family, search = ks[0], families[0], None
        if len(ks) * len(families) > 1:
            tell(f"drawing {DRAWN} rows to choose from")
            some = Batches(files, incomplete=True).sample(DRAWN, how["random_state"]).rows
            search = GaussianMixtureIC(
                n_components=[*ks],
                covariance_types=[*families],
                random_state=how["random_state"],
            ).fit_telling(some, None, tell)
            k, family = search.best_params_.values()
        model = GaussianMixture(int(k), covariance_type=str(family), **how)
        return model.fit_telling(files, weight, tell), search
    except (SourceError, ValueError) as error:
        raise BadData(f"{str(error).rstrip('.')}.") from error


def worth(model: GaussianMixture) -> tuple[int, dict[str, float | None]]:
    """Rows, and what a fit came to, as its last pass over them has it: no other pass is made."""
    record = Record.of(model)
    assert record is not None
    n, log_likelihood = record.total, record.log_likelihood
    bic = model.mixture_.n_parameters * np.log(n) - 2.0 * log_likelihood
    found = {"mean_log_density": log_likelihood / n, "bic": float(bic), "icl": None}
    return record.n_rows, found
