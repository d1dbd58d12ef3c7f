"""A table with three planted groups, and the command line in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from mixtura.cli import main

Call = Callable[..., tuple[int, str, str]]

N = 150


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits are quicker with one thread than with threads that wait for one another."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch, tmp_path_factory):
    """No colours, no width and no picture, unless a test asks for them; and an empty folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("mixtura.cli.commands.segment.find_spec", lambda name: None)


@pytest.fixture(scope="session")
def customers() -> pd.DataFrame:
    """Customers in three groups, with columns of every kind."""
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1, 2], [N // 2, N // 3, N // 6])
    order = rng.permutation(N)
    return pd.DataFrame(
        {
            "who": [f"c{i:03d}" for i in range(N)],
            "spend": np.array([20.0, 80.0, 50.0])[group] + rng.normal(0, 3, N),
            "visits": np.array([2.0, 5.0, 12.0])[group] + rng.normal(0, 0.4, N),
            "balance": np.array([-40.0, 10.0, 30.0])[group] + rng.normal(0, 5, N),
            "branch": rng.choice(["north", "south"], N),
            "planted": group,
        }
    ).iloc[order, :5]


@pytest.fixture(scope="session")
def csv(customers, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "customers.csv"
    customers.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def orders(tmp_path_factory) -> Path:
    """Orders of 60 customers: half buy now and then, half often and for more."""
    rng = np.random.default_rng(8)
    rows: list[tuple[str, str, float]] = []
    for i in range(60):
        often = i % 2
        for _ in range(1 + rng.poisson(1 + 12 * often)):
            day = pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(rng.integers(0, 360)))
            rows.append((f"k{i:02d}", f"{day:%Y-%m-%d}", round(rng.lognormal(2 + often, 0.4), 2)))
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    pd.DataFrame(rows, columns=["customer", "date", "amount"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def results(csv, tmp_path_factory) -> Path:
    """What `mixtura segment` writes about the customers, three segments being asked for."""
    out = tmp_path_factory.mktemp("results") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mixtura.cli.commands.segment.find_spec", lambda name: None)
        quick = ("--k", "3", "--family", "diag", "-q")
        assert main(["segment", str(csv), *quick, "-o", str(out)]) == 0
    return out


@pytest.fixture
def mixtura(capfd) -> Call:
    """Run a command here: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return call
