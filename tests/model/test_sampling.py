import re

import numpy as np
import pytest
from scipy import stats

from mixtura import Mixture
from mixtura.model import box as boxes
from mixtura.model.box import Tilted, log_mass
from mixtura.model.covariance import FAMILIES
from tests.laws.drawn import mixture

EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])
FALSE_ALARM = 1e-6


def two(d=2):
    return Mixture.of([0.3, 0.7], [[0.0] * d, [3.0] * d], [1.0, 2.0], family="spherical")


# Counts


@EVERY
def test_counts_are_kept(family):
    model = mixture(family, 3, 2, np.random.default_rng(0))
    counts = [4000, 0, 2000]
    x, components = model.sample(counts=counts, random_state=1)
    np.testing.assert_array_equal(np.bincount(components, minlength=3), counts)
    for k in (0, 2):
        own = model.covariance.mahalanobis(x[components == k], model.means)[:, k]
        assert stats.kstest(own, stats.chi2(2).cdf).pvalue > FALSE_ALARM
    assert (components[1:] < components[:-1]).any()  # in no order


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say how many rows to draw, by n or by counts"),
        ({"n": -1}, "n must not be negative, but is -1"),
        ({"counts": [1]}, "counts must be 2 whole numbers, not [1]"),
        ({"counts": [0.5, 1.0]}, "counts must be 2 whole numbers, not [0.5, 1.0]"),
        ({"counts": [-1, 1]}, "counts must not be negative"),
        ({"n": 3, "counts": [1, 1]}, "counts add up to 2, and n is 3: give one of them"),
        ({"n": 3, "box": (0, 1), "sobol": True}, "Sobol points cannot be drawn inside a box"),
        ({"n": 3, "box": ([0, 2], [1, 2])}, "the box is empty in dimension 1: low is 2.0, high"),
        ({"n": 3, "box": (np.nan, 1)}, "low holds NaN: an open end is -inf or inf"),
        ({"n": 3, "box": (0, [1, 2, 3])}, "high must be a number or have shape (2,), not (3,)"),
    ],
)
def test_samples_that_are_not_to_be_had(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        two().sample(**arguments, random_state=0)


# Boxes


def test_a_truncated_gaussian_on_a_line():
    model = Mixture.of([1.0], [[1.0]], [4.0], family="spherical")
    for low, high in ((-0.5, 2.0), (1.5, np.inf), (-np.inf, -3.0), (17.0, np.inf), (-60.0, -59.9)):
        x = model.sample(5000, 2, box=(low, high))[0][:, 0]
        oracle = stats.truncnorm((low - 1) / 2, (high - 1) / 2, loc=1, scale=2)
        assert stats.kstest(x, oracle.cdf).pvalue > FALSE_ALARM
        assert x.min() >= low
        assert x.max() <= high


@EVERY
def test_a_truncated_mixture_is_what_plain_rejection_leaves(family):
    model = mixture(family, 3, 3, np.random.default_rng(3))
    centre = model.means[0]
    low, high = centre - [1.0, 0.5, np.inf], centre + [np.inf, 1.5, 0.3]
    x, components = model.sample(4000, 4, box=(low, high))
    assert ((x >= low) & (x <= high)).all()
    plain, labels = model.sample(200_000, 5)
    inside = ((plain >= low) & (plain <= high)).all(axis=1)
    assert inside.sum() > 2000
    plain, labels = plain[inside], labels[inside]
    for j in range(3):
        assert stats.ks_2samp(x[:, j], plain[:, j]).pvalue > FALSE_ALARM
        assert stats.ks_2samp(x[:, j] * x[:, j - 1], plain[:, j] * plain[:, j - 1]).pvalue > 1e-6
    table = [np.bincount(components, minlength=3), np.bincount(labels, minlength=3)]
    table = np.array(table)[:, np.sum(table, axis=0) > 0]
    assert table.shape[1] == 1 or stats.chi2_contingency(table).pvalue > FALSE_ALARM


def test_far_out_components_come_as_they_do_in_the_box():
    """Six to eleven standard deviations away, where plain rejection would take an age."""
    rho = 0.6
    matrix = np.array([[1.0, rho], [rho, 1.0]])
    model = Mixture.of([0.5, 0.5], [[0.0, 0.0], [0.2, 0.0]], [matrix, matrix])
    low = np.array([6.0, 6.0])
    n = 20_000
    x, components = model.sample(n, 6, box=(low, np.inf))
    masses = np.array([upper_orthant(low - mean, rho) for mean in model.means])
    share = masses[1] / masses.sum()
    assert abs((components == 1).mean() - share) < 5 * np.sqrt(share * (1 - share) / n)
    first = x[components == 0]
    grid = np.linspace(6, 9, 400)
    density = stats.norm.pdf(grid) * stats.norm.sf((6 - rho * grid) / np.sqrt(1 - rho**2))
    below = np.concatenate([[0], np.cumsum(0.5 * np.diff(grid) * (density[1:] + density[:-1]))])
    pit = np.interp(first[:, 0], grid, below / below[-1])
    assert stats.kstest(pit, "uniform").pvalue > FALSE_ALARM


def upper_orthant(low, rho):
    """P(X > low) of a standard pair, by quadrature."""
    from scipy.integrate import quad

    def inner(t):
        return stats.norm.pdf(t) * stats.norm.sf((low[1] - rho * t) / np.sqrt(1 - rho**2))

    return quad(inner, low[0], low[0] + 10, epsabs=0, epsrel=1e-10)[0]


def test_counts_inside_a_box():
    model = mixture(FAMILIES["full"], 3, 2, np.random.default_rng(7))
    x, components = model.sample(counts=[30, 0, 5], box=(model.means[1] - 0.5, np.inf))
    np.testing.assert_array_equal(np.bincount(components, minlength=3), [30, 0, 5])
    assert (x >= model.means[1] - 0.5).all()


def test_the_whole_space_is_a_box():
    model = mixture(FAMILIES["full"], 3, 2, np.random.default_rng(8))
    x, components = model.sample(10_000, 9, box=(-np.inf, np.inf))
    own = model.covariance.mahalanobis(x, model.means)[np.arange(len(x)), components]
    assert stats.kstest(own, stats.chi2(2).cdf).pvalue > FALSE_ALARM
    shares = np.bincount(components, minlength=3) / len(x)
    error = np.sqrt(model.weights * (1 - model.weights) / len(x))
    assert (np.abs(shares - model.weights) < 5.5 * error).all()


@pytest.mark.parametrize("d", [2, 5, 20])
def test_no_proposal_is_denser_than_the_bound(d):
    """What is accepted with a probability cannot have one above one; and most are accepted."""
    rng = np.random.default_rng(d)
    a = rng.normal(size=(d, d))
    matrix = a @ a.T + np.eye(d)
    low = rng.normal(size=d) * np.sqrt(np.diagonal(matrix))
    proposal = Tilted.of(matrix, low, np.full(d, np.inf))
    x, excess = proposal.propose(20_000, rng)
    assert excess.max() <= 0
    assert np.exp(excess).mean() > 0.01
    assert (x >= low - 1e-9).all()


def test_the_acceptance_gives_the_probability_of_the_box():
    """Σ exp(ψ) over proposals is the probability of the box: against SciPy's."""
    rng = np.random.default_rng(10)
    a = rng.normal(size=(4, 4))
    matrix = a @ a.T + np.eye(4)
    low, high = np.full(4, -1.0), np.array([np.inf, 2.0, 1.0, 3.0])
    proposal = Tilted.of(matrix, low, high)
    _, excess = proposal.propose(100_000, rng)
    masses = np.exp(excess + proposal.bound)
    expected = stats.multivariate_normal(np.zeros(4), matrix).cdf(high, lower_limit=low)
    error = masses.std() / np.sqrt(len(masses))
    assert abs(masses.mean() - expected) < 5 * error + 1e-4 * expected


FAR_OUT = [
    ([[2.71, -0.614], [-0.614, 0.381]], [41.7, -np.inf], [np.inf, -3.07]),
    (
        [[0.337, -0.486, -0.356], [-0.486, 1.9, 0.223], [-0.356, 0.223, 0.453]],
        [-np.inf, -np.inf, 14.6],
        [-19.1, np.inf, 28.7],
    ),
]
"""Boxes 25 and 33 standard deviations out by one of their ends, given which the others hold."""


@pytest.mark.parametrize(("matrix", "low", "high"), FAR_OUT)
def test_boxes_far_out_are_reached(matrix, low, high):
    """The first is where the way from the middle ends nowhere; in the second ψ has a flat top."""
    low, high = np.array(low), np.array(high)
    proposal = Tilted.of(np.array(matrix), low, high)
    x, excess = proposal.propose(2000, np.random.default_rng(0))
    assert excess.max() <= 0
    assert np.exp(excess).mean() > 0.5
    assert ((low - 1e-9 <= x) & (x <= high + 1e-9)).all()
    end = low[0] if np.isfinite(low[0]) else -high[0]
    expected = stats.norm.logsf(end / np.sqrt(matrix[0][0]))
    np.testing.assert_allclose(proposal.bound + np.log(np.exp(excess).mean()), expected, rtol=1e-6)


def test_without_the_best_shifts_draws_are_slower_and_as_exact(monkeypatch):
    monkeypatch.setattr(boxes, "_highest", lambda *_: np.inf)
    matrix = np.array([[1.0, 0.7], [0.7, 1.0]])
    proposal = Tilted.of(matrix, np.array([0.5, 0.5]), np.full(2, np.inf))
    assert not proposal.shift.any()
    assert proposal.bound == 0
    model = Mixture.of([1.0], np.zeros((1, 2)), [matrix])
    x, _ = model.sample(5000, 17, box=(0.5, np.inf))
    plain, _ = model.sample(50_000, 18)
    plain = plain[(plain >= 0.5).all(axis=1)]
    assert stats.ks_2samp(x[:, 0], plain[:, 0]).pvalue > FALSE_ALARM
    assert stats.ks_2samp(x.sum(axis=1), plain.sum(axis=1)).pvalue > FALSE_ALARM


def test_log_mass_is_good_in_the_tails():
    import mpmath

    for low, high in ((-1.0, 2.0), (30.0, 31.0), (-41.0, -40.0), (5.0, np.inf), (-np.inf, 0.0)):
        with mpmath.workdps(600):
            expected = mpmath.log(mpmath.ncdf(mpmath.mpf(high)) - mpmath.ncdf(mpmath.mpf(low)))
        found = log_mass(np.array(low), np.array(high))
        np.testing.assert_allclose(found, float(expected), rtol=1e-12)


def test_a_box_that_is_given_up(monkeypatch):
    monkeypatch.setattr(boxes, "FEWEST", 2.0)  # no box is within reach
    with pytest.raises(ValueError, match=r"the box is out of reach: of [\d,]+ proposals \d+ fell"):
        two().sample(10**6, 0, box=(0.0, 1.0))


# Sobol


@EVERY
def test_sobol_points_average_better_than_random_ones(family):
    model = mixture(family, 3, 3, np.random.default_rng(11))
    n = 4096
    widths = np.sqrt(np.diagonal(model.total_covariance()))

    def error(sobol):
        means = [model.sample(n, seed, sobol=sobol)[0].mean(axis=0) for seed in range(5)]
        return np.sqrt((((np.array(means) - model.mean) / widths) ** 2).mean())

    assert error(True) < 0.3 * error(False)
    np.testing.assert_allclose(error(False), 1 / np.sqrt(n), rtol=1.0)


@EVERY
def test_sobol_points_have_the_distribution_of_the_mixture(family):
    model = mixture(family, 3, 2, np.random.default_rng(12))
    x, components = model.sample(5000, 13, sobol=True)
    assert x.shape == (5000, 2)
    # Evenly spread: closer to the shares than chance, and to the distribution of distances too.
    shares = np.bincount(components, minlength=3) / 5000
    np.testing.assert_allclose(shares, model.weights, atol=2e-3)
    own = model.covariance.mahalanobis(x, model.means)[np.arange(5000), components]
    assert stats.kstest(own, stats.chi2(2).cdf).pvalue > 1e-3
    again, _ = model.sample(5000, 13, sobol=True)
    np.testing.assert_array_equal(x, again)
    assert (model.sample(5000, 14, sobol=True)[0] != x).any()


def test_sobol_points_by_counts():
    model = mixture(FAMILIES["full"], 2, 2, np.random.default_rng(15))
    x, components = model.sample(counts=[1000, 3000], random_state=16, sobol=True)
    np.testing.assert_array_equal(np.bincount(components), [1000, 3000])
    for k in range(2):
        own = model.covariance.mahalanobis(x[components == k], model.means)[:, k]
        assert stats.kstest(own, stats.chi2(2).cdf).pvalue > 1e-3
    assert model.sample(0, 0, sobol=True)[0].shape == (0, 2)
