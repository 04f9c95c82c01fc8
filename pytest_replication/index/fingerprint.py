"""Is this the index that is expected? Nothing else tells one training set from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_replication.errors import IndexMismatch, SettingsError

if TYPE_CHECKING:
    from pytest_replication.index.reader import Index

_SHORTEST = 12
_DIGITS = frozenset("0123456789abcdef")


def require_fingerprint(index: Index, wanted: str, source: str) -> None:
    """Refuse an index that is not the one that is expected.

    Args:
        index: an open index.
        wanted: its fingerprint, or the first 12 digits of it or more.
        source: where that was set, for people.

    Raises:
        IndexMismatch: it has another one.
        SettingsError: what is wanted is no fingerprint.
    """
    found, text = index.manifest.fingerprint, wanted.strip().lower()
    if len(text) < _SHORTEST or not set(text) <= _DIGITS:
        raise SettingsError(
            f"{wanted!r} ({source}) is no fingerprint of an index: give 12 hex digits of it or more, as "
            f"'pytest-replication info {index.path}' shows it"
        )
    if not found.startswith(text):
        raise IndexMismatch(
            f"{index.path} has the fingerprint {found}, and {wanted} is expected ({source}): this is another "
            "index, or it has changed since; name the index of the model's training images, or its new "
            "fingerprint"
        )
