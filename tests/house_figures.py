"""How long the files and functions of the package are: ``python tests/house_figures.py``."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "digest"


class Length(NamedTuple):
    """How many lines the thing of that name has."""

    lines: int
    name: str


def modules(folder: Path = PACKAGE) -> list[Path]:
    """Every Python file below the folder."""
    return sorted(folder.rglob("*.py"))


def name_of(path: Path) -> str:
    """The path as one says it: from the top of the checkout."""
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def file_length(path: Path) -> Length:
    """All lines of a file."""
    return Length(len(path.read_text("utf-8").splitlines()), name_of(path))


def function_lengths(path: Path) -> Iterator[Length]:
    """Each function from its ``def`` to its end, without decorators and docstring."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            docstring = 0
            if ast.get_docstring(node) is not None:
                docstring = (first.end_lineno or 0) - first.lineno + 1
            lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
            yield Length(lines, f"{name_of(path)} {node.name}")


def summary(title: str, lengths: list[Length]) -> str:
    """One line: how many there are, median, 95th percentile, and the longest by name."""
    lines = [length.lines for length in lengths]
    longest = max(lengths)
    return (
        f"{title}: {len(lines)}, {sum(lines)} lines, median {median(lines):.0f}, "
        f"95th percentile {quantiles(lines, n=20)[-1]:.0f}, "
        f"longest {longest.lines} ({longest.name})"
    )


if __name__ == "__main__":
    everything = modules()
    functions = [length for path in everything for length in function_lengths(path)]
    sys.stdout.write(summary("files", [file_length(path) for path in everything]) + "\n")
    sys.stdout.write(summary("functions", functions) + "\n")
