"""Very many components: seconds a pass and the likelihood reached, exact and truncated.

``python benchmarks/truncation.py`` prints one JSON object. Rows are drawn from as many Gaussians as
are fitted, and all fits begin with the same mixture, centred on rows drawn at random, and make the
same number of passes. Seconds of a pass are the least of all passes of a fit; ``seconds`` are those
of the whole fit, with the search of the first neighbours and, at the end, the gap. ``bound`` is the
objective without the penalty at the last pass; ``gap`` is the log-likelihood of the end less its
bound; ``likelihood`` is exact for all; all in nats per row.
"""

import argparse
import json
import warnings
from time import perf_counter

import numpy as np

from mixtura import GaussianMixture, Mixture, Truncation
from mixtura.engines.memory import available_threads

WAYS = {
    "exact": None,
    "5 kept, 15 neighbours": Truncation(5, 15),
    "5 kept, 25 neighbours": Truncation(5, 25),
    "8 kept, 20 neighbours": Truncation(8, 20),
}


def drawn(n_rows, n_features, n_components):
    """Rows of Gaussians of different sizes and weights that overlap."""
    rng = np.random.default_rng(0)
    truth = Mixture.of(
        rng.dirichlet(np.full(n_components, 5.0)),
        2.0 * rng.standard_normal((n_components, n_features)),
        0.5 * np.exp(rng.uniform(-0.7, 0.7, (n_components, n_features))),
        family="diag",
    )
    return truth.sample(n_rows, rng)[0]


def start(family):
    """Components centred on rows drawn at random, all of the same shape."""

    def begin(x, n_components, random_state):
        rows = x[random_state.choice(len(x), n_components, replace=False)]
        narrow = x.var(axis=0) * n_components ** (-2.0 / x.shape[1])
        shape = np.diag(narrow) if family == "full" else narrow
        values = np.repeat(shape[None], n_components, axis=0)
        weights = np.full(n_components, 1.0 / n_components)
        return Mixture.of(weights, rows, values, family=family)

    return begin


def fitted(x, n_components, family, passes, truncation):
    """One fit."""
    model = GaussianMixture(
        n_components,
        covariance_type=family,
        init_params=start(family),
        tol=0,
        accelerate="none",
        max_iter=passes,
        random_state=0,
        reg_covar=1e-6,
        truncation=truncation,
    )
    began = perf_counter()
    model.fit(x)
    return {
        "seconds": perf_counter() - began,
        "seconds_a_pass": min(record.seconds for record in model.history_),
        "bound": model.lower_bound_,
        "likelihood": model.score(x),
        "gap": getattr(model, "truncation_gap_", 0.0),
    }


def measure(n_rows, n_features, n_components, family, passes):
    """All ways on the same rows."""
    x = drawn(n_rows, n_features, n_components)
    for truncation in WAYS.values():  # compiles
        fitted(x[: 4 * n_components], n_components, family, 2, truncation)
    found = {
        name: fitted(x, n_components, family, passes, truncation)
        for name, truncation in WAYS.items()
    }
    exact = found["exact"]
    for result in found.values():
        result["times_as_fast_a_pass"] = exact["seconds_a_pass"] / result["seconds_a_pass"]
        result["likelihood_lost"] = exact["likelihood"] - result["likelihood"]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows and components")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")  # that a fit used all its iterations
    size = (10_000, 8, 200) if quick else (100_000, 8, 1_000)
    passes = 10 if quick else 30
    results = {family: measure(*size, family, passes) for family in ("diag", "full")}
    shape = dict(zip(("rows", "features", "components"), size, strict=True))
    print(
        json.dumps({**shape, "passes": passes, "threads": available_threads(), "families": results})
    )


if __name__ == "__main__":
    main()
