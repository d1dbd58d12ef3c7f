"""Run the benchmarks of this folder and keep what they print, with the machine they ran on.

``python -m benchmarks`` runs each script and writes benchmarks/results/<date>.json. Names choose
some of them: ``python -m benchmarks import_time``. ``--quick`` uses small sizes and only prints.
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

HERE = Path(__file__).resolve().parent
PACKAGES = ["mixtura", "numpy", "scipy", "scikit-learn", "numba", "threadpoolctl"]


def scripts():
    """Every benchmark by name; each prints one JSON object."""
    return {path.stem: path for path in sorted(HERE.glob("[!_]*.py")) if path.stem != "plot"}


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
        "uncommitted_changes": bool(git("status", "--porcelain", "--", "src", "benchmarks")),
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


def run(path, *, quick):
    """What one benchmark prints, as an object."""
    small = ["--quick"] if quick and '"--quick"' in path.read_text(encoding="utf-8") else []
    done = subprocess.run([sys.executable, path, *small], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"exit_status": done.returncode}


def main(argv=None):
    """Run, write, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(scripts())}")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--output", type=Path, help="where to write the results")
    args = parser.parse_args(argv)
    unknown = set(args.names) - set(scripts())
    if unknown:
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}")
    results = circumstances() | {"benchmarks": {}}
    for name, path in scripts().items():
        if args.names and name not in args.names:
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        results["benchmarks"][name] = run(path, quick=args.quick)
    text = json.dumps(results, indent=2) + "\n"
    output = args.output
    if output is None and not args.quick:
        output = HERE / "results" / f"{results['date'][:10]}.json"
    if output is None:
        print(text, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        print(output)
    return int(any("exit_status" in result for result in results["benchmarks"].values()))


if __name__ == "__main__":
    sys.exit(main())
