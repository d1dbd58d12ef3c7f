"""Names of families that hold a number, and the option ``n_factors``, which is one of them."""

from typing import Any

from sklearn.utils._param_validation import StrOptions

from mixtura.model.covariance import (
    FORMS,
    SPELLINGS,
    SUBSPACES,
    Subspaces,
    is_named,
    named,
)


class FamilyName(StrOptions):
    """Names of families and of forms, and those that hold a number, such as UUU:2."""

    def __init__(self) -> None:
        super().__init__({*SPELLINGS, *FORMS, *SUBSPACES, "subspace"})

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether there is such a family."""
        return super().is_satisfied_by(val) or is_named(val)


def family_name(covariance_type: str, n_factors: int | None) -> str:
    """The name of the family that two options make."""
    if n_factors is None:
        if covariance_type in FORMS:
            raise ValueError(
                f"covariance_type={covariance_type!r} is a form of factor analysers: say how many "
                f"factors, by n_factors=2 or by covariance_type='{covariance_type}:2'"
            )
        return covariance_type
    if covariance_type not in FORMS:
        raise ValueError(
            f"n_factors goes with a form of factor analysers, one of {[*FORMS]}, and not with "
            f"covariance_type={covariance_type!r}: leave it out"
        )
    return f"{covariance_type}:{n_factors}"


def check_factors(covariance_type: str, n_features: int) -> None:
    """Fewer factors, or axes, than columns."""
    family = named(covariance_type)
    if issubclass(family, Subspaces):
        if family.rule is None and family.number >= n_features:
            raise ValueError(
                f"subspaces of {family.number} dimensions are too large for n_features = "
                f"{n_features}: they have fewer dimensions than there are columns"
            )
        return
    number = getattr(family, "n_factors", 0)
    if number >= n_features:
        raise ValueError(
            f"{number} factors are too many for n_features = {n_features}: factors are fewer than "
            "columns"
        )
