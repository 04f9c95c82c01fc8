"""Which prompts the user means, and how many: what ``--replication-prompts`` and ``check --prompts`` name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_replication.errors import SettingsError, UnknownName, meant
from pytest_replication.prompts.base import Prompts
from pytest_replication.prompts.files import SUFFIXES, read_prompts

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index

COUNT = 256
"""Samples that are made of an index's captions where no number is given."""
NAMES = (
    "captions",
    "captions:random",
    "captions:duplicated-first",
    "captions:label=NAME",
    "labels",
    "labels:NAME",
)
"""What there is beside files."""
OpenIndex = Callable[[], "Index"]


def load_prompts(
    given: object,
    index: OpenIndex | None = None,
    *,
    count: int | None = None,
    seeds_per_prompt: int = 1,
    seed: int = 0,
) -> Prompts:
    """Read the prompts that samples are made from.

    Args:
        given: a file (``.txt``, ``.jsonl``, ``.csv``, ``.parquet``); ``captions`` (or ``captions:random``),
            ``captions:duplicated-first`` or ``captions:label=NAME`` for captions of the index; ``labels`` or
            ``labels:NAME`` for classes of the index; or what `Prompts.of` takes.
        index: opens the index, which is asked for where its captions or labels are wanted.
        count: samples that are wanted in all; None for those of all prompts, and for captions of the whole
            index 256, or as many as there are.
        seeds_per_prompt: samples of each prompt.
        seed: of the draw of captions.

    Raises:
        SettingsError: nothing of that name, no prompts, or a number of samples that they do not make.
    """
    wanted = _prompts_of(count, seeds_per_prompt)
    if not isinstance(given, str | Path):
        found = Prompts.of(given)
    elif isinstance(given, str) and given.partition(":")[0] in ("captions", "labels"):
        if index is None:
            raise SettingsError(f"the prompts {given} are those of an index, and there is none: give one")
        found = _of_index(given, index(), wanted, max(1, COUNT // seeds_per_prompt), seed)
    else:
        found = _of_file(given)
    if count is not None and len(found) * seeds_per_prompt != count:
        raise SettingsError(
            f"{count} samples are wanted, but the {len(found)} prompts of {found.source} make "
            f"{len(found) * seeds_per_prompt} at {seeds_per_prompt} a prompt: leave the count out, or change "
            "the seeds a prompt"
        )
    return found


def _prompts_of(count: int | None, seeds_per_prompt: int) -> int | None:
    """How many prompts make so many samples."""
    if isinstance(seeds_per_prompt, bool) or not isinstance(seeds_per_prompt, int) or seeds_per_prompt < 1:
        raise SettingsError(f"{seeds_per_prompt!r} seeds a prompt are wanted; expected 1 or more")
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SettingsError(f"{count!r} samples are wanted; expected 1 or more")
    prompts, left = divmod(count, seeds_per_prompt)
    if left:
        near = [n * seeds_per_prompt for n in (prompts, prompts + 1) if n]
        raise SettingsError(
            f"{count} samples are no whole number of prompts at {seeds_per_prompt} seeds a prompt: ask for "
            f"{' or '.join(map(str, near))}"
        )
    return prompts


def _of_index(name: str, index: Index, wanted: int | None, usual: int, seed: int) -> Prompts:
    from pytest_replication.prompts import captions

    kind, colon, which = name.partition(":")
    if kind == "labels" and (which or not colon):
        return captions.labels_of(index, which or None)
    if kind == "captions" and which.startswith("label="):
        return captions.captions_of(index, which.removeprefix("label="), wanted, seed)
    if name not in ("captions", "captions:random", "captions:duplicated-first"):
        raise UnknownName(
            f"there are no prompts {name!r}{meant(name, NAMES)}: give {', '.join(NAMES)} or a file"
        )
    draw = captions.duplicated_captions if which == "duplicated-first" else captions.random_captions
    return draw(index, wanted, seed, most=usual)


def _of_file(given: str | Path) -> Prompts:
    path = Path(given)
    if not path.exists() and path.suffix.lower() not in SUFFIXES:
        raise UnknownName(
            f"there are no prompts {str(given)!r}{meant(str(given), NAMES)}: give {', '.join(NAMES)} or a "
            f"{', '.join(SUFFIXES)} file"
        )
    return read_prompts(path)
