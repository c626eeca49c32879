"""The bench's yardstick: mails as one would write and send them with the libraries alone.

Jinja and css-inline for every reader, the standard library's ``EmailMessage``, aiosmtplib's
``send_message`` on a connection that is kept.
"""

import asyncio
from collections.abc import Iterator
from email.message import EmailMessage
from itertools import islice

import aiosmtplib

from digest.app import App
from digest.bench import invented
from digest.bench.terms import AT, Terms, claim, edition


def messages(app: App, terms: Terms) -> Iterator[EmailMessage]:
    """A message for each of the mails."""
    made, sections = edition(app, terms), app.settings.mail_sections()
    chosen = invented.selections(terms.mails, terms.papers, personal=terms.personal)
    for number, cards in enumerate(chosen):
        reader = claim(made, number, cards).subscriber
        links = app.writer.links(reader, made)
        items = [made.items[card] for card in cards]
        mail = app.renderer.digest(made, items, sections, links, reader)
        message = EmailMessage()
        message["From"] = f"{app.settings.site.name} <{app.settings.sender.address}>"
        message["To"] = reader.email
        message["Subject"] = mail.subject
        message["Date"] = AT
        message["Message-ID"] = f"<{made.id}.{reader.key}@bench.invalid>"
        message["List-Unsubscribe"] = f"<{links.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        yield message


async def send(app: App, terms: Terms) -> int:
    """Sends the mails over ``connections`` connections; returns how many."""
    waiting, counts = messages(app, terms), list[int]()

    async def lane() -> None:
        relay = aiosmtplib.SMTP(hostname=terms.host, port=terms.port, start_tls=False)
        async with relay:
            for message in waiting:
                await relay.send_message(message)
                counts.append(1)

    await asyncio.gather(*(lane() for _ in range(min(terms.connections, terms.mails))))
    return len(counts)


def compose(app: App, terms: Terms) -> int:
    """Writes the mails; returns the bytes of the first one."""
    written = (message.as_bytes() for message in messages(app, terms))
    first = next(written)
    for _ in islice(written, terms.mails):
        pass
    return len(first)
