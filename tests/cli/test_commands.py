"""Every command end to end: what is written, what is said, and how it ends."""

import gzip
import hashlib
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Thread

import duckdb
import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mixtura as package
from mixtura.applications.segmentation.recipe import Recipe, read_numbers
from mixtura.cli.inputs import read_input
from mixtura.cli.tables import write_table
from mixtura.estimators.wiring import ACCELERATORS, STARTS
from mixtura.model.mixture import load_with_notes

PROGRAM = [sys.executable, "-c", "from mixtura.cli import main; raise SystemExit(main())"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
QUICK = ("--k", "3", "--family", "diag")
FILES = {"segments.parquet", "segments.csv", "profile.csv", "model.safetensors", "run.json"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# segment


def test_segment_writes_its_files_and_nothing_else(results):
    assert names(results) == FILES


def test_segments_are_consistent_and_the_same_in_both_files(results, customers):
    table = pd.read_csv(results / "segments.csv")
    pd.testing.assert_frame_equal(table, pd.read_parquet(results / "segments.parquet"))
    assert list(table) == ["who", "segment", "p_1", "p_2", "p_3", "certainty", "runner_up"]
    assert table.who.tolist() == customers.who.tolist()
    p = table[["p_1", "p_2", "p_3"]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=1e-12)
    assert (table.segment == p.argmax(axis=1) + 1).all()
    assert (table.certainty == p.max(axis=1)).all()
    assert (table.runner_up == np.argsort(-p, axis=1, kind="stable")[:, 1] + 1).all()
    assert table.segment.value_counts().sort_index().tolist() == [75, 50, 25]


def test_the_profile_is_that_of_an_independent_count(results, csv):
    profile = pd.read_csv(results / "profile.csv", dtype={"segment": str}).set_index("segment")
    rows = pd.read_csv(csv).merge(pd.read_csv(results / "segments.csv"), on="who")
    sizes = rows.groupby("segment").size()
    assert profile["size"].tolist() == [*sizes, len(rows)]
    np.testing.assert_allclose(profile.share, [*(sizes / len(rows)), 1.0])
    certainty = [*rows.groupby("segment").certainty.mean(), rows.certainty.mean()]
    np.testing.assert_allclose(profile.certainty, certainty)
    rows["branch=north"] = (rows.branch == "north").astype(float)
    for name in ("spend", "visits", "balance", "branch=north"):
        means = [*rows.groupby("segment")[name].mean(), rows[name].mean()]
        np.testing.assert_allclose(profile[f"{name}_mean"], means, rtol=1e-12)
        if name == "balance":  # of both signs
            assert profile[f"{name}_index"].isna().all()
        else:
            index = 100 * np.array(means) / means[-1]
            np.testing.assert_allclose(profile[f"{name}_index"], index, rtol=1e-12)


def test_the_record_of_a_run(results, csv):
    record = json.loads((results / "run.json").read_text())
    content = csv.read_bytes()
    assert record["input"] == {
        "name": str(csv),
        "format": "csv",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": 150,
    }
    assert record["versions"]["mixtura"] == package.__version__
    assert record["versions"]["numpy"] == np.__version__
    assert set(record["versions"]) >= {"python", "scipy", "scikit-learn", "duckdb"}
    assert record["seed"] == record["options"]["seed"] == 0
    assert record["options"]["k"] == 3
    assert record["options"]["family"] == "diag"
    assert record["segments"]["sizes"] == [75, 50, 25]
    used = {column["name"]: column["used_for"] for column in record["columns"]}
    assert used == {
        "who": "identifier",
        "spend": "feature",
        "visits": "feature",
        "balance": "feature",
        "branch": "profile",
    }
    assert record["notes"] == ["column 'who' was taken to name the rows"]


def test_what_was_dropped_is_said_with_the_reason(mixtura, customers, tmp_path):
    table = customers.assign(shop=7, day="2024-01-01", thrice=customers.spend * 3)
    table.to_csv(tmp_path / "t.csv", index=False)
    code, _, err = mixtura("segment", tmp_path / "t.csv", *QUICK, "-o", tmp_path / "out")
    assert code == 0
    dropped = json.loads((tmp_path / "out" / "run.json").read_text())["dropped"]
    assert dropped == {
        "shop": "constant",
        "day": "a date; give the days since or until something instead",
        "thrice": "says the same as 'spend'",
    }
    assert "note: left out: shop (constant), day (a date; give" in err
    assert "thrice (says the same as 'spend')" in err
    assert "note: used to describe segments and not to find them: branch (a category" in err


def test_a_run_again_gives_the_same_bytes(mixtura, results, csv, tmp_path):
    out = tmp_path / "again"
    assert mixtura("segment", csv, *QUICK, "-o", out, "-q")[0] == 0
    for name in FILES - {"run.json"}:
        assert (out / name).read_bytes() == (results / name).read_bytes(), name


def test_the_number_of_segments_is_found(mixtura, csv, tmp_path):
    code, out, err = mixtura("segment", csv, "--max-k", "4", "-o", tmp_path / "out")
    assert code == 0
    assert out.startswith("3 segments of 150 rows; 0.0% of the rows lie between segments\n")
    assert re.search(r"^chosen: 3 segments: the lowest BIC; the smallest holds 17% of", err, re.M)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    tried = [(c["k"], c["family"]) for c in record["candidates"]]
    families = ["full", "tied", "diag", "spherical"]
    assert tried == [(1, f) for f in families if f != "tied"] + [
        (k, family) for k in (2, 3, 4) for family in families
    ]


def test_options_of_segment(mixtura, csv, tmp_path):
    out = tmp_path / "out"
    chosen = ("--columns", "visits, spend", "--id", "branch", "--seed", "3")
    code, _, err = mixtura("segment", csv, "--k", "2", "--family", "tied", *chosen, "-o", out)
    assert code == 0
    record = json.loads((out / "run.json").read_text())
    assert [c["name"] for c in record["columns"] if c["used_for"] == "feature"] == [
        "spend",
        "visits",
    ]
    assert record["segments"]["family"] == "tied"
    assert record["segments"]["number"] == 2
    assert record["seed"] == 3
    assert list(pd.read_csv(out / "segments.csv"))[:2] == ["branch", "segment"]
    assert "note: 148 rows repeat the 'branch' of an earlier row" in err


def test_rows_with_missing_values_can_be_left_without_a_segment(mixtura, customers, tmp_path):
    table = customers.copy()
    table.iloc[[3, 8], 1] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "out"
    code, _, err = mixtura("segment", tmp_path / "t.csv", *QUICK, "--drop-missing", "-o", out)
    assert code == 0
    assert "note: 2 rows have missing values; left without a segment" in err
    segments = pd.read_csv(out / "segments.csv")
    assert np.flatnonzero(segments.drop(columns="who").isna().all(axis=1)).tolist() == [3, 8]
    assert segments.notna().all(axis=1).sum() == 148
    model = out / "model.safetensors"
    predicted = mixtura("predict", model, tmp_path / "t.csv", "--drop-missing")
    assert predicted[1] == (out / "segments.csv").read_text()
    scored = pd.read_csv(
        io.StringIO(mixtura("score", model, tmp_path / "t.csv", "--drop-missing")[1])
    )
    assert np.flatnonzero(scored.log_density.isna()).tolist() == [3, 8]


def test_the_picture_is_one_of_the_results(mixtura, csv, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.undo()
    assert mixtura("segment", csv, *QUICK, "-o", tmp_path / "out", "-q")[0] == 0
    assert names(tmp_path / "out") == FILES | {"segments.png"}
    assert (tmp_path / "out" / "segments.png").read_bytes().startswith(b"\x89PNG")


# predict


def test_predict_gives_the_rows_of_segment(mixtura, results, csv, tmp_path):
    model = results / "model.safetensors"
    assert mixtura("predict", model, csv) == (0, (results / "segments.csv").read_text(), "")
    code, out, err = mixtura("predict", model, csv, "-o", tmp_path / "p.parquet")
    assert (code, out, err) == (0, "", f"150 rows written to {tmp_path / 'p.parquet'}\n")
    assert (tmp_path / "p.parquet").read_bytes() == (results / "segments.parquet").read_bytes()


def test_predict_one_row_as_among_all(mixtura, results, customers, tmp_path):
    customers.iloc[[17]].to_csv(tmp_path / "one.csv", index=False)
    code, out, _ = mixtura("predict", results / "model.safetensors", tmp_path / "one.csv")
    one, among_all = pd.read_csv(io.StringIO(out)), pd.read_csv(results / "segments.csv").loc[[17]]
    assert code == 0
    pd.testing.assert_frame_equal(one, among_all.reset_index(drop=True), rtol=1e-9)


def test_predict_from_orders_and_from_standard_input(mixtura, orders, tmp_path):
    out = tmp_path / "out"
    rfm = ("--rfm", "customer,date,amount")
    quick = ("--k", "2", "--family", "diag")
    code, shown, _ = mixtura("segment", orders, *rfm, *quick, "-o", out)
    assert code == 0
    said = "recency: days since the last order; frequency: orders; monetary: their total.\n"
    assert shown.endswith(said)
    expected = (out / "segments.csv").read_bytes()
    model = out / "model.safetensors"
    assert mixtura("predict", model, orders, *rfm)[1].encode() == expected
    run = subprocess.run(
        [*PROGRAM, "predict", str(model), "-", *rfm, "-q"],
        input=orders.read_bytes(),
        capture_output=True,
        env=ENVIRONMENT,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, expected, b"")
    code, _, err = mixtura("predict", model, orders)
    assert code == 2
    assert err == (
        "mixtura: the model needs recency, frequency, monetary, and the table holds orders: "
        "add --rfm customer,date,amount.\n"
    )


def test_a_table_without_the_column_of_names_gets_numbers(mixtura, results, customers, tmp_path):
    customers.drop(columns="who").to_csv(tmp_path / "t.csv", index=False)
    code, out, _ = mixtura("predict", results / "model.safetensors", tmp_path / "t.csv")
    table = pd.read_csv(io.StringIO(out))
    assert (code, table.row.tolist()) == (0, list(range(1, 151)))


# fit, score and sample


@pytest.fixture(scope="module")
def fitted(csv, tmp_path_factory):
    from mixtura.cli import main

    path = tmp_path_factory.mktemp("fit") / "model.safetensors"
    arguments = ["fit", str(csv), "--columns", "spend,visits", "--k", "3", "-o", str(path), "-q"]
    assert main(arguments) == 0
    return path


def test_fit_then_score_is_the_estimator(mixtura, fitted, csv, customers):
    rows = customers[["spend", "visits"]].to_numpy()
    model = package.GaussianMixture(3, n_init=5, max_iter=500, tol=1e-5, random_state=0).fit(rows)
    mixture, notes = load_with_notes(fitted)
    np.testing.assert_array_equal(mixture.means, model.means_)
    assert notes["made_by"] == "mixtura fit"
    code, out, err = mixtura("score", fitted, csv)
    table = pd.read_csv(io.StringIO(out))
    assert list(table) == ["row", "log_density"]
    np.testing.assert_allclose(table.log_density, model.score_samples(rows), rtol=1e-12)
    assert (code, err) == (
        0,
        f"150 rows: mean log density {table.log_density.mean():.6g} nats per row\n",
    )


def test_score_has_the_units_of_the_columns(mixtura, orders, tmp_path):
    """The recipe's slopes against differences of the recipe itself: the columns are logged."""
    rfm = ("--rfm", "customer,date,amount")
    out = tmp_path / "out"
    assert mixtura("segment", orders, *rfm, "--k", "2", "-o", out, "-q")[0] == 0
    model = out / "model.safetensors"
    code, text, _ = mixtura("score", model, orders, *rfm)
    assert code == 0
    table = pd.read_csv(io.StringIO(text))
    mixture, notes = load_with_notes(model)
    recipe = Recipe.from_json(notes["recipe"])
    assert {feature.curve for feature in recipe.features} >= {"log"}
    rows = package.rfm(pd.read_csv(orders), "customer", "date", "amount").table
    x = rows[recipe.names].to_numpy(dtype=float)
    step = 1e-6
    slopes = (recipe.apply(x + step) - recipe.apply(x - step)) / (2 * step)
    expected = mixture.log_density(recipe.apply(x)) + np.log(slopes).sum(axis=1)
    np.testing.assert_allclose(table.log_density, expected, rtol=0, atol=1e-6)


def test_sample_then_fit_finds_the_model_again(mixtura, fitted, tmp_path):
    drawn = tmp_path / "drawn.csv"
    code, out, err = mixtura("sample", fitted, "-n", "4000", "--seed", "7", "-o", drawn)
    assert (code, out, err) == (0, "", f"4,000 rows written to {drawn}\n")
    table = pd.read_csv(drawn)
    assert list(table) == ["spend", "visits", "segment"]
    mixture, _ = load_with_notes(fitted)
    shares = table.segment.value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(shares, mixture.weights, atol=0.03)
    again = tmp_path / "again.safetensors"
    columns = ("--columns", "spend,visits")
    assert mixtura("fit", drawn, *columns, "--k", "3", "-o", again, "-q")[0] == 0
    found, _ = load_with_notes(again)
    old, new = mixture.means[:, 0].argsort(), found.means[:, 0].argsort()
    np.testing.assert_allclose(found.weights[new], mixture.weights[old], atol=0.03)
    np.testing.assert_allclose(found.means[new], mixture.means[old], atol=0.5)


def test_sample_from_segments_is_in_the_columns_own_units(mixtura, results, customers):
    code, out, _ = mixtura("sample", results / "model.safetensors", "-n", "3000")
    drawn = pd.read_csv(io.StringIO(out))
    assert (code, len(drawn)) == (0, 3000)
    for name in ("spend", "visits", "balance"):
        error = abs(drawn[name].mean() - customers[name].mean())
        assert error < 0.1 * customers[name].std()
    assert mixtura("sample", results / "model.safetensors", "-n", "3000")[1] == out


def test_fit_says_what_it_fitted_and_left_out(mixtura, customers, tmp_path):
    customers.assign(shop=7).to_csv(tmp_path / "t.csv", index=False)
    code, out, err = mixtura("fit", tmp_path / "t.csv", "--k", "2", "-o", tmp_path / "m")
    assert (code, out) == (0, "")
    assert err.startswith("2 components, full covariance, 150 rows of spend, visits, balance\n")
    assert "  component 1: weight 0." in err
    assert "note: column 'shop' was left out: constant\n" in err


@pytest.mark.parametrize("init", STARTS)
@pytest.mark.parametrize("accelerate", ACCELERATORS)
def test_fit_starts_and_goes_on_as_the_estimator_does(mixtura, csv, tmp_path, init, accelerate):
    how = ("--init", init, "--accelerate", accelerate, "--n-init", "3", "--max-iter", "200")
    columns = ("--columns", "spend,visits", "--k", "2")
    code, out, _ = mixtura("fit", csv, *columns, *how, "-o", tmp_path / "m", "--json")
    model = package.GaussianMixture(
        2,
        init_params=init,
        accelerate=accelerate,
        n_init=3,
        max_iter=200,
        tol=1e-5,
        random_state=0,
    )
    # As the command reads them: old versions of NumPy add up in another order where rows come
    # column by column, and of starts that are as good another one may then be the best.
    none = dict.fromkeys(("sql", "input_format", "encoding", "rfm", "reference"))
    given = nw.from_native(read_input(str(csv), **none).table, eager_only=True)
    model.fit(read_numbers(given, ["spend", "visits"]))
    summary = json.loads(out)
    assert code == 0
    np.testing.assert_allclose(summary["means"], model.means_, rtol=1e-9)
    left = model.remaining_gain_ if np.isfinite(model.remaining_gain_) else None
    assert summary["n_iter"] == model.n_iter_
    assert summary["remaining_gain"] == pytest.approx(left, abs=1e-9)


def test_fit_says_how_many_passes_and_what_they_left(mixtura, csv, tmp_path):
    columns = ("--columns", "spend,visits", "--k", "2", "-o", tmp_path / "m")
    summary = json.loads(mixtura("fit", csv, *columns, "--json")[1])
    said = mixtura("fit", csv, *columns)[2].splitlines()[-1]
    left = f"about {summary['remaining_gain']:.1g} nats per row"
    assert said == f"{summary['n_iter']} passes over the data; left to gain: {left}"
    code, _, err = mixtura("fit", csv, *columns, "--max-iter", "1")
    assert code == 4
    assert "1 passes over the data; left to gain: not known yet\n" in err
    out = mixtura("fit", csv, *columns, "--max-iter", "1", "--json")[1]
    assert json.loads(out)["remaining_gain"] is None


@pytest.mark.parametrize("option", ["--init", "--accelerate"])
def test_fit_answers_a_wrong_word_with_the_right_ones(mixtura, csv, tmp_path, option):
    code, out, err = mixtura("fit", csv, option, "best", "-o", tmp_path / "m")
    words = {"--init": STARTS, "--accelerate": ACCELERATORS}[option]
    assert (code, out) == (2, "")
    assert f"{option} 'best': choose one of {', '.join(words)}." in err
    assert not (tmp_path / "m").exists()


def test_fit_chooses_by_bic(mixtura, csv, tmp_path):
    choice = ("--family", "auto", "--max-k", "4", "--n-init", "2", "--columns", "spend,visits")
    code, out, _ = mixtura("fit", csv, *choice, "-o", tmp_path / "m", "--json")
    summary = json.loads(out)
    best = min(summary["tried"], key=lambda trial: trial["bic"])
    assert code == 0
    assert (best["k"], best["family"]) == (summary["n_components"], summary["family"])
    assert (summary["n_components"], len(summary["tried"])) == (3, 4 * 14)


def test_a_weight_of_two_is_a_row_twice(mixtura, customers, tmp_path):
    weights = np.arange(len(customers)) % 2 + 1
    customers.assign(w=weights).to_csv(tmp_path / "w.csv", index=False)
    repeated = customers.loc[customers.index.repeat(weights)]
    repeated.to_csv(tmp_path / "r.csv", index=False)
    fit = ("--columns", "spend,visits", "--k", "1", "--json", "-o", tmp_path / "m")
    weighted = json.loads(mixtura("fit", tmp_path / "w.csv", "--weight", "w", *fit)[1])
    plain = json.loads(mixtura("fit", tmp_path / "r.csv", *fit)[1])
    np.testing.assert_allclose(weighted["means"], plain["means"], rtol=1e-12)
    np.testing.assert_allclose(weighted["bic"], plain["bic"], rtol=1e-9)


def test_fit_and_select_take_families_with_a_number(mixtura, csv, tmp_path):
    common = (csv, "--columns", "spend,visits", "--k", "3", "-o", tmp_path / "m", "--json")
    for family, name in (("subspace", "AkjBkQkDk"), ("ABQkD:1", "ABQkD:1"), ("UUC:1", "UUC:1")):
        code, out, _ = mixtura("fit", *common, "--family", family)
        assert (code, json.loads(out)["family"]) == (0, name)
        assert load_with_notes(tmp_path / "m")[0].covariance.name == name
    code, out, _ = mixtura("summary", tmp_path / "m")
    assert code == 0
    columns = ("--columns", "spend,visits", "--families", "ABQkD:1,diag", "--max-k", "3")
    code, out, _ = mixtura("select", csv, *columns, "--json")
    assert code == 0
    assert set(json.loads(out)["results"]["covariance_type"]) == {"ABQkD:1", "diag"}


def test_fit_through_a_pipe_into_predict(csv, fitted, mixtura):
    columns = ["--columns", "spend,visits", "--k", "3"]
    fit = subprocess.Popen(
        [*PROGRAM, "fit", str(csv), *columns],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    predict = subprocess.run(
        [*PROGRAM, "predict", "-", str(csv)],
        stdin=fit.stdout,
        capture_output=True,
        env=ENVIRONMENT,
    )
    words = fit.communicate()[1]
    assert (fit.returncode, predict.returncode) == (0, 0)
    assert words.startswith(b"3 components, full covariance")
    assert predict.stderr == b""
    assert predict.stdout.decode() == mixtura("predict", fitted, csv)[1]


# Formats in and out


@pytest.fixture
def formats(customers, csv, tmp_path):
    table = pa.Table.from_pandas(customers, preserve_index=False)
    for ending in ("tsv", "parquet", "json", "arrow", "csv.gz"):
        write_table(table, str(tmp_path / f"t.{ending}"))
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(csv.read_bytes()))
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.register("given", table)
        connection.execute("CREATE TABLE customers AS FROM given")
        connection.execute("CREATE TABLE other AS SELECT 1 AS one")
    connection = sqlite3.connect(tmp_path / "t.sqlite")
    customers.to_sql("customers", connection, index=False)
    connection.execute("CREATE TABLE other (one)")
    connection.commit()
    connection.close()
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "t.tsv",
        "t.parquet",
        "t.json",
        "t.arrow",
        "t.csv.gz",
        "p.csv.gz",
        "t.duckdb",
        "t.sqlite",
    ],
)
def test_every_format_gives_the_same_segments(mixtura, formats, results, name):
    database = name.endswith(("duckdb", "sqlite"))
    sql = ("--sql", "SELECT * FROM customers") if database else ()
    out = formats / "out"
    assert mixtura("segment", formats / name, *sql, *QUICK, "-o", out, "-q")[0] == 0
    for written in ("segments.csv", "profile.csv", "model.safetensors"):
        assert (out / written).read_bytes() == (results / written).read_bytes()
    rows = [pd.read_parquet(folder / "segments.parquet") for folder in (out, results)]
    pd.testing.assert_frame_equal(*rows)


def test_sql_over_a_file_selects_rows(mixtura, csv, tmp_path):
    sql = "SELECT * FROM data WHERE branch = 'north'"
    assert mixtura("segment", csv, "--sql", sql, *QUICK, "-o", tmp_path / "out", "-q")[0] == 0
    rows = json.loads((tmp_path / "out" / "run.json").read_text())
    assert rows["input"]["rows"] == (pd.read_csv(csv).branch == "north").sum()
    assert rows["options"]["sql"] == sql


@pytest.mark.parametrize(
    ("fmt", "start"),
    [("csv", "who,segment"), ("tsv", "who\tsegment"), ("json", '[\n{"who":'), ("md", "| who |")],
)
def test_formats_on_standard_output(mixtura, results, csv, fmt, start):
    code, out, _ = mixtura("predict", results / "model.safetensors", csv, "--format", fmt)
    assert (code, out.startswith(start)) == (0, True)


# JSON


def test_json_of_every_command(mixtura, results, fitted, csv, tmp_path):
    model = results / "model.safetensors"
    commands = {
        ("segment", csv, *QUICK, "-o", tmp_path / "out"): {
            "created", "versions", "input", "seed", "options", "columns", "dropped", "segments",
            "candidates", "notes", "output",
        },
        ("fit", csv, "--k", "1", "-o", tmp_path / "m"): {
            "n_components", "family", "columns", "rows", "converged", "n_iter",
            "remaining_gain", "mean_log_density", "bic", "icl", "weights", "means", "tried",
            "dropped", "faults", "output",
        },
        ("predict", model, csv, "-o", tmp_path / "p.csv"): {"rows", "sizes", "output"},
        ("score", model, csv): {"rows", "log_likelihood", "mean_log_density", "output"},
        ("sample", model, "-o", tmp_path / "s.csv"): {"rows", "output"},
        ("summary", fitted): {*package.GaussianMixture().fit([[0.0], [1.0]]).summary().to_dict()},
    }  # fmt: skip
    for command, keys in commands.items():
        code, out, err = mixtura(*command, "--json")
        assert (code, err) == (0, ""), command
        assert out.count("\n") == 1
        assert set(json.loads(out)) == keys, command
    for command in (("predict", model, csv), ("sample", model)):
        code, out, err = mixtura(*command, "--json")
        assert (code, err) == (0, "")
        assert "segment" in json.loads(out)[0]


def test_json_numbers_agree_with_the_table(mixtura, results, csv):
    model = results / "model.safetensors"
    table = pd.read_csv(io.StringIO(mixtura("score", model, csv)[1]))
    summary = json.loads(mixtura("score", model, csv, "--json")[1])
    np.testing.assert_allclose(summary["log_likelihood"], table.log_density.sum(), rtol=1e-12)
    np.testing.assert_allclose(summary["mean_log_density"], table.log_density.mean(), rtol=1e-12)


def test_json_of_a_failure(mixtura, tmp_path):
    code, out, err = mixtura("segment", tmp_path / "no.csv", "--json")
    assert (code, err) == (2, "")
    error = f"no file {tmp_path}/no.csv; check the path."
    assert json.loads(out) == {"error": error, "exit_code": 2}


# Words and ends


def test_quiet_commands_say_nothing(mixtura, results, csv, tmp_path):
    model = results / "model.safetensors"
    commands = [
        ("segment", csv, *QUICK, "-o", tmp_path / "out"),
        ("fit", csv, "--k", "1", "-o", tmp_path / "m"),
        ("predict", model, csv),
        ("score", model, csv),
        ("sample", model),
    ]
    for command in commands:
        code, _, err = mixtura(*command, "-q")
        assert (code, err) == (0, ""), command


def test_words_go_to_standard_error_and_data_to_standard_output(mixtura, results, csv):
    code, out, err = mixtura("score", results / "model.safetensors", csv)
    assert code == 0
    assert len(pd.read_csv(io.StringIO(out))) == 150
    assert "nats per row" in err


@pytest.mark.parametrize(("variable", "coloured"), [("FORCE_COLOR", True), ("NO_COLOR", False)])
def test_colours(mixtura, tmp_path, monkeypatch, variable, coloured):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, "1")
    _, _, err = mixtura("segment", tmp_path / "no.csv")
    assert ("\x1b[" in err) == coloured


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_the_terminal(mixtura, customers, tmp_path, monkeypatch, columns):
    wide = {f"A rather long name of column {j}": np.roll(customers.spend, j) for j in range(8)}
    customers.assign(**wide).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    _, out, _ = mixtura("segment", tmp_path / "t.csv", *QUICK, "-o", tmp_path / "out", "-q")
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[-1].endswith("of 10 columns, which tell most; profile.csv has all.")
    assert any(line.lstrip().startswith("all") and "150" in line for line in lines)


def test_version_help_and_no_command(mixtura):
    assert mixtura("--version") == (0, f"mixtura {package.__version__}\n", "")
    for command in ("segment", "fit", "predict", "score", "sample"):
        code, out, _ = mixtura(command, "--help")
        assert code == 0
        assert "Examples" in out
    code, out, err = mixtura()
    assert "mixtura: " not in err
    assert code in (0, 2)  # as the version of typer has it
    assert "segment" in out + err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["segment"], "Missing argument"),
        (["segment", "t.csv", "--colums", "a"], "No such option: --colums"),
        (["sgment", "t.csv"], "No such command 'sgment'"),
        (["sample", "m", "-n", "0"], "Invalid value for '--rows'"),
    ],
)
def test_bad_usage(mixtura, arguments, said):
    code, out, err = mixtura(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mixtura: ")
    assert said in err
    assert err.endswith("mixtura --help says what there is\n")


def test_a_fit_that_has_not_converged_is_written_and_ends_with_4(mixtura, csv, tmp_path):
    model = tmp_path / "m.safetensors"
    fit = ("fit", csv, "--k", "4", "--max-iter", "1", "--tol", "0", "-o", model)
    code, _, err = mixtura(*fit)
    assert code == 4
    assert err.endswith("note: not converged after 1 passes: raise --max-iter\n")
    assert model.exists()
    code, out, err = mixtura(*fit, "--json")
    assert (code, json.loads(out)["converged"], err) == (4, False, "")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_with_130(mixtura, csv, tmp_path, monkeypatch, how):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        "mixtura.cli.commands.segment.segment_table",
        lambda *_, **__: os.kill(os.getpid(), how),
    )
    code, out, err = mixtura("segment", csv, "-o", tmp_path / "out")
    assert (code, out, err) == (130, "", "mixtura: interrupted: nothing was written\n")
    assert names(tmp_path) == set()
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_command_line_needs_its_packages(mixtura, monkeypatch):
    monkeypatch.setattr("mixtura.cli.find_spec", lambda name: None)
    assert mixtura("--version") == (
        2,
        "",
        "mixtura: the command line needs typer, rich, duckdb, pyarrow: run pip install "
        "'mixtura[cli]'\n",
    )


def test_a_thread_that_cannot_handle_signals_can_run_commands(mixtura, results):
    codes: list[int] = []
    thread = Thread(
        target=lambda: codes.append(mixtura("sample", results / "model.safetensors", "-q")[0])
    )
    thread.start()
    thread.join()
    assert codes == [0]


# missing values


@pytest.fixture(scope="module")
def gaps(customers, tmp_path_factory):
    """The customers with every tenth number missing, and all of the numbers of row 7."""
    rng, table = np.random.default_rng(8), customers.reset_index(drop=True)
    for name in NUMBERS:
        table.loc[rng.random(len(table)) < 0.1, name] = np.nan
    table.loc[7, NUMBERS] = np.nan
    path = tmp_path_factory.mktemp("gaps") / "gaps.csv"
    table.to_csv(path, index=False)
    return path


NUMBERS = ["spend", "visits", "balance"]


def test_rows_with_gaps_are_segmented_predicted_and_scored(mixtura, gaps, tmp_path):
    out = tmp_path / "out"
    code, _, err = mixtura("segment", gaps, *QUICK, "-o", out)
    assert code == 0
    n = int(pd.read_csv(gaps)[NUMBERS].isna().any(axis=1).sum()) - 1
    assert f"note: {n} rows have missing values; they count by what is there" in err
    assert "note: 1 row has missing values; left without a segment" in err
    segments = pd.read_csv(out / "segments.csv")
    assert np.flatnonzero(segments.segment.isna()).tolist() == [7]
    model = out / "model.safetensors"
    assert mixtura("predict", model, gaps)[1] == (out / "segments.csv").read_text()
    scored = pd.read_csv(io.StringIO(mixtura("score", model, gaps)[1]))
    assert np.flatnonzero(scored.log_density.isna()).tolist() == [7]


def test_the_picture_of_rows_with_gaps(mixtura, gaps, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.undo()
    assert mixtura("segment", gaps, *QUICK, "-o", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "segments.png").stat().st_size > 10_000


def test_fit_and_score_rows_with_gaps_as_the_estimator_does(mixtura, gaps, tmp_path):
    columns, k = ("--columns", ",".join(NUMBERS)), ("--k", "3", "--n-init", "1")
    summary = json.loads(mixtura("fit", gaps, *columns, *k, "-o", tmp_path / "m", "--json")[1])
    rows = pd.read_csv(gaps)[NUMBERS].drop(index=7).to_numpy()
    how = {"tol": 1e-5, "max_iter": 500, "random_state": 0}
    model = package.GaussianMixture(3, **how).fit(rows)
    np.testing.assert_allclose(summary["means"], model.means_, rtol=1e-7)
    assert summary["rows"] == len(rows)
    scored = pd.read_csv(io.StringIO(mixtura("score", tmp_path / "m", gaps)[1]))
    np.testing.assert_allclose(
        scored.log_density.drop(index=7), model.score_samples(rows), rtol=1e-6, atol=1e-6
    )


# sample --given


def test_rows_are_drawn_given_a_number(mixtura, results, customers):
    model = results / "model.safetensors"
    mixture, notes = load_with_notes(model)
    recipe = Recipe.from_json(notes["recipe"])
    out = mixtura("sample", model, "-n", "4000", "--given", "spend=80")[1]
    rows = pd.read_csv(io.StringIO(out))
    assert [*rows.columns] == [*recipe.names, "segment"]
    assert (rows.spend == 80).all()
    j = recipe.names.index("spend")
    at = {j: float(recipe.features[j].apply(np.array([80.0]))[0])}
    rest = mixture.condition(at)
    others = [i for i in range(len(recipe.names)) if i != j]
    coordinates = recipe.apply(rows[recipe.names].to_numpy())[:, others]
    error = np.sqrt(np.diag(rest.total_covariance()) / len(rows))
    assert (np.abs(coordinates.mean(axis=0) - rest.mean) < 5 * error).all()
    share = np.bincount(rows.segment - 1, minlength=mixture.n_components) / len(rows)
    np.testing.assert_allclose(share, rest.weights, atol=5 * 0.5 / np.sqrt(len(rows)))


def test_what_is_given_far_out_is_said(mixtura, results):
    code, out, err = mixtura(
        "sample", results / "model.safetensors", "-n", "2", "--given", "spend=100000"
    )
    assert code == 0
    assert out.count("\n") == 3
    assert "note: What is given is" in err
    assert "the answer extrapolates" in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["spend"], "--given 'spend': give a column and a number, such as income=50000."),
        (["spent=3"], "--given 'spent=3': the model has no column 'spent'; did you mean 'spend'?"),
        (["spend=much"], "--given 'spend=much': 'much' is not a number."),
        (["spend=inf"], "--given 'spend=inf': 'inf' is not a number."),
        (["spend=1", "spend=2"], "--given 'spend=2': column 'spend' is given twice."),
        (
            ["spend=1", "visits=2", "balance=3"],
            "--given names every column of the model: nothing is left to draw.",
        ),
    ],
)
def test_what_cannot_be_given(mixtura, results, given, said):
    arguments = [word for text in given for word in ("--given", text)]
    code, out, err = mixtura("sample", results / "model.safetensors", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"mixtura: {said}")


# impute


def test_impute_is_the_imputer(mixtura, gaps, tmp_path):
    out = tmp_path / "filled.csv"
    code, _, err = mixtura("impute", gaps, "--columns", ",".join(NUMBERS), "--k", "3", "-o", out)
    assert code == 0
    table, filled = pd.read_csv(gaps), pd.read_csv(out)
    expected = package.GaussianMixtureImputer(3, random_state=0)
    expected.set_params(covariance_type="auto")
    np.testing.assert_allclose(
        filled[NUMBERS], expected.fit_transform(table[NUMBERS]), rtol=1e-9, atol=1e-9
    )
    pd.testing.assert_frame_equal(filled[["who", "branch"]], table[["who", "branch"]])
    missing = table[NUMBERS].isna().sum()
    assert f"filled in: {', '.join(f'{name} {n}' for name, n in missing.items())}\n" in err
    assert f"{len(table)} rows written to {out}\n" in err


@pytest.mark.parametrize("draws", [1, 3])
def test_draws_come_one_under_the_other(mixtura, gaps, tmp_path, draws):
    out = tmp_path / "draws.parquet"
    columns = ("--columns", ",".join(NUMBERS), "--k", "3", "--family", "full")
    code, said, _ = mixtura("impute", gaps, *columns, "--draws", draws, "-o", out, "--json")
    assert code == 0
    # As text first: older versions of pandas read the last digit of a number differently.
    table, found = pd.read_csv(gaps, dtype=str), pd.read_parquet(out)
    table[NUMBERS] = table[NUMBERS].astype(float)
    assert found.draw.tolist() == np.repeat(np.arange(1, draws + 1), len(table)).tolist()
    assert not found[NUMBERS].isna().to_numpy().any()
    hollow = table[NUMBERS].isna().to_numpy()
    each = found[NUMBERS].to_numpy().reshape(draws, len(table), 3)
    if draws > 1:
        assert (each[0] != each[1])[hollow].all()
    assert (each[:, ~hollow] == table[NUMBERS].to_numpy()[~hollow]).all()
    summary = json.loads(said)
    assert summary["draws"] == draws
    assert summary["filled_in"] == table[NUMBERS].isna().sum().to_dict()


def test_impute_keeps_whole_numbers_whole(mixtura, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=60), "n": pd.array(rng.poisson(9.0, 60), "Int64")})
    table.loc[::7, "n"] = pd.NA
    table.to_parquet(tmp_path / "t.parquet")
    out = tmp_path / "o.parquet"
    assert mixtura("impute", tmp_path / "t.parquet", "--whole", "-q", "-o", out)[0] == 0
    found = pd.read_parquet(out)
    assert str(found.n.dtype).lower() == "int64"
    assert (found.a == table.a).all()


@pytest.mark.parametrize(
    ("column", "what", "how"),
    [
        (["x"] * 20, "text", "turn categories into a column of 0 and 1 for each"),
        (
            pd.date_range("2024-01-01", periods=20),
            "dates",
            "give the days since or until something instead",
        ),
    ],
)
def test_impute_says_what_to_do_about_columns_without_numbers(mixtura, tmp_path, column, what, how):
    pd.DataFrame({"a": np.arange(20.0), "b": column}).to_parquet(tmp_path / "t.parquet")
    code, out, err = mixtura("impute", tmp_path / "t.parquet")
    assert (code, out) == (2, "")
    assert err == (
        f"mixtura: column 'b' holds {what}, which a mixture has no place for: {how}, or name the "
        "columns to use with --columns; others are passed on as they are.\n"
    )
    code, out, err = mixtura("impute", tmp_path / "t.parquet", "--columns", "a,b")
    assert code == 3
    assert "column 'b' does not hold numbers: row 1 is " in err


def test_dates_are_refused_with_what_to_do(mixtura, tmp_path):
    days = pd.date_range("2024-01-01", periods=20)
    pd.DataFrame({"a": np.arange(20.0), "b": days}).to_parquet(tmp_path / "t.parquet")
    code, _, err = mixtura("fit", tmp_path / "t.parquet", "--columns", "a,b", "-o", "m")
    assert code == 3
    assert err == (
        "mixtura: column 'b' does not hold numbers: row 1 is 2024-01-01 00:00:00; leave it out, or "
        "give the days since or until something instead\n"
    )


def test_impute_refuses_what_it_cannot_do(mixtura, tmp_path):
    table = pd.DataFrame({"draw": np.arange(20.0), "b": np.r_[np.arange(19.0), np.nan]})
    table.to_csv(tmp_path / "t.csv", index=False)
    code, _, err = mixtura("impute", tmp_path / "t.csv", "--draws", "2")
    assert (code, err) == (2, "mixtura: the table has a column 'draw' already: rename it.\n")
    assert mixtura("impute", tmp_path / "t.csv", "--strategy", "guess")[2].startswith(
        "mixtura: --strategy 'guess': choose one of mean, draw, median, mode"
    )
    assert mixtura("impute", tmp_path / "t.csv", "--marginal", "log")[2].startswith(
        "mixtura: --marginal 'log': choose one of none, yeo-johnson, rank, empirical"
    )
