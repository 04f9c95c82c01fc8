"""Give up an append that has not finished: the index becomes whole again, as it was before it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_replication.errors import SettingsError
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.opening import open_index
from pytest_replication.index.unfinished import require_append
from pytest_replication.index.writer import IndexWriter


@dataclass(frozen=True, slots=True)
class AbandonReport:
    """What `abandon_append` did.

    Attributes:
        index: folder of the index.
        source: the source whose images are not added.
        dropped: listed images of it that had been embedded, or found unreadable.
        rows: images in the index.
    """

    index: Path
    source: str
    dropped: int
    rows: int


def abandon_append(index: str | os.PathLike[str]) -> AbandonReport:
    """Take what an unfinished append has added out of an index again.

    One rename does it; the shards are deleted after it. The images of the source are in no search
    then, as before the append.

    Args:
        index: folder of the index.

    Raises:
        SettingsError: the index is complete.
        IndexIncomplete: it is a build, an import or a merge that has not finished.
        IndexUnavailable: there is no index, it is damaged, or another process writes it.
    """
    folder = Path(index)
    read_manifest(folder)  # before the lock would make a folder
    with IndexWriter(folder) as writer:
        found = writer.take_up()
        if found.complete:
            raise SettingsError(f"{folder} is complete: there is no append that could be abandoned")
        require_append(folder, found)
        last = len(found.sources) - 1
        kept = tuple(shard for shard in found.shards if shard.source != last)
        writer.commit(replace(found, sources=found.sources[:-1], shards=kept, complete=True))
    opened = open_index(folder)
    return AbandonReport(folder, found.sources[last].name, found.listed - opened.manifest.listed, opened.rows)
