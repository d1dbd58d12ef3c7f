"""Every dialect answers as the reference does, within the bound that κ gives."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura import Mixture
from mixtura.numeric.kernels import dialect as dialect_named
from tests.laws.drawn import EPS, mixture, rows, with_needle
from tests.laws.registries import numbered

REFERENCE = dialect_named("reference")

K, D, N = 3, 4, 700


def distant(family, k, d, rng):
    """Components 3,000 standard deviations from one another: κ of the order of 1e6."""
    model = mixture(family, k, d, rng)
    return Mixture(model.weights, 1e3 * model.means, model.covariance)


@pytest.fixture(params=[mixture, distant, with_needle], ids=["near", "distant", "far"])
def model(request, family):
    return request.param(family, K, D, np.random.default_rng(6))


@pytest.fixture(params=[np.float64, np.float32, np.int32], ids=lambda dtype: dtype.__name__)
def x(request, model):
    return rows(model, N, np.random.default_rng(7)).astype(request.param)


@pytest.fixture
def bound(model):
    """Nats by which a log density may differ, beside the rounding of the number itself."""
    near = model.operands.kappa[model.operands.near]
    return 5.0 * EPS * max(near.max(initial=1.0), 1.0) + 1e-13


def test_the_numbers_of_rows(dialect, model, x, bound):
    joint = REFERENCE.log_joint(x, model.operands)
    np.testing.assert_allclose(
        dialect.log_joint(x, model.operands), joint, rtol=64 * EPS, atol=2 * bound
    )
    expected = REFERENCE.log_density(x, model.operands)
    found = dialect.log_density(x, model.operands)
    np.testing.assert_allclose(found, expected, rtol=64 * EPS, atol=2 * bound)

    rounding = 64 * EPS * np.abs(joint).max() + 4 * bound
    found = dialect.posterior(x, model.operands)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-14 * K)
    np.testing.assert_allclose(found, REFERENCE.posterior(x, model.operands), atol=rounding)

    density, peak = dialect.certainty(x, model.operands)
    np.testing.assert_allclose(density, expected, rtol=64 * EPS, atol=2 * bound)
    np.testing.assert_allclose(peak, joint.max(axis=1) - expected, rtol=0, atol=rounding)

    # The likeliest component, or one that rounding cannot tell from it.
    found = dialect.labels(x, model.operands)
    short = joint.max(axis=1) - joint[np.arange(len(x)), found]
    assert short.max() <= rounding


def assert_sums_agree(found, expected, rtol):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * np.abs(b).max())


def test_sums_over_rows(dialect, model, x, bound):
    w = np.random.default_rng(8).uniform(0.0, 2.0, N)
    joint = REFERENCE.log_joint(x, model.operands)
    # Sums may be in the precision of the rows; the numbers of single rows, above, may not.
    coarser = np.finfo(x.dtype).eps / EPS if x.dtype == np.float32 else 1.0
    rounding = coarser * (64 * EPS * np.abs(joint).max() + 4 * bound) + 1e-12
    found = dialect.expectation(x, w, model.operands)
    assert_sums_agree(found, REFERENCE.expectation(x, w, model.operands), rounding)
    r = np.random.default_rng(9).dirichlet(np.ones(K), N)
    found = dialect.accumulation(x, r, model.operands)
    assert_sums_agree(found, REFERENCE.accumulation(x, r, model.operands), 1e-12)


@pytest.mark.parametrize("d", [2, 6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("in_order", [True, False])
def test_many_components(dialect, family, d, dtype, in_order):
    """Components that a tile has nothing to do with may be left out: nobody is to see it."""
    rng = np.random.default_rng(13)
    model = mixture(family, 40, d, rng, separation=12.0)
    x, components = model.sample(6_000, rng)
    x = (x[np.argsort(components)] if in_order else x).astype(dtype)
    x[0] = x[-1]  # a row where it does not belong
    w = rng.uniform(0.0, 2.0, len(x))
    found = dialect.expectation(x, w, model.operands)
    eps = EPS if dtype is np.float64 else 6e-8
    expected = REFERENCE.expectation(x, w, model.operands)
    for a, b in zip(found, expected, strict=True):
        bound = 20 * eps * max(model.operands.kappa.max(), 50.0)
        np.testing.assert_allclose(a, b, rtol=0, atol=bound * np.abs(b).max())


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_single_precision_keeps_its_promise(dialect, family, offset):
    """Rows of float32 far from zero, and some very far from all components, as float64 has them."""
    rng = np.random.default_rng(11)
    model = mixture(family, 4, D, rng)
    model = Mixture(model.weights, model.means + offset, model.covariance)
    x = rows(model, 5_000, rng).astype(np.float32)
    x[:3] += np.array([[1e3], [1e8], [1e19]], dtype=np.float32)
    w = rng.uniform(0.0, 2.0, len(x))
    for some in (slice(3, None), slice(1, None), slice(None)):
        found = dialect.expectation(x[some], w[some], model.operands)
        expected = REFERENCE.expectation(x[some], w[some], model.operands)
        assert_sums_agree(found, expected, 20 * 6e-8 * max(model.operands.kappa.max(), 50.0))


def test_rows_out_of_reach(dialect, family):
    model = mixture(family, K, D, np.random.default_rng(10))
    x = np.vstack([np.full((1, D), 1e6), np.full((1, D), -1e100), np.eye(D) * 1e200])
    found = dialect.posterior(x, model.operands)
    np.testing.assert_allclose(found, REFERENCE.posterior(x, model.operands), atol=1e-6)
    found = dialect.log_density(x, model.operands)
    np.testing.assert_allclose(found, REFERENCE.log_density(x, model.operands), rtol=1e-12)


@numbered
@settings(deadline=None, max_examples=60, derandomize=True)
@given(k=st.integers(1, 7), d=st.integers(1, 9), n=st.integers(1, 600), seed=st.integers(0, 99))
def test_every_size(dialect, family, k, d, n, seed):
    """Loops that are unrolled have ends: no number of rows, features or components is special."""
    rng = np.random.default_rng(seed)
    model = mixture(family, k, d, rng)
    x, w = rows(model, n, rng), rng.uniform(0.0, 2.0, n)
    found = dialect.expectation(x, w, model.operands)
    assert_sums_agree(found, REFERENCE.expectation(x, w, model.operands), 1e-10)
    found = dialect.posterior(x, model.operands)
    np.testing.assert_allclose(found, REFERENCE.posterior(x, model.operands), atol=1e-10)
    found = dialect.log_density(x, model.operands)
    np.testing.assert_allclose(found, REFERENCE.log_density(x, model.operands), atol=1e-9)


def test_the_exponential_is_right_wherever_it_is_asked(dialect):
    """Posteriors of two components far apart are exps of one number each."""
    model = Mixture.of([0.5, 0.5], [[0.0], [1.0]], [1.0, 1.0], family="spherical")
    with mp.workdps(40):
        for x in np.linspace(-690.0, 36.0, 400):
            found = dialect.posterior(np.array([[x]]), model.operands)[0, 1]
            delta = mp.mpf(x) - mp.mpf("0.5")
            expected = mp.exp(delta) / (1 + mp.exp(delta))
            # The log joint densities are of the order of x² and rounded before they are compared.
            bound = EPS * (4 + 2 * (x * x + abs(x)))
            assert abs(mp.mpf(float(found)) - expected) <= bound * expected


def test_bits_do_not_depend_on_where_arrays_lie(dialect, family):
    rng = np.random.default_rng(12)
    model = mixture(family, K, D, rng)
    x, w = rows(model, N, rng), rng.uniform(0.0, 2.0, N)
    found, clutter = set(), []
    for _ in range(100):
        clutter = [*clutter[-20:], np.empty(rng.integers(1, 5000))]
        results = dialect.expectation(x.copy(), w.copy(), model.operands)
        found.add(b"".join(np.asarray(part).tobytes() for part in results))
    assert len(found) == 1
