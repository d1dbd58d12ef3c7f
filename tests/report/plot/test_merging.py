from types import SimpleNamespace

import numpy as np
import pytest
from scipy.cluster.hierarchy import is_valid_linkage, leaves_list
from scipy.stats import entropy as of_shares

from mixtura import GaussianMixture, Mixture, plot
from mixtura.report.plot.merging import elbow, merging_of


@pytest.fixture
def four():
    """Two pairs of components, each close together."""
    return Mixture.of(
        [0.1, 0.4, 0.2, 0.3],
        [[0.0, 0.0], [9.0, 0.0], [1.0, 0.0], [10.5, 0.0]],
        [1.0, 1.0, 1.0, 1.0],
        family="spherical",
    )


def merges_of(ax):
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith("merge")]


def test_the_near_ones_are_merged_first(four):
    pairs = merging_of(four).pairs
    assert {frozenset(pairs[0]), frozenset(pairs[1])} == {frozenset({0, 2}), frozenset({1, 3})}
    assert set(pairs[2]) == {4, 5}


def test_heights_are_runnalls_bounds_added_up(four):
    """The bounds by their formula, on the mixtures that `Mixture.merge` makes."""
    found = merging_of(four)

    def bound(m, i, j):
        own, together = m.covariances, m.merge(i, j)
        w = m.weights[[i, j]].sum()
        new = together.covariances[min(i, j)]
        log_det = [np.linalg.slogdet(s)[1] for s in own]
        return 0.5 * (
            w * np.linalg.slogdet(new)[1] - m.weights[i] * log_det[i] - m.weights[j] * log_det[j]
        )

    i, j = sorted(found.pairs[0])
    np.testing.assert_allclose(found.heights[0], bound(four, i, j), rtol=1e-9)
    reduced = four.merge(i, j)
    others = [bound(reduced, a, b) for a in range(3) for b in range(a + 1, 3)]
    np.testing.assert_allclose(found.heights[1] - found.heights[0], min(others), rtol=1e-9)
    assert (np.diff(found.heights) >= 0).all()


def test_a_tree_is_drawn_at_these_heights_and_its_branches_never_cross(ax, four):
    assert plot.tree(four, ax=ax) is ax
    found = merging_of(four)
    lines = merges_of(ax)
    np.testing.assert_allclose([line.get_ydata()[1] for line in lines], found.heights)
    # SciPy's own order of leaves is another one of those without crossings; here: each merge
    # joins neighbours.
    linkage = np.array(
        [[*pair, height, 2.0] for pair, height in zip(found.pairs, found.heights, strict=True)]
    )
    linkage[2, 3] = 4.0
    assert is_valid_linkage(linkage)
    assert set(leaves_list(linkage)) == {0, 1, 2, 3}
    order = [int(label.get_text()) for label in ax.get_xticklabels()]
    places = dict(zip(order, ax.get_xticks(), strict=True))
    clusters = [{k} for k in range(4)]
    for a, b in found.pairs:
        clusters.append(clusters[a] | clusters[b])
        spots = sorted(places[k] for k in clusters[-1])
        assert spots == list(range(int(spots[0]), int(spots[0]) + len(spots)))


def test_a_cut_lies_between_merges_and_pales_what_it_undoes(ax, four):
    plot.tree(four, n_clusters=2, ax=ax)
    heights = merging_of(four).heights
    (cut,) = [line for line in ax.get_lines() if line.get_gid() == "cut"]
    assert heights[1] < cut.get_ydata()[0] < heights[2]
    colours = [line.get_color() for line in merges_of(ax)]
    assert colours[0] == colours[1] != colours[2]


def test_entropies_are_those_of_merged_responsibilities(ax, four):
    x = four.sample(300, 0)[0]
    plot.entropy(four, x, ax=ax)
    (line,) = [each for each in ax.get_lines() if each.get_gid() == "entropies"]
    r = four.responsibilities(x)
    expected = [of_shares(r, axis=1).sum()]
    clusters = {k: r[:, k] for k in range(4)}
    for step, (a, b) in enumerate(merging_of(four).pairs):
        clusters[4 + step] = clusters.pop(a) + clusters.pop(b)
        shares = np.column_stack([*clusters.values()])
        expected.append(of_shares(shares, axis=1).sum())
    np.testing.assert_array_equal(line.get_xdata(), [4, 3, 2, 1])
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-9, atol=1e-9)
    (ring,) = [each for each in ax.get_lines() if each.get_gid() == "elbow"]
    assert ring.get_xdata()[0] == 2
    assert [text.get_text() for text in ax.texts] == ["2 clusters"]


def test_entropies_count_rows_with_gaps_by_what_they_have(four):
    x = four.sample(50, 1)[0]
    x[:20, 1] = np.nan
    r = np.concatenate(
        [four.marginal([0]).responsibilities(x[:20, :1]), four.responsibilities(x[20:])]
    )
    np.testing.assert_allclose(merging_of(four, x).entropies[0], of_shares(r, axis=1).sum())


def test_two_lines_meet_in_the_elbow():
    x = np.arange(1.0, 9.0)
    y = np.where(x <= 3, 0.5 * (x - 3), 4.0 * (x - 3)) + 7.0
    found = elbow(x, y)
    assert found.at == 3
    for at, line in found.lines:
        np.testing.assert_allclose(line, y[np.isin(x, at)])
    assert elbow(x[:2], y[:2]) is None


def test_a_merger_is_drawn_as_it_says(figure):
    merger = SimpleNamespace(
        merges_=np.array([[0, 2], [0, 1]]), entropies_=np.array([0.0, 4.0, 9.0]), n_clusters_=2
    )
    left, right = figure.subplots(1, 2)
    plot.tree(merger, ax=left)
    np.testing.assert_allclose([line.get_ydata()[1] for line in merges_of(left)], [5.0, 9.0])
    plot.entropy(merger, ax=right)
    (line,) = [each for each in right.get_lines() if each.get_gid() == "entropies"]
    np.testing.assert_array_equal(line.get_xydata(), [[3, 9.0], [2, 4.0], [1, 0.0]])


def test_estimators_and_names(ax, four):
    model = GaussianMixture.from_mixture(four)
    plot.tree(model, names=["a", "b", "c", "d"], ax=ax)
    assert {label.get_text() for label in ax.get_xticklabels()} == {"a", "b", "c", "d"}


def test_what_cannot_be_merged(ax, four):
    with pytest.raises(
        ValueError, match="the mixture has one component: there is nothing to merge"
    ):
        plot.tree(four.rearranged([0]), ax=ax)
    with pytest.raises(ValueError, match="n_clusters must be from 1 to 4, not 5"):
        plot.tree(four, n_clusters=5, ax=ax)
    with pytest.raises(ValueError, match="names must be 4, one for each component, not 1"):
        plot.tree(four, names=["a"], ax=ax)
    with pytest.raises(ValueError, match="plot.entropy shows rows: give them as X"):
        plot.entropy(four, ax=ax)
