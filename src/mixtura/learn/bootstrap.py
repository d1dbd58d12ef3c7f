"""The bootstrap: other rows that might have been seen, and what the mixtures say together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.parameters import WEIGHT, Parameters
from mixtura.model.heavy import HeavyMixture
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]
Found = TypeVar("Found", Mixture, HeavyMixture)
Draw = Callable[[Array, np.random.Generator], Array]
"""From row weights (n,) to those of a replicate."""

LEAST = 1.0
"""A component of a replicate with fewer rows than this has vanished."""


def counts(weights: Array, rng: np.random.Generator) -> Array:
    """How often each row is drawn, in as many draws as there are rows [@Efron1979].

    Draws are with replacement. A row of weight w stands for w equal rows.
    """
    total = float(weights.sum())
    return rng.multinomial(round(total), weights / total).astype(np.float64)


def shares(weights: Array, rng: np.random.Generator) -> Array:
    """Weights from a Dirichlet distribution: no row is ever left out [@NewtonRaftery1994]."""
    found = rng.standard_gamma(weights)
    found *= weights.sum() / found.sum()
    found[found < np.finfo(np.float64).eps] = 0.0
    return found


def aligned(centre: Found, found: Found) -> Found:
    """A mixture with its components in the order of another's, by the Hungarian method."""
    if isinstance(centre, HeavyMixture) and isinstance(found, HeavyMixture):
        order = centre.gaussian.match(found.gaussian).others
        return found.rearranged(order)
    assert isinstance(centre, Mixture)
    assert isinstance(found, Mixture)
    order = centre.match(found).others
    if np.array_equal(order, np.arange(centre.n_components)):
        return found
    covariance = found.covariance.rearranged(order)
    return Mixture(found.weights[order], found.means[order], covariance)


@dataclass(frozen=True, eq=False)
class Replicates:
    """Parameters of mixtures that were fitted to other rows."""

    values: Array  # (B, P): NaN where the component has vanished
    vanished: NDArray[np.bool_]  # (B, K)

    @classmethod
    def of(
        cls, parameters: Parameters, centre: Found, mixtures: Iterable[Found], n_rows: float
    ) -> "Replicates":
        """Those of mixtures of the same size, their components in the order of the first one."""
        values, vanished = list[Array](), list[NDArray[np.bool_]]()
        kinds, components = np.array(parameters.kinds), parameters.components
        for mixture in mixtures:
            own = aligned(centre, mixture)
            gone = own.weights * n_rows < LEAST
            found = parameters.values(own)
            found[(kinds != WEIGHT) & (components >= 0) & gone[components]] = np.nan
            values.append(found)
            vanished.append(gone)
        none = np.empty((0, len(parameters))), np.empty((0, centre.n_components), dtype=np.bool_)
        if not values:
            return cls(*none)
        return cls(np.array(values), np.array(vanished))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def covariance(self) -> Array:
        """Of the parameters over replicates, (P, P), each pair over those that have both."""
        seen = ~np.isnan(self.values)
        n = seen.astype(np.float64).T @ seen
        with np.errstate(divide="ignore", invalid="ignore"):
            middle = np.nansum(self.values, axis=0) / seen.sum(axis=0)
            apart = np.where(seen, self.values - middle, 0.0)
            return np.where(n > 1, apart.T @ apart / (n - 1.0), np.nan)

    def intervals(self, level: float) -> tuple[Array, Array]:
        """Percentiles, lower and upper, (P,)."""
        ends = np.full((2, self.values.shape[1]), np.nan)
        known = ~np.isnan(self.values).all(axis=0)
        some = self.values[:, known]
        ends[:, known] = np.nanquantile(some, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)
        return ends[0], ends[1]
