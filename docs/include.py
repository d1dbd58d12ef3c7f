"""Keep the code shown in the pages equal to the source.

A page says which function it shows, and this script writes it there::

    <!-- include: src/mixtura/learn/em.py#em -->
    ```python
    ```

``python docs/include.py`` rewrites these blocks; ``--check`` changes nothing, names the pages that
differ and ends with status 1.
"""

import argparse
import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKER = r"<!-- include: (?P<path>[^\s#]+)#(?P<name>[\w.]+) -->"
BLOCK = re.compile(rf"^(?P<marker>{MARKER})\n```python\n(?P<code>.*?)^```$", re.M | re.S)


class IncludeError(Exception):
    """A marker that names nothing; the message says which."""


def pages(root=ROOT):
    """The pages whose blocks are kept: the README and docs/*.md."""
    return [p for p in [root / "README.md", *sorted((root / "docs").glob("*.md"))] if p.exists()]


def find(tree, name):
    """The node of a function or class, by its dotted name."""
    node = tree
    for part in name.split("."):
        node = next((n for n in node.body if getattr(n, "name", None) == part), None)
        if node is None:
            return None
    return node


def source(path, name, root=ROOT):
    """The text of one function or class as its file has it, from its first decorator on."""
    file = root / path
    if not file.is_file():
        raise IncludeError(f"there is no file {path}")
    text = file.read_text(encoding="utf-8")
    node = find(ast.parse(text), name)
    if node is None:
        raise IncludeError(f"{path} has no {name}")
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines)) + "\n"


def filled(text, root=ROOT):
    """The page's text with every included block as the source has it, and what went wrong."""
    errors = []
    if len(re.findall(rf"^{MARKER}$", text, re.M)) != len(BLOCK.findall(text)):
        errors.append("an include marker has no ```python block right below it")

    def block(match):
        try:
            code = source(match["path"], match["name"], root)
        except IncludeError as error:
            errors.append(str(error))
            return match[0]
        return f"{match['marker']}\n```python\n{code}```"

    return BLOCK.sub(block, text), errors


def main(argv=None):
    """Rewrite or check all pages; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; report differences")
    check = parser.parse_args(argv).check
    complaints = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        new, errors = filled(text)
        if check and new != text:
            errors.append("differs from the source; run python docs/include.py")
        if not check and new != text:
            page.write_text(new, encoding="utf-8")
        complaints += [f"{page.relative_to(ROOT)}: {error}" for error in errors]
    print("\n".join(complaints), file=sys.stderr, end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
