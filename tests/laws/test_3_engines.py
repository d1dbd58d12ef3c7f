"""Every engine folds to the statistics of the memory engine."""

import numpy as np
import pytest

from mixtura.engines.batches import Batches
from mixtura.engines.memory import Memory
from mixtura.estimators.passes import Rows
from mixtura.learn.expectation import e_step, labels, log_density, responsibilities
from tests.laws.drawn import assert_identical, mixture, rows

N, K, D = 700, 3, 4


def batches(x, w, **options):
    return Batches(Rows(x, w), weight=w is not None, **options)


ENGINES = {"batches": batches}
"""Beside the memory engine: from rows, weights and options to data."""


@pytest.mark.parametrize("elsewhere", ENGINES.values(), ids=[*ENGINES])
@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
def test_statistics_are_those_of_the_memory_engine(elsewhere, gaps, family):
    rng = np.random.default_rng(0)
    model = mixture(family, K, D, rng)
    x, w = rows(model, N, rng), rng.uniform(0.0, 2.0, N)
    if gaps:
        x[rng.uniform(size=x.shape) < 0.2] = np.nan
    for dtype in (np.float64, np.float32):
        for weights in (w, None):
            here = Memory(x.astype(dtype), weights, incomplete=gaps, block_rows=90)
            there = elsewhere(x.astype(dtype), weights, incomplete=gaps, block_rows=90)
            assert_identical(there.fold(e_step, model), here.fold(e_step, model))
    for kernel in (labels, log_density, responsibilities):
        np.testing.assert_array_equal(there.map(kernel, model), here.map(kernel, model))
