"""A run in compiled code is the run of the loop: the same objectives, the same mixture."""

import pickle

import numpy as np
import pytest

from mixtura.engines.memory import Memory
from mixtura.learn import initial
from mixtura.learn.acceleration import Squarem
from mixtura.learn.brief import brief, is_brief, several
from mixtura.learn.compact import FORMS, Compact
from mixtura.learn.data import Block
from mixtura.learn.em import Outcome, em, little_to_gain
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Bounds, Maximization
from mixtura.learn.spread import floors
from mixtura.model.covariance import SPELLINGS
from mixtura.model.covariance.aligned import Aligned
from tests.laws.registries import PRIORS

K = 4
BOUNDS = {
    "free": lambda variances: None,
    "ridge": lambda variances: Bounds(ridge=1e-3),
    "floor": lambda variances: Bounds(floor=0.3 * variances),
    "both": lambda variances: Bounds(floor=0.2 * variances, ridge=1e-4),
}


class Setting:
    """Rows, a start and an M-step, and the run from there either way."""

    def __init__(self, x, family, *, prior=None, bounds="free", weights=None, labels=None, k=K):
        rng = np.random.default_rng(5)
        labels = rng.integers(0, k, len(x)) if labels is None else labels
        self.x, self.weights = x, np.ones(len(x)) if weights is None else weights
        self.data = Memory(x, self.weights, labels, threads=1)
        whole = initial.total(self.data)
        covariance = whole.covariances[0]
        variances = np.diagonal(covariance)
        self.maximize = Maximization(
            family,
            None if prior is None else PRIORS[prior](whole.mean, covariance, k),
            floors(variances),
            BOUNDS[bounds](variances),
        )
        self.model = initial.alike(whole, family, k)
        self.start = initial.from_memberships(self.data, self.model, self.maximize)
        self.left = []

    def expect(self, mixture):
        return self.data.fold(e_step, mixture)

    def loop(self, tol, max_iter, start=None, objective=-np.inf, **options):
        begin = self.start if start is None else start
        rule = {"tol": tol, "max_iter": max_iter, "objective": objective}
        return em(begin, self.expect, self.maximize, **rule, **options)

    def compiled(self, tol, max_iter, go_on=None, **options):
        def loop(mixture, left, objective):
            self.left.append(left)
            return self.loop(tol, left, mixture, objective)

        assert is_brief(len(self.x), self.model, self.maximize, max_iter)
        return brief(
            Compact.of(Block(self.x, self.weights), self.model, self.maximize),
            self.start,
            tol=tol,
            max_iter=max_iter,
            objective=-np.inf,
            go_on=go_on or loop,
            **options,
        )


def overlapping(n=300, d=3):
    """Rows in columns of very different units, far from zero."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    x[: n // 3] += 3.0
    return x * 10.0 ** np.arange(-2, d - 2) + 50.0


def assert_same(found, expected, atol=1e-9):
    # Axes that all have in common are found by other steps than the loop's, and a run from a start
    # without any groups magnifies their last digits.
    aligned = isinstance(expected.mixture.covariance, Aligned)
    rtol, atol = (1e-6, max(atol, 1e-6)) if aligned else (1e-8, atol)
    assert found.outcome is expected.outcome
    assert len(found.history) == len(expected.history)
    for field in ("objective", "change", "smallest_weight"):
        a = [getattr(record, field) for record in found.history]
        b = [getattr(record, field) for record in expected.history]
        np.testing.assert_allclose(a, b, atol=atol)
    # A ratio of differences: rounding of the objectives counts many times over.
    a, b = ([record.remaining for record in fit.history] for fit in (found, expected))
    np.testing.assert_allclose(a, b, rtol=1e-2 if aligned else 1e-4, atol=100 * atol)
    a = [record.worst_condition for record in found.history]
    b = [record.worst_condition for record in expected.history]
    np.testing.assert_allclose(a, b, rtol=1e-4 if aligned else 1e-6)
    one, two = found.mixture, expected.mixture
    np.testing.assert_allclose(one.weights, two.weights, atol=atol)
    np.testing.assert_allclose(one.means, two.means, rtol=rtol)
    scale = np.sqrt(np.einsum("kii->ki", two.covariances))
    difference = (one.covariances - two.covariances) / scale[:, :, None] / scale[:, None, :]
    np.testing.assert_allclose(difference, 0.0, atol=rtol)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("with_prior", [None, *PRIORS])
def test_every_iteration_is_that_of_the_loop(family, with_prior, bounds):
    weights = np.random.default_rng(1).integers(1, 4, 300).astype(float)
    setting = Setting(overlapping(), family, prior=with_prior, bounds=bounds, weights=weights)
    if family.letters in FORMS and bounds in ("ridge", "both"):
        assert not is_brief(300, setting.model, setting.maximize, 25)
        return
    found, expected = setting.compiled(0.0, 25), setting.loop(0.0, 25)
    if family.letters in FORMS and setting.left:
        # At a floor the loop takes over, in which a form is the likelier of two, whichever it is.
        # Under a prior with a mean elsewhere a component comes to have no rows.
        assert bounds == "floor" or with_prior == "normal-inverse-wishart"
        count = 26 - setting.left[0]
        assert count > (1 if bounds == "floor" else 20)
        a, b = ([record.objective for record in fit.history[:count]] for fit in (found, expected))
        np.testing.assert_allclose(a, b, atol=1e-9)
        return
    assert_same(found, expected)


@pytest.mark.parametrize("d", [1, 2, 5, 6])
@pytest.mark.parametrize("n", [40, 256, 257, 700])
def test_every_size(family, d, n):
    # The loop knows forms in the rows' own units alone: columns of other ones cost it digits.
    x = overlapping(n, d) / (10.0 ** np.arange(-2, d - 2) if family.letters in FORMS else 1.0)
    setting = Setting(x, family, prior="penalty", k=2)
    assert_same(setting.compiled(0.0, 10), setting.loop(0.0, 10))


def test_it_stops_where_the_loop_stops(family):
    setting = Setting(overlapping(), family, prior="penalty")
    expected = setting.loop(1e-4, 500)
    assert expected.outcome is Outcome.converged
    assert_same(setting.compiled(1e-4, 500), expected)
    assert setting.left == []


def test_it_stops_where_the_loop_sees_little_to_gain(family):
    setting = Setting(overlapping(), family, prior="penalty")
    expected = setting.loop(1e-4, 500, rest=little_to_gain)
    assert expected.outcome is Outcome.converged
    if family.letters != "VVE":  # for which both come to the same
        assert len(expected.history) != len(setting.loop(1e-4, 500).history)
    assert_same(setting.compiled(1e-4, 500, ahead=True), expected)
    assert setting.left == []


def test_a_long_way_is_left_to_an_accelerator(family):
    """The first part is that of the loop; from its end the loop has the iterations that are left.

    The objective of the rest begins no lower, and its records are its own.
    """
    setting, seen = Setting(overlapping(), family, prior="penalty"), []

    def go_on(mixture, left, objective):
        fit = setting.loop(
            1e-12, left, mixture, objective, rest=little_to_gain, accelerate=Squarem()
        )
        seen.append((left, objective, fit))
        return fit

    found = setting.compiled(1e-12, 3_000, go_on, ahead=True, far=2.0)
    [(left, objective, rest)] = seen
    count = 3_000 - left
    assert 50 <= count < 500
    assert len(found.history) == count + len(rest.history)
    assert list(found.history[count:]) == list(rest.history)
    assert found.outcome is Outcome.converged
    assert found.mixture is rest.mixture
    expected = setting.loop(0.0, count)
    np.testing.assert_allclose(
        [record.objective for record in found.history[:count]],
        [record.objective for record in expected.history],
        atol=1e-9,
    )
    assert objective == found.history[count - 1].objective
    assert rest.history[0].objective >= objective - 1e-12


@pytest.mark.parametrize("far", [np.inf, 1e9])
def test_a_run_that_is_not_slow_stays(family, far):
    setting = Setting(overlapping(), family, prior="penalty")
    setting.compiled(1e-4, 20_000, ahead=True, far=far)
    assert setting.left == []


def starts(setting, n=5):
    rng = np.random.default_rng(8)
    labels = rng.integers(0, K, (n, len(setting.x)))
    data = [Memory(setting.x, setting.weights, given, threads=1) for given in labels]
    return [initial.from_memberships(part, setting.model, setting.maximize) for part in data]


def never(*args):
    raise AssertionError("nothing here needs care")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_several_at_once_are_the_runs_one_by_one(family, weighted, threads):
    setting = Setting(overlapping(), family, prior="penalty")
    begin = starts(setting)
    rule = {"tol": 1e-4, "max_iter": 40, "ahead": True}
    rows = Compact.of(Block(setting.x, setting.weights), setting.model, setting.maximize)
    weights = np.random.default_rng(4).integers(1, 4, (5, 300)) if weighted else None
    weights = None if weights is None else weights.astype(float)
    found = several(rows, begin, weights=weights, go_on=never, threads=threads, **rule)
    for number, (fit, start) in enumerate(zip(found, begin, strict=True)):
        block = Block(setting.x, setting.weights if weights is None else weights[number])
        alone = Compact.of(block, setting.model, setting.maximize)
        expected = brief(alone, start, objective=-np.inf, go_on=never, **rule)
        assert_same(fit, expected, atol=1e-12)


def test_one_of_several_that_needs_care_goes_on_by_itself(family):
    setting = Setting(overlapping(), family, prior="penalty")
    begin, asked = starts(setting, 3), []
    none = np.arange(300) % (K - 1)
    begin[1] = initial.from_memberships(
        Memory(setting.x, memberships=none), setting.model, setting.maximize
    )

    def go_on(number, mixture, left, objective):
        asked.append((number, left))
        return setting.loop(0.0, left, mixture, objective)

    rows = Compact.of(Block(setting.x, setting.weights), setting.model, setting.maximize)
    found = several(rows, begin, tol=0.0, max_iter=5, go_on=go_on)
    assert asked == [(1, 5)]
    for fit, start in zip(found, begin, strict=True):
        assert_same(fit, setting.loop(0.0, 5, start))


def test_records_are_a_sequence_made_when_asked_for(family):
    history = Setting(overlapping(), family, prior="penalty").compiled(0.0, 7).history
    records = [*history]
    assert len(history) == len(records) == 7
    assert history[-1] == history[6] == records[-1]
    assert list(history[2:5]) == records[2:5]
    assert pickle.loads(pickle.dumps(history))[3] == records[3]
    with pytest.raises(IndexError):
        history[7]


def test_what_needs_care_goes_on_in_the_loop(family):
    """Two groups a million standard deviations apart: κ is beyond what is taken lightly."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    x[:100] += 1e6
    labels = np.repeat([0, 1], 100)
    setting = Setting(x, family, prior="penalty", labels=labels, k=2)
    setting.maximize = Maximization(family, None, setting.maximize.floor)
    setting.start = initial.from_memberships(setting.data, setting.model, setting.maximize)
    found = setting.compiled(0.0, 8)
    assert setting.left
    assert_same(found, setting.loop(0.0, 8))


def test_components_that_collapse_are_held_by_the_floor(family):
    """Few distinct rows: without a prior, covariances go down to the size of rounding."""
    x = np.repeat(np.random.default_rng(2).normal(size=(5, 2)), 8, axis=0)
    setting = Setting(x, family, labels=np.arange(40) % K)
    found, expected = setting.compiled(0.0, 60), setting.loop(0.0, 60)
    assert len(found.history) == len(expected.history)
    assert np.isfinite([record.objective for record in found.history]).all()
    assert not found.mixture.covariance.degenerate(K).any()
    changes = np.array([record.change for record in found.history[1:]])
    assert changes.min() > -1e-6 * max(1.0, abs(found.objective))


def test_a_component_without_rows_is_left_to_the_loop(family):
    setting = Setting(overlapping(), family, prior="penalty", labels=np.arange(300) % (K - 1))
    found = setting.compiled(0.0, 5)
    assert setting.left == [5]
    assert_same(found, setting.loop(0.0, 5))


def test_many_rows_and_foreign_constraints_are_not_brief(family):
    setting = Setting(overlapping(), family)
    assert not is_brief(10**6, setting.model, setting.maximize, 100)
    foreign = Maximization(family, None, setting.maximize.floor, lambda covariance: covariance)
    assert not is_brief(300, setting.model, foreign, 100)


def test_bits_do_not_depend_on_where_arrays_lie(family):
    rng, setting = np.random.default_rng(0), Setting(overlapping(), family, prior="penalty")
    found, clutter = set(), []
    for _ in range(60):
        clutter = [*clutter[-20:], np.empty(rng.integers(1, 5000))]
        fit = setting.compiled(0.0, 5)
        found.add((fit.objective, fit.mixture.means.tobytes(), fit.mixture.weights.tobytes()))
    assert len(found) == 1


@pytest.mark.parametrize("letters", FORMS)
@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("d", [1, 2, 4])
def test_a_step_of_a_form_is_that_of_the_loop(letters, k, d):
    """Of rows in groups: what is shared is found to nine digits, by other steps than the loop's."""
    rng = np.random.default_rng(d)
    labels = np.arange(240) % k
    x = rng.normal(size=(240, d)) @ rng.normal(size=(d, d)) + 5.0 * rng.normal(size=(k, d))[labels]
    setting = Setting(x, SPELLINGS[letters], prior="penalty", k=k, labels=labels)
    found, expected = setting.compiled(0.0, 2), setting.loop(0.0, 2)
    assert setting.left == []
    one, two = (fit.mixture.covariances for fit in (found, expected))
    scale = np.sqrt(np.einsum("kii->ki", two))
    np.testing.assert_allclose((one - two) / scale[:, :, None] / scale[:, None, :], 0.0, atol=2e-9)
