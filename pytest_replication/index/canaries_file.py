"""Canaries as they are stored beside the shards: a parquet file, which the manifest names."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_replication.errors import BuildError, ControlFailed, IndexCorrupt
from pytest_replication.images.sources.tables import Unbounded, batches_of
from pytest_replication.index.canaries import Canaries, Canary, PartCanaries, PartCanary
from pytest_replication.index.entries import Attachment
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.index.removed import read_removed
from pytest_replication.index.shard import describe_file
from pytest_replication.index.writer import IndexWriter

if TYPE_CHECKING:
    import pyarrow as pa

    from pytest_replication.index.reader import Index

_MOST_BYTES = 128 << 20
"""More than 64 pictures of 512 x 512 pixels take."""

_ROWS = 64
"""Canaries that are unpacked at a time."""

_PART = "part"
"""What stands for an edit where the copy is one of a part; such rows have points."""

_DAMAGE = (OSError, ValueError, KeyError, TypeError, RecursionError, Unbounded)
"""What a damaged file brings about; errors of pyarrow are ValueErrors, too."""

_ABOUT = b"pytest-replication canaries"
"""Key of what the file says beside its rows."""


def write_canaries(index: Index, canaries: Canaries) -> Attachment:
    """Put canaries beside the shards of an index, in the place of those that are there.

    Args:
        index: the index as it was opened to plant them.
        canaries: what was planted; may be none, and then no gate passes that asks for some.

    Raises:
        IndexCorrupt: the index has changed since.
        IndexUnavailable: it is not there, not complete, or being written.
        BuildError: the disk cannot be written.
    """
    generation = index.manifest.generation
    with IndexWriter(index.path) as writer:
        manifest = writer.edit()
        if manifest.generation != generation:
            raise IndexCorrupt(
                f"{index.path} has changed while its canaries were planted: calibrate it again"
            )
        entry = attach_canaries(writer, canaries, generation)
        writer.commit(replace(manifest, canaries=entry))
    return entry


def attach_canaries(writer: IndexWriter, canaries: Canaries, generation: str) -> Attachment:
    """Write the file of canaries that were planted in a generation of an index; `commit` has to name it."""
    entry = writer.attach("canaries", ".parquet", _encode(canaries), len(canaries.kept))
    return replace(entry, of=generation, threshold=canaries.threshold)


def without_pictures(writer: IndexWriter, manifest: Manifest) -> Attachment | None:
    """Canaries without a picture, for `compact`: none of a removed image may stay in the index.

    They are those of the index as it was, so that a gate still asks for a new calibration.
    """
    old = manifest.canaries
    if old is None:
        return None
    none = Canaries(old.threshold or 0.0, {}, ())
    return attach_canaries(writer, none, old.of)


def read_canaries(folder: Path, manifest: Manifest) -> Canaries | None:
    """Read the canaries of an index; None if none were planted.

    Raises:
        ControlFailed: the index has changed since they were planted.
        IndexCorrupt: the file is not the one that was written.
    """
    entry = manifest.canaries
    if entry is None:
        return None
    again = f"run {calibrate_again(folder, manifest)}"
    if entry.of != manifest.generation:
        raise ControlFailed(
            f"the canaries of {folder} were planted before its training images changed: {again}, drop them "
            f"('pytest-replication calibrate {folder} --drop'), or do without a control "
            "(--replication-canaries 0 in pytest, --canaries 0 in pytest-replication check)"
        )
    path = folder / entry.name
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has more than the {_MOST_BYTES:,} bytes that canaries may have")
        if describe_file(path) != entry.file:
            raise ValueError("its checksum differs")
        found = _decode(path, entry.rows)
        _check(found, entry, manifest, {int(row) for row in read_removed(folder, manifest).rows})
    except FileNotFoundError as error:
        raise IndexCorrupt(
            f"{path} is not there any more: if the index was calibrated since it was opened, give the "
            f"command again; else {again}"
        ) from error
    except _DAMAGE as error:
        raise IndexCorrupt(f"{path} is damaged ({error}): {again}") from error
    return found


def require_none(folder: Path, manifest: Manifest, stored: int | None) -> None:
    """Refuse an index without canaries whose calibration was stored with some.

    Raises:
        ControlFailed: it was.
    """
    if stored is not None:
        raise ControlFailed(
            f"the calibration of {folder} was stored with {stored} canaries, and its manifest names none: "
            f"run {calibrate_again(folder, manifest)}, or do without a control "
            "(--replication-canaries 0 in pytest, --canaries 0 in pytest-replication check)"
        )


def _check(found: Canaries, entry: Attachment, manifest: Manifest, removed: set[int]) -> None:
    if not all(0 <= hits <= tried for hits, tried in found.recall.values()) or len(found.kept) > found.found:
        raise ValueError(f"of {found.tried} copies {found.found} were found, and {len(found.kept)} are kept")
    if found.threshold != entry.threshold:
        raise ValueError(f"it holds {len(found.kept)} canaries at {found.threshold}")
    parts = found.parts
    if not len(parts.kept) <= parts.found <= parts.tried or not all(one.points > 0 for one in parts.kept):
        raise ValueError(
            f"of {parts.tried} copies of parts {parts.found} were found, {len(parts.kept)} are kept"
        )
    for row in (*(canary.row for canary in found.kept), *(canary.row for canary in parts.kept)):
        if not 0 <= row < manifest.stored or row in removed:
            raise ValueError(f"row {row} is none that is searched")
    for canary in found.kept:
        if not (math.isfinite(canary.score) and found.threshold <= canary.score <= 1):
            raise ValueError(f"a canary has the score {canary.score}")


def _encode(canaries: Canaries) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    about: dict[str, Any] = {"threshold": canaries.threshold, "recall": canaries.recall}
    rows = [asdict(canary) for canary in canaries.kept]
    if parts := canaries.parts.tried:
        about |= {"parts": [canaries.parts.found, parts]}
        rows += [{"edit": _PART, "score": 0.0} | asdict(canary) for canary in canaries.parts.kept]
    schema = _schema(bool(parts)).with_metadata({_ABOUT: json.dumps(about).encode()})
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), content, compression="none")
    if content.tell() > _MOST_BYTES:
        raise BuildError(f"{len(rows)} canaries take more than {_MOST_BYTES:,} bytes: keep fewer")
    return content.getvalue()


def _decode(path: Path, rows: int) -> Canaries:
    """Read the file, after what it says of its own size."""
    import pyarrow.parquet as pq

    read: list[dict[str, Any]] = []
    with pq.ParquetFile(path) as file, path.open("rb") as opened:
        schema = file.schema_arrow
        if not any(schema.equals(_schema(parts)) for parts in (False, True)):
            raise ValueError("it holds other columns")
        left = _MOST_BYTES  # the footer may say anything
        for group in range(file.num_row_groups):
            for batch in batches_of(file, group, opened, schema.names, _ROWS):
                left -= batch.nbytes
                if left < 0:
                    raise ValueError(f"it unpacks to more than {_MOST_BYTES:,} bytes")
                read += batch.to_pylist()
    about = json.loads(schema.metadata[_ABOUT])
    recall = {str(edit): (_count(found), _count(tried)) for edit, (found, tried) in about["recall"].items()}
    values = [(values.pop("points", None), values) for values in read]
    kept = tuple(Canary(**one) for points, one in values if points is None)
    if len(kept) != rows:
        raise ValueError(f"it holds {len(kept)} canaries")
    of_parts = tuple(
        PartCanary(one["row"], points, one["image"]) for points, one in values if points is not None
    )
    found, tried = map(_count, about.get("parts", (0, 0)))
    return Canaries(float(about["threshold"]), recall, kept, PartCanaries(of_parts, tried, found))


def _count(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no number of copies")
    return value


def _schema(parts: bool) -> pa.Schema:
    import pyarrow as pa

    columns = {"row": pa.int64(), "edit": pa.string(), "score": pa.float64(), "image": pa.binary()}
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns.items()]
    return pa.schema([*fields, pa.field("points", pa.int64())] if parts else fields)
