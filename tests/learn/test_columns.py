"""Groups along a column, from their definition and as a start."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from mixtura import GaussianMixture
from mixtura.learn import columns


def striped(seed=0, n=900):
    """Six strips side by side along the second column, and noise in the others."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, n)
    x = rng.uniform(-1.0, 1.0, size=(n, 3)) * [30.0, 1.0, 2.0]
    x[:, 1] = labels + 0.12 * rng.normal(size=n)
    return x, labels


def test_they_are_those_of_kmeans_in_the_column_that_is_clearest():
    x, _ = striped()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    w = np.random.default_rng(1).uniform(0.5, 1.5, len(z))
    assert columns.clearest_many(z, w, 6) == 1
    centres = np.linspace(-1.3, 1.3, 6)
    found = columns.grouped_many(z[:, 1], w, centres)
    theirs = KMeans(6, n_init=1, init=centres[:, None]).fit(z[:, 1:2], sample_weight=w)
    np.testing.assert_array_equal(found, theirs.labels_)


def test_rows_that_are_evenly_spread_are_in_no_groups():
    even = np.linspace(-1.0, 1.0, 6_001)
    centres = np.linspace(-0.9, 0.9, 6)
    assert columns.grouped_many(even, np.ones(6_001), centres) is None
    sixths = np.abs(6.0 * even % 2.0 - 1.0) > 0.05  # a gap within each: not apart as they are
    assert columns.grouped_many(even[sixths], np.ones(sixths.sum()), centres) is None
    between = np.abs((3.0 * even + 1.0) % 1.0 - 0.5) < 0.45
    assert columns.grouped_many(even[between], np.ones(between.sum()), centres) is not None


@pytest.mark.parametrize("family", ["full", "diag", "EEV"])
def test_a_fit_finds_groups_that_one_column_tells_apart(family):
    """Whatever the units of columns; and with weights, of which one is zero."""
    x, labels = striped()
    rows = x * [1e-3, 1.0, 1e3]
    model = GaussianMixture(6, covariance_type=family, random_state=0).fit(rows)
    assert len({*zip(model.predict(rows).tolist(), labels.tolist(), strict=True)}) == 6
    far, w = np.vstack([x, [[1e3, 1e3, 1e3]]]), np.append(1.0 + labels, 0.0)
    heavy = GaussianMixture(6, covariance_type=family, random_state=0).fit(far, sample_weight=w)
    expected = np.bincount(labels, 1.0 + labels) / w.sum()
    np.testing.assert_allclose(np.sort(heavy.weights_), np.sort(expected), atol=1e-3)


def test_so_does_one_of_more_numbers_than_are_compiled_whole():
    x, labels = striped(n=6_000)
    noise = np.random.default_rng(2).uniform(-1.0, 1.0, size=(len(x), 11))
    model = GaussianMixture(6, covariance_type="diag", random_state=0).fit(np.hstack([noise, x]))
    found = model.predict(np.hstack([noise, x]))
    assert adjusted_rand_score(labels, found) > 0.99


def test_columns_that_tell_nothing_are_passed_over():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.zeros(200), rng.integers(0, 2, 200), rng.normal(size=200)])
    assert np.isfinite(GaussianMixture(4, random_state=0).fit(x).lower_bound_)
