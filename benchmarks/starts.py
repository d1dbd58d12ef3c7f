"""How far each start leaves EM from the best likelihood known, in nats per row, and its seconds.

``python benchmarks/starts.py`` prints one JSON object. Each start is followed by the same number of
iterations of EM with the same regulariser, full covariances; where a fit has several starts, each
of them is. What a start does itself counts in the seconds alone. The best likelihood known of a
problem is the best of all fits here, among them one from the parameters that the rows were drawn
from, where these are known. Real data are read from the folder that ``--data`` names, and left out
where it has none.
"""

import argparse
import csv
import gzip
import json
import os
import statistics
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn
import sklearn.mixture

import mixtura

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

STARTS = {
    "kmeans": {"init_params": "kmeans"},
    "kmeans, n_init=3": {"init_params": "kmeans", "n_init": 3},
    "kmeans, n_init=10": {"init_params": "kmeans", "n_init": 10},
    "k-means++": {"init_params": "k-means++"},
    "random_from_data": {"init_params": "random_from_data"},
    "merge": {"init_params": "merge"},
}

BLOBS = {
    "blobs 2-D": (2, 15),
    "blobs 2-D, 25": (2, 25),
    "blobs 5-D": (5, 20),
    "blobs 10-D": (10, 12),
}
"""Features and components."""

REAL = {
    "satimage": ("clustering/satimage.csv", 6),
    "vowel": ("clustering/vowel_deterding.csv", 11),
    "banknote": ("clustering/banknote_authentication.csv", 5),
    **{f"s{i}": (f"clustering/gagolews/sipu/s{i}.data.gz", 15) for i in range(1, 5)},
}
"""File and components."""


def blobs(n_rows, n_features, n_components, seed):
    """Overlapping components of all shapes and shares; the rows and the mixture."""
    rng = np.random.default_rng(seed)
    shape = (n_components, n_features, n_features)
    turns = np.linalg.qr(rng.normal(size=shape))[0]
    lengths = np.exp(rng.normal(scale=0.7, size=shape[:2]))
    covariances = (turns * lengths[:, None] ** 2) @ np.swapaxes(turns, 1, 2)
    means = 4.0 * rng.normal(size=shape[:2])
    weights = rng.dirichlet(np.full(n_components, 3.0))
    truth = mixtura.Mixture.of(weights, means, covariances)
    return truth.sample(n_rows, seed)[0], truth


def picture(size, seed):
    """A made picture, (size, size, 3): soft discs of colour over a gradient, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    image = np.stack([x, y, 1 - x], axis=2) * rng.uniform(0.2, 0.8, 3)
    for _ in range(14):
        centre, radius = rng.uniform(size=2), rng.uniform(0.05, 0.25)
        inside = 1 / (1 + np.exp((np.hypot(x - centre[0], y - centre[1]) - radius) * size / 2))
        colour = rng.uniform(size=3) + 0.15 * rng.normal(size=3) * x[..., None]
        image += inside[..., None] * (colour - image)
    return image + rng.normal(scale=0.02, size=image.shape)


def colours(n_rows, seed):
    """Pixels of a made picture, as rows of three colours."""
    pixels = picture(160, seed).reshape(-1, 3)
    return np.random.default_rng(seed).choice(pixels, n_rows, replace=False)


def patches(n_rows, seed):
    """Patches of three by three of a made picture in grey, less their mean: eight numbers each."""
    grey = picture(160, seed).mean(axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(grey, (3, 3)).reshape(-1, 9)
    basis = np.linalg.qr(np.column_stack([np.ones(9), np.eye(9)[:, :8]]))[0][:, 1:]
    return np.random.default_rng(seed).choice(windows, n_rows, replace=False) @ basis


def numbers(path):
    """The columns of a table that hold numbers; the last, a class, is left out of a .csv."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        if path.suffix == ".gz":
            return np.loadtxt(lines)
        table = list(csv.reader(lines))
    try:
        float(table[0][0])
    except ValueError:
        table = table[1:]
    return np.array([row[:-1] for row in table], dtype=np.float64)


def problems(n_rows, seeds, data):
    """Name, rows, components and the truth or None; and the names of those that are not there."""
    found, missing = [], []
    for seed in range(seeds):
        for name, (d, k) in BLOBS.items():
            found.append((name, *blobs(n_rows, d, k, seed), k))
        found.append(("colours", colours(n_rows, seed), None, 16))
        found.append(("patches", patches(n_rows, seed), None, 12))
    for name, (path, k) in REAL.items():
        if (data / path).exists():
            found.append((name, numbers(data / path), None, k))
        else:
            missing.append(name)
    return found, missing


def compare(rows, truth, k, iterations, seed):
    """Mean log-likelihood and seconds of each start."""
    common = {"tol": 0.0, "max_iter": iterations, "reg_covar": 1e-6 * rows.var(axis=0).mean()}
    plain = common | {"accelerate": "none"}
    scores, seconds = {}, {}
    for name, options in STARTS.items():
        began = perf_counter()
        model = mixtura.GaussianMixture(k, random_state=seed, **options, **plain).fit(rows)
        scores[name], seconds[name] = model.score(rows), perf_counter() - began
    began = perf_counter()
    model = sklearn.mixture.GaussianMixture(k, random_state=seed, **common).fit(rows)
    scores["scikit-learn"], seconds["scikit-learn"] = model.score(rows), perf_counter() - began
    best = max(scores.values())
    if truth is not None:
        start = {"weights_init": truth.weights, "means_init": truth.means}
        start["precisions_init"] = np.linalg.inv(truth.covariances)
        best = max(best, mixtura.GaussianMixture(k, **start, **plain).fit(rows).score(rows))
    return {name: best - score for name, score in scores.items()}, seconds


def measure(n_rows, seeds, iterations, data):
    """Compare on every problem."""
    gaps, seconds = {}, {}
    found, missing = problems(n_rows, seeds, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # none converges: the iterations are counted
        for number, (name, rows, truth, k) in enumerate(found):
            gap, elapsed = compare(rows, truth, k, iterations, number)
            for start in gap:
                gaps.setdefault(start, {}).setdefault(name, []).append(gap[start])
                seconds.setdefault(start, []).append(elapsed[start])
    return {
        "rows": n_rows,
        "seeds": seeds,
        "iterations": iterations,
        "sklearn": sklearn.__version__,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "not_there": missing,
        "results": [
            {
                "start": start,
                "mean_gap": statistics.mean(sum(by_name.values(), [])),
                "median_gap": statistics.median(sum(by_name.values(), [])),
                "largest_gap": max(sum(by_name.values(), [])),
                "mean_seconds": statistics.mean(seconds[start]),
                "mean_gaps": {name: statistics.mean(g) for name, g in by_name.items()},
            }
            for start, by_name in gaps.items()
        ],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with the real data")
    parser.add_argument("--quick", action="store_true", help="1,500 rows once, 30 iterations")
    args = parser.parse_args()
    sizes = (1_500, 1, 30) if args.quick else (4_000, 4, 300)
    print(json.dumps(measure(*sizes, args.data), indent=2))
