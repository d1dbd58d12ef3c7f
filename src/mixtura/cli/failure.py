"""What the command line says when it cannot go on, and the exit code that goes with it."""

from collections.abc import Iterable
from difflib import get_close_matches


class Failure(Exception):
    """An end that the user can act on: shown as one message, without a traceback.

    Parameters
    ----------
    message : str
        What is wrong, where (file, column, row) and what to do about it.
    exit_code : int, optional
        The exit code of the process; the one of the class by default.
    """

    exit_code: int = 1

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if exit_code is not None:
            self.exit_code = exit_code


class BadUsage(Failure):
    """The command was asked for something it cannot do: exit code 2."""

    exit_code = 2


class BadData(Failure):
    """The data cannot be read or used as they are: exit code 3."""

    exit_code = 3


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that ``name`` was most likely meant to be.

    Parameters
    ----------
    name : str
        What was written.
    names : iterable of str
        What could have been meant.

    Returns
    -------
    str or None
        The closest name, upper and lower case being the same, or None if no name is close.
    """
    known = {candidate.casefold(): candidate for candidate in names}
    close = get_close_matches(name.casefold(), known, n=1)
    return known[close[0]] if close else None
