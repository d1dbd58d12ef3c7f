"""Whole tables of mclust: every model with one to nine components, from mclust's own start.

mclust_tables.R recorded the log-likelihoods in mclust_tables.json. mclust stops EM early, so ours
may be larger; less is a different optimum, and those are to be few in every set.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, GaussianMixtureIC, HierarchicalStart
from mixtura.estimators.cell import collapsed
from mixtura.model.covariance import FAMILIES
from tests.oracles.tables import table

RECORDED = json.loads(Path(__file__).with_name("mclust_tables.json").read_text(encoding="utf-8"))
BASIC = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
ONE_COLUMN = {"E": "tied", "V": "spherical"}

SMALL = 300
"""Rows of the tables that are compared here; larger ones are in benchmarks/choosing.py."""


def families(record):
    """Our names of mclust's models, where there are any."""
    names = ONE_COLUMN if record["n_features"] == 1 else BASIC
    known = {model: names.get(model, model) for model in record["log_likelihood"]}
    return {model: name for model, name in known.items() if name in FAMILIES}


def rows_of(record):
    scales = {"wine27": True}
    x = table(record["data"])
    assert x.shape == (record["n_rows"], record["n_features"])
    if scales.get(record["data"]):
        x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    return x


def behind(record):
    """How far below mclust's log-likelihoods ours are, cell by cell; what either lacks is left."""
    x = rows_of(record)
    found = {}
    for model, family in families(record).items():
        for k, theirs in enumerate(record["log_likelihood"][model], 1):
            if theirs is None:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                ours = GaussianMixture(
                    k,
                    covariance_type=family,
                    init_params=HierarchicalStart(together=False),
                    reg_covar=0.0,
                    tol=1e-8,
                    accelerate="none",
                    max_iter=5000,
                    random_state=0,
                ).fit(x)
            if not len(collapsed(ours.mixture_)):
                found[model, k] = theirs - len(x) * ours.score(x)
    return found


@pytest.mark.parametrize("name", ["iris", "diabetes", "faithful"])
def test_a_search_is_as_good_as_mclusts_and_chooses_the_same(name):
    """BIC is of the maximum of the likelihood, whatever penalty fits were found with."""
    [record] = [each for each in RECORDED["tables"] if each["data"] == name]
    x, names = rows_of(record), families(record)
    search = GaussianMixtureIC(covariance_types=[*names.values()], random_state=0).fit(x)
    r = search.results_
    ours = {
        (family, int(k)): (log_likelihood, p)
        for family, k, log_likelihood, p in zip(
            r["covariance_type"],
            r["n_components"],
            r["log_likelihood"],
            r["n_parameters"],
            strict=True,
        )
    }
    gaps, bics = [], {}
    for model, family in names.items():
        for k, theirs in enumerate(record["log_likelihood"][model], 1):
            if theirs is not None:
                gaps.append(theirs - ours[family, k][0])
                bics[family, k] = ours[family, k][1] * np.log(len(x)) - 2.0 * theirs
    assert (np.array(gaps) <= 1e-4).mean() >= 0.75
    best = min(bics, key=bics.get)
    assert (search.covariance_type_, search.n_components_) == best
    # mclust ends a little before the maximum.
    assert bics[best] - 0.1 < search.best_score_ < bics[best] + 1e-4


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDED["tables"] if record["n_rows"] <= SMALL],
    ids=lambda record: record["data"],
)
def test_fits_are_as_likely_as_those_of_mclust(record):
    found = np.array([*behind(record).values()])
    assert len(found) >= 9
    assert (found <= 1e-4).mean() >= 0.85, found.round(3)
