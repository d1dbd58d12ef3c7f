"""Seconds and memory of a fit to 100,000,000 rows of eight columns in Parquet files.

``python benchmarks/files.py`` prints one JSON object. Ten files are written to a folder, with the
rows of `hundred_million`; a fresh interpreter fits as many components as they come from, with
``memory="1GB"``, tol=1e-6 and else the defaults. Its peak is all that it ever held, libraries
included. What the kernels take to load or compile is not counted: a fit of a few rows comes before.
Files that were read a moment ago are in the system's memory as far as that goes; ``read_seconds``
is one pass that reads and does nothing else.

The same with 10,000,000 and 30,000,000 rows; a line through all three, by the number of rows, says
what 1,000,000,000 would take, where the disk does not hold them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from hundred_million import BLOCK, COMPONENTS, FEATURES, PASSES, TOL, data
from peak_memory import peak_bytes

SIZES = (10_000_000, 30_000_000, 100_000_000)
FILES, MEMORY = 10, "1GB"
SPARE = 5_000_000_000
"""Bytes of the disk that are left free."""


def write(folder, n_rows):
    """Files of equally many rows, each drawn from the same mixture."""
    import pyarrow
    import pyarrow.parquet

    rows = data(n_rows // FILES, FEATURES, COMPONENTS)
    names = [f"x{j}" for j in range(FEATURES)]
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in names])
    for number in range(FILES):
        # Other rows of the same mixture, for the price of an addition: less than the noise apart.
        more = rows + 1e-3 * np.random.default_rng(number).standard_normal(FEATURES)
        path = folder / f"part-{number:02d}.parquet"
        options = {"use_dictionary": False, "compression": "none"}
        with pyarrow.parquet.ParquetWriter(path, schema, **options) as file:
            for start in range(0, len(more), 1_000_000):
                part = more[start : start + 1_000_000]
                file.write_table(pyarrow.table(dict(zip(names, part.T.copy(), strict=True))))


def fit_here(folder):
    """Fit in this process."""
    import warnings

    from mixtura import Files, GaussianMixture

    options = {"tol": TOL, "max_iter": PASSES, "random_state": 0, "memory": MEMORY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it converged is recorded
        few = np.random.default_rng(0).standard_normal((BLOCK, FEATURES))
        GaussianMixture(COMPONENTS, **options | {"max_iter": 3}).fit(few)
        began = perf_counter()
        model = GaussianMixture(COMPONENTS, **options).fit(str(folder / "*.parquet"))
        elapsed = perf_counter() - began
    peak = peak_bytes()
    began = perf_counter()
    for _ in Files(str(folder / "*.parquet")).batches():
        pass
    return {
        "seconds": elapsed,
        "read_seconds": perf_counter() - began,
        "peak_bytes": peak,
        "passes": int(model.n_iter_),
        "pass_seconds": float(np.median([record.seconds for record in model.history_])),
        "converged": bool(model.converged_),
        "lower_bound": float(model.lower_bound_),
        "remaining_gain": float(model.remaining_gain_),
    }


def measure(sizes, budget):
    """Each size in a fresh interpreter."""
    results = []
    for n_rows in sizes:
        folder = Path(tempfile.mkdtemp(prefix="mixtura-files-"))
        try:
            needed = 8 * n_rows * FEATURES + SPARE
            if shutil.disk_usage(folder).free < needed:
                results.append(
                    {"rows": n_rows, "skipped": f"it needs {needed / 1e9:.1f} GB of disk"}
                )
                continue
            print(f"  {n_rows} rows", file=sys.stderr, flush=True)
            # In a process of its own: the most memory that this one ever held would count as that
            # of every other one that it begins.
            write_here = [sys.executable, __file__, "--write", str(folder), str(n_rows)]
            subprocess.run(write_here, check=True)
            command = [sys.executable, __file__, "--here", str(folder)]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, timeout=budget
            )
            results.append({"rows": n_rows} | json.loads(done.stdout))
        except subprocess.TimeoutExpired:
            results.append({"rows": n_rows, "gave_up_seconds": budget})
        finally:
            shutil.rmtree(folder)
    return {
        "features": FEATURES,
        "components": COMPONENTS,
        "tol": TOL,
        "memory": MEMORY,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "results": results,
        "billion_seconds": billion([r for r in results if "seconds" in r]),
    }


def billion(results):
    """Seconds of 1e9 rows by a line through what was measured; None where that is too little."""
    if len(results) < 2:
        return None
    slope, start = np.polyfit([r["rows"] for r in results], [r["seconds"] for r in results], 1)
    return float(start + slope * 1e9)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for one fit")
    parser.add_argument("--quick", action="store_true", help="fewer rows, to see that it runs")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write(Path(args.write[0]), int(args.write[1]))
    elif args.here:
        print(json.dumps(fit_here(args.here)))
    else:
        print(
            json.dumps(
                measure((100_000, 1_000_000) if args.quick else args.rows, args.budget), indent=2
            )
        )
