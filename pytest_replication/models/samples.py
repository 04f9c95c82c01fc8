"""Samples: generated images on their way to a check, each with the name that reports show."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from pytest_replication.errors import SampleError
from pytest_replication.escape import one_line
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.memory import UnusableImages, describe, images_in_memory
from pytest_replication.images.read import read_file
from pytest_replication.images.sources.base import FileSlice
from pytest_replication.models.identity import ModelIdentity
from pytest_replication.models.prompted import Prompted
from pytest_replication.models.ready import read_ready
from pytest_replication.tidy import tidied

Label = int | str
"""A class, as a number or by its name."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples to check. Make them with `Samples.of`.

    Iterating gives upright RGB images; those on disk are read only then.

    Attributes:
        images: images in memory, paths of image files, or places of such in a tar.
        names: one a sample: its path, or its number.
        source: where they come from.
        seeds: one a sample where a seed is known, else empty.
        prompts: one a sample where it is known what it was made from, else empty.
        labels: class of each sample where known, else empty.
        model: what made them, None where that is not known.
        prompted: where the prompts come from, None where that is not known.
    """

    images: Sequence[Image.Image | Path | FileSlice]
    names: tuple[str, ...]
    source: str
    seeds: tuple[int, ...] = ()
    prompts: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    model: ModelIdentity | None = None
    prompted: Prompted | None = None

    def __post_init__(self) -> None:
        if not self.images:
            raise SampleError(f"{self.source} holds no samples: nothing was compared, so nothing can pass")
        if any(isinstance(seed, bool) or not isinstance(seed, int) for seed in self.seeds):
            raise SampleError(f"the seeds of samples are {self.seeds[:3]}; expected whole numbers")
        if len(self.names) != len(self.images) or len(self.seeds) not in (0, len(self.images)):
            raise SampleError(
                f"{len(self.images)} samples have {len(self.names)} names and {len(self.seeds)} seeds"
            )
        _check_prompts(self.prompts, len(self.images))
        _check_labels(self.labels, len(self.images))
        if self.prompted is not None and len(self.prompted.rows) not in (0, len(self.images)):
            raise SampleError(f"{len(self.images)} samples have {len(self.prompted.rows)} rows of captions")

    def __len__(self) -> int:
        return len(self.images)

    def image(self, number: int) -> Image.Image:
        """One of them, as iterating gives it.

        Raises:
            SampleError: it cannot be read.
        """
        image = self.images[number]
        return image if isinstance(image, Image.Image) else _read(image, self.names[number])

    def __iter__(self) -> Iterator[Image.Image]:
        for image, name in zip(self.images, self.names, strict=True):
            # A copy: who draws on it or shrinks it changes no sample that another test checks.
            yield image.copy() if isinstance(image, Image.Image) else _read(image, name)

    @classmethod
    def of(
        cls,
        given: object,
        *,
        seeds: Sequence[int] = (),
        prompts: Sequence[str] = (),
        labels: Sequence[Label] = (),
        model: ModelIdentity | None = None,
        source: str = "",
    ) -> Samples:
        """Take samples in any form.

        Args:
            given: a list of PIL images, a numpy array (n, h, w, 3 | 1) of uint8 or of floats in
                [0, 1], a torch tensor (n, 3 | 1, h, w) in [0, 1], a folder or tar (its ``samples.jsonl``
                tells prompts, seeds and labels), a list of paths, or `Samples`.
            seeds: one a sample, where known.
            prompts: one a sample, where known. Samples of one prompt are not independent: bounds of a
                rate then draw prompts.
            labels: class of each sample, where known.
            model: what made them, where known.
            source: where they come from; empty to say it from the form.

        Raises:
            SampleError: anything else, no images, or values out of range; says what was given.
        """
        if isinstance(prompts, str):
            raise SampleError(f"prompts are {prompts!r}; expected a list of one a sample")
        if isinstance(labels, str):
            raise SampleError(f"labels are {labels!r}; expected a list of one a sample")
        seeds = [as_python(seed) for seed in seeds]
        labels = [as_python(label) for label in labels]
        about: dict[str, Any] = {"prompts": tuple(prompts), "labels": tuple(labels), "model": model}
        if isinstance(given, Samples):
            about |= {"seeds": tuple(seeds), "source": source}
            told = {name: value for name, value in about.items() if value}
            if len(prompts):
                told["prompted"] = None  # it is about others
            return replace(given, **told) if told else given
        if isinstance(given, (str, os.PathLike)):
            return cls._of_ready(Path(tidied(os.fspath(given))), seeds, about)
        if isinstance(given, Sequence) and given and all(isinstance(x, (str, os.PathLike)) for x in given):
            return cls._of_files([Path(x) for x in given], source or "a list of paths", seeds, about)
        try:
            images = images_in_memory(given) if not _is_empty(given) else []
        except UnusableImages as error:
            raise SampleError(f"{source + ': ' if source else ''}{error}") from error
        names = tuple(f"sample {number}" for number in range(len(images)))
        return cls(images, names, source or describe(given), tuple(seeds), **about)

    @classmethod
    def _of_ready(cls, path: Path, seeds: Sequence[int], about: dict[str, Any]) -> Samples:
        ready = read_ready(path)
        own = {"seeds": ready.seeds, "prompts": ready.prompts, "labels": ready.labels}
        given = {"seeds": tuple(seeds), "prompts": about["prompts"], "labels": about["labels"]}
        for name, values in given.items():
            if values and own[name]:
                raise SampleError(
                    f"{name} are given for {path}, whose samples.jsonl tells them: leave them away"
                )
        told: dict[str, Any] = {name: given[name] or own[name] for name in given}
        return cls(ready.files, ready.names, str(path), model=about["model"], **told)

    @classmethod
    def _of_files(
        cls, files: Sequence[Path], source: str, seeds: Sequence[int], about: dict[str, Any]
    ) -> Samples:
        return cls(files, tuple(str(file) for file in files), source, tuple(seeds), **about)


def as_python(value: Any) -> Any:
    """A seed or label as one of Python, where it is a number of numpy or torch; all else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _check_prompts(prompts: Sequence[object], count: int) -> None:
    if len(prompts) not in (0, count):
        raise SampleError(f"{count} samples have {len(prompts)} prompts: give one a sample, or none")
    for number, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise SampleError(f"the prompt of sample {number} is {prompt!r}; expected a text")


def _check_labels(labels: Sequence[object], count: int) -> None:
    if len(labels) not in (0, count):
        raise SampleError(f"{count} samples have {len(labels)} labels: give one a sample, or none")
    for number, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, (int, str)):
            raise SampleError(f"the label of sample {number} is {label!r}; expected a whole number or a text")


def _read(file: Path | FileSlice, name: str) -> Image.Image:
    try:
        return decode(read_file(file) if isinstance(file, Path) else file.read_bytes())
    except OSError as error:
        raise SampleError(
            f"sample {one_line(name)} cannot be read: {error.strerror or error}; make it again"
        ) from error
    except UndecodableImage as error:
        raise SampleError(f"sample {one_line(name)} cannot be read: {error}; make it again") from error


def _is_empty(given: object) -> bool:
    return isinstance(given, Sequence) and len(given) == 0
