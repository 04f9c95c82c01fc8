"""What a synthetic set was made of, noted beside it: a set that would be made otherwise is not taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pytest_replication.errors import BenchmarkError
from pytest_replication.images.sources import Listing, open_source

RECIPE = 3
"""Version of the recipe beside a set; a set of another one is made anew."""


def write_recipe(note: Path, recipe: Mapping[str, object]) -> None:
    """Write down what a set is made of, before it is made.

    Raises:
        BenchmarkError: the note cannot be written.
    """
    text = json.dumps(recipe, indent=1, sort_keys=True) + "\n"
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchmarkError(f"{note} cannot be written ({error}): give another --out") from error


def check_recipe(note: Path, recipe: Mapping[str, object], folder: Path) -> None:
    """Refuse a set that was made otherwise, or of images that have changed since.

    Args:
        note: what it was made of.
        recipe: what it is to be made of.
        folder: of the set, for the message.

    Raises:
        BenchmarkError: so it is.
    """
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        others = [name for name in recipe if found.get(name) != recipe[name]]
    except (OSError, ValueError, AttributeError):
        others = [f"{note.name}, which is missing or damaged"]
    if others:
        raise BenchmarkError(
            f"{folder} holds a set that was made otherwise, or of images that have changed since "
            f"(what differs: {', '.join(others)}): delete it, or give another --out or the same arguments"
        )


def digest_of_images(given: str) -> dict[str, object]:
    """What a source is: where it lies, and the ids and versions of its images, as a build notes them."""
    listing = Listing()
    for _ in listing.watch(open_source(given)):
        pass
    return {"from": _resolved(given), "count": listing.count, "digest": listing.digest}


def digest_of_files(given: str) -> dict[str, object]:
    """What masks or a pipeline are: the sizes and times of last change of all files that are named."""
    digest, count = hashlib.sha256(), 0
    for place in map(Path, parts_of(given)):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                found = path.stat()
                digest.update(f"{path.resolve()}\0{found.st_size} {found.st_mtime_ns}\0".encode())
                count += 1
    return {"from": _resolved(given), "count": count, "digest": digest.hexdigest()}


def _resolved(given: str) -> str:
    return ":".join(str(Path(part).resolve()) if Path(part).exists() else part for part in parts_of(given))


def parts_of(given: str) -> list[str]:
    """A path, or what stands between colons, some of which are paths."""
    return [given] if Path(given).exists() else given.split(":")
