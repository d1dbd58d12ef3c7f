"""The tables of the page on estimators: made-up records with known answers."""

import json

import pytest

from benchmarks import comparison


def way(**numbers):
    return {"seconds": 0.1234, **numbers}


@pytest.fixture
def record():
    both = {"mixtura": way(error=0.25, log_score=-1.0, coverage=0.9), "x": {"skipped": "no x."}}
    named = {"rows": 1000, "features": 3, "ways": both}
    return {
        "circumstances": {
            "regression": {
                "date": "2020-02-02T10:00:00",
                "commit": "abcdef0123456789",
                "machine": {"cpu": "abacus", "usable_cores": 2},
                "versions": {"python": "3.0", "gone": None},
            }
        },
        "benchmarks": {
            "regression": {
                "sets": {"a": named, "b": {"skipped": "the file is not there"}},
                "missing": {"a": named},
            },
            "classification": {
                "sets": {
                    "c": {
                        **named,
                        "published": {"old": {"error": 0.02, "training_error": 0.01}},
                    }
                },
                "unlabelled": {"c": {"with": {"m": 0.1, "n": 0.2}, "without": {"m": 0.3}}},
            },
            "outliers": {
                "level": 0.05,
                "sets": {"d": {**named, "ways": {"m": way(area=1.0, false_alarms=0.04, found=1)}}},
            },
        },
    }


def test_numbers_stand_under_their_names(record):
    lines = comparison.page(record).splitlines()
    assert lines[0] == "Measured 2020-02-02 on abacus, 2 cores; python 3.0; commit abcdef0123."
    assert lines.count("| a, 1,000 x 3 | 0.25 / -1 / 0.9 / 0.12 s |") == 2
    assert "| c, 1,000 x 3 | 0.25 / -1 / 0.12 s |" in lines
    assert "| c | 0.1 (0.3) | 0.2 |" in lines
    assert "| d, 1,000 x 3 | 1 / 0.04 / 1 / 0.12 s |" in lines
    assert "Not measured: x, no x (a); the file is not there (b)." in lines
    assert any("old: 0.02 in ten folds of its own, 0.01 on the rows" in line for line in lines)


def test_a_record_of_nothing_makes_no_tables():
    text = comparison.page({"benchmarks": {"regression": {"exit_status": 1}}})
    assert text.strip() == "Nothing is known of the machine."


def test_tables_are_written_between_their_markers(record, tmp_path, capsys):
    page, file = tmp_path / "page.md", tmp_path / "record.json"
    page.write_text(f"# A\n{comparison.BEGIN}\nold\n{comparison.END}\nafter\n", encoding="utf-8")
    file.write_text(json.dumps(record), encoding="utf-8")
    for _ in range(2):
        comparison.main([str(file), "--write", str(page)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# A\n<!-- comparison: begin -->\nMeasured")
    assert text.endswith("<!-- comparison: end -->\nafter\n")
    assert "old\n" not in text.replace("old: ", "")
    assert capsys.readouterr().out
