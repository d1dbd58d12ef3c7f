import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mixtura.model import line

WEIGHTS, MEANS, WIDTHS = (
    np.array([0.2, 0.5, 0.3]),
    np.array([-4.0, 1.0, 1.5]),
    np.array([1, 0.1, 3]),
)


def exact(q, digits=40):
    """The quantile by bisection in many digits."""
    with mpmath.workdps(digits):

        def mass(t):
            return sum(
                mpmath.mpf(w) * mpmath.ncdf((t - mpmath.mpf(m)) / mpmath.mpf(s))
                for w, m, s in zip(WEIGHTS, MEANS, WIDTHS, strict=True)
            )

        low, high = mpmath.mpf(-200), mpmath.mpf(200)
        for _ in range(120):
            middle = (low + high) / 2
            low, high = (middle, high) if mass(middle) < q else (low, middle)
        return float(low)


def test_the_distribution_function_is_the_weighted_sum():
    x = np.linspace(-10, 10, 7)
    expected = sum(
        w * stats.norm(m, s).cdf(x) for w, m, s in zip(WEIGHTS, MEANS, WIDTHS, strict=True)
    )
    np.testing.assert_allclose(line.cdf(x, WEIGHTS, MEANS, WIDTHS), expected, rtol=1e-14)


@pytest.mark.parametrize("q", [1e-300, 1e-20, 1e-6, 0.05, 0.2, 0.5, 0.7, 0.999])
def test_quantiles_to_the_last_digits(q):
    found = line.quantile(np.array([q]), WEIGHTS, MEANS, WIDTHS)[0]
    np.testing.assert_allclose(found, exact(mpmath.mpf(q)), rtol=1e-12)


def test_the_upper_tail_is_as_good_as_the_lower():
    q = np.array([1e-12, 1e-8, 0.3])
    upper = line.quantile(1 - q, WEIGHTS, MEANS, WIDTHS)
    lower = line.quantile(1 - (1 - q), WEIGHTS, -MEANS, WIDTHS)
    np.testing.assert_allclose(upper, -lower, rtol=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
def test_quantiles_undo_the_distribution_function_across_gaps(seed):
    """Components far apart leave gaps where the density is zero and Newton's steps are endless."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 6))
    weights = rng.dirichlet(np.full(k, 0.5))
    means, widths = rng.normal(scale=100, size=k), np.exp(rng.normal(scale=2, size=k))
    q = rng.uniform(size=50)
    x = line.quantile(q, weights, means, widths)
    np.testing.assert_allclose(line.cdf(x, weights, means, widths), q, rtol=1e-9, atol=1e-12)


def test_ends_and_weightless_components():
    found = line.quantile(np.array([0.0, 1.0]), WEIGHTS, MEANS, WIDTHS)
    np.testing.assert_array_equal(found, [-np.inf, np.inf])
    ghost = line.quantile(np.array([0.5]), np.array([1.0, 0.0]), np.array([2.0, 90.0]), np.ones(2))
    np.testing.assert_array_equal(ghost, [2.0])
