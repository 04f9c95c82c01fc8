"""Which rows of an index are meant by ids, uris and digests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.shard import RECORDS
from pytest_replication.index.sound import read_sound_columns


@dataclass(frozen=True, slots=True)
class Selection:
    """What images are named by.

    Attributes:
        ids: ids, or uris, of images.
        sha256: digests of image files, in small letters; every copy is meant.
        source: number or name of the source in which all of it is looked for, None for all.
        all_sources: an id that stands in several sources, or for several images of one, means all of
            these images.
    """

    ids: frozenset[str] = frozenset()
    sha256: frozenset[str] = frozenset()
    source: int | str | None = None
    all_sources: bool = False

    def __post_init__(self) -> None:
        if not self.ids and not self.sha256:
            raise SettingsError("nothing is named that could be removed: give ids, uris or sha256 digests")
        if self.source is not None and self.all_sources:
            raise SettingsError(
                "one source and all sources exclude each other: give --source or --all-sources"
            )


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A row of an index: its number, the number of its source, and what names it."""

    row: int
    source: int
    id: str
    uri: str
    sha256: str | None


def stored_images(folder: Path, manifest: Manifest) -> Iterator[StoredImage]:
    """Read what names each stored row, in order; every file of records is compared with its checksum.

    Raises:
        IndexCorrupt: the records are not those that were written.
    """
    first = 0
    for entry in manifest.shards:
        records = read_sound_columns(folder / SHARDS / entry.name, entry, RECORDS, ("id", "uri", "sha256"))
        for number, (id_, uri, sha256) in enumerate(records):
            yield StoredImage(first + number, entry.source, id_, uri, sha256)
        first += entry.rows


def find_images(folder: Path, manifest: Manifest, wanted: Selection) -> dict[int, StoredImage]:
    """Find the rows that a selection means, also those that were removed before.

    A uri is looked at where no image has it as its id.

    Raises:
        SettingsError: something that is not in the index, an id that stands in several sources when
            neither one nor all of them are named, or for several images of one, or no such source.
        IndexCorrupt: the records are not those that were written.
    """
    sources = _sources(manifest, wanted.source)
    by_id, by_uri, by_digest = (defaultdict[str, list[StoredImage]](list) for _ in range(3))
    unnamed = 0
    for image in stored_images(folder, manifest):
        if image.source not in sources:
            continue
        unnamed += image.sha256 is None
        if image.id in wanted.ids:
            by_id[image.id].append(image)
        if image.uri in wanted.ids:
            by_uri[image.uri].append(image)
        if image.sha256 in wanted.sha256:
            by_digest[str(image.sha256)].append(image)
    named = {("id", name): by_id.get(name) or by_uri.get(name, []) for name in wanted.ids}
    named |= {("sha256", digest): by_digest.get(digest, []) for digest in wanted.sha256}
    _check_found(folder, named, unnamed, "" if wanted.source is None else f" in source {wanted.source}")
    if not wanted.all_sources:
        by_name = {name: named[("id", name)] for name in wanted.ids}
        _check_unique(folder, manifest, by_name)
        _check_single(folder, manifest, by_name)
    return {image.row: image for images in named.values() for image in images}


def count_copies(
    folder: Path, manifest: Manifest, found: dict[int, StoredImage], masked: NDArray[np.int64]
) -> int:
    """Count the rows that are neither found nor masked and whose file is that of a row that is found."""
    digests = {image.sha256 for image in found.values()} - {None}
    gone = found.keys() | set(masked.tolist())
    return sum(image.sha256 in digests and image.row not in gone for image in stored_images(folder, manifest))


def _sources(manifest: Manifest, wanted: int | str | None) -> set[int]:
    names = [source.name for source in manifest.sources]
    found = {number for number, name in enumerate(names) if wanted in (None, number, str(number), name)}
    if not found:
        raise SettingsError(
            f"there is no source {wanted}: the index has {_listed(manifest, range(len(names)))}; nothing was "
            "removed"
        )
    return found


def _check_found(
    folder: Path, named: dict[tuple[str, str], list[StoredImage]], unnamed: int, where: str
) -> None:
    if missing := [key for key, images in named.items() if not images]:
        kind, name = min(missing)
        if kind == "sha256" and unnamed:
            where += f", and {unnamed} have no sha256 (their vectors were imported): name these by --id"
        raise SettingsError(
            f"{folder} has no training image of {kind} {name}{where} ({len(missing)} of {len(named)} are not "
            "in it): nothing was removed"
        )


def _check_unique(folder: Path, manifest: Manifest, named: dict[str, list[StoredImage]]) -> None:
    """Ids are unique only within a source: another one may have given the same to another image."""
    several = {name: {image.source for image in images} for name, images in named.items()}
    several = {name: sources for name, sources in several.items() if len(sources) > 1}
    if several:
        name = min(several)
        raise SettingsError(
            f"id {name} stands in several sources of {folder}, {_listed(manifest, sorted(several[name]))} "
            f"({len(several)} of {len(named)} ids do): name one of them with --source NUMBER, the image by "
            "its uri, or all of them with --all-sources; nothing was removed"
        )


def _check_single(folder: Path, manifest: Manifest, named: dict[str, list[StoredImage]]) -> None:
    """A source may give one id to several images all the same; copies of one file are one image."""
    several = {name: images for name, images in named.items() if not _is_one_image(images)}
    if several:
        name = min(several)
        raise SettingsError(
            f"id {name} stands for {len(several[name])} different images of source "
            f"{_listed(manifest, [several[name][0].source])} in {folder} ({len(several)} of {len(named)} ids "
            "do so): name the image by its sha256, or all of them with --all-sources; nothing was removed"
        )


def _is_one_image(images: list[StoredImage]) -> bool:
    return len(images) == 1 or (None not in (found := {image.sha256 for image in images}) and len(found) == 1)


def _listed(manifest: Manifest, numbers: range | list[int]) -> str:
    shown = [f"{number} ({manifest.sources[number].name})" for number in numbers[:10]]
    return ", ".join(shown) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
