"""``mixtura summary``: a page from a model file, with rows and without."""

import json

import numpy as np
import pandas as pd
import pytest

import mixtura as package
from mixtura.model.mixture import load_with_notes

COLUMNS = ("--columns", "spend,visits", "--k", "3", "--tol", "1e-7")


@pytest.fixture(scope="module")
def fitted(csv, tmp_path_factory):
    from mixtura.cli import main

    path = tmp_path_factory.mktemp("fit") / "model.safetensors"
    assert main(["fit", str(csv), *COLUMNS, "-o", str(path), "-q"]) == 0
    return path


@pytest.fixture(scope="module")
def model(customers):
    rows = customers[["spend", "visits"]]
    return package.GaussianMixture(3, n_init=5, max_iter=500, tol=1e-7, random_state=0).fit(rows)


def test_of_a_model_alone_it_is_what_the_fit_knew(mixtura, fitted, model):
    code, out, err = mixtura("summary", fitted, "--json")
    found, expected = json.loads(out), model.summary()
    assert (code, err) == (0, "")
    np.testing.assert_allclose(found["bic"], expected.bic)
    assert found["columns"] == ["spend", "visits"]
    assert found["n_rows"] == 150
    assert found["starts"] == {**expected.to_dict()["starts"]}
    assert found["icl"] is None
    assert found["first"] == 1
    assert [c["nearest"] for c in found["components"]] == [
        c.nearest + 1 for c in expected.components
    ]


def test_with_a_table_it_is_that_of_its_rows(mixtura, fitted, csv, model, customers):
    code, out, _ = mixtura("summary", fitted, csv, "--json")
    found, rows = json.loads(out), customers[["spend", "visits"]]
    assert code == 0
    np.testing.assert_allclose(found["icl"], model.icl(rows))
    np.testing.assert_allclose(found["entropy"], model.summary(rows).entropy, atol=1e-12)
    assert sorted(c["size"] for c in found["components"]) == [25, 50, 75]


def test_the_page(mixtura, fitted, csv):
    code, out, err = mixtura("summary", fitted, csv)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "3 components, full covariance, 2 columns, 17 parameters, 150 rows"
    assert lines[1].startswith("log-likelihood ")
    assert "mean[spend]" in out
    assert "overlap" in out


def test_a_model_of_segments_is_told_in_its_own_coordinates(mixtura, results, csv):
    code, out, err = mixtura("summary", results / "model.safetensors", csv)
    assert code == 0
    assert out.startswith("3 components, diag covariance, 3 columns")
    assert "note: in the coordinates of the model, which are not the columns' own: spend" in err
    assert mixtura("summary", results / "model.safetensors", "-q")[2] == ""


def test_faults_are_said_by_fit_and_by_summary(mixtura, tmp_path):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(60, 2)), [[50.0, 50.0], [51.0, 50.5]]])
    pd.DataFrame(x, columns=["a", "b"]).to_csv(tmp_path / "t.csv", index=False)
    path = tmp_path / "m"
    code, _, err = mixtura("fit", tmp_path / "t.csv", "--k", "2", "-o", path)
    assert code == 0
    told = [line for line in err.splitlines() if "rests on 2 rows, fewer than 3" in line]
    assert len(told) == 1
    assert told[0].startswith("note: component ")
    code, out, _ = mixtura("summary", path)
    assert "! " + told[0].removeprefix("note: ") in out.replace("\n", " ")
    code, out, _ = mixtura("fit", tmp_path / "t.csv", "--k", "2", "-o", path, "--json")
    assert any("rests on 2 rows" in fault for fault in json.loads(out)["faults"])


def test_notes_that_hold_no_record_are_left_out(mixtura, fitted, tmp_path):
    mixture, notes = load_with_notes(fitted)
    for odd in (None, "x", {"n_rows": "many"}):
        path = tmp_path / "changed.safetensors"
        mixture.save(path, notes={**notes, "fit": odd})
        code, out, _ = mixtura("summary", path, "--json")
        assert code == 0
        assert json.loads(out)["converged"] is None


def test_numbers_that_json_does_not_have_are_null(mixtura, fitted, tmp_path):
    _, notes = load_with_notes(fitted)
    path = tmp_path / "flat.safetensors"
    values = np.diag([1e300, 1e-300])[None]
    package.Mixture.of([1.0], [[0.0, 0.0]], values).save(path, notes=notes)
    code, out, _ = mixtura("summary", path, "--json")
    assert code == 0
    json.loads(out)


def test_options_of_a_table_need_one(mixtura, fitted):
    code, _, err = mixtura("summary", fitted, "--encoding", "latin-1")
    assert code == 2
    assert err == (
        "mixtura: --rfm, --reference, --sql, --input-format and --encoding need a TABLE.\n"
    )
    code, _, err = mixtura("summary", "-", "-")
    assert code == 2
    assert "only one of MODEL and TABLE can be standard input" in err
