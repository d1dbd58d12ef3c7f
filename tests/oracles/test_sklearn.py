"""From the same start, with the same ridge, the iterates are scikit-learn's [@Pedregosa2011]."""

import warnings

import numpy as np
import pytest
import sklearn.mixture
from sklearn.cluster import kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture
from tests.laws.registries import MOMENTS
from tests.oracles.tables import table

COMPONENTS = {"iris": 3, "wine": 3, "faithful": 2, "diabetes": 3, "S1": 15}
ATTRIBUTES = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def start(x, k, family):
    """Equal weights, centres far apart, and a third of the spread of the columns."""
    centres, _ = kmeans_plusplus(x, k, random_state=0)
    precision = 9.0 / x.var(axis=0)
    d = x.shape[1]
    precisions = {
        "full": np.repeat(np.diag(precision)[None], k, axis=0),
        "tied": np.diag(precision),
        "diag": np.repeat(precision[None], k, axis=0),
        "spherical": np.full(k, d / (1.0 / precision).sum()),
    }[family]
    return {"weights_init": np.full(k, 1 / k), "means_init": centres, "precisions_init": precisions}


def fitted(cls, x, k, family, iterations, ridge, begin=None, **how):
    begin = start(x, k, family) if begin is None else begin
    model = cls(
        k,
        covariance_type=family,
        tol=0.0,
        reg_covar=ridge,
        max_iter=iterations,
        init_params="random_from_data",
        random_state=0,
        **begin,
        **({"accelerate": "none"} if cls is GaussianMixture else {}),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, **how)


def assert_same(ours, theirs, x, rtol):
    spread = np.sqrt(x.var(axis=0).max())
    for name in ATTRIBUTES:
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert found.shape == expected.shape
        # Numbers near zero beside large ones are compared with those.
        size = np.abs(expected).max() if name != "means_" else spread
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * size, err_msg=name)
    np.testing.assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=rtol)
    np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=10 * rtol)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=10 * rtol)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("ridge", [1e-6, 0.0])
@pytest.mark.parametrize("name", COMPONENTS)
def test_iterates(name, ridge, family):
    x, k = table(name), COMPONENTS[name]
    for iterations in (1, 5, 50):
        ours = fitted(GaussianMixture, x, k, family, iterations, ridge)
        theirs = fitted(sklearn.mixture.GaussianMixture, x, k, family, iterations, ridge)
        assert_same(ours, theirs, x, 1e-9)
        np.testing.assert_allclose(ours.aic(x), theirs.aic(x), rtol=1e-9)
        np.testing.assert_allclose(ours.bic(x), theirs.bic(x), rtol=1e-9)


@pytest.mark.parametrize("family", MOMENTS)
def test_weights_are_repeated_rows_for_scikit_learn(family):
    x = table("iris")
    w = np.random.default_rng(1).integers(0, 4, len(x))
    repeated = np.repeat(x, w, axis=0)
    begin = start(x, 3, family)
    theirs = fitted(sklearn.mixture.GaussianMixture, repeated, 3, family, 10, 1e-6, begin)
    ours = fitted(GaussianMixture, x, 3, family, 10, 1e-6, begin, sample_weight=w)
    assert_same(ours, theirs, repeated, 1e-9)
