"""Densities and statistics against SciPy and against mpmath, with the bounds that are promised.

κ is the squared distance of a component from the common origin, in its own standard deviations. Up
to `CENTRED_LIMIT` the error of a log density, and the relative error of a covariance, are about
5·eps·κ; beyond it a component is computed about its own mean, and κ does not matter. These tests
allow twice that, and what the condition number of a covariance costs any method.
"""

import mpmath
import numpy as np
import pytest
from scipy import stats

from mixtura import Mixture
from mixtura.learn.data import Block
from mixtura.learn.expectation import assigned, e_step
from mixtura.numeric.kernels import CENTRED_LIMIT
from tests.laws.registries import MOMENTS
from tests.oracles.exact import Exact

EPS = np.finfo(np.float64).eps
FAMILY_NAMES = pytest.mark.parametrize("name", MOMENTS)


def values_of(name, k, d, rng, condition=10.0):
    """Covariances whose eigenvalues span the condition number."""
    spectrum = np.geomspace(1.0, 1.0 / condition, d)
    if name == "spherical":
        return rng.uniform(0.5, 2.0, k)
    if name == "diag":
        return np.array([rng.permutation(spectrum) for _ in range(k)])
    turns = [np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(1 if name == "tied" else k)]
    dense = np.array([(q * spectrum) @ q.T for q in turns])
    dense = 0.5 * (dense + np.swapaxes(dense, 1, 2))
    return dense[0] if name == "tied" else dense


@FAMILY_NAMES
@pytest.mark.parametrize("d", [1, 2, 7])
def test_log_density_is_that_of_scipy(name, d):
    rng = np.random.default_rng(d)
    k = 3
    weights, means = rng.dirichlet(np.ones(k)), rng.normal(size=(k, d))
    model = Mixture.of(weights, means, values_of(name, k, d, rng), family=name)
    x = rng.normal(size=(200, d)) * 2.0
    joint = np.column_stack(
        [
            np.log(w) + stats.multivariate_normal.logpdf(x, m, c)
            for w, m, c in zip(weights, means, model.covariances, strict=True)
        ]
    )
    np.testing.assert_allclose(model.log_joint(x), joint, atol=1e-12, rtol=1e-13)
    density = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(model.log_density(x), density, atol=1e-12, rtol=1e-13)
    posterior = np.exp(joint - density[:, None])
    np.testing.assert_allclose(model.responsibilities(x), posterior, atol=1e-12)


def separated(name, kappa, d, rng, condition=10.0):
    """Two components at a given κ from the mean between them, and rows near each."""
    values = values_of(name, 2, d, rng, condition)
    unit = Mixture.of([0.5, 0.5], np.zeros((2, d)), values, family=name)
    step = np.sqrt(kappa) * unit.covariance.unwhiten(np.eye(d)[:1], 0)[0]
    model = Mixture.of([0.5, 0.5], [step, -step], values, family=name)
    x, components = model.sample(8, rng)
    return model, x, components


@FAMILY_NAMES
@pytest.mark.parametrize("kappa", np.geomspace(1e2, 1e14, 7))
def test_log_density_at_a_distance(name, kappa):
    rng = np.random.default_rng(int(np.log10(kappa)))
    model, x, components = separated(name, kappa, 3, rng)
    exact = Exact(model)
    found = model.log_joint(x)
    for i, k in enumerate(components):
        own = exact.kappa(k)
        near = own < CENTRED_LIMIT
        assert near == (k in model.operands.near)
        bound = 10 * EPS * own * near + 200 * EPS
        joint = exact.joint(x[i])
        assert abs(found[i, k] - joint[k]) <= bound
        assert abs(model.log_density(x)[i] - exact.density(x[i])) <= bound
        np.testing.assert_allclose(model.responsibilities(x)[i], exact.posterior(x[i]), atol=1e-6)


@FAMILY_NAMES
@pytest.mark.parametrize("condition", [1e2, 1e6, 1e10, 1e12])
def test_log_density_of_needles(name, condition):
    rng = np.random.default_rng(int(np.log10(condition)))
    model, x, components = separated(name, 10.0, 3, rng, condition)
    exact = Exact(model)
    found = model.log_joint(x)
    # A Cholesky factor is exact for a matrix that is eps away, and its inverse multiplies that by
    # the condition number; variances of their own axes are not touched.
    rounding = EPS * (condition if name in ("full", "tied") else 1.0)
    near = model.operands.kappa[model.operands.near].max(initial=1.0)
    for i, k in enumerate(components):
        bound = 5 * EPS * near + 30 * rounding + 100 * EPS
        assert abs(found[i, k] - exact.joint(x[i])[k]) <= bound


def two_pass(x, r):
    """Mean and covariance of weighted rows, by mpmath."""
    r = [mpmath.mpf(float(v)) for v in r]
    rows = [[mpmath.mpf(float(v)) for v in row] for row in x]
    total = sum(r)
    d = len(rows[0])
    mean = [sum(w * row[j] for w, row in zip(r, rows, strict=True)) / total for j in range(d)]
    scatter = mpmath.zeros(d)
    for w, row in zip(r, rows, strict=True):
        for i in range(d):
            for j in range(d):
                scatter[i, j] += w * (row[i] - mean[i]) * (row[j] - mean[j])
    return mean, scatter / total


def relative_error(found, expected):
    """The largest error of a covariance in coordinates where it should be the identity."""
    root = mpmath.cholesky(expected) ** -1
    d = expected.rows
    error = root * (mpmath.matrix(found.tolist()) - expected) * root.T
    return max(abs(float(error[i, j])) for i in range(d) for j in range(d))


@pytest.mark.parametrize("kappa", np.geomspace(1e2, 1e14, 7))
def test_statistics_at_a_distance(kappa):
    rng = np.random.default_rng(int(np.log10(kappa)))
    model, _, _ = separated("full", kappa, 2, rng)
    x, labels = model.sample(200, rng)
    s = assigned(Block(x, np.ones(200), labels), model)
    covariances = s.scatter / s.n_scatter[:, None, None]
    for k in range(2):
        mean, expected = two_pass(x[labels == k], np.ones((labels == k).sum()))
        near = k in model.operands.near
        bound = 10 * EPS * model.operands.kappa[k] * near + 200 * EPS
        assert relative_error(covariances[k], expected) <= bound
        spread = np.sqrt(np.diagonal(covariances[k]))
        off = np.array(
            [float(mpmath.mpf(float(a)) - b) for a, b in zip(s.means[k], mean, strict=True)]
        )
        # Means are kept as float64 numbers, whose own rounding is all there is to lose.
        assert np.abs(off / spread).max() <= 4 * EPS * np.abs(model.means[k] / spread).max() + bound


@pytest.mark.parametrize("name", ["full", "tied"])
@pytest.mark.parametrize("condition", [1e4, 1e8, 1e12])
@pytest.mark.parametrize("distance", [1e1, 1e3, 1e5])
def test_statistics_of_needles_end_to_end(name, condition, distance):
    """Thin components apart along their long axis, askew: what is thin must not drown."""
    rng = np.random.default_rng(8)
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2.0)
    matrix = (turn * [1.0, 1.0 / condition]) @ turn.T
    values = (
        0.5 * (matrix + matrix.T) if name == "tied" else 0.5 * np.array([matrix + matrix.T] * 2)
    )
    centres = distance * np.array([turn[:, 0], -turn[:, 0]])
    model = Mixture.of([0.5, 0.5], centres, values, family=name)
    labels = np.arange(100) % 2
    x = (rng.normal(size=(100, 2)) * [1.0, condition**-0.5]) @ turn.T + centres[labels]
    s = assigned(Block(x, np.ones(100), labels), model)
    form = type(model.covariance).estimate(s.n_scatter, s.scatter, 2)
    each = [two_pass(x[labels == k], np.ones(50))[1] for k in range(2)]
    if name == "tied":
        each = [(each[0] + each[1]) / 2] * 2
    kappa = model.operands.kappa[model.operands.near].max(initial=0.0)
    bound = 10 * EPS * kappa + 20 * EPS * condition
    for found, expected in zip(form.dense(2), each, strict=True):
        assert relative_error(found, expected) <= bound


@FAMILY_NAMES
@pytest.mark.parametrize("kappa", [1e2, 1e8, 1e12])
def test_statistics_in_every_family(name, kappa):
    """Against extended precision, where the far and the near path meet in one mixture."""
    rng = np.random.default_rng(5)
    d = 3
    model, _, _ = separated(name, kappa, d, rng)
    x, labels = model.sample(400, rng)
    s = assigned(Block(x, np.ones(400), labels), model)
    form = type(model.covariance).estimate(s.n_scatter, s.scatter, d)
    wide = x.astype(np.longdouble)
    dense = []
    for k in range(2):
        residual = wide[labels == k] - wide[labels == k].mean(axis=0)
        dense.append(residual.T @ residual / len(residual))
    counts = np.bincount(labels)
    if name == "tied":
        dense = [sum(n * c for n, c in zip(counts, dense, strict=True)) / 400] * 2
    elif name == "diag":
        dense = [np.diag(np.diagonal(c)) for c in dense]
    elif name == "spherical":
        dense = [np.trace(c) / d * np.eye(d) for c in dense]
    near = model.operands.kappa[model.operands.near].max(initial=0.0)
    bound = 10 * EPS * near + 200 * EPS
    for found, expected in zip(form.dense(2), dense, strict=True):
        scale = np.sqrt(np.diagonal(expected))
        error = np.abs(found - expected) / scale / scale[:, None]
        assert error.max() <= bound * 10  # the condition number of these covariances


@FAMILY_NAMES
def test_the_expectation_step_against_its_definition(name):
    """Counts, sums and products by the textbook's loops over rows and components."""
    rng = np.random.default_rng(6)
    k, d, n = 3, 2, 30
    model = Mixture.of(
        rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), values_of(name, k, d, rng), family=name
    )
    x, w = rng.normal(size=(n, d)), rng.uniform(0, 2, n)
    exact = Exact(model)
    s = e_step(Block(x, w), model)
    r = np.array([exact.posterior(row) for row in x]) * w[:, None]
    np.testing.assert_allclose(s.n_weights, r.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(s.means, (r.T @ x) / r.sum(axis=0)[:, None], rtol=1e-11)
    total = sum(float(exact.density(row)) * v for row, v in zip(x, w, strict=True))
    np.testing.assert_allclose(s.log_likelihood, total, rtol=1e-13)
    scatter = np.zeros((k, d, d))
    for j in range(k):
        residual = x - s.means[j]
        scatter[j] = (r[:, j] * residual.T) @ residual
    expected = {
        "full": scatter,
        "tied": scatter.sum(axis=0),
        "diag": np.diagonal(scatter, axis1=1, axis2=2),
        "spherical": np.trace(scatter, axis1=1, axis2=2),
    }[name]
    np.testing.assert_allclose(s.scatter, expected, rtol=1e-11, atol=1e-13)


@FAMILY_NAMES
def test_float32_rows_far_from_zero(name):
    """An offset of 10,000 leaves float32 three digits of a unit; nothing more may be lost."""
    rng = np.random.default_rng(7)
    k, d = 2, 2
    centre = np.array([[1e4, -1e4], [1e4 + 4, -1e4 + 4]])
    model = Mixture.of([0.4, 0.6], centre, values_of(name, k, d, rng), family=name)
    x = model.sample(60, rng)[0].astype(np.float32)
    exact = Exact(model)
    for i in range(0, 60, 6):
        assert abs(model.log_density(x)[i] - exact.density(x[i])) < 1e-10
        np.testing.assert_allclose(model.responsibilities(x)[i], exact.posterior(x[i]), atol=1e-11)
    single = e_step(Block(x, np.ones(60)), model)
    double = e_step(Block(x.astype(np.float64), np.ones(60)), model)
    # Sums of float32 rows are of that precision about the origin, however far that is from zero.
    rounding = 10 * 6e-8 * model.operands.kappa.max()
    np.testing.assert_allclose(single.scatter, double.scatter, atol=rounding * double.scatter.max())
    assert single.products.dtype == np.float64
