"""Estimators with covariances that have volume, shape or orientation in common."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from mixtura import (
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureImputer,
    GaussianMixtureOutlierDetector,
    GaussianMixtureRegressor,
    Mixture,
    NormalInverseWishart,
    load,
)
from mixtura.model.covariance import FAMILIES, SPELLINGS
from tests.laws.drawn import assert_mixtures_close
from tests.laws.registries import MOMENTS

TEN = [name for name in FAMILIES if name not in MOMENTS]
EVERY = pytest.mark.parametrize("family", TEN)


def rows(n=240, d=3, seed=0):
    rng = np.random.default_rng(seed)
    parts = [
        rng.normal(size=(n // 3, d)) @ rng.normal(size=(d, d)) + 6.0 * k * np.eye(d)[k % d]
        for k in range(3)
    ]
    return np.concatenate(parts)


def fitted(x, family, k=3, **options):
    options = {"random_state": 0, "max_iter": 300, **options}
    return GaussianMixture(k, covariance_type=family, **options).fit(x)


@EVERY
def test_a_fit_has_the_form_and_scikit_learns_attributes(family):
    x = rows()
    model = fitted(x, family)
    form = FAMILIES[family]
    assert model.converged_
    assert model.covariances_.shape == form.shape(3, 3)
    assert not model.mixture_.covariance.strays(3).any()
    dense = model.mixture_.covariances
    again = form.from_values(model.precisions_, 3).dense(3)
    np.testing.assert_allclose(again, np.linalg.inv(dense), rtol=1e-8, atol=1e-10)
    upper = model.precisions_cholesky_
    square = upper @ np.swapaxes(upper, -1, -2) if upper.ndim > 2 else upper**2
    np.testing.assert_allclose(square, model.precisions_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1.0)
    assert model.bic(x) == pytest.approx(
        -2 * model.score(x) * len(x) + np.log(len(x)) * model.mixture_.n_parameters
    )
    drawn, labels = model.sample(50)
    assert drawn.shape == (50, 3)
    assert set(labels) <= {0, 1, 2}


@EVERY
def test_letters_and_words_are_one(family):
    x, form = rows(90), FAMILIES[family]
    by_letters = fitted(x, form.letters)
    by_words = fitted(x, form.words)
    np.testing.assert_array_equal(by_words.covariances_, by_letters.covariances_)
    assert by_words.get_params()["covariance_type"] == form.words
    copy = GaussianMixture.from_mixture(by_words.mixture_)
    assert copy.covariance_type == form.name
    np.testing.assert_array_equal(copy.predict(x), by_words.predict(x))


def test_the_four_have_letters_too():
    x = rows(90)
    for name, letters in (("full", "VVV"), ("tied", "EEE"), ("diag", "VVI"), ("spherical", "VII")):
        np.testing.assert_array_equal(fitted(x, letters).covariances_, fitted(x, name).covariances_)


def test_a_form_that_is_none_is_refused():
    with pytest.raises(ValueError, match="must be a str among"):
        fitted(rows(30), "VVX")


@EVERY
def test_accelerated_fits_end_where_plain_ones_do(family):
    x = rows()
    labels = np.repeat(np.arange(3), 80)
    plain = fitted(x, family, init_params=labels, accelerate="none", tol=1e-12, max_iter=3000)
    quick = fitted(x, family, init_params=labels, tol=1e-10, max_iter=3000)
    assert quick.lower_bound_ >= plain.lower_bound_ - 1e-8
    assert_mixtures_close(quick.mixture_, plain.mixture_, 1e-3)


@EVERY
def test_a_warm_start_goes_on(family):
    x = rows()
    model = GaussianMixture(
        3,
        covariance_type=FAMILIES[family].words,
        warm_start=True,
        max_iter=5,
        random_state=0,
        tol=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = model.fit(x).lower_bound_
        assert model.fit(x).lower_bound_ >= first
        last = clone(model).set_params(covariance_type="full").fit(x)
        last.set_params(covariance_type=family)
        with pytest.raises(ValueError, match="warm_start continues a fit with full covariances"):
            last.fit(x)


@EVERY
def test_missing_values(family):
    x = rows()
    rng = np.random.default_rng(1)
    holes = np.where(rng.uniform(size=x.shape) < 0.15, np.nan, x)
    model = fitted(holes, family)
    assert not model.mixture_.covariance.strays(3).any()
    objectives = np.array(model.lower_bounds_)
    assert np.diff(objectives).min() > -1e-10
    whole = fitted(x, family)
    assert abs(model.score(x) - whole.score(x)) < 0.6


@EVERY
def test_weights_are_repetitions(family):
    x, rng = rows(120), np.random.default_rng(2)
    times = rng.integers(1, 4, len(x))
    labels = np.repeat(np.arange(3), 40)
    options = {"init_params": labels, "accelerate": "none", "reg_covar": 0.0, "tol": 1e-12}
    weighted = GaussianMixture(3, covariance_type=family, **options, max_iter=2000).fit(
        x, sample_weight=times.astype(float)
    )
    options["init_params"] = np.repeat(labels, times)
    repeated = GaussianMixture(3, covariance_type=family, **options, max_iter=2000).fit(
        np.repeat(x, times, axis=0)
    )
    assert_mixtures_close(weighted.mixture_, repeated.mixture_, 1e-6)


@EVERY
@pytest.mark.parametrize(
    "options",
    [
        {"variance_floor": [0.5, 0.1, 1.0]},
        {"reg_covar": 1e-3},
        {"prior": "fraley-raftery"},
        {"dead_components": "reseed"},
        {"truncation": 2},
        {"init_params": "kmeans", "n_init": 2},
    ],
    ids=str,
)
def test_other_options(family, options):
    x = rows()
    options = dict(options)
    if "prior" in options:
        options["prior"] = NormalInverseWishart.default(x.mean(axis=0), np.cov(x.T), 3)
    model = fitted(x, family, **options)
    assert not model.mixture_.covariance.strays(3).any()
    assert np.isfinite(model.lower_bound_)
    if "variance_floor" in options:
        root = np.sqrt(options["variance_floor"])
        values = np.linalg.eigvalsh(model.mixture_.covariances / root / root[:, None])
        assert values.min() > 1 - 1e-9


@EVERY
def test_few_rows_in_many_columns_come_to_an_end(family):
    x = np.random.default_rng(3).normal(size=(12, 8))
    for options in ({}, {"reg_covar": 0.0}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = fitted(x, family, k=4, max_iter=50, **options)
        assert np.isfinite(model.score_samples(x)).all()


@EVERY
def test_precisions_to_start_from(family):
    x = rows(120)
    model = fitted(x, family)
    begin = {
        "weights_init": model.weights_,
        "means_init": model.means_,
        "precisions_init": model.precisions_,
    }
    again = fitted(x, family, **begin, accelerate="none", tol=1.0)
    assert again.lower_bound_ >= model.lower_bound_ - 1e-9
    if not FAMILIES[family].common:
        rng = np.random.default_rng(4)
        other = "diag" if FAMILIES[family].independent else "full"
        wrong = fitted(x + rng.normal(size=x.shape), other).precisions_
        with pytest.raises(ValueError, match="does not have with the others what"):
            fitted(x, family, **(begin | {"precisions_init": wrong}))


@EVERY
def test_files(family, tmp_path):
    model = fitted(rows(120), family).mixture_
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert type(again.covariance) is FAMILIES[family]
    np.testing.assert_array_equal(again.covariance.values, model.covariance.values)


@EVERY
def test_float32(family):
    x = rows()
    model = fitted(x.astype(np.float32), family)
    assert model.covariances_.dtype == np.float32
    assert_mixtures_close(model.mixture_, fitted(x, family).mixture_, 1e-2)


@EVERY
def test_parameters_set_by_hand(family):
    x = rows(120)
    model = fitted(x, family)
    other = GaussianMixture(3, covariance_type=family)
    other.weights_, other.means_ = model.weights_, model.means_
    other.precisions_cholesky_ = model.precisions_cholesky_
    np.testing.assert_allclose(other.score_samples(x), model.score_samples(x), rtol=1e-9)


@pytest.mark.parametrize("family", ["EII", "VEI", "VVE", "VEV"])
def test_other_estimators(family):
    x = rows()
    y = np.repeat(np.arange(3), 80)
    holes = np.where(np.random.default_rng(5).uniform(size=x.shape) < 0.1, np.nan, x)
    imputed = GaussianMixtureImputer(3, covariance_type=family, random_state=0).fit(holes)
    assert np.isfinite(imputed.transform(holes)).all()
    for how in ("EDDA", "MclustDA"):
        model = GaussianMixtureClassifier(model=how, covariance_type=family, random_state=0)
        assert model.fit(x, y).score(x, y) > 0.9
    line = GaussianMixtureRegressor(2, covariance_type=family, random_state=0)
    assert np.isfinite(line.fit(x[:, :2], x[:, 2]).predict(x[:, :2])).all()
    found = GaussianMixtureOutlierDetector(
        n_components=3, covariance_type=family, random_state=0
    ).fit(x)
    assert found.predict([[100.0, 100.0, 100.0]]) == [-1]


def test_iris_by_bic_is_what_mclust_finds():
    """mclust's own choice for iris among all fourteen is VEV with two components [@Scrucca2016]."""
    from sklearn.datasets import load_iris

    x = load_iris().data
    found = {}
    for letters in sorted({family.letters for family in FAMILIES.values()}):
        for k in (1, 2, 3):
            model = GaussianMixture(
                k, covariance_type=letters, reg_covar=0.0, random_state=0, max_iter=500, n_init=3
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                found[letters, k] = model.fit(x).bic(x)
    assert min(found, key=found.get) == ("VEV", 2)
    np.testing.assert_allclose(found["VEV", 2], 561.7285, atol=0.05)


def test_every_spelling_is_accepted():
    x = rows(60, d=2)
    for spelling in SPELLINGS:
        model = GaussianMixture(1, covariance_type=spelling).fit(x)
        assert isinstance(model.mixture_, Mixture)
