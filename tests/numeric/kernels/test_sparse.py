"""What the sparse dialect leaves out; that it is right is a law."""

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.numeric.kernels import sparse


def apart(distance, k=30, d=5):
    """Components with unit covariances, their means so many standard deviations apart, or more."""
    rng = np.random.default_rng(1)
    means = distance * rng.permutation(np.array(np.meshgrid(*[range(3)] * d)).reshape(d, -1).T)[:k]
    return Mixture.of(np.ones(k), means, np.repeat(np.eye(d)[None], k, axis=0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tiles_of_one_component_have_to_do_with_it_alone(dtype):
    model = apart(20.0)
    x = np.repeat(model.means, sparse.TILE, axis=0)
    x = (x + np.random.default_rng(2).normal(size=x.shape)).astype(dtype)
    assert sparse.density_of(x, model.operands) == 1 / 30


def test_tiles_of_all_components_have_to_do_with_all():
    model = apart(20.0)
    x = np.tile(model.means, (sparse.TILE, 1))
    x = x + np.random.default_rng(3).normal(size=x.shape)
    assert sparse.density_of(x, model.operands) == 1.0


def test_components_near_one_another_are_never_left_out():
    model = apart(2.0)
    x, components = model.sample(8_000, 4)
    assert sparse.density_of(x[np.argsort(components)], model.operands) > 0.9


def test_the_threshold_is_that_of_floating_point():
    """Two components: at log odds of -36 the second is seen in float64, at -43 it is not."""
    for odds, part in ((36.0, 1.0), (43.0, 0.5)):
        model = Mixture.of([0.5, 0.5], [[0.0] * 5, [1.0] + [0.0] * 4], [np.eye(5)] * 2)
        x = np.zeros((sparse.TILE, 5))
        x[:, 0] = 0.5 - odds
        assert sparse.density_of(x, model.operands) == part
