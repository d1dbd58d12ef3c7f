"""Run the benchmarks of this folder, keep what they print, and show it beside its bars.

``python -m benchmarks`` runs what the table of `benchmarks.bars` needs and writes
benchmarks/results/<date>.json. Names choose some: ``python -m benchmarks peers likelihood``; what
else a file of results holds stays in it, so that a record can be made in parts. ``--quick`` uses
small sizes and writes nothing, unless ``--output`` names a file.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from time import perf_counter

from benchmarks import bars

HERE = Path(__file__).resolve().parent
PACKAGES = ["mixtura", "numpy", "scipy", "scikit-learn", "numba", "threadpoolctl"]
NO_SCRIPTS = {"plot", "bars", "comparison"}


def scripts():
    """Every benchmark by name; each prints one JSON object."""
    paths = sorted(HERE.glob("[!_]*.py"))
    return {path.stem: path for path in paths if path.stem not in NO_SCRIPTS}


def cpu_model():
    """The processor as the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def git(*args):
    """What git answers; None where it does not."""
    run = subprocess.run(["git", *args], cwd=HERE.parent, capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else None


def version(package):
    """The installed version; None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def circumstances():
    """All that a time depends on and the program does not say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(git("status", "--porcelain", "--", "src", "benchmarks/*.py")),
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "usable_cores": len(affinity(0)) if affinity else os.cpu_count(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }


def takes(path, option):
    """Whether a benchmark has an option."""
    return f'"{option}"' in path.read_text(encoding="utf-8")


def run(path, *, quick, budget=None):
    """What one benchmark prints, as an object; an exit status where it failed."""
    options = ["--quick"] if quick and takes(path, "--quick") else []
    if budget is not None and takes(path, "--budget"):
        options += ["--budget", str(budget)]
    done = subprocess.run([sys.executable, path, *options], stdout=subprocess.PIPE, text=True)
    try:
        return {"exit_status": done.returncode} if done.returncode else json.loads(done.stdout)
    except ValueError:
        return {"exit_status": "0 with no JSON"}


def recorded(path):
    """A file of results, to be added to; an empty one if there is none."""
    if path is None or not path.is_file():
        return {"circumstances": {}, "benchmarks": {}}
    record = json.loads(path.read_text(encoding="utf-8"))
    if "circumstances" in record:
        return record
    # An older file has the circumstances once.
    once = {name: value for name, value in record.items() if name != "benchmarks"}
    return {
        "circumstances": dict.fromkeys(record["benchmarks"], once),
        "benchmarks": record["benchmarks"],
    }


def main(argv=None):
    """Run, write, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(scripts())}")
    parser.add_argument("--all", action="store_true", help="also those without a bar")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--budget", type=float, help="seconds, for the benchmarks that take one")
    parser.add_argument("--output", type=Path, help="where to write or add the results")
    args = parser.parse_args(argv)
    unknown = set(args.names) - set(scripts())
    if unknown:
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}")
    names = args.names or (list(scripts()) if args.all else bars.BENCHMARKS)
    output = args.output
    if output is None and not args.quick:
        today = datetime.datetime.now(datetime.UTC).date()
        output = HERE / "results" / f"{today.isoformat()}.json"
    record = recorded(output)
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        path, began = scripts()[name], perf_counter()
        small = args.quick and takes(path, "--quick")
        found = circumstances() | {"quick": small}
        record["benchmarks"][name] = run(path, quick=small, budget=args.budget)
        record["circumstances"][name] = found | {"seconds": perf_counter() - began}
        if output is not None:  # after each, so that nothing is lost if the next is interrupted
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(bars.plain(record))
    if output is not None:
        print(output)
    return int(any("exit_status" in record["benchmarks"][name] for name in names))


if __name__ == "__main__":
    sys.exit(main())
