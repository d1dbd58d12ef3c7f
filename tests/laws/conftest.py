from tests.laws.registries import REGISTRIES


def pytest_generate_tests(metafunc):
    """A test that asks for a member of a registry by its name runs once for each registered."""
    for name, registry in REGISTRIES.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, [*registry.values()], ids=[*registry])
