"""Hand-written doubles of what is outside: a source that shows harvests, a relay that answers."""

from digest.model import Outcome, OutcomeKind
from digest.pacing import Pace

ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, code=250, text="2.0.0 queued")


class FakeSource:
    """Shows one harvest a look, the last one for ever; an exception among them is raised."""

    emits = frozenset({"votes", "comments", "stars", "code", "listed"})

    def __init__(self, *harvests, name="huggingface"):
        self.name = name
        self.harvests = list(harvests)
        self.looks = []  # the instants

    async def fetch(self, now, visits):  # noqa: ARG002 - the protocol's
        self.looks.append(now)
        found = self.harvests.pop(0) if len(self.harvests) > 1 else self.harvests[0]
        if isinstance(found, Exception):
            raise found
        return found


class FakeMailer:
    """Accepts every mail, but for ``outcomes``: by local part, one a try, the last for ever."""

    def __init__(self, outcomes=None, before=None):
        self.outcomes = {name: list(given) for name, given in (outcomes or {}).items()}
        self.before = before  # awaited with every window before it is answered
        self.windows = []
        self.down, self.pace = None, Pace()

    async def send(self, window, told=lambda _, __: None):
        window = list(window)
        self.windows.append([envelope.recipient for envelope in window])
        if self.before:
            await self.before(window)
        outcomes = [self.answer(envelope.recipient.partition("@")[0]) for envelope in window]
        for number, outcome in enumerate(outcomes):
            told(number, outcome)
        return outcomes

    def answer(self, name):
        given = self.outcomes.get(name, [ACCEPTED])
        return given.pop(0) if len(given) > 1 else given[0]

    async def close(self):
        self.closed = True


class FakeAnnotator:
    """Tells the same of every paper that is known: numbers and links; an exception is raised."""

    emits = frozenset({"points"})

    def __init__(self, tell, name="hackernews"):
        self.name = name
        self.tell = tell  # of known papers, at now: a harvest, or an exception
        self.known = []  # what each look was told of

    async def annotate(self, now, visits, known):  # noqa: ARG002 - the protocol's
        self.known.append(dict(known))
        if isinstance(self.tell, Exception):
            raise self.tell
        return self.tell(known, now)
