"""Data sets of the Hugging Face `datasets` library: saved to disk, or a pinned revision of the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_replication.errors import SourceError
from pytest_replication.hub import quiet_hub
from pytest_replication.images.sources.base import (
    ImageRef,
    Source,
    digest,
    exists,
    faulty,
    file_version,
    lies_in,
    place,
    printable,
    storable,
)
from pytest_replication.images.sources.tables import CAPTIONS

_BATCH = 64
_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^:]*))?(:(?P<split>.+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_END = b"\xff\xff\xff\xff\0\0\0\0"
"""End mark of an Arrow stream: a file without it was cut off, which its reader does not tell."""


def is_saved(path: Path) -> bool:
    """Whether a folder was written by ``save_to_disk``."""
    if (path / "dataset_dict.json").is_file():
        return True
    return (path / "state.json").is_file() and (path / "dataset_info.json").is_file()


@dataclass(frozen=True, slots=True)
class _Part:
    """One split: its rows, and the columns that matter."""

    name: str
    rows: Any
    images: tuple[str, ...]
    caption: str | None
    label: str | None
    classes: Any


class HfSource(Source):
    """Splits of a data set, read a batch at a time, decoded by this package alone.

    Args:
        splits: name and ``datasets.Dataset`` of each split, in order.
        name: what messages call the source.
        uri: where it is.
        homes: folders that hold the files of its rows; a path that leads out of them is not read.

    Raises:
        SourceError: a split has no column of images, or lists of them.
    """

    def __init__(
        self, splits: Sequence[tuple[str, Any]], name: str, uri: str, homes: Sequence[Path] = ()
    ) -> None:
        self.name, self._uri, self._homes = name, uri, homes
        self._parts = [_part(split, rows, name) for split, rows in splits]

    def __len__(self) -> int:
        return sum(len(part.rows) * len(part.images) for part in self._parts)

    def __iter__(self) -> Iterator[ImageRef]:
        for part in self._parts:
            number = 0
            for batch in part.rows.iter(batch_size=_BATCH):
                for at in range(len(batch[part.images[0]])):
                    row = {column: values[at] for column, values in batch.items()}
                    yield from self._refs(part, number, row)
                    number += 1

    def _refs(self, part: _Part, number: int, row: dict[str, Any]) -> Iterator[ImageRef]:
        caption = storable(row[part.caption]) if part.caption else None
        label = _class_name(part, row)
        for column in part.images:
            inside = f"{part.name}#{number}" + (f"/{column}" if len(part.images) > 1 else "")
            id_, uri = printable(inside), printable(f"{self._uri}/{inside}")
            image = row[column] or {}
            if data := image.get("bytes"):
                yield ImageRef(id_, uri, data, digest(data), caption, label)
            elif path := image.get("path"):
                yield self._file(id_, Path(path), caption, label)
            else:
                yield faulty(id_, uri, "the row holds no image bytes and no path", caption=caption)

    def _file(self, id_: str, given: Path, caption: str | None, label: str | None) -> ImageRef:
        """Refer to a file that a row names: what is data may not name any file of this machine."""
        inside = [path for home in self._homes if lies_in(path := home.absolute() / given, home)]
        for path in inside:
            if (version := file_version(path)) != "missing":
                return ImageRef(id_, printable(path), path, version, caption, label)
        what = "does not exist" if inside else "leads out of the data set"
        fault = f"the row holds no image bytes, and its path {what}"
        return faulty(id_, printable(given), fault, "", caption)


def open_hf(rest: str) -> Source:
    """Open ``PATH``, ``PATH:SPLIT`` or ``OWNER/NAME@REVISION[:SPLIT]``.

    Args:
        rest: a folder of ``save_to_disk``, parquet files, or a data set of the hub at a commit.

    Raises:
        SourceError: it is none of them, cannot be read, or needs a network that is not there.
    """
    if exists(rest):
        return _open_path(Path(rest), None)
    head, colon, split = rest.rpartition(":")
    if colon and exists(head):
        return _open_path(Path(head), split)
    match = _HUB.fullmatch(rest)
    if match is None:
        raise SourceError(
            f"{rest} does not exist: name a folder of save_to_disk, parquet files, or OWNER/NAME@REVISION"
        )
    return _open_hub(match["repo"], match["revision"], match["split"])


def _open_path(path: Path, split: str | None) -> Source:
    from pytest_replication.images.sources.parquet import open_parquet

    if not (path.is_dir() and is_saved(path)):
        if split is not None:
            raise SourceError(f"{path} is no folder of save_to_disk and has no split {split}: leave it away")
        return open_parquet(path)
    datasets = _library()
    try:
        found = datasets.load_from_disk(str(path.absolute()))
    except Exception as error:  # the library raises whatever its parsers trip over
        raise SourceError(f"{path} cannot be loaded: {_sentence(error)}; save it again") from error
    splits = _splits(found, path, split)
    for _, rows in splits:
        _check_whole(rows)
    return HfSource(splits, f"hf {path}", place(path), [path])


def _open_hub(repo: str, revision: str | None, split: str | None) -> Source:
    if revision is None or not _COMMIT.fullmatch(revision):
        raise SourceError(
            f"hf:{repo} is asked for at {revision or 'no revision'}: name a commit, hf:{repo}@ and 40 hex "
            "digits, because a branch moves and the index could not say of what it is"
        )
    datasets = _library()
    try:
        with quiet_hub():
            builder = datasets.load_dataset_builder(repo, revision=revision)
            # Without a network the library takes any revision that it has in its cache.
            if builder.hash != revision:
                raise ConnectionError(f"revision {builder.hash} is at hand, and not the one that was named")
            builder.download_and_prepare()
        found = builder.as_dataset()
    except Exception as error:  # the library raises whatever its network and parsers do
        raise SourceError(
            f"hf:{repo}@{revision} cannot be fetched ({_sentence(error)}): where there is a network, run "
            f"datasets.load_dataset({repo!r}, revision={revision!r}).save_to_disk('FOLDER'), bring FOLDER "
            "here and name hf:FOLDER"
        ) from error
    name = f"hf {repo}@{revision}"
    return HfSource(_splits(found, repo, split), name, f"hf:{repo}@{revision}", _caches())


def _caches() -> list[Path]:
    """Folders that the library fetches files of the hub into, and unpacks archives."""
    from datasets import config
    from huggingface_hub import constants

    found = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
    return [Path(folder) for folder in found]


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise SourceError(
            f"the library datasets is missing ({error}): pip install 'pytest-replication[hf]'"
        ) from error
    return datasets


def _splits(found: Any, where: object, split: str | None) -> list[tuple[str, Any]]:
    if isinstance(found, dict):
        named = {str(name): rows for name, rows in found.items()}
    else:
        named = {str(found.split or "rows"): found}
    if split is None:
        return list(named.items())
    if split not in named:
        raise SourceError(f"{where} has no split {split}: it has {', '.join(named) or 'none'}")
    return [(split, named[split])]


def _part(name: str, rows: Any, where: str) -> _Part:
    import datasets

    features = dict(rows.features)
    images = tuple(column for column, kind in features.items() if isinstance(kind, datasets.Image))
    nested = [c for c, kind in features.items() if c not in images and _holds_image(kind)]
    if nested or not images:
        what = f"images inside the column {nested[0]}" if nested else "no column of the type Image"
        raise SourceError(
            f"{where} has {what} in {name} ({', '.join(features)}): make a column with one image a row"
        )
    classes = [column for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    label = "label" if "label" in features else next(iter(classes), None)
    caption = next((column for column in CAPTIONS if column in features), None)
    wanted = [column for column in (*images, caption, label) if column]
    rows = rows.with_format(None).select_columns(list(dict.fromkeys(wanted)))
    for column in images:
        rows = rows.cast_column(column, datasets.Image(decode=False))
    return _Part(name, rows, images, caption, label, features[label] if label in classes else None)


def _holds_image(kind: Any) -> bool:
    import datasets

    if isinstance(kind, dict):
        return any(map(_holds_image, kind.values()))
    if isinstance(kind, (list, tuple)):
        return any(map(_holds_image, kind))
    inner = getattr(kind, "feature", None)
    return isinstance(kind, datasets.Image) or (inner is not None and _holds_image(inner))


def _class_name(part: _Part, row: dict[str, Any]) -> str | None:
    value = row[part.label] if part.label else None
    if part.classes is None or value is None:
        return storable(value)
    return storable(part.classes.int2str(value)) if 0 <= value < part.classes.num_classes else None


def _check_whole(rows: Any) -> None:
    for file in rows.cache_files:
        with Path(file["filename"]).open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - len(_END)))
            if stream.read() != _END:
                raise SourceError(
                    f"{file['filename']} is cut off: it has no end mark; save the data set again"
                )


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300] or type(error).__name__
