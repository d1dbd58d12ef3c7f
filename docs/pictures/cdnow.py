"""The picture in the README. Run: python docs/pictures/cdnow.py."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pyarrow.csv
from matplotlib import pyplot

import mixtura
from mixtura.plot import ellipses, scatter

HERE = Path(__file__).parent
ORDERS = HERE.parents[1] / "examples" / "data" / "cdnow.csv.gz"


def draw(path: Path) -> None:
    """Segment the customers and draw them."""
    customers = mixtura.rfm(pyarrow.csv.read_csv(ORDERS), "customer", "date", "amount").table
    found = mixtura.segment(customers, id="customer")
    across, up = customers["recency"].to_numpy(), customers["monetary"].to_numpy()
    share = found.profile.shares
    names = [f"{k + 1}: {share[k]:.0%}, {found.profile.marks[k]}" for k in range(len(share))]
    first, last = found.recipe.features[0], found.recipe.features[2]

    figure, axes = pyplot.subplots(figsize=(9.0, 5.2), layout="constrained")
    rng = np.random.default_rng(0)
    shown = rng.permutation(len(across))[:6000]
    scatter(
        across[shown],
        np.maximum(up[shown], 1.0),
        found.assignment.probabilities[shown],
        names=names,
        size=6.0,
        ax=axes,
    )
    ellipses(
        found.mixture,
        columns=(0, 2),
        undo=lambda line: np.column_stack([first.undo(line[:, 0]), last.undo(line[:, 1])]),
        ax=axes,
    )
    axes.set(
        xlabel="days since the last order",
        ylabel="spent in total, dollars",
        yscale="log",
        ylim=(4, 6000),
        xlim=(-30, 640),
        title=f"{len(across):,} customers of CDNOW in {len(share)} segments",
    )
    axes.get_legend().set_loc("upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    draw(HERE / "cdnow.png")
