"""Generators of random numbers from a seed: to make one takes far longer than to seed it again."""

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


def apart(generator: np.random.Generator) -> np.random.Generator:
    """A generator whose numbers have nothing to do with those of another, nor of its seed.

    Rows are often made with the seed that they are resampled with: numbers that come in the same
    order would draw a row or not by what decided its group.
    """
    return np.random.default_rng(generator.integers(2**63, size=4))
