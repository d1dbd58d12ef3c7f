"""The pages are true: their code runs, shows the source, and their links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [p for p in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))] if p.exists()]
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
ALL_PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
FENCE = re.compile(r"^(?P<before>[^\n]*\n)?```python\n(?P<code>.*?)^```$", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\((?!\w+:)([^)#\s]+)(?:#[^)]*)?\)")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[tuple[int, str]]:
    """Line number and code of each block to run; blocks shown from the source are not run."""
    return [
        (text.count("\n", 0, match.start("code")), match["code"])
        for match in FENCE.finditer(text)
        if not (match["before"] or "").startswith("<!-- include:")
    ]


RUNNABLE = [p for p in PAGES if blocks(p.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", RUNNABLE, ids=relative)
def test_the_code_in_the_pages_runs(page, tmp_path, monkeypatch):
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    module = ModuleType("page_" + page.stem)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for line, code in blocks(page.read_text(encoding="utf-8")):
        # Blank lines in front: a traceback gives the line of the page.
        exec(compile("\n" * line + code, str(page), "exec"), module.__dict__)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def test_blocks_are_found_and_shown_source_is_left_out():
    text = "a\n```python\nx = 1\n```\n<!-- include: a.py#b -->\n```python\ndef b(): ...\n```\n"
    assert blocks(text) == [(2, "x = 1\n")]


def test_the_code_shown_is_the_source():
    run = subprocess.run(
        [sys.executable, str(DOCS / "include.py"), "--check"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", ALL_PAGES, ids=relative)
def test_links_within_the_project_lead_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [t for t in targets if not os.path.exists(page.parent / t)]


@pytest.mark.parametrize("page", DECISIONS, ids=relative)
def test_a_decision_fits_on_a_page_and_has_its_four_parts(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    assert re.match(rf"# {int(page.stem[:4])}\. \S", lines[0])
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Choice",
        "## What was measured",
        "## What would change our mind",
    ]


def test_the_index_lists_every_decision_once():
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index) == [p.name for p in DECISIONS]
