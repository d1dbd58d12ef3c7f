"""What was saved is loaded, bit for bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixtura import Mixture, load
from mixtura.model.mixture import load_with_notes
from tests.laws.drawn import COMPONENTS, FEATURES, SEEDS, mixture, quickly
from tests.laws.registries import every_form, numbered


def assert_same_bits(a, b):
    assert type(a.covariance) is type(b.covariance)
    for left, right in (
        (a.weights, b.weights),
        (a.means, b.means),
        (a.covariance.values, b.covariance.values),
    ):
        assert left.dtype == right.dtype == np.float64
        assert left.shape == right.shape
        assert left.tobytes() == right.tobytes()


@every_form
@given(k=COMPONENTS, d=FEATURES, seed=SEEDS)
@quickly()
def test_mixtures(family, tmp_path_factory, k, d, seed):
    model = mixture(family, k, d, np.random.default_rng(seed))
    path = tmp_path_factory.getbasetemp() / "saved"
    model.save(path)
    assert_same_bits(load(path), model)


@numbered
def test_extreme_numbers(family, tmp_path):
    unit = family.estimate(np.ones(2), family.moment.copies(np.eye(2), 2), 2)
    model = Mixture.of(
        [1.0, 5e-324], [[-0.0, 5e-324], [1e300, -1e-300]], 1e-200 * unit.values, family=family
    )
    model.save(tmp_path / "saved")
    assert_same_bits(load(tmp_path / "saved"), model)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(notes=st.dictionaries(st.text(), JSON, max_size=4))
@quickly(100)
def test_notes(tmp_path_factory, notes):
    path = tmp_path_factory.getbasetemp() / "notes"
    Mixture.of([1.0], [[0.0]], [1.0], family="spherical").save(path, notes=notes)
    assert load_with_notes(path)[1] == notes
