"""Axes to draw on, and mixtures to draw."""

from importlib.util import find_spec

import numpy as np
import pytest

from mixtura import GaussianMixture, Mixture

if find_spec("matplotlib") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    """A picture changes no setting, shows nothing, and leaves no figure open that it was given."""
    import matplotlib as mpl
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")

    before = dict(mpl.rcParams)
    monkeypatch.setattr(pyplot, "show", lambda *args, **kwargs: pytest.fail("shown"))
    yield
    pyplot.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture
def figure():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(layout="constrained")
    FigureCanvasAgg(made)
    return made


@pytest.fixture
def ax(figure):
    return figure.subplots()


@pytest.fixture
def three():
    """Two components in three columns."""
    return Mixture.of(
        [0.4, 0.6],
        [[0.0, 1.0, 5.0], [3.0, -1.0, 2.0]],
        [np.diag([1.0, 4.0, 9.0]), [[2.0, 0.8, 0.0], [0.8, 1.0, 0.1], [0.0, 0.1, 1.0]]],
    )


@pytest.fixture
def rows(three):
    return three.sample(400, 0)[0]


@pytest.fixture
def fitted(rows):
    """An estimator that knows the names of its columns."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(rows, columns=["age", "income", "visits"])
    return GaussianMixture(2, random_state=0).fit(table), table
