"""`HierarchicalStart`: where EM begins, by groups of rows joined step by step."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.engines.memory import Memory
from mixtura.learn import hierarchy
from mixtura.learn.data import Block

JOINS: dict[str, hierarchy.Join] = {
    "VVV": hierarchy.own_matrices,
    "EEE": hierarchy.one_matrix,
    "VII": hierarchy.own_variances,
    "EII": hierarchy.one_variance,
}
VIEWS: dict[str, hierarchy.View] = {
    "SVD": hierarchy.halfway_to_spherical,
    "STD": hierarchy.standardised,
    "VARS": hierarchy.as_they_are,
}

MANY = 100
"""Columns beyond which groups get no matrices of their own, which would take a gigabyte."""

ROWS = 2_000
"""Rows that are joined where there are more: as many as in mclust, whose tree this is."""


class HierarchicalStart:
    """A start from model-based agglomeration [@Fraley1998], mclust's own [@Scrucca2016].

    Rows begin as groups of their own, equal rows together, and the pair is joined that costs the
    likelihood of a Gaussian for each group least, until all are one. The tree gives a partition for
    every number of components; nothing about it is random up to ``rows`` rows, beyond which as many
    are drawn. Give it to ``init_params`` of `GaussianMixture`; ``init_params="hierarchical"`` is
    ``HierarchicalStart()``.

    Parameters
    ----------
    model : {"VVV", "EEE", "VII", "EII"} or None, default None
        What groups are taken for: Gaussians with matrices of their own; with one matrix together;
        spheres, each of its own size; spheres of one size (Ward's method). None, as in mclust:
        "VVV", or "EII" where there are no more rows than columns; a single column is cut at its
        quantiles; with more than 100 columns "VII". "EEE" takes the longest: seconds for a
        thousand rows.
    use : {"SVD", "STD", "VARS"}, default "SVD"
        Coordinates: principal components of standardised columns, each over the root of its
        deviation [@ScruccaRaftery2015]; standardised columns; columns as they are.
    rows : int, default 2000
        How many rows are joined at the most; time and memory grow with the square of them.
    together : bool, default True
        Whether equal rows begin as one group, so that a weight of two is a row twice. False: on
        their own, as in a call of ``Mclust`` in version 6.0, though the help of ``hc`` says
        otherwise.

    Raises
    ------
    ValueError
        If an option is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture, HierarchicalStart
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(50, 2)), rng.normal(5.0, 0.5, size=(50, 2))])
    >>> model = GaussianMixture(2, init_params=HierarchicalStart("VII", use="VARS")).fit(X)
    >>> np.bincount(model.predict(X)).tolist()
    [50, 50]
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        use: str = "SVD",
        rows: int = ROWS,
        together: bool = True,
    ) -> None:
        if model is not None and model not in JOINS:
            raise ValueError(f"no hierarchy {model!r}: choose one of {[*JOINS]}, or None")
        if use not in VIEWS:
            raise ValueError(f"no coordinates {use!r} for a hierarchy: choose one of {[*VIEWS]}")
        if rows < 2:
            raise ValueError(f"a hierarchy joins at least two rows, but rows is {rows}")
        self.model = model
        self.use = use
        self.rows = rows
        self.together = together

    def __repr__(self) -> str:
        """As it would be written."""
        return (
            f"HierarchicalStart({self.model!r}, use={self.use!r}, rows={self.rows}, "
            f"together={self.together})"
        )

    def __call__(self, X: NDArray[Any], n_components: int, random_state: Any) -> NDArray[np.int64]:
        """The group of each row, where there are no more than ``rows`` and no number is missing.

        Parameters
        ----------
        X : array, shape (n, D)
        n_components : int
        random_state : ignored

        Returns
        -------
        array of int, shape (n,)
        """
        if len(X) > self.rows:
            raise ValueError(
                f"{len(X)} rows are more than the {self.rows} that are joined: give the start "
                "itself to init_params, or raise rows"
            )
        return self.hierarchy(Memory(X).sample(len(X), 0)).cut(n_components)

    def hierarchy(self, block: Block) -> hierarchy.Hierarchy:
        """The groups of some rows, none of which misses a number."""
        return hierarchy.Hierarchy(block, self._cut(block))

    def _cut(self, block: Block) -> Callable[[int], NDArray[np.int64]]:
        if self.model is None and block.rows.shape[1] == 1:
            values = np.asarray(block.rows[:, 0], dtype=np.float64)
            return hierarchy.Quantiles(values, block.weights)
        d = block.rows.shape[1]
        usual = "EII" if block.weights.sum() <= d else "VVV" if d <= MANY else "VII"
        join = JOINS[self.model or usual]
        return hierarchy.grown(block, join, VIEWS[self.use], self.together)
