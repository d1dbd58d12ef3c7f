"""Draw the seconds of an iteration by peer, from the newest record that has them.

``python benchmarks/plot.py`` reads benchmarks/results and writes docs/pictures/peers.png. Without
a record of `peers` it says so and draws nothing. This is no benchmark: it measures nothing.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

HERE = Path(__file__).resolve().parent
PICTURE = HERE.parent / "docs" / "pictures" / "peers.png"

# Of the palette of Okabe and Ito, and far apart in lightness: names, not colours, tell peers apart.
OURS, OTHERS, LEAST = "#0072B2", "#BBBBBB", "#D55E00"


def peers_of(path):
    """The record of peers in a file of results, or None; a bare record counts as well."""
    results = json.loads(path.read_text(encoding="utf-8"))
    found = results.get("benchmarks", {}).get("peers", results)
    return found if "machine_rates" in found else None


def newest(folder):
    """The newest file of results with a record of peers, and the record."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        found = peers_of(path)
        if found is not None:
            return path, found
    return None, None


def seconds_of(result):
    """Seconds by peer, the fastest first."""
    seconds = {
        name: peer["iteration_seconds"]
        for name, peer in result["peers"].items()
        if peer.get("iteration_seconds", 0) > 0
    }
    return dict(sorted(seconds.items(), key=lambda item: item[1]))


def title(result):
    """What was measured, in a line."""
    return (
        f"{result['covariance_type']}: {result['rows']:,} rows, "
        f"D = {result['features']}, K = {result['components']}"
    )


def draw_case(axes, result):
    """One panel."""
    seconds = seconds_of(result)
    names, values = list(seconds), list(seconds.values())
    colours = [OURS if name == "mixtura" else OTHERS for name in names]
    places = range(len(names))
    axes.barh(places, values, color=colours)
    agree = {name: result["peers"][name]["means_agree"] for name in names}
    axes.set_yticks(places, [name if agree[name] else name + " *" for name in names])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_title(title(result), fontsize=9, loc="left")
    axes.axvline(result["roofline"]["seconds"], color=LEAST, linestyle="--", linewidth=1.2)
    for place, value in zip(places, values, strict=True):
        ours = seconds.get("mixtura")
        ratio = value / ours if ours else 1.0
        note = f" {value:.2g} s, ×{ratio:,.0f}" if ratio >= 10 else f" {value:.2g} s, ×{ratio:.2g}"
        axes.text(value, place, note, va="center", fontsize=7)
    axes.set_xlim(result["roofline"]["seconds"] / 3.0, 12.0 * max(values, default=1.0))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def draw(record, path):
    """All cases in float64."""
    results = [result for result in record["results"] if result["dtype"] == "float64"]
    columns = min(3, len(results))
    rows = math.ceil(len(results) / columns)
    figure, grid = pyplot.subplots(
        rows,
        columns,
        figsize=(4.4 * columns, 2.4 * rows + 0.5),
        layout="constrained",
        squeeze=False,
    )
    for axes, result in zip(grid.flat, results, strict=False):
        draw_case(axes, result)
    for axes in grid.flat[len(results) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("seconds of an iteration", fontsize=8)
    figure.suptitle(
        "One EM iteration. Dashed: the least that the machine's products and exponentials allow. "
        "*: ends with other means",
        fontsize=11,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path, nargs="?", help="in place of the newest results")
    parser.add_argument("--output", type=Path, default=PICTURE)
    args = parser.parse_args()
    if args.record is None:
        source, record = newest(HERE / "results")
    else:
        source, record = args.record, peers_of(args.record)
    if record is None:
        sys.exit(print("no record of peers: nothing is drawn"))
    draw(record, args.output)
    print(f"{args.output}, from {source}")
