"""Fits of the cells of a sweep: together where rows are few, one after the other where not."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from mixtura.estimators import batch
from mixtura.estimators.cell import Cell, End, Rows
from mixtura.estimators.mixture import GaussianMixture, of_fit
from mixtura.learn.acceleration import Plain
from mixtura.learn.batch import Job
from mixtura.learn.em import Fit, Outcome, little_to_gain
from mixtura.learn.selection import bic
from mixtura.model.covariance import Subspaces
from mixtura.model.mixture import Mixture

TRIAL = 40
"""Passes by which it shows whether a start leads to a better place."""

Options = dict[str, Any]
"""Of `GaussianMixture`."""

USUAL: Options = {"reg_covar": None, "variance_floor": None, "prior": None, "accelerate": "auto"}


class Task(NamedTuple):
    """A cell to be fitted, from one start or the best of several."""

    cell: Cell
    starts: tuple[Any, ...]
    """As ``init_params`` of `GaussianMixture` takes them."""
    seed: int


class Runs(Protocol):
    """How tasks are done."""

    def __call__(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """Where each of them came to, or why it could not be fitted."""
        ...

    def brief(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """The same by a few passes, where what comes of them shows."""
        ...

    def bare(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """The same without the penalty; what collapses then need not come to its end."""
        ...


class Together:
    """Runs on few rows, which share what they can: starts are mixtures, or "merge"."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.bench = rows, batch.Bench(rows.x, rows.weights)

    @staticmethod
    def sees_to(rows: Rows, options: Options) -> bool:
        """Whether rows and options are such."""
        return rows.few and options.get("accelerate", "auto") in ("auto", "none")

    def __call__(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """Where tasks came to; of several starts, the likeliest."""
        return self._ends(tasks, options, lambda job: job)

    def brief(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """The same by a few of EM's own steps."""
        few = options | {"max_iter": min(options["max_iter"], TRIAL)}
        return self._ends(
            tasks, few, lambda job: replace(job, rest=little_to_gain, accelerate=Plain())
        )

    def bare(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """The same without the penalty, for as long as compiled code sees to it."""
        return self._ends(
            tasks,
            options | {"reg_covar": 0.0},
            lambda job: replace(job, rest=little_to_gain, accelerate=Plain(), to_the_end=False),
        )

    def _ends(
        self, tasks: Sequence[Task], options: Options, change: Callable[[Job], Job]
    ) -> list[End | str]:
        shared = {name: options.get(name, usual) for name, usual in USUAL.items()}
        jobs = [
            change(
                self.bench.job(
                    task.cell.n_components,
                    shared | {"covariance_type": task.cell.covariance_type},
                    seed=task.seed,
                    tol=options["tol"],
                    max_iter=options["max_iter"],
                    start=start if isinstance(start, Mixture) else None,
                )
            )
            for task in tasks
            for start in task.starts
        ]
        fits = zip(self.bench.fit(jobs), jobs, strict=True)
        found: list[End | str] = []
        for task in tasks:
            each = [next(fits) for _ in task.starts]
            fit, job = max(each, key=lambda pair: pair[0].objective + pair[0].remaining)
            found.append(self._end(fit, job, options | {"random_state": task.seed}))
        return found

    def _end(self, fit: Fit, job: Job, options: Options) -> End:
        model = partial(of_fit, fit, job.maximize, self.rows.x, self.rows.weights, options)
        converged = fit.outcome is Outcome.converged
        return End(fit.mixture, fit.objective, fit.remaining, converged, model)


class Apart:
    """Runs one by one, or shared among processes; all that `GaussianMixture` sees to.

    Parameters
    ----------
    rows : Rows
    n_jobs : int or None
    tell : callable
        Hears what is done next.
    """

    def __init__(
        self,
        rows: Rows,
        n_jobs: int | None = None,
        tell: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.rows, self.n_jobs, self.tell = rows, n_jobs, tell

    def __call__(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """Where tasks came to; of several starts, the best."""
        return each(
            [(self.rows, task, options) for task in tasks],
            _fitted,
            self.n_jobs,
            lambda given: self.tell(f"fitting {described(given[1].cell)}"),
        )

    def brief(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """The same by a few passes."""
        return self(tasks, options | {"max_iter": min(options["max_iter"], TRIAL)})

    def bare(self, tasks: Sequence[Task], options: Options) -> list[End | str]:
        """The same without the penalty."""
        return self(tasks, options | {"reg_covar": 0.0})


def described(cell: Cell) -> str:
    """A cell in words."""
    return f"{cell.n_components} components, {cell.covariance_type}"


class InTurn:
    """Ways to start, one after the other."""

    def __init__(self, ways: Sequence[Any]) -> None:
        self.ways = [*ways]

    def __call__(self, X: Any, n_components: int, random_state: Any) -> Any:
        """The next of them."""
        way = self.ways.pop(0)
        return way(X, n_components, random_state) if callable(way) else way


def _fitted(rows: Rows, task: Task, options: Options) -> End | str:
    """One fit, the best from several starts."""
    model = GaussianMixture(
        task.cell.n_components,
        covariance_type=task.cell.covariance_type,
        init_params=InTurn(task.starts),
        n_init=len(task.starts),
        random_state=task.seed,
        **options,
    )
    try:
        fit_quietly(model, rows)
    except (ValueError, np.linalg.LinAlgError) as error:
        return str(error)
    model.init_params, model.n_init = "merge", 1
    return End(
        model.mixture_,
        model.lower_bound_,
        model.remaining_gain_,
        model.converged_,
        partial(_itself, model),
        _price(model.mixture_, rows.total),
    )


def _price(mixture: Mixture, n_rows: float) -> float:
    """What BIC takes for parameters, where their number is chosen with the fit."""
    covariance = mixture.covariance
    if not (isinstance(covariance, Subspaces) and covariance.rule is not None):
        return 0.0
    return 0.5 * bic(0.0, mixture.n_parameters, n_rows) / n_rows


def _itself(model: GaussianMixture) -> GaussianMixture:
    return model


def fit_quietly(model: GaussianMixture, rows: Rows) -> None:
    """Fit; whether it converged is told otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.x, sample_weight=rows.weights)


def each(
    tasks: Sequence[tuple[Any, ...]],
    work: Callable[..., Any],
    n_jobs: int | None,
    tell: Callable[[tuple[Any, ...]], object],
) -> list[Any]:
    """What becomes of each task, one after the other or in several processes."""
    if n_jobs in (None, 1):
        found: list[Any] = []
        for task in tasks:
            tell(task)
            found.append(work(*task))
        return found
    from sklearn.utils.parallel import Parallel, delayed

    run: Any = Parallel(n_jobs=n_jobs)
    return [*run(delayed(work)(*task) for task in tasks)]


def take(tasks: Sequence[Task], ends: Sequence[End | str]) -> None:
    """Let each cell have its fit, if it has none that is better."""
    for (cell, _, _), end in zip(tasks, ends, strict=True):
        if isinstance(end, str):
            if cell.end is None:
                cell.notes.append(end)
        elif cell.end is None or end.worth > cell.end.worth:
            cell.end = end
            cell.notes.clear()
