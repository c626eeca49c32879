"""JSON of providers, read as texts and lists: what is not there, or of another kind, is empty."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from digest.errors import SignatureError

LONGEST = 1000  # characters of a text that are looked at


def parsed(data: bytes | str) -> Mapping[str, Any]:
    """The object that JSON says. Raises SignatureError: it is none, so no provider sent it."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SignatureError("this is not JSON") from error
    if not isinstance(found, dict):
        raise SignatureError("this is not a JSON object")
    return found


def table(values: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at the end of the path."""
    for name in path:
        inside = values.get(name)
        values = inside if isinstance(inside, dict) else {}
    return values


def text(values: Mapping[str, Any], name: str) -> str:
    """A text, or a number as one."""
    value = values.get(name)
    plain = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return plain.encode("utf-8", "replace").decode("utf-8")[:LONGEST]


def tables(values: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    found = values.get(name)
    yield from (one for one in (found if isinstance(found, list) else ()) if isinstance(one, dict))
