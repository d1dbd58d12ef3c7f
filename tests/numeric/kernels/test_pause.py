"""The collector of cycles stands still while our functions are compiled, and only then."""

import gc
from importlib import import_module
from types import SimpleNamespace

import pytest
from numba import njit
from numba.core import event

from mixtura.numeric.kernels.pause import Pause


class Seen(event.Listener):
    """Whether the collector runs at the beginning and the end of each function's compilation."""

    def __init__(self):
        self.running = []

    def on_start(self, event):
        self.running.append(gc.isenabled())

    on_end = on_start


def doubled(x):
    return 2 * x


def named(module):
    """A function of some module, as events have it."""
    function = SimpleNamespace(__module__=module)
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})


@pytest.fixture
def collector():
    was = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was else gc.disable)()


def test_it_stands_still_while_ours_are_compiled_and_goes_on_after(collector, monkeypatch):
    monkeypatch.setattr(doubled, "__module__", "mixtura.numeric")
    import_module("mixtura.numeric.kernels.compiled")  # begins to listen, before the next
    seen = Seen()
    with event.install_listener("numba:compile", seen):
        njit(doubled)(3)
    assert seen.running == [False, True]  # told after the package of both ends
    assert gc.isenabled()


def test_it_runs_while_others_are_compiled(collector):
    seen = Seen()
    with event.install_listener("numba:compile", seen):
        assert njit(lambda x: 3 * x)(2) == 6
    assert seen.running
    assert all(seen.running)


def test_it_goes_on_after_the_outermost_of_nested_functions(collector):
    pause, ours, other = Pause(), named("mixtura.numeric.kernels"), named("mixtura_tools")
    pause.on_start(ours)
    pause.on_start(other)
    pause.on_start(ours)
    pause.on_end(ours)
    pause.on_end(other)
    assert not gc.isenabled()
    pause.on_end(ours)
    assert gc.isenabled()


def test_where_it_was_stopped_before_it_stays_so(collector):
    gc.disable()
    pause = Pause()
    pause.on_start(named("mixtura"))
    pause.on_end(named("mixtura"))
    assert not gc.isenabled()
