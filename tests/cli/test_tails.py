"""`mixtura fit --tails`, and what other commands make of its model."""

import json

import numpy as np
import pandas as pd
import pytest

from mixtura import HeavyMixture, StudentMixture, load

TRUTH = HeavyMixture.of(
    [0.5, 0.5], [[0.0, 0.0], [9.0, 4.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]], [3.0, 6.0]
)


@pytest.fixture(scope="module")
def rows():
    x = TRUTH.sample(200, 0)[0]
    x[4, 0] = np.nan
    return pd.DataFrame(x, columns=["a", "b"])


@pytest.fixture(scope="module")
def table(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("tails") / "rows.csv"
    rows.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fitted(table, tmp_path_factory):
    from mixtura.cli import main

    path = tmp_path_factory.mktemp("tails") / "model.safetensors"
    options = ("--k", "2", "--tails", "own", "--n-init", "1", "-q", "-o", str(path))
    assert main(["fit", str(table), *options]) == 0
    return path


@pytest.fixture(scope="module")
def model(rows):
    return StudentMixture(2, tol=1e-5, max_iter=500, n_init=1, random_state=0).fit(rows)


def test_the_file_holds_what_the_estimator_finds(fitted, model):
    found = HeavyMixture.load(fitted)
    np.testing.assert_array_equal(found.degrees, model.degrees_of_freedom_)
    np.testing.assert_array_equal(found.gaussian.covariances, model.scales_)


def test_it_says_what_it_found(mixtura, table, tmp_path, model):
    out = tmp_path / "m"
    options = ("--k", "2", "--tails", "own", "--n-init", "1", "-o", out)
    code, said, err = mixtura("fit", table, *options)
    assert (code, said) == (0, "")
    assert err.startswith("2 components, full scales of t distributions, 200 rows of a, b")
    assert f"{model.degrees_of_freedom_[0]:.3g} degrees of freedom" in err
    code, said, _ = mixtura("fit", table, *options, "--json")
    found = json.loads(said)
    assert found["degrees_of_freedom"] == model.degrees_of_freedom_.tolist()
    assert found["bic"] == pytest.approx(model.bic(pd.read_csv(table)))


def test_rows_are_predicted_and_scored_by_it(mixtura, fitted, table, rows, model, tmp_path):
    code, _, _ = mixtura("predict", fitted, table, "-q", "-o", tmp_path / "p.csv")
    assert code == 0
    found = pd.read_csv(tmp_path / "p.csv")
    np.testing.assert_array_equal(found["segment"], model.predict(rows) + 1)
    np.testing.assert_allclose(found[["p_1", "p_2"]], model.predict_proba(rows), atol=1e-9)
    assert mixtura("score", fitted, table, "-q", "-o", tmp_path / "s.csv")[0] == 0
    found = pd.read_csv(tmp_path / "s.csv")
    np.testing.assert_allclose(found["log_density"], model.score_samples(rows), rtol=1e-9)


def test_rows_are_drawn_from_it(mixtura, fitted, model):
    code, said, _ = mixtura("sample", fitted, "-n", "20", "--seed", "3", "--json")
    assert code == 0
    found = pd.DataFrame(json.loads(said))[["a", "b"]]
    np.testing.assert_allclose(found, model.mixture_.sample(20, 3)[0])
    code, said, _ = mixtura("sample", fitted, "-n", "20", "--given", "a=9", "--json")
    assert code == 0
    assert {row["a"] for row in json.loads(said)} == {9.0}


def test_its_summary_has_degrees_of_freedom(mixtura, fitted, table, rows, model):
    code, said, err = mixtura("summary", fitted, table, "--json")
    assert (code, err) == (0, "")
    found, expected = json.loads(said), model.summary(rows)
    assert found["n_parameters"] == model.n_parameters_ == 13
    assert found["bic"] == pytest.approx(model.bic(rows))
    assert expected.icl == pytest.approx(model.icl(rows))
    degrees = [component["degrees_of_freedom"] for component in found["components"]]
    assert degrees == model.degrees_of_freedom_.tolist()
    code, said, _ = mixtura("summary", fitted)
    assert said.startswith("2 components, full scales of t distributions, 2 columns, 13 parameters")
    assert model.summary().bic == pytest.approx(model.bic(rows))


def test_it_is_drawn(mixtura, fitted, table, tmp_path):
    pytest.importorskip("matplotlib")
    for kind in ("pairs", "contours", "separation"):
        out = tmp_path / f"{kind}.png"
        assert mixtura("plot", fitted, table, "--kind", kind, "-q", "-o", out)[0] == 0
        assert out.read_bytes().startswith(b"\x89PNG")
    code, _, err = mixtura("plot", fitted, "--kind", "tree", "-o", tmp_path / "t.png")
    assert code == 2
    assert "--kind tree is of Gaussian mixtures: what merging t distributions costs" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tails", "heavy"), "--tails 'heavy': choose gaussian, own, common, or degrees of"),
        (("--tails", "-1"), "--tails '-1': choose gaussian, own, common, or degrees of freedom"),
        (
            ("--tails", "own", "--accelerate", "lbfgs"),
            "--accelerate lbfgs goes with --tails gaussian only: leave it out.",
        ),
        (("--family", "UUU"), "--family 'UUU': choose auto, full, tied, diag, spherical, three"),
    ],
)
def test_what_cannot_be_is_refused(mixtura, table, tmp_path, options, message):
    code, _, err = mixtura("fit", table, "--k", "2", *options, "-o", tmp_path / "m")
    assert code == 2
    assert message in err


def test_factor_analysers_have_a_name(mixtura, tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 4))
    pd.DataFrame(x, columns=[*"abcd"]).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "m"
    options = ("--k", "1", "--family", "CCU:1", "-q", "-o", out)
    assert mixtura("fit", tmp_path / "t.csv", *options)[0] == 0
    assert load(out).covariance.name == "CCU:1"
