"""The M-step undoes the expectation, and where EM ends the objective is flat."""

import numpy as np
import pytest
from hypothesis import given

from mixtura.learn.maximization import m_step
from mixtura.learn.statistics import Statistics
from tests.laws.drawn import (
    COMPONENTS,
    FEATURES,
    SEEDS,
    assert_mixtures_close,
    mixture,
    quickly,
)
from tests.laws.registries import PRIORS
from tests.laws.runs import Run


@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly(50)
def test_the_m_step_of_what_is_expected_is_the_mixture(family, k, d, seed):
    rng = np.random.default_rng(seed)
    model = mixture(family, k, d, rng)
    found = m_step(Statistics.expected(model, rng.uniform(1, 1e6)), family)
    assert_mixtures_close(found, model, 1e-14)
    assert_mixtures_close(
        m_step(Statistics.expected(model, 10.0).shifted(rng.normal(size=(k, d))), family),
        model,
        1e-12,
    )


def gradient(function, vector, step=1e-5):
    slopes = []
    for j in range(len(vector)):
        there, back = vector.copy(), vector.copy()
        there[j] += step
        back[j] -= step
        slopes.append((function(there) - function(back)) / (2 * step))
    return np.array(slopes)


@pytest.mark.parametrize("name", ["none", *PRIORS])
def test_where_em_ends_the_score_is_zero(family, name):
    rng = np.random.default_rng(12)
    k = 3
    x = np.vstack([rng.normal(size=(40, 2)) @ rng.normal(size=(2, 2)) + 4 * j for j in range(k)])
    run = Run(
        x, np.repeat(np.arange(k), 40), family, k, prior=PRIORS.get(name), tol=1e-15, max_iter=3000
    )
    end = run.fit.mixture

    def objective(vector):
        return run.objective(end.from_vector(vector))

    vector = end.to_vector()
    assert np.abs(gradient(objective, vector)).max() < 3e-7
    # The same test sees a mixture that is a little beside the end.
    elsewhere = vector + 1e-3 * rng.normal(size=vector.shape)
    assert np.abs(gradient(objective, elsewhere)).max() > 3e-5
