"""HyperImpute, for what a table misses.

``python with_hyperimpute.py FOLDER METHOD`` reads rows.csv, writes draw1.csv, and prints one JSON
object with the seconds of its processor that the imputation took. Its own interpreter runs this:
it wants PyTorch and three libraries of trees.
"""

import json
import sys
import warnings
from os import times
from pathlib import Path

import numpy as np
import pandas as pd
from hyperimpute.plugins.imputers import Imputers

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder, method = Path(sys.argv[1]), sys.argv[2]
    rows = pd.DataFrame(np.genfromtxt(folder / "rows.csv", delimiter=","))
    began = sum(times()[:4])  # of processes that it starts, too
    filled = Imputers().get(method).fit_transform(rows)
    seconds = sum(times()[:4]) - began
    np.savetxt(folder / "draw1.csv", np.asarray(filled), delimiter=",")
    print(json.dumps({"seconds": seconds}))
