"""Passes over the data until a fit is within 1e-6 nats per row of where plain EM ends.

``python benchmarks/passes.py`` prints one JSON object. For each problem every way begins with the
same mixture and runs with ``tol=0``. Plain EM's end is where 4,000 passes lead.
``to_1e-6`` is the first pass whose objective is within 1e-6 nats of it, or above it; none where the
way went to a lower end. ``end`` is where the way itself ended, less plain EM's end. ``stopped`` is
the pass at which a fit with ``tol=1e-5`` would have stopped, and ``left`` what was still to gain
there, against the way's own end. Data that are no part of the project are left out where they are
not there.
"""

import argparse
import json
import statistics
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets

from mixtura import GaussianMixture

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "clustering"
FAMILIES = ["full", "tied", "diag", "spherical"]
WAYS = ["none", "squarem", "lbfgs"]
WITHIN, TOL = 1e-6, 1e-5


def table(file, columns):
    """Columns of a file beside the project; None without it."""
    path = FOLDER / file
    if not path.exists():
        return None
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=columns, ndmin=2, quotechar='"')


def overlap(separation, n_components, n_features, seed):
    """2,000 rows about centres that are so many standard deviations apart in each direction."""
    rng = np.random.default_rng(seed)
    centres = separation * rng.standard_normal((n_components, n_features))
    spread = rng.uniform(0.5, 1.5, (n_components, 1))
    member = rng.integers(n_components, size=2000)
    return centres[member] + spread[member] * rng.standard_normal((2000, n_features))


def problems():
    """Name, rows and number of components."""
    yield "iris", datasets.load_iris().data, 3
    yield "wine", datasets.load_wine().data, 3
    yield "faithful", table("faithful.csv", (0, 1)), 3
    yield "diabetes", table("diabetes_reaven_miller.csv", (1, 2, 3)), 3
    yield "separated", overlap(4.0, 4, 3, 0), 4
    yield "overlapping", overlap(1.5, 4, 3, 1), 4
    yield "much overlap", overlap(0.8, 3, 2, 2), 3
    yield "too many components", overlap(2.0, 3, 2, 3), 6


def fitted(rows, n_components, family, way, passes):
    """A fit that runs to the end of its passes."""
    model = GaussianMixture(
        n_components,
        covariance_type=family,
        accelerate=way,
        init_params="kmeans",
        max_iter=passes,
        tol=0,
        random_state=0,
    )
    return model.fit(rows)


def stop(model, way):
    """The pass at which a fit with a tolerance would have stopped; None where it went on."""
    records = model.history_
    for t, (last, record) in enumerate(zip(records, records[1:], strict=False), start=2):
        if way == "none":
            done = abs(record.change) < TOL
        else:
            done = t >= 5 and last.remaining < TOL and record.remaining < TOL
        if done:
            return t
    return None


def measure(rows, n_components, family, passes):
    """All ways on one problem."""
    result = {}
    for way in WAYS:
        model = fitted(rows, n_components, family, way, passes if way == "none" else passes // 5)
        bounds = np.array(model.lower_bounds_)
        if way == "none":
            limit = bounds[-1]
        near = np.flatnonzero(bounds >= limit - WITHIN)
        t = stop(model, way)
        result[way] = {
            "to_1e-6": int(near[0]) + 1 if len(near) else None,
            "end": float(bounds[-1] - limit),
            "stopped": t,
            "left": None if t is None else float(bounds.max() - bounds[t - 1]),
            "rejected": sum(record.step == "rejected" for record in model.history_[:t]),
        }
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer passes")
    passes = 500 if parser.parse_args().quick else 4000
    warnings.simplefilter("ignore")
    results = {}
    for name, rows, n_components in problems():
        for family in FAMILIES if rows is not None else []:
            results[f"{name}, {family}"] = measure(rows, n_components, family, passes)
    summary = {}
    for way in WAYS[1:]:
        pairs = [(r["none"]["to_1e-6"], r[way]["to_1e-6"]) for r in results.values()]
        ratios = [plain / mine for plain, mine in pairs if plain and mine]
        summary[way] = {
            "median_of_passes_saved": statistics.median(ratios),
            "least": min(ratios),
            "most": max(ratios),
            "at_the_stop": {
                "median_of_passes_saved": statistics.median(
                    r["none"]["stopped"] / r[way]["stopped"]
                    for r in results.values()
                    if r["none"]["stopped"] and r[way]["stopped"]
                ),
                "most_left": max(r[way]["left"] or 0.0 for r in results.values()),
            },
            "ended_lower": sum(r[way]["end"] < -WITHIN for r in results.values()),
            "ended_higher": sum(r[way]["end"] > WITHIN for r in results.values()),
        }
    print(json.dumps({"within": WITHIN, "tol": TOL, "summary": summary, "problems": results}))


if __name__ == "__main__":
    main()
