"""Dimension reduction by mclust: values that mclust_dr.R recorded in mclust_dr.json."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mixtura import Mixture

RECORDED = json.loads(Path(__file__).with_name("mclust_dr.json").read_text(encoding="utf-8"))
EACH = pytest.mark.parametrize(
    "given", RECORDED["maps"], ids=lambda m: f"{m['data']} {m['model']} {m['lambda']}"
)


def of(given):
    mixture = Mixture.of(given["weights"], given["means"], given["covariances"])
    return mixture.separation(means=given["lambda"], covariance=given["covariance"])


@EACH
def test_directions_and_what_they_separate_are_those_of_mclust(given):
    found = of(given)
    # mclust's means differ from those of the rows by what its stopping rule leaves.
    assert_allclose(found.values, given["values"], rtol=1e-4, atol=1e-6)
    theirs = np.array(given["basis"])
    ours = found.directions / np.linalg.norm(found.directions, axis=0)
    assert ours.shape == theirs.shape
    # Of equal shares any two directions do as well, and a weak one is hardly determined.
    clear = found.values > 1e-3
    signs = np.sign((ours * theirs).sum(axis=0))
    assert_allclose((ours * signs)[:, clear], theirs[:, clear], atol=2e-3)


@EACH
def test_along_mclust_directions_the_mixture_separates_as_much(given):
    """The problem itself, M v = l Σ v, with mclust's vectors and values, in plain NumPy."""
    weights, means = np.array(given["weights"]), np.array(given["means"])
    covariances, whole = np.array(given["covariances"]), np.array(given["covariance"])
    steps = means - weights @ means
    between = (weights[:, None] * steps).T @ steps
    within = np.einsum("k,kij->ij", weights, covariances)
    inverse, share = np.linalg.inv(whole), given["lambda"]
    kernel = 2 * share * between @ inverse @ between
    for weight, covariance in zip(weights, covariances, strict=True):
        apart = covariance - within
        kernel += 2 * (1 - share) * weight * apart @ inverse @ apart
    found = of(given)
    for v, value in zip(found.directions.T, found.values, strict=True):
        assert_allclose(kernel @ v, value * whole @ v, atol=1e-9 * np.abs(kernel).max())
        assert_allclose(v @ whole @ v, 1.0, rtol=1e-9)
