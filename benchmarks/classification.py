"""Classes as mixtures against discriminant analysis, Gaussian processes and mclust.

``python benchmarks/classification.py`` prints one JSON object. Every way says the class of each
tenth of the rows, after it has seen the others: the share of errors; log score, the mean log
probability of what came, in nats; and the seconds of all ten fits and predictions. mclust gets the
same folds, if the system has R and it; what its vignette prints for its own folds stands beside.
Gaussian processes are for two classes of few rows. ``unlabelled`` hides the class of nine rows of
ten, and compares with the fit to the others alone and with scikit-learn's self-training and label
spreading: errors on the rows whose class was hidden.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from mixtura import GaussianMixtureClassifier
from mixtura.engines.memory import available_threads
from public.sets import CLASSES, DATA, classes, some

WORKER = Path(__file__).resolve().parent / "peers" / "with_mclust_da.R"

PATIENCE = 90
"""Seconds for mclust on one set."""

PUBLISHED = {
    "iris": {"mclust, EDDA (VEV)": {"error": 0.0267, "training_error": 0.02}},
    "banknote": {"mclust, MclustDA (EVE 2, XXX)": {"error": 0.005, "training_error": 0.0}},
}
"""What "A quick tour of mclust", version 6.0.0, prints: ten folds, and all rows."""

WAYS = {
    "mixtura, MclustDA": lambda: GaussianMixtureClassifier(random_state=0),
    "mixtura, EDDA": lambda: GaussianMixtureClassifier(model="EDDA"),
    "quadratic": QuadraticDiscriminantAnalysis,
    "linear": LinearDiscriminantAnalysis,
    "Gaussian process": lambda: make_pipeline(
        StandardScaler(), GaussianProcessClassifier(1.0 * RBF(1.0), random_state=0)
    ),
}


def folds(y):
    return [test for _, test in StratifiedKFold(10, shuffle=True, random_state=0).split(y, y)]


def scored(probabilities, y):
    """Errors, and the mean log probability of what came."""
    right = probabilities[np.arange(len(y)), y]
    return {
        "error": float((probabilities.argmax(axis=1) != y).mean()),
        "log_score": float(np.log(np.maximum(right, 1e-15)).mean()),
    }


def measure(x, y, make):
    found = np.zeros((len(y), y.max() + 1))
    began = perf_counter()
    for test in folds(y):
        train = np.setdiff1d(np.arange(len(y)), test)
        model = make().fit(x[train], y[train])
        found[test] = model.predict_proba(x[test])
    return scored(found, y) | {"seconds": perf_counter() - began}


def by_mclust(x, y, kind):
    """mclust on the same folds; or why not."""
    program = shutil.which("Rscript")
    if program is None:
        return {"skipped": "there is no R"}
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(Path(folder) / "rows.csv", x, delimiter=",", fmt="%.17g")
        fold = np.zeros(len(y), dtype=int)
        for number, test in enumerate(folds(y)):
            fold[test] = number
        np.savetxt(Path(folder) / "classes.csv", np.column_stack([y, fold]), "%d", delimiter=",")
        words = [program, WORKER, folder, kind]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return {"skipped": f"it takes more than {PATIENCE} seconds"}
        if done.returncode:
            return {"skipped": f"mclust failed: {done.stderr.strip()[-150:]}"}
        found = np.loadtxt(Path(folder) / "found.csv", delimiter=",")
    return scored(found, y) | {"seconds": float(done.stdout.split()[-1])}


def compared(name, x, y, quick):
    """All ways on the same rows."""
    found = {}
    for way, make in WAYS.items():
        if way == "Gaussian process" and (quick or len(x) > 200 or y.max() > 1):
            found[way] = {"skipped": "it would take minutes"}
            continue
        try:
            found[way] = measure(x, y, make)
        except np.linalg.LinAlgError as error:
            found[way] = {"skipped": str(error)}
    if not quick:
        for kind in ("MclustDA", "EDDA"):
            found[f"mclust, {kind}"] = by_mclust(x, y, kind)
    sizes = {"rows": len(x), "features": x.shape[1], "classes": int(y.max()) + 1}
    return sizes | {"ways": found, "published": PUBLISHED.get(name, {})}


def unlabelled(x, y):
    """One row of ten with its class, the means of five such tables."""
    ways = {
        "mixtura, MclustDA": lambda: GaussianMixtureClassifier(random_state=0),
        "mixtura, EDDA": lambda: GaussianMixtureClassifier(model="EDDA"),
        "self-training": lambda: make_pipeline(
            StandardScaler(), SelfTrainingClassifier(LinearDiscriminantAnalysis())
        ),
        "label spreading": lambda: make_pipeline(StandardScaler(), LabelSpreading()),
    }
    found = {name: [] for name in ways}
    alone = {name: [] for name in ways if name.startswith("mixtura")}
    for seed in range(5):
        shown = np.zeros(len(y), dtype=bool)
        rng = np.random.default_rng(seed)
        for c in range(y.max() + 1):
            mine = np.flatnonzero(y == c)
            shown[rng.choice(mine, max(2, len(mine) // 10), replace=False)] = True
        known = np.where(shown, y, -1)
        for name, make in ways.items():
            model = make().fit(x, known)
            found[name].append((model.predict(x[~shown]) != y[~shown]).mean())
            if name in alone:
                model = make().fit(x[shown], y[shown])
                alone[name].append((model.predict(x[~shown]) != y[~shown]).mean())
    return {
        "with": {name: float(np.mean(each)) for name, each in found.items()},
        "without": {name: float(np.mean(each)) for name, each in alone.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows, without mclust")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    n = 200 if args.quick else args.rows
    measure(*some(*classes("rings"), 60), WAYS["mixtura, MclustDA"])  # compiles
    results, hidden = {}, {}
    for name in ["iris", "rings", *CLASSES]:
        read = classes(name, args.data)
        if read is None:
            results[name] = {"skipped": "the file is not there"}
            continue
        x, y = some(*read, n)
        results[name] = compared(name, x, y, args.quick)
        hidden[name] = unlabelled(x, y)
    print(json.dumps({"threads": available_threads(), "sets": results, "unlabelled": hidden}))


if __name__ == "__main__":
    main()
