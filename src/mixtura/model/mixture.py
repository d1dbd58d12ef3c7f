"""The mixture: weights, means and a covariance of one family. What we believe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.model import (
    conditioning,
    derivative,
    divergence,
    mode,
    moment,
    probability,
    reduction,
    region,
    sampling,
    separation,
    storage,
    transformation,
    transport,
)
from mixtura.model.components import Components
from mixtura.model.covariance import Covariance, named
from mixtura.numeric.logspace import normalise

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mixture(Components):
    """A Gaussian mixture as an immutable value.

    Build one from known parameters with `Mixture.of`; estimators build them by `fit`.

    Parameters
    ----------
    weights : array, shape (K,)
        Non-negative, adding to one.
    means : array, shape (K, D)
    covariance : Covariance
        A member of one of the families.

    Examples
    --------
    >>> from mixtura import Mixture
    >>> two = Mixture.of([0.3, 0.7], [[0.0, 0.0], [4.0, 1.0]], [1.0, 2.0], family="spherical")
    >>> two.n_parameters
    7
    >>> two.responsibilities([[0.0, 0.0]]).round(2)
    array([[0.97, 0.03]])
    """

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        family: str | type[Covariance] = "full",
    ) -> Self:
        """A mixture from known parameters, checked.

        Parameters
        ----------
        weights : array-like, shape (K,)
            Non-negative; they are divided by their sum.
        means : array-like, shape (K, D)
        covariances : array-like
            In the family's shape: full (K, D, D), tied (D, D), diag (K, D), spherical (K,); of
            mclust's others EII (1,), EEI (D,), VEI and EVI (K, D), and the rest (K, D, D);
            factor analysers (K, D, H + 1), loadings and then variances.
        family : str or a Covariance class, default "full"
            As `GaussianMixture` takes it: "full", "tied", "diag", "spherical", mclust's letters,
            words, or a form of factor analysers and their number, "UUU:2".

        Returns
        -------
        Mixture

        Raises
        ------
        ValueError
            If shapes disagree, a number is not finite, a weight is negative or all are zero, or a
            covariance is not symmetric and positive definite, or does not have in common with the
            others what the family says (the component is named).
        """
        if isinstance(family, str):
            family = named(family)
        pi = np.array(weights, dtype=np.float64)
        mu = np.array(means, dtype=np.float64)
        values = np.array(covariances, dtype=np.float64)
        if pi.ndim != 1 or not len(pi):
            raise ValueError(f"weights must have shape (K,), but have shape {pi.shape}")
        if mu.ndim != 2 or len(mu) != len(pi) or not mu.shape[1]:
            raise ValueError(f"means must have shape ({len(pi)}, D), but have shape {mu.shape}")
        shape = family.shape(*mu.shape)
        if values.shape != shape:
            raise ValueError(
                f"{family.name} covariances of {len(mu)} components in {mu.shape[1]} dimensions "
                f"must have shape {shape}, but have shape {values.shape}"
            )
        for what, array in (("weights", pi), ("means", mu), ("covariances", values)):
            if not np.isfinite(array).all():
                raise ValueError(f"{what} hold NaN or infinity")
        with np.errstate(over="ignore"):
            whole = pi.sum()
        if (pi < 0).any() or not 0 < whole < np.inf:
            raise ValueError("weights must not be negative, and their sum positive and finite")
        covariance = family.from_values(values, mu.shape[1])
        dense = covariance.dense(len(mu))
        skew = np.abs(0.5 * dense - 0.5 * np.swapaxes(dense, 1, 2)).max(axis=(1, 2))
        bad = covariance.degenerate(len(mu)) | (skew > 5e-9 * np.abs(dense).max(axis=(1, 2)))
        if bad.any():
            raise ValueError(
                f"the covariance of component {int(np.flatnonzero(bad)[0])} is not symmetric and "
                "positive definite"
            )
        stray = covariance.strays(len(mu))
        if stray.any():
            raise ValueError(
                f"the covariance of component {int(np.flatnonzero(stray)[0])} does not have with "
                f"the others what {family.name} has in common ({family.words}): name a wider "
                f"family, such as {'diag' if family.independent else 'full'}"
            )
        return cls(pi / whole, mu, covariance)

    @property
    def n_parameters(self) -> int:
        """Free parameters: covariances, means, and weights less one."""
        k, d = self.means.shape
        return self.covariance.n_free(k) + k * d + k - 1

    def to_vector(self) -> Array:
        """Free coordinates: log weights, means, covariance. Every vector is a mixture."""
        with np.errstate(divide="ignore"):  # a component of no weight is at minus infinity
            log_weights = np.log(self.weights)
        return np.concatenate([log_weights, self.means.ravel(), self.covariance.to_vector()])

    def from_vector(self, vector: Array) -> Self:
        """The mixture of the same family and size with these coordinates."""
        k, d = self.means.shape
        joint, _ = normalise(vector[:k, None].copy())
        weights = np.exp(vector[:k] - joint)
        covariance = type(self.covariance).from_vector(vector[k + k * d :], k, d)
        return type(self)(weights, vector[k : k + k * d].reshape(k, d), covariance)

    # The algebra: what each room offers, under its own name.

    marginal = conditioning.marginal
    condition = conditioning.condition
    affine = transformation.affine
    scale = transformation.scale
    convolve = transformation.convolve
    product = transformation.product
    sample = sampling.sample
    sample_conditional = sampling.sample_conditional
    moment = moment.moment
    score = derivative.score
    hessian = derivative.hessian
    denoise = derivative.denoise
    cdf = probability.cdf
    quantile = probability.quantile
    probability = probability.probability
    highest_density_region = region.highest_density_region
    modes = mode.modes
    modal_clusters = mode.modal_clusters
    entropy = divergence.entropy
    kl = divergence.kl
    kl_variational = divergence.kl_variational
    kl_matched = divergence.kl_matched
    log_inner_product = divergence.log_inner_product
    l2_distance = divergence.l2_distance
    cauchy_schwarz = divergence.cauchy_schwarz
    separation = separation.separation
    mw2 = transport.mw2
    match = transport.match
    merge = reduction.merge
    reduce = reduction.reduce

    def save(self, path: str | Path, *, notes: dict[str, Any] | None = None) -> None:
        """Write the mixture to a file, whole or not at all. See `mixtura.load`.

        Parameters
        ----------
        path : str or Path
        notes : dict, optional
            Anything that JSON can hold; `load_with_notes` gives it back.
        """
        arrays = {
            "weights": self.weights,
            "means": self.means,
            "covariances": self.covariance.values,
        }
        storage.write(path, self.covariance.name, arrays, notes)

    def __repr__(self) -> str:
        """One line with the family and the sizes."""
        return (
            f"Mixture({self.covariance.name}, n_components={self.n_components}, "
            f"n_features={self.n_features})"
        )


def load(path: str | Path) -> Mixture:
    """Read a mixture that `Mixture.save` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Mixture
        Bit for bit the one that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StorageError
        If the file is damaged, is something else, or comes from a later version.
    """
    return load_with_notes(path)[0]


def load_with_notes(path: str | Path) -> tuple[Mixture, dict[str, Any]]:
    """Read a mixture and the notes saved with it; raises as `load` does."""
    mixture, notes = read_with_notes(path)
    for name, what, how in (
        (storage.NOISE, "a mixture and noise", "NoisyMixture"),
        (storage.DEGREES, "t distributions", "HeavyMixture"),
    ):
        if name in notes:
            raise storage.StorageError(
                f"{str(path)!r} holds {what}: read it with mixtura.{how}.load"
            )
    return mixture, notes


def read_with_notes(path: str | Path) -> tuple[Mixture, dict[str, Any]]:
    """The same of any file, whatever stands among its notes."""
    header, arrays = storage.read(path)
    weights = arrays["weights"]
    try:
        checked = Mixture.of(
            weights, arrays["means"], arrays["covariances"], family=header["family"]
        )
        if abs(weights.sum() - 1.0) > 1e-6:
            raise ValueError("weights do not add to one")
    except ValueError as error:
        raise storage.StorageError(f"{str(path)!r} does not hold a mixture: {error}") from error
    # `Mixture.of` divided the weights by their sum; the file's own are what was saved.
    return Mixture(weights, checked.means, checked.covariance), header["notes"]
