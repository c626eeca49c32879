"""The nouns: what the service talks about, as frozen values with no behaviour beyond themselves.

All instants are aware datetimes in UTC; ``day`` and ``local_date`` are dates in a named zone.
Nothing here imports anything of the project, and every other module may import this one.
"""

from digest.model.deliveries import (
    Claim,
    Delivery,
    DeliveryState,
    Envelope,
    MailKind,
    MailLinks,
    MailText,
    Outcome,
    OutcomeKind,
    ReceivedMail,
    Verdict,
)
from digest.model.editions import (
    Colophon,
    Edition,
    Form,
    Gap,
    Item,
    Revision,
    Section,
    Term,
)
from digest.model.papers import Candidate, FetchState, Harvest, Paper, Signal, SourceReport, Visit
from digest.model.readers import (
    EVERY_DAY,
    Consent,
    DueSlot,
    Preferences,
    Subscriber,
    SubscriberState,
)

__all__ = [
    "EVERY_DAY",
    "Candidate",
    "Claim",
    "Colophon",
    "Consent",
    "Delivery",
    "DeliveryState",
    "DueSlot",
    "Edition",
    "Envelope",
    "FetchState",
    "Form",
    "Gap",
    "Harvest",
    "Item",
    "MailKind",
    "MailLinks",
    "MailText",
    "Outcome",
    "OutcomeKind",
    "Paper",
    "Preferences",
    "ReceivedMail",
    "Revision",
    "Section",
    "Signal",
    "SourceReport",
    "Subscriber",
    "SubscriberState",
    "Term",
    "Verdict",
    "Visit",
]
