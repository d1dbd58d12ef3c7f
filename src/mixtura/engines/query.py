"""Queries of DuckDB's as sources: they run again at each pass."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mixtura.engines.dataset import numeric
from mixtura.engines.files import BATCH, numbers_of
from mixtura.engines.source import Columns, SourceError


class Query:
    """The rows of a query in SQL, or of a relation.

    Parameters
    ----------
    query : str or duckdb.DuckDBPyRelation
        SQL is run in a database of its own, in memory: it can name files.
    columns : sequence of str, optional
        Which columns to read, in what order; all of them, if not given.
    """

    def __init__(self, query: Any, columns: Sequence[str] | None = None) -> None:
        self.query = query
        try:
            import duckdb
        except ImportError as error:
            raise ImportError(
                "a query needs DuckDB: install it with pip install duckdb, or name files instead"
            ) from error
        self._errors: tuple[type[Exception], ...] = (duckdb.Error, OSError)
        self._relation: Any = query
        if isinstance(query, str):
            self._connection = duckdb.connect()
            try:
                self._relation = self._connection.sql(query)
            except duckdb.Error as error:
                raise self._failed(error) from error
            if self._relation is None:
                raise SourceError(f"the query gives no rows: {query}")
        self._columns = self._typed(columns)
        self._n_rows: int | None = None

    def _typed(self, columns: Sequence[str] | None) -> dict[str, np.dtype[Any]]:
        import pyarrow

        schema: pyarrow.Schema = _read(self._relation.limit(0)).schema
        return numeric(schema, columns)

    def _failed(self, error: Exception) -> SourceError:
        return SourceError(f"the query failed: {' '.join(str(error).split())}")

    @property
    def names(self) -> tuple[str, ...]:
        """What columns are called."""
        return (*self._columns,)

    @property
    def types(self) -> tuple[np.dtype[Any], ...]:
        """Of each column, as it is read."""
        return (*self._columns.values(),)

    @property
    def n_rows(self) -> int | None:
        """How many there are: the query is asked to count them, once."""
        if self._n_rows is None:
            try:
                found = self._relation.aggregate("count(*)").fetchall()
            except self._errors as error:
                raise self._failed(error) from error
            self._n_rows = int(found[0][0])
        return self._n_rows

    def batches(self) -> Iterator[Columns]:
        """All rows, as the query gives them."""
        quoted = ['"' + name.replace('"', '""') + '"' for name in self._columns]
        try:
            for batch in _read(self._relation.project(", ".join(quoted))):
                yield numbers_of(batch, [*self._columns])
        except self._errors as error:
            raise self._failed(error) from error

    def where(self, row: int) -> str:
        """Which row it is."""
        return f"row {row} of the query"


def _read(relation: Any) -> Any:
    """The rows of a relation as record batches."""
    if hasattr(relation, "to_arrow_reader"):
        return relation.to_arrow_reader(BATCH)
    return relation.fetch_arrow_reader(BATCH)  # its earlier name
