"""Is this the index that is expected? Nothing else tells one training set from another.

There are two fingerprints: that of the index (`Manifest.fingerprint`), and that of what was measured of it,
which decides as well: its calibration and its canaries. Who pins the first alone gets no threshold of a
calibration.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_replication.errors import IndexMismatch, SettingsError
from pytest_replication.index.entries import Pin
from pytest_replication.sealed import digest

if TYPE_CHECKING:
    from pytest_replication.index.calibration import Calibration
    from pytest_replication.index.canaries import Canaries
    from pytest_replication.index.reader import Index

BETWEEN = "+"
"""Between the two fingerprints where both are given."""
SHORTEST = 32
"""Digits: fewer could be met by trying (128 bits; 2^64 attempts to make two alike)."""
_DIGITS = frozenset("0123456789abcdef")
_UNDECIDING = ("created", "writer", "source", "asked", "copies", "closest", "note")
"""Fields of a calibration that say when and of what it was made, and change no verdict."""


def measured_fingerprint(index: Index) -> str:
    """Digest of the calibration and the canaries of an index; empty where it has neither.

    Scores, thresholds, groups and pictures are in it; times, and places of images, are not.

    Raises:
        IndexCorrupt: one of the files is damaged.
        ControlFailed: the canaries are of the index as it was, or the calibration was stored with some that
            are gone.
    """
    found, canaries = index.calibration, index.canaries
    if found is None and canaries is None:
        return ""
    return digest({"calibration": _calibration(found), "canaries": _canaries(canaries)})


def whole_fingerprint(index: Index) -> str:
    """Both fingerprints, as they are pinned; that of the index alone where nothing was measured.

    Raises:
        IndexCorrupt, ControlFailed: as `measured_fingerprint`.
    """
    measured = measured_fingerprint(index)
    return f"{index.manifest.fingerprint}{BETWEEN * bool(measured)}{measured}"


def require_fingerprint(index: Index, wanted: str, source: str) -> None:
    """Refuse an index that is not the one that is expected, and trust nothing else from then on.

    Args:
        index: an open index; `Index.pinned` says afterwards what is pinned of it.
        wanted: its fingerprint, alone or with that of calibration and canaries behind a plus sign; each of
            them whole, or its first 32 digits or more.
        source: where that was set, for people.

    Raises:
        IndexMismatch: it has another one.
        SettingsError: what is wanted is no fingerprint.
        IndexCorrupt, ControlFailed: as `measured_fingerprint`, where that is wanted.
    """
    of_index, plus, of_measured = wanted.strip().lower().partition(BETWEEN)
    for text in (of_index, of_measured) if plus else (of_index,):
        if not SHORTEST <= len(text) <= 64 or not set(text) <= _DIGITS:
            raise SettingsError(
                f"{wanted!r} ({source}) is no fingerprint of an index: give all 64 hex digits of it, or no "
                f"fewer than its first {SHORTEST}, as 'pytest-replication info {index.path}' shows it, alone "
                f"or as INDEX{BETWEEN}MEASURED"
            )
    if not index.manifest.fingerprint.startswith(of_index):
        raise IndexMismatch(
            f"{index.path} has the fingerprint {index.manifest.fingerprint}, and {of_index} is expected "
            f"({source}): this is another index, or it has changed since; name the index of the model's "
            "training images, or its new fingerprint"
        )
    if plus and not (found := measured_fingerprint(index)).startswith(of_measured):
        raise IndexMismatch(
            f"what was measured of {index.path}, its calibration and canaries, has the fingerprint "
            f"{found or 'of nothing'}, and {of_measured} is expected ({source}): it was measured again, "
            "changed or dropped; restore it, or pin the new one"
        )
    index.pin(Pin(source, bool(plus)))


def require_measured(index: Index, what: str, instead: str) -> None:
    """Refuse to rest on the calibration of an index whose fingerprint was pinned without it.

    Args:
        index: an open index.
        what: what would rest on it.
        instead: what else can be done, for people.

    Raises:
        SettingsError: only the first of its two fingerprints is pinned.
    """
    if index.pinned is not None and not index.pinned.measured:
        raise SettingsError(
            f"{what} would come from the calibration of {index.path}, which the fingerprint that is pinned "
            f"({index.pinned.source}) does not cover: where you trust it, pin {whole_fingerprint(index)} in "
            f"its place, or {instead}"
        )


def _calibration(found: Calibration | None) -> dict[str, Any] | None:
    if found is None:
        return None
    body = asdict(found)
    for name in _UNDECIDING:
        del body[name]
    body["scores"], body["group_of"] = found.scores.tolist(), found.group_of.tolist()
    if body["objects"] is not None:
        del body["objects"]["closest"]
    return body


def _canaries(found: Canaries | None) -> dict[str, Any] | None:
    if found is None:
        return None
    body = asdict(found)
    body["recall"] = {edit: list(counts) for edit, counts in sorted(found.recall.items())}
    for kept in (*body["kept"], *body["parts"]["kept"]):
        kept["image"] = hashlib.sha256(kept["image"]).hexdigest()
    return body
