"""Marginal times conditional is the joint, pointwise, for every family and choice of dimensions."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura import Diagonal, Full, Mixture
from mixtura.model.conditioning import conditional
from tests.laws.drawn import SEEDS, mixture, quickly, rows
from tests.laws.registries import numbered

EVERY = [index for size in (1, 2, 3) for index in itertools.permutations(range(4), size)]


def close(found, expected):
    """Log densities are equal up to rounding relative to their size."""
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@numbered
@given(seed=SEEDS, index=st.sampled_from(EVERY), k=st.integers(1, 4))
@quickly(25)
def test_marginal_times_conditional_is_the_joint(family, seed, index, k):
    rng = np.random.default_rng(seed)
    model = mixture(family, k, 4, rng)
    x = rows(model, 50, rng)
    rest = [j for j in range(4) if j not in index]
    given_rows = x[:, index]
    found = conditional(model, np.array(index), given_rows)
    assert found.dims == tuple(rest)
    log_marginal = model.marginal(index).log_density(given_rows)
    close(log_marginal + found.log_density(x[:, rest]), model.log_density(x))
    close(found.log_marginal, log_marginal)


@numbered
@given(seed=SEEDS, index=st.sampled_from(EVERY))
@quickly(10)
def test_a_single_row_is_a_mixture_that_says_the_same(family, seed, index):
    rng = np.random.default_rng(seed)
    model = mixture(family, 3, 4, rng)
    x = model.sample(5, rng)[0]
    rest = [j for j in range(4) if j not in index]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        many = model.condition({j: x[:, j] for j in index})
        one = model.condition({j: float(x[2, j]) for j in index})
    assert isinstance(one, Mixture)
    close(one.log_density(x[:, rest])[2], many.log_density(x[:, rest])[2])
    close(many.row(2).log_density(x[:, rest])[2], many.log_density(x[:, rest])[2])
    np.testing.assert_allclose(one.weights.sum(), 1.0, rtol=1e-14)
    np.testing.assert_allclose(many.weights.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(many.means[2], one.means, rtol=1e-12)
    np.testing.assert_allclose(many.mean[2], one.mean, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(
        many.total_covariance()[2], one.total_covariance(), rtol=1e-10, atol=1e-12
    )


# What others have in common is not seen in fewer dimensions, or not among the rest given some.
KEPT = {"full", "tied", "diag", "spherical", "EII", "EEI", "VEI"}


def test_the_form_of_the_family_is_kept(family):
    model = mixture(family, 3, 4, np.random.default_rng(1))
    loose = Diagonal if family.independent else Full
    expected = family if family.name in {*KEPT, "VEE"} else loose
    assert type(model.marginal([2, 0]).covariance) is expected
    conditioned = model.condition({1: float(model.means[0, 1])})
    assert type(conditioned.covariance) is (family if family.name in KEPT else loose)


@pytest.mark.parametrize("away", [1e3, 1e6, 1e9])
def test_far_out_where_every_density_is_zero(family, away):
    """Against the density at the same point of the mixture seen from there."""
    model = mixture(family, 3, 2, np.random.default_rng(5))
    found = conditional(model, np.array([0]), np.array([[away]]))
    assert np.exp(found.log_marginal[0]) == 0
    weights = found.weights[0]
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-14)
    # The log odds of the components by hand, in extended precision.
    m, v = (np.longdouble(a) for a in (model.means[:, 0], model.covariances[:, 0, 0]))
    log_joint = np.log(np.longdouble(model.weights)) - 0.5 * (np.log(v) + (away - m) ** 2 / v)
    odds = log_joint - log_joint.max()
    np.testing.assert_allclose(weights, np.exp(odds) / np.exp(odds).sum(), rtol=1e-6, atol=1e-300)
