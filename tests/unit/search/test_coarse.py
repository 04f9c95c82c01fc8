from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication import Index, open_index
from pytest_replication.errors import BuildError, IndexCorrupt, SearchError
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.removed import remove_images
from pytest_replication.sealed import seal, unseal
from pytest_replication.search import coarse, exact, kernel, search
from pytest_replication.search.coded import CodedQueries
from pytest_replication.search.codes import damages, open_codes, sizes, write_codes

MakeIndex = Callable[..., Index]


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the integer product, whether it is faster here or not."""
    product = kernel.onnx_product()
    monkeypatch.setattr(exact, "integer_product", lambda: product)


@pytest.fixture(scope="session")
def make_index(tmp_path_factory: pytest.TempPathFactory, made_up_index: Callable[..., Index]) -> MakeIndex:
    def make(shards: list[np.ndarray], dtype: str = "<f4") -> Index:
        return made_up_index(tmp_path_factory.mktemp("made up") / "index", *shards, dtype=dtype)

    return make


def unit(seed: int, *shape: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def by_floats(index: Index, queries: np.ndarray, k: int, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(exact, "open_codes", lambda *args: None)
        return search(index, queries, k)


def assert_same(index: Index, queries: np.ndarray, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, found = by_floats(index, queries, k, monkeypatch), search(index, queries, k)
    assert np.array_equal(found.scores, expected.scores)
    assert found.searched == expected.searched == index.rows
    # Rows of equal score may stand in for each other beyond the last that is kept.
    for mine, theirs, scores in zip(found.rows, expected.rows, found.scores, strict=True):
        certain = scores > scores[-1]
        assert set(mine[certain]) == set(theirs[certain])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    views=st.integers(1, 2),
    dim=st.sampled_from([3, 16, 65]),
    spread=st.sampled_from([0.0, 0.01, 1.0]),
    dtype=st.sampled_from(["<f4", "<f2"]),
    removed=st.booleans(),
    dear=st.sampled_from([1, 4, 32, 10**9]),
    trial=st.sampled_from([0, 10**9]),
    seed=st.integers(0, 99),
)
def test_nothing_is_lost(
    make_index: MakeIndex,
    monkeypatch: pytest.MonkeyPatch,
    sizes: list[int],
    views: int,
    dim: int,
    spread: float,
    dtype: str,
    removed: bool,
    dear: int,
    trial: int,
    seed: int,
) -> None:
    monkeypatch.setattr(coarse, "_SEED", 8)  # so that small sets reach the integers
    monkeypatch.setattr(coarse, "_ROWS", 16)
    monkeypatch.setattr(coarse, "QUERIES", 3)
    monkeypatch.setattr(coarse, "_DEAR", dear)
    monkeypatch.setattr(coarse, "_TRIAL", trial)
    monkeypatch.setattr(coarse, "_PENDING", 5)
    base = unit(seed, 1, views, dim)
    shards = [base + spread * unit(seed + i + 1, n, views, dim) for i, n in enumerate(sizes)]
    shards = [vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) for vectors in shards]
    index = make_index(shards, dtype=dtype)
    write_codes(index, progress=False)
    if removed and index.rows > 1:
        remove_images(index.path, ids=["0-0"])
        index = open_index(index.path)
    queries = np.concatenate([unit(1000 + seed, 3, views, dim), base])
    assert_same(index, queries, 4, monkeypatch)


def test_rows_at_the_edge_of_the_candidates_are_found(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that differ by less than the bounds of the codes: the integers alone would confuse them."""
    rng = np.random.default_rng(0)
    query = unit(1, 1, 512)[0]
    noise = unit(2, 12000, 512)
    noise -= (noise @ query)[:, None] * query
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosines = (0.5 + rng.permutation(12000) * 1e-6).astype(np.float32)[:, None]
    rows = cosines * query + np.sqrt(1 - cosines**2) * noise
    index = make_index([rows[:5000, None], rows[5000:, None]])
    write_codes(index, progress=False)
    queries = np.concatenate([query[None], unit(3, 40, 512)])[:, None]
    assert_same(index, queries, 5, monkeypatch)
    best = np.argsort(-cosines[:, 0])[:5]
    assert search(index, queries, 5).rows[0].tolist() == best.tolist()


class Asked:
    """Counts what an integer product is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shapes: list[tuple[int, int]] = []
        product = kernel.onnx_product()
        assert product is not None

        def counting(codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
            self.shapes.append((codes.shape[0], queries.shape[1]))
            return product(codes, queries)

        monkeypatch.setattr(exact, "integer_product", lambda: counting)

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.shapes)


def close(seed: int, count: int, spread: float = 0.05) -> np.ndarray:
    """Vectors near each other, as those of faces are."""
    rows = 1 + spread * np.random.default_rng(seed).standard_normal((count, 1, 64))
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def test_many_samples_are_scored_some_at_a_time(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index([unit(0, 9000, 1, 64)])
    write_codes(index, progress=False)
    asked = Asked(monkeypatch)
    assert_same(index, unit(5, 1200, 1, 64), 2, monkeypatch)
    assert {queries for _, queries in asked.shapes} == {512, 1200 - 1024}
    assert max(rows for rows, _ in asked.shapes) <= 2048
    assert asked.rows == 3 * (9000 - 4096)


def test_where_vectors_lie_close_together_floats_take_over(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index([close(0, 30000), close(1, 30000)])
    write_codes(index, progress=False)
    asked, looked = Asked(monkeypatch), []
    refine = coarse._refine

    def counting(*arguments: object) -> object:
        looked.append(len(arguments[4]))  # type: ignore[arg-type]
        return refine(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(coarse, "_refine", counting)
    assert_same(index, np.concatenate([close(7, 40), close(0, 3)]), 3, monkeypatch)
    assert asked.rows == 12288  # of 60,000: it was tried, and given up for this shard and the next
    assert sum(looked) <= 43 * asked.rows / 32 + asked.rows


def test_a_few_vectors_that_lie_close_together_cost_no_other_its_codes(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = unit(0, 40000, 1, 64)
    rows[20480:22528] = close(1, 2048)
    index = make_index([rows])
    write_codes(index, progress=False)
    asked, in_floats = Asked(monkeypatch), []
    take_in = coarse.take_in
    monkeypatch.setattr(coarse, "take_in", lambda *a: (in_floats.append(len(a[1])), take_in(*a)))
    queries = np.concatenate([unit(5, 55, 1, 64), close(9, 5)])
    assert_same(index, queries, 3, monkeypatch)
    assert asked.rows == 40000 - 4096
    assert in_floats == [4096, 2048]  # the first ones, and the piece that is crowded


def test_a_vector_that_changed_is_found_also_where_floats_take_over(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index([close(0, 30000)])
    write_codes(index, progress=False)
    path = index.shards[0].embeddings_path
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="the checksum of a vector differs"):
        search(open_index(index.path), close(7, 40))


@given(st.integers(0, 10**6), st.sampled_from([2, 33, 512]))
def test_the_code_of_a_query_keeps_its_promise(seed: int, dim: int) -> None:
    vectors = unit(seed, 5, dim)
    coded = CodedQueries.of(vectors)
    left_out = vectors.astype(np.float64) - (coded.codes.T * coded.steps[:, None])
    assert (np.linalg.norm(left_out, axis=1) <= coded.errors + 1e-12).all()
    assert np.abs(coded.codes).max() <= kernel.QUERY_MAX


def test_the_codes_keep_their_promise(make_index: MakeIndex) -> None:
    vectors = unit(0, 300, 1, 64)
    index = make_index([vectors])
    assert write_codes(index, progress=False) == 1
    codes = open_codes(index, index.shards[0])
    assert codes is not None
    restored = (codes.codes.astype(np.float64) - 128) * codes.scale
    left_out = np.linalg.norm(vectors[:, 0].astype(np.float64) - restored, axis=1)
    assert (left_out <= codes.errors).all()
    assert left_out.max() > 0.5 * codes.errors.max()  # the bound is worth something
    assert codes.length >= np.linalg.norm(vectors.astype(np.float64), axis=-1).max()


@pytest.fixture
def coded(make_index: MakeIndex) -> Index:
    index = make_index([unit(0, 9000, 1, 64), unit(1, 3000, 1, 64)])
    write_codes(index, progress=False)
    return index


def test_only_what_lacks_codes_is_coded(coded: Index) -> None:
    assert write_codes(coded, progress=False) == 0
    shutil.rmtree(coded.path / "engines" / "int8" / "000001")
    (coded.path / "engines" / "int8" / "000009").mkdir()
    assert write_codes(coded, progress=False) == 1
    assert sorted(p.name for p in (coded.path / "engines" / "int8").iterdir()) == ["000000", "000001"]


def test_a_shard_without_codes_is_scanned_in_floats(coded: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(coded.path / "engines" / "int8" / "000000")
    assert_same(coded, unit(5, 3, 1, 64), 3, monkeypatch)


def description(index: Index) -> Path:
    return index.path / "engines" / "int8" / "000000" / "codes.json"


def rewrite(path: Path, form: int = 2, **changes: object) -> None:
    """Change a description, with a digest that is right."""
    body = unseal(path.read_text(), 2)
    assert body is not None
    path.write_text(seal(form, body | changes))


def test_codes_of_other_vectors_are_not_used(coded: Index) -> None:
    rewrite(description(coded), of="ab" * 32)
    assert open_codes(coded, coded.shards[0]) is None
    assert write_codes(coded, progress=False) == 1
    assert open_codes(coded, coded.shards[0]) is not None


def test_codes_of_another_format_are_none(coded: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    path = description(coded)
    body = json.loads(path.read_text())
    del body["sha256"]
    path.write_text(json.dumps(body | {"format": 1}))
    assert open_codes(coded, coded.shards[0]) is None
    assert_same(coded, unit(5, 3, 1, 64), 3, monkeypatch)
    assert write_codes(coded, progress=False) == 1
    assert open_codes(coded, coded.shards[0]) is not None


@pytest.mark.parametrize("key", ["scale", "length"])
def test_one_changed_digit_of_what_decides_is_an_error_and_made_anew(coded: Index, key: str) -> None:
    path = description(coded)
    text = path.read_text()
    written = json.dumps(json.loads(text)[key])
    damaged = next(written[:i] + "0" + written[i + 1 :] for i, c in enumerate(written) if c in "123456789")
    path.write_text(text.replace(written, damaged))
    with pytest.raises(
        SearchError, match=r"codes\.json is damaged \(its digest differs\).*engine INDEX int8"
    ):
        search(open_index(coded.path), unit(5, 3, 1, 64))
    assert [fault.partition(" (")[0] for fault in damages(coded)] == [f"{path} is damaged"]
    assert write_codes(coded, progress=False) == 1
    assert damages(coded) == []
    assert path.read_text() == text


@pytest.mark.parametrize(
    "changes", [{"scale": 0.0}, {"scale": float("nan")}, {"length": -1.0}, {"files": {}}]
)
def test_a_description_that_makes_no_sense_is_an_error(coded: Index, changes: dict[str, object]) -> None:
    rewrite(description(coded), **changes)
    with pytest.raises(SearchError, match=r"codes\.json is damaged"):
        open_codes(coded, coded.shards[0])


def test_a_shard_without_rows_has_codes_like_any_other(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index([unit(0, 40, 1, 16), unit(0, 0, 1, 16), unit(1, 30, 1, 16)])
    assert write_codes(index, progress=False) == 3
    assert write_codes(index, progress=False) == 0
    assert len(sizes(index)) == 3
    monkeypatch.setattr(coarse, "_SEED", 8)
    assert_same(index, unit(5, 3, 1, 16), 3, monkeypatch)


@pytest.mark.parametrize("name", ["codes.npy", "errors.npy", "checksums.npy"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damaged_codes_are_an_error_and_made_anew(coded: Index, name: str, damage: str) -> None:
    path = coded.path / "engines" / "int8" / "000000" / name
    content = bytearray(path.read_bytes())
    content[-5] ^= 64
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:-100])
    queries = unit(5, 3, 1, 64)
    with pytest.raises(IndexCorrupt, match="engines|changed since it was written"):
        search(open_index(coded.path), queries)
    assert write_codes(coded, progress=False) == 1
    assert search(open_index(coded.path), queries).searched == 12000


def test_codes_of_shards_that_are_gone_are_deleted_and_nothing_else(coded: Index) -> None:
    root = coded.path / "engines" / "int8"
    for name in ("000009", ".new-000000"):
        shutil.copytree(root / "000000", root / name)
    (root / "codes.npy").write_bytes(b"")
    assert write_codes(coded, progress=False) == 0
    assert {path.name for path in root.iterdir()} == {shard.entry.name for shard in coded.shards}
    (root / "000009").mkdir()
    (root / "000009" / "of somebody else").write_bytes(b"")
    with pytest.raises(BuildError, match="of somebody else is no part of an index"):
        write_codes(coded, progress=False)
    assert (root / "000009" / "of somebody else").exists()


@pytest.mark.parametrize("there", ["file", "link", "dangling link", "link of a shard"])
def test_links_and_files_in_the_place_of_codes_are_refused(coded: Index, tmp_path: Path, there: str) -> None:
    root = coded.path / "engines" / "int8"
    place = root / "000000" if there == "link of a shard" else root
    place.rename(tmp_path / "elsewhere")
    if there == "file":
        place.write_bytes(b"")
    else:
        lies = tmp_path / ("nowhere" if there == "dangling link" else "elsewhere")
        place.symlink_to(lies, target_is_directory=True)
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    with pytest.raises(BuildError, match="is a link|has to be a folder that can be written"):
        write_codes(coded, rebuild=True, progress=False)
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before
    assert not (tmp_path / "nowhere").exists()


def test_a_place_in_which_codes_cannot_be_written_is_named(
    coded: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(coded.path / "engines")
    (coded.path / "engines").write_bytes(b"")
    with pytest.raises(BuildError, match=r"codes of .* cannot be written \(.*int8 has to be a folder"):
        write_codes(coded, progress=False)
    (coded.path / "engines").unlink()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(BuildError, match="No space left on device"):
        write_codes(coded, progress=False)
    assert open_codes(coded, coded.shards[0]) is None


def test_a_changed_vector_is_found_although_only_candidates_are_read(coded: Index) -> None:
    stored = coded.shards[0].embeddings()[0]
    query = np.array(stored[8000], np.float32)[None]
    path, row = coded.shards[0].embeddings_path, 8000
    del stored
    content = bytearray(path.read_bytes())
    start = len(content) - 9000 * 64 * 4 + row * 64 * 4
    content[start : start + 256] = unit(77, 1, 64).tobytes()
    path.write_bytes(content)
    assert read_manifest(coded.path).rows == 12000
    with pytest.raises(IndexCorrupt, match="the checksum of a vector differs"):
        search(open_index(coded.path), query)


def test_a_first_batch_that_was_removed_altogether(
    make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index([unit(0, 1, 1, 8), unit(1, 30, 1, 8)])
    write_codes(index, progress=False)
    remove_images(index.path, ids=["0-0"])
    assert_same(open_index(index.path), unit(2, 3, 1, 8), 3, monkeypatch)
