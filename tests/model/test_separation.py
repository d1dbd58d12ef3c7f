import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mixtura import Mixture
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


@EVERY
@pytest.mark.parametrize("means", [0.0, 0.3, 1.0])
def test_directions_solve_the_generalised_problem(family, means):
    drawn = mixture(family, 4, 3, np.random.default_rng(0))
    whole, weights = drawn.total_covariance(), drawn.weights
    steps = drawn.means - drawn.mean
    between = (weights * steps.T) @ steps
    apart = drawn.covariances - np.einsum("k,kij->ij", weights, drawn.covariances)
    kernel = 2 * means * between @ np.linalg.solve(whole, between)
    for k in range(4):
        kernel += 2 * (1 - means) * weights[k] * apart[k] @ np.linalg.solve(whole, apart[k])
    values, vectors = eigh(kernel, whole)
    found = drawn.separation(means=means)
    m = len(found.values)
    np.testing.assert_allclose(found.values, values[::-1][:m], rtol=1e-8, atol=1e-12)
    assert (values[::-1][m:] < 1e-7).all()
    for ours, theirs in zip(found.directions.T, vectors.T[::-1], strict=False):
        np.testing.assert_allclose(ours * np.sign(ours @ theirs), theirs, rtol=1e-5, atol=1e-7)


@EVERY
def test_coordinates_of_the_whole_have_unit_variance_and_are_uncorrelated(family):
    drawn = mixture(family, 3, 4, np.random.default_rng(1))
    found = drawn.separation(means=0.5)
    moved = drawn.affine(found.directions.T, shift=-found.centre @ found.directions)
    m = len(found.values)
    np.testing.assert_allclose(moved.total_covariance(), np.eye(m), atol=1e-9)
    np.testing.assert_allclose(moved.mean, np.zeros(m), atol=1e-9)
    rows = drawn.sample(5, 0)[0]
    np.testing.assert_allclose(
        moved.log_density(found.apply(rows)),
        moved.log_density((rows - drawn.mean) @ found.directions),
    )


def test_correlations_are_those_of_rows():
    drawn = mixture(FAMILIES["full"], 3, 3, np.random.default_rng(2))
    found, n = drawn.separation(means=0.5), 200_000
    rows = drawn.sample(n, 0)[0]
    z = found.apply(rows)
    seen = np.corrcoef(rows.T, z.T)[:3, 3:]
    np.testing.assert_allclose(found.correlations, seen, atol=5 / np.sqrt(n))
    top = np.abs(found.correlations).argmax(axis=0)
    assert (found.correlations[top, np.arange(len(top))] > 0).all()


def test_with_equal_spreads_they_are_discriminant_directions():
    data = load_iris()
    x, y = data.data, data.target
    means = np.stack([x[y == k].mean(axis=0) for k in range(3)])
    within = sum(np.cov(x[y == k].T, bias=True) for k in range(3)) / 3
    found = Mixture.of(np.ones(3) / 3, means, within, family="tied").separation(means=1.0)
    theirs = LinearDiscriminantAnalysis(solver="eigen").fit(x, y).scalings_[:, :2]
    ours = found.directions / np.linalg.norm(found.directions, axis=0)
    theirs = theirs / np.linalg.norm(theirs, axis=0)
    np.testing.assert_allclose(np.abs((ours * theirs).sum(axis=0)), 1.0, rtol=1e-9)
    # The share of a direction's variance that lies between the means, squared, and twice.
    lines = x @ found.directions
    between = np.array([lines[y == k].mean(axis=0) for k in range(3)]).var(axis=0)
    np.testing.assert_allclose(found.values, 2 * (between / lines.var(axis=0)) ** 2, rtol=1e-9)
    np.testing.assert_allclose(found.by_means, found.values, rtol=1e-9)


def test_values_and_coordinates_do_not_depend_on_units():
    drawn = mixture(FAMILIES["full"], 3, 3, np.random.default_rng(3))
    matrix = np.random.default_rng(4).normal(size=(3, 3))
    moved = drawn.affine(matrix, shift=[5.0, -1.0, 2.0])
    one, two = drawn.separation(means=0.5), moved.separation(means=0.5)
    np.testing.assert_allclose(two.values, one.values, rtol=1e-8)
    rows = drawn.sample(20, 0)[0]
    here, there = one.apply(rows), two.apply(rows @ matrix.T + [5.0, -1.0, 2.0])
    np.testing.assert_allclose(np.abs(there), np.abs(here), rtol=1e-6, atol=1e-7)


def test_what_separates_by_means_and_by_spread():
    """Two columns: the means differ in the first, the variances in the second."""
    drawn = Mixture.of(
        [0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [[1.0, 1.0], [1.0, 11.0]], family="diag"
    )
    found = drawn.separation(means=0.5)
    assert np.abs(found.directions).argmax(axis=0).tolist() == [1, 0]
    # The spread: 5 either way, of a variance of 6. The means: 4 of a variance of 5.
    np.testing.assert_allclose(found.values, [(5 / 6) ** 2, (4 / 5) ** 2], rtol=1e-12)
    np.testing.assert_allclose(found.by_means, [0.0, (4 / 5) ** 2], atol=1e-12)
    np.testing.assert_allclose(found.shares.sum(), 1.0)


@pytest.mark.parametrize("k", [1, 3])
def test_components_that_are_the_same_have_no_directions(k):
    same = Mixture.of(np.ones(k) / k, np.ones((k, 2)), np.eye(2), family="tied")
    found = same.separation()
    assert found.directions.shape == (2, 0)
    assert found.apply([[1.0, 2.0]]).shape == (1, 0)


@pytest.mark.parametrize("means", [-0.1, 1.1, np.nan])
def test_a_share_that_is_none(means):
    drawn = mixture(FAMILIES["full"], 2, 2, np.random.default_rng(5))
    with pytest.raises(ValueError, match="means must be from 0 to 1, not"):
        drawn.separation(means=means)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.eye(3), r"the covariance must have shape \(2, 2\), not \(3, 3\)"),
        ([[1.0, 2.0], [2.0, 1.0]], "the covariance is not symmetric and positive definite"),
        ([[1.0, 0.5], [0.0, 1.0]], "the covariance is not symmetric and positive definite"),
    ],
)
def test_a_covariance_that_is_none(covariance, message):
    drawn = mixture(FAMILIES["full"], 2, 2, np.random.default_rng(6))
    with pytest.raises(ValueError, match=message):
        drawn.separation(covariance=covariance)
