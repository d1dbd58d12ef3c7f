"""Components joined to clusters: several Gaussians for one group that is not Gaussian.

The entropy of who belongs where falls with every merger, and falls most where two components share
rows [@Baudry2010]. How many rows of one component are taken for another's is plainer
[@Hennig2010]. Both are sums over rows, and of a pair they tell from its two shares alone, so one
pass over the data weighs all pairs, and one for each merger the pairs that it made.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.learn.data import Block, Data
from mixtura.learn.expectation import responsibilities
from mixtura.model.mixture import Mixture
from mixtura.numeric.blocks import spans
from mixtura.numeric.gaps import Gaps

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LITTLE = 0.02
"""Nats for each row of a pair: components that share less than this are no one cluster."""

MUCH = 0.1
"""Nats for each row of a pair: what two alike Gaussians share that are 3.5 standard deviations
apart, so that one row in 25 is taken for the other's."""

CONFUSED = 0.025
"""The share of a cluster's rows that is taken for another's, from which on they are joined; as in
fpc. Two alike Gaussians share so much that are 3.9 standard deviations apart."""


@dataclass(frozen=True)
class Merging:
    """All steps from as many clusters as there are components to one."""

    merges: Index  # (K − 1, 2): clusters, called by the least component in them, the smaller first
    entropies: Array  # (K,): with 1, 2, … K clusters, in nats
    rows: Array  # (K − 1,): how many rows the two clusters of each step held
    confusions: Array | None = None
    """Where they were joined by it: before each step, which part of the rows of the one cluster was
    taken for the other's, or of the other for the one's, whichever is larger, (K − 1,)."""

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.entropies)

    @property
    def shared(self) -> Array:
        """What each step took from the entropy, for each row of its two clusters, (K − 1,)."""
        taken = -np.diff(self.entropies[::-1])
        return taken / np.maximum(self.rows, np.finfo(np.float64).tiny)

    def clusters(self, n_clusters: int) -> Index:
        """The cluster of each component, (K,), numbered in the order of their first components."""
        name = np.arange(self.n_components)
        for low, high in self.merges[: self.n_components - n_clusters]:
            name[name == high] = low
        return np.unique(name, return_inverse=True)[1].ravel()

    def advised(self) -> int:
        """How many clusters: where the entropies have their elbow, but no pair that shares little.

        Of three components and fewer there is no elbow; then pairs are joined that share much.
        Where clusters were joined by how often they are confused, it is that which decides.
        """
        k_all = self.n_components
        if self.confusions is not None:
            return k_all - _leading(self.confusions >= CONFUSED)
        if k_all <= 3:
            return k_all - _leading(self.shared >= MUCH)
        return max(elbow(self.entropies), k_all - _leading(self.shared >= LITTLE))


def _leading(true: NDArray[np.bool_]) -> int:
    """How many of the first are true."""
    return len(true) if true.all() else int(true.argmin())


def by_entropy(data: Data, mixture: Mixture, together: Index | None = None) -> Merging:
    """Again and again the pair is joined whose merger takes most from the entropy [@Baudry2010].

    Parameters
    ----------
    data : Data
    mixture : Mixture
    together : array of int, shape (K,), optional
        Groups of components that are joined before any others.
    """
    k_all = mixture.n_components
    name = np.arange(k_all)
    found = data.fold(_gains, mixture, name, name)
    gains, counts, entropy = found[:-2], found[-2].copy(), float(found[-1, 0])
    merges, entropies = np.empty((k_all - 1, 2), dtype=np.int64), np.zeros(k_all)
    rows, group = np.empty(k_all - 1), np.zeros(k_all) if together is None else together
    entropies[-1] = entropy
    left = np.triu(np.ones((k_all, k_all), dtype=np.bool_), 1)
    for step in range(k_all - 1):
        first = left & (group[:, None] == group)
        worth = np.where(first if first.any() else left, gains, -np.inf)
        low, high = divmod(int(worth.argmax()), k_all)
        merges[step] = low, high
        entropy -= gains[low, high]
        entropies[k_all - 2 - step] = max(entropy, 0.0) if step < k_all - 2 else 0.0
        rows[step] = counts[low] + counts[high]
        counts[low] += counts[high]
        left[high], left[:, high] = False, False
        name[name == high] = low
        if step < k_all - 2:
            gains[low] = data.fold(_gains, mixture, name, np.array([low]))[0]
            gains[:, low] = gains[low]
    return Merging(merges, entropies, rows)


def _gains(block: Block, mixture: Mixture, name: Index, these: Index) -> Array:
    """What joining these clusters with each takes from the entropy; counts; the entropy.

    (T + 2, K): a row for each of these, one of how many rows clusters hold, one for the entropy.
    """
    k_all = mixture.n_components
    found = np.zeros((len(these) + 2, k_all))
    for part in spans(len(block.rows), 3 * k_all):
        gaps = None if block.gaps is None else Gaps()
        shares = clustered(Block(block.rows[part], block.weights[part], None, gaps), mixture, name)
        w, own = block.weights[part], _xlog(shares)
        for t, c in enumerate(these):
            both = _xlog(shares + shares[:, c : c + 1])
            found[t] += w @ (both - own - own[:, c : c + 1])
        found[-2] += w @ shares
        found[-1, 0] -= float(w @ own.sum(axis=1))
    return found


def by_confusion(data: Data, mixture: Mixture) -> Merging:
    """Again and again the pair is joined of which one is most often taken for the other: directly
    estimated misclassification probabilities, DEMP [@Hennig2010].

    A row is taken for that one of the two that is likelier to hold it, and it is a row of each to
    the share that each has of it. No other clusters come into it.

    Parameters
    ----------
    data : Data
    mixture : Mixture
    """
    k_all = mixture.n_components
    name = np.arange(k_all)
    found = data.fold(_confusions, mixture, name, name)
    taken, counts, entropy = found[:k_all], found[-2].copy(), float(found[-1, 0])
    merges, entropies = np.empty((k_all - 1, 2), dtype=np.int64), np.zeros(k_all)
    rows, confusions = np.empty(k_all - 1), np.empty(k_all - 1)
    left = np.triu(np.ones((k_all, k_all), dtype=np.bool_), 1)
    for step in range(k_all - 1):
        entropies[k_all - 1 - step] = max(entropy, 0.0)
        shares = taken / np.where(counts > 0.0, counts, 1.0)[:, None]
        worth = np.where(left, np.maximum(shares, shares.T), -np.inf)
        low, high = divmod(int(worth.argmax()), k_all)
        merges[step], confusions[step] = (low, high), worth[low, high]
        rows[step] = counts[low] + counts[high]
        counts[low] += counts[high]
        left[high], left[:, high] = False, False
        name[name == high] = low
        if step < k_all - 2:
            found = data.fold(_confusions, mixture, name, np.array([low]))
            taken[low], taken[:, low], entropy = found[0], found[1], float(found[-1, 0])
    return Merging(merges, entropies, rows, confusions)


def _confusions(block: Block, mixture: Mixture, name: Index, these: Index) -> Array:
    """How many rows of these clusters are taken for each; of each for these; counts; the entropy.

    (2 T + 2, K): two blocks of a row for each of these, one of how many rows clusters hold, one for
    the entropy.
    """
    k_all, many = mixture.n_components, len(these)
    found = np.zeros((2 * many + 2, k_all))
    for part in spans(len(block.rows), 3 * k_all):
        gaps = None if block.gaps is None else Gaps()
        shares = clustered(Block(block.rows[part], block.weights[part], None, gaps), mixture, name)
        w = block.weights[part]
        for t, c in enumerate(these):
            own = shares[:, c : c + 1]
            found[t] += w @ np.where(shares >= own, own, 0.0)
            found[many + t] += w @ np.where(own >= shares, shares, 0.0)
        found[-2] += w @ shares
        found[-1, 0] -= float(w @ _xlog(shares).sum(axis=1))
    return found


def clustered(block: Block, mixture: Mixture, name: Index) -> Array:
    """The probability of each cluster for each row, in the columns of their names, (B, K)."""
    r = responsibilities(block, mixture)
    shares = np.zeros_like(r)
    for k, c in enumerate(name):
        shares[:, c] += r[:, k]
    return shares


def probabilities(block: Block, mixture: Mixture, cluster: Index) -> Array:
    """The probability of each cluster for each row, (B, C)."""
    return clustered(block, mixture, cluster)[:, : int(cluster.max()) + 1]


def labels(block: Block, mixture: Mixture, cluster: Index) -> Index:
    """The likeliest cluster of each row, (B,)."""
    return probabilities(block, mixture, cluster).argmax(axis=1)


def _xlog(x: Array) -> Array:
    """The product x log x, 0 for 0."""
    return x * np.log(np.where(x > 0.0, x, 1.0))


def elbow(entropies: Array) -> int:
    """Where two straight lines meet that fit the entropies of 1, 2, … K clusters best; K ≥ 3."""
    x = np.arange(1.0, len(entropies) + 1.0)
    errors = [
        _residual(x[:c], entropies[:c]) + _residual(x[c - 1 :], entropies[c - 1 :])
        for c in range(2, len(entropies))
    ]
    return 2 + int(np.argmin(errors))


def _residual(x: Array, y: Array) -> float:
    """The sum of squares about the line of least squares."""
    x, y = x - x.mean(), y - y.mean()
    return float(((y - (x @ y) / (x @ x) * x) ** 2).sum())
