"""Prompts from an index: captions and labels of its training images.

Two captions that differ in case and spaces only are one prompt, with the rows of both. Captions are compared
by 64-bit digests, eight bytes a row, so that an index of any size can be asked; the texts are read of those
that are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError, meant
from pytest_replication.index.contents import shard_columns
from pytest_replication.index.reader import Index
from pytest_replication.prompts.base import Prompt, Prompts, plain

_NONE = 0
"""Digest of a row without a caption."""
_NAMED = 8
"""Labels that an error lists."""

Rows = NDArray[np.int64]


def random_captions(index: Index, count: int | None, seed: int = 0, *, most: int | None = None) -> Prompts:
    """Draw captions of an index, without replacement, each distinct one with the same chance.

    Args:
        index: an open index.
        count: how many; None for all, or for `most`.
        seed: of the draw.
        most: how many at most where no number is given; None for no limit.

    Raises:
        SettingsError: no training image has a caption, or fewer captions are distinct.
    """
    found = _Captions.read(index)
    order = np.random.default_rng(seed).permutation(found.firsts())
    return found.prompts(order, count, f"captions of {index.path}, drawn with seed {seed}", most)


def captions_of(index: Index, label: str, count: int | None = None, seed: int = 0) -> Prompts:
    """Captions of the training images of one class: all in the order of the index, or some, drawn as above.

    Raises:
        SettingsError: no training image has this label, none of them has a caption, or there are fewer.
    """
    found = _Captions.read(index, label)
    order = found.firsts()
    if count is not None:
        order = np.random.default_rng(seed).permutation(order)
    drawn = "" if count is None else f", drawn with seed {seed}"
    return found.prompts(order, count, f"captions with the label {label!r} of {index.path}{drawn}")


def duplicated_captions(
    index: Index, count: int | None, seed: int = 0, *, most: int | None = None
) -> Prompts:
    """Captions of an index, those of the training images with the most duplicates first.

    Of each group of duplicates one caption comes before a second of any; those of images without duplicates
    come last, in random order.

    Args:
        index: an open index whose duplicates were counted (``pytest-replication duplicates``).
        count: how many; None for those of images that have duplicates alone.
        seed: of the draw of those without duplicates.
        most: how many at most where no number is given; None for no limit.

    Raises:
        SettingsError: duplicates were not counted, or there are none, or no captions, or fewer.
    """
    counted = index.duplicates
    if counted is None:
        raise SettingsError(
            f"the duplicates of {index.path} were not counted, or before it changed: 'pytest-replication "
            f"duplicates {index.path}' counts them"
        )
    found = _Captions.read(index)
    first = found.distinct(_by_copies(counted.rows, counted.leaders, counted.copies))
    if not len(first):
        raise SettingsError(
            f"no training image of {index.path} has both a caption and a duplicate (score >= "
            f"{counted.threshold:g}): take prompts from 'captions', or count duplicates from a lower score on"
        )
    order = first
    if count is not None and count > len(first):
        rest = np.random.default_rng(seed).permutation(found.firsts())
        order = found.distinct(np.concatenate([first, rest]))
    others = max(0, (count or 0) - len(first))
    behind = f", then {others} others drawn with seed {seed}" if others else ""
    source = f"captions of {index.path}, those of images with the most duplicates first{behind}"
    return found.prompts(order, count, source, most)


def labels_of(index: Index, label: str | None = None) -> Prompts:
    """The labels of an index, each once, in the order of their names; or one of them.

    Raises:
        SettingsError: no training image has a label, or none has this one.
    """
    known = sorted({value for _, _, value in _columns(index) if value is not None and value.strip()})
    if label is not None:
        _require_label(index, label, known)
    elif not known:
        raise SettingsError(f"no training image of {index.path} has a label: give prompts in a file")
    chosen = known if label is None else [label]
    return Prompts(tuple(Prompt(label=name) for name in chosen), f"labels of {index.path}")


@dataclass(frozen=True, slots=True)
class _Captions:
    """Captions of an index by digest: (stored,) uint64, `_NONE` where a row has none or is not asked for."""

    index: Index
    digests: NDArray[np.uint64]
    wanted: NDArray[np.bool_]

    @classmethod
    def read(cls, index: Index, label: str | None = None) -> _Captions:
        """Read all captions; those of one class alone are wanted where a label is given."""
        digests = np.full(index.manifest.stored, _NONE, np.uint64)
        wanted = np.zeros(index.manifest.stored, bool)
        labels: set[str] = set()
        for row, caption, name in _columns(index):
            labels |= {name} if name is not None else set()
            digests[row] = _digest(caption)
            wanted[row] = digests[row] != _NONE and label in (None, name)
        if label is not None:
            _require_label(index, label, sorted(labels))
        if not wanted.any():
            whose = "no training image" if label is None else f"no training image with the label {label!r}"
            raise SettingsError(
                f"{whose} of {index.path} has a caption: build it from a source with captions, or give "
                "prompts in a file"
            )
        return cls(index, digests, wanted)

    def firsts(self) -> Rows:
        """The first row of each distinct caption that is wanted, in the order of the index."""
        return self.distinct(np.flatnonzero(self.wanted))

    def distinct(self, rows: Rows) -> Rows:
        """Those rows, in their order, whose caption none before has; without those that are not wanted."""
        rows = rows[self.wanted[rows]]
        _, places = np.unique(self.digests[rows], return_index=True)
        return rows[np.sort(places)]

    def prompts(self, order: Rows, count: int | None, source: str, most: int | None = None) -> Prompts:
        """The captions of the first so many of these rows, each with all rows that have it."""
        if count is not None and count > len(order):
            raise SettingsError(
                f"{count} prompts are wanted of the {source}, which are {len(order)}: ask for fewer samples, "
                "or for more seeds a prompt"
            )
        chosen = order[: most if count is None else count]
        records = self.index.records([int(row) for row in chosen])
        sharing = self._sharing(chosen)
        entries = []
        for row, rows in zip(chosen, sharing, strict=True):
            record = records[int(row)]
            entries.append(Prompt((record.caption or "").strip(), record.label, None, rows))
        return Prompts(tuple(entries), source, self.index.manifest.generation)

    def _sharing(self, rows: Rows) -> list[tuple[int, ...]]:
        """All rows of the index with the caption of each of these."""
        order = np.argsort(self.digests, kind="stable")
        sorted_digests = self.digests[order]
        low = np.searchsorted(sorted_digests, self.digests[rows], side="left")
        high = np.searchsorted(sorted_digests, self.digests[rows], side="right")
        return [tuple(int(row) for row in order[a:b]) for a, b in zip(low, high, strict=True)]


def _columns(index: Index) -> Iterable[tuple[int, str | None, str | None]]:
    """Row, caption and label of every training image that is searched."""
    removed = set(index.removed.tolist())
    for shard in index.shards:
        read = shard_columns(shard, ("caption", "label"))
        for row, (caption, label) in enumerate(read, shard.first):
            if row not in removed:
                yield row, caption, label


def _digest(caption: str | None) -> int:
    import xxhash

    text = plain(caption)
    return (xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) or 1) if text else _NONE


def _by_copies(rows: Rows, leaders: Rows, copies: Rows) -> Rows:
    """Rows with duplicates: the first of each group, largest groups first, then the second, and so on."""
    largest: dict[int, int] = {}
    for leader, count in zip(leaders.tolist(), copies.tolist(), strict=True):
        largest[leader] = max(count, largest.get(leader, 0))
    seen: dict[int, int] = {}
    keys = []
    for row, leader in zip(rows.tolist(), leaders.tolist(), strict=True):  # rows are sorted
        place = seen[leader] = seen.get(leader, -1) + 1
        keys.append((place, -largest[leader], row))
    return np.array([row for _, _, row in sorted(keys)], np.int64)


def _require_label(index: Index, label: str, known: Sequence[str]) -> None:
    if label in known:
        return
    shown = ", ".join(known[:_NAMED]) + (f" and {len(known) - _NAMED} more" if len(known) > _NAMED else "")
    has = f"it has {shown}" if known else "none of them has one"
    raise SettingsError(
        f"no training image of {index.path} has the label {label!r}{meant(label, known)}: {has}"
    )
