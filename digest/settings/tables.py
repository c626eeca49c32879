"""The tables of the configuration: each frozen, with nothing unknown in it, every value checked."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from digest import colours
from digest.model import EVERY_DAY
from digest.taxonomy import CATEGORIES
from digest.timetable import known_zones

# Control characters, separators of lines and paragraphs, bytes that are no UTF-8.
UNFIT = ("Cc", "Zl", "Zp", "Cs")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _zone(value: str) -> str:
    if value not in known_zones():
        raise ValueError(f"{value!r} is not a time zone (expected one like Europe/Berlin)")
    return value


def _category(value: str) -> str:
    if value not in CATEGORIES:
        raise ValueError(f"{value!r} is not an arXiv category (expected one like cs.CL)")
    return value


def _weekdays(value: object) -> object:
    if not isinstance(value, list | tuple | set):
        return value
    unknown = [day for day in value if day not in WEEKDAYS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a weekday (expected {', '.join(WEEKDAYS)})")
    return frozenset(WEEKDAYS.index(day) for day in value)


def _origin(value: str) -> str:
    """An http(s) address in its normal form: without a trailing slash, in ASCII."""
    url = TypeAdapter(HttpUrl).validate_python(value)
    if url.query is not None or url.fragment is not None:
        raise ValueError("an address without ? and #")
    if url.username is not None or url.password is not None:
        raise ValueError("an address without user and password")
    return str(url).rstrip("/")


def _network(value: str) -> str:
    """An address or a network of machines, like 10.0.0.0/8."""
    return str(ip_network(value))


def _one_line(value: str) -> str:
    if any(category(letter) in UNFIT for letter in value):
        raise ValueError("one line of text, without control characters")
    return value


Zone = Annotated[str, AfterValidator(_zone)]
Category = Annotated[str, AfterValidator(_category)]
Weekdays = Annotated[frozenset[int], BeforeValidator(_weekdays)]
Origin = Annotated[str, AfterValidator(_origin)]
Network = Annotated[str, AfterValidator(_network)]
Line = Annotated[str, AfterValidator(_one_line)]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Fonts = Annotated[str, Field(pattern=r"^[A-Za-z0-9 ,-]+$")]
# Bounds of what multiplies a logarithm keep every score a finite number.
Weight = Annotated[float, Field(ge=-5, le=5)]
Limit = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """A table of the configuration: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Site(Part):
    """What readers see of the operator."""

    name: Line = "Trending Papers"
    tagline: Line = "The papers that matter today, and why each is there."


class Brand(Part):
    """How mails and pages look: a text for a logo, colours of both schemes, fonts.

    Every colour of ``colours.LIGHT`` may be named; those that are not stay as they are. Text that
    would be hard to read on its ground is an error that says which.
    """

    logo: Line = ""
    light: Mapping[str, Colour] = Field(default_factory=dict, validate_default=True)
    dark: Mapping[str, Colour] = Field(default_factory=dict, validate_default=True)
    text_font: Fonts = "-apple-system,Segoe UI,Roboto,Arial,sans-serif"
    title_font: Fonts = "Georgia,serif"

    @field_validator("light", "dark")
    @classmethod
    def _readable(cls, given: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        usual = colours.DARK if info.field_name == "dark" else colours.LIGHT
        if unknown := sorted(given.keys() - usual.keys()):
            raise ValueError(f"{unknown[0]!r} is no colour of ours (there are {', '.join(usual)})")
        palette = {**usual, **given}
        for text, ground, ratio in colours.unreadable(palette):
            raise ValueError(f"{text} on {ground} has a contrast of {ratio:.1f}, less than 4.5")
        return palette


class Sender(Part):
    """Who the mail comes from. ``postal_address`` is required before anything is sent."""

    address: Line = ""
    name: Line = ""
    reply_to: Line = ""
    postal_address: Line = ""


class Smtp(Part):
    """The relay. ``tls`` is kept: there is no silent fall-back to plain text."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    username: str = ""
    password: SecretStr = SecretStr("")
    tls: Literal["none", "starttls", "tls"] = "starttls"
    ca_file: str = ""
    timeout: float = Field(default=30.0, gt=0, le=3600)
    connections: int = Field(default=4, ge=1, le=100)
    messages_per_connection: int = Field(default=100, ge=1)
    pipelining: bool = True
    bdat_window: int = Field(default=0, ge=0, le=100)
    # Limits of one process; 0 is none.
    per_second: Limit = 0
    per_hour: Limit = 0
    per_domain_per_minute: Limit = 0
    domains_per_minute: Mapping[str, Limit] = Field(default_factory=dict)


class Schedule(Part):
    """When things happen."""

    zone: Zone = "UTC"
    tick_seconds: int = Field(default=30, ge=1, le=3600)
    collect_minutes: int = Field(default=60, ge=5, le=1440)
    fresh_minutes: int = Field(default=5, ge=0, le=60)
    cut_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = 1
    catch_up_hours: int = Field(default=6, ge=0, le=12)
    quiet_days: Literal["skip", "send"] = "skip"


class Readers(Part):
    """What a new reader gets until they choose."""

    hour: int = Field(default=7, ge=0, le=23)
    papers: int = Field(default=12, ge=1, le=40)
    days: Weekdays = Field(default=EVERY_DAY, min_length=1)


class Signup(Part):
    """Limits of the sign-up form."""

    per_address_per_day: int = Field(default=3, ge=1)
    per_network_per_hour: int = Field(default=20, ge=1)
    confirm_days: int = Field(default=7, ge=1, le=60)


class GuardsPart(Part):
    """What keeps a score from being fooled: see ``ranking.guards``; 0 and false switch one off."""

    burst_votes_per_hour: float = Field(default=50.0, ge=0)
    single_source: float = Field(default=0.9, ge=0, le=1)
    per_organisation: int = Field(default=3, ge=0)
    per_submitter: int = Field(default=0, ge=0)
    exploration: bool = False


class SlowBurnersPart(Part):
    """The bar for papers that are noticed days later: see ``ranking.burners``; best 0: none."""

    days: int = Field(default=2, ge=1, le=60)
    votes: int = Field(default=10, ge=1)
    share: float = Field(default=0.3, ge=0, le=1)
    top: int = Field(default=12, ge=0)
    best: int = Field(default=40, ge=0)


class Ranking(Part):
    """The formula's numbers: see ``ranking``."""

    model: Literal["shipped", "closed"] | Line = "shipped"
    learn: bool = False
    learn_hour: int = Field(default=3, ge=0, le=23)
    learn_days: int = Field(default=240, ge=60, le=3650)  # fewer are never enough to judge
    cold_start: bool = True
    history_days: int = Field(default=365, ge=1, le=3650)
    guards: GuardsPart = GuardsPart()
    slow_burners: SlowBurnersPart = SlowBurnersPart()

    window_days: int = Field(default=7, ge=1, le=60)
    pool: int = Field(default=150, ge=1, le=2000)
    age_exponent: float = Field(default=0.2, ge=0, le=10)
    delay_exponent: float = Field(default=0.66, ge=0, le=10)
    weights: Mapping[str, Weight] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _learned_somewhere(self) -> "Ranking":
        if self.learn and self.model in {"shipped", "closed"}:
            raise ValueError('learn needs a file for its model, like model = "var/ranking.json"')
        return self


class SectionPart(Part):
    """A section of the mail, in the order of the file."""

    name: str
    title: Line
    share: float = Field(ge=0, le=1)


class DeliveryPart(Part):
    """How editions leave the house: by this process, or by workers over PostgreSQL."""

    dispatch: Literal["inline", "queue"] = "inline"
    window: int = Field(default=10, ge=1, le=1000)
    batch: int = Field(default=500, ge=1, le=10_000)
    deadline_hours: float = Field(default=24.0, gt=0, le=72)
    first_retry_seconds: float = Field(default=60.0, gt=0, le=86_400)
    grace_seconds: float = Field(default=25.0, ge=0, le=3600)
