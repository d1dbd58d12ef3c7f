"""How good choices of the number of components are, against mclust and published scores.

``python benchmarks/choosing.py`` prints one JSON object. Its parts, any of which ``--parts`` takes:

- ``mclust``: every model with one to nine components, from mclust's own start and without a
  penalty, against the log-likelihoods that tests/oracles/mclust_tables.R recorded; cells that are
  not below mclust by more than 1e-4. What one of the two cannot fit is counted apart.
- ``alarms``: samples of one Gaussian for which BIC, ICL and the bootstrap test at 5 % say one.
- ``table``: seconds of a whole table of models against one call of mclustBIC, in turns. Needs R.
- ``gagolews``: the adjusted Rand index with the true number of clusters, against published ones.
"""

import argparse
import gzip
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

import mixtura
from mixtura.model.covariance import FAMILIES

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "clustering"
PARTS = ("mclust", "alarms", "table", "gagolews")


def mclust(quick):
    """Cells of each set: compared, not behind, and how far the worst is behind."""
    sys.path.insert(0, str(ROOT))
    from tests.oracles.test_mclust_tables import RECORDED, behind

    found = {}
    for record in RECORDED["tables"]:
        if quick and record["n_rows"] > 200:
            continue
        cells = behind(record)
        worst = max(cells, key=cells.get)
        found[record["data"]] = {
            "cells": len(cells),
            "not_behind": sum(gap <= 1e-4 for gap in cells.values()),
            "worst": cells[worst],
            "worst_cell": f"{worst[0]},{worst[1]}",
        }
    total = sum(each["cells"] for each in found.values())
    good = sum(each["not_behind"] for each in found.values())
    return {"sets": found, "cells": total, "not_behind": good, "share": good / max(total, 1)}


def alarms(quick):
    """How often one Gaussian is taken for one."""
    rng = np.random.default_rng(20)
    n_samples = 10 if quick else 200
    right = {"bic": 0, "icl": 0, "test": 0}
    for seed in range(n_samples):
        d = 1 + seed % 4
        factor = rng.normal(size=(d, d))
        x = rng.normal(size=(int(rng.choice([50, 100, 300])), d)) @ factor
        for criterion in ("bic", "icl"):
            search = mixtura.GaussianMixtureIC(criterion, n_components=5, random_state=seed).fit(x)
            right[criterion] += search.n_components_ == 1
        test = mixtura.likelihood_ratio_test(x, 1, n_boot=99, random_state=seed)
        right["test"] += test[0].p_value > 0.05
    return {"samples": n_samples, "one": right}


R_TABLE = """
suppressMessages(library(mclust))
x <- as.matrix(read.csv("rows.csv", header = FALSE))
invisible(mclustBIC(x[1:50, ], G = 1:2, verbose = FALSE))
began <- proc.time()[["elapsed"]]
invisible(mclustBIC(x, G = 1:9, modelNames = strsplit("MODELS", ",")[[1]], verbose = FALSE))
cat(proc.time()[["elapsed"]] - began)
"""


def table(quick):
    """Seconds of both, in turns."""
    from sklearn import datasets

    if shutil.which("Rscript") is None:
        return {"left_out": "there is no R"}
    ours = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
    others = ["EII", "EEI", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"]
    ours |= {name: name for name in others if name in FAMILIES}
    found = {"models": len(ours)}
    for name, x in {
        "iris": datasets.load_iris().data,
        "wine": datasets.load_wine().data[:, :6],
    }.items():
        times = {"mclust": [], "mixtura": []}
        for turn in range(2 if quick else 6):
            with tempfile.TemporaryDirectory() as folder:
                np.savetxt(Path(folder) / "rows.csv", x, delimiter=",")
                code = R_TABLE.replace("MODELS", ",".join(ours))
                run = subprocess.run(
                    ["Rscript", "-e", code], cwd=folder, capture_output=True, text=True, check=True
                )
            began = perf_counter()
            mixtura.GaussianMixtureIC(
                n_components=9, covariance_types=[*ours.values()], random_state=turn
            ).fit(x)
            elapsed = perf_counter() - began
            if turn:  # the first one compiles
                times["mclust"].append(float(run.stdout))
                times["mixtura"].append(elapsed)
        found[name] = {program: statistics.median(each) for program, each in times.items()}
    return found


def gagolews(quick):
    """Mean indices over sets, ours with the default start and scikit-learn's published ones."""
    folder = DATA / "gagolews"
    if not folder.exists():
        return {"left_out": "the sets are not there"}
    lines = (folder / "PUBLISHED_ARI.csv").read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    published = [dict(zip(header, line.split(","), strict=True)) for line in lines[1:]]
    scores = {}
    for row in published:
        path = folder / row["battery"] / row["dataset"]
        rows = path.with_name(path.name + ".data.gz")
        if not rows.exists() or not row["sklearn_gm"]:
            continue
        if quick and len(scores) >= 3:
            break
        x = np.loadtxt(rows, ndmin=2)
        labels = f"{path.name}.labels{row['labels_version']}.gz"
        with gzip.open(path.with_name(labels), "rt", encoding="utf-8") as stream:
            truth = np.loadtxt(stream, dtype=int)
        model = mixtura.GaussianMixture(int(row["k"]), n_init=10, tol=1e-5, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = model.set_params(random_state=0).fit(x).predict(x)
        known = truth > 0  # 0 is noise
        ours = adjusted_rand_score(truth[known], found[known])
        name = f"{row['battery']}/{row['dataset']}"
        before = scores.get(name, (-1.0, -1.0))
        scores[name] = max(before[0], ours), max(before[1], float(row["sklearn_gm"]))
    means = np.mean([*scores.values()], axis=0)
    return {
        "sets": len(scores),
        "mixtura": float(means[0]),
        "sklearn_published": float(means[1]),
        "each": {name: [round(a, 4), round(b, 4)] for name, (a, b) in scores.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    functions = {"mclust": mclust, "alarms": alarms, "table": table, "gagolews": gagolews}
    print(json.dumps({name: functions[name](args.quick) for name in args.parts}))


if __name__ == "__main__":
    main()
