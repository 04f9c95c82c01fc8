"""A tar of ready samples, read in place: nothing is unpacked, and links lead nowhere."""

from __future__ import annotations

from pathlib import Path

from pytest_replication.errors import SampleError, SourceError
from pytest_replication.escape import one_line
from pytest_replication.images.read import too_large
from pytest_replication.images.sources.base import FileSlice
from pytest_replication.images.sources.files import COMPANIONS
from pytest_replication.images.sources.tars import DamagedTar, Member, TarReader
from pytest_replication.models.listing import LARGEST, NAME

_MOST = 10_000_000
"""Members that are listed."""


def read_tar(path: Path) -> tuple[dict[str, FileSlice], bytes | None]:
    """List the samples of a tar.

    Text companions are passed over, as in a folder. A tar of one folder is read as that folder.

    Args:
        path: the tar, not compressed.

    Returns:
        Bytes of each sample by name, in the order of the tar, and the content of its ``samples.jsonl``.

    Raises:
        SampleError: it is damaged or compressed, a member comes twice, is a link or too large.
    """
    found: dict[str, FileSlice] = {}
    listing: tuple[str, bytes] | None = None
    try:
        with TarReader(path) as tar:
            if tar.compressed:
                raise SampleError(f"{path} is compressed: unpack it to a plain tar with gunzip")
            for member in tar:
                name = member.name.removeprefix("./")
                if name.rpartition("/")[2] == NAME:
                    if listing is not None:
                        raise SampleError(f"{path} has two files {NAME}: leave one")
                    listing = name.removesuffix(NAME), _listing(path, tar, member)
                elif (
                    not name.rpartition("/")[2].startswith(".")
                    and Path(name).suffix.lower() not in COMPANIONS
                ):
                    found[_fresh(path, name, member, found)] = FileSlice(path, member.offset, member.size)
    except (SourceError, DamagedTar) as error:
        told = str(error) if isinstance(error, SourceError) else f"{path}: {error}; fetch or make it again"
        raise SampleError(told) from error
    prefix = listing[0] if listing is not None else ""
    named: dict[str, FileSlice] = {}
    for name, part in found.items():
        if (bare := name.removeprefix(prefix)) in named:
            raise SampleError(
                f"{path} has {one_line(bare)} both beside and above its {NAME}: pack each sample once"
            )
        named[bare] = part
    return named, listing and listing[1]


def _fresh(path: Path, name: str, member: Member, found: dict[str, FileSlice]) -> str:
    fault, shown = member.fault or too_large(member.size), one_line(name)
    if fault is not None:
        raise SampleError(f"{path} has {shown}, which cannot be read ({fault}): pack regular files of images")
    if name in found:
        raise SampleError(f"{path} has {shown} twice: pack each sample once")
    if len(found) >= _MOST:
        raise SampleError(f"{path} has more than {_MOST:,} samples: make several tars")
    return name


def _listing(path: Path, tar: TarReader, member: Member) -> bytes:
    if member.fault is not None or member.size > LARGEST:
        raise SampleError(f"the {NAME} of {path} is no regular file of up to {LARGEST:,} bytes")
    return tar.read(member)
