"""Moves: what they promise is what they change, and where they lead is no lower."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mixtura.engines.memory import Memory
from mixtura.learn import moves
from mixtura.learn.ascent import ascend
from mixtura.learn.concentration import Dirichlet, Sticks
from mixtura.learn.data import Block
from mixtura.learn.em import Outcome
from mixtura.learn.expectation import assigned, e_step
from tests.learn.test_variational import FORMS, believed, start_of

WEIGHTS = {"dirichlet": Dirichlet(0.4), "process": Sticks(1.3)}


def rows_of(seed=0, n=30):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(size=(n, 2)) + c for c in ((0, 0), (4, 0), (0, 5), (9, 9))])


def run_of(x, name, weights, k=4):
    data = Memory(x)

    def expect(mixture):
        return data.fold(e_step, mixture)

    beliefs = believed(name, k, 2, weights)
    run = ascend(start_of(x, k, name, beliefs), expect, tol=1e-6, max_iter=2000, sort=True)
    return run, expect


def bound_of(r, x, run):
    """The bound of given memberships, their entropy by its definition."""
    beliefs = run.posterior.beliefs
    found = Memory(x, None, r).fold(assigned, run.posterior.surrogate)
    logs = np.log(np.where(r > 0, r, 1.0))
    return beliefs.posterior(found).sorted().bound(-(r * logs).sum(), len(x))


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("name", FORMS)
def test_a_merger_and_an_emptying_change_the_bound_by_what_they_promise(name, weights, monkeypatch):
    x = rows_of()
    run, _ = run_of(x, name, weights)
    monkeypatch.setattr(moves, "TRIALS", 100)
    r = run.posterior.surrogate.responsibilities(x)
    here = bound_of(r, x, run)
    changes = []
    for i in range(4):
        without = np.delete(r, i, axis=1)
        changes.append(bound_of(put(without / without.sum(axis=1, keepdims=True), i), x, run))
        for j in range(i):
            together = r.copy()
            together[:, i] += together[:, j]
            together[:, j] = 0
            changes.append(bound_of(together, x, run))
    changes = np.array(changes) - here
    found = moves.proposals(run, Block(x, np.ones(len(x))))
    fewer = [p for p in found if np.count_nonzero(p.statistics.n_weights > 0.5) < 4]
    present = np.count_nonzero(run.posterior.counts >= moves.EMPTY)
    assert len(fewer) >= min(2, present - 1)
    for proposal in fewer:
        if np.count_nonzero(proposal.statistics.n_weights == 0) == 4 - present + 1:
            assert np.abs(changes - proposal.promise).min() < 1e-7 * abs(here)


def put(r, i):
    return np.insert(r, i, 0.0, axis=1)


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("name", FORMS)
def test_what_follows_a_move_is_no_lower_than_it_promises(name, weights):
    """Memberships are divided anew after a move: that can only raise the bound further."""
    x = rows_of(1)
    run, expect = run_of(x, name, weights, k=3)
    for proposal in moves.proposals(run, Block(x, np.ones(len(x)))):
        beginning = run.posterior.beliefs.posterior(proposal.statistics).sorted()
        after = ascend(beginning, expect, max_iter=1, sort=True)
        assert after.bound >= run.bound + proposal.promise - 1e-2


def test_a_component_over_two_groups_is_split_into_a_free_place():
    x = rows_of(2)
    truth = np.repeat(range(4), 30)
    run, expect = run_of(x, "full", Dirichlet(0.1), k=5)
    beliefs = run.posterior.beliefs
    poor = np.where(truth == 3, 2, truth)
    around = run.posterior.surrogate
    start = beliefs.posterior(Memory(x, None, np.eye(5)[poor]).fold(assigned, around))
    left = ascend(start, expect, tol=1e-4, max_iter=500)

    def go(posterior, passes, bound):
        return ascend(posterior, expect, tol=1e-4, max_iter=passes, objective=bound)

    told = []
    block = Block(x, np.ones(len(x)))
    found = moves.improved(
        left,
        expect,
        block,
        go,
        tol=1e-3,
        max_iter=900,
        watch=lambda i, record: told.append((i, record)),
    )
    best = ascend(
        beliefs.posterior(Memory(x, None, np.eye(5)[truth]).fold(assigned, around)),
        expect,
        tol=1e-4,
        max_iter=500,
    )
    assert found.bound > left.bound + 1
    assert found.bound >= best.bound - 1e-2
    assert found.outcome is Outcome.converged
    bounds = [record.objective for record in found.history]
    assert np.diff(bounds).min() >= -1e-9 * abs(found.bound)
    assert_allclose(found.history[-1].objective, found.bound)
    assert told
    assert all(record.step == "rejected" or record.objective > left.bound for _, record in told)


def test_a_run_that_is_not_at_its_end_is_left_alone():
    x = rows_of(3)
    run, expect = run_of(x, "full", Dirichlet(0.1))
    short = ascend(run.posterior, expect, tol=0.0, max_iter=1)
    assert short.outcome is Outcome.max_iter
    block = Block(x, np.ones(len(x)))
    assert moves.improved(short, expect, block, None, tol=1e-3, max_iter=100) is short


def test_of_very_many_components_those_least_like_a_gaussian_are_split(monkeypatch):
    x = rows_of(4, n=60)
    truth = np.minimum(np.repeat(range(4), 60), 2)  # the last two groups as one
    run, expect = run_of(x, "full", Dirichlet(1.0), k=3)
    start = run.posterior.beliefs.posterior(
        Memory(x, None, np.eye(3)[truth]).fold(assigned, run.posterior.surrogate)
    )
    run = ascend(start, expect, max_iter=3)
    monkeypatch.setattr(moves, "SPLITS", 1)
    index = int(np.argmax(run.posterior.counts))
    state = moves._State.of(run, Block(x, np.ones(len(x))))
    assert [split.component for split in state.splits()] == [index]
