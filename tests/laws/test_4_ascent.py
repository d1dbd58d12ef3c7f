"""EM never lowers its objective: not with a prior, not with a floor, not on nasty rows.

Nor does an accelerated fit; and each of its steps gains no less than EM's own is sure to gain.
"""

import numpy as np
import pytest

from mixtura.learn.acceleration import Lbfgs
from mixtura.learn.gradient import covers
from tests.laws.drawn import EPS
from tests.laws.registries import PRIORS, numbered
from tests.laws.runs import Run


def ordinary(rng):
    return np.vstack([rng.normal(size=(30, 3)), rng.normal(size=(20, 3)) * 0.3 + 2.0])


def duplicates(rng):
    return np.repeat(rng.normal(size=(6, 2)), 5, axis=0)


def fewer_distinct_rows_than_components(rng):
    return np.repeat(rng.normal(size=(3, 2)), [9, 4, 7], axis=0)


def constant_column(rng):
    return np.column_stack([rng.normal(size=40), np.full(40, 3.0), rng.normal(size=40)])


def collinear_columns(rng):
    x = rng.normal(size=(40, 2))
    return np.column_stack([x, x @ [2.0, -1.0] + 5.0])


def fewer_rows_than_columns(rng):
    return rng.normal(size=(7, 9))


def one_row_far_away(rng):
    return np.vstack([rng.normal(size=(30, 2)), [[1e4, -1e4]]])


def other_units(rng):
    return rng.normal(size=(40, 3)) * [1e-6, 1.0, 1e6] + [1e-5, -3.0, 1e7]


NASTY = [
    ordinary,
    duplicates,
    fewer_distinct_rows_than_components,
    constant_column,
    collinear_columns,
    fewer_rows_than_columns,
    one_row_far_away,
    other_units,
]


def assert_rises(run):
    rises = np.diff(run.objectives)
    stretch = max(run.stretch(mixture) for mixture in run.mixtures)
    d = run.data.n_features
    rounding = EPS * (64 * np.abs(run.objectives).max() + 16 * d * stretch)
    assert np.isfinite(run.objectives).all()
    assert rises.min() >= -rounding, f"{rises.min()} in iteration {rises.argmin() + 2}"


def runs(rows, family, seeds=range(4), max_iter=40, **options):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        x = rows(rng)
        k = (1, 2, 4, 5)[seed]
        yield Run(x, rng.integers(0, k, len(x)), family, k, max_iter=max_iter, **options), x


BRIEFLY = {"seeds": (1, 3), "max_iter": 25}
"""Where others see to the rest: one and four components are in the runs without a prior."""


@pytest.mark.parametrize("rows", NASTY)
def test_with_a_prior(family, prior, rows):
    for run, _ in runs(rows, family, prior=prior, **BRIEFLY):
        assert_rises(run)


@pytest.mark.parametrize("rows", NASTY)
def test_without_a_prior(family, rows):
    for run, _ in runs(rows, family):
        assert_rises(run)


@pytest.mark.parametrize("beside", [None, PRIORS["penalty"]], ids=["alone", "penalty"])
@pytest.mark.parametrize("rows", NASTY)
def test_with_a_variance_floor(family, beside, rows):
    floor = 0.05 * rows(np.random.default_rng(0)).var(axis=0) + 1e-3
    for run, _ in runs(rows, family, prior=beside, floor=floor, **BRIEFLY):
        assert_rises(run)
        for mixture in run.mixtures:
            root = np.sqrt(floor)
            present = mixture.weights > 0  # a component without rows keeps what it had
            scaled = mixture.covariances[present] / root / root[:, None]
            assert np.linalg.eigvalsh(scaled).min() >= 1 - 1e-9


@numbered
def test_ordinary_rows_rise_but_for_the_last_digits(family):
    run, _ = next(runs(ordinary, family))
    assert np.diff(run.objectives).min() > -1e-14 * np.abs(run.objectives).max()


@pytest.mark.parametrize("rows", NASTY)
def test_accelerated_with_a_prior(family, prior, accelerator, rows):
    skip_plain(family, accelerator)
    for run, _ in runs(rows, family, prior=prior, accelerate=accelerator, **BRIEFLY):
        assert_rises(run)
        assert_the_end_is_no_lower(run)


@pytest.mark.parametrize("rows", NASTY)
def test_accelerated_without_a_prior(family, accelerator, rows):
    skip_plain(family, accelerator)
    for run, _ in runs(rows, family, accelerate=accelerator, **BRIEFLY):
        assert_rises(run)
        assert_the_end_is_no_lower(run)


def skip_plain(family, accelerator):
    if isinstance(accelerator, Lbfgs) and not covers(family):
        pytest.skip("its gradient is not known: it goes by EM's own steps")


def assert_the_end_is_no_lower(run):
    stretch = max(run.stretch(mixture) for mixture in run.mixtures)
    rounding = EPS * (64 * np.abs(run.objectives).max() + 16 * run.data.n_features * stretch)
    assert run.objective(run.fit.mixture) >= run.objectives.max() - rounding


@pytest.mark.parametrize("name", ["none", *PRIORS])
def test_steps_gain_what_those_of_em_gain(family, accelerator, name):
    """SQUAREM: no less than the first of two plain steps. L-BFGS: than a plain step surely does."""
    skip_plain(family, accelerator)
    taken = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = np.vstack([rng.normal(size=(60, 2)) + 1.5 * j for j in range(3)])
        run = Run(
            x,
            rng.integers(0, 3, len(x)),
            family,
            3,
            prior=PRIORS.get(name),
            accelerate=accelerator,
            max_iter=40,
        )
        rounding = 1e-13 * np.abs(run.objectives).max()
        for i, record in enumerate(run.fit.history):
            if record.step == "squarem":  # it began at θ₀, and was at θ₁ before it came here
                origin, statistics = run.visited[i - 2]
                plain = run.maximize(statistics, origin)
                assert record.objective >= run.objective(plain) - rounding
            if record.step == "lbfgs":
                origin, statistics = run.visited[i - 1]
                total = run.maximize.total(statistics)
                plain = total.complete_log_likelihood(run.maximize(statistics, origin))
                sure = (plain - total.complete_log_likelihood(origin)) / statistics.n_rows
                assert sure >= -rounding
                assert record.change >= sure - rounding
            taken += record.step in ("squarem", "lbfgs")
    assert taken > 10
