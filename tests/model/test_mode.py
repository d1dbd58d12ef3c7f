import numpy as np
import pytest
from hypothesis import given

from mixtura import Full, Mixture
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import SEEDS, mixture, quickly

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def peaks(model, n=200_001):
    """The peaks of a mixture on a line, by a fine grid."""
    low, high = model.means.min() - 1, model.means.max() + 1
    grid = np.linspace(low, high, n)
    heights = model.log_density(grid[:, None])
    inner = heights[1:-1]
    return grid[1:-1][(inner > heights[:-2]) & (inner >= heights[2:])], (high - low) / (n - 1)


@EVERY
@given(seed=SEEDS)
@quickly(15)
def test_on_a_line_all_modes_are_found(family, seed):
    model = mixture(family, 4, 1, np.random.default_rng(seed), separation=4.0)
    expected, spacing = peaks(model)
    found = model.modes()
    assert len(found.points) == len(expected)
    np.testing.assert_allclose(np.sort(found.points[:, 0]), expected, rtol=0, atol=2 * spacing)


@EVERY
@given(seed=SEEDS)
@quickly(15)
def test_modes_are_level_and_bend_down(family, seed):
    model = mixture(family, 5, 3, np.random.default_rng(seed))
    found = model.modes()
    np.testing.assert_allclose(model.score(found.points), 0.0, atol=1e-7)
    assert np.linalg.eigvalsh(model.hessian(found.points)).max() < 0
    assert (np.diff(found.log_densities) <= 1e-9).all()
    np.testing.assert_allclose(found.log_densities, model.log_density(found.points))
    # No mean is higher than the mode it climbs to, and every mode has a component.
    assert (model.log_density(model.means) <= found.log_densities[found.labels] + 1e-12).all()
    assert set(found.labels) == set(range(len(found.points)))


def test_components_far_apart_are_each_a_mode():
    means = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    model = Mixture.of([0.2, 0.5, 0.3], means, [1.0, 1.0, 1.0], family="spherical")
    found = model.modes()
    np.testing.assert_allclose(found.points, means[[1, 2, 0]], atol=1e-12)
    np.testing.assert_array_equal(found.labels, [2, 0, 1])


def test_close_components_share_a_mode():
    """Two equal Gaussians less than two standard deviations apart have one mode, half way."""
    for apart, count in ((1.9, 1), (2.1, 2)):
        model = Mixture.of([0.5, 0.5], [[0.0], [apart]], [1.0, 1.0], family="spherical")
        found = model.modes()
        assert len(found.points) == count
        if count == 1:
            np.testing.assert_allclose(found.points, [[apart / 2]], atol=1e-6)


def test_a_mean_on_a_saddle_is_pushed_off():
    """By symmetry the middle component's mean is level, and it lies between two hills."""
    means = [[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]
    model = Mixture.of([0.49, 0.02, 0.49], means, [1.0, 1.0, 1.0], family="spherical")
    assert np.abs(model.score([[0.0, 0.0]])).max() < 1e-15
    found = model.modes()
    assert len(found.points) == 2
    np.testing.assert_allclose(found.points[:, 0].sum(), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.abs(found.points), [[1.9, 0.0]] * 2, atol=0.1)


def test_rows_belong_to_the_hill_they_are_on():
    model = mixture(Full, 4, 1, np.random.default_rng(3), separation=4.0)
    x = np.sort(model.sample(3000, 4)[0][:, 0])
    found = model.modal_clusters(x[:, None])
    tops = found.modes.points[:, 0]
    assert len(tops) >= 2
    # On a line the hills end at the lowest points between peaks, by a fine grid.
    grid = np.linspace(tops.min(), tops.max(), 200_001)
    heights = model.log_density(grid[:, None])
    dips = grid[1:-1][(heights[1:-1] < heights[:-2]) & (heights[1:-1] <= heights[2:])]
    assert len(dips) == len(tops) - 1
    expected = np.argsort(tops)[np.searchsorted(dips, x)]
    apart = np.abs(x[:, None] - dips).min(axis=1) > 1e-3
    np.testing.assert_array_equal(found.labels[apart], expected[apart])


@EVERY
def test_means_as_rows_have_the_labels_of_their_components(family):
    model = mixture(family, 6, 2, np.random.default_rng(5))
    found = model.modal_clusters(model.means)
    np.testing.assert_array_equal(found.labels, model.modes().labels)
    assert model.modal_clusters(np.empty((0, 2))).labels.shape == (0,)


def test_a_mode_that_no_mean_leads_to_is_found_from_a_row():
    """Two crossed needles that meet at a right angle have a third mode where they cross."""
    values = [np.diag([4.0, 0.02]), np.diag([0.02, 4.0])]
    model = Mixture.of([0.5, 0.5], [[3.0, 0.0], [0.0, 3.0]], values)
    crossing = model.modal_clusters([[0.1, 0.1]])
    assert len(model.modes().points) == 2
    assert len(crossing.modes.points) == 3
    assert crossing.labels[0] == 2
    top = crossing.modes.points[2:]
    np.testing.assert_allclose(model.score(top), 0.0, atol=1e-7)
    assert np.linalg.eigvalsh(model.hessian(top)).max() < 0
