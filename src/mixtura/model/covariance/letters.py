"""mclust's three letters for a form: what components have in common [@Scrucca2016].

They stand for volume, shape and orientation, Σ_k = λ_k Q_k A_k Q_kᵀ with |A_k| = 1. E is equal in
all components, V varies, and I is the identity [@CeleuxGovaert1995].
"""


def n_free(letters: str, n_components: int, n_features: int) -> int:
    """Free parameters of K covariance matrices of a form."""
    volumes, shapes, orientations = _copies(letters, n_components)
    d = n_features
    return volumes + shapes * (d - 1) + orientations * (d * (d - 1) // 2)


def n_of_a_column(letters: str, n_components: int, n_features: int) -> int:
    """What K matrices of a form say of one column, given the others: spread and slopes."""
    volumes, shapes, orientations = _copies(letters, n_components)
    return max(volumes, shapes) + orientations * (n_features - 1)


def _copies(letters: str, n_components: int) -> tuple[int, int, int]:
    """How many volumes, shapes and orientations there are."""
    numbers = {"E": 1, "V": n_components, "I": 0}
    volume, shape, orientation = letters
    return numbers[volume], numbers[shape], numbers[orientation]
