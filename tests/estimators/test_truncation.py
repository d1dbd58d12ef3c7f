"""`truncation` on the estimator: what it reports, what it goes with, and what it does not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from mixtura import GaussianMixture, NormalInverseWishart, Truncation
from tests.laws.registries import MOMENTS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

every_family = pytest.mark.parametrize("family", MOMENTS)


def groups(n=1_200, seed=0):
    """Thirty groups in a plane."""
    rng = np.random.default_rng(seed)
    centres = 5.0 * rng.normal(size=(30, 2))
    return centres[rng.integers(30, size=n)] + rng.normal(size=(n, 2))


def fit(x, k=30, weights=None, **options):
    options = {"init_params": "random_from_data", "random_state": 0, "tol": 0.0, **options}
    options.setdefault("max_iter", 12)
    return GaussianMixture(k, **options).fit(x, sample_weight=weights)


@every_family
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeping_all_components_is_the_exact_fit(family, dtype):
    x = groups().astype(dtype)
    exact = fit(x, covariance_type=family, accelerate="none")
    mine = fit(x, covariance_type=family, accelerate="none", truncation=30)
    near = {"rtol": 0, "atol": 1e-9 if dtype is np.float64 else 1e-4}  # sums of float32 are coarse
    assert_allclose(mine.lower_bounds_, exact.lower_bounds_, **near)
    assert_allclose(mine.mixture_.means, exact.mixture_.means, **near)
    assert_allclose(mine.mixture_.covariances, exact.mixture_.covariances, **near)
    assert abs(mine.truncation_gap_) < 1e-11
    assert mine.means_.dtype == dtype


@every_family
def test_the_gap_is_between_the_likelihood_and_the_bound(family):
    """Without a prior the bound of the next pass is no lower than that of the last, and no higher
    than the likelihood less the gap was at the end.
    """
    x = groups()
    options = {"covariance_type": family, "reg_covar": 0.0, "truncation": 4}
    model = fit(x, **options)
    assert model.truncation_gap_ > 0
    bound = model.score(x) - model.truncation_gap_
    assert bound >= model.lower_bound_ - 1e-9
    assert_allclose(fit(x, max_iter=13, **options).lower_bound_, bound, rtol=0, atol=1e-9)


def test_a_gap_that_is_gone_is_not_reported():
    x = groups()
    model = fit(x, truncation=3)
    assert model.truncation_gap_ > 0
    model.set_params(truncation=None).fit(x)
    assert not hasattr(model, "truncation_gap_")


@every_family
def test_the_fit_is_near_to_the_exact_one(family):
    """On rows in well-separated groups few posteriors are spread over more than five."""
    x = groups()
    exact, mine = (fit(x, covariance_type=family, truncation=t) for t in (None, 5))
    assert abs(mine.score(x) - exact.score(x)) < 0.05
    assert mine.truncation_gap_ < 0.05


def test_predictions_are_exact():
    x = groups()
    model = fit(x, truncation=2)
    same = GaussianMixture.from_mixture(model.mixture_)
    assert_array_equal(model.predict_proba(x), same.predict_proba(x))
    assert_array_equal(model.score_samples(x), same.score_samples(x))


def test_the_same_number_is_the_same_fit():
    x = groups()
    one, two = fit(x, truncation=3), clone(fit(x, truncation=3)).fit(x)
    assert_array_equal(one.mixture_.to_vector(), two.mixture_.to_vector())


@pytest.mark.parametrize("way", ["auto", "squarem", "lbfgs"])
def test_steps_are_those_of_em(way):
    x = groups()
    plain, mine = (fit(x, truncation=3, accelerate=how) for how in ("none", way))
    assert [record.step for record in mine.history_] == ["em"] * 12
    assert_array_equal(mine.lower_bounds_, plain.lower_bounds_)


@pytest.mark.parametrize(
    "options",
    [
        {"variance_floor": 0.5},
        {"prior": NormalInverseWishart.default(np.zeros(2), 30.0 * np.eye(2), 30)},
        {"reg_covar": 1e-3},
        {"n_init": 2},
        {"init_params": "merge"},
        {"max_iter": 0},
        {"truncation": Truncation(n_kept=2, n_neighbours=100)},
        {"truncation": Truncation(n_kept=1, n_neighbours=1)},
        {"truncation": np.int64(3)},
    ],
    ids=lambda options: f"{next(iter(options))}-{next(iter(options.values()))!s:.12}",
)
def test_it_goes_with_other_options(options):
    x = groups()
    model = fit(x, **{"truncation": 3, **options})
    assert np.isfinite(model.score(x))
    assert model.truncation_gap_ >= -1e-11
    if not options.get("reg_covar"):  # a ridge is no maximum
        assert (np.diff(model.lower_bounds_) > -1e-9).all()


def test_it_continues_where_it_was():
    x = groups()
    model = fit(x, truncation=3, warm_start=True)
    before = model.lower_bound_
    model.set_params(max_iter=3).fit(x)
    assert model.lower_bound_ >= before


def test_absent_rows_change_nothing():
    """Lots go by the row's number, so they come last; all components are neighbours."""
    x = groups()
    model = fit(x, truncation=Truncation(3, 30))
    far = np.vstack([x, [[1e6, -1e6]] * 5])
    start = {"init_params": lambda rows, k, rng: model.mixture_}
    weights = np.concatenate([np.ones(len(x)), np.zeros(5)])
    options = {**start, "truncation": Truncation(3, 30), "reg_covar": 0.0}
    one, two = fit(x, **options), fit(far, weights=weights, **options)
    assert_allclose(two.mixture_.to_vector(), one.mixture_.to_vector(), rtol=1e-9, atol=1e-9)
    assert_allclose(two.truncation_gap_, one.truncation_gap_, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truncation": 31}, "keep from 1 to 30, or set truncation=None"),
        ({"truncation": Truncation(0)}, "truncation keeps 0 components for each row"),
        ({"truncation": Truncation(3, 0)}, "n_neighbours must be at least 1"),
        ({"truncation": 0}, "'truncation' parameter of GaussianMixture"),
        ({"truncation": "some"}, "'truncation' parameter of GaussianMixture"),
        ({"truncation": 3, "dead_components": "drop"}, "dead_components='keep' only"),
        ({"truncation": 3, "dead_components": "reseed"}, "dead_components='keep' only"),
    ],
    ids=lambda value: str(value),
)
def test_what_makes_no_sense_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        fit(groups(), **options)


def test_without_it_nothing_is_truncated():
    assert GaussianMixture().truncation is None
    assert not hasattr(fit(groups(), 3), "truncation_gap_")
