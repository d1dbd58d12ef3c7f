"""Imputation: how near, how well spread, how well covered and how quick, beside other programs.

``python benchmarks/imputation.py`` prints one JSON object; ``--show RECORD`` shows one as Markdown
tables. The sets are complete tables of a folder (``--data``), of which at most 500 rows are taken.
Numbers are taken out by three mechanisms: at random (MCAR); by a logistic function of columns that
stay complete (MAR, a third of them); and by one of the number itself (MNAR). Columns are in units
of their standard deviation in the complete table.

- *NRMSE* of the mean, over the numbers that were taken out;
- *CRPS* of draws, by its unbiased estimate; of a program that gives one number, its distance;
- *energy* distance between the rows that had gaps, filled in, and the same rows complete; the mean
  over draws;
- *coverage* of 90 % intervals: of a mixture its own, of draws the range between their quantiles;
- *seconds* of the processor, of all threads together, for the fit and all draws.

Peers that are not there are skipped, and the record says so. missForest has two versions in Python:
scikit-learn's ``IterativeImputer`` with extremely randomised trees, and that of HyperImpute, which
is measured beside HyperImpute itself where ``--hyperimpute`` names an interpreter that has it, as
made by ``python -m venv .venv-peers/hyperimpute`` and ``pip install hyperimpute`` there (about 2 GB
of libraries). missForest's own package for R is not measured: it is on CRAN alone.

``large`` has all rows of one table. ``gain`` follows the protocol of GAIN: columns between 0 and 1,
a fifth missing at random, and the RMSE of the numbers taken out; a mixture is fitted to all rows.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from time import process_time

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import expit
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mixtura import GaussianMixtureImputer

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "missing"
WORKER = Path(__file__).resolve().parent / "peers" / "with_mice.R"
MOST = 500
DRAWS = 10
FEW_DRAWS = 5
MECHANISMS = ("MCAR", "MAR", "MNAR")
RATES = (0.1, 0.3, 0.5)
HYPERIMPUTE = Path(__file__).resolve().parents[1] / ".venv-peers" / "hyperimpute" / "bin" / "python"
TREES = Path(__file__).resolve().parent / "peers" / "with_hyperimpute.py"
SLOW = ("mice rf", "missForest", "missForest of HyperImpute", "HyperImpute")
"""Programs that are measured at one rate only."""
SLOW_RATE = 0.3

SETS = {
    "boston": ("boston_complete.csv", ","),
    "windspeed": ("windspeed_complete_mice.csv", ","),
    "concrete": ("uci_concrete_complete.txt", None),
    "energy": ("uci_energy_complete.txt", None),
    "kin8nm": ("uci_kin8nm_complete.txt", None),
    "power plant": ("uci_power-plant_complete.txt", None),
    "wine": ("uci_wine-quality-red_complete.txt", None),
    "yacht": ("uci_yacht_complete.txt", None),
}
GAIN = {"letter": "gain_letter_complete.csv", "spam": "gain_spam_complete.csv"}


def table(path, delimiter):
    """A file of numbers; a first line or column of names is left out."""
    with open(path) as file:
        first = file.readline()
    try:
        [float(word) for word in first.replace(",", " ").split()]
        skipped = 0
    except ValueError:
        skipped = 1
    rows = np.genfromtxt(path, delimiter=delimiter, skip_header=skipped)
    number = np.array_equal(rows[:, 0], np.arange(1, len(rows) + 1))
    rows = rows[:, 1:] if number else rows
    return rows[:, ~np.isnan(rows).any(axis=0) & (rows.std(axis=0) > 0)]


def level(scores, rate):
    """What to add to scores so that their logistic function is a rate on average."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if expit(scores + middle).mean() < rate else (low, middle)
    return low


def mask(x, mechanism, rate, rng):
    """Which numbers are taken out."""
    n, d = x.shape
    if mechanism == "MCAR":
        return rng.random(x.shape) < rate
    z = StandardScaler().fit_transform(x)
    out = np.zeros(x.shape, dtype=bool)
    stay = rng.permutation(d)[: max(1, d // 3)] if mechanism == "MAR" else []
    for j in np.setdiff1d(np.arange(d), stay):
        if mechanism == "MAR":
            scores = z[:, stay] @ rng.normal(size=len(stay))
            scores /= scores.std()
        else:
            scores = 1.5 * z[:, j]
        out[:, j] = rng.random(n) < expit(scores + level(scores, rate))
    return out


def energy(a, b):
    """The energy distance of two tables."""
    return 2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()


def scored(x, out, mean, draws, span, seconds):
    """The numbers of one program, given columns in units of their deviation."""
    truth = x[out]
    errors = mean[out] - truth
    rows = out.any(axis=1)
    found = {"nrmse": float(np.sqrt((errors**2).mean())), "seconds": seconds}
    if draws is None:
        found["crps"] = float(np.abs(errors).mean())
        found["energy"] = float(energy(mean[rows], x[rows]))
        return found
    each = np.stack([draw[out] for draw in draws])
    m = len(each)
    order = np.sort(each, axis=0)
    between = ((2 * np.arange(m) - m + 1)[:, None] * order).sum(axis=0) / (m * (m - 1))
    found["crps"] = float((np.abs(each - truth).mean(axis=0) - between).mean())
    found["energy"] = float(np.mean([energy(draw[rows], x[rows]) for draw in draws]))
    low, high = span if span is not None else np.quantile(each, [0.05, 0.95], axis=0)
    found["coverage"] = float(((low <= truth) & (truth <= high)).mean())
    return found


def with_mixture(gaps, out, proper=False, **options):
    """Ours: draws from one fit, or from as many refits."""
    began = process_time()
    options = {"strategy": "draw", "random_state": 0} | options
    model = GaussianMixtureImputer(n_imputations=DRAWS if proper else 1, **options).fit(gaps)
    draws = model.impute(gaps) if proper else [model.transform(gaps) for _ in range(DRAWS)]
    seconds = process_time() - began
    mean = model.set_params(strategy="mean").transform(gaps)
    span = model.interval(gaps, 0.9)
    found = {"components": model.n_components_, "family": model.covariance_type_}
    return mean, draws, (span.low[out], span.high[out]), seconds, found


def with_ridge(gaps):
    began = process_time()
    draws = [
        IterativeImputer(sample_posterior=True, random_state=i).fit_transform(gaps)
        for i in range(DRAWS)
    ]
    return np.mean(draws, axis=0), draws, None, process_time() - began


def with_neighbours(gaps):
    began = process_time()
    mean = KNNImputer().fit_transform(gaps)
    return mean, None, None, process_time() - began


def with_forest(gaps):
    trees = ExtraTreesRegressor(n_estimators=50, random_state=0)
    began = process_time()
    mean = IterativeImputer(trees, max_iter=5, random_state=0).fit_transform(gaps)
    return mean, None, None, process_time() - began


def with_mice(gaps, method, m):
    """R's mice; None where it is not there or fails."""
    program = shutil.which("Rscript")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(Path(folder) / "rows.csv", gaps, delimiter=",", fmt="%.17g")
        done = subprocess.run(
            [program, WORKER, folder, method, str(m)], capture_output=True, text=True
        )
        if done.returncode:
            return None
        seconds = json.loads(done.stdout.splitlines()[-1])["seconds"]
        draws = [
            np.genfromtxt(Path(folder) / f"draw{i}.csv", delimiter=",") for i in range(1, m + 1)
        ]
    if any(np.isnan(draw).any() for draw in draws):  # it leaves out columns that others tell
        return None
    return np.mean(draws, axis=0), draws, None, seconds


def with_hyperimpute(gaps, method, interpreter):
    """HyperImpute or one of its parts; None where it is not there or fails."""
    if not interpreter.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(Path(folder) / "rows.csv", gaps, delimiter=",", fmt="%.17g")
        asked = [str(interpreter), TREES, folder, method]
        done = subprocess.run(asked, capture_output=True, text=True)
        if done.returncode:
            return None
        seconds = json.loads(done.stdout.splitlines()[-1])["seconds"]
        mean = np.genfromtxt(Path(folder) / "draw1.csv", delimiter=",")
    return mean, None, None, seconds


def case(x, mechanism, rate, seed, quick, interpreter=HYPERIMPUTE):
    """All programs on one table with gaps."""
    rng = np.random.default_rng(seed)
    out = mask(x, mechanism, rate, rng)
    gaps = np.where(out, np.nan, x)
    keep = ~np.isnan(gaps).all(axis=1)
    x, out, gaps = x[keep], out[keep], gaps[keep]
    slow = rate == SLOW_RATE and not quick
    programs = {
        "mixtura": lambda: with_mixture(gaps, out),
        "mixtura, empirical": lambda: with_mixture(gaps, out, marginal="empirical"),
        "mixtura, empirical, refitted": lambda: with_mixture(
            gaps, out, proper=True, marginal="empirical"
        ),
        "IterativeImputer": lambda: with_ridge(gaps),
        "KNNImputer": lambda: with_neighbours(gaps),
        "mice pmm": lambda: with_mice(gaps, "pmm", DRAWS),
        "mice rf": lambda: with_mice(gaps, "rf", FEW_DRAWS) if slow else None,
        "missForest": lambda: with_forest(gaps) if slow else None,
        "missForest of HyperImpute": lambda: (
            with_hyperimpute(gaps, "missforest", interpreter) if slow else None
        ),
        "HyperImpute": lambda: with_hyperimpute(gaps, "hyperimpute", interpreter) if slow else None,
    }
    found = {}
    for name, program in programs.items():
        made = program()
        if made is not None:
            found[name] = scored(x, out, *made[:4]) | (made[4] if len(made) > 4 else {})
    return found


def large(path, delimiter):
    """All rows of a table of thousands, 30 % missing at random: quality and seconds."""
    x = StandardScaler().fit_transform(table(path, delimiter))
    out = mask(x, "MCAR", 0.3, np.random.default_rng(0))
    out[out.all(axis=1), 0] = False
    gaps = np.where(out, np.nan, x)
    some = np.random.default_rng(1).choice(len(x), MOST, replace=False)  # for energy distances
    found = {"rows": len(x), "features": x.shape[1]}
    for name, program in {
        "mixtura": lambda: with_mixture(gaps, out),
        "mixtura, refitted": lambda: with_mixture(gaps, out, proper=True),
        "mice pmm": lambda: with_mice(gaps, "pmm", DRAWS),
        "mice rf": lambda: with_mice(gaps, "rf", FEW_DRAWS),
    }.items():
        made = program()
        if made is not None:
            mean, draws, span, seconds = made[:4]
            inside = None
            if span is not None:
                wide = [np.full(x.shape, np.nan) for _ in span]
                for end, values in zip(wide, span, strict=True):
                    end[out] = values
                inside = [end[some][out[some]] for end in wide]
            draws = [draw[some] for draw in draws]
            found[name] = scored(x[some], out[some], mean[some], draws, inside, seconds)
    return found


def gain(path, seed=0):
    """The protocol of GAIN on one table."""
    x = table(path, ",")
    x = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
    out = np.random.default_rng(seed).random(x.shape) < 0.2
    gaps = np.where(out, np.nan, x)
    began = process_time()
    model = GaussianMixtureImputer(random_state=0).fit(gaps)
    filled = model.transform(gaps)
    return {
        "rows": len(x),
        "features": x.shape[1],
        "rmse": float(np.sqrt(((filled - x)[out] ** 2).mean())),
        "seconds": process_time() - began,
        "components": model.n_components_,
        "family": model.covariance_type_,
    }


MEASURES = ("nrmse", "crps", "energy", "coverage", "seconds")


def of_mechanisms(results, names):
    """CRPS and coverage by how numbers came to be missing, as a table."""
    yield "| program | " + " | ".join(f"{m}, CRPS and coverage" for m in MECHANISMS) + " |"
    yield "|---|" + "---|" * len(MECHANISMS)
    for name in names:
        each = [means([r for r in results if r["mechanism"] == m], name) for m in MECHANISMS]
        if any(found["coverage"] is None for found in each):
            continue
        words = [f"{found['crps']:.3f}, {found['coverage']:.3f}" for found in each]
        yield f"| {name} | " + " | ".join(words) + " |"


def means(results, name, slow=False):
    """Each measure of a program, averaged; with ``slow`` over what slow ones are measured on."""
    each = [
        result[name]
        for result in results
        if name in result and (not slow or result["rate"] == SLOW_RATE)
    ]
    found = {}
    for measure in MEASURES:
        values = [one[measure] for one in each if measure in one]
        found[measure] = float(np.mean(values)) if values else None
    return found


def rank(results, name, measure, others):
    """Of the programs measured, the place of one by the mean over cases that all of them share."""
    shared = [r for r in results if name in r and all(other in r for other in others)]
    mine = np.mean([r[name][measure] for r in shared])
    return 1 + sum(np.mean([r[other][measure] for r in shared]) < mine for other in others)


def cells(name, found):
    """A row of a table."""
    values = ["—" if found[m] is None else f"{found[m]:.3g}" for m in MEASURES]
    return f"| {name} | " + " | ".join(values) + " |"


def shown(record):
    """A record as Markdown: all rates for most programs, one rate for all, and places by set."""
    results = record["results"]
    names = [name for name in results[0] if isinstance(results[0][name], dict)]
    slow = [r for r in results if r["rate"] == SLOW_RATE]
    every = list(dict.fromkeys(n for r in slow for n in r if isinstance(r[n], dict)))
    head = "| program | NRMSE | CRPS | energy | coverage | seconds |"
    for title, which, some in (
        ("all rates", results, [n for n in names if n not in SLOW]),
        (f"{SLOW_RATE:.0%} missing", slow, every),
    ):
        yield from ("", f"{title}, {len(which)} cases:", "", head, "|---|---|---|---|---|---|")
        yield from (cells(name, means(which, name)) for name in some)
    yield from ("", "by mechanism, all rates:", "")
    yield from of_mechanisms(results, [n for n in names if n not in SLOW])
    ours = [name for name in names if name.startswith("mixtura")]
    yield from ("", "places by set, CRPS and energy:", "")
    yield "| set | " + " | ".join(ours) + " |"
    yield "|---|" + "---|" * len(ours)
    for one in dict.fromkeys(r["set"] for r in results):
        mine = [r for r in slow if r["set"] == one] or [r for r in results if r["set"] == one]
        peers = {n for r in mine for n in r if isinstance(r[n], dict)} - {*ours}
        places = [
            ", ".join(str(rank(mine, name, measure, peers)) for measure in ("crps", "energy"))
            for name in ours
        ]
        yield f"| {one} | " + " | ".join(places) + " |"
    for name, found in record.get("large", {}).items():
        yield from ("", f"{name}, all {found['rows']} rows, 30 % missing at random:", "")
        yield from (head, "|---|---|---|---|---|---|")
        yield from (cells(n, v) for n, v in found.items() if isinstance(v, dict))
    yield from ("", *(f"GAIN, {name}: {found}" for name, found in record["gain"].items()))


def absent(interpreter):
    """Why some peers were not measured."""
    found = {}
    if shutil.which("Rscript") is None:
        found["mice"] = "there is no Rscript"
    if not interpreter.exists():
        found["HyperImpute"] = f"there is no {interpreter.name} with it: see --hyperimpute"
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one repeat, without slow programs")
    parser.add_argument("--sets", nargs="*", default=[*SETS])
    parser.add_argument("--hyperimpute", type=Path, default=HYPERIMPUTE, metavar="PYTHON")
    parser.add_argument("--show", type=Path, help="a record, shown as tables")
    asked = parser.parse_args()
    if asked.show is not None:
        print("\n".join(shown(json.loads(asked.show.read_text(encoding="utf-8")))))
        return
    threadpool_limits(1)
    warnings.simplefilter("ignore")
    if not asked.data.is_dir():
        print(json.dumps({"skipped": f"there is no folder {asked.data}"}))
        return
    results = []
    for name in asked.sets:
        x = table(asked.data / SETS[name][0], SETS[name][1])
        rng = np.random.default_rng(0)
        x = x[np.sort(rng.choice(len(x), min(len(x), MOST), replace=False))]
        x = StandardScaler().fit_transform(x[:, x.std(axis=0) > 0])
        for mechanism in MECHANISMS:
            for rate in RATES:
                for seed in range(1 if asked.quick else asked.repeats):
                    found = case(x, mechanism, rate, seed, asked.quick, asked.hyperimpute)
                    which = {"set": name, "mechanism": mechanism, "rate": rate, "seed": seed}
                    results.append(which | {"rows": len(x), "features": x.shape[1], **found})
    record = {"results": results, "gain": {}, "absent": absent(asked.hyperimpute)}
    record["large"] = {
        name: large(asked.data / SETS[name][0], SETS[name][1])
        for name in ("power plant",)
        if name in asked.sets and not asked.quick
    }
    record["gain"] = {name: gain(asked.data / file) for name, file in GAIN.items()}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
