"""Covariance families: K matrices of one form, batched, each answering the same questions.

A new family is one file here and one line in `FAMILIES`; every law of the tests applies to it from
then on. Families that come with a number are not listed: `named` makes them.
"""

from mixtura.model.covariance.aligned import EVE, VVE
from mixtura.model.covariance.axial import EVI, VEI
from mixtura.model.covariance.diagonal import Diagonal
from mixtura.model.covariance.eei import EEI
from mixtura.model.covariance.eii import EII
from mixtura.model.covariance.factor import Factor, factor_family
from mixtura.model.covariance.factor import named as factor_named
from mixtura.model.covariance.factor_form import FORMS
from mixtura.model.covariance.family import Covariance
from mixtura.model.covariance.full import Full
from mixtura.model.covariance.spherical import Spherical
from mixtura.model.covariance.subspace import Subspaces, subspace_family
from mixtura.model.covariance.subspace import named as subspace_named
from mixtura.model.covariance.subspace_form import FORMS as SUBSPACES
from mixtura.model.covariance.tied import Tied
from mixtura.model.covariance.turned import EEV, EVV, VEV
from mixtura.model.covariance.vee import VEE

FAMILIES: dict[str, type[Covariance]] = {
    "full": Full,
    "tied": Tied,
    "diag": Diagonal,
    "spherical": Spherical,
    "EII": EII,
    "EEI": EEI,
    "VEI": VEI,
    "EVI": EVI,
    "VEE": VEE,
    "EVE": EVE,
    "VVE": VVE,
    "EEV": EEV,
    "VEV": VEV,
    "EVV": EVV,
}

SPELLINGS: dict[str, type[Covariance]] = FAMILIES | {
    spelling: family
    for family in FAMILIES.values()
    for spelling in (family.letters, family.words)
    if spelling
}
"""Every name that a family has: its own, mclust's letters, and words."""


def named(spelling: str) -> type[Covariance]:
    """The family of this name, in whatever spelling; or one with a number, such as UUU:2."""
    family = SPELLINGS.get(spelling) or factor_named(spelling) or subspace_named(spelling)
    if family is None:
        raise ValueError(
            f"no covariance family {spelling!r}: choose one of {[*SPELLINGS]}, or a form of factor "
            "analysers and their number, such as 'UUU:2', or of subspaces, such as 'AkjBkQkDk' or "
            "'AkjBkQkD:3'"
        )
    return family


def is_named(spelling: object) -> bool:
    """Whether a family has this name, in whatever spelling."""
    if not isinstance(spelling, str):
        return False
    return spelling in SPELLINGS or bool(factor_named(spelling) or subspace_named(spelling))


__all__ = [
    "EEI",
    "EEV",
    "EII",
    "EVE",
    "EVI",
    "EVV",
    "FAMILIES",
    "FORMS",
    "SPELLINGS",
    "SUBSPACES",
    "VEE",
    "VEI",
    "VEV",
    "VVE",
    "Covariance",
    "Diagonal",
    "Factor",
    "Full",
    "Spherical",
    "Subspaces",
    "Tied",
    "factor_family",
    "factor_named",
    "is_named",
    "named",
    "subspace_family",
    "subspace_named",
]
