"""``mixtura fit`` of files that are read pass by pass."""

import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from mixtura import GaussianMixture, load
from mixtura.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of customers in two groups, with a column of names and one of weights."""
    room, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    for part in range(3):
        group = rng.integers(0, 2, 500)
        columns = {
            "who": [f"{part}-{i}" for i in range(500)],
            "visits": rng.normal(3.0 + 6.0 * group, 1.0),
            "spent": rng.normal(20.0 + 30.0 * group, 5.0),
            "w": np.ones(500),
        }
        pyarrow.parquet.write_table(pyarrow.table(columns), room / f"part-{part}.parquet")
    return room


def run(capsys, *arguments):
    code = main([*map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_pattern_is_one_table(folder, tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    pattern = folder / "*.parquet"
    code, said, words = run(
        capsys, "fit", pattern, "--k", "2", "--weight", "w", "-o", out, "--json"
    )
    told = json.loads(said)
    assert (code, words) == (0, "")
    assert told["columns"] == ["visits", "spent"]
    assert told["dropped"] == {"who": "it holds string"}
    assert told["rows"] == 1_500
    x = pyarrow.parquet.read_table(folder).select(["visits", "spent"]).to_pandas()
    model = GaussianMixture.from_mixture(load(out))
    np.testing.assert_allclose(told["mean_log_density"], model.score(x.to_numpy()), rtol=1e-4)
    np.testing.assert_allclose(told["bic"], model.bic(x.to_numpy()), rtol=1e-4)


def test_the_number_of_components_is_chosen_from_some_rows(folder, tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    arguments = ["fit", folder, "--columns", "visits,spent", "--max-k", "4", "-o", out, "--json"]
    code, said, _ = run(capsys, *arguments)
    assert code == 0
    assert json.loads(said)["n_components"] == 2
    assert len(json.loads(said)["tried"]) == 4


def test_a_checkpoint_is_gone_on_from(folder, tmp_path, capsys):
    arguments = ["fit", folder / "*.parquet", "--columns", "visits,spent", "--k", "3"]
    arguments += ["--memory", "400MB", "--checkpoint", tmp_path / "state", "-q"]
    codes = [
        run(capsys, *arguments, "-o", tmp_path / name, *more)[0]
        for name, more in (("a", ["--max-iter", "2"]), ("b", []), ("c", []))
    ]
    assert codes == [4, 0, 0]
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-", "--memory", "1GB"], 2, "--memory and --checkpoint go with files"),
        (["*.nix"], 3, "no file matches"),
        (["{}", "--tails", "own"], 2, "--tails does not go with files that are read pass by pass"),
        (["{}", "--memory", "much"], 3, "memory='much' is no size"),
        (["{}", "--columns", "visits,nix"], 3, "has no column 'nix'"),
        (["{}", "--columns", "who"], 3, "Column 'who' is not numeric"),
    ],
)
def test_what_does_not_go(arguments, code, message, folder, tmp_path, capsys):
    given = [argument.replace("{}", str(folder)) for argument in arguments]
    found, said, words = run(capsys, "fit", *given, "--k", "2", "-o", tmp_path / "m")
    assert (found, said) == (code, "")
    assert message in words
    assert not (tmp_path / "m").exists()
