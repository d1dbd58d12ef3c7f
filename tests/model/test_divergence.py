import numpy as np
import pytest
from hypothesis import given
from scipy import integrate, linalg

from mixtura import Full, Mixture
from mixtura.model import pair
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import SEEDS, mixture, quickly
from tests.laws.registries import PAIRS

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def drawn(family, seed=0, k=3, d=3, separation=2.0):
    return mixture(family, k, d, np.random.default_rng(seed), separation)


def integral(function, *models):
    """Over the line, of a function of t."""
    means = np.concatenate([m.means[:, 0] for m in models])
    low, high = means.min() - 60, means.max() + 60
    points = np.unique(means)
    ends = np.concatenate([[low], points, [high]])
    return sum(
        integrate.quad(function, a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
        for a, b in zip(ends[:-1], ends[1:], strict=True)
    )


def at(model, t):
    return model.log_density([[t]])[0]


# Components, pair by pair


def gaussians(model):
    return [*zip(model.means, model.covariances, strict=True)]


def table(function, one, two):
    return np.array([[function(*a, *b) for b in gaussians(two)] for a in gaussians(one)])


def kl_of(m, s, n, t):
    step = n - m
    return 0.5 * (
        np.trace(np.linalg.solve(t, s))
        + step @ np.linalg.solve(t, step)
        - len(m)
        + np.linalg.slogdet(t)[1]
        - np.linalg.slogdet(s)[1]
    )


def bures_of(m, s, n, t):
    root = linalg.sqrtm(s).real
    return ((m - n) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(root @ t @ root).real)


def overlap_of(m, s, n, t):
    step = m - n
    return -0.5 * (
        len(m) * np.log(2 * np.pi)
        + np.linalg.slogdet(s + t)[1]
        + step @ np.linalg.solve(s + t, step)
    )


def bhattacharyya_of(m, s, n, t):
    middle, step = 0.5 * (s + t), m - n
    logs = [np.linalg.slogdet(a)[1] for a in (middle, s, t)]
    return step @ np.linalg.solve(middle, step) / 8 + 0.5 * (logs[0] - 0.5 * (logs[1] + logs[2]))


@pytest.mark.parametrize(("family", "other"), PAIRS)
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pair.divergences, kl_of),
        (pair.squared_bures, bures_of),
        (pair.log_overlaps, overlap_of),
        (pair.bhattacharyya, bhattacharyya_of),
    ],
    ids=["divergence", "bures", "overlap", "bhattacharyya"],
)
def test_pairs_of_gaussians_by_the_textbook(family, other, found, expected):
    one, two = drawn(family, 1, k=2), drawn(other, 2)
    np.testing.assert_allclose(found(one, two), table(expected, one, two), rtol=1e-9, atol=1e-9)


def test_bhattacharyya_is_an_integral():
    one, two = drawn(Full, 3, k=2, d=1), drawn(Full, 4, k=2, d=1)
    found = pair.bhattacharyya(one, two)
    for i in range(2):
        for j in range(2):
            a, b = one.rearranged([i]), two.rearranged([j])
            overlap = integral(lambda t, a=a, b=b: np.exp(0.5 * (at(a, t) + at(b, t))), a, b)
            np.testing.assert_allclose(found[i, j], -np.log(overlap), rtol=1e-8)


@EVERY
def test_a_component_is_at_no_distance_from_itself(family):
    model = drawn(family, 5)
    for distance in (pair.divergences, pair.squared_bures, pair.bhattacharyya):
        np.testing.assert_allclose(np.diagonal(distance(model, model)), 0.0, atol=1e-13)


# Entropy


@EVERY
@given(seed=SEEDS)
@quickly(8)
def test_the_entropy_is_an_integral_between_its_bounds(family, seed):
    model = mixture(family, 3, 1, np.random.default_rng(seed))
    expected = integral(lambda t: -at(model, t) * np.exp(at(model, t)), model)
    found = model.entropy(20_000, seed)
    assert abs(found.value - expected) < 5.5 * found.standard_error + 1e-9
    assert found.standard_error < 0.02
    assert found.lower - 1e-9 <= expected <= found.upper + 1e-9


@EVERY
@given(seed=SEEDS)
@quickly(8)
def test_the_bounds_hold_in_more_dimensions(family, seed):
    model = mixture(family, 4, 4, np.random.default_rng(seed))
    found = model.entropy(20_000, seed)
    plain = -model.log_density(model.sample(20_000, seed + 1)[0])
    error = np.hypot(found.standard_error, plain.std() / np.sqrt(len(plain)))
    assert abs(found.value - plain.mean()) < 5.5 * error
    assert found.standard_error < 0.5 * plain.std() / np.sqrt(len(plain))
    slack = 5 * found.standard_error + 1e-12
    assert found.lower - slack <= found.value <= found.upper + slack


def test_one_component_has_the_entropy_of_the_textbook():
    model = drawn(Full, 6, k=1)
    found = model.entropy(2, 0)
    expected = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * model.covariances[0])[1]
    np.testing.assert_allclose(found.value, expected, rtol=1e-12)
    np.testing.assert_allclose([found.lower, found.upper], expected, rtol=1e-12)
    assert found.standard_error == 0


def test_components_far_apart_leave_no_doubt():
    model = Mixture.of([0.2, 0.8], [[0.0], [1e3]], [1.0, 1.0], family="spherical")
    found = model.entropy(100, 0)
    expected = 0.5 * np.log(2 * np.pi * np.e) - 0.2 * np.log(0.2) - 0.8 * np.log(0.8)
    for value in (found.value, found.lower, found.upper):
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_a_component_of_no_weight_changes_nothing():
    model = Mixture.of([1.0, 0.0], [[0.0], [5.0]], [1.0, 1.0], family="spherical")
    found = model.entropy(100, 0)
    np.testing.assert_allclose(found[:1] + found[2:], 0.5 * np.log(2 * np.pi * np.e), rtol=1e-12)


# Kullback-Leibler


@EVERY
@given(seed=SEEDS)
@quickly(8)
def test_the_divergence_is_an_integral(family, seed):
    rng = np.random.default_rng(seed)
    one, two = mixture(family, 3, 1, rng, 1.0), mixture(family, 2, 1, rng, 1.0)
    expected = integral(lambda t: np.exp(at(one, t)) * (at(one, t) - at(two, t)), one, two)
    found = one.kl(two, 20_000, rng)
    assert abs(found.value - expected) < 5.5 * found.standard_error + 1e-9


def test_the_standard_error_is_that_of_the_estimate():
    one, two = drawn(Full, 7), drawn(Full, 8)
    found = [one.kl(two, 400, seed) for seed in range(150)]
    spread = np.std([each.value for each in found])
    np.testing.assert_allclose(spread, np.mean([e.standard_error for e in found]), rtol=0.3)


@EVERY
def test_the_variational_approximation_by_its_formula(family):
    one, two = drawn(family, 9, k=2), drawn(family, 10)
    own, cross = table(kl_of, one, one), table(kl_of, one, two)
    expected = one.weights @ np.log((np.exp(-own) @ one.weights) / (np.exp(-cross) @ two.weights))
    np.testing.assert_allclose(one.kl_variational(two), expected, rtol=1e-9)
    np.testing.assert_allclose(one.kl_variational(one), 0.0, atol=1e-12)


@EVERY
def test_the_matched_approximation_by_its_formula(family):
    one, two = drawn(family, 11, k=2), drawn(family, 12)
    cross = table(kl_of, one, two)
    nearest = (cross - np.log(two.weights)).argmin(axis=1)
    expected = one.weights @ (cross[[0, 1], nearest] + np.log(one.weights / two.weights[nearest]))
    np.testing.assert_allclose(one.kl_matched(two), expected, rtol=1e-9)
    np.testing.assert_allclose(one.kl_matched(one), 0.0, atol=1e-12)


@EVERY
def test_approximations_are_exact_for_single_components_and_close_for_distant_ones(family):
    one, two = drawn(family, 13, k=1), drawn(family, 14, k=1)
    expected = table(kl_of, one, two)[0, 0]
    np.testing.assert_allclose([one.kl_variational(two), one.kl_matched(two)], expected, rtol=1e-9)
    many = drawn(family, 15, separation=200.0)
    moved = many.affine(np.eye(3), 0.3)
    found = many.kl(moved, 20_000, 0)
    for approximation in (many.kl_variational(moved), many.kl_matched(moved)):
        assert abs(approximation - found.value) < 5 * found.standard_error


# Exact ones


@pytest.mark.parametrize(("family", "other"), PAIRS)
def test_inner_products_and_what_is_made_of_them_are_integrals(family, other):
    one, two = drawn(family, 16, d=1), drawn(other, 17, k=2, d=1)
    inner = [
        integral(lambda t, a=a, b=b: np.exp(at(a, t) + at(b, t)), one, two)
        for a, b in ((one, two), (one, one), (two, two))
    ]
    np.testing.assert_allclose(one.log_inner_product(two), np.log(inner[0]), rtol=1e-8)
    square = integral(lambda t: (np.exp(at(one, t)) - np.exp(at(two, t))) ** 2, one, two)
    np.testing.assert_allclose(one.l2_distance(two), np.sqrt(square), rtol=1e-7)
    expected = -np.log(inner[0] / np.sqrt(inner[1] * inner[2]))
    np.testing.assert_allclose(one.cauchy_schwarz(two), expected, rtol=1e-7)
    np.testing.assert_allclose(two.cauchy_schwarz(one), expected, rtol=1e-7)


def test_equal_mixtures_are_at_no_distance():
    model = drawn(Full, 18)
    assert model.cauchy_schwarz(model) == 0
    assert model.l2_distance(model) == 0
    twice = model.rearranged([0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(model.cauchy_schwarz(twice), 0.0, atol=1e-14)
    size = np.exp(0.5 * model.log_inner_product(model))
    np.testing.assert_allclose(model.l2_distance(twice), 0.0, atol=1e-7 * size)


def test_distances_are_told_where_densities_underflow():
    """In 400 dimensions of width 100 a density is e^-2200 at most."""
    one = Mixture.of([1.0], np.zeros((1, 400)), [1e4], family="spherical")
    two = Mixture.of([1.0], np.full((1, 400), 100.0), [1e4], family="spherical")
    np.testing.assert_allclose(one.cauchy_schwarz(two), 400 / 4)


@pytest.mark.parametrize(
    "how",
    ["kl", "kl_variational", "kl_matched", "log_inner_product", "l2_distance", "cauchy_schwarz"],
)
def test_mixtures_over_other_dimensions_are_refused(how):
    with pytest.raises(ValueError, match="the mixtures have 3 and 2 dimensions"):
        getattr(drawn(Full), how)(drawn(Full, d=2))


def test_too_few_draws_are_refused():
    model = drawn(Full)
    with pytest.raises(ValueError, match="at least two draws are needed, not 1"):
        model.entropy(1)
    with pytest.raises(ValueError, match="at least two draws are needed, not 0"):
        model.kl(model, 0)
