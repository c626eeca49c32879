"""Sources: bytes that claim to be RSS or Atom become entries, or a refusal that says why.

    bytes ──▶ sniff ──▶ one pass of expat ──▶ its well-formed head, closed properly ──▶ feedparser

feedparser alone is not enough for bytes that nobody vouches for: it takes a web page for an empty
feed, guesses at what is not well-formed, and looks for mail addresses among the authors in a time
that grows with the square of a word's length (20 MB without a space: days).
"""

import codecs
import io
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

import feedparser

from digest.errors import SourceError
from digest.sources.fields import one_line

ENTRIES = 5_000
ELEMENTS, DEPTH, ATTRIBUTES = 250_000, 50, 100
SEPARATOR = "\x1f"  # no character of XML, so no namespace can hold it
NAME_WORD = 100  # letters of a word among the authors

# What expat says where a document ends too early; anything else is damage in the middle.
_CUT = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
_ROOTS = {"rss", "feed", "RDF"}
_PEOPLE = {"author", "contributor", "creator", "managingEditor", "name", "publisher", "webMaster"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed that was read: ``head`` and ``entries`` as feedparser names their parts.

    ``cut`` means that the document ended too early (the whole entries before that are kept);
    ``note`` says so, or that there were more entries than are taken.
    """

    version: str
    head: dict[str, Any]
    entries: list[dict[str, Any]]
    cut: bool = False
    note: str = ""


class _Full(Exception):  # noqa: N818 - not an error: enough has been read
    """As many entries as are taken."""


@dataclass(slots=True)
class _Scan:
    """What one pass of expat learns: how far the document can be trusted."""

    source: str
    parser: expat.XMLParserType = field(default_factory=lambda: expat.ParserCreate(None, SEPARATOR))
    path: list[str] = field(default_factory=list)
    elements: int = 0
    entries: int = 0
    end: int = -1  # where the last whole entry ends
    around: tuple[str, ...] = ()  # and what was open there

    def run(self, data: bytes) -> int | None:
        """The code of expat's error, None if there was none.

        Raises:
            SourceError: it is no feed, or holds what no feed needs.
        """
        self.parser.namespace_prefixes = True
        self.parser.XmlDeclHandler = self._declared
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.CharacterDataHandler = self._characters
        self.parser.buffer_text = True
        try:
            self.parser.Parse(data, True)  # noqa: FBT003 - the only way to say that this is all
        except expat.ExpatError as error:
            return error.code
        except _Full:
            return None
        return None

    @property
    def line(self) -> int:
        """Where expat stopped, from 1."""
        return self.parser.ErrorLineNumber

    def refuse(self, reason: str) -> NoReturn:
        """Raises for the source."""
        raise SourceError(self.source, reason)

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in {"utf-8", "us-ascii"}:
            self.refuse(f"encoded as {one_line(encoding, limit=20)}, not as UTF-8")

    def _doctype(self, name: str, _system: object, _public: object, subset: int) -> None:
        if name.lower() == "html":
            self.refuse("not a feed: HTML page")
        if subset:
            self.refuse("entity bomb refused (a feed declares no entities)")

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if not self.path and _local(name) not in _ROOTS:
            self.refuse(f"not a feed: XML of <{one_line(_local(name), limit=40)}>")
        self.path.append(name)
        if self.elements > ELEMENTS or len(self.path) > DEPTH or len(attributes) > ATTRIBUTES:
            size = f"{ELEMENTS:,} elements, {DEPTH} levels or {ATTRIBUTES} attributes"
            self.refuse(f"XML of more than {size}")

    def _characters(self, text: str) -> None:
        if _local(self.path[-1]) in _PEOPLE:
            words = re.findall(r"[\w.+-]+", text)
            if max(map(len, words), default=0) > NAME_WORD:
                self.refuse(f"an author with a word of more than {NAME_WORD} letters")

    def _close(self, name: str) -> None:
        self.path.pop()
        if _local(name) in {"item", "entry"} and len(self.path) in {1, 2}:
            self.entries += 1
            self.end, self.around = self.parser.CurrentByteIndex, tuple(self.path)
            if self.entries == ENTRIES:
                raise _Full


def read(data: bytes, source: str) -> Feed:
    """Reads a feed of any usual form.

    Raises:
        SourceError: naming ``source`` and why this is no feed that can be used.
    """
    _sniff(data, source)
    scan = _Scan(source)
    code, cut, note = scan.run(data), False, ""
    if code is not None:
        if code not in _CUT:
            scan.refuse(f"not well-formed XML: {expat.ErrorString(code)}, line {scan.line}")
        cut, note = True, f"XML cut off after {scan.entries} entries"
    if scan.entries == ENTRIES:
        note = f"only the first {ENTRIES:,} entries were taken"
    if note:
        data = _closed(data, scan)
    # A stream, because feedparser takes bytes for the name of a file to open.
    parsed = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    if parsed.get("bozo") or not parsed.get("version"):
        fault = one_line(str(parsed.get("bozo_exception", "unknown form")), limit=100)
        raise SourceError(source, f"not a feed: {fault}")
    return Feed(
        version=parsed["version"],
        head=parsed["feed"],
        entries=parsed["entries"][:ENTRIES],
        cut=cut,
        note=note,
    )


def _sniff(data: bytes, source: str) -> None:
    head = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        raise SourceError(source, "empty answer")
    if head.startswith((b"<!doctype html", b"<html")):
        raise SourceError(source, "not a feed: HTML page")
    if head.startswith((b"{", b"[")):
        raise SourceError(source, "not a feed: JSON")
    try:  # incremental: a document that is cut off may end in mid-character
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError as error:
        raise SourceError(source, f"not UTF-8: byte {error.start:,} of {len(data):,}") from error
    if not head.startswith(b"<"):
        raise SourceError(source, "not a feed: no XML")


def _closed(data: bytes, scan: _Scan) -> bytes:
    """The document up to its last whole entry, with what was open there closed."""
    if scan.end < 0:
        raise SourceError(scan.source, "XML cut off before its first entry ended")
    head = data[: data.index(b">", scan.end) + 1]
    return head + "".join(f"</{name}>" for name in map(_tag, reversed(scan.around))).encode()


def _local(name: str) -> str:
    """The name without its namespace: expat gives [URI,] name [, prefix]."""
    return name.split(SEPARATOR)[:2][-1]


def _tag(name: str) -> str:
    """The name as it was written, with its prefix."""
    return ":".join(reversed(name.split(SEPARATOR)[1:])) or name
