"""Missing values: seconds of a pass against a textbook, MGMM and complete rows; and a long fit.

``python benchmarks/missing.py`` prints one JSON object. Rows are of Gaussians that overlap, and
numbers are taken out at random, each with the same probability. ``textbook`` makes an E-step row by
row and component by component in NumPy, as books have it; MGMM is the R package, if the system has
it; all begin with the same mixture. Seconds of a pass are the least of all passes of a fit; for
MGMM those by which fits of 9 and of 1 iterations differ, over 8. ``complete`` compares passes over
the same rows before and after a tenth of the numbers is taken out. ``fit`` is a whole fit with the
defaults, begun without a start.
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
from scipy.special import logsumexp

from mixtura import GaussianMixture, Mixture
from mixtura.engines.memory import available_threads

WORKER = Path(__file__).resolve().parent / "peers" / "with_mgmm.R"


def drawn(n_rows, n_features, n_components, missing):
    """A mixture, rows of it, and the same rows with gaps."""
    rng = np.random.default_rng(0)
    shape = (n_components, n_features, n_features)
    factors = rng.standard_normal(shape)
    matrices = factors @ np.swapaxes(factors, 1, 2) / n_features + 0.3 * np.eye(n_features)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    truth = Mixture.of(weights, 1.5 * rng.standard_normal(shape[:2]), matrices)
    rows = truth.sample(n_rows, rng)[0]
    with_gaps = rows.copy()
    with_gaps[rng.random(rows.shape) < missing] = np.nan
    return truth, rows, with_gaps


def passes(x, start, number):
    """The least seconds of a pass, and the log-likelihood at the first of them."""
    model = GaussianMixture(
        start.n_components,
        init_params=lambda *_: start,
        accelerate="none",
        tol=0.0,
        max_iter=number,
        reg_covar=0.0,
    ).fit(x)
    return min(record.seconds for record in model.history_), model.history_[0].objective


def textbook(x, start):
    """The log-likelihood of an E-step row by row; the statistics go with it."""
    k, d = start.means.shape
    counts, sums, products, total = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)), 0.0
    for row in x:
        o = ~np.isnan(row)
        m = ~o
        joint, parts = np.empty(k), []
        for j in range(k):
            sigma, away = start.covariances[j], row[o] - start.means[j, o]
            solved = np.linalg.solve(sigma[np.ix_(o, o)], np.column_stack([away, sigma[o][:, m]]))
            volume = np.linalg.slogdet(2.0 * np.pi * sigma[np.ix_(o, o)])[1]
            joint[j] = np.log(start.weights[j]) - 0.5 * (away @ solved[:, 0] + volume)
            filled = row.copy()
            filled[m] = start.means[j, m] + sigma[m][:, o] @ solved[:, 0]
            parts.append((filled, sigma[np.ix_(m, m)] - sigma[m][:, o] @ solved[:, 1:]))
        density = logsumexp(joint)
        total += density
        for j, r in enumerate(np.exp(joint - density)):
            filled, left = parts[j]
            counts[j] += r
            sums[j] += r * filled
            products[j] += r * np.outer(filled, filled)
            products[j][np.ix_(m, m)] += r * left
    return total


def against_textbook(size, missing):
    """A pass row by row, and ours, over the same rows."""
    truth, _, x = drawn(*size, missing)
    x = x[~np.isnan(x).all(axis=1)]
    ours, likelihood = passes(x, truth, 10)
    began = perf_counter()
    theirs_likelihood = textbook(x, truth)
    theirs = perf_counter() - began
    return {
        **sized(size, missing),
        "seconds_a_pass": ours,
        "textbook_seconds_a_pass": theirs,
        "times_as_fast": theirs / ours,
        "likelihood_differs_by": abs(theirs_likelihood / len(x) - likelihood),
    }


def against_mgmm(size, missing):
    """A pass of MGMM, and ours, over the same rows; or why it was not measured."""
    program = shutil.which("Rscript")
    if program is None:
        return {"skipped": "there is no R"}
    if subprocess.run([program, "-e", "library(MGMM)"], capture_output=True).returncode:
        return {"skipped": "R has no MGMM"}
    truth, _, x = drawn(*size, missing)
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (
            ("rows", x),
            ("weights", truth.weights[:, None]),
            ("means", truth.means),
            ("covariances", truth.covariances.reshape(truth.n_components, -1)),
        ):
            np.savetxt(Path(folder) / f"{name}.csv", array, delimiter=",", fmt="%.17g")
        done = subprocess.run([program, WORKER, folder, "1", "9"], capture_output=True, text=True)
    if done.returncode:
        return {"skipped": f"MGMM failed: {done.stderr.strip()[-200:]}"}
    found = json.loads(done.stdout.splitlines()[-1])
    theirs = (found["seconds"][1] - found["seconds"][0]) / 8
    ours = passes(x, truth, 10)[0]
    return {
        **sized(size, missing),
        "version": found["version"],
        "seconds_a_pass": ours,
        "mgmm_seconds_a_pass": theirs,
        "times_as_fast": theirs / ours,
    }


def against_complete(size, missing):
    """A pass over rows with gaps and one over the same rows without, in turns."""
    truth, rows, x = drawn(*size, missing)
    each = [(passes(rows, truth, 5)[0], passes(x, truth, 5)[0]) for _ in range(3)]
    complete, with_gaps = (min(seconds) for seconds in zip(*each, strict=True))
    return {
        **sized(size, missing),
        "complete_seconds_a_pass": complete,
        "seconds_a_pass": with_gaps,
        "times_as_long": with_gaps / complete,
    }


def whole_fit(size, missing):
    """A fit from nothing."""
    truth, _, x = drawn(*size, missing)
    began = perf_counter()
    model = GaussianMixture(size[2], random_state=0).fit(x)
    return {
        **sized(size, missing),
        "seconds": perf_counter() - began,
        "passes": model.n_iter_,
        "converged": model.converged_,
        "likelihood": model.score(x),
        "likelihood_of_truth": GaussianMixture.from_mixture(truth).score(x),
    }


def sized(size, missing):
    return dict(zip(("rows", "features", "components"), size, strict=True)) | {"missing": missing}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")  # that a fit used all its iterations
    few, many, more = (500, 20_000, 20_000) if quick else (20_000, 500_000, 1_000_000)
    passes(drawn(500, 3, 2, 0.3)[2], drawn(500, 3, 2, 0.3)[0], 2)  # compiles
    found = {
        "textbook": [
            against_textbook((few, d, 5), missing)
            for d, missing in ((5, 0.2), (10, 0.1), (20, 0.2), (20, 0.6))
        ],
        "mgmm": [
            against_mgmm((min(few, 2_000), d, 5), missing)
            for d, missing in ((5, 0.2), (10, 0.1), (20, 0.2))
        ],
        "complete": against_complete((many, 10, 10), 0.1),
        "fit": whole_fit((more, 20, 10), 0.2),
    }
    print(json.dumps({"threads": available_threads(), **found}))


if __name__ == "__main__":
    main()
