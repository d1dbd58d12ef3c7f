import numpy as np
import pytest
from scipy import stats

from mixtura import Mixture, Noise, NoisyMixture, load
from mixtura.model.noise import Box
from mixtura.model.storage import StorageError


def model(share=0.3):
    mixture = Mixture.of([0.4, 0.6], [[0.0, 0.0], [3.0, 1.0]], [1.0, 0.5], family="spherical")
    return NoisyMixture(mixture, Noise.of(share, [-5.0, -4.0], [6.0, 5.0]))


def turned(share=0.2):
    """Noise along a diagonal, in a box that is smaller than that of the columns."""
    angle = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2.0)
    tilted = Box(np.array([-4.0, -0.5]), np.array([4.0, 0.5]), angle)
    ends = np.full(2, 4.5 / np.sqrt(2.0))
    return NoisyMixture(model().mixture, Noise(share, Box(-ends, ends), tilted))


def by_hand(m, x):
    """Densities of the components, and of the noise."""
    parts = [
        (1 - m.noise.share) * w * stats.multivariate_normal(mean, s).pdf(x)
        for w, mean, s in zip(
            m.mixture.weights, m.mixture.means, m.mixture.covariances, strict=True
        )
    ]
    return np.column_stack([*parts, np.full(len(x), m.noise.share / m.noise.volume)])


def test_density_and_responsibilities_are_those_of_the_definition():
    m, x = model(), np.random.default_rng(0).normal(scale=4, size=(50, 2))
    joint = by_hand(m, x)
    np.testing.assert_allclose(m.log_density(x), np.log(joint.sum(axis=1)), rtol=1e-12)
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(m.responsibilities(x), expected, rtol=1e-9, atol=1e-15)
    assert m.noise.volume == pytest.approx(99.0)
    assert m.n_parameters == m.mixture.n_parameters + 2
    np.testing.assert_allclose(m.weights, [0.28, 0.42, 0.3])


def test_without_a_share_it_is_the_mixture_and_with_all_of_it_the_noise():
    x = np.random.default_rng(1).normal(size=(9, 2))
    none, all_of_it = model(0.0), model(1.0)
    np.testing.assert_array_equal(none.log_density(x), none.mixture.log_density(x))
    np.testing.assert_allclose(none.responsibilities(x)[:, -1], 0.0)
    np.testing.assert_allclose(all_of_it.log_density(x), -np.log(99.0))
    np.testing.assert_allclose(all_of_it.responsibilities(x)[:, -1], 1.0)


def test_a_row_out_of_reach_of_every_component_is_noise():
    r = model().responsibilities([[1e160, 0.0]])
    np.testing.assert_array_equal(r, [[0.0, 0.0, 1.0]])


def test_missing_numbers_leave_the_box_of_the_others():
    noise = model().noise
    x = np.array([[0.0, np.nan], [np.nan, 0.0], [np.nan, np.nan], [0.0, 0.0]])
    expected = -np.log([11.0, 9.0, 1.0, 99.0])
    np.testing.assert_allclose(noise.log_density(x), expected, atol=1e-15)
    # A tilted box is smaller: sides are shortened alike, and multiply to its volume.
    noise = turned().noise
    assert noise.volume == pytest.approx(8.0)
    np.testing.assert_allclose(noise.log_density(x), -np.log([8**0.5, 8**0.5, 1.0, 8.0]))
    assert noise.log_density(np.array([[1, 2]])) == pytest.approx(-np.log(8.0))


def test_rows_drawn_come_from_the_box_and_from_the_components():
    for m in (model(), turned()):
        rows, components = m.sample(40_000, 3)
        noisy = rows[components == -1]
        deviation = np.sqrt(40_000 * m.noise.share * (1 - m.noise.share))
        assert abs(len(noisy) - 40_000 * m.noise.share) < 5 * deviation
        box = m.noise.tilted or m.noise.box
        z = noisy if box.axes is None else noisy @ box.axes
        unit = (z - box.low) / (box.high - box.low)
        for column in unit.T:
            assert stats.kstest(column, "uniform").pvalue > 1e-4
        assert np.corrcoef(unit.T)[0, 1] < 5 / np.sqrt(len(unit))
        own = rows[components == 1]
        np.testing.assert_allclose(own.mean(axis=0), m.mixture.means[1], atol=0.05)


def test_files_bring_back_every_bit(tmp_path):
    for m in (model(1 / 3), turned(0.1)):
        path = tmp_path / "noise.mixtura"
        m.save(path, notes={"a": 1})
        back = NoisyMixture.load(path)
        x = np.random.default_rng(2).normal(size=(20, 2))
        np.testing.assert_array_equal(back.log_density(x), m.log_density(x))
        np.testing.assert_array_equal(back.noise.box.low, m.noise.box.low)
        assert back.noise.share == m.noise.share
        assert (back.noise.tilted is None) == (m.noise.tilted is None)
        with pytest.raises(StorageError, match=r"holds a mixture and noise: read it with"):
            load(path)


def test_files_without_noise_or_with_a_damaged_one_say_so(tmp_path):
    path = tmp_path / "plain.mixtura"
    model().mixture.save(path)
    with pytest.raises(StorageError, match=r"without noise: read it with mixtura.load"):
        NoisyMixture.load(path)
    box = {"low": [0.0, 0.0], "high": [1.0, 1.0], "axes": None}
    for damaged in (
        {"share": 0.1},
        {"share": 2.0, "box": box},
        {"share": 0.1, "box": {**box, "low": [0.0]}},
        {"share": 0.1, "box": {**box, "low": [0.0, 3.0]}},
        {"share": 0.1, "box": {**box, "axes": [[1.0]]}},
        7,
    ):
        model().mixture.save(path, notes={"mixtura.noise": damaged})
        with pytest.raises(StorageError, match=r"the noise in .* is damaged"):
            NoisyMixture.load(path)


@pytest.mark.parametrize(
    ("share", "low", "high", "message"),
    [
        (1.5, [0], [1], "lies between 0 and 1, and is not 1.5"),
        (0.5, [0, 1], [1, 1], "the box is empty in column 1: low is 1.0, high is 1.0"),
        (0.5, [0, 1], [1], r"have shapes \(2,\) and \(1,\)"),
        (0.5, [0], [np.inf], "hold NaN or infinity"),
    ],
)
def test_what_cannot_be_noise_is_refused(share, low, high, message):
    with pytest.raises(ValueError, match=message):
        Noise.of(share, low, high)


def test_it_says_what_it_is():
    assert repr(model()) == (
        "NoisyMixture(Mixture(spherical, n_components=2, n_features=2), noise=0.3)"
    )
