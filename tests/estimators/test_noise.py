"""`GaussianMixture` with noise: fits, what is said of rows, and what is refused."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from mixtura import GaussianMixture, Noise, NoisyMixture
from mixtura.engines.memory import Memory
from mixtura.learn import noise as learn
from mixtura.learn.initial import total
from mixtura.model.covariance import FAMILIES

every_family = pytest.mark.parametrize("family", FAMILIES)

N = 600


def clouded(seed=0, share=0.25, d=2):
    """Two clusters in a cloud, and which rows are of the cloud."""
    rng = np.random.default_rng(seed)
    n = int(share * N)
    x = rng.uniform(-12, 12, size=(N, d))
    each = np.repeat([-1, 0, 1], [n, (N - n) // 2, N - n - (N - n) // 2])
    x[each == 0] = rng.normal(size=(np.count_nonzero(each == 0), d)) - 3.0
    x[each == 1] = 0.5 * rng.normal(size=(np.count_nonzero(each == 1), d)) + 4.0
    return x, each


@every_family
def test_clusters_are_found_in_a_cloud(family):
    x, each = clouded()
    model = GaussianMixture(2, covariance_type=family, noise=True, random_state=0).fit(x)
    assert model.converged_
    found = model.predict(x)
    # Of the cloud, as much as lies on the clusters is theirs.
    assert (found[each == -1] == -1).mean() > 0.8
    assert (found[each >= 0] != -1).mean() > 0.95
    assert abs(model.noise_.share - 0.25) < 0.05
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(model.means_[order], [[-3, -3], [4, 4]], atol=0.3)
    assert model.weights_.sum() + model.noise_.share == pytest.approx(1.0)
    assert model.mixture_.weights.sum() == pytest.approx(1.0)


@every_family
@pytest.mark.parametrize("options", [{}, {"reg_covar": 0.0}, {"accelerate": "none"}])
def test_the_objective_never_falls(family, options):
    x, _ = clouded(1)
    model = GaussianMixture(
        3, covariance_type=family, noise=0.1, tol=0.0, max_iter=60, random_state=0, **options
    )
    with pytest.warns(UserWarning, match="did not converge"):
        model.fit(x)
    rises = np.diff(model.lower_bounds_)
    assert rises.min() > -1e-12
    assert {record.step for record in model.history_} == {"em"}


@every_family
def test_where_it_ends_no_parameter_can_be_bettered(family):
    """Among them the share of noise: the slope of the log-likelihood is zero."""
    x, _ = clouded(2)
    model = GaussianMixture(
        2, covariance_type=family, noise=True, reg_covar=0.0, tol=1e-14, max_iter=5000,
        random_state=0,
    ).fit(x)  # fmt: skip
    mixture, noise = model.mixture_, model.noise_

    def likelihood(vector, share):
        there = NoisyMixture(mixture.from_vector(vector), Noise(share, noise.box, noise.tilted))
        return there.log_density(x).mean()

    vector, step = mixture.to_vector(), 1e-5
    slopes = [
        likelihood(vector + way, noise.share) - likelihood(vector - way, noise.share)
        for way in step * np.eye(len(vector))
    ]
    slopes.append(likelihood(vector, noise.share + step) - likelihood(vector, noise.share - step))
    assert np.abs(slopes).max() / (2 * step) < 1e-6
    assert model.lower_bound_ == pytest.approx(likelihood(vector, noise.share), abs=1e-12)


def test_what_is_said_of_rows():
    x, _ = clouded(3)
    model = GaussianMixture(2, noise=True, random_state=0).fit(x)
    value = model.noisy_mixture_
    r = model.predict_proba(x)
    assert r.shape == (N, 3)
    np.testing.assert_allclose(r, value.responsibilities(x), atol=1e-12)
    np.testing.assert_allclose(model.score_samples(x), value.log_density(x), rtol=1e-12)
    best = r.argmax(axis=1)
    np.testing.assert_array_equal(model.predict(x), np.where(best == 2, -1, best))
    assert model.score(x) == pytest.approx(value.log_density(x).mean())
    total_of = model.score(x) * N
    assert model.bic(x) == pytest.approx(-2 * total_of + value.n_parameters * np.log(N))
    assert model.aic(x) == pytest.approx(-2 * total_of + 2 * value.n_parameters)
    icl = model.bic(x) - 2 * np.log(r.max(axis=1)).sum()
    assert model.icl(x) == pytest.approx(icl)
    far = [[1e6, -1e6]]
    assert model.predict(far)[0] == -1
    assert model.score_samples(far)[0] == pytest.approx(
        np.log(model.noise_.share) - model.noise_.log_volume
    )
    rows, labels = model.sample(2000)
    assert set(labels) == {-1, 0, 1}
    assert (np.diff(labels) >= 0).all()
    assert (np.abs(rows[labels == -1]) < 13).all()


def test_it_survives_pickle_clone_and_float32():
    x, _ = clouded(4)
    model = GaussianMixture(2, noise=0.2, random_state=0).fit(x.astype(np.float32))
    assert model.weights_.dtype == np.float32
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict_proba(x), model.predict_proba(x))
    again = clone(model).fit(x)
    assert abs(again.noise_.share - model.noise_.share) < 1e-3
    assert again.set_params(noise=False).fit(x).predict_proba(x).shape == (N, 2)
    assert not hasattr(again, "noise_")
    with pytest.raises(AttributeError, match="there is no noise: fit with noise=True"):
        _ = again.noisy_mixture_
    known = GaussianMixture.from_mixture(model.noisy_mixture_)
    np.testing.assert_allclose(known.predict_proba(x), model.predict_proba(x), atol=1e-5)


def test_weights_set_by_hand_are_shares_of_all_rows():
    x, _ = clouded(4)
    model = GaussianMixture(2, noise=0.2, random_state=0).fit(x)
    before = model.predict_proba(x)
    model.weights_ = model.weights_.copy()
    np.testing.assert_allclose(model.predict_proba(x), before, atol=1e-12)


@every_family
def test_row_weights_are_repeated_rows(family):
    x, _ = clouded(5)
    w = np.random.default_rng(0).integers(0, 3, N).astype(float)
    options = {"covariance_type": family, "reg_covar": 0.0, "tol": 1e-12, "max_iter": 2000}
    labels = (x[:, 0] > 0).astype(int)
    flags = np.abs(x).max(axis=1) > 7
    w[flags.argmax()] = 1.0
    times = w.astype(int)
    weighted = GaussianMixture(2, noise=flags, init_params=labels, **options)
    weighted.fit(x, sample_weight=w)
    repeated = GaussianMixture(
        2, noise=np.repeat(flags, times), init_params=np.repeat(labels, times), **options
    ).fit(np.repeat(x, times, axis=0))
    np.testing.assert_allclose(weighted.noise_.volume, repeated.noise_.volume)
    np.testing.assert_allclose(weighted.noise_.share, repeated.noise_.share, atol=1e-6)
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-5)


@every_family
def test_rows_with_gaps(family):
    x, each = clouded(6, d=3)
    rng = np.random.default_rng(1)
    holes = rng.random(x.shape) < 0.15
    holes[:3] = True
    gaps = np.where(holes, np.nan, x)
    model = GaussianMixture(
        2, covariance_type=family, noise=True, tol=0.0, max_iter=40, random_state=0
    )
    with pytest.warns(UserWarning, match="did not converge"):
        model.fit(gaps)
    assert np.diff(model.lower_bounds_).min() > -1e-12
    assert abs(model.noise_.share - 0.25) < 0.06
    assert (model.predict(gaps)[each >= 0] != -1).mean() > 0.9
    # Of a row of nothing, probabilities are the shares.
    np.testing.assert_allclose(
        model.predict_proba(gaps)[0], np.append(model.weights_, model.noise_.share)
    )
    assert model.score_samples(gaps)[0] == pytest.approx(0.0, abs=1e-12)
    # What is observed of a row, by hand.
    row = 100
    seen = np.flatnonzero(~holes[row])
    if 0 < len(seen) < 3:
        part = model.mixture_.marginal(seen)
        share = model.noise_.share
        sides = model.noise_.box.high - model.noise_.box.low
        expected = np.log(
            (1 - share) * np.exp(part.log_density(x[row][None, seen])[0])
            + share / sides[seen].prod()
        )
        assert model.score_samples(gaps)[row] == pytest.approx(expected)


def test_more_starts_and_a_warm_one():
    x, _ = clouded(7)
    model = GaussianMixture(
        2, noise=True, n_init=3, init_params="random_from_data", random_state=0, warm_start=True,
        max_iter=500, tol=1e-8,
    ).fit(x)  # fmt: skip
    before = model.lower_bound_
    model.fit(x)
    assert model.lower_bound_ >= before - 1e-12
    assert model.n_iter_ < 20


def test_a_function_and_a_policy_for_dead_components():
    x, _ = clouded(8)

    def by_side(X, n_components, random_state):
        return (X[:, 0] > 0).astype(int)

    model = GaussianMixture(2, noise=0.3, init_params=by_side, dead_components="drop").fit(x)
    assert abs(model.noise_.share - 0.25) < 0.05


def test_columns_that_do_not_vary_and_one_column():
    x, each = clouded(9)
    flat = np.column_stack([x, np.full(N, 7.0)])
    model = GaussianMixture(2, noise=True, random_state=0).fit(flat)
    assert np.isfinite(model.score(flat))
    assert model.noise_.volume > 0
    one = GaussianMixture(2, noise=True, random_state=0).fit(x[:, :1])
    assert one.noise_.volume == pytest.approx(np.ptp(x[:, 0]))
    assert one.predict_proba(x[:, :1]).shape == (N, 3)
    assert len(each) == N


@pytest.mark.parametrize(
    ("noise", "options", "message"),
    [
        (True, {"truncation": 1}, "noise goes with truncation=None only"),
        (np.zeros(3, dtype=bool), {}, f"{N} booleans are wanted, not bool of shape"),
        (np.zeros(N), {}, f"{N} booleans are wanted, not float64 of shape"),
        (np.zeros(N, dtype=bool), {}, "takes no row for noise: give a share such as 0.05"),
        (np.arange(N) > 0, {}, "leaves 1 rows for n_components = 2"),
        (Noise.of(0.1, [0.0], [1.0]), {}, "has a box of 1 columns, but X has 2"),
        (1.5, {}, "The 'noise' parameter of GaussianMixture must be"),
    ],
)
def test_what_cannot_be_is_refused(noise, options, message):
    x, _ = clouded()
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, noise=noise, **options).fit(x)


def test_it_does_not_go_with_what_is_known_of_rows():
    x, _ = clouded()
    with pytest.raises(ValueError, match="noise goes with rows of which no component is known"):
        GaussianMixture(2, noise=True).fit(x, labels=np.where(np.arange(N) < 5, 0, -1))


def test_isolated_rows_are_those_of_the_thinner_of_two_densities():
    """A square of density 1 in one of density 64: nearly all rows of each are told."""
    rng = np.random.default_rng(0)
    dense = rng.uniform(0, 1, size=(2000, 2))
    thin = rng.uniform(-2, 6, size=(2000, 2))
    thin = thin[(np.abs(thin - 0.5) > 0.6).any(axis=1)]
    x = np.vstack([dense, thin])
    found = learn.isolated(x, np.ones(len(x)))
    assert found[2000:].mean() > 0.97
    assert found[:2000].mean() < 0.05
    some = learn.isolated(x, np.ones(len(x)), 0.1)
    assert some.mean() == pytest.approx(0.1, abs=1e-3)
    assert not some[:2000].any()
    assert not learn.isolated(x[:1], np.ones(1)).any()
    assert learn.isolated(np.zeros((30, 2)), np.ones(30)).shape == (30,)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_box_is_the_same_in_blocks(threads):
    x, _ = clouded(10)
    whole = total(Memory(x))
    one = learn.hull(Memory(x), whole, 0.1)
    some = learn.hull(Memory(x, block_rows=37, threads=threads), whole, 0.1)
    assert some.log_volume == one.log_volume
    w = (np.abs(x).max(axis=1) < 9).astype(float)
    np.testing.assert_array_equal(
        learn.hull(Memory(x, w), whole, 0.1).box.high, x[w > 0].max(axis=0)
    )


# Equal rows are each other's neighbours, and one of weight two is not its own: where noise is
# sought by neighbours, no start can meet the check of row weights.
CHECKS = [
    pytest.param(check, id=check.func.__name__)
    for _, check in estimator_checks_generator(GaussianMixture(2, noise=True))
    if "sample_weight_equivalence" not in check.func.__name__
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("check", CHECKS)
def test_scikit_learns_checks(check):
    check(GaussianMixture(2, noise=True))
