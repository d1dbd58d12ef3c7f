"""The pictures of docs/pictures.md, by the code that the page shows.

Run: python docs/pictures/gallery.py.
"""

import os
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

HERE = Path(__file__).parent
PAGE = HERE.parent / "pictures.md"


def draw(folder: Path) -> None:
    """Run the page where its pictures go."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S))
    os.chdir(folder)
    exec(compile(code, str(PAGE), "exec"), {})


if __name__ == "__main__":
    draw(HERE)
