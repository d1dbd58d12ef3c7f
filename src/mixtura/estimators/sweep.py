"""Fits of many sizes and families to the same rows, each with what it is worth."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.engines.memory import Memory
from mixtura.estimators import batch, wiring
from mixtura.estimators.hierarchical import HierarchicalStart
from mixtura.estimators.mixture import GaussianMixture
from mixtura.learn import completion, expectation, initial, selection
from mixtura.learn.data import Block
from mixtura.learn.hierarchy import Hierarchy
from mixtura.learn.reduction import split
from mixtura.model.covariance import Covariance, Diagonal, Full, Spherical, Tied, named
from mixtura.model.mixture import Mixture
from mixtura.model.reduction import reduce

Array = NDArray[np.float64]

PATH = "path"
"""The way to start that is one for all sizes."""

ON_THE_WAY = 12
"""Steps of EM after each merger on the way down from the largest mixture."""

PATH_ROWS = 20_000
"""Rows on which the way down is made where there are more."""

COLLAPSED = 1e-8
"""A component whose variance in some direction is less than this part of that of all rows is one
that the likelihood rewards without end."""

HALVED = 3
"""Components, the heaviest, in halves of which one component more begins."""

TRIAL = 40
"""Passes after which another start of a fit that is there must promise to be better."""

MERGED: tuple[type[Covariance], ...] = (Full, Tied, Diagonal, Spherical)
"""Families whose components merge to components of the family."""


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

    def of(self, index: NDArray[Any]) -> "Rows":
        """Some of them."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(self.x[index], weights, self.incomplete)

    def data(self) -> Memory:
        """The same for `fold`."""
        return Memory(self.x, self.weights, incomplete=self.incomplete)


@dataclass
class Cell:
    """One size and family: its fit, or why there is none."""

    n_components: int
    covariance_type: str
    model: GaussianMixture | None = None
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
    def fitted(self) -> GaussianMixture:
        """The fit, where there is one."""
        assert self.model is not None
        return self.model

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


class InTurn:
    """Ways to start, one after the other."""

    def __init__(self, ways: Sequence[Any]) -> None:
        self.ways = [*ways]

    def __call__(self, X: Any, n_components: int, random_state: Any) -> Any:
        """The next of them."""
        way = self.ways.pop(0)
        return way(X, n_components, random_state) if callable(way) else way


def swept(
    rows: Rows,
    ks: Sequence[int],
    families: Sequence[str],
    *,
    start: Any,
    n_init: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
    n_jobs: int | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> list[Cell]:
    """A cell for each family and size, family by family.

    Parameters
    ----------
    rows : Rows
    ks : sequence of int
        In rising order.
    families : sequence of str
    start : "path", or as ``init_params`` of `GaussianMixture`
    n_init : int
        Starts of a cell; with "path" those beside the one from the way down.
    options : dict
        Of `GaussianMixture`.
    rng : RandomState
    n_jobs : int or None
        Processes.
    tell : callable
        Hears what is done next.

    Returns
    -------
    list of Cell
    """
    if start == PATH and batch.are_jobs(rows.x, rows.incomplete):
        return _together(rows, ks, families, n_init, options, rng, tell)
    ways = _ways(rows, ks, families, start, n_init, options, rng, tell)
    tasks = [
        (k, family, ways[family, k], int(rng.randint(2**31))) for family in families for k in ks
    ]
    cells = _each(
        [(rows, k, family, way, options, seed) for k, family, way, seed in tasks],
        fitted_cell,
        n_jobs,
        lambda task: tell(f"fitting {task[1]} components, {task[2]}"),
    )
    if start == PATH:
        for family in families:
            if named(family) in MERGED:
                tell(f"trying neighbours of each size, {family}")
                _mend([c for c in cells if c.covariance_type == family], rows, options, rng)
    return cells


def _together(
    rows: Rows,
    ks: Sequence[int],
    families: Sequence[str],
    n_init: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
    tell: Callable[[str], object],
) -> list[Cell]:
    """All fits to few rows: each family on one way down, then from its neighbours' ends."""
    cells = [Cell(k, family) for family in families for k in ks]
    for cell in cells:
        if cell.n_components > rows.count:
            cell.notes.append(f"{cell.n_components} components for {rows.count} rows")
    tried = [cell for cell in cells if not cell.notes]
    tell(f"fitting {len(tried)} mixtures together")
    _bettered(tried, rows, options, [int(rng.randint(2**31))] * len(tried))
    alone = [
        cell for cell in tried if cell.n_components > 1 and named(cell.covariance_type) in MERGED
    ]
    for turn in range(n_init):
        again = tried if turn else alone  # the first is on the way down where that is costly
        tell(f"fitting {len(again)} mixtures with starts of their own, {turn + 1} of {n_init}")
        _bettered(again, rows, options, rng.randint(2**31, size=len(again)).tolist())
    pairs = [
        (a, b)
        for a, b in pairwise(tried)
        if a.covariance_type == b.covariance_type
        and named(a.covariance_type) in MERGED
        and b.n_components == a.n_components + 1
    ]
    tell("trying neighbours of each size")
    sizes = sorted({a.n_components for a, _ in pairs})
    for k in reversed(sizes):
        here = [(a, b) for a, b in pairs if a.n_components == k]
        merged = [reduce(b.fitted.mixture_, k) for _, b in here]
        _tried_again([a for a, _ in here], rows, options, merged)
    for k in sizes:
        split_up = [
            (b, half) for a, b in pairs if a.n_components == k for half in halves(a.fitted.mixture_)
        ]
        _tried_again([b for b, _ in split_up], rows, options, [m for _, m in split_up])
    return cells


def _tried_again(
    cells: Sequence[Cell], rows: Rows, options: dict[str, Any], starts: Sequence[Mixture]
) -> None:
    """Begin cells at mixtures; where a few steps promise more than there is, go on to the end."""
    few: dict[str, Any] = {"max_iter": min(options["max_iter"], TRIAL), "accelerate": "none"}
    best: dict[int, tuple[float, Cell, Mixture]] = {}
    for cell, model in zip(
        cells, _fitted(cells, rows, options | few, [0] * len(cells), starts), strict=True
    ):
        promise = model.lower_bound_ + model.remaining_gain_
        if promise > best.get(id(cell), (_objective(cell),))[0]:
            best[id(cell)] = promise, cell, model.mixture_
    again = [cell for _, cell, _ in best.values()]
    begins = [mixture for _, _, mixture in best.values()]
    _bettered(again, rows, options, [0] * len(again), begins)


def _bettered(
    cells: Sequence[Cell],
    rows: Rows,
    options: dict[str, Any],
    seeds: Sequence[int],
    starts: Sequence[Mixture] | None = None,
) -> None:
    """Fit cells together, perhaps from mixtures; each takes its fit if that is better."""
    for cell, model in zip(cells, _fitted(cells, rows, options, seeds, starts), strict=True):
        if cell.model is None or model.lower_bound_ > _objective(cell):
            cell.notes.clear()
            weighed(cell, model, rows)


def _fitted(
    cells: Sequence[Cell],
    rows: Rows,
    options: dict[str, Any],
    seeds: Sequence[int],
    starts: Sequence[Mixture] | None,
) -> list[GaussianMixture]:
    """A model for each cell, fitted together."""
    models = [
        GaussianMixture(
            cell.n_components, covariance_type=cell.covariance_type, random_state=seed, **options
        )
        for cell, seed in zip(cells, seeds, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        GaussianMixture.fit_all(models, rows.x, rows.weights, starts=starts)
    return models


def fitted_cell(
    rows: Rows, k: int, family: str, ways: Sequence[Any], options: dict[str, Any], seed: int
) -> Cell:
    """One fit, the best from several starts; what keeps it from being one is noted."""
    cell = Cell(k, family)
    model = GaussianMixture(
        k,
        covariance_type=family,
        init_params=InTurn(ways),
        n_init=len(ways),
        random_state=seed,
        **options,
    )
    try:
        _quietly(model, rows)
    except (ValueError, np.linalg.LinAlgError) as error:
        few = k > rows.count
        cell.notes.append(f"{k} components for {rows.count} rows" if few else str(error))
        return cell
    model.init_params, model.n_init = "merge", 1
    return weighed(cell, model, rows)


def weighed(cell: Cell, model: GaussianMixture, rows: Rows) -> Cell:
    """The cell with a fit and what it is worth."""
    mixture = model.mixture_
    sums = rows.data().fold(expectation.certainty_of, mixture)
    cell.model, cell.n_parameters = model, mixture.n_parameters
    cell.log_likelihood, cell.log_certainty, cell.n_rows = sums.tolist()
    gone = collapsed(mixture)
    cell.sound = not len(gone) and bool(np.isfinite(cell.log_likelihood))
    cell.usable = cell.sound and cell.n_parameters < cell.n_rows
    if len(gone):
        cell.notes.append(f"singular: component {int(gone[0])} has collapsed")
    elif not cell.sound:
        cell.notes.append("the log-likelihood is not finite")
    if cell.n_parameters >= cell.n_rows:
        cell.notes.append(f"{cell.n_parameters} parameters for {cell.n_rows:g} rows")
    if not model.converged_:
        cell.notes.append("not converged: raise max_iter")
    return cell


def collapsed(mixture: Mixture) -> NDArray[np.intp]:
    """Components that are all but flat against the covariance of the whole."""
    factor = np.linalg.cholesky(mixture.total_covariance())
    inverse = np.linalg.inv(factor)
    within = inverse @ mixture.covariances @ inverse.T
    smallest = np.linalg.eigvalsh(within)[:, 0]
    return np.flatnonzero((smallest < COLLAPSED) & (mixture.weights > 0))


def held_out(
    cells: Sequence[Cell],
    rows: Rows,
    n_folds: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
    n_jobs: int | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> None:
    """Fold by fold, refit what can be used to the other rows, from its fit to all of them."""
    present = np.arange(len(rows.x)) if rows.weights is None else np.flatnonzero(rows.weights > 0)
    order = rng.permutation(present)
    folds = [np.sort(part) for part in np.array_split(order, min(n_folds, len(order)))]
    used = [cell for cell in cells if cell.usable]
    tasks = [(rows, cell, folds, options, int(rng.randint(2**31))) for cell in used]
    found = _each(
        tasks,
        _scored,
        n_jobs,
        lambda task: tell(
            f"holding rows out: {task[1].n_components} components, {task[1].covariance_type}"
        ),
    )
    for cell, each in zip(used, found, strict=True):
        if each is None:
            cell.notes.append("rows held out could not be scored: too few are left")
        else:
            cell.folds = each


def _scored(
    rows: Rows, cell: Cell, folds: Sequence[NDArray[Any]], options: dict[str, Any], seed: int
) -> Array | None:
    """Minus the log density and the weight of each fold, (F, 2)."""
    found = np.empty((len(folds), 2))
    for f, out in enumerate(folds):
        rest = rows.of(np.sort(np.concatenate([*folds[:f], *folds[f + 1 :]])))
        model = GaussianMixture(
            cell.n_components,
            covariance_type=cell.covariance_type,
            init_params=InTurn([cell.fitted.mixture_]),
            random_state=seed,
            **options,
        )
        try:
            _quietly(model, rest)
        except (ValueError, np.linalg.LinAlgError):
            return None
        log_likelihood, n = rows.of(out).data().fold(expectation.likelihood_of, model.mixture_)
        found[f] = -log_likelihood, n
    return found


def _each(
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


def _quietly(model: GaussianMixture, rows: Rows) -> None:
    """Fit; whether it converged is told otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.x, sample_weight=rows.weights)


def _ways(
    rows: Rows,
    ks: Sequence[int],
    families: Sequence[str],
    start: Any,
    n_init: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
    tell: Callable[[str], object],
) -> dict[tuple[str, int], list[Any]]:
    """The starts of each cell."""
    pairs = [(family, k) for family in families for k in ks]
    if isinstance(start, str) and start == "hierarchical":
        start = HierarchicalStart()
    if isinstance(start, HierarchicalStart):
        tell("joining rows")
        tree = start.hierarchy(_block(rows, start.rows, rng))
        return {pair: [tree, *["merge"] * (n_init - 1)] for pair in pairs}
    if not (isinstance(start, str) and start == PATH):
        return {pair: [start] * n_init for pair in pairs}
    fresh: list[Any] = ["merge"] * n_init
    found = {pair: [*fresh] for pair in pairs}
    size = min(max(ks), rows.count)
    if size > 1 and len(ks) > 1:
        block = _block(rows, PATH_ROWS, rng)
        shared: Hierarchy | None = None
        for family in families:
            tell(f"merging {size} components step by step, {family}")
            if named(family) in MERGED:
                way = path(block, family, size, min(ks), options, rng)
                starts: dict[int, Any] = {**way}
            else:
                if shared is None:
                    shared = _partitions(path(block, "full", size, min(ks), options, rng), block)
                starts = dict.fromkeys(range(1, size + 1), shared)
            for k in ks:
                if k in starts:
                    found[family, k].insert(0, starts[k])
    return found


def _block(rows: Rows, n: int, rng: np.random.RandomState) -> Block:
    """At most n rows to start from; what they miss is drawn."""
    data = rows.data()
    block = data.sample(n, rng)
    return completion.filled(block, initial.total(data), rng) if rows.incomplete else block


def _partitions(way: dict[int, Mixture], block: Block) -> Hierarchy:
    """Shares of rows in the components of mixtures of all sizes, for families of other forms."""

    def cut(k: int) -> Array:
        return expectation.responsibilities(block, way[k])

    return Hierarchy(block, cut)


def path(
    block: Block,
    family: str,
    size: int,
    least: int,
    options: dict[str, Any],
    rng: np.random.RandomState,
) -> dict[int, Mixture]:
    """Mixtures of every size from the largest down, rough ones [@Runnalls2007].

    Of each, the pair of components is merged that costs least, and a few steps of EM follow.
    """
    rows = Rows(block.rows, block.weights, False)
    rough: dict[str, Any] = options | {"tol": max(1e-3, options["tol"]), "max_iter": 100}
    few: dict[str, Any] = rough | {"accelerate": "none", "max_iter": ON_THE_WAY}
    model = GaussianMixture(
        size, covariance_type=family, random_state=int(rng.randint(2**31)), **rough
    )
    _quietly(model, rows)
    found = {size: model.mixture_}
    for k in range(size - 1, least - 1, -1):
        model = GaussianMixture(
            k,
            covariance_type=family,
            init_params=wiring.beginning_at(reduce(found[k + 1], k)),
            **few,
        )
        _quietly(model, rows)
        found[k] = model.mixture_
    return found


def _mend(
    cells: Sequence[Cell], rows: Rows, options: dict[str, Any], rng: np.random.RandomState
) -> None:
    """Fits of one family that begin where those of one component more, and of one less, ended.

    Of many rows only those are tried again that are less likely than with one component less.
    """
    all_of_them = rows.count <= PATH_ROWS
    fitted = sorted((c for c in cells if c.model is not None), key=lambda c: c.n_components)
    pairs = [(a, b) for a, b in pairwise(fitted) if b.n_components == a.n_components + 1]
    for small, large in reversed(pairs if all_of_them else []):
        merged = reduce(large.fitted.mixture_, small.n_components)
        _retried(small, [merged], rows, options, rng)
    for small, large in pairs:
        if all_of_them or large.log_likelihood < small.log_likelihood:
            _retried(large, halves(small.fitted.mixture_), rows, options, rng)


def _retried(
    cell: Cell,
    ways: Sequence[Any],
    rows: Rows,
    options: dict[str, Any],
    rng: np.random.RandomState,
) -> None:
    """Other starts of a cell, which takes their fit if it is better."""
    k, family, seed = cell.n_components, cell.covariance_type, int(rng.randint(2**31))
    rough: dict[str, Any] = options | {"max_iter": min(options["max_iter"], TRIAL)}
    again = fitted_cell(rows, k, family, ways, rough, seed)
    if again.model is None or _promise(again) <= _objective(cell):
        return
    if not again.model.converged_:
        again = fitted_cell(rows, k, family, [again.model.mixture_], options, seed)
    if again.model is not None and _objective(again) > _objective(cell):
        cell.__dict__.update(again.__dict__)


def _promise(cell: Cell) -> float:
    """What the fit would come to at its end, as far as its last gains tell."""
    return _objective(cell) + cell.fitted.remaining_gain_


def halves(mixture: Mixture) -> list[Mixture]:
    """Starts with one component more: one of the heaviest in halves."""
    k = mixture.n_components
    found: list[Mixture] = []
    for j in np.argsort(-mixture.weights, kind="stable")[:HALVED]:
        wider = mixture.rearranged(np.append(np.arange(k), j))
        weights = np.append(mixture.weights, 0.0)
        found.append(split(Mixture(weights, wider.means, wider.covariance), int(j), k))
    return found


def _objective(cell: Cell) -> float:
    """What the fit made as large as it could, in nats per row."""
    return cell.fitted.lower_bound_


def table(cells: Iterable[Cell]) -> dict[str, Any]:
    """Columns of equal length, a row a cell; of criteria the smaller is the better."""
    cells = [*cells]

    def column(ask: Callable[[Cell], Any], missing: Any = np.nan) -> NDArray[Any]:
        return np.array([missing if cell.model is None else ask(cell) for cell in cells])

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
        "converged": column(lambda cell: bool(cell.fitted.converged_), False),
        "usable": np.array([cell.usable for cell in cells]),
        "note": np.array(["; ".join(cell.notes) for cell in cells]),
    }
