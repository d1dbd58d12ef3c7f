"""Known memberships: the E-step against one written out row by row and group by group."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mixtura import Mixture
from mixtura.engines.memory import Memory
from mixtura.learn.restriction import Held, grouped
from tests.laws.registries import MOMENTS

K, D = 4, 3
MASK = np.array([[True, True, False, False], [False, False, True, False]])
"""Rows of the first class belong to one of two components, those of the second to one."""


def mixture(family, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(K, D, D))
    dense = factors @ np.swapaxes(factors, 1, 2) + np.eye(D)
    values = {
        "full": dense,
        "tied": dense[0],
        "diag": np.diagonal(dense, axis1=1, axis2=2),
        "spherical": dense[:, 0, 0],
    }[family]
    return Mixture.of(rng.dirichlet(np.ones(K)), rng.normal(size=(K, D)), values, family=family)


def rows_of(m, n, gaps, seed=1):
    rng = np.random.default_rng(seed)
    rows = m.sample(n, rng)[0]
    if gaps:
        rows[rng.random(rows.shape) < 0.25] = np.nan
    return rows, rng.integers(0, 3, size=n).astype(float), rng.integers(-1, 2, size=n)


def expected_of(m, row):
    """Log density of what a row has with each component; completed rows, and what is left."""
    seen = ~np.isnan(row)
    density, means, left = np.zeros(K), np.empty((K, D)), np.zeros((K, D, D))
    for k in range(K):
        s, a = m.covariances[k], m.means[k]
        means[k] = np.where(seen, row, a)
        hole = np.ix_(~seen, ~seen)
        if seen.any():
            inner = s[np.ix_(seen, seen)]
            density[k] = multivariate_normal(a[seen], inner).logpdf(row[seen])
            gain = s[np.ix_(~seen, seen)] @ np.linalg.inv(inner)
            means[k][~seen] += gain @ (row - a)[seen]
            left[k][hole] = s[hole] - gain @ s[np.ix_(seen, ~seen)]
        else:
            left[k] = s
    return density, means, left


def assert_moments(found, m, rows, w, r):
    """Means and second moments of components under given responsibilities."""
    counts, sums, products = np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    for row, weight, shares in zip(rows, w, r, strict=True):
        _, means, left = expected_of(m, row)
        counts += weight * shares
        sums += (weight * shares)[:, None] * means
        outer = means[:, :, None] * means[:, None, :] + left
        products += (weight * shares)[:, None, None] * outer
    about_zero = found.shifted(np.zeros((K, D)))
    assert_allclose(found.n_means, counts, atol=1e-9)
    assert_allclose(found.n_scatter, counts, atol=1e-9)
    assert_allclose(about_zero.sums, sums, atol=1e-8)
    shape = {
        "full": products,
        "tied": products.sum(axis=0),
        "diag": np.diagonal(products, axis1=1, axis2=2),
        "spherical": np.trace(products, axis1=1, axis2=2),
    }[m.covariance.name]
    assert_allclose(about_zero.products, shape, atol=1e-7)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("family", MOMENTS)
def test_rows_with_labels_have_the_posterior_of_what_they_may_belong_to(family, gaps):
    m = mixture(family)
    rows, w, labels = rows_of(m, 120, gaps)
    held = Held(Memory(rows, w, labels, incomplete=gaps, block_rows=50), [], MASK)
    found = held(m)
    r, total = np.zeros((len(rows), K)), 0.0
    for i, row in enumerate(rows):
        joint = np.log(m.weights) + expected_of(m, row)[0]
        if labels[i] >= 0:
            joint[~MASK[labels[i]]] = -np.inf
        total += w[i] * logsumexp(joint)
        r[i] = np.exp(joint - logsumexp(joint))
    assert_allclose(found.log_likelihood, total, rtol=1e-10)
    assert found.n_rows == w.sum()
    assert_allclose(found.n_weights, w @ r, atol=1e-9)
    assert_moments(found, m, rows, w, r)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("family", MOMENTS)
def test_groups_have_one_posterior(family, gaps):
    m = mixture(family)
    rows, w, _ = rows_of(m, 90, gaps)
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 20, size=90)
    groups[:20] = np.arange(20)
    labels = rng.integers(-1, 2, size=20)
    w[groups == 7] = 0.0
    together = grouped(rows, w, groups, labels, incomplete=gaps, at_once=30)
    assert len(together) > 2
    found = Held(None, together, MASK)(m)
    r, total, shares = np.zeros((len(rows), K)), 0.0, np.zeros(K)
    for g in range(20):
        members = np.flatnonzero((groups == g) & (w > 0))
        if not len(members):
            continue
        joint = np.log(m.weights) + sum(w[i] * expected_of(m, rows[i])[0] for i in members)
        if labels[g] >= 0:
            joint[~MASK[labels[g]]] = -np.inf
        total += logsumexp(joint)
        r[members] = np.exp(joint - logsumexp(joint))
        shares += r[members[0]]
    assert_allclose(found.log_likelihood, total, rtol=1e-9)
    assert_allclose(found.n_weights, shares, atol=1e-9)
    assert_moments(found, m, rows, w, r)


def test_groups_of_one_row_are_rows():
    m = mixture("full")
    rows = rows_of(m, 60, False)[0]
    alone = np.full(60, -1)
    together = grouped(rows, np.ones(60), np.arange(60), alone, incomplete=False, at_once=25)
    one = Held(None, together, MASK)(m)
    other = Held(Memory(rows, None, alone), [], MASK)(m)
    assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-12)
    assert_allclose(one.n_weights, other.n_weights, rtol=1e-9)
    assert_allclose(one.scatter, other.scatter, rtol=1e-9, atol=1e-9)


def test_every_group_is_whole_in_one_part():
    groups = np.random.default_rng(0).permutation(
        np.repeat(np.arange(9), [1, 40, 2, 3, 9, 1, 1, 5, 2])
    )
    rows = np.stack([groups, np.arange(len(groups))], axis=1).astype(float)
    parts = grouped(rows, np.ones(len(rows)), groups, np.arange(9), incomplete=False, at_once=10)
    seen = []
    for part in parts:
        ends = np.append(part.begins[1:], len(part.block.rows))
        for begin, end, label in zip(part.begins, ends, part.labels, strict=True):
            assert (part.block.rows[begin:end, 0] == label).all()
            assert end - begin == (groups == label).sum()
            seen.append(label)
    assert_array_equal(seen, np.arange(9))
    assert len(parts) > 3
