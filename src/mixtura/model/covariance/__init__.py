"""Covariance families: K matrices of one form, batched, each answering the same questions.

A new family is one file here and one line in `FAMILIES`; every law of the tests applies to it from
then on.
"""

from mixtura.model.covariance.diagonal import Diagonal
from mixtura.model.covariance.family import Covariance
from mixtura.model.covariance.full import Full
from mixtura.model.covariance.spherical import Spherical
from mixtura.model.covariance.tied import Tied

FAMILIES: dict[str, type[Covariance]] = {
    "full": Full,
    "tied": Tied,
    "diag": Diagonal,
    "spherical": Spherical,
}

__all__ = ["FAMILIES", "Covariance", "Diagonal", "Full", "Spherical", "Tied"]
