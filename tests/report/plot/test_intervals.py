import numpy as np
import pytest

from mixtura import plot

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

TABLE = {
    "parameter": ["weight", "weight", "mean[age]", "mean[age]", "variance"],
    "component": [0, 1, 0, 1, None],
    "estimate": [0.4, 0.6, 30.0, 50.0, 25.0],
    "standard_error": [0.02, 0.02, 1.0, 2.0, 3.0],
    "lower": [0.36, 0.56, 28.0, 46.0, 20.0],
    "upper": [0.44, 0.64, 32.0, 54.0, 33.0],
}


class Result:
    """An object that can give its columns."""

    def to_dict(self):
        return TABLE


KINDS = {
    "mapping": lambda: TABLE,
    "pandas": lambda: pandas.DataFrame(TABLE),
    "polars": lambda: polars.DataFrame(TABLE),
    "object": Result,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_panel_for_each_parameter_and_a_line_for_each_component(figure, kind):
    assert plot.intervals(KINDS[kind](), figure=figure) is figure
    panels = [axes for axes in figure.axes if axes.axison]
    titles = [axes.get_title(loc="left") for axes in panels]
    assert titles == ["weight", "mean[age]", "variance"]
    row = 0
    for axes in panels:
        lines = axes.get_lines()
        for span, point in zip(lines[::2], lines[1::2], strict=True):
            assert [*span.get_xdata()] == [TABLE["lower"][row], TABLE["upper"][row]]
            assert [*point.get_xdata()] == [TABLE["estimate"][row]]
            row += 1
    assert row == 5
    assert [t.get_text() for t in panels[1].get_yticklabels()] == ["0", "1"]
    assert [t.get_text() for t in panels[2].get_yticklabels()] == ["all"]
    low, high = panels[0].get_ylim()
    assert low > high  # the first component is on top


def test_parameters_are_drawn_in_the_order_asked_for(figure):
    plot.intervals(TABLE, parameters=["variance", "mean"], figure=figure)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["variance", "mean[age]"]


def test_of_very_many_parameters_the_first_are_drawn_and_it_is_said(figure):
    many = {
        "parameter": [f"p{i}" for i in range(40)],
        "component": [0] * 40,
        **{name: np.arange(40.0) for name in ("estimate", "lower", "upper")},
    }
    plot.intervals(many, figure=figure)
    assert len([axes for axes in figure.axes if axes.axison]) == 24
    assert figure.get_supxlabel() == "24 of 40 parameters; choose others by parameters=[…]"


def test_a_bound_that_is_missing_is_not_drawn(figure):
    table = {name: column[:1] for name, column in TABLE.items()} | {"lower": [None]}
    plot.intervals(table, figure=figure)
    assert np.isnan(figure.axes[0].get_lines()[0].get_xdata()[0])


def test_tables_that_are_none(figure):
    with pytest.raises(
        ValueError, match="intervals have no column 'upper'; they have: 'parameter'"
    ):
        plot.intervals({k: v for k, v in TABLE.items() if k != "upper"}, figure=figure)
    with pytest.raises(
        ValueError, match="intervals have no parameter 'median'; they have: 'weight'"
    ):
        plot.intervals(TABLE, parameters=["median"], figure=figure)
    with pytest.raises(TypeError, match="intervals come as a mapping of columns"):
        plot.intervals([1, 2], figure=figure)
