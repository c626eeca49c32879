"""Of the room of Jinja: what the operator says of themselves, and how it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digest import colours


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the operator says of themselves on every page and in every mail, and how it looks.

    ``logo`` is a text; the name of the site where there is none. ``light`` and ``dark`` map the
    names of ``colours`` to ``#rrggbb``; fonts are lists of names without quotes.
    """

    site_name: str
    tagline: str
    base_url: str
    postal_address: str
    sender_name: str
    logo: str = ""
    light: Mapping[str, str] = field(default_factory=lambda: colours.LIGHT)
    dark: Mapping[str, str] = field(default_factory=lambda: colours.DARK)
    text_font: str = "-apple-system,Segoe UI,Roboto,Arial,sans-serif"
    title_font: str = "Georgia,serif"
