from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba

from mixtura import plot
from mixtura.report.plot.palette import NOISE, colour
from mixtura.report.plot.uncertainty import LARGEST, SMALLEST, area


def points_of(ax, k):
    """The points of a component, as the picture has them."""
    (found,) = [each for each in ax.collections if each.get_gid() == f"component {k}"]
    return found


def note_of(ax):
    return [text.get_text() for text in ax.texts if text.get_gid() == "note"]


def test_points_have_the_colour_of_their_component_and_fade_with_doubt(ax):
    r = np.array([[0.99, 0.01], [0.55, 0.45], [0.2, 0.8]])
    plot.scatter([0.0, 1.0, 2.0], [3.0, 4.0, 5.0], r, names=["a", "b"], ax=ax)
    first, second = points_of(ax, 0), points_of(ax, 1)
    np.testing.assert_array_equal(first.get_offsets(), [[0.0, 3.0], [1.0, 4.0]])
    np.testing.assert_array_equal(second.get_offsets(), [[2.0, 5.0]])
    assert tuple(second.get_facecolor()[0][:3]) == to_rgba(colour(1))[:3]
    sure, unsure = first.get_alpha()
    assert sure > unsure
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_a_legend_of_many_components_is_left_out(ax):
    plot.scatter(np.arange(12.0), np.arange(12.0), np.eye(12), names=list("abcdefghijkl"), ax=ax)
    assert ax.get_legend() is None


def test_rows_are_classified_by_all_columns(ax, fitted):
    model, table = fitted
    assert plot.classification(model, table, columns=("visits", "age"), ax=ax) is ax
    labels = model.predict(table)
    for k in range(2):
        expected = table.loc[labels == k, ["visits", "age"]]
        np.testing.assert_array_equal(points_of(ax, k).get_offsets(), expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("visits", "age")
    assert len(ax.get_lines()) == 4
    assert note_of(ax) == []


def test_rows_that_are_not_shown_are_noted(ax, three, rows):
    rows[3, 0] = np.nan
    plot.classification(three, rows, rows=100, ax=ax)
    assert note_of(ax) == ["100 of 400 rows; 1 row with missing values left out"]
    assert sum(len(points_of(ax, k).get_offsets()) for k in range(2)) == 100


def test_points_grow_with_uncertainty(ax, three, rows):
    plot.uncertainty(three, rows, ax=ax)
    r = three.responsibilities(rows)
    for k in range(2):
        mine = r.argmax(axis=1) == k
        found = points_of(ax, k)
        order = np.argsort(1 - r[mine].max(axis=1), kind="stable")
        np.testing.assert_allclose(found.get_offsets(), rows[mine][order, :2])
        doubt = np.sort(1 - r[mine].max(axis=1))
        np.testing.assert_allclose(found.get_sizes(), area(doubt, 2))
        assert (np.diff(found.get_alpha()) >= 0).all()
    assert ax.get_legend().get_title().get_text() == "uncertainty"


def test_area_is_proportional_to_uncertainty():
    np.testing.assert_allclose(
        area(np.array([0.0, 0.25, 0.5]), 2), [SMALLEST, (SMALLEST + LARGEST) / 2, LARGEST]
    )


def test_one_component_leaves_no_doubt(ax, three, rows):
    plot.uncertainty(three.rearranged([0]), rows, ax=ax)
    assert set(points_of(ax, 0).get_sizes()) == {SMALLEST}


@pytest.mark.parametrize("room", ["classification", "uncertainty"])
def test_pictures_of_rows_need_rows(room, ax, three):
    with pytest.raises(ValueError, match=f"plot.{room} shows rows: give them as X"):
        getattr(plot, room)(three, None, ax=ax)


@pytest.fixture
def noisy(three):
    """A model that says of rows far out that they belong to no component."""

    def predict_proba(x):
        far = np.abs(x).max(axis=1) > 4.0
        r = np.column_stack([three.responsibilities(x), np.zeros(len(x))])
        r[far] = [0.1, 0.1, 0.8]
        return r

    return SimpleNamespace(mixture_=three, predict_proba=predict_proba)


@pytest.mark.parametrize("room", ["classification", "uncertainty"])
def test_rows_that_are_noise_are_grey(room, ax, noisy, rows):
    getattr(plot, room)(noisy, rows, ax=ax)
    far = np.abs(rows).max(axis=1) > 4.0
    points = points_of(ax, -1)
    assert to_hex(points.get_facecolor()[0]) == NOISE.lower()
    assert {*map(tuple, points.get_offsets())} == {*map(tuple, rows[far, :2])}
    assert sum(len(points_of(ax, k).get_offsets()) for k in range(2)) == (~far).sum()


def test_noise_has_a_bar_and_ticks_of_its_own(figure, noisy, rows):
    left, right = figure.subplots(1, 2)
    plot.silhouette(noisy, rows, ax=left)
    far = np.abs(rows).max(axis=1) > 4.0
    assert left.get_yticklabels()[-1].get_text() == f"noise\n{far.mean():.0%}, mean 0.80"
    plot.density(noisy, rows, ax=right)
    (rug,) = [line for line in right.get_lines() if line.get_gid() == "rug -1"]
    np.testing.assert_array_equal(rug.get_xdata(), rows[far, 0])
    assert plot.pairs(noisy, rows).axes
    plot.separation(noisy, rows, means=0.5, ax=left)
