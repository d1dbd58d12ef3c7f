import numpy as np
import pytest
from matplotlib.contour import QuadContourSet
from scipy.stats import multivariate_normal, norm

from mixtura import Mixture, plot

FIVE_SIGMA = 5.0


def sets(ax):
    """The regions and the lines."""
    filled, lines = (c for c in ax.collections if isinstance(c, QuadContourSet))
    return filled, lines


def drawn(mixture, n, seed):
    """Rows by NumPy alone."""
    rng = np.random.default_rng(seed)
    k = rng.choice(len(mixture.weights), size=n, p=mixture.weights)
    rows = np.empty((n, 2))
    for j in range(len(mixture.weights)):
        mine = k == j
        rows[mine] = rng.multivariate_normal(
            mixture.means[j], mixture.covariances[j], size=int(mine.sum())
        )
    return rows


def test_regions_hold_what_they_say(ax, three):
    content = (0.5, 0.8, 0.95)
    assert plot.contours(three, columns=(0, 1), content=content, ax=ax) is ax
    plane = three.marginal([0, 1])
    n = 40_000
    rows = drawn(plane, n, 1)
    density = sum(
        w * multivariate_normal(m, c).pdf(rows)
        for w, m, c in zip(plane.weights, plane.means, plane.covariances, strict=True)
    )
    _, lines = sets(ax)
    assert len(lines.levels) == 3
    for level, share in zip(lines.levels, sorted(content, reverse=True), strict=True):
        inside = (np.log(density) >= level).mean()
        error = np.sqrt(share * (1 - share) * (1 / n + 1 / 100_000))
        assert abs(inside - share) < FIVE_SIGMA * error


def test_the_lines_are_where_the_density_has_its_threshold(ax, three):
    plot.contours(three, columns=(2, 0), content=[0.8], ax=ax)
    _, lines = sets(ax)
    plane = three.marginal([2, 0])
    vertices = lines.get_paths()[0].vertices
    np.testing.assert_allclose(plane.log_density(vertices), lines.levels[0], atol=0.02)


def test_the_smallest_region_of_a_gaussian_is_an_ellipse(ax):
    one = Mixture.of([1.0], [[0.0, 0.0]], [[[1.0, 0.6], [0.6, 2.0]]])
    plot.contours(one, content=[0.5], ax=ax)
    _, lines = sets(ax)
    outline = lines.get_paths()[0].vertices
    distance = np.einsum("ni,ij,nj->n", outline, np.linalg.inv(one.covariances[0]), outline)
    np.testing.assert_allclose(np.sqrt(distance), np.sqrt(-2 * np.log(0.5)), rtol=2e-3)
    assert len(outline) > 100


def test_a_needle_is_not_lost_between_points(ax):
    needle = Mixture.of(
        [0.5, 0.5], [[0.0, 0.0], [4.0, 4.0]], [np.eye(2), [[1.0, 0.999], [0.999, 1.0]]]
    )
    plot.contours(needle, content=[0.5], ax=ax)
    _, lines = sets(ax)
    vertices = lines.get_paths()[0].vertices
    near = vertices[np.linalg.norm(vertices - [4.0, 4.0], axis=1) < 1.5]
    assert (near - [4.0, 4.0])[:, 0].max() > 0.5


def test_a_legend_names_the_content(ax, three):
    plot.contours(three, content=(0.95, 0.5, 0.8), ax=ax)
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == ["50 %", "80 %", "95 %"]
    filled, _ = sets(ax)
    shades = [patch.get_facecolor() for patch in ax.get_legend().get_patches()]
    np.testing.assert_allclose(shades[::-1], filled.get_facecolor())


def test_rows_lie_on_top(ax, three, rows):
    rows[5, 1] = np.nan
    plot.contours(three, rows, ax=ax)
    (points,) = [c for c in ax.collections if c.get_gid() == "rows"]
    np.testing.assert_array_equal(points.get_offsets(), np.delete(rows, 5, axis=0)[:, :2])
    notes = [t.get_text() for t in ax.texts if t.get_gid() == "note"]
    assert notes == ["1 row with missing values left out"]


@pytest.mark.parametrize("columns", [None, [0]])
def test_on_a_line_regions_are_intervals_of_their_content(ax, columns):
    two = Mixture.of([0.5, 0.5], [[0.0], [8.0]], [1.0, 1.0], family="spherical")
    plot.contours(two, columns=columns, content=(0.5, 0.8), ax=ax)
    for share in (0.5, 0.8):
        bars = [line for line in ax.get_lines() if line.get_gid() == f"{share:g}"]
        assert len(bars) == 2
        mass = sum(
            0.5 * (norm.cdf(b, m) - norm.cdf(a, m))
            for bar in bars
            for a, b in [bar.get_xdata()]
            for m in (0.0, 8.0)
        )
        np.testing.assert_allclose(mass, share, atol=1e-9)
        heights = [height for bar in bars for height in bar.get_ydata()]
        assert len(set(heights)) == 1
        assert heights[0] < 0


@pytest.mark.parametrize("content", [[], [0.0], [1.0], [0.5, 0.5], [np.nan]])
def test_content_that_is_no_share(ax, three, content):
    with pytest.raises(ValueError, match="content must be numbers between 0 and 1, each once"):
        plot.contours(three, content=content, ax=ax)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_legend_leaves_the_regions_free(figure, sign):
    ax = figure.subplots()
    slope = Mixture.of([1.0], [[0.0, 0.0]], [[[1.0, 0.95 * sign], [0.95 * sign, 1.0]]])
    plot.contours(slope, ax=ax)
    figure.canvas.draw()
    box = ax.get_legend().get_window_extent().transformed(ax.transData.inverted())
    x, y = np.meshgrid(np.linspace(box.x0, box.x1, 20), np.linspace(box.y0, box.y1, 20))
    heights = slope.log_density(np.column_stack([x.ravel(), y.ravel()]))
    _, lines = sets(ax)
    assert (heights < lines.levels[0]).all()
