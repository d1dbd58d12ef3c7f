"""Standard errors by mclust's bootstrap, which mclust_bootstrap.R recorded.

Both are simulations: their ratio has an error of its own, and so has the tolerance.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from mixtura import GaussianMixture
from tests.oracles.tables import table

RECORDED = json.loads(Path(__file__).with_name("mclust_bootstrap.json").read_text(encoding="utf-8"))
FAMILY = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
METHOD = {"bs": "bootstrap", "wlbs": "weighted", "pb": "parametric"}
N_BOOT = 400


def rows_of(name):
    return np.array(RECORDED["simulated"]) if name == "simulated" else table(name)


def label(fit):
    return f"{fit['data']} {fit['model']},{fit['n_components']} {fit['type']}"


@pytest.mark.parametrize("fit", RECORDED["fits"], ids=label)
def test_standard_errors_are_mclusts(fit):
    x, k = rows_of(fit["data"]), fit["n_components"]
    model = GaussianMixture(
        k,
        covariance_type=FAMILY[fit["model"]],
        init_params=np.array(fit["labels"]),
        reg_covar=0.0,
        tol=1e-10,
        max_iter=20_000,
    ).fit(x)
    np.testing.assert_allclose(model.means_, fit["means"], atol=1e-3)
    found = model.intervals(x, method=METHOD[fit["type"]], n_boot=N_BOOT, random_state=0, level=0.9)
    # The standard deviation of a standard error from B normal draws is (2 B)^-½ of it; tails are
    # longer than the normal's, more so for variances.
    tolerance = 4.5 * np.sqrt(1 / (2 * N_BOOT) + 1 / (2 * fit["n_boot"]))
    means = found.of(parameter="mean").standard_error.reshape(k, -1)
    np.testing.assert_allclose(means / np.array(fit["means_se"]), 1.0, atol=1.3 * tolerance)
    weights = found.of(parameter="weight")
    np.testing.assert_allclose(
        weights.standard_error / np.array(fit["weights_se"]), 1.0, atol=1.3 * tolerance
    )
    kinds = np.array([name.partition("[")[0] for name in found.parameter])
    for row in np.flatnonzero(np.isin(kinds, ["variance", "covariance"])):
        component = max(int(found.component[row]), 0)
        within = found.parameter[row].partition("[")[2].rstrip("]").split(", ")
        i, j = (0, 0) if within == [""] else (int(within[0]), int(within[-1]))
        expected = fit["covariances_se"][component][i][j]
        np.testing.assert_allclose(found.standard_error[row] / expected, 1.0, atol=2.0 * tolerance)
    ends = np.array(fit["weights_ci"])  # (2, K)
    error = np.array(fit["weights_se"])
    # A 5 % percentile of B draws has an error of about 2.1 standard errors over root B.
    apart = np.abs(np.array([weights.lower, weights.upper]) - ends) / error
    assert apart.max() < 4.5 * 2.1 * np.sqrt(1 / N_BOOT + 1 / fit["n_boot"])
