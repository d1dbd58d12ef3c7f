import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import chi2

from mixtura import Mixture, plot
from mixtura.report.plot.ellipses import ellipse
from mixtura.report.plot.palette import COLOURS, LINES, MARKERS, colour, line, marker


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95])
def test_an_ellipse_holds_its_part_of_the_gaussian(level):
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.9], [0.9, 1.0]])
    outline = ellipse(mean, covariance, level) - mean
    distance = np.einsum("ni,ij,nj->n", outline, np.linalg.inv(covariance), outline)
    np.testing.assert_allclose(distance, chi2.ppf(level, 2))


def test_its_axes_are_those_of_the_covariance():
    covariance = np.array([[2.0, 0.9], [0.9, 1.0]])
    lengths = np.linalg.norm(ellipse(np.zeros(2), covariance, 0.5, 100_001), axis=1)
    radii = np.sqrt(np.linalg.eigvalsh(covariance) * chi2.ppf(0.5, 2))
    np.testing.assert_allclose([lengths.min(), lengths.max()], radii, rtol=1e-8)


def test_a_needle_without_width_is_drawn():
    outline = ellipse(np.zeros(2), np.array([[1.0, 1.0], [1.0, 1.0]]), 0.5)
    np.testing.assert_allclose(outline[:, 0], outline[:, 1], atol=1e-12)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0])
def test_a_level_that_is_no_part(level, three, ax):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        plot.ellipses(three, levels=[level], ax=ax)


def test_ellipses_are_of_the_columns_asked_for(ax, three):
    assert plot.ellipses(three, columns=(2, 0), levels=(0.5,), ax=ax) is ax
    lines = ax.get_lines()
    assert [each.get_color() for each in lines] == [colour(0), colour(1)]
    expected = ellipse(np.array([5.0, 0.0]), np.diag([9.0, 1.0]), 0.5)
    np.testing.assert_allclose(lines[0].get_xydata(), expected)


def test_ellipses_are_taken_back_to_the_units_of_the_picture(ax, three):
    plot.ellipses(three, levels=(0.9,), undo=np.exp, numbers=True, ax=ax)
    outline = ellipse(three.means[0, :2], three.covariances[0, :2, :2], 0.9)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), np.exp(outline))
    np.testing.assert_allclose(ax.texts[1].xy, np.exp(three.means[1, :2]))
    assert [text.get_text() for text in ax.texts] == ["0", "1"]


def test_a_component_without_weight_is_not_drawn(ax, three):
    empty = Mixture.of([1.0, 0.0], three.means, three.covariances)
    plot.ellipses(empty, levels=(0.5,), numbers=True, ax=ax)
    assert len(ax.get_lines()) == 1
    assert [text.get_text() for text in ax.texts] == ["0"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((0, 3), "columns names column 3, which X does not have: it has 0 to 2"),
        ((0,), r"columns must be two, by name or number, not \(0,\)"),
        ("ab", "columns must be two, by name or number, not 'ab'"),
        ((-1, 2), r"columns names a column twice: \[-1, 2\]"),
    ],
)
def test_columns_that_are_not_there(columns, message, ax, three):
    with pytest.raises(ValueError, match=message):
        plot.ellipses(three, columns=columns, ax=ax)


def test_a_mixture_on_a_line_has_no_ellipses(ax, three):
    with pytest.raises(ValueError, match="one column only: draw it with plot.density"):
        plot.ellipses(three.marginal([0]), ax=ax)


def test_the_current_axes_are_used_if_none_are_given(three):
    from matplotlib import pyplot

    _, axes = pyplot.subplots()
    assert plot.ellipses(three) is axes


def test_as_many_components_look_different_as_there_are_pairs_of_colour_and_mark():
    n = len(COLOURS) * len(MARKERS)
    assert len({(colour(k), marker(k)) for k in range(n)}) == n
    n = len(COLOURS) * len(LINES)
    assert len({(colour(k), line(k)) for k in range(n)}) == n


def test_colours_are_told_apart_without_red_or_green():
    """As an eye without green cones sees them, by the matrix of Machado and others (2009)."""
    seen = np.array([[int(to_hex(c)[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in COLOURS])
    matrix = np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.01182, 0.04294, 0.968881],
        ]
    )
    linear = np.where(seen <= 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    there = linear @ matrix.T
    apart = np.linalg.norm(there[:, None] - there, axis=2)[np.triu_indices(len(COLOURS), 1)]
    assert apart.min() > 0.05
