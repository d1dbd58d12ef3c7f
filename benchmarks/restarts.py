"""What ten starts cost and gain: every run to its end, or the worse half set aside again and again.

``python benchmarks/restarts.py`` prints one JSON object. The problems are those of starts.py, and
two with so many rows that starts are compared on some of them. All ways have the same ten starts.
``passes`` are rows visited by E-steps over the rows of the table, starts not counted; ``gap`` is
the objective below that of the ten full runs, in nats per row, and negative where it is above.
``none`` is EM's own steps and scikit-learn's rule, ``auto`` the accelerated run. Full covariances
and the options of `GaussianMixture` that are its defaults, up to ``tol=1e-3`` and 100 passes a run.
"""

import argparse
import json
import os
import statistics
import sys
import warnings
from pathlib import Path
from time import perf_counter

from sklearn.utils import check_random_state

sys.path.insert(0, str(Path(__file__).resolve().parent))
import starts
from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.learn.halving import Run, halving

N_INIT, TOL, MAX_ITER = 10, 1e-3, 100
HOW = ("merge", "k-means++")
MANY = {"many rows, 2-D": (300_000, 2, 8), "many rows, 5-D": (500_000, 5, 10)}
"""Rows, features and components."""


class Counting(Memory):
    """Counts the rows that folds visit."""

    visited = 0

    def fold(self, kernel, *args):
        Counting.visited += len(self.rows)
        return super().fold(kernel, *args)


def planned(rows, k, accelerate):
    """The parts of a fit with default options."""
    return wiring.plan(
        rows,
        None,
        n_components=k,
        covariance_type="full",
        reg_covar=None,
        variance_floor=None,
        prior=None,
        dead_components="keep",
        accelerate=accelerate,
    )


def full(setup, begins):
    """Every run to its end."""
    runs = [Run(begin, wiring.course(setup, TOL), MAX_ITER) for begin in begins]
    for run in runs:
        run.finish()
    return max(run.fit.objective for run in runs)


def halved(setup, begins, seed):
    """As `GaussianMixture` does it."""
    begins = wiring.promising(setup, begins, TOL, MAX_ITER, check_random_state(seed))
    best = halving([Run(begin, wiring.course(setup, TOL), MAX_ITER) for begin in begins])
    best.finish()
    return best.fit.objective


def compare(rows, k, how, seed):
    """Objective, passes and seconds of each way."""
    setups = {accelerate: planned(rows, k, accelerate) for accelerate in ("none", "auto")}
    rng = check_random_state(seed)
    begins = wiring.starts(setups["auto"], how, wiring.Given(None, None, None), N_INIT, rng)
    ways = {
        "full, none": lambda: full(setups["none"], begins),
        "full, auto": lambda: full(setups["auto"], begins),
        "one, auto": lambda: full(setups["auto"], begins[:1]),
        "halving": lambda: halved(setups["auto"], begins, seed),
    }
    found = {}
    for way, run in ways.items():
        Counting.visited, began = 0, perf_counter()
        objective = run()
        seconds = perf_counter() - began
        found[way] = {"objective": objective, "passes": Counting.visited / len(rows)}
        found[way]["seconds"] = seconds
    best = found["full, auto"]["objective"]
    for result in found.values():
        result["gap"] = best - result.pop("objective")
    return found


def measure(n_rows, seeds, data, scale):
    """Compare on every problem, from each kind of start."""
    wiring.Memory = Counting
    problems, missing = starts.problems(n_rows, seeds, data)
    for name, (many, d, k) in MANY.items():
        problems.append((name, *starts.blobs(int(many * scale), d, k, 0), k))
    results = {}
    for how in HOW:
        found = [
            {"problem": name, "rows": len(rows), **compare(rows, k, how, number)}
            for number, (name, rows, _, k) in enumerate(problems)
        ]
        ways = [way for way in found[0] if way not in ("problem", "rows")]
        summary = {}
        for way in ways:
            gaps = [each[way]["gap"] for each in found]
            passes = [each[way]["passes"] for each in found]
            of_full = [each[way]["passes"] / each["full, auto"]["passes"] for each in found]
            summary[way] = {
                "mean_gap": statistics.mean(gaps),
                "median_gap": statistics.median(gaps),
                "largest_gap": max(gaps),
                "mean_passes": statistics.mean(passes),
                "median_of_passes_of_full": statistics.median(of_full),
                "seconds": sum(each[way]["seconds"] for each in found),
            }
        results[how] = {"summary": summary, "problems": found}
    return {
        "n_init": N_INIT,
        "tol": TOL,
        "max_iter": MAX_ITER,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "not_there": missing,
        "results": results,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=starts.DATA, help="a folder with real data")
    parser.add_argument("--quick", action="store_true", help="1,000 rows once, few of the many")
    args = parser.parse_args()
    sizes = (1_000, 1, args.data, 0.1) if args.quick else (2_500, 2, args.data, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(json.dumps(measure(*sizes), indent=2))
