"""``info``: what an index holds, from its manifest and its lists of rejected and removed images."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from pytest_replication._cli.options import Verbs, print_json
from pytest_replication.errors import ControlFailed, IndexCorrupt
from pytest_replication.escape import one_line
from pytest_replication.index.entries import ObjectsEntry
from pytest_replication.index.fingerprint import BETWEEN, measured_fingerprint
from pytest_replication.index.layout import SHARDS
from pytest_replication.index.manifest import DTYPES
from pytest_replication.index.opening import index_as_it_is, open_index
from pytest_replication.index.reader import Index
from pytest_replication.index.recalibrate import calibrate_again
from pytest_replication.index.rejections import each_rejected
from pytest_replication.index.tokens import shown
from pytest_replication.reports.calibration import calibration_data
from pytest_replication.reports.words import plural
from pytest_replication.search.caches import Cache, caches
from pytest_replication.search.codes import NAME as INT8


def add_parser(verbs: Verbs) -> argparse.ArgumentParser:
    """Declare the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "info", help="Show what an index holds", description="Show what an index holds."
    )
    parser.add_argument("index", metavar="INDEX", help="Folder of the index")
    parser.add_argument(
        "--rejected",
        action="store_true",
        help="List every image that could not be read, with its reason, also of a build that was refused",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Answer the verb."""
    if args.rejected:
        _list_rejected(index_as_it_is(args.index), args.json)
        return 0
    index = open_index(args.index)
    if args.json:
        print_json(_data(index))
    else:
        print(_text(index))
    return 0


def _list_rejected(index: Index, as_json: bool) -> None:
    rejected = each_rejected(index.path / SHARDS, index.manifest.shards)
    if as_json:
        print_json([{"id": row.id, "uri": row.uri, "reason": row.reason} for row in rejected])
    else:
        for row in rejected:
            print(one_line(f"{row.uri}: {row.reason}"))


def _data(index: Index) -> dict[str, Any]:
    manifest = index.manifest
    return {
        "index": str(index.path),
        "rows": manifest.rows,
        "listed": manifest.listed,
        "rejected": index.rejected().data(),
        "removed": manifest.opted_out,
        "hidden": manifest.hidden,
        "sources": [_source_data(index, number) for number in range(len(manifest.sources))],
        "embedder": asdict(manifest.embedder),
        "unproved": manifest.unproved,
        "decoder": manifest.decoder,
        "views": [view.name for view in manifest.views],
        "dtype": manifest.dtype,
        "thumbnails": manifest.thumbnails,
        "tokens": manifest.tokens,
        "pixels": manifest.pixels,
        "objects": None if manifest.objects is None else asdict(manifest.objects),
        "duplicates": _duplicates_data(index),
        "canaries": _canaries_data(index),
        "calibration": _calibration_data(index),
        "engines": [asdict(cache) for cache in caches(index)],
        "shards": len(manifest.shards),
        "bytes": _size(index),
        "created": manifest.created,
        "writer": manifest.writer,
        "fingerprint": manifest.fingerprint,
        "measured_fingerprint": _measured(index),
    }


def _text(index: Index) -> str:
    manifest, embedder = index.manifest, index.manifest.embedder
    weights = embedder.weights_sha256
    lines = [
        f"{index.path}: {plural(manifest.rows, 'training image')}",
        *(
            f"  source{_number(index, number)}{_source(index, number)}"
            for number in range(len(manifest.sources))
        ),
        f"  embedder     {embedder.name}, {embedder.preprocessing}",
        f"  weights      {'none' if weights is None else 'sha256 ' + weights}",
        f"  vectors      {len(manifest.views)} of each image "
        f"({', '.join(view.name for view in manifest.views)}), {embedder.dim} numbers of {_dtype(index)}",
        f"  size         {plural(len(manifest.shards), 'shard')}, {_size(index) / 1e6:.1f} MB"
        + (f", thumbnails of {manifest.thumbnails} pixels" if manifest.thumbnails else ""),
        *([f"  tokens       {shown(manifest.tokens)} of each view, float16"] if manifest.tokens else []),
        *([f"  pixels       {manifest.pixels} x {manifest.pixels} of each image"] if manifest.pixels else []),
        *([f"  objects      {_objects(manifest.objects)}"] if manifest.objects else []),
        f"  duplicates   {_duplicates(index)}",
        f"  canaries     {_canaries(index)}",
        f"  calibration  {_calibration(index)}",
        *(f"  engine       {_cache(cache)}" for cache in caches(index)),
        f"  created      {manifest.created} ({_age(manifest.created)}) by pytest-replication "
        f"{manifest.writer}",
        f"  fingerprint  {manifest.fingerprint}",
    ]
    if measured := _measured(index):
        lines.append(f"  measured     {measured} (pin both as {manifest.fingerprint}{BETWEEN}{measured})")
    if manifest.opted_out:
        lines.append(
            f"  removed      {plural(manifest.opted_out, 'training image')}"
            + (f", {manifest.hidden} still stored ('compact' deletes them)" if manifest.hidden else "")
        )
    rejected = index.rejected()
    if rejected.count:
        lines.append(f"  NOT in it    {plural(rejected.count, 'image')} that could not be read:")
        lines += [f"    {line}" for line in rejected.lines()]
    return "\n".join(map(one_line, lines))


def _measured(index: Index) -> str:
    """Fingerprint of calibration and canaries; empty where there are none in use."""
    try:
        return measured_fingerprint(index)
    except (ControlFailed, IndexCorrupt):  # which the lines of the two tell
        return ""


def _number(index: Index, number: int) -> str:
    """The number that `remove --source` takes, where there is a choice."""
    return f" {number}".ljust(7) if len(index.manifest.sources) > 1 else " " * 7


def _source(index: Index, number: int) -> str:
    source, counts = index.manifest.sources[number], _counts(index, number)
    less = [f"{counts[what]} {what}" for what in ("rejected", "removed") if counts[what]]
    text = f"{source.name}: {counts['rows']} of {plural(source.listed or 0, 'image')}"
    text += f" ({', '.join(less)})" if less else ""
    if number:
        text += f", added {source.added}"
    if source.unproved:
        return text + ", vectors imported, embedder declared and NOT proved"
    if source.imported:
        return (
            text + f", vectors imported, {source.proved} embedded again (lowest cosine {source.lowest:.5f})"
        )
    return text


def _source_data(index: Index, number: int) -> dict[str, Any]:
    source = index.manifest.sources[number]
    return {"number": number} | asdict(source) | {"unproved": source.unproved} | _counts(index, number)


def _counts(index: Index, number: int) -> dict[str, int]:
    """What became of the images of a source."""
    found = {"rows": 0, "rejected": 0, "removed": 0}
    for shard in index.shards:
        entry = shard.entry
        if entry.source == number:
            first, last = np.searchsorted(index.removed, [shard.first, shard.first + entry.rows]).tolist()
            found["rows"] += entry.rows - (last - first)
            found["rejected"] += entry.rejected
            found["removed"] += entry.dropped + last - first
    return found


def _objects(entry: ObjectsEntry) -> str:
    parts = f"{len(entry.parts)} parts of each image ({entry.grid})"
    return f"{parts}, up to {entry.features} local features ({entry.detector})"


def _duplicates(index: Index) -> str:
    found = index.manifest.duplicates
    if found is None:
        return f"not counted ('pytest-replication duplicates {index.path}' does)"
    if index.duplicates is None:
        return f"counted before the index changed ('pytest-replication duplicates {index.path}' counts again)"
    groups = f"{plural(found.rows, 'image')} in {plural(found.clusters, 'group')}" if found.rows else "none"
    return f"{groups} (score >= {found.threshold:g})"


def _canaries(index: Index) -> str:
    found = index.manifest.canaries
    if found is None:
        return f"none ({calibrate_again(index.path, index.manifest)} plants some)"
    if found.of != index.manifest.generation:
        again = calibrate_again(index.path, index.manifest)
        return f"NOT in use: planted before the index changed ({again} plants them again)"
    fault = _canaries_fault(index)
    if fault:
        return f"DAMAGED: {fault}"
    parts = 0 if index.canaries is None else len(index.canaries.parts.kept)
    return f"{found.rows}, planted at {found.threshold:g}" + (f", and {parts} of parts" if parts else "")


def _canaries_fault(index: Index) -> str:
    """What is wrong with canaries that a gate would take; empty where nothing is."""
    try:
        _ = index.canaries
    except (ControlFailed, IndexCorrupt) as error:
        return str(error)
    return ""


def _canaries_data(index: Index) -> dict[str, Any] | None:
    found = index.manifest.canaries
    if found is None:
        return None
    stale = found.of != index.manifest.generation
    damaged = not stale and bool(_canaries_fault(index))
    return {"threshold": found.threshold, "kept": found.rows, "stale": stale, "damaged": damaged}


def _calibration_data(index: Index) -> dict[str, Any] | None:
    if index.manifest.calibration is None:
        return None
    try:
        found = index.calibration
    except IndexCorrupt as error:
        return {"stale": False, "damaged": str(error)}
    return {"stale": True} if found is None else {"stale": False} | calibration_data(found)


def _calibration(index: Index) -> str:
    entry, again = index.manifest.calibration, calibrate_again(index.path, index.manifest)
    if entry is None:
        return f"none ({again} measures a threshold)"
    try:
        found = index.calibration
    except IndexCorrupt as error:
        return f"DAMAGED: {error}"
    if found is None:
        return f"NOT in use: made before the index changed ({again} makes it again, --drop takes it out)"
    gate = f" for a gate of {found.samples} samples" if found.samples > 1 else ""
    what = f"{100 * found.fpr:g} % of {found.described}{gate}"
    text = f"threshold {found.threshold:g}, {what}, {_age(found.created)}"
    if found.objects is not None:
        text += f", parts from {found.objects.points} points on"
    planted = sum(kind.planted for kind in found.planted)
    if planted:
        text += f", finds {sum(kind.found for kind in found.planted)} of {planted} planted copies"
    return text + (f", by {found.by} ({len(found.names)})" if found.by else "")


def _cache(cache: Cache) -> str:
    if cache.fault:
        return f"{cache.name}: {'in use in part' if cache.in_part else 'NOT in use'}: {cache.fault}"
    certified = ", ".join(f"{one.threshold:g} (recall above {one.bound:.5g})" for one in cache.certificates)
    text = f"{cache.name}, {cache.bytes / 1e6:.1f} MB"
    if cache.name == INT8:
        return text + ", speeds up the exact scan"
    return text + (f", certified at {certified}" if certified else ", not certified: it can pass no check")


def _duplicates_data(index: Index) -> dict[str, Any] | None:
    found = index.duplicates
    if found is None:
        return None
    return {"threshold": found.threshold, "images": len(found.rows), "groups": found.groups}


def _age(created: str) -> str:
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(created)
    except (ValueError, TypeError):
        return "of unknown age"
    return f"{plural(age.days, 'day')} old" if age >= timedelta(days=1) else "today"


def _dtype(index: Index) -> str:
    return next(name for name, stored in DTYPES.items() if stored == index.manifest.dtype)


def _size(index: Index) -> int:
    return sum(file.bytes for shard in index.manifest.shards for file in shard.files.values())
