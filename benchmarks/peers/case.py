"""Make the folder of a case: rows, the start, and the means that mixtura finds from it.

``python case.py folder n D K family dtype iterations...``. The rows are blobs that overlap; the
start is near the truth, so that no component collapses and no regulariser is needed.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

from mixtura import GaussianMixture

VARIANCE = 1.2
"""Of the start in every direction; that of the blobs is one."""


def blobs(n_rows, n_features, n_components, rng):
    """Rows about centres that are some four standard deviations apart; and the centres."""
    centres = 3.0 / np.sqrt(n_features) * rng.standard_normal((n_components, n_features))
    rows = rng.standard_normal((n_rows, n_features))
    rows += centres[rng.integers(n_components, size=n_rows)]
    return rows, centres


def make(folder, n_rows, n_features, n_components, family, dtype, turns):
    """Write the case."""
    rng = np.random.default_rng(0)
    rows, centres = blobs(n_rows, n_features, n_components, rng)
    rows = rows.astype(dtype)
    means = centres + 0.3 / np.sqrt(n_features) * rng.standard_normal(centres.shape)
    weights = np.full(n_components, 1.0 / n_components)
    covariances = np.repeat(VARIANCE * np.eye(n_features)[None], n_components, axis=0)
    precisions = {
        "full": np.linalg.inv(covariances),
        "tied": np.eye(n_features) / VARIANCE,
        "diag": np.full((n_components, n_features), 1.0 / VARIANCE),
        "spherical": np.full(n_components, 1.0 / VARIANCE),
    }[family]
    options = {
        "covariance_type": family,
        "weights_init": weights,
        "means_init": means,
        "precisions_init": precisions,
        "tol": 0.0,
        "reg_covar": 0.0,
        "accelerate": "none",
    }
    exact = rows.astype(np.float64)
    models = {n: GaussianMixture(n_components, max_iter=n, **options).fit(exact) for n in turns}
    start = GaussianMixture(n_components, max_iter=0, **options).fit(exact)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "columns.npy", np.asfortranarray(rows))
    np.save(folder / "posteriors.npy", start.predict_proba(exact))
    np.save(folder / "weights.npy", weights)
    np.save(folder / "means.npy", means)
    np.save(folder / "covariances.npy", covariances)
    (folder / "case.txt").write_text(
        f"{n_rows} {n_features} {n_components} {family} {dtype}\n", encoding="utf-8"
    )
    reference = {
        "means": {n: model.means_.tolist() for n, model in models.items()},
        "spread": exact.std(axis=0).tolist(),
    }
    (folder / "reference.json").write_text(json.dumps(reference), encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # none converges: the iterations are counted
    folder, n_rows, n_features, n_components, family, dtype, *turns = sys.argv[1:]
    sizes = (int(n_rows), int(n_features), int(n_components))
    make(Path(folder), *sizes, family, dtype, [int(n) for n in turns])
