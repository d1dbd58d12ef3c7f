"""Mixtures of t distributions, against SciPy's, by quadrature, and by their own draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from mixtura.learn import prediction
from mixtura.learn.data import Block
from mixtura.model.covariance import FAMILIES
from mixtura.model.predictive import Predictive
from mixtura.numeric.gaps import Gaps

FORMS = ["full", "tied", "diag", "spherical"]


def drawn(name, k=3, d=2, seed=0, independent=False):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(k, d, 2 * d))
    full = a @ np.swapaxes(a, 1, 2) / d
    values = {
        "full": full,
        "tied": full[0],
        "diag": full[:, range(d), range(d)],
        "spherical": full[:, 0, 0],
    }[name]
    nu = rng.uniform(2.5, 12, size=k)
    if name == "tied":
        nu[:] = nu[0]
    return Predictive(
        rng.dirichlet(np.ones(k)),
        3 * rng.normal(size=(k, d)),
        FAMILIES[name].from_values(values, d),
        rng.uniform(0.5, 2, size=k),
        nu,
        independent,
    )


def theirs(model, x):
    """Densities of SciPy, (n, K)."""
    dense = model.scale[:, None, None] * model.covariance.dense(model.n_components)
    found = []
    for k in range(model.n_components):
        nu, mean = model.degrees_of_freedom[k], model.means[k]
        if model.independent:
            each = stats.t(nu, mean, np.sqrt(np.diagonal(dense[k]))).pdf(x)
            found.append(each.prod(axis=1))
        else:
            found.append(stats.multivariate_t(mean, dense[k], df=nu).pdf(x))
    return model.weights * np.stack(found, axis=1)


CASES = [(name, False) for name in FORMS] + [("diag", True)]


@pytest.mark.parametrize(("name", "independent"), CASES)
def test_densities_are_those_of_scipy(name, independent):
    model = drawn(name, independent=independent)
    x = 4 * np.random.default_rng(1).normal(size=(50, 2))
    joint = theirs(model, x)
    assert_allclose(np.exp(model.log_joint(x)), joint, rtol=1e-10)
    assert_allclose(model.log_density(x), np.log(joint.sum(axis=1)), rtol=1e-10)
    r = model.responsibilities(x)
    assert_allclose(r, joint / joint.sum(axis=1, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize("independent", [False, True])
def test_a_density_integrates_to_one(independent):
    model = drawn("diag", d=1, independent=independent)
    found, error = integrate.quad(
        lambda x: np.exp(model.log_density([[x]])[0]), -np.inf, np.inf, limit=200
    )
    assert abs(found - 1) < 1e-6 + error


@pytest.mark.parametrize(("name", "independent"), CASES)
def test_a_row_with_a_gap_has_the_marginal_density(name, independent):
    model = drawn(name, independent=independent)
    x = np.array([[0.3, np.nan], [np.nan, -1.2], [0.5, 0.7], [np.nan, np.nan]])
    block = Block(x, np.ones(4), None, Gaps())
    found = prediction.log_density(block, model)
    for i, j in ((0, 0), (1, 1)):

        def at(t, i=i, j=j):
            row = x[i].copy()
            row[1 - j] = t
            return np.exp(model.log_density(row[None])[0])

        whole = integrate.quad(at, -np.inf, np.inf, limit=200)[0]
        assert_allclose(np.exp(found[i]), whole, rtol=1e-6)
    assert_allclose(found[2], model.log_density(x[2:3])[0], rtol=1e-12)
    assert_allclose(found[3], 0.0, atol=1e-12)
    assert_allclose(prediction.responsibilities(block, model)[3], model.weights, rtol=1e-12)


def test_rows_of_nothing_but_gaps_have_the_likeliest_component():
    model = drawn("full")
    block = Block(np.full((2, 2), np.nan), np.ones(2), None, Gaps())
    assert (prediction.labels(block, model) == model.weights.argmax()).all()


@pytest.mark.parametrize(("name", "independent"), CASES)
def test_draws_are_of_the_density(name, independent):
    model = drawn(name, d=2, independent=independent)
    x, labels = model.sample(20_000, 0)
    expected = len(x) * model.weights
    counts = np.bincount(labels, minlength=model.n_components)
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()
    for k in range(model.n_components):
        own = x[labels == k]
        unit = np.sqrt(model.scale[k] * model.covariance.variances(model.n_components)[k])
        for j in range(2):
            law = stats.t(model.degrees_of_freedom[k], model.means[k, j], unit[j])
            assert stats.kstest(own[:, j], law.cdf).pvalue > 1e-4
        if not independent:  # squared distances of columns together
            squares = (model.covariance.whiten(own - model.means[k], k) ** 2).sum(axis=1)
            law = stats.f(2, model.degrees_of_freedom[k])
            assert stats.kstest(squares / model.scale[k] / 2, law.cdf).pvalue > 1e-4


@pytest.mark.parametrize(("name", "independent"), CASES)
def test_very_distant_rows_have_finite_densities(name, independent):
    model = drawn(name, independent=independent)
    far = model.log_density([[1e200, -1e200], [1e100, 0.0]])
    assert np.isfinite(far).all()
    r = model.responsibilities([[1e200, -1e200]])
    assert_allclose(r.sum(), 1.0)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"rows must have shape \(n, 2\), not \(1, 3\)"):
        drawn("full").log_joint([[1.0, 2.0, 3.0]])
