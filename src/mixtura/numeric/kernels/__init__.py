"""Kernels: one block of rows at a time, on plain arrays; one table of dialects.

Every dialect offers the same operations and answers to the reference within the bound that the
predictor κ gives. Engines say where rows live; a dialect says how one block of them is computed.
"""

from mixtura.numeric.kernels import reference
from mixtura.numeric.kernels.operands import CENTRED_LIMIT, Operands

REFERENCE = reference
DIALECTS = {"reference": REFERENCE}

__all__ = ["CENTRED_LIMIT", "DIALECTS", "REFERENCE", "Operands"]
