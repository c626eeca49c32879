"""A real Postfix for the tests: private to one of them, on loopback, gone afterwards.

A test that uses it asks for the fixture ``postfix_installed``, which skips where it cannot run.

with Postfix(parameters={"smtpd_client_message_rate_limit": "5"}) as relay:
    relay.port                              where it listens
    relay.delivered(3)                      waits for three mails to example.net; their bytes
    relay.said(r"status=sent", times=3)     waits for its log to say so; the lines
    relay.log                               what it has said so far

It is the program of Debian's package with a configuration, a queue and ports of its own; no daemon
of the system is touched and no mail leaves the machine: what is not for ``example.net`` is thrown
away, unless a test gives another ``default_transport``. It tolerates no pipelining that RFC 2920
does not allow. At RCPT it refuses ``bounce-…`` with 550 and ``defer-…`` with 451.
"""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

PROGRAM = "/usr/sbin/postfix"

# It lives as long as the pipe on standard input: closing that, or dying in any way, stops it.
LIFE = r"""
trap 'rm -rf "$1"' EXIT
"$2" -c "$1/etc" start-fg </dev/null &
read -r _
"$2" -c "$1/etc" abort
wait
"""

# As in Debian's own file, without chroot; ``postlog`` writes the log.
SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

PARAMETERS = {
    "compatibility_level": "3.6",
    "maillog_file": "/dev/stdout",
    "myhostname": "relay.example.org",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.0/8",
    "mydestination": "",
    "alias_maps": "",
    "alias_database": "",
    "notify_classes": "",
    "default_transport": "discard",
    "virtual_mailbox_domains": "example.net",
    "virtual_mailbox_maps": "static:inbox/",
    "virtual_mailbox_base": "{folder}/mail",
    "virtual_uid_maps": "static:{uid}",
    "virtual_gid_maps": "static:{gid}",
    "virtual_minimum_uid": "1",
    "local_header_rewrite_clients": "",  # adds no header of its own but Received
    "smtpd_recipient_restrictions": "check_recipient_access regexp:{folder}/etc/refused, "
    "permit_mynetworks, reject",
    "smtpd_data_restrictions": "reject_unauth_pipelining",
    "smtpd_forbid_unauth_pipelining": "yes",
    "smtpd_peername_lookup": "no",
}

REFUSED = """\
/^bounce-/ 550 5.1.1 no such user
/^defer-/ 451 4.3.0 try again later
"""


class Postfix(contextlib.AbstractContextManager["Postfix"]):
    """One instance, running inside the ``with``.

    Args:
        parameters: lines of main.cf over those above; ``{folder}`` is its own folder.
        services: further lines of master.cf; ``{port}`` is the port of the first.
        files: what else lies in its ``{folder}/etc``, by name.
    """

    def __init__(
        self,
        *,
        parameters: Mapping[str, str] | None = None,
        services: Sequence[str] = (),
        files: Mapping[str, str] | None = None,
    ) -> None:
        self._parameters = PARAMETERS | dict(parameters or {})
        self._services = services
        self._files = {"refused": REFUSED} | dict(files or {})
        self.log: list[str] = []
        self._news = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="digest-postfix-")), free_port()
        self._lay_out()
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", LIFE, "sh", self.folder, PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests: it is stopped in order
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.said("daemon started")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
        self._listener.join(30)
        assert self._process.stdout
        self._process.stdout.close()

    def said(self, pattern: str, *, times: int = 1, timeout: float = 30) -> list[str]:
        """Waits until so many lines of the log match; those lines.

        Raises:
            AssertionError: they did not come in time (seconds); the message is the log.
        """

        def found() -> list[str]:
            return [line for line in self.log if re.search(pattern, line)]

        with self._news:
            self._news.wait_for(lambda: self._ended or len(found()) >= times, timeout)
            assert len(found()) >= times, f"Postfix said {pattern!r} too rarely:\n" + "".join(
                self.log
            )
            return found()

    def delivered(self, count: int) -> list[bytes]:
        """Waits until so many mails lie in the inbox; the bytes of all, with CRLF again.

        What Postfix puts before the first header of ours (Return-Path … Received) is still there.
        """
        self.said(r"postfix/virtual.* status=sent", times=count)
        files = sorted((self.folder / "mail/inbox/new").iterdir())
        return [file.read_bytes().replace(b"\n", b"\r\n") for file in files]

    def _lay_out(self) -> None:
        owner = pwd.getpwnam("postfix")
        self.folder.chmod(0o755)
        etc = self.folder / "etc"
        for name in ("etc", "queue", "data", "mail"):
            (self.folder / name).mkdir()
        for name in ("data", "mail"):
            os.chown(self.folder / name, owner.pw_uid, owner.pw_gid)
        names = {"folder": self.folder, "uid": owner.pw_uid, "gid": owner.pw_gid}
        places = {"queue_directory": "{folder}/queue", "data_directory": "{folder}/data"}
        lines = [
            f"{key} = {value}".format(**names) for key, value in (places | self._parameters).items()
        ]
        (etc / "main.cf").write_text("\n".join([*lines, ""]))
        services = [SERVICES, *self._services, ""]
        (etc / "master.cf").write_text("\n".join(services).format(port=self.port, **names))
        for name, text in self._files.items():
            (etc / name).write_text(text)
        for name in ("dynamicmaps.cf", "postfix-files"):  # Debian keeps one of them beside main.cf
            if Path("/etc/postfix", name).exists():
                shutil.copy(Path("/etc/postfix", name), etc)

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self.log.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def free_port() -> int:
    """A port on 127.0.0.1 where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
