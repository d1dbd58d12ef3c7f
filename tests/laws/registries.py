"""What the laws are parametrised over. Whoever registers a member here is under every law.

Families and dialects have a registry of their own in the package; engines, priors and
accelerators have it here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mixtura.engines.memory import Memory
from mixtura.learn.acceleration import Lbfgs, Squarem
from mixtura.learn.data import Block
from mixtura.learn.prior import NormalInverseWishart, Penalty
from mixtura.model.covariance import FAMILIES, FORMS, named
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

NUMBERED = {name: named(name) for name in ("CCU:1", "CUU:1", "UUC:1", "UUU:2")}
"""Some of the families that come with a number, which `FAMILIES` does not list: loadings and noise
in common and not, one variance of noise and one for each column. They are under the laws of a
family that are marked `numbered`; a new kind of them is under these with a name here."""

EVERY_FORM = {f"{form}:{1 + i % 2}": named(f"{form}:{1 + i % 2}") for i, form in enumerate(FORMS)}
"""A member of every form of factor analysers: under the laws marked `every_form`, which cost
little. What these laws ask through a long search stands with the oracles of `test_factor.py` and
`test_factors.py`, which ask it of all forms."""

ALSO = {"numbered": NUMBERED, "every form": NUMBERED | EVERY_FORM}
numbered, every_form = (pytest.mark.also(name) for name in ALSO)

MOMENTS = {name: FAMILIES[name] for name in ("full", "tied", "diag", "spherical")}
"""One family for each moment: for what sees of a family only which sums it needs."""

_NAMES = [*FAMILIES]
PAIRS = [
    pytest.param(FAMILIES[name], FAMILIES[other], id=f"{name}-{other}")
    for i, name in enumerate(_NAMES)
    for other in (_NAMES[(i + step) % len(_NAMES)] for step in (0, 3, 7, 13))
]
"""Each family with itself and three others, among them its neighbour: where two mixtures meet, what
is seen of their families is whether they are dense, and tied."""

REGISTRIES = {
    "family": FAMILIES,
    "dialect": {name: dialect(name) for name in DIALECTS},
    "incomplete_dialect": {name: incomplete(name) for name in INCOMPLETE},
    "engine": ENGINES,
    "prior": PRIORS,
    "accelerator": ACCELERATORS,
}
