"""Threads of the libraries underneath: one each, where our own threads share the work."""

from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[Any]:
    """Within it, matrix products run on the thread that calls them."""
    return _pools("scipy.linalg").limit(limits=1, user_api="blas")


def one_thread(module: str) -> AbstractContextManager[Any]:
    """Within it, neither BLAS nor the OpenMP of a module that brings its own starts threads."""
    return _pools(module).limit(limits=1)


@cache
def _pools(module: str) -> ThreadpoolController:
    """The thread pools of all libraries that are loaded once a module is."""
    import_module(module)
    return ThreadpoolController()
