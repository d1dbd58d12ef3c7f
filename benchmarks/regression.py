"""Regression by conditioning against gmr, Gaussian processes and linear regression.

``python benchmarks/regression.py`` prints one JSON object. Of each set at most ``--rows`` rows are
drawn, and every way predicts each fifth of them from the others: root mean squared error over the
standard deviation of what is predicted; log score, the mean log density of what came, in nats, with
the target in standard deviations; coverage, the share inside the interval of 90 %; and the seconds
of all five fits and predictions. gmr gets as many components as mixtura chose. Columns are in
standard deviations. ``missing`` takes a fifth of the inputs away, and others fill them by means of
columns.
"""

import argparse
import importlib
import json
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold

from mixtura import GaussianMixtureRegressor
from mixtura.engines.memory import available_threads
from public.sets import DATA, NUMBERS, numbers, some

LEVELS = [0.05, 0.95]


def by_mixtura(x, y, new, truth, _):
    """Ours: the mean, log densities, and intervals."""
    model = GaussianMixtureRegressor(random_state=0).fit(x, y)
    mean = model.predict(new)
    log_density = model.predict_distribution(new).log_density(truth[:, None])
    return mean, log_density, model.predict_quantile(new, LEVELS), model.n_components_


def normally(mean, std, truth):
    """What a Gaussian says."""
    ends = mean[:, None] + np.outer(std, norm.ppf(LEVELS))
    return mean, norm.logpdf(truth, mean, std), ends, None


def by_linear_regression(x, y, new, truth, _):
    """Its residuals as one Gaussian."""
    model = LinearRegression().fit(x, y)
    left = y - model.predict(x)
    std = np.sqrt((left**2).sum() / max(len(y) - x.shape[1] - 1, 1))
    return normally(model.predict(new), np.full(len(new), std), truth)


def by_gaussian_process(x, y, new, truth, _):
    """A squared exponential with a width for each column, and noise."""
    kernel = 1.0 * RBF(np.ones(x.shape[1])) + WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(x, y)
    return normally(*model.predict(new, return_std=True), truth)


def by_gmr(x, y, new, truth, k):
    """gmr has means of many rows, and densities of one row at a time."""
    gmr = importlib.import_module("gmr")
    model = gmr.GMM(n_components=k, random_state=0)
    model.from_samples(np.column_stack([x, y]), init_params="kmeans++", n_iter=300)
    index = np.arange(x.shape[1])
    mean = model.predict(index, new)[:, 0]
    found = []
    for row, value in zip(new, truth, strict=True):
        given = model.condition(index, row)
        found.append(given.to_probability_density(np.array([[value]]))[0])
    return mean, np.log(np.maximum(found, 1e-300)), None, k


WAYS = {
    "mixtura": by_mixtura,
    "gmr": by_gmr,
    "linear regression": by_linear_regression,
    "Gaussian process": by_gaussian_process,
}


def measure(x, y, way, ks):
    """One way on all folds; what each chose."""
    errors, scores, inside, chosen, seconds = [], [], [], [], 0.0
    for number, (train, test) in enumerate(KFold(5, shuffle=True, random_state=0).split(x)):
        filled = SimpleImputer().fit(x[train])
        centre, width = np.nanmean(x[train], axis=0), np.nanstd(x[train], axis=0)
        width = np.where(width > 0, width, 1.0)
        middle, unit = y[train].mean(), y[train].std()
        rows = [(part - centre) / width for part in (x[train], x[test])]
        if way is not by_mixtura and np.isnan(x).any():
            rows = [(filled.transform(x[part]) - centre) / width for part in (train, test)]
        targets = [(y[part] - middle) / unit for part in (train, test)]
        began = perf_counter()
        mean, log_density, ends, k = way(rows[0], targets[0], rows[1], targets[1], ks[number])
        seconds += perf_counter() - began
        errors.append((mean - targets[1]) ** 2)
        scores.append(log_density)
        if ends is not None:
            inside.append((ends[:, 0] <= targets[1]) & (targets[1] <= ends[:, 1]))
        chosen.append(k)
    return {
        "error": float(np.sqrt(np.concatenate(errors).mean())),
        "log_score": float(np.concatenate(scores).mean()),
        "coverage": float(np.concatenate(inside).mean()) if inside else None,
        "seconds": seconds,
    }, chosen


def compared(x, y, ways):
    """All ways on the same rows."""
    found, ks = {}, [None] * 5
    for name, way in ways.items():
        try:
            found[name], chosen = measure(x, y, way, ks)
        except ImportError as error:
            found[name] = {"skipped": f"{error.name} is not installed"}
        else:
            ks = chosen if name == "mixtura" else ks
    return {"rows": len(x), "features": x.shape[1], "components": ks, "ways": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the sets")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    n = 200 if args.quick else args.rows
    by_mixtura(*(a[:50] for a in numbers("waves")), numbers("waves")[0][:9], np.ones(9), None)
    results, missing = {}, {}
    for name in ["waves", *NUMBERS]:
        read = numbers(name, args.data)
        if read is None:
            results[name] = {"skipped": "the file is not there"}
            continue
        x, y = some(*read, n)
        results[name] = compared(x, y, WAYS)
        x = np.where(rng.random(x.shape) < 0.2, np.nan, x)
        two = {way: WAYS[way] for way in ("mixtura", "linear regression")}
        missing[name] = compared(x, y, two)
    print(json.dumps({"threads": available_threads(), "sets": results, "missing": missing}))


if __name__ == "__main__":
    main()
