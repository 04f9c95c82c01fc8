from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexCorrupt, IndexNotFound, IndexVersionUnsupported
from pytest_replication.images.views import WHOLE, View
from pytest_replication.index.manifest import (
    Attachment,
    FileEntry,
    Manifest,
    ShardEntry,
    SourceEntry,
    parse_manifest,
    read_manifest,
    write_manifest,
)

ENTRY = FileEntry(10, "ab" * 32, "cd" * 8)
MANIFEST = Manifest(
    embedder=EmbedderSpec("toy", 3, None, "none", "toy", "p"),
    decoder="pillow",
    views=(*WHOLE, View("corner", (0.0, 0.0, 0.5, 0.5))),
    dtype="<f4",
    shard_rows=4,
    created="2026-01-01T00:00:00+00:00",
    writer="0",
    probe=ENTRY,
    sources=(SourceEntry("folder x", 5, 1, "2026-01-01T00:00:00+00:00"),),
    complete=True,
    shards=(ShardEntry("000000", 4, 0, "l", {"a": ENTRY}), ShardEntry("000001", 0, 1, "l", {"a": ENTRY})),
)
PATH = Path("index/manifest.json")

text = st.text(max_size=8)
entries = st.builds(FileEntry, st.integers(0, 2**60), text, text)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,7}", fullmatch=True)
attachments = st.builds(
    Attachment,
    names,
    st.integers(0, 10**9),
    entries,
    text,
    st.none() | st.floats(-1, 1),
    st.integers(0, 99),
    text,
)
manifests = st.builds(
    Manifest,
    embedder=st.builds(
        EmbedderSpec, text, st.integers(1, 4096), st.none() | text, text, text, st.none() | text
    ),
    decoder=text,
    views=st.lists(st.builds(View, text, st.tuples(*[st.floats(0, 1)] * 4)), min_size=1, max_size=3).map(
        tuple
    ),
    dtype=st.sampled_from(["<f4", "<f2"]),
    shard_rows=st.integers(1, 10**9),
    created=text,
    writer=text,
    probe=entries,
    sources=st.lists(
        st.builds(
            SourceEntry,
            text,
            st.none() | st.integers(0, 10**12),
            st.integers(0, 10**9),
            text,
            st.booleans(),
            st.integers(0, 100),
            st.none() | st.floats(-1, 1),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    complete=st.booleans(),
    thumbnails=st.integers(0, 512),
    removed=st.none() | attachments,
    hidden=st.integers(0, 10**9),
    duplicates=st.none() | attachments,
    shards=st.lists(
        st.builds(
            ShardEntry,
            names,
            st.integers(0, 10**9),
            st.integers(0, 10**9),
            text,
            st.dictionaries(text, entries, max_size=3),
            st.just(0),
            st.integers(0, 10**9),
            text,
        ),
        max_size=3,
    ).map(tuple),
)


@given(manifests)
def test_every_manifest_survives_writing_and_reading(manifest: Manifest) -> None:
    assert parse_manifest(manifest.to_json(), PATH) == manifest


@given(st.data())
def test_no_flipped_bit_goes_unseen(data: st.DataObject) -> None:
    content = bytearray(MANIFEST.to_json().encode())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        damaged = bytes(content).decode()
        parsed = parse_manifest(damaged, PATH)
    except (UnicodeDecodeError, IndexCorrupt, IndexVersionUnsupported):
        return
    assert parsed == MANIFEST  # white space outside the values may change


def test_totals_are_sums_over_shards() -> None:
    assert (MANIFEST.rows, MANIFEST.rejected) == (4, 1)


def test_the_fingerprint_is_that_of_the_content() -> None:
    same = replace(
        MANIFEST,
        created="later",
        writer="1",
        embedder=replace(MANIFEST.embedder, location="elsewhere", preset=None),
    )
    assert same.fingerprint == MANIFEST.fingerprint
    other = replace(MANIFEST, embedder=replace(MANIFEST.embedder, weights_sha256="x"))
    assert other.fingerprint != MANIFEST.fingerprint


def test_indexes_of_before_there_was_a_digest_of_images_keep_their_fingerprint() -> None:
    assert MANIFEST.fingerprint == "0930c78f53eff1f3634cd0fe99fba8df1b56eee355e0d06d2aff0be53d070110"
    assert '"content"' not in MANIFEST.to_json()
    shards = (replace(MANIFEST.shards[0], content="c"), MANIFEST.shards[1])  # what was appended since has one
    assert replace(MANIFEST, shards=shards).fingerprint != MANIFEST.fingerprint


def test_the_fingerprint_leaves_out_where_images_lay_and_nothing_else() -> None:
    files = {"embeddings.npy": ENTRY, "records.parquet": ENTRY, "rejected.parquet": ENTRY}
    shards = (ShardEntry("000000", 4, 1, "l", files, content="c"),)
    index = replace(MANIFEST, shards=shards, removed=Attachment("removed-1.parquet", 1, ENTRY, content="r"))
    other = FileEntry(11, "ef" * 32, "01" * 8)
    moved = replace(
        index,
        sources=(replace(index.sources[0], name="folder y"),),
        shards=(replace(shards[0], listing="m", files=files | {"records.parquet": other}),),
        removed=Attachment("removed-2.parquet", 1, other, content="r"),
    )
    assert moved.fingerprint == index.fingerprint
    changed = (
        replace(index, shards=(replace(shards[0], content="d"),)),
        replace(index, shards=(replace(shards[0], rejected=2),)),
        replace(index, shards=(replace(shards[0], files=files | {"embeddings.npy": other}),)),
        replace(index, removed=Attachment("removed-1.parquet", 1, ENTRY, content="s")),
        replace(index, removed=None),
        replace(index, sources=(replace(index.sources[0], listed=6),)),
    )
    assert len({index.fingerprint, *(one.fingerprint for one in changed)}) == 1 + len(changed)


def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    write_manifest(tmp_path, replace(MANIFEST, shard_rows=9))
    assert read_manifest(tmp_path).shard_rows == 9
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_no_manifest_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound, match="pytest-replication build IMAGES --out"):
        read_manifest(tmp_path / "missing")


def test_another_format_names_both_versions() -> None:
    body = json.loads(MANIFEST.to_json()) | {"format": 1, "writer": "9.9"}
    with pytest.raises(IndexVersionUnsupported, match=r"format 1, this version reads format 2.*9\.9"):
        parse_manifest(json.dumps(body), PATH)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "{", '{"format": 2}'])
def test_other_content_is_corrupt(content: str) -> None:
    with pytest.raises(IndexCorrupt, match="--overwrite"):
        parse_manifest(content, PATH)


def signed(**changes: object) -> str:
    """A manifest with changes whose digest is right: only its meaning is wrong."""
    from pytest_replication.index import manifest as module

    body = json.loads(MANIFEST.to_json()) | changes
    body.pop("sha256")
    return json.dumps({**body, "sha256": module._digest(body)})


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": 1},
        {"dtype": "<f8"},
        {"views": []},
        {"embedder": {"name": "x"}},
        {"shards": [{}]},
        {"probe": 3},
    ],
)
def test_unknown_or_missing_fields_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(IndexCorrupt, match="damaged"):
        parse_manifest(signed(**changes), PATH)


def test_an_unreadable_file_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe")
    with pytest.raises(IndexCorrupt, match="cannot be read"):
        read_manifest(tmp_path)


def test_what_is_no_index_is_not_to_be_built_into(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.jpg").touch()
    with pytest.raises(IndexNotFound, match=r"at .*other .*, such as photo\.jpg: name the folder"):
        read_manifest(tmp_path / "other")
    with pytest.raises(IndexNotFound, match=r"photo\.jpg, which is a file: .*INDEX comes before SAMPLES"):
        read_manifest(tmp_path / "other" / "photo.jpg")
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        with pytest.raises(IndexNotFound, match=f"there is no index at .*{name} .* build IMAGES --out"):
            read_manifest(tmp_path / name)
