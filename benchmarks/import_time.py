"""Seconds that ``import mixtura`` adds to ``import numpy``.

``python benchmarks/import_time.py`` prints one JSON object: the median of several fresh
interpreters for each of the two, and their difference.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

PROGRAM = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


def seconds(statement):
    """Time one statement in a fresh interpreter, without the interpreter's own start."""
    command = [sys.executable, "-c", PROGRAM.format(statement)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(runs=7):
    """Medians over fresh interpreters; the two take turns, after one unmeasured run each."""
    statements = {"numpy": "import numpy", "mixtura": "import numpy, mixtura"}
    times = {name: [] for name in statements}
    for turn in range(runs + 1):
        for name, statement in statements.items():
            elapsed = seconds(statement)
            if turn:
                times[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "runs": runs,
        "numpy_seconds": medians["numpy"],
        "numpy_and_mixtura_seconds": medians["mixtura"],
        "extra_seconds": medians["mixtura"] - medians["numpy"],
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    print(json.dumps(measure(parser.parse_args().runs), indent=2))
