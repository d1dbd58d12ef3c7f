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


def confused(r, w, i, j):
    """The larger share of the rows of one of two clusters that is taken for the other's."""
    for_j, for_i = r[:, j] >= r[:, i], r[:, i] >= r[:, j]
    return max(w @ (for_j * r[:, i]) / (w @ r[:, i]), w @ (for_i * r[:, j]) / (w @ r[:, j]))


@pytest.mark.parametrize("gaps", [False, True])
def test_confusions_are_those_of_the_definition(gaps):
    mixture, x, w = overlapping(11)
    if gaps:
        x[np.random.default_rng(6).uniform(size=x.shape) < 0.2] = np.nan
    found = merging.by_confusion(Memory(x, w, block_rows=64, incomplete=gaps), mixture)
    r = GaussianMixture.from_mixture(mixture).predict_proba(x)
    left, entropies = [*range(6)], [entropy(r, w)]
    for pair, value, rows in zip(found.merges.tolist(), found.confusions, found.rows, strict=True):
        tried = [(confused(r, w, i, j), (i, j)) for i in left for j in left if i < j]
        assert max(tried)[1] == tuple(pair)
        np.testing.assert_allclose(value, max(tried)[0], rtol=1e-9)
        np.testing.assert_allclose(rows, w @ r[:, pair].sum(axis=1), rtol=1e-9)
        low, high = pair
        r[:, low] += r[:, high]
        r[:, high] = 0.0
        left.remove(high)
        entropies.append(entropy(r, w))
    np.testing.assert_allclose(found.entropies, entropies[::-1], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize(("weight", "width"), [(0.5, 1.0), (0.2, 1.0), (0.6, 3.0)])
def test_how_often_two_gaussians_are_confused(weight, width):
    """On a fine grid, with the density for weights, against the distribution functions."""
    mixture = Mixture.of(
        [weight, 1.0 - weight], [[0.0], [2.5]], [1.0, width**2], family="spherical"
    )
    x = np.linspace(-30.0, 35.0, 100_001)
    density = np.exp(mixture.log_density(x[:, None]))
    found = merging.by_confusion(Memory(x[:, None], density), mixture)
    # log of the ratio of both, a quadratic whose roots part where each is likelier
    a = 0.5 * (1.0 / width**2 - 1.0)
    b, c = -2.5 / width**2, 0.5 * (2.5 / width) ** 2 + np.log(weight / (1.0 - weight) * width)
    roots = np.sort(np.roots([a, b, c]).real) if a else np.array([-c / b])
    one, other = norm(0.0, 1.0), norm(2.5, width)
    if a:  # the narrower one is likelier between the roots
        taken = 1.0 - np.diff(one.cdf(roots))[0], np.diff(other.cdf(roots))[0]
    else:
        taken = one.sf(roots[0]), other.cdf(roots[0])
    np.testing.assert_allclose(found.confusions, [max(taken)], atol=1e-3)


def test_pairs_are_joined_for_as_long_as_they_are_confused():
    """Two alike Gaussians are taken for each other with the probability of the tail at half way."""
    limit = -2.0 * norm.ppf(merging.CONFUSED)
    for distance, expected in ((0.95 * limit, 1), (1.05 * limit, 2)):
        mixture, data = apart([distance], n=20_000)
        found = merging.by_confusion(data, mixture)
        error = np.sqrt(norm.sf(distance / 2) / 20_000)
        assert abs(found.confusions[0] - norm.sf(distance / 2)) < 5 * error
        assert found.advised() == expected


def test_a_component_of_no_rows_is_confused_with_none():
    mixture = Mixture.of([0.5, 0.5, 0.0], [[0.0], [1.0], [0.5]], np.ones(3), family="spherical")
    found = merging.by_confusion(Memory(mixture.sample(200, 0)[0]), mixture)
    assert found.merges.tolist() == [[0, 1], [0, 2]]
    assert found.confusions[1] == 0.0
    assert found.clusters(found.advised()).tolist() == [0, 0, 1]
