from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.entries import ShardEntry
from pytest_replication.index.rejections import NAMED, count_rejections, each_rejected
from pytest_replication.index.shard import Rejected, write_shard


def shards(folder: Path, *reasons: list[str]) -> tuple[ShardEntry, ...]:
    entries = []
    for number, here in enumerate(reasons):
        name = f"{number:06d}"
        (folder / name).mkdir()
        rows = [Rejected(f"{number}-{i}", f"/{number}/{i}", reason) for i, reason in enumerate(here)]
        write_shard(folder / name, np.empty((0, 1, 4), np.float32), [], rows, "<f4")
        entries.append(ShardEntry(name, 0, len(rows), "", {}))
    return tuple(entries)


def test_few_are_named_each_with_its_reason(tmp_path: Path) -> None:
    found = count_rejections(tmp_path, shards(tmp_path, ["empty"], [], ["cut after 12 bytes"]))
    assert found.lines() == ["/0/0: empty", "/2/0: cut after 12 bytes"]
    assert found.data()["reasons"] == {"empty": 1, "cut after 12 bytes": 1}


def test_reasons_that_differ_in_their_numbers_are_one(tmp_path: Path) -> None:
    cut = [f"cut after {number:,} bytes" for number in range(990, 1010)]
    found = count_rejections(tmp_path, shards(tmp_path, cut, ["more than 89,478,485 pixels"] * 3))
    assert found.reasons == {"cut after N bytes": 20, "more than 89,478,485 pixels": 3}
    lines = found.lines()
    assert lines[:3] == ["20 x cut after N bytes", "3 x more than 89,478,485 pixels", f"/0/0: {cut[0]}"]
    assert lines[-1] == "and 3 more ('info INDEX --rejected' lists all)"
    assert len(found.first) == NAMED


def test_many_reasons_are_counted(tmp_path: Path) -> None:
    letters = [f"fault {chr(ord('a') + i)}" for i in range(NAMED + 2)]
    lines = count_rejections(tmp_path, shards(tmp_path, letters)).lines()
    assert lines[NAMED] == "and 2 more reasons"


def test_each_one_can_be_had(tmp_path: Path) -> None:
    entries = shards(tmp_path, ["a"] * 30, ["b"])
    assert [row.reason for row in each_rejected(tmp_path, entries)] == ["a"] * 30 + ["b"]
    (tmp_path / "000001" / "rejected.parquet").write_bytes(b"PAR1")
    with pytest.raises(IndexCorrupt, match="rejected.parquet is damaged"):
        list(each_rejected(tmp_path, entries))
