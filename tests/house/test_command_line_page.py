"""The page on the command line is true: its commands run, and it names every command and file."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_the_commands_of_the_page_run(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": commands, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    made = {path.name for path in tmp_path.iterdir()}
    files = {"again.csv", "piped.tsv", "densities.csv", "synthetic.csv", "kinds.parquet"}
    files |= {"people.csv", "filled.csv", "draws.csv", "customers.png", "regions.svg"}
    assert made == {"examples", "out", "amounts.safetensors", "chosen.safetensors"} | files


def test_the_page_names_every_command_and_option_of_segment():
    from typer.main import get_command

    from mixtura.cli.commands.segment import RESULTS
    from mixtura.cli.program import program

    command = get_command(program)
    assert {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")} >= {
        *command.commands
    }
    assert all(f"**{name}**" in PAGE for name in RESULTS)
    options = {
        option for each in command.commands.values() for p in each.params for option in p.opts
    }
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE))
    assert named <= options | {"--help"}
