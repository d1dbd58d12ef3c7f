"""A weight of three is the row three times; a weight of zero is no row at all."""

import numpy as np
import pytest
from hypothesis import given

from mixtura import GaussianMixture
from mixtura.learn.expectation import assigned, certainty_of, e_step, likelihood_of
from mixtura.learn.gradient import covers
from tests.laws.drawn import (
    COMPONENTS,
    FEATURES,
    SEEDS,
    assert_close,
    assert_mixtures_close,
    mixture,
    quickly,
    rows,
)
from tests.laws.registries import ENGINES, numbered

N = 60


def weighted(family, k, d, seed):
    rng = np.random.default_rng(seed)
    model = mixture(family, k, d, rng)
    return model, rows(model, N, rng), rng.integers(0, 4, N) + (np.arange(N) == 0)


@numbered
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_statistics(engine, family, k, d, seed):
    model, x, w = weighted(family, k, d, seed)
    found = engine(x, w.astype(float)).fold(e_step, model)
    assert_close(found, engine(np.repeat(x, w, axis=0)).fold(e_step, model), 1e-13)
    assert found.n_rows == w.sum()
    present = w > 0
    assert_close(found, engine(x[present], w[present].astype(float)).fold(e_step, model), 1e-13)


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_memberships_and_scores(engine, family, k, d, seed):
    model, x, w = weighted(family, k, d, seed)
    labels = np.arange(N) % k
    found = engine(x, w.astype(float), labels).fold(assigned, model)
    repeated = engine(np.repeat(x, w, axis=0), None, np.repeat(labels, w))
    assert_close(found, repeated.fold(assigned, model), 1e-13)
    scored = engine(x, w.astype(float))
    for kernel in (likelihood_of, certainty_of):
        np.testing.assert_allclose(
            scored.fold(kernel, model), repeated.fold(kernel, model), rtol=1e-12
        )


@pytest.mark.parametrize("engine_name", ENGINES)
def test_an_absent_row_may_be_anywhere(engine_name, family):
    model = mixture(family, 2, 2, np.random.default_rng(1))
    x = np.array([[0.0, 1.0], [1e150, -1e150], [0.5, 0.5]])
    w = np.array([1.0, 0.0, 2.0])
    engine = ENGINES[engine_name]
    found = engine(x, w).fold(e_step, model)
    assert_close(found, engine(x[[0, 2]], w[[0, 2]]).fold(e_step, model), 1e-13)


@pytest.mark.parametrize("options", [{}, {"reg_covar": 1e-6}], ids=["penalty", "ridge"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits(family, options, seed):
    rng = np.random.default_rng(seed)
    k = 2
    labels = rng.integers(0, k, N)
    x = rng.normal(size=(N, 3)) + 3.0 * labels[:, None]
    w = rng.integers(0, 4, N)
    options = {"covariance_type": family.name, "tol": 0.0, "max_iter": 15, **options}
    rounding = 1e-10
    if not covers(family):  # SQUAREM would magnify rounding, and axes have less digits
        options["accelerate"], rounding = "none", 1e-8
    found = GaussianMixture(k, init_params=labels, **options).fit(x, sample_weight=w)
    repeated, their_labels = np.repeat(x, w, axis=0), np.repeat(labels, w)
    expected = GaussianMixture(k, init_params=their_labels, **options).fit(repeated)
    assert_mixtures_close(found.mixture_, expected.mixture_, rounding)
    np.testing.assert_allclose(found.lower_bounds_, expected.lower_bounds_, rtol=0.1 * rounding)
    for score in ("score", "aic", "bic", "icl"):
        ours = getattr(found, score)(x, sample_weight=w)
        np.testing.assert_allclose(ours, getattr(expected, score)(repeated), rtol=rounding)
    present = w > 0
    some = GaussianMixture(k, init_params=labels[present], **options)
    some.fit(x[present], sample_weight=w[present])
    assert_mixtures_close(found.mixture_, some.mixture_, rounding)
