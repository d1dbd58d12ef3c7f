"""Components joined by entropy: from the definition, with all responsibilities in one table."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import xlogy
from scipy.stats import norm

from mixtura import GaussianMixture, Mixture
from mixtura.engines.memory import Memory
from mixtura.learn import merging


def overlapping(seed, k=6, n=400, d=2):
    rng = np.random.default_rng(seed)
    means = 2.0 * rng.normal(size=(k, d))
    values = np.exp(rng.normal(size=(k, d)))
    mixture = Mixture.of(rng.dirichlet(np.full(k, 4.0)), means, values, family="diag")
    return mixture, mixture.sample(n, rng)[0], rng.uniform(0.2, 2.0, n)


def entropy(shares, w):
    return -float(w @ xlogy(shares, shares).sum(axis=1))


def by_definition(r, w):
    """Pairs, entropies and rows, trying every pair with a table of all shares."""
    groups = {k: r[:, k] for k in range(r.shape[1])}
    pairs, entropies, rows = [], [entropy(r, w)], []
    while len(groups) > 1:
        names = sorted(groups)
        tried = []
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                rest = [groups[c] for c in names if c not in (a, b)]
                joined = np.column_stack([*rest, groups[a] + groups[b]])
                tried.append((entropy(joined, w), a, b))
        least, a, b = min(tried)
        pairs.append((a, b))
        entropies.append(least)
        rows.append(w @ (groups[a] + groups[b]))
        groups[a] = groups[a] + groups.pop(b)
    return pairs, entropies[::-1], rows


@pytest.mark.parametrize("seed", range(4))
def test_pairs_and_entropies_are_those_of_the_definition(seed):
    mixture, x, w = overlapping(seed)
    found = merging.by_entropy(Memory(x, w, block_rows=64), mixture)
    pairs, entropies, rows = by_definition(mixture.responsibilities(x), w)
    assert [tuple(pair) for pair in found.merges.tolist()] == pairs
    np.testing.assert_allclose(found.entropies, entropies, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(found.rows, rows, rtol=1e-9)
    np.testing.assert_allclose(found.shared.sum(), (-np.diff(entropies[::-1]) / rows).sum())


def test_rows_with_gaps_count_by_what_they_have():
    mixture, x, w = overlapping(5)
    x[np.random.default_rng(6).uniform(size=x.shape) < 0.2] = np.nan
    found = merging.by_entropy(Memory(x, w, incomplete=True), mixture)
    r = GaussianMixture.from_mixture(mixture).predict_proba(x)
    np.testing.assert_allclose(found.entropies, by_definition(r, w)[1], rtol=1e-9, atol=1e-8)


def test_groups_that_are_given_are_joined_first():
    mixture, x, w = overlapping(7)
    together = np.array([0, 1, 0, 2, 1, 0])
    found = merging.by_entropy(Memory(x, w), mixture, together)
    np.testing.assert_array_equal(found.clusters(3), together)


def test_clusters_are_nested_and_numbered_in_order():
    mixture, x, _ = overlapping(8)
    found = merging.by_entropy(Memory(x), mixture)
    np.testing.assert_array_equal(found.clusters(6), np.arange(6))
    np.testing.assert_array_equal(found.clusters(1), np.zeros(6))
    for c in range(1, 6):
        few, many = found.clusters(c), found.clusters(c + 1)
        assert len({*zip(few.tolist(), many.tolist(), strict=True)}) == c + 1
        assert many[np.sort(np.unique(many, return_index=True)[1])].tolist() == [*range(c + 1)]


def test_labels_and_probabilities_add_up_components():
    mixture, x, _ = overlapping(9)
    cluster = np.array([0, 1, 0, 2, 1, 0])
    r = mixture.responsibilities(x)
    expected = np.column_stack([r[:, cluster == c].sum(axis=1) for c in range(3)])
    data = Memory(x)
    found = data.map(merging.probabilities, mixture, cluster)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = data.map(merging.labels, mixture, cluster)
    np.testing.assert_array_equal(found, expected.argmax(axis=1))


def test_the_elbow_of_two_lines():
    for corner in (2, 4, 7):
        x = np.arange(1.0, 10.0)
        y = 0.1 * x + 5.0 * np.clip(x - corner, 0.0, None)
        assert merging.elbow(y) == corner


def test_what_two_gaussians_share():
    """Equal weights, means 3.5 standard deviations apart."""

    def share(x):
        one, other = norm.pdf(x, -1.75), norm.pdf(x, 1.75)
        p, density = one / (one + other), 0.5 * (one + other)
        return -density * (xlogy(p, p) + xlogy(1.0 - p, 1.0 - p))

    np.testing.assert_allclose(quad(share, -12.0, 12.0)[0], merging.MUCH, atol=0.005)


def apart(distances, n=500, seed=10):
    """Equal components on a line, so far from one another, with rows of them."""
    means = np.cumsum(np.concatenate([[0.0], distances]))[:, None]
    k = len(means)
    mixture = Mixture.of(np.ones(k), means, np.ones(k), family="spherical")
    return mixture, Memory(mixture.sample(n * k, np.random.default_rng(seed))[0])


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ([1.0], 1),
        ([3.0], 1),
        ([4.0], 2),
        ([8.0, 8.0], 3),
        ([1.0, 8.0], 2),
        ([9.0] * 5, 6),
        ([1.0, 9.0] * 3, 4),
    ],
)
def test_how_many_clusters_are_advised(distances, expected):
    mixture, data = apart(distances)
    assert merging.by_entropy(data, mixture).advised() == expected
