"""One string, or whatever was given → the source that fits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.base import Source, exists
from pytest_replication.images.sources.files import FileSource, file_list, folder, paths
from pytest_replication.images.sources.memory import MemorySource

_PREFIX = re.compile(r"([A-Za-z][\w+-]*):(.*)", re.DOTALL)
_TARS = (".tar", ".tar.gz", ".tgz")


def open_source(given: object) -> Source:
    """Find the source that fits what was given.

    Args:
        given: a path of any kind in `KINDS`, ``KIND:REST`` where the kind has to be named, a list of
            paths, images in memory, or a `Source`. A path that exists is never taken for a prefix.

    Raises:
        SourceError: nothing fits, or there are no images.
    """
    source = _detect(given)
    if len(source) == 0:
        raise SourceError(f"{source.name} holds no images: name a folder, a file or a list that does")
    return source


def _folder(rest: str) -> Source:
    if not Path(rest).is_dir():
        raise SourceError(f"{rest} is no folder: name the folder of images")
    images = [(id_, file) for id_, file in folder(Path(rest)).listed if _container(file) is None]
    return FileSource(images, name=f"folder {rest}")


def _parquet(rest: str) -> Source:
    from pytest_replication.images.sources.parquet import open_parquet

    return open_parquet(Path(rest))


def _webdataset(rest: str) -> Source:
    from pytest_replication.images.sources.webdataset import open_webdataset

    return open_webdataset(rest)


def _img2dataset(rest: str) -> Source:
    from pytest_replication.images.sources.img2dataset import open_img2dataset

    return open_img2dataset(rest)


def _hf(rest: str) -> Source:
    from pytest_replication.images.sources.hf import open_hf

    return open_hf(rest)


def _torchvision(rest: str) -> Source:
    from pytest_replication.images.sources.torchvision_sets import open_torchvision

    return open_torchvision(rest)


def _idx(rest: str) -> Source:
    from pytest_replication.images.sources.idx import IdxSource

    return IdxSource(Path(rest))


def _npy(rest: str) -> Source:
    from pytest_replication.images.sources.npy import open_npy

    return open_npy(Path(rest))


def _laion(rest: str) -> Source:
    from pytest_replication.images.sources.laion import open_laion

    return open_laion(rest)


KINDS: dict[str, Callable[[str], Source]] = {
    "folder": _folder,
    "list": lambda rest: file_list(Path(rest)),
    "parquet": _parquet,
    "webdataset": _webdataset,
    "img2dataset": _img2dataset,
    "hf": _hf,
    "torchvision": _torchvision,
    "idx": _idx,
    "npy": _npy,
    "laion": _laion,
}
"""What opens each kind that may stand before a colon."""


def _detect(given: object) -> Source:
    if isinstance(given, Source):
        return given
    if (
        isinstance(given, str) and not given
    ):  # an unset variable of a script, which would mean the current folder
        raise SourceError(f"an empty name was given: {_WANTED}")
    if isinstance(given, str) and not exists(given):
        return _named(given)
    if isinstance(given, (str, os.PathLike)):
        return _existing(Path(given))
    if _is_paths(given):
        return paths(given)  # type: ignore[arg-type]
    return MemorySource(given)


def _is_paths(given: object) -> bool:
    return (
        isinstance(given, Sequence)
        and not isinstance(given, bytes)
        and len(given) > 0
        and all(isinstance(item, (str, os.PathLike)) for item in given)
    )


def _named(given: str) -> Source:
    if match := _PREFIX.fullmatch(given):
        kind, rest = match.groups()
        if kind not in KINDS:
            raise SourceError(
                f"{given} does not exist and {kind} is no kind of source: name one of {', '.join(KINDS)}"
            )
        if not rest:
            raise SourceError(f"{given} names nothing: write {kind}: and what it is to read")
        return KINDS[kind](rest)
    if given.endswith(_TARS) and re.search(r"[{*?\[]", given):
        return _webdataset(given)
    raise SourceError(f"{given} does not exist: {_WANTED}")


_WANTED = "name a folder of images, a .txt list, a parquet, tar, idx, .npy or .npz file, or KIND:PATH"
"""What mends a path that is no source."""


def _existing(path: Path) -> Source:
    if path.is_dir():
        return _existing_folder(path)
    if not path.exists():
        raise SourceError(f"{path} does not exist: {_WANTED}")
    if path.suffix == ".txt":
        return file_list(path)
    if (kind := _container(path)) is not None:
        return KINDS[kind](str(path))
    raise SourceError(f"{path} is a {path.suffix or 'plain'} file: {_WANTED}")


def _existing_folder(path: Path) -> Source:
    from pytest_replication.images.sources.hf import is_saved

    if is_saved(path):
        return _hf(str(path))
    files = folder(path)
    kinds: dict[str, str] = {}  # each with the first file of it
    for id_, file in files.listed:
        kinds.setdefault(_container(file) or "folder", id_)
    if set(kinds) <= {"folder"}:
        return files
    if len(kinds) == 1:
        return _one_kind(path, next(iter(kinds)), [file for _, file in files.listed])
    if "parquet" in kinds and set(kinds) <= {"parquet", "webdataset", "folder"} and _is_img2dataset(path):
        return _img2dataset(str(path))
    raise SourceError(_mixed(path, kinds))


def _one_kind(path: Path, kind: str, files: Sequence[Path]) -> Source:
    if kind == "npy":
        if len(files) > 1:
            raise SourceError(f"{path} holds {len(files)} array files: name one with npy:{files[0]}")
        return _npy(str(files[0]))
    if kind == "idx":
        if len(homes := {file.parent for file in files}) > 1:
            raise SourceError(f"{path} holds idx files in {len(homes)} folders: name one of them")
        return _idx(str(homes.pop()))
    return KINDS[kind](str(path))


def _mixed(path: Path, kinds: dict[str, str]) -> str:
    names = {"folder": "image", "webdataset": "tar"}
    kind, *rest = sorted(kinds, key=lambda kind: (kind == "folder", kind))
    other = ", ".join(kinds[each] for each in rest)
    return (
        f"{path} holds {names.get(kind, kind)} files and other files ({other}, …): name one of the two kinds "
        f"({' or '.join(f'{each}:{path}' for each in (kind, *rest))}), or move them apart"
    )


def _container(path: Path) -> str | None:
    """Kind of a file that holds many images, by its name; None for any other file."""
    from pytest_replication.images.sources.idx import is_idx

    if path.name.endswith(_TARS):
        return "webdataset"
    if is_idx(path):
        return "idx"
    return {".parquet": "parquet", ".npy": "npy", ".npz": "npy"}.get(path.suffix)


def _is_img2dataset(path: Path) -> bool:
    """Whether each parquet file stands beside the tar or the folder of its name."""
    files = list(path.glob("*.parquet"))
    return bool(files) and all(
        any(file.with_suffix(suffix).exists() for suffix in ("", *_TARS)) for file in files
    )
