"""A rule: colours that can be read. The palettes of mail and pages, and WCAG's measure of both."""

from collections.abc import Iterator, Mapping

LIGHT: Mapping[str, str] = {
    "page": "#f1f3f3",
    "panel": "#ffffff",
    "ink": "#1b2023",
    "soft": "#566168",
    "line": "#dde2e3",
    "accent": "#0b6155",
    "on_accent": "#ffffff",
    "bad": "#a1261c",
}
DARK: Mapping[str, str] = {
    "page": "#0f1214",
    "panel": "#181c1f",
    "ink": "#e4e8e9",
    "soft": "#a1acb2",
    "line": "#323a3e",
    "accent": "#72cdbb",
    "on_accent": "#0f1f1c",
    "bad": "#ff9d92",
}
LEAST = 4.5  # WCAG 2.2, 1.4.3 level AA

_PAIRS = (
    *((text, ground) for text in ("ink", "soft", "accent", "bad") for ground in ("page", "panel")),
    ("on_accent", "accent"),
)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours ``#rrggbb``, 1 to 21 (WCAG 2.2, definition)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def unreadable(palette: Mapping[str, str]) -> Iterator[tuple[str, str, float]]:
    """The pairs (text, ground, contrast) of a palette that fall short of level AA."""
    for text, ground in _PAIRS:
        ratio = contrast(palette[text], palette[ground])
        if ratio < LEAST:
            yield text, ground, ratio


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, definition)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4  # noqa: PLR2004
        for one in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
