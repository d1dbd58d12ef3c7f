"""Tables with missing numbers, from the fit to every score; the mathematics is under law 7."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from mixtura.estimators import wiring
from tests.laws.registries import MOMENTS

K, D = 3, 4

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def groups(n=240, seed=0, apart=5.0):
    """Rows of three groups, and the group of each."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, K, n)
    centres = apart * np.array([[0.0, 0, 0, 0], [1, 1, 0, -1], [-1, 1, 1, 1]])
    return centres[labels] + rng.normal(size=(n, D)) @ rng.normal(size=(D, D)) * 0.7, labels


def with_gaps(x, part=0.25, seed=1):
    x, rng = x.copy(), np.random.default_rng(seed)
    x[rng.random(x.shape) < part] = np.nan
    x[5] = np.nan
    return x


def observed(model, x):
    """Log density of what each row has, by SciPy."""
    mixture = model.mixture_
    found = np.zeros(len(x))
    for i, row in enumerate(x):
        o = ~np.isnan(row)
        if o.any():
            parts = [
                multivariate_normal(mean[o], matrix[np.ix_(o, o)]).logpdf(row[o])
                for mean, matrix in zip(mixture.means, mixture.covariances, strict=True)
            ]
            found[i] = logsumexp(np.log(mixture.weights) + parts)
    return found


def same_partition(found, labels):
    """The part of rows in which labels agree, whatever their names."""
    counts = np.zeros((K, K))
    np.add.at(counts, (found, labels), 1)
    return counts.max(axis=1).sum() / len(labels)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scores_are_of_what_was_observed(family, dtype):
    x = with_gaps(groups()[0]).astype(dtype)
    w = np.random.default_rng(2).uniform(0.0, 2.0, len(x))
    model = GaussianMixture(K, covariance_type=family, random_state=0).fit(x, sample_weight=w)
    expected = observed(model, x)
    rtol = 1e-12 if dtype is np.float64 else 1e-6
    assert_allclose(model.score_samples(x), expected, rtol=rtol, atol=rtol)
    assert model.score_samples(x).dtype == dtype
    assert model.means_.dtype == dtype
    total = w @ expected
    assert_allclose(model.score(x, sample_weight=w), total / w.sum(), rtol=1e-10)
    n_parameters = model.mixture_.n_parameters
    assert_allclose(model.bic(x, w), n_parameters * np.log(w.sum()) - 2 * total, rtol=1e-10)
    assert_allclose(model.aic(x, w), 2 * n_parameters - 2 * total, rtol=1e-10)
    r = model.predict_proba(x)
    assert_allclose(r.sum(axis=1), 1.0, rtol=1e-6)
    assert_array_equal(model.predict(x), r.argmax(axis=1))
    certain = w @ np.log(r.astype(float).max(axis=1))
    assert_allclose(model.icl(x, w), model.bic(x, w) - 2 * certain, rtol=1e-5)


def test_a_row_of_nothing_says_nothing():
    x = with_gaps(groups()[0])
    model = GaussianMixture(K, random_state=0).fit(x)
    nothing = np.full((2, D), np.nan)
    assert_array_equal(model.score_samples(nothing), 0.0)
    assert_array_equal(model.predict(nothing), model.weights_.argmax())
    assert_allclose(model.predict_proba(nothing), [model.weights_] * 2)


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("accelerate", wiring.ACCELERATORS)
def test_every_way_leads_to_a_maximum(family, accelerate):
    """The fit is a fixed point of its own continuation, by EM's steps."""
    x = with_gaps(groups(apart=3.0)[0])
    options = {"covariance_type": family, "random_state": 0, "max_iter": 2_000}
    model = GaussianMixture(K, tol=1e-10, accelerate=accelerate, **options).fit(x)
    assert model.converged_
    plain = GaussianMixture(
        K, accelerate="none", tol=1e-12, init_params=lambda *_: model.mixture_, **options
    ).fit(x)
    assert 0 <= plain.lower_bound_ - model.lower_bound_ + 1e-13 < 1e-8
    assert np.diff(model.lower_bounds_).min() > -1e-12


@pytest.mark.parametrize("how", [how for how in wiring.STARTS if how != "random"])
@pytest.mark.parametrize("part", [0.1, 0.3])
def test_every_start_finds_the_groups(how, part):
    x, labels = groups(600, apart=8.0)
    x = with_gaps(x, part)
    model = GaussianMixture(K, init_params=how, n_init=5, random_state=0, max_iter=500).fit(x)
    some = (~np.isnan(x)).sum(axis=1) >= 2
    assert same_partition(model.predict(x)[some], labels[some]) > 0.9


def test_random_responsibilities_are_a_start():
    x = with_gaps(groups()[0])
    model = GaussianMixture(K, init_params="random", random_state=0).fit(x)
    one = GaussianMixture(1).fit(x)
    assert model.score(x) > one.score(x)


def test_starts_from_memberships():
    x, labels = groups()
    x = with_gaps(x)
    hard = GaussianMixture(K, init_params=labels).fit(x)
    soft = GaussianMixture(K, init_params=np.eye(K)[labels]).fit(x)
    assert_allclose(soft.means_, hard.means_)
    assert same_partition(hard.predict(x), labels) > 0.85


def test_the_same_seed_gives_the_same_fit():
    x = with_gaps(groups()[0])
    one, two = (GaussianMixture(K, random_state=3).fit(x) for _ in range(2))
    assert_array_equal(one.means_, two.means_)


@pytest.mark.parametrize("family", MOMENTS)
def test_integer_weights_are_rows(family):
    """From the same start the fit of weighted rows is that of repeated ones."""
    x, labels = groups()
    x, times = with_gaps(x), np.random.default_rng(4).integers(0, 3, len(x))
    options = {"covariance_type": family, "max_iter": 15}
    weighted = GaussianMixture(K, init_params=labels, **options).fit(x, sample_weight=times)
    again = np.repeat(labels, times)
    repeated = GaussianMixture(K, init_params=again, **options).fit(np.repeat(x, times, axis=0))
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"prior": NormalInverseWishart(np.zeros(D), 1.0, D + 2.0, np.eye(D))},
        {"reg_covar": 1e-3},
        {"variance_floor": 0.1},
        {"dead_components": "reseed"},
        {"dead_components": "drop"},
        {"n_init": 4},
        {"max_iter": 0},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_go_with_gaps(options):
    x = with_gaps(groups()[0])
    model = GaussianMixture(K, random_state=0, **options).fit(x)
    assert np.isfinite(model.score_samples(x)).all()
    if "variance_floor" in options:
        assert np.linalg.eigvalsh(model.covariances_).min() > 0.1 - 1e-12


def test_a_fit_goes_on():
    x = with_gaps(groups(apart=2.0)[0])
    model = GaussianMixture(K, random_state=0, warm_start=True, max_iter=3, tol=0).fit(x)
    before = model.score(x)
    model.fit(x)
    assert model.score(x) > before


def test_ends_are_of_a_height_with_those_of_rows_that_are_complete():
    """What a tenth of gaps takes away does not lead to another fit."""
    x, labels = groups(3_000)
    complete = GaussianMixture(K, random_state=0).fit(x)
    model = GaussianMixture(K, random_state=0).fit(with_gaps(x, 0.1))
    assert complete.score(x) - model.score(x) < 0.02
    assert same_partition(model.predict(x), labels) > 0.95


def test_all_rows_have_gaps():
    x, labels = groups(600, apart=8.0)
    x[np.arange(600), np.random.default_rng(5).integers(0, D, 600)] = np.nan
    model = GaussianMixture(K, random_state=0).fit(x)
    assert same_partition(model.predict(x), labels) > 0.95


@pytest.mark.parametrize("family", MOMENTS)
def test_columns_that_are_never_observed_together(family):
    x, _ = groups(400)
    x[::2, 0] = np.nan
    x[1::2, 1] = np.nan
    model = GaussianMixture(2, covariance_type=family, random_state=0).fit(x)
    assert np.isfinite(model.lower_bound_)
    assert (np.linalg.eigvalsh(model.mixture_.covariances) > 0).all()
    one = GaussianMixture(covariance_type="full", tol=1e-10, max_iter=500).fit(x)
    assert_allclose(observed(one, x), one.score_samples(x), rtol=1e-11)


def test_one_column():
    x = np.random.default_rng(6).normal(size=(50, 1))
    x[::3] = np.nan
    model = GaussianMixture(tol=1e-12, reg_covar=0.0, max_iter=500).fit(x)
    assert_allclose(model.means_[0], np.nanmean(x), atol=1e-5)
    assert_allclose(model.covariances_[0], np.nanvar(x), rtol=1e-4)


def test_a_constant_column_with_gaps():
    x, _ = groups()
    x[:, 2] = 7.0
    model = GaussianMixture(2, random_state=0).fit(with_gaps(x))
    assert_allclose(model.means_[:, 2], 7.0)


def test_groups_are_found_where_most_is_missing():
    x, labels = groups(2_000, apart=12.0)
    x = with_gaps(x, 0.6)
    model = GaussianMixture(K, n_init=5, random_state=0, max_iter=500).fit(x)
    some = (~np.isnan(x)).sum(axis=1) >= 3
    assert same_partition(model.predict(x)[some], labels[some]) > 0.9


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_tables_with_missing_values(missing):
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    x, _ = groups(60)
    data = {name: column.tolist() for name, column in zip("abcd", x.T, strict=True)}
    data["b"][4], data["c"][9] = missing, missing
    array = x.copy()
    array[4, 1] = array[9, 2] = np.nan
    expected = GaussianMixture(2, random_state=0).fit(array)
    for frame in (pandas.DataFrame(data), polars.DataFrame(data)):
        model = GaussianMixture(2, random_state=0).fit(frame)
        assert_allclose(model.means_, expected.means_, rtol=1e-12)
        assert_allclose(model.score_samples(frame), expected.score_samples(array), rtol=1e-12)


def test_rows_are_left_alone():
    x = with_gaps(groups()[0])
    before = x.copy()
    GaussianMixture(K, random_state=0).fit_predict(x)
    assert_array_equal(x, before)


def test_the_order_in_memory_is_of_no_account():
    x = with_gaps(groups()[0])
    one = GaussianMixture(K, random_state=0).fit(x)
    two = GaussianMixture(K, random_state=0).fit(np.asfortranarray(x))
    assert_array_equal(one.means_, two.means_)


def test_many_rows_begin_with_parts_of_them(monkeypatch):
    monkeypatch.setattr(wiring, "BLOCK_ROWS", 500)
    x = with_gaps(groups(20_000)[0])
    model = GaussianMixture(K, random_state=0, tol=1e-6).fit(x)
    plain = GaussianMixture(
        K, accelerate="none", tol=1e-9, max_iter=500, init_params=lambda *_: model.mixture_
    ).fit(x)
    assert plain.score(x) - model.score(x) < 1e-5


@pytest.mark.parametrize("family", MOMENTS)
def test_many_components(family):
    """Rows without gaps are sorted where that is worth it; those with gaps are not lost."""
    rng = np.random.default_rng(7)
    centres = 40.0 * rng.normal(size=(40, 2))
    x = centres[rng.integers(0, 40, 9_000)] + rng.normal(size=(9_000, 2))
    x[rng.random(x.shape) < 0.1] = np.nan
    begin = Mixture.of(np.full(40, 1 / 40), centres + 0.1, np.full(40, 1.0), family="spherical")
    labels = begin.responsibilities(np.nan_to_num(x)).argmax(axis=1)
    options = {"covariance_type": family, "init_params": labels, "accelerate": "none"}
    model = GaussianMixture(40, max_iter=6, tol=0.0, **options).fit(x)
    part = GaussianMixture(40, max_iter=3, tol=0.0, **options).fit(x)
    for _ in range(3):
        part = GaussianMixture(
            40, **options | {"init_params": lambda *_, m=part: m.mixture_}, max_iter=1, tol=0.0
        ).fit(x)
    assert_allclose(model.score(x), part.score(x), rtol=1e-10)


def test_the_tag_says_so():
    assert get_tags(GaussianMixture()).input_tags.allow_nan
    assert not get_tags(GaussianMixture(truncation=2)).input_tags.allow_nan


def test_copies_and_files():
    x = with_gaps(groups()[0])
    model = GaussianMixture(K, random_state=0).fit(x)
    assert_array_equal(clone(model).fit(x).means_, model.means_)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.score_samples(x), model.score_samples(x))


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_run_that_is_not_at_its_end_says_so():
    x = with_gaps(groups(apart=1.0)[0])
    with pytest.warns(ConvergenceWarning):
        GaussianMixture(K, random_state=0, max_iter=2).fit(x)


def test_truncated_fits_score_rows_with_gaps():
    x, _ = groups()
    model = GaussianMixture(K, truncation=2, random_state=0, max_iter=20).fit(x)
    assert_allclose(model.score_samples(with_gaps(x)), observed(model, with_gaps(x)), rtol=1e-11)
