"""From orders to customers: recency, frequency and monetary value."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real
from typing import Any, Generic, TypeVar

import narwhals.stable.v1 as nw
import numpy as np
from narwhals.stable.v1.typing import IntoDataFrame
from numpy.typing import NDArray

Frame = TypeVar("Frame", bound=IntoDataFrame)

_FEATURES = ("recency", "frequency", "monetary")
_EPOCH = dt.date(1970, 1, 1).toordinal()
_NO_DAY = np.iinfo(np.int64).min  # the day of a missing date


class BadOrders(ValueError):
    """A table of orders that cannot be turned into features; the message says where and why."""


@dataclass(frozen=True)
class RfmFeatures(Generic[Frame]):
    """One row a customer, and what happened on the way.

    Attributes
    ----------
    table : data frame
        The features, in a frame of the kind that the orders came in.
    notes : list of str
        What a reader of the result should know: orders left out, returns, doubtful rows.
    """

    table: Frame
    notes: list[str]


def rfm(
    orders: Frame,
    customer: str,
    date: str,
    amount: str,
    *,
    reference: dt.date | str | int | None = None,
) -> RfmFeatures[Frame]:
    """Turn a table of orders into recency, frequency and monetary value of each customer.

    One row is one order, so several rows of a customer on one day count as several orders: this
    is the count of transactions of the CDNOW data. A table with one row an article must be
    summed up by order first; a note says how many rows share customer and day.

    Parameters
    ----------
    orders : data frame
        A pandas or polars data frame, a pyarrow table, or another eager frame narwhals knows.
    customer : str
        The column that names the customer. Rows where it is missing or blank are left out.
    date : str
        The column with the day of the order: dates, times, text in ISO order (``1997-01-31``)
        or whole numbers ``YYYYMMDD``. Rows where it is missing are left out.
    amount : str
        The column with the amount; returns are negative. A missing amount adds nothing.
    reference : date, str or int, optional
        The day from which recency counts; the day of the last order by default.

    Returns
    -------
    RfmFeatures
        Its table is sorted by customer and has the columns

        * ``customer``, under the name and with the type it had;
        * ``recency``: days from the customer's last order to the reference;
        * ``frequency``: the number of orders;
        * ``monetary``: the sum of the amounts, returns taken off.

    Raises
    ------
    BadOrders
        If a column is missing, a date or an amount cannot be read, or an order is later than
        the reference. Rows are counted from 1, the first below the header.

    Examples
    --------
    >>> import polars as pl
    >>> orders = pl.DataFrame(
    ...     {"who": ["a", "b", "a"], "day": [19970101, 19970103, 19970111], "paid": [5.0, 7.5, 1.0]}
    ... )
    >>> rfm(orders, "who", "day", "paid").table.rows()
    [('a', 0, 2, 6.0), ('b', 8, 1, 7.5)]
    """
    frame: nw.DataFrame[Any] = nw.maybe_reset_index(nw.from_native(orders, eager_only=True))
    _check_columns(frame.columns, {"customer": customer, "date": date, "amount": amount})
    if len(frame) == 0:
        raise BadOrders("the table of orders has no rows; check how it was made.")
    days = _days(frame[date], date)
    paid = _amounts(frame[amount], amount)
    named = _named(frame[customer])
    dated = days != _NO_DAY
    kept = named & dated
    if not kept.any():
        raise BadOrders(f"no order has both a customer in {customer!r} and a date in {date!r}.")
    last = _reference_day(reference, days, kept, date)
    notes = [
        *_note(
            ~named,
            "order has no customer and was left out",
            "orders have no customer and were left out",
        ),
        *_note(
            named & ~dated,
            "order has no date and was left out",
            "orders have no date and were left out",
        ),
        *_note(
            kept & np.isnan(paid),
            "order has no amount: it counts as an order and adds nothing",
            "orders have no amount: they count as orders and add nothing",
        ),
    ]
    ids, first, order = _by_customer(frame[customer], kept)
    last_day = np.maximum.reduceat(days[order], first)
    total = np.add.reduceat(np.nan_to_num(paid[order], nan=0.0), first)
    count = np.diff(first, append=len(order))
    notes += _note(
        total <= 0,
        "customer spent nothing in total, or sent back more than was bought",
        "customers spent nothing in total, or sent back more than they bought",
    )
    notes += _note(
        _same_day(np.repeat(np.arange(len(first)), count), days[order]),
        "order is of the same customer and day as another; each row counts as an order",
        "orders are of the same customer and day as another; each row counts as an order",
    )
    table = ids.with_columns(
        _series(ids, "recency", last - last_day),
        _series(ids, "frequency", count),
        _series(ids, "monetary", total),
    )
    return RfmFeatures(table.to_native(), notes)


def _check_columns(present: Sequence[str], wanted: dict[str, str]) -> None:
    for role, name in wanted.items():
        if name not in present:
            close = get_close_matches(name, present, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise BadOrders(
                f"no column {name!r} for the {role}{hint} The table has: {', '.join(present)}."
            )
    if wanted["customer"] in _FEATURES:
        raise BadOrders(
            f"the column of the customer is called {wanted['customer']!r}, as a column of the"
            " result is; rename it."
        )


def _named(customers: nw.Series[Any]) -> NDArray[np.bool_]:
    """Say which orders have a customer."""
    missing = customers.is_null()
    if customers.dtype.is_float():
        missing = missing | customers.is_nan().fill_null(True)
    if customers.dtype == nw.String:
        missing = missing | (customers.str.strip_chars() == "").fill_null(True)
    return ~missing.to_numpy().astype(bool)


def _by_customer(
    customers: nw.Series[Any], kept: NDArray[np.bool_]
) -> tuple[nw.DataFrame[Any], NDArray[np.intp], NDArray[np.intp]]:
    """Return the customers in order, where each begins among the sorted orders, and the order."""
    name = customers.name
    if customers.dtype == nw.Object:
        kinds = {isinstance(value, str) for value in customers.filter(kept.tolist()).to_list()}
        if len(kinds) > 1:
            raise BadOrders(f"column {name!r} mixes text and numbers: make all customers text.")
    row = f"row of {name}"
    part = customers.to_frame()
    part = part.with_columns(_series(part, row, np.arange(len(kept)))).filter(kept.tolist())
    part = part.sort(name, row)
    is_first = part[name].is_first_distinct().to_numpy().astype(bool)
    ids = nw.maybe_reset_index(part.filter(is_first.tolist()).select(name))
    return ids, np.flatnonzero(is_first), part[row].to_numpy().astype(np.intp)


def _series(like: nw.DataFrame[Any], name: str, values: NDArray[Any]) -> nw.Series[Any]:
    kind = nw.Float64 if values.dtype.kind == "f" else nw.Int64
    return nw.new_series(name, values, kind, native_namespace=nw.get_native_namespace(like))


def _days(dates: nw.Series[Any], name: str) -> NDArray[np.int64]:
    """Return days since 1970, `_NO_DAY` where the date is missing."""
    kind = dates.dtype
    if kind == nw.Date or kind == nw.Datetime:
        if isinstance(kind, nw.Datetime) and kind.time_zone is not None:
            dates = dates.dt.replace_time_zone(None)  # the calendar of its own zone
        milliseconds = np.asarray(dates.dt.timestamp("ms").to_numpy(), dtype=np.float64)
        return _whole(np.floor(milliseconds / 86_400_000))
    values: list[Any] = dates.to_list()
    known: dict[Any, int] = {}
    days = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        day = known.get(value)
        if day is None:
            try:
                day = known[value] = _day(value)
            except (ValueError, TypeError):
                raise BadOrders(f"column {name!r}, row {row + 1}: {_not_a_date(value)}") from None
        days[row] = day
    return days


def _whole(days: NDArray[np.float64]) -> NDArray[np.int64]:
    missing = np.isnan(days)
    return np.where(missing, _NO_DAY, np.where(missing, 0, days).astype(np.int64))


def _day(value: Any) -> int:
    """Return the days from 1970 to one date as it may be written."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return _NO_DAY
    if isinstance(value, dt.datetime):
        return value.date().toordinal() - _EPOCH
    if isinstance(value, dt.date):
        return value.toordinal() - _EPOCH
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value.strip()).date().toordinal() - _EPOCH
    whole = int(value)
    if whole != value or isinstance(value, bool):
        raise ValueError
    return dt.date(whole // 10000, whole // 100 % 100, whole % 100).toordinal() - _EPOCH


def _not_a_date(value: Any) -> str:
    shown = repr(value) if isinstance(value, str) else str(value)
    return (
        f"{shown} is not a date; write dates in ISO order, such as 2020-12-31,"
        " or as whole numbers, such as 20201231."
    )


def _reference_day(
    reference: dt.date | str | int | None,
    days: NDArray[np.int64],
    kept: NDArray[np.bool_],
    name: str,
) -> int:
    """Return the day from which recency counts, which no order may be later than."""
    if reference is None:
        return int(days[kept].max())
    try:
        last = _day(reference)
    except (ValueError, TypeError):
        raise BadOrders(f"reference: {_not_a_date(reference)}") from None
    if last == _NO_DAY:
        raise BadOrders(f"reference: {_not_a_date(reference)}")
    late = np.flatnonzero(kept & (days > last))
    if len(late):
        day = dt.date.fromordinal(int(days[late[0]]) + _EPOCH)
        raise BadOrders(
            f"column {name!r}, row {late[0] + 1}: {day} is later than the reference"
            f" {dt.date.fromordinal(last + _EPOCH)}, as are {len(late):,} orders in all; leave"
            " them out or choose a later reference."
        )
    return last


def _amounts(amounts: nw.Series[Any], name: str) -> NDArray[np.float64]:
    """Return the amounts, NaN where one is missing."""
    if amounts.dtype.is_numeric():
        paid = np.asarray(amounts.cast(nw.Float64).to_numpy(), dtype=np.float64)
    else:
        paid = _checked_amounts(amounts.to_list(), name)
    endless = np.flatnonzero(np.isinf(paid))
    if len(endless):
        raise BadOrders(
            f"column {name!r}, row {endless[0] + 1}: the amount is infinite; correct it or leave"
            " it blank."
        )
    return paid


def _checked_amounts(values: list[Any], name: str) -> NDArray[np.float64]:
    """Return amounts that come as Python values, or say which one is not a number."""
    if all(value is None for value in values):
        raise BadOrders(f"column {name!r} is blank in all rows; choose the column of amounts.")
    suspects = [row for row, value in enumerate(values) if not _is_amount(value)]
    if suspects:
        row = next((row for row in suspects if not _reads_as_number(values[row])), suspects[0])
        raise BadOrders(
            f"column {name!r}, row {row + 1}: {values[row]!r} is {type(values[row]).__name__},"
            " not a number; make the column numbers, without signs of currency, and leave what"
            " is missing blank."
        )
    return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)


def _is_amount(value: Any) -> bool:
    return value is None or (not isinstance(value, bool) and isinstance(value, Real | Decimal))


def _reads_as_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError):
        return False
    return True


def _note(rows: NDArray[np.bool_], one: str, many: str) -> list[str]:
    """Return a sentence on how many rows there are of a kind, if there are any."""
    count = int(rows.sum())
    return [f"{count:,} {one if count == 1 else many}."] if count else []


def _same_day(customers: NDArray[np.intp], days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which orders repeat the customer and the day of another one."""
    since = days - days.min()
    keys = customers.astype(np.int64) * (int(since.max()) + 1) + since
    repeats = np.ones(len(keys), dtype=bool)
    repeats[np.unique(keys, return_index=True)[1]] = False
    return repeats
