"""The picture in the page on covariances. Run: python docs/pictures/structures.py."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from numpy.typing import NDArray

from mixtura import GaussianMixture
from mixtura.model.covariance import FAMILIES

HERE = Path(__file__).parent
COLOURS = ("#3366aa", "#bb5544", "#558833")
ORDER = ("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")


def rows() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Three groups that have nothing in common, and their labels."""
    rng = np.random.default_rng(3)
    parts = [
        ([2.2, 0.5], 0.5, (0.0, 0.0)),
        ([0.9, 0.7], 1.2, (5.5, 3.5)),
        ([1.6, 0.25], 2.3, (6.0, -2.0)),
    ]
    found: list[NDArray[np.float64]] = []
    for lengths, angle, centre in parts:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found.append(rng.normal(size=(60, 2)) * lengths @ turn.T + centre)
    return np.concatenate(found), np.repeat(np.arange(3), 60)


Array = NDArray[np.float64]


def ellipse(axes: Axes, mean: Array, matrix: Array, colour: str) -> None:
    """Where the density of a component has fallen to exp(−2) of its peak."""
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = 2.0 * np.column_stack([np.cos(angle), np.sin(angle)])
    line = mean + circle @ np.linalg.cholesky(matrix).T
    axes.fill(*line.T, facecolor=colour, alpha=0.22)
    axes.plot(*line.T, color=colour, linewidth=1.4)


def draw(path: Path) -> None:
    """One panel for each form."""
    x, labels = rows()
    named = {family.letters: family for family in FAMILIES.values()}
    figure, panels = pyplot.subplots(2, 7, figsize=(13.0, 4.4), layout="constrained")
    for letters, axes in zip((*ORDER, "VVV"), panels.ravel(), strict=True):
        model = GaussianMixture(3, covariance_type=letters, init_params=labels, max_iter=200).fit(x)
        axes.scatter(*x.T, s=2, color="0.6", linewidths=0)
        for k, colour in enumerate(COLOURS):
            ellipse(axes, model.means_[k], model.mixture_.covariances[k], colour)
        words = named[letters].words or named[letters].name
        axes.set_title(f"{letters}\n{words}", fontsize=8)
        axes.set(aspect="equal", xlim=(-5.5, 11), ylim=(-7, 8), xticks=[], yticks=[])
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(HERE / "structures.png")
