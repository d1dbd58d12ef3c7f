"""What a user believes of a mixture before any row, checked, and what is believed where nothing is
said.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.learn.concentration import Concentration, Dirichlet, Sticks
from mixtura.learn.precision import Gamma, Gammas, Precision, SharedWishart, Wishart
from mixtura.learn.variational import Beliefs
from mixtura.model.covariance import FAMILIES
from mixtura.model.mixture import Mixture

Array = NDArray[np.float64]

CONJUGATE: dict[str, Precision] = {
    "full": Wishart(),
    "tied": SharedWishart(),
    "diag": Gammas(),
    "spherical": Gamma(),
}
"""The prior of precisions that a family has by its own form. Others have none."""

CONCENTRATIONS = ("dirichlet_process", "dirichlet_distribution", "pitman_yor")
PRECISIONS = ("conjugate", "wishart")

MEAN_PRECISION = 0.01
"""Rows that the prior of a mean is worth."""


def beliefs(
    whole: Mixture,
    *,
    covariance_type: str,
    n_components: int,
    concentration_type: str,
    concentration: float | None,
    discount: float,
    precision_type: str,
    mean: ArrayLike | None,
    mean_precision: float | None,
    degrees_of_freedom: float | None,
    covariance: ArrayLike | None,
    reg_covar: float | None,
) -> Beliefs:
    """Resolve the priors of an estimator, given all rows as one Gaussian.

    What is not given follows the scale of the data, after [@FraleyRaftery2007].
    """
    d, k = whole.n_features, n_components
    precision = CONJUGATE[covariance_type] if precision_type == "conjugate" else Wishart()
    nu = _degrees_of_freedom(degrees_of_freedom, precision, d, k)
    scale = _scale(covariance, covariance_type, d)
    if scale is None:
        scale = whole.covariances[0] / k ** (2.0 / d)
        if isinstance(precision, SharedWishart):
            scale = scale / k
        if covariance_type == "spherical":
            scale = np.diagonal(scale).mean() * np.eye(d)
    return Beliefs(
        family=FAMILIES[covariance_type],
        n_components=k,
        weights=_weights(
            concentration_type, 1.0 / k if concentration is None else concentration, discount
        ),
        precision=precision,
        mean=whole.mean if mean is None else _mean(mean, d),
        mean_precision=MEAN_PRECISION if mean_precision is None else float(mean_precision),
        degrees_of_freedom=nu,
        scale=scale,
        noise=float(reg_covar or 0.0),
    )


def _weights(kind: str, alpha: float, discount: float) -> Concentration:
    if kind == "dirichlet_distribution":
        return Dirichlet(float(alpha))
    return Sticks(float(alpha), float(discount) if kind == "pitman_yor" else 0.0)


def _degrees_of_freedom(given: float | None, precision: Precision, d: int, k: int) -> float:
    """ν, in rows of one component: of a matrix that all share, D + 2 rows in all."""
    if given is None:
        return (d + 2.0) / k if isinstance(precision, SharedWishart) else d + 2.0
    if isinstance(precision, Wishart | SharedWishart) and given <= d - 1.0:
        raise ValueError(
            "The parameter 'degrees_of_freedom_prior' should be greater than "
            f"{d - 1}, but got {given:.3f}."
        )
    return float(given)


def _numbers(given: ArrayLike, name: str, shape: tuple[int, ...]) -> Array:
    try:
        values = np.array(given, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"The parameter '{name}' should be numbers in the shape of {shape}: {error}"
        ) from error
    if values.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"The parameter '{name}' holds NaN or infinity")
    return values


def _mean(given: ArrayLike, d: int) -> Array:
    return _numbers(given, "mean_prior", (d,))


def _scale(given: ArrayLike | None, covariance_type: str, d: int) -> Array | None:
    """C as a matrix (D, D)."""
    if given is None:
        return None
    matrix = covariance_type in ("full", "tied")
    shape = (d, d) if matrix else (d,) if covariance_type == "diag" else ()
    values = _numbers(given, "covariance_prior", shape)
    if not matrix:
        if (values <= 0).any():
            raise ValueError("The parameter 'covariance_prior' should be positive")
        return np.diag(np.broadcast_to(values, (d,)))
    largest = np.abs(values).max()
    if np.abs(values - values.T).max() > 1e-6 * largest or np.linalg.eigvalsh(values)[0] <= 0:
        raise ValueError("The parameter 'covariance_prior' should be symmetric, positive-definite")
    return 0.5 * (values + values.T)


def shown(scale: Array, covariance_type: str) -> Any:
    """C in the shape in which it is given."""
    if covariance_type in ("full", "tied"):
        return scale
    return np.diagonal(scale).copy() if covariance_type == "diag" else float(scale[0, 0])
