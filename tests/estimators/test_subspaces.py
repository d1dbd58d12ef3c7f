"""Subspaces in fits: found among many columns, ascent, gaps, weights, and what is refused."""

import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixture, GaussianMixtureIC, Mixture, StudentMixture
from mixtura.learn.settling import settled
from mixtura.model.covariance import SUBSPACES, named, subspace_family
from tests.laws.registries import PRIORS
from tests.laws.runs import Run
from tests.laws.test_4_ascent import NASTY, assert_rises

TRUTH = [3, 5, 8]


def grouped(n=90, d=80, dims=TRUTH, seed=0, apart=0.25):
    """Rows near subspaces, whose centres are hardly apart, and their groups."""
    rng = np.random.default_rng(seed)
    parts = []
    for number in dims:
        axes = np.linalg.qr(rng.normal(size=(d, number)))[0]
        within = rng.normal(size=(n, number)) * np.sqrt(rng.uniform(15, 40, number))
        parts.append(within @ axes.T + rng.normal(size=(n, d)) + apart * rng.normal(size=d))
    return np.vstack(parts), np.repeat(np.arange(len(dims)), n)


@pytest.fixture(scope="module")
def fitted():
    x, each = grouped()
    return GaussianMixture(3, covariance_type="subspace", random_state=0).fit(x), x, each


def test_groups_and_their_dimensions_are_found(fitted):
    model, x, each = fitted
    assert adjusted_rand_score(each, model.predict(x)) > 0.98
    assert sorted(model.dimensions_) == TRUTH
    assert model.converged_
    assert np.diff(model.lower_bounds_).min() > -1e-12
    assert model.covariances_.shape == (3, 80, 80)
    expected = sum(d * (80 - (d + 1) / 2) + d + 2 for d in TRUTH) + 3 * 80 + 2
    assert model.mixture_.n_parameters == expected
    full = GaussianMixture(3, random_state=0).fit(x)
    assert model.bic(x) < full.bic(x) - 1e4


def test_what_is_said_of_them(fitted, tmp_path):
    model, x, _ = fitted
    said = model.summary(x)
    assert [component.dimension for component in said.components] == model.dimensions_.tolist()
    assert "dimension" in repr(said)
    assert json.loads(json.dumps(said.to_dict()))["covariance_type"] == "AkjBkQkDk"
    assert "dimension" not in repr(GaussianMixture().fit(x[:, :2]).summary())
    again = GaussianMixture.from_mixture(model.mixture_)
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.dimensions_, model.dimensions_)
    drawn, _ = model.sample(50)
    assert drawn.shape == (50, 80)
    with pytest.raises(AttributeError, match="there are no subspaces: fit with"):
        _ = GaussianMixture().fit(x[:, :2]).dimensions_


def test_going_on_holds_the_dimensions(fitted):
    model, x, _ = fitted
    options = {"warm_start": True, "init_params": lambda X, k, rng: model.mixture_}
    warm = clone(model).set_params(**options).fit(x)
    np.testing.assert_array_equal(warm.dimensions_, model.dimensions_)
    np.testing.assert_array_equal(warm.fit(x).dimensions_, model.dimensions_)


def test_other_rules_forms_and_starts():
    x, each = grouped(60, 30, [2, 4], 1, apart=1.0)
    for name in ("AkBkQkDk:bic", "AkjBQkDk:0.3", "ABQkD:2"):
        model = GaussianMixture(2, covariance_type=name, random_state=0).fit(x)
        assert adjusted_rand_score(each, model.predict(x)) > 0.9
        assert model.mixture_.covariance.name == name
    for start, n_init in (("kmeans", 2), ("hierarchical", 1), (each, 1)):
        model = GaussianMixture(
            2, covariance_type="subspace", init_params=start, n_init=n_init, random_state=0
        ).fit(x)
        assert sorted(model.dimensions_) == [2, 4]


def test_fewer_rows_than_columns():
    x, each = grouped(30, 150, [2, 3], 2, apart=1.0)
    model = GaussianMixture(2, covariance_type="subspace", random_state=0).fit(x)
    assert adjusted_rand_score(each, model.predict(x)) == 1.0
    assert sorted(model.dimensions_) == [2, 3]


@pytest.mark.parametrize("name", ["AkjBkQkDk", "AkBQkD:1"])
@pytest.mark.parametrize("rows", NASTY)
def test_em_never_lowers_its_objective(name, rows):
    """With what a rule chose first, or with a number; with priors, a floor, or neither."""
    options = [{"prior": prior} for prior in (None, PRIORS["penalty"], PRIORS["fraley-raftery"])]
    floor = 0.05 * rows(np.random.default_rng(0)).var(axis=0) + 1e-3
    for seed, given in enumerate([*options, {"floor": floor}]):
        rng = np.random.default_rng(seed)
        x = rows(rng)
        run = Run(x, rng.integers(0, 3, len(x)), named(name), 3, max_iter=20, **given)
        assert_rises(run)
        numbers = [mixture.covariance.dimensions.tolist() for mixture in run.mixtures]
        assert all(each == numbers[0] for each in numbers)


@pytest.mark.parametrize("form", SUBSPACES)
def test_each_form_rises_and_stops_where_the_slope_is_none(form):
    x, each = grouped(50, 6, [1, 2], 3, apart=1.0)
    labels = np.where(np.random.default_rng(0).random(len(x)) < 0.3, 1 - each, each)
    family = subspace_family(form, 2 if SUBSPACES[form].dimension else None)
    run = Run(x, labels, family, 2, max_iter=200)
    assert np.diff(run.objectives).min() > -1e-12 * np.abs(run.objectives).max()
    end = run.fit.mixture
    vector, steps = end.to_vector(), np.random.default_rng(1).normal(size=(6, len(end.to_vector())))
    for step in steps * (vector != 0):  # axes that there are not stay none
        there, back = (run.objective(end.from_vector(vector + h * step)) for h in (1e-4, -1e-4))
        assert abs(there - back) / 2e-4 < 1e-4


def test_gaps_weights_and_acceleration():
    x, each = grouped(80, 12, [1, 3], 4, apart=1.0)
    rng = np.random.default_rng(0)
    options = {"covariance_type": "AkjBkQkDk", "random_state": 0, "init_params": each}
    gaps = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    model = GaussianMixture(2, tol=0.0, max_iter=12, accelerate="none", **options)
    with pytest.warns(ConvergenceWarning):
        model.fit(gaps)
    assert np.diff(model.lower_bounds_).min() > -1e-12
    assert adjusted_rand_score(each, model.predict(gaps)) > 0.9
    assert sorted(model.dimensions_) == [1, 3]
    weights = rng.integers(1, 4, len(x))
    heavy = GaussianMixture(2, **options).fit(x, sample_weight=weights)
    options["init_params"] = np.repeat(each, weights)
    repeated = GaussianMixture(2, **options).fit(np.repeat(x, weights, axis=0))
    np.testing.assert_allclose(heavy.means_, repeated.means_, atol=1e-8)
    np.testing.assert_array_equal(heavy.dimensions_, repeated.dimensions_)
    fast = GaussianMixture(2, accelerate="squarem", tol=1e-9, **options | {"init_params": each})
    fast.fit(x)
    assert np.diff(fast.lower_bounds_).min() > -1e-12
    plain = GaussianMixture(2, tol=1e-9, **options | {"init_params": each}).fit(x)
    assert {record.step for record in plain.history_} == {"em"}
    assert fast.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-6)


def test_starts_of_other_dimensions_are_compared_by_bic():
    x, each = grouped(60, 20, [2, 3], 5, apart=1.0)
    family = named("AkjBkQkDk")
    run = Run(x, each, family, 2, max_iter=3)
    good = run.fit.mixture
    one = Run(x, np.zeros(len(x), dtype=int), family, 1, max_iter=1).fit.mixture
    bad = Mixture(good.weights, good.means, one.covariance.rearranged(np.array([0, 0])))
    block = run.data.sample(len(x), 0)
    found = settled(block, [bad, good], run.maximize)
    assert found.covariance.held
    assert sorted(found.covariance.dimensions) == [2, 3]
    assert found.log_density(x).mean() >= good.log_density(x).mean() - 0.05


def test_heavy_tails_and_a_choice_among_families():
    x, each = grouped(70, 10, [1, 2], 6, apart=2.0)
    student = StudentMixture(2, covariance_type="AkjBkQkD:2", init_params=each).fit(x)
    assert adjusted_rand_score(each, student.predict(x)) > 0.95
    search = GaussianMixtureIC(
        n_components=[2],
        covariance_types=("full", "subspace", "UUC:2", "AkjBkQkD:2"),
        random_state=0,
    ).fit(x)
    assert search.best_params_ == {"n_components": 2, "covariance_type": "AkjBkQkDk"}
    assert set(search.results_["covariance_type"]) == {"full", "AkjBkQkDk", "UUC:2", "AkjBkQkD:2"}
    with pytest.raises(ValueError, match="forms with their number such as 'UUU:2'"):
        GaussianMixtureIC(covariance_types=("full", "AkjBkQkDk:2")).fit(x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance_type": "AkjBkQkD:6"}, "subspaces of 6 dimensions are too large for n_feat"),
        ({"covariance_type": "AkjBkQkDk:2"}, "'covariance_type' parameter of GaussianMixture must"),
        ({"covariance_type": "subspace", "n_factors": 2}, "n_factors goes with a form of factor"),
        (
            {"covariance_type": "subspace", "precisions_init": np.ones((1, 6, 6))},
            "precisions_init does not go with subspaces",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    x, _ = grouped(10, 6, [1, 2])
    with pytest.raises(ValueError, match=message):
        GaussianMixture(1, **options).fit(x)


def test_float32_and_attributes_set_by_hand():
    x, _ = grouped(60, 10, [1, 2], 6, apart=2.0)
    model = GaussianMixture(2, covariance_type="subspace", random_state=0).fit(x.astype(np.float32))
    assert model.covariances_.dtype == np.float32
    before, numbers = model.predict_proba(x), model.dimensions_
    model.covariances_ = model.covariances_.copy()
    np.testing.assert_allclose(model.predict_proba(x), before, atol=1e-4)
    np.testing.assert_array_equal(model.dimensions_, numbers)


OPTIONS = {"covariance_type": "subspace"}
CHECKS = [
    pytest.param(check, id=check.func.__name__)
    for _, check in estimator_checks_generator(GaussianMixture(**OPTIONS))
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("check", CHECKS)
def test_scikit_learns_checks(check):
    check(GaussianMixture(**OPTIONS))
