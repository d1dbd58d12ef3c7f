"""Results appear together or not at all."""

import os
from pathlib import Path

import pytest

from mixtura.cli.failure import BadUsage
from mixtura.cli.results import ResultFolder, whole_file

NAMES = ("segments.csv", "report.html")


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def fill(results: ResultFolder, text: str = "new") -> None:
    for name in results.names:
        results.path(name).write_text(text)


def test_files_appear_at_the_end_and_all_together(tmp_path):
    out = tmp_path / "a" / "out"
    with ResultFolder(out, NAMES) as results:
        fill(results)
        assert not any((out / name).exists() for name in NAMES)
    assert content(out) == dict.fromkeys(NAMES, "new")


def test_other_files_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with ResultFolder(tmp_path, NAMES) as results:
        fill(results)
    assert content(tmp_path) == {"notes.txt": "mine"} | dict.fromkeys(NAMES, "new")


def test_earlier_results_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/segments.csv").write_text("old")
    with pytest.raises(BadUsage) as caught, ResultFolder("out", NAMES):
        pass
    assert caught.value.message == (
        "out/ already holds segments.csv; use --force to replace it or -o for another folder."
    )
    Path("out/report.html").write_text("old")
    with pytest.raises(BadUsage, match=r"segments\.csv, report\.html; use --force to replace them"):
        ResultFolder("out", NAMES).__enter__()
    assert content(Path("out")) == dict.fromkeys(NAMES, "old")


def test_force_replaces_and_removes_what_is_of_another_run(tmp_path):
    for name in NAMES:
        (tmp_path / name).write_text("old")
    with ResultFolder(tmp_path, NAMES, force=True) as results:
        results.path("segments.csv").write_text("new")
    assert content(tmp_path) == {"segments.csv": "new"}


def break_off(folder: Path, error: type[BaseException]) -> None:
    with ResultFolder(folder, NAMES, force=True) as results:
        fill(results)
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_exception_leaves_everything_as_it_was(tmp_path, error):
    old = tmp_path / "old"
    old.mkdir()
    (old / "segments.csv").write_text("old")
    for folder in (old, tmp_path / "made" / "here"):
        with pytest.raises(error):
            break_off(folder, error)
    assert content(old) == {"segments.csv": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_failure_before_the_first_move_leaves_everything_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "segments.csv").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(BadUsage, match=r"cannot be written: no space left on device\.$"),
        ResultFolder(tmp_path, NAMES, force=True) as results,
    ):
        fill(results)
    assert content(tmp_path) == {"segments.csv": "old"}


def test_a_file_where_the_folder_should_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("out").write_text("")
    with pytest.raises(BadUsage) as caught, ResultFolder("out", NAMES):
        pass
    assert caught.value.message == "out is a file, not a folder; use -o for another folder."
    with pytest.raises(BadUsage, match=r"^out/below/ cannot be written: not a directory"):
        ResultFolder("out/below", NAMES).__enter__()


def test_a_folder_where_a_file_should_be(tmp_path):
    (tmp_path / "segments.csv").mkdir()
    with pytest.raises(BadUsage, match=r"segments\.csv is a folder where a file must go"):
        ResultFolder(tmp_path, NAMES, force=True).__enter__()


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    out = tmp_path / "out"
    with pytest.raises(BadUsage, match=r"out/ cannot be written: permission denied; use -o"):
        ResultFolder(out, NAMES).__enter__()
    assert not out.exists()


def test_names_and_order_of_use(tmp_path):
    results = ResultFolder(tmp_path, NAMES)
    with pytest.raises(ValueError, match="not open"):
        results.path("segments.csv")
    with results, pytest.raises(ValueError, match=r"'other\.csv' is not one of the results"):
        results.path("other.csv")


def test_whole_file_follows_links_and_keeps_ordinary_modes(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    with whole_file(tmp_path / "link.csv") as path:
        path.write_text("new")
        assert (tmp_path / "real.csv").read_text() == "old"
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"
    plain = tmp_path / "plain.csv"
    plain.write_text("")
    assert (tmp_path / "real.csv").stat().st_mode == plain.stat().st_mode


def test_whole_file_writes_to_a_device_and_does_not_replace_it():
    with whole_file("/dev/null") as path:
        path.write_text("gone")
    assert Path("/dev/null").is_char_device()


def test_whole_file_on_a_full_disk(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(BadUsage, match=r"t\.csv cannot be written: no space left on device\.$"),
        whole_file(tmp_path / "t.csv") as path,
    ):
        path.write_text("new")
    assert list(tmp_path.iterdir()) == []
