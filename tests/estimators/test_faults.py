"""Faults that people meet in scikit-learn's class: ours has none of them.

Where it is a line or two, a test shows that the fault is there, and stops with a word once a later
scikit-learn has mended it.
"""

import copy
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.mixture
from numpy.testing import assert_allclose, assert_array_equal

from mixtura import GaussianMixture, Mixture
from tests.laws.registries import MOMENTS


def blobs(n=200, d=2, k=2, apart=6.0, seed=0):
    """Rows about k centres."""
    rng = np.random.default_rng(seed)
    centres = apart * np.arange(k)[:, None] * np.ones(d)
    return np.concatenate([centre + rng.normal(size=(n, d)) for centre in centres])


def theirs(*args, **options):
    """scikit-learn's class; its warnings are not what is tested here."""
    return sklearn.mixture.GaussianMixture(*args, **options)


def mended():
    pytest.skip(f"scikit-learn {sklearn.__version__} does not have this fault")


def shows(fault, call):
    """Whether the call raises an error with these words; a test that goes without is skipped."""
    try:
        call()
    except (AttributeError, ValueError) as error:
        return fault in str(error)
    return mended()


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("how", ["k-means++", "random_from_data"])
class TestStartsFromCentres:
    """Theirs: variances of 1e-6 (tied: second moments about zero), and weights that add to K/n."""

    def start(self, kind, family, how, rows):
        options = {"covariance_type": family, "init_params": how, "random_state": 0}
        return kind(2, max_iter=0, **options).fit(rows)

    def test_covariances_are_of_the_size_of_the_data(self, family, how):
        rows = 50.0 + blobs()
        start = self.start(GaussianMixture, family, how, rows)
        variances = np.diagonal(start.mixture_.covariances, axis1=1, axis2=2)
        assert (variances > 0.3).all()
        assert (variances <= 1.1 * rows.var(axis=0)).all()

    def test_weights_add_to_one(self, family, how):
        start = self.start(GaussianMixture, family, how, blobs())
        assert_allclose(start.weights_.sum(), 1.0, rtol=1e-12)

    def test_scikit_learns_start_has_the_fault(self, family, how):
        rows = 50.0 + blobs()
        start = self.start(theirs, family, how, rows)
        values = start.covariances_
        variances = np.diagonal(values) if family == "tied" else values
        if family == "tied" and variances.max() < 10 * rows.var():
            mended()
        if family != "tied" and np.abs(variances).max() > 1e-3:
            mended()
        if family != "tied":
            assert start.weights_.sum() < 0.1


@pytest.mark.parametrize("family", MOMENTS)
def test_float32_rows_far_from_zero(family):
    rows = (1e4 + blobs()).astype(np.float32)
    options = {"covariance_type": family, "random_state": 0}
    far = GaussianMixture(2, **options).fit(rows)
    near = GaussianMixture(2, **options).fit(rows.astype(np.float64) - 1e4)
    assert_allclose(np.sort(far.weights_), np.sort(near.weights_), rtol=1e-5)
    order, same = far.means_[:, 0].argsort(), near.means_[:, 0].argsort()
    assert_allclose(far.mixture_.means[order] - 1e4, near.means_[same], atol=1e-5)
    assert_allclose(
        far.mixture_.covariances[order], near.mixture_.covariances[same], rtol=1e-4, atol=1e-5
    )
    assert_allclose(far.score(rows), near.score(rows.astype(np.float64) - 1e4), rtol=1e-5)


@pytest.mark.parametrize("family", ["tied", "diag", "spherical"])
def test_scikit_learn_cannot_fit_float32_rows_far_from_zero(family):
    rows = (1e4 + blobs()).astype(np.float32)
    options = {"covariance_type": family, "random_state": 0}
    with warnings.catch_warnings(action="ignore"):
        assert shows("ill-defined empirical covariance", lambda: theirs(2, **options).fit(rows))


@pytest.mark.parametrize("family", MOMENTS)
@pytest.mark.parametrize("far", [1e100, 1e200, -1e200])
def test_rows_very_far_out_have_probabilities(family, far):
    rows = blobs()
    model = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows)
    probabilities = model.predict_proba([[far, far], [far, 0.0], [0.0, 0.0]])
    assert np.isfinite(probabilities).all()
    assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert_array_equal(model.predict([[0.0, 0.0]]), model.predict(rows[:1]))


def test_scikit_learn_has_none_for_them():
    model = theirs(2, random_state=0).fit(blobs())
    with warnings.catch_warnings(action="ignore"):
        if np.isfinite(model.predict_proba([[1e200, 1e200]])).all():
            mended()


INITIAL = {
    "weights_init": [0.5, 0.5],
    "means_init": [[0.0, 0.0], [6.0, 6.0]],
    "precisions_init": [[1.0, 1.0], [1.0, 1.0]],
}


@pytest.mark.parametrize("name", INITIAL)
def test_initial_parameters_are_left_as_they_were_given(name):
    given = INITIAL[name]
    before = copy.deepcopy(given)
    model = GaussianMixture(2, covariance_type="diag", **{name: given}).fit(blobs())
    assert getattr(model, name) is given
    assert given == before


def test_scikit_learn_replaces_them():
    model = theirs(2, means_init=INITIAL["means_init"]).fit(blobs())
    if model.means_init is INITIAL["means_init"]:
        mended()


class TestSample:
    def test_two_calls_draw_different_rows(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        first, second = model.sample(5)[0], model.sample(5)[0]
        assert not np.isin(first, second).any()

    def test_the_sequence_of_calls_is_reproducible(self):
        one, two = (GaussianMixture(2, random_state=0).fit(blobs()) for _ in range(2))
        for _ in range(3):
            for a, b in zip(one.sample(7), two.sample(7), strict=True):
                assert_array_equal(a, b)
        first = one.fit(blobs()).sample(7)[0]
        assert_array_equal(first, one.fit(blobs()).sample(7)[0])

    def test_a_generator_or_a_number_may_be_given(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        assert_array_equal(model.sample(5, random_state=1)[0], model.sample(5, random_state=1)[0])
        assert not np.isin(
            model.sample(5, random_state=1)[0], model.sample(5, random_state=2)[0]
        ).any()
        generator = np.random.default_rng(1)
        first = model.sample(5, random_state=generator)[0]
        assert_array_equal(first, model.sample(5, random_state=np.random.default_rng(1))[0])
        assert not np.isin(first, model.sample(5, random_state=generator)[0]).any()
        old = np.random.RandomState(1)
        first = model.sample(5, random_state=old)[0]
        assert_array_equal(first, model.sample(5, random_state=np.random.RandomState(1))[0])
        assert not np.isin(first, model.sample(5, random_state=old)[0]).any()

    def test_drawing_with_a_number_leaves_the_sequence_alone(self):
        one, two = (GaussianMixture(2, random_state=0).fit(blobs()) for _ in range(2))
        one.sample(9, random_state=3)
        assert_array_equal(one.sample(5)[0], two.sample(5)[0])

    def test_scikit_learn_draws_the_same_rows_again(self):
        model = theirs(2, random_state=0).fit(blobs())
        if not np.array_equal(model.sample(5)[0], model.sample(5)[0]):
            mended()


@pytest.mark.parametrize("family", MOMENTS)
def test_no_iteration_with_everything_given_is_the_given_mixture(family):
    known = Mixture.of([0.3, 0.7], [[0, 0], [4, 1]], [np.eye(2), 2 * np.eye(2)])
    precisions = {
        "full": known.covariance.precisions(),
        "tied": np.eye(2),
        "diag": np.ones((2, 2)),
        "spherical": np.ones(2),
    }[family]
    model = GaussianMixture(
        2,
        covariance_type=family,
        weights_init=known.weights,
        means_init=known.means,
        precisions_init=precisions,
        max_iter=0,
    ).fit(blobs())
    assert_array_equal(model.weights_, known.weights)
    assert_array_equal(model.means_, known.means)
    assert_allclose(model.precisions_, precisions, rtol=1e-14, atol=1e-14)
    assert model.covariances_.shape == precisions.shape
    assert model.n_iter_ == 0
    assert model.lower_bounds_ == []
    assert not model.converged_


def test_scikit_learn_fails_without_an_iteration():
    options = {"covariance_type": "diag", "max_iter": 0}
    assert shows("covariances_", lambda: theirs(2, **INITIAL, **options).fit(blobs()))


def test_criteria_and_scores_of_lists():
    rows = blobs()
    model = GaussianMixture(2, random_state=0).fit(rows.tolist())
    for method in (model.aic, model.bic, model.icl, model.score):
        assert method(rows.tolist()) == method(rows)


def test_scikit_learns_criteria_of_lists():
    rows = blobs()
    model = theirs(2, random_state=0).fit(rows)
    assert shows("shape", lambda: model.bic(rows.tolist()))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_tolerance_all_iterations_are_run():
    model = GaussianMixture(2, tol=0, max_iter=150, random_state=0).fit(blobs())
    assert model.n_iter_ == 150
    assert len(model.lower_bounds_) == 150
    assert not model.converged_


class TestParametersSetByHand:
    """What people do to build a mixture from known parameters."""

    def model(self, family="full"):
        rng = np.random.default_rng(5)
        factors = rng.normal(size=(2, 2, 2)) + 2 * np.eye(2)
        matrices = factors @ np.swapaxes(factors, 1, 2)
        covariances = {
            "full": matrices,
            "tied": matrices[0],
            "diag": matrices[:, [0, 1], [0, 1]],
            "spherical": matrices[:, 0, 0],
        }[family]
        known = Mixture.of([0.25, 0.75], [[0, 0], [4, 1]], covariances, family=family)
        model = GaussianMixture(2, covariance_type=family)
        return self.set_to(model, known), known

    def set_to(self, model, known):
        model.weights_, model.means_ = known.weights, known.means
        model.covariances_ = known.covariance.values
        model.precisions_cholesky_ = known.covariance.precisions_cholesky()
        return model

    @pytest.mark.parametrize("family", MOMENTS)
    def test_everything_works(self, family):
        model, known = self.model(family)
        rows = blobs()
        assert_allclose(model.score_samples(rows), known.log_density(rows), rtol=1e-12)
        assert_allclose(model.predict_proba(rows), known.responsibilities(rows), atol=1e-13)
        assert_array_equal(model.predict(rows), known.responsibilities(rows).argmax(axis=1))
        assert_allclose(
            model.bic(rows),
            -2 * known.log_density(rows).sum() + known.n_parameters * np.log(len(rows)),
            rtol=1e-12,
        )
        drawn, component = model.sample(500, random_state=0)
        assert drawn.shape == (500, 2)
        assert abs((component == 0).mean() - 0.25) < 0.08

    @pytest.mark.parametrize("family", MOMENTS)
    def test_it_is_what_scikit_learn_makes_of_them(self, family):
        model, known = self.model(family)
        other = self.set_to(theirs(2, covariance_type=family), known)
        rows = blobs()
        assert_allclose(model.score_samples(rows), other.score_samples(rows), rtol=1e-10)
        assert_allclose(model.predict_proba(rows), other.predict_proba(rows), atol=1e-10)

    @pytest.mark.parametrize("family", MOMENTS)
    def test_covariances_without_factors_are_enough(self, family):
        model, known = self.model(family)
        del model.precisions_cholesky_
        rows = blobs()
        assert_allclose(model.score_samples(rows), known.log_density(rows), rtol=1e-12)

    @pytest.mark.parametrize("family", MOMENTS)
    def test_factors_without_covariances_are_enough(self, family):
        model, known = self.model(family)
        del model.covariances_
        rows = blobs()
        assert_allclose(model.score_samples(rows), known.log_density(rows), rtol=1e-12)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("weights_", [0.9, 0.1]), ("means_", [[1.0, 1.0], [2.0, 2.0]])],
    )
    def test_the_mixture_follows_a_fitted_model_that_is_changed(self, name, value):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        before = model.score(blobs())
        setattr(model, name, np.array(value))
        assert_array_equal(getattr(model.mixture_, name.rstrip("_")), value)
        assert model.score(blobs()) != before

    def test_changed_covariances_count(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        model.covariances_ = 2 * model.covariances_
        assert_allclose(model.mixture_.covariances, model.covariances_, rtol=1e-12)

    def test_changed_factors_count(self):
        model = GaussianMixture(2, random_state=0).fit(blobs())
        doubled = 2 * model.covariances_
        model.precisions_cholesky_ = model.precisions_cholesky_ / np.sqrt(2)
        assert_allclose(model.mixture_.covariances, doubled, rtol=1e-10)

    def test_from_mixture_is_the_way_without_tricks(self):
        _, known = self.model()
        model = GaussianMixture.from_mixture(known, random_state=0)
        rows = blobs()
        assert model.mixture_ is known
        assert_allclose(model.score_samples(rows), known.log_density(rows), rtol=1e-14)
        assert model.n_features_in_ == 2
        assert not np.isin(model.sample(3)[0], model.sample(3)[0]).any()
