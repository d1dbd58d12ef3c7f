"""Draw the pictures of docs/performance.md from a record of the benchmarks.

``python -m benchmarks.plot`` takes the newest record in benchmarks/results that has something to
draw, or the one that it is given, and writes into docs/pictures. What a record lacks is not drawn,
and it says so. This is no benchmark: it measures nothing.
"""

import argparse
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from benchmarks import bars

RESULTS = Path(__file__).resolve().parent / "results"

# Of the palette of Okabe and Ito. Shapes and places say the same as colours.
OURS, THEIRS, BAR = "#0072B2", "#E69F00", "#000000"
WORDS = {"full": "full", "tied": "tied", "diag": "diagonal", "spherical": "spherical"}
WIDTH, LINE = 7.6, 0.26
"""Inches: the width of a picture, and the height of a line of it."""


def newest(folder):
    """The newest file of results that has peers or likelihoods; None without one."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        found = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        if any("results" in found.get(name, {}) for name in ("peers", "likelihood")):
            return path
    return None


def canvas(n_lines, title):
    """A figure of so many lines, without needless ink."""
    height = LINE * n_lines + 1.1
    figure, axes = pyplot.subplots(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_ylim(n_lines - 0.4, -0.6)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def ratios(axes, label):
    """A logarithmic axis of ratios, named in plain numbers."""
    axes.set_xscale("log")
    steps = [step * 10.0**power for power in range(-2, 5) for step in (1, 2, 5)]
    axes.xaxis.set_major_locator(FixedLocator(steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}×"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label, fontsize=9)


def peers(record, path):
    """A line for each peer and family: a dot for each size, and their geometric mean."""
    found = record["peers"]
    lines = []
    for family, words in WORDS.items():
        results = bars.chosen(found, family)
        for name in dict.fromkeys(name for result in results for name in result["peers"]):
            each = [bars.ratio_to(result, name)[0] for result in results]
            known = [ratio for ratio in each if ratio is not None]
            if name != "mixtura" and known:
                lines.append((f"{name}, {words}", known, len(known) == len(each)))
    lines.sort(key=lambda line: bars.geometric_mean(line[1]), reverse=True)
    figure, axes = canvas(len(lines), "One EM iteration: seconds over mixtura's")
    for place, (_, known, complete) in enumerate(lines):
        mean = bars.geometric_mean(known)
        axes.plot(known, [place] * len(known), "o", color=THEIRS, markersize=5, alpha=0.8)
        axes.plot([mean], [place], "|", color=OURS, markersize=15, markeredgewidth=2.5)
        note = bars.times(mean).replace("x", "×") + ("" if complete else " *")
        axes.annotate(
            note, (1.0, place), (4, 0), ("axes fraction", "data"), "offset points",
            va="center", fontsize=9,
        )  # fmt: skip
    axes.axvline(1.0, color=BAR, linewidth=1.2)
    axes.set_yticks(range(len(lines)), [line[0] for line in lines])
    label = "dots: one for each size; line: geometric mean, at the right in numbers"
    partly = any(not complete for *_, complete in lines)
    ratios(axes, label + ("; *: not all sizes" if partly else ""))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def roofline(record, path):
    """A line for each size and type, with full covariances."""
    lines = [
        (f"{bars.size_of(result)}, {dtype}", result["roofline"]["fraction_reached"], dtype)
        for dtype in ("float64", "float32")
        for result in bars.chosen(record["peers"], "full", dtype)
        if "fraction_reached" in result["roofline"]
    ]
    title = "One EM iteration with full covariances: the share of the roofline that it reaches"
    figure, axes = canvas(len(lines), title)
    for place, (_, reached, dtype) in enumerate(lines):
        axes.barh(place, 100 * reached, color=OURS if dtype == "float64" else THEIRS, height=0.7)
        note = bars.percent(reached)
        axes.annotate(note, (100 * reached, place), (4, 0), textcoords="offset points",
                      va="center", fontsize=9)  # fmt: skip
    axes.axvline(50.0, color=BAR, linestyle="--", linewidth=1.2)
    axes.set_yticks(range(len(lines)), [line[0] for line in lines])
    axes.set_xlim(0.0, max([100.0, *(108.0 * line[1] for line in lines)]))
    axes.set_xlabel("per cent; dashed: the bar, from ten columns on in float64", fontsize=9)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def likelihood(record, path):
    """A line for each set: how many times quicker scikit-learn's likelihood was reached."""
    found = record["likelihood"]["results"]
    each = {r["set"]: bars.ratio_of(r, bars.CONTESTANT, "strict") for r in found}
    easy = {r["set"]: bars.ratio_of(r, bars.CONTESTANT, "loose") for r in found}
    shapes = {r["set"]: f"{r['rows']:,} × {r['features']}, {r['components']}" for r in found}
    names = sorted(each, key=lambda name: (each[name][1], each[name][0]), reverse=True)
    title = "Seconds to scikit-learn's likelihood of ten starts: scikit-learn's over mixtura's"
    figure, axes = canvas(len(names), title)
    for place, name in enumerate(names):
        for (ratio, came), marker, colour in ((easy[name], "D", THEIRS), (each[name], "o", OURS)):
            if came:
                axes.plot([ratio], [place], marker, color=colour, markersize=6)
        if not each[name][1]:
            axes.plot([each[name][0]], [place], "x", color=OURS, markersize=7, markeredgewidth=2)
    for bar in (bars.LEAST_RATIO, 20.0):
        axes.axvline(bar, color=BAR, linestyle="--", linewidth=1.0)
    axes.set_yticks(range(len(names)), [f"{name} ({shapes[name]})" for name in names])
    handles = [
        axes.plot([], [], marker, color=colour, linestyle="", label=label)[0]
        for marker, colour, label in (
            ("o", OURS, "to within 1e-6"),
            ("D", THEIRS, "to within 1e-3 nats"),
            ("x", OURS, "not reached in a third of the time"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", fontsize=8, frameon=False, ncols=3)
    ratios(axes, "dashed: the bars, 3× for each set and 20× for the geometric mean")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def gaps(record, path):
    """A line for each set: what both leave to the best known likelihood, in the same time."""
    found = sorted(record["likelihood"]["results"], key=lambda r: -r["gaps"]["scikit-learn"])
    figure, axes = canvas(len(found), "Left to the best known likelihood in the same time")
    for place, result in enumerate(found):
        ours, theirs = result["gaps"]["mixtura"], result["gaps"]["scikit-learn"]
        axes.plot([ours, theirs], [place, place], color="#BBBBBB", linewidth=1.2, zorder=1)
        axes.plot([theirs], [place], "D", color=THEIRS, markersize=6)
        axes.plot([ours], [place], "o", color=OURS, markersize=6)
    axes.axvline(0.01, color=BAR, linestyle="--", linewidth=1.0)
    names = [r["set"] + (" †" if r["target_collapsed"] else "") for r in found]
    axes.set_yticks(range(len(found)), names)
    axes.set_xscale("symlog", linthresh=1e-3, linscale=0.5)
    axes.set_xlim(left=-1e-4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    handles = [
        axes.plot([], [], marker, color=colour, linestyle="", label=label)[0]
        for marker, colour, label in (
            ("o", OURS, "mixtura, one start after another"),
            ("D", THEIRS, "scikit-learn, ten starts"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", fontsize=8, frameon=False, ncols=2)
    axes.set_xlabel(
        "nats per row; dashed: the bar of the mean; †: a component of the target collapsed",
        fontsize=9,
    )
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


DRAWN = {
    "peers.png": ("peers", peers),
    "roofline.png": ("peers", roofline),
    "likelihood.png": ("likelihood", likelihood),
    "gaps.png": ("likelihood", gaps),
}
"""The benchmark that each picture is of, and what draws it; `bars.DRAWN` has their titles."""


def main(argv=None):
    """Draw what the record has."""
    parser = argparse.ArgumentParser(prog="benchmarks.plot", description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path, nargs="?", help="in place of the newest results")
    parser.add_argument("--output", type=Path, default=bars.PICTURES, metavar="FOLDER")
    args = parser.parse_args(argv)
    source = args.record or newest(RESULTS)
    if source is None:
        print("no record of peers or likelihoods: nothing is drawn")
        return 1
    record = json.loads(source.read_text(encoding="utf-8"))["benchmarks"]
    args.output.mkdir(parents=True, exist_ok=True)
    for name, (benchmark, draw) in DRAWN.items():
        if "results" in record.get(benchmark, {}):
            draw(record, args.output / name)
            print(args.output / name)
        else:
            print(f"{name}: {source} has no {benchmark}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
