"""How good choices of the number of components are, against mclust and published scores.

``python benchmarks/choosing.py`` prints one JSON object. Its parts, any of which ``--parts`` takes:

- ``mclust``: every model with one to nine components, from mclust's own start and without a
  penalty, against the log-likelihoods that tests/oracles/mclust_tables.R recorded; cells that are
  not below mclust by more than 1e-4. What one of the two cannot fit is counted apart.
- ``alarms``: samples of one Gaussian for which BIC, ICL and the bootstrap test at 5 % say one.
- ``table``: seconds of the table of all forms and numbers, against one call of Mclust. Needs R.
- ``gagolews``: the adjusted Rand index with the true number of clusters, against published ones.
- ``chosen``: that index with a number of components that BIC chooses, and after joining them.
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
PARTS = ("mclust", "alarms", "table", "gagolews", "chosen")


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
rows <- list(faithful = faithful, iris = iris[, 1:4], diabetes = diabetes[, -1],
             "10,000 x 5" = read.csv("many.csv", header = FALSE))
invisible(Mclust(faithful[1:50, ], G = 1:2, verbose = FALSE))
for (name in names(rows)) {
  x <- as.matrix(rows[[name]])
  if (name != "10,000 x 5")
    write.table(x, paste0(name, ".csv"), sep = ",", row.names = FALSE, col.names = FALSE)
  began <- proc.time()[["elapsed"]]
  best <- Mclust(x, G = if (nrow(x) < 5000) 1:9 else 1:5, verbose = FALSE)
  cat(name, proc.time()[["elapsed"]] - began, best$modelName, best$G, best$bic, sep = ";")
  cat("\\n")
}
"""
SMALL = ("faithful", "iris", "diabetes")
MANY = "10,000 x 5"


def many():
    """Five groups that overlap a little, in 10,000 rows of five columns."""
    rng = np.random.default_rng(4)
    means, labels = rng.normal(scale=3.0, size=(5, 5)), rng.integers(0, 5, 10_000)
    shapes = rng.normal(size=(5, 5, 5)) / np.sqrt(5)
    return means[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.normal(size=(10_000, 5)))


def in_one_go(x, most, seed):
    """All fits and their BIC, each family on one way of merging; the best."""
    models = [
        mixtura.GaussianMixture(k, covariance_type=name, random_state=seed)
        for name in FAMILIES
        for k in range(1, most + 1)
    ]
    mixtura.GaussianMixture.fit_all(models, x)
    return min(models, key=lambda model: model.bic(x))


def searched(x, most, seed):
    """The same by `GaussianMixtureIC`, which tries the neighbours of each size as well."""
    search = mixtura.GaussianMixtureIC(n_components=most, covariance_types="all", random_state=seed)
    return search.fit(x).best_estimator_


def table(quick):
    """Seconds of one call of Mclust, with its fourteen models, and of ours, in turns."""
    if shutil.which("Rscript") is None:
        return {"left_out": "there is no R"}
    ways = {"fit_all": in_one_go, "GaussianMixtureIC": searched}
    times, found = {}, {"models": len(FAMILIES), "results": {}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        np.savetxt(Path(folder) / "many.csv", many(), delimiter=",")
        (Path(folder) / "table.R").write_text(R_TABLE, encoding="utf-8")
        for turn in range(2 if quick else 6):  # the first one compiles
            run = subprocess.run(
                ["Rscript", "table.R"], cwd=folder, capture_output=True, text=True, check=True
            )
            for line in run.stdout.splitlines():
                name, seconds, model, k, bic = line.split(";")
                if quick and name == MANY:
                    continue
                x = np.loadtxt(
                    Path(folder) / f"{'many' if name == MANY else name}.csv", delimiter=","
                )
                each = times.setdefault(name, {"Mclust": [], **{way: [] for way in ways}})
                chosen = {"Mclust": f"{model}, {k}: {-float(bic):.2f}"}
                for way, work in ways.items():
                    began = perf_counter()
                    best = work(x, 5 if name == MANY else 9, turn)
                    elapsed = perf_counter() - began
                    label = f"{best.covariance_type}, {best.n_components}"
                    chosen[way] = f"{label}: {best.bic(x):.2f}"
                    if turn:
                        each[way].append(elapsed)
                if turn:
                    each["Mclust"].append(float(seconds))
                found["results"][name] = {"chosen": chosen}
    for name, each in times.items():
        found["results"][name] |= {way: statistics.median(taken) for way, taken in each.items()}
    return found


def labelled(quick):
    """Name, rows and labellings of each set: groups, labels (0 is noise) and published index."""
    folder = DATA / "gagolews"
    lines = (folder / "PUBLISHED_ARI.csv").read_text(encoding="utf-8").splitlines()
    header, found = lines[0].split(","), {}
    for row in (dict(zip(header, line.split(","), strict=True)) for line in lines[1:]):
        path = folder / row["battery"] / row["dataset"]
        if path.with_name(path.name + ".data.gz").exists() and row["sklearn_gm"]:
            found.setdefault(path, []).append(row)
    for path, rows in [*found.items()][: 3 if quick else None]:
        labellings = []
        for row in rows:
            labels = path.with_name(f"{path.name}.labels{row['labels_version']}.gz")
            with gzip.open(labels, "rt", encoding="utf-8") as stream:
                truth = np.loadtxt(stream, dtype=int)
            labellings.append((int(row["k"]), truth, float(row["sklearn_gm"])))
        x = np.loadtxt(path.with_name(path.name + ".data.gz"), ndmin=2)
        yield f"{path.parent.name}/{path.name}", x, labellings


def agreement(truth, found):
    """The adjusted Rand index of rows that are not noise."""
    return adjusted_rand_score(truth[truth > 0], found[truth > 0])


def gagolews(quick):
    """Mean indices over sets, ours with the default start and scikit-learn's published ones."""
    if not (DATA / "gagolews").exists():
        return {"left_out": "the sets are not there"}
    scores = {}
    for name, x, labellings in labelled(quick):
        each = []
        for k, truth, published in labellings:
            model = mixtura.GaussianMixture(k, n_init=10, tol=1e-5, max_iter=1000, random_state=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                each.append((agreement(truth, model.fit(x).predict(x)), published))
        scores[name] = np.max(each, axis=0).tolist()
    means = np.mean([*scores.values()], axis=0)
    return {
        "sets": len(scores),
        "mixtura": float(means[0]),
        "sklearn_published": float(means[1]),
        "each": {name: [round(a, 4), round(b, 4)] for name, (a, b) in scores.items()},
    }


def sizes(most):
    """Numbers of components that are tried where so many groups are known: up to twice as many and
    two, some two dozen of them at the most.
    """
    most = 2 * most + 2
    return range(1, most + 1, 1 + most // 25)


def chosen(quick):
    """The same indices where nobody says how many components there are: full covariances in a
    number that BIC chooses, and clusters that they are joined to.
    """
    if not (DATA / "gagolews").exists():
        return {"left_out": "the sets are not there"}
    found = {}
    for name, x, labellings in labelled(quick):
        many = sizes(max(k for k, _, _ in labellings))
        search = mixtura.GaussianMixtureIC(
            n_components=many, covariance_types="full", random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = {"bic": search.fit(x).labels_}
        for method in ("entropy", "demp"):
            labels[method] = mixtura.ClusterMerger(search, method=method).fit(x).labels_
        found[name] = {
            way: round(max(agreement(truth, each) for _, truth, _ in labellings), 4)
            for way, each in labels.items()
        } | {"components": search.n_components_, "groups": sorted({k for k, _, _ in labellings})}
    ways = {way: statistics.fmean(each[way] for each in found.values()) for way in labels}
    return {"sets": len(found), **ways, "each": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    functions = (mclust, alarms, table, gagolews, chosen)
    named = {function.__name__: function for function in functions}
    print(json.dumps({name: named[name](args.quick) for name in args.parts}))


if __name__ == "__main__":
    main()
