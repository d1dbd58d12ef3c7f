"""What the laws are parametrised over. Whoever registers a member here is under every law.

Families and dialects have a registry of their own in the package; engines, priors and
accelerators have it here.
"""

from collections.abc import Callable
from typing import Any

from mixtura.engines.memory import Memory
from mixtura.learn.acceleration import Lbfgs, Squarem
from mixtura.learn.prior import NormalInverseWishart, Penalty
from mixtura.model.covariance import FAMILIES
from mixtura.numeric.kernels import DIALECTS, dialect

ENGINES: dict[str, Callable[..., Any]] = {"memory": Memory}
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

REGISTRIES = {
    "family": FAMILIES,
    "dialect": {name: dialect(name) for name in DIALECTS},
    "engine": ENGINES,
    "prior": PRIORS,
    "accelerator": ACCELERATORS,
}
