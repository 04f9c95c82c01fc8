"""The files of which a page is made, and how they are put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

SCRIPTS = ("data.js", "compare.js", "card.js", "list.js", "keys.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@cache
def file(name: str) -> str:
    """A file of the page."""
    return (resources.files(__package__) / "files" / name).read_text(encoding="utf-8")


@cache
def script() -> str:
    """All scripts as one, whose names stay among themselves."""
    return '(() => {\n"use strict";\n' + "\n".join(map(file, SCRIPTS)) + "\n})();\n"


def fill(template: str, parts: Mapping[str, str]) -> str:
    """Put parts into their places, once: what stands in a part is no place. Unknown places stay."""
    return _PLACE.sub(lambda found: parts.get(found[1], found[0]), template)
