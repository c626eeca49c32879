"""What a reader may choose, parsed from a form, JSON or CSV: a rule. Whatever comes in is hostile.

Values are texts (or lists of texts); a field that is not there keeps what was chosen before.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

from digest.errors import InputError
from digest.model import Preferences
from digest.timetable import known_zones

MOST_PAPERS = 40
LONGEST_NUMBER = 6  # digits, zeros in front included
LONGEST_PAUSE = timedelta(days=366)

Values = Mapping[str, str | Sequence[str]]


@cache
def zones() -> Sequence[str]:
    """The time zones on offer, in alphabetical order: places and UTC."""
    places = {name for name in known_zones() if "/" in name and not name.startswith("Etc/")}
    return sorted(places | {"UTC"})


def parse(
    values: Values, before: Preferences, *, offered: Collection[str], today: date
) -> Preferences:
    """The preferences ``before`` with what ``values`` say.

    Args:
        values: fields ``hour``, ``zone``, ``days``, ``papers``, ``categories``, ``paused_until``.
        before: what holds for fields that are not there.
        offered: the categories the operator collects.
        today: the reader's date; a pause that has ended is none.

    Raises:
        InputError: naming the field, with a sentence for the person.
    """
    after = before
    if "hour" in values:
        after = replace(after, hour=_number("hour", values["hour"], 0, 23))
    if "zone" in values:
        after = replace(after, zone=_zone(_text("zone", values["zone"])))
    if "days" in values:
        days = frozenset(_number("days", one, 0, 6) for one in _list("days", values["days"]))
        if not days:
            raise InputError("days", "Please tick at least one day, or unsubscribe below.")
        after = replace(after, days=days)
    if "papers" in values:
        after = replace(after, papers=_number("papers", values["papers"], 1, MOST_PAPERS))
    if "categories" in values:
        after = replace(
            after, categories=_categories(_list("categories", values["categories"]), offered)
        )
    if "paused_until" in values:
        until = _text("paused_until", values["paused_until"])
        after = replace(after, paused_until=_pause(until, today))
    return after


def _text(field: str, value: str | Sequence[str]) -> str:
    if not isinstance(value, str):
        raise InputError(field, "Please give one value.")
    return value.strip()


def _list(field: str, value: str | Sequence[str]) -> Sequence[str]:
    """Several values; one text is one value, an empty one none."""
    if not isinstance(value, str | list | tuple):
        raise InputError(field, "Please give a list.")
    found = [value] if isinstance(value, str) else value
    return [str(one).strip() for one in found if str(one).strip()]


def _number(field: str, value: str | Sequence[str], least: int, most: int) -> int:
    text = _text(field, value)
    short = len(text) <= LONGEST_NUMBER and text.isascii() and text.isdecimal()
    if not (short and least <= int(text) <= most):
        raise InputError(field, f"Please choose a number from {least} to {most}.")
    return int(text)


def _zone(name: str) -> str:
    if name not in known_zones():
        raise InputError("zone", "Please choose a time zone from the list, like Europe/Berlin.")
    return name


def _categories(names: Sequence[str], offered: Collection[str]) -> tuple[str, ...]:
    for name in names:
        if name not in offered:
            raise InputError("categories", "Please choose categories from the list.")
    return tuple(sorted(set(names)))


def _pause(text: str, today: date) -> date | None:
    if not text:
        return None
    try:
        until = date.fromisoformat(text)
    except ValueError as error:
        raise InputError("paused_until", "Please give a date like 2026-01-31.") from error
    if until > today + LONGEST_PAUSE:
        raise InputError("paused_until", "A pause lasts a year at most.")
    return until if until > today else None
