"""How alike two ways are to put the same rows into clusters."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

DISSOLVED = 0.5
DOUBTFUL = 0.6
RECOVERED = 0.75
HIGHLY = 0.85
"""What the mean similarity of a cluster to itself, over bootstrap samples, is taken to mean
[@Hennig2007] [@Hennig2008]."""


def crossed(one: Labels, other: Labels, weights: Array, k: int, m: int) -> Array:
    """The weight of rows in each pair of clusters, (k, m)."""
    found = np.bincount(one * m + other, weights=weights, minlength=k * m)
    return found.astype(np.float64).reshape(k, m)


def jaccard(table: Array) -> Array:
    """The similarity of each cluster to the most similar of others, (k,); NaN of one without rows.

    Rows in both over rows in either.
    """
    own, others = table.sum(axis=1), table.sum(axis=0)
    either = own[:, None] + others - table
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(either > 0, table / either, 0.0).max(axis=1)
    return np.where(own > 0, found, np.nan)


def adjusted_rand(table: Array) -> float:
    """The adjusted Rand index [@HubertArabie1985]; 1 where both have one cluster only."""

    def pairs(n: Array) -> float:
        return float((n * (n - 1.0)).sum() / 2.0)

    both, one, other = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    every = pairs(table.sum(keepdims=True))
    chance = one * other / every if every > 0 else 0.0
    most = 0.5 * (one + other)
    return (both - chance) / (most - chance) if most > chance else 1.0


def verdict(similarity: float) -> str:
    """A mean similarity in words."""
    if np.isnan(similarity):
        return "no rows"
    for least, word in ((HIGHLY, "highly stable"), (RECOVERED, "stable"), (DOUBTFUL, "doubtful")):
        if similarity >= least:
            return word
    return "unstable" if similarity > DISSOLVED else "dissolved"
