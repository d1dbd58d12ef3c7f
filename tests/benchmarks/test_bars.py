"""The table of the benchmarks: made-up records with known answers."""

import copy
import json

import pytest

from benchmarks import bars

SIZES = [(1000, d, k) for d, k in ((2, 5), (10, 10), (20, 20), (50, 20), (10, 100), (100, 50))]


def case(size, family="full", dtype="float64", seconds=1.0, fraction=0.6, **ratios):
    """A result of one size in which peers take so many times mixtura's seconds."""
    n, d, k = size
    entries = {name.replace("_", "-"): ratio for name, ratio in ratios.items()}
    return {
        "rows": n,
        "features": d,
        "components": k,
        "covariance_type": family,
        "dtype": dtype,
        "roofline": {"fraction_reached": fraction},
        "peers": {
            "mixtura": {"iteration_seconds": seconds, "ratio_to_mixtura": 1.0},
            **{
                name: {"ratio_to_mixtura": ratio, "means_agree": True}
                if isinstance(ratio, float)
                else {"skipped": ratio}
                for name, ratio in entries.items()
            },
        },
    }


def peers(results, pairs=()):
    return {"results": results, "float32_over_float64": list(pairs)}


def contestant(strict, loose, limit):
    """One that took so many seconds to each level; None never came there."""
    return {
        "limit_seconds": limit,
        "strict": {"seconds": strict},
        "loose": {"seconds": loose},
    }


def data_set(name, strict, *, loose=None, gaps=(0.0, 0.1), collapsed=False, quickest=50.0):
    """A set whose target took 100 seconds."""
    return {
        "set": name,
        "rows": 100,
        "features": 2,
        "components": 3,
        "target_seconds": 100.0,
        "target_collapsed": collapsed,
        "quickest_seconds": {"strict": quickest, "loose": quickest},
        "contestants": {bars.CONTESTANT: contestant(strict, loose or strict, 100.0 / 3.0)},
        "gaps": {"mixtura": gaps[0], "scikit-learn": gaps[1]},
    }


def likelihood(results):
    levels = {name: {"words": name} for name in ("strict", "loose")}
    return {**levels, "results": results}


def choosing():
    """Met everywhere."""
    cells = {"cells": 100, "not_behind": 99, "worst": 0.1, "worst_cell": "VEV,2"}
    took = {"chosen": {}, "Mclust": 0.5, "fit_all": 0.1, "GaussianMixtureIC": 0.2}
    return {
        "mclust": {"sets": {"iris": cells}, "cells": 100, "not_behind": 99, "share": 0.99},
        "alarms": {"samples": 200, "one": {"bic": 199, "icl": 198, "test": 188}},
        "table": {
            "models": 14,
            "results": {
                "iris": took,
                "10,000 x 5": took | {"fit_all": 0.09, "GaussianMixtureIC": 0.1},
            },
        },
        "gagolews": {
            "sets": 2,
            "mixtura": 0.75,
            "sklearn_published": 0.7,
            "each": {"a": [0.9, 0.75], "b": [0.61, 0.65]},
        },
    }


def fuzz(failures=0):
    each = {"failures": failures, "by_kind": {"raises ValueError": failures}}
    theirs = {"failures": 9, "by_kind": {"not finite": 5, "raises ValueError": 4}}
    return {"cases": 10_000, "results": {"mixtura": each, "scikit-learn": theirs}}


def bayes(n_sets=22, ours=0.001):
    gaps = {"mixtura": ours, "scikit-learn": 0.02}
    return {
        "mean_gaps": gaps,
        "scikit_learns_gap_over_ours": 0.02 / ours,
        "results": [{}] * n_sets,
    }


def missing(seconds=20.0, converged=True):
    """Rows with gaps, in round numbers."""
    size = {"rows": 1_000_000, "features": 20, "components": 10, "missing": 0.2}
    return {
        "textbook": [size | {"times_as_fast": 300.0}],
        "mgmm": [{"skipped": "R has no MGMM"}],
        "complete": size | {"times_as_long": 2.0},
        "fit": size | {"seconds": seconds, "passes": 5, "converged": converged},
    }


def named(lines, part):
    """The one line that has these words."""
    (found,) = [line for line in lines if part in line.what]
    return found


def whole_record():
    """Every benchmark, each with round numbers."""
    both = {"scikit_learn": 12.0, "oneDAL": 3.0}
    results = [case(size, family, **both) for size in SIZES for family in bars.FAMILIES]
    results += [case(size, dtype="float32") for size in SIZES if size[1] >= 10]
    pairs = [
        {
            "rows": n,
            "features": d,
            "components": k,
            "covariance_type": "full",
            "ratios": {"mixtura": 0.5},
        }
        for n, d, k in SIZES
        if d >= 10
    ]
    each = {"mixtura": 5e-5, "sklearn": 1e-2, "runs": 9}
    return {
        "circumstances": {},
        "date": "2020-02-02T02:02:02+00:00",
        "commit": "0123456789abcdef",
        "machine": {"cpu": "a processor", "usable_cores": 2, "system": "a system"},
        "versions": {"python": "3.11", "numpy": "2", "numba": None},
        "benchmarks": {
            "peers": peers(results, pairs),
            "likelihood": likelihood([data_set(f"set {i}", 4.0) for i in range(20)]),
            "small_data": {
                **dict.fromkeys(("fit", "sweep", "row"), each),
                "batch": {"mixtura": 5e-5, "one_by_one": 2e-2, "runs": 9},
            },
            "hundred_million": {
                "rows": 100_000_000,
                "features": 8,
                "components": 16,
                "tol": 1e-6,
                "passes": 9,
                "converged": True,
                "seconds": 50.0,
                "excess_bytes": 2e8,
            },
            "files": {
                "features": 8,
                "components": 16,
                "results": [
                    {
                        "rows": rows,
                        "seconds": 1e-6 * rows,
                        "peak_bytes": 8e8,
                        "passes": 5,
                        "converged": True,
                    }
                    for rows in (10_000_000, 100_000_000)
                ],
                "billion_seconds": 1000.0,
            },
            "missing": missing(),
            "choosing": choosing(),
            "fuzz": fuzz(),
            "bayes": bayes(),
            "first_call": {
                "cold_seconds": 7.0,
                "warm_seconds": 0.5,
                "runs": {"cold_seconds": 3, "warm_seconds": 5},
            },
            "import_time": {"extra_seconds": -0.001, "runs": 7},
            "peak_memory": {
                "rows": 10,
                "features": 2,
                "components": 3,
                "excess_bytes": 299e6,
                "target_excess_bytes": 300e6,
            },
        },
    }


def verdicts(record):
    return [line.verdict for _, lines in bars.sections(record) for line in lines if line.verdict]


# Numbers


def test_missing_values_have_bars_of_their_own():
    lines = bars.missing(missing())
    words = [line.verdict for line in lines]
    assert words == ["", "pass", "pass", "pass"]
    assert named(lines, "MGMM").note == "R has no MGMM"
    found = missing(seconds=61.0)
    found["mgmm"] = [found["textbook"][0] | {"times_as_fast": 29.0}]
    found["complete"]["times_as_long"] = 4.1
    assert {line.verdict for line in bars.missing(found)} == {"MISS", "pass"}
    assert named(bars.missing(found), "MGMM").verdict == "MISS"
    assert named(bars.missing(found), "a fit").verdict == "MISS"
    assert named(bars.missing(missing(converged=False)), "a fit").verdict == "MISS"


def test_indices_with_a_number_that_is_chosen_have_no_bar():
    each = {"sets": 40, "bic": 0.61, "entropy": 0.7, "demp": 0.72, "each": {}}
    lines = bars.choosing({"chosen": each})
    assert [line.cells[1:] for line in lines] == [
        (f"{value} (40 sets)", "", "") for value in ("0.610", "0.700", "0.720")
    ]


def test_choosing_has_a_bar_for_each_of_its_parts():
    found = choosing()
    assert {line.verdict for line in bars.choosing(found)} == {"pass"}
    assert named(bars.choosing(found), "the same, the least of any set").note == "iris"
    found["mclust"]["sets"]["wine"] = found["mclust"]["sets"]["iris"] | {"not_behind": 90}
    assert named(bars.choosing(found), "the same, the least of any set").verdict == "MISS"
    found["table"]["results"]["10,000 x 5"]["fit_all"] = 0.11
    slow = [line for line in bars.choosing(found) if "10,000 x 5: fit_all" in line.what]
    assert [line.verdict for line in slow] == ["MISS"]
    found["alarms"]["one"]["icl"] = 187
    assert [line.verdict for line in bars.choosing(found) if "icl" in line.what] == ["MISS"]
    assert bars.choosing({"table": {"left_out": "there is no R"}}) == []


def test_one_failure_of_a_fuzzed_fit_misses():
    ours, theirs = bars.fuzz(fuzz(1))
    assert (ours.verdict, theirs.verdict) == ("MISS", "")
    assert ours.note == "1 raises ValueError"
    assert theirs.note == "5 not finite; 4 raises ValueError"


def test_bounds_of_a_few_sets_cannot_pass():
    assert bars.bayes(bayes())[0].verdict == "pass"
    assert bars.bayes(bayes(19))[0].verdict == "in part"
    assert bars.bayes(bayes(ours=0.0021))[0].verdict == "MISS"


@pytest.mark.parametrize(
    ("values", "mean"), [([4.0, 9.0], 6.0), ([2.0, 4.0, 8.0], 4.0), ([7.0], 7.0), ([], None)]
)
def test_the_geometric_mean(values, mean):
    assert bars.geometric_mean(values) == (None if mean is None else pytest.approx(mean))


@pytest.mark.parametrize(
    ("value", "words"), [(60.0, "60 s"), (0.015, "15 ms"), (1e-3, "1 ms"), (1e-4, "100 us")]
)
def test_seconds_are_shown_in_the_unit_that_suits_them(value, words):
    assert bars.seconds(value) == words


@pytest.mark.parametrize(
    ("value", "least", "complete", "verdict"),
    [
        (10.0, True, True, "pass"),
        (9.999, True, True, "MISS"),
        (10.0, False, True, "pass"),
        (10.001, False, True, "MISS"),
        (11.0, True, False, "in part"),
        (9.0, True, False, "MISS"),
        (None, True, True, "not measured"),
    ],
)
def test_a_bar_is_met_at_the_bar_and_on_its_right_side(value, least, complete, verdict):
    assert bars.Line("it", value, 10.0, least=least, complete=complete).verdict == verdict


def test_without_a_bar_there_is_no_verdict():
    assert bars.Line("it", 1.0).verdict == ""
    assert bars.Line("it").cells == ("it", "—", "", "")


# Peers


def test_iterations_have_a_bar_for_each_size_and_for_their_geometric_mean():
    ratios = [4.0, 9.0, 16.0, 36.0, 25.0, 100.0]
    found = peers([case(s, scikit_learn=r) for s, r in zip(SIZES, ratios, strict=True)])
    lines = bars.peer_lines(found, "full", "scikit-learn", 10.0, 5.0)
    assert [line.value for line in lines[:-1]] == ratios
    assert [line.verdict for line in lines] == ["MISS", *["pass"] * 6]
    # (4 · 9 · 16 · 36 · 25 · 100)^(1/6) = 51 840 000^(1/6)
    assert lines[-1].value == pytest.approx(51_840_000 ** (1 / 6))


def test_a_mean_of_fewer_sizes_cannot_pass_and_names_them():
    results = [case(s, scikit_learn=20.0) for s in SIZES[:-1]]
    results.append(case(SIZES[-1], scikit_learn="too slow"))
    lines = bars.peer_lines(peers(results), "full", "scikit-learn", 10.0, 5.0)
    assert (lines[-1].verdict, lines[-1].note) == ("in part", "5 of 6 sizes")
    assert (lines[-2].verdict, lines[-2].note) == ("not measured", "too slow")


def test_a_peer_without_any_size_is_not_measured():
    lines = bars.peer_lines(peers([]), "diag", "oneDAL", 2.0, None)
    assert [line.verdict for line in lines] == ["not measured"]


def test_where_mixtura_itself_failed_it_says_so():
    result = case(SIZES[0])
    result["peers"] = {"mixtura": {"skipped": "broken"}, "oneDAL": {"iteration_seconds": 1.0}}
    assert bars.ratio_to(result, "oneDAL") == (None, "mixtura: broken")


def test_other_means_are_a_word_beside_the_ratio():
    result = case(SIZES[0], oneDAL=3.0)
    result["peers"]["oneDAL"]["means_agree"] = False
    assert bars.ratio_to(result, "oneDAL") == (3.0, "it ends with other means")


def test_medians_say_of_how_many():
    result = case(SIZES[0], oneDAL=3.0)
    result["peers"]["oneDAL"] |= {"runs": 3, "means_agree": False}
    result["peers"]["mixtura"]["runs"] = 9
    line = bars.peer_lines(peers([result]), "full", "oneDAL", 2.0, 1.2)[0]
    assert line.note == "medians of 9 and 3; it ends with other means"


def test_only_scikit_learn_and_onedal_have_bars():
    found = peers([case(SIZES[0], scikit_learn=9.0, oneDAL=3.0, OpenCV=50.0, mlpack="absent")])
    lines = bars.other_peers(found)
    assert [line.what.partition(",")[0] for line in lines] == ["mlpack", "OpenCV"]
    assert {line.verdict for line in lines} == {""}
    assert lines[0].note == "0 of 1 sizes; absent"


def test_the_roofline_counts_from_ten_columns_on():
    found = peers(
        [case(s, fraction=0.4 if s[1] == 100 else 0.5) for s in SIZES],
        [
            {
                "rows": 1000,
                "features": 10,
                "components": 10,
                "covariance_type": "full",
                "ratios": {"mixtura": 0.8},
            }
        ],
    )
    lines = bars.roofline(found)
    assert [line.verdict for line in lines] == ["pass"] * 4 + ["MISS"] * 2
    assert lines[-1].value == pytest.approx(1.25)


# Likelihoods


def test_time_to_equal_likelihood_has_a_mean_and_a_least():
    sets = [data_set(str(i), 1.0 if i % 2 else 4.0) for i in range(20)]  # 100 and 25 times
    mean, least = bars.reach(likelihood(sets), bars.CONTESTANT, "strict", bars=True)
    assert mean.value == pytest.approx(50.0)
    assert least.value == pytest.approx(25.0)
    assert (mean.verdict, least.verdict) == ("pass", "pass")


def test_a_set_that_was_not_reached_counts_at_its_limit_and_misses():
    sets = [data_set(str(i), 1.0) for i in range(19)] + [data_set("hard", None)]
    mean, least = bars.reach(likelihood(sets), bars.CONTESTANT, "strict", bars=True)
    assert mean.value == pytest.approx((100.0**19 * 3.0) ** (1 / 20))
    assert mean.note == "19 of 20 sets reached"
    assert (least.value, least.verdict, least.note) == (0.0, "MISS", "hard: not reached")


def test_the_worst_set_is_one_that_was_not_reached_however_patient_it_was():
    sets = [data_set("slow", 90.0), data_set("never", None)]
    _, least = bars.reach(likelihood(sets), bars.CONTESTANT, "strict", bars=True)
    assert least.note.startswith("never")


def test_a_short_suite_cannot_pass():
    lines = bars.reach(likelihood([data_set("one", 1.0)]), bars.CONTESTANT, "strict", bars=True)
    assert [line.verdict for line in lines] == ["in part", "in part"]


def test_scikit_learns_quickest_way_is_compared_as_well():
    sets = [data_set("one", 5.0, quickest=20.0)]
    mean, _ = bars.reach(likelihood(sets), bars.CONTESTANT, "strict", bars=False, quickest=True)
    assert mean.value == pytest.approx(4.0)


def test_gaps_are_averaged_over_all_sets_and_over_the_hard_ones():
    sets = [data_set(str(i), 1.0, gaps=(0.0, 0.0)) for i in range(10)]
    sets += [data_set(f"hard {i}", 1.0, gaps=(0.018, 0.2), collapsed=i < 5) for i in range(10)]
    lines = bars.gap_lines(likelihood(sets))
    everywhere = named(lines, "mixtura, mean gap to the best known, all sets")
    hard = named(lines, "mixtura, mean gap to the best known, sets where it leaves 0.06")
    assert everywhere.value == pytest.approx(0.009)
    assert everywhere.verdict == "pass"
    assert hard.value == pytest.approx(0.018)
    assert (hard.verdict, hard.note) == ("MISS", "10 sets")
    theirs = named(lines, "scikit-learn, mean gap to the best known, all sets")
    assert (theirs.value, theirs.verdict) == (pytest.approx(0.1), "")
    sound = named(lines, "scikit-learn, mean gap to the best known, sets where no component")
    assert sound.value == pytest.approx(1.0 / 15.0)


# The table


def test_a_whole_record_meets_all_its_bars():
    assert set(verdicts(whole_record())) == {"pass"}


@pytest.mark.parametrize("name", bars.BENCHMARKS)
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "not in this record"),
        ({"exit_status": 3}, "failed, exit status 3"),
        ({"skipped": "too little memory"}, "too little memory"),
    ],
)
def test_what_is_missing_is_a_word_in_the_table(name, found, words):
    record = whole_record()
    if found is None:
        del record["benchmarks"][name]
    else:
        record["benchmarks"][name] = found
    text = bars.plain(record)
    assert words in text
    assert "not measured" in text
    assert "not measured" in bars.markdown(record)


def test_an_empty_record_has_a_table():
    assert "Nothing is known of the machine." in bars.plain({"benchmarks": {}})


def test_a_bare_record_has_a_table():
    record = whole_record()
    text = bars.plain({"benchmarks": record["benchmarks"]})
    assert text.startswith("Nothing is known of the machine.")
    assert text.splitlines()[1:] == bars.plain(record).splitlines()[2:]


def test_a_fit_that_did_not_converge_misses_however_quick():
    record = whole_record()
    record["benchmarks"]["hundred_million"] |= {"converged": False, "seconds": 1.0}
    (lines,) = [lines for title, lines in bars.sections(record) if "hundred million" in title]
    assert {line.verdict for line in lines} == {"MISS"}


def test_a_fit_that_was_given_up_misses():
    found = {"rows": 10, "features": 8, "components": 16, "tol": 1e-6, "gave_up_seconds": 600.0}
    (line,) = bars.hundred_million(found)
    assert (line.verdict, line.note) == ("MISS", "not done after 600 s")


def test_fewer_rows_than_a_hundred_million_cannot_pass():
    record = whole_record()
    record["benchmarks"]["hundred_million"] |= {"rows": 1_000_000}
    assert "in part" in verdicts(record)


def test_files_that_take_too_much_miss():
    record = whole_record()
    large = record["benchmarks"]["files"]["results"][1]
    for change in ({"seconds": 181.0}, {"peak_bytes": 1.1e9}, {"converged": False}):
        found = record["benchmarks"]["files"] | {"results": [large | change]}
        assert "MISS" in {line.verdict for line in bars.files(found)}
    found = {"features": 8, "components": 16, "billion_seconds": None}
    (line,) = bars.files(found | {"results": [{"rows": 10, "skipped": "it needs 5 GB of disk"}]})
    assert (line.value, line.note) == (None, "it needs 5 GB of disk")


def test_the_columns_of_the_text_are_aligned():
    lines = bars.plain(whole_record()).splitlines()
    places = {line.index("≥") for line in lines if line.count("≥") == 1 and "≥ " in line}
    assert len(places) == 1


def test_machine_versions_and_quick_parts_are_said():
    record = whole_record()
    once = {name: record[name] for name in ("date", "commit", "machine", "versions")}
    record["circumstances"] = {
        "peers": once | {"quick": True},
        "likelihood": once | {"date": "2020-03-03T00:00:00+00:00", "quick": False},
    }
    first, machine, quick = bars.provenance(record)
    assert first == "Measured 2020-02-02 to 2020-03-03."
    assert machine == ("a processor, 2 cores, a system; Python 3.11, numpy 2; commit 0123456789")
    assert quick.endswith(": peers.")


# The page


PAGE = "# Title\n\nWords.\n\n## How\n\nMore.\n"


def test_the_table_goes_before_the_first_heading_and_is_then_replaced():
    once = bars.placed(PAGE, "one\n")
    assert once == (
        f"# Title\n\nWords.\n\n## The table\n\n{bars.BEGIN}\none\n{bars.END}\n\n## How\n\nMore.\n"
    )
    assert bars.placed(once, "two\n") == once.replace("one\n", "two\n")


def test_the_command_prints_and_writes(tmp_path, capsys):
    file, page = tmp_path / "record.json", tmp_path / "page.md"
    file.write_text(json.dumps(whole_record()), encoding="utf-8")
    page.write_text(PAGE, encoding="utf-8")
    bars.main([str(file), "--write", str(page)])
    assert "pass" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title")
    assert "| one row predicted | 50 us (scikit-learn 10 ms, the 9 runs' median) |" in text
    bars.main([str(file), "--markdown"])
    assert capsys.readouterr().out.count("### ") == len(bars.SECTIONS)


def test_rows_of_the_markdown_have_four_cells_each():
    rows = [line for line in bars.markdown(whole_record()).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5}


def test_sections_leave_the_record_as_it_is():
    record = whole_record()
    before = copy.deepcopy(record)
    bars.plain(record)
    assert record == before
