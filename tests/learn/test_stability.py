"""Similarities of clusters, against sets and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from mixtura.learn.stability import adjusted_rand, crossed, jaccard, verdict


@pytest.mark.parametrize("seed", range(5))
def test_similarities_are_those_of_sets(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
    table = crossed(one, other, np.ones(60), 4, 3)
    expected = [
        max(
            len({*np.flatnonzero(one == k)} & {*np.flatnonzero(other == m)})
            / len({*np.flatnonzero(one == k)} | {*np.flatnonzero(other == m)})
            for m in range(3)
        )
        for k in range(4)
    ]
    np.testing.assert_allclose(jaccard(table), expected)
    np.testing.assert_allclose(adjusted_rand(table), adjusted_rand_score(one, other), atol=1e-12)


def test_weights_are_repeated_rows():
    rng = np.random.default_rng(6)
    one, other, w = rng.integers(0, 3, 40), rng.integers(0, 3, 40), rng.integers(1, 4, 40)
    table = crossed(one, other, w.astype(float), 3, 3)
    repeated = crossed(np.repeat(one, w), np.repeat(other, w), np.ones(w.sum()), 3, 3)
    np.testing.assert_allclose(table, repeated)


def test_a_cluster_without_rows_has_no_similarity():
    table = crossed(np.array([0, 0]), np.array([0, 1]), np.ones(2), 2, 2)
    found = jaccard(table)
    assert found[0] == 0.5
    assert np.isnan(found[1])


def test_one_cluster_agrees_with_itself():
    assert adjusted_rand(np.array([[7.0]])) == 1.0


@pytest.mark.parametrize(
    ("similarity", "word"),
    [
        (1.0, "highly stable"),
        (0.85, "highly stable"),
        (0.84, "stable"),
        (0.75, "stable"),
        (0.7, "doubtful"),
        (0.6, "doubtful"),
        (0.55, "unstable"),
        (0.5, "dissolved"),
        (0.1, "dissolved"),
        (np.nan, "no rows"),
    ],
)
def test_verdicts(similarity, word):
    assert verdict(similarity) == word
