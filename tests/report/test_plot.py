import numpy as np
import pytest
from scipy.stats import chi2

from mixtura import Mixture
from mixtura.report.plot import colour, ellipse, ellipses, scatter

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

TWO = Mixture.of(
    [0.4, 0.6],
    [[0.0, 1.0, 5.0], [3.0, -1.0, 2.0]],
    [np.diag([1.0, 4.0, 9.0]), [[2.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]],
)


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95])
def test_an_ellipse_holds_its_part_of_the_gaussian(level):
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.9], [0.9, 1.0]])
    line = ellipse(mean, covariance, level) - mean
    distance = np.einsum("ni,ij,nj->n", line, np.linalg.inv(covariance), line)
    np.testing.assert_allclose(distance, chi2.ppf(level, 2))


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0])
def test_a_level_that_is_no_part(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        ellipse(np.zeros(2), np.eye(2), level)


def test_ellipses_are_of_the_dimensions_asked_for(ax):
    assert ellipses(TWO, dims=(2, 0), levels=(0.5,), ax=ax) is ax
    lines = ax.get_lines()
    assert [line.get_color() for line in lines] == [colour(0), colour(1)]
    expected = ellipse(np.array([5.0, 0.0]), np.diag([9.0, 1.0]), 0.5)
    np.testing.assert_allclose(lines[0].get_xydata(), expected)


def test_ellipses_are_taken_back_to_the_units_of_the_picture(ax):
    ellipses(TWO, levels=(0.9,), undo=np.exp, ax=ax)
    line = ellipse(TWO.means[0, :2], TWO.covariances[0, :2, :2], 0.9)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), np.exp(line))


@pytest.mark.parametrize("dims", [(0, 3), (0,), (-1, 0)])
def test_dimensions_that_are_not_there(dims, ax):
    with pytest.raises(ValueError, match="dims must be two of the 3 dimensions"):
        ellipses(TWO, dims=dims, ax=ax)


def test_points_have_the_colour_of_their_component_and_fade_with_doubt(ax):
    r = np.array([[0.99, 0.01], [0.55, 0.45], [0.2, 0.8]])
    scatter([0.0, 1.0, 2.0], [3.0, 4.0, 5.0], r, names=["a", "b"], ax=ax)
    first, _, second, _ = ax.collections
    np.testing.assert_array_equal(first.get_offsets(), [[0.0, 3.0], [1.0, 4.0]])
    np.testing.assert_array_equal(second.get_offsets(), [[2.0, 5.0]])
    sure, unsure = first.get_alpha()
    assert sure > unsure
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_the_current_axes_are_used_if_none_are_given():
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    try:
        assert ellipses(TWO) is axes
    finally:
        pyplot.close(figure)
