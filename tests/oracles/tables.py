"""Real data, as plain arrays: from scikit-learn, or from a folder beside the project.

The folder is no part of the project (its licences vary); what needs it is skipped without it.
"""

from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "clustering"

# File, and its numeric columns.
FILES = {
    "faithful": ("faithful.csv", (0, 1)),
    "diabetes": ("diabetes_reaven_miller.csv", (1, 2, 3)),
    "acidity": ("acidity.csv", (0,)),
    "enzyme": ("enzyme.csv", (0,)),
    "stamps": ("stamps_hidalgo.csv", (0,)),
    "galaxies": ("galaxies.csv", (0,)),
    "banknote": ("banknote_swiss.csv", (1, 2, 3, 4, 5, 6)),
    "crabs": ("crabs_leptograpsus.csv", (3, 4, 5, 6, 7)),
    "wine13": ("wine13.csv", tuple(range(1, 14))),
    "wine27": ("wine27_pgmm.csv", tuple(range(1, 28))),
    "flea": ("flea.csv", (0, 1, 2, 3, 4, 5)),
    "geyser2": ("geyser2_tclust.csv", (0, 1)),
    "chevron": ("chevron.csv", (1, 2)),
    "wreath": ("wreath.csv", (0, 1)),
    "x2": ("x2_mixture.csv", (0, 1)),
}


def table(name):
    if name == "iris":
        return datasets.load_iris().data
    if name == "wine":
        return datasets.load_wine().data
    if name == "S1":
        return np.loadtxt(found(FOLDER / "gagolews" / "sipu" / "s1.data.gz"))
    file, columns = FILES[name]
    return np.loadtxt(
        found(FOLDER / file), delimiter=",", skiprows=1, usecols=columns, ndmin=2, quotechar='"'
    )


def found(path):
    if not path.exists():
        pytest.skip(f"{path.name} is not there: it is no part of the project")
    return path
