"""Memory that a fit needs beside its input.

``python benchmarks/peak_memory.py`` prints one JSON object. A fresh interpreter fills an array in
place, fits 20 full Gaussians to it, and reports the most memory it ever held. The excess is that
less the array, so it includes the interpreter and its libraries. The target is 300 MB.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys

TARGET_BYTES = 300_000_000


def peak_bytes():
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else 1024 * peak


def data(n_rows, n_features, n_components):
    """Rows about as many centres as there are components, made without a second array."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows = np.empty((n_rows, n_features))
    centres = 6.0 * rng.standard_normal((n_components, n_features))
    for start in range(0, n_rows, 10_000):
        block = rows[start : start + 10_000]
        rng.standard_normal(out=block)
        block += centres[rng.integers(n_components, size=len(block))]
    return rows


LEFT_OUT = ["pandas", "pyarrow", "polars"]


class LeftOut:
    """Makes packages as if they were not installed."""

    def find_spec(self, name, path=None, target=None):
        if name in LEFT_OUT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def fit_here(n_rows, n_features, n_components, iterations):
    """Fit in this process."""
    import warnings

    # scikit-learn imports pandas, and pandas pyarrow, where they are installed: 90 MB that are no
    # part of a fit of an array. A core installation has neither.
    sys.meta_path.insert(0, LeftOut())

    from mixtura import GaussianMixture

    imported = peak_bytes()
    rows = data(n_rows, n_features, n_components)
    before = peak_bytes()
    model = GaussianMixture(n_components, max_iter=iterations, tol=0.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows)
    peak = peak_bytes()
    return {
        "left_out": LEFT_OUT,
        "rows": n_rows,
        "features": n_features,
        "components": n_components,
        "iterations": model.n_iter_,
        "input_bytes": rows.nbytes,
        "peak_bytes_after_imports": imported,
        "peak_bytes_before_fit": before,
        "peak_bytes": peak,
        "excess_bytes": peak - rows.nbytes,
        "target_excess_bytes": TARGET_BYTES,
        "within_target": peak - rows.nbytes <= TARGET_BYTES,
    }


def measure(*sizes):
    """Fit in a fresh interpreter, whose memory no other work has touched."""
    command = [sys.executable, __file__, "--here", *map(str, sizes)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="100,000 rows, to see that it runs")
    parser.add_argument("--here", type=int, nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(fit_here(*args.here)))
    else:
        rows = 100_000 if args.quick else args.rows
        print(json.dumps(measure(rows, args.features, args.components, args.iterations), indent=2))
