"""From curvature and scores to the covariance of estimates, and whether it can be had."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from mixtura.learn.information import Information
from mixtura.learn.parameters import POSITIVE, WEIGHT, Parameters

Array = NDArray[np.float64]

LOADING = 1e-5
"""A parameter with a greater part of itself in a flat direction is not determined."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The covariance of estimates, as far as the rows determine them."""

    covariance: Array  # (P, P): NaN for parameters that are not determined
    determined: NDArray[np.bool_]  # (P,)
    peaked: bool
    """Whether the objective falls in all directions that are not flat."""
    step: Array  # (P,): to where the objective would be highest, were it a parabola

    @property
    def standard_errors(self) -> Array:
        """Roots of the diagonal, (P,)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))

    @property
    def short(self) -> float:
        """The largest such step, in standard errors."""
        error = self.standard_errors
        some = self.determined & (error > 0)
        return float(np.max(np.abs(self.step[some]) / error[some], initial=0.0))


def uncertainty(information: Information, slopes: Array, robust: bool) -> Uncertainty:
    """The covariance of parameters that change with the chart's coordinates as slopes (P, ...) say.

    The inverse of the observed information [@Louis1982]; robust, the sandwich of that about the
    scores' own covariance, which holds whether or not rows come from such a mixture [@White1982].
    """
    inverse, flat, peaked = information.inverse()
    spread = inverse @ information.scores @ inverse if robust else inverse
    along = slopes @ information.frame
    # In coordinates of unit curvature, what of each parameter lies in flat directions.
    diagonal = np.diagonal(information.curvature)
    unit = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    size = np.sqrt(((along * unit) ** 2).sum(axis=1))
    hidden = np.sqrt(((along @ flat) ** 2).sum(axis=1))
    determined = hidden <= LOADING * np.where(size > 0, size, 1.0)
    covariance = along @ spread @ along.T
    covariance[~determined] = np.nan
    covariance[:, ~determined] = np.nan
    return Uncertainty(covariance, determined, peaked, along @ (inverse @ information.slope))


def normal_intervals(
    parameters: Parameters, estimates: Array, errors: Array, level: float
) -> tuple[Array, Array]:
    """Lower and upper ends, (P,): symmetric for means and covariances.

    Those of weights are symmetric as log odds, those of variances and of degrees of freedom as
    logarithms: so they stay where they belong.
    """
    z = float(ndtri(0.5 + 0.5 * level))
    kinds = np.array(parameters.kinds)
    weights, variances = kinds == WEIGHT, np.isin(kinds, [*POSITIVE])
    lower, upper = estimates - z * errors, estimates + z * errors
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        p, half = estimates[weights], z * errors[weights]
        half = half / (p * (1.0 - p))
        lower[weights], upper[weights] = expit(logit(p) - half), expit(logit(p) + half)
        v, ratio = estimates[variances], np.exp(z * errors[variances] / estimates[variances])
        lower[variances], upper[variances] = v / ratio, v * ratio
    return lower, upper
