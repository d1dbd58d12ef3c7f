import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mixtura import plot
from mixtura.report.plot.silhouette import menardi


def bars_of(ax):
    return {
        patch.get_gid(): patch.get_data() for patch in ax.patches if patch.get_gid() is not None
    }


def test_bars_are_sorted_probabilities(ax, three, rows):
    assert plot.silhouette(three, rows, ax=ax) is ax
    r = three.responsibilities(rows)
    bars = bars_of(ax)
    end = 0.0
    for k in range(2):
        values, edges, _ = bars[f"component {k}"]
        mine = r.argmax(axis=1) == k
        np.testing.assert_allclose(values, np.sort(r[mine].max(axis=1))[::-1])
        np.testing.assert_allclose(np.diff(edges), 1.0)
        assert edges[0] >= end
        end = edges[-1]
    labels = [text.get_text() for text in ax.get_yticklabels()]
    share, mean = (r.argmax(axis=1) == 0).mean(), r[r.argmax(axis=1) == 0].max(axis=1).mean()
    assert labels[0] == f"component 0\n{share:.0%}, mean {mean:.2f}"


def test_the_density_based_silhouette_is_menardi_s(ax, three, rows):
    plot.silhouette(three, rows, kind="density", ax=ax)
    joint = np.column_stack(
        [
            w * multivariate_normal(m, c).pdf(rows)
            for w, m, c in zip(three.weights, three.means, three.covariances, strict=True)
        ]
    )
    odds = np.abs(np.log(joint[:, 0] / joint[:, 1]))
    expected = odds / odds.max()
    for k in range(2):
        values, _, _ = bars_of(ax)[f"component {k}"]
        mine = joint.argmax(axis=1) == k
        np.testing.assert_allclose(values, np.sort(expected[mine])[::-1], rtol=1e-6, atol=1e-9)


def test_the_second_likeliest_counts():
    members, values = menardi(np.log([[0.7, 0.2, 0.1], [0.1, 0.45, 0.45]]))
    assert members[0] == 0
    np.testing.assert_allclose(values, [1.0, 0.0], atol=1e-12)


def test_rows_with_gaps_have_a_probability_but_no_silhouette(figure, three, rows):
    rows[:10, 1] = np.nan
    left, right = figure.subplots(1, 2)
    plot.silhouette(three, rows, ax=left)
    plot.silhouette(three, rows, kind="density", ax=right)
    assert sum(len(values) for values, _, _ in bars_of(left).values()) == 400
    assert sum(len(values) for values, _, _ in bars_of(right).values()) == 390
    assert "10 rows with missing values left out" in [t.get_text() for t in right.texts]


def test_what_has_no_silhouette(ax, three, rows):
    with pytest.raises(ValueError, match="the mixture has one component: every row is sure of it"):
        plot.silhouette(three.rearranged([0]), rows, ax=ax)
    with pytest.raises(ValueError, match="kind must be one of .*, not 'width'"):
        plot.silhouette(three, rows, kind="width", ax=ax)
    with pytest.raises(ValueError, match="plot.silhouette shows rows: give them as X"):
        plot.silhouette(three, None, ax=ax)
