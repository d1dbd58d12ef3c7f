"""Small fits run on one thread."""

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small fits are quicker with one thread than with threads that wait for one another."""
    with threadpool_limits(1):
        yield
