import os
import signal
from contextlib import suppress

import pytest

from mixtura.cli.interruption import check, listening, undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_a_library_swallows_is_raised_at_the_next_step(number):
    before = signal.getsignal(number)
    with listening():
        check()
        with suppress(KeyboardInterrupt):  # as a callback of a library does
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            check()
    check()
    assert signal.getsignal(number) is before


def interrupted_in_compiled_code():
    with listening():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt as interruption:
            raise SystemError("returned a result with an exception set") from interruption


def test_an_error_that_an_interruption_became_is_an_interruption():
    with pytest.raises(KeyboardInterrupt):
        interrupted_in_compiled_code()


def test_what_is_nearly_done_is_done():
    with undisturbed():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    check()
