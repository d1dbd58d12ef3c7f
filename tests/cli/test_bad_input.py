"""Bad input gets one clear message and its exit code, and nothing is lost."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from mixtura import GaussianMixture
from mixtura.applications.segmentation.recipe import Recipe
from mixtura.model.mixture import load_with_notes

PROGRAM = [sys.executable, "-c", "from mixtura.cli import main; raise SystemExit(main())"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "data" / "cdnow.csv.gz"
QUICK = ("--k", "2", "--family", "diag")


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A working folder; nothing may be left in temporary folders."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(work)
    yield work
    assert list(temporary.iterdir()) == []


@pytest.fixture
def refused(mixtura, room):
    """Run a command that must fail, without leaving a trace; its message without `mixtura: `."""

    def call(code: int, *arguments: object) -> str:
        before = snapshot(room)
        found, out, err = mixtura(*arguments)
        assert (found, out) == (code, "")
        assert err.startswith("mixtura: ")
        assert err.count("\n") == 1
        assert snapshot(room) == before
        return err.removeprefix("mixtura: ").rstrip("\n")

    return call


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def table(name: str = "t.csv", n: int = 40, **columns: object) -> str:
    """Write a table with two columns of numbers, and these."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    frame.assign(**columns).to_csv(name, index=False)
    return name


def with_values(position: int, *values: float) -> np.ndarray:
    column = np.random.default_rng(1).normal(size=40)
    column[position : position + len(values)] = values
    return column


# The table


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "t.csv is empty: it has no bytes at all; check how it was made."),
        (b"a,b\n", "t.csv has a header but no rows; check how it was made."),
        (
            b"a,b\n1,2\n",
            "no column can tell rows apart ('a': constant; 'b': constant); choose some with "
            "--columns",
        ),
        (
            b"a,b\n1.5,2\n3,4\n7,9.5\n",
            "the table has 3 usable rows, too few to segment: at least 10 are needed",
        ),
        (
            b"a,b\n1,2\n1,2,3\n",
            "t.csv, line 3: 3 cells where the first line has 2; a comma too many or too few, or a "
            "cell that needs quotation marks. Repair the line.",
        ),
        (
            b"a,b\n1,caf\xe9\n2,x\n",
            "t.csv is not UTF-8: byte 0xE9 in line 2; pass --encoding latin-1 or save it as UTF-8.",
        ),
        (
            b"PAR1....PAR1",
            "t.csv is not what its name says: it looks like Parquet, not CSV; rename it, or pass "
            "--input-format parquet.",
        ),
        (
            b"PK\x03\x04....",
            "t.csv is not a table that can be read: it is a spreadsheet or another zip archive; "
            "save the table as CSV or Parquet.",
        ),
    ],
)
def test_tables_that_are_no_use(refused, content, said):
    Path("t.csv").write_bytes(content)
    assert refused(3, "segment", "t.csv") == said


def test_cut_short(refused):
    full = EXAMPLE.read_bytes()
    Path("t.csv.gz").write_bytes(full[: len(full) // 2])
    said = refused(3, "segment", "t.csv.gz", "--rfm", "customer,date,amount")
    assert re.fullmatch(
        r"t\.csv\.gz is damaged or cut short: its gzip data break off after [\d,]+ decompressed "
        r"bytes; copy it again\.",
        said,
    )


def test_files_that_cannot_be_read(refused, monkeypatch):
    table("customers.csv")
    assert refused(2, "segment", "custmers.csv") == (
        "no file custmers.csv; did you mean customers.csv?"
    )

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mixtura.cli.sources.open", deny, raising=False)
    assert refused(3, "segment", "customers.csv") == (
        "customers.csv cannot be read: permission denied; ask its owner, or see chmod."
    )


@pytest.mark.parametrize("command", ["segment", "fit"])
def test_fewer_rows_than_components(refused, command):
    where = () if command == "segment" else ("-o", "m.safetensors")
    said = refused(3, command, table(n=20), "--k", "21", "--family", "diag", *where)
    few = "the table has 20 usable rows, too few to segment: at least 21 are needed"
    fewer = (
        "Expected n_samples >= n_components but got n_components = 21, n_samples = 20: ask for "
        "fewer components, or bring more rows."
    )
    assert said == (few if command == "segment" else fewer)


def test_more_segments_than_the_rows_can_hold(refused):
    two = np.repeat([0.0, 9.0], 20) + np.random.default_rng(0).normal(0, 0.1, 40)
    pd.DataFrame({"a": two, "b": np.roll(two, 20) * two}).to_csv("t.csv", index=False)
    said = refused(3, "segment", "t.csv", "--k", "30", "--family", "diag")
    assert re.fullmatch(
        r"only \d+ of 30 segments are the likeliest of any row: ask for fewer", said
    )


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (with_values(4, np.inf, -np.inf), "column 'c' has 2 infinite values, the first in row 5"),
        (
            with_values(4, np.inf, np.nan),
            "column 'c' has 1 infinite value, the first in row 5",
        ),
    ],
)
@pytest.mark.parametrize("command", ["segment", "fit"])
def test_infinite_numbers(refused, command, column, said):
    where = () if command == "segment" else ("-o", "m.safetensors")
    remedy = ": replace them, leave the column out, or pass --drop-missing"
    assert refused(3, command, table(c=column), *where) == said + remedy


def test_numbers_that_are_too_large(refused):
    assert refused(3, "segment", table(c=with_values(2, 1e200))) == (
        "column 'c' holds 1e+200 in row 3, which is too large to be squared; divide the column by "
        "a power of ten"
    )


def test_columns_that_were_asked_for(refused):
    name = table(word=["x", "y"] * 20, same=5.0, gone=[None] * 40)
    assert refused(3, "segment", name, "--columns", "a,word") == (
        "column 'word' does not hold numbers: row 1 is 'x'; leave it out, or turn it into numbers"
    )
    assert refused(3, "segment", name, "--columns", "a,same") == (
        "column 'same' is constant and cannot tell rows apart; leave it out of --columns"
    )
    assert refused(3, "segment", name, "--columns", "a,gone") == (
        "column 'gone' is empty: no row holds a number"
    )
    assert refused(2, "segment", name, "--columns", "a,wrod") == (
        "no column 'wrod'; did you mean 'word'? The table has: a, b, word, same, gone."
    )
    assert refused(2, "segment", name, "--id", "nmae") == (
        "no column 'nmae'. The table has: a, b, word, same, gone."
    )
    assert refused(2, "segment", name, "--columns", "a,,b") == (
        "--columns 'a,,b': give different names of columns, separated by commas."
    )
    assert refused(3, "segment", name, "--columns", "a,b", "--id", "a") == (
        "column 'a' cannot both name the rows and segment them"
    )


def test_a_column_that_varies_only_where_another_is_missing(refused):
    a = np.r_[np.full(10, np.nan), np.arange(30.0)]
    c = np.r_[np.arange(10.0), np.full(30, 4.5)]
    name = table(a=a, c=c)
    assert refused(3, "segment", name, "--columns", "a,c", "--drop-missing") == (
        "column 'c' does not vary among the complete rows; leave it out"
    )


def test_no_column_can_be_used(refused):
    frame = pd.DataFrame({"name": list("abcdefghijkl"), "flag": [0, 1] * 6, "shop": 3})
    frame.to_csv("t.csv", index=False)
    assert refused(3, "segment", "t.csv") == (
        "no column can tell rows apart ('name': text, different in every row; 'flag': two values "
        "only; 'shop': constant); choose some with --columns"
    )
    frame[["name"]].to_csv("t.csv", index=False)
    assert refused(3, "fit", "t.csv", "-o", "m.safetensors") == (
        "the table has no column of numbers that vary; name some with --columns."
    )


@pytest.mark.parametrize("name", ["segment", "p_1", "certainty", "runner_up"])
def test_names_that_a_result_has_too(refused, name):
    table(**{name: [f"k{i}" for i in range(40)]})
    assert refused(3, "segment", "t.csv", *QUICK, "--id", name) == (
        f"column {name!r} is called as a column of the result is; rename it"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--k", "none"], "--k 'none': give auto, or a number from 1."),
        (["--k", "0"], "--k '0': give auto, or a number from 1."),
        (["--reference", "2020-01-01"], "--reference goes with --rfm CUSTOMER,DATE,AMOUNT."),
        (
            ["--rfm", "a,b"],
            "--rfm 'a,b': give three columns, of the customer, the date and the amount, separated "
            "by commas.",
        ),
        (
            ["--rfm", "a,b,amuont"],
            "no column 'amuont'. The table has: a, b.",
        ),
        (["--sql", "DROP TABLE data"], "--sql takes one SELECT and nothing else: the data are only "
         "read."),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(refused, options, said):
    assert refused(2, "segment", table(), *options) == said


def test_a_family_that_is_not_there(refused):
    families = "full, tied, diag, spherical, "
    letters = "three letters of mclust, such as VEV"
    numbers = ", or forms with their number, such as UUU:2 or AkjBkQkD:3, or subspace"
    for command, words, others in (
        ("segment", "auto, all", f"or {letters}"),
        ("fit", "auto", f"{letters}{numbers}"),
    ):
        assert refused(2, command, table(), "--family", "round", "-o", "m") == (
            f"--family 'round': choose {words}, {families}{others}."
        )


def test_nowhere_to_write_a_model(mixtura, room):
    said = "name the file for the model with -o, or send standard output to one."
    code, out, err = mixtura("fit", table(), "--json")
    assert (code, json.loads(out), err) == (2, {"error": said, "exit_code": 2}, "")


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1.0] * 30 + [-2.0] * 10, "column 'w' holds -2 in row 31: weights must be finite and "
         "not negative."),
        ([np.nan] + [1.0] * 39, "column 'w' holds nan in row 1: weights must be finite and not "
         "negative."),
        ([1.0, np.inf] + [1.0] * 38, "column 'w' holds inf in row 2: weights must be finite and "
         "not negative."),
        ([0.0] * 40, "column 'w' is zero in every row: give some row a positive weight."),
        (["x"] * 40, "column 'w' does not hold numbers: row 1 is 'x'; leave it out, or turn it "
         "into numbers"),
    ],
)  # fmt: skip
def test_weights(refused, weights, said):
    fit = ("fit", table(w=weights), "--columns", "a,b", "--weight", "w", "--k", "2", "-o", "m.sf")
    assert refused(3, *fit) == said


# New rows for a model


@pytest.fixture
def model(results):
    return results / "model.safetensors"


@pytest.mark.parametrize("command", ["predict", "score"])
def test_wrong_columns(refused, model, customers, command):
    customers.rename(columns={"visits": "Visit"}).to_csv("t.csv", index=False)
    assert refused(2, command, model, "t.csv", "-o", "o.csv") == (
        "no column 'visits'; did you mean 'Visit'? "
        "The table has: who, spend, Visit, balance, branch."
    )
    customers.assign(visits="many").to_csv("t.csv", index=False)
    assert refused(3, command, model, "t.csv", "-o", "o.csv") == (
        "column 'visits' does not hold numbers: row 1 is 'many'; leave it out, or turn it into "
        "numbers"
    )
    customers.assign(visits=np.nan).to_csv("t.csv", index=False)
    assert refused(3, command, model, "t.csv", "--drop-missing", "-o", "o.csv") == (
        "column 'visits' is empty: no row holds a number"
    )
    half = np.arange(len(customers)) < 75
    table_ = customers.assign(
        visits=customers.visits.where(half), spend=customers.spend.where(~half)
    )
    table_.to_csv("t.csv", index=False)
    assert refused(3, command, model, "t.csv", "--drop-missing", "-o", "o.csv").startswith(
        "no row is complete, so "
    )
    customers.assign(visits=customers.visits.where(half, np.inf)).to_csv("t.csv", index=False)
    assert refused(3, command, model, "t.csv", "-o", "o.csv") == (
        "column 'visits' has 75 infinite values, the first in row 76: replace them, or pass "
        "--drop-missing"
    )
    nothing = np.full((len(customers), 3), np.nan)
    pd.DataFrame(nothing, columns=["spend", "visits", "balance"]).to_parquet("t.parquet")
    assert refused(3, command, model, "t.parquet", "-o", "o.csv") == (
        "no row has a number that the model could be applied to."
    )


def test_models_that_are_damaged_or_something_else(refused, model, csv):
    content = model.read_bytes()
    Path("short.safetensors").write_bytes(content[:-40])
    Path("empty.safetensors").write_bytes(b"")
    Path("pickle.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))
    save_file({"weights": np.ones(3)}, "plain.safetensors")
    Path("folder").mkdir()
    for name, said in {
        "short": r"'short\.safetensors' is damaged or is not a mixture file \(.*\); write it again "
        r"with Mixture\.save",
        "empty": r"'empty\.safetensors' is damaged or is not a mixture file \(.*\).*",
        "pickle": r"'pickle\.safetensors' is damaged or is not a mixture file \(.*\).*",
        "plain": r"'plain\.safetensors' is a safetensors file but not a mixture: it has no mixtura "
        r"header",
    }.items():
        for command in (["predict", csv], ["score", csv], ["sample"]):
            found = refused(3, command[0], f"{name}.safetensors", *command[1:])
            assert re.fullmatch(said, found), found
    assert refused(3, "sample", "folder") == "'folder' is a folder, not a mixture file"


def test_models_without_a_recipe_or_with_a_damaged_one(refused, model, csv):
    mixture, notes = load_with_notes(model)
    mixture.save("bare.safetensors")
    said = refused(3, "predict", "bare.safetensors", csv)
    assert said.startswith("the model does not say how its columns were prepared (")
    assert said.endswith("); make it with mixtura segment or mixtura fit")
    good = notes["recipe"][0]
    for change in ({"scale": 0.0}, {"curve": "eval"}, {"unit": None}, {"colour": "red"}):
        recipe = [{**good, **change}, *notes["recipe"][1:]]
        mixture.save("changed.safetensors", notes={**notes, "recipe": recipe})
        assert refused(3, "sample", "changed.safetensors").startswith("the model does not say how")
    short = Recipe.plain(["spend"]).to_json()
    mixture.save("changed.safetensors", notes={**notes, "recipe": short})
    assert refused(2, "sample", "changed.safetensors") == (
        "changed.safetensors holds a mixture in 3 dimensions and a recipe of 1 columns: it is "
        "damaged; make it again."
    )


def test_models_that_cannot_be_read(refused, model, csv, monkeypatch):
    Path("model.safetensors").write_bytes(model.read_bytes())
    assert refused(2, "predict", "modle.safetensors", csv) == (
        "no file modle.safetensors; did you mean model.safetensors?"
    )
    assert refused(2, "predict", "-", "-") == (
        "only one of MODEL and TABLE can be standard input: name a file for one."
    )

    def deny(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mixtura.cli.inputs.load_with_notes", deny)
    assert refused(3, "sample", "model.safetensors") == (
        "model.safetensors cannot be read: permission denied."
    )


def test_a_broken_model_on_standard_input(refused, csv, monkeypatch):
    with open("m", "wb") as stream:
        stream.write(b"nothing of the kind")
    with open("m") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        said = refused(3, "predict", "-", csv)
    assert said.startswith("'standard input' is damaged or is not a mixture file (")


# Where results go


def test_a_file_where_the_folder_should_be(refused):
    Path("out").write_text("mine")
    assert refused(2, "segment", table(), *QUICK) == (
        "out is a file, not a folder; use -o for another folder."
    )


def test_a_folder_that_cannot_be_written(refused, monkeypatch):
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mixtura.cli.results.tempfile.mkdtemp", deny)
    assert refused(2, "segment", table(), *QUICK, "-o", "new/out") == (
        "new/out/ cannot be written: permission denied; use -o for another folder."
    )


def test_earlier_results_are_kept_unless_forced(refused, mixtura):
    Path("out").mkdir()
    Path("out/segments.csv").write_text("old")
    Path("out/notes.txt").write_text("mine")
    assert refused(2, "segment", table(), *QUICK) == (
        "out/ already holds segments.csv; use --force to replace it or -o for another folder."
    )
    bad = table("bad.csv", c=["x"] * 40)
    text = ("--columns", "a,c")
    assert refused(3, "segment", bad, *QUICK, "--force", *text).startswith("column 'c' does not")
    assert mixtura("segment", "t.csv", *QUICK, "--force", "-q")[0] == 0
    assert Path("out/segments.csv").read_text().startswith("row,segment,")
    assert Path("out/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("command", ["predict", "score", "sample", "fit"])
def test_a_file_that_cannot_be_written(refused, model, csv, command):
    arguments = {
        "predict": ["predict", model, csv, "-o", "no/such/p.csv"],
        "score": ["score", model, csv, "-o", "no/such/p.csv"],
        "sample": ["sample", model, "-o", "no/such/p.csv"],
        "fit": ["fit", csv, "--k", "1", "-o", "no/such/p.csv"],
    }[command]
    assert refused(2, *arguments) == "no folder no/such to write p.csv in; make it."


def test_a_name_that_says_no_format(refused, model, csv):
    assert refused(2, "predict", model, csv, "-o", "p.xlsx").startswith(
        "the name p.xlsx does not say which format to write: end it in one of .csv, .tsv"
    )


# Interruptions


@pytest.fixture(scope="module")
def compiled():
    """Kernels are compiled once a machine; a signal in the middle of that comes when it is over."""
    for n in (50, 5000):
        GaussianMixture(2).fit(np.random.default_rng(0).normal(size=(n, 3))).predict([[0.0] * 3])


# The program, which leaves a file when its fits begin.
TELLING = """
import os
import pathlib

from mixtura.applications.segmentation import segment
from mixtura.cli import main

sweep = segment.sweep


def begun(*args):
    pathlib.Path(os.environ["BEGUN"]).touch()
    return sweep(*args)


segment.sweep = begun
raise SystemExit(main())
"""


@pytest.mark.parametrize(("how", "earlier"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
@pytest.mark.usefixtures("compiled")
def test_an_interruption_in_the_middle_leaves_what_was_there(
    tmp_path, tmp_path_factory, how, earlier
):
    begun = tmp_path_factory.mktemp("begun") / "fits"
    out = tmp_path / "out"
    if earlier:
        out.mkdir()
        (out / "segments.csv").write_text("old")
        (out / "run.json").write_text("{}")
    before = snapshot(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", TELLING, "segment", str(EXAMPLE), "--rfm", "customer,date,amount"]
        + ["-o", str(out), "--max-k", "40"]
        + ["--force"] * earlier,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "BEGUN": str(begun)},
    )
    deadline = time.monotonic() + 300  # other programs may have the processors
    while not begun.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)  # into the fits
    assert process.poll() is None, process.communicate()
    assert list(out.glob(".mixtura-*"))
    process.send_signal(how)
    words, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert (words, errors) == (b"", b"mixtura: interrupted: nothing was written\n")
    assert snapshot(tmp_path) == before


def test_a_reader_that_has_seen_enough(model, customers, tmp_path):
    long = pd.concat([customers] * 100)
    long.to_csv(tmp_path / "long.csv", index=False)
    process = subprocess.Popen(
        [*PROGRAM, "predict", str(model), str(tmp_path / "long.csv")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert process.stdout.readline().startswith(b"who,segment,")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
