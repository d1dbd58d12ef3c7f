"""`GaussianMixture.summary`: its numbers against others', and each fault when it is there."""

import json
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.linalg import eigh
from scipy.stats import norm

from mixtura import GaussianMixture, Mixture, NormalInverseWishart
from mixtura.estimators.record import Record
from mixtura.estimators.summary import summarised
from mixtura.model.covariance import FAMILIES

OPTIONS = {"random_state": 0, "tol": 1e-7, "max_iter": 1000}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    x[:80] += 4.0
    return x


def fitted(x, k=2, **options):
    return GaussianMixture(k, **{**OPTIONS, **options}).fit(x)


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_of_rows_are_the_estimators(rows, family):
    rng = np.random.default_rng(1)
    x = np.where(rng.random(rows.shape) < 0.1, np.nan, rows)
    w = rng.integers(0, 3, 200).astype(float)
    model = GaussianMixture(2, covariance_type=family, **OPTIONS).fit(x, sample_weight=w)
    found = model.summary(x, w)
    np.testing.assert_allclose(found.log_likelihood, model.score(x, sample_weight=w) * w.sum())
    np.testing.assert_allclose(found.bic, model.bic(x, w))
    np.testing.assert_allclose(found.aic, model.aic(x, w))
    np.testing.assert_allclose(found.icl, model.icl(x, w))
    r, labels = model.predict_proba(x), model.predict(x)
    entropy = -(w[:, None] * r * np.log(r, where=r > 0, out=np.zeros_like(r))).sum() / w.sum()
    np.testing.assert_allclose(found.entropy, entropy)
    sizes = [component.size for component in found.components]
    np.testing.assert_allclose(sizes, np.bincount(labels, w, minlength=2))
    certainty = np.bincount(labels, w * r.max(axis=1), minlength=2) / sizes
    np.testing.assert_allclose([c.certainty for c in found.components], certainty)
    assert (found.n_rows, found.total_weight) == (200, w.sum())
    assert found.n_parameters == model.mixture_.n_parameters
    assert found.covariance_type == family


def test_without_rows_it_says_what_the_fit_knew(rows):
    """A penalised fit at its end: the objective less the penalty is the log-likelihood."""
    for prior in (None, NormalInverseWishart.default(rows.mean(axis=0), np.cov(rows.T), 2)):
        model = fitted(rows, prior=prior)
        found, measured = model.summary(), model.summary(rows)
        np.testing.assert_allclose(found.log_likelihood, measured.log_likelihood, atol=1e-3)
        np.testing.assert_allclose(found.bic, measured.bic, atol=2e-3)
        assert found.n_rows == 200
        assert found.icl is found.entropy is None
        assert found.components[0].size is found.components[0].certainty is None
        assert found.converged
        assert found.ended == "the objective stood still"
        assert found.n_iter == model.n_iter_
        assert found.remaining_gain == model.remaining_gain_
        counts = [component.count for component in found.components]
        np.testing.assert_allclose(counts, 200 * model.weights_)
        assert not found.faults


def test_overlap_is_the_integral_of_the_geometric_mean():
    mixture = Mixture.of([0.3, 0.3, 0.4], [[0.0], [2.0], [9.0]], [[[1.0]], [[2.0]], [[1.0]]])
    found = summarised(mixture, ["x"])

    def between(i, j):
        one, two = (norm(mixture.means[k, 0], mixture.covariances[k, 0, 0] ** 0.5) for k in (i, j))
        return quad(lambda x: np.sqrt(one.pdf(x) * two.pdf(x)), -15, 25, points=[0, 2, 9])[0]

    assert [component.nearest for component in found.components] == [1, 0, 1]
    expected = [between(0, 1), between(0, 1), between(1, 2)]
    np.testing.assert_allclose([c.overlap for c in found.components], expected, rtol=1e-6)


def test_conditions_do_not_depend_on_units(rows):
    conditions = [
        [component.condition for component in fitted(x).summary().components]
        for x in (rows, rows * [1e-3, 1e4])
    ]
    np.testing.assert_allclose(conditions[0], conditions[1], rtol=1e-3)
    mixture = fitted(rows).mixture_
    root = np.sqrt(np.diagonal(mixture.total_covariance()))
    expected = [np.linalg.cond(s / root / root[:, None]) for s in mixture.covariances]
    np.testing.assert_allclose(conditions[0], expected)


def test_a_known_mixture_has_no_run(rows):
    model = GaussianMixture.from_mixture(fitted(rows).mixture_)
    found = model.summary()
    assert found.bic is found.converged is found.starts is found.n_rows is None
    assert found.components[0].count is None
    np.testing.assert_allclose(model.summary(rows).bic, model.bic(rows))
    with pytest.raises(ValueError, match="sample_weight is that of the rows of X: give X, too"):
        model.summary(sample_weight=np.ones(200))


def test_it_survives_pickling_and_setting_parameters_by_hand(rows):
    model = pickle.loads(pickle.dumps(fitted(rows)))
    assert repr(model.summary()) == repr(fitted(rows).summary())
    model.means_ = model.means_ + 1.0
    assert model.summary(rows).log_likelihood < fitted(rows).summary(rows).log_likelihood


# Starts


def test_optima_of_several_starts_are_counted():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(90, 1)) + np.repeat([0.0, 8.0, 16.0], 30)[:, None]
    starts = iter([[0, 8], [0, 8], [8, 16], [8, 16]])

    def begin(rows, k, random_state):
        centres = np.array(next(starts), dtype=float)
        return np.abs(rows - centres).argmin(axis=1)

    model = fitted(x, n_init=4, init_params=begin, accelerate="none")
    found = model.summary().starts
    assert (found.n, found.ended, found.optima) == (4, 4, 2)
    assert found.spread > 0
    assert "4 starts came to 2 different optima" in repr(model.summary())
    alone = fitted(x).summary()
    assert (alone.starts.n, alone.starts.optima, alone.starts.spread) == (1, 1, 0.0)
    assert "starts" not in repr(alone)


def test_starts_that_were_set_aside_are_counted():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(9000, 12))
    x[::3] += 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(5, n_init=4, random_state=0, max_iter=40, tol=1e-9).fit(x)
    starts = model.summary().starts
    assert starts.n == 4
    assert starts.ended < 4
    assert "set aside" in repr(model.summary())


def test_a_fit_that_goes_on_is_one_run(rows):
    model = GaussianMixture(2, warm_start=True, **OPTIONS).fit(rows)
    model.fit(rows)
    assert model.summary().starts.n == 1


# Faults


def faults(model, *args):
    return " / ".join(model.summary(*args).faults)


def test_a_component_of_few_rows(rows):
    x = np.concatenate([rows, [[40.0, 40.0], [41.0, 40.5]]])
    model = fitted(x, k=3, n_init=5)
    found = faults(model)
    assert "rests on 2 rows, fewer than 3" in found
    assert "leans on the penalty, which makes up " in found


def test_leaning_on_reg_covar_and_on_a_floor(rows):
    flat = rows * [1.0, 1e-4]
    assert "leans on reg_covar" in faults(fitted(flat, k=1, reg_covar=1e-6))
    assert "reg_covar" not in faults(fitted(rows, k=1, reg_covar=1e-6))
    assert "leans on variance_floor" in faults(fitted(flat, k=1, variance_floor=1e-6))
    prior = NormalInverseWishart(rows.mean(axis=0), 1.0, 900.0, 900 * np.eye(2))
    for family in FAMILIES:
        assert "leans on the prior" in faults(fitted(rows, prior=prior, covariance_type=family))


def test_the_share_of_a_prior_is_what_would_be_missing_without_it(rows):
    """One Gaussian: the M-step with and without the pseudo-rows, in closed form."""
    n, s = len(rows), np.cov(rows.T, bias=True)
    prior = NormalInverseWishart(rows.mean(axis=0), 1.0, 10.0, np.diag([300.0, 400.0]))
    model = fitted(rows, k=1, prior=prior)
    put = np.diag([300.0, 400.0]) / (n + 10 + 2 + 2)
    own = n / (n + 10 + 2 + 2) * s
    np.testing.assert_allclose(model.covariances_[0], own + put)
    expected = eigh(put, own + put, eigvals_only=True)[-1]
    np.testing.assert_allclose(Record.of(model).leaning, [expected], rtol=1e-6)


def test_two_components_that_are_nearly_one(rows):
    model = fitted(rows)
    doubled = Mixture.of(
        [*(model.weights_[:1] / 2), *(model.weights_[:1] / 2), model.weights_[1]],
        model.means_[[0, 0, 1]],
        model.covariances_[[0, 0, 1]],
    )
    found = faults(GaussianMixture.from_mixture(doubled))
    assert found == "components 0 and 1 are nearly one: they overlap by 1"


def test_an_empty_and_a_nearly_singular_component(rows):
    mixture = Mixture.of([1.0, 0.0], rows[:2], np.eye(2)[None] * np.ones((2, 1, 1)))
    assert "component 1 is empty: fit fewer" in faults(GaussianMixture.from_mixture(mixture))
    thin = np.array([[1.0, 1.0 - 1e-11], [1.0 - 1e-11, 1.0]])
    mixture = Mixture.of([1.0], rows[:1], thin[None])
    assert "component 0 is nearly singular" in faults(GaussianMixture.from_mixture(mixture))


def test_more_parameters_than_rows():
    x = np.random.default_rng(4).normal(size=(20, 6))
    assert "there are 27 parameters and 20 rows" in faults(fitted(x, k=1))


def test_a_run_that_did_not_end_well(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(3, max_iter=6, tol=0.0, random_state=0).fit(rows)
    found = faults(model)
    assert "not converged: the iterations ran out" in found
    assert "raise max_iter" in found
    record = replace(Record.of(model), remaining=0.01)
    found = summarised(model.mixture_, ["a", "b"], record).faults
    assert "about 2 nats are left to gain on all rows together: lower tol" in " / ".join(found)


def test_starts_that_all_came_to_ends_of_their_own():
    x = np.random.default_rng(5).uniform(size=(150, 3))
    model = fitted(x, k=6, n_init=4, init_params="random_from_data", accelerate="none", tol=1e-6)
    starts = model.summary().starts
    said = "came to an optimum of its own" in faults(model)
    assert said == (starts.optima == 4)
    assert said


# Ways to print and to keep


def test_ways_to_print():
    rng = np.random.default_rng(6)
    x = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "<i>b</i>"])
    model = fitted(x, k=1)
    found = model.summary(x)
    lines = repr(found).splitlines()
    assert lines[0] == "1 component, full covariance, 2 columns, 5 parameters, 60 rows"
    assert lines[1].startswith("log-likelihood ")
    assert "mean[a]" in repr(found)
    assert "<i>" not in found._repr_html_()
    assert "mean[&lt;i&gt;b&lt;/i&gt;]" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["bic"] == found.bic
    weighed = fitted(x, k=1).summary(x, np.full(60, 2.0))
    assert "60 rows of weight 120" in repr(weighed)


def test_means_of_many_columns_are_not_in_the_table():
    x = np.random.default_rng(7).normal(size=(100, 9))
    found = fitted(x, k=1).summary()
    assert "mean[0]" not in found.table
    assert len(found.means[0]) == 9


def test_the_record_goes_through_json(rows):
    model = fitted(rows, n_init=3)
    record = Record.of(model)
    there = json.loads(json.dumps(record.to_json()))
    assert Record.from_json(there, 2) == record
    for bad in (None, 3, {}, {**there, "total": -1}, {**there, "leaning": [0.1]}):
        assert Record.from_json(bad, 2) is None
    assert Record.from_json({**there, "starts": None}, 2) is None
