"""Rubin's rules against their textbook forms, and what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm, t

from mixtura import rubin


def test_against_the_rules_written_out():
    rng = np.random.default_rng(0)
    q, u, m, complete = rng.normal(size=(6, 3)), rng.uniform(0.1, 1.0, (6, 3)), 6, 40.0
    pooled = rubin(q, u, level=0.9, complete_degrees_of_freedom=complete)
    within, between = u.mean(axis=0), q.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    part = (1 + 1 / m) * between / total
    old = (m - 1) / part**2
    observed = (complete + 1) / (complete + 3) * complete * (1 - part)
    freedom = old * observed / (old + observed)
    assert_allclose(pooled.estimate, q.mean(axis=0))
    assert_allclose(pooled.variance, total)
    assert_allclose(pooled.degrees_of_freedom, freedom)
    assert_allclose(pooled.missing_information, part)
    half = t(freedom).ppf(0.95) * np.sqrt(total)
    assert_allclose(pooled.low, q.mean(axis=0) - half)
    assert_allclose(pooled.high, q.mean(axis=0) + half)


def test_of_large_tables_the_freedom_is_rubins_own():
    pooled = rubin([9.0, 10.0, 11.0], [1.0, 1.0, 1.0])
    part = (4 / 3) / (1 + 4 / 3)
    assert_allclose(pooled.degrees_of_freedom, 2 / part**2)
    assert all(isinstance(value, float) for value in pooled)


def test_where_tables_agree_nothing_is_missing():
    pooled = rubin([2.0, 2.0], [0.25, 0.25])
    assert pooled.missing_information == 0
    assert pooled.degrees_of_freedom == np.inf
    assert_allclose([pooled.low, pooled.high], norm(2.0, 0.5).interval(0.95))


def test_where_the_analysis_has_no_error_of_its_own():
    pooled = rubin([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    assert_allclose(pooled.degrees_of_freedom, 2.0)
    assert pooled.missing_information == 1.0
    assert rubin([1.0, 2.0], [0.0, 0.0], complete_degrees_of_freedom=9).degrees_of_freedom == 0.0


@pytest.mark.parametrize(
    ("estimates", "variances", "options", "says"),
    [
        ([1.0, 2.0], [1.0], {}, r"one shape, \(m,\) or \(m, P\), but have \(2,\) and \(1,\)"),
        ([1.0], [1.0], {}, "two tables at the least, but there is 1"),
        ([1.0, np.nan], [1.0, 1.0], {}, "hold NaN or infinity"),
        ([1.0, 2.0], [1.0, -1.0], {}, "variances must not be negative"),
        ([1.0, 2.0], [1.0, 1.0], {"level": 1.0}, "level must be between 0 and 1, but is 1.0"),
        (
            [1.0, 2.0],
            [1.0, 1.0],
            {"complete_degrees_of_freedom": 0},
            "complete_degrees_of_freedom must be positive, not 0",
        ),
    ],
)
def test_what_cannot_be_pooled(estimates, variances, options, says):
    with pytest.raises(ValueError, match=says):
        rubin(estimates, variances, **options)
