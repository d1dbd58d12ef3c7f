"""Rows that change places: against the likelihood of rows and places, from its definition."""

import csv

import numpy as np
import pytest

from mixtura import GaussianMixture, NormalInverseWishart
from mixtura.engines.memory import Memory
from mixtura.learn import exchange, initial
from mixtura.learn.compact import Compact
from mixtura.learn.data import Block
from mixtura.learn.maximization import Maximization
from mixtura.learn.prior import Penalty
from mixtura.learn.spread import floors
from mixtura.model.covariance import Full
from tests.oracles import tables

D, K, N = 8, 3, 120


def begin(seed, weights=None, prior=None):
    """Rows, fewer than parameters, compact; and a mixture of groups by chance."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + 2.0 * rng.normal(size=(N, 1))
    whole = initial.total(Memory(x))
    model = initial.alike(whole, Full, K)
    maximize = Maximization(Full, prior and prior(whole), floors(np.diagonal(whole.covariances[0])))
    block = Block(x, np.ones(N) if weights is None else weights)
    start = initial.from_sample(block, rng.integers(0, K, N), model, maximize)
    return x, Compact.of(block, model, maximize), start


def worth(x, w, labels, penalty=None):
    """The log-likelihood of rows and places, each group at the moments that make it largest."""
    found = -0.5 * w.sum() * D * (1.0 + np.log(2 * np.pi))
    for k in range(K):
        own = labels == k
        n = w[own].sum()
        values = n * np.cov(x[own].T, aweights=w[own], bias=True)
        rows = n + (0.0 if penalty is None else 2.0 * penalty.strength)
        values = values + (0.0 if penalty is None else 2.0 * penalty.strength * penalty.covariance)
        found += n * np.log(n / w.sum()) - 0.5 * rows * np.linalg.slogdet(values / rows)[1]
    return found


@pytest.mark.parametrize("penalised", [False, True])
def test_no_single_row_gains_by_another_place(penalised):
    w = np.random.default_rng(5).uniform(0.5, 1.5, N)
    prior = (lambda whole: Penalty(whole.covariances[0], 0.3)) if penalised else None
    x, rows, start = begin(4, w, prior)
    penalty = rows.maximize.prior
    before = start.responsibilities(x).argmax(axis=1)
    state, found = rows.state(start), start
    for _ in range(10):
        moved = exchange.exchanged(rows, state)
        if moved is None:
            break
        state, found = moved, rows.mixture(moved)
    assert moved is None
    labels = found.responsibilities(x).argmax(axis=1)
    best = worth(x, w, labels, penalty)
    assert best > worth(x, w, before, penalty) + 10.0
    tried = 0
    for row in range(N):
        own = labels[row]
        if w[labels == own].sum() - w[row] >= D + 1:
            for k in {*range(K)} - {own}:
                other = labels.copy()
                other[row] = k
                assert worth(x, w, other, penalty) <= best + 1e-6
                tried += 1
    assert tried > N


def test_a_prior_of_means_is_left_to_em():
    def prior(whole):
        return NormalInverseWishart.default(whole.mean, whole.covariances[0], K)

    _, rows, start = begin(4, prior=prior)
    assert exchange.exchanged(rows, rows.state(start)) is None


def test_it_is_for_fewer_rows_than_parameters():
    _, rows, _ = begin(4)
    assert exchange.is_worth_while(rows, K)
    assert not exchange.is_worth_while(rows, 2)


def test_a_fit_in_thirty_columns_is_likelier_than_those_of_other_starts():
    """569 rows and 1,487 parameters: EM leaves every row where it is."""
    path = tables.found(tables.FOLDER / "wdbc.csv")
    lines = [*csv.reader(path.read_text(encoding="utf-8").splitlines())][1:]
    x = np.array([line[2:] for line in lines], dtype=float)
    others = [
        GaussianMixture(3, init_params=how, random_state=seed).fit(x).lower_bound_
        for how in ("kmeans", "k-means++", "random")
        for seed in range(3)
    ]
    ours = [GaussianMixture(3, random_state=seed).fit(x).lower_bound_ for seed in range(3)]
    assert min(ours) > max(others)
