from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_manifest import MANIFEST

from pytest_replication.embedders import EmbedderSpec
from pytest_replication.errors import IndexCorrupt, IndexNotFound, IndexVersionUnsupported
from pytest_replication.images.views import View
from pytest_replication.index.entries import Attachment, FileEntry, ShardEntry, SourceEntry
from pytest_replication.index.manifest import Manifest
from pytest_replication.index.manifest_file import parse_manifest, read_manifest, write_manifest
from pytest_replication.sealed import digest

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

PATH = Path("index/manifest.json")


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


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "{", '{"format": 2}', "[" * 100_000])
def test_other_content_is_corrupt(content: str) -> None:
    with pytest.raises(IndexCorrupt, match="--overwrite"):
        parse_manifest(content, PATH)


def signed(**changes: object) -> str:
    """A manifest with changes whose digest is right: only its meaning is wrong."""
    body = json.loads(MANIFEST.to_json()) | changes
    body.pop("sha256")
    return json.dumps({**body, "sha256": digest(body)})


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
