"""`ClusterMerger`: clusters that are mixtures themselves."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context, clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.engines.memory import Memory
from mixtura.estimators.criterion import GaussianMixtureIC
from mixtura.estimators.rows import read_rows, read_weights
from mixtura.learn import merging
from mixtura.model import mode
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

METHODS = ("entropy", "demp", "modal")


class ClusterMerger(ClusterMixin, BaseEstimator):
    """Components of a mixture joined to clusters: components are not clusters.

    BIC takes as many Gaussians as describe the density well, and a group that is not Gaussian takes
    several. Here the density stays as it is, and components are joined that share their rows.

    Parameters
    ----------
    estimator : GaussianMixture, GaussianMixtureIC or None, default None
        Whose components are joined. One that has been fitted is used as it is; another is fitted
        to a copy's rows first. None: ``GaussianMixtureIC()``.
    n_clusters : int or "auto", default "auto"
        No more than there are components. "auto": with "entropy", where two straight lines meet
        that fit the entropies best, but never by joining a pair that shares next to no rows; of
        three components and fewer, those are joined that share as much as two alike Gaussians 3.5
        standard deviations apart. With "demp", pairs are joined for as long as one row in forty of
        the one is taken for the other's. With "modal", as many as the density has peaks.
    method : {"entropy", "demp", "modal"}, default "entropy"
        "entropy": the pair is joined next whose merger makes memberships most certain
        [@Baudry2010]. "demp": the pair of which one is most often taken for the other, by directly
        estimated misclassification probabilities, as in ``mergenormals`` of R's fpc [@Hennig2010].
        "modal": components that climb to one peak of the density are one cluster [@Hennig2010].

    Attributes
    ----------
    n_components_ : int
        Of the mixture.
    n_clusters_ : int
    clusters_ : array of int, shape (K,)
        The cluster of each component.
    merges_ : array of int, shape (K - 1, 2)
        All steps down to one cluster: which two were joined, called by the least component in
        them, the smaller first.
    entropies_ : array, shape (K,)
        Of memberships, in nats, with 1, 2, ... K clusters.
    confusions_ : array, shape (K - 1,), or None
        With "demp": before each step, which part of the rows of the one was taken for the other's,
        or of the other for the one's, whichever is larger.
    labels_ : array of int, shape (n,)
        The cluster of each row.
    estimator_ : GaussianMixture or GaussianMixtureIC
        The fitted one.
    n_features_in_ : int
    feature_names_in_ : array of str
        If the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import ClusterMerger, GaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> arms = rng.normal(size=(400, 2)) * np.where(rng.random((400, 1)) < 0.5, [3, 0.3], [0.3, 3])
    >>> X = np.concatenate([arms, rng.normal(size=(200, 2)) + 8])  # a cross and a ball
    >>> merger = ClusterMerger(GaussianMixture(3, random_state=0)).fit(X)
    >>> merger.n_components_, merger.n_clusters_, sorted(np.bincount(merger.labels_).tolist())
    (3, 2, [200, 400])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "method": [StrOptions({*METHODS})],
    }

    def __init__(
        self, estimator: Any = None, *, n_clusters: int | str = "auto", method: str = "entropy"
    ) -> None:
        self.estimator = estimator
        self.n_clusters = n_clusters
        self.method = method

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Join the components, and fit them first where that is still to be done.

        Parameters
        ----------
        X : array-like or table, shape (n, D)
        y : ignored
        sample_weight : array-like, shape (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input cannot be used.
        """
        rows, incomplete = read_rows(self, X, reset=True, min_rows=2)
        weights = read_weights(sample_weight, len(rows))
        model: Any = GaussianMixtureIC() if self.estimator is None else self.estimator
        if not (hasattr(model, "__sklearn_is_fitted__") and model.__sklearn_is_fitted__()):
            copy: Any = clone(model)
            model = copy.fit(X, sample_weight=weights)
        self.estimator_ = model
        mixture: Mixture = model.mixture_
        if mixture.n_features != rows.shape[1]:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(model).__name__} is expecting "
                f"{mixture.n_features} features as input"
            )
        data = Memory(rows, weights, incomplete=incomplete)
        together = mode.modes(mixture).labels if self.method == "modal" else None
        if self.method == "demp":
            found = merging.by_confusion(data, mixture)
        else:
            found = merging.by_entropy(data, mixture, together)
        self.merges_, self.entropies_ = found.merges, found.entropies
        self.confusions_ = found.confusions
        self.n_components_ = mixture.n_components
        if self.n_clusters == "auto":
            self.n_clusters_ = found.advised() if together is None else int(together.max()) + 1
        else:
            self.n_clusters_ = min(int(self.n_clusters), mixture.n_components)
        self._merging = found
        self.clusters_ = found.clusters(self.n_clusters_)
        self.labels_ = data.map(merging.labels, mixture, self.clusters_)
        return self

    def clusters(self, n_clusters: int) -> NDArray[np.int64]:
        """The cluster of each component, where so many clusters are left.

        Parameters
        ----------
        n_clusters : int
            From 1 to the number of components.

        Returns
        -------
        array of int, shape (K,)
        """
        check_is_fitted(self, "merges_")
        if not 1 <= n_clusters <= self.n_components_:
            raise ValueError(
                f"there are from 1 to {self.n_components_} clusters, not {n_clusters}: components "
                "are joined, never parted"
            )
        return self._merging.clusters(n_clusters)

    def _mapped(self, X: Any, kernel: Any) -> NDArray[Any]:
        check_is_fitted(self, "merges_")
        rows, incomplete = read_rows(self, X, reset=False)
        data = Memory(rows, incomplete=incomplete)
        return data.map(kernel, self.estimator_.mixture_, self.clusters_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The likeliest cluster of each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array of int, shape (n,)
        """
        return self._mapped(X, merging.labels)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each cluster for each row.

        Parameters
        ----------
        X : array-like or table, shape (n, D)

        Returns
        -------
        array, shape (n, C)
        """
        return self._mapped(X, merging.probabilities)

    def __sklearn_tags__(self) -> Any:
        """Numbers may be missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
