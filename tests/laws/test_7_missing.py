"""Rows with gaps: what EM maximises is the likelihood of what was observed, exactly.

The oracle is the textbook: one row and one component at a time, the observed part of the mean and
of the covariance matrix, and the regression of the rest on it.
"""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mixtura import Mixture
from mixtura.learn import initial
from mixtura.learn.acceleration import Plain
from mixtura.learn.data import Block
from mixtura.learn.expectation import (
    assigned,
    certainty_of,
    e_step,
    labels,
    likelihood_of,
    log_density,
    responsibilities,
)
from mixtura.learn.gradient import MixtureSlope, covers
from mixtura.learn.statistics import Statistics
from mixtura.numeric.gaps import layout
from mixtura.numeric.kernels.with_gaps_reference import in_moment
from tests.laws.drawn import assert_close, assert_identical, mixture, rows
from tests.laws.registries import ACCELERATORS, PRIORS, numbered
from tests.laws.runs import Run
from tests.laws.test_10_equivariance import FOLLOWS_COLUMN_UNITS

K, D, N = 3, 5, 100

MISSING = {"few": 0.2, "half": 0.5, "most": 0.75}
"""Parts of the numbers that are missing: each of them has a route of its own."""

ALIKE = {"patterns": 1, "rows": 10**9, "both": 5}
"""Rows from which on a pattern is computed by itself."""


def with_gaps(x, part, rng):
    """Rows with numbers missing at random, some with all of them, and some with none."""
    x = x.copy()
    x[rng.random(x.shape) < part] = np.nan
    x[3], x[7] = np.nan, rng.normal(size=x.shape[1])
    return x


def textbook(x, w, model, given=None):
    """Counts, sums and products about the means, and log-likelihood, row by row."""
    (k, d), covariances = model.means.shape, model.covariances
    counts, sums, products, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
    densities, posteriors = [], []
    for i, row in enumerate(x):
        o = ~np.isnan(row)
        joint, parts = np.empty(k), []
        for j in range(k):
            sigma, mean = covariances[j], model.means[j]
            inner = sigma[np.ix_(o, o)]
            away = row[o] - mean[o]
            weighed = np.linalg.solve(inner, away)
            volume = np.linalg.slogdet(2 * np.pi * inner)[1]
            joint[j] = np.log(model.weights[j]) - 0.5 * (away @ weighed + volume)
            residual = np.where(o, 0.0, sigma[:, o] @ weighed)
            residual[o] = away
            left = sigma - sigma[:, o] @ np.linalg.solve(inner, sigma[o, :])
            left[o, :] = left[:, o] = 0.0
            parts.append((residual, left))
        density = logsumexp(joint)
        r = np.exp(joint - density)
        densities.append(density)
        posteriors.append(r)
        total += w[i] * density
        count = w[i] * (r if given is None else given[i])
        for j, (residual, left) in enumerate(parts):
            counts[j] += count[j]
            sums[j] += count[j] * residual
            products[j] += count[j] * (np.outer(residual, residual) + left)
    return counts, sums, products, total, np.array(densities), np.array(posteriors)


TOLD = {}


def told(x, w, model, given=None):
    """The textbook's answer, where several tests ask for it."""
    values = (x, w, model.weights, model.means, model.covariances, given)
    key = tuple(None if value is None else value.tobytes() for value in values)
    if key not in TOLD:
        TOLD[key] = textbook(x, w, model, given)
    return TOLD[key]


def log_likelihood(x, model):
    """The textbook's, pattern by pattern."""
    seen, covariances, total = ~np.isnan(x), model.covariances, 0.0
    for o in np.unique(seen, axis=0):
        some = x[(seen == o).all(axis=1)][:, o]
        joint = np.empty((len(some), len(covariances)))
        for j, sigma in enumerate(covariances):
            inner, away = sigma[np.ix_(o, o)], some - model.means[j][o]
            volume = np.linalg.slogdet(2 * np.pi * inner)[1]
            distance = (away * np.linalg.solve(inner, away.T).T).sum(axis=1)
            joint[:, j] = np.log(model.weights[j]) - 0.5 * (distance + volume)
        total += logsumexp(joint, axis=1).sum()
    return total


@pytest.fixture
def model(family):
    return mixture(family, K, D, np.random.default_rng(70))


@pytest.fixture(params=MISSING.values(), ids=[*MISSING])
def x(request, model):
    rng = np.random.default_rng(71)
    return with_gaps(rows(model, N, rng), request.param, rng)


@pytest.fixture
def w():
    return np.random.default_rng(72).uniform(0.0, 2.0, N)


def statistics(found, model, w):
    counts, sums, products, total = found[:4]
    moment = model.covariance.moment
    products = in_moment(products, model.matrices)
    return Statistics(moment, model.means, counts, counts, counts, sums, products, total, w.sum())


@numbered
def test_without_gaps_nothing_changes(engine, family, model, w):
    x = rows(model, N, np.random.default_rng(73))
    found = engine(x, w, incomplete=True, block_rows=100).fold(e_step, model)
    assert_identical(found, engine(x, w, block_rows=100).fold(e_step, model))


def test_the_statistics_are_those_of_the_textbook(engine, model, x, w):
    found = engine(x, w, incomplete=True, block_rows=90).fold(e_step, model)
    assert_close(found, statistics(textbook(x, w, model), model, w), 1e-12)


@pytest.mark.parametrize("alike", ALIKE.values(), ids=[*ALIKE])
def test_every_route_leads_there(incomplete_dialect, model, x, w, alike):
    gaps = layout(x, alike)
    some = gaps.with_gaps
    expected = statistics(told(x[some], w[some], model), model, w[some])
    found = incomplete_dialect.expectation(x, w, gaps, model.matrices)
    for a, b in zip(
        found,
        (expected.n_weights, expected.sums, expected.products, expected.log_likelihood),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize("alike", ALIKE.values(), ids=[*ALIKE])
def test_every_route_leads_to_memberships(incomplete_dialect, model, x, w, alike):
    gaps = layout(x, alike)
    some = gaps.with_gaps
    r = np.random.default_rng(74).dirichlet(np.ones(K), N)
    expected = statistics(told(x[some], w[some], model, r[some]), model, w[some])
    found = incomplete_dialect.accumulation(x, r * w[:, None], gaps, model.matrices)
    for a, b in zip(found, (expected.n_weights, expected.sums, expected.products), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize("alike", ALIKE.values(), ids=[*ALIKE])
def test_every_route_leads_to_the_numbers_of_rows(incomplete_dialect, model, x, w, alike):
    gaps = layout(x, alike)
    some, matrices = gaps.with_gaps, model.matrices
    densities, posteriors = told(x[some], w[some], model)[4:]
    density, r = incomplete_dialect.posterior(x, gaps, matrices)
    np.testing.assert_allclose(density[some], densities, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(r[some], posteriors, rtol=0, atol=1e-12)
    density = incomplete_dialect.log_density(x, gaps, matrices)
    np.testing.assert_allclose(density[some], densities, rtol=1e-12, atol=1e-11)
    found = incomplete_dialect.labels(x, gaps, matrices)
    np.testing.assert_array_equal(found[some], posteriors.argmax(axis=1))


def test_the_numbers_of_rows(engine, model, x):
    """Densities as SciPy has them; a row of nothing has density one and the weights."""
    data = engine(x, incomplete=True, block_rows=50)
    expected, covariances = np.zeros((N, K)), model.covariances
    for i, row in enumerate(x):
        o = ~np.isnan(row)
        for j in range(K):
            density = 0.0
            if o.any():
                inner = covariances[j][np.ix_(o, o)]
                density = multivariate_normal(model.means[j][o], inner).logpdf(row[o])
            expected[i, j] = np.log(model.weights[j]) + density
    total = logsumexp(expected, axis=1)
    posterior = np.exp(expected - total[:, None])
    density, r = data.map(log_density, model), data.map(responsibilities, model)
    np.testing.assert_allclose(density, total, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(r, posterior, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(data.map(labels, model), posterior.argmax(axis=1))
    assert density[3] == 0.0
    np.testing.assert_array_equal(r[3], model.weights)
    sums = data.fold(certainty_of, model)
    peak = np.log(posterior.max(axis=1)).sum()
    np.testing.assert_allclose(sums, [total.sum(), peak, N], rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(data.fold(likelihood_of, model), [total.sum(), N], rtol=1e-12)


@numbered
def test_all_but_one_observed_is_the_regression(incomplete_dialect, family):
    """What is missing, told by the others: its mean and variance by the precision matrix."""
    rng = np.random.default_rng(75)
    model = mixture(family, 1, D, rng)
    x = rows(model, D, rng)
    p = np.linalg.inv(model.covariances[0])
    away = x - model.means[0]
    np.fill_diagonal(away, 0.0)
    x[range(D), range(D)] = np.nan
    filled = incomplete_dialect.completed(x, model.matrices)
    expected = model.means[0] - np.diagonal(away @ p) / np.diagonal(p)
    np.testing.assert_allclose(np.diagonal(filled), expected, rtol=1e-12, atol=1e-12)
    seen = ~np.isnan(x)
    np.testing.assert_array_equal(filled[seen], x[seen])
    # The second moment of what is missing: the squared mean, and the variance that is left.
    for j in range(D):
        found = incomplete_dialect.expectation(x[[j]], np.ones(1), layout(x[[j]]), model.matrices)
        expected = (filled[j] - model.means[0])[:, None] * (filled[j] - model.means[0])
        expected[j, j] += 1.0 / p[j, j]
        expected = in_moment(expected[None], model.matrices)
        np.testing.assert_allclose(found[2], expected, rtol=1e-11, atol=1e-11)


def test_a_row_of_only_gaps_adds_what_is_expected_of_one(engine, model, w):
    x = rows(model, N, np.random.default_rng(76))
    more, heavier = np.vstack([x, np.full((1, D), np.nan)]), np.append(w, 1.0)
    with_it = engine(more, heavier, incomplete=True).fold(e_step, model)
    without = engine(x, w, incomplete=True).fold(e_step, model)
    assert_identical(with_it, without + Statistics.expected(model, 1.0))
    assert with_it.log_likelihood == without.log_likelihood
    alone = engine(more[-1:], incomplete=True).fold(e_step, model)
    assert_identical(alone, Statistics.expected(model, 1.0))
    given = engine(more[-1:], memberships=np.array([1]), incomplete=True).fold(assigned, model)
    one = Mixture(np.eye(K)[1], model.means, model.covariance)
    assert_identical(given, Statistics.expected(one, 1.0))


@pytest.mark.parametrize("block_rows", [1, 7, 64, 10**6])
def test_the_size_of_blocks_does_not_matter(engine, model, x, w, block_rows):
    whole = engine(x, w, incomplete=True, threads=1, block_rows=N).fold(e_step, model)
    blocks = engine(x, w, incomplete=True, threads=1, block_rows=block_rows).fold(e_step, model)
    assert_close(blocks, whole, 1e-11)


def test_neither_threads_nor_passes_change_a_bit(engine, family):
    rng = np.random.default_rng(77)
    model = mixture(family, K, D, rng)
    x = with_gaps(rows(model, 3_000, rng), 0.3, rng)
    data = engine(x, incomplete=True, threads=1, block_rows=400)
    one = data.fold(e_step, model)
    assert_identical(data.fold(e_step, model), one)
    for threads in (2, 3):
        many = engine(x, incomplete=True, threads=threads, block_rows=400).fold(e_step, model)
        assert_identical(many, one)


def test_whole_numbers_of_times(engine, model, x):
    """A weight of three is a row three times; one of zero is no row."""
    times = np.random.default_rng(78).integers(0, 4, N)
    weighted = engine(x, times.astype(float), incomplete=True).fold(e_step, model)
    assert_close(
        engine(np.repeat(x, times, axis=0), incomplete=True).fold(e_step, model), weighted, 1e-12
    )


def test_single_precision_is_read_as_it_is(engine, model, x, w):
    single = np.where(np.isnan(x).any(axis=1)[:, None], x, np.nan).astype(np.float32)
    found = engine(single, w, incomplete=True).fold(e_step, model)
    assert_identical(found, engine(single.astype(float), w, incomplete=True).fold(e_step, model))


@pytest.mark.parametrize("alike", ALIKE.values(), ids=[*ALIKE])
def test_rows_out_of_reach(incomplete_dialect, model, alike):
    """Rows that are far from everything belong to somebody all the same."""
    x = np.array([[1e6, np.nan, 1e6, 0, 0], [np.nan, -1e100, 0, 0, 0], [1e200, 0, 0, 0, np.nan]])
    x = np.repeat(x, 2, axis=0)
    x[1, 3] = np.nan
    gaps = layout(x, alike)
    r = incomplete_dialect.posterior(x, gaps, model.matrices)[1]
    np.testing.assert_allclose(r.sum(axis=1), 1.0)
    found = incomplete_dialect.labels(x, gaps, model.matrices)
    np.testing.assert_array_equal(found, r.argmax(axis=1))
    counts, sums, products, _ = incomplete_dialect.expectation(
        x[:4], np.ones(4), layout(x[:4], alike), model.matrices
    )
    np.testing.assert_allclose(counts, r[:4].sum(axis=0), atol=1e-12)
    assert np.isfinite(sums).all()
    assert np.isfinite(products).all()
    # A row of no weight may be where its density is nothing.
    counts, sums, products, total = incomplete_dialect.expectation(
        x, np.array([1.0, 1, 1, 1, 0, 0]), gaps, model.matrices
    )
    assert np.isfinite(products).all()
    assert np.isfinite(total)


@pytest.mark.parametrize("thin", [1e-3, 1e-5])
@pytest.mark.parametrize("alike", ALIKE.values(), ids=[*ALIKE])
def test_far_from_zero_and_nearly_flat(incomplete_dialect, alike, thin):
    """Residuals are taken before anything else, and thin directions do not drown the others."""
    rng = np.random.default_rng(79)
    d = 6
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    matrix = (turn * np.array([1.0, 1, 1, 1, 1, thin**2])) @ turn.T
    offset = 2.0**30
    means = np.round(rng.normal(size=(2, d)) * 2.0**20) / 2.0**20
    near = Mixture.of([0.4, 0.6], means, np.array([matrix, np.eye(d)]))
    far = Mixture.of([0.4, 0.6], means + offset, np.array([matrix, np.eye(d)]))
    x = np.round(near.sample(300, rng)[0] * 2.0**20) / 2.0**20
    x[rng.random(x.shape) < 0.3] = np.nan
    gaps = layout(x, alike)
    some = gaps.with_gaps
    expected = textbook(x[some], np.ones(len(some)), near)[4]
    bound = 1e-14 / thin**2  # of the textbook, too
    assert near.matrices.precise.tolist() == [thin > 1e-4, True]
    for model, rows_ in ((near, x), (far, x + offset)):
        density = incomplete_dialect.log_density(rows_, gaps, model.matrices)[some]
        np.testing.assert_allclose(density, expected, rtol=bound, atol=bound)


# Runs of EM.


def table(k, rng, part=0.3):
    x = np.vstack([rng.normal(size=(30, 3)) @ rng.normal(size=(3, 3)) + 4 * j for j in range(k)])
    return with_gaps(x, part, rng), np.repeat(np.arange(k), 30)


@pytest.mark.parametrize("name", ["none", *PRIORS])
@pytest.mark.parametrize("how", [Plain(), *ACCELERATORS.values()], ids=["plain", *ACCELERATORS])
def test_no_step_lowers_the_objective(family, name, how):
    x, given = table(3, np.random.default_rng(80))
    run = Run(x, given, family, 3, prior=PRIORS.get(name), accelerate=how, max_iter=30)
    assert np.diff(run.objectives).min() > -1e-12
    assert run.objective(run.fit.mixture) >= run.objectives[-1] - 1e-12


@pytest.mark.parametrize("name", ["none", *PRIORS])
def test_where_em_ends_the_score_is_zero(family, name):
    rng = np.random.default_rng(81)
    x, given = table(2, rng)
    run = Run(x, given, family, 2, prior=PRIORS.get(name), tol=1e-15, max_iter=3000)
    end = run.fit.mixture

    def observed(vector):
        there = end.from_vector(vector)
        return (log_likelihood(x, there) + run.maximize.log_prior(there)) / len(x)

    assert log_likelihood(x, end) == pytest.approx(textbook(x, np.ones(len(x)), end)[3], rel=1e-12)
    vector = end.to_vector()
    assert np.abs(slopes(observed, vector)).max() < 3e-6
    if name == "none":  # the same test sees a mixture that is a little beside the end
        elsewhere = vector + 1e-2 * rng.normal(size=vector.shape)
        assert np.abs(slopes(observed, elsewhere)).max() > 3e-4


def test_the_gradient_is_that_of_what_was_observed(family):
    """By Fisher's identity the statistics hold it, at any place."""
    if not covers(family):
        pytest.skip("its gradient is not known")
    rng = np.random.default_rng(82)
    model = mixture(family, 2, 3, rng)
    x = with_gaps(rows(model, 60, rng), 0.3, rng)
    here = mixture(family, 2, 3, rng)
    found = MixtureSlope(
        Run(x, np.arange(62)[:60] % 2, family, 2, max_iter=1).expect(here), here, 60
    )

    def observed(vector):
        return log_likelihood(x, here.from_vector(vector)) / 60

    np.testing.assert_allclose(found.gradient, slopes(observed, here.to_vector()), atol=1e-6)


def slopes(function, vector, step=1e-5):
    found = []
    for j in range(len(vector)):
        there, back = vector.copy(), vector.copy()
        there[j] += step
        back[j] -= step
        found.append((function(there) - function(back)) / (2 * step))
    return np.array(found)


def test_changes_of_units_and_places(family):
    """The fit follows a shift, another unit, other orders of columns and rows."""
    rng = np.random.default_rng(83)
    x, given = table(2, rng)
    unit = np.array([2.0, 0.3, 5.0]) if family.name in FOLLOWS_COLUMN_UNITS else 3.7
    shift, turned, order = np.array([10.0, -3.0, 0.5]), np.array([2, 0, 1]), rng.permutation(len(x))
    prior = PRIORS["penalty"]
    here = Run(x, given, family, 2, prior=prior, max_iter=20).fit.mixture
    there = Run(
        (x * unit + shift)[order][:, turned], given[order], family, 2, prior=prior, max_iter=20
    ).fit.mixture
    units = np.broadcast_to(unit, 3)[turned]
    np.testing.assert_allclose(there.weights, here.weights, rtol=1e-8)
    expected = (here.means * unit + shift)[:, turned]
    np.testing.assert_allclose(there.means, expected, rtol=1e-8, atol=1e-8)
    expected = here.covariances[:, turned][:, :, turned] * (units[:, None] * units)
    np.testing.assert_allclose(there.covariances, expected, rtol=1e-7, atol=1e-8)


def test_all_rows_as_one_gaussian(engine):
    """The start is near the maximum for one Gaussian, and positive definite where rows are few."""
    rng = np.random.default_rng(84)
    x = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + 1e4
    x[rng.random(x.shape) < 0.4] = np.nan
    whole = initial.total(engine(x, incomplete=True))
    again = whole
    for _ in range(200):
        s = engine(x, incomplete=True).fold(e_step, again)
        again = Mixture(np.ones(1), s.means, type(whole.covariance)(s.scatter / len(x)))
    last = engine(x, incomplete=True).fold(likelihood_of, again)[0]
    assert last - engine(x, incomplete=True).fold(likelihood_of, whole)[0] < 1e-2 * len(x)
    few = np.where(np.eye(3) > 0, 1.0, np.nan)
    found = initial.total(engine(few, incomplete=True)).covariances[0]
    assert np.linalg.eigvalsh(found)[0] > 0


def test_blocks_know_their_gaps(model):
    block = Block(np.full((2, D), np.nan), np.ones(2))
    assert block.gaps is None
