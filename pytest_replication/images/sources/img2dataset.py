"""What img2dataset leaves behind: tars, folders or parquet files, each shard with a parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.base import ImageRef, Source, place, printable
from pytest_replication.images.sources.files import COMPANIONS, file_ref, folder
from pytest_replication.images.sources.groups import split
from pytest_replication.images.sources.parquet import ParquetSource, holds_images
from pytest_replication.images.sources.sidecar import Sidecar, is_sidecar
from pytest_replication.images.sources.tables import Table
from pytest_replication.images.sources.webdataset import SUFFIXES, WebdatasetSource, open_webdataset


class ShardFolders(Source):
    """The ``files`` layout: a folder of images for each shard, with its parquet file beside it.

    Args:
        shards: folder and parquet file of each shard, in order.
        name: what messages call the source.
    """

    counted = False  # files that no row names are listed as well

    def __init__(self, shards: Sequence[tuple[Path, Table]], name: str) -> None:
        self.name = name
        self._shards = shards
        self._length = max(len(shards), sum(table.count for _, table in shards))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ImageRef]:
        for path, table in self._shards:
            sidecar = Sidecar(table, printable(path.name), place(path))
            for name, file in folder(path).listed:
                key, _ = split(name)
                yield from sidecar.failed_before(key)
                yield file_ref(f"{path.name}/{name}", file, sidecar.caption(key))
            yield from sidecar.rest("the folder")


def open_img2dataset(rest: str) -> Source:
    """Open the output folder of img2dataset in whichever layout it is; or tars, as `open_webdataset`.

    Raises:
        SourceError: it is in none of the layouts, or a shard is only half there.
    """
    path = Path(rest)
    if not path.is_dir():
        return open_webdataset(rest)
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    tables = [Table.open(entry) for entry in entries if entry.suffix == ".parquet"]
    tars = [entry for entry in entries if entry.name.endswith(SUFFIXES)]
    folders = [entry for entry in entries if entry.is_dir() and not entry.name.startswith("_")]
    _check_one_layout(path, tars, folders)
    name = f"img2dataset {rest}"
    if tars:
        _check_partners(tables, {_stem(tar) for tar in tars}, ".tar")
        return WebdatasetSource([(tar.name, tar) for tar in tars], name)
    if folders:
        stems = {table.path.stem: table for table in tables}
        _check_partners(tables, {entry.name for entry in folders}, "/")
        if lonely := next((entry for entry in folders if entry.name not in stems), None):
            raise SourceError(
                f"{lonely} has no {lonely.name}.parquet beside it: let img2dataset finish the "
                "shard, or remove it"
            )
        if other := next((table for table in tables if not is_sidecar(table)), None):
            raise SourceError(
                f"{other.path} is not what img2dataset writes beside a shard (it has no columns key and "
                f"status, or holds images): let img2dataset write the shard again, or name folder:{path}"
            )
        return ShardFolders([(entry, stems[entry.name]) for entry in folders], name)
    if not tables or not all(map(holds_images, tables)):
        raise SourceError(
            f"{path} is no output of img2dataset: expected its tars, its folders or parquet files with images"
        )
    return ParquetSource([(table.path.name, table.path) for table in tables], name)


def _stem(tar: Path) -> str:
    return next(tar.name.removesuffix(suffix) for suffix in SUFFIXES if tar.name.endswith(suffix))


def _check_one_layout(path: Path, tars: Sequence[Path], folders: Sequence[Path]) -> None:
    known = {*tars, *folders}
    loose = next(
        (
            entry
            for entry in sorted(path.iterdir())
            if entry.is_file()
            and entry not in known
            and not entry.name.startswith(".")
            and entry.suffix.lower() not in COMPANIONS | {".parquet"}
        ),
        None,
    )
    if (tars and folders) or loose:
        other = loose or folders[0]
        raise SourceError(f"{path} holds {other.name} beside the shards of img2dataset: move it elsewhere")


def _check_partners(tables: Sequence[Table], stems: set[str], suffix: str) -> None:
    for table in tables:
        stem = table.path.stem
        if stem not in stems:
            raise SourceError(
                f"{table.path} has no {stem}{suffix} beside it: the images of that shard are missing"
            )
