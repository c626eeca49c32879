"""The body of a request as texts by field: a form or JSON. Whatever comes in is hostile."""

import json
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from digest.errors import InputError
from digest.preferences import Values

MOST_FIELDS = 300


async def fields(request: Request) -> Values:
    """The fields that were sent: a text where there was one value, a list where there were several.

    Raises:
        InputError: it is neither a form nor a JSON object of texts, numbers and lists of them.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return _from_json(await request.body())
        if kind in {"", "application/x-www-form-urlencoded", "multipart/form-data"}:
            return await _from_form(request)
    except ClientDisconnect as error:
        raise InputError("request", "The request is too large.") from error
    raise InputError("request", f"This cannot be read: {kind[:60]!r}. Send a form, or JSON.")


def one_text(values: Values, field: str) -> str:
    """The one text of a field, empty where it is not there. Raises InputError for several."""
    found = values.get(field, "")
    if not isinstance(found, str):
        raise InputError(field, "Please give one value.")
    return found


async def _from_form(request: Request) -> Values:
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    except (HTTPException, ValueError) as error:
        raise InputError("request", "The form cannot be read.") from error
    found: dict[str, str | list[str]] = {}
    for name in form:
        values = form.getlist(name)
        texts = [one for one in values if not isinstance(one, UploadFile)]
        found[name] = texts[0] if len(texts) == 1 else texts
    return found


def _from_json(body: bytes) -> Values:
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise InputError("request", "The JSON cannot be read.") from error
    if not isinstance(found, dict) or len(found) > MOST_FIELDS:
        raise InputError("request", "Send a JSON object with a field for each value.")
    return {name: _text(name, value) for name, value in found.items() if value is not None}


def _text(name: str, value: Any) -> str | list[str]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_one(name, one) for one in value[:MOST_FIELDS]]
    return _one(name, value)


def _one(name: str, value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(name[:60], "Please send texts, whole numbers, or lists of them.")
    return str(value)
