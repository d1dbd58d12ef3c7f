from mixtura.numeric.kernels import compiled


def test_functions_compile_where_nothing_can_be_kept_on_disk(monkeypatch):
    """A read-only installation without a home: the first fit of each process compiles again."""
    asked = []

    def njit(**options):
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiled, "njit", njit)
    assert compiled.compiled()(abs) is abs
    assert asked == [True, False]
