"""What all real sets share: what they are, what is asked of them, and files that must be there."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_replication.benchmark.sets import Picture, RetrievalSet
from pytest_replication.errors import BenchmarkError

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Request:
    """How a set was asked for.

    Attributes:
        root: folder with the official files.
        variant: which protocol or part; one of the variants of the set.
        boxes: cut pictures to their boxes, where the set has boxes.
        partial: take fewer pictures than the official set has.
    """

    root: Path
    variant: str
    boxes: bool
    partial: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """A published set.

    Attributes:
        name: what `open_real_set` knows it by.
        variants: protocols or parts; the first is the default.
        home: its official place.
        licence: under which it is published, as far as its authors say.
        files: what its folder must hold.
        load: reads it.
        boxes: whether its protocol cuts pictures to boxes.
        has_boxes: whether it has any.
    """

    name: str
    variants: tuple[str, ...]
    home: str
    licence: str
    files: str
    load: Callable[[RealSet, Request], RetrievalSet]
    boxes: bool = False
    has_boxes: bool = False

    def missing(self, what: str) -> BenchmarkError:
        """The error that something is not there."""
        return BenchmarkError(
            f"the set {self.name} lacks {what}: its folder must hold {self.files}, from {self.home}"
        )

    def damaged(self, path: Path, why: object) -> BenchmarkError:
        """The error that a file is not what was published."""
        return BenchmarkError(
            f"{path} of the set {self.name} is damaged ({why}): get it anew from {self.home}"
        )

    def expect(self, request: Request, what: str, found: int, published: int) -> None:
        """Compare a number with the published one.

        Raises:
            BenchmarkError: it differs, and nobody asked for a part of the set.
        """
        if found != published and not request.partial:
            raise BenchmarkError(
                f"the set {self.name} has {found:,} {what} in {request.root}, published are {published:,}: "
                f"complete it from {self.home}, or give --partial (partial=True) and compare its results "
                "with no other"
            )

    def lines(self, path: Path) -> list[str]:
        """Lines of a text file, without empty ones at its end.

        Raises:
            BenchmarkError: there is none, or it is no text.
        """
        try:
            return path.read_text(encoding="utf-8").rstrip().splitlines()
        except FileNotFoundError as error:
            raise self.missing(str(path)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise self.damaged(path, error) from error

    def below(self, folder: Path, name: str) -> Path:
        """Path of a picture that a file of the set names.

        Raises:
            BenchmarkError: the name leads out of the folder.
        """
        path = Path(os.path.normpath(folder / name))
        if not name or not path.is_relative_to(os.path.normpath(folder)) or "\0" in name:
            raise BenchmarkError(
                f"the set {self.name} names the picture {name!r}, which leads out of {folder}"
            )
        return path

    def listed(self, folder: Path, suffix: str = ".jpg") -> list[str]:
        """Names of the pictures in a folder, sorted.

        Raises:
            BenchmarkError: there is no folder, or it holds anything that is no picture of that kind.
        """
        try:
            found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise self.missing(f"the folder {folder}") from error
        others = [
            name for name in found if not name.lower().endswith(suffix) or not (folder / name).is_file()
        ]
        if others:
            raise BenchmarkError(
                f"{folder / others[0]} is no {suffix} picture of the set {self.name}: move it elsewhere, "
                "since it would be left out without a word"
            )
        return found

    def present(self, pictures: Iterable[Picture]) -> None:
        """Check that the files of all pictures are there.

        Raises:
            BenchmarkError: some are not; it says how many.
        """
        names: dict[Path, set[str]] = defaultdict(set)
        for picture in pictures:
            names[picture.path.parent].add(picture.path.name)
        absent: list[Path] = []
        for folder, wanted in names.items():
            there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
            absent += [folder / name for name in sorted(wanted - there)]
        if absent:
            total = sum(map(len, names.values()))
            raise self.missing(f"{len(absent):,} of {total:,} pictures, {absent[0]} among them")


def corners(values: Iterable[float]) -> Box:
    """A box from left, upper, right and lower edge.

    Raises:
        ValueError: there are not four, or they enclose nothing.
    """
    left, upper, right, lower = map(float, values)
    if not (left < right and upper < lower):  # also for NaN
        raise ValueError(f"the box {left:g}, {upper:g}, {right:g}, {lower:g} is empty")
    return left, upper, right, lower
