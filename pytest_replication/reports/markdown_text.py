"""Text in markdown that stays text: names, captions and prompts may hold any character.

GitHub, GitLab and Hugging Face render markdown, HTML in it, links, mentions and references to issues. What
came from data is put where none of that happens.
"""

from __future__ import annotations

import re

from pytest_replication.escape import lines
from pytest_replication.reports.findings import name

LONGEST = 120
"""Characters of a cell that came from data."""
_PLAIN = frozenset(" -/,;()%'\"?+=")
"""Signs that mean nothing in markdown, but at the beginning of a line."""
_TELLING = frozenset("`|\\")
_NOTHING = "&#8203;"
"""A space of no width: behind it, a mention or a reference to an issue is none."""


def code(value: object, longest: int = LONGEST) -> str:
    """Text as code, in one line, also in a cell of a table; a dash for none.

    Args:
        value: the text.
        longest: characters that are kept; where it has more, its middle is left out.
    """
    text = name(value, longest)
    if not text.strip():
        return "–"
    if text == text.strip() and not _TELLING & set(text):
        return f"`{text}`"
    return f"<code>{_entities(text)}</code>"


def plain(value: object, longest: int = 2000) -> str:
    """Text as text, in one line, in which no markup of any kind is left."""
    text = _entities(name(value, longest))
    return text.replace("&#64;", f"&#64;{_NOTHING}").replace("&#35;", f"&#35;{_NOTHING}")


def fenced(value: str, most: int) -> str:
    """Text of several lines as a block of code, its end left out where it has too many bytes of UTF-8.

    Args:
        value: the text.
        most: bytes, without those of the fence.
    """
    text = lines(value)
    body = text.encode(errors="replace")
    if len(body) > most:
        kept = body[:most].decode(errors="ignore")
        text = (kept.rpartition("\n")[0] or kept) + "\n…"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _entities(text: str) -> str:
    """Text with all that markdown or HTML could take for markup as references to characters."""
    dots = "" if "www." in text.lower() else "."
    kept = []
    for place, letter in enumerate(text):
        plain = letter in _PLAIN and (place or letter not in "-+=")
        of_time = (
            letter == ":" and text[place - 1 : place].isdigit() and text[place + 1 : place + 2].isdigit()
        )
        safe = letter.isalnum() or not letter.isascii() or plain or of_time or letter in dots
        kept.append(letter if safe else f"&#{ord(letter)};")
    return "".join(kept)
