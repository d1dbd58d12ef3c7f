"""Partitions of model-based agglomeration that mclust_hc.R recorded in mclust_hc.json.

In mclust's own coordinates, "SVD", all partitions are equal. In others two things are left out:
columns of few decimals, where many pairs cost the same and rounding says which is joined first; and
matrices of their own whose determinants are above one, where mclust 6.0 joins pairs that cost more
by its own criterion than others do. Ours are compared with every pair in tests/learn.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from mixtura import HierarchicalStart
from mixtura.learn.data import Block
from mixtura.learn.hierarchy import Quantiles
from tests.oracles.tables import table

OTHERWISE = {
    ("simulated", "VVV", "VARS"),
    ("faithful", "VVV", "VARS"),
    ("faithful", "VVV", "STD"),
    ("faithful", "EII", "STD"),
    ("diabetes", "VVV", "VARS"),
    ("banknote", "VVV", "VARS"),
    ("banknote", "VII", "VARS"),
}

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "mclust_hc.json").read_text(encoding="utf-8"))
SIMULATED = json.loads((HERE / "mclust.json").read_text(encoding="utf-8"))["simulated"]


def described(record):
    apart = "" if record["together"] else " apart"
    return f"{record['data']} {record['model']} {record['use']}{apart}"


def digits(text):
    return np.array([*map(int, text)])


def same_in_both():
    for record in RECORDED["trees"]:
        if (record["data"], record["model"], record["use"]) not in OTHERWISE:
            yield pytest.param(record, id=described(record))


@pytest.mark.parametrize("record", [*same_in_both()])
def test_partitions_are_those_of_mclust(record):
    x = np.array(SIMULATED) if record["data"] == "simulated" else table(record["data"])
    start = HierarchicalStart(record["model"], use=record["use"], together=record["together"])
    hierarchy = start.hierarchy(block_of(x))
    for k, text in zip(range(2, 10), record["labels"], strict=True):
        assert adjusted_rand_score(hierarchy.cut(k), digits(text)) == 1.0, k


def block_of(x):
    return Block(x, np.ones(len(x)))


@pytest.mark.parametrize("record", RECORDED["quantiles"], ids=lambda record: record["data"])
def test_cuts_of_one_column_are_those_of_mclust(record):
    x = np.array(record["values"])
    cut = Quantiles(x, np.ones(len(x)))
    for k, text in zip(range(2, 10), record["labels"], strict=True):
        np.testing.assert_array_equal(cut(k), digits(text) - 1)
