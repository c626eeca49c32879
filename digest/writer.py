"""The writer: turns a claim into a finished mail, words from ``render``, bytes from ``mime``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from digest import addresses, links, mime
from digest.links import Signer
from digest.model import Claim, Edition, Envelope, MailKind, MailLinks, Section, Subscriber
from digest.press import Press
from digest.render import Renderer

_PRESSES = 2  # editions whose shared pieces are kept: today's, and one whose retries still go out


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes: what all mails have in common."""

    name: str
    address: str
    reply_to: str
    site: str
    base_url: str
    confirm_for: timedelta


class Writer:
    """Writes mails for claims. Pure but for the templates it reads; threads may share it."""

    def __init__(
        self, renderer: Renderer, signer: Signer, head: Letterhead, sections: Sequence[Section]
    ) -> None:
        self._renderer = renderer
        self._signer = signer
        self._head = head
        self._sections = sections
        self._presses: dict[str, Press] = {}
        self._setting_up = Lock()

    def write(self, claim: Claim, edition: Edition | None, now: datetime) -> Envelope:
        """The mail of a claim; a digest needs its edition.

        Raises:
            InputError: an address cannot be written on an envelope.
        """
        reader, domain = claim.subscriber, self._head.address.rpartition("@")[2]
        if edition is not None and claim.kind is MailKind.DIGEST:
            to = self.links(reader, edition)
            press = self._press(edition, to, reader)
            subject, text, html = press.digest(claim.paper_ids, to, reader)
            mail = edition.id
        else:
            to = self._letter_links(claim, now)
            words = self._renderer.letter(claim.kind, to, reader)
            subject = words.subject
            text, html = mime.encode_part(words.text), mime.encode_part(words.html)
            mail = f"{claim.kind}.{claim.delivery_id}"
        name = links.message_id(self._signer, mail, reader.key, domain)
        bytes_ = mime.header_block(
            mime.Mail(
                sender_name=self._head.name,
                sender_address=self._head.address,
                reply_to=self._head.reply_to,
                recipient=claim.address,
                subject=subject,
                html="",
                text="",
                message_id=name,
                date=now,
                headers=self._headers(claim, edition, to, domain),
            ),
        )
        bytes_ += mime.alternative(mime.boundary(name), text, html)
        return Envelope(
            sender=self._head.address, recipient=claim.address, message_id=name, data=bytes_
        )

    def links(self, reader: Subscriber, edition: Edition | None = None) -> MailLinks:
        """The links of a digest to this reader."""
        base, token = self._head.base_url, self._signer.token
        mail = token(links.EDITION, edition.id, reader.key) if edition else ""
        return MailLinks(
            home=f"{base}/",
            preferences=f"{base}/preferences/{token(links.PREFERENCES, reader.key)}",
            unsubscribe=f"{base}/unsubscribe/{token(links.UNSUBSCRIBE, reader.key)}",
            edition=f"{base}/editions/{edition.day}?mail={mail}" if edition else "",
        )

    def _press(self, edition: Edition, to: MailLinks, reader: Subscriber) -> Press:
        """The press of an edition, set up once: editions never change, their id is their hash."""
        with self._setting_up:
            if edition.id not in self._presses:
                press = Press(self._renderer, edition, self._sections, to, reader)
                while len(self._presses) >= _PRESSES:
                    del self._presses[next(iter(self._presses))]
                self._presses[edition.id] = press
            return self._presses[edition.id]

    def _letter_links(self, claim: Claim, now: datetime) -> MailLinks:
        """The links of a letter: one to confirm, one to leave, and no preferences before that."""
        reader, base = claim.subscriber, self._head.base_url
        plain, expires = self.links(reader), now + self._head.confirm_for
        match claim.kind:
            case MailKind.CONFIRM:
                token = self._signer.token(links.CONFIRM, reader.key, expires=expires)
                return MailLinks(
                    home=plain.home,
                    unsubscribe=plain.unsubscribe,
                    confirm=f"{base}/confirm/{token}",
                )
            case MailKind.CHANGE:
                new = self._signer.fingerprint("address", addresses.key(claim.address))
                token = self._signer.token(links.CHANGE, reader.key, new, expires=expires)
                return MailLinks(home=plain.home, confirm=f"{base}/move/{token}")
        return plain

    def _headers(
        self, claim: Claim, edition: Edition | None, to: MailLinks, domain: str
    ) -> tuple[tuple[str, str], ...]:
        """List headers for whoever is on the list; a letter to a new address only says what it is.

        X-Edition names the edition, so that what a relay accepted can be told from its log.
        """
        if not to.unsubscribe:
            return (("Auto-Submitted", "auto-generated"),)
        when = f"{edition.cut:%Y%m%d%H}" if edition else "letter"
        usual = mime.list_headers(
            list_id=f"daily.{domain}",
            list_name=self._head.site,
            unsubscribe_url=to.unsubscribe,
            help_url=to.home,
            owner=self._head.reply_to or self._head.address,
            feedback=(claim.kind.value, when, "daily", domain),
        )
        return (*usual, ("X-Edition", edition.id)) if edition else usual
