"""From a table to segments: roles of columns, the recipe, the choice, and what is said."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

import mixtura
from mixtura.applications.segmentation import choice
from mixtura.applications.segmentation.choice import Candidate, choose
from mixtura.applications.segmentation.columns import Role, examine, feature, recording_step
from mixtura.applications.segmentation.recipe import BadTable, Feature, Recipe
from mixtura.applications.segmentation.segment import segment

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "customers"
N = 200


def shared(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"the table {name} is not here")
    return DATA / name


def roles(table: pd.DataFrame, **options) -> dict[str, tuple[str, str]]:
    import narwhals.stable.v1 as nw

    frame = nw.from_native(table, eager_only=True)
    found = examine(frame, options.get("id"), options.get("columns"))
    return {c.name: (c.role.name, c.reason) for c in found}


def planted(seed: int = 0, n: int = N) -> tuple[pd.DataFrame, np.ndarray]:
    """Three well-kept-apart groups in two columns."""
    rng = np.random.default_rng(seed)
    group = rng.choice([0, 1, 2], n, p=[0.5, 0.3, 0.2])
    centres = np.array([[0.0, 0.0], [10.0, 2.0], [4.0, 12.0]])
    rows = centres[group] + rng.normal(size=(n, 2))
    return pd.DataFrame(rows, columns=["x", "y"]), group


# What columns are good for


RNG = np.random.default_rng(3)
QUANTITY = RNG.gamma(2.0, 30.0, N)


@pytest.mark.parametrize(
    ("name", "values", "role", "reason"),
    [
        ("spend", QUANTITY, "feature", "a quantity"),
        ("flat", np.full(N, 3.0), "dropped", "constant"),
        ("gone", np.full(N, np.nan), "dropped", "empty"),
        ("row", np.arange(N), "identifier", "whole numbers, different in every row"),
        ("customer_id", RNG.permutation(10 * N)[:N], "identifier",
         "whole numbers, different in every row"),
        ("number", RNG.permutation(N), "identifier", "whole numbers, different in every row"),
        ("income", RNG.permutation(10**6)[:N] ** 2, "feature", "a quantity"),
        ("flag", RNG.integers(0, 2, N), "profile", "two values only"),
        ("member", RNG.random(N) < 0.5, "profile", "two values only"),
        ("region", RNG.integers(1, 4, N), "profile", "3 whole numbers: a code rather"),
        ("plan", RNG.poisson(0.7, N), "profile", "whole numbers: a code"),
        ("kids", np.minimum(RNG.poisson(0.7, N), 3), "feature", "a small count"),
        ("score", RNG.choice([1, 5, 9], N), "profile", "3 whole numbers: a code rather"),
        ("zip", RNG.integers(10000, 99999, N), "profile", "a code, by its name"),
        ("returned", np.where(RNG.random(N) < 0.9, 0, QUANTITY), "profile", "of the rows hold 0"),
        ("same", QUANTITY**2, "dropped", "says the same as 'first'"),
        ("opposite", -QUANTITY, "dropped", "says the same as 'first'"),
        ("joined", pd.date_range("2024-01-01", periods=N), "dropped", "a date; give the days"),
        ("city", RNG.choice(["Bath", "York"], N), "profile", "a category with 2 levels"),
        ("name", [f"n{i}" for i in range(N)], "identifier", "text, different in every row"),
        ("street", [f"s{i // 2}" for i in range(N)], "dropped", "text with 100 different values"),
        ("one", ["x"] * N, "dropped", "constant"),
        ("lists", [[1, 2]] * N, "dropped", "lists or records"),
    ],
)  # fmt: skip
def test_the_role_of_a_column(name, values, role, reason):
    kind = pl.DataFrame if name == "lists" else pd.DataFrame
    others = {} if name == "spend" else {"first": QUANTITY}
    found = roles(kind({**others, name: values}))[name]
    assert found[0] == role
    assert reason in found[1]


def test_a_column_with_gaps_still_says_the_same():
    gaps = QUANTITY * 2
    gaps[::7] = np.nan
    table = pd.DataFrame({"first": QUANTITY, "gaps": gaps})
    assert roles(table)["gaps"] == ("dropped", "says the same as 'first'")


def test_columns_that_are_asked_for_are_used():
    table = pd.DataFrame({"flag": [0, 1] * 20, "code": [1, 2, 3, 4] * 10, "a": np.arange(40)})
    assert roles(table, columns=["flag", "code"]) == {
        "flag": ("feature", "asked for"),
        "code": ("feature", "asked for"),
        "a": ("dropped", "not among the columns asked for"),
    }


def test_atoms_are_values_that_many_rows_hold():
    x = np.where(RNG.random(N) < 0.4, 1.0, QUANTITY.round(2))
    found = segment(pd.DataFrame({"x": x, "y": RNG.normal(size=N)}), k=1)
    value, share = found.columns[0].atom
    assert (value, share) == (1.0, pytest.approx((x == 1.0).mean()))
    assert found.columns[1].atom is None
    assert found.notes[0] == (
        f"a column has an atom: x ({share:.0%} hold exactly 1); segments keep at least the width "
        "with which a column is recorded, so none collapses onto such a value"
    )


# Recipes


FINITE = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: abs(x) > 1e-3 or x == 0)


@settings(max_examples=60, deadline=None)
@given(
    curve=st.sampled_from(["identity", "log", "asinh"]),
    unit=st.floats(1e-2, 1e3),
    centre=st.floats(-5, 5),
    scale=st.floats(0.1, 10),
    x=st.lists(FINITE, min_size=1, max_size=20),
)
def test_a_recipe_undone_is_the_column(curve, unit, centre, scale, x):
    one = Feature("x", curve, unit, centre, scale)
    recipe = Recipe((one, Feature("y")))
    rows = np.column_stack([x, np.arange(len(x), dtype=float)])
    tolerance = 1e-9 * (np.abs(x).max() + unit)
    np.testing.assert_allclose(recipe.undo(recipe.apply(rows)), rows, rtol=1e-9, atol=tolerance)
    assert Recipe.from_json(recipe.to_json()) == recipe


@settings(max_examples=60, deadline=None)
@given(
    curve=st.sampled_from(["identity", "log", "asinh"]),
    unit=st.floats(0.1, 100),
    scale=st.floats(0.1, 10),
    x=st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 0.01),
)
def test_the_slope_of_a_recipe_is_its_derivative(curve, unit, scale, x):
    one = Feature("x", curve, unit, 0.3, scale)
    step = 1e-6 * (abs(x) + unit)
    ends = one.apply(np.array([x - step, x + step]))
    slope = (ends[1] - ends[0]) / (2 * step)
    np.testing.assert_allclose(one.log_slope(np.array([x]))[0], np.log(slope), atol=1e-5)


@pytest.mark.parametrize(
    ("x", "step"),
    [
        ([1.0, 2.0, 3.0], 1.0),
        ([0.5, 1.25], 0.01),
        ([1000.0, 25000.0], 1000.0),
        ([-3.2, 4.0], 0.1),
        ([0.1234, 2.0], 0.0),
        ([3e6, 1e6], 1e6),
    ],
)
def test_the_step_with_which_a_column_is_recorded(x, step):
    assert recording_step(np.array(x)) == step


def test_curves_and_floors():
    rng = np.random.default_rng(1)
    even = feature("x", rng.normal(100, 10, 5000))
    assert (even.curve, even.unit, even.floor) == ("identity", 1.0, pytest.approx(0.01))
    skewed = rng.lognormal(3, 1, 5000)
    assert feature("x", skewed).curve == "log"
    both = feature("x", np.r_[skewed, -skewed[:500]])
    assert both.curve == "asinh"
    few = np.repeat([0.0, 1.0, 2.0], [40, 35, 25])
    made = feature("x", few)
    assert made.floor == pytest.approx(
        (1.0 / few.std()) ** 2 / 12
    )  # whole numbers are steps of one
    for one, x in ((even, rng.normal(100, 10, 5000)), (made, few)):
        z = one.apply(x)
        assert abs(z.mean()) < 0.1
        assert z.std() == pytest.approx(1.0, abs=0.1)


# Choosing


def candidate(k: int, bic: float, stability: float = 0.9, smallest: float = 0.2, **more):
    return Candidate(
        k=k,
        family=more.get("family", "full"),
        mixture=None,
        bic=bic,
        icl=bic,
        smallest=smallest,
        converged=True,
        stability=stability,
    )


def chosen(*candidates: Candidate):
    return choose(np.zeros((1, 1)), None, candidates, np.random.RandomState(0))


def test_the_lowest_bic_is_taken_where_fewer_segments_are_far_from_it():
    found = chosen(candidate(1, 1000), candidate(2, 800), candidate(3, 100), candidate(4, 110))
    assert (found.taken.k, found.sound) == (3, True)
    assert found.reason == (
        "3 segments: the lowest BIC; the smallest holds 20% of the rows; bootstrap refits agree "
        "with an index of 0.90"
    )


def test_the_fewest_with_nearly_all_of_the_improvement_are_taken():
    found = chosen(candidate(1, 1000), candidate(2, 800), candidate(3, 140), candidate(6, 0))
    assert found.taken.k == 3
    assert found.reason.startswith(
        "3 segments: 86% of the improvement of BIC that 6 segments reach"
    )
    found = chosen(candidate(1, 1000), candidate(2, 800), candidate(3, 160), candidate(6, 0))
    assert found.taken.k == 6


def test_unstable_and_tiny_segments_are_passed_over():
    numbers = (candidate(1, 1000), candidate(2, 300), candidate(3, 100, stability=0.74))
    assert chosen(*numbers).taken.k == 2
    assert chosen(*numbers[:2], candidate(3, 100, smallest=0.029)).taken.k == 2
    assert chosen(*numbers[:2], candidate(3, 100, smallest=0.03)).taken.k == 3
    # An unstable number with nearly all of the improvement is not taken instead of the best.
    found = chosen(numbers[0], candidate(2, 90, stability=0.5), candidate(3, 50))
    assert found.taken.k == 3


def test_of_each_number_the_family_with_the_lowest_bic_is_taken():
    found = chosen(
        candidate(1, 1000),
        candidate(2, 100, family="diag"),
        candidate(2, 90, family="tied"),
        candidate(2, 10, smallest=0.01),
    )
    assert (found.taken.k, found.taken.family) == (2, "tied")


def test_one_segment_is_taken_for_want_of_better():
    for others in ([candidate(2, 1001)], [candidate(2, 500, stability=0.2)]):
        found = chosen(candidate(1, 1000), *others)
        assert (found.taken.k, found.sound) == (1, False)
        assert found.reason == (
            "no larger number of segments is better by BIC, stable, and without segments smaller "
            "than 3%"
        )


def test_a_number_that_is_given_is_taken_whatever_its_worth():
    found = chosen(candidate(4, 50, family="diag", stability=None), candidate(4, 60))
    assert (found.taken.family, found.sound) == ("diag", True)
    assert found.reason == "it is the only number asked for"


def test_stability_is_measured_only_where_it_is_needed(monkeypatch):
    asked: list[int] = []

    def stability(z, floors, candidate, rng):
        asked.append(candidate.k)
        return 0.9

    monkeypatch.setattr(choice, "stability", stability)
    numbers = [candidate(k, 1000 - 300 * k, stability=None) for k in (1, 2, 3)]
    assert chosen(*numbers).taken.k == 3
    assert asked == [3]


# Segments


def test_planted_groups_are_found():
    table, group = planted()
    found = segment(table, max_k=4)
    assert found.n_segments == 3
    assert adjusted_rand_score(group, found.assignment.segment) > 0.97
    assert found.choice.taken.stability > 0.9


def test_one_gaussian_is_one_segment():
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(400, 2)), columns=["x", "y"])
    found = segment(table, max_k=4)
    assert found.n_segments == 1
    assert found.notes == [
        "one segment only: no larger number of segments is better by BIC, stable, and without "
        "segments smaller than 3%"
    ]
    assert list(found.segments(table)) == ["row", "segment", "p_1", "certainty"]


def test_the_same_in_pandas_polars_and_pyarrow():
    table, _ = planted(n=80)
    table["who"] = [f"w{i}" for i in range(80)]
    table["kind"] = ["a", "b"] * 40
    kinds = {
        pd.DataFrame: table.set_index(np.arange(80) * 3 + 7),
        pl.DataFrame: pl.from_pandas(table),
        pa.Table: pa.Table.from_pandas(table, preserve_index=False),
    }
    results = {}
    for kind, frame in kinds.items():
        found = segment(frame, k=3, family="diag")
        segments = found.segments(frame)
        assert isinstance(segments, kind)
        results[kind] = {name: segments[name].to_numpy().tolist() for name in (
            "who", "segment", "p_1", "p_2", "p_3", "certainty", "runner_up")}  # fmt: skip
        assert found.profile.names == ["x", "y", "kind=a", "kind=b"]
    assert results[pd.DataFrame] == results[pl.DataFrame] == results[pa.Table]


def test_a_seed_makes_it_repeatable():
    table, _ = planted()
    one, two = (segment(table, k=4, family="full", seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.assignment.probabilities, two.assignment.probabilities)
    np.testing.assert_array_equal(one.mixture.means, two.mixture.means)


def test_rows_with_missing_values_stay_without_a_segment():
    table, _ = planted()
    table.loc[[2, 5], "x"] = [np.nan, np.inf]
    with pytest.raises(BadTable, match=r"'x' has 1 infinite value, the first in row 6: replace"):
        segment(table, k=3)
    found = segment(table, k=3, family="diag", drop_missing=True)
    assert np.flatnonzero(~found.complete).tolist() == [2, 5]
    segments = found.segments(table)
    assert np.flatnonzero(segments.segment.isna()).tolist() == [2, 5]
    assert found.notes == ["2 rows have missing values; left without a segment"]
    table.loc[5, "x"] = 0.0
    found = segment(table, k=3, family="diag", drop_missing=True)
    assert found.notes == ["1 row has missing values; left without a segment"]
    without = segment(table.drop(index=2), k=3, family="diag")
    np.testing.assert_array_equal(found.assignment.probabilities, without.assignment.probabilities)


def test_rows_with_missing_values_count_by_what_they_have():
    table, group = planted()
    rng, names = np.random.default_rng(4), ["x", "y"]
    gaps = table.copy()
    for name in names:
        gaps.loc[rng.random(len(table)) < 0.05, name] = np.nan
    gaps.loc[104, names] = np.nan
    numeric = [c for c in table.columns if table[c].dtype.kind == "f"]
    assert [*numeric] == names
    found = segment(gaps, k=3)
    nothing = gaps[names].isna().all(axis=1).to_numpy()
    assert nothing[104]
    assert (~found.complete == nothing).all()
    n = int((gaps[names].isna().any(axis=1) & ~nothing).sum())
    assert f"{n:,} rows have missing values; they count by what is there" in found.notes
    left = int(nothing.sum())
    rows = "1 row has" if left == 1 else f"{left} rows have"
    assert f"{rows} missing values; left without a segment" in found.notes
    whole = gaps.notna().all(axis=1).to_numpy()
    labels = found.segments(gaps).segment.to_numpy()
    assert (np.isnan(labels) == nothing).all()
    agree = pd.crosstab(labels[whole], group[whole]).max(axis=1).sum() / whole.sum()
    assert agree > 0.97
    profile = found.profile
    for k in range(3):
        mine = gaps[labels == k + 1]
        np.testing.assert_allclose(profile.means[k, :2], mine[names].mean())


def test_one_row_with_a_gap_counts():
    table, _ = planted()
    table.loc[2, "x"] = np.nan
    found = segment(table, k=3, family="diag")
    assert found.notes == ["1 row has missing values; it counts by what is there"]
    assert found.complete.all()


def test_a_column_that_few_rows_have_makes_no_stable_segments():
    table, _ = planted(n=60)
    table["y"] = np.r_[[1.0, 2.0], np.full(58, np.nan)]
    rng = np.random.RandomState(0)
    found = segment(table, columns=["x", "y"], k=2, family="diag")
    rows = table[["x", "y"]].to_numpy()
    taken = found.choice.taken
    index = choice.stability(found.recipe.apply(rows), found.recipe.floors, taken, rng)
    assert index < 1.0


def test_names_that_rows_share_are_said():
    table, _ = planted(n=60)
    table["who"] = ["a", "a", *(f"w{i}" for i in range(58))]
    assert segment(table, id="who", k=2).notes == ["1 row repeats the 'who' of an earlier row"]
    table["who"] = ["a", "a", "a", *(f"w{i}" for i in range(57))]
    assert segment(table, id="who", k=2).notes == ["2 rows repeat the 'who' of an earlier row"]


def test_whole_numbers_that_might_be_codes_are_said():
    table, _ = planted()
    table["kids"] = np.minimum(np.random.default_rng(0).poisson(0.7, N), 3)
    assert segment(table, k=2, family="diag").notes == [
        "kids: few whole numbers, taken for counts; if they are codes, leave them out with "
        "--columns"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["x", "z"]}, "the table has no column 'z'; it has: x, y"),
        ({"id": "who"}, "the table has no column 'who'; it has: x, y"),
        ({"id": "x", "columns": ["x"]}, "column 'x' cannot both name the rows and segment them"),
        ({"k": 0}, "k must be 'auto' or a number from 1, not 0"),
        ({"k": "many"}, "k must be 'auto' or a number from 1, not 'many'"),
        ({"k": 2.5}, "k must be 'auto' or a number from 1, not 2.5"),
        ({"max_k": 0}, "max_k must be at least 1, not 0"),
        (
            {"family": "round"},
            "no family 'round': choose auto, all, full, tied, diag, spherical, or three "
            "letters of mclust, such as VEV",
        ),
        (
            {"k": 201},
            "the table has 200 usable rows, too few to segment: at least 201 are needed",
        ),
    ],
)
def test_options_that_make_no_sense(options, said):
    with pytest.raises(BadTable, match=f"^{re.escape(said)}$"):
        segment(planted()[0], **options)


def test_tables_that_cannot_be_segmented():
    table, _ = planted()
    for said, broken in {
        "the table has no rows": table.iloc[:0],
        "names of columns must be text, and 0 is not; rename it": pd.DataFrame(table.to_numpy()),
        "the table has 9 usable rows, too few to segment: at least 10 are needed": table[:9],
        "column 'x' holds -1e+300 in row 2, which is too large to be squared; divide the column by "
        "a power of ten": table.assign(x=[0.0, -1e300] * (N // 2)),
    }.items():
        with pytest.raises(BadTable, match=f"^{re.escape(said)}$"):
            segment(broken)


def test_long_tables_are_compared_on_a_part_and_fitted_to_all(monkeypatch):
    monkeypatch.setattr("mixtura.applications.segmentation.segment.ROWS", 100)
    table, group = planted()
    found = segment(table, k=3, family="full")
    assert adjusted_rand_score(group, found.assignment.segment) > 0.97
    assert found.notes == ["candidates were compared on 100 rows, and the choice fitted to all"]
    whole = mixtura.GaussianMixture(
        3,
        variance_floor=found.recipe.floors,
        init_params=lambda *_: found.mixture,
        max_iter=1000,
        tol=1e-9,
    ).fit(found.recipe.apply(table.to_numpy()))
    # What was found is where a fit to all rows ends.
    np.testing.assert_allclose(found.mixture.means, whole.means_, atol=0.01)


def test_of_many_forms_those_that_promise_most_go_on_to_all_rows(monkeypatch):
    monkeypatch.setattr(choice, "SAMPLE", 120)
    table, group = planted(n=600)
    found = segment(table, max_k=3, family="all")
    assert adjusted_rand_score(group, found.assignment.segment) > 0.97
    each = [c.k for c in found.choice.candidates]
    assert [each.count(k) for k in (1, 2, 3)] == [3, choice.KEPT, choice.KEPT]


def test_a_number_from_numpy_is_a_number():
    assert segment(planted()[0], k=np.int64(2), family="diag").n_segments == 2


def test_tell_says_what_is_being_done():
    said: list[str] = []
    segment(planted()[0], k=2, family="diag", tell=said.append)
    assert said == [
        "looking at the columns",
        "fitting 2 segments, diag covariance",
        "describing the segments",
    ]


# Tables that customers are kept in


def collapsed(found) -> bool:
    """Whether a component is narrower, in some direction, than the floors allow."""
    floors = found.recipe.floors
    root = np.sqrt(floors)
    scaled = found.mixture.covariances / root[:, None] / root
    return bool(np.linalg.eigvalsh(scaled).min() < 1 - 1e-9)


def test_wholesale_customers_follow_the_channel_and_not_the_region():
    table = pd.read_csv(shared("wholesale_customers.csv"))
    found = segment(table)
    used = {c.name: c.role for c in found.columns}
    assert used["Region"] is used["Channel"] is Role.profile
    assert adjusted_rand_score(table.Channel, found.assignment.segment) >= 0.6
    assert not collapsed(found)


def test_kinds_of_mall_customers():
    """Four are as good as five: scikit-learn's best BIC of thirty starts is 1041.98 and 1041.67."""
    table = pd.read_csv(shared("Mall_Customers.csv"))
    columns = ["Annual Income (k$)", "Spending Score (1-100)"]
    found = segment(table, columns=columns)
    assert found.n_segments in (4, 5)
    assert found.choice.taken.family == "diag"
    best = {c.k: c.bic for c in found.choice.candidates if c.family == "diag"}
    assert max(best[4] - 1041.98, best[5] - 1041.67) < 0.5
    assert not collapsed(found)


def test_roles_in_a_table_of_a_campaign():
    table = pd.read_csv(shared("marketing_campaign.csv"), sep=";")
    by_role: dict[str, set[str]] = {}
    for name, (role, _) in roles(table).items():
        by_role.setdefault(role, set()).add(name)
    assert by_role["identifier"] == {"ID"}
    assert by_role["dropped"] >= {"Z_CostContact", "Z_Revenue", "Dt_Customer"}
    assert by_role["profile"] >= {"Education", "Marital_Status", "Complain", "Response"}
    assert by_role["feature"] >= {"Income", "Recency", "MntWines", "NumStorePurchases", "Kidhome"}


@pytest.fixture(scope="module")
def cdnow():
    orders = pd.read_csv(ROOT / "examples" / "data" / "cdnow.csv.gz", dtype={"customer": str})
    customers = mixtura.rfm(orders, "customer", "date", "amount").table
    return customers, segment(customers, id="customer")


@pytest.mark.slow
def test_customers_of_an_online_shop(cdnow):
    customers, found = cdnow
    assert 3 <= found.n_segments <= 8
    assert not collapsed(found)
    assert found.profile.shares.min() >= 0.03
    assert found.choice.sound
    assert found.choice.taken.stability >= 0.75
    assert any(n.startswith("a column has an atom: frequency (51% hold") for n in found.notes)
    once = found.assignment.segment[customers.frequency == 1]  # those who spent much, and little
    assert np.sort(np.bincount(once))[-2:].sum() / len(once) > 0.95
