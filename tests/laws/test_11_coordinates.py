"""Free coordinates lose nothing, and any numbers are a mixture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixtura import Mixture
from mixtura.learn.statistics import Statistics
from tests.laws.drawn import (
    COMPONENTS,
    FEATURES,
    SEEDS,
    assert_mixtures_close,
    covariance,
    mixture,
    quickly,
)
from tests.laws.registries import every_form

# Their coordinates name axes, which may come in any order: several vectors are one mixture.
AXES = {"EVE", "VVE", "EEV", "VEV"}


# A multiple of the identity more is no member of theirs, but for balls; they take the nearest.
# Loadings are told up to a rotation of the factors, which takes no parameter.
def rotations(family, k):
    h = getattr(family, "n_factors", 1)
    return h * (h - 1) // 2 * (1 if h > 1 and family.form.loadings else k)


NO_RIDGE = {"VEI", "EVI", "VEE", "EVE", "VEV", "EVV"}


@every_form
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly(50)
def test_there_and_back(family, k, d, seed):
    model = mixture(family, k, d, np.random.default_rng(seed))
    back = model.from_vector(model.to_vector())
    assert_mixtures_close(back, model, 1e-14)
    assert type(back.covariance) is family


@every_form
@given(k=COMPONENTS, d=FEATURES, data=st.data())
@quickly(50)
def test_any_vector_is_a_mixture(family, k, d, data):
    like = mixture(family, k, d, np.random.default_rng(0))
    number = st.floats(-4.0, 4.0)
    size = len(like.to_vector())
    vector = np.array(data.draw(st.lists(number, min_size=size, max_size=size)))
    model = like.from_vector(vector)
    values = model.covariance.values
    checked = Mixture.of(model.weights, model.means, values, family=family)
    np.testing.assert_array_equal(checked.means, model.means)
    again = model.to_vector()
    np.testing.assert_allclose(again[:k], vector[:k] - np.log(np.exp(vector[:k]).sum()), atol=1e-12)
    if family.name in AXES:
        assert_mixtures_close(like.from_vector(again), model, 1e-9)
        return
    # Squared on the way to a matrix, the smallest pivots lose digits to the largest entries.
    np.testing.assert_allclose(again[k:], vector[k:], atol=1e-6)


@every_form
def test_a_component_of_no_weight_has_coordinates(family):
    values = covariance(family, 2, 2, np.random.default_rng(1)).values
    model = Mixture.of([0.0, 1.0], [[0.0, 1.0], [2.0, 3.0]], values, family=family)
    back = model.from_vector(model.to_vector())
    np.testing.assert_array_equal(back.weights, [0.0, 1.0])


@every_form
def test_free_coordinates_are_as_many_as_free_parameters(family):
    for k, d in [(1, 1), (3, 1), (2, 4), (5, 3)]:
        model = mixture(family, k, d, np.random.default_rng(2))
        free = len(model.covariance.to_vector()) - rotations(family, k)
        assert model.covariance.n_free(k) == free
        assert model.n_parameters == k + k * d + free - 1  # weights add to one


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_the_questions_of_a_family_agree_with_one_another(family, k, d, seed):
    """Precisions, factors, determinants and distances are all of the dense matrices."""
    rng = np.random.default_rng(seed)
    form = covariance(family, k, d, rng)
    dense = form.dense(k)
    inverse = np.linalg.inv(dense)
    assert form.values.shape == family.shape(k, d)
    np.testing.assert_allclose(form.log_det(k), np.linalg.slogdet(dense)[1], atol=1e-12)
    again = family.from_precisions(form.precisions(), d)
    np.testing.assert_allclose(again.values, form.values, rtol=1e-10)
    np.testing.assert_array_equal(family.from_values(form.values, d).dense(k), dense)
    x, means = rng.normal(size=(6, d)), rng.normal(size=(k, d))
    residuals = x[:, None] - means
    expected = np.einsum("nki,kij,nkj->nk", residuals, inverse, residuals)
    np.testing.assert_allclose(form.mahalanobis(x, means), expected, rtol=1e-10)
    for j in range(k):
        np.testing.assert_allclose(form.unwhiten(form.whiten(x, j), j), x, atol=1e-12)
    matrices = np.array([a @ a.T for a in rng.normal(size=(k, d, d))])
    each = [family.moment.copies(matrix, 1) for matrix in matrices]
    products = family.moment.stack(
        each, [np.array([j]) for j in range(k)], family.moment.zeros(k, d)
    )
    expected = np.einsum("kij,kji->", inverse, matrices)
    np.testing.assert_allclose(form.trace_with(products), expected, rtol=1e-9)
    assert not form.degenerate(k).any()
    values = np.linalg.eigvalsh(dense)
    np.testing.assert_allclose(
        form.worst_condition(k), (values[:, -1] / values[:, 0]).max(), rtol=1e-9
    )
    ridged = form.ridged(0.5).dense(k)
    if family.name in NO_RIDGE:
        assert np.linalg.eigvalsh(ridged).min() >= 0.5 * (1 - 1e-12)
        assert not form.ridged(0.5).strays(k).any()
    else:
        np.testing.assert_allclose(ridged, dense + 0.5 * np.eye(d), rtol=1e-13)
    counts = rng.uniform(1, 5, k)
    expected = Statistics.expected(Mixture(counts / counts.sum(), means, form), counts.sum())
    estimated = family.estimate(counts, expected.products, d)
    size = 1e-13 * np.abs(form.values).max()
    np.testing.assert_allclose(estimated.values, form.values, rtol=1e-12, atol=size)
