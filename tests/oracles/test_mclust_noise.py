"""Fits with noise by mclust, which mclust_noise.R recorded in mclust_noise.json."""

import json
from pathlib import Path

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture, Noise, NoisyMixture
from mixtura.engines.memory import Memory
from mixtura.learn.initial import total
from mixtura.learn.noise import hull
from tests.oracles.tables import table

RECORDED = json.loads(Path(__file__).with_name("mclust_noise.json").read_text(encoding="utf-8"))
FAMILY = {"VVV": "full", "V": "full", "EEE": "tied", "E": "tied", "VVI": "diag", "VII": "spherical"}

fits = pytest.mark.parametrize(
    "fit", RECORDED["fits"], ids=lambda fit: f"{fit['data']} {fit['model']}"
)


def rows_of(name):
    found = RECORDED["tables"].get(name)
    return table(name) if found is None else np.array(found, dtype=float).reshape(len(found), -1)


def flags(fit):
    found = np.zeros(fit["n_rows"], dtype=bool)
    found[fit["noise"]] = True
    return found


def theirs(fit):
    """mclust's mixture and noise as ours."""
    values, means = np.array(fit["covariances"]), np.array(fit["means"])
    if fit["model"] in ("V", "E"):
        values = values.reshape(-1, 1, 1) if fit["model"] == "V" else values.reshape(1, 1)
    weights = np.array(fit["weights"])
    mixture = Mixture.of(weights[:-1], means, values, family=FAMILY[fit["model"]])
    x = rows_of(fit["data"])
    noise = hull(Memory(x), total(Memory(x)), float(weights[-1]))
    return NoisyMixture(mixture, noise)


@pytest.mark.parametrize("name", ["upright", "diagonal", "faithful", "line"])
def test_the_volume_is_that_of_hypvol(name):
    x = rows_of(name)
    noise = hull(Memory(x), total(Memory(x)), 0.1)
    np.testing.assert_allclose(noise.volume, RECORDED["volumes"][name], rtol=1e-9)
    assert (noise.tilted is not None) == (name in ("diagonal", "faithful"))


@fits
def test_scores_at_the_same_parameters(fit):
    x, model = rows_of(fit["data"]), theirs(fit)
    assert model.n_parameters == fit["n_parameters"]
    np.testing.assert_allclose(1.0 / model.noise.volume, fit["inverse_volume"], rtol=1e-9)
    np.testing.assert_allclose(model.log_density(x).sum(), fit["log_likelihood"], rtol=1e-9)
    np.testing.assert_allclose(model.responsibilities(x), np.array(fit["z"]), atol=1e-6)
    estimator = GaussianMixture.from_mixture(model)
    np.testing.assert_allclose(-estimator.bic(x), fit["bic"], rtol=1e-9)
    np.testing.assert_allclose(-estimator.icl(x), fit["icl"], rtol=1e-6)
    np.testing.assert_array_equal(estimator.predict(x), np.array(fit["labels"]) - 1)
    np.testing.assert_allclose(estimator.predict_proba(x), np.array(fit["z"]), atol=1e-6)
    np.testing.assert_allclose(np.append(estimator.weights_, model.noise.share), fit["weights"])


@fits
def test_fits_end_at_the_same_place(fit):
    x, expected = rows_of(fit["data"]), theirs(fit)
    labels = np.maximum(np.array(fit["labels"]) - 1, 0)
    model = GaussianMixture(
        fit["n_components"],
        covariance_type=FAMILY[fit["model"]],
        noise=flags(fit),
        init_params=labels,
        reg_covar=0.0,
        tol=1e-14,
        max_iter=20_000,
    ).fit(x)
    np.testing.assert_allclose(model.score(x) * len(x), fit["log_likelihood"], rtol=1e-7)
    assert abs(model.noise_.share - fit["weights"][-1]) < 2e-4
    np.testing.assert_allclose(model.predict_proba(x), np.array(fit["z"]), atol=2e-3)
    spread = np.sqrt(np.diagonal(expected.mixture.total_covariance()))
    np.testing.assert_allclose(model.weights_, fit["weights"][:-1], atol=2e-4)
    np.testing.assert_allclose(model.means_ / spread, expected.mixture.means / spread, atol=2e-4)
    unit = spread[:, None] * spread
    np.testing.assert_allclose(
        model.mixture_.covariances / unit, expected.mixture.covariances / unit, atol=5e-4
    )


def test_noise_in_a_box_of_ones_own():
    x = rows_of("upright")
    noise = Noise.of(0.1, [-20, -20], [20, 20])
    model = GaussianMixture(2, noise=noise, random_state=0).fit(x)
    np.testing.assert_allclose(model.noise_.volume, 1600.0)
    assert 0.02 < model.noise_.share < 0.4
