"""A mixture as the arrays that a kernel reads, prepared once for each pass over the rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.numeric.moments import Moment

Array = NDArray[np.float64]

CENTRED_LIMIT = 1e9
"""κ beyond which a component leaves the shared origin.

The error of the one-product route is about 5·eps·κ in the log density and, relative, in the
covariance, where it depends on the order of summation: at 1e9 in float64 that is 1e-6.
"""


@dataclass(frozen=True, eq=False)
class Operands:
    """What `log_joint`, `posterior` and `expectation` read.

    Components are *near* when their κ is within the limit: all of them share one origin and one
    matrix product. The others are *far*: each is computed about its own mean. So are all of them
    where a product each costs less.
    """

    moment: Moment
    origin: Array  # (D,)
    transform: Array | None  # (D, D): z = G⁻¹(x − origin); None where z = x − origin
    inverse: Array | None  # (D, D): G⁻¹
    theta: Array  # (K_near, M): coefficients of φ(z)
    near: NDArray[np.intp]  # (K_near,)
    far: NDArray[np.intp]  # (K_far,)
    means: Array  # (K, D)
    constants: Array  # (K,): log π_k − ½ log|2πΣ_k|
    whiten: Callable[[Array, int], Array]  # residual rows (B, D) of component k to unit scale
    about: Array  # (K, D): the origin of each component's statistics
    kappa: Array  # (K,): the predictor

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.means)

    @property
    def n_features(self) -> int:
        """D."""
        return self.means.shape[1]
