"""The command line: one module a command in `commands/`; `main` turns failures into exit codes."""

import sys
from importlib.util import find_spec


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the entry point of ``mixtura``.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process, if not given.

    Returns
    -------
    int
        The exit code: 0 done; 2 asked for something that cannot be done; 3 data that cannot be
        used; 4 the fit did not converge; 130 interrupted.
    """
    absent = [name for name in ("typer", "rich", "duckdb", "pyarrow") if find_spec(name) is None]
    if absent:
        print(
            f"mixtura: the command line needs {', '.join(absent)}: run pip install 'mixtura[cli]'",
            file=sys.stderr,
        )
        return 2
    try:
        from mixtura.cli.program import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # before there was anything to interrupt
        return 130
