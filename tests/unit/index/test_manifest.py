from __future__ import annotations

from dataclasses import replace

from made_manifest import ENTRY, MANIFEST

from pytest_replication.index.entries import Attachment, FileEntry, ShardEntry


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
