"""Outliers by density against isolation forests, local outlier factors and one-class machines.

``python benchmarks/outliers.py`` prints one JSON object. One class of a set is ordinary: half of
its rows are for the fit, and the other half and all other classes are to be told apart: the area
under the curve of true against false alarms; false alarms among ordinary rows where 5 % were asked
for; the share of other rows that are found then; and seconds of fit and scores. Means of five
halves. Made data are a mixture whose outliers lie between its groups.
"""

import argparse
import json
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from mixtura import GaussianMixtureOutlierDetector
from mixtura.engines.memory import available_threads
from public.sets import DATA, classes, some

LEVEL = 0.05

WAYS = {
    "mixtura, model": lambda: GaussianMixtureOutlierDetector(
        method="model", level=LEVEL, random_state=0
    ),
    "mixtura, conformal": lambda: GaussianMixtureOutlierDetector(level=LEVEL, random_state=0),
    "isolation forest": lambda: IsolationForest(contamination=LEVEL, random_state=0),
    "local outlier factor": lambda: make_pipeline(
        StandardScaler(), LocalOutlierFactor(novelty=True, contamination=LEVEL)
    ),
    "elliptic envelope": lambda: EllipticEnvelope(contamination=LEVEL, random_state=0),
    "one-class SVM": lambda: make_pipeline(StandardScaler(), OneClassSVM(nu=LEVEL)),
}

# Which class of a set is ordinary.
ORDINARY = {"wdbc": 0, "authentication": 0, "satimage": 0, "seeds": 0, "vowel": 0}


def groups(n, seed=0):
    """Five long groups, and rows evenly between them."""
    rng = np.random.default_rng(seed)
    centres, factors = 6 * rng.normal(size=(5, 4)), rng.normal(size=(5, 4, 4))
    at = rng.integers(0, 5, size=n)
    rows = centres[at] + np.einsum("nij,nj->ni", factors[at], rng.normal(size=(n, 4)))
    low, high = rows.min(axis=0), rows.max(axis=0)
    return np.concatenate([rows, rng.uniform(low, high, size=(n // 4, 4))]), np.repeat(
        [0, 1], [n, n // 4]
    )


def measure(x, other, make):
    """One way on five halves of the ordinary rows."""
    found = {"area": [], "false_alarms": [], "found": [], "seconds": []}
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(x))
        train, test = x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
        began = perf_counter()
        model = make().fit(train)
        low, high = model.score_samples(other), model.score_samples(test)
        found["seconds"].append(perf_counter() - began)
        truth = np.repeat([0, 1], [len(low), len(high)])
        found["area"].append(roc_auc_score(truth, np.concatenate([low, high])))
        found["false_alarms"].append((model.predict(test) < 0).mean())
        found["found"].append((model.predict(other) < 0).mean())
    return {name: float(np.mean(each)) for name, each in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    n = 300 if args.quick else args.rows
    measure(*np.split(groups(60)[0], [60]), WAYS["mixtura, model"])  # compiles
    results = {}
    for name in ["groups", *ORDINARY]:
        read = groups(2000) if name == "groups" else classes(name, args.data)
        if read is None:
            results[name] = {"skipped": "the file is not there"}
            continue
        x, y = some(*read, n)
        ordinary = y == ORDINARY.get(name, 0)
        results[name] = {
            "rows": int(ordinary.sum()),
            "others": int((~ordinary).sum()),
            "features": x.shape[1],
            "ways": {w: measure(x[ordinary], x[~ordinary], make) for w, make in WAYS.items()},
        }
    print(json.dumps({"threads": available_threads(), "level": LEVEL, "sets": results}))


if __name__ == "__main__":
    main()
