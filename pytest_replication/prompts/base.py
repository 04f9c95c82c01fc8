"""What a model is asked to make: prompts, and the samples that are wanted of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_replication.errors import SettingsError
from pytest_replication.models.samples import as_python

MAX_SEED = 2**63 - 1
"""Largest seed that is taken: generators of torch take no larger one."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What samples are made from.

    Attributes:
        text: for a text-to-image model; None where a label is all there is.
        label: class, for a class-conditional model, or of the training images whose caption this is.
        seed: of its first sample; None to have one given by its place.
        rows: rows of the index whose caption it is, in order; empty where it comes from elsewhere.

    Raises:
        SettingsError: neither text nor label, one that is blank, or a seed that is none.
    """

    text: str | None = None
    label: str | None = None
    seed: int | None = None
    rows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.text is None and self.label is None:
            raise SettingsError("a prompt has neither text nor label: give one of the two")
        for name, value in (("prompt", self.text), ("label", self.label)):
            if value is None:
                continue
            if not isinstance(value, str):
                raise SettingsError(f"a {name} is {value!r}; expected a text")
            if not value.strip():
                raise SettingsError(f"a {name} is blank ({value!r}): give a text, or leave it out")
        if self.seed is not None:
            check_seed(self.seed)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sample that is wanted.

    Attributes:
        prompt: what it is made from.
        seed: that it is made with.
    """

    prompt: Prompt
    seed: int


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompts in order, each once. Make them with `Prompts.of`, or read them with `load_prompts`.

    Attributes:
        entries: the prompts; all have a text, or none has.
        source: where they come from, for messages and reports.
        generation: `Manifest.generation` of the index that their rows are of; empty without rows.

    Raises:
        SettingsError: there are none, or only some have a text, or a label.
    """

    entries: tuple[Prompt, ...]
    source: str
    generation: str = ""

    def __post_init__(self) -> None:
        if not self.entries:
            raise SettingsError(f"{self.source} holds no prompts: nothing would be made, so nothing can pass")
        for name, values in (
            ("text", [prompt.text for prompt in self.entries]),
            ("label", [prompt.label for prompt in self.entries]),
        ):
            missing = sum(value is None for value in values)
            if 0 < missing < len(values) and (name == "text" or self.entries[0].text is None):
                raise SettingsError(
                    f"{missing} of {len(values)} prompts of {self.source} have no {name}: give all of them "
                    "one, or none"
                )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def texts(self) -> bool:
        """Whether they are texts; else they are labels alone."""
        return self.entries[0].text is not None

    @classmethod
    def of(
        cls,
        given: object,
        *,
        labels: Sequence[str | int] = (),
        seeds: Sequence[int] = (),
        source: str = "the prompts of the test",
    ) -> Prompts:
        """Take prompts in any form.

        Those that repeat an earlier one (the same text up to spaces, label and seed) are left out, and the
        source says how many. Those that differ in case are made, since some text encoders tell it apart, and
        are counted as one.

        Args:
            given: a list of texts or of `Prompt`, or `Prompts`. None where labels are all there is.
            labels: class of each, where known.
            seeds: seed of the first sample of each, where known.
            source: where they come from.

        Raises:
            SettingsError: anything else, no prompts, blank ones, or another number of labels or seeds.
        """
        if isinstance(given, Prompts):
            if labels or seeds:
                raise SettingsError("prompts that are Prompts already bring their labels and seeds")
            return given
        return cls._distinct(list(_entries(given, labels, seeds)), source)

    @classmethod
    def _distinct(cls, entries: Sequence[Prompt], source: str, generation: str = "") -> Prompts:
        kept: dict[object, Prompt] = {}
        for prompt in entries:
            text = None if prompt.text is None else " ".join(prompt.text.split())
            kept.setdefault((text, prompt.label, prompt.seed), prompt)
        if repeated := len(entries) - len(kept):
            source += f" ({repeated} that repeat{'s' if repeated == 1 else ''} others left out)"
        return cls(tuple(kept.values()), source, generation)

    def expand(self, seeds_per_prompt: int = 1, seed: int = 0) -> tuple[Wanted, ...]:
        """The samples that are wanted: so many of each prompt, one after the other.

        Sample i has the seed `seed` + i; those of a prompt with a seed of its own go on from that.

        Raises:
            SettingsError: no seeds, one beyond what generators take, or one that a prompt would have twice.
        """
        if (
            isinstance(seeds_per_prompt, bool)
            or not isinstance(seeds_per_prompt, int)
            or seeds_per_prompt < 1
        ):
            raise SettingsError(f"{seeds_per_prompt!r} seeds a prompt are wanted; expected 1 or more")
        wanted = []
        for place, prompt in enumerate(self.entries):
            first = seed + place * seeds_per_prompt if prompt.seed is None else prompt.seed
            wanted += [Wanted(prompt, first + number) for number in range(seeds_per_prompt)]
        seeds = [one.seed for one in wanted]
        for extreme in (min(seeds), max(seeds)):
            check_seed(extreme)
        if len({(one.prompt.text, one.prompt.label, one.seed) for one in wanted}) < len(wanted):
            raise SettingsError(
                f"{seeds_per_prompt} seeds a prompt are wanted of {self.source}, where one prompt stands "
                "several times with seeds nearer to each other: the same samples would be counted twice"
            )
        return tuple(wanted)


def plain(text: str | None) -> str | None:
    """A prompt without what tells no two apart: case, and how many spaces stand between words."""
    return None if text is None else " ".join(text.casefold().split())


def check_seed(seed: object) -> None:
    """Refuse what no generator takes as a seed.

    Raises:
        SettingsError: it is no whole number from 0 to `MAX_SEED`.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise SettingsError(f"the seed {seed!r} is none; expected a whole number from 0 to {MAX_SEED}")


def _entries(given: object, labels: Sequence[str | int], seeds: Sequence[int]) -> Iterable[Prompt]:
    texts = _listed(given, labels)
    for name, values in (("labels", labels), ("seeds", seeds)):
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) not in (0, len(texts)):
            raise SettingsError(
                f"the {name} of {len(texts)} prompts are {values!r}: give a list of one a prompt, or none"
            )
    for number, text in enumerate(texts):
        if isinstance(text, Prompt):
            if labels or seeds:
                raise SettingsError("a Prompt brings its own label and seed: give no others")
            yield text
            continue
        if not isinstance(text, str | None):
            raise SettingsError(f"prompt {number} is {text!r}; expected a text or a Prompt")
        label = _label(as_python(labels[number])) if labels else None
        yield Prompt(text, label, as_python(seeds[number]) if seeds else None)


def _label(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SettingsError(f"a label is {value!r}; expected a text or a whole number")
    return str(value)


def _listed(given: object, labels: Sequence[str | int]) -> list[object]:
    if given is None and len(labels):
        return [None] * len(labels)
    if isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable):
        raise SettingsError(f"prompts are {given!r}; expected a list of texts")
    return list(given)
