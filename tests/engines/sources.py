"""The same rows in files and tables of every kind."""

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet

N, D = 1_234, 3

OPEN = []
"""Connections that relations need."""


def rows(n=N, d=D, seed=0):
    """Numbers that text holds exactly."""
    return np.round(64.0 * np.random.default_rng(seed).normal(1.0, 2.0, (n, d))) / 64.0


def table(x):
    return pyarrow.table({f"c{j}": x[:, j] for j in range(x.shape[1])})


def parquet(x, folder):
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(table(x), path, row_group_size=100)
    return path


def many_parquet(x, folder):
    for i, part in enumerate(np.array_split(x, 5)):
        pyarrow.parquet.write_table(table(part), folder / f"part-{i}.parquet", row_group_size=77)
    return str(folder / "part-*.parquet")


def folder_of_parquet(x, folder):
    many_parquet(x, folder)
    return folder


def arrow(x, folder):
    pyarrow.feather.write_feather(table(x), str(folder / "rows.arrow"), compression="uncompressed")
    return folder / "rows.arrow"


def arrow_stream(x, folder):
    path = folder / "rows.ipc"
    with pyarrow.ipc.new_stream(str(path), table(x).schema) as writer:
        writer.write_table(table(x), max_chunksize=333)
    return path


def csv(x, folder):
    pyarrow.csv.write_csv(table(x), folder / "rows.csv")
    return folder / "rows.csv"


def packed_csv(x, folder):
    with pyarrow.output_stream(str(folder / "rows.csv.gz"), compression="gzip") as file:
        pyarrow.csv.write_csv(table(x), file)
    return folder / "rows.csv.gz"


def npy(x, folder):
    np.save(folder / "rows.npy", x)
    return folder / "rows.npy"


def dataset(x, folder):
    return pyarrow.dataset.dataset(folder_of_parquet(x, folder))


def reader(x, folder):
    return table(x).to_reader(max_chunksize=200)


def relation(x, folder):
    import duckdb

    connection = duckdb.connect()
    OPEN.append(connection)  # older versions close it with the last name that it has
    return connection.from_arrow(table(x))


def query(x, folder):
    return f"select * from '{parquet(x, folder)}'"


WAYS = {
    way.__name__: way
    for way in (
        parquet,
        many_parquet,
        folder_of_parquet,
        arrow,
        arrow_stream,
        csv,
        packed_csv,
        npy,
        dataset,
        reader,
        relation,
        query,
    )
}
