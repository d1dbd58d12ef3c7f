"""`GaussianMixture.fit` with labels of some rows, and with groups that stay together."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mixtura import GaussianMixture
from tests.laws.registries import MOMENTS

every_family = pytest.mark.parametrize("family", MOMENTS)


def overlapping(n=150, seed=0, apart=1.0):
    """Rows of three Gaussians near one another, and whose they are."""
    rng = np.random.default_rng(seed)
    centres = apart * np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 2.0]])
    truth = np.repeat(np.arange(3), n)
    return centres[truth] + rng.normal(size=(3 * n, 2)) * [0.7, 1.1], truth


def some_of(truth, n=20, seed=1):
    """Labels of n rows of each kind."""
    rng = np.random.default_rng(seed)
    labels = np.full(len(truth), -1)
    for k in range(3):
        chosen = rng.choice(np.flatnonzero(truth == k), n, replace=False)
        labels[chosen] = k
    return labels


@every_family
def test_with_all_labels_it_is_the_estimate_of_each_class(family):
    x, truth = overlapping()
    model = GaussianMixture(3, covariance_type=family, reg_covar=0.0)
    model.fit(x, labels=truth, sample_weight=np.where(truth == 2, 2.0, 1.0))
    means = np.array([x[truth == k].mean(axis=0) for k in range(3)])
    scatter = np.array([np.cov(x[truth == k].T, bias=True) for k in range(3)])
    shares = np.array([0.25, 0.25, 0.5])
    covariances = {
        "full": scatter,
        "tied": np.einsum("k,kij->ij", shares, scatter),
        "diag": np.diagonal(scatter, axis1=1, axis2=2),
        "spherical": np.trace(scatter, axis1=1, axis2=2) / 2,
    }[family]
    assert_allclose(model.weights_, shares, rtol=1e-12)
    assert_allclose(model.means_, means, rtol=1e-9)
    assert_allclose(model.covariances_, covariances, rtol=1e-8)


def objective(means, model, x, labels, groups):
    """The log-likelihood of rows, labels and groups per row, written out."""
    density = np.stack(
        [
            multivariate_normal(m, s).logpdf(x)
            for m, s in zip(means, model.covariances_, strict=True)
        ]
    )
    total = 0.0
    for g in np.unique(groups[groups >= 0]):
        mine = groups == g
        joint = np.log(model.weights_) + density[:, mine].sum(axis=1)
        known = labels[mine & (labels >= 0)]
        total += joint[known[0]] if len(known) else logsumexp(joint)
    for i in np.flatnonzero(groups < 0):
        joint = np.log(model.weights_) + density[:, i]
        total += joint[labels[i]] if labels[i] >= 0 else logsumexp(joint)
    return total / len(x)


def in_groups(truth, seed=2):
    """A third of the rows in groups of three of one kind."""
    rng = np.random.default_rng(seed)
    groups = np.full(len(truth), -1)
    for k in range(3):
        chosen = rng.choice(np.flatnonzero(truth == k), 48, replace=False)
        groups[chosen] = 16 * k + np.arange(48) // 3
    return groups


@pytest.mark.parametrize("accelerate", ["auto", "squarem", "none"])
def test_the_end_is_a_summit_of_the_likelihood_of_all_that_is_known(accelerate):
    x, truth = overlapping()
    labels, groups = some_of(truth), in_groups(truth)
    labels[groups >= 0] = -1
    labels[groups == 0] = 0
    model = GaussianMixture(3, reg_covar=0.0, tol=1e-12, max_iter=2000, accelerate=accelerate)
    model.fit(x, labels=labels, groups=groups)
    value = objective(model.means_, model, x, labels, groups)
    assert_allclose(model.lower_bound_, value, rtol=1e-9)
    slope = approx_fprime(
        model.means_.ravel(), lambda m: objective(m.reshape(3, 2), model, x, labels, groups), 1e-6
    )
    assert np.abs(slope).max() < 1e-5


@every_family
def test_no_step_lowers_the_objective(family):
    x, truth = overlapping()
    model = GaussianMixture(3, covariance_type=family, accelerate="none", tol=1e-9, max_iter=500)
    model.fit(x, labels=some_of(truth, 3), groups=in_groups(truth))
    assert (np.diff(model.lower_bounds_) > -1e-10).all()


def test_labels_number_the_components_and_help():
    x, truth = overlapping()
    labels = some_of(truth)
    free = labels < 0
    known = GaussianMixture(3, random_state=0).fit(x, labels=labels)
    assert (known.predict(x[free]) == truth[free]).mean() > 0.75
    # The other way round, where only one component has labels and the start knows of none.
    x, _ = overlapping(apart=3.0)
    few = np.where(labels == 1, 2, -1)
    for seed in range(4):
        model = GaussianMixture(3, random_state=seed, n_init=2).fit(x, labels=few)
        assert np.abs(model.means_[2] - [6.0, 0.0]).max() < 0.4


def test_one_label_for_each_component_is_enough_to_begin_with():
    x, truth = overlapping()
    for family in MOMENTS:
        labels = np.full(len(x), -1)
        for k in range(3):
            at = np.flatnonzero(truth == k)
            labels[at[np.linalg.norm(x[at] - x[at].mean(axis=0), axis=1).argmin()]] = k
        model = GaussianMixture(3, covariance_type=family, reg_covar=0.0)
        model.fit(x * 3, labels=labels)
        assert_array_equal(model.predict(x * 3)[labels >= 0], labels[labels >= 0])
        assert model.weights_.min() > 0.1


def test_groups_help():
    """Groups of three tell apart what single rows cannot."""
    x, truth = overlapping(60)
    groups = 20 * truth + np.tile(np.arange(20), 9)
    with_groups = GaussianMixture(3, random_state=0).fit(x, groups=groups)
    found = with_groups.predict(x)
    best = sum(np.bincount(truth[found == k], minlength=3).max() for k in range(3)) / len(x)
    assert best > 0.75
    assert_allclose(with_groups.weights_, 1 / 3, atol=0.05)


def test_a_weight_of_two_is_a_row_twice_with_its_label_and_its_group():
    x, truth = overlapping(60)
    labels, groups = some_of(truth, 8), 20 * truth + np.tile(np.arange(20), 9)
    labels[groups % 20 < 10] = -1
    groups[groups % 20 >= 10] = -1
    w = np.random.default_rng(0).integers(0, 3, size=len(x))
    options = {"tol": 1e-10, "max_iter": 1000}
    weighted = GaussianMixture(3, **options)
    weighted.fit(x, sample_weight=w, labels=labels, groups=groups)
    again = {"labels": np.repeat(labels, w), "groups": np.repeat(groups, w)}
    repeated = GaussianMixture(3, **options).fit(np.repeat(x, w, axis=0), **again)
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-5, atol=1e-6)


def test_missing_numbers_and_labels():
    x, truth = overlapping()
    x = x.copy()
    x[np.random.default_rng(0).random(x.shape) < 0.2] = np.nan
    labels, groups = some_of(truth, 30), in_groups(truth)
    labels[groups >= 0] = -1
    model = GaussianMixture(3, random_state=0).fit(x, labels=labels, groups=groups)
    free = (labels < 0) & ~np.isnan(x).any(axis=1)
    assert (model.predict(x[free]) == truth[free]).mean() > 0.75


@pytest.mark.parametrize("library", [pd, pl])
def test_nothing_known_is_said_in_many_ways(library):
    x, truth = overlapping(20)
    labels = some_of(truth, 5)
    expected = GaussianMixture(3).fit(x, labels=labels).means_
    holes = np.where(labels < 0, np.nan, labels)
    series = library.Series([None if v < 0 else int(v) for v in labels])
    for given in (holes, holes.tolist(), series):
        assert_array_equal(GaussianMixture(3).fit(x, labels=given).means_, expected)
    plain = GaussianMixture(3, random_state=0).fit(x)
    nothing = np.full(len(x), -1)
    free = GaussianMixture(3, random_state=0).fit(x, labels=nothing, groups=nothing)
    assert_array_equal(free.means_, plain.means_)


def test_a_start_of_ones_own_keeps_its_numbers():
    x, truth = overlapping()
    means = np.array([[1.0, 2.0], [0.0, 0.0], [2.0, 0.0]])
    labels = np.where((truth == 2) & (np.arange(len(x)) % 9 == 0), 0, -1)
    model = GaussianMixture(3, means_init=means, random_state=0).fit(x, labels=labels)
    assert np.abs(model.means_ - means).max() < 0.6


class TestBadInput:
    def refused(self, message, **known):
        x, _ = overlapping(4)
        options = known.pop("options", {})
        with pytest.raises(ValueError, match=re.escape(message)):
            GaussianMixture(2, **options).fit(x, **known)

    def test_labels(self):
        labels = np.full(12, -1)
        self.refused("labels must have shape (12,), one for each row, but", labels=labels[:5])
        self.refused("from 0 to 1, or -1 where nothing is known, but row 3", labels=_at(3, 2))
        self.refused("or -1 where there is none, but row 4 has 0.5", labels=_at(4, 0.5))
        self.refused("or -1 where there is none, but row 4 has -2", labels=_at(4, -2))
        self.refused("labels must be whole numbers: could not", labels=["a"] * 12)

    def test_groups(self):
        labels, groups = _at(3, 1), np.full(12, 5)
        labels[6] = 0
        message = "rows of one group belong to one component, but in group 5 row 3 has label 1"
        self.refused(message, labels=labels, groups=groups)
        self.refused("groups must have shape (12,)", groups=[1, 2])

    def test_options_that_do_not_go_with_them(self):
        message = "labels and groups go with truncation=None only"
        self.refused(message, labels=_at(3, 1), options={"truncation": 1})
        message = "labels and groups go with dead_components='keep' only"
        self.refused(message, labels=_at(3, 1), options={"dead_components": "drop"})


def _at(row, value):
    found = np.full(12, -1.0)
    found[row] = value
    return found
