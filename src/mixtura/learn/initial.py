"""Starts: a mixture to begin EM with. Always memberships or centres, then the M-step."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.expectation import assigned, e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance, Full
from mixtura.model.mixture import Mixture
from mixtura.numeric.threads import one_thread

Array = NDArray[np.float64]

SAMPLE = 100_000
"""Rows from which a start is made when there are more."""

ROUNDING = 1e-10
"""The part of a total variance that is no more than rounding."""


def total(data: Data) -> Mixture:
    """All rows as one Gaussian: their mean and covariance, the latter positive definite.

    Two passes: the first finds the origin, about which the second is free of cancellation. Columns
    that are constant get a variance of a millionth of their size, squared; directions in which the
    rows do not vary at all get 1e-10 of the variance of their columns.
    """
    some = data.sample(256, np.random.RandomState(0)).rows.astype(np.float64)
    low, high = some.min(axis=0), some.max(axis=0)
    width = np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
    whole = _single(0.5 * low + 0.5 * high, np.diag(width**2))
    for _ in range(2):
        statistics = data.fold(e_step, whole)
        mean, values = statistics.means[0], statistics.scatter[0] / statistics.n_scatter[0]
        whole = _single(mean, _definite(mean, values))
    return whole


def _single(mean: Array, covariance: Array) -> Mixture:
    return Mixture(np.ones(1), mean[None], Full(covariance[None]))


def _definite(mean: Array, values: Array) -> Array:
    """A covariance matrix made positive definite, column by column and then by direction."""
    variances = np.maximum(np.diagonal(values), 0.0)
    size = np.maximum(np.abs(mean), np.sqrt(variances))
    flat = variances <= (4 * np.finfo(np.float64).eps * size) ** 2
    variances = np.where(flat, (1e-6 * np.where(size > 0, size, 1.0)) ** 2, variances)
    values = values.copy()
    np.fill_diagonal(values, variances)
    root = np.sqrt(variances)
    if np.linalg.eigvalsh(values / np.outer(root, root))[0] < ROUNDING:
        values = Full(values[None]).floored(ROUNDING * variances).values[0]
    return values


def alike(whole: Mixture, family: type[Covariance], n_components: int) -> Mixture:
    """K components, each like all rows together: lends kernels a family, a size and an origin."""
    scatter = family.moment.copies(whole.covariances[0], n_components)
    covariance = family.estimate(np.ones(n_components), scatter, whole.n_features)
    weights = np.full(n_components, 1.0 / n_components)
    return Mixture(weights, np.repeat(whole.means, n_components, axis=0), covariance)


def from_memberships(data: Data, model: Mixture, maximize: Maximization) -> Mixture:
    """The M-step of the memberships that data carry, for components like the model's."""
    return maximize(data.fold(assigned, model), model)


def from_sample(
    block: Block, memberships: NDArray[Any], model: Mixture, maximize: Maximization
) -> Mixture:
    """The M-step of memberships of some rows."""
    return maximize(assigned(block._replace(memberships=memberships), model), model)


def from_centres(block: Block, centres: Array, model: Mixture, maximize: Maximization) -> Mixture:
    """Components of equal weight about centres, all with the spread that is left about them.

    Rows go to the nearest centre, in units of each column's standard deviation, and what they
    spread about it is pooled: so every component starts with a covariance that it can live with.
    """
    k, _ = centres.shape
    unit = np.sqrt(np.diagonal(model.total_covariance()))
    nearest = _nearest(block.rows, centres, unit)
    found = assigned(block._replace(memberships=nearest), model)
    counts = np.full(k, found.n_rows)
    shared = found.moment.shared(found.scatter, k)
    sums = np.zeros_like(centres)
    start = Statistics(
        found.moment, centres, counts, counts, counts, sums, shared, 0.0, k * found.n_rows
    )
    return maximize(start, model)


def _nearest(rows: NDArray[Any], centres: Array, unit: Array) -> NDArray[np.intp]:
    """The index of the nearest centre for each row."""
    origin = centres.mean(axis=0)  # about which products of rows and centres do not cancel
    scaled = (centres - origin) / unit
    nearest = np.empty(len(rows), dtype=np.intp)
    for start in range(0, len(rows), 4096):
        x = (rows[start : start + 4096] - origin) / unit
        distance = np.einsum("kd,kd->k", scaled, scaled) - 2.0 * x @ scaled.T
        nearest[start : start + 4096] = distance.argmin(axis=1)
    return nearest


def kmeans_labels(block: Block, n_components: int, rng: np.random.RandomState) -> NDArray[np.int32]:
    """Labels by k-means, as scikit-learn runs it, on one thread.

    More of them gain nothing on so few rows, and where processors are busy they wait on each other.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), one_thread("sklearn.cluster"):
        # Fewer distinct rows than components: the policy for dead components deals with it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        options: dict[str, Any] = {"n_init": 1, "random_state": rng}
        model: Any = KMeans(n_components, **options)
        return model.fit(_in_range(block.rows), sample_weight=_uneven(block)).labels_


def kmeans_seeds(block: Block, n_components: int, rng: np.random.RandomState) -> NDArray[np.intp]:
    """Rows far from one another, drawn by k-means++ [@ArthurVassilvitskii2007]."""
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(
        _in_range(block.rows), n_components, sample_weight=_uneven(block), random_state=rng
    )[1]


def _uneven(block: Block) -> Array | None:
    """Row weights, where they differ."""
    return None if np.all(block.weights == block.weights[0]) else block.weights


def _in_range(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows whose squares neither overflow nor vanish: scaled by a power of two if they must be."""
    if rows.dtype.kind != "f":
        return rows
    spread = float(np.abs(rows).max())
    if spread == 0 or 1e-15 < spread < 1e15:
        return rows
    return np.ldexp(rows.astype(np.float64), -int(np.frexp(spread)[1]))
