"""Members of a tar → groups with one key: the images of a training example and what belongs to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pytest_replication.images.read import too_large
from pytest_replication.images.sources.base import storable
from pytest_replication.images.sources.tars import DamagedTar, Member, TarReader

IMAGES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm"}
    | {"avif", "jp2", "j2k", "tga", "ico", "heic", "heif", "jxl"}
)
"""Last suffixes of image files. Those that cannot be read are listed too, and rejected with a reason."""

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_TEXTS = ("txt", "json", "cls")
_SIDECAR = 1 << 20
"""Largest caption or label file that is read, in bytes."""

_MOST = 64
"""Images of one key that are held until its sidecars are seen: bounds memory."""

_HELD = 64 << 20
"""Bytes of images of one key that are held, out of a compressed tar; or a single image of more."""


@dataclass(frozen=True, slots=True)
class Found:
    """An image member.

    Attributes:
        member: where it is.
        suffix: everything behind the first dot of its name.
        data: its bytes, where the tar is compressed.
    """

    member: Member
    suffix: str
    data: bytes | None


@dataclass(slots=True)
class Group:
    """Neighbouring members of one key.

    Attributes:
        key: name up to the first dot of its last part, with its folder.
        images: its image members, in the order of the tar.
        caption: from ``KEY.txt``, else ``caption`` or ``text`` of ``KEY.json``.
        label: from ``KEY.cls``, else ``label`` of ``KEY.json``.
    """

    key: str
    images: list[Found] = field(default_factory=list)
    caption: str | None = None
    label: str | None = None

    def is_full(self, member: Member) -> bool:
        """Whether another member would be too much to hold."""
        held = sum(len(found.data) for found in self.images if found.data is not None)
        return len(self.images) == _MOST or (held > 0 and held + member.size > _HELD)

    def rest(self) -> Group:
        """A group for what else has the key."""
        return Group(self.key, [], self.caption, self.label)


def groups(tar: TarReader) -> Iterator[Group]:
    """Walk through a tar, a group at a time; those without an image are passed over.

    Raises:
        DamagedTar: after the groups that can be read.
    """
    group = Group("")
    try:
        for member in tar:
            key, suffix = split(member.name)
            if key.rpartition("/")[2] == "":
                continue  # dot files, as in folders
            image = _is_image(tar, member, suffix)
            if key != group.key or (image and group.is_full(member)):
                if group.images:
                    yield group
                group = group.rest() if key == group.key else Group(key)
            if image:
                _add(tar, group, suffix, member)
            elif member.fault is None and suffix in _TEXTS and member.size <= _SIDECAR:
                _annotate(group, suffix, tar.read(member).decode("utf-8", "replace"))
    except DamagedTar:
        if group.images:
            yield group
        raise
    if group.images:
        yield group


def split(name: str) -> tuple[str, str]:
    """Split the name of a member at the first dot of its last part: key and suffix."""
    parent, slash, base = name.removeprefix("./").rpartition("/")
    stem, _, suffix = base.partition(".")
    return parent + slash + stem, suffix


def _add(tar: TarReader, group: Group, suffix: str, member: Member) -> None:
    member = replace(member, fault=member.fault or too_large(member.size))
    data = tar.read(member) if tar.compressed and member.fault is None else None
    group.images.append(Found(member, suffix, data))


def _is_image(tar: TarReader, member: Member, suffix: str) -> bool:
    """Whether a member has the name of an image, or is one all the same."""
    if suffix.rpartition(".")[2].lower() in IMAGES:
        return True
    if member.fault is not None or suffix in _TEXTS:
        return False
    head = tar.read(member, 12)
    return head.startswith(_SIGNATURES) or (head.startswith(b"RIFF") and head.endswith(b"WEBP"))


def _annotate(group: Group, suffix: str, text: str) -> None:
    if suffix == "txt":
        group.caption = text.strip()
    elif suffix == "cls":
        group.label = text.strip()
    else:
        try:
            facts = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(facts, dict):
            group.caption = group.caption or storable(facts.get("caption", facts.get("text")))
            group.label = group.label or storable(facts.get("label"))
