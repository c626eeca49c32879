"""The writer: turns a claim into a finished mail, words from ``render``, bytes from ``mime``."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from digest import addresses, compose, links, mime, verp
from digest.links import Signer
from digest.model import (
    Claim,
    Edition,
    Envelope,
    Form,
    MailKind,
    MailLinks,
    MailText,
    Preferences,
    Section,
    Subscriber,
    SubscriberState,
)
from digest.press import Press
from digest.render import Renderer
from digest.stock import Chunk
from digest.verp import Mailbox

if TYPE_CHECKING:
    from digest import dkim

_NOBODY = Subscriber(
    id=0,
    key="",
    email="-",
    state=SubscriberState.ACTIVE,
    preferences=Preferences(),
    created_at=datetime.min.replace(tzinfo=UTC),
)
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
    bounces: Mailbox | None = None  # where refusals by mail come in, each with its token (VERP)
    leaving: Mailbox | None = None  # where mailed unsubscribes come in
    seal: "dkim.Signer | None" = None  # signs; without it that is left to the relay


class Writer:
    """Writes mails for claims. Pure but for the templates it reads; threads may share it."""

    def __init__(
        self, renderer: Renderer, signer: Signer, head: Letterhead, sections: Sequence[Section]
    ) -> None:
        self._renderer = renderer
        self._signer = signer
        self._head = head
        self._sections = sections
        self._domain = head.address.rpartition("@")[2]
        self._presses: dict[str, Press] = {}
        self._setting_up = Lock()

    def prepare(self, edition: Edition) -> None:
        """Sets up what all mails of an edition share, which takes a moment: call it in a thread.

        A template that fails does so again with every mail, and is said there.
        """
        with suppress(Exception):
            self._press(edition)

    def write(self, claim: Claim, edition: Edition | None, now: datetime) -> Envelope:
        """The mail of a claim; a digest needs its edition, a welcome shows the latest.

        Raises:
            InputError: an address cannot be written on an envelope.
        """
        if edition is not None and claim.kind is MailKind.DIGEST:
            name, data = self._digest(claim, edition, now)
        else:
            name, data = self._letter(claim, edition, now)
        head, sender, trace = self._head, self._head.address, ""
        if head.bounces:
            sender = verp.verp(self._signer, claim.delivery_id, claim.address, head.bounces)
            trace = name[1:].partition("@")[0]
        if head.seal:
            data = head.seal.sign(data, now)
        return Envelope(sender, claim.address, name, data, clean=True, trace=trace)

    def words(self, claim: Claim, edition: Edition | None, now: datetime) -> MailText:
        """The mail of a claim as people read it, rendered for itself: for previews, and letters.

        Raises:
            ValueError: a digest without papers, or without its edition.
        """
        if claim.kind is not MailKind.DIGEST:
            to = self._letter_links(claim, edition, now)
            return self._renderer.letter(claim.kind, to, claim.subscriber, edition=edition)
        if edition is None:
            raise ValueError(f"delivery {claim.delivery_id}: a digest without its edition")
        by_id = {item.paper.id: item for item in edition.items}
        items = [by_id[name] for name in claim.paper_ids]
        reader, form = claim.subscriber, _form(claim)
        ticket = links.ticket(self._signer, claim.delivery_id, reader.key)
        to = replace(self.links(reader, edition), ticket=ticket)
        return self._renderer.digest(edition, items, self._sections, to, reader, form=form)

    def _digest(self, claim: Claim, edition: Edition, now: datetime) -> tuple[str, bytes]:
        """A digest by splicing: nothing is done here that could be done once for all readers."""
        reader, seal, press = claim.subscriber, self._signer.sealed, self._press(edition)
        key, content = reader.key, links.content(reader.key)
        leave = seal(links.UNSUBSCRIBE, content)
        tokens = {
            "preferences": seal(links.PREFERENCES, content),
            "unsubscribe": leave,
            "edition": seal(links.EDITION, links.content(edition.id, key)),
            "ticket": links.ticket(self._signer, claim.delivery_id, key).encode("ascii"),
        }
        name = links.message_id(self._signer, edition.id, key, self._domain)
        own = press.own(reader, tokens)
        own["to"] = mime.wire_address(claim.address, "recipient").encode("ascii")
        own["date"] = _dated(now.replace(microsecond=0))  # a second's mails have the same
        own["name"], own["leave"] = name.encode("ascii"), leave
        if self._head.leaving:
            own["leave_by_mail"] = self._leave_by_mail(key).encode("ascii")
        sheet = press.sheet(claim.paper_ids, _form(claim), reader.preferences.categories)
        return name, sheet.fill(own)

    def _leave_by_mail(self, key: str) -> str:
        """Where a mail ends the subscription of the reader of that key; nowhere, as a rule."""
        box = self._head.leaving
        return verp.unsubscribe_address(self._signer, key, box) if box else ""

    def _letter(self, claim: Claim, edition: Edition | None, now: datetime) -> tuple[str, bytes]:
        reader, to = claim.subscriber, self._letter_links(claim, edition, now)
        words = self.words(claim, edition, now)
        which = f"{claim.kind}.{claim.delivery_id}"
        name = links.message_id(self._signer, which, reader.key, self._domain)
        headers = self._headers(claim.kind, to, self._leave_by_mail(reader.key))
        mail = replace(
            self._blank(words.subject, headers),
            recipient=claim.address,
            message_id=name,
            date=now,
            html=words.html,
            text=words.text,
        )
        return name, mime.compose(mail)

    def links(self, reader: Subscriber, edition: Edition | None = None) -> MailLinks:
        """The links of a digest to this reader."""
        token = self._signer.token
        return self._links(
            preferences=token(links.PREFERENCES, reader.key),
            unsubscribe=token(links.UNSUBSCRIBE, reader.key),
            edition=edition,
            mail=token(links.EDITION, edition.id, reader.key) if edition else "",
        )

    def _links(
        self, *, preferences: str, unsubscribe: str, edition: Edition | None, mail: str
    ) -> MailLinks:
        base = self._head.base_url
        return MailLinks(
            home=f"{base}/",
            preferences=f"{base}/preferences/{preferences}",
            unsubscribe=f"{base}/unsubscribe/{unsubscribe}",
            edition=f"{base}/editions/{edition.day}?mail={mail}" if edition else "",
            rate=f"{base}/rate" if edition else "",
            ticket="-",
        )

    def _press(self, edition: Edition) -> Press:
        """The press of an edition, set up once: editions never change, their id is their hash."""
        if press := self._presses.get(edition.id):
            return press
        with self._setting_up:
            if edition.id not in self._presses:
                blank = self._links(preferences="-", unsubscribe="-", edition=edition, mail="-")
                head = partial(self._form, edition)
                press = Press(self._renderer, edition, self._sections, blank, _NOBODY, head=head)
                while len(self._presses) >= _PRESSES:
                    del self._presses[next(iter(self._presses))]
                self._presses[edition.id] = press
            return self._presses[edition.id]

    def _letter_links(self, claim: Claim, edition: Edition | None, now: datetime) -> MailLinks:
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
            case MailKind.GOODBYE:
                token = self._signer.token(links.UNDO, reader.key, expires=expires)
                return replace(plain, confirm=f"{base}/undo/{token}")
            case MailKind.WELCOME if edition:
                return replace(plain, edition=f"{base}/editions/{edition.day}")
        return plain

    def _form(self, edition: Edition, subject: str) -> list[Chunk]:
        """The header block of an edition's mails with that subject, holes in it.

        It is written with marks where the holes shall be, and cut up there. Nobody outside knows
        the marks, so none can stand in a subject that came from a feed.
        """
        mark = self._signer.fingerprint("mark", edition.id)
        to = self._links(preferences="", unsubscribe=f"{mark}-leave", edition=edition, mail="")
        box = self._head.leaving
        by_mail = f"{mark}-mail@{box.domain}" if box else ""
        mail = replace(
            self._blank(subject, self._headers(MailKind.DIGEST, to, by_mail, edition)),
            recipient=f"{mark}-to@{self._domain}",
            message_id=f"<{mark}-name@{self._domain}>",
            date=edition.cut,
            seed=edition.id,
        )
        day = f"\r\nDate: {mime.dated(edition.cut)}"  # begins a line: no subject's word does
        text = mime.header_block(mail).decode("ascii")
        text = text.replace(day, f"\r\nDate: {mark}-date", 1)
        holes = {
            mail.recipient: "to",
            mail.message_id: "name",
            f"{mark}-date": "date",
            f"{mark}-leave": "leave",
        }
        holes |= {by_mail: "leave_by_mail"} if by_mail else {}
        cut = re.split(f"({'|'.join(map(re.escape, holes))})", text)
        return [holes.get(one) or one.encode("ascii") for one in cut]

    def _blank(self, subject: str, headers: tuple[tuple[str, str], ...]) -> mime.Mail:
        """A mail of ours to nobody yet."""
        return mime.Mail(
            sender_name=self._head.name,
            sender_address=self._head.address,
            reply_to=self._head.reply_to,
            recipient="",
            subject=subject,
            html="",
            text="",
            message_id="",
            date=_NOBODY.created_at,
            headers=headers,
        )

    def _headers(
        self, kind: MailKind, to: MailLinks, by_mail: str, edition: Edition | None = None
    ) -> tuple[tuple[str, str], ...]:
        """List headers for whoever is on the list; a letter to a new address only says what it is.

        X-Edition names the edition, so that what a relay accepted can be told from its log.
        """
        if not to.unsubscribe:
            return (("Auto-Submitted", "auto-generated"),)
        when = f"{edition.cut:%Y%m%d%H}" if edition else "letter"
        usual = mime.list_headers(
            list_id=f"daily.{self._domain}",
            list_name=self._head.site,
            unsubscribe_url=to.unsubscribe,
            unsubscribe_mailto=by_mail,
            help_url=to.home,
            owner=self._head.reply_to or self._head.address,
            feedback=(kind.value, when, "daily", self._domain),
        )
        return (*usual, ("X-Edition", edition.id)) if edition else usual


def _form(claim: Claim) -> Form:
    """What a digest looks back on: what the reader chose, on the date it was due."""
    wish = claim.subscriber.preferences
    if wish.paused_until is None and len(wish.days) > 1:
        return Form.DAILY  # nearly everybody, without a look at the calendar
    return compose.form_of(wish, claim.due_at.astimezone(ZoneInfo(wish.zone)).date())


@lru_cache(2)
def _dated(now: datetime) -> bytes:
    return mime.dated(now).encode("ascii")
