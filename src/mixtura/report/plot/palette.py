"""How components are told apart: by colour, and where colours are not seen by marker and line."""

from typing import Any

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Told apart by colour-blind eyes too (the palette of Okabe and Ito)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Seven shapes and eight colours go round at different times: 56 components look different."""

LINES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (1.5, 1.5)), (0, (3, 1.5)))
"""Five of them, for the same reason."""

INK = "#333333"
"""Of what belongs to the mixture as a whole."""

PALE = "#BBBBBB"
"""Of what lies behind."""


NOISE = "#8A8A8A"
"""Of rows that belong to no component; their number is -1."""


def colour(k: int) -> str:
    """The colour of component k; grey for what is none."""
    if k < 0:
        return NOISE
    return COLOURS[k % len(COLOURS)]


def marker(k: int) -> str:
    """The marker of component k."""
    return "." if k < 0 else MARKERS[k % len(MARKERS)]


def line(k: int) -> Any:
    """The line style of component k."""
    return LINES[k % len(LINES)]


def dark(k: int) -> str:
    """A darker shade of it, for letters: yellow ones could not be read on white."""
    parts = (int(colour(k)[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{int(0.7 * part):02X}" for part in parts)
