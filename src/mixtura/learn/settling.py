"""Starts of families that choose the number of axes of each component: chosen until they stand.

Pieces of two groups that lie in different subspaces need many axes, and with these the pieces hold
together. So the first steps are with few axes, as many for all components.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mixtura.learn import selection
from mixtura.learn.data import Block
from mixtura.learn.expectation import e_step
from mixtura.learn.maximization import Maximization
from mixtura.learn.statistics import Statistics
from mixtura.model.covariance import Subspaces
from mixtura.model.mixture import Mixture

ROWS = 10_000
"""Rows that are looked at where there are more."""

FEW = 2, 5
"""Axes that all components have at first: one way after the other."""

STEPS = 30
"""Steps of EM with these, at the most."""

GAIN = 1e-2
"""Nats per row below which a step is the last of them."""

ROUNDS = 20
"""Steps in which the numbers are chosen, at the most."""

ALIKE = 3
"""Steps in which they have been the same, after which they stand."""

PART = 16_384
"""Rows of which statistics are made at a time."""


def settled(block: Block, starts: Sequence[Mixture], maximize: Maximization) -> Mixture:
    """Of some starts, with as many axes as the rows of their components say, the one of least BIC.

    A rule makes no likelihood largest, so the steps to here may lower it; from here on the numbers
    are held.

    Parameters
    ----------
    block : Block
        Rows without gaps.
    starts : sequence of Mixture
        Of the family, or of another that is to lead to it.
    maximize : Maximization
        The M-step of a family whose numbers of axes are chosen.

    Returns
    -------
    Mixture
    """
    found = [_settled(block, _climbed(block, start, maximize), maximize) for start in starts]
    return min(found, key=lambda each: each[1])[0]


def _climbed(block: Block, start: Mixture, maximize: Maximization) -> Mixture:
    """Some steps of EM in the start's own family, if that is another."""
    family = type(start.covariance)
    if family is maximize.family:
        return start
    own, before = replace(maximize, family=family), -np.inf
    for _ in range(STEPS):
        found = _pass(block, start)
        worth = (found.log_likelihood + own.log_prior(start)) / found.n_rows
        start = own(found, start)
        if worth - before < GAIN:
            break
        before = worth
    return start


def _settled(block: Block, start: Mixture, maximize: Maximization) -> tuple[Mixture, float]:
    """The start with numbers of axes that stand, and its BIC."""
    before, alike = np.empty(0), 0
    for _ in range(ROUNDS):
        start = maximize(_pass(block, start), None)
        covariance = start.covariance
        assert isinstance(covariance, Subspaces)
        alike = alike + 1 if np.array_equal(covariance.dimensions, before) else 0
        before = covariance.dimensions
        start = replace(start, covariance=covariance.hold())
        if alike == ALIKE:
            break
    found = _pass(block, start)
    return start, selection.bic(found.log_likelihood, start.n_parameters, found.n_rows)


def _pass(block: Block, mixture: Mixture) -> Statistics:
    """The E-step, part by part."""
    parts = [slice(at, at + PART) for at in range(0, len(block.rows), PART)]
    found = e_step(Block(block.rows[parts[0]], block.weights[parts[0]]), mixture)
    for part in parts[1:]:
        found = found + e_step(Block(block.rows[part], block.weights[part]), mixture)
    return found
