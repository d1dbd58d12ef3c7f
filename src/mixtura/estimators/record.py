"""What is kept of a fit, beside its mixture, to judge it by later."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.em import Outcome
from mixtura.learn.information import dense_products
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.prior import Penalty
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture
from mixtura.numeric.moments import POOLED

Array = NDArray[np.float64]

OPTIMA = 2.0
"""Objectives that differ by less than so many tolerances are of one optimum."""


class Account(NamedTuple):
    """What a fit leaves behind for its summary."""

    maximize: Maximization
    n_rows: int
    n: float
    """Rows, each counted by its weight."""
    tol: float
    n_starts: int
    objectives: tuple[float, ...]
    """Of runs that came to an end."""
    outcome: Outcome


@dataclass(frozen=True)
class Starts:
    """How the runs of several starts came out."""

    n: int
    ended: int
    """How many were brought to their end; the others were set aside on the way."""
    optima: int
    """Different objectives among these."""
    spread: float
    """The largest objective less the smallest, in nats per row."""


@dataclass(frozen=True)
class Record:
    """What is known of the run behind a mixture, without its rows."""

    n_rows: int
    total: float
    """Rows, each counted by its weight."""
    log_likelihood: float
    converged: bool
    ended: str
    n_iter: int
    remaining: float | None
    starts: Starts
    leaning: tuple[float, ...]
    """What part of each component's variance, in one direction, was put in and not found."""
    leans_on: str

    @classmethod
    def of(cls, model: Any) -> "Record | None":
        """The record of a fit; None where there was none."""
        account: Account | None = getattr(model, "_account", None)
        if account is None or account.outcome is Outcome.not_started:
            return None
        value: Mixture | HeavyMixture = model.mixture_
        mixture = value.gaussian if isinstance(value, HeavyMixture) else value
        remaining = float(model.remaining_gain_)
        leaning, leans_on = _leaning(mixture, account)
        return cls(
            n_rows=account.n_rows,
            total=account.n,
            log_likelihood=account.n * model.lower_bound_ - account.maximize.log_prior(mixture),
            converged=bool(model.converged_),
            ended=account.outcome.value,
            n_iter=int(model.n_iter_),
            remaining=remaining if np.isfinite(remaining) else None,
            starts=_starts(account),
            leaning=tuple(leaning.tolist()),
            leans_on=leans_on,
        )

    def to_json(self) -> dict[str, Any]:
        """The record as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Any, n_components: int) -> "Record | None":
        """`to_json` undone; None where what is given is no record of such a mixture."""
        try:
            starts = given["starts"]
            remaining = given["remaining"]
            found = cls(
                n_rows=int(given["n_rows"]),
                total=float(given["total"]),
                log_likelihood=float(given["log_likelihood"]),
                converged=bool(given["converged"]),
                ended=str(given["ended"]),
                n_iter=int(given["n_iter"]),
                remaining=None if remaining is None else float(remaining),
                starts=Starts(
                    int(starts["n"]),
                    int(starts["ended"]),
                    int(starts["optima"]),
                    float(starts["spread"]),
                ),
                leaning=tuple(float(part) for part in given["leaning"]),
                leans_on=str(given["leans_on"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        right = np.isfinite([found.log_likelihood, *found.leaning]).all()
        right = right and len(found.leaning) == n_components and 0 < found.total < np.inf
        return found if right else None


def _starts(account: Account) -> Starts:
    found = np.sort([value for value in account.objectives if np.isfinite(value)])
    near = OPTIMA * account.tol + 1e-9 * float(np.abs(found).max(initial=0.0))
    optima = int(len(found) > 0) + int((np.diff(found) > near).sum())
    spread = float(np.ptp(found)) if len(found) else 0.0
    return Starts(account.n_starts, len(found), optima, spread)


def _leaning(mixture: Mixture, account: Account) -> tuple[Array, str]:
    """What part of each component's variance, in the direction where it is most, was put in."""
    maximize, k = account.maximize, mixture.n_components
    bounds, prior = maximize.constrain, maximize.prior
    if isinstance(bounds, Bounds):
        if bounds.floor is not None:  # a bound that is reached makes up all of it
            parts = _parts(mixture, np.repeat(np.diag(bounds.floor)[None], k, axis=0))
            return np.where(parts > 1.0 - 1e-6, 1.0, 0.0), "variance_floor"
        ridge = bounds.ridge * np.eye(mixture.n_features)
        return _parts(mixture, np.repeat(ridge[None], k, axis=0)), "reg_covar"
    if prior is None:
        return np.zeros(k), ""
    pseudo = prior.pseudo_data(k, maximize.family).shifted(mixture.means)
    put, rows = dense_products(pseudo), account.n * mixture.weights + pseudo.n_scatter
    if pseudo.moment is POOLED:  # all of it is in the one matrix
        put, rows = k * put, np.full(k, rows.sum())
    name = "the penalty" if isinstance(prior, Penalty) else "the prior"
    return _parts(mixture, put / rows[:, None, None]), name


def _parts(mixture: Mixture, put: Array) -> Array:
    """The largest part of each covariance, over directions, that matrices (K, D, D) make up."""
    whole = np.eye(mixture.n_features)
    found = np.empty(len(put))
    for k, matrix in enumerate(put):
        axes = mixture.covariance.whiten(whole, k)
        found[k] = np.linalg.eigvalsh(axes.T @ matrix @ axes)[-1]
    return np.clip(found, 0.0, 1.0)
