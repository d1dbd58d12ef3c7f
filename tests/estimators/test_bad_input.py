"""Bad input gets a clear error: what is wrong, where, and what to do."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from mixtura import GaussianMixture

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(20, 3))
KINDS = ["array", "list", "objects", "pandas", "polars", "pyarrow"]
TABLES = ["pandas", "polars", "pyarrow"]
METHODS = ["predict", "predict_proba", "score_samples", "score", "aic", "bic", "icl"]


def columns(rows=ROWS):
    return dict(zip("abc", np.asarray(rows).T.tolist(), strict=False))


def table(kind, data):
    """Columns by name as a table, or side by side as an array."""
    if kind in TABLES:
        library = pytest.importorskip(kind)
        build = library.table if kind == "pyarrow" else library.DataFrame
        return build(data)
    rows = list(map(list, zip(*data.values(), strict=True)))
    return {
        "list": lambda: rows,
        "objects": lambda: np.array(rows, dtype=object),
        "array": lambda: np.array(rows),
    }[kind]()


def named(kind, name):
    return repr(name) if kind in TABLES else str("abc".index(name))


def changed(row, column, value, rows=ROWS):
    rows = np.array(rows)
    rows[row, column] = value
    return rows


def refused(X, message, error=ValueError, *, exact=True, k=2, **options):
    with pytest.raises(error, match=re.escape(message) if exact else message):
        GaussianMixture(k, **options).fit(X)


class TestSize:
    @pytest.mark.parametrize("kind", TABLES)
    def test_a_table_without_rows(self, kind):
        empty = table(kind, {"a": np.empty(0), "b": np.empty(0)})
        refused(empty, "Found array with 0 sample(s) (shape=(0, 2)) while a minimum of 2 is requ")

    @pytest.mark.parametrize("kind", TABLES)
    def test_a_table_of_nothing(self, kind):
        refused(table(kind, {}), "Found array with 0 ")

    def test_an_array_without_rows_or_columns(self):
        refused(np.empty((0, 3)), "Found array with 0 sample(s) (shape=(0, 3)) while a minimum of")
        refused(np.empty((5, 0)), "Found array with 0 feature(s) (shape=(5, 0)) while a minimum of")

    @pytest.mark.parametrize("k", [1, 2])
    def test_one_row(self, k):
        refused(ROWS[:1], "Found array with 1 sample(s) (shape=(1, 3)) while a minimum of 2", k=k)

    def test_fewer_rows_than_components(self):
        message = (
            "Expected n_samples >= n_components but got n_components = 5, n_samples = 3: "
            "ask for fewer components, or bring more rows."
        )
        refused(ROWS[:3], message, k=5)

    def test_nothing_to_predict(self):
        model = GaussianMixture().fit(ROWS)
        with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
            model.predict(ROWS[:0])


class TestShape:
    @pytest.mark.parametrize("x", [ROWS[:, 0], ROWS[:, 0].tolist(), []])
    def test_one_dimension(self, x):
        refused(x, r"Expected 2D array, got 1D array instead:(.|\n)*Reshape your data", exact=False)

    def test_one_column_of_a_table(self):
        pandas = pytest.importorskip("pandas")
        refused(pandas.Series(ROWS[:, 0]), "Expected a 2-dimensional container but got <class")

    def test_three_dimensions(self):
        refused(ROWS[None], "Found array with dim 3")

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            ([[1, 2], [3, 4, 5]], "Row 1 holds 3 numbers where row 0 holds 2 numbers: every row"),
            ([[1, 2], [3, 4], [5]], "Row 2 holds 1 numbers where row 0 holds 2 numbers: every row"),
            ([[1, 2], 3], "Row 1 is a single number where row 0 holds 2 numbers: every row must"),
            ([1, [2, 3]], "Row 1 holds 2 numbers where row 0 is a single number: every row must"),
        ],
    )
    def test_ragged_rows(self, x, message):
        refused(x, message)

    @pytest.mark.parametrize(
        ("x", "what"),
        [(None, "None"), ({"a": [1, 2]}, "dict"), (b"1,2", "bytes")],
    )
    def test_no_rows_at_all(self, x, what):
        message = f"X must be a table, an array or nested lists of numbers, not {what}"
        refused(x, message, TypeError)

    def test_a_file_that_is_not_there(self):
        refused("data.csv", "no file 'data.csv'")

    def test_a_lazy_table(self):
        polars = pytest.importorskip("polars")
        message = "X is a lazy table: collect it first, for example with X.collect()"
        refused(polars.DataFrame(columns()).lazy(), message, TypeError)

    def test_a_sparse_matrix(self):
        from scipy.sparse import csr_array

        refused(csr_array(ROWS), "Sparse data was passed for X, but dense data", TypeError)

    @pytest.mark.parametrize("kind", ["array", *TABLES])
    @pytest.mark.parametrize(
        "method", ["predict", "predict_proba", "score_samples", "score", "icl"]
    )
    def test_another_width_than_in_the_fit(self, method, kind):
        model = GaussianMixture().fit(table(kind, columns()))
        narrow = table(kind, columns(ROWS[:, :2]))
        message = r"should match those that were passed during fit|X has 2 features, but Gaussian"
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(narrow)

    def test_the_number_of_columns_is_said(self):
        message = "X has 2 features, but GaussianMixture is expecting 3 features as input."
        with pytest.raises(ValueError, match=message):
            GaussianMixture().fit(ROWS).predict(ROWS[:, :2])

    def test_two_columns_of_the_same_name(self):
        pandas = pytest.importorskip("pandas")
        message = r"X cannot be read: .*'a'.* Rename columns of the same name."
        refused(pandas.DataFrame(ROWS, columns=["a", "b", "a"]), message, exact=False)


class TestText:
    @pytest.mark.parametrize("kind", KINDS)
    def test_column_and_row_are_named(self, kind):
        data = columns() | {"b": ["red", "green"] * 10}
        message = (
            f"Column {named(kind, 'b')} is not numeric: row 0 holds 'red'. "
            "Leave the column out, or turn it into numbers first."
        )
        refused(table(kind, data), message)

    @pytest.mark.parametrize("kind", ["list", "objects", "pandas"])
    def test_among_numbers(self, kind):
        data = columns()
        data["b"][7] = "n/a"
        message = f"Column {named(kind, 'b')} is not numeric: row 7 holds 'n/a'. Leave the column"
        refused(table(kind, data), message)

    @pytest.mark.parametrize("kind", TABLES)
    def test_below_missing_values(self, kind):
        data = columns() | {"b": [None] * 19 + ["red"]}
        refused(table(kind, data), "Column 'b' is not numeric: row 19 holds 'red'.")

    def test_categories_and_dates(self):
        pandas = pytest.importorskip("pandas")
        data = {"a": ROWS[:, 0], "b": pandas.Categorical(["x", "y"] * 10)}
        refused(pandas.DataFrame(data), "Column 'b' is not numeric: row 0 holds 'x'.")
        data["b"] = pandas.date_range("2020-01-01", periods=20)
        refused(pandas.DataFrame(data), "Column 'b' is not numeric: row 0 holds Timestamp('2020-")
        days = np.arange(40).reshape(20, 2).astype("datetime64[D]")
        refused(days, "X holds datetime64[D], not numbers: turn it into numbers first")

    @pytest.mark.parametrize("value", [{}, 1 + 2j])
    def test_what_is_no_value_at_all(self, value):
        message = f"Column 1 is not numeric: row 4 holds {value!r}. Leave the column out"
        refused(changed(4, 1, value, ROWS.astype(object)), message, TypeError)

    def test_complex_numbers(self):
        refused(ROWS + 1j, "Complex data not supported")

    def test_a_whole_number_too_large_for_a_float(self):
        message = r"Column 0 is not numeric: row 1 holds 10{59}\.\.\.\. Leave the column out"
        refused([[1, 2], [10**400, 3], [4, 5]], message, exact=False)

    @pytest.mark.parametrize(
        "x", [ROWS.astype(str), ROWS.astype(object), ROWS.astype(str).tolist()]
    )
    def test_numbers_as_text_or_objects_are_numbers(self, x):
        model = GaussianMixture(2, random_state=0).fit(x)
        expected = GaussianMixture(2, random_state=0).fit(ROWS)
        np.testing.assert_array_equal(model.means_, expected.means_)

    def test_an_object_column_of_numbers_is_numbers(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(ROWS, columns=list("abc")).astype({"b": object})
        model = GaussianMixture(2, random_state=0).fit(frame)
        expected = GaussianMixture(2, random_state=0).fit(ROWS)
        np.testing.assert_array_equal(model.means_, expected.means_)


class TestMissingAndInfinite:
    @pytest.mark.parametrize("kind", KINDS)
    def test_missing_numbers_are_counted(self, kind):
        data = columns()
        data["b"][4] = data["b"][9] = float("nan")
        data["c"][2] = float("nan")
        message = (
            f"Input X contains NaN: column {named(kind, 'b')} holds NaN 2 times, first in row 4; "
            f"column {named(kind, 'c')} holds NaN once, first in row 2. With truncation rows must "
            "be complete: drop these rows, fill them in first (for example with sklearn.impute), "
            "or leave truncation out."
        )
        refused(table(kind, data), message, truncation=1)

    @pytest.mark.parametrize("kind", ["list", "objects", *TABLES])
    def test_none_is_missing(self, kind):
        data = columns()
        data["b"][4] = None
        message = f"Input X contains NaN: column {named(kind, 'b')} holds NaN once, first in row 4."
        refused(table(kind, data), message, truncation=1)

    @pytest.mark.parametrize("kind", TABLES)
    def test_a_column_of_nothing_is_missing(self, kind):
        data = columns() | {"b": [None] * 20}
        message = "Input X contains NaN: column 'b' holds NaN 20 times, first in row 0."
        refused(table(kind, data), message, truncation=1)
        message = "Input X has nothing in column 'b': every row holds NaN there. Leave it out."
        refused(table(kind, data), message)

    def test_columns_of_nothing_are_named(self):
        rows = changed(slice(None), slice(1, 3), np.nan)
        refused(
            rows, "Input X has nothing in columns 1, 2: every row holds NaN there. Leave them out."
        )
        wide = np.full((20, 8), np.nan)
        refused(wide, "Input X has nothing in columns 0, 1, 2, 3, 4 and 3 more: every row")

    def test_a_column_that_only_rows_without_weight_have(self):
        weights = np.ones(20)
        weights[:5] = 0.0
        rows = changed(slice(5, None), 1, np.nan)
        message = "nothing in column 1: every row of positive weight holds NaN there."
        with pytest.raises(ValueError, match=message):
            GaussianMixture().fit(rows, sample_weight=weights)

    def test_rows_of_nothing_are_no_rows_to_tell_components_apart(self):
        rows = changed(slice(2, None), slice(None), np.nan)
        message = "Expected n_samples >= n_components but got n_components = 3, n_samples = 2: ask"
        refused(rows, message, k=3)

    @pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
    def test_nullable_types(self, dtype):
        pandas = pytest.importorskip("pandas")
        data = columns() | {"b": pandas.array([1, 0, None, 1] * 5, dtype=dtype)}
        message = "Input X contains NaN: column 'b' holds NaN 5 times, first in row 2."
        refused(pandas.DataFrame(data), message, truncation=1)

    def test_masked_numbers_are_missing(self):
        masked = np.ma.masked_array(ROWS, mask=changed(3, 1, 1, np.zeros((20, 3))))
        message = "Input X contains NaN: column 1 holds NaN once, first in row 3."
        refused(masked, message, truncation=1)

    def test_a_mask_that_hides_nothing(self):
        model = GaussianMixture().fit(np.ma.masked_array(ROWS))
        np.testing.assert_array_equal(model.means_, GaussianMixture().fit(ROWS).means_)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_infinity(self, value, dtype):
        message = (
            "Input X contains infinity: column 1 holds infinity once, first in row 4. "
            "Drop or replace these rows."
        )
        refused(changed(4, 1, value).astype(dtype), message)

    def test_both(self):
        rows = changed(4, 1, np.nan, changed(2, 1, np.inf))
        refused(
            rows,
            "Input X contains infinity: column 1 holds infinity once, first in row 2. "
            "Drop or replace these rows.",
        )
        message = (
            "Input X contains NaN: column 1 holds NaN once, first in row 4; "
            "column 1 holds infinity once, first in row 2. With truncation"
        )
        refused(rows, message, truncation=1)

    def test_a_large_number_beside_a_missing_one(self):
        message = "squares overflow: column 1 holds 1e+160 in row 4."
        refused(changed(2, 0, np.nan, changed(4, 1, 1e160)), message)

    def test_small_numbers_beside_missing_ones(self):
        rows = changed(slice(None), 2, 1e-160)
        message = "squares vanish: column 2 is nowhere larger than 1e-160."
        refused(changed(0, 2, np.nan, rows), message)

    def test_no_more_than_five_columns_are_listed(self):
        message = "column 4 holds NaN 20 times, first in row 0; and 3 more."
        refused(np.full((20, 8), np.nan), message, truncation=1)

    @pytest.mark.parametrize(
        "method", ["predict", "predict_proba", "score_samples", "score", "bic"]
    )
    def test_after_the_fit(self, method):
        model = GaussianMixture().fit(ROWS)
        message = "Input X contains infinity: column 1 holds infinity once, first in row 4."
        for rows in (ROWS, changed(2, 1, np.nan)):
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(changed(4, 1, np.inf, rows))


class TestRange:
    @pytest.mark.parametrize("value", [1e160, -1e200])
    def test_numbers_too_large_to_be_squared(self, value):
        message = (
            f"Input X contains numbers whose squares overflow: column 1 holds {value:.3g} in row 4."
            " Divide the column by a power of ten first."
        )
        refused(changed(4, 1, value), message)

    def test_numbers_too_small_to_be_squared(self):
        message = (
            "Input X contains numbers whose squares vanish: column 2 is nowhere larger than "
            "1e-200. Multiply the column by a power of ten first."
        )
        refused(np.column_stack([ROWS[:, :2], np.linspace(0, 1e-200, 20)]), message)

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    @pytest.mark.parametrize("scale", [1e-149, 1e-100, 1e100, 1e149])
    def test_all_between_is_fitted(self, scale):
        rows = ROWS / np.abs(ROWS).max()
        model = GaussianMixture(2, random_state=0).fit(rows * scale)
        expected = GaussianMixture(2, random_state=0).fit(rows)
        np.testing.assert_allclose(model.means_ / scale, expected.means_, rtol=1e-6, atol=1e-9)

    def test_any_number_can_be_scored(self):
        model = GaussianMixture(2, random_state=0).fit(ROWS)
        assert model.predict(changed(4, 1, 1e149)).shape == (20,)

    @pytest.mark.parametrize(
        "rows",
        [
            np.column_stack([ROWS, np.ones(20)]),
            np.column_stack([ROWS, np.zeros(20)]),
            np.column_stack([ROWS, np.full(20, 1e9)]),
            ROWS[:, [0, 0, 1]],
            np.ones((20, 2)),
            np.zeros((20, 2)),
        ],
        ids=["ones", "zeros", "large", "twice", "all ones", "all zeros"],
    )
    def test_constant_and_repeated_columns_are_fitted(self, rows):
        model = GaussianMixture(2, random_state=0).fit(rows)
        assert np.isfinite(model.score_samples(rows)).all()
        np.testing.assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0)


class TestInitialParameters:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"weights_init": [1, 1, 1]}, "'weights' should have the shape of (2,), but got (3,)"),
            ({"weights_init": [0.5, 0.6]}, "should be normalized, but got sum(weights) = 1.10000"),
            (
                {"weights_init": [2, -1]},
                "should be in the range [0, 1], but got max value 2.00000, min value -1.00000",
            ),
            ({"weights_init": [np.nan, 1]}, "The parameter 'weights' holds NaN or infinity"),
            ({"weights_init": ["a", "b"]}, "'weights' should be numbers in the shape of (2,): "),
            (
                {"means_init": np.zeros((2, 2))},
                "The parameter 'means' should have the shape of (2, 3), but got (2, 2)",
            ),
            ({"means_init": np.full((2, 3), np.inf)}, "'means' holds NaN or infinity"),
            ({"means_init": [[1, 2], [3]]}, "'means' should be numbers in the shape of (2, 3): "),
            (
                {"precisions_init": np.eye(3)},
                "The parameter 'full precision' should have the shape of (2, 3, 3), but got (3, 3)",
            ),
            (
                {"precisions_init": np.zeros((2, 3, 3))},
                "'full precision' should be symmetric, positive-definite",
            ),
            (
                {"precisions_init": np.stack([np.eye(3), np.triu(np.ones((3, 3)))])},
                "'full precision' should be symmetric, positive-definite",
            ),
            (
                {"precisions_init": np.full((2, 3, 3), np.nan)},
                "The parameter 'full precision' holds NaN or infinity",
            ),
            (
                {"covariance_type": "tied", "precisions_init": -np.eye(3)},
                "'tied precision' should be symmetric, positive-definite",
            ),
            (
                {"covariance_type": "diag", "precisions_init": [[1, 1, 1], [1, 0, 1]]},
                "'diag precision' should be positive",
            ),
            (
                {"covariance_type": "spherical", "precisions_init": [1, -1]},
                "'spherical precision' should be positive",
            ),
        ],
    )
    def test_bad_ones_are_described(self, options, message):
        refused(ROWS, message, **options)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "must"),
        [
            ({"n_components": 0}, "must be an int in the range [1, inf). Got 0"),
            ({"n_components": 2.0}, "must be an int in the range [1, inf). Got 2.0"),
            ({"n_components": "2"}, "must be an int in the range [1, inf). Got '2'"),
            ({"covariance_type": "VVX"}, "must be a str among {"),
            ({"tol": -1}, "must be a float in the range [0.0, inf). Got -1"),
            ({"reg_covar": -1}, "must be a float in the range [0.0, inf) or None. Got -1"),
            ({"max_iter": -1}, "must be an int in the range [0, inf). Got -1"),
            ({"max_iter": 1.5}, "must be an int in the range [0, inf). Got 1.5"),
            ({"n_init": 0}, "must be an int in the range [1, inf). Got 0"),
            ({"init_params": "best"}, "must be a str among {"),
            ({"init_params": None}, "must be a str among {"),
            ({"weights_init": "a"}, "must be an array-like or None. Got 'a'"),
            ({"means_init": 3}, "must be an array-like or None. Got 3"),
            ({"random_state": "a"}, "must be an int in the range [0, 4294967295]"),
            ({"warm_start": "yes"}, "must be an instance of 'bool'"),
            ({"verbose": -1}, "must be an int in the range [0, inf)"),
            ({"verbose_interval": 0}, "must be an int in the range [1, inf). Got 0"),
            ({"dead_components": "kill"}, "must be a str among {"),
            ({"variance_floor": 0}, "must be an array-like, a float in the range (0.0, inf) or No"),
        ],
    )
    def test_the_option_is_named_with_what_it_takes(self, options, must):
        (name,) = options
        message = re.escape(f"The '{name}' parameter of GaussianMixture {must}")
        with pytest.raises(ValueError, match=message):
            GaussianMixture(**options).fit(ROWS)

    @pytest.mark.parametrize("n", [0, -1])
    def test_no_rows_to_draw(self, n):
        message = f"Invalid value for 'n_samples': {n} . The sampling requires at least one sample."
        with pytest.raises(ValueError, match=re.escape(message)):
            GaussianMixture().fit(ROWS).sample(n)

    @pytest.mark.parametrize(
        "method", ["predict", "predict_proba", "score_samples", "score", "aic"]
    )
    def test_before_the_fit(self, method):
        message = "This GaussianMixture instance is not fitted yet. Call 'fit' with appropriate"
        with pytest.raises(NotFittedError, match=message):
            getattr(GaussianMixture(), method)(ROWS)
        with pytest.raises(NotFittedError, match=message):
            GaussianMixture().sample()


class TestWeights:
    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            (["a"] * 20, "sample_weight must be numbers, one for each of 20 rows: could not conv"),
            ([[1], [1, 2]], "sample_weight must be numbers, one for each of 20 rows: "),
            (np.ones(19), "must have shape (20,), one weight for each row, but has shape (19,)"),
            (np.ones((20, 2)), "must have shape (20,), one weight for each row, but has shape (20"),
            (np.zeros(20), "sample_weight is zero for every row: give some row a positive weight"),
            (-np.ones(20), "sample_weight holds a negative number (-1) in row 0; weights must be"),
        ],
    )
    def test_bad_ones_are_described(self, weights, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            GaussianMixture().fit(ROWS, sample_weight=weights)


def test_a_failed_fit_leaves_the_input_alone():
    rows = changed(4, 1, np.inf)
    before = rows.copy()
    with pytest.raises(ValueError, match="contains infinity"):
        GaussianMixture().fit(rows)
    np.testing.assert_array_equal(rows, before)
