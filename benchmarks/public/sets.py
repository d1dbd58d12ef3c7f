"""Public data with something to predict, from a folder beside the project; made data where not."""

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

# File, whether its first line names columns, columns to leave out, and the column of classes.
CLASSES = {
    "banknote": ("clustering/banknote_swiss.csv", True, (), 0),
    "seeds": ("clustering/wheat_seeds.csv", False, (), -1),
    "wdbc": ("clustering/wdbc.csv", True, (0,), 1),
    "vowel": ("clustering/vowel_deterding.csv", True, (0,), -1),
    "authentication": ("clustering/banknote_authentication.csv", False, (), -1),
    "satimage": ("clustering/satimage.csv", True, (), -1),
}

# The last column is to be predicted.
NUMBERS = {
    name: f"missing/uci_{name}_complete.txt"
    for name in ("yacht", "energy", "concrete", "wine-quality-red", "power-plant", "kin8nm")
}


def classes(name, data=DATA):
    """Rows and classes as numbers; None where the file is not there."""
    if name == "iris":
        return load_iris(return_X_y=True)
    if name == "rings":
        return rings(600)
    file, headed, out, at = CLASSES[name]
    if not (data / file).is_file():
        return None
    lines = list(csv.reader((data / file).read_text(encoding="utf-8").splitlines()))[headed:]
    at %= len(lines[0])
    kept = [j for j in range(len(lines[0])) if j != at and j not in out]
    x = np.array([[float(line[j]) for j in kept] for line in lines])
    return x, np.unique([line[at] for line in lines], return_inverse=True)[1]


def rings(n, seed=0):
    """Three rings inside one another."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, size=n)
    around = rng.normal(size=(n, 2))
    around *= (1 + 1.5 * y)[:, None] / np.linalg.norm(around, axis=1)[:, None]
    return around + 0.3 * rng.normal(size=(n, 2)), y


def numbers(name, data=DATA):
    """Inputs and what is to be predicted; None where the file is not there."""
    if name == "waves":
        return waves(1000)
    file = data / NUMBERS[name]
    if not file.is_file():
        return None
    table = np.loadtxt(file)
    return table[:, :-1], table[:, -1]


def waves(n, seed=0):
    """A wave whose spread grows, and beside it another branch of it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, size=(n, 2))
    y = np.sin(2 * x[:, 0]) + x[:, 1] / 3 + (0.05 + 0.1 * np.abs(x[:, 0])) * rng.normal(size=n)
    return x, np.where(rng.random(n) < 0.2, y + 3.0, y)


def some(x, y, n, seed=0):
    """At most n of the rows, drawn at random."""
    if len(x) <= n:
        return x, y
    index = np.random.default_rng(seed).choice(len(x), n, replace=False)
    return x[index], y[index]
