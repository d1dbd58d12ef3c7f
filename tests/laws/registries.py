"""What the laws are parametrised over. Whoever registers a member here is under every law.

Families and dialects have a registry of their own in the package; engines, priors and
accelerators have it here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mixtura.engines.memory import Memory
from mixtura.learn.acceleration import Lbfgs, Squarem
from mixtura.learn.data import Block
from mixtura.learn.prior import NormalInverseWishart, Penalty
from mixtura.model.covariance import FAMILIES
from mixtura.numeric.kernels import DIALECTS, INCOMPLETE, dialect, incomplete


def sorted_memory(rows: Any, *args: Any, **options: Any) -> Memory:
    """Rows of an array, sorted by their last digits: in no order that means anything."""
    return Memory(rows, *args, **options).sorted_by(_last_digits)


def _last_digits(block: Block) -> Any:
    return (np.abs(np.nan_to_num(block.rows[:, 0].astype(float))) * 1e6 % 7).astype(np.int32)


ENGINES: dict[str, Callable[..., Any]] = {"memory": Memory, "sorted memory": sorted_memory}
"""From rows, weights and memberships, and options ``block_rows`` and ``threads``, to data."""

PRIORS: dict[str, Callable[..., Any]] = {
    "penalty": lambda mean, covariance, k: Penalty(covariance, 0.3),
    "normal-inverse-wishart": lambda mean, covariance, k: NormalInverseWishart(
        mean + 0.5, 0.7, len(mean) + 3.0, 0.4 * covariance, 2.5
    ),
    "fraley-raftery": NormalInverseWishart.default,
}
"""From the mean and covariance of all rows, and the number of components, to a prior."""

ACCELERATORS: dict[str, Any] = {"squarem": Squarem(), "lbfgs": Lbfgs()}
"""Those that take other steps than EM's own."""

MOMENTS = {name: FAMILIES[name] for name in ("full", "tied", "diag", "spherical")}
"""One family for each moment: for what sees of a family only which sums it needs."""

REGISTRIES = {
    "family": FAMILIES,
    "dialect": {name: dialect(name) for name in DIALECTS},
    "incomplete_dialect": {name: incomplete(name) for name in INCOMPLETE},
    "engine": ENGINES,
    "prior": PRIORS,
    "accelerator": ACCELERATORS,
}
