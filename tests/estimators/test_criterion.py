"""`GaussianMixtureIC`: criteria from their definitions, what is chosen, and what it says."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.mixture
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixture, GaussianMixtureIC, HierarchicalStart
from mixtura.estimators.ranking import Ranking
from tests.oracles.tables import table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COLUMNS = {
    "covariance_type",
    "n_components",
    "n_parameters",
    "log_likelihood",
    "bic",
    "aic",
    "aicc",
    "icl",
    "cv",
    "cv_se",
    "slope",
    "converged",
    "usable",
    "note",
}


def three(seed, n=120, d=2):
    rng = np.random.default_rng(seed)
    means = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 7.0]])
    spread = zip(means, (1, 0.5, 2), strict=True)
    x = np.concatenate([m + rng.normal(size=(n, 2)) * s for m, s in spread])
    return np.column_stack([x, rng.normal(size=(len(x), d - 2))])


def by_sign(X, n_components, random_state):
    return (X[:, 0] > 0).astype(int) % n_components


def checks():
    """All of scikit-learn's where no start is drawn; those of its own mixture elsewhere."""
    exact = {"n_components": 2, "init_params": by_sign}
    for _, check in estimator_checks_generator(GaussianMixtureIC(**exact)):
        yield pytest.param(exact, check, id=f"exact-{getattr(check, 'func', check).__name__}")
    theirs = {
        getattr(check, "func", check).__name__
        for _, check in estimator_checks_generator(sklearn.mixture.GaussianMixture())
    }
    drawn = {"n_components": 2}
    for _, check in estimator_checks_generator(GaussianMixtureIC(**drawn)):
        name = getattr(check, "func", check).__name__
        if name in theirs:
            yield pytest.param(drawn, check, id=f"drawn-{name}")


@pytest.mark.parametrize(("options", "check"), [*checks()])
def test_scikit_learns_checks(options, check):
    check(GaussianMixtureIC(**options))


def test_criteria_are_those_of_the_definitions():
    x = three(0)
    search = GaussianMixtureIC(n_components=4, random_state=0).fit(x)
    r = search.results_
    assert set(r) == COLUMNS
    assert {len(column) for column in r.values()} == {16}
    best = search.mixture_
    density = sum(
        w * multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(best.weights, best.means, best.covariances, strict=True)
    )
    log_likelihood = np.log(density).sum()
    i = int(r["bic"].argmin())
    p, n = int(r["n_parameters"][i]), len(x)
    assert (search.covariance_type_, search.n_components_) == ("spherical", 3)
    assert p == 3 * (2 + 1) + 2
    np.testing.assert_allclose(r["log_likelihood"][i], log_likelihood, rtol=1e-9)
    np.testing.assert_allclose(r["bic"][i], -2 * log_likelihood + p * np.log(n), rtol=1e-9)
    np.testing.assert_allclose(r["aic"][i], -2 * log_likelihood + 2 * p, rtol=1e-9)
    aicc = -2 * log_likelihood + 2 * p * n / (n - p - 1)
    np.testing.assert_allclose(r["aicc"][i], aicc, rtol=1e-9)
    certain = np.log(search.predict_proba(x).max(axis=1)).sum()
    icl = -2 * log_likelihood + p * np.log(n) - 2 * certain
    np.testing.assert_allclose(r["icl"][i], icl, rtol=1e-9)
    assert search.best_score_ == r["bic"][i]
    np.testing.assert_array_equal(search.labels_, search.predict(x))


@pytest.mark.parametrize("criterion", ["bic", "aic", "aicc", "icl"])
@pytest.mark.parametrize("init_params", ["path", "merge", "hierarchical", HierarchicalStart("VII")])
def test_the_fit_with_the_smallest_criterion_is_kept(criterion, init_params):
    x = three(1)
    search = GaussianMixtureIC(
        criterion,
        n_components=[2, 3, 5],
        covariance_types=["diag", "full"],
        init_params=init_params,
        random_state=0,
    ).fit(x)
    r = search.results_
    assert r["n_components"].tolist() == [2, 3, 5] * 2
    i = int(r[criterion].argmin())
    assert search.best_params_ == {
        "n_components": r["n_components"][i],
        "covariance_type": r["covariance_type"][i],
    }
    assert getattr(search, criterion, lambda x: search.best_score_)(x) == pytest.approx(
        search.best_score_
    )
    assert search.sample(5)[0].shape == (5, 2)
    assert search.score(x) == pytest.approx(r["log_likelihood"][i] / len(x))
    assert search.n_components_ == 3


def test_sizes_on_the_way_down_are_as_likely_as_by_ten_starts():
    """A mixture of eight that overlap, against scikit-learn from ten starts each."""
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(3 * rng.normal(size=2), 1.0, size=(60, 2)) for _ in range(8)])
    search = GaussianMixtureIC(
        n_components=range(1, 11), covariance_types="spherical", reg_covar=1e-6, random_state=0
    ).fit(x)
    theirs = [
        sklearn.mixture.GaussianMixture(
            k, covariance_type="spherical", n_init=10, tol=1e-6, max_iter=1000, random_state=0
        )
        .fit(x)
        .score(x)
        for k in range(1, 11)
    ]
    gained = search.results_["log_likelihood"] / len(x) - theirs  # nats a row
    assert (gained > -1e-3).sum() >= 8
    assert gained.min() > -0.03


def test_held_out_scores_of_one_gaussian():
    """Of each fold, by SciPy, with the mean and covariance of the rest."""
    x = three(3)[::3]
    search = GaussianMixtureIC(
        "cv", n_components=1, covariance_types="full", n_folds=4, reg_covar=0.0, random_state=7
    ).fit(x)
    rng = np.random.RandomState(7)
    rng.randint(2**31)  # the seed of the one fit
    order = rng.permutation(len(x))
    scores = []
    for part in np.array_split(order, 4):
        rest = np.delete(x, part, axis=0)
        normal = multivariate_normal(rest.mean(axis=0), np.cov(rest.T, bias=True))
        scores.append(-normal.logpdf(x[part]))
    np.testing.assert_allclose(search.results_["cv"], np.concatenate(scores).mean(), rtol=1e-6)
    means = [each.mean() for each in scores]
    np.testing.assert_allclose(search.results_["cv_se"], np.std(means, ddof=1) / 2.0, rtol=1e-5)


def test_the_simplest_within_one_standard_error_is_taken():
    x = three(4)
    options = {"n_components": 6, "covariance_types": "full", "random_state": 0}
    strict = GaussianMixtureIC("cv", one_standard_error=False, **options).fit(x)
    simple = GaussianMixtureIC("cv", **options).fit(x)
    r = simple.results_
    best = int(r["cv"].argmin())
    assert strict.n_components_ == r["n_components"][best]
    near = r["cv"] <= r["cv"][best] + r["cv_se"][best]
    assert simple.n_components_ == r["n_components"][near].min() == 3


def test_the_slope_is_read_off_the_largest_fits():
    x = three(5, n=300)
    search = GaussianMixtureIC("slope", n_components=14, covariance_types="full", random_state=0)
    search.fit(x)
    kappa, r = search.slope_.slope, search.results_
    np.testing.assert_allclose(r["slope"], -2 * r["log_likelihood"] + 4 * kappa * r["n_parameters"])
    assert 0.2 < kappa < 2.0  # the log-likelihood gains about half a nat a parameter, or more
    assert search.n_components_ in (3, 4)


def test_fits_that_collapse_are_marked_and_not_chosen():
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.normal(size=(60, 2)), np.full((10, 2), 5.0)])
    search = GaussianMixtureIC(
        n_components=3, covariance_types="full", reg_covar=0.0, random_state=0
    ).fit(x)
    r = search.results_
    assert r["usable"].tolist() == [True, False, False]
    assert "has collapsed" in r["note"][1]
    assert search.n_components_ == 1
    assert search.ranking_[0].rank == 1
    assert search.ranking_[1].rank is None
    assert "singular" in repr(search.ranking_)
    penalised = GaussianMixtureIC(n_components=3, covariance_types="full", random_state=0).fit(x)
    assert penalised.results_["usable"].all()


def test_fits_end_without_the_penalty_but_where_it_holds_them_up():
    x = three(12)
    search = GaussianMixtureIC(n_components=[3], covariance_types="full", random_state=0).fit(x)
    best = search.best_estimator_
    assert best.reg_covar == 0.0
    exact = sklearn.mixture.GaussianMixture(
        3, reg_covar=0.0, tol=1e-9, max_iter=1000, n_init=5, random_state=0
    ).fit(x)
    np.testing.assert_allclose(search.score(x), exact.score(x), atol=1e-5)
    rng = np.random.default_rng(6)
    spike = np.concatenate([rng.normal(size=(60, 2)), np.full((10, 2), 5.0)])
    held = GaussianMixtureIC(n_components=[2], covariance_types="full", random_state=0).fit(spike)
    assert held.best_estimator_.reg_covar is None
    assert np.linalg.eigvalsh(held.covariances_).min() > 1e-3
    assert held.results_["usable"].all()


def test_what_cannot_be_fitted_is_in_the_table_with_the_reason():
    x = three(7)[:7]
    search = GaussianMixtureIC(n_components=9, random_state=0).fit(x)
    r = search.results_
    assert r["note"][8] == "9 components for 7 rows"
    assert np.isnan(r["bic"][8])
    assert not r["usable"][8]
    wide = r["n_parameters"] >= 7
    assert not r["usable"][wide].any()
    assert "parameters for 7 rows" in r["note"][np.flatnonzero(wide)[0]]


def test_weights_gaps_and_tables():
    x = three(8)
    frame = pd.DataFrame(x, columns=["a", "b"])
    options = {"n_components": 3, "covariance_types": ["full", "diag"], "random_state": 0}
    search = GaussianMixtureIC(**options).fit(frame)
    assert search.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(search.predict(frame), search.labels_)
    again = GaussianMixtureIC(**options).fit(pl.DataFrame({"a": x[:, 0], "b": x[:, 1]}))
    np.testing.assert_array_equal(again.results_["bic"], search.results_["bic"])
    w = np.full(len(x), 2.0)
    twice = GaussianMixtureIC(**options, init_params=by_sign).fit(np.concatenate([x, x]))
    weighed = GaussianMixtureIC(**options, init_params=by_sign).fit(x, sample_weight=w)
    np.testing.assert_allclose(weighed.results_["bic"], twice.results_["bic"], rtol=1e-6)
    holes = np.where(np.random.default_rng(9).uniform(size=x.shape) < 0.1, np.nan, x)
    assert GaussianMixtureIC(**options).fit(holes).n_components_ == 3
    with_cv = GaussianMixtureIC("cv", **options).fit(holes, sample_weight=w)
    assert with_cv.n_components_ == 3


def test_processes_change_nothing():
    x = three(10)
    options = {"n_components": 3, "covariance_types": ["full", "diag"], "random_state": 0}
    one = GaussianMixtureIC(**options).fit(x)
    two = GaussianMixtureIC(**options, n_jobs=2).fit(x)
    for name, column in one.results_.items():
        np.testing.assert_array_equal(column, two.results_[name])
    copy = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(copy.predict_proba(x), one.predict_proba(x))
    assert isinstance(copy.best_estimator_, GaussianMixture)


def test_a_ranking_prints_as_a_table():
    results = {
        "covariance_type": np.array(["full", "diag", "<b>"]),
        "n_components": np.array([2, 3, 4]),
        "n_parameters": np.array([11, 14, 0]),
        "log_likelihood": np.array([-100.0, -90.0, np.nan]),
        "bic": np.array([230.5, 220.25, np.nan]),
        "usable": np.array([True, True, False]),
        "note": np.array(["", "not converged: raise max_iter", "4 components for 3 rows"]),
    }
    ranking = Ranking(results, "bic")
    assert repr(ranking) == (
        "rank  covariance  K  parameters  log-likelihood      bic       +  note\n"
        "   1  diag        3          14         -90.000  220.250   0.000"
        "  not converged: raise max_iter\n"
        "   2  full        2          11        -100.000  230.500  10.250\n"
        "   -  <b>         4           -               -        -       -  4 components for 3 rows"
    )
    html = ranking._repr_html_()
    assert "&lt;b&gt;" in html
    assert html.count("<tr>") == 4
    many = {name: np.concatenate([column] * 6) for name, column in results.items()}
    assert repr(Ranking(many, "bic")).endswith("... and 6 more")
    assert len(Ranking(many, "bic")[2:5]) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": [2, 0]}, "some numbers from 1, but 0 is among them"),
        ({"n_components": []}, "some numbers from 1, but there is none"),
        ({"n_components": [1.5]}, "but 1.5 is among them"),
        (
            {"covariance_types": ["full", "round"]},
            "letters, or 'all', but 'round' is not one of them",
        ),
        ({"covariance_types": []}, "letters, or 'all', but there is none"),
        ({"criterion": "slope", "n_components": 3, "covariance_types": "full"}, "but there are 3"),
        ({"criterion": "best"}, "'criterion' parameter"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureIC(**options).fit(three(11))


def test_where_nothing_can_be_used():
    with pytest.raises(ValueError, match="no candidate can be used: 3 components for 2 rows. Try"):
        GaussianMixtureIC(n_components=[3]).fit(np.array([[0.0, 1.0], [2.0, 5.0]]))


def test_where_all_have_more_parameters_than_rows_the_smallest_is_taken():
    search = GaussianMixtureIC(n_components=2, random_state=0)
    search.fit(np.random.default_rng(13).normal(size=(4, 6)))
    assert search.best_params_ == {"n_components": 1, "covariance_type": "spherical"}
    assert search.ranking_[0].rank is None


def test_a_slope_that_is_not_there():
    search = GaussianMixtureIC("slope")
    sizes = np.arange(1, 11)
    search.results_ = {
        "usable": np.ones(10, dtype=bool),
        "n_parameters": sizes,
        "log_likelihood": -1.0 * sizes,
    }
    with pytest.raises(ValueError, match="largest fits are no likelier than smaller ones. Raise"):
        search._read_slope()


def test_galaxies_as_mclust_finds_them_with_many_starts():
    """The vignette of mclust 6.0.0: V,3 from 20 random hierarchies; by default it finds V,4."""
    x = table("galaxies") / 1000.0
    search = GaussianMixtureIC(
        n_components=9, covariance_types="spherical", reg_covar=0.0, n_init=10, random_state=0
    ).fit(x)
    r = search.results_
    assert -r["bic"][2] >= -441.6122 - 5e-4
    assert search.n_components_ == 3
