"""The slope heuristic on curves whose slope is known."""

import numpy as np
import pytest

from mixtura.learn import slope


def curve(kappa, true_size=20.0, n=25, seed=0, noise=0.0):
    """Log-likelihoods that gain κ for each parameter once models are larger than the truth."""
    rng = np.random.default_rng(seed)
    p = 5.0 * np.arange(1, n + 1)
    bias = 300.0 * kappa * np.clip(1.0 - p / true_size, 0.0, None) ** 2
    return p, kappa * p - bias - 1000.0 + noise * rng.normal(size=n)


@pytest.mark.parametrize("kappa", [0.5, 1.0, 4.0])
def test_the_slope_of_the_largest_models_is_found_and_the_truth_chosen(kappa):
    p, gained = curve(kappa)
    found = slope.heuristic(p, gained)
    np.testing.assert_allclose(found.slope, kappa, rtol=0.05)
    assert p[np.argmin(found.penalised(gained, p))] == 20.0


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_a_failed_fit_do_little(seed):
    p, gained = curve(1.0, seed=seed, noise=0.5)
    gained[18] -= 40.0  # a poor local maximum
    found = slope.heuristic(p, gained)
    np.testing.assert_allclose(found.slope, 1.0, rtol=0.15)
    chosen = p[np.argmin(found.penalised(gained, p))]
    assert 15.0 <= chosen <= 25.0


def test_a_line_with_outliers():
    x = np.arange(12.0)
    y = 3.0 * x + 1.0
    y[[2, 9]] += [50.0, -80.0]
    np.testing.assert_allclose(slope.robust_slope(x, y), 3.0, rtol=1e-6)
    np.testing.assert_allclose(slope.robust_slope(x, 2.0 - x), -1.0)


def test_of_one_size_the_best_counts():
    p, best = slope.envelope(np.array([3, 1, 3, 2]), np.array([5.0, 1.0, 7.0, 2.0]))
    np.testing.assert_array_equal(p, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(best, [1.0, 2.0, 7.0])


def test_the_jump_by_trying_penalties():
    p, gained = curve(1.0, seed=1, noise=0.3)
    found = slope.heuristic(p, gained)
    kappas = np.linspace(0.0, 30.0, 60_001)
    chosen = p[np.argmin(-gained + kappas[:, None] * p, axis=1)]
    fall = -np.diff(chosen)
    np.testing.assert_allclose(found.jump, kappas[1:][fall.argmax()], atol=1e-3)


def test_there_is_none_where_large_models_gain_nothing():
    p = np.arange(1.0, 12.0)
    assert slope.heuristic(p, -p) is None
