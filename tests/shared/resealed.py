"""An index whose files somebody has changed, with a manifest that vouches for them again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.shard import describe_file


def reseal(index: Path) -> Manifest:
    """Describe every file of an index anew; what the manifest says of their content stays."""
    manifest = read_manifest(index)
    shards = tuple(
        replace(
            shard,
            files={name: describe_file(index / SHARDS / shard.name / name) for name in shard.files},
        )
        for shard in manifest.shards
    )
    attached = {}
    for name in ("removed", "calibration", "canaries"):
        if (entry := getattr(manifest, name)) is not None:
            attached[name] = replace(entry, file=describe_file(index / entry.name))
    changed = replace(manifest, shards=shards, probe=describe_file(index / "probe.npz"), **attached)
    write_manifest(index, changed)
    return changed
