"""Discriminant analysis by mixtures: special cases of scikit-learn, and rows without a class."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixtureClassifier
from tests.laws.registries import MOMENTS


def by_sign(X, n_components, random_state):
    return (X[:, 0] > 0).astype(int) % n_components


CHECKED = [
    {},
    {"model": "EDDA"},
    {"model": "EDDA", "covariance_type": "tied"},
    {"n_components": 1, "covariance_type": "full"},
    {"n_components": 2, "covariance_type": "diag", "init_params": by_sign},
]
# The check has fifteen rows of thirty columns. A second component is made of rounding there; and
# with one singular matrix for all classes, log odds of rows outside its span are small differences
# of numbers near 1e9.
TOO_WIDE = {"check_sample_weight_equivalence_on_dense_data"}


def described(options):
    return ",".join(str(getattr(v, "__name__", v)) for v in options.values()) or "defaults"


def every_check():
    for options in CHECKED:
        for _, check in estimator_checks_generator(GaussianMixtureClassifier(**options)):
            name = getattr(check, "func", check).__name__
            wide = options.get("n_components") == 2 or options.get("covariance_type") == "tied"
            if not (wide and name in TOO_WIDE):
                yield pytest.param(options, check, id=f"{described(options)}-{name}")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("options", "check"), [*every_check()])
def test_every_check_of_scikit_learn(options, check):
    check(GaussianMixtureClassifier(**options))


def three(n=100, seed=0):
    """Rows of three Gaussians that overlap, of sizes n, 2n and 3n."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [n, 2 * n, 3 * n])
    factors = np.array([[[1, 0], [0.5, 1]], [[0.5, 0], [-0.4, 0.8]], [[1.5, 0], [0, 0.4]]])
    centres = np.array([[0, 0], [2, 1], [0, 2.5]])
    x = centres[y] + np.einsum("nij,nj->ni", factors[y], rng.normal(size=(len(y), 2)))
    return x, y


def ring(n=300, seed=0):
    """A ring and what is inside it: no Gaussian is like a ring."""
    rng = np.random.default_rng(seed)
    around = rng.normal(size=(n, 2))
    around *= 3 / np.linalg.norm(around, axis=1)[:, None]
    x = np.concatenate([around + 0.3 * rng.normal(size=(n, 2)), rng.normal(size=(n, 2))])
    return x, np.repeat([1, 0], n)


class TestSpecialCases:
    """Maximum likelihood, of one Gaussian for each class."""

    def exact(self, family, **options):
        return GaussianMixtureClassifier(
            model="EDDA", covariance_type=family, reg_covar=0.0, **options
        )

    def test_full_is_quadratic_discriminant_analysis(self):
        x, y = three()
        prior = np.array([0.2, 0.5, 0.3])
        ours = self.exact("full").fit(x, y)
        for k, mixture in enumerate(ours.mixtures_):
            rows = x[y == k]
            assert_allclose(mixture.covariances[0], np.cov(rows.T, bias=True), rtol=1e-9)
            assert_allclose(mixture.means[0], rows.mean(axis=0), rtol=1e-9)
        # Some versions divide by one row less; of every row a hundred times that is next to none.
        many, classes = np.repeat(x, 100, axis=0), np.repeat(y, 100)
        for p in (None, prior):
            theirs = QuadraticDiscriminantAnalysis(priors=p).fit(many, classes)
            ours = self.exact("full", class_prior=p).fit(x, y)
            assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=2e-4)
            assert_array_equal(ours.predict(x), theirs.predict(x))

    def test_one_full_component_is_the_same(self):
        x, y = three()
        options = {"covariance_type": "full", "reg_covar": 0.0}
        one = GaussianMixtureClassifier(1, **options).fit(x, y)
        assert_allclose(one.predict_proba(x), self.exact("full").fit(x, y).predict_proba(x))

    def test_tied_is_linear_discriminant_analysis(self):
        x, y = three()
        theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
        ours = self.exact("tied").fit(x, y)
        assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-8)

    def test_diag_is_naive_bayes_with_row_weights_too(self):
        x, y = three()
        w = np.random.default_rng(0).uniform(0, 2, size=len(x))
        theirs = GaussianNB(var_smoothing=0.0).fit(x, y, w)
        ours = self.exact("diag").fit(x, y, w)
        assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-8)
        assert_allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), atol=1e-8)


def test_probabilities_are_those_of_the_densities():
    x, y = ring()
    model = GaussianMixtureClassifier(random_state=0).fit(x, y)
    joint = []
    for share, m in zip(model.class_prior_, model.mixtures_, strict=True):
        each = [
            multivariate_normal(a, s).pdf(x) for a, s in zip(m.means, m.covariances, strict=True)
        ]
        joint.append(share * (m.weights @ each))
    expected = (np.array(joint) / np.sum(joint, axis=0)).T
    assert_allclose(model.predict_proba(x), expected, atol=1e-10)
    assert_allclose(np.exp(model.predict_log_proba(x)), expected, atol=1e-10)
    assert_array_equal(model.predict(x), expected.argmax(axis=1))


class TestChoice:
    def test_every_class_has_its_own_size_and_family(self):
        x, y = ring()
        model = GaussianMixtureClassifier(max_components=8, random_state=0).fit(x, y)
        assert model.n_components_[0] == 1
        assert model.covariance_types_[0] == "spherical"
        assert model.n_components_[1] > 3
        test_x, test_y = ring(1000, seed=5)
        assert model.score(test_x, test_y) > 0.96
        assert model.score(test_x, test_y) > (
            QuadraticDiscriminantAnalysis().fit(x, y).score(test_x, test_y)
        )

    def test_one_family_is_the_one_of_smallest_bic(self):
        x, y = three()
        each = {
            family: GaussianMixtureClassifier(model="EDDA", covariance_type=family).fit(x, y).bic_
            for family in MOMENTS
        }
        chosen = GaussianMixtureClassifier(model="EDDA").fit(x, y)
        assert chosen.bic_ == min(each.values())
        assert set(chosen.covariance_types_) == {min(each, key=each.get)}

    @pytest.mark.parametrize("model", ["EDDA", "MclustDA"])
    def test_families_may_be_named(self, model):
        x, y = three()
        options = {"model": model, "random_state": 0}
        some = GaussianMixtureClassifier(covariance_type=["VVI", "EII"], **options).fit(x, y)
        assert {*some.covariance_types_} <= {"diag", "EII"}
        every = GaussianMixtureClassifier(covariance_type="all", **options).fit(x, y)
        assert_array_equal(
            every.predict(x), GaussianMixtureClassifier(**options).fit(x, y).predict(x)
        )
        with pytest.raises(
            ValueError, match="covariance_type must be some of full, .* 'round' is not"
        ):
            GaussianMixtureClassifier(covariance_type=["full", "round"], **options).fit(x, y)

    def test_bic_by_hand(self):
        x, y = three()
        model = GaussianMixtureClassifier(model="EDDA", covariance_type="full").fit(x, y)
        found = 0.0
        for k, (share, m) in enumerate(zip(model.class_prior_, model.mixtures_, strict=True)):
            rows = x[y == k]
            found += multivariate_normal(m.means[0], m.covariances[0]).logpdf(rows).sum()
            found += len(rows) * np.log(share)
        assert_allclose(model.bic_, -2 * found + (3 * 5 + 2) * np.log(len(x)), rtol=1e-10)


def hidden(y, share, seed=0, fill=np.nan):
    """Classes with a share of them taken away."""
    gone = np.random.default_rng(seed).random(len(y)) < share
    return np.where(gone, fill, y)


class TestRowsWithoutAClass:
    @pytest.mark.parametrize("options", [{}, {"model": "EDDA"}, {"n_components": 1}])
    def test_they_help(self, options):
        """Five rows with a class in each of two: with the others the error is nearer the best."""
        rng = np.random.default_rng(0)
        gains = []
        for seed in range(8):
            y = rng.integers(0, 2, size=1000)
            x = rng.normal(size=(1000, 6))
            x[:, 0] += 4.0 * y
            known = np.full(1000, -1)
            for k in (0, 1):
                at = np.flatnonzero(y == k)[:5]
                known[at] = k
            some = known >= 0
            extra = {"covariance_type": "diag", "random_state": seed, **options}
            semi = GaussianMixtureClassifier(**extra).fit(x, known)
            alone = GaussianMixtureClassifier(**extra).fit(x[some], known[some])
            gains.append(semi.score(x[~some], y[~some]) - alone.score(x[~some], y[~some]))
            assert semi.score(x[~some], y[~some]) > 0.95  # the best is 0.977
        assert np.mean(gains) > 0.01

    @pytest.mark.parametrize("model", ["EDDA", "MclustDA"])
    def test_all_ways_to_say_so(self, model):
        x, y = three()
        options = {"model": model, "max_components": 1, "random_state": 0}
        gone = np.isnan(hidden(y, 0.5))
        expected = GaussianMixtureClassifier(**options).fit(x, hidden(y, 0.5)).predict_proba(x)
        words = np.array(["a", "b", "c"], dtype=object)[y]
        for given in (
            np.where(gone, -1, y),
            [None if g else int(v) for g, v in zip(gone, y, strict=True)],
            np.where(gone, None, words),
            np.where(gone, np.nan, words),
            pd.Series(np.where(gone, None, words)),
            pd.Series(np.where(gone, pd.NA, y)).astype("Int64"),
            pl.Series([None if g else str(v) for g, v in zip(gone, words, strict=True)]),
        ):
            found = GaussianMixtureClassifier(**options).fit(x, given)
            assert_allclose(found.predict_proba(x), expected, rtol=1e-10)
            assert len(found.classes_) == 3
        text = np.where(gone, "?", words.astype(str))
        found = GaussianMixtureClassifier(**options, unlabelled="?").fit(x, text)
        assert_array_equal(found.classes_, ["a", "b", "c"])
        assert_allclose(found.predict_proba(x), expected, rtol=1e-10)

    def test_minus_one_is_a_class_where_it_is_one_of_two_or_is_said_to_be(self):
        x, y = three()
        two = GaussianMixtureClassifier(model="EDDA").fit(x, np.where(y == 0, -1, 1))
        assert_array_equal(two.classes_, [-1, 1])
        other = GaussianMixtureClassifier(model="EDDA", unlabelled=None).fit(x, y - 1)
        assert_array_equal(other.classes_, [-1, 0, 1])
        assert_array_equal(GaussianMixtureClassifier(model="EDDA").fit(x, y - 1).classes_, [0, 1])

    def test_it_is_the_summit_of_the_likelihood_of_what_is_known(self):
        """From both models the same end, where both are the same: one Gaussian for each class."""
        x, y = three()
        known = hidden(y, 0.8)
        options = {"covariance_type": "full", "reg_covar": 0.0, "tol": 1e-12, "max_iter": 5000}
        one = GaussianMixtureClassifier(1, **options).fit(x, known)
        other = GaussianMixtureClassifier(model="EDDA", **options).fit(x, known)
        assert_allclose(one.bic_, other.bic_, rtol=1e-9)
        assert_allclose(one.predict_proba(x), other.predict_proba(x), atol=1e-4)
        assert_allclose(one.class_prior_, other.class_prior_, atol=1e-5)

    def test_one_row_of_each_class_will_do(self):
        rng = np.random.default_rng(0)
        y = np.repeat([0, 1], 200)
        x = rng.normal(size=(400, 2)) + 5.0 * y[:, None]
        known = np.full(400, -1)
        known[[3, 203]] = [0, 1]
        for model in ("EDDA", "MclustDA"):
            found = GaussianMixtureClassifier(model=model, random_state=0).fit(x, known)
            assert found.score(x, y) > 0.99
            assert found.n_components_ == [1, 1]

    def test_shares_that_are_given_stay(self):
        x, y = three()
        prior = [0.5, 0.25, 0.25]
        model = GaussianMixtureClassifier(1, class_prior=prior).fit(x, hidden(y, 0.7))
        assert_array_equal(model.class_prior_, prior)


class TestMissingNumbers:
    @pytest.mark.parametrize("options", [{"n_components": 1}, {"model": "EDDA"}])
    def test_they_are_left_out_exactly(self, options):
        x, y = three()
        model = GaussianMixtureClassifier(covariance_type="full", **options).fit(x, y)
        rows = x[::40].copy()
        rows[:, 1] = np.nan
        joint = [
            share * np.exp(-0.5 * (rows[:, 0] - m.means[0, 0]) ** 2 / s) / np.sqrt(s)
            for share, m, s in (
                (share, m, m.covariances[0, 0, 0])
                for share, m in zip(model.class_prior_, model.mixtures_, strict=True)
            )
        ]
        expected = (np.array(joint) / np.sum(joint, axis=0)).T
        assert_allclose(model.predict_proba(rows), expected, atol=1e-9)
        nothing = np.full((1, 2), np.nan)
        assert_allclose(model.predict_proba(nothing), model.class_prior_[None], rtol=1e-9)

    @pytest.mark.parametrize("options", [{}, {"model": "EDDA"}])
    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_fits_with_gaps(self, options, share):
        x, y = three(200)
        x = x.copy()
        x[np.random.default_rng(1).random(x.shape) < 0.15] = np.nan
        known = hidden(y, share)
        model = GaussianMixtureClassifier(random_state=0, **options).fit(x, known)
        test_x, test_y = three(200, seed=3)
        best = GaussianMixtureClassifier(random_state=0, **options).fit(*three(200))
        assert model.score(test_x, test_y) > best.score(test_x, test_y) - 0.02


def test_a_column_that_a_class_never_varies_in():
    """Units do not matter, and no class is a needle for all rows that are elsewhere."""
    x, y = three()
    x = x * [1e4, 1e-3]
    x[y == 1, 1] = 0.0025
    model = GaussianMixtureClassifier(random_state=0).fit(x, y)
    assert model.score(x, y) > 0.95
    other = GaussianMixtureClassifier(random_state=0).fit(x / [1e4, 1e-3], y)
    if model.covariance_types_ == other.covariance_types_:
        assert_allclose(model.predict_proba(x), other.predict_proba(x / [1e4, 1e-3]), atol=1e-4)


@pytest.mark.parametrize("options", [{"model": "EDDA"}, {"n_components": 1}])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_weight_of_two_is_a_row_twice(options, share):
    x, y = three()
    known = hidden(y, share)
    w = np.random.default_rng(1).integers(0, 3, size=len(x))
    weighted = GaussianMixtureClassifier(**options).fit(x, known, w)
    repeated = GaussianMixtureClassifier(**options).fit(np.repeat(x, w, 0), np.repeat(known, w))
    assert_allclose(weighted.predict_proba(x), repeated.predict_proba(x), atol=1e-6)
    assert_allclose(weighted.bic_, repeated.bic_, rtol=1e-8)


def test_classes_without_weight_are_no_classes():
    x, y = three()
    model = GaussianMixtureClassifier(model="EDDA").fit(x, y, np.where(y == 1, 0.0, 1.0))
    assert_array_equal(model.classes_, [0, 2])


@pytest.mark.parametrize("library", [pd, pl])
def test_tables_and_tools(library):
    x, y = three()
    table = library.DataFrame({"a": x[:, 0], "b": x[:, 1]})
    model = GaussianMixtureClassifier(model="EDDA").fit(table, library.Series(y.tolist()))
    assert_array_equal(model.feature_names_in_, ["a", "b"])
    assert_array_equal(model.predict(table), model.predict(table))
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(table), model.predict(table))
    assert cross_val_score(GaussianMixtureClassifier(random_state=0), x, y, cv=3).mean() > 0.8


class TestBadInput:
    def refused(self, y, message, **options):
        x = np.random.default_rng(0).normal(size=(12, 2))
        weights = options.pop("sample_weight", None)
        with pytest.raises(ValueError, match=re.escape(message)):
            GaussianMixtureClassifier(**options).fit(x, y, weights)

    def test_classes(self):
        y = np.arange(12) % 2
        self.refused(None, "requires y to be passed, but the target y is None")
        self.refused(np.full(12, np.nan), "Input y contains NaN in every row: some rows must have")
        self.refused(np.where(y, np.inf, 1.0), "Input y contains infinity, which is no class")
        self.refused(np.linspace(0, 1, 12), "continuous")
        self.refused(y[:7], "inconsistent numbers of samples")
        self.refused(0 * y + 3, "needs rows of at least 2 classes, but those of positive weight")
        self.refused(y, "are all of class [1]", sample_weight=y.astype(float))

    def test_options(self):
        y = np.arange(12) % 2
        message = "model='EDDA' has one Gaussian for each class, but n_components is 2"
        self.refused(y, message, n_components=2, model="EDDA")
        self.refused(y, "class_prior must have shape (2,), one share", class_prior=[1.0])
        self.refused(y, "must not be negative and add to 1", class_prior=[0.5, 0.6])

    def test_no_fit_and_a_column_of_nothing(self):
        with pytest.raises(NotFittedError):
            GaussianMixtureClassifier().predict([[0.0, 1.0]])
        x = np.ones((6, 2))
        x[:, 1] = np.nan
        with pytest.raises(ValueError, match="Input X has nothing in column 1"):
            GaussianMixtureClassifier().fit(x, [0, 1] * 3)

    def test_a_column_of_classes(self):
        x, y = three()
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            GaussianMixtureClassifier(model="EDDA").fit(x, y[:, None])

    @pytest.mark.parametrize("options", [{"n_components": 3}, {"model": "EDDA"}])
    def test_a_fit_that_has_not_come_to_its_end_says_so(self, options):
        x, y = three()
        known = np.where(np.arange(len(y)) % 7 == 0, y, -1)
        with pytest.warns(ConvergenceWarning, match="did not converge"):
            GaussianMixtureClassifier(max_iter=1, random_state=0, **options).fit(x, known)
