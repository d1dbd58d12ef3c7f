"""What fitting asks of data: four verbs. Engines satisfy this; nothing here knows them."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.gaps import Gaps

Sum = TypeVar("Sum")


class Block(NamedTuple):
    """Some rows, their weights and, where a start was given row by row, their memberships."""

    rows: NDArray[Any]  # (B, D), any numeric type
    weights: NDArray[np.float64]  # (B,)
    memberships: NDArray[Any] | None = None  # (B,) labels or (B, K) responsibilities
    gaps: Gaps | None = None
    """Which numbers are missing, being NaN; None where none is."""
    first: int = 0
    """The number of its first row among all, where rows come in an order."""

    def of(self, index: NDArray[np.integer]) -> "Block":
        """Some of its rows, none of which has a gap."""
        members = None if self.memberships is None else self.memberships[index]
        return Block(self.rows[index], self.weights[index], members)


class Data(Protocol):
    """Rows, wherever they live."""

    @property
    def n_features(self) -> int:
        """D."""
        ...

    def fold(self, kernel: Callable[..., Sum], *args: Any) -> Sum:
        """The sum over blocks of kernel(block, *args)."""
        ...

    def map(self, kernel: Callable[..., NDArray[Any]], *args: Any) -> NDArray[Any]:
        """The rows of kernel(block, *args), stacked."""
        ...

    def sample(self, n: int, rng: np.random.RandomState | int) -> Block:
        """At most n rows of positive weight, without replacement, in their order.

        A number in place of a generator is the seed of one, made where anything is drawn.
        """
        ...

    def sorted_by(self, kernel: Callable[..., NDArray[np.integer]], *args: Any) -> Self:
        """The same rows, those with like kernel(block, *args) nearer to one another."""
        ...
