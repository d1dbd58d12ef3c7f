"""Learning from batches: near what a fit to all rows finds, and after what has changed."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from mixtura import GaussianMixture
from tests.engines.sources import WAYS, table
from tests.estimators.test_doors import groups


def learned(x, size, **options):
    model = GaussianMixture(3, random_state=0, **options)
    for start in range(0, len(x), size):
        model.partial_fit(x[start : start + size])
    return model


@pytest.mark.parametrize("size", [100, 1_000, 7_777])
@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical", "VVE"])
def test_one_pass_comes_near_to_the_best(size, family):
    x = groups(20_000)
    best = GaussianMixture(3, covariance_type=family, random_state=0, tol=1e-9, max_iter=1000).fit(
        x
    )
    model = learned(x, size, covariance_type=family)
    # Twice what an estimate from all rows is below the truth in the mean, p / 2n: steps of
    # weight n^-0.6 remember fewer rows than there were.
    p = best.mixture_.n_parameters
    assert best.score(x) - model.score(x) < 2 * 10 * p / (2 * len(x))
    assert model.score(x) <= best.score(x) + 1e-5


def test_one_component_has_the_weighted_means_of_the_batches():
    x = np.random.default_rng(0).normal(size=(1_000, 2))
    model = GaussianMixture(1).partial_fit(x[:500]).partial_fit(x[500:])
    share = 0.5**0.6
    expected = (1 - share) * x[:500].mean(axis=0) + share * x[500:].mean(axis=0)
    np.testing.assert_allclose(model.means_[0], expected, rtol=1e-9)


def test_what_has_changed_is_followed():
    rng = np.random.default_rng(1)
    before, after = groups(10_000), groups(10_000, seed=1) + [1.5, -1.0, 2.0]
    rng.shuffle(after)
    forgets = learned(np.concatenate([before, after]), 500, half_life=1_000.0)
    remembers = learned(np.concatenate([before, after]), 500)
    best = GaussianMixture(3, random_state=0).fit(after)
    assert best.score(after) - forgets.score(after) < 0.05
    assert remembers.score(after) < forgets.score(after)


def test_rows_come_one_by_one():
    x = groups(400)
    model = GaussianMixture(3, random_state=0).partial_fit(x[:50])
    for row in x[50:]:
        model.partial_fit(row[None])
    best = GaussianMixture(3, random_state=0).fit(x)
    assert best.score(x) - model.score(x) < 0.1


def test_the_first_rows_are_fitted_together():
    x = groups(200)
    model = GaussianMixture(3, random_state=0).partial_fit(x[:20]).partial_fit(x[20:90])
    same = GaussianMixture(3, random_state=0).fit(x[:90])
    np.testing.assert_array_equal(model.means_, same.means_)


def test_weights_are_repeated_rows():
    x = groups(3_000)
    w = np.random.default_rng(2).integers(0, 3, len(x))
    one = GaussianMixture(3, random_state=0, init_params=np.arange(1500) % 3)
    other = GaussianMixture(3, random_state=0)
    one.partial_fit(x[:1500], sample_weight=w[:1500].astype(float))
    other.init_params = lambda *_: one.mixture_
    other.partial_fit(np.repeat(x[:1500], w[:1500], axis=0))
    other.init_params = "merge"
    one.partial_fit(x[1500:], sample_weight=w[1500:].astype(float))
    other.partial_fit(np.repeat(x[1500:], w[1500:], axis=0))
    assert abs(one.score(x) - other.score(x)) < 1e-3


def test_gaps_are_no_matter():
    x = groups(10_000)
    x[np.random.default_rng(3).uniform(size=x.shape) < 0.1] = np.nan
    model = learned(x, 1_000)
    best = GaussianMixture(3, random_state=0).fit(x)
    assert best.score(x) - model.score(x) < 0.02


@pytest.mark.parametrize("way", ["parquet", "csv", "reader", "query"])
def test_files_and_streams_are_batches(way, tmp_path):
    x = groups(5_000)
    model = GaussianMixture(3, random_state=0).partial_fit(WAYS[way](x, tmp_path))
    assert [*model.feature_names_in_] == ["c0", "c1", "c2"]
    best = GaussianMixture(3, random_state=0).fit(table(x))
    assert best.score(table(x)) - model.score(table(x)) < 0.01
    model.partial_fit(table(x))


def test_a_fit_is_gone_on_with_and_goes_on():
    x = groups(6_000)
    fitted = GaussianMixture(3, random_state=0, tol=1e-8, max_iter=500).fit(x[:3_000])
    before = fitted.score(x)
    fitted.partial_fit(x[3_000:])
    assert fitted.score(x) > before
    loaded = GaussianMixture.from_mixture(fitted.mixture_).partial_fit(x)
    assert loaded.score(x) > before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = fitted.score(x)
        fitted.set_params(warm_start=True).fit(x)
    assert fitted.score(x) >= start - 1e-9
    clone(fitted).partial_fit(x)


def test_bad_input():
    x = groups(100)
    for option in ({"noise": True}, {"noise": 0.1}, {"truncation": 2}):
        assert not hasattr(GaussianMixture(3, **option), "partial_fit")
        with pytest.raises(AttributeError) as error:
            GaussianMixture(3, **option).partial_fit(x)
        assert "goes without " + next(iter(option)) in str(error.value.__cause__)
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        GaussianMixture(3).partial_fit(x[:2])
    model = GaussianMixture(3, random_state=0).partial_fit(table(x))
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(table(x).rename_columns(["a", "b", "c"]))
    with pytest.raises(ValueError, match="contains infinity"):
        model.partial_fit(table(np.where(x > 1, np.inf, x)))
    assert np.isfinite(model.score(table(x)))
    assert model.partial_fit(table(x)).score(table(x)) < 0
