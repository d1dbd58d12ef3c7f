import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from mixtura.numeric import linalg


def definite(d, rng, n=1, low=0.1):
    turns = [np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(n)]
    matrices = np.array([(q * rng.uniform(low, 2.0, d)) @ q.T for q in turns])
    return linalg.symmetrise(matrices)


def test_cholesky_factors_multiply_to_the_matrices():
    matrices = definite(4, np.random.default_rng(0), n=5)
    factors, failed = linalg.cholesky(matrices)
    assert not failed.any()
    np.testing.assert_allclose(factors @ np.swapaxes(factors, 1, 2), matrices, atol=1e-14)
    assert (np.triu(factors, 1) == 0).all()


BAD = {
    "indefinite": [[1.0, 2.0], [2.0, 1.0]],
    "singular": [[1.0, 1.0], [1.0, 1.0]],
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "negative": [[-1.0, 0.0], [0.0, 4.0]],
    "NaN": [[np.nan, 0.0], [0.0, 4.0]],
    "infinite": [[np.inf, 0.0], [0.0, 4.0]],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=[*BAD])
def test_cholesky_names_the_matrices_that_have_none(bad):
    good = definite(2, np.random.default_rng(1), n=2)
    factors, failed = linalg.cholesky(np.array([good[0], bad, good[1]]))
    np.testing.assert_array_equal(failed, [False, True, False])
    expected, _ = linalg.cholesky(good)
    np.testing.assert_array_equal(factors[[0, 2]], expected)
    # What stands in for the factor can be inverted.
    pivots = np.diagonal(factors[1])
    assert (pivots > 0).all()
    assert factors[1][1, 0] == 0


def test_cholesky_puts_the_diagonal_in_the_place_of_what_is_not_there():
    factors, failed = linalg.cholesky(np.array([[[4.0, 9.0], [9.0, -1.0]]]))
    assert failed.all()
    np.testing.assert_array_equal(factors[0], [[2.0, 0.0], [0.0, 1.0]])


def test_inverses_and_determinants_come_from_the_factors():
    matrices = definite(5, np.random.default_rng(2), n=3)
    factors, _ = linalg.cholesky(matrices)
    inverses = linalg.invert_lower(factors)
    np.testing.assert_allclose(
        inverses @ factors, np.broadcast_to(np.eye(5), (3, 5, 5)), atol=1e-13
    )
    assert (np.triu(inverses, 1) == 0).all()
    np.testing.assert_allclose(
        linalg.log_det_from_cholesky(factors), np.linalg.slogdet(matrices)[1], rtol=1e-12
    )


def test_symmetrise_takes_the_symmetric_part():
    matrices = np.random.default_rng(3).normal(size=(2, 3, 3))
    found = linalg.symmetrise(matrices)
    np.testing.assert_array_equal(found, np.swapaxes(found, 1, 2))
    np.testing.assert_allclose(found - matrices, -np.swapaxes(found - matrices, 1, 2), atol=1e-15)


# The floor


def value(matrix, s):
    """−log|Σ| − tr(Σ⁻¹S), what the likelihood has of a covariance."""
    return -np.linalg.slogdet(matrix)[1] - np.trace(np.linalg.solve(matrix, s))


def above(matrix, floor):
    return np.linalg.eigvalsh(matrix - np.diag(floor))[0]


@given(d=st.integers(1, 3), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None, derandomize=True, database=None)
def test_the_floor_gives_the_likeliest_matrix_above_it(d, seed):
    """Among Σ = V + CCᵀ a general optimiser finds nothing better."""
    rng = np.random.default_rng(seed)
    s = definite(d, rng, low=0.0)[0]
    floor = rng.uniform(0.3, 1.5, d)
    raised = linalg.raise_to_floor(s[None], floor)[0]
    assert above(raised, floor) > -1e-12

    def loss(c):
        c = c.reshape(d, d)
        return -value(np.diag(floor) + c @ c.T, s)

    best = min(optimize.minimize(loss, rng.normal(size=d * d)).fun for _ in range(4))
    np.testing.assert_allclose(-value(raised, s), best, atol=1e-6)


@given(d=st.integers(1, 4), seed=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
def test_nothing_near_beats_the_matrix_at_the_floor(d, seed):
    rng = np.random.default_rng(seed)
    s = definite(d, rng, low=0.0)[0]
    floor = rng.uniform(0.3, 1.5, d)
    raised = linalg.raise_to_floor(s[None], floor)[0]
    for step in (1e-4, 1e-2, 1.0):
        # A mixture of it and another matrix above the floor is above the floor.
        other = np.diag(floor) + definite(d, rng, low=0.0)[0]
        between = (1 - step) * raised + step * other
        assert value(between, s) <= value(raised, s) + 1e-12


def test_matrices_above_the_floor_are_untouched():
    rng = np.random.default_rng(4)
    matrices = definite(3, rng, n=4, low=0.5)
    assert linalg.raise_to_floor(matrices, np.full(3, 0.4)) is matrices
    low = matrices.copy()
    low[2] = 0.1 * np.eye(3)
    raised = linalg.raise_to_floor(low, np.full(3, 0.4))
    np.testing.assert_array_equal(raised[[0, 1, 3]], low[[0, 1, 3]])
    np.testing.assert_allclose(raised[2], 0.4 * np.eye(3), atol=1e-15)


def test_raising_twice_is_raising_once():
    rng = np.random.default_rng(5)
    matrices, floor = definite(3, rng, n=6, low=0.0), np.array([0.5, 1.0, 0.1])
    once = linalg.raise_to_floor(matrices, floor)
    np.testing.assert_allclose(linalg.raise_to_floor(once, floor), once, atol=1e-14)


def test_the_floor_is_in_the_units_of_the_columns():
    rng = np.random.default_rng(6)
    matrices, floor = definite(3, rng, n=4, low=0.0), np.array([0.5, 1.0, 0.1])
    units = np.array([1e-6, 1.0, 1e8])
    scaled = linalg.raise_to_floor(matrices * units * units[:, None], floor * units**2)
    expected = linalg.raise_to_floor(matrices, floor)
    np.testing.assert_allclose(scaled / units / units[:, None], expected, atol=1e-12)


def test_a_singular_matrix_is_raised_where_it_is_flat():
    x = np.random.default_rng(7).normal(size=(50, 2)) @ np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]])
    s = x.T @ x / 50
    raised = linalg.raise_to_floor(s[None], np.full(3, 1e-3))[0]
    np.testing.assert_allclose(np.linalg.eigvalsh(raised)[0], 1e-3, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.eigvalsh(raised)[1:], np.linalg.eigvalsh(s)[1:], rtol=1e-9)
