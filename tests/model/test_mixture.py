import dataclasses
import re

import numpy as np
import pytest

from mixtura import Full, Mixture, Tied
from mixtura.model.covariance import FAMILIES, Covariance

TWO = {"weights": [0.3, 0.7], "means": [[0.0, 0.0], [4.0, 1.0]], "covariances": [1.0, 2.0]}
EYES = [np.eye(2), np.eye(2)]


def of(family="spherical", **changes):
    return Mixture.of(**{**TWO, **changes}, family=family)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"family": "diagonal"},
            "no covariance family 'diagonal': choose one of ['full', 'tied', ",
        ),
        ({"weights": 1.0}, "weights must have shape (K,), but have shape ()"),
        ({"weights": []}, "weights must have shape (K,), but have shape (0,)"),
        ({"weights": [[0.3, 0.7]]}, "weights must have shape (K,), but have shape (1, 2)"),
        ({"means": [0.0, 4.0]}, "means must have shape (2, D), but have shape (2,)"),
        ({"means": [[0.0]]}, "means must have shape (2, D), but have shape (1, 1)"),
        ({"means": [[], []]}, "means must have shape (2, D), but have shape (2, 0)"),
        (
            {"covariances": [1.0]},
            "spherical covariances of 2 components in 2 dimensions must have shape (2,), "
            "but have shape (1,)",
        ),
        ({"family": "full"}, "must have shape (2, 2, 2), but have shape (2,)"),
        (
            {"family": "tied", "covariances": EYES},
            "must have shape (2, 2), but have shape (2, 2, 2)",
        ),
        ({"weights": [np.nan, 1.0]}, "weights hold NaN or infinity"),
        ({"means": [[0.0, np.inf], [1.0, 1.0]]}, "means hold NaN or infinity"),
        ({"covariances": [1.0, np.nan]}, "covariances hold NaN or infinity"),
        ({"weights": [-0.1, 1.1]}, "weights must not be negative"),
        ({"weights": [0.0, 0.0]}, "their sum positive and finite"),
        ({"weights": [1e308, 1e308]}, "their sum positive and finite"),
        (
            {"covariances": [1.0, 0.0]},
            "the covariance of component 1 is not symmetric and positive",
        ),
        (
            {"covariances": [-1.0, 1.0]},
            "the covariance of component 0 is not symmetric and positive",
        ),
        (
            {"family": "diag", "covariances": [[1.0, 1.0], [1.0, -1.0]]},
            "the covariance of component 1 is not symmetric and positive",
        ),
        (
            {"family": "full", "covariances": [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]]},
            "the covariance of component 1 is not symmetric and positive",
        ),
        (
            {"family": "full", "covariances": [[[1.0, 0.1], [0.0, 1.0]], np.eye(2)]},
            "the covariance of component 0 is not symmetric and positive",
        ),
        (
            {"family": "tied", "covariances": np.ones((2, 2))},
            "the covariance of component 0 is not symmetric and positive",
        ),
    ],
)
def test_what_is_no_mixture_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        of(**changes)


def test_text_is_refused():
    with pytest.raises(ValueError, match="could not convert"):
        of(weights=["a", "b"])


def test_weights_are_divided_by_their_sum():
    np.testing.assert_allclose(of(weights=[3, 7]).weights, [0.3, 0.7])


def test_a_mixture_does_not_follow_the_arrays_that_it_was_made_from():
    weights, means, covariances = np.array([0.5, 0.5]), np.zeros((2, 2)), np.ones(2)
    mixture = of(weights=weights, means=means, covariances=covariances)
    weights[:], means[:], covariances[:] = 9.0, 9.0, 9.0
    np.testing.assert_array_equal(mixture.weights, 0.5)
    np.testing.assert_array_equal(mixture.means, 0.0)
    np.testing.assert_array_equal(mixture.covariance.values, 1.0)


def test_a_mixture_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        of().weights = np.ones(2)


def test_a_family_may_be_given_by_its_class():
    assert type(of(family=Full, covariances=EYES).covariance) is Full


def test_repr_says_family_and_sizes():
    assert repr(of()) == "Mixture(spherical, n_components=2, n_features=2)"


@pytest.mark.parametrize(
    ("family", "n"), [("full", 11), ("tied", 8), ("diag", 9), ("spherical", 7)]
)
def test_free_parameters(family, n):
    values = {"full": EYES, "tied": np.eye(2), "diag": np.ones((2, 2)), "spherical": [1, 1]}
    assert of(family=family, covariances=values[family]).n_parameters == n


def test_moments_of_the_whole():
    mixture = of()
    np.testing.assert_allclose(mixture.mean, [2.8, 0.7])
    # Within 0.3·1 + 0.7·2, and between 0.3·0.7·(4, 1)(4, 1)ᵀ.
    expected = 1.7 * np.eye(2) + 0.21 * np.outer([4, 1], [4, 1])
    np.testing.assert_allclose(mixture.total_covariance(), expected)


@pytest.mark.parametrize("method", ["log_joint", "log_density", "responsibilities"])
def test_rows_of_another_width_are_refused(method):
    for rows, shape in (([[1.0]], "(1, 1)"), ([1.0, 2.0], "(2,)"), (3.0, "()")):
        with pytest.raises(ValueError, match=re.escape(f"must have shape (n, 2), not {shape}")):
            getattr(of(), method)(rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_rows_have_no_densities(family):
    k, d = 2, 2
    form = FAMILIES[family]
    unit = form.estimate(np.ones(k), form.moment.copies(np.eye(d), k), d)
    mixture = of(family=family, covariances=unit.values)
    nothing = np.empty((0, 2))
    assert mixture.log_joint(nothing).shape == (0, 2)
    assert mixture.log_density(nothing).shape == (0,)
    assert mixture.responsibilities(nothing).shape == (0, 2)
    assert mixture.sample(0, 0)[0].shape == (0, 2)


def test_components_can_be_taken_out_and_repeated():
    mixture = of().rearranged([1])
    np.testing.assert_array_equal(mixture.weights, [1.0])
    np.testing.assert_array_equal(mixture.means, [[4.0, 1.0]])
    twice = of().rearranged([0, 0, 1])
    np.testing.assert_allclose(twice.weights, np.array([0.3, 0.3, 0.7]) / 1.3)


def test_every_family_is_final_and_answers_every_question():
    for name, family in FAMILIES.items():
        assert family.name == name
        assert not family.__abstractmethods__
        assert not family.__subclasses__()
        assert issubclass(family, Covariance)
        assert not set(family.__mro__[1:]) & {*FAMILIES.values()}


def test_tied_covariances_are_shared():
    mixture = of(family="tied", covariances=[[2.0, 0.5], [0.5, 1.0]])
    assert isinstance(mixture.covariance, Tied)
    np.testing.assert_array_equal(mixture.covariances[0], mixture.covariances[1])
