import numpy as np
import pytest

from mixtura import Full, Mixture
from mixtura.engines.memory import Memory
from mixtura.learn import initial
from mixtura.learn.data import Block
from mixtura.learn.maximization import Maximization
from mixtura.model.covariance import FAMILIES

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
    np.testing.assert_allclose(values[0], initial.ROUNDING, rtol=1e-3)
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


@pytest.mark.parametrize("family", FAMILIES)
def test_components_alike_are_all_rows_each(family):
    model = initial.alike(total(X), FAMILIES[family], 4)
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
    floor = initial.ROUNDING * np.diagonal(whole.covariances[0])
    form = FAMILIES[family]
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


@pytest.mark.parametrize("family", FAMILIES)
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
