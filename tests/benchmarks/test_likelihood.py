"""Time to a target: made-up fits with known seconds and likelihoods."""

import math

import numpy as np
import pytest

from benchmarks import bars, likelihood


def fits(*pairs):
    """Fits that find these likelihoods in these seconds."""
    return lambda number: pairs[min(number, len(pairs) - 1)]


def test_the_entry_with_bars_is_that_of_the_table():
    assert likelihood.WITH_BARS == bars.CONTESTANT
    assert pytest.approx(1.0 / bars.LEAST_RATIO) == likelihood.PATIENCE
    assert len(likelihood.TABLES) >= bars.SUITE


def test_the_entry_with_bars_differs_from_the_target_in_its_starts_alone():
    kind, options = likelihood.CONTESTANTS[likelihood.WITH_BARS]
    assert kind is likelihood.OURS
    assert options | {"n_init": 10} == likelihood.TARGET


def test_the_suite_has_the_sizes_that_the_bars_name():
    features = [t.features for t in likelihood.TABLES]
    components = [t.components for t in likelihood.TABLES]
    assert (min(features), max(features)) == (2, 64)
    assert (min(components), max(components)) == (3, 100)
    assert len({t.name for t in likelihood.TABLES}) == len(likelihood.TABLES)


@pytest.mark.parametrize(
    ("target", "strict"), [(-20.0, 2e-5), (0.3, 1e-6), (-1.0, 1e-6), (5.0, 5e-6)]
)
def test_how_far_below_the_target_is_reached(target, strict):
    assert likelihood.slack(likelihood.LEVELS["strict"], target) == pytest.approx(strict)
    assert likelihood.slack(likelihood.LEVELS["loose"], target) == 1e-3


def test_seconds_of_all_fits_add_up_to_each_level():
    found = likelihood.series(fits((-2.0, 1.0), (-1.0009, 2.0), (-1.1, 3.0), (-1.0, 4.0)), -1.0, 50)
    assert found["reached"] == {"strict": 10.0, "loose": 3.0}
    assert (found["fits"], found["best"]) == (4, -1.0)


def test_a_series_ends_at_its_limit_and_what_comes_after_it_is_late():
    found = likelihood.series(fits((-2.0, 4.0), (-2.0, 4.0), (-1.0, 4.0)), -1.0, 10.0)
    assert found["reached"] == {"strict": None, "loose": None}
    assert found["fits"] == 3


def test_a_fit_that_fails_ends_the_series_with_its_words():
    def fail(number):
        raise ValueError("singular")

    found = likelihood.series(fail, -1.0, 10.0)
    assert found["error"] == "singular"
    assert found["reached"] == {"strict": None, "loose": None}


def run(strict, loose=1.0):
    return {"reached": {"strict": strict, "loose": loose}}


@pytest.mark.parametrize(
    ("strict", "median", "reached"),
    [
        ([1.0, 5.0, 2.0], 2.0, 3),
        ([1.0, None, 2.0], 2.0, 2),
        ([1.0, None, None], None, 1),
        ([1.0, None], None, 1),
        ([3.0], 3.0, 1),
    ],
)
def test_the_median_series_counts_and_one_without_success_is_endless(strict, median, reached):
    found = likelihood.summary([run(each) for each in strict], 9.0)
    assert found["strict"] == {"seconds": median, "reached": reached}
    assert found["loose"]["seconds"] == 1.0
    assert found["limit_seconds"] == 9.0


def test_contestants_have_limits_and_are_not_repeated_beyond_the_budget(monkeypatch):
    asked = []

    def fit(kind, options, seed):
        asked.append((kind, seed))
        return -1.0, 1.0

    found = likelihood.contest(fit, -1.0, 30.0, repeats=5, budget=-1.0)
    assert {len(each["series"]) for each in found.values()} == {1}
    limits = {
        name: found[name]["limit_seconds"] == (10.0 if kind is likelihood.OURS else 30.0)
        for name, (kind, _) in likelihood.CONTESTANTS.items()
    }
    assert all(limits.values())
    found = likelihood.contest(fit, -1.0, 30.0, repeats=5, budget=1e9)
    counts = {name: len(each["series"]) for name, each in found.items()}
    assert counts[likelihood.WITH_BARS] == 5
    assert counts["scikit-learn, 1 start"] == 3
    seeds = [seed for kind, seed in asked if kind is likelihood.THEIRS]
    assert len(set(seeds)) == 3


def test_at_equal_time_a_fit_that_ends_too_late_does_not_count():
    found = likelihood.at_equal_time(
        lambda kind, options, seed: [(-3.0, 4.0), (-2.0, 4.0), (-1.0, 4.0)][seed - 5_000_000], 10.0
    )
    assert found == {"seconds": 8.0, "limit_seconds": 10.0, "fits": 2, "likelihood": -2.0}


def test_the_quickest_way_may_be_the_targets_own_fit():
    contestants = {
        name: {"strict": {"seconds": None}, "loose": {"seconds": 2.0 + number}}
        for number, name in enumerate(
            n for n, (kind, _) in likelihood.CONTESTANTS.items() if kind is likelihood.THEIRS
        )
    }
    assert likelihood.quickest(contestants, 9.0) == {"strict": 9.0, "loose": 2.0}


class Model:
    def __init__(self, covariances, weights):
        self.covariances_, self.weights_ = np.asarray(covariances), np.asarray(weights)


@pytest.mark.parametrize(
    ("variance", "weight", "found"),
    [(1.0, 0.5, False), (1e-6, 0.5, True), (1.0, 0.02, True), (1.0, 0.03, False)],
)
def test_a_component_on_few_rows_or_flat_is_a_collapse(variance, weight, found):
    model = Model([np.eye(2), np.diag([1.0, variance])], [1.0 - weight, weight])
    assert likelihood.collapsed(model, np.zeros((100, 2))) is found


def test_both_are_scored_by_the_same_formula():
    rows = np.random.default_rng(0).standard_normal((200, 2))
    model = likelihood.THEIRS(1).fit(rows)
    # One Gaussian with the moments of the rows: -D/2 (1 + log 2π) - log|S|/2, and trace(S⁻¹ S).
    spread = np.cov(rows.T, bias=True)
    exact = -0.5 * (2.0 * (1.0 + math.log(2.0 * math.pi)) + np.linalg.slogdet(spread)[1])
    assert likelihood.likelihood(model, rows) == pytest.approx(exact, abs=1e-5)
    assert likelihood.likelihood(likelihood.OURS(1).fit(rows), rows) == pytest.approx(exact, 1e-3)


def test_a_set_that_is_not_at_hand_is_made_with_its_sizes(tmp_path):
    table = likelihood.Table("none", "none.csv", likelihood.ALL, 60, 3, 4)
    rows, source, labels = table.read(tmp_path)
    assert (rows.shape, source, labels.shape) == ((60, 3), "synthetic", (60,))
    assert set(labels) <= set(range(4))


def test_a_set_is_read_without_its_classes(tmp_path):
    (tmp_path / "x.csv").write_text("a,b,class\n1,2,x\n3,4,y\n", encoding="utf-8")
    table = likelihood.Table("x", "x.csv", likelihood.FIRST, 2, 2, 1)
    rows, source, labels = table.read(tmp_path)
    assert rows.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (source, labels) == ("x.csv", None)
