"""The bound that both are measured by."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sklearn.mixture

from mixtura import BayesianGaussianMixture
from tests.estimators.test_bayes import groups, left_out

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def bayes(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("bayes", "likelihood"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module("bayes")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("iterations", [3, 1000])
def test_scikit_learns_bound_is_its_own_and_what_two_passes_add(bayes, iterations):
    x = groups(d=2, apart=1.5)
    options = bayes.priors(x, 4) | {"n_components": 4, "max_iter": iterations, "random_state": 0}
    theirs = sklearn.mixture.BayesianGaussianMixture(**options).fit(x)
    ours = BayesianGaussianMixture(**options, moves=False).fit(x)
    own = theirs.lower_bound_ + left_out(ours, x, "dirichlet_process")
    found = bayes.bound(theirs, ours.posterior_.beliefs, x) * len(x)
    assert found >= own - 1e-3  # they add 1e-6 to variances
    if iterations > 3 and (np.diff(theirs.mean_precision_) <= 0).all():
        assert found - own < 0.1


def test_a_set_is_measured(bayes, tmp_path):
    table = bayes.TABLES[0]
    made = type(table)("made", "", slice(None), 300, 2, 3)
    found = bayes.measure(tmp_path, [made], quick=True)
    (result,) = found["results"]
    assert result["source"] == "synthetic"
    assert min(result["gaps"].values()) >= 0
    assert found["mean_gaps"] == result["gaps"]
    assert result["fits"] >= 1
