"""A form that another contains is the same mixture there, and has the same statistics."""

import numpy as np
import pytest
from hypothesis import given

from mixtura import Mixture
from mixtura.learn.data import Block
from mixtura.learn.expectation import e_step
from mixtura.model.covariance import FAMILIES, Full, factor_family
from mixtura.model.covariance import FORMS as FORMS_OF_FACTORS
from tests.laws.drawn import COMPONENTS, FEATURES, SEEDS, mixture, quickly, rows


def holds(large, small):
    """Whether one form differs from the other in one letter, by having one step more of freedom."""
    steps = ["IEV".index(a) - "IEV".index(b) for a, b in zip(large, small, strict=True)]
    return sorted(steps) == [0, 0, 1]


FORMS = sorted(FAMILIES.values(), key=lambda family: family.letters)
NESTED = [
    (small, large) for small in FORMS for large in FORMS if holds(large.letters, small.letters)
]
# Where a letter has to change together with another: balls and needles along the axes.
NESTED += [
    (FAMILIES[small], FAMILIES[large])
    for small, large in [("spherical", "diag"), ("spherical", "full"), ("diag", "full")]
]
IDS = [f"{small.name} in {large.name}" for small, large in NESTED]


def restrict(products, large, small):
    """What the larger form keeps, as the smaller keeps it."""
    if small.moment.name == large.moment.name:
        return products
    if small.moment.name == "pooled":
        return products.sum(axis=0)
    if large.moment.name == "pooled":  # EEI in EEE: columns of all components together
        return np.diagonal(products)
    if large.moment.name == "full":
        products = np.diagonal(products, axis1=1, axis2=2)
    return products.sum(axis=1) if small.moment.name == "trace" else products


def widened(model, large):
    """The same matrices as free numbers of a larger form; `Mixture.of` sees that they are of it."""
    dense = model.covariances
    values = np.diagonal(dense, axis1=1, axis2=2) if large.independent else dense
    if large.moment.name == "trace":
        values = values[:, 0]
    shape = large.shape(*model.means.shape)
    values = values[:1] if large.name == "EII" else values[0] if large.common else values
    return Mixture.of(model.weights, model.means, values.reshape(shape), family=large)


@pytest.mark.parametrize(("small", "large"), NESTED, ids=IDS)
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly(12)
def test_density_and_statistics(small, large, k, d, seed):
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
    kept = theirs.products
    if large.moment.name == "pooled" and small.moment.name != "pooled":
        kept = kept.sum(axis=0)
    np.testing.assert_allclose(
        restrict(ours.products, large, small), kept, atol=100 * size * (1 + scale)
    )
    np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, atol=100 * size)


@pytest.mark.parametrize(("small", "large"), NESTED, ids=IDS)
def test_a_larger_form_has_more_to_choose(small, large):
    model = mixture(small, 3, 4, np.random.default_rng(0))
    assert widened(model, large).n_parameters > model.n_parameters


def test_forms_of_factor_analysers_are_members_of_those_that_have_less_in_common():
    """And all of them of the full family; more freedom is more parameters."""
    rng, seen = np.random.default_rng(1), 0
    for small, own in FORMS_OF_FACTORS.items():
        model = mixture(factor_family(small, 2), 3, 6, rng)
        x = rows(model, 20, rng)
        full = Mixture(model.weights, model.means, Full(model.covariances))
        np.testing.assert_allclose(full.log_joint(x), model.log_joint(x), rtol=1e-9, atol=1e-9)
        assert full.n_parameters > model.n_parameters
        for large, other in FORMS_OF_FACTORS.items():
            parts = zip(*([f.loadings, f.shape, f.volume, f.isotropic] for f in (own, other)))  # noqa: B905
            if small == large or not all(mine or not theirs for mine, theirs in parts):
                continue
            wide = Mixture.of(
                model.weights, model.means, model.covariance.values, family=f"{large}:2"
            )
            np.testing.assert_allclose(wide.log_joint(x), model.log_joint(x), rtol=1e-12)
            assert wide.n_parameters > model.n_parameters, (small, large)
            seen += 1
    assert seen > 20
