"""Fits in the order of a criterion, as a table for people."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

SHOWN = 12
"""Lines of a table as text."""


class Line(NamedTuple):
    """One fit of a table."""

    rank: int | None
    """From 1; None for what cannot be chosen."""
    covariance_type: str
    n_components: int
    n_parameters: int
    log_likelihood: float
    criterion: float
    behind: float
    """How far the criterion is from the best one."""
    note: str


class Ranking(Sequence[Line]):
    """Fits, the best first; those that cannot be chosen come last, each with the reason.

    It prints as a table, in a terminal and in a notebook.

    Parameters
    ----------
    results : dict of arrays
        ``results_`` of `GaussianMixtureIC`.
    criterion : str
        The column that says how good a fit is; smaller is better.
    """

    def __init__(self, results: dict[str, Any], criterion: str) -> None:
        self.criterion = criterion
        values = np.asarray(results[criterion], dtype=np.float64)
        good = np.asarray(results["usable"]) & np.isfinite(values)
        order = np.lexsort([np.arange(len(values)), np.where(good, values, np.inf), ~good])
        best = values[order[0]] if good.any() else np.nan
        self._lines = [
            Line(
                rank + 1 if good[i] else None,
                str(results["covariance_type"][i]),
                int(results["n_components"][i]),
                int(results["n_parameters"][i]),
                float(results["log_likelihood"][i]),
                float(values[i]),
                float(values[i] - best),
                str(results["note"][i]),
            )
            for rank, i in enumerate(order)
        ]

    def __len__(self) -> int:
        """How many fits were tried."""
        return len(self._lines)

    def __getitem__(self, index: Any) -> Any:
        """A line, or some."""
        return self._lines[index]

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (
            "rank",
            "covariance",
            "K",
            "parameters",
            "log-likelihood",
            self.criterion,
            "+",
            "note",
        )

    def cells(self) -> list[tuple[str, ...]]:
        """The columns of each line as text."""
        return [
            (
                "-" if line.rank is None else str(line.rank),
                line.covariance_type,
                str(line.n_components),
                str(line.n_parameters) if line.n_parameters else "-",
                _number(line.log_likelihood, 3),
                _number(line.criterion, 3),
                _number(line.behind, 3) if line.rank is not None else "-",
                line.note,
            )
            for line in self._lines
        ]

    def __repr__(self) -> str:
        """A table of the first lines; smaller criteria are better."""
        rows = self.cells()
        shown = [self.header, *rows[:SHOWN]]
        widths = [max(len(row[j]) for row in shown) for j in range(len(self.header))]
        left = {1, len(self.header) - 1}
        lines = [
            "  ".join(
                cell.ljust(widths[j]) if j in left else cell.rjust(widths[j])
                for j, cell in enumerate(row)
            ).rstrip()
            for row in shown
        ]
        if len(rows) > SHOWN:
            lines.append(f"... and {len(rows) - SHOWN} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The whole table for a notebook."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.cells()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
