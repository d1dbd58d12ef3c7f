"""Powers of two as the units of columns: a table in them is the same whatever units it came in.

Numbers times a power of two keep all their digits. So a fit that is made in these units, and put
back into the table's own, follows a change of units by powers of two bit for bit, and any other
change as far as the table itself keeps its digits.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.model.covariance import Covariance
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

COPIED = 1 << 20
"""Numbers in a table up to which it is copied in its units: 8 MiB."""


@dataclass(frozen=True)
class Units:
    """Columns divided by 2 to these exponents, (D,): none is larger than one then."""

    exponents: NDArray[np.intc]  # (D,)

    @classmethod
    def of(cls, rows: NDArray[Any], family: type[Covariance]) -> "Units":
        """Those of a table; one for all columns where a family does not keep its form else."""
        values = rows if rows.dtype.kind == "f" else rows.astype(np.float64)
        size = np.fmax.reduce(np.abs(values), axis=0)
        if not follows_columns(family):
            size = np.full_like(size, np.fmax.reduce(size))
        exponents = np.frexp(size)[1]
        # Nothing, in any unit, is nothing; and where all is missing nothing is known.
        return cls(np.where(size > 0, exponents, 0).astype(np.intc))

    @cached_property
    def factors(self) -> Array:
        """What columns in these units are to be multiplied by, (D,)."""
        return np.ldexp(1.0, self.exponents)

    @cached_property
    def inverse(self) -> Array:
        """What columns are multiplied by to come to these units, (D,)."""
        return np.ldexp(1.0, -self.exponents)

    def rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """A table in these units, float32 where it was."""
        return np.ldexp(rows, -self.exponents)

    def into(self, mixture: Mixture) -> Mixture:
        """A mixture in these units."""
        return _times(mixture, self.inverse)

    def back(self, mixture: Mixture) -> Mixture:
        """A mixture of these units in the table's own."""
        return _times(mixture, self.factors)

    def volume(self, counts: Array) -> float:
        """How much lower log densities are in the table's own, of so many numbers (D,) a column."""
        return float(counts @ np.log(self.factors))


def _times(mixture: Mixture, factors: Array) -> Mixture:
    """The mixture of columns times factors, (D,), that its family allows."""
    covariance = mixture.covariance.scaled(factors)
    assert covariance is not None
    return Mixture(mixture.weights, mixture.means * factors, covariance)


@cache
def follows_columns(family: type[Covariance]) -> bool:
    """Whether a family keeps its form where each column has a unit of its own."""
    one = family.estimate(np.ones(1), family.moment.copies(np.eye(2), 1), 2)
    return one.scaled(np.array([1.0, 2.0])) is not None
