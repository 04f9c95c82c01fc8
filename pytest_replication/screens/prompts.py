"""Prompts as screens take them: texts, each once, and no clean one among those that are screened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_replication.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Texts:
    """Some prompts.

    Attributes:
        texts: each once.
        source: where they come from.
        what: what they are called.
    """

    texts: tuple[str, ...]
    source: str
    what: str

    def __len__(self) -> int:
        return len(self.texts)


def texts_of(given: object, what: str, *, may_be_none: bool = False) -> Texts:
    """Take prompts from a list, or a file with one a line.

    Raises:
        SettingsError: there are none, or one is blank or no text.
    """
    if isinstance(given, (str, os.PathLike)):
        return _distinct(_lines(Path(given), what), str(given), what)
    if not isinstance(given, Iterable):
        raise SettingsError(f"{what} are {given!r}; expected a list of texts, or a file with one a line")
    texts = list(given)
    if not texts and not may_be_none:
        raise SettingsError(f"there are no {what}: nothing would be screened, so nothing can pass")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise SettingsError(f"one of the {what} is {text!r}; expected a text that is not blank")
    return _distinct(texts, f"the {what} of the call", what)


def plain(text: str) -> str:
    """A prompt without what tells no two apart: case, and how many spaces stand between words."""
    return " ".join(text.casefold().split())


def keep_apart(clean: Texts, others: Texts, role: str) -> None:
    """Refuse clean prompts that are others: they would be compared with themselves.

    Raises:
        SettingsError: some are.
    """
    known = {plain(text) for text in others.texts}
    same = [text for text in clean.texts if plain(text) in known]
    if same:
        raise SettingsError(
            f"{len(same)} of {len(clean)} clean prompts are {role} as well (the first: {same[0]!r}): give "
            "clean prompts that the model cannot have memorised"
        )


def _lines(file: Path, what: str) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the {what} cannot be read from {file}: {error}; expected text, one a line"
        ) from error
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise SettingsError(f"{file} holds no {what}: nothing would be screened, so nothing can pass")
    return texts


def _distinct(texts: list[str], source: str, what: str) -> Texts:
    kept: dict[str, str] = {}
    for text in texts:
        kept.setdefault(plain(text), text)
    if repeated := len(texts) - len(kept):
        source += f" ({repeated} that repeat{'s' if repeated == 1 else ''} others left out)"
    return Texts(tuple(kept.values()), source, what)
