"""Starts: a mixture to begin EM with. Always memberships or centres, then the M-step.

One of them takes a few steps more, with too many components, and merges them.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import columns, completion, exchange
from mixtura.learn.compact import Compact, State, is_compact, whole_start
from mixtura.learn.data import Block, Data
from mixtura.learn.expectation import assigned, e_step, log_density
from mixtura.learn.maximization import Maximization
from mixtura.learn.spread import definite, floors, variances
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Covariance, Diagonal, Full, Subspaces
from mixtura.model.mixture import Mixture
from mixtura.model.reduction import reduce
from mixtura.numeric.moments import FULL
from mixtura.numeric.threads import one_blas_thread, one_thread

Array = NDArray[np.float64]

SAMPLE = 100_000
"""Rows from which a start is made when there are more."""

FEW = 256
"""Rows that are looked at first, and all of them where there are fewer."""

STEPS = 5
"""Steps of EM before components are merged."""

STAGES = 0.5, 0.2
"""How many of those that are too many are left, as a part, where merging stops for a few steps."""

FEW_TO_MERGE = 10
"""Components that are too many, where they are fewer than this: merging stops once on the way."""

FEWER_STEPS = 3
"""Steps of EM there, and at the end."""

EXPONENTS = 0.0, 0.5
"""Powers of a pair's weight over which the cost of its merger is taken: one way after the other."""

SHRINKAGE = 0.02
"""Rows that groups share, as a part of all, before those steps."""

OF_FEW_AXES = 20
"""Rows, at the least, that tell of a component which varies along a few axes."""

TIE = 1e-4
"""Nats per row by which merged starts must differ to be told apart."""


def total(data: Data) -> Mixture:
    """All rows as one Gaussian: their mean and covariance, the latter positive definite.

    Two passes: the first finds the origin, about which the second is free of cancellation. Columns
    that are constant get a variance of a millionth of their size, squared; directions in which the
    rows do not vary at all get 1e-10 of the variance of their columns.
    """
    block = data.sample(FEW, 0)
    if block.gaps is not None:
        return completion.total(data)
    if len(block.rows) < FEW:
        return _total_few(block)
    some = block.rows.astype(np.float64)
    low, high = some.min(axis=0), some.max(axis=0)
    width = np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
    origin = 0.5 * low + 0.5 * high
    values = np.empty(0)
    for _ in range(2):
        sums = data.fold(_moments, origin, width)
        offset = sums[0, 1:] / sums[0, 0]
        products = sums[1:, 1:] / sums[0, 0] - offset[:, None] * offset
        values = products * (width[:, None] * width)
        origin = origin + width * offset
        width = np.sqrt(variances(origin, values))
    return Mixture(np.ones(1), origin[None], Full(definite(origin, values)[None]))


def _total_few(block: Block) -> Mixture:
    """The same of rows that are all there are."""
    w = block.weights / block.weights.sum()
    rows = np.array(block.rows, dtype=np.float64, order="C")
    mean = w @ rows
    rows -= mean
    offset = w @ rows  # what rounding left of the mean
    rows -= offset
    mean += offset
    width = np.abs(rows).max(axis=0)
    width[width == 0.0] = 1.0
    rows /= width
    values = (rows.T * w) @ rows * (width[:, None] * width)
    return Mixture(np.ones(1), mean[None], Full(definite(mean, values)[None]))


def _moments(block: Block, origin: Array, width: Array) -> Array:
    """Σ w z zᵀ for z = (1, (x − origin) / width), (1 + D, 1 + D)."""
    z = np.empty((len(block.rows), 1 + len(origin)))
    z[:, 0] = 1.0
    np.subtract(block.rows, origin, out=z[:, 1:])
    z[:, 1:] /= width
    return (z * block.weights[:, None]).T @ z


def alike(whole: Mixture, family: type[Covariance], n_components: int) -> Mixture:
    """K components, each like all rows together: lends kernels a family, a size and an origin."""
    scatter = family.moment.copies(whole.covariances[0], n_components)
    covariance = family.estimate(np.ones(n_components), scatter, whole.n_features)
    if covariance.degenerate(n_components).any():  # axes of very different lengths, in one unit
        covariance = covariance.floored(floors(np.diagonal(whole.covariances[0])))
    weights = np.full(n_components, 1.0 / n_components)
    return Mixture(weights, np.repeat(whole.means, n_components, axis=0), covariance)


def from_memberships(data: Data, model: Mixture, maximize: Maximization) -> Mixture:
    """The M-step of the memberships that data carry, for components like the model's."""
    return maximize(data.fold(assigned, model), model)


def from_labels(data: Data, block: Block, model: Mixture, maximize: Maximization) -> Mixture:
    """Components from the labels that data carry, of which each has some; they may be few.

    D + 1 rows more behind each covariance are what the rows of a block spread about those means.
    """
    found = data.fold(assigned, model)
    k, d = found.sums.shape
    about = from_centres(block, found.means, model, maximize)
    none = np.zeros(k)
    spread = Statistics.expected(replace(about, weights=np.ones(k)), d + 1.0)
    return maximize(found + replace(spread, n_weights=none, n_means=none, n_rows=0.0), model)


def numbered(mixture: Mixture, data: Data) -> Mixture:
    """The components in that order in which the labels of data fit them best."""
    from scipy.optimize import linear_sum_assignment

    k = mixture.n_components
    worth = np.zeros((k, k))
    for j in range(k):
        index = np.array([j])
        one = Mixture(np.ones(1), mixture.means[index], mixture.covariance.rearranged(index))
        worth[:, j] = data.fold(_worth, one, k)
    label, component = linear_sum_assignment(np.clip(worth, -1e300, 1e300), maximize=True)
    order = np.empty(k, dtype=np.intp)
    order[label] = component
    return mixture.rearranged(order)


def _worth(block: Block, mixture: Mixture, k: int) -> Array:
    """The log-likelihood of the rows of each label, (K,)."""
    assert block.memberships is not None
    each = block.weights * log_density(block, mixture)
    return np.asarray(np.bincount(block.memberships, weights=each, minlength=k), dtype=np.float64)


def from_sample(
    block: Block, memberships: NDArray[Any], model: Mixture, maximize: Maximization
) -> Mixture:
    """The M-step of memberships of some rows."""
    found: Statistics | None = None
    for i in range(0, len(block.rows), 16_384):
        part = slice(i, i + 16_384)
        more = assigned(Block(block.rows[part], block.weights[part], memberships[part]), model)
        found = more if found is None else found + more
    assert found is not None
    return maximize(found, model)


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


def rows_to_merge(model: Mixture) -> int:
    """How many rows `from_merging` wants: 20 for each parameter, and not too few."""
    return min(SAMPLE, max(5_000, 20 * model.n_parameters))


def from_merging(
    block: Block,
    model: Mixture,
    maximize: Maximization,
    rng: np.random.RandomState,
    rows: Compact | None = None,
    along: bool = True,
) -> Mixture:
    """Too many components, merged to as many as the model has.

    Seeds are drawn by k-means++ with each column in units of its own: right for groups that lie
    far apart in one of many directions. Where the model can be askew to the columns they are drawn
    once more, in coordinates in which all rows together are the standard normal: right for groups
    that are long and thin, side by side. From each, components are merged in two orders: by what a
    merger costs all rows, and by more than that where the pair is small, for pieces of a large
    group are cheaper to tell apart than small groups far away are. Merging stops twice for a few
    steps of EM, by which what is left of a group in pieces grows together.

    Beside what is merged stand groups ``along`` a column, and where rows are fewer than parameters,
    what the likeliest end becomes when rows change places. The likeliest of all is taken, the first
    if there is a tie. Few rows go to compiled code; ``rows`` are they where they have been made
    compact already.
    """
    if rows is not None or is_compact(len(block.rows), maximize):
        rows = rows or Compact.of(block, model, maximize)
        return from_merging_few(rows, block, model, rng, along)
    with one_blas_thread():
        seeded = [
            (z, kmeans_seeds(block._replace(rows=z), wanted(model, len(z)), rng))
            for z in (unit.whiten(block.rows - model.means[0], 0) for unit in _ways(model))
        ]
        return _merged_many(block, model, maximize, seeded, rng if along else None)[0]


def from_merging_few(
    rows: Compact, block: Block, model: Mixture, rng: np.random.RandomState, along: bool = True
) -> Mixture:
    """The same in compiled code, for a block that is compact.

    Ends that need care are looked for only where there are no others.
    """
    n, k = len(rows.w), model.n_components
    if k == 1:  # all rows, wherever the seed is
        seeded = [(rows.z, np.zeros(1, dtype=np.int64))]
    else:
        many = wanted(model, n)
        seeded = [(z, compact_seeds(z, rows.w, many, rng)) for z in whitened(rows, model)]
    ends: list[tuple[State, float]] = []
    for z, chosen in seeded:
        ends += merged_few(rows, z, chosen, [k]).get(k, [])
    if ends and k > 1 and along:
        ends += _along_few(rows, k, rng)
    if ends:
        best = likeliest(ends)
        found, worth = rows.mixture(best), max(w for end, w in ends if end is best)
    else:
        each = [(z.T, seeds) for z, seeds in seeded]
        with one_blas_thread():
            number = rng if along else None
            found, worth = _merged_many(block, model, rows.maximize, each, number)
    if k > 1 and exchange.is_worth_while(rows, k):
        return _exchanged(rows, block, found, worth)
    return found


def _along_few(
    rows: Compact, n_components: int, rng: np.random.RandomState
) -> list[tuple[State, float]]:
    """Groups along a column after a few steps of EM, and their objective; nothing if none are."""
    column = columns.clearest_few(rows, n_components)
    seeds = compact_seeds(rows.z[column : column + 1], rows.w, n_components, rng)
    start = columns.grouped_few(rows, column, seeds, SHRINKAGE)
    worth = np.nan if start is None else rows.steps(start, STEPS)
    return [] if start is None or np.isnan(worth) else [(start, worth)]


def _along_many(
    block: Block, model: Mixture, maximize: Maximization, z: Array, rng: np.random.RandomState
) -> list[tuple[Mixture, float]]:
    """The same of many rows, in coordinates z (n, D)."""
    k = model.n_components
    column = columns.clearest_many(z, block.weights, k)
    seeds = kmeans_seeds(block._replace(rows=z[:, column : column + 1]), k, rng)
    members = columns.grouped_many(z[:, column], block.weights, z[seeds, column])
    if members is None:
        return []
    groups = assigned(block._replace(memberships=members), model)
    return [_steps(block, maximize(groups + _common(groups), model), maximize, STEPS)]


def _exchanged(rows: Compact, block: Block, found: Mixture, worth: float) -> Mixture:
    """What a start becomes when rows change places, if it is likelier after a few steps of EM."""
    start = exchange.exchanged(rows, rows.state(found))
    if start is None:
        return found
    other = rows.mixture(start)
    more = rows.steps(start, STEPS)
    if not np.isnan(more):
        other = rows.mixture(start)
    else:
        with one_blas_thread():
            other, more = _steps(block, other, rows.maximize, STEPS)
    return other if more - worth > TIE else found


End = TypeVar("End", State, Mixture)


def likeliest(ends: list[tuple[End, float]]) -> End:
    """The end of the largest objective, in nats per row; one that is hardly larger gives way."""
    best, worth = ends[0]
    for end, other in ends[1:]:
        if other - worth > TIE:
            best, worth = end, other
    return best


def sizes(many: int, wanted: int) -> list[int]:
    """How many components there are at each stop on the way from many to as many as wanted."""
    excess = many - wanted
    stages = STAGES if excess >= FEW_TO_MERGE else STAGES[:1]
    left = [wanted + round(part * excess) for part in stages]
    return [size for size in left if wanted < size < many] + [wanted]


def stops(many: int, wanted: Sequence[int]) -> list[int]:
    """Where merging stops on the way from many components to so many, and so many, each fewer."""
    found: list[int] = []
    for size in wanted:
        found += sizes(many, size) if size < many else []
        many = min(size, many)
    return found


def _ends(
    start: End,
    stops: Sequence[int],
    merge: Callable[[End, int, float], End | None],
    fit: Callable[[End], tuple[End, float]],
) -> dict[int, list[tuple[End, float]]]:
    """What a start is merged to in each order, and the objectives, at each stop.

    Where two orders come to the same mixture, they go on as one. An order ends where it needs care.
    """
    ends: dict[int, list[tuple[End, float]]] = {size: [] for size in stops}
    found: dict[bytes, tuple[End, float]] = {}
    for exponent in EXPONENTS:
        state = start
        for size in stops:
            merged = merge(state, size, exponent)
            if merged is None:
                break
            key = merged.weights.tobytes() + merged.means.tobytes()
            if key not in found:
                found[key] = fit(merged)
            state, worth = found[key]
            if np.isnan(worth):
                break
            ends[size].append((state, worth))
    return ends


def _ways(model: Mixture) -> list[Covariance]:
    """Covariances that are one in the coordinates in which seeds are drawn."""
    covariance, d = model.covariance, model.n_features
    if not covariance.independent and d > 1:
        return [Diagonal(np.diagonal(covariance.dense(1)[0])[None]), covariance]
    return [covariance]


def whitened(rows: Compact, model: Mixture) -> list[Array]:
    """Rows in those coordinates, (D, N)."""
    ways, z = _ways(model), rows.z
    if len(ways) == 1:
        return [z]
    factor = np.linalg.cholesky(model.covariance.dense(1)[0] / rows.unit)
    return [z, np.linalg.inv(factor) @ z]


def wanted(model: Mixture, n_rows: int, n_components: int | None = None) -> int:
    """How many components are merged into as many as the model has, or into so many."""
    k, d = model.means.shape
    k = k if n_components is None else n_components
    least = d + 1 if model.covariance.moment is FULL else 2
    if isinstance(model.covariance, Subspaces):
        least = min(least, max(OF_FEW_AXES, 2 * int(model.covariance.dimensions.max()) + 2))
    return _too_many(k, n_rows // least)


def compact_seeds(
    z: Array, w: Array, n_components: int, rng: np.random.RandomState
) -> NDArray[np.int64]:
    """As `kmeans_seeds`, by the same random numbers, for rows z (D, N)."""
    draws = rng.random_sample(n_draws(n_components))
    return drawn_seeds(z, w, n_components, draws)


def drawn_seeds(z: Array, w: Array, n_components: int, draws: Array) -> NDArray[np.int64]:
    """The same by uniform numbers that are drawn already, `n_draws` of them."""
    chosen = np.empty(n_components, dtype=np.int64)
    whole_start().seeds(z, w, draws, trials(n_components), chosen)
    return chosen


def n_draws(n_components: int) -> int:
    """How many random numbers seeds are drawn by."""
    return 1 + trials(n_components) * (n_components - 1)


def trials(n_components: int) -> int:
    """Candidates for each seed, as in scikit-learn."""
    return 2 + int(np.log(n_components))


def merged_few(
    rows: Compact, z: Array, chosen: NDArray[np.int64], wanted: Sequence[int]
) -> dict[int, list[tuple[State, float]]]:
    """Components seeded with some rows z (D, N), fitted roughly, and merged; their objectives.

    They are merged to so many, and so many, each fewer. There is nothing where that needs care. Of
    forms in which components share something they are fitted, and merged as if they did not.
    """
    k, d = wanted[0], len(z)
    seeds, points = chosen, z.T[chosen].tolist()
    if len({*map(tuple, points)}) < len(chosen):
        first: dict[tuple[float, ...], int] = {}
        for row, point in zip(chosen.tolist(), points, strict=True):
            first.setdefault(tuple(point), row)
        seeds = np.array([*first.values()]) if len(first) >= k else chosen[:k]
    many = len(seeds)
    part = SHRINKAGE if many > 1 else 0.0
    counts, sums, products = rows.prior(many)
    counts, products = counts.copy(), products.copy()
    found = np.empty((many, rows.phi.shape[1]))
    start = State.empty(many, d)
    if not (
        whole_start().grouped(
            z, seeds, rows.phi, rows.w, rows.quadratic, 0, part, counts, products, found
        )
        and rows.estimated(found, (counts, sums, products), start)
    ):
        return {}
    # All rows: a step of EM leads to the same, or to what is of the form.
    number = STEPS if many > 1 else 1
    worth = 0.0 if many == 1 and rows.form is None else rows.steps(start, number)
    if np.isnan(worth):
        return {}

    def merge(state: State, size: int, exponent: float) -> State | None:
        narrowed = state.copy()
        done = whole_start().merge(*narrowed.arrays, rows.family, size, exponent)
        return narrowed.first(size) if done else None

    def fit(state: State) -> tuple[State, float]:
        return state, rows.steps(state, FEWER_STEPS)

    return {many: [(start, worth)]} | _ends(start, stops(many, wanted), merge, fit)


def _merged_many(
    block: Block,
    model: Mixture,
    maximize: Maximization,
    seeded: list[tuple[Array, NDArray[Any]]],
    along: np.random.RandomState | None,
) -> tuple[Mixture, float]:
    """The likeliest of what rows in some coordinates and seeds among them lead to, and of groups
    along a column, where there are random numbers for these; its objective.
    """
    ends = [end for z, chosen in seeded for end in _merged(block, model, maximize, z, chosen)]
    if along is not None and 1 < model.n_components < len(block.rows):
        ends += _along_many(block, model, maximize, seeded[0][0], along)
    best = likeliest(ends)
    return best, max(worth for end, worth in ends if end is best)


def _merged(
    block: Block, model: Mixture, maximize: Maximization, z: Array, chosen: NDArray[Any]
) -> list[tuple[Mixture, float]]:
    """Components seeded with some rows, in coordinates z (n, D), fitted roughly, and merged.

    Rows go to the nearest seed, and the M-step of these groups and a few steps of EM follow.
    """
    k, d = model.means.shape
    seeds = z[chosen]
    distinct = np.sort(np.unique(seeds, axis=0, return_index=True)[1])
    seeds = seeds[distinct] if len(distinct) >= k else seeds[:k]
    many = len(seeds)
    around = model.rearranged(np.zeros(many, dtype=np.intp))
    groups = assigned(block._replace(memberships=_nearest(z, seeds, np.ones(d))), around)
    start = maximize(groups + _common(groups), around)
    if many == 1:
        return [(start, 0.0)]
    start, worth = _steps(block, start, maximize, STEPS)
    if many == k:
        return [(start, worth)]
    ends = _ends(start, sizes(many, k), reduce, lambda m: _steps(block, m, maximize, FEWER_STEPS))
    return ends[k]


def _steps(
    block: Block, mixture: Mixture, maximize: Maximization, number: int
) -> tuple[Mixture, float]:
    """So many steps of EM, and the objective of the last, in nats per row."""
    worth = -np.inf
    for _ in range(number):
        statistics = e_step(block, mixture)
        worth = (statistics.log_likelihood + maximize.log_prior(mixture)) / statistics.n_rows
        mixture = maximize(statistics, mixture)
    return mixture, float(np.fmax(worth, -np.inf))


def _too_many(n_components: int, limit: int) -> int:
    """How many components are merged into so many, where no more than a limit have enough rows."""
    factor = 1 if n_components == 1 else 3 if n_components <= 20 else 2
    return max(n_components, min(factor * n_components, limit))


def _common(found: Statistics) -> Statistics:
    """Some more rows, alike for all groups, with the scatter that the groups have in common."""
    k = len(found.n_weights)
    none, part = np.zeros(k), SHRINKAGE / k
    return replace(
        found,
        n_weights=none,
        n_means=none,
        n_scatter=np.full(k, part * found.n_rows),
        sums=np.zeros_like(found.sums),
        products=part * found.moment.shared(found.scatter, k),
        log_likelihood=0.0,
        n_rows=0.0,
    )


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
