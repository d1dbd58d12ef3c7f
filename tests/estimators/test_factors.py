"""Factor analysers in fits: ascent, recovery, gaps, and what is refused."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixture
from mixtura.model.covariance import FORMS, factor_family
from tests.laws.registries import PRIORS
from tests.laws.runs import Run

every_form = pytest.mark.parametrize("form", FORMS)


def grouped(n=300, d=8, h=2, seed=0, k=2):
    """Rows of factor analysers, and their groups."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(k):
        loadings = rng.normal(size=(d, h))
        rows = rng.normal(size=(n, h)) @ loadings.T
        parts.append(rows + rng.normal(size=(n, d)) * 0.4 + 2.5 * rng.normal(size=d))
    return np.vstack(parts), np.repeat(np.arange(k), n)


@every_form
@pytest.mark.parametrize("name", ["none", *PRIORS])
def test_em_never_lowers_its_objective(form, name):
    for seed in range(2):
        x, _ = grouped(25, 5, 1, seed)
        labels = np.random.default_rng(seed).integers(0, 3, len(x))
        run = Run(x, labels, factor_family(form, 2), 3, prior=PRIORS.get(name), max_iter=30)
        assert np.diff(run.objectives).min() > -1e-12 * np.abs(run.objectives).max()


@every_form
def test_groups_are_found(form):
    x, each = grouped()
    model = GaussianMixture(2, covariance_type=form, n_factors=2, random_state=0).fit(x)
    assert model.converged_
    assert adjusted_rand_score(each, model.predict(x)) > 0.95
    assert model.covariances_.shape == (2, 8, 3)
    assert model.precisions_.shape == model.precisions_cholesky_.shape == (2, 8, 8)
    np.testing.assert_allclose(
        np.linalg.inv(model.precisions_), model.mixture_.covariances, rtol=1e-6, atol=1e-8
    )
    assert model.mixture_.n_parameters == model.mixture_.covariance.n_free(2) + 2 * 8 + 1


def test_bic_finds_how_many_factors_there_are():
    x, _ = grouped(500, 10, 2, 3)
    found = {
        h: GaussianMixture(2, covariance_type="UUU", n_factors=h, random_state=0).fit(x).bic(x)
        for h in (1, 2, 3)
    }
    assert min(found, key=found.get) == 2


def test_fewer_parameters_than_full_where_columns_are_many_and_rows_few():
    """Held-out rows of factor analysers are better told by factors than by whole matrices."""
    x, _ = grouped(90, 30, 2, 4)
    train, test = x[::3], x[1::3]
    factors = GaussianMixture(2, covariance_type="UUU:2", random_state=0).fit(train)
    full = GaussianMixture(2, random_state=0).fit(train)
    assert factors.score(test) > full.score(test) + 1.0


@pytest.mark.parametrize("form", ["UUU", "CUC", "UUCU"])
def test_rows_with_gaps(form):
    x, each = grouped(200, 6, 1, 5)
    holes = np.random.default_rng(0).random(x.shape) < 0.2
    gaps = np.where(holes, np.nan, x)
    model = GaussianMixture(
        2, covariance_type=form, n_factors=1, tol=0.0, max_iter=25, accelerate="none",
        random_state=0,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning):
        model.fit(gaps)
    assert np.diff(model.lower_bounds_).min() > -1e-12
    assert adjusted_rand_score(each, model.predict(gaps)) > 0.8


@every_form
def test_accelerated_its_objective_never_falls(form):
    x, each = grouped(150, 6, 2, 6)
    labels = np.where(np.random.default_rng(1).random(len(x)) < 0.2, 1 - each, each)
    options = {"covariance_type": form, "n_factors": 2, "init_params": labels, "max_iter": 1000}
    fast = GaussianMixture(2, accelerate="squarem", tol=1e-5, **options).fit(x)
    assert np.diff(fast.lower_bounds_).min() > -1e-12
    own = GaussianMixture(2, **options).fit(x)
    assert {record.step for record in own.history_} == {"em"}


@pytest.mark.parametrize("form", ["UUU", "UCU", "UCUU", "UUCU", "CCU"])
def test_a_factor_that_got_lost_is_found_again(form):
    """Loadings of zero are a stationary point, at which an M-step must not stay."""
    x, each = grouped(200, 6, 2, 6)
    family = factor_family(form, 2)
    counts, scatter = (
        np.array([200.0, 200.0]),
        np.array([np.cov(x[each == k].T, bias=True) * 200 for k in range(2)]),
    )
    start = family.estimate(counts, scatter, 6)
    values = start.values.copy()
    values[:, :, 1] = 0.0
    lost = family(values)
    for _ in range(40):
        lost = family.estimate_near(counts, scatter, 6, lost)
    worth = [-0.5 * (counts @ c.log_det(2) + c.trace_with(scatter)) / 400 for c in (start, lost)]
    assert worth[1] > worth[0] - 1e-4


def test_the_name_says_the_same_as_the_number():
    x, _ = grouped()
    one = GaussianMixture(2, covariance_type="UUC", n_factors=2, random_state=0).fit(x)
    two = GaussianMixture(2, covariance_type="UUC:2", random_state=0).fit(x)
    np.testing.assert_array_equal(one.covariances_, two.covariances_)
    again = GaussianMixture.from_mixture(one.mixture_)
    np.testing.assert_array_equal(again.predict(x), one.predict(x))
    assert again.covariance_type == "UUC:2"
    back = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(back.predict_proba(x), one.predict_proba(x))
    warm = clone(one).set_params(warm_start=True)
    warm.fit(x).fit(x)
    warm.set_params(n_factors=3)
    with pytest.raises(ValueError, match="a fit with UUC:2 covariances, but UUC:3 are asked for"):
        warm.fit(x)


def test_float32_and_attributes_set_by_hand():
    x, _ = grouped()
    model = GaussianMixture(2, covariance_type="UUU:1", random_state=0).fit(x.astype(np.float32))
    assert model.covariances_.dtype == np.float32
    before = model.predict_proba(x)
    model.covariances_ = model.covariances_.copy()
    np.testing.assert_allclose(model.predict_proba(x), before, atol=1e-4)


def test_more_columns_than_rows_and_than_products():
    x, each = grouped(60, 140, 2, 7)
    model = GaussianMixture(2, covariance_type="UUC:2", random_state=0).fit(x)
    assert adjusted_rand_score(each, model.predict(x)) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance_type": "UUU"}, "'UUU' is a form of factor analysers: say how many factors"),
        ({"n_factors": 2}, "n_factors goes with a form of factor analysers, one of"),
        ({"covariance_type": "UUU:8"}, "8 factors are too many for n_features = 8"),
        ({"covariance_type": "UUU", "n_factors": 0}, "'n_factors' parameter of GaussianMixture"),
        ({"covariance_type": "UUX:2"}, "'covariance_type' parameter of GaussianMixture must be"),
        (
            {"covariance_type": "UUU:2", "precisions_init": np.ones((1, 8, 8))},
            "precisions_init does not go with factor analysers",
        ),
        ({"covariance_type": "UUU:2", "n_factors": 2}, "n_factors goes with a form"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    x, _ = grouped(20)
    with pytest.raises(ValueError, match=message):
        GaussianMixture(1, **options).fit(x)


def by_sign(X, n_components, random_state):
    return (X[:, 0] > 0).astype(int) % n_components


CHECKS = [
    pytest.param(options, check, id=f"{options['covariance_type']}-{check.func.__name__}")
    for options in (
        {"covariance_type": "UUC:1"},
        {"covariance_type": "UUU:1", "n_components": 2, "init_params": by_sign},
    )
    for _, check in estimator_checks_generator(GaussianMixture(**options))
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("options", "check"), CHECKS)
def test_scikit_learns_checks(options, check):
    check(GaussianMixture(**options))
