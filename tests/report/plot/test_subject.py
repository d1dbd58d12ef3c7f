"""What a picture is of: models, rows and names of every kind, and what cannot be drawn."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError

from mixtura import GaussianMixture, GaussianMixtureClassifier
from mixtura.report.plot.subject import mixture_of, subject

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


def test_names_are_those_of_the_table_or_the_fit_or_numbers(three, rows, fitted):
    model, table = fitted
    assert subject(three).labels == ("column 0", "column 1", "column 2")
    assert subject(three, table).labels == ("age", "income", "visits")
    assert subject(three, polars.DataFrame(table.to_dict("list"))).columns(["visits"]) == [2]
    assert subject(model).columns(["visits", "age"]) == [2, 0]
    assert subject(model, rows).labels == ("age", "income", "visits")


def test_of_a_wider_table_the_columns_of_the_fit_are_taken(fitted):
    model, table = fitted
    wider = table.assign(id="a")[["visits", "id", "income", "age"]]
    given = subject(model, wider)
    np.testing.assert_array_equal(given.rows, table.to_numpy())
    np.testing.assert_allclose(
        given.responsibilities(given.rows), model.predict_proba(table), rtol=1e-12
    )


def test_a_table_that_lacks_columns(fitted):
    model, table = fitted
    with pytest.raises(
        ValueError, match="X lacks 'age', which the model was fitted to; it has: 'inc"
    ):
        subject(model, table[["income", "visits"]])


def test_an_array_of_another_width(three, rows):
    with pytest.raises(
        ValueError, match="X has 2 columns, but the mixture has 3: give the columns"
    ):
        subject(three, rows[:, :2])


def test_rows_that_are_no_numbers_are_named(three, fitted):
    table = fitted[1].astype(object)
    table.iloc[3, 1] = "many"
    with pytest.raises(ValueError, match="Column 'income' is not numeric: row 3 holds 'many'"):
        subject(three, table)
    with pytest.raises(ValueError, match="column 2 holds infinity once, first in row 1"):
        subject(three, [[1.0, 2.0, 3.0], [1.0, 2.0, np.inf]])


def test_a_line_of_numbers_is_a_column(three):
    line = three.marginal([0])
    for given in ([1.0, 2.0], (1, 2), np.array([1.0, 2.0])):
        assert subject(line, given).rows.shape == (2, 1)


def test_models_of_every_kind(three, fitted):
    from sklearn.model_selection import GridSearchCV

    model, table = fitted
    assert mixture_of(three) is three
    assert mixture_of(model) is model.mixture_
    search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": [1, 2]}, cv=2)
    search.fit(table)
    assert mixture_of(search) is search.best_estimator_.mixture_
    assert subject(search).labels == ("age", "income", "visits")


def test_what_is_no_mixture(rows):
    with pytest.raises(NotFittedError):
        mixture_of(GaussianMixture(2))
    with pytest.raises(TypeError, match="or of an estimator with mixture_, not KMeans"):
        mixture_of(KMeans(2, n_init=1).fit(rows))
    with pytest.raises(TypeError, match="not list"):
        mixture_of([1.0])
    classes = GaussianMixtureClassifier().fit(rows, rows[:, 0] > 1)
    with pytest.raises(TypeError, match="several: draw one of its mixtures_"):
        mixture_of(classes)


def test_rows_with_gaps_are_left_out_where_the_gap_is_seen(three, rows):
    holed = rows.copy()
    holed[:7, 0] = np.nan
    holed[5:9, 2] = np.nan
    given = subject(three, holed)
    shown = given.shown([0], 1000, 0)
    np.testing.assert_array_equal(shown.rows[:, 0], rows[7:, 0])
    assert shown.note == "7 rows with missing values left out"
    assert given.shown([0, 2], 1000, 0).note == "9 rows with missing values left out"
    assert given.shown([1], 1000, 0).note == ""
    r = given.responsibilities(shown.rows)
    np.testing.assert_allclose(
        r[:2], three.marginal([0, 1]).responsibilities(rows[7:9, :2]), rtol=1e-9
    )


def test_of_many_rows_some_are_shown_once_each(three, rows):
    given = subject(three, rows)
    shown = given.shown([0], 50, 3)
    assert shown.note == "50 of 400 rows"
    assert shown.rows.shape == (50, 3)
    places = [int(np.flatnonzero((rows == row).all(axis=1))[0]) for row in shown.rows]
    assert places == sorted(set(places))
    np.testing.assert_array_equal(given.shown([0], 50, 3).rows, shown.rows)
    holed = rows.copy()
    holed[4, 0] = np.nan
    both = subject(three, holed).shown([0], 50, 3).note
    assert both == "50 of 400 rows; 1 row with missing values left out"


def test_no_rows_to_show(three, rows):
    with pytest.raises(
        ValueError, match="rows must be at least 1, not 0: leave X out to show none"
    ):
        subject(three, rows).shown([0], 0, 0)
    holed = rows.copy()
    holed[::2, 0] = np.nan
    holed[1::2, 1] = np.nan
    with pytest.raises(ValueError, match="every one misses a number of column 0, column 1"):
        subject(three, holed).shown([0, 1], 5, 0)


def test_names_of_components_are_as_many_as_these(three):
    assert subject(three).component_names(None) == ["component 0", "component 1"]
    with pytest.raises(ValueError, match="names must be 2, one for each component, not 3"):
        subject(three).component_names("abc")


def test_short_names_stand_beside_components(three):
    given = subject(three)
    assert given.marks() == ["0", "1"]
    assert given.marks(["young", "old"]) == ["young", "old"]
    assert given.marks(["young", "not so young any more"]) == ["0", "1"]
