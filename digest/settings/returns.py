"""The tables about trust and what comes back: DKIM, bounces, what follows from them, webhooks."""

from typing import Annotated, Literal

import idna
from pydantic import AfterValidator, Field, SecretStr, model_validator

from digest.settings.tables import Part


def _domain(value: str) -> str:
    """A domain as DNS and envelopes have it: in lower case, an IDN as its A-labels."""
    if not value:
        return ""
    try:
        found = idna.encode(value, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError("a domain, like bounces.example.org") from error
    if "." not in found:
        raise ValueError("a domain, like bounces.example.org")
    return found


Domain = Annotated[str, AfterValidator(_domain)]
Selector = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^$")]
# Short, for a token goes after it and RFC 5321 leaves 64 octets before the @.
LocalPart = Annotated[str, Field(pattern=r"^[a-z0-9]{1,12}$")]


class Dkim(Part):
    """Our own signatures; most relays sign by themselves. Without ``key_file`` nothing is signed.

    Keys are files in PEM; ``digest dkim`` prints what to publish.
    """

    domain: Domain = ""
    selector: Selector = ""
    key_file: str = ""
    ed25519_selector: Selector = ""
    ed25519_key_file: str = ""

    @model_validator(mode="after")
    def _complete(self) -> "Dkim":
        if self.key_file and not (self.domain and self.selector):
            raise ValueError("dkim.key_file needs dkim.domain and dkim.selector")
        if self.ed25519_key_file and not (self.key_file and self.ed25519_selector):
            raise ValueError("dkim.ed25519_key_file needs dkim.ed25519_selector and dkim.key_file")
        if self.ed25519_key_file and self.ed25519_selector == self.selector:
            raise ValueError("dkim.ed25519_selector: each key needs a selector of its own")
        return self


class Bounces(Part):
    """Where bounces and mailed unsubscribes come in. Without ``domain`` there is no such place."""

    domain: Domain = ""
    mailbox: LocalPart = "bounce"
    unsubscribe_mailbox: LocalPart = "unsubscribe"
    separator: Literal["+", "-", "="] = "+"
    listen_host: str = "127.0.0.1"
    listen_port: int = Field(default=0, ge=0, le=65535)
    protocol: Literal["lmtp", "smtp"] = "lmtp"
    max_kilobytes: int = Field(default=1024, ge=64, le=2048)

    @model_validator(mode="after")
    def _for_somebody(self) -> "Bounces":
        if self.listen_port and not self.domain:
            raise ValueError("bounces.listen_port needs bounces.domain")
        return self


class Suppression(Part):
    """What follows from bounces and complaints: see ``suppression``."""

    points: int = Field(default=5, ge=1, le=100)
    forget_days: int = Field(default=30, ge=1, le=365)
    proven_days: int = Field(default=7, ge=1, le=365)
    window_hours: float = Field(default=24, gt=0, le=168)
    equal_refusals: int = Field(default=10, ge=2)
    refusal_share: float = Field(default=0.1, ge=0, le=1)
    complaint_rate: float = Field(default=0.001, ge=0, le=1)
    pause_hours: float = Field(default=6, gt=0, le=168)


class SesPart(Part):
    """Amazon SES through SNS: on once the topic is named."""

    topic_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:[\w.-]+$|^$")] = ""


class MailgunPart(Part):
    """Mailgun: on once the account's webhook signing key is set."""

    signing_key: SecretStr = SecretStr("")


class Webhooks(Part):
    """Providers that report over HTTP, under ``/webhooks/NAME``."""

    ses: SesPart = SesPart()
    mailgun: MailgunPart = MailgunPart()
