"""Which dimensions of a mixture are meant: by number, from either end."""

from collections.abc import Iterable
from operator import index as as_integer
from typing import Any

import numpy as np
from numpy.typing import NDArray


def resolved(dims: Iterable[Any] | int, n_features: int) -> NDArray[np.intp]:
    """Dimensions as numbers from zero on, in the order given; each at most once."""
    given: list[Any] = [dims]
    if isinstance(dims, Iterable) and not isinstance(dims, str):
        given = [*dims]
    found: list[int] = []
    for dim in given:
        try:
            number = as_integer(dim)
        except TypeError:
            raise ValueError(
                f"dimensions are given by number, 0 to {n_features - 1}, and not as {dim!r}"
            ) from None
        if not -n_features <= number < n_features:
            raise ValueError(
                f"there is no dimension {number}: the mixture has {n_features}, "
                f"0 to {n_features - 1}"
            )
        number %= n_features
        if number in found:
            raise ValueError(f"dimension {number} is given twice")
        found.append(number)
    return np.array(found, dtype=np.intp)


def others(index: NDArray[np.intp], n_features: int) -> NDArray[np.intp]:
    """The dimensions that are not among these, in their order."""
    return np.delete(np.arange(n_features), index)
