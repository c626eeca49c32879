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
from digest.model.editions import Edition, Item, Section, Term
from digest.model.feedback import (
    Action,
    Alert,
    DeliveryReport,
    Feedback,
    FeedbackKind,
    History,
    Notice,
    NoticeKind,
    Ruling,
)
from digest.model.jobs import DIGESTS, PROMPT, SEND, Batch, JobCount, QueueView, WorkerSign
from digest.model.papers import (
    Candidate,
    Earlier,
    FetchState,
    Harvest,
    Paper,
    Signal,
    SourceReport,
    Visit,
)
from digest.model.readers import (
    EVERY_DAY,
    Consent,
    DueSlot,
    Preferences,
    Subscriber,
    SubscriberState,
)

__all__ = [
    "DIGESTS",
    "EVERY_DAY",
    "PROMPT",
    "SEND",
    "Action",
    "Alert",
    "Batch",
    "Candidate",
    "Claim",
    "Consent",
    "Delivery",
    "DeliveryReport",
    "DeliveryState",
    "DueSlot",
    "Earlier",
    "Edition",
    "Envelope",
    "Feedback",
    "FeedbackKind",
    "FetchState",
    "Harvest",
    "History",
    "Item",
    "JobCount",
    "MailKind",
    "MailLinks",
    "MailText",
    "Notice",
    "NoticeKind",
    "Outcome",
    "OutcomeKind",
    "Paper",
    "Preferences",
    "QueueView",
    "ReceivedMail",
    "Ruling",
    "Section",
    "Signal",
    "SourceReport",
    "Subscriber",
    "SubscriberState",
    "Term",
    "Verdict",
    "Visit",
    "WorkerSign",
]
