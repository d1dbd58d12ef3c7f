"""Kernels: one block of rows at a time, on plain arrays; one table of dialects.

Every dialect offers the same operations and answers to the reference within the bound that the
predictor κ gives. Engines say where rows live; a dialect says how one block of them is computed.
"""

from functools import cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.kernels.operands import CENTRED_LIMIT, Operands

Array = NDArray[np.float64]

DIALECTS = {
    "reference": "mixtura.numeric.kernels.reference",
    "compiled": "mixtura.numeric.kernels.compiled",
    "sparse": "mixtura.numeric.kernels.sparse",
}


class Dialect(Protocol):
    """What every dialect offers; rows x are (B, D) of any numeric type, results float64."""

    def log_joint(self, x: NDArray[Any], operands: Operands) -> Array:
        """Log joint density of each row with each component, (B, K)."""
        ...

    def log_density(self, x: NDArray[Any], operands: Operands) -> Array:
        """Log density of each row, (B,)."""
        ...

    def posterior(self, x: NDArray[Any], operands: Operands) -> Array:
        """Responsibilities, (B, K)."""
        ...

    def certainty(self, x: NDArray[Any], operands: Operands) -> tuple[Array, Array]:
        """Log density of each row, and the log of its largest responsibility, both (B,)."""
        ...

    def labels(self, x: NDArray[Any], operands: Operands) -> NDArray[np.int64]:
        """The likeliest component of each row, (B,)."""
        ...

    def expectation(
        self, x: NDArray[Any], w: Array, operands: Operands
    ) -> tuple[Array, Array, Array, float]:
        """Counts, sums, products and log-likelihood under the posterior."""
        ...

    def accumulation(
        self, x: NDArray[Any], r: Array, operands: Operands
    ) -> tuple[Array, Array, Array]:
        """Counts, sums and products under given responsibilities (B, K)."""
        ...


@cache
def dialect(name: str = "compiled") -> Dialect:
    """A dialect by name, imported at its first use: compilers are slow to load."""
    module: Any = import_module(DIALECTS[name])
    return module


__all__ = ["CENTRED_LIMIT", "DIALECTS", "Dialect", "Operands", "dialect"]
