"""What rows miss, against the textbook: one row and one component at a time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from mixtura import Mixture
from mixtura.learn import imputation
from mixtura.learn.imputation import Cells
from tests.laws.registries import MOMENTS

K, D = 3, 6
FREE = np.full(D, np.inf)


def mixture(family="full", seed=0, k=K, d=D, apart=2.0):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(k, d, d))
    dense = factors @ factors.transpose(0, 2, 1) / d + 0.2 * np.eye(d)
    values = {
        "full": dense,
        "tied": dense[0],
        "diag": np.diagonal(dense, axis1=1, axis2=2),
        "spherical": dense[:, 0, 0],
    }[family]
    weights = rng.dirichlet(np.full(k, 3.0))
    return Mixture.of(weights, apart * rng.normal(size=(k, d)), values, family=family)


def table(model, n=60, part=0.4, seed=1):
    """Rows of a mixture with gaps: few and many, two rows alike, one of nothing and one of all."""
    rng = np.random.default_rng(seed)
    x = model.sample(n, rng)[0]
    x[rng.random(x.shape) < part] = np.nan
    x[1] = np.nan
    x[2] = x[5] = model.mean
    x[2, :2] = x[5, :2] = np.nan
    return x


def textbook(model, row):
    """Shares of the components, and mean and covariance of what a row misses in each."""
    o = ~np.isnan(row)
    m = ~o
    logs, means, matrices = [], [], []
    for weight, mean, sigma in zip(model.weights, model.means, model.covariances, strict=True):
        inner = sigma[np.ix_(o, o)]
        logs.append(np.log(weight))
        if o.any():
            logs[-1] += multivariate_normal(mean[o], inner).logpdf(row[o])
        gain = np.linalg.solve(inner, sigma[np.ix_(o, m)]).T
        means.append(mean[m] + gain @ (row[o] - mean[o]))
        matrices.append(sigma[np.ix_(m, m)] - gain @ sigma[np.ix_(o, m)])
    return np.exp(np.array(logs) - logsumexp(logs)), np.array(means), np.array(matrices)


def joined(model, x):
    """All missing numbers at once."""
    found = [*imputation.cells(x, model)]
    parts = [[getattr(cells, name) for cells in found] for name in Cells.__dataclass_fields__]
    return Cells(*(np.concatenate(part) for part in parts))


@pytest.mark.parametrize("family", MOMENTS)
def test_each_missing_number_is_the_textbooks_mixture(family):
    model = mixture(family)
    x = table(model)
    cells = joined(model, x)
    assert len(cells.rows) == np.isnan(x).sum()
    for i in np.unique(cells.rows):
        mine = np.flatnonzero(cells.rows == i)
        shares, means, matrices = textbook(model, x[i])
        assert_array_equal(cells.columns[mine], np.flatnonzero(np.isnan(x[i])))
        some = shares > 1e-18
        assert_allclose(cells.weights[mine], [shares] * len(mine), atol=1e-13)
        assert_allclose(cells.means[mine][:, some], means.T[:, some], rtol=1e-10, atol=1e-10)
        variances = np.diagonal(matrices, axis1=1, axis2=2).T
        assert_allclose(cells.widths[mine][:, some] ** 2, variances[:, some], rtol=1e-9)


def test_matrices_that_are_nearly_singular_take_the_way_that_holds():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(D, D)))[0]
    sigma = (basis * np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1e-11])) @ basis.T
    model = Mixture.of([1.0], np.zeros((1, D)), 0.5 * (sigma + sigma.T)[None])
    assert not model.matrices.precise.any()
    x = model.sample(20, rng)[0]
    x[:, 0] = np.nan
    cells = joined(model, x)
    for i in range(len(x)):
        _, means, _ = textbook(model, x[i])
        assert_allclose(cells.means[cells.rows == i, 0], means[0], atol=1e-4)


def test_many_rows_are_taken_some_at_a_time(monkeypatch):
    model = mixture()
    x = table(model, n=900)
    whole = joined(model, x)
    monkeypatch.setattr(imputation, "TOGETHER", 1)
    assert len([*imputation.parts(x, model)]) > 1
    parts = joined(model, x)
    order, other = np.lexsort((whole.columns, whole.rows)), np.lexsort((parts.columns, parts.rows))
    assert_allclose(whole.means[order], parts.means[other], rtol=1e-13)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("missing", [[0], [0, 2, 3, 5], [*range(D)]])
def test_draws_have_the_moments_of_the_row(family, missing):
    model, n = mixture(family, apart=0.7), 20_000
    row = model.mean + 0.3
    row[missing] = np.nan
    x = np.tile(row, (n, 1))
    drawn = imputation.drawn(x, model, np.random.default_rng(3), -FREE, FREE)
    assert_array_equal(drawn[:, ~np.isnan(row)], x[:, ~np.isnan(row)])
    shares, means, matrices = textbook(model, row)
    mean = shares @ means
    step = means - mean
    within = np.einsum("k,kij->ij", shares, matrices)
    covariance = within + np.einsum("k,ki,kj->ij", shares, step, step)
    found = drawn[:, missing]
    width = np.sqrt(np.diag(covariance))
    # Five standard errors; fourth moments of a mixture are bounded by those simulated.
    assert (np.abs(found.mean(axis=0) - mean) < 5 * width / np.sqrt(n)).all()
    products = np.einsum("ni,nj->nij", found - mean, found - mean)
    errors = products.std(axis=0) / np.sqrt(n)
    assert (np.abs(products.mean(axis=0) - covariance) < 5 * errors).all()


def test_draws_within_bounds_are_those_that_fall_there():
    """Rejection: as many free draws, of which those outside are thrown away."""
    model, n = mixture(apart=0.7), 20_000
    row = model.mean + 0.3
    row[:3] = np.nan
    low, high = -FREE, FREE.copy()
    low = np.where(np.arange(D) == 0, model.mean[0], low)
    high[1] = model.mean[1] + 0.5
    x = np.tile(row, (n, 1))
    bounded = imputation.drawn(x, model, np.random.default_rng(3), low, high)
    free = imputation.drawn(np.tile(row, (4 * n, 1)), model, np.random.default_rng(4), -FREE, FREE)
    free = free[((low <= free) & (free <= high)).all(axis=1)]
    assert ((low <= bounded) & (bounded <= high)).all()
    error = np.sqrt(free.var(axis=0) * (1 / n + 1 / len(free)))
    assert (np.abs(bounded.mean(axis=0) - free.mean(axis=0)) <= 5 * error)[:3].all()


def test_bounds_that_hold_next_to_nothing_are_kept():
    model = mixture(k=1, d=2)
    low, high = model.mean + 12.0, model.mean + 12.5
    x = np.full((50, 2), np.nan)
    drawn = imputation.drawn(x, model, np.random.default_rng(0), low, high)
    assert ((low <= drawn) & (drawn <= high)).all()


@pytest.mark.parametrize("family", MOMENTS)
def test_peaks_are_modes_of_what_is_missing(family):
    model = mixture(family, apart=1.0)
    x = table(model)
    filled = imputation.peaks(x, model)
    hollow = np.isnan(x)
    assert_array_equal(filled[~hollow], x[~hollow])
    assert np.abs(model.score(filled)[hollow]).max() < 1e-7  # the gradient
    density, rng = model.log_density(filled), np.random.default_rng(0)
    for _ in range(20):
        near = filled + 1e-2 * rng.normal(size=x.shape) * hollow
        assert (model.log_density(near) <= density + 1e-12).all()
    for i in np.flatnonzero(hollow.any(axis=1)):  # and no component's mean is higher
        for mean in textbook(model, x[i])[1]:
            other = x[i].copy()
            other[hollow[i]] = mean
            assert model.log_density(other[None])[0] <= density[i] + 1e-12


def some_cells(n=5, k=3, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n, k)
    weights, means = rng.dirichlet(np.ones(k), n), rng.normal(size=shape)
    return Cells(np.arange(n), np.zeros(n, int), weights, means, rng.uniform(0.3, 1.0, shape))


def density(cells, i, t):
    return cells.weights[i] @ norm.pdf(t, cells.means[i], cells.widths[i])


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-0.5, np.inf), (-1.0, 0.2), (-np.inf, 3.0)])
def test_means_between_bounds_by_quadrature(bounds):
    cells = some_cells()
    low, high = (np.full(5, bound) for bound in bounds)
    a, b = max(bounds[0], -9.0), min(bounds[1], 9.0)

    def average(i, f):
        top = quad(lambda t: f(t) * density(cells, i, t), a, b, epsabs=1e-12, limit=200)[0]
        return top / quad(lambda t: density(cells, i, t), a, b, epsabs=1e-12, limit=200)[0]

    expected = [average(i, lambda t: t) for i in range(5)]
    assert_allclose(cells.mean(low, high), expected, rtol=1e-8, atol=1e-9)
    expected = [average(i, np.exp) for i in range(5)]
    assert_allclose(cells.mean_of(np.exp, low, high), expected, rtol=1e-8)


def test_quantiles_between_bounds_undo_the_distribution():
    cells = some_cells()
    low, high = np.full(5, -0.8), np.full(5, 0.9)
    level = np.linspace(0.1, 0.9, 5)
    found = cells.quantile(level, low, high)

    def cdf(i, t):
        return cells.weights[i] @ norm.cdf(t, cells.means[i], cells.widths[i])

    for i in range(5):
        inside = (cdf(i, found[i]) - cdf(i, low[i])) / (cdf(i, high[i]) - cdf(i, low[i]))
        assert_allclose(inside, level[i], rtol=1e-10)


def test_bounds_out_of_reach_give_a_number_between_them():
    cells = some_cells()
    low, high = np.full(5, 60.0), np.full(5, 61.0)
    for found in (
        cells.mean(low, high),
        cells.mean_of(lambda t: t, low, high),
        cells.quantile(np.full(5, 0.5), low, high),
    ):
        assert ((low <= found) & (found <= high)).all()


def test_scores_by_quadrature():
    cells = some_cells()
    truth = np.linspace(-2.0, 2.0, 5)
    found = cells.scores(truth)
    for i, y in enumerate(truth):

        def gap(t, i=i, y=y):
            return (cells.weights[i] @ norm.cdf(t, cells.means[i], cells.widths[i]) - (t > y)) ** 2

        expected = quad(gap, -12.0, y)[0] + quad(gap, y, 12.0)[0]
        assert_allclose(found[i], expected, rtol=1e-7)
