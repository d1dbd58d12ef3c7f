"""Trees of rows: Ward's by SciPy, the others by trying every pair, and mclust's recorded ones."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, ward

from mixtura.learn import hierarchy
from mixtura.learn.data import Block
from mixtura.learn.hierarchy import Quantiles, grown

JOINS = {
    "VVV": hierarchy.own_matrices,
    "EEE": hierarchy.one_matrix,
    "VII": hierarchy.own_variances,
    "EII": hierarchy.one_variance,
}


def block(x, w=None):
    return Block(np.asarray(x), np.ones(len(x)) if w is None else np.asarray(w, dtype=float))


def three_groups(seed, n=20, d=3):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(d, d))
    return np.vstack(
        [
            rng.normal(size=(n, d)) @ a,
            rng.normal(size=(n // 2, d)) + 4.0,
            0.3 * rng.normal(size=(n // 2, d)) - 3.0,
        ]
    )


def same(one, other):
    """Whether two partitions are the same, whatever their numbers."""
    pairs = len({*zip(one.tolist(), other.tolist(), strict=True)})
    return pairs == len({*one.tolist()}) == len({*other.tolist()})


def scatter(x):
    centred = x - x.mean(axis=0)
    return centred.T @ centred


def term(x, whole, model):
    """What a group adds to the criterion of one of the two that have matrices of their own."""
    n, d = x.shape
    alpha = np.trace(scatter(whole)) / whole.size
    within = scatter(x)
    rest = (np.trace(within) + alpha) / n
    volume = np.linalg.det(within / n) if model == "VVV" and n > d else 0.0
    return n * np.log(volume + rest)


def cost(x, labels, model):
    """The criterion of a partition, from the definition."""
    groups = [x[labels == g] for g in np.unique(labels)]
    if model in ("VVV", "VII"):
        return sum(term(g, x, model) for g in groups)
    within = sum(scatter(g) for g in groups) / len(x)
    mean_variance = np.trace(scatter(x)) / x.size
    volume = np.linalg.det(within)
    if len(x) - len(groups) < x.shape[1]:
        return np.trace(within)
    return volume if volume >= mean_variance else volume + np.trace(within)


def greedy(x, model):
    """Partitions, joining again and again the pair that leaves the smallest criterion."""
    labels = np.arange(len(x))
    found = {len(x): labels}
    while len(np.unique(labels)) > 1:
        numbers = np.unique(labels)
        tried = [
            (cost(x, np.where(labels == b, a, labels), model), a, b)
            for i, a in enumerate(numbers)
            for b in numbers[i + 1 :]
        ]
        _, a, b = min(tried)
        labels = np.where(labels == b, a, labels)
        found[len(np.unique(labels))] = labels
    return found


@pytest.mark.parametrize("model", ["VVV", "VII", "EEE"])
@pytest.mark.parametrize("size", [0.3, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_cheapest_pair_of_all_is_joined(model, seed, size):
    x = three_groups(seed, n=12, d=2)
    x = (x - x.mean(axis=0)) / x.std(axis=0) * size
    tree = grown(block(x), JOINS[model], hierarchy.as_they_are)
    for k, labels in greedy(x, model).items():
        assert same(tree(k), labels), k


@pytest.mark.parametrize("seed", range(3))
def test_spheres_of_one_size_are_wards_method(seed):
    x = three_groups(seed, n=60, d=4)
    tree, theirs = grown(block(x), JOINS["EII"], hierarchy.as_they_are), ward(x)
    for k in range(1, 20):
        assert same(tree(k), fcluster(theirs, k, "maxclust")), k


@pytest.mark.parametrize("model", JOINS)
@pytest.mark.parametrize("view", [hierarchy.halfway_to_spherical, hierarchy.as_they_are])
def test_a_weight_is_that_many_rows(model, view):
    x = three_groups(3)
    w = np.random.default_rng(4).integers(1, 4, len(x))
    one = grown(block(x, w), JOINS[model], view)
    many = grown(block(np.repeat(x, w, axis=0)), JOINS[model], view)
    for k in range(1, 8):
        assert same(np.repeat(one(k), w), many(k)), k


@pytest.mark.parametrize("model", JOINS)
def test_equal_rows_are_never_apart(model):
    x = np.repeat(three_groups(5, n=8), 3, axis=0)[np.random.default_rng(6).permutation(48)]
    tree = grown(block(x), JOINS[model], hierarchy.halfway_to_spherical)
    for k in (2, 5, 16, 40):
        labels = tree(k)
        for row in np.unique(x, axis=0):
            assert len(np.unique(labels[(x == row).all(axis=1)])) == 1
    assert len(np.unique(tree(40))) == 16  # as many as there are rows that differ


@pytest.mark.parametrize("view", [hierarchy.standardised, hierarchy.halfway_to_spherical])
@pytest.mark.parametrize("model", JOINS)
def test_units_and_origins_of_columns_play_no_part_once_standardised(model, view):
    x = three_groups(7)
    tree = grown(block(x), JOINS[model], view)
    other = grown(block(x * [1e-5, 1e7, 3.0] + [0.0, 1e9, -2.0]), JOINS[model], view)
    for k in range(1, 8):
        assert same(tree(k), other(k)), k


@pytest.mark.parametrize("model", JOINS)
def test_columns_that_are_constant_or_say_the_same_do_no_harm(model):
    x = three_groups(8)
    more = np.column_stack([x, np.full(len(x), 0.1), x[:, 0]])
    tree = grown(block(more), JOINS[model], hierarchy.halfway_to_spherical)
    assert [len(np.unique(tree(k))) for k in (1, 2, 5)] == [1, 2, 5]
    nothing = grown(block(np.ones((6, 2))), JOINS[model], hierarchy.halfway_to_spherical)
    assert (nothing(3) == 0).all()


def test_partitions_are_nested_and_numbered_by_their_first_rows():
    tree = grown(block(three_groups(9)), JOINS["VVV"], hierarchy.halfway_to_spherical)
    for k in range(1, 12):
        few, many = tree(k), tree(k + 1)
        assert len({*zip(few.tolist(), many.tolist(), strict=True)}) == k + 1
        first = [int(np.flatnonzero(many == g)[0]) for g in range(k + 1)]
        assert first == sorted(first)


def test_one_column_is_cut_at_quantiles():
    x = np.random.default_rng(10).normal(size=101)
    cut = Quantiles(x, np.ones(101))
    for k in (1, 2, 3, 7):
        inner = np.quantile(x, np.linspace(0, 1, k + 1)[1:-1])
        np.testing.assert_array_equal(cut(k), (x[:, None] >= inner).sum(axis=1))
    w = np.random.default_rng(11).integers(1, 5, 101)
    many = Quantiles(np.repeat(x, w), np.ones(w.sum()))
    np.testing.assert_array_equal(np.repeat(Quantiles(x, w.astype(float))(5), w), many(5))


def test_values_that_are_few_are_groups_of_their_own():
    cut = Quantiles(np.array([1.0, 1.0, 2.0, 1.0]), np.ones(4))
    np.testing.assert_array_equal(cut(2), [0, 0, 1, 0])
    np.testing.assert_array_equal(cut(5), [0, 0, 1, 0])
