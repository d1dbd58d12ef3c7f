"""Fits by mclust: what its documentation prints, and values that mclust.R recorded in mclust.json.

mclust's BIC and ICL have the other sign: larger is better there.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from tests.oracles.tables import table

RECORDED = json.loads(Path(__file__).with_name("mclust.json").read_text(encoding="utf-8"))
FAMILY = {"VVV": "full", "V": "full", "EEE": "tied", "E": "tied", "VVI": "diag", "VII": "spherical"}


def rows_of(name):
    return np.array(RECORDED["simulated"]) if name == "simulated" else table(name)


def label(fit):
    prior = " with prior" if fit["prior"] else ""
    return f"{fit['data']} {fit['model']},{fit['n_components']}{prior}"


def recorded(prior):
    fits = [fit for fit in RECORDED["fits"] if fit["prior"] == prior]
    return pytest.mark.parametrize("fit", fits, ids=label)


def theirs(fit):
    """mclust's mixture as one of ours."""
    k, means = fit["n_components"], np.array(fit["means"])
    family = FAMILY[fit["model"]]
    values = np.array(fit["covariances"])
    if fit["model"] == "V":
        values = values[:, None, None]
    elif fit["model"] == "E":
        values = values.reshape(1, 1)
    assert means.shape[0] == k
    return Mixture.of(fit["weights"], means, values, family=family)


def converged(x, fit, **options):
    """Our fit from mclust's own classification, run until it stands still."""
    options = {"reg_covar": 0.0, "tol": 1e-14, "max_iter": 20_000, **options}
    return GaussianMixture(
        fit["n_components"],
        covariance_type=FAMILY[fit["model"]],
        init_params=np.array(fit["labels"]),
        **options,
    ).fit(x)


@recorded(prior=False)
def test_scores_at_the_same_parameters(fit):
    x = rows_of(fit["data"])
    assert len(x) == fit["n_rows"]
    mixture = theirs(fit)
    assert mixture.n_parameters == fit["n_parameters"]
    model = GaussianMixture.from_mixture(mixture)
    np.testing.assert_allclose(
        mixture.log_density(x).sum(), fit["log_likelihood"], rtol=1e-9, atol=1e-8
    )
    np.testing.assert_allclose(-model.bic(x), fit["bic"], rtol=1e-9)
    np.testing.assert_allclose(-model.icl(x), fit["icl"], rtol=1e-7)
    np.testing.assert_array_equal(model.predict(x), fit["labels"])


@recorded(prior=False)
def test_fits_end_at_the_same_place(fit):
    x = rows_of(fit["data"])
    model = converged(x, fit)
    np.testing.assert_allclose(model.score(x) * len(x), fit["log_likelihood"], rtol=1e-7)
    np.testing.assert_allclose(-model.bic(x), fit["bic"], rtol=1e-7)
    np.testing.assert_allclose(-model.icl(x), fit["icl"], rtol=2e-5)
    mixture, expected = model.mixture_, theirs(fit)
    spread = np.sqrt(np.diagonal(expected.total_covariance()))
    np.testing.assert_allclose(mixture.weights, expected.weights, atol=2e-4)
    np.testing.assert_allclose(mixture.means / spread, expected.means / spread, atol=2e-4)
    unit = spread[:, None] * spread
    np.testing.assert_allclose(mixture.covariances / unit, expected.covariances / unit, atol=2e-4)


@recorded(prior=True)
def test_fits_with_the_prior_of_fraley_and_raftery(fit):
    x = rows_of(fit["data"])
    # mclust starts from the unbiased covariance of the rows and, where variances are apart, gives
    # each the mean of them; ours keep the units of their columns.
    total = np.cov(x.T)
    if fit["model"] == "VVI":
        total = np.trace(total) / len(total) * np.eye(len(total))
    prior = NormalInverseWishart.default(x.mean(axis=0), total, fit["n_components"])
    model = converged(x, fit, prior=prior, reg_covar=None)
    np.testing.assert_allclose(model.score(x) * len(x), fit["log_likelihood"], rtol=1e-6)
    expected = theirs(fit)
    np.testing.assert_allclose(model.weights_, expected.weights, atol=1e-4)
    np.testing.assert_allclose(model.means_, expected.means, atol=1e-3)
    size = np.abs(expected.covariances).max()
    np.testing.assert_allclose(model.mixture_.covariances, expected.covariances, atol=1e-4 * size)


# "A quick tour of mclust", the vignette of mclust 6.0.0: log-likelihood, BIC and ICL as printed.
PRINTED = [
    ("diabetes", "full", 3, -2303.496, 29, -4751.316, -4770.169),
    ("faithful", "tied", 3, -1126.326, 11, -2314.316, -2357.824),
    ("acidity", "tied", 2, -185.9493, 4, -392.0723, -398.5554),
]


@pytest.mark.parametrize(
    ("name", "family", "k", "log_likelihood", "df", "bic", "icl"),
    PRINTED,
    ids=[f"{name} {family},{k}" for name, family, k, *_ in PRINTED],
)
def test_what_the_vignette_prints(name, family, k, log_likelihood, df, bic, icl):
    """mclust stops at a relative change of 1e-5, so our best fit may be a little above."""
    x = table(name)
    best = several_starts(x, k, family, 20)
    assert best.mixture_.n_parameters == df
    digit = 0.5 * 10.0 ** -len(str(log_likelihood).partition(".")[2])
    assert best.score(x) * len(x) >= log_likelihood - digit
    assert -best.bic(x) >= bic - 2 * digit
    # Stopped where mclust stopped, give or take an iteration, its ICL is ours.
    np.testing.assert_allclose(best.score(x) * len(x), log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(-best.icl(x), icl, rtol=1e-3)


def several_starts(x, k, family, n_init):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(
            k,
            covariance_type=family,
            reg_covar=0.0,
            tol=1e-9,
            max_iter=2000,
            n_init=n_init,
            init_params="kmeans",
            random_state=0,
        ).fit(x)
