"""`ClusterMerger`."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import ClusterMerger, GaussianMixture, GaussianMixtureIC

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def cross_and_ball(seed):
    rng = np.random.default_rng(seed)
    long = np.where(rng.random((400, 1)) < 0.5, [3.0, 0.3], [0.3, 3.0])
    x = np.concatenate([rng.normal(size=(400, 2)) * long, rng.normal(size=(200, 2)) + 8.0])
    return x, np.repeat([0, 1], [400, 200])


def quick(k=2):
    return GaussianMixtureIC(n_components=k, covariance_types="diag", random_state=0)


def checks():
    for estimator in (ClusterMerger(GaussianMixture(1)), ClusterMerger(quick())):
        for _, check in estimator_checks_generator(estimator):
            name = getattr(check, "func", check).__name__
            # One component is no three clusters; starts are drawn from rows, see test_contract.
            one = isinstance(estimator.estimator, GaussianMixture)
            if (name == "check_clustering") if one else ("sample_weight_equivalence" in name):
                continue
            yield pytest.param(estimator, check, id=f"{estimator.estimator!r}-{name}"[:90])


@pytest.mark.parametrize(("estimator", "check"), [*checks()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", ["entropy", "demp", "modal"])
def test_a_cross_is_one_cluster_of_two_components(method):
    x, truth = cross_and_ball(0)
    model = GaussianMixture(3, random_state=0).fit(x)
    merger = ClusterMerger(model, method=method).fit(x)
    assert (merger.n_components_, merger.n_clusters_) == (3, 2)
    same = {*zip(merger.labels_.tolist(), truth.tolist(), strict=True)}
    assert len(same) == 2
    np.testing.assert_array_equal(merger.predict(x), merger.labels_)
    p = merger.predict_proba(x)
    r = model.predict_proba(x)
    expected = np.column_stack([r[:, merger.clusters_ == c].sum(axis=1) for c in range(2)])
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    assert merger.estimator_ is model
    assert (merger.confusions_ is None) == (method != "demp")
    assert pickle.loads(pickle.dumps(merger)).clusters(3).tolist() == [0, 1, 2]


def test_modes_say_how_many_clusters_there_are():
    x, _ = cross_and_ball(1)
    model = GaussianMixture(5, random_state=1).fit(x)
    merger = ClusterMerger(model, method="modal").fit(x)
    modes = model.mixture_.modes().labels
    assert merger.n_clusters_ == len(np.unique(modes))
    pairs = {*zip(merger.clusters_.tolist(), modes.tolist(), strict=True)}
    assert len(pairs) == merger.n_clusters_


def test_an_estimator_that_is_not_fitted_is_fitted_on_a_copy():
    x, _ = cross_and_ball(2)
    given = GaussianMixture(3, random_state=0)
    merger = ClusterMerger(given, n_clusters=2).fit(pd.DataFrame(x, columns=["a", "b"]))
    assert not hasattr(given, "weights_")
    assert merger.feature_names_in_.tolist() == ["a", "b"]
    assert merger.n_clusters_ == 2
    assert ClusterMerger(given, n_clusters=9).fit(x).n_clusters_ == 3


def test_rows_may_have_gaps_and_weights():
    x, _ = cross_and_ball(3)
    model = GaussianMixture(3, random_state=0).fit(x)
    twice = ClusterMerger(model).fit(np.concatenate([x, x]))
    weighed = ClusterMerger(model).fit(x, sample_weight=np.full(len(x), 2.0))
    np.testing.assert_allclose(twice.entropies_, weighed.entropies_, rtol=1e-9, atol=1e-9)
    x[0, 0] = np.nan
    assert ClusterMerger(model).fit(x).predict(x).shape == (600,)


def test_messages():
    x, _ = cross_and_ball(4)
    model = GaussianMixture(3, random_state=0).fit(x)
    merger = ClusterMerger(model).fit(x)
    with pytest.raises(ValueError, match="from 1 to 3 clusters, not 4: components are joined"):
        merger.clusters(4)
    with pytest.raises(ValueError, match="1 features, but GaussianMixture is expecting 2"):
        ClusterMerger(model).fit(x[:, :1])
    with pytest.raises(ValueError, match="'method' parameter"):
        ClusterMerger(model, method="ward").fit(x)
