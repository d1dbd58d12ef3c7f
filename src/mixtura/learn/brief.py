"""Runs of EM on few rows, in compiled code from the first iteration to the last."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.acceleration import Aitken
from mixtura.learn.data import Block
from mixtura.learn.em import Fit, Iteration, Outcome
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

NUMBERS = 1 << 18
"""Features of all rows together, up to which a run counts as brief: 2 MiB, a second cache."""

TRAIL = 1 << 22
"""Numbers in the covariances of all iterations together."""

FAMILIES: dict[type[Covariance], int] = {Full: 0, Tied: 1, Diagonal: 2, Spherical: 3}


def is_brief(n_rows: int, model: Mixture, maximize: Maximization, max_iter: int) -> bool:
    """Whether a run can be had in one call."""
    k, d = model.means.shape
    features = 1 + d + d * (d + 1) // 2
    return (
        maximize.family in FAMILIES
        and (maximize.constrain is None or isinstance(maximize.constrain, Bounds))
        and features * n_rows <= NUMBERS
        and k * d * d * max_iter <= TRAIL
        and max_iter > 0
    )


@dataclass(frozen=True)
class _Coordinates:
    """Columns centred and scaled, z = (x − centre) / scale, and mixtures there and back."""

    centre: Array  # (D,)
    scale: Array  # (D,)

    @classmethod
    def of(cls, model: Mixture, family: type[Covariance]) -> "_Coordinates":
        variances = np.diagonal(model.total_covariance())
        if family is Spherical:
            variances = np.full_like(variances, variances.mean())
        return cls(model.mean, np.sqrt(variances))

    @property
    def product(self) -> Array:
        return self.scale[:, None] * self.scale

    def rows(self, block: Block) -> Array:
        """Rows as (D, N)."""
        z = (np.asarray(block.rows, dtype=np.float64) - self.centre) / self.scale
        return np.ascontiguousarray(z.T)

    def prior(self, pseudo: Statistics | None, k: int) -> tuple[Array, Array, Array, Array, Array]:
        """Pseudo-rows in these coordinates; products in full, (K, D, D)."""
        d = len(self.centre)
        if pseudo is None:
            none = np.zeros(k)
            return none, none, none, np.zeros((k, d)), np.zeros((k, d, d))
        here = pseudo.shifted(np.repeat(self.centre[None], k, axis=0))
        products = np.zeros((k, d, d))
        if here.products.shape == (k, d, d) and here.moment is Full.moment:
            products += here.products
        elif here.moment is Tied.moment:
            products += here.products / k
        elif here.moment is Diagonal.moment:
            products += here.products[:, :, None] * np.eye(d)
        else:
            products += (here.products / d)[:, None, None] * np.eye(d)
        return (
            here.n_weights,
            here.n_means,
            here.n_scatter,
            here.sums / self.scale,
            products / self.product,
        )

    def back(
        self, weights: Array, means: Array, covariances: Array, family: type[Covariance]
    ) -> Mixture:
        """A mixture in the rows' own coordinates."""
        dense = covariances * self.product
        diagonal = np.diagonal(dense, axis1=1, axis2=2)
        shapes: dict[type[Covariance], Array] = {
            Full: dense,
            Tied: dense[0],
            Diagonal: diagonal,
            Spherical: diagonal[:, 0],
        }
        values = shapes[family]
        covariance = family.from_values(np.array(values), len(self.centre))
        return Mixture(weights, self.centre + self.scale * means, covariance)


def brief(
    block: Block,
    start: Mixture,
    model: Mixture,
    maximize: Maximization,
    *,
    tol: float,
    max_iter: int,
    objective: float,
    go_on: Callable[[Mixture, int, float], Fit],
) -> Fit:
    """Run EM from a start, as `em` does, for a run that `is_brief`.

    Parameters
    ----------
    block : Block
        All rows.
    start : Mixture
    model : Mixture
        Components like all rows together: it lends the coordinates.
    maximize : Maximization
    tol, max_iter, objective
        As in `em`.
    go_on : callable
        Runs the rest, from a mixture, with so many iterations left, after an objective, where
        compiled code does not see to it.

    Returns
    -------
    Fit
    """
    began = perf_counter()
    family, k = maximize.family, start.n_components
    here = _Coordinates.of(model, family)
    d = len(here.centre)
    weights = start.weights.copy()
    means = (start.means - here.centre) / here.scale
    covariances = np.array(start.covariance.dense(k)) / here.product
    pseudo = None if maximize.prior is None else maximize.prior.pseudo_data(k, family)
    objectives, smallest = np.empty(max_iter), np.empty(max_iter)
    trail = np.empty((max_iter, k, d, d))
    bounds = maximize.constrain if isinstance(maximize.constrain, Bounds) else Bounds()
    floor = _floor(bounds, maximize) / here.scale**2
    end, count = _whole_run().run(
        here.rows(block),
        np.require(block.weights, np.float64, ["C", "W"]),
        *_compiled().factors(Full.moment if FAMILIES[family] < 2 else Diagonal.moment, d),
        FAMILIES[family],
        weights,
        means,
        covariances,
        *here.prior(pseudo, k),
        bounds.ridge / here.scale**2,
        np.full(d, floor.max()) if family is Spherical else floor,
        tol,
        max_iter,
        objective,
        -float(np.log(here.scale).sum()),
        objectives,
        smallest,
        trail,
    )
    last = here.back(weights, means, covariances, family)
    seconds = (perf_counter() - began) / max(count, 1)
    history = _records(
        objectives[:count], smallest[:count], trail[:count] * here.product, objective, seconds
    )
    if end == _whole_run().CARE:
        bad = last.covariance.degenerate(k)
        if bad.any():
            mended = last.covariance.replaced(bad, last.covariance.floored(maximize.floor))
            last = Mixture(last.weights, last.means, mended)
        rest = go_on(last, max_iter - count, float(objectives[count - 1]) if count else objective)
        return Fit(rest.mixture, rest.outcome, _foretold(history + rest.history))
    outcome = Outcome.converged if end == _whole_run().CONVERGED else Outcome.max_iter
    return Fit(last, outcome, _foretold(history))


def _floor(bounds: Bounds, maximize: Maximization) -> Array:
    """The floor of each M-step: that of the bounds, or rounding's where there are none."""
    if bounds.floor is not None:
        return bounds.floor
    if maximize.constrain is None:
        return maximize.floor
    return np.zeros_like(maximize.floor)


def _records(
    objectives: Array, smallest: Array, covariances: Array, before: float, seconds: float
) -> tuple[Iteration, ...]:
    """One record an iteration."""
    values = np.linalg.eigvalsh(covariances)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(values[..., 0] > 0, values[..., -1] / values[..., 0], np.inf)
    conditions = ratios.max(axis=1) if len(ratios) else ratios
    changes = np.diff(objectives, prepend=before)
    return tuple(
        Iteration(
            objective=float(o),
            change=float(c),
            seconds=seconds,
            smallest_weight=float(w),
            worst_condition=float(condition),
            remaining=np.inf,
            step="em",
        )
        for o, c, w, condition in zip(objectives, changes, smallest, conditions, strict=True)
    )


def _foretold(history: tuple[Iteration, ...]) -> tuple[Iteration, ...]:
    """The records with what was still to be gained at each of them."""
    left = Aitken()
    return tuple(replace(record, remaining=left.add(record.objective)) for record in history)


@cache
def _whole_run() -> Any:
    return import_module("mixtura.numeric.kernels.whole_run")


@cache
def _compiled() -> Any:
    return import_module("mixtura.numeric.kernels.compiled")
