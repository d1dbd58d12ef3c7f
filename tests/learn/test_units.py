"""Powers of two as units: nothing is rounded on the way there and back, and nobody sees them."""

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture
from mixtura.learn.units import Units, follows_columns
from mixtura.model.covariance import FAMILIES, Diagonal, Full, Spherical, named

SPREAD = np.array([1e-130, 3.0, 7e120])


def table(gaps=False, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 3)) + 4.0 * (np.arange(80) % 2)[:, None]
    if gaps:
        x[rng.uniform(size=x.shape) < 0.2] = np.nan
    return x


@pytest.mark.parametrize("gaps", [False, True])
def test_columns_are_of_size_one(gaps):
    x = table(gaps) * SPREAD
    units = Units.of(x, Full)
    there = units.rows(x)
    largest = np.nanmax(np.abs(there), axis=0)
    assert ((largest >= 0.5) & (largest < 1.0)).all()
    np.testing.assert_array_equal(there * units.factors, x)
    np.testing.assert_array_equal(units.factors * units.inverse, 1.0)


def test_one_unit_where_a_form_asks_for_it():
    units = Units.of(table() * [1e-3, 1.0, 1e3], Spherical)
    assert len({*units.exponents.tolist()}) == 1
    assert 0.5 <= np.abs(units.rows(table() * [1e-3, 1.0, 1e3])).max() < 1.0


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_column_of_nothing_keeps_its_unit(nothing):
    x = np.column_stack([table()[:, 0], np.full(80, nothing)])
    assert Units.of(x, Diagonal).exponents.tolist()[1] == 0


def test_whole_numbers_and_single_precision():
    x = np.array([[-8, 3], [2, 1]])
    units = Units.of(x, Full)
    np.testing.assert_array_equal(units.rows(x), [[-0.5, 0.75], [0.125, 0.25]])
    single = np.array([[1e38, 1e-40], [-3e38, 3e-42]], dtype=np.float32)
    there = Units.of(single, Full).rows(single)
    assert there.dtype == np.float32
    np.testing.assert_array_equal(np.abs(there).max(axis=0) >= 0.5, True)


@pytest.mark.parametrize("name", [*FAMILIES, "UUU:2", "UUC:1"])
def test_a_mixture_there_and_back_is_the_same(name):
    family = named(name)
    x = table() * ([1e-3, 1.0, 1e3] if follows_columns(family) else 1e-3)
    model = GaussianMixture(2, covariance_type=name, random_state=0).fit(x).mixture_
    units = Units.of(x, family)
    again = units.back(units.into(model))
    np.testing.assert_array_equal(again.means, model.means)
    np.testing.assert_array_equal(again.covariance.values, model.covariance.values)


@pytest.mark.parametrize("gaps", [False, True])
def test_objectives_are_those_of_the_rows_own_units(gaps):
    x = table(gaps) * [1e-3, 1.0, 1e3]
    begin = Mixture.of(
        [0.4, 0.6], [[0.0, 0.0, 0.0], [4e-3, 4.0, 4e3]], [[1e-6, 1.0, 1e6]] * 2, family="diag"
    )
    options = {"covariance_type": "diag", "init_params": lambda *_: begin, "accelerate": "squarem"}
    model = GaussianMixture(2, reg_covar=0.0, tol=0.0, max_iter=12, **options)
    with pytest.warns(UserWarning, match="did not converge"):
        model.fit(x)
    assert model.lower_bounds_[0] == pytest.approx(
        begin.log_density(x).mean() if not gaps else GaussianMixture.from_mixture(begin).score(x),
        rel=1e-12,
    )
    assert model.history_[0].worst_condition > 1e11  # of the columns' own units
    # What is gained is of the same size everywhere.
    changes = [record.change for record in model.history_][1:]
    np.testing.assert_allclose(changes, np.diff(model.lower_bounds_), atol=1e-12)


def test_objectives_with_a_penalty():
    """Against the formula: log likelihood less a Σ_k [tr(S Σ_k⁻¹) + log|2πΣ_k|], per row."""
    x = table() * [1e-3, 1.0, 1e3]
    begin = Mixture.of(
        [0.4, 0.6], [[0.0, 0.0, 0.0], [4e-3, 4.0, 4e3]], [np.diag([2e-6, 1.0, 1e6])] * 2
    )
    with pytest.warns(UserWarning, match="did not converge"):
        model = GaussianMixture(
            2, init_params=lambda *_: begin, accelerate="squarem", max_iter=1, tol=0.0
        ).fit(x)
    spread = np.cov(x.T, bias=True)
    each = [
        np.trace(np.linalg.solve(c, spread)) + np.linalg.slogdet(2.0 * np.pi * c)[1]
        for c in begin.covariances
    ]
    expected = begin.log_density(x).mean() - len(x) ** -0.5 * sum(each) / len(x)
    assert model.lower_bound_ == pytest.approx(expected, rel=1e-12)
