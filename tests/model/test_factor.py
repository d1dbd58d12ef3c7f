"""Covariances of few factors: against dense matrices, scikit-learn, SciPy, and the papers."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.decomposition import FactorAnalysis

from mixtura import Full, Mixture, load
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import FORMS, factor_family, factor_named, named
from mixtura.model.covariance.factor_step import principal
from tests.laws.drawn import SEEDS, assert_mixtures_close, covariance, mixture, quickly, rows

every_form = pytest.mark.parametrize("form", FORMS)
SIZES = {"k": st.integers(1, 4), "d": st.integers(1, 7), "h": st.integers(1, 3), "seed": SEEDS}


def drawn(form, h, k, d, seed):
    return mixture(factor_family(form, h), k, d, np.random.default_rng(seed))


@every_form
@given(**SIZES)
@quickly(15)
def test_the_questions_of_a_family_agree_with_one_another(form, k, d, h, seed):
    rng = np.random.default_rng(seed)
    family = factor_family(form, h)
    found = covariance(family, k, d, rng)
    loadings, noise = found.loadings, found.noise_variances
    dense = np.array([a @ a.T + np.diag(p) for a, p in zip(loadings, noise, strict=True)])
    np.testing.assert_allclose(found.dense(k), dense, rtol=1e-13, atol=1e-13)
    inverse = np.linalg.inv(dense)
    assert found.values.shape == family.shape(k, d) == (k, d, h + 1)
    np.testing.assert_allclose(found.log_det(k), np.linalg.slogdet(dense)[1], atol=1e-11)
    np.testing.assert_allclose(found.precisions(), inverse, rtol=1e-9, atol=1e-11)
    upper = found.precisions_cholesky()
    np.testing.assert_allclose(upper @ np.swapaxes(upper, 1, 2), inverse, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(np.triu(upper), upper)
    np.testing.assert_allclose(found.variances(k), np.diagonal(dense, axis1=1, axis2=2), rtol=1e-13)
    x, means = rng.normal(size=(6, d)), rng.normal(size=(k, d))
    away = x[:, None] - means
    expected = np.einsum("nki,kij,nkj->nk", away, inverse, away)
    np.testing.assert_allclose(found.mahalanobis(x, means), expected, rtol=1e-9)
    for j in range(k):
        np.testing.assert_allclose(found.unwhiten(found.whiten(x, j), j), x, atol=1e-11)
        z = found.unwhiten(np.eye(d), j)  # the map of unit rows squares to the matrix
        np.testing.assert_allclose(z.T @ z, dense[j], rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(found.solve(x, j), x @ inverse[j], rtol=1e-8, atol=1e-10)
    transform = np.linalg.cholesky(dense.mean(axis=0))
    np.testing.assert_allclose(
        found.precisions_in(transform, k), transform.T @ inverse @ transform, rtol=1e-8, atol=1e-9
    )
    matrices = np.array([a @ a.T for a in rng.normal(size=(k, d, d))])
    expected = np.einsum("kij,kji->", inverse, matrices)
    assert found.trace_with(matrices) == pytest.approx(expected, rel=1e-8)
    assert not found.degenerate(k).any()
    ridged, own = found.ridged(0.5), FORMS[form]
    if own.isotropic or own.shape == own.volume:
        np.testing.assert_allclose(ridged.dense(k), dense + 0.5 * np.eye(d), rtol=1e-12)
    assert not ridged.strays(k).any()
    floor = rng.uniform(0.5, 2.0, d)
    low = found.floored(floor)
    assert np.linalg.eigvalsh(low.dense(k) - np.diag(floor)).min() > -1e-10
    np.testing.assert_allclose(low.floored(floor).values, low.values, rtol=1e-12)
    assert not low.strays(k).any()


@every_form
@given(**SIZES)
@quickly(15)
def test_coordinates_there_and_back(form, k, d, h, seed):
    model = drawn(form, h, k, d, seed)
    vector = model.to_vector()
    back = model.from_vector(vector)
    assert_mixtures_close(back, model, 1e-13)
    np.testing.assert_allclose(back.to_vector(), vector, atol=1e-10)
    # A rotation of the factors says nothing, so coordinates are as many more as it has angles.
    angles = h * (h - 1) // 2 * (1 if FORMS[form].loadings else k)
    assert len(model.covariance.to_vector()) == model.covariance.n_free(k) + angles


# By hand, for p = 6, q = 2, G = 3, from the tables of the two papers: pq − q(q − 1)/2 = 11.
COUNTS = {
    "CCC": 11 + 1,
    "CCU": 11 + 6,
    "CUC": 11 + 3,
    "CUU": 11 + 3 * 6,
    "UCC": 3 * 11 + 1,
    "UCU": 3 * 11 + 6,
    "UUC": 3 * 11 + 3,
    "UUU": 3 * 11 + 3 * 6,
    "CCUU": 11 + 3 + 5,
    "CUCU": 11 + 1 + 3 * 5,
    "UCUU": 3 * 11 + 3 + 5,
    "UUCU": 3 * 11 + 1 + 3 * 5,
}


@every_form
def test_parameters_are_as_many_as_the_papers_say(form):
    assert drawn(form, 2, 3, 6, 0).covariance.n_free(3) == COUNTS[form]
    assert drawn(form, 2, 3, 6, 0).n_parameters == COUNTS[form] + 3 * 6 + 2


@every_form
def test_what_is_common_is_the_same(form):
    """Each letter, on an M-step of scatter that has nothing in common."""
    rng = np.random.default_rng(1)
    scatter = np.array(
        [a @ a.T * s for a, s in zip(rng.normal(size=(3, 6, 9)), (1, 4, 9), strict=True)]
    )
    found = factor_family(form, 2).estimate(np.array([20.0, 30.0, 50.0]), scatter * 30, 6)
    own, noise = FORMS[form], found.noise_variances
    volume = np.exp(np.log(noise).mean(axis=1))
    shape = noise / volume[:, None]

    def alike(parts):
        return np.allclose(parts, parts[:1], rtol=1e-6)

    assert alike(found.loadings) == own.loadings
    assert alike(volume) == own.volume
    assert alike(shape) == (own.shape or own.isotropic)
    assert np.allclose(shape, 1.0) == own.isotropic


def nats(found, counts, scatter):
    """The log-likelihood of scatter, less what no matrix changes."""
    volume = counts @ found.log_det(len(counts))
    return -0.5 * (volume + found.trace_with(scatter)) / counts.sum()


def problem(seed, k=2, d=5, h=2):
    """Second moments of rows of factor analysers that have nothing in common."""
    rng = np.random.default_rng(seed)
    truth = covariance(factor_family("UUU", h), k, d, rng).dense(k)
    counts = np.array([70.0, 40.0, 90.0])[:k]
    draws = [
        rng.multivariate_normal(np.zeros(d), c, int(n)) for c, n in zip(truth, counts, strict=True)
    ]
    return counts, np.array([x.T @ x for x in draws])


@every_form
@pytest.mark.parametrize("seed", [0, 1])
def test_no_member_of_the_family_is_likelier(form, seed):
    """SciPy's optimiser over the free coordinates gains nothing on the estimate."""
    counts, scatter = problem(seed)
    family = factor_family(form, 1)
    found = family.estimate(counts, scatter, 5)
    best = nats(found, counts, scatter)

    def loss(vector):
        with np.errstate(over="ignore"):
            return -nats(family.from_vector(vector, 2, 5), counts, scatter)

    options = {"maxiter": 400}
    end = optimize.minimize(loss, found.to_vector(), method="BFGS", options=options)
    assert -end.fun - best < 2e-6
    elsewhere = found.to_vector() + 0.3 * np.random.default_rng(9).normal(size=len(end.x))
    end = optimize.minimize(loss, elsewhere, method="BFGS", options=options)
    assert -end.fun - best < 2e-6


@every_form
def test_an_update_is_never_less_likely(form):
    counts, scatter = problem(2, 3, 6)
    family = factor_family(form, 2)
    found = covariance(family, 3, 6, np.random.default_rng(3))
    trail = [nats(found, counts, scatter)]
    for _ in range(60):
        found = family.estimate_near(counts, scatter, 6, found)
        trail.append(nats(found, counts, scatter))
    assert np.diff(trail).min() > -1e-9
    # A start of its own, climbed to its end, is at least as good as this one.
    assert nats(family.estimate(counts, scatter, 6), counts, scatter) > trail[-1] - 1e-3


@every_form
def test_a_component_of_no_rows_stays_as_it_was(form):
    counts, scatter = problem(4, 3, 6)
    counts[1], scatter[1] = 0.0, 0.0
    family = factor_family(form, 2)
    start = covariance(family, 3, 6, np.random.default_rng(5))
    found = family.estimate_near(counts, scatter, 6, start)
    assert np.isfinite(found.values).all()
    if FORMS[form].own:
        np.testing.assert_allclose(found.dense(3)[1], start.dense(3)[1], rtol=1e-9)
    cold = family.estimate(counts, scatter, 6)
    assert np.isfinite(cold.values).all()
    assert not cold.degenerate(3).any()


@pytest.mark.parametrize("h", [1, 2, 3])
def test_one_component_is_scikit_learns_factor_analysis(h):
    rng = np.random.default_rng(6)
    truth = covariance(factor_family("UUU", h), 1, 8, rng, spread=0.7)
    x = truth.unwhiten(rng.normal(size=(400, 8)), 0)
    theirs = FactorAnalysis(h, tol=1e-9, max_iter=20_000, svd_method="lapack").fit(x)
    centred = x - x.mean(axis=0)
    scatter = (centred.T @ centred)[None]
    for form in ("UUU", "CCU"):
        ours = factor_family(form, h).estimate(np.array([400.0]), scatter, 8)
        model = Mixture(np.ones(1), x.mean(axis=0)[None], ours)
        assert model.log_density(x).mean() == pytest.approx(theirs.score(x), abs=2e-7)
        np.testing.assert_allclose(ours.dense(1)[0], theirs.get_covariance(), rtol=0, atol=2e-3)


def test_principal_components_are_those_of_tipping_and_bishop():
    """Their likelihood at its maximum, in closed form, from the eigenvalues."""
    counts, scatter = problem(7, 1, 6)
    values = np.linalg.eigvalsh(scatter[0] / counts[0])[::-1]
    for h in (1, 2, 4):
        found = factor_family("UUC", h).estimate(counts, scatter, 6)
        left = values[h:].mean()
        expected = -0.5 * (np.log(values[:h]).sum() + (6 - h) * np.log(left) + 6)
        assert nats(found, counts, scatter) == pytest.approx(expected, abs=1e-12)
        np.testing.assert_allclose(found.noise_variances, left)


def test_one_noise_for_all_components_where_some_have_no_second_direction():
    """The common variance is the root of its own equation, which a search finds as well."""
    values = np.array([[9.0, 1.2, 1.0, 0.9], [30.0, 25.0, 4.0, 3.0]])
    share = np.array([0.7, 0.3])
    matrices = np.array([np.diag(v) for v in values])
    found = principal(FORMS["UCC"], share, matrices, 2)

    def loss(noise):
        large = np.maximum(values[:, :2], noise)
        parts = np.log(large) + values[:, :2] / large
        rest = np.log(noise) + values[:, 2:] / noise
        return float(share @ (parts.sum(axis=1) + rest.sum(axis=1)))

    best = optimize.minimize_scalar(
        loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-10}
    )
    np.testing.assert_allclose(found.variances, best.x, rtol=1e-6)
    assert (found.loadings[0] ** 2).sum(axis=0)[1] == 0.0  # 1.2 is below the common noise


@every_form
def test_densities_are_those_of_scipy(form):
    rng = np.random.default_rng(8)
    model = drawn(form, 2, 3, 5, 8)
    x = rows(model, 60, rng)
    joint = sum(
        w * stats.multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
    )
    np.testing.assert_allclose(model.log_density(x), np.log(joint), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", ["UUU", "CUCU"])
def test_more_columns_than_products_of_a_row_are_formed_for(form):
    rng = np.random.default_rng(9)
    model = drawn(form, 3, 2, 150, 9)
    assert len(model.operands.far) == 2  # whitened one by one, at D H a row
    x = model.sample(40, rng)[0]
    dense = Mixture(model.weights, model.means, Full(model.covariances))
    np.testing.assert_allclose(model.log_density(x), dense.log_density(x), rtol=1e-9)


@every_form
def test_the_algebra_of_mixtures_holds_them(form):
    rng = np.random.default_rng(10)
    model = drawn(form, 2, 3, 5, 10)
    dense = Mixture(model.weights, model.means, Full(model.covariances))
    x = rng.normal(size=(7, 5))
    for ours, theirs in [
        (model.marginal([3, 0]), dense.marginal([3, 0])),
        (model.condition({1: 0.3, 4: -1.0}), dense.condition({1: 0.3, 4: -1.0})),
        (model.affine(np.eye(5)[:3] * 2.0), dense.affine(np.eye(5)[:3] * 2.0)),
        (model.scale(np.arange(1.0, 6.0)), dense.scale(np.arange(1.0, 6.0))),
        (model.convolve(0.3), dense.convolve(0.3)),
    ]:
        y = x[:, : ours.n_features]
        np.testing.assert_allclose(ours.log_density(y), theirs.log_density(y), rtol=1e-8)
    assert len(model.merge(0, 2).weights) == 2


@every_form
def test_a_marginal_is_of_a_form_that_holds_it(form):
    model = drawn(form, 2, 3, 6, 11)
    part = model.marginal([0, 2, 5]).covariance
    noise = part.noise_variances
    own = FORMS[part.name.partition(":")[0]]
    volume = np.exp(np.log(noise).mean(axis=1))
    assert not own.volume or np.allclose(volume, volume[0])
    assert not own.isotropic or np.allclose(noise, noise[:, :1])


@every_form
def test_files_and_pickles_bring_back_every_bit(form, tmp_path):
    model = drawn(form, 2, 3, 5, 12)
    model.save(tmp_path / "m.mixtura")
    for back in (load(tmp_path / "m.mixtura"), pickle.loads(pickle.dumps(model))):
        assert type(back.covariance) is type(model.covariance)
        np.testing.assert_array_equal(back.covariance.values, model.covariance.values)
        assert back.covariance.name == f"{form}:2"


def test_names():
    assert named("UUU:3") is factor_family("UUU", 3)
    for name in ("UUU", "UUU:", "UUU:0", "UUU:x", "VVV:2", ":2"):
        assert factor_named(name) is None
        with pytest.raises(ValueError, match="no covariance family"):
            named(name)
    with pytest.raises(ValueError, match=r"no form 'EEE' of factor analysers: choose one of"):
        factor_family("EEE", 1)
    with pytest.raises(ValueError, match="n_factors must be at least 1, and is 0"):
        factor_family("UUU", 0)
    values = np.ones((1, 3, 2))
    assert Mixture.of([1.0], [[0.0] * 3], values, family="UUC:1").n_parameters == 3 + 4
    with pytest.raises(ValueError, match=r"must have shape \(1, 3, 3\), but have shape"):
        Mixture.of([1.0], [[0.0] * 3], values, family="UUC:2")
    with pytest.raises(ValueError, match="component 0 is not symmetric and positive definite"):
        Mixture.of([1.0], [[0.0] * 3], -values, family="UUC:1")


@every_form
def test_what_is_expected_of_a_mixture_leads_back_to_it(form):
    """The M-step of what rows of the mixture yield on average, to what a climb leaves."""
    model = drawn(form, 1, 2, 5, 13)
    s = Statistics.expected(model, 100.0)
    family = type(model.covariance)
    again = family.estimate_near(s.n_scatter, s.scatter, 5, model.covariance)
    np.testing.assert_allclose(again.dense(2), model.covariances, rtol=1e-7, atol=1e-9)
    cold = family.estimate(s.n_scatter, s.scatter, 5)
    assert nats(cold, s.n_scatter, s.scatter) == pytest.approx(
        nats(model.covariance, s.n_scatter, s.scatter), abs=1e-6
    )
