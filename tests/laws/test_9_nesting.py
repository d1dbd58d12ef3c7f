"""A form that another contains is the same mixture there, and has the same statistics."""

import numpy as np
import pytest
from hypothesis import given

from mixtura import Diagonal, Full, Mixture, Spherical, Tied
from mixtura.learn.data import Block
from mixtura.learn.expectation import e_step
from tests.laws.drawn import COMPONENTS, FEATURES, SEEDS, mixture, quickly, rows

# What each larger form keeps, as the smaller keeps it.
NESTED = [
    (Tied, Full, lambda products: products.sum(axis=0)),
    (Diagonal, Full, lambda products: np.diagonal(products, axis1=1, axis2=2)),
    (Spherical, Full, lambda products: np.trace(products, axis1=1, axis2=2)),
    (Spherical, Diagonal, lambda products: products.sum(axis=1)),
]
IDS = [f"{small.name} in {large.name}" for small, large, _ in NESTED]


def widened(model, large):
    dense = model.covariances
    values = dense if large is Full else np.diagonal(dense, axis1=1, axis2=2)
    return Mixture.of(model.weights, model.means, values, family=large)


@pytest.mark.parametrize(("small", "large", "restrict"), NESTED, ids=IDS)
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_density_and_statistics(small, large, restrict, k, d, seed):
    rng = np.random.default_rng(seed)
    model = mixture(small, k, d, rng)
    wide = widened(model, large)
    x = rows(model, 50, rng)
    joint = model.log_joint(x)
    size = 1e-13 * (1.0 + np.abs(joint).max() + model.operands.kappa.max())
    np.testing.assert_allclose(wide.log_joint(x), joint, rtol=0, atol=size)
    np.testing.assert_allclose(wide.log_density(x), model.log_density(x), rtol=0, atol=size)
    np.testing.assert_allclose(
        wide.responsibilities(x), model.responsibilities(x), rtol=0, atol=4 * size
    )
    block = Block(x, rng.uniform(0.0, 2.0, 50))
    ours, theirs = e_step(block, wide), e_step(block, model)
    theirs = theirs.shifted(ours.about)
    scale = np.abs(ours.products).max()
    np.testing.assert_allclose(ours.n_weights, theirs.n_weights, atol=100 * size)
    np.testing.assert_allclose(ours.sums, theirs.sums, atol=100 * size * (1 + scale))
    np.testing.assert_allclose(
        restrict(ours.products), theirs.products, atol=100 * size * (1 + scale)
    )
    np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, atol=100 * size)


@pytest.mark.parametrize(("small", "large", "restrict"), NESTED, ids=IDS)
def test_a_larger_form_has_more_to_choose(small, large, restrict):
    model = mixture(small, 3, 4, np.random.default_rng(0))
    assert widened(model, large).n_parameters > model.n_parameters
