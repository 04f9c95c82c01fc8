"""Text in markdown that stays text: names, captions and prompts may hold any character.

GitHub, GitLab and Hugging Face render markdown, HTML in it, links, mentions and references to issues. What
came from data is put where none of that happens.
"""

from __future__ import annotations

import re

from pytest_replication.escape import lines
from pytest_replication.reports.headlines import name

LONGEST = 120
"""Characters of a cell that came from data."""
_PLAIN = frozenset(" -/,;()%'\"?+=")
"""Signs that mean nothing in markdown, but at the beginning of a line."""
_TELLING = frozenset("`|\\")
_NOTHING = "\u200b"
"""A space of no width: behind it, a mention or a reference to an issue is none."""
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_SHORTCODE = re.compile(r":[\w+-]+(:|$)")
"""What may become a picture, such as ``:tada:``, also with what follows the text."""


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
    text = text.replace("&#64;", f"@{_NOTHING}")
    return text[:1] + text[1:].replace("&#35;", f"#{_NOTHING}")  # the first one may begin a heading


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
    """Text with all that markdown or HTML could take for markup as references to characters.

    Source is read by people, too: what means nothing where it stands is kept.
    """
    dots = "" if "www." in text.lower() else "."
    kept = []
    for place, letter in enumerate(text):
        plain = letter in _PLAIN and (place or letter not in "-+=")
        means_nothing = letter.isalnum() or not letter.isascii() or plain or letter in dots
        if means_nothing or _is_harmless(text, place):
            kept.append(letter)
        else:
            kept.append(_NAMED.get(letter, f"&#{ord(letter)};"))
    return "".join(kept)


def _is_harmless(text: str, place: int) -> bool:
    """Whether a colon or an underscore is neither part of an address, nor of a picture, nor emphasis."""
    before, letter, after = text[place - 1 : place], text[place], text[place + 1 : place + 2]
    if letter == ":" and before.isdigit() and after.isdigit():  # a time
        return True
    if letter == ":":
        return not (text.startswith("//", place + 1) or _SHORTCODE.match(text, place))
    return letter == "_" and before.isalnum() and after.isalnum()
