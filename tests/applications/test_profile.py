"""Profiles are counts and means: an independent group-by must give the same."""

import numpy as np
import pandas as pd
import pytest

from mixtura import segment


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 300
    group = rng.choice([0, 1, 2], n, p=[0.5, 0.3, 0.2])
    flag = np.where(rng.random(n) < 0.1, np.nan, (rng.random(n) < 0.2 + 0.3 * group) * 1.0)
    return pd.DataFrame(
        {
            "spend": np.array([10.0, 40.0, 90.0])[group] + rng.normal(0, 2, n),
            "profit": np.array([-8.0, 3.0, 12.0])[group] + rng.normal(0, 1, n),
            "channel": np.array(["web", "shop", "phone"])[(group + (rng.random(n) < 0.2)) % 3],
            "member": flag,
        }
    )


@pytest.fixture(scope="module")
def found(table):
    return segment(table, k=3, family="full")


def test_sizes_shares_and_certainty(table, found):
    profile = found.profile
    segments = found.segments(table)
    counted = segments.segment.value_counts().sort_index()
    assert profile.sizes.tolist() == counted.tolist()
    assert profile.sizes.tolist() == sorted(profile.sizes, reverse=True)
    np.testing.assert_allclose(profile.shares, counted / len(table))
    np.testing.assert_allclose(profile.certainty, segments.groupby("segment").certainty.mean())


def test_means_and_indices(table, found):
    profile = found.profile
    rows = table.assign(segment=found.segments(table).segment)
    for level in ("phone", "shop", "web"):
        rows[f"channel={level}"] = (table.channel == level) * 1.0
    for level in ("0", "1"):  # a missing value is of neither level
        rows[f"member={level}"] = (table.member == float(level)) * 1.0
    assert profile.names == [
        "spend",
        "profit",
        "channel=phone",
        "channel=shop",
        "channel=web",
        "member=0",
        "member=1",
    ]
    means = rows.groupby("segment")[profile.names].mean()
    np.testing.assert_allclose(profile.means, means, rtol=1e-12)
    np.testing.assert_allclose(profile.overall, rows[profile.names].mean(), rtol=1e-12)
    expected = 100 * means / rows[profile.names].mean()
    expected["profit"] = np.nan  # of both signs: a ratio would say nothing
    np.testing.assert_allclose(profile.indices, expected, rtol=1e-12)


def test_the_table_of_a_profile(found):
    profile = found.profile
    columns = profile.to_columns()
    assert columns["segment"] == ["1", "2", "3", "all"]
    assert columns["size"][-1] == 300
    assert columns["share"][-1] == 1.0
    assert columns["certainty"][-1] == pytest.approx(found.assignment.certainty.mean())
    assert columns["marks"] == [*profile.marks, ""]
    assert columns["spend_index"][-1] == 100.0
    assert columns["profit_index"] == [None] * 4
    assert {len(column) for column in columns.values()} == {4}


@pytest.fixture(scope="module")
def coordinates(table, found):
    """The features as the mixture sees them, centred and scaled."""
    names = found.recipe.names
    z = pd.DataFrame(found.recipe.apply(table[names].to_numpy()), columns=names)
    np.testing.assert_allclose(z.mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(z.std(ddof=0), 1.0)
    return z


def test_marks_name_the_furthest_features_first(found, coordinates):
    means = coordinates.groupby(found.assignment.segment).mean()
    for mark, (_, row) in zip(found.profile.marks, means.iterrows(), strict=True):
        order = row.abs().sort_values(ascending=False).index
        words = [
            ("very " if abs(row[name]) >= 1 else "") + ("high " if row[name] > 0 else "low ") + name
            for name in order
            if abs(row[name]) >= 0.3
        ]
        assert mark == (", ".join(words) or "near the average")


def test_the_part_of_the_variance_between_segments(found, coordinates):
    means = coordinates.groupby(found.assignment.segment).transform("mean")
    expected = (means**2).sum() / (coordinates**2).sum()
    assert found.profile.between == pytest.approx(expected.to_dict())


def test_one_segment_is_near_the_average():
    rng = np.random.default_rng(2)
    found = segment(pd.DataFrame({"a": rng.normal(5, 1, 60)}), k=1)
    assert found.profile.marks == ["near the average"]
    assert found.assignment.runner_up is None
    np.testing.assert_allclose(found.profile.indices, [[100.0]])
