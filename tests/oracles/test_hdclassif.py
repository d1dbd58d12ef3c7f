"""Subspaces fitted by HDclassif, which hdclassif.R recorded in hdclassif.json."""

import json
from pathlib import Path

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture
from mixtura.model.covariance import named
from mixtura.model.covariance.intrinsic import ByBic, Scree

RECORDED = json.loads(Path(__file__).with_name("hdclassif.json").read_text(encoding="utf-8"))
X = np.array(RECORDED["rows"])

fits = pytest.mark.parametrize("fit", RECORDED["fits"], ids=lambda fit: fit["model"])


def name_of(fit):
    return fit["model"] if fit["model"].endswith("Dk") else f"{fit['model']}:2"


def theirs(fit):
    """HDclassif's mixture as ours: eigenvectors of its matrices, and the least eigenvalue."""
    family, (k, d) = named(name_of(fit)), np.shape(fit["means"])
    values = np.zeros(family.shape(k, d))
    for j, number in enumerate(fit["dimensions"]):
        w, vectors = np.linalg.eigh(np.array(fit["covariances"][j]))
        values[j, :, -1] = w[: d - number].mean()
        long = vectors[:, ::-1][:, :number] * np.sqrt(w[::-1][:number] - values[j, 0, -1])
        values[j, :, :number] = long
    return Mixture.of(fit["weights"], fit["means"], values, family=family)


@fits
def test_densities_and_numbers_of_parameters(fit):
    model = theirs(fit)
    np.testing.assert_array_equal(model.covariance.dimensions, fit["dimensions"])
    np.testing.assert_allclose(model.covariances, fit["covariances"], rtol=1e-9, atol=1e-12)
    assert model.n_parameters == fit["n_parameters"]
    assert model.log_density(X).sum() == pytest.approx(fit["log_likelihood"], rel=1e-12)
    np.testing.assert_array_equal(model.responsibilities(X).argmax(axis=1) + 1, fit["labels"])
    ours = GaussianMixture.from_mixture(model)
    assert ours.bic(X) == pytest.approx(-fit["bic"], rel=1e-12)


@fits
def test_fits_from_the_same_labels_end_at_the_same_place(fit):
    labels = np.array(RECORDED["labels"])
    model = GaussianMixture(
        3, covariance_type=name_of(fit), init_params=labels, reg_covar=0, tol=1e-12, max_iter=1000
    ).fit(X)
    np.testing.assert_array_equal(model.dimensions_, fit["dimensions"])
    assert model.score(X) * len(X) == pytest.approx(fit["log_likelihood"], abs=1e-6)
    np.testing.assert_allclose(model.means_, fit["means"], atol=1e-4)
    np.testing.assert_allclose(model.mixture_.covariances, fit["covariances"], atol=1e-3)
    assert np.diff(model.lower_bounds_).min() > -1e-12


@pytest.mark.parametrize("spectrum", RECORDED["spectra"], ids=lambda s: str(s["scree"]))
def test_numbers_of_axes(spectrum):
    values = np.array(spectrum["values"])
    assert Scree()(values, 100.0) == spectrum["scree"]
    assert Scree(0.05)(values, 100.0) == spectrum["low"]
    assert ByBic(one=True)(values, 100.0) == spectrum["bic"]
