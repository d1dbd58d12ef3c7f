"""What `GaussianMixture` has that scikit-learn's class lacks, and how it lives among its tools."""

import copy
import math
import pickle
import re
import warnings
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.mixture
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from mixtura.engines.memory import Memory
from mixtura.estimators import wiring
from mixtura.estimators.wiring import STARTS
from mixtura.learn.em import Iteration
from mixtura.learn.expectation import e_step
from tests.laws.registries import MOMENTS

PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")

every_family = pytest.mark.parametrize("family", MOMENTS)


def blobs(n=60, d=2, k=2, apart=6.0, seed=0):
    """Rows about k centres."""
    rng = np.random.default_rng(seed)
    centres = apart * np.arange(k)[:, None] * np.ones(d)
    return np.concatenate([centre + rng.normal(size=(n, d)) for centre in centres])


def halves(rows):
    """Labels that any start would be near to."""
    return (np.arange(len(rows)) >= len(rows) / 2).astype(int)


def assert_same(one, two, rtol=1e-9, atol=1e-11):
    for name in PARAMETERS:
        assert_allclose(getattr(one, name), getattr(two, name), rtol=rtol, atol=atol, err_msg=name)


class TestRowWeights:
    @pytest.fixture
    def weights(self):
        return np.random.default_rng(1).integers(0, 4, size=120)

    @every_family
    def test_a_weight_of_two_is_a_row_twice(self, family, weights):
        rows = blobs()
        labels = halves(rows)
        one = GaussianMixture(2, covariance_type=family, init_params=labels)
        two = GaussianMixture(2, covariance_type=family, init_params=labels.repeat(weights))
        one.fit(rows, sample_weight=weights)
        repeated = rows.repeat(weights, axis=0)
        two.fit(repeated)
        assert_same(one, two)
        assert one.n_iter_ == two.n_iter_
        assert_allclose(one.lower_bound_, two.lower_bound_, rtol=1e-11)
        for name in ("score", "aic", "bic", "icl"):
            weighted = getattr(one, name)(rows, sample_weight=weights)
            assert_allclose(weighted, getattr(two, name)(repeated), rtol=1e-10, err_msg=name)

    @pytest.mark.parametrize("how", STARTS)
    def test_a_row_of_no_weight_is_an_absent_row_in_every_start(self, how):
        rows = blobs()
        present = np.ones(len(rows))
        wild = np.concatenate([rows, np.full((5, 2), 1e3)])
        options = {"init_params": how, "random_state": 0}
        one = GaussianMixture(2, **options).fit(rows)
        two = GaussianMixture(2, **options)
        two.fit(wild, sample_weight=np.concatenate([present, np.zeros(5)]))
        assert_same(one, two)

    def test_fractions_of_rows_scale_nothing_but_the_penalty(self):
        rows = blobs()
        one, two = (GaussianMixture(2, init_params=halves(rows), reg_covar=0) for _ in range(2))
        assert_same(one.fit(rows), two.fit(rows, sample_weight=np.full(len(rows), 0.25)))

    def test_fit_predict_takes_weights(self, weights):
        rows = blobs()
        model = GaussianMixture(2, random_state=0)
        labels = model.fit_predict(rows, sample_weight=weights)
        assert_array_equal(labels, model.predict(rows))
        assert_same(model, GaussianMixture(2, random_state=0).fit(rows, sample_weight=weights))

    def test_one_number_is_a_weight_for_every_row(self):
        rows = blobs()
        one = GaussianMixture(2, random_state=0).fit(rows, sample_weight=3.0)
        two = GaussianMixture(2, random_state=0).fit(rows, sample_weight=np.full(len(rows), 3.0))
        assert_same(one, two)

    def test_weights_are_left_alone(self, weights):
        before = weights.copy()
        GaussianMixture(2, random_state=0).fit(blobs(), sample_weight=weights)
        assert_array_equal(weights, before)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({7: -0.5}, r"holds a negative number \(-0\.5\) in row 7; weights must be finite and"),
            ({3: np.nan}, r"holds NaN \(nan\) in row 3; weights must be finite and not negative"),
            ({0: np.inf}, r"holds infinity \(inf\) in row 0; weights must be finite and not neg"),
        ],
    )
    def test_bad_weights_are_named(self, change, message):
        weights = np.ones(120)
        for row, value in change.items():
            weights[row] = value
        fitted = GaussianMixture(2, random_state=0).fit(blobs())
        for method in (fitted.fit, fitted.score, fitted.bic):
            with pytest.raises(ValueError, match="sample_weight " + message):
                method(blobs(), sample_weight=weights)

    def test_weights_that_are_all_zero(self):
        message = "sample_weight is zero for every row: give some row a positive weight"
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2).fit(blobs(), sample_weight=np.zeros(120))

    @pytest.mark.parametrize("weights", [np.ones(119), np.ones((120, 1)), [1.0]])
    def test_weights_of_another_length(self, weights):
        shape = re.escape(str(np.shape(weights)))
        message = rf"must have shape \(120,\), one weight for each row, but has shape {shape}"
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2).fit(blobs(), sample_weight=weights)

    def test_rows_of_no_weight_do_not_count_as_rows(self):
        weights = np.zeros(120)
        weights[:2] = 1
        message = "n_components = 3, n_samples = 2: ask for fewer components, or bring more rows"
        with pytest.raises(ValueError, match=message):
            GaussianMixture(3).fit(blobs(), sample_weight=weights)


def test_icl_is_bic_with_the_certainty_of_the_labels():
    rows = blobs(apart=2.0)
    model = GaussianMixture(2, random_state=0).fit(rows)
    certainty = np.log(model.predict_proba(rows).max(axis=1)).sum()
    assert_allclose(model.icl(rows), model.bic(rows) - 2 * certainty, rtol=1e-12)
    assert model.icl(rows) > model.bic(rows)


class TestStarts:
    def test_labels_and_responsibilities_say_the_same(self):
        rows = blobs()
        labels = halves(rows)
        one = GaussianMixture(2, init_params=labels, max_iter=0).fit(rows)
        two = GaussianMixture(2, init_params=np.eye(2)[labels].tolist(), max_iter=0).fit(rows)
        assert_same(one, two)
        assert_allclose(one.means_, [rows[:60].mean(axis=0), rows[60:].mean(axis=0)], rtol=1e-12)
        assert_allclose(one.weights_, [0.5, 0.5], rtol=1e-12)

    def test_soft_responsibilities(self):
        rows = blobs()
        r = np.random.default_rng(0).dirichlet(np.ones(2), size=len(rows))
        model = GaussianMixture(2, init_params=r, max_iter=0, reg_covar=0).fit(rows)
        assert_allclose(model.means_, r.T @ rows / r.sum(axis=0)[:, None], rtol=1e-12)
        assert_allclose(model.weights_, r.mean(axis=0), rtol=1e-12)

    def test_a_function_gets_the_rows_the_number_and_the_state(self):
        rows = blobs()
        calls = []

        def start(X, n_components, random_state):
            calls.append((X, n_components, random_state))
            return halves(X)

        state = np.random.RandomState(0)
        model = GaussianMixture(2, init_params=start, random_state=state, n_init=3).fit(rows)
        assert len(calls) == 3
        assert calls[0][0] is rows
        assert calls[0][1:] == (2, state)
        assert_same(model, GaussianMixture(2, init_params=halves(rows)).fit(rows))

    @every_family
    def test_a_function_may_return_a_mixture(self, family):
        rows = blobs()
        known = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows).mixture_
        model = GaussianMixture(
            2, covariance_type=family, init_params=lambda *_: known, max_iter=0
        ).fit(rows)
        assert model.mixture_ is not None
        assert_array_equal(model.means_, known.means)
        assert_array_equal(model.covariances_, known.covariance.values)

    def test_given_parameters_replace_those_of_the_start(self):
        rows = blobs()
        means = [[1.0, 2.0], [3.0, 4.0]]
        model = GaussianMixture(2, init_params=halves(rows), means_init=means, max_iter=0).fit(rows)
        free = GaussianMixture(2, init_params=halves(rows), max_iter=0).fit(rows)
        assert_array_equal(model.means_, means)
        assert_array_equal(model.covariances_, free.covariances_)

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            (
                np.zeros(7, int),
                r"must be labels of shape \(120,\) or responsibilities of shape \(1",
            ),
            (np.ones((120, 3)) / 3, r"shape \(120, 2\), but has shape \(120, 3\)"),
            (np.zeros(120), "labels must be integers from 0 to 1, not float64"),
            (np.full(120, 2), "labels must be integers from 0 to 1, but reach from 2 to 2"),
            (np.full(120, -1), "labels must be integers from 0 to 1, but reach from -1 to -1"),
            (np.full((120, 2), [1.5, -0.5]), "responsibilities must be finite and not negative"),
            (np.full((120, 2), np.nan), "responsibilities must be finite and not negative"),
            (np.full((120, 2), 0.4), "responsibilities of row 0 add to 0.8, not to 1"),
        ],
    )
    @pytest.mark.parametrize("through", ["array", "function"])
    def test_bad_memberships(self, members, message, through):
        start = members if through == "array" else lambda *_: members
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2, init_params=start).fit(blobs())

    def test_a_mixture_of_another_size(self):
        known = Mixture.of([1.0], [[0.0, 0.0]], [np.eye(2)])
        message = r"the start has means of shape \(1, 2\), but \(2, 2\) are asked for"
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2, init_params=lambda *_: known).fit(blobs())

    def test_a_mixture_of_another_family(self):
        known = Mixture.of([0.5, 0.5], [[0, 0], [1, 1]], [1.0, 1.0], family="spherical")
        message = "the start has spherical covariances, but full are asked for"
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2, init_params=lambda *_: known).fit(blobs())

    def test_a_word_that_is_no_start(self):
        with pytest.raises(ValueError, match="'init_params' parameter of GaussianMixture must be"):
            GaussianMixture(2, init_params="best").fit(blobs())


class TestFromMixture:
    @every_family
    def test_it_is_an_estimator_as_if_fitted(self, family):
        rows = blobs()
        known = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows).mixture_
        model = GaussianMixture.from_mixture(known, random_state=3, tol=1e-6)
        assert model.mixture_ is known
        assert model.get_params()["tol"] == 1e-6
        assert (model.n_components, model.covariance_type) == (2, family)
        assert model.n_features_in_ == 2
        assert_array_equal(model.predict_proba(rows), known.responsibilities(rows))
        assert_allclose(model.score(rows), known.log_density(rows).mean(), rtol=1e-12)
        assert model.n_iter_ == 0
        assert not model.converged_

    def test_it_can_be_fitted_further(self):
        rows = blobs()
        fitted = GaussianMixture(2, random_state=0, tol=1e-9).fit(rows)
        model = GaussianMixture.from_mixture(fitted.mixture_, warm_start=True).fit(rows)
        assert model.n_iter_ == 5
        assert_same(model, fitted, rtol=1e-5, atol=1e-6)

    def test_a_clone_knows_nothing(self):
        known = Mixture.of([1.0], [[0.0]], [[[1.0]]])
        with pytest.raises(NotFittedError):
            clone(GaussianMixture.from_mixture(known)).predict([[0.0]])


def test_mixture_is_the_fit_in_float64():
    rows = blobs().astype(np.float32)
    model = GaussianMixture(2, random_state=0).fit(rows)
    assert isinstance(model.mixture_, Mixture)
    for name in ("weights", "means"):
        value = getattr(model.mixture_, name)
        assert value.dtype == np.float64
        assert_array_equal(value.astype(np.float32), getattr(model, f"{name}_"))
    assert model.mixture_ is model.mixture_


def test_mixture_of_a_model_that_was_not_fitted():
    with pytest.raises(NotFittedError, match="This GaussianMixture instance is not fitted yet"):
        _ = GaussianMixture().mixture_


class TestHistory:
    def test_a_record_for_each_iteration(self):
        model = GaussianMixture(2, random_state=0, tol=1e-6).fit(blobs(apart=3.0))
        assert len(model.history_) == model.n_iter_ == len(model.lower_bounds_) > 2
        for record, bound in zip(model.history_, model.lower_bounds_, strict=True):
            assert isinstance(record, Iteration)
            assert record.objective == bound
            assert record.seconds > 0
            assert 0 < record.smallest_weight <= 0.5
            assert record.worst_condition >= 1
        changes = [record.change for record in model.history_]
        assert math.isinf(changes[0])
        assert_allclose(changes[1:], np.diff(model.lower_bounds_), rtol=1e-9, atol=1e-15)
        assert model.lower_bound_ == model.lower_bounds_[-1]

    @every_family
    @pytest.mark.parametrize("reg_covar", [None, 0])
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_the_objective_never_falls(self, family, reg_covar):
        options = {"covariance_type": family, "reg_covar": reg_covar, "tol": 1e-8}
        model = GaussianMixture(3, random_state=0, **options).fit(blobs(apart=2.0))
        assert min(np.diff(model.lower_bounds_)) > -1e-12

    def test_the_objective_is_the_mean_log_likelihood_of_the_mixture_before(self):
        rows = blobs(apart=3.0)
        first = GaussianMixture(2, init_params=halves(rows), max_iter=0, reg_covar=0).fit(rows)
        with pytest.warns(ConvergenceWarning):
            model = GaussianMixture(2, init_params=halves(rows), max_iter=1, reg_covar=0).fit(rows)
        assert_allclose(model.lower_bound_, first.score(rows), rtol=1e-12)


class TestWarmStart:
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_two_fits_are_one(self):
        rows = blobs(apart=2.0)
        options = {"random_state": 0, "tol": 0, "accelerate": "none"}
        model = GaussianMixture(2, max_iter=3, warm_start=True, **options).fit(rows).fit(rows)
        whole = GaussianMixture(2, max_iter=6, **options).fit(rows)
        assert_same(model, whole, rtol=1e-12)
        np.testing.assert_allclose(model.lower_bounds_, whole.lower_bounds_[3:], rtol=1e-14)

    def test_a_fit_that_stood_still_stops_at_once(self):
        rows = blobs()
        model = GaussianMixture(2, random_state=0, warm_start=True, accelerate="none").fit(rows)
        assert model.fit(rows).n_iter_ == 1

    def test_what_is_left_to_gain_is_told_from_five_passes(self):
        rows = blobs()
        model = GaussianMixture(2, random_state=0, warm_start=True).fit(rows)
        assert model.fit(rows).n_iter_ == 5
        assert model.converged_

    @pytest.mark.parametrize("change", ["components", "features"])
    def test_another_size_cannot_be_continued(self, change):
        model = GaussianMixture(2, random_state=0, warm_start=True).fit(blobs())
        rows = blobs(d=3) if change == "features" else blobs()
        model.set_params(n_components=3 if change == "components" else 2)
        message = (
            f"warm_start continues a fit with 2 components and 2 features, but "
            f"{model.n_components} and {rows.shape[1]} are asked for: use a new estimator"
        )
        with pytest.raises(ValueError, match=message):
            model.fit(rows)

    def test_another_family_cannot_be_continued(self):
        model = GaussianMixture(2, random_state=0, warm_start=True).fit(blobs())
        message = "warm_start continues a fit with full covariances, but diag are asked for"
        with pytest.raises(ValueError, match=message):
            model.set_params(covariance_type="diag").fit(blobs())


class TestRestarts:
    def test_the_best_objective_is_kept(self):
        rows = blobs(k=3)
        true = np.arange(len(rows)) // 60
        starts = [np.zeros_like(true), true, np.arange(len(rows)) % 3]
        turns = iter(starts)
        options = {"accelerate": "none"}
        model = GaussianMixture(3, n_init=3, init_params=lambda *_: next(turns), **options)
        model.fit(rows)
        alone = [GaussianMixture(3, init_params=start, **options).fit(rows) for start in starts]
        objectives = [one.lower_bound_ for one in alone]
        assert model.lower_bound_ == max(objectives)
        assert_same(model, alone[int(np.argmax(objectives))], rtol=0, atol=0)
        assert len(set(np.round(objectives, 3))) > 1

    def test_more_runs_are_never_worse(self):
        rows = blobs(k=5, apart=2.0, n=30)
        options = {"init_params": "random_from_data", "random_state": 0, "accelerate": "none"}
        bounds = [
            GaussianMixture(5, n_init=n, **options).fit(rows).lower_bound_ for n in range(1, 6)
        ]
        assert bounds == sorted(bounds)

    def test_equal_starts_are_one_run_up_to_its_end(self):
        rows = blobs(apart=2.0)
        labels = halves(rows)
        options = {"init_params": labels, "tol": 1e-7, "max_iter": 500, "accelerate": "lbfgs"}
        one = GaussianMixture(2, **options).fit(rows)
        model = GaussianMixture(2, n_init=4, **options).fit(rows)
        assert_allclose(model.lower_bound_, one.lower_bound_, atol=1e-6)
        assert model.n_iter_ == len(model.history_)
        assert model.lower_bounds_ == sorted(model.lower_bounds_)
        # The first ten passes are EM's own in both: five of all, and five of the better two.
        plain = GaussianMixture(2, init_params=labels, tol=0, max_iter=10, accelerate="none")
        with pytest.warns(ConvergenceWarning):
            plain.fit(rows)
        assert_allclose(model.lower_bounds_[:10], plain.lower_bounds_, rtol=1e-12)
        assert {record.step for record in model.history_[:10]} == {"em"}
        assert {record.step for record in model.history_} > {"em"}

    @every_family
    @pytest.mark.parametrize("options", [{}, {"reg_covar": 1e-6}, {"dead_components": "drop"}])
    def test_the_best_of_several_starts_is_no_worse_than_each_after_its_passes(
        self, family, options
    ):
        rows = blobs(k=5, apart=2.0, n=30)
        rng = np.random.default_rng(0)
        starts = [rng.integers(0, 5, len(rows)) for _ in range(5)]
        options = {"covariance_type": family, "max_iter": 500, **options}
        turns = iter(starts)
        model = GaussianMixture(5, n_init=5, init_params=lambda *_: next(turns), **options)
        model.fit(rows)
        assert model.converged_
        for start in starts:
            short = GaussianMixture(5, init_params=start, **options)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                short.set_params(max_iter=5, accelerate="none", tol=0).fit(rows)
            assert model.lower_bound_ >= short.lower_bound_ - 1e-12

    def test_max_iter_holds_for_the_run_that_is_kept(self):
        rows = blobs(k=5, apart=1.0, n=30)
        for passes in (0, 1, 5, 7, 12, 30):
            model = GaussianMixture(5, n_init=5, tol=1e-12, max_iter=passes, random_state=0)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(rows)
            assert model.n_iter_ == passes == len(model.history_)
            assert len(caught) == (passes > 0)

    @every_family
    @pytest.mark.parametrize("how", STARTS)
    def test_several_starts_are_reproducible(self, family, how):
        rows = blobs(k=4, apart=2.0)
        options = {"covariance_type": family, "init_params": how, "random_state": 3, "n_init": 6}
        one, two = (GaussianMixture(4, **options).fit(rows) for _ in range(2))
        assert_same(one, two, rtol=0, atol=0)
        assert one.lower_bounds_ == two.lower_bounds_

    def test_of_many_rows_some_tell_starts_apart(self, monkeypatch):
        rows = blobs(k=3, apart=4.0, n=5_000)
        sizes = folded(monkeypatch)
        weights = np.tile([1.0, 2.0, 0.0], 5_000)
        options = {"n_init": 4, "random_state": 0, "init_params": "random_from_data", "tol": 1e-2}
        options["accelerate"] = "lbfgs"  # with "auto" so few rows take another way
        monkeypatch.setattr(wiring, "BLOCK_ROWS", 1)
        model = GaussianMixture(3, **options).fit(rows, sample_weight=weights)
        # 17 parameters, two shares, three means and covariances: 17 / (2 tol) rows, an eighth of
        # all at the least.
        assert set(sizes) == {len(rows), len(rows) // 8}
        assert sizes.count(len(rows) // 8) >= 4 * 5
        assert model.n_iter_ == sizes.count(len(rows))
        assert model.lower_bounds_ == sorted(model.lower_bounds_)
        again = GaussianMixture(3, **options).fit(rows, sample_weight=weights)
        assert_same(model, again, rtol=0, atol=0)
        centres = np.sort(model.means_[:, 0])
        assert_allclose(centres, [0.0, 4.0, 8.0], atol=0.15)

    def test_one_run_where_everything_is_given(self):
        rows = blobs()
        fitted = GaussianMixture(2, random_state=0).fit(rows)
        model = GaussianMixture(
            2,
            n_init=9,
            verbose=1,
            weights_init=fitted.weights_,
            means_init=fitted.means_,
            precisions_init=fitted.precisions_,
        )
        with redirect_stdout(StringIO()) as printed:
            model.fit(rows)
        assert printed.getvalue().count("Initialization 0") == 1
        assert "Initialization 1" not in printed.getvalue()


def folded(monkeypatch):
    """The numbers of rows of all passes over data from now on; passes for starts do not count."""
    sizes, fold = [], Memory.fold

    def counted(self, kernel, *args):
        if kernel is e_step:
            sizes.append(len(self.rows))
        return fold(self, kernel, *args)

    monkeypatch.setattr(Memory, "fold", counted)
    return sizes


class TestManyRows:
    """A run on many rows begins with parts of them."""

    @pytest.fixture(autouse=True)
    def few_are_many(self, monkeypatch):
        monkeypatch.setattr(wiring, "BLOCK_ROWS", 100)
        monkeypatch.setattr(wiring, "ENOUGH", 8)

    @every_family
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_it_ends_where_it_would_have_ended(self, monkeypatch, family, dtype):
        rows = blobs(k=2, apart=2.0, n=5_000).astype(dtype)
        options = {"covariance_type": family, "accelerate": "lbfgs", "tol": 1e-6, "max_iter": 1000}
        options |= {"random_state": 0}  # which rows a part begins with is drawn
        number = np.arange(len(rows))
        options |= {"init_params": (number // 5_000 + (number % 3 == 0)) % 2}  # a third is wrong
        sizes = folded(monkeypatch)
        model = GaussianMixture(2, **options).fit(rows)
        parts = [round(len(rows) / size, -1) for size in dict.fromkeys(sizes)]
        assert parts == [60, 10, 0]
        assert model.n_iter_ == sizes.count(len(rows))
        monkeypatch.setattr(wiring, "BLOCK_ROWS", len(rows))
        whole = GaussianMixture(2, **options).fit(rows)
        assert_allclose(model.score(rows), whole.score(rows), rtol=0, atol=4e-6)

    def test_curvature_is_handed_on(self):
        rows = blobs(k=2, apart=1.0, n=5_000)
        options = {"accelerate": "lbfgs", "tol": 1e-7, "max_iter": 1000, "random_state": 0}
        model = GaussianMixture(2, **options).fit(rows)
        assert model.converged_
        assert "lbfgs" in [record.step for record in model.history_[:4]]

    @pytest.mark.parametrize("options", [{"accelerate": "none"}, {"max_iter": 0}])
    def test_not_where_the_steps_are_scikit_learns(self, monkeypatch, options):
        rows = blobs(k=2, n=5_000)
        sizes = folded(monkeypatch)
        GaussianMixture(2, random_state=0, **options).fit(rows)
        assert set(sizes) <= {len(rows)}

    def test_it_says_which_part_it_is_at(self):
        options = {"accelerate": "lbfgs", "random_state": 0, "verbose": 1}
        with redirect_stdout(StringIO()) as output:
            GaussianMixture(2, **options).fit(blobs(k=2, n=5_120))
        lines = output.getvalue().splitlines()
        assert lines[:3] == [
            "One row of 64: 160 rows",
            "One row of 8: 1280 rows",
            "Initialization 0",
        ]

    def test_rows_of_no_weight_are_no_rows(self):
        rows = blobs(k=2, apart=3.0, n=5_000)
        weights = np.zeros(len(rows))
        weights[::80] = 1.0  # 125 rows, all of them or none in a part
        options = {"accelerate": "lbfgs", "tol": 1e-6, "max_iter": 500}
        labels = np.arange(len(rows)) // 3_000 % 2
        alone = GaussianMixture(2, init_params=labels[::80], **options).fit(rows[::80])
        for seed in (0, 3):  # the part of every eighth row has none of them, and all of them
            model = GaussianMixture(2, init_params=labels, random_state=seed, **options)
            model.fit(rows, sample_weight=weights)
            assert_allclose(model.lower_bound_, alone.lower_bound_, rtol=0, atol=2e-6)


@every_family
@pytest.mark.parametrize("accelerate", ["auto", "lbfgs", "none"])
def test_one_component_is_there_after_one_pass(family, accelerate):
    model = GaussianMixture(1, covariance_type=family, accelerate=accelerate).fit(blobs())
    assert model.n_iter_ == 2
    assert model.converged_


@every_family
@pytest.mark.parametrize("reg_covar", [None, 1e-6])
class TestDeadComponents:
    """The start gives the third component no row."""

    def model(self, policy, family, reg_covar):
        rows = blobs()
        return rows, GaussianMixture(
            3,
            covariance_type=family,
            reg_covar=reg_covar,
            init_params=halves(rows),
            dead_components=policy,
        ).fit(rows)

    def test_keep(self, family, reg_covar):
        rows, model = self.model("keep", family, reg_covar)
        assert model.weights_.shape == (3,)
        assert model.weights_.min() < 1e-6
        assert model.history_[-1].smallest_weight < 1e-6
        two = GaussianMixture(
            2, covariance_type=family, reg_covar=reg_covar, init_params=halves(rows)
        ).fit(rows)
        # The tied penalty counts the third component too.
        assert_allclose(model.score_samples(rows), two.score_samples(rows), rtol=1e-2)
        assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-12)

    def test_reseed(self, family, reg_covar):
        rows, model = self.model("reseed", family, reg_covar)
        assert model.weights_.shape == (3,)
        assert model.weights_.min() > 0.01
        assert np.isfinite(model.score(rows))

    def test_drop(self, family, reg_covar):
        rows, model = self.model("drop", family, reg_covar)
        assert model.weights_.shape == (2,)
        assert model.means_.shape == (2, 2)
        assert model.covariances_.shape == MOMENTS[family].shape(2, 2)
        assert model.predict_proba(rows).shape == (120, 2)
        assert model.n_components == 3
        assert model.bic(rows) == pytest.approx(
            -2 * model.score_samples(rows).sum() + model.mixture_.n_parameters * np.log(len(rows))
        )


def one_hot(n=60, d=4):
    return np.eye(d)[np.random.default_rng(0).integers(0, d, n)]


COLLAPSING = {
    "duplicates": np.repeat(np.random.default_rng(0).normal(size=(4, 3)), 10, axis=0),
    "one row repeated": np.ones((20, 3)),
    "a constant column": np.column_stack([blobs(), np.full(120, 7.0)]),
    "zeros": np.zeros((20, 2)),
    "one-hot": one_hot(),
    "a column twice": blobs()[:, [0, 1, 1]],
    "a column and its double": blobs()[:, [0, 1, 1]] * [1, 1, 2],
    "more columns than rows": np.random.default_rng(0).normal(size=(8, 20)),
    "a far row": np.concatenate([blobs(), [[1e8, 1e8]]]),
    "tiny": 1e-12 * blobs(),
    "huge": 1e12 * blobs(),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestCollapse:
    @every_family
    @pytest.mark.parametrize("reg_covar", [None, 0])
    @pytest.mark.parametrize("data", COLLAPSING)
    @pytest.mark.parametrize("k", [1, 4])
    def test_it_never_raises(self, data, family, reg_covar, k):
        rows = COLLAPSING[data]
        model = GaussianMixture(
            k, covariance_type=family, reg_covar=reg_covar, random_state=0, max_iter=30
        ).fit(rows)
        for value in (model.weights_, model.means_, model.covariances_, model.precisions_cholesky_):
            assert np.isfinite(value).all()
        assert np.isfinite(model.score_samples(rows)).all()
        assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-9)
        assert np.isfinite(model.sample(5)[0]).all()

    @every_family
    @pytest.mark.parametrize("reg_covar", [None, 0])
    def test_as_many_components_as_rows(self, family, reg_covar):
        rows = np.random.default_rng(0).normal(size=(12, 2))
        model = GaussianMixture(
            12, covariance_type=family, reg_covar=reg_covar, random_state=0, max_iter=30
        ).fit(rows)
        assert np.isfinite(model.score_samples(rows)).all()
        assert_allclose(model.predict_proba(rows).sum(axis=1), 1.0, rtol=1e-9)

    @every_family
    def test_the_penalty_bounds_the_variances_of_a_component_of_one_row(self, family):
        rows = np.concatenate([blobs(), [[30.0, -30.0]]])
        labels = np.append(halves(rows[:-1]), 2)
        model = GaussianMixture(3, covariance_type=family, init_params=labels).fit(rows)
        smallest = np.linalg.eigvalsh(model.mixture_.covariances).min()
        assert smallest > 1e-3


class TestVarianceFloor:
    @every_family
    def test_no_component_is_narrower(self, family):
        rows = np.round(blobs(), 0)
        model = GaussianMixture(
            6, covariance_type=family, variance_floor=1 / 12, random_state=0, reg_covar=0
        ).fit(rows)
        assert np.linalg.eigvalsh(model.mixture_.covariances).min() >= 1 / 12 * (1 - 1e-9)

    @pytest.mark.parametrize("family", ["full", "tied", "diag"])
    def test_a_floor_for_each_column(self, family):
        rows = np.repeat([[0.0, 0.0], [5.0, 5.0]], 20, axis=0)
        floor = np.array([0.5, 1e-3])
        model = GaussianMixture(2, covariance_type=family, variance_floor=floor, random_state=0)
        model.set_params(reg_covar=0).fit(rows)
        expected = np.broadcast_to(np.diag(floor), (2, 2, 2))
        assert_allclose(model.mixture_.covariances, expected, rtol=1e-6, atol=1e-12)

    def test_it_goes_before_the_ridge(self):
        rows = np.repeat([[0.0], [5.0]], 20, axis=0)
        model = GaussianMixture(2, variance_floor=0.5, reg_covar=0.25, random_state=0).fit(rows)
        assert_allclose(model.covariances_.ravel(), 0.75, rtol=1e-9)

    def test_wide_components_are_untouched(self):
        rows = blobs()
        one = GaussianMixture(2, random_state=0).fit(rows)
        assert_same(one, GaussianMixture(2, variance_floor=1e-9, random_state=0).fit(rows))

    @pytest.mark.parametrize(
        ("floor", "message"),
        [
            (
                [1.0, 1.0, 1.0],
                r"must be one number or one for each of 2 columns, but has shape \(3",
            ),
            (
                [[1.0, 1.0]],
                r"must be one number or one for each of 2 columns, but has shape \(1, 2",
            ),
            ([1.0, 0.0], "variance_floor must be positive and finite in every column"),
            ([1.0, np.nan], "variance_floor must be positive and finite in every column"),
            (-1.0, "'variance_floor' parameter of GaussianMixture must be"),
        ],
    )
    def test_bad_floors(self, floor, message):
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2, variance_floor=floor).fit(blobs())


class TestPrior:
    def test_one_component_has_the_closed_mode(self):
        rows = blobs(k=1, d=3, n=25, seed=2)
        n, d = rows.shape
        centre, kappa, nu, scale = np.array([1.0, -1.0, 0.5]), 0.7, 6.0, np.diag([1.0, 2.0, 3.0])
        prior = NormalInverseWishart(centre, kappa, nu, scale)
        model = GaussianMixture(1, prior=prior, tol=1e-12).fit(rows)
        mean = rows.mean(axis=0)
        scatter = (rows - mean).T @ (rows - mean)
        shift = np.outer(mean - centre, mean - centre) * kappa * n / (kappa + n)
        assert_allclose(model.means_[0], (n * mean + kappa * centre) / (n + kappa), rtol=1e-12)
        mode = (scale + scatter + shift) / (nu + n + d + 2)
        assert_allclose(model.covariances_[0], mode, rtol=1e-12)

    @every_family
    def test_it_keeps_components_from_collapsing(self, family):
        rows = np.concatenate([blobs(), [[30.0, -30.0]]])
        prior = NormalInverseWishart.default(rows.mean(axis=0), np.cov(rows.T), 3)
        labels = np.append(halves(rows[:-1]), 2)
        model = GaussianMixture(3, covariance_type=family, prior=prior, init_params=labels)
        model.fit(rows)
        assert np.linalg.eigvalsh(model.mixture_.covariances).min() > 1e-3
        assert min(np.diff(model.lower_bounds_), default=0) > -1e-12

    def test_what_is_no_prior_is_refused(self):
        with pytest.raises(ValueError, match="'prior' must be None or a prior such as"):
            GaussianMixture(2, prior="wishart").fit(blobs())

    def test_a_prior_of_other_columns_is_refused(self):
        prior = NormalInverseWishart(np.zeros(3), 1.0, 5.0, np.eye(3))
        message = r"'prior' is for 3 columns with moments of shape \(2, 3, 3\), but X has 2 columns"
        with pytest.raises(ValueError, match=message):
            GaussianMixture(2, prior=prior).fit(blobs())


def pandas_table(rows, dtype="float64"):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(rows, columns=["a", "b"]).astype(dtype)


def polars_table(rows):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(rows, schema=["a", "b"], orient="row")


def arrow_table(rows):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({"a": rows[:, 0], "b": rows[:, 1]})


TABLES = {
    "lists": lambda rows: rows.tolist(),
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "objects": lambda rows: rows.astype(object),
    "columns first": np.asfortranarray,
    "every second row": lambda rows: np.repeat(rows, 2, axis=0)[::2],
    "float32": lambda rows: rows.astype(np.float32),
    "int32": lambda rows: rows.astype(np.int32),
    "pandas": pandas_table,
    "pandas float32": lambda rows: pandas_table(rows, "float32"),
    "pandas int": lambda rows: pandas_table(rows, "int64"),
    "pandas Int64": lambda rows: pandas_table(rows, "Int64"),
    "pandas Float64": lambda rows: pandas_table(rows, "Float64"),
    "pandas mixed": lambda rows: pandas_table(rows, {"a": "int8", "b": "Float64"}),
    "polars": polars_table,
    "pyarrow": arrow_table,
}
NAMED = [name for name in TABLES if name.startswith(("pandas", "polars", "pyarrow"))]


class TestTables:
    """All hold the same whole numbers, which every type can hold."""

    rows = np.round(4 * blobs())

    @pytest.fixture
    def expected(self):
        return GaussianMixture(2, random_state=0).fit(self.rows)

    @pytest.mark.parametrize("kind", TABLES)
    def test_the_fit_is_that_of_the_array(self, kind, expected):
        table = TABLES[kind](self.rows)
        model = GaussianMixture(2, random_state=0).fit(table)
        loose = {"rtol": 1e-5, "atol": 1e-5} if model.means_.dtype == np.float32 else {}
        assert_same(model, expected, **loose)
        assert_array_equal(model.predict(table), expected.predict(self.rows))
        assert_allclose(model.score(table), expected.score(self.rows), rtol=1e-6)
        assert_allclose(model.bic(table), expected.bic(self.rows), rtol=1e-6)

    @pytest.mark.parametrize("kind", TABLES)
    def test_float32_is_kept_and_nothing_else_is_float32(self, kind):
        model = GaussianMixture(2, random_state=0).fit(TABLES[kind](self.rows))
        only = kind in ("float32", "pandas float32")
        assert model.means_.dtype == (np.float32 if only else np.float64)

    @pytest.mark.parametrize("dtype", ["bool", "boolean"])
    def test_truth_values_are_zeros_and_ones(self, dtype):
        truths = self.rows > self.rows.mean(axis=0)
        one = GaussianMixture(2, random_state=0).fit(pandas_table(truths, dtype))
        assert_same(one, GaussianMixture(2, random_state=0).fit(truths.astype(float)))

    def test_truth_values_of_polars_and_arrays(self):
        truths = self.rows > self.rows.mean(axis=0)
        expected = GaussianMixture(2, random_state=0).fit(truths.astype(float))
        assert_same(GaussianMixture(2, random_state=0).fit(polars_table(truths)), expected)
        assert_same(GaussianMixture(2, random_state=0).fit(truths), expected)

    @pytest.mark.parametrize("kind", NAMED)
    def test_names_are_kept(self, kind):
        model = GaussianMixture(2, random_state=0).fit(TABLES[kind](self.rows))
        assert_array_equal(model.feature_names_in_, ["a", "b"])
        assert model.n_features_in_ == 2

    @pytest.mark.parametrize("kind", NAMED)
    def test_a_table_is_left_alone(self, kind):
        table = TABLES[kind](self.rows)
        before = copy.deepcopy(table)
        GaussianMixture(2, random_state=0).fit(table)
        assert table.equals(before)

    def test_arrays_have_no_names(self):
        assert not hasattr(GaussianMixture().fit(self.rows), "feature_names_in_")

    @pytest.mark.parametrize(
        "method", ["predict", "predict_proba", "score_samples", "score", "bic"]
    )
    def test_other_names_than_in_the_fit(self, method):
        model = GaussianMixture(2, random_state=0).fit(pandas_table(self.rows))
        other = pandas_table(self.rows).rename(columns={"b": "c"})
        message = (
            "The feature names should match those that were passed during fit.\n"
            "Feature names unseen at fit time:\n- c\n"
            "Feature names seen at fit time, yet now missing:\n- b\n"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            getattr(model, method)(other)

    def test_another_order_of_columns(self):
        model = GaussianMixture(2, random_state=0).fit(pandas_table(self.rows))
        message = "Feature names must be in the same order as they were in fit."
        with pytest.raises(ValueError, match=message):
            model.predict(pandas_table(self.rows)[["b", "a"]])

    def test_an_array_after_a_table_warns_as_scikit_learn_does(self):
        model = GaussianMixture(2, random_state=0).fit(pandas_table(self.rows))
        with pytest.warns(UserWarning, match="X does not have valid feature names, but Gaussian"):
            labels = model.predict(self.rows)
        assert_array_equal(labels, model.predict(pandas_table(self.rows)))

    def test_weights_may_be_a_column(self):
        table = pandas_table(self.rows)
        weights = np.arange(len(self.rows)) % 3
        model = GaussianMixture(2, random_state=0).fit(
            table, sample_weight=table["a"].map(lambda _: 1.0).mul(weights)
        )
        expected = GaussianMixture(2, random_state=0).fit(self.rows, sample_weight=weights)
        assert_same(model, expected)


@every_family
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
class TestCopies:
    def test_a_pickle_is_the_same_model(self, family, dtype):
        rows = blobs().astype(dtype)
        model = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows)
        for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert_same(twin, model, rtol=0, atol=0)
            assert_array_equal(twin.mixture_.means, model.mixture_.means)
            assert_array_equal(twin.score_samples(rows), model.score_samples(rows))
            assert twin.history_ == model.history_
            assert_array_equal(twin.sample(4)[0], copy.deepcopy(model).sample(4)[0])

    def test_a_clone_has_the_parameters_alone(self, family, dtype):
        rows = blobs().astype(dtype)
        labels = halves(rows)
        model = GaussianMixture(2, covariance_type=family, init_params=labels).fit(rows)
        twin = clone(model)
        assert not hasattr(twin, "weights_")
        assert {k: v for k, v in twin.get_params().items() if k != "init_params"} == {
            k: v for k, v in model.get_params().items() if k != "init_params"
        }
        assert_same(twin.fit(rows), model, rtol=0, atol=0)

    def test_attributes_have_the_type_of_the_rows(self, family, dtype):
        rows = blobs().astype(dtype)
        model = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows)
        for name in PARAMETERS:
            assert getattr(model, name).dtype == dtype
        assert model.predict_proba(rows).dtype == dtype
        assert model.score_samples(rows).dtype == dtype
        assert model.predict(rows).dtype == np.int64
        assert model.sample(2)[0].dtype == np.float64
        assert isinstance(model.lower_bound_, float)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestVerbose:
    def printed(self, kind, **options):
        rows = blobs(apart=2.0)
        fitted = GaussianMixture(2, random_state=0, max_iter=1).fit(rows)
        given = {
            "means_init": fitted.means_,
            "weights_init": fitted.weights_,
            "precisions_init": fitted.precisions_,
        }
        with redirect_stdout(StringIO()) as output:
            if kind is GaussianMixture:
                options = {"accelerate": "none", **options}
            kind(2, reg_covar=1e-6, tol=1e-5, **given, **options).fit(rows)
        return output.getvalue()

    @pytest.mark.parametrize("options", [{}, {"verbose_interval": 3}, {"max_iter": 5}])
    def test_the_lines_are_those_of_scikit_learn(self, options):
        ours = self.printed(GaussianMixture, verbose=1, **options)
        assert ours == self.printed(sklearn.mixture.GaussianMixture, verbose=1, **options)
        assert ours.startswith("Initialization 0\n")

    def test_with_times_and_changes(self):
        lines = [
            re.sub(
                r"time lapse \d+\.\d{5}s",
                "time lapse",
                self.printed(kind, verbose=2, verbose_interval=2),
            )
            for kind in (GaussianMixture, sklearn.mixture.GaussianMixture)
        ]
        assert lines[0] == lines[1]
        assert "ll change" in lines[0]
        assert "lower bound" in lines[0]

    def test_of_several_starts_it_says_which_go_on(self):
        rows = blobs(k=4, apart=1.0)
        options = {"init_params": "random", "accelerate": "lbfgs", "verbose": 1}
        model = GaussianMixture(4, n_init=5, random_state=0, **options)
        with redirect_stdout(StringIO()) as output:
            model.fit(rows)
        lines = output.getvalue().splitlines()
        assert [line for line in lines if re.fullmatch(r"Initialization \d", line)] == [
            f"Initialization {number}" for number in range(5)
        ]
        aside = [line.split()[1] for line in lines if line.endswith("set aside.")]
        on = [line.split()[1] for line in lines if line.endswith("goes on")]
        assert len(set(aside)) == len(aside) == 4
        assert len(set(on)) == 2
        assert on[-1] not in aside
        ends = [line for line in lines if line.startswith(("Initialization c", "Initialization d"))]
        assert len(ends) == 1
        assert f"  Iteration {model.n_iter_ // 10 * 10}" in lines

    def test_nothing_is_printed_by_default(self):
        assert self.printed(GaussianMixture) == ""


needs_callbacks = pytest.mark.skipif(
    find_spec("sklearn.callback") is None, reason="scikit-learn has callbacks from 1.9 on"
)


class Recorder:
    """Writes down what it is told, and asks for the end after so many iterations."""

    def __init__(self, stop_after=None):
        self.stop_after, self.events, self.models = stop_after, [], []
        self.ups = self.downs = 0

    def setup(self, estimator, context):
        self.ups += 1

    def teardown(self, estimator, context):
        self.downs += 1

    def on_fit_task_begin(self, estimator, context, *, X=None, metadata=None):
        self.events.append(("begin", context.task_name, context.task_id))
        self.metadata, self.X = metadata, X

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append(("end", context.task_name, context.task_id))
        self.models.append(fitted_estimator)
        done = context.task_id + 1
        return context.task_name == "iteration" and done == self.stop_after

    def count(self, when, what):
        return sum(event[:2] == (when, what) for event in self.events)


@needs_callbacks
class TestCallbacks:
    def test_they_are_told_of_runs_and_iterations(self):
        recorder = Recorder()
        rows = blobs(apart=3.0)
        model = GaussianMixture(2, n_init=3, random_state=0).set_callbacks(recorder)
        model.fit(rows)
        assert recorder.ups == recorder.downs == 1
        assert recorder.X is rows
        for when in ("begin", "end"):
            assert recorder.count(when, "fit") == 1
            assert recorder.count(when, "run") == 3
            assert recorder.count(when, "iteration") >= model.n_iter_
        runs = [event for event in recorder.events if event[1] == "run"]
        assert sorted(runs) == sorted(
            (when, "run", i) for when in ("begin", "end") for i in (0, 1, 2)
        )
        assert recorder.count("begin", "iteration") == recorder.count("end", "iteration")
        assert recorder.events[0][:2] == ("begin", "fit")
        assert recorder.events[-1][:2] == ("end", "fit")

    def test_they_see_the_model_of_each_iteration(self):
        recorder = Recorder()
        rows = blobs(apart=3.0)
        model = GaussianMixture(2, random_state=0, reg_covar=0).set_callbacks(recorder).fit(rows)
        iterations = recorder.models[: model.n_iter_]
        scores = [one.score(rows) for one in iterations]
        assert_allclose(scores[:-1], model.lower_bounds_[1:], rtol=1e-10)
        assert_array_equal(iterations[-1].means_, model.means_)
        assert_array_equal(recorder.models[-1].predict(rows), model.predict(rows))

    def test_they_see_it_in_a_second_fit_too(self):
        recorder = Recorder()
        rows = blobs(apart=3.0)
        model = GaussianMixture(2, random_state=0, reg_covar=0).fit(100 + rows)
        model.set_callbacks(recorder).fit(rows)
        scores = [one.score(rows) for one in recorder.models[: model.n_iter_]]
        assert_allclose(scores[:-1], model.lower_bounds_[1:], rtol=1e-10)

    def test_weights_are_metadata(self):
        recorder = Recorder()
        weights = np.arange(120.0)
        GaussianMixture(2).set_callbacks(recorder).fit(blobs(), sample_weight=weights)
        assert_array_equal(recorder.metadata["sample_weight"], weights)

    def test_a_hook_that_returns_true_ends_the_run_without_a_warning(self):
        rows = blobs(apart=2.0)
        model = GaussianMixture(2, random_state=0, tol=0).set_callbacks(Recorder(stop_after=4))
        model.fit(rows)
        assert model.n_iter_ == 4
        with pytest.warns(ConvergenceWarning):
            plain = GaussianMixture(2, random_state=0, tol=0, max_iter=4).fit(rows)
        # Who is not listened to runs in compiled code, whose sums have another order.
        assert_same(model, plain, rtol=1e-12, atol=0)

    def test_hooks_are_taken_down_after_an_error(self):
        recorder = Recorder()
        with pytest.raises(ValueError, match="labels must be integers"):
            GaussianMixture(2, init_params=np.zeros(120)).set_callbacks(recorder).fit(blobs())
        assert recorder.downs == recorder.ups

    def test_no_iteration(self):
        recorder = Recorder()
        GaussianMixture(2, max_iter=0).set_callbacks(recorder).fit(blobs())
        assert recorder.count("end", "iteration") == 0
        assert recorder.count("end", "fit") == 1

    def test_the_progress_bar(self, capfd):
        pytest.importorskip("rich")
        from sklearn.callback import ProgressBar

        model = GaussianMixture(2, n_init=2, random_state=0).set_callbacks(ProgressBar())
        model.fit(blobs())
        assert "GaussianMixture" in capfd.readouterr().out

    def test_the_monitor_of_scores(self):
        pytest.importorskip("pandas")
        from sklearn.callback import ScoringMonitor

        def bic(model, X, y=None):
            return model.bic(X)

        monitor = ScoringMonitor(scoring=bic)
        model = GaussianMixture(2, random_state=0).set_callbacks(monitor)
        model.fit(blobs())
        assert len(monitor.get_logs().data_as_pandas) >= model.n_iter_

    def test_a_clone_and_a_pickle_keep_working(self):
        rows = blobs()
        model = GaussianMixture(2, random_state=0).set_callbacks(Recorder()).fit(rows)
        assert_same(pickle.loads(pickle.dumps(model)), model, rtol=0, atol=0)
        assert_same(clone(model).fit(rows), model, rtol=0, atol=0)


class TestAmongScikitLearnsTools:
    def test_a_search_finds_the_number_of_components(self):
        rows = np.random.default_rng(0).permutation(blobs(k=3))
        search = GridSearchCV(
            GaussianMixture(random_state=0),
            {"n_components": [1, 2, 3], "covariance_type": ["full", "spherical"]},
            cv=3,
        ).fit(rows)
        assert search.best_params_ == {"n_components": 3, "covariance_type": "spherical"}
        assert search.predict(rows).shape == (180,)

    def test_a_search_by_a_criterion(self):
        rows = blobs(k=3)
        search = GridSearchCV(
            GaussianMixture(random_state=0),
            {"n_components": [1, 2, 3, 4]},
            scoring=lambda model, X: -model.icl(X),
            cv=[(np.arange(180), np.arange(180))],
        ).fit(rows)
        assert search.best_params_ == {"n_components": 3}

    def test_cross_validation(self):
        scores = cross_val_score(GaussianMixture(2, random_state=0), blobs(), cv=3)
        assert scores.shape == (3,)
        assert np.isfinite(scores).all()

    def test_a_pipeline_passes_weights_on(self):
        rows, weights = blobs(), np.arange(120) % 2 + 1
        line = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0))
        line.fit(rows, gaussianmixture__sample_weight=weights)
        scaled = StandardScaler().fit_transform(rows)
        alone = GaussianMixture(2, random_state=0).fit(scaled, sample_weight=weights)
        assert_same(line[-1], alone)
        assert_array_equal(line.predict(rows), alone.predict(scaled))
        assert_allclose(line.score_samples(rows), alone.score_samples(scaled))

    def test_a_pipeline_of_tables(self):
        line = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0))
        line.set_output(transform="pandas").fit(pandas_table(blobs()))
        assert_array_equal(line[-1].feature_names_in_, ["a", "b"])

    def test_weights_are_routed(self):
        rows, weights = blobs(), np.arange(120) % 2 + 1
        with sklearn.config_context(enable_metadata_routing=True):
            model = GaussianMixture(2, random_state=0)
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            cross = GridSearchCV(model, {"n_components": [2]}, cv=2)
            cross.fit(np.random.default_rng(0).permutation(rows), sample_weight=weights)
        assert np.isfinite(cross.best_score_)

    def test_it_is_a_density_estimator_and_no_transformer(self):
        model = GaussianMixture()
        assert not hasattr(model, "transform")
        assert not hasattr(model, "set_output")
        assert model.__sklearn_tags__().estimator_type == "density_estimator"

    def test_parameters_come_in_scikit_learns_order(self):
        ours = list(GaussianMixture().get_params(deep=False))
        theirs = sklearn.mixture.GaussianMixture().get_params()
        assert set(theirs) <= set(ours)
        same = {key for key in theirs if key not in ("reg_covar", "init_params")}
        assert {k: GaussianMixture().get_params()[k] for k in same} == {k: theirs[k] for k in same}


@every_family
@pytest.mark.parametrize("how", STARTS)
def test_the_same_number_is_the_same_fit(family, how):
    rows = blobs(apart=2.0)
    options = {"covariance_type": family, "init_params": how, "random_state": 7, "tol": 0.1}
    one, two = (GaussianMixture(3, **options).fit(rows) for _ in range(2))
    assert_same(one, two, rtol=0, atol=0)


@every_family
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_the_same_start_it_is_scikit_learns_fit(family):
    rows = blobs(k=3, d=3, apart=1.5)
    start = GaussianMixture(3, covariance_type=family, random_state=0, max_iter=0).fit(rows)
    options = {
        "covariance_type": family,
        "reg_covar": 1e-6,
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
        "tol": 0,
        "max_iter": 40,
    }
    ours = GaussianMixture(3, accelerate="none", **options).fit(rows)
    theirs = sklearn.mixture.GaussianMixture(3, **options).fit(rows)
    assert_same(ours, theirs, rtol=1e-8, atol=1e-9)
    assert_allclose(ours.lower_bound_, theirs.lower_bound_, rtol=1e-12)
    assert_allclose(ours.bic(rows), theirs.bic(rows), rtol=1e-11)
    assert_allclose(ours.aic(rows), theirs.aic(rows), rtol=1e-11)


@every_family
@pytest.mark.parametrize("accelerate", ["none", "auto"])
def test_runs_at_once_are_runs_one_by_one(family, accelerate, capsys):
    """With something to print, runs are made one after the other."""
    rows = blobs(apart=1.5)
    options = {"covariance_type": family, "random_state": 3, "n_init": 4, "tol": 1e-5}
    options = {**options, "init_params": "random", "accelerate": accelerate, "max_iter": 2_000}
    at_once = GaussianMixture(3, **options).fit(rows)
    one_by_one = GaussianMixture(3, verbose=1, **options).fit(rows)
    assert len(re.findall(r"Initialization \d", capsys.readouterr().out)) == 4
    assert at_once.n_iter_ == one_by_one.n_iter_
    assert_same(at_once, one_by_one, rtol=1e-12, atol=1e-12)
    assert_allclose(at_once.lower_bounds_, one_by_one.lower_bounds_, rtol=1e-12)


def test_parameters_that_equal_right_ones_are_checked():
    rows = blobs()
    GaussianMixture(1).fit(rows)
    with pytest.raises(InvalidParameterError, match="n_components"):
        GaussianMixture(1.0).fit(rows)
    model = GaussianMixture(1).fit(rows).set_params(tol=-1.0)
    for _ in range(2):
        with pytest.raises(InvalidParameterError, match="tol"):
            model.fit(rows)


@pytest.mark.parametrize("name", ["history_", "lower_bounds_"])
def test_there_are_no_records_before_a_fit(name):
    assert not hasattr(GaussianMixture(), name)


def test_names_of_columns_are_forgotten_with_the_next_fit():
    rows = blobs()
    model = GaussianMixture(2, random_state=0)
    model.fit(pd.DataFrame(rows, columns=[f"c{j}" for j in range(rows.shape[1])]))
    assert hasattr(model, "feature_names_in_")
    model.fit(rows[:, :1])
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 1
    with pytest.raises(ValueError, match="features"):
        model.predict(rows)


def test_few_rows_with_a_floor_that_binds():
    """What compiled code does not see to: variances end at the floor, as they do on more rows."""
    rows = blobs(apart=3.0)
    options = {"variance_floor": 4.0, "random_state": 0, "max_iter": 500, "tol": 1e-7}
    few = GaussianMixture(2, **options).fit(rows)
    floor = np.linalg.eigvalsh(few.covariances_).min()
    assert_allclose(floor, 4.0, rtol=1e-9)
    many = GaussianMixture(2, **options).fit(rows, sample_weight=np.full(len(rows), 5.0))
    assert_allclose(np.sort(few.weights_), np.sort(many.weights_), rtol=1e-4)


class TestInverses:
    """They are computed when they are asked for, and are attributes like the others."""

    def test_none_before_the_fit(self):
        assert not hasattr(GaussianMixture(2), "precisions_")
        assert not hasattr(GaussianMixture(2), "precisions_cholesky_")

    def test_the_mixture_stays_the_one_that_was_fitted(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        before = model.mixture_
        assert_allclose(model.precisions_, np.linalg.inv(model.covariances_), rtol=1e-9)
        factors = model.precisions_cholesky_
        assert factors is model.precisions_cholesky_
        assert model.mixture_ is before

    def test_a_new_fit_has_new_ones(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        first = model.precisions_, model.precisions_cholesky_
        model.fit(3.0 * blobs())
        assert_allclose(9.0 * model.precisions_, first[0], rtol=1e-6)
        assert_allclose(3.0 * model.precisions_cholesky_, first[1], rtol=1e-6)

    def test_they_come_back_from_a_pickle(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        again = pickle.loads(pickle.dumps(model))
        assert_array_equal(again.precisions_, model.precisions_)
