"""Seconds of an EM iteration and peak memory, ours and that of every peer that installs here.

``python benchmarks/peers.py`` prints one JSON object. All begin with the same parameters on the
same rows and run the same number of iterations, with no regulariser and no early stop. Each works
in processes of its own, one after another. An iteration is an E-step and an M-step: its seconds are
the difference of a long and a short fit over the iterations between them, the median of several
such pairs after one unmeasured fit. Peak memory is the most that the process ever held, with its
interpreter, its libraries and its input. The means after the long fit are compared with mixtura's.

The roofline of a case is the arithmetic that it cannot do without, at the rates that the machine
reaches just before it: products of two 2000 x 2000 matrices in the type of the case, and NumPy's
exponentials in the cache, both on all threads. For full covariances that is 4 N K M operations for
M = 1 + D + D(D + 1)/2 features, half in each step, and N K exponentials.

scikit-learn and oneDAL, which the bars name, are measured in every case, the others with full
covariances in float64. A peer has so many seconds for a case (``--budget``), some a part of it:
where an iteration is slow, fits are shorter and fewer, and the record has how many.

Peers get environments of their own under .venv-peers, made at the first run. What is absent is
skipped, and the record says why. mclust and Armadillo are found if the system has them.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORKERS = HERE / "peers"
ENVIRONMENTS = HERE.parent / ".venv-peers"

SHORT, LONG, LONGEST = 1, 3, 11
"""Iterations of a short fit, and of a long one: the longest that the time allows."""
TOLERANCE = {"float64": 1e-6, "float32": 1e-3}
"""How far means may be from ours, in standard deviations of their columns."""

FULL = [  # rows, features, components
    (1_000_000, 2, 5),
    (500_000, 10, 10),
    (200_000, 20, 20),
    (100_000, 50, 20),
    (200_000, 10, 100),
    (50_000, 100, 50),
]
CASES = [(*size, "full", "float64") for size in FULL]
CASES += [(*size, family, "float64") for family in ("diag", "spherical", "tied") for size in FULL]
CASES += [(*size, "full", "float32") for size in FULL if size[1] >= 10]


class Absent(Exception):
    """A peer cannot be measured; the text says why."""


@dataclass(frozen=True)
class Peer:
    """How to call a peer, and what it can do."""

    command: Callable[[bool], list[str]]
    """Of its worker, given whether large downloads are wanted; raises `Absent`."""
    families: tuple[str, ...] = ("full", "tied", "diag", "spherical")
    types: tuple[str, ...] = ("float64",)
    other_start: str = ""
    """Why it cannot begin with the parameters of the case, if it cannot."""
    barred: bool = False
    """Whether a bar is about it: it is measured in every case, with the whole budget."""


def said(done):
    """The last words of a command that failed."""
    lines = (done.stderr or done.stdout or "").strip().splitlines()
    return lines[-1][:300] if lines else f"exit status {done.returncode}"


def call(command, **options):
    """Run a command to its end; its output is text."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def project(module):
    """A worker in the environment that runs this script."""
    return lambda _: [sys.executable, str(WORKERS / "with_estimator.py"), module]


def environment(name, packages, module, worker, *, large=False):
    """A worker in an environment of its own, made if it is not there."""

    def command(download):
        folder = ENVIRONMENTS / name
        python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
        if python.exists() and call([python, "-c", f"import {module}"]).returncode == 0:
            return [str(python), str(WORKERS / worker)]
        if large and not download:
            raise Absent(f"{packages[0]} is large: --large downloads it")
        print(f"  installing {', '.join(packages)} ...", file=sys.stderr, flush=True)
        for step in (
            [sys.executable, "-m", "venv", folder],
            [python, "-m", "pip", "install", "--quiet", *packages],
            [python, "-c", f"import {module}"],
        ):
            done = call(step)
            if done.returncode:
                raise Absent(f"{packages[-1]} does not install: {said(done)}")
        return [str(python), str(WORKERS / worker)]

    return command


def armadillo(_):
    """The worker in C++, compiled anew."""
    compiler = shutil.which("g++")
    if compiler is None:
        raise Absent("no g++")
    source, program = WORKERS / "with_armadillo.cpp", ENVIRONMENTS / "armadillo" / "with_armadillo"
    program.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-std=c++17", "-O3", "-march=native", "-fopenmp", "-DARMA_NO_DEBUG"]
    done = call([compiler, *flags, source, "-o", program, "-larmadillo"])
    if done.returncode:
        raise Absent("no Armadillo: " + next(iter(done.stderr.splitlines()), "g++ failed")[:300])
    return [str(program)]


def mclust(_):
    """The worker in R."""
    program = shutil.which("Rscript")
    if program is None:
        raise Absent("no Rscript")
    if call([program, "-e", "library(mclust)"]).returncode:
        raise Absent("R has no mclust")
    return [program, str(WORKERS / "with_mclust.R")]


BOTH = ("float64", "float32")
SHARE = 1 / 3
"""Of the budget, for a peer that no bar is about."""

PEERS = {
    "mixtura": Peer(project("mixtura"), types=BOTH, barred=True),
    "scikit-learn": Peer(project("sklearn.mixture"), barred=True),
    "oneDAL": Peer(
        environment("onedal", ["scikit-learn-intelex"], "daal4py", "with_onedal.py"),
        families=("full", "diag"),
        types=BOTH,
        barred=True,
    ),
    "OpenCV": Peer(
        environment("opencv", ["opencv-python-headless<5"], "cv2", "with_opencv.py"),
        families=("full", "diag", "spherical"),
    ),
    "Armadillo": Peer(armadillo, families=("full", "diag"), types=BOTH),
    "mclust": Peer(mclust),
    "mlpack": Peer(
        environment("mlpack", ["mlpack"], "mlpack", "with_mlpack.py"),
        families=("full", "diag"),
        other_start="it begins with a k-means of its own, whatever model it is given",
    ),
    "pomegranate": Peer(
        environment(
            "torch", ["torch", "pomegranate"], "pomegranate.gmm", "with_pomegranate.py", large=True
        ),
        families=("full", "diag"),
        types=BOTH,
    ),
    "torchgmm": Peer(
        environment("torch", ["torch", "torchgmm"], "torchgmm", "with_torchgmm.py", large=True),
        types=BOTH,
    ),
}


def turns(command, folder, iterations, limit):
    """Fit for each number of iterations in a fresh process; what it printed, and its peak memory.

    This process has to stay small: a child counts the memory of its parent at the fork.
    """
    with (folder / "printed").open("w+") as out, (folder / "complaints").open("w+") as err:
        words = [*command, str(folder), *map(str, iterations)]
        child = subprocess.Popen(words, stdout=out, stderr=err, cwd=folder)
        late = threading.Event()

        def stop():
            late.set()
            child.kill()

        timer = threading.Timer(limit, stop)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        lines = [line for line in out if line.startswith("{")]
        complaint = (err.read().strip().splitlines() or [""])[-1][:300]
    if late.is_set():
        raise Absent(f"more than {limit:.0f} s for {sum(iterations)} iterations")
    if child.returncode or len(lines) != 1 + len(iterations):
        raise Absent(f"exit status {child.returncode}: {complaint}")
    *measured, result = map(json.loads, lines)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return [turn["seconds"] for turn in measured], result | {"peak_bytes": peak}


def worker(command, folder, runs, budget):
    """Seconds of one iteration, as many pairs of fits and as long ones as the time allows."""
    (_, first), _ = turns(command, folder, [SHORT, SHORT], 2 * budget)
    quarter = budget / 4  # is enough for those who are quick
    plans = [(3 * runs, LONGEST, quarter), (runs, LONGEST, quarter)]
    plans += [(runs, LONG, budget), (1, LONG, budget)]
    affordable = [(n, long) for n, long, most in plans if first * (1 + n * (1 + long)) <= most]
    failure = Absent(f"one iteration takes {first:.0f} s with set-up, which is too long to repeat")
    for n, long in affordable:
        try:
            seconds, result = turns(command, folder, [SHORT] + [SHORT, long] * n, 3 * budget)
            break
        except Absent as reason:  # too slow after all, or its likelihood stood still
            failure = reason
    else:
        raise failure
    pairs = list(zip(seconds[1::2], seconds[2::2], strict=True))
    each = [(slow - fast) / (long - SHORT) for fast, slow in pairs]
    return {
        "version": result["version"],
        "iteration_seconds": statistics.median(each),
        "fastest_iteration_seconds": min(each),
        "slowest_iteration_seconds": max(each),
        "long_fit_seconds": statistics.median(slow for _, slow in pairs),
        "iterations": [SHORT, long],
        "runs": n,
        "peak_bytes": result["peak_bytes"],
    }, result["means"]


def agreement(means, reference, long, tolerance):
    """How far means are from ours."""
    differences = [
        abs(a - b) / spread
        for ours, theirs in zip(reference["means"][str(long)], means, strict=True)
        for a, b, spread in zip(ours, theirs, reference["spread"], strict=True)
    ]
    largest = max(differences)
    return {"largest_difference_of_means": largest, "means_agree": bool(largest <= tolerance)}


def floor(case, rates):
    """The operations of an iteration, and the seconds they take at the machine's own rates."""
    n, d, k, family, dtype = case
    features = {
        "full": (d + 1) * (d + 2) // 2,
        "diag": 2 * d + 1,
        "spherical": d + 2,
        "tied": d + 2,
    }
    operations = 4 * n * k * features[family] + (2 * n * d * d if family == "tied" else 0)
    products = operations / rates["operations_per_second"]
    exponentials = n * k / rates["exponentials_per_second"]
    return {
        "operations": operations,
        "product_seconds": products,
        "exponential_seconds": exponentials,
        "seconds": products + exponentials,
    }


def machine(dtype, runs):
    """What the machine can do now, in a type."""
    done = call([sys.executable, WORKERS / "machine.py", str(runs), dtype])
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def measure_case(case, commands, runs, budget):
    """One row of the table: every peer on one case."""
    n, d, k, family, dtype = case
    rates = machine(dtype, runs)
    result = {
        "rows": n,
        "features": d,
        "components": k,
        "covariance_type": family,
        "dtype": dtype,
        "input_bytes": n * d * (8 if dtype == "float64" else 4),
        "machine_rates": rates,
        "roofline": floor(case, rates),
        "peers": {},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [sys.executable, WORKERS / "case.py", folder, *map(str, (*case, LONG, LONGEST))]
        done = call(words)
        if done.returncode:  # the other cases go on
            reason = {"skipped": f"the case could not be made: {said(done)}"}
            return result | {"peers": dict.fromkeys(commands, reason)}
        reference = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
        for peer, command in commands.items():
            result["peers"][peer] = one_peer(peer, command, case, folder, reference, runs, budget)
    add_ratios(result)
    return result


def one_peer(name, command, case, folder, reference, runs, budget):
    """What is recorded of a peer on a case."""
    peer, (*_, family, dtype) = PEERS[name], case
    if isinstance(command, Absent):
        return {"skipped": str(command)}
    if family not in peer.families:
        return {"skipped": f"it has no {family} covariances"}
    if dtype not in peer.types:
        return {"skipped": f"it does not compute in {dtype}, or no bar asks for it"}
    if not peer.barred:
        if (family, dtype) != ("full", "float64"):
            return {"skipped": "measured with full covariances in float64 alone"}
        budget *= SHARE
    print(f"  {case}: {name}", file=sys.stderr, flush=True)
    try:
        result, means = worker(command, folder, runs, budget)
    except Absent as reason:
        return {"skipped": str(reason)}
    if peer.other_start:
        return result | {"means_agree": None, "means_not_compared": peer.other_start}
    long = result["iterations"][1]
    return result | agreement(means, reference, long, TOLERANCE[dtype])


def add_ratios(result):
    """Seconds over mixtura's, and how much of what the machine can do mixtura reaches."""
    ours = result["peers"].get("mixtura", {}).get("iteration_seconds")
    for found in result["peers"].values():
        seconds = found.get("iteration_seconds")
        if ours and seconds and min(ours, seconds) > 0:  # tiny cases drown in the clock's noise
            found["ratio_to_mixtura"] = seconds / ours
    if ours and ours > 0:
        result["roofline"]["fraction_reached"] = result["roofline"]["seconds"] / ours


def single_over_double(results):
    """mixtura's seconds in float32 over those in float64, where both were measured."""
    sizes = ("rows", "features", "components", "covariance_type")
    found = {}
    for result in results:
        key = tuple(result[name] for name in sizes)
        seconds = {
            name: peer["iteration_seconds"]
            for name, peer in result["peers"].items()
            if "iteration_seconds" in peer
        }
        found.setdefault(key, {})[result["dtype"]] = seconds
    return [
        dict(zip(sizes, key, strict=True))
        | {
            "ratios": {
                name: single / types["float64"][name]
                for name, single in types["float32"].items()
                if types["float64"].get(name, 0) > 0
            }
        }
        for key, types in found.items()
        if {"float32", "float64"} <= types.keys()
    ]


def measure(cases, names, runs, budget, download):
    """All cases."""
    commands = {}
    for name in names:
        try:
            commands[name] = PEERS[name].command(download)
        except Absent as reason:
            commands[name] = reason
    results = [measure_case(case, commands, runs, budget) for case in cases]
    return {
        "runs": runs,
        "seconds_for_each_peer": budget,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "results": results,
        "float32_over_float64": single_over_double(results),
    }


def small(case):
    """A case with a hundredth of the rows, but enough that every component keeps its own."""
    n, d, k, *rest = case
    return (max(n // 100, 2 * k * d), d, k, *rest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--budget", type=float, default=90.0, help="seconds a peer has for a case")
    parser.add_argument("--large", action="store_true", help="download the peers that need PyTorch")
    parser.add_argument("--only", nargs="+", choices=PEERS, help="mixtura and these alone")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows")
    args = parser.parse_args()
    names = [name for name in PEERS if args.only is None or name in ("mixtura", *args.only)]
    cases = [small(case) for case in CASES] if args.quick else CASES
    runs, budget = (1, 5.0) if args.quick else (args.runs, args.budget)
    print(json.dumps(measure(cases, names, runs, budget, args.large), indent=2))
