"""The fourteen structures beside mclust's: its M-steps and its fits, as structures.R recorded them.

mclust leaves an inner loop when it changes little, and takes other ones for some forms; so ours is
compared by its likelihood, which may be a little above, and then by its matrices.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture
from mixtura.learn.maximization import m_step
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import named
from tests.oracles.test_mclust import rows_of

RECORDED = json.loads(Path(__file__).with_name("structures.json").read_text(encoding="utf-8"))
FITS = RECORDED["fits"]


def label(fit):
    return f"{fit['data']} {fit['model']},{fit['n_components']} {fit['share']}"


EVERY = pytest.mark.parametrize("fit", FITS, ids=label)


def memberships(fit):
    k = fit["n_components"]
    return fit["share"] * np.eye(k)[fit["labels"]] + (1 - fit["share"]) / k


def theirs(fit, part):
    """mclust's mixture, as matrices."""
    found = fit[part]
    return Mixture.of(found["weights"], found["means"], found["covariances"])


def statistics(x, z, moment):
    """Counts, sums and second moments by their definition."""
    products = np.einsum("nk,ni,nj->kij", z, x, x)
    if moment.name == "diagonal":
        products = np.diagonal(products, axis1=1, axis2=2)
    elif moment.name == "trace":
        products = np.trace(products, axis1=1, axis2=2)
    elif moment.name == "pooled":
        products = products.sum(axis=0)
    counts, zero = z.sum(axis=0), np.zeros((z.shape[1], x.shape[1]))
    return Statistics(moment, zero, counts, counts, counts, z.T @ x, products, 0.0, float(len(x)))


def complete(x, z, mixture):
    """The expected log-likelihood of rows and memberships."""
    return float((z * mixture.log_joint(x)).sum())


@EVERY
def test_the_m_step_is_as_likely_as_theirs_and_the_same(fit):
    x = rows_of(fit["data"])
    centre = x.mean(axis=0)
    z, expected = memberships(fit), theirs(fit, "m_step")
    family = named(fit["model"])
    found = m_step(statistics(x - centre, z, family.moment), family)
    ours = complete(x - centre, z, found)
    best = complete(x, z, expected)
    assert ours >= best - 1e-9 * abs(best)
    spread = np.sqrt(np.diagonal(expected.total_covariance()))
    unit = spread[:, None] * spread
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-12)
    np.testing.assert_allclose((found.means + centre) / spread, expected.means / spread, atol=1e-9)
    if ours <= best + 1e-6 * abs(best):  # theirs came to the end of its inner loop
        np.testing.assert_allclose(
            found.covariances / unit, expected.covariances / unit, rtol=0, atol=2e-3
        )


@EVERY
def test_fits_from_the_same_memberships_end_as_high(fit):
    x = rows_of(fit["data"])
    model = GaussianMixture(
        fit["n_components"],
        covariance_type=fit["model"],
        init_params=memberships(fit),
        reg_covar=0.0,
        accelerate="none",
        tol=1e-13,
        max_iter=20_000,
    ).fit(x)
    ours, best = model.score(x) * len(x), fit["em"]["log_likelihood"]
    np.testing.assert_allclose(theirs(fit, "em").log_density(x).sum(), best, rtol=1e-9)
    assert ours >= best - 1e-6 * abs(best)
    assert model.mixture_.covariance.name == named(fit["model"]).name


def test_free_parameters_are_counted_as_theirs():
    for row in RECORDED["counts"]:
        family = named(row["model"])
        k, d = row["n_components"], row["n_features"]
        if d == 1 and row["model"][1] != "I":
            continue  # mclust has other names where there is one column
        ones = family.estimate(np.ones(k), family.moment.copies(np.eye(d), k), d)
        mixture = Mixture(np.full(k, 1 / k), np.zeros((k, d)), ones)
        assert mixture.n_parameters == row["n"], row
