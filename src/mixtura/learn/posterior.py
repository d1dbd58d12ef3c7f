"""What a mixture says of rows, whether of Gaussians or of t distributions."""

import numpy as np
from numpy.typing import NDArray

from mixtura.learn import expectation, tails
from mixtura.learn.data import Block
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Either = Mixture | HeavyMixture


def log_density(block: Block, model: Either) -> Array:
    """Log density of what each row has, (B,)."""
    if isinstance(model, HeavyMixture):
        return tails.log_density(block, model)
    return expectation.log_density(block, model)


def responsibilities(block: Block, model: Either) -> Array:
    """The probability of each component for each row, (B, K)."""
    if isinstance(model, HeavyMixture):
        return tails.responsibilities(block, model)
    return expectation.responsibilities(block, model)


def certainty_of(block: Block, model: Either) -> Array:
    """Three sums over rows, (3,): w log p(x), w log of the largest posterior, and w."""
    if isinstance(model, HeavyMixture):
        return tails.certainty_of(block, model)
    return expectation.certainty_of(block, model)
