"""The bench's report: what was measured on what, and medians that can be compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import median

from digest.bench.meter import Usage

LIBRARIES = ("aiosmtplib", "jinja2", "psycopg", "sqlalchemy")
_THOUSAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who takes part: its name, and a run of it."""

    name: str
    run: Callable[[], Usage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians over the runs of one contender.

    Attributes:
        rate: mails a second, ``rates`` those of each run.
        cpu: seconds of CPU for 1,000 mails; its children's and the servers' are apart.
        peak: bytes of memory at their highest over all runs; 0 where it is not known.
        ratio: how many times as fast the first row is.
    """

    name: str
    mails: int
    rate: float
    rates: Sequence[float]
    seconds: float
    cpu: float
    peak: int
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows, and what they were measured with."""

    what: str
    date: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    terms: Mapping[str, object]
    rows: Sequence[Row]

    def plain(self) -> dict[str, object]:
        """As JSON has it."""
        return asdict(self)


def race(
    contenders: Sequence[Contender], runs: int, told: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """Lets all take turns, ``runs`` times, so that a busy minute is everybody's.

    ``told`` hears who runs next.
    """
    usages: dict[str, list[Usage]] = {one.name: [] for one in contenders}
    for _ in range(runs):
        for one in contenders:
            told(one.name)
            usages[one.name].append(one.run())
    ours = _rate(next(iter(usages.values())))
    return [_row(name, some, ours) for name, some in usages.items()]


def versions(**others: str) -> dict[str, str]:
    """Of the libraries that matter here, and ``others``."""
    found = dict(others)
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # laid into the path by hand
            found[name] = "unknown"
    return found


def _rate(usages: Sequence[Usage]) -> float:
    return median(one.mails / one.seconds for one in usages)


def _row(name: str, usages: Sequence[Usage], ours: float) -> Row:
    rate = _rate(usages)
    return Row(
        name=name,
        mails=usages[0].mails,
        rate=rate,
        rates=[round(one.mails / one.seconds, 1) for one in usages],
        seconds=median(one.seconds for one in usages),
        cpu=median(one.cpu / one.mails for one in usages) * _THOUSAND,
        peak=max(one.peak for one in usages),
        ratio=ours / rate,
    )
