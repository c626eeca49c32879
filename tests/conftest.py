"""What every test may ask for: databases, the recorded data beside the checkout, a browser."""

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import postfix
import postgres
import pytest

from digest import loop, parts
from digest.app import App
from digest.store import Script, Store

ABOUT_THE_MACHINE = ("DIGEST_TEST_DATABASE_URL", "DIGEST_CHROMIUM")


def absent(reason: str) -> NoReturn:
    """Skips a test for what this machine lacks; where everything must be there, fails it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_configure() -> None:
    """The settings of whoever runs the tests are not the tests' settings."""
    for name in _ours():
        del os.environ[name]
    # What a machine keeps of the databases it saw: of ours it shall keep nothing.
    state = tempfile.mkdtemp(prefix="digest-state-")
    os.environ["XDG_STATE_HOME"] = state
    atexit.register(shutil.rmtree, state, ignore_errors=True)


def _ours() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("DIGEST_") and name not in ABOUT_THE_MACHINE
    }


@pytest.fixture(autouse=True)
def _environment_is_left_alone() -> Iterator[None]:
    """Fails a test that leaves a DIGEST_ variable behind: monkeypatch.setenv takes it back."""
    yield
    if left := _ours():
        for name in left:
            del os.environ[name]
        pytest.fail(f"left in the environment: {', '.join(sorted(left))}")


@pytest.fixture
def commands_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes what commands opened in this process, as the end of theirs would."""
    opened = []

    class Closed(App):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            opened.append(self)

    monkeypatch.setattr("digest.cli.options.App", Closed)
    yield
    for app in opened:
        if "store" in vars(app):
            app.store.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL where databases may be created (see postgres.database)."""
    with postgres.server() as url:
        if url is None:
            absent("no PostgreSQL: neither DIGEST_TEST_DATABASE_URL nor initdb (make test has it)")
        yield url


@pytest.fixture(scope="session")
def postfix_installed() -> None:
    """A test that starts a Postfix (see postfix.Postfix) runs where there is one, as root."""
    if not Path(postfix.PROGRAM).exists():
        absent(f"no Postfix at {postfix.PROGRAM}: install Debian's package postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix starts as root only")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine: a test that asks for a database runs on each."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it, on both engines."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/test.db"
        return
    with postgres.database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables of this version, to copy."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    _create_tables(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The URL of a PostgreSQL database with the tables of this version, to copy."""
    with postgres.database(postgres_url) as url:
        _create_tables(url)
        yield url


def _create_tables(url: str, scripts: Sequence[Script] = ()) -> None:
    store = Store(url)
    store.upgrade(scripts)
    store.close()


@pytest.fixture
def store_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that has its tables and no rows, on both engines."""
    if engine == "sqlite":
        file = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    template, server = map(request.getfixturevalue, ("postgres_template", "postgres_url"))
    with postgres.database(server, template) as url:
        yield url


@pytest.fixture(scope="session")
def queue_template(postgres_url: str) -> Iterator[str]:
    """As ``postgres_template``, with the queue's tables as `digest db upgrade` makes them."""
    with postgres.database(postgres_url) as url:
        _create_tables(url, parts.queue_scripts())
        yield url


@pytest.fixture
def queue_url(postgres_url: str, queue_template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database where deliveries can be left to workers."""
    with postgres.database(postgres_url, queue_template) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An open store with nothing in it, on both engines."""
    opened = Store(store_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recorded feeds and votes beside the checkout: too large, and not ours, to be in it."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser of the tests marked ``browser``."""
    program = Path(os.environ.get("DIGEST_CHROMIUM", "/usr/bin/chromium"))
    if not os.access(program, os.X_OK):
        absent(f"no Chromium at {program}: install it, or say where it is with DIGEST_CHROMIUM")
    return program


@pytest.fixture(params=["uvloop", "asyncio"])
def each_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on either event loop."""
    if request.param == "asyncio":
        monkeypatch.setattr(loop, "new_event_loop", asyncio.new_event_loop)
