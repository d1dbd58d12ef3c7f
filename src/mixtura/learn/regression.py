"""What a mixture expects of some dimensions, given what a row has of the others: for `map`."""

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block
from mixtura.learn.expectation import responsibilities
from mixtura.model.mixture import Mixture
from mixtura.numeric.kernels import Matrices, incomplete

Array = NDArray[np.float64]


def expected(
    block: Block, mixture: Mixture, alone: list[Matrices], dims: NDArray[np.intp]
) -> Array:
    """The mean of those dimensions, (B, m), for rows in which they are missing.

    `alone` are the components, each as a mixture: what compiled code takes to complete rows.
    """
    r = responsibilities(block, mixture)
    rows = np.ascontiguousarray(block.rows, dtype=np.float64)
    found = np.zeros((len(rows), len(dims)))
    for k, component in enumerate(alone):
        found += r[:, k, None] * incomplete().completed(rows, component)[:, dims]
    return found
