"""Kernels: one block of rows at a time, on plain arrays; one table of dialects.

Every dialect offers the same operations and answers to the reference within the bound that the
predictor κ gives. Engines say where rows live; a dialect says how one block of them is computed.
"""

from functools import cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.gaps import Layout
from mixtura.numeric.kernels.operands import CENTRED_LIMIT, Matrices, Operands

Array = NDArray[np.float64]

DIALECTS = {
    "reference": "mixtura.numeric.kernels.reference",
    "compiled": "mixtura.numeric.kernels.compiled",
    "sparse": "mixtura.numeric.kernels.sparse",
}


INCOMPLETE = {
    "reference": "mixtura.numeric.kernels.with_gaps_reference",
    "compiled": "mixtura.numeric.kernels.with_gaps",
    "sparse": "mixtura.numeric.kernels.with_gaps",
}
"""What goes with each dialect for rows with gaps."""


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


class Incomplete(Protocol):
    """The same for rows with some gaps, told by a layout; other rows count for nothing."""

    def expectation(
        self, x: NDArray[Any], w: Array, gaps: Layout, model: Matrices
    ) -> tuple[Array, Array, Array, float]:
        """Counts, sums and products about the means, and log-likelihood."""
        ...

    def accumulation(
        self, x: NDArray[Any], r: Array, gaps: Layout, model: Matrices
    ) -> tuple[Array, Array, Array]:
        """Counts, sums and products under given responsibilities (B, K)."""
        ...

    def log_density(self, x: NDArray[Any], gaps: Layout, model: Matrices) -> Array:
        """Log density of what each row has, (B,)."""
        ...

    def posterior(self, x: NDArray[Any], gaps: Layout, model: Matrices) -> tuple[Array, Array]:
        """The same, and responsibilities, (B, K)."""
        ...

    def labels(self, x: NDArray[Any], gaps: Layout, model: Matrices) -> NDArray[np.int64]:
        """The likeliest component of each row, (B,)."""
        ...

    def completed(self, x: NDArray[Any], model: Matrices) -> Array:
        """Rows (B, D), what they miss as the first component expects it."""
        ...


class Cells(Protocol):
    """Missing numbers of rows (B, D), given the rest of each; shares r of the components (B, K)."""

    def conditionals(
        self, x: Array, r: Array, model: Matrices
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array]:
        """Row and column of each (C,), and its mean and deviation by component (C, K)."""
        ...

    def drawn(self, x: Array, components: NDArray[np.int64], z: Array, model: Matrices) -> Array:
        """Rows filled in from their components, by normal numbers z (B, D)."""
        ...

    def peaks(self, x: Array, r: Array, model: Matrices) -> Array:
        """Rows filled in with a mode of what they miss."""
        ...

    def foretold(
        self,
        x: Array,
        truth: Array,
        w: Array,
        r: Array,
        unit: Array,
        squares: bool,
        model: Matrices,
    ) -> tuple[float, float]:
        """How far what is foretold of them is from the truth where it is known; how many are."""
        ...


@cache
def dialect(name: str = "compiled") -> Dialect:
    """A dialect by name, imported at its first use: compilers are slow to load."""
    module: Any = import_module(DIALECTS[name])
    return module


@cache
def incomplete(name: str = "compiled") -> Incomplete:
    """What goes with a dialect for rows with gaps, imported at its first use."""
    module: Any = import_module(INCOMPLETE[name])
    return module


@cache
def of_cells() -> Cells:
    """What fills in rows with gaps, imported at its first use."""
    module: Any = import_module("mixtura.numeric.kernels.cells")
    return module


__all__ = [
    "CENTRED_LIMIT",
    "DIALECTS",
    "INCOMPLETE",
    "Cells",
    "Dialect",
    "Incomplete",
    "Matrices",
    "Operands",
    "of_cells",
    "dialect",
    "incomplete",
]
