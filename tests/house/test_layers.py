"""The floors hold, and the source keeps the few habits that a machine can see."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mixtura"
MODULES = sorted(SOURCE.rglob("*.py"))

# Names of options: they are resolved on the third floor and go no further down.
OPTIONS = [
    "covariance_type",
    "init_params",
    "reg_covar",
    "weights_init",
    "means_init",
    "precisions_init",
    "weight_concentration_prior",
    "warm_start",
    "verbose_interval",
]
BELOW_THE_ESTIMATORS = ["numeric", "model", "learn", "engines"]

# Names that say nothing about what is inside.
VAGUE = {"utils", "util", "helpers", "misc", "common", "core", "base"}

# Ways to run what a file says.
UNSAFE_PACKAGES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}

# The texts speak of the project alone. Written in pieces, so that this file passes too.
FOREIGN = [
    "/" + "work/",
    "/" + "home/",
    "/" + "root/",
    "/" + "tmp/",
    "issue " + "#",
    "local" + "host",
]
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".bib",
    ".yaml",
    ".yml",
    ".txt",
    ".json",
    ".csv",
    ".R",
    ".cff",
    ".typed",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_contracts_on_imports_hold():
    program = "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("room", BELOW_THE_ESTIMATORS)
@pytest.mark.parametrize("option", OPTIONS)
def test_options_stay_with_the_estimators(room, option):
    found = [
        relative(path)
        for path in sorted((SOURCE / room).rglob("*.py"))
        if re.search(rf"\b{option}\b", path.read_text(encoding="utf-8"))
    ]
    assert not found


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_import_is_for_the_type_checker_only(path):
    assert "TYPE_CHECKING" not in path.read_text(encoding="utf-8")


def test_no_module_has_a_vague_name():
    names = {path: path.stem for path in SOURCE.rglob("*") if path.is_dir() or path.suffix == ".py"}
    assert not [relative(path) for path, name in names.items() if name.lstrip("_") in VAGUE]


def unsafe(tree: ast.AST) -> list[str]:
    """What in a module could run code that a file brings along."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.partition(".")[0] in UNSAFE_PACKAGES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] * (node.module.partition(".")[0] in UNSAFE_PACKAGES)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += [node.func.id] * (node.func.id in UNSAFE_CALLS)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            safe = isinstance(node.value, ast.Constant) and node.value.value is False
            found += ["allow_pickle"] * (not safe)
    return found


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_runs_what_a_file_says(path):
    assert not unsafe(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import pickle", ["pickle"]),
        ("from joblib import load", ["joblib"]),
        ("eval('1')", ["eval"]),
        ("numpy.load(f, allow_pickle=True)", ["allow_pickle"]),
        ("numpy.load(f, allow_pickle=False)", []),
        ("model.eval()", []),
    ],
)
def test_the_search_for_unsafe_code_finds_it(text, expected):
    assert unsafe(ast.parse(text)) == expected


def texts() -> list[Path]:
    folders = [ROOT / name for name in ("src", "docs", "tests", "benchmarks", "examples")]
    inside = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXT]
    beside = [path for path in ROOT.iterdir() if path.suffix in TEXT or path.name == "Makefile"]
    return sorted(p for p in inside + beside if p.is_file() and "__pycache__" not in p.parts)


def test_the_texts_speak_of_the_project_alone():
    found = [
        f"{relative(path)}: {word}"
        for path in texts()
        for word in FOREIGN
        if word in path.read_text(encoding="utf-8").lower()
    ]
    assert not found
