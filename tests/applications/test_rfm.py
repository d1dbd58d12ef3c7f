"""Orders become features, whichever frame they come in."""

import datetime as dt
import gzip
import random
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mixtura.applications.segmentation.rfm import BadOrders, rfm

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
EXAMPLE = Path(__file__).parents[2] / "examples" / "data" / "cdnow.csv.gz"


@pytest.fixture(params=FRAMES)
def frame(request):
    return FRAMES[request.param]


def columns(table) -> dict[str, list]:
    if isinstance(table, pd.DataFrame):
        assert list(table.index) == list(range(len(table)))
        return {name: table[name].tolist() for name in table}
    return table.to_pydict() if isinstance(table, pa.Table) else table.to_dict(as_series=False)


def by_hand(orders: dict[str, list], last: dt.date) -> dict[str, list]:
    """The definition, customer by customer."""
    rows = list(zip(*orders.values(), strict=True))
    features = {"who": [], "recency": [], "frequency": [], "monetary": []}
    for who in sorted({row[0] for row in rows}):
        mine = [row for row in rows if row[0] == who]
        features["who"].append(who)
        features["recency"].append((last - max(day for _, day, _ in mine)).days)
        features["frequency"].append(len(mine))
        features["monetary"].append(sum(paid for *_, paid in mine))
    return features


def some_orders(count: int = 300) -> dict[str, list]:
    chance = random.Random(4)
    start = dt.date(1969, 11, 3)  # days before 1970 are negative
    return {
        "who": [f"c{chance.randrange(40)}" for _ in range(count)],
        "day": [start + dt.timedelta(chance.randrange(400)) for _ in range(count)],
        "paid": [chance.randrange(-80, 4000) / 4 for _ in range(count)],  # sums are exact
    }


def written(days: list[dt.date], how: str) -> list:
    noon = dt.time(23, 59)
    return {
        "date": lambda: days,
        "datetime": lambda: [dt.datetime.combine(day, noon) for day in days],
        "text": lambda: [day.isoformat() for day in days],
        "text and time": lambda: [f"{day.isoformat()} 23:59:01" for day in days],
        "whole number": lambda: [int(day.strftime("%Y%m%d")) for day in days],
        "float": lambda: [float(day.strftime("%Y%m%d")) for day in days],
    }[how]()


@pytest.mark.parametrize(
    "how", ["date", "datetime", "text", "text and time", "whole number", "float"]
)
def test_features_are_those_of_the_definition(frame, how):
    orders = some_orders()
    expected = by_hand(orders, max(orders["day"]))
    made = frame(orders | {"day": written(orders["day"], how)})
    features = rfm(made, "who", "day", "paid")
    assert type(features.table) is type(made)
    assert columns(features.table) == expected


def test_pandas_agrees():
    orders = pd.DataFrame(some_orders())
    orders["day"] = pd.to_datetime(orders["day"])
    groups = orders.groupby("who")
    expected = pd.DataFrame(
        {
            "recency": (orders["day"].max() - groups["day"].max()).dt.days,
            "frequency": groups.size(),
            "monetary": groups["paid"].sum(),
        }
    ).reset_index()
    pd.testing.assert_frame_equal(rfm(orders, "who", "day", "paid").table, expected)


def test_the_index_of_pandas_means_nothing():
    orders = pd.DataFrame(some_orders())
    expected = rfm(orders, "who", "day", "paid").table
    turned = orders.iloc[::-1].set_index(pd.Index([3] * len(orders)))
    pd.testing.assert_frame_equal(rfm(turned, "who", "day", "paid").table, expected)


@pytest.mark.parametrize(
    "reference", [dt.date(1971, 1, 1), dt.datetime(1971, 1, 1, 12), "1971-01-01", 19710101]
)
def test_reference(frame, reference):
    orders = some_orders()
    features = rfm(frame(orders), "who", "day", "paid", reference=reference)
    assert columns(features.table) == by_hand(orders, dt.date(1971, 1, 1))


def test_customers_keep_their_type_and_large_numbers_stay_apart(frame):
    ids = [2**53 + 1, 2**53, 2**53 + 1, 7]
    made = frame({"id": ids, "day": [20200101, 20200102, 20200103, 20200104], "paid": [1, 2, 3, 4]})
    assert columns(rfm(made, "id", "day", "paid").table) == {
        "id": [7, 2**53, 2**53 + 1],
        "recency": [0, 2, 1],
        "frequency": [1, 1, 2],
        "monetary": [4.0, 2.0, 4.0],
    }


def test_days_are_of_the_calendar_of_the_time_zone():
    late = dt.datetime(2020, 1, 1, 23, 30)
    times = pl.Series("day", [late, late + dt.timedelta(days=1)])
    zoned = times.dt.replace_time_zone("America/New_York")
    made = pl.DataFrame({"id": [1, 2], "day": zoned, "paid": [1.0, 1.0]})
    features = rfm(made, "id", "day", "paid", reference="2020-01-02")
    assert features.table["recency"].to_list() == [1, 0]


def test_decimal_amounts():
    paid = pa.array([1.25, 2.5]).cast(pa.decimal128(6, 2))
    made = pa.table({"id": [1, 1], "day": ["2020-01-01"] * 2, "paid": paid})
    for orders in (made, made.to_pandas()):
        assert columns(rfm(orders, "id", "day", "paid").table)["monetary"] == [3.75]


def test_rows_left_out_and_doubtful_rows_are_reported(frame):
    made = frame(
        {
            "who": ["a", None, "b", " ", "b", "c", "a", "a"],
            "day": ["2020-01-05"] * 4 + [None, "2020-01-02", "2020-01-05", "2020-01-01"],
            "paid": [2.0, 9.0, 5.0, 9.0, 9.0, -3.0, None, 1.0],
        }
    )
    features = rfm(made, "who", "day", "paid")
    assert columns(features.table) == {
        "who": ["a", "b", "c"],
        "recency": [0, 0, 3],
        "frequency": [3, 1, 1],
        "monetary": [3.0, 5.0, -3.0],
    }
    assert features.notes == [
        "2 orders have no customer and were left out.",
        "1 order has no date and was left out.",
        "1 order has no amount: it counts as an order and adds nothing.",
        "1 customer spent nothing in total, or sent back more than was bought.",
        "1 order is of the same customer and day as another; each row counts as an order.",
    ]


def test_a_missing_number_of_a_customer():
    made = pd.DataFrame({"id": [1.0, np.nan], "day": [20200101] * 2, "paid": [1.0, 1.0]})
    features = rfm(made, "id", "day", "paid")
    assert columns(features.table)["id"] == [1.0]
    assert features.notes == ["1 order has no customer and was left out."]


def test_missing_dates_of_pandas():
    made = pd.DataFrame(
        {"id": [1, 2], "day": pd.to_datetime(["2020-01-01", None]), "paid": [1.0, 1.0]}
    )
    assert columns(rfm(made, "id", "day", "paid").table)["id"] == [1]
    made["day"] = made["day"].astype(object)
    assert columns(rfm(made, "id", "day", "paid").table)["id"] == [1]


GOOD = {"id": ["a", "b", "c"], "day": ["2020-01-01"] * 3, "paid": [1.0, 2.0, 3.0]}
NOT_A_DATE = (
    "is not a date; write dates in ISO order, such as 2020-12-31, or as whole numbers, such as"
    " 20201231."
)


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (
            {"day": ["2020-01-01", "2020-01-02", "31/12/2020"]},
            {},
            f"column 'day', row 3: '31/12/2020' {NOT_A_DATE}",
        ),
        (
            {"day": [20200101, 20201301, 20200101]},
            {},
            f"column 'day', row 2: 20201301 {NOT_A_DATE}",
        ),
        (
            {"day": [1577836800, 1577836800, 1577836800]},
            {},
            f"column 'day', row 1: 1577836800 {NOT_A_DATE}",
        ),
        (
            {"day": [20200101.5, 20200101.0, 20200101.0]},
            {},
            f"column 'day', row 1: 20200101.5 {NOT_A_DATE}",
        ),
        (
            {"paid": ["1.5", "2 USD", "x"]},
            {},
            "column 'paid', row 2: '2 USD' is str, not a number; make the column numbers, without"
            " signs of currency, and leave what is missing blank.",
        ),
        (
            {"paid": ["1.5", "2", "3"]},
            {},
            "column 'paid', row 1: '1.5' is str, not a number; make the column numbers, without"
            " signs of currency, and leave what is missing blank.",
        ),
        (
            {"paid": [True, False, True]},
            {},
            "column 'paid', row 1: True is bool, not a number; make the column numbers, without"
            " signs of currency, and leave what is missing blank.",
        ),
        (
            {"paid": [1.0, float("inf"), 1.0]},
            {},
            "column 'paid', row 2: the amount is infinite; correct it or leave it blank.",
        ),
        (
            {"id": ["", " ", ""]},
            {},
            "no order has both a customer in 'id' and a date in 'day'.",
        ),
        (
            {"day": ["2020-01-01", "2020-01-03", "2020-01-04"]},
            {"reference": "2020-01-02"},
            "column 'day', row 2: 2020-01-03 is later than the reference 2020-01-02, as are 2"
            " orders in all; leave them out or choose a later reference.",
        ),
        ({}, {"reference": "yesterday"}, f"reference: 'yesterday' {NOT_A_DATE}"),
        ({}, {"reference": ""}, f"reference: '' {NOT_A_DATE}"),
    ],
)
def test_what_cannot_be_used_is_named(frame, change, options, said):
    with pytest.raises(BadOrders) as caught:
        rfm(frame(GOOD | change), "id", "day", "paid", **options)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("id", "day", "piad"),
            "no column 'piad' for the amount; did you mean 'paid'? The table has: id, day, paid.",
        ),
        (("zzz", "day", "paid"), "no column 'zzz' for the customer. The table has: id, day, paid."),
    ],
)
def test_missing_columns(frame, names, said):
    with pytest.raises(BadOrders) as caught:
        rfm(frame(GOOD), *names)
    assert str(caught.value) == said


def test_a_customer_column_called_as_a_result(frame):
    with pytest.raises(BadOrders, match=r"the customer is called 'recency', as a column of the"):
        rfm(frame({"recency": [1], "day": [20200101], "paid": [1.0]}), "recency", "day", "paid")


def test_no_rows():
    with pytest.raises(BadOrders, match=r"has no rows; check how it was made\.$"):
        rfm(pl.DataFrame(GOOD).clear(), "id", "day", "paid")


def test_blank_amounts_and_mixed_customers():
    blank = pl.DataFrame(GOOD | {"paid": [None] * 3})
    with pytest.raises(BadOrders, match=r"^column 'paid' is blank in all rows; choose"):
        rfm(blank, "id", "day", "paid")
    mixed = pd.DataFrame(GOOD | {"id": pd.Series(["a", 1, "b"], dtype=object)})
    with pytest.raises(BadOrders, match=r"^column 'id' mixes text and numbers"):
        rfm(mixed, "id", "day", "paid")


def test_cdnow():
    with gzip.open(EXAMPLE, "rb") as stream:
        orders = pl.read_csv(stream.read(), schema_overrides={"customer": pl.String})
    assert len(orders) == 69_659
    features = rfm(orders, "customer", "date", "amount")
    assert len(features.table) == 23_570
    assert features.table["frequency"].sum() == 69_659
    assert features.table.row(1) == ("00002", 534, 2, 89.0)
    assert features.table["monetary"].sum() == pytest.approx(orders["amount"].sum())
