"""What comes back and how we sign, built from the settings: mailboxes, policy, webhooks, listener.

Part of the application's floor; kept apart from ``app`` so that ``digest dkim`` needs no database.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from digest.errors import ConfigError
from digest.links import Signer
from digest.returns import Returns, Taken
from digest.settings import Bounces, Dkim, Settings, Suppression
from digest.settings.secret import key_file
from digest.store import Store
from digest.suppression import Policy
from digest.verp import Mailbox

if TYPE_CHECKING:
    import httpx2

    from digest import dkim
    from digest.bounces.mailgun import Mailgun
    from digest.bounces.sns import Sns


def dkim_signer(settings: Dkim) -> "dkim.Signer | None":
    """What signs our mails; None where they are left to the relay.

    Raises:
        ConfigError: a key cannot be read or used; nothing of it is shown.
    """
    if not settings.key_file:
        return None
    from digest import dkim  # noqa: PLC0415 - only who signs needs its library

    keys = [dkim.rsa_key(key_file(settings.key_file, "dkim.key_file"), settings.selector)]
    if path := settings.ed25519_key_file:
        second = key_file(path, "dkim.ed25519_key_file")
        keys.append(dkim.ed25519_key(second, settings.ed25519_selector))
    return dkim.Signer(settings.domain, keys)


def bounce_box(settings: Bounces) -> Mailbox | None:
    """Where bounces come in; None where nobody said."""
    return _box(settings, settings.mailbox)


def unsubscribe_box(settings: Bounces) -> Mailbox | None:
    """Where mailed unsubscribes come in; None where nobody said."""
    return _box(settings, settings.unsubscribe_mailbox)


def policy(settings: Suppression) -> Policy:
    """The numbers of the rule."""
    return Policy(
        points=settings.points,
        forget=timedelta(days=settings.forget_days),
        proven_days=settings.proven_days,
        window=timedelta(hours=settings.window_hours),
        equal_refusals=settings.equal_refusals,
        refusal_share=settings.refusal_share,
        complaint_rate=settings.complaint_rate,
        pause=timedelta(hours=settings.pause_hours),
    )


class Intake:
    """The ways in. ``sns`` and ``mailgun`` are None where they are off.

    Args:
        settings: all of them.
        store: the database.
        signer: of links.
        clock: gives the present instant.
        transport: carries requests to Amazon instead of the network.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        signer: Signer,
        *,
        clock: Callable[[], datetime],
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._transport = transport
        self.returns = Returns(store, signer, policy(settings.suppression))

    @property
    def most_bytes(self) -> int:
        """Of a mail that is taken."""
        return self._settings.bounces.max_kilobytes * 1024

    @cached_property
    def sns(self) -> "Sns | None":
        """Amazon SES."""
        if not (topic := self._settings.webhooks.ses.topic_arn):
            return None
        from digest.bounces.sns import Sns  # noqa: PLC0415 - only these webhooks need its libraries

        return Sns(topic, transport=self._transport)

    @cached_property
    def mailgun(self) -> "Mailgun | None":
        """Mailgun."""
        if not (key := self._settings.webhooks.mailgun.signing_key.get_secret_value()):
            return None
        from digest.bounces.mailgun import Mailgun  # noqa: PLC0415 - as above

        return Mailgun(key)

    def mail(self, data: bytes, recipients: tuple[str, ...]) -> Taken:
        """Takes a mail that came to a mailbox of ours. Raises StoreError only."""
        return self.returns.mail(data, recipients, self._clock())

    @asynccontextmanager
    async def listening(self, host: str = "", port: int | None = None) -> AsyncIterator[int]:
        """Listens for mail while the block runs; gives the port.

        Args:
            host: by default that of the settings.
            port: by default that of the settings; 0 takes a free one.

        Raises:
            ConfigError: there is no domain for bounces, or the port cannot be had.
        """
        where = self._settings.bounces
        if not where.domain:
            raise ConfigError("bounces.domain is not set (DIGEST_BOUNCES__DOMAIN)")
        from digest.bounces.listener import listening  # noqa: PLC0415 - only here a server is needed

        host, port = host or where.listen_host, where.listen_port if port is None else port
        listener = listening(
            host=host,
            port=port,
            lmtp=where.protocol == "lmtp",
            domain=where.domain,
            most_bytes=self.most_bytes,
            take=self.mail,
        )
        async with listener as taken:
            yield taken

    @asynccontextmanager
    async def listening_if_wanted(self) -> AsyncIterator[None]:
        """The same for ``digest serve``: only where the settings name a port."""
        if not self._settings.bounces.listen_port:
            yield
            return
        async with self.listening():
            yield


def _box(settings: Bounces, local: str) -> Mailbox | None:
    if not settings.domain:
        return None
    return Mailbox(local=local, domain=settings.domain, separator=settings.separator)
