"""What JSON may hold and these files may not, as hooks of `json.loads`."""

from __future__ import annotations

from typing import Any


def no_constant(name: str) -> Any:
    """Refuse ``NaN`` and ``Infinity``, as ``parse_constant``.

    Raises:
        ValueError: whichever it is.
    """
    raise ValueError(f"{name} is no finite number")


def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs and refuse a key that comes twice, as ``object_pairs_hook``.

    Raises:
        ValueError: one does.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in it twice")
    return found
