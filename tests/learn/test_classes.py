"""EM for classes that are mixtures: the E-step against one written out row by row."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp

from mixtura import Mixture
from mixtura.engines.memory import Memory
from mixtura.learn.classes import class_step, em_classes
from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.statistics import Statistics

PRIOR = np.array([0.5, 0.3, 0.2])


def classes():
    """A class of two components, and two of one, of three families."""
    return (
        Mixture.of([0.4, 0.6], [[0, 0], [3, 1]], [[[1, 0.3], [0.3, 2]], [[2, 0], [0, 1]]]),
        Mixture.of([1], [[1, 2]], [[1.5, 0.5]], family="diag"),
        Mixture.of([1], [[-1, -1]], [2.0], family="spherical"),
    )


def rows_of(n=200, seed=0):
    rng = np.random.default_rng(seed)
    known = rng.integers(-1, 3, size=n)
    rows = rng.normal(size=(n, 2)) * 2
    return rows, rng.integers(0, 3, size=n).astype(float), known


@pytest.mark.parametrize("codes", ["some", "none", "all", "one"])
def test_the_statistics_are_those_of_weighted_rows(codes):
    rows, w, known = rows_of()
    known = {"some": known, "none": 0 * known - 1, "all": abs(known), "one": 0 * known}[codes]
    data = Memory(rows, w, known, block_rows=64)
    found = data.fold(class_step, classes(), np.log(PRIOR))
    density = np.stack([m.log_density(rows) for m in classes()])
    joint = density + np.log(PRIOR)[:, None]
    shares = np.exp(joint - logsumexp(joint, axis=0))
    row_likelihood = logsumexp(joint, axis=0)
    for c in range(3):
        shares[c] = np.where(known >= 0, known == c, shares[c])
        row_likelihood = np.where(known == c, joint[c], row_likelihood)
    assert_allclose(found.log_likelihood, w @ row_likelihood, rtol=1e-10)
    assert_allclose(found.counts, shares @ w, atol=1e-9)
    for mixture, part, share in zip(classes(), found.parts, shares, strict=True):
        r = mixture.responsibilities(rows) * (w * share)[:, None]
        at_zero = part.shifted(np.zeros_like(mixture.means))
        assert_allclose(at_zero.n_weights, r.sum(axis=0), atol=1e-9)
        assert_allclose(at_zero.sums, r.T @ rows, atol=1e-8)


def test_no_step_lowers_the_likelihood_and_shares_may_stay():
    rows, w, known = rows_of()
    data = Memory(rows, w, known)
    maximize = [
        Maximization(type(m.covariance), Penalty(4 * np.eye(2), 0.1), np.full(2, 1e-10))
        for m in classes()
    ]
    options = {"tol": 1e-9, "max_iter": 300}
    free = em_classes(data, classes(), PRIOR, maximize, fixed=False, **options)
    assert free.converged
    assert (np.diff(free.objectives) > -1e-12).all()
    held = em_classes(data, classes(), PRIOR, maximize, fixed=True, **options)
    assert_allclose(held.prior, PRIOR)
    assert held.objectives[-1] <= free.objectives[-1]
    assert not em_classes(data, classes(), PRIOR, maximize, fixed=True, tol=0, max_iter=3).converged


def test_rows_that_are_not_there_add_nothing():
    rows, _, known = rows_of()
    found = Memory(rows, np.zeros(len(rows)), known).fold(class_step, classes(), np.log(PRIOR))
    assert found.log_likelihood == 0.0
    for mixture, part in zip(classes(), found.parts, strict=True):
        none = Statistics.zero(part.moment, *mixture.means.shape)
        assert_allclose(part.products, none.products)
