"""Running the benchmarks: in parts, into one record."""

import json

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import bars


@pytest.fixture
def ran(monkeypatch):
    """No benchmark runs: each answers with how often any has; the list holds their names."""
    names = []

    def run(path, *, quick, budget=None):
        names.append(path.stem)
        return {"exit_status": len(names), "budget": budget}

    monkeypatch.setattr(benchmarks, "run", run)
    return names


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_table_needs_no_benchmark_that_is_not_there():
    assert set(bars.BENCHMARKS) <= set(benchmarks.scripts())


def test_what_draws_and_what_prints_the_table_are_no_benchmarks():
    assert not {"plot", "bars", "__main__"} & set(benchmarks.scripts())


def test_without_names_those_with_bars_run(ran, tmp_path):
    benchmarks.main(["--output", str(tmp_path / "record.json")])
    assert ran == bars.BENCHMARKS


def test_parts_are_added_to_a_record_and_replaced_in_it(ran, tmp_path):
    path = tmp_path / "folder" / "record.json"
    benchmarks.main(["import_time", "passes", "--output", str(path)])
    options = ["--quick", "--budget", "7", "--output", str(path)]
    benchmarks.main(["passes", *options])
    assert ran == ["import_time", "passes", "passes"]
    record = read(path)
    assert record["benchmarks"] == {
        "import_time": {"exit_status": 1, "budget": None},
        "passes": {"exit_status": 3, "budget": 7.0},
    }
    assert {n: c["quick"] for n, c in record["circumstances"].items()} == {
        "import_time": False,
        "passes": True,
    }


def test_an_older_record_gives_each_part_its_circumstances(ran, tmp_path):
    path = tmp_path / "record.json"
    old = {"date": "2020-02-02", "commit": "abc"}
    path.write_text(json.dumps(old | {"benchmarks": {"starts": {"x": 1}}}), encoding="utf-8")
    benchmarks.main(["passes", "--output", str(path)])
    record = read(path)
    assert record["circumstances"]["starts"] == old
    assert record["benchmarks"]["starts"] == {"x": 1}
    assert record["circumstances"]["passes"]["commit"] != "abc"


def test_quick_runs_write_nothing_unless_told_to(ran, capsys, monkeypatch, tmp_path):
    folder = benchmarks.HERE
    monkeypatch.setattr(benchmarks, "scripts", lambda: {"passes": folder / "passes.py"})
    monkeypatch.setattr(benchmarks, "HERE", tmp_path)
    benchmarks.main(["passes", "--quick"])
    assert not list(tmp_path.iterdir())
    assert "not in this record" in capsys.readouterr().out


def test_a_failure_is_the_exit_status_and_a_word_in_the_table(ran, capsys, tmp_path):
    assert benchmarks.main(["peers", "--output", str(tmp_path / "r.json")]) == 1
    assert "failed, exit status 1" in capsys.readouterr().out


def test_a_benchmark_without_small_sizes_is_never_quick(ran, tmp_path):
    path = tmp_path / "record.json"
    benchmarks.main(["import_time", "--quick", "--output", str(path)])
    assert read(path)["circumstances"]["import_time"]["quick"] is False


def test_an_unknown_name_is_an_error(capsys):
    with pytest.raises(SystemExit):
        benchmarks.main(["nonsense"])
    assert "no benchmark called nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("print('{\"x\": 1}')", {"x": 1}),
        ("raise SystemExit(3)", {"exit_status": 3}),
        ("print('words')", {"exit_status": "0 with no JSON"}),
        ('import sys; "--quick"; print(len(sys.argv))', 2),
        ('import sys; "--budget"; print(sys.argv[2])', 7.5),
        ("import sys; print(len(sys.argv))", 1),
    ],
)
def test_a_benchmark_is_given_what_it_takes(tmp_path, program, found):
    path = tmp_path / "script.py"
    path.write_text(program, encoding="utf-8")
    assert benchmarks.run(path, quick=True, budget=7.5) == found
