"""The errors that cross a room's wall, all with a message that names the thing and what to do.

DigestError
├── ConfigError        a setting is wrong: the message names its key and its value
├── SourceError        a source did not answer, or not with what it promises  (.source)
├── StoreError         the database cannot be used
│   ├── Busy           somebody else is writing to it, and there was no time to wait
│   ├── Fenced         it is older than what was seen of it, or a copy: nothing goes out
│   └── TakenForDead   a worker lost its lock: what it had claimed is in doubt
├── LinkError          a token is altered, of another kind, or too old
│   └── ExpiredLink    it was good once: ask for a new one
├── SignatureError     a webhook's message is not from the provider it names
├── InputError         what somebody typed cannot be taken  (.field)
└── TooManyRequests    asked too often from there
"""


class DigestError(Exception):
    """Everything this project raises on purpose."""


class ConfigError(DigestError):
    """A setting is missing or wrong."""


class SourceError(DigestError):
    """A source failed: ``source`` is its name, the message the reason in one line."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(reason)
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.args[0]}"


class StoreError(DigestError):
    """The database cannot be opened, or is not of this version."""


class Busy(StoreError):  # noqa: N818 - the state the database is in
    """Somebody else is writing: nothing was done, and the same may be asked again."""


class Fenced(StoreError):  # noqa: N818 - the state the database is in
    """A database that was restored or moved: nothing goes out without the operator's word."""


class TakenForDead(StoreError):  # noqa: N818 - what happened to the worker
    """A worker lost its lock, and somebody put in doubt what it had claimed."""


class LinkError(DigestError):
    """A link's token cannot be trusted."""


class ExpiredLink(LinkError):  # noqa: N818 - the name says what happened
    """A link's token was good and is too old now."""


class SignatureError(DigestError):
    """A message of a webhook is altered, too old, or not from the provider."""


class InputError(DigestError):
    """Something that was typed in cannot be used: ``field`` names where."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class TooManyRequests(DigestError):  # noqa: N818 - the name of the HTTP status
    """Too many sign-ups from one network, or for one address."""
