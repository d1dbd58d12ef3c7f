"""Mixtures of t distributions: densities, draws and the algebra that stays closed."""

import numpy as np
import pytest
from scipy import stats

from mixtura import HeavyMixture, Mixture, load
from mixtura.model.covariance import FAMILIES
from mixtura.model.storage import StorageError
from tests.laws.drawn import mixture

every_family = pytest.mark.parametrize("family", FAMILIES)


def drawn(family="full", k=3, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return HeavyMixture(mixture(FAMILIES[family], k, d, rng), rng.uniform(0.7, 9.0, k))


def parts(m):
    """Its components, by SciPy."""
    return [
        stats.multivariate_t(mean, scale, df=v)
        for mean, scale, v in zip(m.locations, m.gaussian.covariances, m.degrees, strict=True)
    ]


@every_family
def test_densities_are_those_of_scipy(family):
    m, rng = drawn(family), np.random.default_rng(1)
    x = rng.normal(scale=5.0, size=(80, 3))
    joint = np.column_stack(
        [np.log(w) + part.logpdf(x) for w, part in zip(m.weights, parts(m), strict=True)]
    )
    np.testing.assert_allclose(m.log_joint(x), joint, rtol=1e-10, atol=1e-10)
    total = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(m.log_density(x), total, rtol=1e-10)
    expected = np.exp(joint - total[:, None])
    np.testing.assert_allclose(m.responsibilities(x), expected, atol=1e-11)


def test_many_degrees_are_a_gaussian():
    m = drawn()
    x = np.random.default_rng(2).normal(size=(30, 3))
    many = HeavyMixture(m.gaussian, np.full(3, 1e9))
    np.testing.assert_allclose(many.log_density(x), m.gaussian.log_density(x), atol=1e-5)


def test_rows_very_far_out_have_a_density():
    m = drawn()
    x = np.array([[1e150, 0.0, 0.0], [-1e200, 1e200, 0.0]])
    assert np.isfinite(m.log_density(x[:1])).all()
    np.testing.assert_allclose(m.responsibilities(x).sum(axis=1), 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_draws_have_the_distances_of_an_f_distribution(seed):
    m = drawn("full", 2, 3, seed)
    x, components = m.sample(20_000, seed)
    assert abs((components == 0).mean() - m.weights[0]) < 5 * 0.5 / np.sqrt(20_000)
    for k, part in enumerate(m.degrees):
        own = x[components == k]
        distances = m.distances(own)[:, k] / 3
        assert stats.kstest(distances, stats.f(3, part).cdf).pvalue > 1e-4
    np.testing.assert_array_equal(m.sample(5, 1)[0], m.sample(5, np.random.default_rng(1))[0])


def test_a_marginal_times_a_conditional_is_the_joint():
    m, rng = drawn("full", 3, 4, 3), np.random.default_rng(4)
    for given in ([1], [0, 3], [2, 1, 0]):
        rest = [j for j in range(4) if j not in given]
        for x in rng.normal(scale=3.0, size=(5, 4)):
            conditional = m.condition({j: x[j] for j in given})
            expected = m.marginal(given).log_density(x[None, given])
            expected = expected + conditional.log_density(x[None, rest])
            np.testing.assert_allclose(m.log_density(x[None]), expected, rtol=1e-9)
    assert m.condition({}) is m
    with pytest.raises(ValueError, match="all dimensions are given: leave at least one"):
        m.condition(dict.fromkeys(range(4), 0.0))
    with pytest.raises(ValueError, match="a number that is given is not finite"):
        m.condition({0: np.nan})
    with pytest.raises(ValueError, match="there is no dimension 7"):
        m.condition({7: 0.0})


def test_covariances_are_those_of_draws():
    m = HeavyMixture(drawn("full", 1, 2, 5).gaussian, np.array([12.0]))
    x = m.sample(200_000, 6)[0]
    np.testing.assert_allclose(np.cov(x.T), m.covariances[0], rtol=0.03)
    few = HeavyMixture(m.gaussian, np.array([2.0]))
    assert np.isinf(few.covariances).all()


@every_family
def test_files_bring_back_every_bit(family, tmp_path):
    m, path = drawn(family), tmp_path / "t.mixtura"
    m.save(path, notes={"a": 1})
    back = HeavyMixture.load(path)
    np.testing.assert_array_equal(back.degrees, m.degrees)
    np.testing.assert_array_equal(back.gaussian.covariance.values, m.gaussian.covariance.values)
    with pytest.raises(StorageError, match="holds t distributions: read it with"):
        load(path)


def test_files_without_degrees_or_with_damaged_ones_say_so(tmp_path):
    path = tmp_path / "t.mixtura"
    drawn().gaussian.save(path)
    with pytest.raises(
        StorageError, match="holds no degrees of freedom: read it with mixtura.load"
    ):
        HeavyMixture.load(path)
    for damaged in ([1.0], [1.0, -1.0, 2.0], "x", {}):
        drawn().gaussian.save(path, notes={"mixtura.degrees": damaged})
        with pytest.raises(StorageError, match=r"the degrees of freedom in .* are damaged"):
            HeavyMixture.load(path)


def test_known_parameters_are_checked():
    two = ([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0])
    m = HeavyMixture.of(*two, 3.0, family="spherical")
    np.testing.assert_array_equal(m.degrees, [3.0, 3.0])
    assert m.n_components == 2
    assert m.n_features == 1
    assert repr(m).endswith("degrees=[3, 3])")
    with pytest.raises(ValueError, match=r"degrees must be one number or have shape \(2,\)"):
        HeavyMixture.of(*two, [1.0, 2.0, 3.0], family="spherical")
    with pytest.raises(ValueError, match="degrees of freedom must be positive and finite"):
        HeavyMixture.of(*two, 0.0, family="spherical")
    assert isinstance(m.gaussian, Mixture)
