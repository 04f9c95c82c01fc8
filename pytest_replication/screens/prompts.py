"""Prompts as screens take them: texts, each once, and no clean one among those that are screened."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_replication.errors import SettingsError
from pytest_replication.prompts.base import plain
from pytest_replication.prompts.choose import OpenIndex, load_prompts


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


def texts_of(given: object, what: str, index: OpenIndex | None = None, *, may_be_none: bool = False) -> Texts:
    """Take prompts in any form of `load_prompts`.

    Args:
        given: a list of texts, a file, or captions of an index.
        what: what they are called.
        index: opens the index.
        may_be_none: whether an empty list or None is a choice.

    Raises:
        SettingsError: there are none, or one is blank or no text.
    """
    if may_be_none and (given is None or (isinstance(given, (list, tuple)) and not given)):
        return Texts((), "", what)
    try:
        found = load_prompts(given, index)
    except SettingsError as error:
        raise SettingsError(f"the {what}: {error}") from error
    if not found.texts:
        raise SettingsError(f"the {what} of {found.source} are labels alone; a screen takes texts")
    kept: dict[str | None, str] = {}
    for entry in found.entries:  # one text with several labels or seeds is one prompt
        kept.setdefault(plain(entry.text), str(entry.text))
    return Texts(tuple(kept.values()), found.source, what)


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
