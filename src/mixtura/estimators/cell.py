"""A cell of a sweep, one size and family: where its fit came to, and what that is worth."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import Memory, available_threads
from mixtura.estimators import batch
from mixtura.estimators.mixture import GaussianMixture
from mixtura.learn import compact, expectation, initial, selection
from mixtura.learn.brief import shared
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

COLLAPSED = 1e-8
"""A component whose variance in some direction is less than this part of that of all rows is one
that the likelihood rewards without end."""


@dataclass(frozen=True)
class Rows:
    """What is fitted."""

    x: NDArray[Any]  # (n, D)
    weights: Array | None  # (n,)
    incomplete: bool

    @property
    def total(self) -> float:
        """The rows, as often as they weigh."""
        return float(len(self.x)) if self.weights is None else float(self.weights.sum())

    @property
    def count(self) -> int:
        """How many of them have weight."""
        return len(self.x) if self.weights is None else int(np.count_nonzero(self.weights))

    @property
    def few(self) -> bool:
        """Whether many fits to them go together."""
        return batch.are_jobs(self.x, self.incomplete)

    def of(self, index: NDArray[Any]) -> "Rows":
        """Some of them."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(self.x[index], weights, self.incomplete)

    def data(self) -> Memory:
        """The same for `fold`."""
        return Memory(self.x, self.weights, incomplete=self.incomplete)


class End(NamedTuple):
    """Where a fit came to."""

    mixture: Mixture
    objective: float
    """What it made as large as it could, in nats per row."""
    remaining: float
    """What is left to gain, as far as its last gains tell."""
    converged: bool
    model: Callable[[], GaussianMixture]
    """The estimator that the fit leaves behind."""
    price: float = 0.0
    """What BIC takes for its parameters, in nats per row, where fits of one cell differ in their
    number."""

    @property
    def worth(self) -> float:
        """By what the better of two fits of one cell is told."""
        return self.objective - self.price

    @property
    def promise(self) -> float:
        """What that would come to in the end, as far as can be told."""
        return self.worth + self.remaining


@dataclass
class Cell:
    """One size and family: its fit, or why there is none."""

    n_components: int
    covariance_type: str
    seed: int = 0
    """Of the estimator that a fit leaves behind."""
    end: End | None = None
    n_parameters: int = 0
    log_likelihood: float = np.nan
    """Of the rows, without any penalty or prior."""
    log_certainty: float = np.nan
    n_rows: float = 0.0
    sound: bool = False
    """There is a fit, and it is no singularity."""
    usable: bool = False
    """It is sound, and has fewer parameters than there are rows."""
    notes: list[str] = field(default_factory=list[str])
    folds: Array = field(default_factory=lambda: np.empty((0, 2)))
    """Minus log density and weight of the rows held out in each fold, (F, 2)."""

    @property
    def mixture(self) -> Mixture:
        """Of the fit, where there is one."""
        assert self.end is not None
        return self.end.mixture

    @cached_property
    def fitted(self) -> GaussianMixture:
        """The fit as an estimator, where there is one and no other will take its place."""
        assert self.end is not None
        return self.end.model()

    @property
    def bic(self) -> float:
        """Smaller is better."""
        return selection.bic(self.log_likelihood, self.n_parameters, self.n_rows or 1.0)

    @property
    def held_out(self) -> tuple[float, float]:
        """Minus the mean log density of rows held out, and its standard error."""
        if not len(self.folds):
            return np.nan, np.nan
        total, weight = self.folds.sum(axis=0)
        each = self.folds[:, 0] / self.folds[:, 1]
        return float(total / weight), float(each.std(ddof=1) / np.sqrt(len(each)))


def weigh(cells: Iterable[Cell], rows: Rows) -> None:
    """Find what the fits of cells are worth; what keeps one from being used is noted."""
    fitted = [cell for cell in cells if cell.end is not None]
    worth = _worth(rows)
    threads = available_threads() if rows.few else 1
    found = shared(worth, [cell.mixture for cell in fitted], threads)
    unit = whitening(initial.total(rows.data()).covariances[0])
    for cell, (log_likelihood, log_certainty) in zip(fitted, found, strict=True):
        mixture = cell.mixture
        cell.n_parameters, cell.n_rows = mixture.n_parameters, rows.total
        cell.log_likelihood, cell.log_certainty = log_likelihood, log_certainty
        gone = np.flatnonzero((narrowest(mixture, unit) < COLLAPSED) & (mixture.weights > 0))
        cell.sound = not len(gone) and bool(np.isfinite(log_likelihood))
        cell.usable = cell.sound and cell.n_parameters < cell.n_rows
        if len(gone):
            cell.notes.append(f"singular: component {int(gone[0])} has collapsed")
        elif not cell.sound:
            cell.notes.append("the log-likelihood is not finite")
        if cell.n_parameters >= cell.n_rows:
            cell.notes.append(f"{cell.n_parameters} parameters for {cell.n_rows:g} rows")
        if cell.end is not None and not cell.end.converged:
            cell.notes.append("not converged: raise max_iter")


def _worth(rows: Rows) -> Callable[[Mixture], tuple[float, float]]:
    """From a mixture to Σ w log p(x), and to Σ w log of the largest posterior."""
    data = rows.data()

    def folded(mixture: Mixture) -> tuple[float, float]:
        log_likelihood, log_certainty, _ = data.fold(expectation.certainty_of, mixture).tolist()
        return log_likelihood, log_certainty

    if not rows.few:
        return folded
    block = data.sample(len(rows.x), 0)
    x = compact.columns(block)

    def compiled(mixture: Mixture) -> tuple[float, float]:
        return compact.certainty(x, block.weights, mixture) or folded(mixture)

    return compiled


def whitening(covariance: Array) -> Array:
    """U, for which U Σ Uᵀ is one, of a covariance matrix or of some."""
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)), dtype=np.float64)


def narrowest(mixture: Mixture, unit: Array) -> Array:
    """The least variance of each component in any direction, (K,), in coordinates U x."""
    within = unit @ mixture.covariances @ np.swapaxes(unit, -1, -2)
    return np.asarray(np.linalg.eigvalsh(within)[:, 0], dtype=np.float64)


def collapsed(mixture: Mixture) -> NDArray[np.intp]:
    """Components that are all but flat against the covariance of the whole."""
    unit = whitening(mixture.total_covariance())
    return np.flatnonzero((narrowest(mixture, unit) < COLLAPSED) & (mixture.weights > 0))


def chosen(cells: Sequence[Cell], values: Array) -> int:
    """Which cell has the smallest criterion, among those that can be used.

    Where a criterion means nothing for any, there being as many parameters as rows or more, it is
    the one with the fewest.
    """
    good = np.array([cell.usable for cell in cells]) & np.isfinite(values)
    if good.any():
        return int(np.where(good, values, np.inf).argmin())
    sound = [i for i, cell in enumerate(cells) if cell.sound]
    if sound:
        return min(sound, key=lambda i: cells[i].n_parameters)
    reasons = [*dict.fromkeys(cell.notes[0] for cell in cells if cell.notes)]
    raise ValueError(
        "no candidate can be used: "
        + ("; ".join(reasons[:3]) or "the criterion is finite for none")
        + ". Try fewer components or simpler families, or bring more rows"
    )


def table(cells: Iterable[Cell]) -> dict[str, Any]:
    """Columns of equal length, a row a cell; of criteria the smaller is the better."""
    cells = [*cells]

    def column(ask: Callable[[Cell], Any], missing: Any = np.nan) -> NDArray[Any]:
        return np.array([missing if cell.end is None else ask(cell) for cell in cells])

    held = [cell.held_out for cell in cells]
    return {
        "covariance_type": np.array([cell.covariance_type for cell in cells]),
        "n_components": np.array([cell.n_components for cell in cells]),
        "n_parameters": column(lambda cell: cell.n_parameters, 0),
        "log_likelihood": column(lambda cell: cell.log_likelihood),
        "bic": column(lambda cell: cell.bic),
        "aic": column(lambda cell: selection.aic(cell.log_likelihood, cell.n_parameters)),
        "aicc": column(
            lambda cell: selection.aicc(cell.log_likelihood, cell.n_parameters, cell.n_rows)
        ),
        "icl": column(
            lambda cell: selection.icl(
                cell.log_likelihood, cell.log_certainty, cell.n_parameters, cell.n_rows
            )
        ),
        "cv": np.array([mean for mean, _ in held]),
        "cv_se": np.array([error for _, error in held]),
        "converged": column(lambda cell: bool(cell.end and cell.end.converged), False),
        "usable": np.array([cell.usable for cell in cells]),
        "note": np.array(["; ".join(cell.notes) for cell in cells]),
    }
