from tests.laws.registries import ALSO, REGISTRIES


def pytest_generate_tests(metafunc):
    """A test that asks for a member of a registry by its name runs once for each registered."""
    for name, registry in REGISTRIES.items():
        if name in metafunc.fixturenames:
            also = metafunc.definition.get_closest_marker("also") if name == "family" else None
            members = registry | (ALSO[also.args[0]] if also else {})
            metafunc.parametrize(name, [*members.values()], ids=[*members])
