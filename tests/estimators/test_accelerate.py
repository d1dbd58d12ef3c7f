"""`accelerate` on the estimator: fewer passes, the same end, and scikit-learn's run without it."""

import numpy as np
import pytest
import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture, NormalInverseWishart
from mixtura.estimators import wiring
from tests.laws.registries import MOMENTS

WAYS = ["auto", "squarem", "lbfgs"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    return rng.normal(size=(300, 2)) + 2.2 * (np.arange(300) % 2)[:, None]


@pytest.fixture(params=MOMENTS)
def family(request):
    return request.param


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


def test_the_default_is_auto(rows):
    options = {"random_state": 0, "max_iter": 2000, "tol": 1e-9}
    assert GaussianMixture().accelerate == "auto"
    model = GaussianMixture(2, **options).fit(np.tile(rows, (600, 1)))  # too many for plain steps
    assert {record.step for record in model.history_} >= {"em", "lbfgs"}


def test_without_it_the_run_is_scikit_learns(rows, family):
    options = {"covariance_type": family, "reg_covar": 1e-6, "max_iter": 300, "random_state": 0}
    options |= {"init_params": "kmeans"}
    start = GaussianMixture(2, **options, tol=1e9).fit(rows)
    options |= {
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
    }
    ours = GaussianMixture(2, **options, tol=1e-4, accelerate="none").fit(rows)
    theirs = sklearn.mixture.GaussianMixture(2, **options, tol=1e-4).fit(rows)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    np.testing.assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=1e-12)
    assert {record.step for record in ours.history_} == {"em"}
    assert abs(ours.history_[-1].change) < 1e-4 <= abs(ours.history_[-2].change)


def test_the_end_is_the_same_in_fewer_passes(rows, family, way):
    options = {"covariance_type": family, "random_state": 0, "max_iter": 3000}
    options |= {"init_params": "kmeans"}
    plain = GaussianMixture(2, tol=1e-10, accelerate="none", **options).fit(rows)
    fast = GaussianMixture(2, tol=1e-9, accelerate=way, **options).fit(rows)
    assert fast.converged_
    assert fast.n_iter_ == len(fast.history_) < plain.n_iter_
    assert abs(fast.lower_bound_ - plain.lower_bound_) < 1e-7
    np.testing.assert_allclose(fast.means_, plain.means_, atol=0.02)
    if plain.n_iter_ > 50 and way != "auto":  # which may choose plain steps on few rows
        assert {record.step for record in fast.history_} - {"em", "rejected"}
        assert 2 * fast.n_iter_ < plain.n_iter_
    assert fast.lower_bounds_ == sorted(fast.lower_bounds_)


def test_the_gain_that_is_left_is_told(rows, way):
    options = {"random_state": 0, "accelerate": way, "max_iter": 2000}
    model = GaussianMixture(2, tol=1e-5, **options).fit(rows)
    longer = GaussianMixture(2, tol=1e-11, **options).fit(rows)
    assert model.remaining_gain_ == model.history_[-1].remaining < 1e-5
    assert isinstance(model.remaining_gain_, float)
    assert longer.lower_bound_ - model.lower_bound_ < 1e-4
    plain = GaussianMixture(2, random_state=0, accelerate="none", tol=1e-5).fit(rows)
    assert 0 < plain.remaining_gain_ < np.inf


def test_without_an_iteration_the_gain_is_not_known(rows):
    model = GaussianMixture(2, max_iter=0, random_state=0).fit(rows)
    assert model.remaining_gain_ == np.inf


def test_tol_is_the_gain_that_may_be_left_or_the_last_change(rows, family):
    options = {"covariance_type": family, "random_state": 0, "max_iter": 3000, "tol": 1e-5}
    plain = GaussianMixture(2, accelerate="none", **options).fit(rows)
    assert abs(plain.history_[-1].change) < 1e-5
    assert all(abs(record.change) >= 1e-5 for record in plain.history_[:-1])
    fast = GaussianMixture(2, **options).fit(rows)
    assert max(record.remaining for record in fast.history_[-2:]) < 1e-5
    left = [record.remaining for record in fast.history_]
    assert all(max(pair) >= 1e-5 for pair in zip(left[3:-2], left[4:-1], strict=True))
    assert fast.n_iter_ >= 5


def test_a_tol_of_zero_uses_all_of_max_iter_in_every_way(rows):
    for way in wiring.ACCELERATORS:
        with pytest.warns(ConvergenceWarning):
            model = GaussianMixture(1, tol=0, max_iter=9, accelerate=way).fit(rows)
        assert model.n_iter_ == 9


def test_max_iter_bounds_the_passes_and_the_end_is_no_lower(rows, way):
    for passes in (1, 5, 6, 7, 8, 9, 10, 15):
        with pytest.warns(ConvergenceWarning):
            model = GaussianMixture(
                2, tol=0.0, max_iter=passes, accelerate=way, random_state=0
            ).fit(rows)
        assert model.n_iter_ == passes
        assert not model.converged_
        assert model.lower_bound_ == max(model.lower_bounds_)
        after = model.set_params(warm_start=True, max_iter=1, accelerate="none")
        with pytest.warns(ConvergenceWarning):
            assert after.fit(rows).lower_bound_ >= max(model.lower_bounds_) - 1e-13


@pytest.mark.parametrize(
    "options",
    [
        {"variance_floor": 1e-3},
        {"variance_floor": 1e-3, "reg_covar": 1e-6},
        {"dead_components": "drop"},
        {"dead_components": "reseed"},
    ],
    ids=str,
)
def test_where_it_cannot_be_used_the_steps_are_plain(rows, way, options):
    model = GaussianMixture(2, accelerate=way, random_state=0, max_iter=2000, tol=1e-6, **options)
    model.fit(rows)
    assert {record.step for record in model.history_} == {"em"}
    assert model.converged_
    assert max(record.remaining for record in model.history_[-2:]) < 1e-6


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
@pytest.mark.parametrize("way", ["squarem", "lbfgs"])
def test_with_a_ridge_the_end_is_the_same_up_to_it(rows, way, reg_covar):
    options = {"random_state": 0, "reg_covar": reg_covar, "max_iter": 5000, "tol": 1e-9}
    plain = GaussianMixture(2, accelerate="none", **{**options, "tol": 1e-13}).fit(rows)
    model = GaussianMixture(2, accelerate=way, **options).fit(rows)
    assert {record.step for record in model.history_} - {"em", "rejected"}
    assert model.converged_
    assert abs(model.score(rows) - plain.score(rows)) < 1e-8 + 10 * reg_covar
    assert np.linalg.eigvalsh(model.covariances_).min() >= reg_covar


@pytest.mark.parametrize("way", ["squarem", "lbfgs"])
def test_no_step_goes_below_a_ridge(way):
    """A component on few equal rows has no likelihood to stop it: only the ridge does."""
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(300, 2)), np.full((4, 2), 3.0)])
    labels = (np.arange(304) >= 300).astype(int)
    options = {"reg_covar": 1e-4, "max_iter": 500, "tol": 1e-9, "init_params": labels}
    model = GaussianMixture(2, accelerate=way, **options).fit(rows)
    plain = GaussianMixture(2, accelerate="none", **options).fit(rows)
    np.testing.assert_allclose(np.linalg.eigvalsh(model.covariances_[1]), 1e-4, rtol=1e-6)
    np.testing.assert_allclose(model.means_, plain.means_, atol=1e-3)


def test_a_component_of_no_weight_stays_so(rows, way):
    model = GaussianMixture(
        2,
        accelerate=way,
        weights_init=[0.0, 1.0],
        means_init=rows[:2],
        precisions_init=[np.eye(2)] * 2,
        max_iter=50,
        tol=1e-9,
    ).fit(rows)
    assert model.weights_.tolist() == [0.0, 1.0]
    assert {record.step for record in model.history_} == {"em"}


def test_with_weights_a_prior_and_several_runs(rows, way):
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2.0, len(rows))
    prior = NormalInverseWishart.default(rows.mean(axis=0), np.cov(rows.T), 2)
    options = {"prior": prior, "n_init": 3, "init_params": "random", "random_state": 0}
    plain = GaussianMixture(2, tol=1e-11, max_iter=5000, accelerate="none", **options)
    plain.fit(rows, sample_weight=weights)
    fast = GaussianMixture(2, tol=1e-9, max_iter=5000, accelerate=way, **options)
    fast.fit(rows, sample_weight=weights)
    assert abs(fast.lower_bound_ - plain.lower_bound_) < 1e-6
    assert fast.n_iter_ < plain.n_iter_


def test_warm_start_goes_on(rows, way):
    model = GaussianMixture(2, accelerate=way, warm_start=True, tol=0.0, max_iter=12)
    model.set_params(random_state=0)
    with pytest.warns(ConvergenceWarning):
        first = model.fit(rows).lower_bound_
    with pytest.warns(ConvergenceWarning):
        second = model.fit(rows).lower_bound_
    assert second >= first
    assert model.history_[0].change >= 0


def test_a_wrong_word_is_answered_with_the_right_ones(rows):
    for wrong in ("fast", True, None):
        with pytest.raises(ValueError, match="'accelerate' parameter of GaussianMixture") as error:
            GaussianMixture(2, accelerate=wrong).fit(rows)
        for name in wiring.ACCELERATORS:
            assert f"'{name}'" in str(error.value)


def test_two_fits_are_the_same(rows, way):
    one, two = (
        GaussianMixture(3, accelerate=way, random_state=1, max_iter=500, tol=1e-6).fit(rows)
        for _ in range(2)
    )
    np.testing.assert_allclose(one.means_, two.means_, atol=1e-6)
    np.testing.assert_allclose(one.lower_bounds_[:20], two.lower_bounds_[:20], rtol=1e-12)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_component_at_the_ridge_does_not_keep_a_run_from_its_end(seed):
    """Six rows of eight columns: the likelihood would have them flatter for ever."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 8))
    x[:12] = 5.0 + 1e-3 * x[:12]
    labels = np.repeat([1, 0, 2], [6, 144, 150])
    options = {"reg_covar": 1e-6, "init_params": labels, "max_iter": 1000}
    fast = GaussianMixture(3, tol=1e-8, **options).fit(x)
    plain = GaussianMixture(3, tol=1e-11, accelerate="none", **options).fit(x)
    assert np.linalg.eigvalsh(fast.covariances_)[:, 0].min() < 2e-6
    assert fast.converged_
    assert fast.remaining_gain_ < 1e-8
    np.testing.assert_allclose(fast.lower_bound_, plain.lower_bound_, atol=1e-6)
