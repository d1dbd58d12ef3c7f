"""Pictures of t distributions: ellipses, regions and densities are their own."""

import numpy as np
import pytest
from matplotlib.contour import QuadContourSet
from scipy import stats

from mixtura import HeavyMixture, StudentMixture, plot
from mixtura.report.plot.ellipses import ellipse


@pytest.fixture
def heavy(three):
    return HeavyMixture(three, np.array([2.5, 8.0]))


def parts(model, index):
    """Its components in some columns, by SciPy."""
    return [
        stats.multivariate_t(mean[index], matrix[np.ix_(index, index)], df=v)
        for mean, matrix, v in zip(
            model.locations, model.gaussian.covariances, model.degrees, strict=True
        )
    ]


@pytest.mark.parametrize("level", [0.5, 0.9])
@pytest.mark.parametrize("degrees", [0.8, 5.0])
def test_an_ellipse_holds_its_part_of_the_t_distribution(level, degrees):
    scale = np.array([[2.0, 0.9], [0.9, 1.0]])
    outline = ellipse(np.zeros(2), scale, level, degrees=degrees)
    distance = np.einsum("ni,ij,nj->n", outline, np.linalg.inv(scale), outline)
    np.testing.assert_allclose(distance / 2, stats.f(2, degrees).ppf(level))


def test_ellipses_are_of_scale_matrices(ax, heavy):
    plot.ellipses(heavy, columns=(2, 0), levels=(0.5,), ax=ax)
    expected = ellipse(np.array([5.0, 0.0]), np.diag([9.0, 1.0]), 0.5, degrees=2.5)
    np.testing.assert_allclose(ax.get_lines()[0].get_xydata(), expected)


def test_the_curve_is_the_density(ax, heavy):
    x = heavy.sample(300, 0)[0]
    plot.density(heavy, x, column=1, ax=ax)
    (curve,) = (line for line in ax.get_lines() if line.get_gid() == "density")
    grid, found = curve.get_xydata().T
    each = [part.pdf(grid[:, None]) for part in parts(heavy, [1])]
    np.testing.assert_allclose(found, heavy.weights @ each, rtol=1e-8)


def test_regions_hold_what_they_say(ax, heavy):
    plot.contours(heavy, columns=(0, 1), content=(0.5, 0.9), ax=ax)
    _, lines = (c for c in ax.collections if isinstance(c, QuadContourSet))
    n, rng, each = 40_000, np.random.default_rng(1), parts(heavy, [0, 1])
    counts = rng.multinomial(n, heavy.weights)
    rows = np.vstack([p.rvs(m, random_state=rng) for p, m in zip(each, counts, strict=True)])
    density = sum(w * part.pdf(rows) for w, part in zip(heavy.weights, each, strict=True))
    for level, share in zip(lines.levels, (0.9, 0.5), strict=True):
        inside = (np.log(density) >= level).mean()
        error = np.sqrt(share * (1 - share) * (1 / n + 1 / 100_000))
        assert abs(inside - share) < 5 * error


def test_one_column_has_intervals_of_its_own(ax, heavy):
    plot.contours(heavy, columns=[2], content=[0.8], ax=ax)
    (bar,) = [line for line in ax.get_lines() if line.get_gid() == "0.8"]
    low, high = bar.get_xdata()
    each = parts(heavy, [2])
    inside = [stats.t(v, p.loc[0], p.shape[0, 0] ** 0.5) for v, p in zip(heavy.degrees, each)]  # noqa: B905
    mass = heavy.weights @ [p.cdf(high) - p.cdf(low) for p in inside]
    assert mass == pytest.approx(0.8, abs=1e-9)
    ends = np.array([[low], [high]])
    heights = heavy.weights @ [part.pdf(ends) for part in each]
    assert heights[0] == pytest.approx(heights[1], rel=1e-6)


def test_a_fitted_estimator_is_drawn_in_every_way_that_is_defined(figure, ax, heavy):
    x = heavy.sample(300, 2)[0]
    x[5, 1] = np.nan
    model = StudentMixture(2, random_state=0).fit(x)
    for draw in (plot.classification, plot.uncertainty, plot.silhouette, plot.separation):
        ax.clear()
        assert draw(model, x, ax=ax) is ax
    figure.clear()
    assert plot.pairs(model, x, figure=figure) is figure
    value = HeavyMixture(model.mixture_.gaussian, model.degrees_of_freedom_)
    ax = figure.add_subplot()
    plot.classification(value, x, ax=ax)
    for draw in (plot.tree, plot.entropy):
        with pytest.raises(TypeError, match="merges are of Gaussian mixtures"):
            draw(model, ax=ax)
