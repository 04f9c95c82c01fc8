"""Text that others wrote, on a terminal: names, captions and reasons may hold any character.

A line break in a caption could write a line of a verdict that no one has given, and an escape sequence
could paint over one. Runners of CI take parts of a log for commands: GitHub what stands behind ``##[``
anywhere in a line, or behind ``::`` at its beginning, others what stands behind ``##vso[`` and
``##teamcity[``, which can end a step as a success. JSON has its own escapes and keeps the text as it is.
"""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")


def one_line(text: str) -> str:
    r"""Write out what is no visible character: ``\n`` and ``\x1b`` as two and four characters, and so on.

    Spaces of all widths stay, and commands of CI are broken. What was escaped once stays as it is.
    """
    text = _COMMAND.sub(r"#\\x23", text)
    if text.lstrip().startswith("::"):
        text = text.replace("::", r"\x3a:", 1)
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
