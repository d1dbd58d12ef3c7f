"""Regions of t distributions hold what they say, and are the smallest that do."""

import numpy as np
import pytest
from scipy import stats

from mixtura import HeavyMixture


@pytest.mark.parametrize("level", [0.3, 0.8, 0.99, 0.9999])
@pytest.mark.parametrize(
    ("centres", "degrees"), [([0.0, 5.0], [1.0, 6.0]), ([0.0, 0.3], [0.6, 30.0]), ([2.0, 2.0], 3.0)]
)
def test_on_a_line_it_is_exact(level, centres, degrees):
    m = HeavyMixture.of([0.3, 0.7], np.reshape(centres, (2, 1)), [[[1.0]], [[4.0]]], degrees)
    region = m.highest_density_region(level)
    ends = region.intervals.ravel()
    t = [stats.t(v, c, s) for v, c, s in zip(m.degrees, centres, (1.0, 2.0), strict=True)]
    mass = sum(
        w * np.diff(part.cdf(region.intervals), axis=1).sum()
        for w, part in zip(m.weights, t, strict=True)
    )
    assert mass == pytest.approx(level, abs=1e-9)
    density = np.log(sum(w * part.pdf(ends) for w, part in zip(m.weights, t, strict=True)))
    np.testing.assert_allclose(density, region.log_threshold, rtol=1e-8)
    assert region.standard_error == 0


def test_of_one_component_it_is_an_ellipsoid():
    m = HeavyMixture.of([1.0], [[0.0, 1.0, 2.0]], [np.diag([1.0, 2.0, 3.0])], 3.0)
    region = m.highest_density_region(0.8)
    reach = np.sqrt(3.0 * stats.f(3, 3.0).ppf(0.8))
    for axis, width in enumerate(np.sqrt([1.0, 2.0, 3.0])):
        edge = np.array([0.0, 1.0, 2.0]) + reach * width * np.eye(3)[axis]
        assert m.log_density(edge[None])[0] == pytest.approx(region.log_threshold, rel=1e-9)


def test_otherwise_it_is_as_near_as_it_says():
    m = HeavyMixture.of([0.5, 0.5], [[0.0, 0.0], [6.0, 0.0]], [np.eye(2), np.eye(2)], [2.0, 5.0])
    region = m.highest_density_region(0.9, n=20_000, random_state=0)
    inside = region.contains(m.sample(50_000, 1)[0]).mean()
    assert abs(inside - 0.9) < 5 * np.hypot(region.standard_error, np.sqrt(0.09 / 50_000))
    with pytest.raises(ValueError, match="level must be between 0 and 1, but is 1"):
        m.highest_density_region(1.0)
    with pytest.raises(ValueError, match="draws do not tell a level of 0.9 from 0 or 1: take more"):
        m.highest_density_region(0.9, n=2)


def test_affine_maps_of_t_distributions_are_t_distributions():
    m = HeavyMixture.of([0.4, 0.6], [[0.0, 1.0], [3.0, 2.0]], [np.eye(2), np.eye(2) + 0.3], [2, 9])
    a, b = np.array([[2.0, 1.0], [0.0, -0.5]]), np.array([1.0, 2.0])
    x = m.sample(20, 0)[0]
    expected = m.log_density(x) - np.log(abs(np.linalg.det(a)))
    np.testing.assert_allclose(m.affine(a, b).log_density(x @ a.T + b), expected, rtol=1e-10)
    f = np.array([3.0, 0.1])
    expected = m.log_density(x) - np.log(f).sum()
    np.testing.assert_allclose(m.scale(f, b).log_density(x * f + b), expected, rtol=1e-10)
