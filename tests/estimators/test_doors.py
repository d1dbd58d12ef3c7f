"""Rows in files, queries and streams: the same mixture as from an array, and answers in kind."""

import re
import warnings

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.exceptions import ConvergenceWarning

import mixtura
from mixtura import Files, GaussianMixture
from mixtura.engines.source import SourceError
from mixtura.estimators import doors
from tests.engines.sources import WAYS, rows, table

warnings.filterwarnings("ignore", category=ConvergenceWarning)


@pytest.fixture
def pass_by_pass(monkeypatch):
    """No source is so small that it is read at once."""
    monkeypatch.setattr(doors, "PART", 0.0)


def groups(n=3_000, seed=0):
    """Rows in three groups, as text can hold them."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 1.0], [0.0, 7.0, -2.0]])
    x = centres[rng.integers(0, 3, n)] + rng.normal(size=(n, 3)) * [1.0, 0.5, 2.0]
    return np.round(256.0 * x) / 256.0


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
def test_what_fits_into_memory_is_fitted_as_an_array(way, tmp_path):
    if way is WAYS["packed_csv"]:
        pytest.skip("how many rows a compressed file has is not known beforehand")
    x = groups(600)
    given = way(x, tmp_path)
    model = GaussianMixture(3, random_state=0).fit(given)
    same = GaussianMixture(3, random_state=0).fit(x)
    np.testing.assert_array_equal(model.means_, same.means_)
    if way is not WAYS["npy"]:
        assert [*model.feature_names_in_] == ["c0", "c1", "c2"]


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
@pytest.mark.usefixtures("pass_by_pass")
def test_pass_by_pass_it_is_the_same_end(way, tmp_path):
    x = groups()
    model = GaussianMixture(3, random_state=0, tol=1e-9, max_iter=500).fit(way(x, tmp_path))
    same = GaussianMixture(3, random_state=0, tol=1e-9, max_iter=500).fit(x)
    order, other = np.argsort(model.weights_), np.argsort(same.weights_)
    assert model.converged_
    assert abs(model.lower_bound_ - same.lower_bound_) < 1e-8
    np.testing.assert_allclose(model.means_[order], same.means_[other], atol=1e-4)
    np.testing.assert_allclose(model.covariances_[order], same.covariances_[other], atol=1e-3)


@pytest.mark.usefixtures("pass_by_pass")
def test_all_rows_count_where_some_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("mixtura.estimators.passes.SAMPLED", 0.0)  # no more than 1,000 are
    x = groups(20_000)
    options = {"random_state": 0, "tol": 1e-9, "max_iter": 500}
    model = GaussianMixture(3, **options).fit(WAYS["parquet"](x, tmp_path))
    same = GaussianMixture(3, **options).fit(x)
    assert abs(model.lower_bound_ - same.lower_bound_) < 1e-8
    assert abs(model.score(table(x)) - same.score(x)) < 1e-8


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical", "EVE", "VVE", "UUU:1"])
@pytest.mark.usefixtures("pass_by_pass")
def test_every_family_with_gaps_and_weights(family, tmp_path):
    rng = np.random.default_rng(3)
    x, w = groups(1_000), rng.integers(0, 3, 1_000).astype(float)
    x[rng.uniform(size=x.shape) < 0.1] = np.nan
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table(x).append_column("w", pyarrow.array(w)), path)
    options = {"covariance_type": family, "random_state": 0, "tol": 1e-7, "max_iter": 1000}
    model = GaussianMixture(3, **options).fit(path, sample_weight="w")
    # The same objective, by the textbook's way: integer weights are repeated rows.
    repeated = np.repeat(x, w.astype(int), axis=0)
    same = GaussianMixture(3, **options, init_params=lambda *_: model.mixture_).fit(repeated)
    assert [*model.feature_names_in_] == ["c0", "c1", "c2"]
    assert abs(model.lower_bound_ - same.lower_bound_) < 1e-5
    np.testing.assert_allclose(
        model.score(path, sample_weight="w"), model.score(table(x), sample_weight=w)
    )
    np.testing.assert_allclose(
        model.bic(path, sample_weight="w"), model.bic(table(x), sample_weight=w)
    )


@pytest.fixture(scope="module")
def fitted():
    x = groups()
    return x, GaussianMixture(3, random_state=0).fit(table(x))


@pytest.mark.parametrize("way", WAYS.values(), ids=[*WAYS])
def test_answers_are_those_of_an_array(way, fitted, tmp_path):
    x, model = fitted
    for what in ("predict", "predict_proba", "score_samples"):
        if what != "predict" and way is WAYS["reader"]:
            continue  # it is read once
        folder = tmp_path / what
        folder.mkdir()
        answer = getattr(model, what)(way(x, folder))
        np.testing.assert_array_equal(answer.to_numpy(), getattr(model, what)(table(x)))
        np.testing.assert_array_equal(np.asarray(answer), answer.to_numpy())


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "npy"])
def test_answers_are_written_to_a_file(ending, fitted, tmp_path):
    x, model = fitted
    given = WAYS["many_parquet"](x, tmp_path)
    path = tmp_path / f"out.{ending}"
    for what, n in (("predict", 1), ("predict_proba", 3)):
        answer = getattr(model, what)(given)
        assert answer.write(path) == [path]
        if ending == "npy":
            found = np.load(path).reshape(len(x), -1)
        else:
            found = np.concatenate([np.stack(part, axis=1) for part in Files(path).batches()])
        assert found.shape == (len(x), n)
        expected = getattr(model, what)(table(x)).reshape(len(x), n)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        names = [f"component_{k}" for k in range(3)] if n == 3 else ["label"]
        assert ending == "npy" or [*Files(path).names] == names


def test_answers_of_files_are_files_of_the_same_names(fitted, tmp_path):
    x, model = fitted
    given = WAYS["many_parquet"](x, tmp_path)
    written = model.predict(given).write(tmp_path / "out")
    assert [path.name for path in written] == [f"part-{i}.parquet" for i in range(5)]
    labels = np.concatenate(
        [pyarrow.parquet.read_table(path)["label"].to_numpy() for path in written]
    )
    np.testing.assert_array_equal(labels, model.predict(table(x)))


def test_columns_are_found_by_their_names(fitted, tmp_path):
    x, model = fitted
    more = (
        table(x)
        .select(["c2", "c0", "c1"])
        .append_column("id", pyarrow.array([f"row {i}" for i in range(len(x))]))
    )
    pyarrow.parquet.write_table(more, tmp_path / "more.parquet")
    np.testing.assert_array_equal(
        model.predict(tmp_path / "more.parquet").to_numpy(), model.predict(table(x))
    )
    chosen = Files(tmp_path / "more.parquet", columns=["c0", "c1", "c2"])
    same = GaussianMixture(3, random_state=0).fit(chosen)
    np.testing.assert_array_equal(same.means_, model.means_)


@pytest.mark.parametrize(
    ("memory", "size"), [("1GB", 1e9), ("512 MiB", 512 * 2**20), (400_000_000, 4e8), ("0.5gb", 5e8)]
)
def test_memory_is_given_in_words_or_bytes(memory, size):
    assert doors.bytes_of(memory) == size


@pytest.mark.parametrize("memory", ["much", "1.2.3GB", "GB", "1XB", "1MB", 10])
def test_memory_that_is_no_size_is_refused(memory, tmp_path):
    given = WAYS["parquet"](rows(50), tmp_path)
    with pytest.raises(ValueError, match="memory="):
        GaussianMixture(memory=memory).fit(given)


def refusal(given, **options):
    with pytest.raises(ValueError, match=".") as error:
        GaussianMixture(2, random_state=0).fit(given, **options)
    return str(error.value)


@pytest.mark.usefixtures("pass_by_pass")
class TestBadInput:
    def test_a_file_that_is_not_there(self, tmp_path):
        assert "no file" in refusal(tmp_path / "none.parquet")
        assert "no file matches" in refusal(str(tmp_path / "*.parquet"))
        assert "holds no file" in refusal(tmp_path)

    def test_a_file_of_another_kind(self, tmp_path):
        (tmp_path / "rows.xlsx").write_text("x")
        assert "turn it into one of these first" in refusal(tmp_path / "rows.xlsx")

    @pytest.mark.parametrize("way", ["parquet", "arrow", "npy"])
    def test_a_file_that_is_cut_off(self, way, tmp_path):
        path = WAYS[way](groups(), tmp_path)
        path.write_bytes(path.read_bytes()[:-2_000])
        text = refusal(path)
        assert "is damaged" in text
        assert path.name in text

    def test_another_schema(self, tmp_path):
        x = groups(50)
        pyarrow.parquet.write_table(table(x), tmp_path / "a.parquet")
        pyarrow.parquet.write_table(table(x[:, :2]), tmp_path / "b.parquet")
        text = refusal(tmp_path)
        assert "b.parquet' has no column 'c2'" in text
        pyarrow.parquet.write_table(
            table(groups(50)).append_column("z", [x[:, 0]]), tmp_path / "b.parquet"
        )
        assert "has a column 'z' that" in refusal(tmp_path)

    def test_a_column_whose_type_differs(self, tmp_path):
        x = groups(50)
        pyarrow.parquet.write_table(table(x), tmp_path / "a.parquet")
        other = table(x).set_column(1, "c1", pyarrow.array(["a"] * 50))
        pyarrow.parquet.write_table(other, tmp_path / "b.parquet")
        text = refusal(tmp_path)
        assert "Column 'c1' is not numeric: it holds string in" in text
        assert "b.parquet', and numbers in" in text

    def test_text_far_down_in_a_file_of_text(self, tmp_path):
        lines = ["a,b", *["1.5,2"] * 1_000_000, "oops,3"]
        (tmp_path / "rows.csv").write_text("\n".join(lines))
        text = refusal(tmp_path / "rows.csv")
        assert "rows.csv" in text
        assert "oops" in text

    @pytest.mark.parametrize("value", [np.inf, 1e200])
    def test_a_number_of_no_use(self, value, tmp_path):
        x = groups()
        x[2_500, 1] = value
        text = refusal(WAYS["many_parquet"](x, tmp_path))
        assert "column 'c1'" in text
        assert "row 100 of" in text
        assert "part-4.parquet" in text

    def test_infinity_in_rows_to_be_predicted(self, fitted, tmp_path):
        x, model = fitted
        x = x.copy()
        x[2_500, 1] = -np.inf
        given = WAYS["many_parquet"](x, tmp_path)
        for ask in (lambda: model.predict(given).to_numpy(), lambda: model.score(given)):
            with pytest.raises(SourceError, match=r"column 'c1' holds -inf in row 100 of .*part-4"):
                ask()

    def test_a_column_of_nothing(self, tmp_path):
        x = groups(100)
        x[:, 2] = np.nan
        assert "nothing in column 'c2'" in refusal(WAYS["parquet"](x, tmp_path))

    def test_weights(self, tmp_path):
        path = tmp_path / "rows.parquet"
        for bad, words in (
            (np.where(np.arange(100) == 7, -1.0, 1.0), "sample_weight is -1 in row 7"),
            (np.zeros(100), "zero for every row"),
        ):
            more = table(groups(100)).append_column("w", pyarrow.array(bad))
            pyarrow.parquet.write_table(more, path)
            assert words in refusal(path, sample_weight="w")
        assert "no column 'v'" in refusal(path, sample_weight="v")

    def test_no_rows(self, tmp_path):
        (tmp_path / "rows.csv").write_text("a,b\n")
        assert "there are no rows" in refusal(tmp_path / "rows.csv")
        assert "0 sample(s)" in refusal(WAYS["parquet"](groups(0), tmp_path))

    def test_too_few_rows(self, tmp_path):
        given = WAYS["parquet"](groups(1), tmp_path)
        assert "Expected n_samples >= n_components" in refusal(given)

    def test_an_empty_part_is_no_matter(self, tmp_path):
        x = groups(400)
        pyarrow.parquet.write_table(table(x), tmp_path / "a.parquet")
        pyarrow.parquet.write_table(table(x[:0]), tmp_path / "b.parquet")
        pyarrow.parquet.write_table(table(x), tmp_path / "c.parquet")
        model = GaussianMixture(2, random_state=0).fit(tmp_path)
        same = GaussianMixture(2, random_state=0).fit(np.concatenate([x, x]))
        assert abs(model.lower_bound_ - same.lower_bound_) < 1e-3

    def test_a_file_that_changes_between_passes(self, tmp_path, monkeypatch):
        path = WAYS["parquet"](groups(), tmp_path)
        model = GaussianMixture(2, random_state=0)
        monkeypatch.setattr(model, "_tell_part", lambda *_: None)
        real = mixtura.estimators.passes.begun

        def then_it_changes(*args):
            found = real(*args)
            WAYS["parquet"](groups(2_999), tmp_path)
            return found

        monkeypatch.setattr("mixtura.estimators.passes.begun", then_it_changes)
        with pytest.raises(SourceError, match="changed while it was read"):
            model.fit(path)

    @pytest.mark.parametrize("option", ["labels", "noise", "truncation"])
    def test_what_needs_memory_says_so(self, option, tmp_path):
        given = WAYS["parquet"](groups(100), tmp_path)
        model, more = GaussianMixture(2, random_state=0), {}
        if option == "labels":
            more["labels"] = np.zeros(100, dtype=int)
        else:
            model.set_params(**{option: True if option == "noise" else 1})
        with pytest.raises(ValueError, match=f"{option} needs all rows in memory"):
            model.fit(given, **more)

    def test_other_columns_than_those_of_the_fit(self, fitted, tmp_path):
        _, model = fitted
        given = WAYS["parquet"](groups(100)[:, :2], tmp_path)
        with pytest.raises(SourceError, match="no column 'c2'"):
            model.predict(given)
        npy = WAYS["npy"](groups(100)[:, :2], tmp_path)
        with pytest.raises(SourceError, match="2 features, but GaussianMixture is expecting 3"):
            model.predict(npy)

    def test_writing(self, fitted, tmp_path):
        x, model = fitted
        path = WAYS["parquet"](x, tmp_path)
        with pytest.raises(ValueError, match="holds the rows"):
            model.predict(path).write(path)
        with pytest.raises(ValueError, match=re.escape("ends in '.xls'")):
            model.predict(path).write(tmp_path / "out.xls")
        with pytest.raises(ValueError, match="rows come from no files"):
            model.predict(WAYS["relation"](x, tmp_path)).write(tmp_path / "out")
        x = x.copy()
        x[-1, 0] = np.inf
        with pytest.raises(SourceError):
            model.predict(WAYS["parquet"](x, tmp_path)).write(tmp_path / "out.csv")
        assert not (tmp_path / "out.csv").exists()
        assert not [each for each in tmp_path.iterdir() if each.suffix == ".part"]
