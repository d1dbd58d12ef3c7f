import numpy as np
import pytest

from mixtura import Full, Mixture
from mixtura.engines.memory import Memory
from mixtura.learn.em import Fit, Outcome, em
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.reduction import Reseed

X = np.random.default_rng(0).normal(size=(60, 2)) + 4.0 * (np.arange(60) % 2)[:, None]
START = Mixture.of([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [np.eye(2)] * 2)
PLAIN = Maximization(Full, None, np.full(2, 1e-8))


def expect(mixture):
    return Memory(X, threads=1).fold(e_step, mixture)


def test_a_run_that_stands_still_has_converged():
    fit = em(START, expect, PLAIN, tol=1e-6, max_iter=500)
    assert fit.outcome is Outcome.converged
    assert len(fit.history) < 500
    changes = [abs(record.change) for record in fit.history]
    assert changes[-1] < 1e-6 <= min(changes[:-1])
    assert fit.objective == fit.history[-1].objective


def test_a_run_that_is_cut_short_says_so():
    fit = em(START, expect, PLAIN, tol=0.0, max_iter=3)
    assert fit.outcome is Outcome.max_iter
    assert len(fit.history) == 3


def test_no_iteration_leaves_the_start():
    fit = em(START, expect, PLAIN, max_iter=0)
    assert fit == Fit(START, Outcome.not_started, ())
    assert fit.objective == -np.inf


def test_a_watch_can_end_a_run():
    seen = []

    def watch(number, record, mixture):
        seen.append((number, record, mixture))
        return number == 2

    fit = em(START, expect, PLAIN, tol=0.0, max_iter=50, watch=watch)
    assert fit.outcome is Outcome.stopped
    assert [number for number, _, _ in seen] == [1, 2]
    assert tuple(record for _, record, _ in seen) == fit.history
    assert seen[-1][2] is fit.mixture


def test_convergence_goes_before_a_request_to_stop():
    fit = em(START, expect, PLAIN, tol=1e9, objective=0.0, watch=lambda *_: True)
    assert fit.outcome is Outcome.converged


def test_every_outcome_can_be_read():
    assert len({outcome.value for outcome in Outcome}) == len(Outcome) == 5
    assert all(len(outcome.value.split()) > 3 for outcome in Outcome)


def test_the_history_is_of_the_mixtures_that_iterations_began_with():
    path = [START]
    fit = em(
        START, expect, PLAIN, tol=0.0, max_iter=4, watch=lambda i, r, mixture: path.append(mixture)
    )
    expected = [mixture.log_density(X).mean() for mixture in path[:4]]
    np.testing.assert_allclose([r.objective for r in fit.history], expected, rtol=1e-13)
    changes = [record.change for record in fit.history]
    assert changes[0] == np.inf
    np.testing.assert_allclose(changes[1:], np.diff(expected), atol=1e-12)
    for record, mixture in zip(fit.history, path[1:], strict=True):
        assert record.seconds > 0
        assert record.smallest_weight == mixture.weights.min()
        values = np.linalg.eigvalsh(mixture.covariances)
        np.testing.assert_allclose(record.worst_condition, (values[:, 1] / values[:, 0]).max())


def test_a_run_can_continue_another():
    first = em(START, expect, PLAIN, tol=0.0, max_iter=3)
    second = em(first.mixture, expect, PLAIN, tol=0.0, max_iter=4, objective=first.objective)
    whole = em(START, expect, PLAIN, tol=0.0, max_iter=7)
    assert [r.objective for r in first.history + second.history] == [
        r.objective for r in whole.history
    ]
    assert second.history[0].change == whole.history[3].change


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_the_objective_is_per_row_and_counts_the_prior(weight):
    penalty = Penalty(np.eye(2), 2.0)
    maximize = Maximization(Full, penalty, np.full(2, 1e-8))
    data = Memory(X, np.full(60, weight), threads=1)
    fit = em(START, lambda m: data.fold(e_step, m), maximize, max_iter=1)
    log_prior = maximize.log_prior(START)
    assert log_prior != 0.0
    expected = START.log_density(X).mean() + log_prior / (60 * weight)
    np.testing.assert_allclose(fit.objective, expected, rtol=1e-13)


def test_dead_components_are_dealt_with_on_the_way():
    start = Mixture.of([0.5, 0.5], [[2.0, 2.0], [1e3, 1e3]], [np.eye(2)] * 2)
    kept = em(start, expect, PLAIN, tol=0.0, max_iter=30).mixture
    assert kept.weights.min() < 1e-6
    reseeded = em(start, expect, PLAIN, tol=0.0, max_iter=30, dead=Reseed(4)).mixture
    assert reseeded.weights.min() > 0.3
