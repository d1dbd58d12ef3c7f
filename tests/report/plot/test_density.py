import numpy as np
import pytest
from scipy.stats import norm

from mixtura import GaussianMixture, Mixture, plot
from mixtura.report.plot.density import BARS, histogram


def curve(ax, name):
    (found,) = [line for line in ax.get_lines() if line.get_gid() == name]
    return found.get_xydata().T


def test_the_curves_are_densities_of_the_column(ax, three, rows):
    assert plot.density(three, rows, column=1, ax=ax) is ax
    x, whole = curve(ax, "density")
    parts = [0.4 * norm.pdf(x, 1.0, 2.0), 0.6 * norm.pdf(x, -1.0, 1.0)]
    for k in range(2):
        np.testing.assert_array_equal(curve(ax, str(k))[0], x)
        np.testing.assert_allclose(curve(ax, str(k))[1], parts[k], rtol=1e-9)
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-9)
    assert ax.get_xlabel() == "column 1"


def test_the_histogram_is_of_all_rows_and_has_area_one(ax, three, rows):
    plot.density(three, rows, column=1, rug=50, ax=ax)
    (bars,) = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    heights, edges, _ = bars.get_data()
    expected, _ = np.histogram(rows[:, 1], bins=edges, density=True)
    np.testing.assert_allclose(heights, expected)
    np.testing.assert_allclose((heights * np.diff(edges)).sum(), 1.0)


def test_the_rug_has_the_colour_of_the_likeliest_component(ax, three, rows):
    from mixtura.report.plot.palette import colour

    plot.density(three, rows, column=2, ax=ax)
    labels = three.responsibilities(rows).argmax(axis=1)
    for k in range(2):
        (rug,) = [line for line in ax.get_lines() if line.get_gid() == f"rug {k}"]
        np.testing.assert_array_equal(rug.get_xdata(), rows[labels == k, 2])
        assert rug.get_color() == colour(k)


def test_without_a_rug_there_is_none(ax, three, rows):
    plot.density(three, rows, rug=0, ax=ax)
    assert not [line for line in ax.get_lines() if "rug" in str(line.get_gid())]


def test_a_needle_is_drawn_to_its_top(ax):
    needle = Mixture.of([0.5, 0.5], [[0.0], [3.0]], [1.0, 1e-10], family="spherical")
    plot.density(needle, ax=ax)
    x, whole = curve(ax, "density")
    top = 0.5 * norm.pdf(0, scale=1e-5) + 0.5 * norm.pdf(3.0)
    np.testing.assert_allclose(whole.max(), top, rtol=1e-9)
    assert x[whole.argmax()] == 3.0
    assert ax.get_ylim()[1] > top


def test_missing_numbers_are_left_out_and_noted(ax, three, rows):
    rows[:3, 1] = np.nan
    plot.density(three, rows, column=1, ax=ax)
    assert [t.get_text() for t in ax.texts if t.get_gid() == "note"] == [
        "3 rows with missing values left out"
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_constant_column_is_drawn(ax):
    x = np.column_stack([np.full(50, 7.0), np.random.default_rng(0).normal(size=50)])
    model = GaussianMixture(1, reg_covar=1e-6).fit(x)
    plot.density(model, x, ax=ax)
    low, high = ax.get_xlim()
    assert low < 7.0 < high


def test_a_histogram_of_one_value_and_of_an_outlier():
    heights, edges = histogram(np.full(5, 3.0))
    assert edges[0] < 3.0 < edges[1]
    np.testing.assert_allclose(heights * np.diff(edges), [1.0])
    x = np.concatenate([np.random.default_rng(1).normal(size=10_000), [1e9]])
    assert len(histogram(x)[0]) == BARS


def test_without_rows_the_axis_holds_the_mixture(ax, three):
    plot.density(three, column=2, ax=ax)
    low, high = ax.get_xlim()
    assert three.marginal([2]).cdf([[low], [high]])[1] > 0.999
    assert three.marginal([2]).cdf([[low], [high]])[0] < 0.001


def test_names_of_components(ax, three):
    plot.density(three, names=["calm", "restless customers"], ax=ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "mixture",
        "calm",
        "restless customers",
    ]
    assert [t.get_text() for t in ax.texts] == ["0", "1"]


def test_a_column_that_is_not_there(ax, three):
    with pytest.raises(ValueError, match="columns names column 'age', which X does not have"):
        plot.density(three, column="age", ax=ax)
