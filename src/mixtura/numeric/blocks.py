"""Rows in blocks, so that what is computed for each of them fits a processor's cache."""

NUMBERS = 1 << 18
"""Numbers that a block may hold for all its rows together: 2 MiB of float64."""


def spans(n_rows: int, width: int) -> list[slice]:
    """Ranges of rows for which `width` numbers each are few enough."""
    size = max(16, NUMBERS // max(width, 1))
    return [slice(i, min(i + size, n_rows)) for i in range(0, n_rows, size)]
