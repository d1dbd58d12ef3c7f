"""`GaussianMixture.stability`: groups are found again, slices are not."""

import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture
from mixtura.model.covariance import FAMILIES

OPTIONS = {"random_state": 0, "tol": 1e-4, "max_iter": 500}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    return rng.normal(size=(120, 2)) + np.repeat(centres, [60, 40, 20], axis=0)


def test_groups_that_are_apart_are_found_again(rows):
    model = GaussianMixture(3, n_init=5, **OPTIONS).fit(rows)
    found = model.stability(rows, n_boot=30, random_state=1)
    assert len(found) == 3
    assert (found.similarity > 0.95).all()
    assert found.verdict == ("highly stable",) * 3
    assert sorted(found.size) == [20, 40, 60]
    assert found.n_boot == 30
    assert found.similarities.shape == (30, 3)
    np.testing.assert_allclose(found.similarity, found.similarities.mean(axis=0))
    np.testing.assert_array_equal(found.recovered, (found.similarities >= 0.75).mean(axis=0))
    np.testing.assert_array_equal(found.dissolved, (found.similarities <= 0.5).mean(axis=0))
    assert (found.adjusted_rand > 0.9).all()


def test_rows_that_were_made_with_the_same_seed_are_drawn_without_regard_to_it():
    rng = np.random.default_rng(0)
    kind = rng.random(300) < 0.35  # the first numbers of the stream decide the group
    x = np.where(kind, 0.0, 20.0)[:, None] + rng.normal(size=(300, 1))
    model = GaussianMixture(2, **OPTIONS).fit(x)
    assert (model.stability(x, n_boot=3, random_state=0).adjusted_rand == 1.0).all()


def test_slices_of_one_group_are_not():
    x = np.random.default_rng(1).uniform(size=(150, 2))
    model = GaussianMixture(5, covariance_type="spherical", **OPTIONS).fit(x)
    found = model.stability(x, n_boot=20, random_state=1)
    assert found.similarity.min() < 0.75
    assert {"doubtful", "unstable", "dissolved"} & {*found.verdict}
    assert found.adjusted_rand.mean() < 0.85


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gaps_and_weights(rows, family):
    rng = np.random.default_rng(2)
    x = np.where(rng.random(rows.shape) < 0.1, np.nan, rows)
    w = rng.integers(0, 3, 120)
    model = GaussianMixture(3, covariance_type=family, **OPTIONS).fit(x, sample_weight=w)
    found = model.stability(x, w, n_boot=4, random_state=1)
    np.testing.assert_allclose(found.size, np.bincount(model.predict(x), w, minlength=3))
    assert found.n_boot == 4


def test_one_component_is_stable(rows):
    found = GaussianMixture(1, **OPTIONS).fit(rows).stability(rows, n_boot=3)
    assert found.similarity == 1.0
    assert (found.adjusted_rand == 1.0).all()


def test_the_same_seed_gives_the_same_table_and_the_model_stays_as_it_was(rows):
    model = GaussianMixture(3, **OPTIONS).fit(rows)
    means = model.means_.copy()
    one, two = (model.stability(rows, n_boot=4, random_state=5) for _ in range(2))
    np.testing.assert_array_equal(one.similarities, two.similarities)
    np.testing.assert_array_equal(model.means_, means)
    assert model.random_state == 0


def test_ways_to_print(rows):
    table = pd.DataFrame(rows, columns=["a", "b"])
    found = GaussianMixture(3, **OPTIONS).fit(table).stability(table, n_boot=5, random_state=0)
    assert repr(found).startswith("Stability over 5 bootstrap samples; adjusted Rand index ")
    assert "highly stable" in found._repr_html_()
    frame = found.to_pandas()
    assert [*frame] == ["component", "size", "similarity", "recovered", "dissolved", "verdict"]


def test_what_cannot_be_done(rows):
    model = GaussianMixture(3, **OPTIONS).fit(rows)
    with pytest.raises(ValueError, match="n_boot must be 1 at the least, but is 0"):
        model.stability(rows, n_boot=0)
    with pytest.raises(ValueError, match="adds up to 1, and a weight counts equal rows"):
        model.stability(rows, np.full(120, 1 / 120))
    x = rows.copy()
    x[1:, 1] = np.nan
    w = np.r_[1e-9, np.ones(119)]
    lone = GaussianMixture(1, covariance_type="diag", **OPTIONS).fit(x)
    with pytest.raises(ValueError, match="none of 3 bootstrap samples could be fitted"):
        lone.stability(x, w, n_boot=3, random_state=0)
