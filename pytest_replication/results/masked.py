"""Options of a model without what may be a secret: results and baselines are published.

Values of the keys that every model has (``steps``, ``guidance``) stay, and numbers and switches for the
pipeline; texts for the pipeline (``arguments.NAME``), and all under keys that nobody knows, become ``***``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_replication.models.options import KEYS

HIDDEN = "***"
_PLAIN = re.compile(r"true|false|[-+]?[0-9][0-9.]*(e[-+]?[0-9]+)?", re.IGNORECASE)
_OPTION = re.compile(
    r"(?P<name>(-o|--override-ini=)?(--)?(replication[-_])?model[-_]o[a-z_-]*)", re.IGNORECASE
)


def masked(option: str) -> str:
    """An option of a model, ``KEY=VALUE``, whose value is hidden where it may be a secret."""
    key, separator, value = option.partition("=")
    name = key.strip()
    if not separator or name in KEYS or (name.startswith("arguments.") and _PLAIN.fullmatch(value.strip())):
        return option if separator else HIDDEN
    return f"{key}={HIDDEN}"


def masked_command(words: Sequence[str]) -> list[str]:
    """A command line whose options of a model are masked."""
    told: list[str] = []
    follows = False
    for word in words:
        found = _OPTION.match(word)
        if follows:
            told.append(_each(word))
        elif found and word[found.end() :].startswith("="):
            told.append(f"{found['name']}={_each(word[found.end() + 1 :])}")
        else:
            told.append(word)
        follows = not follows and found is not None and found.end() == len(word) and word.startswith("--")
    return told


def masked_value(name: str, value: object) -> object:
    """The value of a setting, or of an option of a verb, by its name."""
    if name.replace("_", "-") != "model-option" or value is None:
        return value
    return [masked(str(each)) for each in value] if isinstance(value, (list, tuple)) else masked(str(value))


def _each(lines: str) -> str:
    """Options in the lines of an ini key."""
    return "\n".join(masked(line) for line in lines.split("\n"))
