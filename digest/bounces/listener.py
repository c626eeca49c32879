"""The door in the wall for mail that comes back: an LMTP or SMTP listener for one's own server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from digest.errors import ConfigError, DigestError

MOST_AT_ONCE = 20  # mails being read; further ones wait at their dot

_log = logging.getLogger(__name__)

Take = Callable[[bytes, tuple[str, ...]], object]


class _Intake:
    """What aiosmtpd asks. One recipient a mail: LMTP answers the dot once for each of them."""

    def __init__(self, domain: str, take: Take) -> None:
        self._domain = domain.lower()
        self._take = take
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        """Takes mail for the domain of bounces, and for nobody else: it is no relay."""
        if address.rpartition("@")[2].lower() != self._domain:
            return "550 5.7.1 this server takes mail for bounces only"
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 go on"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Takes a mail, whatever is in it; only a failure of ours makes the server come again."""
        data = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            async with self._slots:
                await asyncio.to_thread(self._take, data, tuple(envelope.rcpt_tos))
        except DigestError as error:
            _log.error("mail that came back was put off: %s", error)
            return "451 4.3.0 cannot be stored now"
        except Exception:  # noqa: BLE001 - a mistake of ours must not cost a mail
            _log.exception("mail that came back could not be taken")
            return "451 4.3.0 cannot be taken now"
        return "250 2.0.0 taken"


@asynccontextmanager
async def listening(  # noqa: D417 - each says what it is
    *, host: str, port: int, lmtp: bool, domain: str, most_bytes: int, take: Take
) -> AsyncIterator[int]:
    """Listens in the running event loop while the block runs; gives the port.

    Args:
        domain: the part behind the @ of addresses that are taken.
        most_bytes: of a mail; larger ones are refused.
        take: called in a thread with a mail and its recipients; whatever it raises is answered with
            a 451, so that the server tries again.

    Raises:
        ConfigError: the port cannot be had.
    """
    loop, intake = asyncio.get_running_loop(), _Intake(domain, take)
    protocol = LMTP if lmtp else SMTP

    def serve() -> SMTP:
        return protocol(
            intake, loop=loop, data_size_limit=most_bytes, enable_SMTPUTF8=True, ident="digest"
        )

    try:
        server = await loop.create_server(serve, host, port)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"bounces: cannot listen on {host}:{port}: {reason}") from error
    async with server:
        yield int(server.sockets[0].getsockname()[1])
