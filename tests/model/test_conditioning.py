import re
import warnings

import numpy as np
import pytest
from scipy import integrate, stats

from mixtura import FarCondition, Full, Mixture
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])


def three(seed=0, k=3, d=3, family="full"):
    return mixture(FAMILIES[family], k, d, np.random.default_rng(seed))


# Marginals


@EVERY
def test_a_marginal_is_the_joint_with_the_rest_integrated_out(family):
    model = mixture(family, 3, 2, np.random.default_rng(1))
    alone = model.marginal([1])
    for x in (-3.0, 0.0, 2.5):
        total, _ = integrate.quad(
            lambda t, x=x: np.exp(model.log_density([[t, x]])[0]),
            -40,
            40,
            points=[*model.means[:, 0]],
            limit=200,
            epsabs=1e-12,
        )
        np.testing.assert_allclose(np.exp(alone.log_density([[x]])[0]), total, rtol=1e-8)


def test_dimensions_come_in_the_order_asked_for_and_from_the_end():
    model = three()
    swapped = model.marginal([2, 0])
    np.testing.assert_array_equal(swapped.means, model.means[:, [2, 0]])
    np.testing.assert_array_equal(swapped.covariances, model.covariances[:, [2, 0]][:, :, [2, 0]])
    np.testing.assert_array_equal(model.marginal(-1).means, model.means[:, [2]])
    np.testing.assert_array_equal(model.marginal(np.array([-1, -3])).means, swapped.means)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([0, 3], "there is no dimension 3: the mixture has 3, 0 to 2"),
        ([-4], "there is no dimension -4"),
        ([0, -3], "dimension 0 is given twice"),
        (["income"], "dimensions are given by number, 0 to 2, and not as 'income'"),
        ("income", "dimensions are given by number, 0 to 2, and not as 'income'"),
        ([1.0], "dimensions are given by number, 0 to 2, and not as 1.0"),
    ],
)
def test_dimensions_that_do_not_exist_are_refused(dims, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        three().marginal(dims)


def test_a_marginal_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a marginal needs at least one dimension"):
        three().marginal([])


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_a_singular_marginal_is_refused(family):
    """Components can collapse to a plane where nothing keeps them from it."""
    values = {
        "full": [np.eye(3), [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]],
        "tied": [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        "diag": [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]],
        "spherical": [1.0, 0.0],
    }
    covariance = FAMILIES[family].from_values(np.array(values[family]), 3)
    model = Mixture(np.array([0.5, 0.5]), np.zeros((2, 3)), covariance)
    first = 0 if family == "tied" else 1
    message = f"the covariance of component {first} over dimensions [0, 1] is not positive definite"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.marginal([0, 1])
    with pytest.raises(ValueError, match="leave out a dimension that depends on the others"):
        model.condition({0: 0.0, 1: 0.0})
    if family in ("full", "tied"):
        assert model.marginal([0, 2]).n_features == 2  # what is not singular is answered


# Conditioning


@EVERY
def test_conditional_moments_by_quadrature(family):
    """E[y | x] and Var[y | x] are integrals of the joint density over y."""
    model = mixture(family, 3, 2, np.random.default_rng(2))
    x = np.array([-2.0, 0.3, 2.0])
    found = model.condition({0: x})
    for i, value in enumerate(x):

        def moment(power, value=value):
            return integrate.quad(
                lambda t: t**power * np.exp(model.log_density([[value, t]])[0]),
                -40,
                40,
                points=[*model.means[:, 1]],
                limit=200,
                epsabs=1e-14,
            )[0]

        mass, first, second = moment(0), moment(1), moment(2)
        np.testing.assert_allclose(np.exp(found.log_marginal[i]), mass, rtol=1e-7)
        np.testing.assert_allclose(found.mean[i, 0], first / mass, rtol=1e-6, atol=1e-7)
        variance = second / mass - (first / mass) ** 2
        np.testing.assert_allclose(found.total_covariance()[i, 0, 0], variance, rtol=1e-5)


def test_one_gaussian_by_the_textbook():
    model = three(seed=3, k=1, d=4)
    mean, matrix = model.means[0], model.covariances[0]
    a, b, x = [1, 2], [0, 3], np.array([0.7, -1.1])
    found = model.condition({0: 0.7, 3: -1.1})
    solved = np.linalg.solve(matrix[np.ix_(b, b)], np.column_stack([x - mean[b], matrix[b][:, a]]))
    np.testing.assert_allclose(found.means[0], mean[a] + matrix[a][:, b] @ solved[:, 0], rtol=1e-12)
    np.testing.assert_allclose(
        found.covariances[0],
        matrix[np.ix_(a, a)] - matrix[a][:, b] @ solved[:, 1:],
        rtol=1e-11,
        atol=1e-14,
    )


def test_the_order_of_what_is_given_does_not_matter():
    model = three(seed=4)
    one, two = model.condition({0: 0.5, 2: 1.0}), model.condition({-1: 1.0, 0: 0.5})
    np.testing.assert_allclose(one.means, two.means, rtol=1e-12)
    np.testing.assert_allclose(one.covariances, two.covariances, rtol=1e-12)
    np.testing.assert_allclose(one.weights, two.weights, rtol=1e-12)


def test_nothing_given_changes_nothing():
    model = three()
    assert model.condition({}) is model


def test_nothing_is_left_where_all_is_given():
    message = "every dimension is given, so nothing is left to describe: log_density"
    with pytest.raises(ValueError, match=message):
        three().condition({0: 0.0, 1: 0.0, 2: 0.0})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({0: np.nan}, "dimension 0 is given as nan: leave out what is not known"),
        ({1: np.inf}, "dimension 1 is given as inf"),
        ({0: [0.0, 1.0], 1: [0.0, -np.inf]}, "dimension 1 is given as -inf in row 1"),
        ({0: [[0.0]]}, "dimension 0 is given with shape (1, 1)"),
        ({0: [0.0, 1.0], 1: [0.0, 1.0, 2.0]}, "with different numbers of rows: [2, 3]"),
        ({3: 0.0}, "there is no dimension 3"),
        ({0: 0.0, -3: 0.0}, "dimension 0 is given twice"),
        ({"age": 0.0}, "and not as 'age'"),
    ],
)
def test_what_cannot_be_given_is_refused(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        three().condition(given)


def test_a_number_goes_with_every_row():
    model = three()
    found = model.condition({0: [0.0, 1.0], 2: 0.5})
    np.testing.assert_array_equal(found.given, [[0.0, 0.5], [1.0, 0.5]])


def test_no_rows_have_no_answers():
    found = three().condition({0: np.empty(0)})
    assert found.n_rows == 0
    assert found.mean.shape == (0, 2)
    assert found.total_covariance().shape == (0, 2, 2)
    assert found.log_density(np.empty((0, 2))).shape == (0,)
    assert found.sample(0)[0].shape == (0, 2)
    assert found.quantile(0.5, 1).shape == (0,)


# Far conditions


def test_a_far_condition_is_answered_with_a_warning_that_says_how_far():
    model = Mixture.of([0.5, 0.5], [[0.0, 0.0], [10.0, 0.0]], [1.0, 4.0], family="spherical")
    message = (
        "What is given is 45 standard deviations from the nearest component, beyond 4.9: "
        "the answer extrapolates."
    )
    with pytest.warns(FarCondition, match=f"^{re.escape(message)}$") as caught:
        found = model.condition({0: 100.0})
    assert caught[0].filename == __file__
    # (100 − 10) / 2 is nearer than 100 / 1: the wider one has it all, to 4,000 nats.
    np.testing.assert_array_equal(found.weights, [0.0, 1.0])


def test_far_rows_are_counted():
    model = Mixture.of([1.0], [[0.0, 0.0]], [1.0], family="spherical")
    message = (
        "Of 4 rows given, 2 are more than 5.2 standard deviations from every component; the "
        "farthest is row 2, at 8: the answer extrapolates."
    )
    with pytest.warns(FarCondition, match=f"^{re.escape(message)}$"):
        model.condition({0: [0.0, 7.0, -8.0, 5.0]})


def test_the_distance_is_to_a_component_that_weighs_something():
    model = Mixture.of([1.0, 0.0], [[0.0, 0.0], [50.0, 0.0]], [1.0, 1.0], family="spherical")
    with pytest.warns(FarCondition, match="is 50 standard deviations"):
        model.condition({0: 50.0})


def test_the_limit_is_the_quantile_of_the_distance():
    """Half a hair inside there is no warning, half a hair outside there is."""
    limit = np.sqrt(stats.chi2(2).isf(1e-6))
    model = Mixture.of([1.0], np.zeros((1, 3)), [1.0], family="spherical")
    side = limit / np.sqrt(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.condition({0: 0.9999 * side, 1: 0.9999 * side})
    with pytest.warns(FarCondition):
        model.condition({0: 1.0001 * side, 1: 1.0001 * side})


@EVERY
def test_rows_of_the_mixture_itself_are_not_far(family):
    model = mixture(family, 3, 3, np.random.default_rng(6))
    x = model.sample(20_000, 7)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.condition({0: x[:, 0], 1: x[:, 1]})


@EVERY
def test_the_farthest_number_is_answered(family):
    model = mixture(family, 3, 2, np.random.default_rng(8))
    with pytest.warns(FarCondition, match=r"standard deviations"):
        found = model.condition({0: 1e200})
    assert np.isfinite(found.means).all()
    np.testing.assert_allclose(found.weights.sum(), 1.0)


# Draws and quantiles of the conditional


@EVERY
def test_conditional_draws_have_the_conditional_distribution(family):
    """The probability integral transform of one draw for each of many conditions is uniform."""
    model = mixture(family, 3, 3, np.random.default_rng(9))
    x = model.sample(20_000, 10)[0]
    found = model.condition({1: x[:, 1]})
    rows, components = found.sample(11)
    for dim, column in zip(found.dims, rows.T, strict=True):
        assert stats.kstest(found.cdf(column, dim), "uniform").pvalue > 1e-6
    shares = np.bincount(components, minlength=3) / len(x)
    error = np.sqrt(model.weights * (1 - model.weights) / len(x))
    assert (np.abs(shares - model.weights) < 5.5 * error).all()


@EVERY
def test_whole_rows_are_drawn_about_what_is_given(family):
    model = mixture(family, 3, 3, np.random.default_rng(12))
    rows = model.sample_conditional({-1: 0.5}, 20_000, 13)
    assert (rows[:, 2] == 0.5).all()
    rest = model.condition({2: 0.5})
    for dim in (0, 1):
        alone = rest.marginal(dim)
        widths = np.sqrt(alone.covariances[:, 0, 0])

        def cdf(t, alone=alone, widths=widths):
            return stats.norm.cdf((t[:, None] - alone.means[:, 0]) / widths) @ alone.weights

        assert stats.kstest(rows[:, dim], cdf).pvalue > 1e-6


def test_whole_rows_for_rows_that_are_given():
    model = three(seed=14)
    x = model.sample(50, 15)[0]
    rows = model.sample_conditional({1: x[:, 1]}, random_state=16)
    np.testing.assert_array_equal(rows[:, 1], x[:, 1])
    assert (rows[:, 0] != x[:, 0]).all()
    np.testing.assert_array_equal(model.sample_conditional({1: x[:, 1]}, random_state=16), rows)
    assert model.sample_conditional({}, 4, 0).shape == (4, 3)


@pytest.mark.parametrize(
    ("given", "n", "message"),
    [
        ({0: 1.0}, None, "say how many rows to draw, n"),
        ({0: [1.0, 2.0]}, 2, "n goes with numbers: arrays have one draw for each row"),
        ({0: 1.0, 1: 1.0, 2: 1.0}, 3, "every dimension is given"),
    ],
)
def test_draws_that_are_not_to_be_had(given, n, message):
    with pytest.raises(ValueError, match=message):
        three().sample_conditional(given, n)


@EVERY
def test_conditional_quantiles_undo_the_distribution_function(family):
    model = mixture(family, 3, 3, np.random.default_rng(17))
    found = model.condition({0: model.sample(200, 18)[0][:, 0]})
    levels = [1e-12, 0.05, 0.5, 0.95, 1 - 1e-12]
    values = found.quantile(levels, 2)
    assert values.shape == (200, 5)
    for j, level in enumerate(levels):
        np.testing.assert_allclose(found.cdf(values[:, j], 2), level, rtol=1e-9)
    np.testing.assert_array_equal(found.quantile(0.5, 2), values[:, 2])


def test_the_only_dimension_left_need_not_be_named():
    model = three(d=2)
    found = model.condition({0: [0.0, 1.0]})
    np.testing.assert_array_equal(found.quantile(0.3), found.quantile(0.3, 1))
    np.testing.assert_array_equal(found.cdf(0.3), found.cdf([0.3, 0.3], 1))


def test_bad_questions_to_a_conditional():
    found = three().condition({0: [0.0, 1.0]})
    with pytest.raises(ValueError, match=re.escape("say which dimension is meant: one of [1, 2]")):
        found.quantile(0.5)
    with pytest.raises(ValueError, match=re.escape("dimension 0 is not left: these are, [1, 2]")):
        found.cdf(0.0, 0)
    with pytest.raises(ValueError, match="levels must be between 0 and 1"):
        found.quantile(1.5, 1)
    with pytest.raises(
        ValueError, match=re.escape("one row for each condition, (2, 2), not (2, 3)")
    ):
        found.log_density(np.zeros((2, 3)))
    with pytest.raises(IndexError, match="there is no row 2: there are 2"):
        found.row(2)


def test_a_conditional_covariance_is_positive_definite_wherever_the_joint_is():
    """Subtraction would give a negative variance: the rest is given to 1e-14 of its size."""
    a = np.array([[1.0, 0.0], [1.0, 1e-7]])
    model = Mixture(np.ones(1), np.zeros((1, 2)), Full((a @ a.T)[None]))
    found = model.condition({0: 0.5})
    np.testing.assert_allclose(found.covariances[0, 0, 0], 1e-14, rtol=0.1)
