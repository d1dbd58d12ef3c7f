"""Random mixtures, rows and statistics of any family, and what it means that two are equal."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mixtura import Mixture
from mixtura.learn.data import Block
from mixtura.learn.expectation import e_step

EPS = np.finfo(np.float64).eps

SEEDS = st.integers(0, 2**32 - 1)
COMPONENTS = st.integers(1, 4)
FEATURES = st.integers(1, 4)


def quickly(max_examples=25):
    """Hypothesis settings: reproducible, and without a clock."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def covariance(family, k, d, rng, spread=0.5):
    """A member of a family: its free coordinates may be any numbers."""
    unit = family.estimate(np.ones(k), family.moment.copies(np.eye(d), k), d)
    vector = unit.to_vector()
    return family.from_vector(rng.normal(scale=spread, size=vector.shape), k, d)


def mixture(family, k, d, rng, separation=2.0):
    return Mixture(
        rng.dirichlet(np.full(k, 5.0)),
        rng.normal(scale=separation, size=(k, d)),
        covariance(family, k, d, rng),
    )


def rows(model, n, rng):
    """Rows that the mixture explains, and some that it does not."""
    x = model.sample(n, rng)[0]
    x[::7] += rng.normal(scale=3.0, size=x[::7].shape)
    return x


def statistics(model, n, rng):
    return e_step(Block(rows(model, n, rng), rng.uniform(0.1, 3.0, n)), model)


def with_needle(family, k, d, rng):
    """A mixture one of whose components is beyond the reach of the shared origin."""
    model = mixture(family, k, d, rng)
    means = model.means.copy()
    means[0] += 1e6
    model = Mixture(model.weights, means, model.covariance)
    assert len(model.operands.far)
    return model


def parts(s):
    """The sums of statistics by name."""
    for name in ("n_weights", "n_means", "n_scatter", "sums", "products"):
        yield name, getattr(s, name)
    yield "log_likelihood", np.array(s.log_likelihood)
    yield "n_rows", np.array(s.n_rows)


def sizes(*several):
    """The largest number in each sum over several statistics."""
    found = {}
    for s in several:
        for name, value in parts(s):
            found[name] = max(found.get(name, 0.0), float(np.abs(value).max()))
    return found


def assert_close(a, b, rtol, beside=()):
    """Statistics are equal up to rounding relative to the largest numbers that went into them."""
    b = b if np.array_equal(a.about, b.about) else b.shifted(a.about)
    scale = sizes(a, b, *beside)
    for (name, left), (_, right) in zip(parts(a), parts(b), strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=rtol * scale[name], err_msg=name)


def assert_identical(a, b):
    """Statistics are equal, bit for bit."""
    np.testing.assert_array_equal(a.about, b.about)
    for (name, left), (_, right) in zip(parts(a), parts(b), strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)


def assert_mixtures_close(a, b, rtol):
    """Weights, means and covariances agree, relative to the spread of the whole mixture."""
    spread = np.sqrt(np.diagonal(a.total_covariance()))
    np.testing.assert_allclose(a.weights, b.weights, rtol=0, atol=rtol)
    np.testing.assert_allclose(a.means / spread, b.means / spread, rtol=0, atol=rtol)
    unit = spread[:, None] * spread
    np.testing.assert_allclose(a.covariances / unit, b.covariances / unit, rtol=0, atol=rtol)
