"""What an edition says, as bytes: what its id is the hash of, and what is kept. A rule."""

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from digest.model import Colophon, Item

NOTHING = Colophon()

_ITEMS = TypeAdapter(tuple[Item, ...])
_CONTENT = TypeAdapter(tuple[tuple[Item, ...], Colophon])


def dump(items: Sequence[Item], colophon: Colophon = NOTHING) -> bytes:
    """An edition's content as JSON: what its id is the hash of, and what the store keeps."""
    return _CONTENT.dump_json((tuple(items), colophon))


def load(data: bytes | str) -> tuple[tuple[Item, ...], Colophon]:
    """The content back from ``dump``; an edition from before there was a colophon has none."""
    try:
        return _CONTENT.validate_json(data)
    except ValidationError:
        return _ITEMS.validate_json(data), NOTHING
