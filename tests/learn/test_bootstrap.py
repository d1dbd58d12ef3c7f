"""Row weights of replicates have the moments that theory says; components keep their order."""

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.learn.bootstrap import Replicates, aligned, counts, shares
from mixtura.learn.chart import chart
from mixtura.learn.parameters import Parameters
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

DRAWS = 4000


@pytest.mark.parametrize("draw", [counts, shares])
def test_weights_add_up_and_have_the_moments_of_their_distribution(draw):
    rng, weights = np.random.default_rng(0), np.array([1.0, 1.0, 3.0, 5.0])
    drawn = np.array([draw(weights, rng) for _ in range(DRAWS)])
    np.testing.assert_allclose(drawn.sum(axis=1), 10.0)
    p = weights / 10.0
    # Multinomial: n p (1 - p). Dirichlet of w, times n: n² p (1 - p) / (n + 1).
    variance = 10.0 * p * (1 - p) if draw is counts else 100.0 * p * (1 - p) / 11.0
    error = np.sqrt(variance / DRAWS)
    assert (np.abs(drawn.mean(axis=0) - weights) < 4.5 * error).all()
    # The variance of a variance of DRAWS numbers, from their fourth moment.
    centred = (drawn - weights) ** 2
    spread = centred.std(axis=0) / np.sqrt(DRAWS)
    assert (np.abs(centred.mean(axis=0) - variance) < 4.5 * spread).all()


def test_a_row_without_weight_is_never_drawn():
    rng, weights = np.random.default_rng(1), np.array([0.0, 2.0, 3.0])
    assert all(draw(weights, rng)[0] == 0 for draw in (counts, shares) for _ in range(20))


def test_components_come_in_the_order_of_the_first_mixture():
    rng = np.random.default_rng(2)
    for family in FAMILIES.values():
        model = mixture(family, 3, 2, rng, separation=5.0)
        other = model.rearranged([2, 0, 1])
        found = aligned(model, other)
        np.testing.assert_array_equal(found.means, model.means)
        np.testing.assert_allclose(found.weights, model.weights)
        np.testing.assert_allclose(found.covariances, model.covariances)


def line(weights, means):
    return Mixture.of(weights, np.array(means)[:, None], np.ones((2, 1, 1)))


def test_what_replicates_say_together():
    centre = line([0.5, 0.5], [0.0, 9.0])
    parameters = Parameters.of(centre, chart(centre))
    others = [line([0.4, 0.6], [0.1, 9.3]), line([0.4, 0.6], [9.1, 0.3])]  # the second is turned
    found = Replicates.of(parameters, centre, others, 100.0)
    np.testing.assert_allclose(found.values[:, :4], [[0.4, 0.6, 0.1, 9.3], [0.6, 0.4, 0.3, 9.1]])
    np.testing.assert_allclose(found.covariance, np.cov(found.values.T), atol=1e-15)
    low, high = found.intervals(0.5)
    np.testing.assert_allclose(low[2:4], [0.15, 9.15])
    np.testing.assert_allclose(high[2:4], [0.25, 9.25])


def test_of_a_component_that_vanished_only_the_weight_counts():
    centre = line([0.5, 0.5], [0.0, 9.0])
    parameters = Parameters.of(centre, chart(centre))
    others = [line([0.5, 0.5], [a, 9.0]) for a in (0.0, 0.2)] + [line([0.005, 0.995], [50.0, 9.0])]
    found = Replicates.of(parameters, centre, others, 100.0)
    assert found.vanished.sum() == 1
    assert found.vanished[2].sum() == 1
    gone = int(np.flatnonzero(found.vanished[2])[0])
    assert np.isnan(found.values[2]).sum() == 2  # mean and variance
    assert found.values[2, gone] == 0.005
    seen = found.values[:2, 2 + gone]
    np.testing.assert_allclose(found.covariance[2 + gone, 2 + gone], np.var(seen, ddof=1))
