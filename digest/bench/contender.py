"""One contender in a process of its own, so that CPU and memory are its own.

    python -m digest.bench.contender      terms ◀─ stdin;  ready ─▶ stdout;  go ◀─;  usage ─▶

What it needs to begin is made before ``ready``: several of them begin together.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from digest import loop, mime
from digest.app import App
from digest.bench import invented, naive
from digest.bench.meter import Meter, Usage
from digest.bench.terms import AT, BenchError, Terms, application, claim, edition
from digest.mailer import Told
from digest.mailer.smtp import SmtpMailer
from digest.model import Claim, DeliveryState, Edition, Envelope, Outcome, OutcomeKind
from digest.pacing import Pace

Task = Callable[[], Usage]
_TAKEN = Outcome(kind=OutcomeKind.ACCEPTED, code=250, text="2.0.0 taken")


class Swallow:
    """A mailer that takes every mail at once: what is left is writing and the ledger."""

    pace = Pace()
    down: Outcome | None = None

    async def send(
        self, window: Iterable[Envelope], told: Told = lambda _, __: None
    ) -> list[Outcome]:
        """Takes the mails, each written when its turn comes."""
        for number, _ in enumerate(window):
            told(number, _TAKEN)
        return []

    async def close(self) -> None:
        """Does nothing: nothing is open."""


def deliver(terms: Terms) -> Task:
    """From the ledger to the server: the production path."""
    return _delivery(application(terms), terms)


def swallow(terms: Terms) -> Task:
    """The same without a server."""
    return _delivery(application(terms, Swallow()), terms)


def _delivery(app: App, terms: Terms) -> Task:
    delivery = app.delivery

    async def work() -> int:
        try:
            outcomes = (await delivery.run()).outcomes
        finally:
            await app.close()
        if lost := {state: n for state, n in outcomes.items() if state is not DeliveryState.SENT}:
            said = ", ".join(f"{count} {state}" for state, count in lost.items())
            raise BenchError(f"not every mail was sent: {said} of {terms.mails}")
        return outcomes.get(DeliveryState.SENT, 0)

    return lambda: _metered(lambda: loop.run(work()))


def send(terms: Terms) -> Task:
    """Written and sent without a ledger: what that costs is the difference."""
    app = application(terms)
    made, write = edition(app, terms), app.writer.write
    claims = _claims(made, terms)
    windows = [claims[at : at + terms.window] for at in range(0, len(claims), terms.window)]

    async def work() -> int:
        mailer, waiting, sent = SmtpMailer(app.settings.smtp, hostname="bench"), iter(windows), 0

        async def lane() -> int:
            count = 0
            for window in waiting:
                outcomes = await mailer.send(write(one, made, AT) for one in window)
                count += sum(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes)
            return count

        sent = sum(await asyncio.gather(*(lane() for _ in range(terms.connections))))
        await mailer.close()
        return sent

    return lambda: _metered(lambda: loop.run(work()))


def first(terms: Terms) -> Task:
    """The first mail of an edition: all its cards are rendered and encoded for it."""
    app = application(terms)
    made = edition(app, terms)
    return lambda: _metered(lambda: _write(app, made, _claims(made, terms)))


def compose(terms: Terms) -> Task:
    """Mails of an edition that is set up."""
    app = application(terms)
    made = edition(app, terms)
    app.writer.prepare(made)
    claims = _claims(made, terms)
    return lambda: _metered(lambda: _write(app, made, claims))


def signed(terms: Terms, *, twice: bool = False) -> Task:
    """The same, each mail signed by us (DKIM) with RSA; ``twice``: and with Ed25519."""
    app = application(terms)
    made = edition(app, terms)
    app.writer.prepare(made)
    from digest import dkim  # noqa: PLC0415 - a library of 8 MB, which no other task needs

    keys = [dkim.throwaway(ed25519=second) for second in ((False, True) if twice else (False,))]
    sign, claims = dkim.Signer("bench.invalid", keys).sign, _claims(made, terms)

    def work() -> int:
        for one in claims:
            sign(app.writer.write(one, made, AT).data, AT)
        return len(claims)

    return lambda: _metered(work)


def _claims(made: Edition, terms: Terms) -> list[Claim]:
    """What the ledger would hand out for so many mails."""
    chosen = invented.selections(terms.mails, terms.papers, personal=terms.personal)
    return [claim(made, number, cards) for number, cards in enumerate(chosen)]


def _write(app: App, made: Edition, claims: Sequence[Claim]) -> int:
    write = app.writer.write
    for one in claims:
        write(one, made, AT)
    return len(claims)


def whole(terms: Terms) -> Task:
    """The same bytes, each mail rendered and encoded from the beginning."""
    app = application(terms)
    made, sections = edition(app, terms), app.settings.mail_sections()

    def work() -> int:
        for number in range(terms.mails):
            reader = claim(made, number, ()).subscriber
            items = made.items[: terms.papers]
            words = app.renderer.digest(
                made, items, sections, app.writer.links(reader, made), reader
            )
            mime.compose(
                mime.Mail(
                    sender_name=app.settings.site.name,
                    sender_address=app.settings.sender.address,
                    reply_to="",
                    recipient=reader.email,
                    subject=words.subject,
                    html=words.html,
                    text=words.text,
                    message_id=f"<{reader.key}@bench.invalid>",
                    date=AT,
                )
            )
        return terms.mails

    return lambda: _metered(work)


def enqueue(terms: Terms) -> Task:
    """A delivery for each reader who is due: what a scheduler does at the hour of an edition."""
    app = application(terms)
    store, daily = app.store, app.daily
    store.editions.publish(edition(app, terms))
    return lambda: _metered(lambda: daily.queue(AT).readers)


def batches(terms: Terms) -> Task:
    """Which batches have something to send, with all that ``enqueue`` left."""
    ledger = application(terms).store.ledger
    return lambda: _metered(lambda: terms.mails if ledger.batches(AT) else 0)


def naive_send(terms: Terms) -> Task:
    """The yardstick's mails, written and sent."""
    app = application(terms)
    return lambda: _metered(lambda: loop.run(naive.send(app, terms)))


def naive_compose(terms: Terms) -> Task:
    """The yardstick's mails, written only."""
    app = application(terms)
    return lambda: _metered(lambda: naive.compose(app, terms) and terms.mails)


def _metered(work: Callable[[], int]) -> Usage:
    meter = Meter()
    return meter.usage(work())


TASKS: Mapping[str, Callable[[Terms], Task]] = {
    "deliver": deliver,
    "swallow": swallow,
    "send": send,
    "first": first,
    "compose": compose,
    "signed": signed,
    "signed_twice": partial(signed, twice=True),
    "whole": whole,
    "enqueue": enqueue,
    "batches": batches,
    "naive_send": naive_send,
    "naive_compose": naive_compose,
}


def main() -> None:
    """Does what the terms on stdin say; one line on stderr where that fails."""
    terms = Terms.load(sys.stdin.readline())
    task = TASKS[terms.task](terms)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline():  # ends without a word where nobody waits for the result any more
        sys.stdout.write(task().dump() + "\n")


if __name__ == "__main__":
    main()
