"""Components that are collinear, made such that one can compute with them."""

from dataclasses import replace

import numpy as np

from mixtura.model.components import M
from mixtura.model.covariance import Full, Tied
from mixtura.numeric import linalg

COLLINEAR = 1e-8
"""The part of its columns' variances below which a direction of a component is no more than what
rounding may have left of it: what follows such a direction cannot be told."""


def steadied(mixture: M, n: int) -> M:
    """The mixture with the first n dimensions of each component kept from being collinear.

    Nothing changes, bit for bit, where they are not. Where they are, the others follow them as in a
    regression with a ridge that is too small to be seen and large enough to be computed with.
    """
    covariance = mixture.covariance
    if covariance.independent:
        return mixture
    values = covariance.dense(1 if isinstance(covariance, Tied) else mixture.n_components).copy()
    before = values[:, :n, :n].copy()
    for matrix in values:
        inner = matrix[:n, :n]
        matrix[:n, :n] = linalg.raise_to_floor(inner[None], COLLINEAR * np.diagonal(inner))[0]
    if np.array_equal(values[:, :n, :n], before):
        return mixture
    raised = Tied(values[0]) if isinstance(covariance, Tied) else Full(values)
    return replace(mixture, covariance=raised)
