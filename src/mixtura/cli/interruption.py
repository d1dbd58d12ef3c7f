"""Ctrl-C and its like: honoured at once where that can be, and soon everywhere else.

A KeyboardInterrupt that comes while a library is in a callback of its own, as when compiled code is
loaded, is printed and lost. So it is remembered too, and raised again at the next step.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_asked: list[int] = []


def _interrupt(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    raise KeyboardInterrupt


@contextmanager
def listening() -> Generator[None]:
    """Within it both signals end what is being done, and what is half written is taken back."""
    if current_thread() is not main_thread():  # only there can a handler be set
        yield
        return
    before = [signal.signal(number, _interrupt) for number in SIGNALS]
    try:
        yield
    except Exception:
        check()  # what an interruption became on its way, such as a SystemError of compiled code
        raise
    finally:
        _asked.clear()
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Generator[None]:
    """Leave the signals without effect: what is nearly done had better be done."""
    if current_thread() is not main_thread():
        yield
        return
    before = [signal.signal(number, lambda *_: None) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def check() -> None:
    """Raise an interruption that was lost."""
    if _asked:
        raise KeyboardInterrupt
