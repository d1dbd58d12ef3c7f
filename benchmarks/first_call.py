"""Seconds of a whole process that fits iris once: with nothing compiled, and with all compiled.

``python benchmarks/first_call.py`` prints one JSON object. Each run is ``python -c`` from its start
to its end: the interpreter, the imports, the fit. Cold runs have an empty folder for compiled code
each; warm runs use one that a run before them has filled. Medians count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn.datasets

PROGRAM = """
import numpy
from mixtura import GaussianMixture
GaussianMixture(3, random_state=0).fit(numpy.load({!r}))
"""
# Reading iris from scikit-learn's own package would take more than the fit.


def seconds(rows, cache):
    """One process, from start to end."""
    # Warnings are no part of it: a fit may use all its iterations.
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(str(rows))]
    # An installed package has its bytecode beside it.
    bytecode = {"PYTHONDONTWRITEBYTECODE": ""}
    environment = os.environ | bytecode | {"NUMBA_CACHE_DIR": str(cache)}
    began = perf_counter()
    subprocess.run(command, check=True, env=environment)
    return perf_counter() - began


def measure(cold, warm):
    """Both; every cold run is the first with its folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = folder / "iris.npy"
        np.save(rows, sklearn.datasets.load_iris().data)
        first = [seconds(rows, folder / f"cache {turn}") for turn in range(cold)]
        compiled = sum(1 for _ in (folder / "cache 0").rglob("*.nbc"))
        seconds(rows, folder / "cache 0")
        later = [seconds(rows, folder / "cache 0") for _ in range(warm)]
    return {
        "cold_seconds": statistics.median(first),
        "warm_seconds": statistics.median(later),
        "cold_each": first,
        "warm_each": later,
        "runs": {"cold_seconds": cold, "warm_seconds": warm},
        "compiled_files": compiled,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cold", type=int, default=5, help="cold runs")
    parser.add_argument("--warm", type=int, default=11, help="warm runs")
    parser.add_argument("--quick", action="store_true", help="one cold run and two warm ones")
    args = parser.parse_args()
    turns = (1, 2) if args.quick else (args.cold, args.warm)
    print(json.dumps(measure(*turns), indent=2))
