"""The pictures: drawn from whatever a record has."""

import json

import pytest

from benchmarks import bars, plot
from tests.benchmarks.test_bars import case, data_set, likelihood, peers, whole_record

PNG = b"\x89PNG"


def drawn(record, folder):
    """The names of the pictures that are drawn from a record."""
    file = folder / "record.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    assert plot.main([str(file), "--output", str(folder / "pictures")]) == 0
    files = list((folder / "pictures").iterdir())
    assert all(path.read_bytes().startswith(PNG) for path in files)
    return {path.name for path in files}


def test_every_picture_has_a_title_in_the_page():
    assert plot.DRAWN.keys() == bars.DRAWN.keys()


def test_a_whole_record_gives_all_pictures(tmp_path):
    assert drawn(whole_record(), tmp_path) == set(plot.DRAWN)


def test_what_is_missing_is_not_drawn_and_said(tmp_path, capsys):
    record = whole_record()
    record["benchmarks"]["likelihood"] = {"exit_status": 1}
    assert drawn(record, tmp_path) == {"peers.png", "roofline.png"}
    assert "has no likelihood" in capsys.readouterr().out


def test_peers_that_are_absent_and_sets_that_are_not_reached_are_drawn_around(tmp_path):
    results = [case((1000, 2, 5), scikit_learn=9.0, OpenCV="absent"), case((1000, 10, 5))]
    del results[1]["roofline"]["fraction_reached"]
    sets = [data_set("one", None), data_set("two", 2.0, gaps=(0.0, 0.0), collapsed=True)]
    record = {"benchmarks": {"peers": peers(results), "likelihood": likelihood(sets)}}
    assert drawn(record, tmp_path) == set(plot.DRAWN)


def test_the_newest_record_with_something_to_draw_is_taken(tmp_path):
    for name, found in (
        ("2020-01-01", {"peers": {"results": []}}),
        ("2020-01-02", {"likelihood": {"results": []}}),
        ("2020-01-03", {"peers": {"exit_status": 1}, "passes": {}}),
    ):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"benchmarks": found}), encoding="utf-8")
    assert plot.newest(tmp_path).stem == "2020-01-02"


def test_without_records_nothing_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plot, "RESULTS", tmp_path)
    assert plot.main([]) == 1
    assert "nothing is drawn" in capsys.readouterr().out


@pytest.fixture(autouse=True)
def _closed():
    yield
    assert not plot.pyplot.get_fignums()
