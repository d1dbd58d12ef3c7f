"""Importing mixtura is cheap: it loads its own names and hardly anything else."""

import json
import subprocess
import sys

import pytest

OPTIONAL_OR_HEAVY = [
    "click",
    "dask",
    "duckdb",
    "matplotlib",
    "numba",
    "pandas",
    "polars",
    "pyarrow",
    "pyspark",
    "rich",
    "scipy",
    "sklearn",
    "torch",
    "typer",
]

# Top-level packages that `import mixtura` may load beyond those of `import numpy`.
ALLOWED = {"mixtura", "importlib"}


def loaded_after(statement: str) -> set[str]:
    """The modules in a fresh interpreter after one statement."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.fixture(scope="module")
def after_import() -> set[str]:
    return loaded_after("import mixtura")


@pytest.mark.parametrize("package", OPTIONAL_OR_HEAVY)
def test_import_loads_no_optional_or_heavy_package(after_import, package):
    assert package not in packages(after_import)


def test_import_adds_to_numpy_only_what_is_allowed(after_import):
    # Stands for the rule that the import takes less than 0.3 s more than NumPy's:
    # benchmarks/import_time.py measures the seconds.
    extra = sorted(after_import - loaded_after("import numpy"))
    beyond = [name for name in extra if name.partition(".")[0] not in ALLOWED]
    assert not beyond, f"import mixtura also loads {beyond}"


def test_every_public_name_resolves():
    import mixtura

    missing = [name for name in mixtura.__all__ if not hasattr(mixtura, name)]
    assert not missing
    assert set(mixtura.__all__) <= set(dir(mixtura))


def test_public_names_are_sorted_and_unique():
    import mixtura

    assert list(mixtura.__all__) == sorted(set(mixtura.__all__))


def test_an_unknown_name_is_an_attribute_error():
    import mixtura

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mixtura.no_such_name


def test_a_mixture_is_made_without_the_slow_parts_of_scipy():
    loaded = loaded_after("from mixtura import Mixture; Mixture.of([1.0], [[0.0]], [[[1.0]]])")
    slow = {"scipy.special", "scipy.stats", "scipy.optimize", "scipy.sparse"}
    # What SciPy's linear algebra loads by itself is not ours to keep out.
    assert not (loaded & slow) - loaded_after("import scipy.linalg")


@pytest.mark.parametrize(
    "statement",
    [
        "import mixtura.numeric.kernels.reference",
        "import mixtura.model.mixture",
        "import mixtura.learn.em",
        "from mixtura import GaussianMixture; GaussianMixture(3)",
    ],
)
def test_numba_is_not_loaded_before_the_first_fit(statement):
    assert "numba" not in packages(loaded_after(statement))
