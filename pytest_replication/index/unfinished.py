"""What is unfinished in an index that is not complete, and how it is taken up or given up."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from pytest_replication.errors import IndexIncomplete
from pytest_replication.index.manifest import Manifest

Work = Literal["build", "import", "append", "merge"]
_WHERE = {"build": "of", "import": "into", "append": "to", "merge": "into"}


def unfinished_work(manifest: Manifest) -> Work:
    """Which verb has not finished.

    Args:
        manifest: of an index that is not complete.
    """
    if len(manifest.sources) == 1:
        return "import" if manifest.sources[0].imported else "build"
    # An append knows what its source lists only after it has found too much unreadable in it.
    last = manifest.sources[-1]
    rejected = sum(shard.rejected for shard in manifest.shards_of(len(manifest.sources) - 1))
    return "merge" if last.listed is not None and rejected <= last.max_rejected else "append"


def require_append(folder: Path, manifest: Manifest) -> None:
    """Refuse to go on with, or to give up, what is no append.

    Raises:
        IndexIncomplete: something else has not finished.
    """
    work = unfinished_work(manifest)
    if work != "append":
        raise IndexIncomplete(
            f"the {work} {_WHERE[work]} {folder} has not finished: give the same 'pytest-replication {work}' "
            "again first"
        )


def give_up(folder: Path, manifest: Manifest) -> str:
    """How what was begun is given up, for messages."""
    if not manifest.complete and unfinished_work(manifest) == "append":
        return f"give the append up with 'pytest-replication append {shlex.quote(str(folder))} --abandon'"
    return "start anew with --overwrite"


def restore(folder: Path, manifest: Manifest) -> str:
    """What mends a damaged shard that cannot be made again, for messages."""
    lost = ["what was removed"] * bool(manifest.opted_out) + ["what was appended"] * (
        len(manifest.sources) > 1
    )
    forgets = f", which forgets {' and '.join(lost)}" if lost else ""
    anew = f"restore it, or build the index again with --overwrite{forgets}"
    if not manifest.complete and unfinished_work(manifest) == "append":
        return f"{anew}; if it is of the images that are being added, {give_up(folder, manifest)}"
    return anew


def remake(folder: Path, manifest: Manifest) -> str:
    """What mends a damaged shard, for messages."""
    if len(manifest.sources) == 1 and not manifest.sources[0].imported:
        return "give the same 'pytest-replication build' again, it makes damaged shards anew; or restore it"
    return restore(folder, manifest)


def describe_unfinished(folder: Path, manifest: Manifest) -> str:
    """Say what has not finished, how far it came, and how it is taken up again.

    Args:
        folder: of the index.
        manifest: not complete.
    """
    work, source = unfinished_work(manifest), manifest.sources[-1]
    shards = manifest.shards_of(len(manifest.sources) - 1)
    done, rejected = sum(shard.listed for shard in shards), sum(shard.rejected for shard in shards)
    what = f"the {work} {_WHERE[work]} {folder}"
    otherwise = f"; or {give_up(folder, manifest)}" if work == "append" else ""
    if done == source.listed and rejected > source.max_rejected:
        return (
            f"{what} could not read {rejected} of {done} images: 'pytest-replication {work}' with "
            f"--max-rejected {rejected} accepts the gap{otherwise}"
        )
    return (
        f"{what} has not finished ({done} of {source.listed or 'the'} images of {source.name}): give the "
        f"same 'pytest-replication {work}' again, it resumes{otherwise}"
    )
