"""Sources: bytes that claim to be JSON become a value, or a refusal that says why. Pure."""

import json
from http import HTTPStatus

from digest.errors import SourceError
from digest.sources.client import Answer
from digest.sources.fields import one_line

CONTAINERS = 250_000  # lists and objects in one document; a real one has some thousands
LARGEST = 1_000_000_000  # more votes, stars or citations than that are none


def read(data: bytes, source: str) -> object:
    """Reads a JSON document.

    Raises:
        SourceError: naming ``source`` and why this is none that can be used.
    """
    if not data.strip():
        raise SourceError(source, "empty answer")
    if data.lstrip()[:1] == b"<":
        raise SourceError(source, "not JSON: HTML or XML")
    if data.count(b"{") + data.count(b"[") > CONTAINERS:  # each needs 60 bytes, but two here
        raise SourceError(source, f"JSON of more than {CONTAINERS:,} lists and objects")
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError(source, f"not UTF-8: byte {error.start:,} of {len(data):,}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(source, f"not JSON: {one_line(str(error), limit=100)}") from error


def mapping(answer: Answer, source: str) -> dict[str, object]:
    """The JSON object that an answer of status 200 holds.

    Raises:
        SourceError: another status, no object, or one that says what is wrong.
    """
    if answer.status != HTTPStatus.OK:
        raise SourceError(source, f"{answer.status}")
    try:
        content = read(answer.body, source)
    except SourceError as error:
        raise SourceError(source, f"{error.args[0]} ({answer.status})") from error
    if not isinstance(content, dict):
        raise SourceError(source, f"not an object: JSON {type(content).__name__}")
    if isinstance(said := content.get("error"), str):
        raise SourceError(source, f"error: {one_line(said, limit=150)}")
    return content


def entries(content: dict[str, object], name: str, source: str) -> list[dict[str, object]]:
    """The objects of the list ``name``; what else is in it is left out.

    Raises:
        SourceError: there is no such list, or there is an error in its place.
    """
    listed = content.get(name)
    if isinstance(listed, list):
        return [entry for entry in listed if isinstance(entry, dict)]
    said = content.get("message")
    reason = f": {one_line(said, limit=100)}" if isinstance(said, str) else ""
    raise SourceError(source, f"no list of {name}{reason}")


def count(value: object) -> float | None:
    """A number of things, or None if it is none that may be believed."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        return None
    return float(value)
