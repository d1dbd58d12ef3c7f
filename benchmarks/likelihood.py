"""Seconds to a likelihood that is as good as scikit-learn's best of ten starts.

``python benchmarks/likelihood.py`` prints one JSON object. The target of a set is what scikit-learn
reaches with n_init=10, tol=1e-8 and up to 1000 iterations. Then every contestant fits again and
again with new seeds until a fit is within 1e-6 nats per row of the target, and the seconds of all
its fits are added up; the median over several series counts. A series ends without success after
so many fits, or once it has taken as long as the target. All fit full covariances to the same rows,
columns scaled to unit variance, and likelihoods are computed by one function. Ratios are of seconds
over those of the target's fit.

Sets that are not at hand (``--data``) are replaced by synthetic ones of the same size.
"""

import argparse
import csv
import gzip
import json
import math
import os
import statistics
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn.mixture

import mixtura

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "clustering"

TARGET = {"n_init": 10, "tol": 1e-8, "max_iter": 1000, "reg_covar": 1e-6}
TOLERANCE = 1e-6
"""Nats per row that a fit may be below the target."""

OURS, THEIRS = mixtura.GaussianMixture, sklearn.mixture.GaussianMixture
CONTESTANTS = {
    "mixtura, 1 start": (OURS, {"tol": 1e-6, "max_iter": 1000}),
    "mixtura, 3 starts": (OURS, {"tol": 1e-6, "max_iter": 1000, "n_init": 3}),
    "mixtura, 10 starts": (OURS, {"tol": 1e-6, "max_iter": 1000, "n_init": 10}),
    "mixtura, 1 start, k-means++": (
        OURS,
        {"tol": 1e-6, "max_iter": 1000, "init_params": "k-means++"},
    ),
    "mixtura, 1 start, reg_covar, tol 1e-8": (
        OURS,
        {"tol": 1e-8, "max_iter": 1000, "reg_covar": 1e-6},
    ),
    "scikit-learn, 1 start": (THEIRS, {"tol": 1e-6, "max_iter": 1000}),
    "scikit-learn, 1 start, tol 1e-8": (THEIRS, {"tol": 1e-8, "max_iter": 1000}),
}
"""Name to class and options. The fit of the target itself is what ratios are against.

mixtura's default penalty pulls a fit a little away from the largest likelihood, the more so the
fewer the rows: where that is more than the tolerance, only the entry with reg_covar can succeed.
"""


@dataclass(frozen=True)
class Table:
    """A set: where it is, its columns, its size, and how many components are fitted."""

    name: str
    file: str
    columns: slice
    rows: int
    features: int
    components: int
    header: bool = True

    def read(self, folder):
        """The rows, and where they come from."""
        path = folder / self.file
        if not self.file or not path.is_file():
            return overlapping(self.rows, self.features, self.components), "synthetic"
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                return np.loadtxt(file, ndmin=2), self.file
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))[int(self.header) :]
        return np.array([line[self.columns] for line in lines], dtype=float), self.file


ALL = slice(None)
FIRST = slice(None, -1)
SIPU = "gagolews/sipu/{}.data.gz"
TABLES = [
    Table("satimage", "satimage.csv", FIRST, 6435, 36, 6),
    Table("vowel", "vowel_deterding.csv", slice(1, -1), 990, 9, 11),
    Table("banknote", "banknote_authentication.csv", FIRST, 1372, 4, 5, header=False),
    Table("wdbc", "wdbc.csv", slice(2, None), 569, 30, 3),
    Table("wine", "wine13.csv", slice(1, None), 178, 13, 3),
    Table("gvhd_pos", "gvhd_pos_mclust.csv", ALL, 9083, 4, 8),
    *(Table(s, SIPU.format(s), ALL, 5000, 2, 15) for s in ("s1", "s2", "s3", "s4")),
    Table("a1", SIPU.format("a1"), ALL, 3000, 2, 20),
    Table("a2", SIPU.format("a2"), ALL, 5250, 2, 35),
    Table("a3", SIPU.format("a3"), ALL, 7500, 2, 50),
    Table("d31", SIPU.format("d31"), ALL, 3100, 2, 31),
    Table("many components", "", ALL, 5_000, 4, 100),
    Table("middle", "", ALL, 10_000, 16, 20),
    Table("many columns", "", ALL, 10_000, 64, 5),
]


def overlapping(n_rows, n_features, n_components):
    """Rows of Gaussians of different shapes and weights that overlap."""
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    # About the same overlap in every number of columns, and with any number of components.
    apart = 2.5 * n_components ** (1.0 / min(n_features, 4)) / np.sqrt(n_features)
    centres = apart * rng.standard_normal((n_components, n_features))
    rows = rng.standard_normal((n_rows, n_features))
    labels = rng.choice(n_components, size=n_rows, p=weights)
    for k in range(n_components):
        turn, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
        rows[labels == k] *= np.exp(rng.uniform(-0.7, 0.7, n_features))
        rows[labels == k] = rows[labels == k] @ turn + centres[k]
    return rows


def likelihood(model, rows):
    """Nats per row."""
    if isinstance(model, OURS):
        return float(model.score(rows))
    start = {
        "weights_init": model.weights_,
        "means_init": model.means_,
        "precisions_init": model.precisions_,
    }
    same = OURS(len(model.weights_), max_iter=0, **start)
    return float(same.fit(rows).score(rows))


def fitted(kind, options, rows, n_components, seed):
    """The likelihood after one fit, the seconds it took, and its iterations."""
    model = kind(n_components, random_state=seed, **options)
    began = perf_counter()
    model.fit(rows)
    seconds = perf_counter() - began
    return likelihood(model, rows), seconds, int(model.n_iter_)


def series(kind, options, rows, n_components, target, *, first, fits, limit):
    """Fit until the target is reached: seconds, fits, whether it was, and by how much not."""
    seconds, best, number = 0.0, -math.inf, 0
    while number < fits and seconds < limit:
        try:
            found, elapsed, _ = fitted(kind, options, rows, n_components, first + number)
        except ValueError as error:  # a covariance that cannot be factorised
            return {"reached": False, "error": str(error)[:200], "seconds": seconds}
        seconds, best, number = seconds + elapsed, max(best, found), number + 1
        if best >= target - TOLERANCE:
            break
    return {
        "reached": best >= target - TOLERANCE,
        "seconds": seconds,
        "fits": number,
        "below_target": target - best,
    }


def contest(rows, n_components, target, *, repeats, fits, limit, shorter):
    """Every contestant on one set; the contestants take turns."""
    runs = {name: [] for name in CONTESTANTS}
    for repeat in range(repeats):
        for name, (kind, options) in CONTESTANTS.items():
            first = 1000 + 100 * repeat
            run = series(
                kind,
                options | shorter,
                rows,
                n_components,
                target,
                first=first,
                fits=fits,
                limit=limit,
            )
            runs[name].append(run)
    return {name: summary(each) for name, each in runs.items()}


def summary(runs):
    """The median series; one that did not reach the target counts as endless."""
    endless = [run["seconds"] if run["reached"] else math.inf for run in runs]
    middle = statistics.median_low(endless)
    return {
        "seconds": middle if math.isfinite(middle) else None,
        "reached": sum(run["reached"] for run in runs),
        "series": runs,
    }


def ratios(results):
    """Seconds over those of the target on each set that was reached, and their geometric mean."""
    found = {}
    for name in CONTESTANTS:
        each = {
            result["set"]: result["contestants"][name]["seconds"] / result["target_seconds"]
            for result in results
            if result["contestants"][name]["seconds"] is not None
        }
        logs = [math.log(ratio) for ratio in each.values()]
        found[name] = {
            "ratios_to_target": each,
            "geometric_mean": math.exp(statistics.fmean(logs)) if logs else None,
            "sets_reached": len(each),
            "sets": len(results),
        }
    return found


def measure_table(table, folder, *, repeats, fits, patience, quick):
    """One set."""
    rows, source = table.read(folder)
    n_components, shorter, aim = table.components, {}, TARGET
    if quick:
        step = max(1, len(rows) // 400)
        rows, n_components = rows[::step], min(n_components, 4)
        shorter, aim = {"max_iter": 50}, TARGET | {"max_iter": 50, "n_init": 2}
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    print(f"  {table.name} {rows.shape}, K = {n_components}", file=sys.stderr, flush=True)
    target, seconds, iterations = fitted(THEIRS, aim, rows, n_components, 0)
    limit = patience * seconds
    options = {"repeats": repeats, "fits": fits, "limit": limit, "shorter": shorter}
    return {
        "set": table.name,
        "source": source,
        "rows": len(rows),
        "features": rows.shape[1],
        "components": n_components,
        "target": target,
        "target_seconds": seconds,
        "target_iterations": iterations,
        "limit_seconds": limit,
        "contestants": contest(rows, n_components, target, **options),
    }


def measure(folder, tables, *, repeats, fits, patience, quick):
    """All sets."""
    options = {"repeats": repeats, "fits": fits, "patience": patience, "quick": quick}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a fit used all its iterations
        # The first fit in a process loads what is compiled.
        OURS(2, max_iter=2).fit(np.random.default_rng(0).standard_normal((40_000, 2)))
        results = [measure_table(table, folder, **options) for table in tables]
    return {
        "tolerance": TOLERANCE,
        "repeats": repeats,
        "fits": fits,
        "target": TARGET,
        "options": {name: options for name, (_, options) in CONTESTANTS.items()},
        "sklearn": sklearn.__version__,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "results": results,
        "summary": ratios(results),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets")
    parser.add_argument("--sets", nargs="+", choices=[table.name for table in TABLES])
    parser.add_argument("--repeats", type=int, default=3, help="series of fits")
    parser.add_argument("--fits", type=int, default=20, help="at most so many in a series")
    parser.add_argument(
        "--patience", type=float, default=1.0, help="a series' limit, in times of the target's fit"
    )
    parser.add_argument("--quick", action="store_true", help="a few hundred rows of each set")
    args = parser.parse_args()
    tables = [table for table in TABLES if args.sets is None or table.name in args.sets]
    found = measure(
        args.data,
        tables,
        repeats=1 if args.quick else args.repeats,
        fits=5 if args.quick else args.fits,
        patience=args.patience,
        quick=args.quick,
    )
    print(json.dumps(found, indent=2))
