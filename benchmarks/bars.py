"""The bars that a record of the benchmarks is held against, and the table that shows them.

``python -m benchmarks.bars benchmarks/results/X.json`` prints every number beside its bar. With
``--write PAGE`` it puts the table into a Markdown page, between two markers that it makes if they
are not there. What a record lacks is named in the table, with the reason where it is known.
"""

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parent / "docs" / "pictures"

FAMILIES = ("full", "tied", "diag", "spherical")
SIZES = 6
"""Sizes on which each family is measured."""
SUITE = 20
"""Sets, at the least, on which likelihoods are compared."""
WIDE = 10
"""Columns from which on arithmetic, and not memory, bounds an iteration."""

CONTESTANT = "mixtura, reg_covar 1e-6"
"""The entry of `likelihood` that has bars: it maximises what defines the target."""
LEAST_RATIO = 3.0
"""The bar of each set; a series of fits stops where it can no longer be met."""
NOT_MEASURED = "not measured"


# Formats


def times(value):
    """A ratio."""
    return f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def percent(value):
    """A share."""
    return f"{100 * value:.0f} %"


def seconds(value):
    """A time, in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


def megabytes(value):
    """Memory, in millions of bytes."""
    return f"{value / 1e6:.0f} MB"


def index(value):
    """A difference of indices."""
    return f"{value:+.3f}"


def nats(value):
    """A likelihood of a row."""
    return f"{value:.2g} nats"


@dataclass(frozen=True)
class Line:
    """A number, and the bar it is held against, if any."""

    what: str
    value: float | None = None
    bar: float | None = None
    least: bool = True
    """Whether the number must be at least the bar; otherwise at most."""
    show: Callable[[float], str] = times
    note: str = ""
    """Beside the number, or in its place why there is none."""
    complete: bool = True
    """Whether all is there that the bar is about; a part cannot pass."""
    certain: str = ""
    """A verdict that does not depend on the number."""

    @property
    def verdict(self):
        """`pass`, `MISS`, or nothing where there is no bar."""
        if self.certain:
            return self.certain
        if self.bar is None:
            return ""
        if self.value is None:
            return NOT_MEASURED
        meets = self.value >= self.bar if self.least else self.value <= self.bar
        if not meets:
            return "MISS"
        return "pass" if self.complete else "in part"

    @property
    def cells(self):
        """The four columns of the table."""
        value = "—" if self.value is None else self.show(self.value)
        note = f" ({self.note})" if self.note else ""
        sign = "≥" if self.least else "≤"
        bar = "" if self.bar is None else f"{sign} {self.show(self.bar)}"
        return self.what, value + note, bar, self.verdict


# Numbers


def geometric_mean(values):
    """Of positive numbers; None of none."""
    logs = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logs)) if logs else None


def thousands(value):
    """A count with its separators."""
    return f"{value:,}"


def size_of(result):
    """Rows, columns and components in words."""
    return f"{thousands(result['rows'])} x {result['features']}, K = {result['components']}"


def absent(name, found):
    """The one line of a benchmark that is not in the record; None where it is."""
    if found is None:
        reason = "not in this record"
    elif "exit_status" in found:
        reason = f"failed, exit status {found['exit_status']}"
    elif "skipped" in found:
        reason = found["skipped"]
    else:
        return None
    return Line(name, note=reason, certain=NOT_MEASURED)


# What is measured with peers


def chosen(found, family, dtype="float64"):
    """The results of a family and a type."""
    return [
        result
        for result in found["results"]
        if (result["covariance_type"], result["dtype"]) == (family, dtype)
    ]


def ratio_to(result, peer):
    """How many times mixtura's seconds a peer took, or None; and a word on it."""
    entry = result["peers"].get(peer, {})
    ratio = entry.get("ratio_to_mixtura")
    if ratio is None:
        ours = result["peers"].get("mixtura", {}).get("skipped")
        reason = entry.get("skipped") or (ours and f"mixtura: {ours}")
        return None, reason or "not measured"
    return ratio, "" if entry.get("means_agree") is not False else "it ends with other means"


def runs_of(result, peer):
    """How many pairs of fits the medians are of: ours, and the peer's."""
    each = [result["peers"].get(name, {}).get("runs") for name in ("mixtura", peer)]
    return "" if None in each else "medians of {} and {}".format(*each)


def peer_lines(found, family, peer, mean_bar, least_bar):
    """Each size against a peer, then their geometric mean."""
    name = f"{peer}, {family}"
    lines, ratios = [], []
    for result in chosen(found, family):
        ratio, note = ratio_to(result, peer)
        if ratio is not None:
            ratios.append(ratio)
            note = "; ".join(filter(None, [runs_of(result, peer), note]))
        lines.append(Line(f"{name}: {size_of(result)}", ratio, least_bar, note=note))
    mean = Line(
        f"{name}: geometric mean",
        geometric_mean(ratios),
        mean_bar,
        note="" if len(ratios) >= SIZES else f"{len(ratios)} of {SIZES} sizes",
        complete=len(ratios) >= SIZES,
    )
    return [*lines, mean]


def iterations(found):
    """An iteration against scikit-learn and oneDAL, which have bars."""
    lines = peer_lines(found, "full", "scikit-learn", 10.0, 5.0)
    for family in FAMILIES[1:]:
        lines += peer_lines(found, family, "scikit-learn", 6.0, 3.0)
    lines += peer_lines(found, "full", "oneDAL", 2.0, 1.2)
    return lines + peer_lines(found, "diag", "oneDAL", 2.0, None)


def shortened(word):
    """Why a peer was left out, without the numbers of the case."""
    slow = word.startswith(("one iteration takes", "more than"))
    return "too slow for its time" if slow else word


def other_peers(found):
    """The geometric mean over the sizes that another peer could be measured on; no bars."""
    results = chosen(found, "full")
    names = dict.fromkeys(name for result in results for name in result["peers"])
    lines = []
    for name in names.keys() - {"mixtura", "scikit-learn", "oneDAL"}:
        each = [ratio_to(result, name) for result in results]
        ratios = [ratio for ratio, _ in each if ratio is not None]
        words = dict.fromkeys(shortened(word) for _, word in each if word)
        note = "; ".join([f"{len(ratios)} of {len(each)} sizes", *words])
        lines.append(Line(f"{name}, full: geometric mean", geometric_mean(ratios), note=note))
    return sorted(lines, key=lambda line: line.what.lower())


def roofline(found):
    """How much of what the machine can do an iteration reaches, and what float32 gains."""
    lines = []
    for dtype, bar in (("float64", 0.5), ("float32", None)):
        for result in chosen(found, "full", dtype):
            if result["features"] >= WIDE:
                reached = result["roofline"].get("fraction_reached")
                name = f"of the roofline, {dtype}: {size_of(result)}"
                lines.append(Line(name, reached, bar, show=percent))
    for pair in found["float32_over_float64"]:
        if pair["covariance_type"] == "full" and pair["features"] >= WIDE:
            ratio = pair["ratios"].get("mixtura")
            gain = None if not ratio else 1.0 / ratio
            lines.append(Line(f"float32 over float64: {size_of(pair)}", gain, 1.6))
    return lines


# What is measured with likelihoods


def ratio_of(result, name, level, quickest=False):
    """Times a contestant was quicker to the likelihood of a set, and whether it came there at all.

    One that did not come counts as if it had at its limit, which is more than it deserves.
    """
    contestant = result["contestants"][name]
    taken = contestant[level]["seconds"]
    theirs = result["quickest_seconds"][level] if quickest else result["target_seconds"]
    return theirs / (taken or contestant["limit_seconds"]), taken is not None


def reach(found, name, level, *, bars, quickest=False):
    """The mean and the worst of the sets."""
    each = {
        result["set"]: ratio_of(result, name, level, quickest)
        for result in found["results"]
        if name in result["contestants"]
    }
    if not each:
        return [Line(f"{name}, {level}", bar=20.0 if bars else None, note="not measured")]
    reached = sum(came for _, came in each.values())
    worst = min(each, key=lambda key: (each[key][1], each[key][0]))
    against = "its quickest way" if quickest else "10 starts"
    what = f"{name}, to {found[level]['words']}, against {against}"
    came = f"{reached} of {len(each)} sets reached"
    mean = geometric_mean(ratio for ratio, _ in each.values())
    return [
        Line(f"{what}: mean", mean, 20.0 if bars else None, note=came, complete=enough(found)),
        Line(
            f"{what}: least",
            each[worst][0] if each[worst][1] else 0.0,
            LEAST_RATIO if bars else None,
            note=worst if each[worst][1] else f"{worst}: not reached",
            complete=enough(found),
        ),
    ]


def enough(found):
    """Whether the suite is as long as the bars ask."""
    return len(found["results"]) >= SUITE


def likelihood_times(found):
    """Time to equal likelihood: the entry with bars first."""
    lines = reach(found, CONTESTANT, "strict", bars=True)
    lines += reach(found, CONTESTANT, "strict", bars=False, quickest=True)
    lines += reach(found, CONTESTANT, "loose", bars=False)
    lines += reach(found, CONTESTANT, "loose", bars=False, quickest=True)
    names = dict.fromkeys(name for result in found["results"] for name in result["contestants"])
    for name in names:
        if name != CONTESTANT:
            for level in ("strict", "loose"):
                lines += reach(found, name, level, bars=False)[:1]
    return lines


def gap_lines(found):
    """Likelihood at equal time: how far both are from the best that is known."""
    gaps = [result["gaps"] for result in found["results"]]
    if not gaps:
        return []
    hard = [gap for gap in gaps if gap["scikit-learn"] >= 0.06]
    sound = [r["gaps"] for r in found["results"] if not r["target_collapsed"]]
    sets = {"all sets": gaps, "sets where it leaves 0.06 or more": hard}
    sets["sets where no component collapsed"] = sound
    lines = []
    for words, each in sets.items():
        for name in ("mixtura", "scikit-learn"):
            value = statistics.fmean(gap[name] for gap in each) if each else None
            bar = 0.01 if name == "mixtura" and each is not sound else None
            line = Line(
                f"{name}, mean gap to the best known, {words}",
                value,
                bar if each else None,
                least=False,
                show=nats,
                note=f"{len(each)} sets",
                complete=enough(found),
            )
            lines.append(line)
    return lines


# The rest


def small(found):
    """Small data; scikit-learn's number has no bar."""
    lines = []
    for key, words, bar in (
        ("fit", "GaussianMixture(3).fit(iris)", 1e-3),
        ("sweep", "4 families x K = 1..9 on iris", 15e-3),
        ("batch", "4 families x K = 1..9 on iris, in one call", 15e-3),
        ("row", "one row predicted", 100e-6),
    ):
        if key not in found:  # the record is older
            continue
        each = found[key]
        other, name = (
            ("one_by_one", "one by one") if key == "batch" else ("sklearn", "scikit-learn")
        )
        theirs = f"{name} {seconds(each[other])}, the {each['runs']} runs' median"
        lines.append(Line(words, each["mixtura"], bar, least=False, show=seconds, note=theirs))
    return lines


def hundred_million(found):
    """A large array in memory."""
    what = f"{size_of(found)}, tol = {found['tol']:g}"
    if "gave_up_seconds" in found:
        late = f"not done after {seconds(found['gave_up_seconds'])}"
        return [Line(f"{what}: fit", None, 60.0, False, seconds, late, certain="MISS")]
    passes = f"{found['passes']} passes, " + (
        "converged" if found["converged"] else "not converged, so it does not count"
    )
    outcome = {
        "complete": found["rows"] >= 100_000_000,
        "certain": "" if found["converged"] else "MISS",
    }
    took, excess = found["seconds"], found["excess_bytes"]
    return [
        Line(f"{what}: fit", took, 60.0, False, seconds, passes, **outcome),
        Line(f"{what}: memory beside the input", excess, 300e6, False, megabytes, **outcome),
    ]


def files(found):
    """Many rows in files."""
    lines = []
    for each in found["results"]:
        what = f"{each['rows']:,} x {found['features']}, K = {found['components']} from Parquet"
        if "seconds" not in each:
            lines.append(Line(what, None, note=each.get("skipped", "not done in its time")))
            continue
        passes = f"{each['passes']} passes after the survey, " + (
            "converged" if each["converged"] else "not converged, so it does not count"
        )
        bars = (180.0, 1e9) if each["rows"] >= 100_000_000 else (None, None)
        certain = "" if each["converged"] else "MISS"
        took, peak = each["seconds"], each["peak_bytes"]
        lines += [
            Line(f"{what}: fit", took, bars[0], False, seconds, passes, certain=certain),
            Line(f"{what}: the most memory", peak, bars[1], False, megabytes, certain=certain),
        ]
    if found["billion_seconds"] is not None:
        note = "not measured: a line through the sizes above"
        lines.append(
            Line(
                "1,000,000,000 rows of these",
                found["billion_seconds"],
                None,
                show=seconds,
                note=note,
            )
        )
    return lines


def first_call(found):
    """A fresh process."""
    runs = found["runs"]
    lines = []
    for key, words, bar in (
        ("cold_seconds", "first call, nothing compiled", 8.0),
        ("warm_seconds", "first call, compiled before", 1.0),
    ):
        note = f"a whole process, the median of {runs[key]}"
        lines.append(Line(words, found[key], bar, least=False, show=seconds, note=note))
    return lines


def import_time(found):
    """What the import adds."""
    extra = found["extra_seconds"]
    note = f"the median of {found['runs']}"
    return [Line("import mixtura, over NumPy's", max(extra, 0.0), 0.3, False, seconds, note)]


def missing(found):
    """Passes over rows with gaps, and a fit of many of them."""
    lines = []
    for key, name in (("mgmm", "MGMM"), ("textbook", "row by row in NumPy")):
        for each in found[key]:
            if "skipped" in each:  # where it cannot be had, the textbook is the bar
                continue
            what = f"{name} over ours: {size_of(each)}, {percent(each['missing'])} missing"
            lines.append(Line(what, each["times_as_fast"], 30.0))
        for reason in dict.fromkeys(e["skipped"] for e in found[key] if "skipped" in e):
            lines.append(Line(f"{name} over ours", note=reason))
    pair, fit = found["complete"], found["fit"]
    what = f"over complete rows: {size_of(pair)}, {percent(pair['missing'])} missing"
    lines.append(Line(what, pair["times_as_long"], 4.0, least=False))
    outcome = {
        "complete": fit["rows"] >= 1_000_000,
        "certain": "" if fit["converged"] else "MISS",
        "note": f"{fit['passes']} passes",
    }
    what = f"a fit: {size_of(fit)}, {percent(fit['missing'])} missing"
    return [*lines, Line(what, fit["seconds"], 60.0, False, seconds, **outcome)]


def peak_memory(found):
    """What a fit needs beside its input."""
    excess, bar = found["excess_bytes"], found["target_excess_bytes"]
    return [Line(f"beside the input: {size_of(found)}", excess, bar, False, megabytes)]


def choosing(found):
    """Which mixture: against mclust's tables and time, false alarms, published indices."""
    lines = []
    if "cells" in (each := found.get("mclust", {})):
        what = "cells of mclust's tables that are as likely, from its start"
        note = f"{each['not_behind']} of {each['cells']}"
        lines.append(Line(what, each["share"], 0.95, show=percent, note=note))
        worst = min(each["sets"], key=lambda name: _share(each["sets"][name]))
        least = _share(each["sets"][worst])
        lines.append(Line("the same, the least of any set", least, 0.95, show=percent, note=worst))
    for name, each in found.get("table", {}).get("results", {}).items():
        bar = 5.0 if name.startswith("10,000") else 1.0
        for way in ("fit_all", "GaussianMixtureIC"):
            what = f"Mclust over ours, all fourteen forms, {name}: {way}"
            note = f"{seconds(each['Mclust'])} and {seconds(each[way])}"
            lines.append(Line(what, each["Mclust"] / each[way], bar, note=note))
    if "one" in (each := found.get("alarms", {})):
        for name, right in each["one"].items():
            what = f"samples of one Gaussian that are taken for one: {name}"
            complete, share = each["samples"] >= 200, right / each["samples"]
            lines.append(Line(what, share, 0.94, show=percent, complete=complete))
    if "mixtura" in (each := found.get("gagolews", {})):
        what = "adjusted Rand index over scikit-learn's published, true K: mean"
        note = f"{each['mixtura']:.3f} and {each['sklearn_published']:.3f}, {each['sets']} sets"
        gain = each["mixtura"] - each["sklearn_published"]
        lines.append(Line(what, gain, 0.02, show=index, note=note))
        worst = min(each["each"], key=lambda name: each["each"][name][0] - each["each"][name][1])
        least = each["each"][worst][0] - each["each"][worst][1]
        lines.append(Line("that index, the least of any set", least, -0.05, show=index, note=worst))
    if "bic" in (each := found.get("chosen", {})):
        what = "adjusted Rand index with K chosen by BIC: mean"
        for way, words in CHOSEN.items():
            note = f"{each['sets']} sets"
            lines.append(Line(f"{what}{words}", each[way], show=lambda v: f"{v:.3f}", note=note))
    return lines


CHOSEN = {
    "bic": "",
    "entropy": ", components joined by entropy",
    "demp": ", components joined by how often they are confused",
}
"""What is done with the components that BIC chooses."""


def _share(cells):
    """Of cells of one set, those that are not behind."""
    return cells["not_behind"] / max(cells["cells"], 1)


def fuzz(found):
    """Fits to tables that nobody would wish for."""
    lines = []
    for name, each in found["results"].items():
        kinds = sorted(each["by_kind"].items(), key=lambda pair: -pair[1])
        note = "; ".join(f"{count} {kind}" for kind, count in kinds)
        bar = 0 if name == "mixtura" else None
        what = f"{name}: failures in {each.get('cases', found['cases']):,} cases"
        lines.append(Line(what, each["failures"], bar, least=False, show=str, note=note))
    return lines


def bayes(found):
    """The bound of variational Bayes at equal time."""
    gaps = found["mean_gaps"]
    note = f"{nats(gaps['scikit-learn'])} and {nats(gaps['mixtura'])}, {len(found['results'])} sets"
    ratio = found["scikit_learns_gap_over_ours"]
    complete = len(found["results"]) >= SUITE
    return [
        Line(
            "scikit-learn's mean gap, 10 starts, over ours",
            ratio,
            10.0,
            note=note,
            complete=complete,
        )
    ]


SECTIONS = [
    ("Seconds of an iteration: theirs over ours", "peers", iterations),
    ("The same against other peers", "peers", other_peers),
    ("Against the machine", "peers", roofline),
    ("Time to equal likelihood: scikit-learn's over ours", "likelihood", likelihood_times),
    ("Likelihood at equal time", "likelihood", gap_lines),
    ("Small data", "small_data", small),
    ("Missing values: seconds of a pass", "missing", missing),
    ("Choosing the mixture", "choosing", choosing),
    ("Tables that nobody would wish for", "fuzz", fuzz),
    ("Variational Bayes: the bound at equal time", "bayes", bayes),
    ("A hundred million rows", "hundred_million", hundred_million),
    ("Rows in files", "files", files),
    ("The first call", "first_call", first_call),
    ("Import", "import_time", import_time),
    ("Memory", "peak_memory", peak_memory),
]
"""Title, benchmark, and the lines from what it found."""

BENCHMARKS = list(dict.fromkeys(name for _, name, _ in SECTIONS))
"""Those that the table needs."""


def sections(record):
    """Title and lines."""
    found = record["benchmarks"]
    each = []
    for title, name, lines in SECTIONS:
        missing = absent(name, found.get(name))
        each.append((title, [missing] if missing else lines(found[name])))
    return each


def circumstances(record, name):
    """Those of a benchmark; older records have them once for all."""
    return record.get("circumstances", {}).get(name, record)


def provenance(record):
    """Machine, versions, dates and commits in a few lines."""
    names = [
        name
        for name in BENCHMARKS
        if name in record["benchmarks"] and "machine" in circumstances(record, name)
    ]
    each = [circumstances(record, name) for name in names]
    if not each:
        return ["Nothing is known of the machine."]
    said = dict.fromkeys(
        f"{one['machine']['cpu']}, {one['machine']['usable_cores']} cores, "
        f"{one['machine']['system']}; Python {one['versions']['python']}, "
        + ", ".join(f"{k} {v}" for k, v in one["versions"].items() if k != "python" and v)
        + f"; commit {(one.get('commit') or 'unknown')[:10]}"
        + (" with changes" if one.get("uncommitted_changes") else "")
        for one in each
    )
    days = sorted({one["date"][:10] for one in each})
    lines = ["Measured " + " to ".join(dict.fromkeys([days[0], days[-1]])) + ".", *said]
    quick = [name for name, one in zip(names, each, strict=True) if one.get("quick")]
    if quick:
        lines.append("Of small sizes, which say nothing about the bars: " + ", ".join(quick) + ".")
    return lines


def tally(each):
    """How many bars are met."""
    verdicts = [line.verdict for _, lines in each for line in lines if line.verdict]
    counts = {word: verdicts.count(word) for word in dict.fromkeys(verdicts)}
    return ", ".join(f"{number} {word}" for word, number in counts.items()) or "no bars"


def plain(record):
    """The table as text."""
    each = sections(record)
    cells = [line.cells for _, lines in each for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    out = []
    for title, lines in each:
        out += ["", title]
        for line in lines:
            row = [cell.ljust(width) for cell, width in zip(line.cells, widths, strict=True)]
            out.append("  " + "  ".join(row).rstrip())
    return "\n".join([*provenance(record), *out, "", tally(each)])


def markdown(record, pictures=()):
    """The table as a part of a page."""
    each = sections(record)
    out = [*provenance(record), f"Bars: {tally(each)}.", ""]
    for title, lines in each:
        out += [f"### {title}", "", "| what | measured | bar | |", "|---|---|---|---|"]
        for line in lines:
            cells = [cell.replace("|", "/") for cell in line.cells]
            if cells[3] in ("MISS", NOT_MEASURED):
                cells[3] = f"**{cells[3]}**"
            out.append("| " + " | ".join(cells) + " |")
        out.append("")
    for path, words in pictures:
        out += [f"![{words}]({path})", ""]
    return "\n".join(out).rstrip() + "\n"


BEGIN, END = "<!-- bars: begin -->", "<!-- bars: end -->"
DRAWN = {
    "peers.png": "An iteration of every peer over ours.",
    "roofline.png": "How much of the machine's rates an iteration reaches.",
    "likelihood.png": "Time to scikit-learn's likelihood, by set.",
    "gaps.png": "What is left to the best known likelihood at equal time, by set.",
}
"""The pictures that `benchmarks/plot.py` makes, and what they show."""


def placed(text, table):
    """The page with the table between its markers; they are made before the first heading."""
    block = f"{BEGIN}\n{table}{END}"
    if BEGIN in text and END in text:
        head, tail = text.split(BEGIN)[0], text.split(END, 1)[1]
        return head + block + tail
    head, mark, tail = text.partition("\n## ")
    return f"{head.rstrip()}\n\n## The table\n\n{block}\n{mark}{tail}"


def main(argv=None):
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.bars", description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put it into this page")
    args = parser.parse_args(argv)
    record = json.loads(args.record.read_text(encoding="utf-8"))
    drawn = [(f"pictures/{n}", w) for n, w in DRAWN.items() if (PICTURES / n).is_file()]
    print(markdown(record, drawn) if args.markdown else plain(record))
    if args.write:
        text = args.write.read_text(encoding="utf-8")
        args.write.write_text(placed(text, markdown(record, drawn)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
