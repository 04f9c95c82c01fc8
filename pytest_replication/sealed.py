"""The JSON that describes derived files: it carries a digest of its own content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def seal(form: int, body: Mapping[str, Any]) -> str:
    """Serialise, with the format as the first key and a digest of all others as the last."""
    whole = {"format": form, **body}
    return json.dumps({**whole, "sha256": digest(whole)}, indent=1) + "\n"


def unseal(text: str, form: int) -> dict[str, Any] | None:
    """Parse what `seal` has made; None if it is of another format.

    Raises:
        ValueError: it is none, or has changed.
    """
    try:
        body = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(body, dict):
        raise ValueError("it is no object")
    if body.get("format") != form:
        return None
    written = body.pop("sha256", None)
    if written != digest(body):
        raise ValueError("its digest differs")
    del body["format"]
    return body


def digest(body: Mapping[str, Any]) -> str:
    """sha256 of plain data, whatever the order of keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
