"""`mixtura plot`: what is drawn of a model and a table, and what cannot be."""

import json
import xml.etree.ElementTree as tree

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib")
from mixtura.applications.segmentation.recipe import Feature  # noqa: E402
from mixtura.cli.drawing import KINDS, in_view  # noqa: E402
from mixtura.cli.inputs import read_model  # noqa: E402

QUICK = ("--k", "3", "--family", "diag")


@pytest.fixture(scope="module")
def model(results):
    return results / "model.safetensors"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn(mixtura, model, csv, tmp_path, kind):
    out = tmp_path / "p.png"
    code, said, err = mixtura("plot", model, csv, "--kind", kind, "-o", out)
    assert (code, said, err) == (0, "", f"{kind} drawn to {out}\n")
    assert out.read_bytes().startswith(b"\x89PNG")
    assert out.stat().st_size > 8_000


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.of_rows])
def test_a_model_alone_is_drawn(mixtura, model, tmp_path, kind):
    code, said, _ = mixtura("plot", model, "--kind", kind, "--json", "-o", tmp_path / "p.pdf")
    assert code == 0
    assert json.loads(said) == {"kind": kind, "rows": 0, "output": str(tmp_path / "p.pdf")}
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")


def words(path):
    """What a picture in SVG says; its letters are comments beside their outlines."""
    parser = tree.XMLParser(target=tree.TreeBuilder(insert_comments=True))
    root = tree.parse(path, parser)
    return {e.text.strip() for e in root.iter() if not isinstance(e.tag, str)}


def test_columns_are_named_and_components_counted_from_one(mixtura, model, csv, tmp_path):
    out = tmp_path / "p.svg"
    arguments = ("--kind", "classification", "--columns", "visits,spend", "-o", out)
    assert mixtura("plot", model, csv, *arguments, "-q") == (0, "", "")
    assert {"visits", "spend", "1", "2", "3"} <= words(out)
    assert "balance" not in words(out)


def test_the_same_seed_gives_the_same_picture(mixtura, model, csv, tmp_path):
    for name in ("a.png", "b.png"):
        assert mixtura("plot", model, csv, "-o", tmp_path / name, "-q")[0] == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_picture_is_in_the_columns_own_units(results):
    """Where the mixture has its means, and how wide it is, by the recipe as it stands."""
    fitted = read_model(str(results / "model.safetensors"))
    seen = in_view(fitted.mixture, fitted.recipe.features)
    for j, f in enumerate(fitted.recipe.features):
        unit = f.unit if f.curve == "identity" else 1.0
        means = (fitted.mixture.means[:, j] * f.scale + f.centre) * unit
        np.testing.assert_allclose(seen.means[:, j], means)
        if f.curve == "identity":
            np.testing.assert_allclose(f.undo(fitted.mixture.means[:, j]), seen.means[:, j])
        widths = np.sqrt(fitted.mixture.covariances[:, j, j]) * f.scale * unit
        np.testing.assert_allclose(np.sqrt(seen.covariances[:, j, j]), widths)


def test_an_axis_that_is_spaced_by_a_curve_has_the_columns_numbers():
    from matplotlib.figure import Figure

    from mixtura.cli.drawing import _in_units

    feature = Feature("amount", "log", unit=2.0, centre=3.0, scale=0.5)
    axes = Figure().subplots()
    axes.set(xlabel="amount", xlim=(0.0, np.log1p(5000.0)))
    _in_units(axes.figure, (feature,))
    places = axes.xaxis.get_majorticklocs()
    shown = [
        text.replace(",", "") for text in axes.xaxis.get_major_formatter().format_ticks(places)
    ]
    assert len(shown) > 4
    np.testing.assert_allclose([float(text) for text in shown], 2.0 * np.expm1(places), rtol=1e-6)


def test_orders_are_drawn_as_customers(mixtura, orders, tmp_path):
    rfm = ("--rfm", "customer,date,amount")
    out = tmp_path / "out"
    assert mixtura("segment", orders, *rfm, "--k", "2", "--family", "diag", "-o", out, "-q")[0] == 0
    picture = tmp_path / "p.svg"
    arguments = ("plot", out / "model.safetensors", orders, *rfm, "-o", picture, "--json")
    code, said, _ = mixtura(*arguments)
    assert code == 0
    assert json.loads(said)["rows"] == pd.read_csv(orders).customer.nunique()
    assert {"recency", "frequency", "monetary"} <= words(picture)


def test_a_picture_that_fails_leaves_no_file(mixtura, model, tmp_path):
    (tmp_path / "t.csv").write_text("spend,visits,balance\nmany,1,2\n")
    code, _, err = mixtura("plot", model, tmp_path / "t.csv", "-o", tmp_path / "p.png")
    assert code == 3
    assert "spend" in err
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "pie", "-o", "p.png"), "--kind 'pie': choose one of pairs, classification"),
        ((), "say where the picture goes: -o picture.png"),
        (("-o", "p.gif"), "-o p.gif: end the name with .png, .svg or .pdf."),
        (("--kind", "entropy", "-o", "p.png"), "--kind entropy draws rows: name a TABLE."),
        (
            ("--columns", "spent", "-o", "p.png"),
            "--columns: the model has no column 'spent'; did you mean 'spend'? It has: spend, vis",
        ),
        (("--columns", "xyz", "-o", "p.png"), "--columns: the model has no column 'xyz'. It has:"),
        (
            ("--kind", "density", "--columns", "spend,visits", "-o", "p.png"),
            "--columns: --kind density draws 1 columns, not 2.",
        ),
        (
            ("--kind", "tree", "--columns", "spend", "-o", "p.png"),
            "--kind tree is of all columns: leave --columns out.",
        ),
        (("-o", "nowhere/p.png"), "no folder nowhere to write p.png in; make it."),
    ],
)
def test_what_cannot_be_drawn(mixtura, model, arguments, message):
    code, out, err = mixtura("plot", model, *arguments)
    assert (code, out) == (2, "")
    assert message in err.replace("\n", " ")


def test_a_model_of_one_column_has_no_pair(mixtura, csv, tmp_path):
    one = tmp_path / "one.safetensors"
    assert mixtura("fit", csv, "--columns", "spend", "--k", "2", "-o", one, "-q")[0] == 0
    picture = ("-o", tmp_path / "p.png")
    code, _, err = mixtura("plot", one, csv, "--kind", "uncertainty", *picture)
    assert code == 2
    assert "draws 2 columns, and the model has one: try --kind density" in err
    assert mixtura("plot", one, csv, *picture)[0] == 0


def test_without_matplotlib_it_is_said_what_to_install(mixtura, model, monkeypatch):
    monkeypatch.setattr("mixtura.cli.commands.plot.find_spec", lambda name: None)
    code, _, err = mixtura("plot", model, "-o", "p.png")
    assert code == 2
    assert "pictures need matplotlib: pip install 'mixtura[plot]'." in err


@pytest.mark.parametrize(
    ("unit", "low", "high", "expected"),
    [
        (1.0, 0.0, 400.0, [0, 1, 3, 10, 30, 100, 300]),
        (11.8, -5.0, 12_000.0, [0, 30, 100, 300, 1_000, 3_000, 10_000]),
        (11.8, -5.0, 2_000.0, [0, 30, 100, 300, 1_000]),
        (0.02, -0.5, 0.5, [-0.3, -0.1, -0.03, 0, 0.03, 0.1, 0.3]),
        (1.0, 0.0, 1e12, [0, 1, 1e4, 1e8, 1e12]),
        (5.0, 1.0, 4.0, []),
    ],
)
def test_numbers_on_a_curved_axis_are_round_and_few(unit, low, high, expected):
    from mixtura.cli.drawing import _round_numbers

    np.testing.assert_allclose(_round_numbers(unit, low, high), expected, atol=1e-15)
