"""All pictures: they are drawn whole, of every family, and leave matplotlib as it was."""

import io
import subprocess
import sys

import numpy as np
import pytest

import mixtura
from mixtura import plot
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

RESULTS = {
    "covariance_type": ["full", "full", "diag", "diag"],
    "n_components": [1, 2, 1, 2],
    "bic": [3.0, 1.0, 2.0, np.nan],
}
TABLE = {
    "parameter": ["weight", "weight"],
    "component": [0, 1],
    "estimate": [0.4, 0.6],
    "lower": [0.3, 0.5],
    "upper": [0.5, 0.7],
}

PICTURES = {
    "ellipses": lambda m, x, ax: plot.ellipses(m, numbers=True, ax=ax),
    "classification": lambda m, x, ax: plot.classification(m, x, ax=ax),
    "uncertainty": lambda m, x, ax: plot.uncertainty(m, x, ax=ax),
    "density": lambda m, x, ax: plot.density(m, x, ax=ax),
    "contours": lambda m, x, ax: plot.contours(m, x, ax=ax),
    "criteria": lambda m, x, ax: plot.criteria(RESULTS, ax=ax),
    "tree": lambda m, x, ax: plot.tree(m, ax=ax),
    "entropy": lambda m, x, ax: plot.entropy(m, x, ax=ax),
    "silhouette": lambda m, x, ax: plot.silhouette(m, x, ax=ax),
    "separation": lambda m, x, ax: plot.separation(m, x, ax=ax),
    "scatter": lambda m, x, ax: plot.scatter(x[:, 0], x[:, 1], m.responsibilities(x), ax=ax),
}
GRIDS = {
    "pairs": lambda m, x, figure: plot.pairs(m, x, figure=figure),
    "intervals": lambda m, x, figure: plot.intervals(TABLE, figure=figure),
}


def test_every_public_picture_is_tried_here():
    assert {*PICTURES} | {*GRIDS} == {*plot.__all__}


def test_the_package_has_the_room_by_its_name():
    assert mixtura.plot is plot


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("k", [2, 3, 30])
def test_a_picture_has_the_size_of_its_figure_and_something_on_it(name, k, figure, ax):
    drawn = mixture(FAMILIES["full"], k, 3, np.random.default_rng(k))
    PICTURES[name](drawn, drawn.sample(200, 0)[0], ax)
    figure.canvas.draw()
    width, height = (figure.get_size_inches() * figure.dpi).astype(int)
    image = np.asarray(figure.canvas.buffer_rgba())
    assert image.shape == (height, width, 4)
    assert (image[..., :3] < 250).any(axis=2).mean() > 0.005


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_too(name, figure):
    drawn = mixture(FAMILIES["full"], 3, 3, np.random.default_rng(0))
    GRIDS[name](drawn, drawn.sample(200, 0)[0], figure)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    assert written.getvalue().startswith(b"\x89PNG")
    assert len(written.getvalue()) > 3_000


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_drawn(family, figure):
    drawn = mixture(FAMILIES[family], 3, 3, np.random.default_rng(1))
    x = drawn.sample(50, 0)[0]
    panels = figure.subplots(3, 3).flat
    for name, axes in zip(
        [
            "ellipses",
            "contours",
            "density",
            "separation",
            "tree",
            "entropy",
            "uncertainty",
            "silhouette",
        ],
        panels,
        strict=False,
    ):
        assert PICTURES[name](drawn, x, axes) is axes


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_makes_its_own_figure_if_none_is_given(name, three, rows):
    from matplotlib import pyplot

    before = len(pyplot.get_fignums())
    made = GRIDS[name](three, rows, None)
    assert len(pyplot.get_fignums()) == before + 1
    assert pyplot.figure(pyplot.get_fignums()[-1]) is made


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "criteria"])
def test_one_row_is_enough(name, ax, three):
    PICTURES[name](three, three.means[:1], ax)


def test_matplotlib_is_imported_by_drawing_alone():
    program = "import sys, mixtura; mixtura.plot; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch, three):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"install it with pip install 'mixtura\[plot\]'"):
        plot.ellipses(three)


def test_grids_fit_into_a_part_of_a_figure(figure, three, rows):
    left, right = figure.subfigures(1, 2)
    assert plot.pairs(three, rows, figure=left) is left
    assert plot.intervals(TABLE, figure=right) is right
    figure.canvas.draw()
    assert len(figure.axes) == 9 + 1
