"""Which candidates there are rows enough for."""

import numpy as np
import pytest

from mixtura import GaussianMixtureClassifier
from mixtura.estimators.choosing import affordable, rows_needed
from tests.laws.registries import MOMENTS


@pytest.mark.parametrize("family", MOMENTS)
def test_rows_suffice_for_every_parameter_of_a_column_and_of_several_components(family):
    for k in (1, 2, 5):
        needed = rows_needed(k, family, 13)
        of_a_column = {"full": 14 * k, "tied": k + 13}.get(family, 2 * k)
        assert needed >= 5 * of_a_column
        if k == 1:
            assert needed == 5 * of_a_column


def test_variances_of_many_columns_need_few_rows():
    found = affordable([(k, f) for f in MOMENTS for k in (1, 2)], 13, 24.0)
    assert found == {(1, "diag"), (1, "spherical")}


def test_with_hardly_a_row_the_units_of_columns_still_do_not_matter():
    assert affordable([(1, "spherical"), (1, "diag"), (1, "full")], 13, 3.0) == {(1, "diag")}


def test_few_labelled_rows_with_columns_in_different_units():
    """Balls about the means would see the widest column alone, which tells nothing here."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 13))
    x[:, :4] += 2.0 * y[:, None]
    x[:, 12] *= 1e4
    known = np.where(np.arange(90) % 2, y, -1)
    model = GaussianMixtureClassifier(random_state=0).fit(x, known)
    assert (model.predict(x) == y).mean() > 0.9
