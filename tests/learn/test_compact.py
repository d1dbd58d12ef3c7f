"""The likelihood of few rows, in compiled code, is that of the densities."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mixtura import Mixture
from mixtura.learn.compact import certainty, columns, likelihood
from mixtura.learn.data import Block
from tests.laws.registries import MOMENTS


def drawn(family, k, d):
    rng = np.random.default_rng(k + d)
    factors = rng.normal(size=(k, d, d)) + 2 * np.eye(d)
    matrices = factors @ np.swapaxes(factors, 1, 2)
    values = {
        "full": matrices,
        "tied": matrices[0],
        "diag": np.einsum("kii->ki", matrices),
        "spherical": matrices[:, 0, 0],
    }[family]
    weights = rng.dirichlet(np.ones(k))
    return Mixture.of(weights, 3 * rng.normal(size=(k, d)), values, family=family)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize(("n", "k", "d"), [(1, 1, 1), (40, 3, 2), (256, 5, 3), (700, 2, 6)])
@pytest.mark.parametrize("far", [0.0, 1e6])
def test_it_is_that_of_scipy(family, n, k, d, far):
    mixture, rng = drawn(family, k, d), np.random.default_rng(n)
    rows, w = 3 * rng.normal(size=(n, d)) + far, rng.uniform(0.5, 2.0, n)
    parts = zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    joint = [
        np.log(weight) + multivariate_normal.logpdf(rows, mean, matrix).reshape(n)
        for weight, mean, matrix in parts
    ]
    expected = w @ logsumexp(joint, axis=0)
    found = likelihood(Block(rows, w), mixture)
    np.testing.assert_allclose(found, expected, rtol=1e-9 if far else 1e-12)
    sure = w @ (np.max(joint, axis=0) - logsumexp(joint, axis=0))
    found = certainty(columns(Block(rows, w)), w, mixture)
    np.testing.assert_allclose(found, (expected, sure), rtol=1e-7 if far else 1e-11, atol=1e-10)


def test_a_component_without_weight_adds_nothing():
    mixture = drawn("full", 3, 2)
    weights = np.array([0.4, 0.6, 0.0])
    one = Mixture(weights, mixture.means, mixture.covariance)
    two = Mixture.of(weights[:2], mixture.means[:2], mixture.covariances[:2])
    rows = Block(np.random.default_rng(1).normal(size=(30, 2)), np.ones(30))
    np.testing.assert_allclose(likelihood(rows, one), likelihood(rows, two), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_rows_of_other_types_and_in_the_order_of_columns(dtype):
    mixture = drawn("diag", 2, 3)
    rows = np.asfortranarray(np.random.default_rng(2).integers(-4, 4, (50, 3)).astype(dtype))
    rows.setflags(write=False)
    expected = likelihood(Block(rows.astype(np.float64), np.ones(50)), mixture)
    assert likelihood(Block(rows, np.ones(50)), mixture) == expected


def test_what_is_not_definite_is_left_to_others():
    mixture = drawn("full", 2, 2)
    values = mixture.covariance.values.copy()
    values[1, 0, 0] = -1.0
    bad = Mixture(mixture.weights, mixture.means, MOMENTS["full"].from_values(values, 2))
    assert likelihood(Block(np.zeros((3, 2)), np.ones(3)), bad) is None
