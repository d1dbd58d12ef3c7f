"""Seconds and memory of a fit to 100,000,000 rows of eight columns in memory.

``python benchmarks/hundred_million.py`` prints one JSON object. A fresh interpreter fills an array
of 6.4 GB in place with rows of a mixture of 16 full Gaussians that overlap, and fits as many to it
with tol=1e-6 and else the defaults. What the kernels take to load or compile is not counted: a fit
of a few rows comes before. The excess is the most memory that the process ever held less the
array, so it includes the interpreter and its libraries, as in `peak_memory`.

One fit is measured, or as many as ``--runs`` says; the median counts. A fit that used all its
passes before it converged meets no bar, and neither does one that is not done when its time is up
(``--budget``, with the making of the rows). Without enough free memory nothing is measured.

Centres lie six standard deviations from their middle, so two of them some eight from each other,
and the nearest closer: clusters that can be told apart, most of them. Where they overlap more, EM
needs more passes, and this is no measure of that.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from peak_memory import LEFT_OUT, LeftOut, peak_bytes

ROWS, FEATURES, COMPONENTS = 100_000_000, 8, 16
TOL, PASSES = 1e-6, 1000
BLOCK = 20_000
APART = 6.0
"""How far centres are from their middle, in standard deviations of the components."""
SPARE = 1_000_000_000
"""Bytes that must be free beside the array."""


def data(n_rows, n_features, n_components):
    """Rows of a mixture of all shapes and shares, made without a second array."""
    import numpy as np

    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    centres = APART / math.sqrt(n_features) * rng.standard_normal((n_components, n_features))
    turns = np.linalg.qr(rng.standard_normal((n_components, n_features, n_features)))[0]
    shapes = np.exp(rng.uniform(-0.5, 0.5, (n_components, 1, n_features))) * turns
    rows = np.empty((n_rows, n_features))
    for start in range(0, n_rows, BLOCK):
        block = rows[start : start + BLOCK]
        rng.standard_normal(out=block)
        ends = np.cumsum(rng.multinomial(len(block), weights))
        for k, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            block[begin:end] = block[begin:end] @ shapes[k] + centres[k]
        block[:] = block[rng.permutation(len(block))]
    return rows


def fit_here(n_rows):
    """Fit in this process."""
    import warnings

    sys.meta_path.insert(0, LeftOut())  # as in peak_memory: no part of a fit of an array

    from mixtura import GaussianMixture

    options = {"tol": TOL, "max_iter": PASSES, "random_state": 0}
    rows = data(n_rows, FEATURES, COMPONENTS)
    before = peak_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it converged is recorded
        GaussianMixture(COMPONENTS, **options | {"max_iter": 3}).fit(rows[:BLOCK])
        began = perf_counter()
        model = GaussianMixture(COMPONENTS, **options).fit(rows)
        elapsed = perf_counter() - began
    peak = peak_bytes()
    return {
        "left_out": LEFT_OUT,
        "input_bytes": rows.nbytes,
        "peak_bytes_before_fit": before,
        "peak_bytes": peak,
        "excess_bytes": peak - rows.nbytes,
        "seconds": elapsed,
        "passes": int(model.n_iter_),
        "converged": bool(model.converged_),
        "lower_bound": float(model.lower_bound_),
        "remaining_gain": float(model.remaining_gain_),
    }


def free_bytes():
    """Memory that can be had without swapping; endless where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return 1024 * int(next(found, 0)) or math.inf


def measure(n_rows, runs, budget):
    """Fit in fresh interpreters, whose memory no other work has touched."""
    needed = 8 * n_rows * FEATURES + SPARE
    if free_bytes() < needed:
        return {"skipped": f"it needs {needed / 1e9:.1f} GB, {free_bytes() / 1e9:.1f} are free"}
    about = {
        "rows": n_rows,
        "features": FEATURES,
        "components": COMPONENTS,
        "apart": APART,
        "tol": TOL,
        "runs": runs,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }
    each = []
    for _ in range(runs):
        try:
            each.append(in_child(n_rows, budget))
        except subprocess.TimeoutExpired:
            return about | {"gave_up_seconds": budget}
    return (
        each[-1]
        | about
        | {
            "seconds": statistics.median(one["seconds"] for one in each),
            "excess_bytes": max(one["excess_bytes"] for one in each),
            "converged": all(one["converged"] for one in each),
            "remaining_gain": finite(each[-1]["remaining_gain"]),
            "seconds_each": [one["seconds"] for one in each],
        }
    )


def in_child(n_rows, budget):
    """One fresh interpreter; it is killed when its time is up."""
    command = [sys.executable, __file__, "--here", str(n_rows)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=budget)
    return json.loads(done.stdout)


def finite(value):
    """The number, or None: infinity is no JSON."""
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for one process")
    parser.add_argument("--quick", action="store_true", help="1,000,000 rows, to see that it runs")
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(fit_here(args.here)))
    else:
        rows = 1_000_000 if args.quick else args.rows
        print(json.dumps(measure(rows, args.runs, args.budget), indent=2))
