from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from mixtura import plot

pandas = pytest.importorskip("pandas")

RESULTS = {
    "covariance_type": ["full", "full", "full", "diag", "diag", "diag"],
    "n_components": [3, 1, 2, 1, 2, 3],
    "bic": [250.0, 300.0, None, 310.0, 240.0, np.inf],
    "cv": [2.0, 3.0, 1.5, 4.0, 1.6, 1.7],
    "cv_se": [0.1, 0.1, 0.2, 0.1, 0.1, None],
}


def curve(ax, name):
    (found,) = [line for line in ax.get_lines() if line.get_label() == name]
    return found


def by_gid(ax, name):
    (found,) = [line for line in ax.get_lines() if line.get_gid() == name]
    return found


@pytest.mark.parametrize("kind", ["mapping", "frame", "search"])
def test_curves_are_the_results(ax, kind):
    results = RESULTS
    if kind == "frame":
        results = pandas.DataFrame(RESULTS)
    if kind == "search":
        results = SimpleNamespace(results_=RESULTS, criterion="bic")
    assert plot.criteria(results, ax=ax) is ax
    np.testing.assert_array_equal(
        curve(ax, "full").get_xydata(), [[1, 300.0], [2, np.nan], [3, 250.0]]
    )
    np.testing.assert_array_equal(
        curve(ax, "diag").get_xydata(), [[1, 310.0], [2, 240.0], [3, np.nan]]
    )
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["full", "diag"]
    assert ax.get_ylabel() == "BIC"


def test_the_best_has_a_ring_and_its_name(ax):
    plot.criteria(RESULTS, ax=ax)
    np.testing.assert_array_equal(by_gid(ax, "best").get_xydata(), [[2, 240.0]])
    assert "diag, 2" in [text.get_text() for text in ax.texts]


def test_errors_of_held_out_likelihood_are_bars(ax):
    plot.criteria(RESULTS, criterion="cv", ax=ax)
    np.testing.assert_array_equal(by_gid(ax, "best").get_xydata(), [[2, 1.5]])
    bars = [c for c in ax.containers if hasattr(c, "has_yerr") and c.has_yerr]
    segments = np.concatenate([c[2][0].get_segments() for c in bars])
    assert len(segments) == 5  # one has no error
    spans = {round(float(s[0, 0])): s[:, 1].tolist() for s in bars[0][2][0].get_segments()}
    np.testing.assert_allclose(spans[2], [1.3, 1.7])


def test_a_search_shows_what_it_chose(ax):
    """Its rule need not take the smallest; what is not usable is a cross, whatever its number."""
    table = {**RESULTS, "usable": [True, True, True, True, False, True]}
    best = {"covariance_type": "full", "n_components": 3}
    search = SimpleNamespace(results_=table, criterion="cv", best_params_=best)
    plot.criteria(search, ax=ax)
    np.testing.assert_array_equal(by_gid(ax, "best").get_xydata(), [[3, 2.0]])
    np.testing.assert_array_equal(curve(ax, "diag").get_ydata(), [4.0, np.nan, 1.7])
    assert by_gid(ax, "failed diag").get_xdata() == pytest.approx([2.15])
    assert "full, 3" in [text.get_text() for text in ax.texts]


def test_of_another_criterion_a_search_shows_the_best(ax):
    best = {"covariance_type": "full", "n_components": 3}
    search = SimpleNamespace(results_=RESULTS, criterion="cv", best_params_=best)
    plot.criteria(search, criterion="bic", ax=ax)
    np.testing.assert_array_equal(by_gid(ax, "best").get_xydata(), [[2, 240.0]])


def test_which_way_is_better_can_be_said(ax):
    plot.criteria(RESULTS, higher_is_better=True, ax=ax)
    np.testing.assert_array_equal(by_gid(ax, "best").get_xydata(), [[1, 310.0]])


def test_fits_that_failed_are_crosses_and_counted(ax):
    plot.criteria(RESULTS, ax=ax)
    for name, size in (("full", 2), ("diag", 3)):
        cross = by_gid(ax, f"failed {name}")
        assert cross.get_marker() == "x"
        assert abs(cross.get_xdata()[0] - size) < 0.5
        assert to_hex(cross.get_color()) == to_hex(curve(ax, name).get_color())
    assert "× 2 fits failed" in [text.get_text() for text in ax.texts]


def test_fourteen_forms_look_different(ax):
    forms = [f"form {i}" for i in range(14) for _ in range(2)]
    sizes, values = [1, 2] * 14, np.arange(28.0)
    plot.criteria({"covariance_type": forms, "n_components": sizes, "bic": values}, ax=ax)
    looks = {
        (line.get_color(), line.get_marker(), line.get_linestyle())
        for line in ax.get_lines()
        if str(line.get_label()).startswith("form")
    }
    assert len(looks) == 14


def test_results_that_are_none(ax):
    with pytest.raises(
        TypeError, match="results come as a mapping of columns or a data frame, not"
    ):
        plot.criteria(3, ax=ax)
    with pytest.raises(
        ValueError, match="results have no column 'icl'; they have: 'covariance_type'"
    ):
        plot.criteria(RESULTS, criterion="icl", ax=ax)
    with pytest.raises(ValueError, match="the columns of results have different lengths"):
        plot.criteria({**RESULTS, "bic": [1.0]}, ax=ax)
    with pytest.raises(ValueError, match="results have no rows: there is nothing to draw"):
        plot.criteria({name: [] for name in RESULTS}, ax=ax)
    failed = {**RESULTS, "bic": [np.nan] * 6}
    with pytest.raises(ValueError, match="no fit has a finite bic: there is nothing to draw"):
        plot.criteria(failed, ax=ax)
