from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from interrupted import Interrupted
from PIL import Image

from pytest_replication import BuildOptions, Index, build_index, open_index
from pytest_replication.embedders import load_embedder
from pytest_replication.errors import (
    BuildError,
    EmbedderError,
    IndexCorrupt,
    IndexMismatch,
    SettingsError,
    SourceError,
)
from pytest_replication.index import tokens as module
from pytest_replication.index.abandon import abandon_append
from pytest_replication.index.append import AppendOptions, append_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.manifest import NAME
from pytest_replication.index.manifest_file import parse_manifest, read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.removed import remove_images
from pytest_replication.index.shard import HALF, describe_file
from pytest_replication.index.tokens import bytes_of, to_half
from pytest_replication.index.verify import verify_files
from pytest_replication.scoring import split_product

CELLS = BuildOptions(embedder="cells", shard_rows=5, batch_size=2, tokens=True, progress=False)


@pytest.fixture
def built(cells: str, pictures: Path, tmp_path: Path) -> Path:
    build_index(pictures, tmp_path / "index", CELLS)
    return tmp_path / "index"


def stored(folder: Path | Index) -> np.ndarray:
    index = folder if isinstance(folder, Index) else open_index(folder)
    return np.concatenate([np.asarray(shard.tokens()) for shard in index.shards])


def expected(paths: list[Path]) -> np.ndarray:
    embedder = load_embedder("cells")
    images = [Image.open(path).convert("RGB") for path in paths]
    return embedder.tokens([embedder.prepare(image) for image in images])


def same_direction(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether every image has the tokens that are wanted, times a power of two."""
    factors = found.astype(np.float64).max(axis=(1, 2)) / wanted.max(axis=(1, 2))
    powers = 2 ** np.round(np.log2(factors))
    return np.allclose(found / powers[:, None, None], wanted, rtol=1e-3, atol=1e-3)


def test_every_row_has_the_tokens_of_its_image(built: Path, pictures: Path) -> None:
    index = open_index(built)
    assert index.token_shape == (9, 48)
    assert [shard.tokens().shape for shard in index.shards] == [(5, 9, 48), (5, 9, 48), (2, 9, 48)]
    found, wanted = stored(index), expected(sorted(pictures.iterdir()))
    assert found.dtype == HALF
    assert same_direction(found, wanted)
    assert np.diagonal(split_product(found, wanted)) == pytest.approx(1, abs=1e-6)
    assert verify_files(built, progress=False).sound
    plain = build_index(pictures, built.parent / "plain", replace(CELLS, tokens=False))
    assert open_index(plain.index).token_shape is None
    for with_tokens, without in zip(index.shards, open_index(plain.index).shards, strict=True):
        assert with_tokens.entry.files["embeddings.npy"] == without.entry.files["embeddings.npy"]


@pytest.mark.parametrize("bytes_", [False, True])
def test_worker_processes_make_the_same_bytes(built: Path, pictures: Path, bytes_: bool) -> None:
    """Where the images come with their bytes, too: both ways of the handover."""
    source, paths = pictures, sorted(pictures.iterdir())
    if bytes_:
        source = built.parent / "pictures.parquet"
        pq.write_table(pa.table({"image": [path.read_bytes() for path in paths]}), source)
    build_index(source, built.parent / "two", replace(CELLS, workers=2))
    assert np.array_equal(stored(built.parent / "two"), stored(built))
    assert not (built.parent / "two" / "shards" / ".handed").exists()


def test_unreadable_images_have_no_tokens(cells: str, pictures: Path, tmp_path: Path) -> None:
    (pictures / "03.png").write_bytes(b"")
    build_index(pictures, tmp_path / "index", replace(CELLS, max_rejected=1))
    readable = [path for path in sorted(pictures.iterdir()) if path.name != "03.png"]
    assert same_direction(stored(tmp_path / "index"), expected(readable))


def test_an_interrupted_build_ends_the_same(built: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, 7), tmp_path / "half", CELLS)
    assert build_index(pictures, tmp_path / "half", CELLS).resumed == 5
    ours, theirs = open_index(tmp_path / "half").manifest, open_index(built).manifest
    assert ours.fingerprint == theirs.fingerprint


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("gone", [False, True])
def test_damaged_tokens_are_made_anew_by_the_same_build(
    built: Path, pictures: Path, workers: int, gone: bool
) -> None:
    before, path = open_index(built).manifest, built / "shards" / "000001" / "tokens.npy"
    if gone:
        path.unlink()
    else:
        spoil(path)
    assert build_index(pictures, built, replace(CELLS, workers=workers)).resumed == 7
    assert open_index(built).manifest.shards == before.shards
    assert verify_files(built, progress=False).sound


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_nothing_is_made_of_damaged_tokens(built: Path, unrelated: Path, damage: str) -> None:
    path = built / "shards" / "000001" / "tokens.npy"
    remove_images(built, ids=["06.png"])
    whole, before = path.read_bytes(), read_manifest(built)
    if damage == "missing":
        path.unlink()
    else:
        spoil(path)
    says = r"tokens.npy (is missing|has changed since it was written)"
    with pytest.raises(IndexCorrupt, match=says):
        compact_index(built)
    with pytest.raises(IndexCorrupt, match=says):
        append_index(built, unrelated, AppendOptions(progress=False))
    assert read_manifest(built) == before
    path.write_bytes(whole)
    assert compact_index(built).deleted == 1


def test_an_append_that_is_given_up_leaves_the_tokens_as_they_were(
    built: Path, unrelated: Path, tmp_path: Path
) -> None:
    before = stored(built)
    with pytest.raises(KeyboardInterrupt):
        append_index(built, Interrupted(unrelated, 7), AppendOptions(progress=False))
    assert len(read_manifest(built).shards) == 4
    abandon_append(built)
    assert np.array_equal(stored(built), before)
    assert verify_files(built, progress=False).sound
    assert len(list(built.glob("shards/*/tokens.npy"))) == 3


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def test_tokens_are_what_was_asked_for_or_an_error(built: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="tokens 'none' against '9 x 48'"):
        build_index(pictures, built, replace(CELLS, tokens=False))
    with pytest.raises(SettingsError, match="the embedder pixels describes an image by one vector"):
        build_index(pictures, tmp_path / "pixels", replace(CELLS, embedder="pixels"))
    assert not (tmp_path / "pixels").exists()
    build_index(pictures, tmp_path / "plain", replace(CELLS, tokens=False))
    with pytest.raises(SettingsError, match="holds no tokens: build the index again with --tokens"):
        open_index(tmp_path / "plain").shards[0].tokens()


def test_append_adds_tokens(built: Path, pictures: Path, unrelated: Path) -> None:
    append_index(built, unrelated, AppendOptions(progress=False))
    paths = sorted(pictures.iterdir()) + sorted(unrelated.iterdir())
    assert same_direction(stored(built), expected(paths))
    assert verify_files(built, progress=False).sound


def test_append_refuses_tokens_of_another_shape(
    built: Path, unrelated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = type(load_embedder("cells"))
    for shape, text in ((None, "none"), ((4, 48), "4 x 48")):
        monkeypatch.setattr(embedder, "token_shape", shape)
        with pytest.raises(IndexMismatch, match=f"stores tokens of 9 x 48, and cells at hand gives {text}"):
            append_index(built, unrelated, AppendOptions(progress=False))
    assert open_index(built).rows == 12


def test_compact_deletes_the_tokens_of_removed_images(built: Path) -> None:
    before = stored(built)
    remove_images(built, ids=["01.png", "06.png", "07.png"])
    assert len(stored(built)) == 12
    compact_index(built)
    assert np.array_equal(stored(built), before[[0, 2, 3, 4, 5, 8, 9, 10, 11]])
    assert verify_files(built, progress=False).sound


def test_merge_carries_tokens_along(built: Path, unrelated: Path, pictures: Path, tmp_path: Path) -> None:
    build_index(unrelated, tmp_path / "b", replace(CELLS, shard_rows=7))
    merged = open_index(merge_indexes([built, tmp_path / "b"], tmp_path / "ab").index)
    assert np.array_equal(stored(merged), np.concatenate([stored(built), stored(tmp_path / "b")]))
    assert verify_files(merged.path, progress=False).sound
    build_index(unrelated, tmp_path / "c", replace(CELLS, tokens=False))
    with pytest.raises(IndexMismatch, match=r"tokens \(9, 48\) against None"):
        merge_indexes([built, tmp_path / "c"], tmp_path / "ac")
    spoil(tmp_path / "b" / "shards" / "000001" / "tokens.npy")
    with pytest.raises(IndexCorrupt, match="is not the one that its manifest describes"):
        merge_indexes([built, tmp_path / "b"], tmp_path / "ad")


def test_verify_sees_every_damage(built: Path, tmp_path: Path) -> None:
    path = built / "shards" / "000000" / "tokens.npy"
    whole = path.read_bytes()
    spoil(path)
    assert [fault.split(" has changed")[0] for fault in verify_files(built).faults] == [str(path)]
    path.unlink()
    assert "cannot be read" in verify_files(built).faults[0]
    with pytest.raises(IndexCorrupt, match=r"tokens.npy is missing"):
        open_index(built)
    path.write_bytes(whole[:-2])
    with pytest.raises(IndexCorrupt, match=r"tokens.npy has"):
        open_index(built)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (np.full((5, 9, 48), np.nan, HALF), "holds tokens that are not finite"),
        (np.zeros((4, 9, 48), HALF), r"does not hold \(5, 9, 48\) of <f2"),
        (np.zeros((5, 9, 48), np.float32), r"does not hold \(5, 9, 48\) of <f2"),
    ],
)
def test_verify_looks_at_what_is_stored(built: Path, content: np.ndarray, fault: str) -> None:
    """A file that was wrong from the beginning, so that all checksums agree."""
    path, manifest = built / "shards" / "000000" / "tokens.npy", read_manifest(built)
    np.save(path, content)
    files = {**manifest.shards[0].files, "tokens.npy": describe_file(path)}
    write_manifest(
        built, replace(manifest, shards=(replace(manifest.shards[0], files=files), *manifest.shards[1:]))
    )
    (found,) = verify_files(built).faults
    assert re.search(fault, found)


def test_a_shard_that_lacks_its_tokens_is_no_shard(built: Path) -> None:
    manifest = read_manifest(built)
    files = {name: entry for name, entry in manifest.shards[0].files.items() if name != "tokens.npy"}
    lacking = replace(manifest, shards=(replace(manifest.shards[0], files=files), *manifest.shards[1:]))
    for wrong in (lacking, replace(manifest, tokens=None)):
        write_manifest(built, wrong)
        with pytest.raises(IndexCorrupt, match="does not name its files"):
            open_index(built)


def test_the_manifest_of_an_index_without_tokens_does_not_mention_them(built: Path, pictures: Path) -> None:
    assert json.loads((built / NAME).read_text())["tokens"] == [9, 48]
    build_index(pictures, built.parent / "plain", replace(CELLS, tokens=False))
    assert "tokens" not in json.loads((built.parent / "plain" / NAME).read_text())


@pytest.mark.parametrize("tokens", [(9,), (0, 48), (9, 4.5), (True, 3), "x", 9, (1, 2, 3)])
def test_a_manifest_with_tokens_of_no_shape(built: Path, tokens: object) -> None:
    manifest = read_manifest(built)
    text = replace(manifest, tokens=tokens).to_json()  # type: ignore[arg-type]
    with pytest.raises(IndexCorrupt, match="is damaged"):
        parse_manifest(text, built / NAME)


def test_what_it_takes_is_said_before_it_begins(
    built: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_index(pictures, tmp_path / "a", replace(CELLS, progress=True))
    said = "tokens: 9 x 48 float16, 864 bytes an image, 10 KiB for 12 images"
    assert capsys.readouterr().err.splitlines()[0] == said
    build_index(pictures, tmp_path / "b", CELLS)
    assert capsys.readouterr().err == ""
    manifest = replace(read_manifest(built), tokens=(197, 768), complete=False, shards=())
    module.make_room(tmp_path, manifest, 4096, say=True)
    said = "tokens: 197 x 768 float16, 295 KiB an image, 1.2 GB for 4,096 images\n"
    assert capsys.readouterr().err == said


def test_a_disk_without_room_is_refused(
    cells: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    needed = 12 * bytes_of((9, 48))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(0, 0, needed - 1))
    with pytest.raises(BuildError, match=r"has room for 10 KiB and 10 KiB are needed \(tokens: "):
        build_index(pictures, tmp_path / "index", CELLS)
    build_index(pictures, tmp_path / "plain", replace(CELLS, tokens=False))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(0, 0, needed))
    with pytest.raises(KeyboardInterrupt):
        build_index(Interrupted(pictures, 7), tmp_path / "index", CELLS)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(0, 0, needed * 7 // 12))
    build_index(pictures, tmp_path / "index", CELLS)  # five images are there
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage(0, 0, 0))
    build_index(pictures, tmp_path / "index", CELLS)  # all of them


def test_shards_with_tokens_fit_in_memory(cells: str, pictures: Path, tmp_path: Path) -> None:
    from pytest_replication.index import build

    assert build._shard_rows(1000, 0) == 1024
    assert build._shard_rows(5_000_000, 0) == 5000
    assert build._shard_rows(5_000_000, bytes_of((197, 768))) == 887
    assert build._shard_rows(10, bytes_of((100_000, 4096))) == 1


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (np.zeros((2, 9, 47), np.float32), r"shape \(2, 9, 47\) for 2 images; expected \(2, 9, 48\)"),
        (np.full((2, 9, 48), np.inf, np.float32), "tokens that are not finite"),
    ],
)
def test_an_embedder_whose_tokens_cannot_be(
    cells: str,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_: np.ndarray,
    message: str,
) -> None:
    monkeypatch.setattr(type(load_embedder("cells")), "tokens", lambda self, batch: given_)
    with pytest.raises(EmbedderError, match=message):
        build_index(pictures, tmp_path / "index", CELLS)


def test_a_writer_takes_tokens_of_all_images_or_none(
    built: Path, made_up_index: Callable[..., Index], tmp_path: Path
) -> None:
    from pytest_replication.index.staging import check_tokens

    manifest = read_manifest(built)
    half = np.zeros((2, 9, 48), np.float16)
    check_tokens(half, 2, manifest)
    for wrong in (None, half[:1], half[:, :8]):
        with pytest.raises(BuildError, match=r"expected \(2, 9, 48\)"):
            check_tokens(wrong, 2, manifest)
    with pytest.raises(BuildError, match="expected None"):
        check_tokens(half, 2, replace(manifest, tokens=None))
    for wrong in (half.astype(np.float32), half * np.float16(np.nan)):
        with pytest.raises(BuildError, match="not finite numbers of 16 bits"):
            check_tokens(wrong, 2, manifest)


@settings(deadline=None)
@given(
    hnp.arrays(
        np.float32,
        (2, 3, 4),
        elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False),
    )
)
def test_numbers_of_16_bits_keep_every_direction(tokens: np.ndarray) -> None:
    half = to_half(tokens)
    assert np.isfinite(half).all()
    largest = np.abs(half).max(axis=(1, 2))
    some = tokens.any(axis=(1, 2))
    assert (largest[~some] == 0).all()
    assert ((largest[some] >= 2**14) & (largest[some] <= 2**15)).all()
    for image, wide in zip(half[some].astype(np.float64), tokens[some].astype(np.float64), strict=True):
        factor = 2.0 ** (15 - np.frexp(np.abs(wide).max())[1])
        assert image == pytest.approx(wide * factor, rel=2**-11, abs=2**-24)


def test_copies_of_an_index_keep_their_tokens(built: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(built, tmp_path / "moved"))
    assert np.array_equal(stored(moved), stored(built))
