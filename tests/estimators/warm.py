"""A process in which a mixture was fitted: what is compiled is loaded, and no thread is left."""

import warnings

import numpy as np

from mixtura import GaussianMixture
from mixtura.estimators.passes import Rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _rows in (200, 20_000):
        _model = GaussianMixture(4, max_iter=8, random_state=0)
        _model._fit_source(Rows(np.random.default_rng(0).normal(size=(_rows, 3))), False, {})
