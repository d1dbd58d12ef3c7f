"""Seconds of a fit and of one iteration, ours over scikit-learn's.

``python benchmarks/against_sklearn.py`` prints one JSON object. Both begin with the same weights,
means and precisions, use the same regulariser and run the same number of iterations. They take
turns, after one unmeasured run each. One iteration is the difference of a long and a short fit, so
what a fit does before the first one does not count in it. Ratios below 1 mean that ours is faster.
"""

import argparse
import json
import os
import statistics
import warnings
from time import perf_counter

import numpy as np
import sklearn
import sklearn.mixture

import mixtura

SIZES = [(100_000, 10, 10), (200_000, 4, 8)]  # rows, features, components
FAMILIES = ["full", "tied", "diag", "spherical"]
SHORT, LONG = 2, 12
CLASSES = {"mixtura": mixtura.GaussianMixture, "sklearn": sklearn.mixture.GaussianMixture}


def blobs(n_rows, n_features, n_components):
    """Overlapping rows about centres."""
    rng = np.random.default_rng(0)
    centres = 2.0 * rng.standard_normal((n_components, n_features))
    rows = rng.standard_normal((n_rows, n_features))
    rows += centres[rng.integers(n_components, size=n_rows)]
    return rows


def fitted(kind, rows, iterations, start, family):
    """The model after so many iterations, and the seconds it took."""
    own = {"accelerate": "none"} if kind is mixtura.GaussianMixture else {}
    model = kind(
        len(start.weights_),
        covariance_type=family,
        weights_init=start.weights_,
        means_init=start.means_,
        precisions_init=start.precisions_,
        max_iter=iterations,
        tol=0.0,
        reg_covar=1e-6,
        **own,
    )
    began = perf_counter()
    model.fit(rows)
    return model, perf_counter() - began


def compare(rows, n_components, family, runs):
    """Medians for one data set and one family."""
    start = mixtura.GaussianMixture(
        n_components, covariance_type=family, init_params="k-means++", max_iter=0, random_state=0
    ).fit(rows)
    seconds = {(name, n): [] for name in CLASSES for n in (SHORT, LONG)}
    models = {}
    for turn in range(runs + 1):
        for name, n in seconds:
            models[name, n], elapsed = fitted(CLASSES[name], rows, n, start, family)
            if turn:
                seconds[name, n].append(elapsed)
    fit = {name: statistics.median(seconds[name, LONG]) for name in CLASSES}
    short = {name: statistics.median(seconds[name, SHORT]) for name in CLASSES}
    one = {name: (fit[name] - short[name]) / (LONG - SHORT) for name in CLASSES}
    ours, theirs = (models[name, LONG] for name in CLASSES)
    return {
        "rows": len(rows),
        "features": rows.shape[1],
        "components": n_components,
        "covariance_type": family,
        "fit_seconds": fit,
        "fit_ratio": fit["mixtura"] / fit["sklearn"],
        "iteration_seconds": one,
        "iteration_ratio": one["mixtura"] / one["sklearn"],
        "largest_difference_of_means": float(np.abs(ours.means_ - theirs.means_).max()),
    }


def measure(runs, sizes=SIZES, families=FAMILIES):
    """Compare in every size and family."""
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # neither converges: the iterations are counted
        for n_rows, n_features, n_components in sizes:
            rows = blobs(n_rows, n_features, n_components)
            results += [compare(rows, n_components, family, runs) for family in families]
    return {
        "runs": runs,
        "iterations_of_a_fit": LONG,
        "sklearn": sklearn.__version__,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "results": results,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2,000 rows, to see that it runs")
    args = parser.parse_args()
    sizes = [(2_000, d, k) for _, d, k in SIZES] if args.quick else SIZES
    print(json.dumps(measure(1 if args.quick else args.runs, sizes), indent=2))
