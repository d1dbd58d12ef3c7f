"""Conditions with gaps: every row against the marginal and conditional Gaussians of a textbook."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtr
from scipy.stats import multivariate_normal

from mixtura import Conditional, Conditionals, Mixture
from mixtura.model.collinear import steadied
from mixtura.model.conditionals import given_rows
from tests.laws.registries import MOMENTS

REST = np.array([2, 4])


def mixture(family="full", k=3, d=5, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(k, d, d))
    dense = factors @ np.swapaxes(factors, 1, 2) + 0.5 * np.eye(d)
    values = {
        "full": dense,
        "tied": dense[0],
        "diag": np.diagonal(dense, axis1=1, axis2=2),
        "spherical": dense[:, 0, 0],
    }[family]
    return Mixture.of(rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), values, family=family)


def with_gaps(m, n=40, seed=1):
    """Rows of what is given, with gaps; the first has nothing, the second all."""
    rng = np.random.default_rng(seed)
    rows = m.sample(n, rng)[0][:, [0, 1, 3]]
    rows[rng.random(rows.shape) < 0.4] = np.nan
    rows[0], rows[1] = np.nan, [0.1, -0.2, 0.3]
    return rows


def textbook(m, row):
    """Log density of what is given; shares, means (K, 2) and covariances (K, 2, 2) of the rest."""
    seen = np.flatnonzero(~np.isnan(row))
    index, value = np.array([0, 1, 3])[seen], row[seen]
    joint, means, spreads = [], [], []
    for weight, mean, s in zip(m.weights, m.means, m.covariances, strict=True):
        gain = s[np.ix_(REST, index)] @ np.linalg.inv(s[np.ix_(index, index)])
        means.append(mean[REST] + gain @ (value - mean[index]))
        spreads.append(s[np.ix_(REST, REST)] - gain @ s[np.ix_(index, REST)])
        density = 1.0
        if len(index):
            density = multivariate_normal(mean[index], s[np.ix_(index, index)]).pdf(value)
        joint.append(weight * density)
    joint = np.array(joint)
    return np.log(joint.sum()), joint / joint.sum(), np.array(means), np.array(spreads)


@pytest.mark.parametrize("family", MOMENTS)
def test_every_row_is_as_the_textbook_has_it(family):
    m = mixture(family)
    rows = with_gaps(m)
    found = given_rows(m, rows, REST)
    assert isinstance(found, Conditionals)
    assert len(found.parts) > 3
    x = np.random.default_rng(2).normal(size=(len(rows), 2))
    mean, covariance, marginal = found.mean, found.total_covariance(), found.log_marginal
    density, below = found.log_density(x), found.cdf(x[:, 1], 4)
    for i, row in enumerate(rows):
        log_marginal, r, means, spreads = textbook(m, row)
        assert_allclose(marginal[i], log_marginal, atol=1e-10)
        assert_allclose(mean[i], r @ means, atol=1e-10)
        second = np.einsum("k,kij->ij", r, spreads) + (r * means.T) @ means
        assert_allclose(covariance[i], second - np.outer(r @ means, r @ means), atol=1e-9)
        each = [multivariate_normal(a, s).pdf(x[i]) for a, s in zip(means, spreads, strict=True)]
        assert_allclose(density[i], np.log(r @ each), atol=1e-9)
        widths = np.sqrt(spreads[:, 1, 1])
        assert_allclose(below[i], r @ ndtr((x[i, 1] - means[:, 1]) / widths), atol=1e-10)
        one = found.row(i)
        assert_allclose(one.weights, r, atol=1e-10)
        assert_allclose(one.means, means, atol=1e-10)


def test_quantiles_and_the_distribution_function_undo_each_other():
    m = mixture()
    found = given_rows(m, with_gaps(m), REST)
    levels = [0.01, 0.5, 0.9]
    ends = found.quantile(levels, 2)
    for j, level in enumerate(levels):
        assert_allclose(found.cdf(ends[:, j], 2), level, atol=1e-9)


def test_draws_have_the_moments_of_their_rows():
    m = mixture()
    n = 20_000
    rows = np.repeat([[np.nan, 0.5, np.nan], [np.nan] * 3], n, axis=0)
    found = given_rows(m, rows, REST)
    drawn, components = found.sample(0)
    for at, half in ((0, slice(0, n)), (n, slice(n, None))):
        variances = np.diagonal(found.total_covariance()[at])
        off = (drawn[half].mean(axis=0) - found.mean[at]) / np.sqrt(variances / n)
        assert np.abs(off).max() < 4.5
        shares = np.bincount(components[half], minlength=3) / n
        expected = found.row(at).weights
        assert (np.abs(shares - expected) < 4.5 * np.sqrt(expected / n)).all()


def test_without_gaps_there_is_one_conditional():
    m = mixture()
    rows = np.ones((3, 3))
    found = given_rows(m, rows, REST)
    assert isinstance(found, Conditional)
    given = {0: rows[:, 0], 1: rows[:, 1], 3: rows[:, 2]}
    assert_allclose(found.mean, m.condition(given).mean, rtol=1e-12)


def test_rows_that_are_not_there_and_rows_of_another_shape():
    m = mixture()
    found = given_rows(m, with_gaps(m), REST)
    with pytest.raises(IndexError, match="there is no row 40: there are 40"):
        found.row(40)
    with pytest.raises(ValueError, match=r"one row for each condition, \(40, 2\), not \(40, 1\)"):
        found.log_density(np.ones((40, 1)))
    assert_allclose(found.row(-1).means, found.row(39).means)


class TestSteadied:
    @pytest.mark.parametrize("family", MOMENTS)
    def test_nothing_changes_without_need(self, family):
        m = mixture(family)
        assert steadied(m, 3) is m

    @pytest.mark.parametrize("family", ["full", "tied"])
    def test_the_regression_on_equal_columns_is_that_on_one_of_them(self, family):
        """Twice the same column is the same as once, whatever their scales."""
        s = np.array([[4.0, 4e3, 2.0], [4e3, 4e6, 2e3], [2.0, 2e3, 3.0]])
        values = s if family == "tied" else s[None]
        m = Mixture(np.ones(1), np.zeros((1, 3)), MOMENTS[family].from_values(values, 3))
        found = given_rows(steadied(m, 2), np.array([[1.0, 1e3]]), np.array([2]))
        assert_allclose(found.mean, [[0.5]], rtol=1e-6)
        assert_allclose(found.total_covariance(), [[[2.0]]], rtol=1e-6)
