"""The posterior over mixtures: against exact evidence, scikit-learn, and its own laws."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import gammaln, logsumexp

from mixtura.engines.memory import Memory
from mixtura.learn.acceleration import Plain, Squarem
from mixtura.learn.ascent import ascend
from mixtura.learn.concentration import Dirichlet, Sticks
from mixtura.learn.em import Outcome
from mixtura.learn.expectation import assigned, e_step
from mixtura.learn.precision import Gamma, Gammas, SharedWishart, Wishart
from mixtura.learn.statistics import Statistics
from mixtura.learn.variational import Beliefs, examine
from mixtura.model.covariance import FAMILIES
from mixtura.model.mixture import Mixture
from tests.laws.test_4_ascent import NASTY, ordinary

FORMS = {"full": Wishart(), "tied": SharedWishart(), "diag": Gammas(), "spherical": Gamma()}
WEIGHTS = {"dirichlet": Dirichlet(0.4), "process": Sticks(1.3), "pitman-yor": Sticks(0.9, 0.3)}


def believed(name, k, d, weights, seed=0, nu=None, form=None):
    """A prior that is nowhere round."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(d, 2 * d))
    scale = a @ a.T
    if name == "diag":
        scale = np.diag(np.diagonal(scale))
    if name == "spherical":
        scale = scale[0, 0] * np.eye(d)
    return Beliefs(
        FAMILIES[name],
        k,
        weights,
        FORMS[name] if form is None else form,
        rng.normal(size=d),
        0.37,
        d + 1.6 if nu is None else nu,
        scale,
    )


def t_evidence(beliefs, x):
    """Log evidence of rows of one component, row by row: each has a t density given those before.

    Posteriors by the update of one row, densities by SciPy.
    """
    d = len(beliefs.mean)
    k = beliefs.n_components
    m, b, nu, c = beliefs.mean, beliefs.mean_precision, beliefs.degrees_of_freedom, beliefs.scale
    name = beliefs.family.name
    if name == "tied":
        nu, c = k * nu, k * c
    total = 0.0
    for row in x:
        spread = (1 + 1 / b) * c
        if name in ("full", "tied"):
            own = nu - d + 1
            total += stats.multivariate_t(m, spread / own, df=own).logpdf(row)
        elif name == "diag":
            unit = np.sqrt(np.diagonal(spread) / nu)
            total += stats.t(nu, m, unit).logpdf(row).sum()
        else:
            total += stats.multivariate_t(m, spread / nu, df=d * nu).logpdf(row)
        residual = row - m
        outer = np.outer(residual, residual) * b / (b + 1)
        if name == "spherical":
            outer = np.trace(outer) / d * np.eye(d)
        m, c = (b * m + row) / (b + 1), c + outer
        b, nu = b + 1, nu + 1
    return total


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("name", FORMS)
def test_with_one_component_the_bound_is_the_evidence(name, d):
    x = np.random.default_rng(1).normal(size=(12, d)) * 2 + 1
    data = Memory(x)
    beliefs = believed(name, 1, d, Dirichlet(0.8))
    start = beliefs.after(Mixture(np.ones(1), np.zeros((1, d)), one(name, d)), 12)
    first = examine(start, lambda m: data.fold(e_step, m))
    assert_allclose(first.bound, t_evidence(beliefs, x), rtol=1e-11)
    again = examine(first.posterior, lambda m: data.fold(e_step, m))
    assert_allclose(again.bound, first.bound, rtol=1e-12)


def one(name, d, k=1):
    values = {
        "full": np.tile(np.eye(d), (k, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[name]
    return FAMILIES[name].from_values(values, d)


def log_prior_of(weights, counts):
    """The probability of one division of rows, whose components have counts."""
    counts = np.asarray(counts, dtype=float)
    if isinstance(weights, Dirichlet):
        a = weights.alpha
        k = len(counts)
        whole = gammaln(k * a) - gammaln(k * a + counts.sum())
        return whole + (gammaln(a + counts) - gammaln(a)).sum()
    total = 0.0
    for j, n in enumerate(counts):
        a, b = 1 - weights.discount, weights.alpha + (j + 1) * weights.discount
        later = counts[j + 1 :].sum()
        # E[vⁿ (1 − v)^later], by the ratio of gamma functions
        total += gammaln(a + n) - gammaln(a) + gammaln(b + later) - gammaln(b)
        total += gammaln(a + b) - gammaln(a + b + n + later)
    return total


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_the_bound_is_below_the_evidence_over_all_divisions(name, weights):
    d, k = 2, 2
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(size=(4, d)), rng.normal(size=(3, d)) + 12])
    data = Memory(x)
    beliefs = believed(name, k, d, weights)
    terms, divisions = [], [np.array(labels) for labels in product(range(k), repeat=len(x))]
    for z in divisions:
        counts = [np.count_nonzero(z == j) for j in range(k)]
        parts = sum(t_evidence(beliefs, x[z == j]) for j in range(k) if counts[j])
        terms.append(log_prior_of(weights, counts) + parts)
    evidence = logsumexp(terms)
    start = beliefs.posterior(divided(x, divisions[np.argmax(terms)], k, name))
    fit = ascend(start, lambda m: data.fold(e_step, m), tol=1e-10, max_iter=500)
    assert fit.bound <= evidence
    # Memberships that are certain have their division for a bound, and the run began there.
    assert fit.bound >= max(terms) - 1e-6


def divided(x, labels, k, name):
    """Statistics of rows whose components are known."""
    d = x.shape[1]
    around = Mixture(np.full(k, 1 / k), np.zeros((k, d)), one(name, d, k))
    return Memory(x, None, np.eye(k)[labels]).fold(assigned, around)


def start_of(x, k, name, beliefs, seed=0):
    labels = np.random.default_rng(seed).integers(0, k, len(x))
    return beliefs.posterior(divided(x, labels, k, name))


@pytest.mark.parametrize("how", [Plain(), Squarem()], ids=["plain", "squarem"])
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("rows", NASTY)
def test_the_bound_never_falls(rows, name, weights, how):
    x = rows(np.random.default_rng(3))
    data, k, d = Memory(x), 4, x.shape[1]
    unit = np.maximum(x.var(axis=0), 1e-8 * (1 + x.mean(axis=0) ** 2))
    beliefs = Beliefs(
        FAMILIES[name], k, weights, FORMS[name], x.mean(axis=0), 0.01, d + 2.0, np.diag(unit)
    )
    fit = ascend(
        start_of(x, k, name, beliefs),
        lambda m: data.fold(e_step, m),
        accelerate=how,
        tol=0.0,
        max_iter=40,
        sort=True,
    )
    bounds = np.array([record.objective for record in fit.history])
    assert np.isfinite(bounds).all()
    assert np.diff(bounds).min() >= -1e-9 * np.abs(bounds).max()
    again = examine(fit.posterior, lambda m: data.fold(e_step, m)).bound
    assert again >= bounds[-1] - 1e-9 * np.abs(bounds).max()


@pytest.mark.parametrize("name", FORMS)
def test_a_run_with_longer_steps_ends_at_the_same_bound(name):
    x = ordinary(np.random.default_rng(4))
    data = Memory(x)
    beliefs = believed(name, 3, 3, Dirichlet(0.5))
    start = start_of(x, 3, name, beliefs)
    ends = [
        ascend(start, lambda m: data.fold(e_step, m), accelerate=how, tol=1e-9, max_iter=3000)
        for how in (Plain(), Squarem())
    ]
    assert all(end.outcome is Outcome.converged for end in ends)
    assert abs(ends[0].bound - ends[1].bound) < 1e-4 or ends[1].bound > ends[0].bound


@pytest.mark.parametrize("name", FORMS)
def test_coordinates_give_the_posterior_back(name):
    x = ordinary(np.random.default_rng(5))
    beliefs = believed(name, 3, 3, Sticks(1.0))
    posterior = start_of(x, 3, name, beliefs)
    again = posterior.from_vector(posterior.to_vector())
    assert again is not None
    assert_allclose(again.counts, posterior.counts, rtol=1e-12)
    assert_allclose(again.means, posterior.means, rtol=1e-12, atol=1e-12)
    assert_allclose(again.covariance.values, posterior.covariance.values, rtol=1e-12)
    assert posterior.from_vector(np.full_like(posterior.to_vector(), np.nan)) is None
    assert posterior.from_vector(np.full_like(posterior.to_vector(), 1e5)) is None


def test_the_order_of_sticks_is_that_of_size_where_it_is_better():
    beliefs = believed("full", 3, 2, Sticks(1.0))
    s = Statistics.expected(Mixture(np.array([0.2, 0.5, 0.3]), np.eye(3, 2), one("full", 2, 3)), 50)
    posterior = beliefs.posterior(s)
    assert_allclose(posterior.sorted().counts, [25, 15, 10])
    assert_allclose(posterior.sorted().means, posterior.means[[1, 2, 0]])
    gain = posterior.sorted().log_partition - posterior.log_partition
    every = [
        posterior.rearranged(np.array(order)).log_partition - posterior.log_partition
        for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    ]
    assert gain > 0
    assert_allclose(gain, max(every))
    symmetric = believed("full", 3, 2, Dirichlet(1.0)).posterior(s)
    assert symmetric.sorted() is symmetric


def test_what_the_posterior_says_of_rows_is_what_draws_of_it_say_on_average():
    """exp E[log π_k N(x | μ_k, Λ_k⁻¹)], over draws from SciPy's distributions."""
    d, k = 2, 2
    x = np.random.default_rng(6).normal(size=(30, d))
    beliefs = believed("full", k, d, Dirichlet(2.0))
    posterior = start_of(x, k, "full", beliefs)
    rng = np.random.default_rng(7)
    n = 4000
    nu, b = posterior.degrees_of_freedom, posterior.mean_precision
    precisions = posterior.covariance.precisions()
    weights = stats.dirichlet(posterior.beliefs.weights.parameters(posterior.counts))
    pi = weights.rvs(n, random_state=rng)
    row = np.array([[0.4, -0.9]])
    for j in range(k):
        lam = stats.wishart(nu[j], precisions[j] / nu[j]).rvs(n, random_state=rng)
        factor = np.linalg.cholesky(np.linalg.inv(b[j] * lam))
        mu = posterior.means[j] + np.einsum("nij,nj->ni", factor, rng.normal(size=(n, d)))
        r = row - mu
        log = np.log(pi[:, j]) + 0.5 * np.linalg.slogdet(lam)[1] - 0.5 * d * np.log(2 * np.pi)
        log -= 0.5 * np.einsum("ni,nij,nj->n", r, lam, r)
        found = posterior.surrogate.log_joint(row)[0, j] + posterior.log_mass
        assert abs(found - log.mean()) < 5 * log.std() / np.sqrt(n)
