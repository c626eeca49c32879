"""Sources: what may be believed of a field from outside. Pure: text in, safe text or None out."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

TITLE_LENGTH = 1_000
ABSTRACT_LENGTH = 20_000
NAME_LENGTH = 200
AUTHORS = 2_000
CATEGORY_COUNT = 50
ADDRESS_LENGTH = 2_000

# https://info.arxiv.org/help/arxiv_identifier.html: 2601.01234 since 2007-04 (five digits since
# 2015), hep-ex/0307015 before, in places with a subject class (math.GT/0309136) that is no part
# of the name.
_ARXIV_ID = re.compile(
    r"(?:oai:arXiv\.org:|https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/)?"
    r"(?:(?P<new>\d\d(?:0[1-9]|1[0-2])\.\d{4,5})"
    r"|(?P<archive>[a-z]{2,8}(?:-[a-z]{2,4})?)(?:\.[A-Z]{2})?/(?P<number>\d{7}))"
    r"(?:v\d{1,4})?",
    re.ASCII,
)
# Control characters but line feed and tab, and halves of surrogate pairs (JSON can carry both):
# they break headers, databases and encoders.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\\^`{|}\x00-\x20\x7f-\xa0]+", re.IGNORECASE)
# Owner and repository at least: the page of an organisation is not the code of a paper.
_CODE = re.compile(
    r"https?://(?:www\.)?(?:github\.com|gitlab\.com|huggingface\.co(?!/(?:papers|blog|docs)/))"
    r"/[A-Za-z0-9][\w.-]*/[\w.-]+(?:/[\w.-]+)*/?",
    re.ASCII | re.IGNORECASE,
)


def text(value: object, *, limit: int) -> str:
    """``value`` without unprintable characters, at most ``limit`` long; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    # Twice the limit before the cleaning bounds the work, the limit after it the result.
    return _UNPRINTABLE.sub(" ", value[: 2 * limit]).strip()[:limit].rstrip()


def one_line(value: object, *, limit: int) -> str:
    """As ``text``, with every run of white space made one space: for titles, names and notes."""
    return " ".join(text(value, limit=2 * limit).split())[:limit].rstrip()


def arxiv_id(value: object) -> str | None:
    """The canonical id, without version, in an OAI name, an abs or pdf address, or as it is."""
    found = _ARXIV_ID.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    return found["new"] or f"{found['archive']}/{found['number']}"


def address(value: object) -> str | None:
    """``value`` if it is an http or https address with a host and without a password in it."""
    if not isinstance(value, str) or len(value) > ADDRESS_LENGTH or not _ADDRESS.fullmatch(value):
        return None
    try:
        parts = urlsplit(value)
        sound = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return None
    return value if sound else None


def code_address(prose: str) -> str | None:
    r"""The first repository on GitHub, GitLab or Hugging Face that ``prose`` names.

    LaTeX writes ``\_`` for an underscore. An address that ends in a hyphen was broken over two
    lines: a wrong link is worse than none.
    """
    for found in _CODE.finditer(prose.replace("\\_", "_")):
        link = address(found[0].rstrip("./_"))
        if link and not link.endswith("-"):
            return link
    return None


def instant(value: object) -> datetime | None:
    """An ISO 8601 or RFC 5322 date as aware UTC; without a zone it is taken for UTC."""
    if not isinstance(value, str) or len(value) > NAME_LENGTH:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value.strip())
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return aware.astimezone(UTC)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None
