import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura import Mixture, Tied
from mixtura.learn.reduction import split
from mixtura.model.covariance import FAMILIES
from mixtura.model.reduction import METHODS, merged, merging_costs, reduce
from tests.laws.drawn import assert_mixtures_close, mixture, quickly

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])
APART = pytest.mark.parametrize(
    "family",
    [family for family in FAMILIES.values() if family.separate or family is Tied],
    ids=lambda family: family.name,
)
SHARING = pytest.mark.parametrize(
    "family",
    [family for family in FAMILIES.values() if not family.separate and family is not Tied],
    ids=lambda family: family.name,
)
SEEDS = st.integers(0, 2**32 - 1)


def drawn(family, seed, k=None, d=None):
    rng = np.random.default_rng(seed)
    k, d = k or int(rng.integers(2, 8)), d or int(rng.integers(1, 5))
    return mixture(family, k, d, rng)


def second_moments(model):
    """What the family keeps of the covariance of the whole."""
    total = model.total_covariance()
    kind = model.covariance.name
    return (
        total
        if kind in ("full", "tied")
        else np.diagonal(total)
        if kind == "diag"
        else total.trace()
    )


@APART
@given(seed=SEEDS)
@quickly()
def test_merging_keeps_the_mean_and_the_covariance_of_the_whole(family, seed):
    before = drawn(family, seed)
    for after in (merged(before, 0, 1), merged(before, 1, 0), reduce(before, 2), reduce(before, 1)):
        np.testing.assert_allclose(after.weights.sum(), 1.0, rtol=1e-14)
        np.testing.assert_allclose(after.mean, before.mean, rtol=0, atol=1e-13)
        expected = second_moments(before)
        size = np.abs(expected).max()
        np.testing.assert_allclose(second_moments(after), expected, rtol=0, atol=1e-13 * size)
        assert type(after.covariance) is family


@APART
def test_the_one_has_the_moments_of_the_pair(family):
    before = drawn(family, 3, k=4, d=3)
    pair = before.rearranged([1, 3])
    after = merged(before, 1, 3)
    assert after.n_components == 3
    np.testing.assert_allclose(after.weights[1], before.weights[1] + before.weights[3])
    np.testing.assert_allclose(after.means[1], pair.mean, atol=1e-14)
    np.testing.assert_array_equal(after.means[[0, 2]], before.means[[0, 2]])
    if family is not Tied:
        alone = Mixture(np.ones(1), after.means[1:2], after.covariance.rearranged(np.array([1])))
        np.testing.assert_allclose(second_moments(alone), second_moments(pair), rtol=1e-12)
        np.testing.assert_array_equal(after.covariances[[0, 2]], before.covariances[[0, 2]])


def test_halves_merge_into_the_whole():
    whole = drawn(FAMILIES["full"], 5, k=3, d=3)
    back = merged(split(whole, 0, 1), 0, 1)
    np.testing.assert_allclose(back.means[0], whole.means[0], atol=1e-14)
    np.testing.assert_allclose(back.covariances[0], whole.covariances[0], rtol=1e-12)


@EVERY
def test_the_mixture_that_is_merged_is_left_alone(family):
    before = drawn(family, 7)
    copies = [np.copy(a) for a in (before.weights, before.means, before.covariance.values)]
    merged(before, 0, 1)
    reduce(before, 1)
    for copy, array in zip(
        copies, (before.weights, before.means, before.covariance.values), strict=True
    ):
        np.testing.assert_array_equal(copy, array)


@APART
@given(seed=SEEDS)
@quickly(10)
def test_the_divergence_is_at_most_the_cost(family, seed):
    """Kullback-Leibler divergence by Monte Carlo, with five of its standard errors to spare."""
    before = drawn(family, seed, k=4)
    x = before.sample(4_000, seed)[0]
    costs = merging_costs(before)
    for i in range(4):
        for j in range(i):
            ratio = before.log_density(x) - merged(before, i, j).log_density(x)
            assert ratio.mean() <= costs[i, j] + 5 * ratio.std() / np.sqrt(len(x)) + 1e-12


def expected_divergence(before, i, j):
    """Σ_k π_k KL(component k ‖ what it became), the bound in the form that proves it."""
    after = merged(before, i, j)
    became = np.delete(np.arange(before.n_components), j).tolist()
    became = [became.index(i if k == j else k) for k in range(before.n_components)]
    total = 0.0
    for k, into in enumerate(became):
        own, new = before.covariances[k], after.covariances[into]
        step = after.means[into] - before.means[k]
        trace = np.trace(np.linalg.solve(new, own + np.outer(step, step)))
        logs = np.linalg.slogdet(new)[1] - np.linalg.slogdet(own)[1]
        total += before.weights[k] * 0.5 * (trace - len(own) + logs)
    return total


@APART
@given(seed=SEEDS)
@quickly(15)
def test_costs_are_what_components_diverge_on_average(family, seed):
    before = drawn(family, seed)
    costs = merging_costs(before)
    np.testing.assert_array_equal(costs, costs.T)
    assert np.isinf(np.diagonal(costs)).all()
    for i in range(before.n_components):
        for j in range(i):
            expected = expected_divergence(before, i, j)
            np.testing.assert_allclose(costs[i, j], expected, rtol=1e-9, atol=1e-12)


@APART
@pytest.mark.parametrize("exponent", [0.0, 0.5])
@given(seed=SEEDS)
@quickly(15)
def test_each_merge_is_the_cheapest_there_is(family, exponent, seed):
    """Costs that are brought up to date give the merges that costs from scratch give."""
    expected = drawn(family, seed, k=7)
    whole = expected
    for left in range(6, 0, -1):
        pairs = {
            (i, j): expected_divergence(expected, i, j)
            / (expected.weights[i] + expected.weights[j]) ** exponent
            for j in range(expected.n_components)
            for i in range(j)
        }
        expected = merged(expected, *min(pairs, key=pairs.__getitem__))
        found = reduce(whole, left, exponent)
        np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-9)
        np.testing.assert_allclose(found.means, expected.means, rtol=1e-9, atol=1e-11)
        assert_mixtures_close(found, expected, 1e-9)


@EVERY
def test_as_many_components_or_more_change_nothing(family):
    model = drawn(family, 11, k=3)
    assert reduce(model, 3) is model
    assert reduce(model, 5) is model
    one = model.rearranged([0])
    assert reduce(one, 1) is one


@EVERY
def test_equal_components_cost_nothing(family):
    model = drawn(family, 13, k=3, d=2)
    double = model.rearranged([0, 1, 2, 0, 1, 2])
    costs = merging_costs(double)
    np.testing.assert_allclose(costs[[0, 1, 2], [3, 4, 5]], 0.0, atol=1e-14)
    found = reduce(double, 3)
    assert_mixtures_close(found, model, 1e-12)


@given(seed=SEEDS)
@quickly()
def test_reduction_goes_with_affine_maps(seed):
    before = drawn(FAMILIES["full"], seed, k=6)
    rng = np.random.default_rng(seed)
    d = before.n_features
    matrix, shift = rng.normal(size=(d, d)) + 2 * np.eye(d), 100 * rng.normal(size=d)

    def moved(model):
        values = matrix @ model.covariances @ matrix.T
        return Mixture.of(model.weights, model.means @ matrix.T + shift, values)

    costs = merging_costs(before)
    np.testing.assert_allclose(merging_costs(moved(before)), costs, rtol=1e-7, atol=1e-11)
    assert_mixtures_close(reduce(moved(before), 3), moved(reduce(before, 3)), 1e-8)


@EVERY
def test_components_that_weigh_nothing_are_merged_first_and_leave_no_trace(family):
    model = drawn(family, 17, k=3, d=2)
    weights = np.concatenate([model.weights, [0.0, 0.0]])
    covariance = model.rearranged([0, 1, 2, 0, 1]).covariance
    with_ghosts = Mixture(weights, np.vstack([model.means, [[9, 9], [-9, 9]]]), covariance)
    costs = merging_costs(with_ghosts)
    np.testing.assert_array_equal(costs[3, [0, 1, 2, 4]], 0.0)
    found = reduce(with_ghosts, 3)
    assert_mixtures_close(found, model, 1e-13)
    both = merged(with_ghosts, 3, 4)
    assert both.weights[3] == 0
    np.testing.assert_allclose(both.means[3], [0, 9])


@pytest.mark.parametrize("width", [1e-8, 1e-60, 1e-140])
def test_needles_are_merged_without_trouble(width):
    """Costs stay finite, and two needles in one place are cheaper than a needle and a ball."""
    values = np.array([np.diag([1.0, width**2])] * 2 + [np.eye(2)] * 2)
    model = Mixture.of(np.full(4, 0.25), [[0, 0], [0.1, 0], [0, 0], [8, 0]], values)
    costs = merging_costs(model)
    assert np.isfinite(costs[~np.eye(4, dtype=bool)]).all()
    assert np.unravel_index(costs.argmin(), (4, 4)) == (0, 1)
    found = reduce(model, 2)
    assert not found.covariance.degenerate(2).any()


def test_one_dimension_by_hand():
    model = Mixture.of([0.25, 0.25, 0.5], [[-1.0], [1.0], [9.0]], [[[1.0]], [[1.0]], [[4.0]]])
    found = reduce(model, 2)
    np.testing.assert_allclose(found.weights, [0.5, 0.5])
    np.testing.assert_allclose(found.means, [[0.0], [9.0]], atol=1e-15)
    np.testing.assert_allclose(found.covariances[:, 0, 0], [2.0, 4.0])
    np.testing.assert_allclose(merging_costs(model)[0, 1], 0.25 * np.log(2.0))


@EVERY
def test_hundreds_of_components(family):
    """300 components about ten centres, merged to the ten."""
    rng = np.random.default_rng(0)
    near = mixture(family, 300, 6, rng, separation=0.3)
    centres = 100.0 * rng.normal(size=(10, 6))
    labels = np.arange(300) % 10
    found = reduce(Mixture(near.weights, near.means + centres[labels], near.covariance), 10)
    order = ((found.means[:, None] - centres) ** 2).sum(axis=2).argmin(axis=0)
    assert len(set(order)) == 10
    expected = np.bincount(labels, near.weights)
    np.testing.assert_allclose(found.weights[order], expected, rtol=1e-12)


# Several at once, and other orders

ORDERS = pytest.mark.parametrize("method", METHODS)


@APART
def test_several_merged_are_the_moments_of_the_several(family):
    before = drawn(family, 23, k=6, d=3)
    after = before.merge(4, 0, -1)
    assert after.n_components == 4
    several = before.rearranged([4, 0, 5])
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-13)
    np.testing.assert_allclose(second_moments(after), second_moments(before), rtol=1e-12)
    at = int(np.argmin(((after.means - several.mean) ** 2).sum(axis=1)))
    assert at == 3  # after 1, 2 and 3, where the fifth was
    np.testing.assert_allclose(after.means[at], several.mean, atol=1e-13)
    np.testing.assert_allclose(after.weights[at], before.weights[[4, 0, 5]].sum())
    np.testing.assert_array_equal(after.means[:3], before.means[[1, 2, 3]])


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ((0, 3), "there is no component 3: the mixture has 3, 0 to 2"),
        ((-4, 0), "there is no component -4"),
        ((1,), "merging takes two components or more, each once, not (1,)"),
        ((), "merging takes two components or more, each once, not ()"),
        ((0, -3), "merging takes two components or more, each once, not (0, -3)"),
    ],
)
def test_merges_that_are_none(components, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        drawn(FAMILIES["full"], 1, k=3).merge(*components)


def test_reductions_that_are_none():
    model = drawn(FAMILIES["full"], 1, k=3)
    with pytest.raises(ValueError, match="at least one component is left, not 0"):
        model.reduce(0)
    with pytest.raises(ValueError, match=r"no way to reduce 'kd': choose one of \['runnalls', "):
        model.reduce(2, method="kd")
    with pytest.raises(ValueError, match="an exponent goes with the costs of 'runnalls', not"):
        model.reduce(2, 0.5, method="west")


@APART
@ORDERS
def test_every_order_keeps_the_moments_of_the_whole(family, method):
    before = drawn(family, 29, k=7, d=3)
    for left in (6, 3, 1):
        after = before.reduce(left, method=method)
        assert after.n_components == left
        assert type(after.covariance) is family
        np.testing.assert_allclose(after.weights.sum(), 1.0, rtol=1e-13)
        np.testing.assert_allclose(after.mean, before.mean, atol=1e-12)
        np.testing.assert_allclose(second_moments(after), second_moments(before), rtol=1e-11)
    assert before.reduce(7, method=method) is before


@SHARING
@ORDERS
def test_what_components_share_is_found_anew(family, method):
    """The mean of the whole stays; matrices are the likeliest of the form for the loose ones."""
    before = drawn(family, 29, k=6, d=3)
    after = before.reduce(3, method=method)
    assert type(after.covariance) is family
    assert not after.covariance.strays(3).any()
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-12)
    loose = FAMILIES["diag" if family.independent else "full"]
    values = before.covariances
    if family.independent:
        values = np.diagonal(values, axis1=1, axis2=2)
    if family.name == "EII":
        loose, values = FAMILIES["spherical"], values[:, 0]
    wide = Mixture(before.weights, before.means, loose.from_values(values, 3)).reduce(
        3, method=method
    )
    np.testing.assert_allclose(after.weights, wide.weights, rtol=1e-12)
    np.testing.assert_allclose(after.means, wide.means, atol=1e-12)
    expected = family.estimate(wide.weights, wide.covariance.products(wide.weights), 3)
    np.testing.assert_allclose(after.covariances, expected.dense(3), atol=1e-9)
    costs = merging_costs(before)
    np.testing.assert_allclose(
        costs, merging_costs(Mixture(before.weights, before.means, loose.from_values(values, 3)))
    )


@EVERY
def test_salmonds_order_is_the_least_growth_of_components(family):
    """What a merge takes from between components, in the metric of the whole, by definition."""
    model = drawn(family, 31, k=6, d=2)
    inverse = np.linalg.inv(model.total_covariance())

    def taken(i, j):
        a, b = model.weights[[i, j]]
        step = model.means[i] - model.means[j]
        pair = model.rearranged([i, j])
        between = (pair.weights * (pair.means - pair.mean).T) @ (pair.means - pair.mean)
        np.testing.assert_allclose(
            np.trace(inverse @ between) * (a + b), a * b / (a + b) * step @ inverse @ step
        )
        return np.trace(inverse @ between) * (a + b)

    pairs = {(i, j): taken(i, j) for j in range(6) for i in range(j)}
    expected = merged(model, *min(pairs, key=pairs.__getitem__))
    assert_mixtures_close(model.reduce(5, method="salmond"), expected, 1e-12)


def test_wests_order_takes_the_lightest():
    model = Mixture.of(
        [0.1, 0.2, 0.3, 0.4], [[0.0], [5.0], [-3.0], [1.0]], [[[4.0]], [[1.0]], [[1.0]], [[1.0]]]
    )
    found = model.reduce(3, method="west")
    np.testing.assert_allclose(found.weights, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(found.means[:, 0], [5.0, -3.0, 0.8])
