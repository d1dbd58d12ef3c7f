"""The arithmetic that an iteration is held against, and what is done for lack of time."""

import json
import subprocess

import pytest

from benchmarks import bars, peers

RATES = {"operations_per_second": 1e9, "exponentials_per_second": 1e6}


def full_operations(n_rows, n_features, n_components):
    """Counted one by one: a multiplication and an addition in each step, for each feature."""
    total = 0
    for i in range(n_features + 1):  # a column of ones stands for the constant and the means
        for _ in range(i, n_features + 1):
            total += 2 * n_rows * n_components  # of the E-step's product
            total += 2 * n_rows * n_components  # of the statistics'
    return total


@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 5), (10, 3)])
def test_the_roofline_counts_each_product_of_both_steps(d, k):
    found = peers.floor((7, d, k, "full", "float64"), RATES)
    assert found["operations"] == full_operations(7, d, k)
    assert found["product_seconds"] == pytest.approx(found["operations"] / 1e9)
    assert found["exponential_seconds"] == pytest.approx(7 * k / 1e6)
    assert found["seconds"] == found["product_seconds"] + found["exponential_seconds"]


def test_the_cases_are_those_of_the_bars():
    families = {family for *_, family, dtype in peers.CASES if dtype == "float64"}
    for family in families:
        assert [c[:3] for c in peers.CASES if c[3:] == (family, "float64")] == peers.FULL
    assert families == {"full", "tied", "diag", "spherical"}
    single = [c[:3] for c in peers.CASES if c[3:] == ("full", "float32")]
    assert single == [size for size in peers.FULL if size[1] >= 10]


@pytest.mark.parametrize(
    ("first", "plan"), [(0.1, (9, 11)), (0.5, (3, 11)), (5.0, (3, 3)), (15.0, (1, 3))]
)
def test_the_slower_an_iteration_the_fewer_and_shorter_the_fits(monkeypatch, first, plan):
    asked = []

    def turns(command, folder, iterations, limit):
        asked.append(iterations)
        seconds = [first * n for n in iterations]
        return seconds, {"version": "1", "means": [], "peak_bytes": 0}

    monkeypatch.setattr(peers, "turns", turns)
    found, _ = peers.worker(["it"], None, 3, 90.0)
    n, long = plan
    assert asked == [[1, 1], [1] + [1, long] * n]
    assert found["iteration_seconds"] == pytest.approx(first)
    assert (found["runs"], found["iterations"]) == (n, [1, long])


def test_a_peer_that_is_too_slow_is_absent(monkeypatch):
    monkeypatch.setattr(peers, "turns", lambda *_: ([50.0, 50.0], {}))
    with pytest.raises(peers.Absent, match="too long"):
        peers.worker(["it"], None, 3, 90.0)


def test_a_case_that_cannot_be_made_is_a_word_for_every_peer(monkeypatch):
    def call(command, **options):
        made = subprocess.CompletedProcess(command, 0, json.dumps(RATES), "")
        failed = subprocess.CompletedProcess(command, 1, "", "first\nno memory\n")
        return failed if "case.py" in str(command[1]) else made

    monkeypatch.setattr(peers, "call", call)
    case = (10, 2, 3, "full", "float64")
    found = peers.measure_case(case, {"mixtura": ["it"], "oneDAL": ["it"]}, 3, 90.0)
    assert {each["skipped"] for each in found["peers"].values()} == {
        "the case could not be made: no memory"
    }
    assert bars.ratio_to(found, "oneDAL")[0] is None


def one(name, command, family="full", dtype="float64"):
    case = (10, 2, 3, family, dtype)
    return peers.one_peer(name, command, case, None, {}, 3, 90.0)


def test_an_absent_peer_is_a_word(monkeypatch):
    monkeypatch.setattr(peers, "worker", lambda *_: pytest.fail("it was called"))
    assert one("OpenCV", peers.Absent("no OpenCV")) == {"skipped": "no OpenCV"}
    assert "tied" in one("oneDAL", ["it"], family="tied")["skipped"]
    assert "float32" in one("scikit-learn", ["it"], dtype="float32")["skipped"]
    assert "alone" in one("OpenCV", ["it"], family="diag")["skipped"]


def test_a_peer_without_a_bar_has_a_part_of_the_time(monkeypatch):
    given = []

    def worker(command, folder, runs, budget):
        given.append(budget)
        raise peers.Absent("enough")

    monkeypatch.setattr(peers, "worker", worker)
    assert [one(name, ["it"])["skipped"] for name in ("oneDAL", "OpenCV")] == ["enough"] * 2
    assert given == [90.0, pytest.approx(30.0)]


def test_ratios_are_to_mixtura_and_the_roofline():
    result = {
        "peers": {"mixtura": {"iteration_seconds": 2.0}, "oneDAL": {"iteration_seconds": 5.0}},
        "roofline": {"seconds": 1.5},
    }
    peers.add_ratios(result)
    assert result["peers"]["oneDAL"]["ratio_to_mixtura"] == 2.5
    assert result["roofline"]["fraction_reached"] == 0.75


def test_float32_is_compared_with_float64_of_the_same_size():
    def result(dtype, rows, seconds):
        return {
            "rows": rows,
            "features": 10,
            "components": 3,
            "covariance_type": "full",
            "dtype": dtype,
            "peers": {"mixtura": {"iteration_seconds": seconds}},
        }

    found = peers.single_over_double(
        [result("float64", 5, 2.0), result("float32", 5, 1.0), result("float32", 6, 1.0)]
    )
    assert [(pair["rows"], pair["ratios"]) for pair in found] == [(5, {"mixtura": 0.5})]
