"""What is cited is in the list of references, and what is in the list is cited."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCES = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^@\w+\{([^,\s]+),\s*$(.*?)^\}$", REFERENCES, re.M | re.S)
KEYS = [key for key, _ in ENTRIES]
CITATION = re.compile(r"\[@([\w:-]+)\]")


def citing_files() -> list[Path]:
    found = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    found += [
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
    return sorted(path for path in found if path != Path(__file__).resolve())


def cited() -> dict[str, set[str]]:
    """Which files cite each key."""
    places: dict[str, set[str]] = {}
    for path in citing_files():
        for key in CITATION.findall(path.read_text(encoding="utf-8")):
            places.setdefault(key, set()).add(path.relative_to(ROOT).as_posix())
    return places


def test_every_citation_has_an_entry():
    assert not {key: places for key, places in cited().items() if key not in KEYS}


def test_every_entry_is_cited():
    assert not set(KEYS) - set(cited())


def test_entries_are_unique_and_in_order():
    assert sorted(set(KEYS)) == KEYS


@pytest.mark.parametrize(("key", "body"), ENTRIES, ids=KEYS)
@pytest.mark.parametrize("field", ["author", "title", "year"])
def test_an_entry_says_who_what_and_when(key, body, field):
    assert re.search(rf"^\s*{field}\s*=\s*\{{.+", body, re.M)


def test_the_year_is_in_the_key():
    years = {key: re.search(r"year\s*=\s*\{(\d{4})\}", body) for key, body in ENTRIES}
    assert not [key for key, year in years.items() if year is None or year[1] not in key]
