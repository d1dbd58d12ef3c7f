"""Subspaces: against dense matrices, SciPy, scikit-learn, closed forms, and the paper's table."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.decomposition import PCA

from mixtura import Full, Mixture, load
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import SUBSPACES, Factor, factor_family, named, subspace_family
from mixtura.model.covariance.intrinsic import ByBic, Scree
from mixtura.model.covariance.subspace import Subspaces
from tests.laws.drawn import SEEDS, assert_mixtures_close, quickly, rows

every_form = pytest.mark.parametrize("form", SUBSPACES)
SIZES = {"k": st.integers(1, 4), "d": st.integers(1, 7), "seed": SEEDS}


def family_of(form, number=2):
    return subspace_family(form, number if SUBSPACES[form].dimension else None)


def drawn(form, k, d, rng):
    """A member: of the forms with dimensions of their own, with different ones."""
    family = family_of(form)
    most = min(2, d - 1)
    columns = rng.normal(size=(k, d, most if SUBSPACES[form].dimension else max(d - 1, 0)))
    if not SUBSPACES[form].dimension:
        for j in range(k):
            columns[j, :, 1 + (j % max(d - 1, 1)) :] = 0.0
    elif d - 1 < 2:
        columns = np.concatenate([columns, np.zeros((k, d, 2 - most))], axis=2)
    logs = rng.normal(scale=0.5, size=1 if SUBSPACES[form].noise else k)
    return family.from_vector(np.concatenate([columns.ravel(), logs]), k, d)


def mixture(form, k, d, rng):
    return Mixture(rng.dirichlet(np.full(k, 5.0)), rng.normal(size=(k, d)), drawn(form, k, d, rng))


def problem(seed, k=3, d=6, counts=(70.0, 40.0, 90.0)):
    """Second moments of rows that have nothing in common."""
    rng = np.random.default_rng(seed)
    draws = [rng.normal(size=(int(n), d)) @ rng.normal(size=(d, d)) for n in counts[:k]]
    return np.array(counts[:k]), np.array([x.T @ x for x in draws])


def nats(found, counts, scatter):
    """The log-likelihood of scatter, less what no matrix changes."""
    volume = counts @ found.log_det(len(counts))
    return -0.5 * (volume + found.trace_with(scatter)) / counts.sum()


@every_form
@given(**SIZES)
@quickly(12)
def test_the_questions_of_a_family_agree_with_one_another(form, k, d, seed):
    rng = np.random.default_rng(seed)
    found = drawn(form, k, d, rng)
    dense = np.array([a @ a.T for a in found.loadings]) + found.noises[:, None, None] * np.eye(d)
    np.testing.assert_allclose(found.dense(k), dense, rtol=1e-12, atol=1e-12)
    inverse = np.linalg.inv(dense)
    assert found.values.shape == type(found).shape(k, d)
    np.testing.assert_allclose(found.log_det(k), np.linalg.slogdet(dense)[1], atol=1e-11)
    np.testing.assert_allclose(found.precisions(), inverse, rtol=1e-9, atol=1e-11)
    upper = found.precisions_cholesky()
    np.testing.assert_allclose(upper @ np.swapaxes(upper, 1, 2), inverse, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.variances(k), np.diagonal(dense, axis1=1, axis2=2), rtol=1e-12)
    x, means = rng.normal(size=(6, d)), rng.normal(size=(k, d))
    away = x[:, None] - means
    expected = np.einsum("nki,kij,nkj->nk", away, inverse, away)
    np.testing.assert_allclose(found.mahalanobis(x, means), expected, rtol=1e-9)
    for j in range(k):
        np.testing.assert_allclose(found.unwhiten(found.whiten(x, j), j), x, atol=1e-11)
        z = found.unwhiten(np.eye(d), j)  # the map of unit rows squares to the matrix
        np.testing.assert_allclose(z.T @ z, dense[j], rtol=1e-9, atol=1e-11)
    transform = np.linalg.cholesky(dense.mean(axis=0))
    np.testing.assert_allclose(
        found.precisions_in(transform, k), transform.T @ inverse @ transform, rtol=1e-8, atol=1e-9
    )
    matrices = np.array([a @ a.T for a in rng.normal(size=(k, d, d))])
    expected = np.einsum("kij,kji->", inverse, matrices)
    assert found.trace_with(matrices) == pytest.approx(expected, rel=1e-8)
    values = np.linalg.eigvalsh(dense)
    worst = (values[:, -1] / values[:, 0]).max()
    assert found.worst_condition(k) == pytest.approx(worst, rel=1e-8)
    assert not (found.degenerate(k) | found.strays(k)).any()
    ridged = found.ridged(0.5)
    np.testing.assert_allclose(ridged.dense(k), dense + 0.5 * np.eye(d), rtol=1e-12)
    floor = rng.uniform(0.5, 2.0, d)
    low = found.floored(floor)
    assert np.linalg.eigvalsh(low.dense(k) - np.diag(floor)).min() > -1e-12
    assert low.floored(floor) is low
    assert not (ridged.strays(k) | low.strays(k)).any()
    np.testing.assert_array_equal(low.dimensions, found.dimensions)  # an axis is not lost
    np.testing.assert_allclose(found.scaled(np.full(d, -2.0)).dense(k), 4 * dense, rtol=1e-12)
    assert d == 1 or found.scaled(np.arange(1.0, d + 1)) is None


@every_form
@given(**SIZES)
@quickly(12)
def test_coordinates_there_and_back(form, k, d, seed):
    model = mixture(form, k, d, np.random.default_rng(seed))
    back = model.from_vector(model.to_vector())
    assert_mixtures_close(back, model, 1e-12)
    np.testing.assert_array_equal(back.covariance.dimensions, model.covariance.dimensions)


# Table 1 of the paper: 100 columns, 4 components of 10 dimensions each; with means and weights.
TABLE = {
    **{"AkjBkQkDk": 4231, "AkBkQkDk": 4195, "ABkQkDk": 4192},
    **{"AkjBQkDk": 4228, "AkBQkDk": 4192, "ABQkDk": 4189},
    **{"AkjBkQkD": 4228, "AkBkQkD": 4192, "ABkQkD": 4189},
    **{"AkjBQkD": 4225, "AkBQkD": 4189, "ABQkD": 4186},
}


@every_form
def test_parameters_are_as_many_as_the_paper_says(form):
    found = SUBSPACES[form].n_free(np.full(4, 10), 100)
    assert found + 4 * 100 + 3 == TABLE[form]


@every_form
def test_what_is_common_is_the_same(form):
    counts, scatter = problem(1)
    found = family_of(form).estimate(counts, scatter, 6)
    axes, own = found.axes, SUBSPACES[form]
    lengths = [row[:d] for row, d in zip(axes.lengths, axes.dimensions, strict=True)]
    assert np.allclose(found.noises, found.noises[0]) == own.noise
    assert np.allclose(np.concatenate(lengths), lengths[0][0]) == (own.along == "A")
    assert all(np.allclose(each, each[0]) for each in lengths) == (own.along != "Akj")
    assert own.along != "Akj" or not own.dimension or len({len(each) for each in lengths}) == 1


@every_form
@pytest.mark.parametrize("seed", [0, 1])
def test_no_member_with_as_many_axes_is_likelier(form, seed):
    """SciPy's optimiser over axes and variances gains nothing on the estimate."""
    counts, scatter = problem(seed, 2, 4, (70.0, 12.0))
    scatter[1] *= 0.05 + 3.0 * seed  # what is common is then far from what each would have
    family = family_of(form, 1)
    found = family.estimate(counts, scatter, 4)
    best = nats(found, counts, scatter)

    def loss(vector):
        with np.errstate(over="ignore"):
            return -nats(family.from_vector(vector, 2, 4), counts, scatter)

    rng = np.random.default_rng(9)
    for away in (0.0, 0.3):
        begin = found.to_vector()
        begin = begin + away * (begin != 0) * rng.normal(size=len(begin))
        end = optimize.minimize(loss, begin, method="BFGS", options={"maxiter": 150})
        assert -end.fun - best < 2e-6


def test_one_variance_beside_that_is_larger_than_some_along():
    """Then they are one, as a search over the variances finds as well; axes stay the best ones."""
    values = np.array([[9.0, 1.2, 1.0, 0.9], [30.0, 25.0, 4.0, 3.0]])
    counts = np.array([70.0, 30.0])
    scatter = np.array([n * np.diag(v) for n, v in zip(counts, values, strict=True)])
    found = subspace_family("AkjBQkD", 2).estimate(counts, scatter, 4)

    def loss(noise):
        large = np.maximum(values[:, :2], noise)
        parts = np.log(large) + values[:, :2] / large
        rest = np.log(noise) + values[:, 2:] / noise
        return float(counts @ (parts.sum(axis=1) + rest.sum(axis=1)))

    options = {"xatol": 1e-10}
    best = optimize.minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options=options)
    np.testing.assert_allclose(found.noises, best.x, rtol=1e-6)
    np.testing.assert_allclose(found.axes.lengths, np.maximum(values[:, :2], best.x), rtol=1e-6)


@pytest.mark.parametrize(("form", "other"), [("AkjBkQkD", "UUC"), ("AkjBQkD", "UCC")])
def test_principal_components_are_the_same_by_another_way(form, other):
    for seed in range(3):
        counts, scatter = problem(seed)
        for h in (1, 2, 5):
            ours = subspace_family(form, h).estimate(counts, scatter, 6)
            theirs = factor_family(other, h).estimate(counts, scatter, 6)
            np.testing.assert_allclose(ours.dense(3), theirs.dense(3), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("h", [1, 3, 6])
def test_one_component_is_scikit_learns_principal_components(h):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(60, 7)) @ rng.normal(size=(7, 7))
    centred = x - x.mean(axis=0)
    n = float(len(x))
    ours = subspace_family("AkjBkQkD", h).estimate(np.array([n]), (centred.T @ centred)[None], 7)
    wider = ours.scaled(np.full(7, np.sqrt(n / (n - 1))))  # scikit-learn divides by n − 1
    model = Mixture(np.ones(1), x.mean(axis=0)[None], wider)
    assert model.log_density(x).mean() == pytest.approx(PCA(h).fit(x).score(x), abs=1e-9)


@every_form
def test_densities_are_those_of_scipy(form):
    rng = np.random.default_rng(8)
    model = mixture(form, 3, 5, rng)
    x = rows(model, 40, rng)
    joint = sum(
        w * stats.multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(model.weights, model.means, model.covariances, strict=True)
    )
    np.testing.assert_allclose(model.log_density(x), np.log(joint), rtol=1e-9, atol=1e-9)


def test_more_columns_than_products_of_a_row_are_formed_for():
    rng = np.random.default_rng(9)
    model = mixture("AkjBkQkD", 2, 150, rng)
    assert len(model.operands.far) == 2  # whitened one by one, at D d a row
    x = model.sample(40, rng)[0]
    dense = Mixture(model.weights, model.means, Full(model.covariances))
    np.testing.assert_allclose(model.log_density(x), dense.log_density(x), rtol=1e-9)


def test_of_many_columns_a_few_eigenvectors_are_those_of_all():
    rng = np.random.default_rng(10)
    x = rng.normal(size=(300, 90)) * np.concatenate([[9.0, 7.0, 5.0], np.ones(87)])
    counts, scatter = np.array([300.0]), (x.T @ x)[None]
    found = subspace_family("AkjBkQkD", 3).estimate(counts, scatter, 90)
    values, vectors = np.linalg.eigh(scatter[0] / 300)
    np.testing.assert_allclose(found.axes.lengths[0], values[:-4:-1], rtol=1e-10)
    cosines = np.abs((found.axes.vectors[0] * vectors[:, :-4:-1]).sum(axis=0))
    np.testing.assert_allclose(cosines, 1.0, rtol=1e-10)
    np.testing.assert_allclose(found.noises, values[:-3].mean(), rtol=1e-10)


@every_form
def test_the_algebra_of_mixtures_holds_them(form):
    rng = np.random.default_rng(10)
    model = mixture(form, 3, 5, rng)
    dense = Mixture(model.weights, model.means, Full(model.covariances))
    x = rng.normal(size=(7, 5))
    for ours, theirs in [
        (model.marginal([3, 0]), dense.marginal([3, 0])),
        (model.condition({1: 0.3, 4: -1.0}), dense.condition({1: 0.3, 4: -1.0})),
        (model.affine(np.eye(5)[:3] * 2.0), dense.affine(np.eye(5)[:3] * 2.0)),
        (model.scale(np.arange(1.0, 6.0)), dense.scale(np.arange(1.0, 6.0))),
        (model.scale(3.0), dense.scale(3.0)),
        (model.convolve(0.3), dense.convolve(0.3)),
        (model.rearranged([2, 0]), dense.rearranged([2, 0])),
    ]:
        y = x[:, : ours.n_features]
        np.testing.assert_allclose(ours.log_density(y), theirs.log_density(y), rtol=1e-8)
    assert isinstance(model.marginal([3, 0]).covariance, Factor)
    fewer = model.merge(0, 2)
    assert len(fewer.weights) == 2
    assert type(fewer.covariance) is type(model.covariance)
    assert type(model.reduce(2).covariance) is type(model.covariance)
    np.testing.assert_allclose(fewer.mean, model.mean)


def test_a_mixture_of_one_column_has_no_axis():
    rng = np.random.default_rng(11)
    for form in SUBSPACES:
        model = mixture(form, 2, 1, rng)
        assert model.covariance.dimensions.tolist() == [0, 0]
        assert model.covariance.worst_condition(2) == 1.0
        assert model.marginal([0]).n_features == 1


@every_form
def test_files_and_pickles_bring_back_every_bit(form, tmp_path):
    model = mixture(form, 3, 5, np.random.default_rng(12))
    model.save(tmp_path / "m.mixtura")
    for back in (load(tmp_path / "m.mixtura"), pickle.loads(pickle.dumps(model))):
        assert type(back.covariance) is type(model.covariance)
        np.testing.assert_array_equal(back.covariance.values, model.covariance.values)
        np.testing.assert_array_equal(back.covariance.dimensions, model.covariance.dimensions)
        assert back.n_parameters == model.n_parameters


@every_form
def test_what_is_expected_of_a_mixture_leads_back_to_it(form):
    model = mixture(form, 3, 5, np.random.default_rng(13))
    s = Statistics.expected(model, 100.0)
    again = type(model.covariance).estimate_near(s.n_scatter, s.scatter, 5, model.covariance)
    np.testing.assert_allclose(again.dense(3), model.covariances, rtol=1e-10, atol=1e-10)


@every_form
def test_a_component_of_no_rows_takes_what_is_common_from_the_others(form):
    counts, scatter = problem(4)
    counts[1], scatter[1] = 0.0, 0.0
    start = drawn(form, 3, 6, np.random.default_rng(5))
    found = type(start).estimate_near(counts, scatter, 6, start)
    assert np.isfinite(found.values).all()
    assert not found.degenerate(3).any()
    kept = found.replaced(counts <= 0, start)
    assert not kept.strays(3).any()
    np.testing.assert_allclose(kept.dense(3)[[0, 2]], found.dense(3)[[0, 2]])
    if SUBSPACES[form].own:
        np.testing.assert_array_equal(kept.values[1], start.values[1])
    whole = found.replaced(np.ones(3, dtype=bool), start)
    np.testing.assert_array_equal(whole.values, start.values)


def test_numbers_of_axes_by_a_rule():
    values = np.array([9.0, 7.0, 4.0, 1.2, 1.0, 0.9, 0.8])
    assert Scree()(values, 100.0) == 3  # falls 2, 3, 2.8, 0.2, 0.1, 0.1
    assert Scree(0.95)(values, 100.0) == 2
    assert Scree()(values, 4.0) == 2  # of four rows there are three eigenvalues
    assert Scree()(np.array([9.0, 4.0, 0.0, 0.0]), 100.0) == 1  # the fall to nothing is none
    assert Scree()(np.array([3.0]), 100.0) == ByBic()(np.array([3.0]), 100.0) == 0
    # By hand: Akj of 7 columns has d (13 − d) / 2 + d numbers.
    cost = [
        1e4 * (np.log(values[:d]).sum() + (7 - d) * np.log(values[d:].mean()))
        + (d * (13 - d) / 2 + d) * np.log(1e4)
        for d in range(1, 7)
    ]
    assert ByBic()(values, 1e4) == 1 + int(np.argmin(cost))


def test_numbers_of_axes_are_found_and_held():
    rng = np.random.default_rng(14)
    counts, each = np.array([400.0, 300.0]), [2, 4]
    draws = []
    for n, d in zip(counts, each, strict=True):
        q = np.linalg.qr(rng.normal(size=(12, d)))[0]
        draws.append(rng.normal(size=(int(n), d)) * 4.0 @ q.T + rng.normal(size=(int(n), 12)))
    scatter = np.array([x.T @ x for x in draws])
    for axes in (None, 0.1, "bic"):
        family = subspace_family("AkBkQkDk", axes)
        found = family.estimate(counts, scatter, 12)
        assert found.dimensions.tolist() == each
        # The first M-step from elsewhere chooses, and from then on they are held.
        first = family.estimate_near(counts, scatter, 12, found)
        assert first.held
        other = family.estimate_near(counts, scatter[::-1], 12, first)
        assert other.dimensions.tolist() == each
    pooled = subspace_family("AkBkQkD").estimate(counts, scatter, 12)
    assert pooled.dimensions.tolist() == [4, 4]


def test_names():
    assert (
        named("subspace")
        is named("AkjBkQkDk")
        is named("AKJBKQKDK")
        is subspace_family("AkjBkQkDk")
    )
    assert named("AkjBkQkD:3") is subspace_family("AkjBkQkD", 3)
    for name in ("AkjBkQkDk:0.1", "AkBQkDk:bic", "ABQkD:12", "AkBkQkDk:0.00001", "ABkQkD"):
        family = named(name)
        assert family.name == name
        assert pickle.loads(pickle.dumps(family)) is family
    for name in (
        "AkjBkQkDk:3",
        "AkjBkQkD:0",
        "AkjBkQkD:1.5",
        "akjbkqkd:2",
        "AjBQD",
        "subspace:",
        ":2",
    ):
        with pytest.raises(ValueError, match="no covariance family"):
            named(name)


@pytest.mark.parametrize(
    ("form", "axes", "message"),
    [
        ("UUU", 2, "no form 'UUU' of subspaces: choose one of"),
        ("AkBkQkDk", 2, r"each component has as many axes as it needs: all have 2 in AkBkQkD:2"),
        ("AkBkQkD", 0, "there is at least one axis, not 0"),
        ("AkBkQkD", 1.5, "the threshold of the scree test is between 0 and 1, not 1.5"),
        ("AkBkQkD", "aic", "axes are a number, a threshold or 'bic', not 'aic'"),
    ],
)
def test_what_is_no_family(form, axes, message):
    with pytest.raises(ValueError, match=message):
        subspace_family(form, axes)


def test_values_from_outside_are_checked():
    values = np.zeros((2, 3, 3))
    values[:, :, -1] = 1.0
    values[:, 0, 0] = values[:, 1, 1] = 2.0
    model = Mixture.of([0.5, 0.5], np.zeros((2, 3)), values, family="ABQkD:2")
    assert isinstance(model.covariance, Subspaces)
    np.testing.assert_allclose(model.covariances[0], np.diag([5.0, 5.0, 1.0]))
    for where, what in (((1, 0, 1), 0.5), ((1, 1, 1), 2.1), ((1, slice(None), 2), 1.1)):
        wrong = values.copy()
        wrong[where] = what
        with pytest.raises(
            ValueError, match="component 1 does not have with the others what ABQkD:2"
        ):
            Mixture.of([0.5, 0.5], np.zeros((2, 3)), wrong, family="ABQkD:2")
    with pytest.raises(ValueError, match="component 0 is not symmetric and positive definite"):
        Mixture.of([0.5, 0.5], np.zeros((2, 3)), -values, family="ABQkD:2")
