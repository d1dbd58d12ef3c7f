"""No member of a family is likelier for given statistics than the one that the M-step finds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from mixtura.model.covariance import FAMILIES, Full
from tests.laws.drawn import covariance

SIZES = [(1, 3), (2, 2), (3, 3), (4, 2), (2, 4)]


def scatter(k, d, rng):
    """Matrices of rows, unlike one another, and their counts."""
    counts = rng.uniform(8.0, 60.0, k)
    roots = rng.normal(size=(k, d, d)) * np.exp(0.4 * rng.normal(size=(k, 1, d)))
    return counts, counts[:, None, None] * (roots @ np.swapaxes(roots, 1, 2) + 0.1 * np.eye(d))


def kept(matrices, moment, k, d):
    """What a moment keeps of scatter matrices."""
    parts = [moment.copies(matrix, 1) for matrix in matrices]
    return moment.stack(parts, [np.array([j]) for j in range(k)], moment.zeros(k, d))


def log_likelihood(form, counts, matrices):
    """By NumPy alone, of matrices."""
    dense = form.dense(len(counts))
    if not np.isfinite(dense).all() or np.linalg.cond(dense).max() > 1e14:  # beyond what is sought
        return -1e10
    spread = np.einsum("kij,kji->", np.linalg.inv(dense), matrices)
    return -0.5 * float(counts @ np.linalg.slogdet(dense)[1] + spread)


@pytest.mark.parametrize(("k", "d"), SIZES)
def test_descent_from_the_m_step_finds_nothing_better(family, k, d):
    rng = np.random.default_rng(7 * k + d)
    counts, matrices = scatter(k, d, rng)
    found = family.estimate(counts, kept(matrices, family.moment, k, d), d)
    top = log_likelihood(found, counts, matrices)

    def loss(vector):
        return -log_likelihood(family.from_vector(vector, k, d), counts, matrices)

    start = found.to_vector()
    for step in (0.0, 1e-3, 0.1):
        end = minimize(loss, start + step * rng.normal(size=start.shape), method="BFGS")
        assert -end.fun <= top + 1e-9 * abs(top)


def test_descent_from_elsewhere_finds_nothing_better(family):
    """From random members, too: the best of several ends is no better."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        counts, matrices = scatter(3, 3, rng)
        found = family.estimate(counts, kept(matrices, family.moment, 3, 3), 3)
        top = log_likelihood(found, counts, matrices)
        for _ in range(2):
            start = covariance(family, 3, 3, rng).to_vector()
            end = minimize(
                lambda v, counts=counts, matrices=matrices: (
                    -log_likelihood(family.from_vector(v, 3, 3), counts, matrices)
                ),
                start,
                method="BFGS",
            )
            assert -end.fun <= top + 1e-7 * abs(top)


def test_the_search_can_find_something_better():
    """The first test would see a member that is a little beside the best."""
    rng = np.random.default_rng(0)
    counts, matrices = scatter(3, 3, rng)
    found = Full.estimate(counts, matrices, 3)
    beside = Full(found.values * 1.05)
    top = log_likelihood(beside, counts, matrices)
    assert log_likelihood(found, counts, matrices) > top + 1e-6 * abs(top)


def test_more_freedom_is_never_less_likely():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        counts, matrices = scatter(3, 4, rng)
        by_letters = {
            family.letters: log_likelihood(
                family.estimate(counts, kept(matrices, family.moment, 3, 4), 4), counts, matrices
            )
            for family in FAMILIES.values()
        }
        for small, less in by_letters.items():
            for large, more in by_letters.items():
                if all("IEV".index(b) >= "IEV".index(a) for a, b in zip(small, large, strict=True)):
                    assert more >= less - 1e-9 * abs(less), (small, large)
