"""Discriminant analysis by mclust: values that mclust_da.R recorded in mclust_da.json.

What mclust calls the likelihood is that of rows of whatever class, and its BIC, of other sign,
counts no shares of classes. Here `bic_` is that of rows and classes.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from sklearn.datasets import load_iris

from mixtura import GaussianMixtureClassifier
from tests.oracles.tables import table

RECORDED = json.loads(Path(__file__).with_name("mclust_da.json").read_text(encoding="utf-8"))
FAMILY = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}


def halves(name):
    """Rows and classes, those to be fitted first."""
    x = table(name)
    y = load_iris().target if name == "iris" else np.repeat([1, 0], 100)  # genuine ones first
    return (x[::2], y[::2]), (x[1::2], y[1::2])


def of_kind(kind):
    fits = [fit for fit in RECORDED["fits"] if fit["kind"] == kind]
    return pytest.mark.parametrize("fit", fits, ids=lambda f: f"{f['data']} {f['models']}")


def of_rows(model, x):
    """The log-likelihood of rows of whatever class; parameters without the shares of classes."""
    joint = [
        np.log(share) + mixture.log_density(x)
        for share, mixture in zip(model.class_prior_, model.mixtures_, strict=True)
    ]
    size = sum(mixture.n_parameters for mixture in model.mixtures_)
    if model.model == "EDDA" and model.covariance_types_[0] == "tied":
        d = model.n_features_in_
        size -= (len(joint) - 1) * d * (d + 1) // 2
    return logsumexp(joint, axis=0).sum(), size


@of_kind("EDDA")
def test_one_gaussian_for_each_class(fit):
    (x, y), (new, classes) = halves(fit["data"])
    model = GaussianMixtureClassifier(
        model="EDDA", covariance_type=FAMILY[fit["models"]], reg_covar=0.0
    ).fit(x, y)
    log_likelihood, size = of_rows(model, x)
    assert_allclose(log_likelihood, fit["log_likelihood"], rtol=1e-9)
    assert size == fit["n_parameters"]
    assert (model.predict(new) != classes).sum() == fit["errors"]
    assert_allclose(model.predict_proba(new[:5]), fit["first"], atol=1e-8)


@of_kind("MclustDA")
def test_a_mixture_for_each_class_is_no_worse_by_bic(fit):
    (x, y), (new, classes) = halves(fit["data"])
    model = GaussianMixtureClassifier(random_state=0).fit(x, y)
    log_likelihood, size = of_rows(model, x)
    bic = 2 * log_likelihood - size * np.log(len(y))
    # Sizes and families are chosen with the rows of a class, here and there; so neither need be the
    # best of all by this number.
    assert bic > fit["bic"] - 5.0
    assert (model.predict(new) != classes).sum() <= fit["errors"] + 1
