"""Files beside the shards that the manifest names, each called by a digest of its content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pytest_replication.durable import meant_for, replace_file
from pytest_replication.errors import BuildError
from pytest_replication.index.entries import Attachment
from pytest_replication.index.manifest import ATTACHED, Manifest
from pytest_replication.index.shard import describe_file

_NAME = re.compile(rf"({'|'.join(ATTACHED)})-[0-9a-f]{{16}}\.\w+")


def write_attachment(folder: Path, stem: str, suffix: str, content: bytes, rows: int) -> Attachment:
    """Write a file; it is part of the index when a manifest names it.

    Args:
        folder: of the index.
        stem: how its name begins.
        suffix: how its name ends.
        content: of the file.
        rows: entries in it.

    Raises:
        BuildError: the disk cannot be written.
    """
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{stem}-{digest[:16]}{suffix}"
    try:
        replace_file(path, content)
    except OSError as error:
        raise BuildError(f"{path} cannot be written ({error}): free some space") from error
    return Attachment(path.name, rows, describe_file(path))


def is_attachment(name: str) -> bool:
    """Whether a file of this name is an attachment, finished or not."""
    return _NAME.fullmatch(meant_for(name) or name) is not None


def drop_attachments(folder: Path, manifest: Manifest | None) -> None:
    """Remove the files that a manifest does not name; all of them without one."""
    named = {entry.name for entry in manifest.attachments} if manifest else set()
    for path in folder.iterdir():
        if is_attachment(path.name) and path.name not in named and not path.is_dir():
            path.unlink(missing_ok=True)
