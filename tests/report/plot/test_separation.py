import numpy as np
import pytest
from scipy.stats import norm

from mixtura import Mixture, plot
from mixtura.report.plot.ellipses import ellipse


def test_rows_and_components_are_projected(ax, three, rows):
    assert plot.separation(three, rows, means=0.5, levels=[0.9], ax=ax) is ax
    found = three.separation(means=0.5)
    v = found.directions[:, :2]
    labels = three.responsibilities(rows).argmax(axis=1)
    for k in range(2):
        (points,) = [c for c in ax.collections if c.get_gid() == f"component {k}"]
        np.testing.assert_allclose(points.get_offsets(), (rows[labels == k] - three.mean) @ v)
        outline = ellipse((three.means[k] - three.mean) @ v, v.T @ three.covariances[k] @ v, 0.9)
        np.testing.assert_allclose(ax.get_lines()[k].get_xydata(), outline, atol=1e-9)


def test_axes_say_what_they_separate_and_which_columns_they_follow(ax, fitted):
    model, table = fitted
    plot.separation(model, table, means=0.5, ax=ax)
    found = model.mixture_.separation(means=0.5)
    for i, words in enumerate((ax.get_xlabel(), ax.get_ylabel())):
        first, second = words.split("\n")
        assert (
            first == f"direction {i}: {found.values[i] / found.values.sum():.0%} of the separation"
        )
        top = ["age", "income", "visits"][int(np.abs(found.correlations[:, i]).argmax())]
        assert second.split(", ")[0] == top
    z = found.apply(table)
    seen = np.corrcoef(table.T, z.T)[:3, 3:]
    np.testing.assert_allclose(np.abs(found.correlations), np.abs(seen), atol=0.1)


def test_other_directions_can_be_chosen(ax, three):
    plot.separation(three, means=0.5, directions=(2, 0), ax=ax)
    assert ax.get_xlabel().startswith("direction 2:")
    assert ax.get_ylabel().startswith("direction 0:")


def test_a_single_direction_is_drawn_as_densities(ax, rows):
    two = Mixture.of([0.3, 0.7], [[0, 0, 0], [2, 0, 0]], np.eye(3), family="tied")
    plot.separation(two, rows, ax=ax)
    (line,) = [each for each in ax.get_lines() if each.get_gid() == "density"]
    x, y = line.get_xydata().T
    scale = np.sqrt(1 + 0.21 * 4)
    expected = 0.3 * norm.pdf(x, -1.4 / scale, 1 / scale) + 0.7 * norm.pdf(
        x, 0.6 / scale, 1 / scale
    )
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert ax.get_xlabel() == "direction 0: 100% of the separation\ncolumn 0"


def test_rows_with_gaps_are_left_out(ax, three, rows):
    rows[0, 2] = np.nan
    plot.separation(three, rows, ax=ax)
    assert "1 row with missing values left out" in [text.get_text() for text in ax.texts]


def test_what_cannot_be_separated(ax, three):
    with pytest.raises(ValueError, match="nothing that counts differs between the components: low"):
        plot.separation(three.rearranged([0]), ax=ax)
    with pytest.raises(ValueError, match=r"directions must be two of the 3, 0 to 2, not \(0, 3\)"):
        plot.separation(three, means=0.5, directions=(0, 3), ax=ax)
    with pytest.raises(ValueError, match="directions must be two of the 3"):
        plot.separation(three, means=0.5, directions=(1, 1), ax=ax)
