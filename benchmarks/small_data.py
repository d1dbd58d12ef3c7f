"""Seconds on data so small that only what surrounds the arithmetic counts, and scikit-learn's.

``python benchmarks/small_data.py`` prints one JSON object: a fit of three full Gaussians to the 150
rows of iris; fits of the four families with one to nine components, with the BIC of each; the same
in one call, beside the same fits one by one; and the component of one new row. All is warm: what is
compiled is loaded, and what is imported is imported. Both take turns with the same seeds, a new one
in each turn, and the median counts.
"""

import argparse
import json
import os
import statistics
import warnings
from time import perf_counter

import sklearn
import sklearn.datasets
import sklearn.mixture

import mixtura

CLASSES = {"mixtura": mixtura.GaussianMixture, "sklearn": sklearn.mixture.GaussianMixture}
FAMILIES = ["full", "tied", "diag", "spherical"]
MOST = 9
RUNS = {"fit": 300, "sweep": 20, "batch": 40, "row": 2000}


def fit(kind, rows, seed):
    """Three full Gaussians."""
    return kind(3, random_state=seed).fit(rows)


def sweep(kind, rows, seed):
    """Every family and number of components; the smallest BIC."""
    models = [
        kind(k, covariance_type=family, random_state=seed).fit(rows)
        for family in FAMILIES
        for k in range(1, MOST + 1)
    ]
    return min(models, key=lambda model: model.bic(rows))


def batch(rows, seed):
    """The same in one call."""
    models = [
        mixtura.GaussianMixture(k, covariance_type=family, random_state=seed)
        for family in FAMILIES
        for k in range(1, MOST + 1)
    ]
    mixtura.GaussianMixture.fit_all(models, rows)
    return min(models, key=lambda model: model.bic(rows))


def seconds(work):
    """Of one call."""
    began = perf_counter()
    work()
    return perf_counter() - began


def medians(works, runs):
    """Of several calls, in turns, after some that are not measured."""
    times = {name: [] for name in works}
    warm = 1 + runs // 10
    for turn in range(warm + runs):
        for name, work in works.items():
            elapsed = seconds(lambda work=work, turn=turn: work(turn))
            if turn >= warm:
                times[name].append(elapsed)
    found = {name: statistics.median(each) for name, each in times.items()}
    quickest = {f"{name}_quickest": min(each) for name, each in times.items()}
    return found | quickest | {"runs": runs}


def measure(runs):
    """All four."""
    rows = sklearn.datasets.load_iris().data
    models = {name: fit(kind, rows, 0) for name, kind in CLASSES.items()}
    row = rows[70:71]
    works = {
        "fit": {n: lambda seed, k=k: fit(k, rows, seed) for n, k in CLASSES.items()},
        "sweep": {n: lambda seed, k=k: sweep(k, rows, seed) for n, k in CLASSES.items()},
        "batch": {
            "mixtura": lambda seed: batch(rows, seed),
            "one_by_one": lambda seed: sweep(mixtura.GaussianMixture, rows, seed),
        },
        "row": {n: lambda _, m=m: m.predict(row) for n, m in models.items()},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a fit used all its iterations
        found = {name: medians(each, runs[name]) for name, each in works.items()}
    return found | {
        "sklearn": sklearn.__version__,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the runs")
    runs = RUNS
    if parser.parse_args().quick:
        runs = {name: max(1, number // 20) for name, number in RUNS.items()}
    print(json.dumps(measure(runs), indent=2))
