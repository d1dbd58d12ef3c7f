"""Generators of random numbers from a seed: to make one takes far longer than to seed it again."""

from typing import Any

import numpy as np

_SPARE: list[np.random.RandomState] = []
"""Generators that nobody uses; one is taken out and put back whole, whichever thread does it."""

MOST = 8
"""How many are kept."""


def from_seed(seed: int) -> np.random.RandomState:
    """The generator ``RandomState(seed)``, perhaps one that was in use before."""
    try:
        generator = _SPARE.pop()
    except IndexError:
        return np.random.RandomState(seed)
    generator.seed(seed)
    return generator


def put_by(generator: np.random.RandomState) -> None:
    """Keep a generator that is not used any more."""
    if len(_SPARE) < MOST:
        _SPARE.append(generator)


def asked_for(random_state: Any) -> np.random.Generator | None:
    """What a call says to draw with; None where it leaves that to the estimator."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4))
    return None if random_state is None else np.random.default_rng(random_state)


def apart(generator: np.random.Generator) -> np.random.Generator:
    """A generator whose numbers have nothing to do with those of another, nor of its seed.

    Rows are often made with the seed that they are resampled with: numbers that come in the same
    order would draw a row or not by what decided its group.
    """
    return np.random.default_rng(generator.integers(2**63, size=4))
