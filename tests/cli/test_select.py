"""``mixtura select``: the table, the model, the picture, and what it says."""

import json
import struct

import numpy as np
import pandas as pd
import pytest

import mixtura as package
from mixtura.model.mixture import load_with_notes

COLUMNS = ("--columns", "spend,visits", "--max-k", "4")


def test_it_is_the_estimator(mixtura, csv, customers, tmp_path):
    out_file = tmp_path / "m.safetensors"
    code, out, _ = mixtura("select", csv, *COLUMNS, "-o", out_file, "--json")
    rows = customers[["spend", "visits"]].to_numpy()
    search = package.GaussianMixtureIC(n_components=4, random_state=0).fit(rows)
    summary = json.loads(out)
    assert code == 0
    assert summary["n_components"] == search.n_components_ == 3
    assert summary["covariance_type"] == search.covariance_type_
    np.testing.assert_array_equal(summary["results"]["bic"], search.results_["bic"])
    assert summary["results"]["cv"] == [None] * 16
    mixture, notes = load_with_notes(out_file)
    np.testing.assert_array_equal(mixture.means, search.means_)
    assert notes["made_by"] == "mixtura select"
    assert mixtura("score", out_file, csv, "--json")[0] == 0


def test_the_table_has_the_best_first(mixtura, csv, tmp_path):
    code, out, err = mixtura(
        "select", csv, *COLUMNS, "--families", "full,diag", "-o", tmp_path / "m"
    )
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "8 mixtures of 150 rows, by bic"
    ranks = [line.split()[0] for line in lines[1:] if line.split() and line.split()[0].isdigit()]
    assert ranks == [str(i) for i in range(1, 9)]
    first = next(line.split() for line in lines if line.split()[:1] == ["1"])
    assert first[2] == "3"
    assert f"chosen: 3 components, {first[1]} covariance\n" in err
    assert f"written: {tmp_path / 'm'}\n" in err
    assert mixtura("select", csv, *COLUMNS, "--families", "diag", "-q")[2] == ""


def test_all_forms_and_their_letters(mixtura, csv):
    chosen = ("--columns", "spend,visits", "--max-k", "2", "--json")
    code, out, _ = mixtura("select", csv, *chosen, "--families", "all")
    assert code == 0
    assert len(json.loads(out)["results"]["bic"]) == 28
    out = mixtura("select", csv, *chosen, "--families", "VVV,EEI")[1]
    assert {*json.loads(out)["results"]["covariance_type"]} == {"full", "EEI"}


def test_the_picture(mixtura, csv, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "bic.png"
    assert mixtura("select", csv, *COLUMNS, "--plot", picture, "-q")[0] == 0
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 800
    assert height > 400
    assert mixtura("select", csv, *COLUMNS, "--criterion", "cv", "--plot", picture, "-q")[0] == 0


def test_the_picture_needs_matplotlib(mixtura, csv, tmp_path, monkeypatch):
    monkeypatch.setattr("mixtura.cli.commands.select.find_spec", lambda name: None)
    code, out, err = mixtura("select", csv, *COLUMNS, "--plot", tmp_path / "p.png")
    assert (code, out) == (2, "")
    assert "--plot needs matplotlib: pip install 'mixtura[plot]'." in err


def test_weights_are_rows(mixtura, customers, tmp_path):
    weighed = customers.assign(n=1 + np.arange(len(customers)) % 2)
    weighed.to_csv(tmp_path / "w.csv", index=False)
    customers.loc[customers.index.repeat(weighed.n)].to_csv(tmp_path / "r.csv", index=False)
    options = (*COLUMNS, "--families", "diag", "--init", "hierarchical", "--json")
    one = json.loads(mixtura("select", tmp_path / "w.csv", "--weight", "n", *options)[1])
    many = json.loads(mixtura("select", tmp_path / "r.csv", *options)[1])
    np.testing.assert_allclose(one["results"]["bic"], many["results"]["bic"], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--families", "full,round"),
            "--families 'full,round': choose all, or some of full, tied",
        ),
        (("--criterion", "best"), "--criterion 'best': choose one of bic, aic"),
        (("--init", "luck"), "--init 'luck': choose one of path, kmeans"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(mixtura, csv, options, message):
    code, out, err = mixtura("select", csv, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_a_table_that_is_too_small(mixtura, tmp_path):
    pd.DataFrame({"a": [1.0]}).to_csv(tmp_path / "t.csv", index=False)
    code, _, err = mixtura("select", tmp_path / "t.csv", "--columns", "a")
    assert code == 3
    assert "the table has 1 usable rows, too few to fit a mixture." in err


def test_not_converged(mixtura, csv):
    code, _, err = mixtura(
        "select", csv, *COLUMNS, "--families", "full", "--max-iter", "1", "--tol", "1e-12"
    )
    assert code == 4
    assert "not converged after 1 passes: raise --max-iter" in err
