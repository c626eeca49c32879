"""Sources: which paper is it? One paper has one id, whoever tells of it. Pure.

arXiv id in any form, arXiv's own DOI   ──▶ 2601.01234, hep-ex/0307015
any other DOI, bioRxiv's addresses       ──▶ 10.1101/2026.01.02.123456 (lower case, no version)
anything else                            ──▶ web/ and a hash of the address
"""

import hashlib
import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from digest.sources.fields import address, arxiv_id

# https://www.doi.org/doi-handbook/HTML/: any printable character may follow the slash; these occur.
_DOI = re.compile(
    r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(?P<doi>10\.\d{4,9}/[a-z0-9._;()/:-]{1,100})",
    re.ASCII | re.IGNORECASE,
)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(?P<id>.+)")
_PREPRINT = re.compile(
    r"/content/(?:early/\d{4}/\d{2}/\d{2}/)?(?P<doi>10\.\d{4,9}/[0-9.]+)(?:v\d{1,4})?(?:\.[a-z.-]+)?",
    re.ASCII | re.IGNORECASE,
)
_FORMS = {("arxiv.org", "abs"), ("arxiv.org", "pdf"), ("arxiv.org", "html")}
_PAGES = _FORMS | {("huggingface.co", "papers")}
_TRACKING = re.compile(r"utm_\w+|ref|rss|source|fbclid|gclid|mc_\w+")


def doi(value: object) -> str | None:
    """A DOI in lower case, as it is or in an address of doi.org."""
    found = _DOI.fullmatch(value.strip()) if isinstance(value, str) else None
    return found["doi"].lower() if found and ".." not in found["doi"] else None


def paper_id(*told: object) -> str | None:
    """The id of a paper of which these names and addresses are told; arXiv's where one is."""
    ids = [found for value in told if (found := _paper_id(value))]
    return next((one for one in ids if arxiv_id(one)), ids[0] if ids else None)


def _paper_id(value: object) -> str | None:
    found = arxiv_id(value) or paper_of(value)
    if found:
        return found
    name = doi(value) or _preprint(value)
    own = _ARXIV_DOI.fullmatch(name) if name else None
    return arxiv_id(own["id"]) if own else name


def paper_of(url: object) -> str | None:
    """The arXiv id in an address of arXiv (any of its forms) or of Hugging Face's papers."""
    known = address(url)
    if known is None:
        return None
    parts = urlsplit(known)
    kind, _, rest = parts.path.lstrip("/").partition("/")
    if (_host(parts.hostname), kind) not in _PAGES:
        return None
    return arxiv_id(rest.rstrip("/").removesuffix(".pdf"))


def _preprint(url: object) -> str | None:
    """The DOI in an address of bioRxiv or medRxiv."""
    known = address(url)
    parts = urlsplit(known or "")
    if _host(parts.hostname) not in {"biorxiv.org", "medrxiv.org"}:
        return None
    found = _PREPRINT.fullmatch(unquote(parts.path).rstrip("/"))
    return found["doi"].lower() if found else None


def web_id(url: str) -> str:
    """The id of what has no other name than its address: the same without scheme and tracking."""
    parts = urlsplit(url)
    asked = [(name, value) for name, value in parse_qsl(parts.query) if not _told_by(name)]
    plain = f"{_host(parts.hostname)}{parts.path.rstrip('/')}?{urlencode(sorted(asked))}"
    return f"web/{hashlib.sha256(plain.encode()).hexdigest()[:20]}"


def _told_by(name: str) -> bool:
    return _TRACKING.fullmatch(name) is not None


def _host(name: str | None) -> str:
    return (name or "").removeprefix("www.").removeprefix("export.").removeprefix("connect.")
