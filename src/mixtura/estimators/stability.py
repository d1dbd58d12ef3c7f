"""Which components would be found again in other rows."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from mixtura.engines.memory import Memory
from mixtura.estimators import random_numbers, sheet
from mixtura.estimators.rows import read_weights
from mixtura.learn import bootstrap, expectation
from mixtura.learn.stability import DISSOLVED, RECOVERED, adjusted_rand, crossed, jaccard, verdict

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Stability:
    """How surely each component is found again in bootstrap samples, one row for each.

    Printed as a table, in a notebook too.

    Parameters
    ----------
    similarity : array, shape (K,)
        The mean Jaccard similarity of a component's rows to those of the most similar component of
        each refit, from 0 to 1; NaN of one that is the likeliest for no row.
    similarities : array, shape (B, K)
        Those of each refit.
    size : array, shape (K,)
        Rows whose likeliest component it is, by weight.
    verdict : tuple of str
        From 0.85 highly stable, from 0.75 stable, from 0.6 doubtful, up to 0.5 dissolved.
    adjusted_rand : array, shape (B,)
        How alike the labels of all rows in a sample are to those of its refit.
    n_boot : int
        Refits.
    """

    similarity: Array
    similarities: Array
    size: Array
    verdict: tuple[str, ...]
    adjusted_rand: Array
    n_boot: int

    def __len__(self) -> int:
        return len(self.similarity)

    @property
    def recovered(self) -> Array:
        """Parts of the refits in which each was found again, at 0.75 or more, (K,)."""
        return self._part(self.similarities >= RECOVERED)

    @property
    def dissolved(self) -> Array:
        """Parts of the refits in which each was lost, at 0.5 or less, (K,)."""
        return self._part(self.similarities <= DISSOLVED)

    def _part(self, those: NDArray[np.bool_]) -> Array:
        known = (~np.isnan(self.similarities)).sum(axis=0)
        none = np.full(len(self), np.nan)
        return np.divide(those.sum(axis=0), known, out=none, where=known > 0)

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as lists.

        Returns
        -------
        dict
            component, size, similarity, recovered, dissolved, verdict.
        """
        return {
            "component": [*range(len(self))],
            "size": self.size.tolist(),
            "similarity": self.similarity.tolist(),
            "recovered": self.recovered.tolist(),
            "dissolved": self.dissolved.tolist(),
            "verdict": [*self.verdict],
        }

    def to_pandas(self) -> Any:
        """The columns as a data frame of pandas, which must be installed."""
        return sheet.pandas(self.to_dict())

    @property
    def _title(self) -> str:
        return (
            f"Stability over {self.n_boot} bootstrap samples; adjusted Rand index "
            f"{float(np.mean(self.adjusted_rand)):.3g} on average"
        )

    def __repr__(self) -> str:
        return sheet.text(self._title, self.to_dict())

    def _repr_html_(self) -> str:
        return sheet.html(self._title, self.to_dict())


def stability(
    model: Any, X: Any, sample_weight: ArrayLike | None, *, n_boot: int, random_state: Any
) -> Stability:
    """What `GaussianMixture.stability` gives."""
    if n_boot < 1:
        raise ValueError(f"n_boot must be 1 at the least, but is {n_boot!r}")
    rows, incomplete = model._rows(X)
    weights = read_weights(sample_weight, len(rows))
    weights = np.ones(len(rows)) if weights is None else weights
    mixture, rng = model.mixture_, random_numbers.apart(model._generator(random_state))
    k = mixture.n_components
    if round(float(weights.sum())) < max(2, k):
        raise ValueError(
            f"sample_weight adds up to {weights.sum():.4g}, and a weight counts equal rows: "
            "multiply weights so that they add up to the number of rows"
        )
    labels = Memory(rows, incomplete=incomplete).map(expectation.labels, mixture)
    seen = ~np.isnan(rows) if incomplete else None
    similarities: list[Array] = []
    agreements: list[float] = []
    for _ in range(n_boot):
        each = bootstrap.counts(weights, rng)
        if np.count_nonzero(each) < k or (seen is not None and (each @ seen <= 0).any()):
            continue
        again: Any = clone(model)
        again.set_params(random_state=int(rng.integers(2**31)), warm_start=False, verbose=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = again.fit(rows, sample_weight=each).mixture_
        # A row that was drawn twice is still one row.
        drawn = np.flatnonzero(each > 0)
        data = Memory(rows[drawn], incomplete=incomplete)
        table = crossed(
            labels[drawn],
            data.map(expectation.labels, found),
            np.minimum(weights, each)[drawn],
            k,
            found.n_components,
        )
        similarities.append(jaccard(table))
        agreements.append(adjusted_rand(table))
    if not agreements:
        raise ValueError(
            f"none of {n_boot} bootstrap samples could be fitted: a column had nothing observed, "
            "or there were fewer different rows than components"
        )
    each = np.array(similarities)
    known = (~np.isnan(each)).sum(axis=0)
    mean = np.divide(np.nansum(each, axis=0), known, out=np.full(k, np.nan), where=known > 0)
    size = np.bincount(labels, weights=weights, minlength=k).astype(np.float64)
    words = tuple(verdict(float(value)) for value in mean)
    return Stability(mean, each, size, words, np.array(agreements), len(agreements))
