"""Pictures of mixtures, of rows, and of what was found about them; they need matplotlib.

Each draws on axes, or a figure where it has several panels, and returns what it has drawn on.
Nothing is shown and no setting of matplotlib is changed.
"""

from mixtura.report.plot.contours import contours
from mixtura.report.plot.criteria import criteria
from mixtura.report.plot.density import density
from mixtura.report.plot.ellipses import ellipses
from mixtura.report.plot.intervals import intervals
from mixtura.report.plot.merging import entropy, tree
from mixtura.report.plot.pairs import pairs
from mixtura.report.plot.points import classification, scatter
from mixtura.report.plot.separation import separation
from mixtura.report.plot.silhouette import silhouette
from mixtura.report.plot.uncertainty import uncertainty

__all__ = [
    "classification",
    "contours",
    "criteria",
    "density",
    "ellipses",
    "entropy",
    "intervals",
    "pairs",
    "scatter",
    "separation",
    "silhouette",
    "tree",
    "uncertainty",
]
