"""What is pinned of an index, and what a check then takes from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from resealed import reseal

from pytest_replication import assert_not_closer_than_holdout, check_replication, open_index
from pytest_replication.cli import main
from pytest_replication.controls import Planted, store_canaries
from pytest_replication.errors import ControlFailed, IndexCorrupt, IndexMismatch, SettingsError
from pytest_replication.index.fingerprint import (
    SHORTEST,
    measured_fingerprint,
    require_fingerprint,
    whole_fingerprint,
)
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import describe_file
from pytest_replication.search import exact, search


@pytest.fixture(scope="module")
def guarded(built_calibrated: Path, planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated index with canaries. Shared: copy it before you change it."""
    folder = Path(shutil.copytree(built_calibrated, tmp_path_factory.mktemp("fingerprint") / "index"))
    store_canaries(open_index(folder), planted, 0.9)
    return folder


@pytest.fixture
def changed(guarded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(guarded, tmp_path / "index"))


def pinned(folder: Path, wanted: str) -> Index:
    index = open_index(folder)
    require_fingerprint(index, wanted, "ini file")
    return index


def rewrite(index: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change the calibration of an index, and seal it again."""
    entry = read_manifest(index).calibration
    assert entry is not None
    path = index / entry.name
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))
    manifest = reseal(index)
    assert manifest.calibration is not None
    again = replace(manifest.calibration, threshold=body["threshold"])  # type: ignore[arg-type]
    write_manifest(index, replace(manifest, calibration=again))


def lax(body: dict[str, object]) -> None:
    """As if every image of the hold-out had been a copy."""
    body["scores"] = [0.9999] * len(body["scores"])  # type: ignore[arg-type]
    body["threshold"] = 0.999901


def test_the_whole_of_it_and_its_beginnings_are_the_same_index(guarded: Path) -> None:
    first, _, second = whole_fingerprint(open_index(guarded)).partition("+")
    assert first == read_manifest(guarded).fingerprint
    assert (len(first), len(second)) == (64, 64)
    for text in (first, f"  {first[:SHORTEST].upper()}\n", first[:40]):
        assert pinned(guarded, text).pinned.measured is False  # type: ignore[union-attr]
    for text in (f"{first}+{second}", f"{first[:SHORTEST]}+{second[:SHORTEST]}"):
        assert pinned(guarded, text).pinned.measured is True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    ["", "0" * 12, "0" * 31, "0" * 65, "g" * 64, "0" * 64 + "+", "0" * 64 + "+" + "0" * 31, "+" + "0" * 64],
)
def test_what_is_too_short_or_none_is_refused(text: str, pixels_index: Index) -> None:
    with pytest.raises(SettingsError, match=r"no fingerprint of an index: give all 64 .* its first 32, as"):
        require_fingerprint(pixels_index, text, "ini file")
    assert pixels_index.pinned is None


def test_of_nothing_that_was_measured_there_is_none(pixels_index: Index) -> None:
    assert measured_fingerprint(pixels_index) == ""
    assert whole_fingerprint(pixels_index) == pixels_index.manifest.fingerprint
    with pytest.raises(IndexMismatch, match="has the fingerprint of nothing, and 0{64} is expected"):
        require_fingerprint(pixels_index, f"{pixels_index.manifest.fingerprint}+{'0' * 64}", "ini file")


def test_another_calibration_is_found(changed: Path) -> None:
    before = whole_fingerprint(open_index(changed))
    rewrite(changed, lax)
    assert read_manifest(changed).fingerprint == before.partition("+")[0]
    with pytest.raises(
        IndexMismatch, match="its calibration and canaries, has the fingerprint .* restore it"
    ):
        pinned(changed, before)


def test_when_and_of_what_it_was_made_does_not_matter(changed: Path) -> None:
    before = whole_fingerprint(open_index(changed))
    rewrite(changed, lambda body: body.update(created="2001-01-01", source="folder /elsewhere", asked=[]))
    assert pinned(changed, before).calibration is not None


def test_canaries_that_are_dropped_or_changed_are_found(changed: Path) -> None:
    before, manifest = whole_fingerprint(open_index(changed)), read_manifest(changed)
    write_manifest(changed, replace(manifest, canaries=None))
    with pytest.raises(IndexMismatch, match="and canaries, has the fingerprint"):
        pinned(changed, before)
    write_manifest(changed, replace(manifest, canaries=None, calibration=None))
    with pytest.raises(IndexMismatch, match="has the fingerprint of nothing"):
        pinned(changed, before)
    assert manifest.canaries is not None
    stale = replace(manifest.canaries, of="0" * 64)
    write_manifest(changed, replace(manifest, canaries=stale))
    with pytest.raises(ControlFailed, match="planted before its training images changed"):
        pinned(changed, before)


def test_damage_is_said_where_it_is_pinned(changed: Path) -> None:
    before = whole_fingerprint(open_index(changed))
    entry = read_manifest(changed).calibration
    assert entry is not None
    (changed / entry.name).write_text("{}")
    with pytest.raises(IndexCorrupt, match=r"calibration-.*is damaged"):
        pinned(changed, before)


def test_a_calibration_that_is_nested_without_end_is_damage(changed: Path) -> None:
    entry = read_manifest(changed).calibration
    assert entry is not None
    (changed / entry.name).write_text("[" * 100_000)
    reseal(changed)
    with pytest.raises(IndexCorrupt, match="maximum recursion depth"):
        _ = open_index(changed).calibration
    assert main(["info", str(changed)]) == 0  # which tells it, with the command that makes it again


def test_a_threshold_that_the_pin_does_not_cover_is_no_verdict(changed: Path, unrelated: Path) -> None:
    whole = whole_fingerprint(open_index(changed))
    alone = pinned(changed, whole.partition("+")[0])
    with pytest.raises(SettingsError) as caught:
        check_replication(unrelated, index=alone)
    assert f"does not cover: where you trust it, pin {whole} in its place, or give a threshold" in str(
        caught.value
    )
    assert check_replication(unrelated, threshold=0.9, index=alone).passed
    with pytest.raises(SettingsError, match="a false discovery rate would come from the calibration"):
        check_replication(unrelated, fdr=0.1, index=alone)
    with pytest.raises(SettingsError, match="the hold-out would come from the calibration"):
        assert_not_closer_than_holdout(unrelated, index=alone)
    assert check_replication(unrelated, index=pinned(changed, whole)).policy.threshold_source.startswith(
        "cal"
    )


def test_a_rule_for_parts_that_the_pin_does_not_cover_is_none(parts_calibrated: Path) -> None:
    from pytest_replication.object_rules import find_object_rule

    whole = whole_fingerprint(open_index(parts_calibrated))
    alone = pinned(parts_calibrated, whole.partition("+")[0])
    with pytest.raises(
        SettingsError, match="from how many points on a part is a copy would come from the cal"
    ):
        find_object_rule(True, alone, None)
    rule = find_object_rule(20, alone, None)
    assert rule is not None
    assert rule.points == 20
    found = find_object_rule(True, pinned(parts_calibrated, whole), None)
    assert found is not None
    assert found.source.startswith("calibration")


def test_the_command_line_tells_what_to_pin_and_finds_what_changed(
    changed: Path, training: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(changed), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    whole = f"{told['fingerprint']}+{told['measured_fingerprint']}"
    assert main(["info", str(changed)]) == 0
    assert f"(pin both as {whole})" in capsys.readouterr().out
    asked = ["check", str(changed), str(training), "--canaries", "0", "--index-fingerprint"]
    assert main([*asked, whole]) == 1  # the training images themselves
    rewrite(changed, lax)
    write_manifest(changed, replace(read_manifest(changed), canaries=None))
    capsys.readouterr()
    assert main([*asked, told["fingerprint"]]) == 2
    assert "does not cover" in capsys.readouterr().err
    assert main([*asked, whole]) == 3


def test_vectors_of_a_pinned_index_are_compared_with_their_sha256(damaged: Path) -> None:
    """A fast checksum says nothing of what somebody changed on purpose: here it is that of other vectors."""
    manifest = read_manifest(damaged)
    path = damaged / "shards" / "000001" / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-4:], content[-8:-4] = content[-8:-4], content[-4:]
    path.write_bytes(content)
    entry = replace(manifest.shards[1].files[path.name], xxh3=describe_file(path).xxh3)
    shard = replace(manifest.shards[1], files={**manifest.shards[1].files, path.name: entry})
    write_manifest(damaged, replace(manifest, shards=(manifest.shards[0], shard, manifest.shards[2])))
    index = open_index(damaged)
    queries = np.asarray(index.shards[0].embeddings()[0][:1], np.float32)
    assert search(index, queries).searched == 20
    require_fingerprint(index, index.manifest.fingerprint, "call")
    with pytest.raises(IndexCorrupt, match="its checksum differs"):
        search(index, queries)


def test_codes_of_a_pinned_index_are_not_asked(pixels_index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index = open_index(pixels_index.path)
    require_fingerprint(index, index.manifest.fingerprint, "call")
    monkeypatch.setattr(exact, "open_codes", lambda *_: pytest.fail("codes were looked at"))
    queries = np.asarray(index.shards[0].embeddings()[0][:1], np.float32)
    assert search(index, queries).rows[0, 0] == 0
