"""What components have in common: the forms of mclust, where rows are few and where floors bind."""

import numpy as np
import pytest

from mixtura import Mixture
from mixtura.model.covariance import FAMILIES, SPELLINGS, named, orientation, spectrum
from tests.laws.drawn import covariance, mixture

SHARED = [family for family in FAMILIES.values() if not family.separate]
EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=[*FAMILIES])
SHARING = pytest.mark.parametrize("family", SHARED, ids=lambda family: family.name)


def kept(matrices, moment):
    k, d = matrices.shape[:2]
    parts = [moment.copies(matrix, 1) for matrix in matrices]
    return moment.stack(parts, [np.array([j]) for j in range(k)], moment.zeros(k, d))


def estimated(family, counts, matrices):
    d = matrices.shape[-1]
    return family.estimate(counts, kept(matrices, family.moment), d)


def scatters(k, d, rng, rank=None):
    rows = rng.normal(size=(k, 4 * d if rank is None else rank, d)) @ rng.normal(size=(k, d, d))
    return np.swapaxes(rows, 1, 2) @ rows


# Names


def test_there_are_fourteen_forms_each_with_letters_of_its_own():
    letters = [family.letters for family in FAMILIES.values()]
    assert len(set(letters)) == len(FAMILIES) == 14
    assert set(letters) == {
        *("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE"),
        *("VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"),
    }


def test_spellings_are_names_letters_and_words():
    assert named("VVV") is named("full")
    assert named("EEE") is named("tied")
    assert named("VVI") is named("diag")
    assert named("VII") is named("spherical")
    assert named("equal shape") is named("VEV")
    assert named("tied diag") is named("EEI")
    for family in FAMILIES.values():
        assert {family.name, family.letters} <= {*SPELLINGS}
    assert len(SPELLINGS) == 4 + 4 + 10 + 10
    with pytest.raises(ValueError, match="no covariance family 'round': choose one of"):
        named("round")


@EVERY
def test_what_a_family_says_of_itself_is_in_its_letters(family):
    assert family.independent == (family.letters[2] == "I")
    assert family.common == ("V" not in family.letters)
    assert family.separate == ("E" not in family.letters)


@SHARING
def test_matrices_that_have_nothing_in_common_are_refused(family):
    rng = np.random.default_rng(0)
    shape = family.shape(2, 3)
    if family.common:
        pytest.skip("one matrix cannot differ from itself")
    values = named("full" if len(shape) == 3 else "diag")
    values = covariance(values, 2, 3, rng).values
    with pytest.raises(ValueError, match="does not have with the others what") as caught:
        Mixture.of([0.5, 0.5], rng.normal(size=(2, 3)), values, family=family)
    assert family.words in str(caught.value)


# One component


@pytest.mark.parametrize("end", ["II", "I", ""])
def test_forms_of_one_component_are_one(end):
    """With K = 1 volume, shape and orientation are its own, whatever the letters say of others."""
    matrices = scatters(1, 4, np.random.default_rng(1))
    alike = [
        family
        for family in FAMILIES.values()
        if {
            "II": family.letters[1] == "I",
            "I": family.letters[1:].endswith("I") and family.letters[1] != "I",
            "": family.letters[2] != "I",
        }[end]
    ]
    assert len(alike) == {"II": 2, "I": 4, "": 8}[end]
    first, *others = [estimated(family, np.array([9.0]), matrices).dense(1) for family in alike]
    for found in others:
        np.testing.assert_allclose(found, first, rtol=1e-12, atol=1e-12 * first.max())


# Rows that say little


@EVERY
@pytest.mark.parametrize(
    "case", ["no rows", "one row", "a line", "a plane", "all one line", "nothing", "a constant"]
)
def test_there_is_always_an_outcome_and_a_floor_makes_it_sound(family, case):
    rng = np.random.default_rng(2)
    k, d = 3, 3
    counts, matrices = np.array([10.0, 6.0, 4.0]), scatters(k, d, rng)
    if case == "no rows":
        counts[1], matrices[1] = 0.0, 0.0
    elif case == "one row":
        counts[1], matrices[1] = 1.0, 0.0
    elif case == "a line":
        matrices[1] = scatters(1, d, rng, rank=1)[0]
    elif case == "a plane":
        matrices[1] = scatters(1, d, rng, rank=2)[0]
    elif case == "all one line":
        matrices = np.repeat(scatters(1, d, rng, rank=1), k, axis=0)
    elif case == "nothing":
        matrices[:] = 0.0
    else:
        matrices[:, 1] = matrices[:, :, 1] = 0.0
    found = estimated(family, counts, matrices)
    assert np.isfinite(found.values).all()
    for floor in (np.full(d, 1e-3), np.array([1e-6, 1e-2, 10.0])):
        raised = found.floored(floor)
        assert type(raised) is family
        assert not raised.degenerate(k).any()
        root = np.sqrt(floor)
        values = np.linalg.eigvalsh(raised.dense(k) / root / root[:, None])
        assert (values.min(axis=1) >= 1 - 1e-9 - 1e-15 * values.max(axis=1)).all()
        assert not raised.strays(k).any()


@EVERY
def test_what_is_above_the_floor_is_left_alone(family):
    form = covariance(family, 3, 3, np.random.default_rng(3))
    least = np.linalg.eigvalsh(form.dense(3)).min()
    same = form.floored(np.full(3, 0.5 * least))
    np.testing.assert_array_equal(same.values, form.values)


@EVERY
def test_a_raised_member_is_above_and_stays_what_it_is_when_raised_again(family):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        form = covariance(family, 3, 3, rng, spread=1.0)
        floor = np.exp(rng.normal(size=3))
        raised = form.floored(floor)
        root = np.sqrt(floor)
        values = np.linalg.eigvalsh(raised.dense(3) / root / root[:, None])
        assert values.min() >= 1 - 1e-9
        assert not raised.strays(3).any()
        again = raised.floored(floor * (1 - 1e-9))
        np.testing.assert_array_equal(again.values, raised.values)


@pytest.mark.parametrize("name", ["EII", "EEI", "EEV"])
def test_one_floor_for_all_columns_is_an_exact_constraint(name):
    """Beside SciPy, over members whose eigenvalues are above the floor."""
    from scipy.optimize import minimize

    family, rng = named(name), np.random.default_rng(4)
    k, d = 3, 3
    counts, matrices = np.array([20.0, 30.0, 9.0]), scatters(k, d, rng)
    free = estimated(family, counts, matrices)
    floor = float(np.quantile(np.linalg.eigvalsh(free.dense(k)), 0.4))
    raised = free.floored(np.full(d, floor))

    def loss(form):
        dense = form.dense(k)
        spread = np.einsum("kij,kji->", np.linalg.inv(dense), matrices)
        return 0.5 * float(counts @ np.linalg.slogdet(dense)[1] + spread)

    def member(vector):
        return family.from_vector(np.clip(vector, -9.0, 9.0), k, d)

    def above(vector):
        return np.linalg.eigvalsh(member(vector).dense(k)).ravel() / floor - 1

    best, start = loss(raised), raised.to_vector()
    for step in (0.0, 0.05):
        end = minimize(
            lambda v: loss(member(v)),
            start + step * rng.normal(size=start.shape),
            constraints={"type": "ineq", "fun": above},
            method="SLSQP",
            options={"maxiter": 200, "ftol": 1e-12},
        )
        if above(end.x).min() > -1e-9:
            assert end.fun >= best - 1e-6 * abs(best)


# Axes


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_any_axes_have_coordinates_but_for_directions(d):
    rng = np.random.default_rng(d)
    axes = np.linalg.qr(rng.normal(size=(20, d, d)))[0]
    axes[0] = -np.eye(d)
    axes[1] = np.eye(d)[::-1]
    numbers = orientation.angles(axes)
    assert numbers.shape == (20, d * (d - 1) // 2)
    again = orientation.rotation(numbers, d)
    along = np.einsum("kij,kij->kj", axes, again)
    np.testing.assert_allclose(np.abs(along), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(again), 1.0, atol=1e-12)
    np.testing.assert_allclose(orientation.angles(again), numbers, atol=1e-9)


def test_small_coordinates_are_angles():
    turn = orientation.rotation(np.array([[1e-6]]), 2)[0]
    np.testing.assert_allclose(turn, [[1.0, -1e-6], [1e-6, 1.0]], atol=1e-11)


@pytest.mark.parametrize("name", ["EVE", "VVE"])
def test_common_axes_are_found_where_there_are_some(name):
    """Even where the sum of the matrices is a ball, and so are some of them."""
    rng = np.random.default_rng(5)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    lengths = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 2.0, 2.0]])
    matrices = (turn * lengths[:, None, :]) @ turn.T
    found = estimated(named(name), np.ones(3), matrices)
    off = np.einsum("ij,kjl,lm->kim", found.axes[0].T, matrices, found.axes[0])
    assert np.abs(off - np.einsum("kij,ij->kij", off, np.eye(3))).max() < 1e-12


@pytest.mark.parametrize("name", ["EVE", "VVE"])
def test_beginning_with_a_member_ends_no_worse_than_it(name):
    family = named(name)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        k, d = 4, 4
        counts, matrices = rng.uniform(5, 30, k), scatters(k, d, rng)
        near = covariance(family, k, d, rng)
        found = family.estimate_near(counts, matrices, d, near)
        w = spectrum.along(near.axes, matrices)
        with_its_axes = family.of(near.axes, spectrum.FORMS[family.form()](counts, w))

        def loss(form, counts=counts, matrices=matrices):
            return float(counts @ form.log_det(len(counts))) + form.trace_with(matrices)

        assert loss(found) <= loss(with_its_axes) + 1e-9 * abs(loss(found))


# The algebra


@EVERY
def test_marginals_and_scaled_columns_are_right_whatever_the_family(family):
    model = mixture(family, 3, 3, np.random.default_rng(6))
    some = model.marginal([2, 0])
    index = np.array([2, 0])
    expected = model.covariances[:, index[:, None], index]
    np.testing.assert_allclose(some.covariances, expected, rtol=1e-13)
    assert not some.covariance.strays(3).any()
    factors = np.array([2.0, -3.0, 0.1])
    scaled = model.scale(factors)
    expected = model.covariances * (factors[:, None] * factors)
    np.testing.assert_allclose(scaled.covariances, expected, rtol=1e-13)
    assert not scaled.covariance.strays(3).any()
    assert type(model.scale(-2.0).covariance) is family


@pytest.mark.parametrize("name", ["EEV", "VEV", "EVV"])
def test_axes_of_what_has_no_extent_turn_with_the_rows(name):
    """A group of one row, and one of two: they have axes of the others, not of the columns."""
    rng = np.random.default_rng(3)
    groups = [rng.normal(size=(n, 4)) * [4.0, 2.0, 1.0, 0.5] for n in (60, 40, 2, 1)]
    groups = [group - group.mean(axis=0) for group in groups]
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    counts = np.array([60.0, 40.0, 2.0, 1.0])

    def found(rotation):
        scatter = np.array([(g @ rotation).T @ (g @ rotation) for g in groups])
        return named(name).estimate(counts, scatter, 4).dense(4)

    np.testing.assert_allclose(found(turn), turn.T @ found(np.eye(4)) @ turn, atol=1e-9)
