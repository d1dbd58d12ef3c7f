import numpy as np
import pytest
from sklearn.datasets import load_wine

from mixtura import GaussianMixture, Mixture, plot
from mixtura.report.plot.pairs import tellers


def panels_of(figure):
    """The panels by row and column; those above the diagonal are empty."""
    m = int(np.sqrt(len(figure.axes)))
    return np.array(figure.axes, dtype=object).reshape(m, m)


def test_every_pair_of_columns_and_each_column_is_there(figure, fitted):
    model, table = fitted
    assert plot.pairs(model, table, figure=figure) is figure
    panels = panels_of(figure)
    names = [*table.columns]
    for row in range(3):
        for column in range(3):
            axes = panels[row, column]
            assert axes.axison == (column <= row)
            if column <= row:
                assert axes.get_xlabel() == names[column]
                assert axes.xaxis.label.get_visible() == (row == 2)
            if column < row:
                assert axes.get_ylabel() == names[row]
                offsets = np.concatenate([c.get_offsets() for c in axes.collections if c.get_gid()])
                expected = table[[names[column], names[row]]].to_numpy()
                order = np.lexsort(expected.T)
                np.testing.assert_allclose(offsets[np.lexsort(offsets.T)], expected[order])
                assert len(axes.get_lines()) == 4


def test_panels_of_one_column_have_one_axis(figure, three, rows):
    plot.pairs(three, rows, figure=figure)
    panels = panels_of(figure)
    for column in range(3):
        limits = {panels[row, column].get_xlim() for row in range(column, 3)}
        assert len(limits) == 1


def test_the_legend_and_the_note_are_in_the_empty_corner(figure, three, rows):
    rows[2, 1] = np.nan
    plot.pairs(three, rows, names=["one", "two"], rows=100, figure=figure)
    corner = panels_of(figure)[0, 2]
    assert [text.get_text() for text in corner.get_legend().get_texts()] == ["one", "two"]
    assert [text.get_text() for text in corner.texts] == [
        "100 of 400 rows\n1 row with missing values left out"
    ]


def test_of_many_columns_those_are_drawn_in_which_means_differ_most(figure):
    x = load_wine().data
    model = GaussianMixture(3, covariance_type="diag", random_state=0).fit(x)
    plot.pairs(model, figure=figure)
    between = [
        np.average((m - np.average(m, weights=model.weights_)) ** 2, weights=model.weights_)
        / (
            np.average((m - np.average(m, weights=model.weights_)) ** 2, weights=model.weights_)
            + np.average(v, weights=model.weights_)
        )
        for m, v in zip(model.means_.T, model.covariances_.T, strict=True)
    ]
    best = np.argsort(between)[::-1]
    assert tellers(model.mixture_) == best.tolist()
    panels = panels_of(figure)
    assert len(panels) == 8
    labels = {axes.get_xlabel() for axes in panels[-1]}
    assert labels == {f"column {j}" for j in best[:8]}
    assert panels[0, -1].texts[0].get_text() == "8 of 13 columns"


def test_chosen_columns_come_in_their_order(figure, three):
    plot.pairs(three, columns=[2, 0], figure=figure)
    assert [axes.get_xlabel() for axes in panels_of(figure)[1]] == ["column 2", "column 0"]


def test_a_single_column_is_its_density(figure):
    line = Mixture.of([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0], family="spherical")
    plot.pairs(line, figure=figure)
    (axes,) = figure.axes
    assert [each.get_gid() for each in axes.get_lines()] == ["0", "1", "density"]


def test_many_components_are_drawn_without_a_legend(figure):
    rng = np.random.default_rng(0)
    many = Mixture.of(
        np.ones(40), rng.normal(scale=9, size=(40, 2)), np.ones(40), family="spherical"
    )
    plot.pairs(many, many.sample(300, 0)[0], figure=figure)
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_no_columns_and_columns_that_are_not_there(figure, three):
    with pytest.raises(ValueError, match="columns must name one column at least"):
        plot.pairs(three, columns=[], figure=figure)
    with pytest.raises(ValueError, match="columns names column 5, which X does not have"):
        plot.pairs(three, columns=[0, 5], figure=figure)
