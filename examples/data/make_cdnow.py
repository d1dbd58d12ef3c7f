"""Make `cdnow.csv.gz` from the CDNOW data that the package `lifetimes` carries.

    pip download --no-deps lifetimes
    python make_cdnow.py Lifetimes-0.11.3-py3-none-any.whl

The output has the same bytes every time.
"""

import csv
import datetime as dt
import gzip
import io
import sys
import zipfile
from pathlib import Path

MEMBER = "lifetimes/datasets/CDNOW_master.txt"
ORDERS, CUSTOMERS = 69_659, 23_570


def orders(wheel: Path) -> list[tuple[str, str, str]]:
    """Return customer, ISO date and amount of every order in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MEMBER).decode("ascii").splitlines()[1:]
    rows: list[tuple[str, str, str]] = []
    for line in lines:
        if cells := line.split():
            customer, day, _, dollars = cells
            rows.append((customer, dt.date.fromisoformat(day).isoformat(), dollars))
    return rows


def main() -> None:
    """Write the orders beside this file, or say that the wheel holds others."""
    rows = orders(Path(sys.argv[1]))
    counted = len(rows), len({customer for customer, _, _ in rows})
    if counted != (ORDERS, CUSTOMERS):
        sys.exit(f"{counted[0]} orders of {counted[1]} customers: this is not CDNOW as known.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("customer", "date", "amount"))
    writer.writerows(rows)
    packed = gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)
    (Path(__file__).parent / "cdnow.csv.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
