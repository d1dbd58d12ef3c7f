"""Many mixtures fitted to the same rows in one go are like those fitted one by one."""

import warnings

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture

FAMILIES = ["full", "tied", "diag", "spherical"]
IRIS = load_iris().data


def models(sizes, families=FAMILIES, **options):
    options = {"random_state": 0} | options
    return [GaussianMixture(k, covariance_type=f, **options) for f in families for k in sizes]


def fitted(each, x=IRIS, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        GaussianMixture.fit_all(each, x, **options)
    return each


def alone(each, x=IRIS, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [clone(model).fit(x, **options) for model in each]


def assert_same(one, two):
    assert (one.n_iter_, one.converged_) == (two.n_iter_, two.converged_)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.lower_bound_ == two.lower_bound_
    assert one.remaining_gain_ == two.remaining_gain_
    assert one.n_features_in_ == two.n_features_in_


def test_one_size_of_each_family_is_the_fit_by_itself():
    each = models([3])
    for one, two in zip(fitted(each), alone(each), strict=True):
        assert_same(one, two)


def test_other_options_are_fitted_one_by_one():
    """Starts, initial parameters, verbosity, rows with gaps: each is the fit by itself."""
    each = [
        GaussianMixture(3, random_state=1, init_params="kmeans"),
        GaussianMixture(2, means_init=IRIS[[0, 100]], random_state=0),
        GaussianMixture(3, n_init=3, random_state=2),
        GaussianMixture(3, dead_components="drop", random_state=0),
        GaussianMixture(4, accelerate="squarem", random_state=0),
        GaussianMixture(3, random_state=np.random.RandomState(3)),
        GaussianMixture(3, random_state=5),
    ]
    expected = alone(each)
    for one, two in zip(fitted(each), expected, strict=True):
        assert_same(one, two)
    gaps = IRIS.copy()
    gaps[::7, 1] = np.nan
    each = models([2], ["full", "diag"])
    for one, two in zip(fitted(each, gaps), alone(each, gaps), strict=True):
        assert_same(one, two)


def test_weights_names_and_types_are_taken_over():
    frame = pl.DataFrame(IRIS, schema=["a", "b", "c", "d"])
    assert nw.from_native(frame).columns == ["a", "b", "c", "d"]
    weights = np.random.default_rng(0).integers(1, 4, 150).astype(float)
    each = models([3])
    found = fitted(each, frame, sample_weight=weights)
    for one, two in zip(found, alone(each, frame, sample_weight=weights), strict=True):
        assert_same(one, two)
        assert [*one.feature_names_in_] == ["a", "b", "c", "d"]
    single = fitted(models([2, 3]), IRIS.astype(np.float32))
    assert {model.means_.dtype for model in single} == {np.dtype(np.float32)}


def test_fitted_models_can_be_fitted_together_again_to_other_rows():
    each = fitted(models([2, 3]), pl.DataFrame(IRIS, schema=["a", "b", "c", "d"]))
    rows = load_wine().data[:, :2]
    for one, two in zip(fitted(each, rows), fitted(models([2, 3]), rows), strict=True):
        assert_same(one, two)
        assert not hasattr(one, "feature_names_in_")


def test_a_model_can_be_asked_for_all_that_a_fit_leaves():
    for model in fitted(models(range(1, 6))):
        k = model.n_components
        assert model.predict_proba(IRIS).shape == (150, k)
        assert len(model.history_) == model.n_iter_
        assert np.isfinite(model.bic(IRIS))
        again = clone(model).set_params(random_state=None)
        assert not hasattr(again, "weights_")
        np.testing.assert_array_equal(model.sample(5, 1)[0], model.sample(5, 1)[0])


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_sizes_that_share_a_start_are_hardly_worse_than_each_by_itself(load):
    """In the mean over sizes and families: within a hundredth of a nat a row."""
    rows = load().data[:, :4]
    each = models(range(1, 8), reg_covar=1e-3 * rows.var(axis=0).min())
    together, apart = fitted(each, rows), alone(each, rows)
    gaps = [b.score(rows) - a.score(rows) for a, b in zip(together, apart, strict=True)]
    assert np.mean(gaps) < 0.01
    assert max(gaps) < 0.3


def test_those_that_share_options_and_differ_in_the_seed_have_starts_of_their_own():
    each = [GaussianMixture(k, random_state=s) for s in (0, 1) for k in (5, 8)]
    others = fitted(models([5, 8], ["full"], random_state=1))
    for one, two in zip(fitted(each)[2:], others, strict=True):
        assert_same(one, two)


def test_without_a_seed_every_batch_is_another_draw():
    np.random.seed(0)  # noqa: NPY002  what random_state=None stands for
    found = [fitted(models([7, 9], ["full"], random_state=None))[1] for _ in range(4)]
    assert len({model.lower_bound_ for model in found}) > 1


def test_common_axes_that_a_fit_leaves_are_those_of_its_matrices():
    for model in fitted(models([2, 4], ["EVE", "VVE"])):
        covariance = model.mixture_.covariance
        within = covariance.axes[0].T @ covariance.values @ covariance.axes[0]
        off = within * (1.0 - np.eye(4))
        assert np.abs(off).max() < 1e-10 * np.abs(within).max()


def test_starts_of_many_rows_are_merged_from_some_of_them():
    """What a size comes to does not depend on other families, nor on others' seeds."""
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    rows = centres[np.arange(6000) % 4] + rng.normal(size=(6000, 2))
    each = fitted(models([2, 4], ["full", "EII"]), rows)
    for one, two in zip(each[:2], fitted(models([2, 4], ["full"]), rows), strict=True):
        assert_same(one, two)
    for model in each[1::2]:  # four apart, of which each has a quarter
        found = model.means_[np.lexsort(model.means_.round().T)]
        np.testing.assert_allclose(found, centres, atol=0.12)


def test_no_models_are_no_work():
    GaussianMixture.fit_all([], IRIS)


def test_it_is_said_how_many_did_not_converge():
    each = [GaussianMixture(k, max_iter=m, tol=1e-9, random_state=0) for k, m in [(3, 2), (4, 3)]]
    with pytest.warns(ConvergenceWarning, match="2 of 2 fits did not converge. Increase max_iter"):
        GaussianMixture.fit_all(each, IRIS)


def test_what_is_wrong_is_said_as_by_fit():
    with pytest.raises(ValueError, match="The 'n_components' parameter of GaussianMixture must be"):
        GaussianMixture.fit_all([GaussianMixture(0)], IRIS)
    with pytest.raises(ValueError, match="n_components = 200, n_samples = 150"):
        GaussianMixture.fit_all(models([2, 200]), IRIS)
    with pytest.raises(ValueError, match="sample_weight holds a negative number"):
        GaussianMixture.fit_all(models([2]), IRIS, -np.ones(150))
    bad = IRIS.copy()
    bad[3, 2] = np.inf
    with pytest.raises(ValueError, match="column 2 holds infinity once, first in row 3"):
        GaussianMixture.fit_all(models([2]), bad)
