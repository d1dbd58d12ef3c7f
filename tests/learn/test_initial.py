from dataclasses import replace

import numpy as np
import pytest

from mixtura import Full, Mixture, NormalInverseWishart
from mixtura.engines.memory import Memory
from mixtura.learn import initial
from mixtura.learn.compact import Compact
from mixtura.learn.data import Block
from mixtura.learn.expectation import assigned, e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.spread import ROUNDING, floors
from mixtura.model.reduction import reduce
from tests.laws.registries import MOMENTS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 3)) @ RNG.normal(size=(3, 3)) + [1.0, -20.0, 0.0]


def total(x, weights=None, **options):
    return initial.total(Memory(np.asarray(x), weights, threads=1, **options))


# All rows as one Gaussian


def test_total_is_mean_and_covariance():
    found = total(X)
    np.testing.assert_allclose(found.mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.covariances[0], np.cov(X.T, bias=True), rtol=1e-12)


def test_total_heeds_weights():
    w = RNG.integers(0, 4, len(X))
    found = total(X, w.astype(float))
    np.testing.assert_allclose(found.mean, np.average(X, axis=0, weights=w), rtol=1e-13)
    expected = np.cov(X.T, fweights=w, bias=True)
    np.testing.assert_allclose(found.covariances[0], expected, rtol=1e-12)


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e9])
def test_a_huge_offset_costs_nothing(offset):
    # Whole numbers of 2⁻²⁰, so that the shifted rows are the same rows exactly.
    x = np.round(X * 2**20) / 2**20
    found = total(x + offset)
    np.testing.assert_allclose(found.covariances[0], total(x).covariances[0], rtol=1e-11)


def test_an_outlier_that_the_first_look_misses_costs_nothing():
    x = np.vstack([X, [[1e9, 1e9, -1e9]] * 3, X])
    wide = x.astype(np.longdouble)
    expected = (wide - wide.mean(axis=0)).T @ (wide - wide.mean(axis=0)) / len(x)
    np.testing.assert_allclose(total(x).covariances[0], expected.astype(float), rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e6, 0.1, 1e-30])
def test_a_constant_column_gets_a_millionth_of_its_size(value):
    x = np.column_stack([X[:, 0], np.full(len(X), value)])
    found = total(x)
    np.testing.assert_allclose(found.mean[1], value, rtol=1e-14)
    expected = (1e-6 * (abs(value) or 1.0)) ** 2
    np.testing.assert_allclose(found.covariances[0][1, 1], expected, rtol=1e-12)
    np.testing.assert_allclose(found.covariances[0][0, 0], X[:, 0].var(), rtol=1e-12)
    assert not found.covariance.degenerate(1).any()


def test_a_small_variance_beside_a_large_mean_is_not_constant():
    x = np.column_stack([X[:, 0], 1e6 + 1e-6 * RNG.integers(0, 100, len(X))])
    expected = np.cov((x - [0.0, 1e6]).T, bias=True)
    np.testing.assert_allclose(total(x).covariances[0], expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_collinear_columns_get_the_least_that_is_definite(scale):
    x = scale * np.column_stack([X, X @ [1.0, 2.0, -1.0]])
    found = total(x)
    assert not found.covariance.degenerate(1).any()
    matrix = found.covariances[0]
    root = np.sqrt(np.diagonal(matrix))
    values = np.linalg.eigvalsh(matrix / root / root[:, None])
    np.testing.assert_allclose(values[0], ROUNDING, rtol=1e-3)
    np.testing.assert_allclose(matrix, np.cov(x.T, bias=True), atol=1e-9 * matrix.max())


def test_fewer_rows_than_columns():
    found = total(X[:2])
    assert not found.covariance.degenerate(1).any()
    np.testing.assert_allclose(found.mean, X[:2].mean(axis=0), rtol=1e-12)


def test_one_row_many_times():
    found = total(np.repeat(X[:1], 5, axis=0))
    np.testing.assert_allclose(found.mean, X[0], rtol=1e-14)
    np.testing.assert_allclose(np.diagonal(found.covariances[0]), (1e-6 * X[0]) ** 2, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, bool])
def test_rows_of_other_types(dtype):
    x = RNG.integers(0, 2 if dtype is bool else 200, (300, 2)).astype(dtype)
    expected = np.cov(x.T.astype(float), bias=True)
    np.testing.assert_allclose(total(x).covariances[0], expected, rtol=1e-12)


# Starts


@pytest.mark.parametrize("family", MOMENTS)
def test_components_alike_are_all_rows_each(family):
    model = initial.alike(total(X), MOMENTS[family], 4)
    assert model.n_components == 4
    np.testing.assert_allclose(model.means, np.repeat(X.mean(axis=0)[None], 4, axis=0))
    np.testing.assert_array_equal(model.weights, 0.25)
    expected = np.cov(X.T, bias=True)
    for matrix in model.covariances:
        np.testing.assert_allclose(np.trace(matrix), np.trace(expected))
    if family in ("full", "tied"):
        np.testing.assert_allclose(model.covariances[0], expected, rtol=1e-11)


def begin(family, k, x=X):
    whole = total(x)
    floor = floors(np.diagonal(whole.covariances[0]))
    form = MOMENTS[family]
    return initial.alike(whole, form, k), Maximization(form, None, floor)


LABELS = np.arange(len(X)) % 3


def expected_from(labels):
    means = np.array([X[labels == k].mean(axis=0) for k in range(3)])
    dense = np.array([np.cov(X[labels == k].T, bias=True) for k in range(3)])
    return np.bincount(labels) / len(labels), means, dense


@pytest.mark.parametrize("start", ["whole", "sample"])
def test_labels_give_the_moments_of_their_rows(start):
    model, maximize = begin("full", 3)
    if start == "whole":
        data = Memory(X, memberships=LABELS, block_rows=100)
        found = initial.from_memberships(data, model, maximize)
    else:
        found = initial.from_sample(Block(X, np.ones(len(X))), LABELS, model, maximize)
    weights, means, dense = expected_from(LABELS)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-13)
    np.testing.assert_allclose(found.means, means, rtol=1e-11)
    np.testing.assert_allclose(found.covariances, dense, rtol=1e-9)


def test_a_label_without_rows_is_like_all_rows_and_weighs_nothing():
    model, maximize = begin("full", 4)
    found = initial.from_memberships(Memory(X, memberships=LABELS), model, maximize)
    assert found.weights[3] == 0
    np.testing.assert_allclose(found.means[3], X.mean(axis=0))
    np.testing.assert_allclose(found.covariances[3], np.cov(X.T, bias=True), rtol=1e-10)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_centres_share_what_is_left_about_them(family, offset):
    rng = np.random.default_rng(1)
    centres = np.array([[0.0, 0.0], [0.0, 100.0], [8.0, 0.0]]) + offset
    labels = np.repeat([0, 1, 2], [20, 30, 50])
    # The second column is in other units, so that plain distances would take its part.
    x = centres[labels] + np.round(rng.normal(size=(100, 2)) * [0.5, 10.0] * 2**10) / 2**10
    model, maximize = begin(family, 3, x)
    found = initial.from_centres(Block(x, np.ones(100)), centres, model, maximize)
    np.testing.assert_array_equal(found.weights, 1 / 3)
    np.testing.assert_allclose(found.means, centres, rtol=1e-15)
    unit = x.std(axis=0)
    nearest = (((x[:, None] - centres) / unit) ** 2).sum(axis=2).argmin(axis=1)
    groups = [x[nearest == k] for k in range(3)]
    pooled = sum(np.cov(g.T, bias=True) * len(g) for g in groups) / 100
    expected = {
        "full": pooled,
        "tied": pooled,
        "diag": np.diag(np.diagonal(pooled)),
        "spherical": np.trace(pooled) / 2 * np.eye(2),
    }[family]
    for matrix in found.covariances:
        np.testing.assert_allclose(matrix, expected, rtol=1e-9, atol=1e-12)


def test_kmeans_finds_groups_that_are_there():
    x = np.vstack([X[:50] * 0.01, X[:50] * 0.01 + 9.0, X[:50] * 0.01 - 9.0])
    block = Block(x, np.ones(150))
    labels = initial.kmeans_labels(block, 3, np.random.RandomState(0))
    assert all(len(set(labels[i : i + 50])) == 1 for i in (0, 50, 100))
    seeds = initial.kmeans_seeds(block, 3, np.random.RandomState(0))
    assert sorted(seeds // 50) == [0, 1, 2]


def test_kmeans_with_fewer_distinct_rows_than_groups_is_no_warning():
    block = Block(np.repeat(X[:2], 5, axis=0), np.ones(10))
    assert set(initial.kmeans_labels(block, 4, np.random.RandomState(0))) <= {0, 1, 2, 3}


@pytest.mark.parametrize("scale", [1e-160, 1e140])
def test_kmeans_of_rows_whose_squares_leave_float64(scale):
    x = scale * np.array([[0.0], [1.0], [2.0], [50.0], [51.0], [52.0]])
    labels = initial.kmeans_labels(Block(x, np.ones(6)), 2, np.random.RandomState(0))
    assert len(set(labels[:3])) == len(set(labels[3:])) == 1
    assert labels[0] != labels[5]


def test_weights_count_in_kmeans():
    x = np.array([[0.0], [1.0], [10.0], [11.0], [100.0]])
    block = Block(x, np.array([1e6, 1e6, 1e6, 1e6, 1e-9]))
    labels = initial.kmeans_labels(block, 2, np.random.RandomState(0))
    assert labels[0] == labels[1] != labels[2] == labels[3]


def test_single_gaussian_from_labels_of_one():
    model, maximize = begin("full", 1)
    labels = np.zeros(len(X), int)
    found = initial.from_memberships(Memory(X, memberships=labels), model, maximize)
    expected = Mixture.of([1.0], [X.mean(axis=0)], [np.cov(X.T, bias=True)], family=Full)
    np.testing.assert_allclose(found.log_density(X), expected.log_density(X), rtol=1e-10)


# Merging


def merge(family, k, x, weights=None, seed=0, **options):
    model, maximize = begin(family, k, np.asarray(x, dtype=np.float64))
    options = {"prior": Penalty(model.total_covariance(), len(x) ** -0.5), **options}
    maximize = replace(maximize, **options)
    weights = np.ones(len(x)) if weights is None else weights
    rng = np.random.RandomState(seed)
    return initial.from_merging(Block(x, weights), model, maximize, rng)


def corners(n=40, spread=0.1, seed=0):
    """Rows about the corners of a square, and the corners."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [0.0, 8.0], [8.0, 0.0], [8.0, 8.0]])
    return np.repeat(centres, n, axis=0) + spread * rng.normal(size=(4 * n, 2)), centres


def assert_at(found, centres, atol):
    order = ((found.means[:, None] - centres) ** 2).sum(axis=2).argmin(axis=0)
    assert len(set(order)) == len(centres)
    np.testing.assert_allclose(found.means[order], centres, atol=atol)
    return order


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_merging_finds_groups_that_are_there(family, dtype):
    x, centres = corners()
    if dtype is np.int32:
        x, centres = np.round(100 * x), 100 * centres
    found = merge(family, 4, x.astype(dtype))
    order = assert_at(found, centres, atol=0.06 * x.max() / 8)
    np.testing.assert_allclose(found.weights[order], 0.25, atol=1e-6)
    assert isinstance(found.covariance, MOMENTS[family])
    assert not found.covariance.degenerate(4).any()


@pytest.mark.parametrize("family", MOMENTS)
def test_merging_into_one_is_all_rows(family):
    found = merge(family, 1, X, prior=None)
    np.testing.assert_allclose(found.means, X.mean(axis=0)[None], rtol=1e-9)
    expected = initial.alike(total(X), MOMENTS[family], 1)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-7)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("distinct", [1, 2, 3, 5])
def test_merging_with_few_distinct_rows(family, distinct):
    """Fewer than components, as many, and fewer than three for each component."""
    x = np.repeat(corners(n=2)[0][[0, 2, 4, 6, 7]][:distinct], 6, axis=0)
    found = merge(family, 3, x)
    assert found.n_components == 3
    np.testing.assert_allclose(found.weights.sum(), 1.0)
    assert np.isfinite(found.means).all()
    assert not found.covariance.degenerate(3).any()
    if distinct == 3:
        assert_at(found, x[::6], atol=1e-6)


def test_merging_as_many_components_as_rows():
    x = corners(n=1)[0]
    found = merge("diag", 4, x)
    np.testing.assert_allclose(found.weights.sum(), 1.0)
    assert not found.covariance.degenerate(4).any()


@pytest.mark.parametrize("family", MOMENTS)
def test_weights_count_in_merging(family):
    x, centres = corners()
    x = np.vstack([x, [[1e3, 1e3]]])
    weights = np.append(np.repeat([1.0, 1.0, 2.0, 4.0], 40), 1e-12)
    whole = total(x, weights)
    form = MOMENTS[family]
    maximize = Maximization(form, None, floors(np.diagonal(whole.covariances[0])))
    model = initial.alike(whole, form, 4)
    found = initial.from_merging(Block(x, weights), model, maximize, np.random.RandomState(0))
    order = assert_at(found, centres, atol=0.06)
    np.testing.assert_allclose(found.weights[order], np.array([1, 1, 2, 4]) / 8, atol=1e-6)


@pytest.mark.parametrize("family", MOMENTS)
def test_merging_asks_the_prior_and_the_constraint(family):
    x, _ = corners()
    whole = total(x)
    prior = NormalInverseWishart.default(whole.mean, whole.covariances[0], 4)
    heavy = replace(prior, shrinkage=1e9)
    for mean in merge(family, 4, x, prior=heavy).means:
        np.testing.assert_allclose(mean, whole.mean, atol=1e-3)
    floored = merge(family, 4, x, constrain=lambda c: c.floored(np.full(2, 2.0)))
    assert np.linalg.eigvalsh(floored.covariances).min() > 2.0 - 1e-9


def test_the_same_number_is_the_same_merging():
    one, two, other = (merge("full", 3, X, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.to_vector(), two.to_vector())
    assert not np.array_equal(one.to_vector(), other.to_vector())


@pytest.mark.parametrize("family", MOMENTS)
def test_merging_in_other_units(family):
    """Of columns; of all columns together for the spherical family."""
    x = corners(n=60, spread=1.5)[0] @ [[1.0, 0.4], [0.0, 1.0]]
    matrix = 1e3 * np.eye(2) if family == "spherical" else np.diag([1e-4, 1e5])
    here, there = merge(family, 5, x), merge(family, 5, x @ matrix.T + 30.0)
    np.testing.assert_allclose(there.weights, here.weights, rtol=1e-6)
    np.testing.assert_allclose(there.means, here.means @ matrix.T + 30.0, rtol=1e-6)
    expected = matrix @ here.covariances @ matrix.T
    np.testing.assert_allclose(there.covariances, expected, rtol=1e-6, atol=1e-8 * expected.max())


@pytest.mark.parametrize(
    ("n", "d"), [(60, 3), (900, 3), (12, 10), (90, 10), (30, 30), (40, 30), (900, 30)]
)
def test_merging_groups_that_are_apart_in_one_of_many_directions(n, d):
    """Also with fewer rows than matrices of their own would need."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)) + np.where(np.arange(n) % 2, 20.0, -20.0)[:, None]
    found = merge("full", 2, x)
    order = found.means[:, 0].argsort()
    np.testing.assert_array_equal(order[np.arange(n) % 2], found.responsibilities(x).argmax(axis=1))
    assert not found.covariance.degenerate(2).any()


def test_merging_groups_that_are_thin_and_side_by_side():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)) * [0.05, 30.0]
    x[:, 0] += np.arange(600) % 3
    x = x @ [[1.0, 1.0], [-1.0, 1.0]]
    found = merge("full", 3, x)
    labels = found.responsibilities(x).argmax(axis=1)
    assert len(set(zip(np.arange(600) % 3, labels, strict=True))) == 3


def test_merging_finds_small_groups_far_from_large_ones():
    """Five of a hundred rows each and three of two thousand, as in the set called unbalance."""
    rng = np.random.default_rng(0)
    sizes = [2000] * 3 + [100] * 5
    centres = [[0, 0], [0, 20], [6, 10], *([400, y] for y in (0, 30, 60, 90, 120))]
    x = np.repeat(centres, sizes, axis=0) + rng.normal(size=(sum(sizes), 2)) * 2.0
    labels = np.repeat(np.arange(8), sizes)
    for seed in range(3):
        found = merge("full", 8, x, seed=seed).responsibilities(x).argmax(axis=1)
        small = {(a, b) for a, b in zip(labels, found, strict=True) if a >= 3}
        assert len(small) == len({b for _, b in small}) == 5


def test_merging_wants_rows_for_its_parameters_and_not_too_many():
    assert initial.rows_to_merge(begin("spherical", 2)[0]) == 5_000
    x = RNG.normal(size=(60, 30))
    k = initial.alike(total(x), Full, 2)
    assert initial.rows_to_merge(k) == 20 * (2 * (30 * 31 // 2 + 30) + 1)
    assert initial.rows_to_merge(initial.alike(total(x), Full, 90)) == initial.SAMPLE


@pytest.mark.parametrize("family", MOMENTS)
def test_what_groups_have_in_common_is_their_pooled_scatter(family):
    model, maximize = begin(family, 3)
    found = assigned(Block(X, np.ones(len(X)), LABELS), model)
    extra = initial._common(found)
    part = initial.SHRINKAGE
    np.testing.assert_allclose(extra.n_scatter.sum(), part * len(X))
    mixed = maximize(found + extra, model)
    _, means, dense = expected_from(LABELS)
    np.testing.assert_allclose(mixed.means, means, rtol=1e-9, atol=1e-9)
    counts = np.bincount(LABELS)
    if family == "full":
        pooled = np.einsum("k,kij->ij", counts, dense) / len(X)
        own = part * len(X) / 3
        expected = (counts[:, None, None] * dense + own * pooled) / (counts + own)[:, None, None]
        np.testing.assert_allclose(mixed.covariances, expected, rtol=1e-8)
    if family == "tied":
        plain = maximize(found, model)
        np.testing.assert_allclose(mixed.covariances, plain.covariances, rtol=1e-10)


@pytest.mark.parametrize(
    ("k", "limit", "expected"),
    [(1, 99, 1), (2, 99, 6), (20, 99, 60), (21, 99, 42), (5, 12, 12), (5, 3, 5), (30, 40, 40)],
)
def test_more_components_than_are_wanted(k, limit, expected):
    assert initial._too_many(k, limit) == expected


@pytest.mark.parametrize("family", MOMENTS)
def test_merging_is_hardly_worse_than_where_its_rows_came_from(family):
    """Before the fit itself, within 0.05 nats per row of EM begun from the truth, on average."""
    gaps = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth = initial.alike(total(X), MOMENTS[family], 6)
        root = np.sqrt(np.trace(truth.covariances[0]))
        truth = Mixture(truth.weights, 3 * root * rng.normal(size=(6, 3)), truth.covariance)
        x = truth.sample(600, seed)[0]
        score = e_step(Block(x, np.ones(600)), merge(family, 6, x, seed=seed)).log_likelihood
        gaps.append((e_step(Block(x, np.ones(600)), truth).log_likelihood - score) / 600)
    assert np.mean(gaps) < 0.05


# Few rows: the start by merging in compiled code


def compact(family, k, x=X, weights=None, prior=True):
    model, maximize = begin(family, k, x)
    if prior:
        penalty = Penalty(model.total_covariance(), 0.1)
        maximize = replace(maximize, prior=penalty)
    block = Block(x, np.ones(len(x)) if weights is None else weights)
    return Compact.of(block, model, maximize), block, model, maximize


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 2, 12, 40])
def test_compact_seeds_are_those_of_scikit_learn(k, weighted):
    weights = RNG.uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    rows, *_ = compact("full", 3, weights=weights)
    for seed in range(5):
        found = initial.compact_seeds(rows.z, rows.w, k, np.random.RandomState(seed))
        block = Block(np.ascontiguousarray(rows.z.T), weights)
        expected = initial.kmeans_seeds(block, k, np.random.RandomState(seed))
        np.testing.assert_array_equal(found, expected)


def test_compact_seeds_leave_the_generator_where_scikit_learn_does():
    rows, block, *_ = compact("full", 3)
    one, two = np.random.RandomState(0), np.random.RandomState(0)
    initial.compact_seeds(rows.z, rows.w, 9, one)
    initial.kmeans_seeds(block, 9, two)
    assert one.random_sample() == two.random_sample()


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("prior", [False, True])
@pytest.mark.parametrize("family", MOMENTS)
def test_merging_few_rows_is_merging_rows(family, prior, way):
    weights = np.random.default_rng(0).integers(1, 4, len(X)).astype(float)
    rows, block, model, maximize = compact(family, 4, weights=weights, prior=prior)
    z = initial.whitened(rows, model)[way if rows.quadratic else 0]
    chosen = initial.compact_seeds(z, rows.w, 12, np.random.RandomState(3))
    few = initial.merged_few(rows, z, chosen, [4])[4]
    many = initial._merged(block, model, maximize, np.ascontiguousarray(z.T), chosen)
    for (state, worth), (expected, objective) in zip(few, many, strict=True):
        found = rows.mixture(state)
        np.testing.assert_allclose(found.weights, expected.weights, atol=1e-9)
        np.testing.assert_allclose(found.means, expected.means, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(worth, objective, rtol=1e-11)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("exponent", [0.0, 0.5])
@pytest.mark.parametrize("left", [1, 2, 7])
def test_compiled_merging_is_reduction(family, left, exponent):
    """Rows that are of unit size already: coordinates are those of the mixture."""
    rng = np.random.default_rng(left)
    model, maximize = begin(family, 8)
    labels = rng.integers(0, 8, len(X))
    many = initial.from_sample(Block(X, np.ones(len(X))), labels, model, maximize)
    many = Mixture(rng.dirichlet(np.ones(8)), many.means + rng.normal(size=(8, 3)), many.covariance)
    rows = Compact.of(Block(X, np.ones(len(X))), model, maximize)
    state = rows.state(many)
    assert initial.whole_start().merge(*state.arrays, rows.family, left, exponent)
    found, expected = rows.mixture(state.first(left)), reduce(many, left, exponent)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-12)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-9)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-9, atol=1e-12)


def test_compiled_merging_gives_up_where_a_covariance_is_not_definite():
    rows, *_ = compact("full", 3)
    weights, means = np.full(3, 1 / 3), np.zeros((3, 3))
    covariances = np.repeat(np.eye(3)[None], 3, axis=0)
    covariances[1, 2, 2] = -1.0
    assert not initial.whole_start().merge(weights, means, covariances, rows.family, 2, 0.0)


@pytest.mark.parametrize("family", MOMENTS)
def test_few_rows_that_need_care_start_as_others_do(family):
    """Three distinct rows for four components: groups without rows, which Python sees to."""
    x = np.repeat(X[:3], 20, axis=0)
    rows, block, model, maximize = compact(family, 4, x)
    found = initial.from_merging(block, model, maximize, np.random.RandomState(0), rows)
    z = initial.whitened(rows, model)[0]
    chosen = initial.compact_seeds(z, rows.w, 12, np.random.RandomState(0))
    assert initial.merged_few(rows, z, chosen, [4]).get(4, []) == []
    assert np.isfinite(found.means).all()
    assert found.n_components == 4
