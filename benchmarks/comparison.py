"""What stands on mixtures beside what else one would use: the tables of docs/estimators.md.

``python -m benchmarks.comparison RECORD`` prints them, from a record that has `regression`,
`classification` and `outliers`; ``--write PAGE`` puts them between two markers of a page.
"""

import argparse
import json
import sys
from pathlib import Path

BEGIN, END = "<!-- comparison: begin -->", "<!-- comparison: end -->"


def seconds(value):
    """Two digits."""
    return f"{value:.2g} s"


def cell(way, *names):
    """Some numbers of a way, one after the other; a dash where it has none."""
    if way is None or "skipped" in way:
        return "–"
    shown = [f"{way[name]:.3g}" for name in names if way.get(name) is not None]
    return " / ".join([*shown, *([seconds(way["seconds"])] if "seconds" in way else [])])


def table(first, columns, rows):
    """A Markdown table."""
    lines = [f"| {' | '.join([first, *columns])} |", "|---" * (len(columns) + 1) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def sized(name, found):
    """A set and its size."""
    return f"{name}, {found['rows']:,} x {found['features']}"


def of_sets(sets, names):
    """A line for each set and a column for each way."""
    present = {name: found for name, found in sets.items() if "skipped" not in found}
    ways = list(dict.fromkeys(way for found in present.values() for way in found["ways"]))
    ways = [w for w in ways if any("skipped" not in f["ways"].get(w, {}) for f in present.values())]
    rows = [
        [sized(name, found), *(cell(found["ways"].get(way), *names) for way in ways)]
        for name, found in present.items()
    ]
    return table("set", ways, rows)


def reasons(sets):
    """Why ways were skipped, each reason once."""
    found = {}
    for name, each in sets.items():
        if "skipped" in each:
            found.setdefault(each["skipped"], []).append(name)
        for way, entry in each.get("ways", {}).items():
            if "skipped" in entry:
                reason = f"{way}, {entry['skipped'].split('.')[0]}"
                found.setdefault(reason, []).append(name)
    each = [f"{reason} ({', '.join(names)})" for reason, names in found.items()]
    return ["", f"Not measured: {'; '.join(each)}."] if each else []


def page(record):
    """All tables."""
    found = record["benchmarks"]
    lines = []
    if "sets" in found.get("regression", {}):
        part = found["regression"]
        lines += ["### Regression: error / log score / share inside 90 % / seconds", ""]
        names = ("error", "log_score", "coverage")
        lines += [*of_sets(part["sets"], names), *reasons(part["sets"]), ""]
        lines += ["With a fifth of the inputs missing:", ""]
        lines += [*of_sets(part["missing"], names), ""]
    if "sets" in found.get("classification", {}):
        part = found["classification"]
        lines += ["### Classes: share of errors / log score / seconds", ""]
        lines += [*of_sets(part["sets"], ("error", "log_score")), ""]
        printed = [
            f"{name}, {way}: {entry['error']:.3g} in ten folds of its own, "
            f"{entry['training_error']:.3g} on the rows it was fitted to"
            for name, each in part["sets"].items()
            for way, entry in each.get("published", {}).items()
        ]
        lines += [f"What mclust's vignette prints: {'; '.join(printed)}.", *reasons(part["sets"])]
        lines += ["", "Errors where one row of ten has its class, with the other rows and without:"]
        hidden = part["unlabelled"]
        ways = list(next(iter(hidden.values()))["with"])
        rows = [
            [
                name,
                *(
                    f"{each['with'][way]:.3g}"
                    + (f" ({each['without'][way]:.3g})" if way in each["without"] else "")
                    for way in ways
                ),
            ]
            for name, each in hidden.items()
        ]
        lines += ["", *table("set", ways, rows), ""]
    if "sets" in found.get("outliers", {}):
        part = found["outliers"]
        lines += [f"### Outliers: area / false alarms at {part['level']:g} / found / seconds", ""]
        names = ("area", "false_alarms", "found")
        lines += [*of_sets(part["sets"], names), *reasons(part["sets"]), ""]
    return "\n".join([*about(record), "", *lines])


def about(record):
    """Day, machine and versions."""
    each = list(record.get("circumstances", {}).values())
    if not each:
        return ["Nothing is known of the machine."]
    last = each[-1]
    versions = ", ".join(f"{k} {v}" for k, v in last["versions"].items() if v)
    return [
        f"Measured {last['date'][:10]} on {last['machine']['cpu']}, "
        f"{last['machine']['usable_cores']} cores; {versions}; commit "
        f"{(last['commit'] or 'unknown')[:10]}."
    ]


def placed(text, tables):
    """The page with the tables between its markers."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{tables}{END}{rest.split(END, 1)[1]}"


def main(argv=None):
    """Print the tables, and write them if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put them into this page")
    args = parser.parse_args(argv)
    tables = page(json.loads(args.record.read_text(encoding="utf-8")))
    print(tables)
    if args.write:
        text = args.write.read_text(encoding="utf-8")
        args.write.write_text(placed(text, tables), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
