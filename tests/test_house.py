"""The rules of the house, each proven by breaking it: floors, rooms, budgets, words."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_figures import PACKAGE, ROOT, file_length, function_lengths, modules, name_of, parsed

from digest.settings import Sources

FILE_BUDGET = 300
FUNCTION_BUDGET = 40
# What may be longer, with the reason: by name, like tests/house_figures.py.
EXCEPTIONS: dict[str, str] = {}

# Migrations are history: one table after the other, and never edited again.
LIVING = [path for path in modules() if PACKAGE / "store/migrations/versions" not in path.parents]


# ── Floors and rooms: import-linter's contracts in pyproject.toml ────────────────────────────────


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "digest", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def append(house: Path, module: str, names: list[str]) -> None:
    """Lets a module of the copy import those, too."""
    package = house / "digest" / module
    path = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    with path.open("a") as file:
        file.writelines(f"\nimport {name}" for name in names)


def verdict(house: Path) -> tuple[int, str]:
    """What lint-imports says of it: its status and its words on one line."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_the_house_as_it_stands_keeps_all_contracts(house):
    assert verdict(house)[0] == 0, verdict(house)[1]


def test_a_module_without_a_floor_is_named(house):
    (house / "digest/utils.py").write_text('"""A room for what nobody placed."""\n')
    status, words = verdict(house)
    assert status == 1
    assert "utils" in words


def test_imports_that_point_up_or_sideways_are_named(house):
    wrong = [
        ("retry", "settings"),  # a rule knows no room
        ("model", "retry"),  # a noun knows no rule
        ("settings", "store"),  # the lowest room knows no other
        ("render", "store"),  # a room knows no room beside it
    ]
    for module, imported in wrong:
        append(house, module, [f"digest.{imported}"])
    status, words = verdict(house)
    assert status == 1
    assert [pair for pair in wrong if "digest.{} -> digest.{} ".format(*pair) not in words] == []


def test_every_rule_and_noun_is_held_to_be_pure():
    """The two lowest floors of the first contract are the subjects of the second."""
    floors, pure = _contracts()[:2]
    lowest = re.findall(r"\w+", " ".join(floors["layers"][-2:]))
    assert {f"digest.{name}" for name in lowest} == set(pure["source_modules"])


def test_rules_and_nouns_that_reach_outside_are_named(house):
    outside = _contracts()[1]["forbidden_modules"]
    for module in ("ranking", "taxonomy"):
        append(house, module, outside)
    status, words = verdict(house)
    assert status == 1
    for module in ("ranking", "taxonomy"):
        assert [name for name in outside if f"digest.{module} -> {name} " not in words] == []


def test_libraries_outside_their_rooms_are_named(house):
    libraries = [name for room in _contracts()[2:] for name in room["forbidden_modules"]]
    append(house, "settings", libraries)
    status, words = verdict(house)
    assert status == 1
    assert [name for name in libraries if f"digest.settings -> {name} " not in words] == []


def _contracts() -> list[dict[str, list[str]]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found: list[dict[str, list[str]]] = contracts["tool"]["importlinter"]["contracts"]
    return found


# ── SQL stays in the store, in strings too ───────────────────────────────────────────────────────

SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|PRAGMA)\b ")


def sql_in(tree: ast.Module) -> Iterator[str]:
    """Each piece of SQL in the code, docstrings aside: the text or the call that runs one."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "exec_driver_sql":
            yield f"line {node.lineno}: exec_driver_sql"
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        if isinstance(node.value, str) and SQL.search(node.value):
            yield f"line {node.lineno}: {node.value.strip()}"


def test_no_sql_is_written_outside_the_store():
    outside = [path for path in modules() if PACKAGE / "store" not in path.parents]
    assert [(name_of(path), sql) for path in outside for sql in sql_in(parsed(path))] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('run("SELECT 1 FROM t")', True),
        ('run(f"DELETE FROM {table} WHERE id = 1")', True),  # the fixed parts of an f-string
        ('run("""\n  UPDATE delivery SET state = 1\n""")', True),
        ('connection.exec_driver_sql("VACUUM")', True),  # whatever it says
        ('"""SELECT is what the store does."""', False),  # a docstring talks about it
        ('run("Select your hour, then update it")', False),  # words for people
    ],
)
def test_sql_is_told_from_words(code, found):
    assert bool(list(sql_in(ast.parse(code)))) == found


# ── Budgets and words ────────────────────────────────────────────────────────────────────────────


def overlong() -> dict[str, int]:
    """The files and functions over their budgets, by name, with their lines."""
    files = [file_length(path) for path in LIVING]
    functions = [length for path in LIVING for length in function_lengths(path)]
    return {
        **{one.name: one.lines for one in files if one.lines > FILE_BUDGET},
        **{one.name: one.lines for one in functions if one.lines > FUNCTION_BUDGET},
    }


def test_files_are_read_in_one_go_and_functions_fit_on_a_screen():
    assert {name: lines for name, lines in overlong().items() if name not in EXCEPTIONS} == {}


def test_no_exception_outlives_its_reason():
    assert EXCEPTIONS.keys() <= overlong().keys()


def test_the_first_line_of_a_module_is_a_sentence():
    first = {path: (ast.get_docstring(parsed(path)) or "").split("\n", 1)[0] for path in modules()}
    assert [name_of(path) for path, line in first.items() if line[-1:] not in set(".:!?")] == []


def test_nothing_is_left_to_be_done():
    left = re.compile("|".join(("NotImplemented" + "Error", "TO" + "DO", "FIX" + "ME", "X" * 3)))
    texts = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".json", ".toml"}]
    assert [name_of(path) for path in texts if left.search(path.read_text("utf-8"))] == []


def imported(tree: ast.Module) -> Iterator[str]:
    """Every name that a module imports, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def shams(tree: ast.Module) -> Iterator[str]:
    """Whatever stands in for the real thing without being one, and every wait by the clock."""
    for name in imported(tree):
        package = name.split(".")[0]
        if package in {"mock", "pytest_mock", "unittest"}:
            yield package
        if name == "time.sleep":
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield "mocker"
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep":
            yield "time.sleep"


def test_tests_neither_mock_nor_sleep():
    tests = modules(ROOT / "tests")
    assert [(name_of(path), sham) for path in tests for sham in shams(parsed(path))] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from unittest import mock", ["unittest"]),
        ("import unittest." + "mock as m", ["unittest"]),
        ("def test_it(mocker): pass", ["mocker"]),
        ("import time\ntime." + "sleep(1)", ["time.sleep"]),
        ("from time import sleep", ["time.sleep"]),
        ("transport = httpx2.MockTransport(answer)", []),  # a real client over recorded bytes
    ],
)
def test_shams_are_found(code, found):
    assert list(shams(ast.parse(code))) == found


@pytest.mark.parametrize("source", Sources.model_fields)
def test_every_table_of_sources_has_its_module(source):
    assert (PACKAGE / f"sources/{source}.py").is_file()
