"""Text that others wrote, on a terminal: names, captions and reasons may hold any character.

A line break in a caption could write a line of a verdict that no one has given, and an escape sequence
could paint over one. Runners of GitHub look for ``##[`` anywhere in a line, and take what follows for a
command. JSON has its own escapes and keeps the text as it is.
"""

from __future__ import annotations

import unicodedata


def one_line(text: str) -> str:
    r"""Write out what is no visible character: ``\n`` and ``\x1b`` as two and four characters, and so on.

    Spaces of all widths stay, and ``##[`` is broken. What was escaped once stays as it is.
    """
    text = text.replace("##[", r"#\x23[")
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_visible(character) else _written(character) for character in text)


def lines(text: str) -> str:
    """The same for text of several lines, which stay lines."""
    return "\n".join(map(one_line, text.split("\n")))


def _is_visible(character: str) -> bool:
    # isprintable is also false for wide spaces, which captions in Japanese hold.
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
